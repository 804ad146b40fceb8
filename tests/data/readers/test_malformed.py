"""Files that are wrong: each gives one error with the path and what is wrong, and no damage of a good
file gives anything but that.
"""

import gzip
import io
import os
import sys

import hypothesis
import malformed
import numpy as np
import pytest

from chainrule.base.errors import ChainruleError, FormatError
from chainrule.data import CSVDataset, ImageFolder
from chainrule.data.readers import read_idx, read_image, read_lines, read_members, read_table
from chainrule.files import read_npz, read_safetensors, write_npz

CORPUS = malformed.CORPUS


def test_the_corpus_is_large_and_its_names_differ():
    assert len(CORPUS) >= 100 and len({each.name for each in CORPUS}) == len(CORPUS)


@pytest.mark.parametrize("each", CORPUS, ids=lambda each: each.name)
def test_a_malformed_file_gives_one_error_that_names_it(each, tmp_path):
    path = each.write(tmp_path)
    with pytest.raises(FormatError, match=each.message) as caught:
        each.read(path)
    assert str(caught.value).startswith(str(path))


def well_formed():
    """(file name, content, reader) of files that are then damaged."""
    rng = np.random.default_rng(0)
    pixels = malformed.idx(sizes=(5, 4, 4), data=rng.integers(0, 256, 80, np.uint8).tobytes())
    floats = malformed.idx(0x0D, (7,), rng.random(7).astype(">f4").tobytes())
    table = b'x,name,kind\n1.5,"a, b",1\n-2,"c\nd",0\n3e2,e,1\n'
    tar = malformed.tar(("x/a.bin", b"hello"), ("b.bin", bytes(700)))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, a=np.arange(30), b=rng.random((3, 4)))
    yield "a-ubyte", pixels, read_idx
    yield "a-ubyte.gz", gzip.compress(pixels, mtime=0), read_idx
    yield "a-float", floats, read_idx
    yield "a.txt", "Zeile eins\nzwölf €\n".encode(), read_lines
    yield "a.csv", table, lambda path: CSVDataset(path, "kind", ["x"])
    yield "a.tsv", table.replace(b",", b"\t"), read_table
    yield "a.tar", tar, malformed.members
    yield "a.tar.gz", gzip.compress(tar, mtime=0), malformed.members
    yield "a.zip", malformed.zipped(("x/a.bin", b"hello" * 50), ("b", b"x")), malformed.members
    yield "a.npz", buffer.getvalue(), read_npz
    yield "a.png", malformed.picture("PNG", (9, 7)), read_image
    yield "a.jpg", malformed.picture("JPEG"), read_image
    yield "a.bmp", malformed.picture("BMP", (9, 7)), read_image
    yield "a.gif", malformed.picture("GIF", (9, 7)), read_image
    yield "a.ppm", malformed.picture("PPM", (9, 7)), read_image
    header = b'{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}'
    yield "a.safetensors", len(header).to_bytes(8, "little") + header + bytes(24), read_safetensors


def damaged(content, rng):
    """The content after one or a few of the things that happen to files."""
    changed = bytearray(content)
    match rng.integers(6):
        case 0:  # cut off
            return bytes(changed[: rng.integers(len(changed))])
        case 1:  # a bit flipped
            changed[rng.integers(len(changed))] ^= 1 << int(rng.integers(8))
        case 2:  # bytes overwritten
            for _ in range(rng.integers(1, 6)):
                changed[rng.integers(len(changed))] = int(rng.integers(256))
        case 3:  # a piece lost
            start = int(rng.integers(len(changed)))
            del changed[start : start + int(rng.integers(1, 20))]
        case 4:  # a piece twice
            start = int(rng.integers(len(changed)))
            changed[start:start] = changed[start : start + int(rng.integers(1, 20))]
        case 5:  # a number at its largest
            start = int(rng.integers(len(changed)))
            changed[start : start + 4] = b"\xff" * len(changed[start : start + 4])
    return bytes(changed)


@pytest.mark.parametrize(
    ("file", "content", "read"), list(well_formed()), ids=[each[0] for each in well_formed()]
)
def test_damage_gives_a_typed_error_or_nothing(file, content, read, tmp_path):
    path = tmp_path / file
    path.write_bytes(content)
    read(path)  # well formed as it is
    rng = np.random.default_rng(len(content))
    refused = 0
    for _ in range(hypothesis.settings().max_examples):  # 25, in the full suite 150
        path.write_bytes(damaged(content, rng))
        try:
            read(path)
        except ChainruleError as error:
            refused += 1
            assert str(error).startswith(str(path))
    assert refused > 1


# ---- what is well formed


@pytest.mark.parametrize(
    ("code", "kind"),
    [(8, "u1"), (9, "i1"), (0x0B, ">i2"), (0x0C, ">i4"), (0x0D, ">f4"), (0x0E, ">f8")],
)
def test_idx_of_every_type(code, kind, tmp_path):
    values = np.arange(-3, 3).astype(kind).reshape(2, 3)
    path = tmp_path / "x"
    path.write_bytes(malformed.idx(code, (2, 3), values.tobytes()))
    found = read_idx(path, (2, "N"))
    assert (found == values).all() and found.dtype == np.dtype(kind).newbyteorder("=")
    found[0, 0] = 1  # its own memory


def test_tables_with_quotes_and_without(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes('\ufeffa,b\r\n"1,5","two\nlines"\r\n2,"say ""hi"""\r\n'.encode())
    table = read_table(path)
    assert table.names == ("a", "b") and table.lines == (2, 4)
    assert table.rows == (("1,5", "two\nlines"), ("2", 'say "hi"'))
    path = tmp_path / "x.tsv"
    path.write_text('it\'s "good\t1\nbad"\t0\n')
    table = read_table(path, ("text", "label"), quoted=False)
    assert table.column("text") == ["it's \"good", 'bad"'] and table.lines == (1, 2)
    assert table.numbers("label", np.int8).dtype == np.int8
    with pytest.raises(
        FormatError, match="line 1, column 'label': expected a number that fits int8"
    ):
        path.write_text("a\t300\n")
        read_table(path, ("text", "label")).numbers("label", np.int8)
    with pytest.raises(TypeError, match="numbers are integers or floats, not bool"):
        table.numbers("label", bool)


def test_members_of_archives_in_every_form(tmp_path):
    for name, content in (
        ("x.tar", malformed.tar(("f/a.bin", b"A"), ("f/b.bin", b"B"))),
        ("x.tgz", malformed.tar(("f/a.bin", b"A"), ("f/b.bin", b"B"), mode="w:gz")),
        ("x.zip", malformed.zipped(("f/a.bin", b"A"), ("f/b.bin", b"B"))),
    ):
        (tmp_path / name).write_bytes(content)
        assert read_members(tmp_path / name, ["b.bin", "a.bin"], 10**5) == {
            "b.bin": b"B",
            "a.bin": b"A",
        }


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3), ("RGBA", 4)])
def test_pictures_are_arrays_of_channels(mode, channels, tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(malformed.picture("PNG", (5, 7)))
    found = read_image(path, mode)
    assert found.shape == (channels, 7, 5) and found.dtype == np.uint8
    with pytest.raises(ValueError, match="mode is one of L, RGB, RGBA, found 'CMYK'"):
        read_image(path, "CMYK")
    with pytest.raises(FormatError, match="expected at most 34 pixels, found 5×7"):
        read_image(path, mode, most_pixels=34)


@pytest.mark.parametrize("suffix", ["png", "pgm"])
def test_of_16_bits_the_upper_8_are_taken(suffix, tmp_path):
    from PIL import Image

    values = (np.arange(35, dtype=np.uint16) * 1800).reshape(5, 7)
    path = tmp_path / f"x.{suffix}"
    Image.fromarray(values).save(path)
    for mode in ("L", "RGB"):
        assert (read_image(path, mode) == values >> 8).all()


def test_folders_of_pictures(tmp_path):
    for name in ("dog/b.jpg", "cat/2.png", "cat/1.PNG", "cat/deep/3.png", "dog/.hidden"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(malformed.JPEG if name.endswith("jpg") else malformed.PNG)
    data = ImageFolder(tmp_path, mode="L")
    assert data.classes == ["cat", "dog"] and data.class_to_idx == {"cat": 0, "dog": 1}
    assert [p.name for p, _ in data.samples] == ["1.PNG", "2.png", "3.png", "b.jpg"]
    assert data.targets == [0, 0, 0, 1] and len(data) == 4
    image, label = data[0]
    assert image.shape == (1, 16, 16) and image.dtype == np.float32 and label == 0
    assert (image == read_image(data.samples[0][0], "L") / np.float32(255)).all()
    changed = ImageFolder(tmp_path, np.shape, lambda label: -label)
    assert changed[3] == ((3, 16, 16), -1)
    with pytest.raises(FileNotFoundError, match="expected a folder of folders, found none"):
        ImageFolder(tmp_path / "none")


def test_tables_as_data(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b,colour,y\n1,2,red,1\n3,4,blue,0\n5,6,red,1\n")
    data = CSVDataset(path, "y", dtypes={"colour": "class"})
    assert data.feature_names == ("a", "b", "colour=blue", "colour=red")
    assert data.features.tolist() == [[1, 2, 0, 1], [3, 4, 1, 0], [5, 6, 0, 1]]
    assert (
        data.targets.dtype == np.int64 and data.targets.tolist() == [1, 0, 1] and data.classes == ()
    )
    assert data[1][0].tolist() == [3, 4, 1, 0] and data[1][1] == 0
    assert CSVDataset(path, "colour", ["b"]).classes == ("blue", "red")
    assert CSVDataset(path, "b", ["a"], {"b": "float32"}).targets.dtype == np.float32
    alone = CSVDataset(path, columns=["a"])
    assert alone[2].tolist() == [5] and len(alone) == 3
    with pytest.raises(
        TypeError, match="column 'a': expected float32, int64 or class, found 'double'"
    ):
        CSVDataset(path, "y", dtypes={"a": "double"})
    with pytest.raises(FormatError, match="line 2, column 'a': expected a whole number"):
        path.write_text("a,y\n1.5,2\n")
        CSVDataset(path, "y", dtypes={"a": "int64"})
    with pytest.raises(
        FormatError, match="(?s)'b': expected a number, found 'x', and no.*target='b'"
    ):
        path.write_text("a,b\n1,x\n2,y\n")
        CSVDataset(path)
    with pytest.raises(FormatError, match="line 3, column 'b': expected a number, found 'y'$"):
        path.write_text("a,b\n1,2\n2,y\n")
        CSVDataset(path)
    with pytest.raises(FormatError, match="found a;y\n  hint: delimiter=';' separates the cells"):
        path.write_text("a;y\n1;2\n")
        CSVDataset(path, "y")


def test_files_that_blow_up_are_refused_before_memory_is_taken(tmp_path, monkeypatch):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, a=np.zeros(10**6))
    size = path.stat().st_size
    assert 1_000_000 * 8 > 64 * size
    assert len(read_npz(path)["a"]) == 10**6  # small enough to be meant
    monkeypatch.setattr("chainrule.files.npz.SPARE", 1000)
    with pytest.raises(FormatError, match=rf"a file of {size} bytes that would take 8000128 bytes"):
        read_npz(path)
    assert len(read_npz(path, most=10**7)["a"]) == 10**6
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(malformed.idx(sizes=(10**6,), data=bytes(10**6))))
    assert len(read_idx(path)) == 10**6
    with pytest.raises(FormatError, match="expected at most 999 bytes of elements, found 1000000"):
        read_idx(path, most=999)


@pytest.mark.parametrize("name", ["x.idx.gz", "x.tar.gz"])
def test_a_sea_of_zeros_at_the_end_is_refused_at_once(name, tmp_path):
    """As a download that was cut short may leave; stepping over them takes minutes a gigabyte."""
    path = tmp_path / name
    path.write_bytes(gzip.compress(malformed.idx(sizes=(3,), data=b"\1\2\3")))
    os.truncate(path, 1 << 33)
    read = malformed.members if "tar" in name else read_idx
    with pytest.raises(FormatError, match="to the end at offset 8589934592, found 1048576 zeros"):
        read(path)


def test_what_follows_the_end_of_an_archive_is_bounded(tmp_path):
    path = tmp_path / "x.tar.gz"
    path.write_bytes(gzip.compress(malformed.tar(("a.bin", b"x")) + bytes(1 << 21)))
    assert read_members(path, ["a.bin"], 10**7) == {"a.bin": b"x"}
    with pytest.raises(FormatError, match="expected at most 1000000 bytes in all members"):
        read_members(path, ["a.bin"], 1_000_000)


def test_npz_with_arrays_of_every_order(tmp_path):
    write_npz(tmp_path / "x.npz", {"f": np.asfortranarray(np.arange(6).reshape(2, 3))})
    assert read_npz(tmp_path / "x.npz")["f"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_without_pillow_pictures_are_refused_by_name(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    path.write_bytes(malformed.PNG)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ModuleNotFoundError, match="PIL"):
        read_image(path)
