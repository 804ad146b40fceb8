"""The data sets that are not like mnist: small ones of the same form, and what is refused of them."""

import gzip
import io
import json
import struct
import tarfile

import numpy as np
import pytest

from chainrule.base.errors import DataNotFoundError, FormatError
from chainrule.data import DataLoader, load_dataset

RNG = np.random.default_rng(0)


def cifar(n):
    """Records of n images, and the images and labels in them."""
    labels = np.arange(n) % 10
    pixels = RNG.integers(0, 256, (n, 3, 32, 32)).astype(np.uint8)
    rows = np.concatenate([labels[:, None].astype(np.uint8), pixels.reshape(n, -1)], axis=1)
    return rows.tobytes(), pixels, labels


def write_cifar(folder, layout):
    batches = {f"data_batch_{k}.bin": cifar(20 + k) for k in range(1, 6)} | {
        "test_batch.bin": cifar(11)
    }
    if layout == "archive":
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as t:
            for name in reversed(batches):  # in whichever order
                info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
                info.size = len(batches[name][0])
                t.addfile(info, io.BytesIO(batches[name][0]))
        (folder / "cifar-10-binary.tar.gz").write_bytes(buffer.getvalue())
    elif layout == "binary":
        (folder / "cifar-10-batches-bin").mkdir()
        for name, (content, _, _) in batches.items():
            (folder / "cifar-10-batches-bin" / name).write_bytes(content)
    else:
        (folder / "cifar10-subset").mkdir()
        for name, key in (
            ("data_batch_1.bin.gz", "data_batch_1.bin"),
            ("test_batch_first2000.bin.gz", "test_batch.bin"),
        ):
            (folder / "cifar10-subset" / name).write_bytes(gzip.compress(batches[key][0]))
        batches = {
            "data_batch_1.bin": batches["data_batch_1.bin"],
            "test_batch.bin": batches["test_batch.bin"],
        }
    return list(batches.values())


@pytest.mark.parametrize("layout", ["archive", "binary", "subset"])
def test_cifar10_is_read_in_every_layout(tmp_path, layout):
    *train, (_, test_pixels, test_labels) = write_cifar(tmp_path, layout)
    pixels = np.concatenate([p for _, p, _ in train])
    labels = np.concatenate([y for _, _, y in train])
    data = load_dataset("cifar10", tmp_path, verify_files=False)
    assert data.layout == layout and data.classes[3] == "cat"
    assert sorted(np.concatenate([data.train.indices, data.validation.indices])) == list(
        range(len(labels))
    )
    for part in (data.train, data.validation):
        assert (part.pixels == pixels[part.indices]).all() and (
            part.labels == labels[part.indices]
        ).all()
    assert (data.test.pixels == test_pixels).all() and (data.test.labels == test_labels).all()
    image, label = next(iter(DataLoader(data.test, 4)))
    assert image.shape == (4, 3, 32, 32) and label.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (cifar(3)[0][:-1], "data_batch_1.bin.gz: expected records of 3073 bytes, found 9218 bytes: the last would begin at offset 6146"),
        (b"", "expected records of 3073 bytes, found 0"),
        (b"\x0b" + bytes(3072), r"labels: expected labels from 0 to 9, found 11 at index \[0\]"),
    ],
)  # fmt: skip
def test_cifar10_that_is_damaged_is_refused(tmp_path, content, message):
    write_cifar(tmp_path, "subset")
    (tmp_path / "cifar10-subset" / "data_batch_1.bin.gz").write_bytes(gzip.compress(content))
    with pytest.raises(FormatError, match=message):
        load_dataset("cifar10", tmp_path, verify_files=False)


@pytest.mark.parametrize("name", ["cifar-10-batches-py", "cifar-10-python.tar.gz"])
def test_cifar10_for_python_is_a_pickle_and_is_not_read(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(
        DataNotFoundError, match="is there, but it is the form for Python, a pickle, which is code"
    ) as caught:
        load_dataset("cifar10", tmp_path)
    assert "chainrule data get cifar10" in str(caught.value)


def write_sst2(folder, **changed):
    for k, part in enumerate(("train", "dev", "test")):
        text = "".join(f"it 's \" number {i}\t{(i + k) % 2}\n" for i in range(5 + k))
        (folder / f"{part}.tsv").write_text(changed.get(part, text))


def test_sst2_is_split_as_published(tmp_path):
    write_sst2(tmp_path)
    data = load_dataset("sst2", tmp_path, verify_files=False)
    assert [len(p) for p in (data.train, data.validation, data.test)] == [5, 6, 7]
    assert data.validation[0] == ("it 's \" number 0", 1) and data.classes == (
        "negative",
        "positive",
    )
    texts, labels = next(iter(DataLoader(data.test, 2)))
    assert len(texts) == 2 and labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("good\t1\nbad\t2\n", "line 2: expected the label 0 or 1, found 2"),
        ("good\t1\nbad 0\n", "line 2: expected 2 cells"),
        ("good\tyes\n", "line 1, column 'label': expected a whole number, found 'yes'"),
        ("\t1\n", "line 1: expected a sentence, found none"),
    ],
)
def test_sst2_that_is_damaged_is_refused_by_its_line(tmp_path, text, message):
    write_sst2(tmp_path, dev=text)
    with pytest.raises(FormatError, match=rf"dev.tsv: {message}"):
        load_dataset("sst2", tmp_path, verify_files=False)


def write_emoji(folder, captions, count=None):
    n = len(captions) if count is None else count
    pixels = RNG.integers(0, 256, (n, 3, 5, 4)).astype(np.uint8)
    content = bytes([0, 0, 8, 4]) + struct.pack(">4I", *pixels.shape) + pixels.tobytes()
    (folder / "images-rgba-idx4-ubyte").write_bytes(content)
    rows = "".join(f"1f{k}\t{c}\tgroup {k % 2}\t\t\t\n" for k, c in enumerate(captions))
    (folder / "captions.tsv").write_text(
        "codepoints\tname\tgroup\tsubgroup\ttags\taliases\n" + rows
    )
    return pixels


def test_emoji_of_one_kind_are_in_one_part(tmp_path):
    captions = [f"thing {k // 3}: tone {k % 3}" for k in range(90)]
    pixels = write_emoji(tmp_path, captions)
    data = load_dataset("emoji_captions", tmp_path, verify_files=False)
    parts = (data.train, data.validation, data.test)
    assert [len(p) for p in parts] == [72, 9, 9]
    kinds = [{c.split(":")[0] for c in p.captions} for p in parts]
    assert sum(map(len, kinds)) == len(set.union(*kinds)) == 30
    for part in parts:
        assert part.captions == tuple(captions[k] for k in part.indices)
        assert (part.pixels == pixels[part.indices].transpose(0, 3, 1, 2)).all()
        assert part.groups[0] == f"group {part.indices[0] % 2}"
    image, caption = data.train[0]
    assert image.shape == (4, 3, 5) and image.dtype == np.float32 and isinstance(caption, str)
    assert data.train.images.shape == (72, 4, 3, 5)


def test_emoji_without_a_caption_or_with_one_too_many_are_refused(tmp_path):
    write_emoji(tmp_path, ["a", " ", "c"])
    with pytest.raises(FormatError, match="line 3, column 'name': the caption is missing"):
        load_dataset("emoji_captions", tmp_path, verify_files=False)
    write_emoji(tmp_path, ["a", "b", "c"], count=2)
    with pytest.raises(FormatError, match=r"expected shape \(3, H, W, 4\), found \(2, 3, 5, 4\)"):
        load_dataset("emoji_captions", tmp_path, verify_files=False)


def write_series(folder, **changed):
    made = {
        "airline-passengers": '"Month","Passengers"\n'
        + "".join(f'"m{k}",{k}\n' for k in range(20)),
        "daily-min-temperatures": '"Date","Temp"\n'
        + "".join(f'"d{k}",{k / 10}\n' for k in range(10)),
        "co2": "date,co2\n" + "".join(f"{k},{'' if k == 3 else k}\n" for k in range(10)),
        "sunspots": "YEAR,SUNACTIVITY\n" + "".join(f"{k},{k}\n" for k in range(10)),
    }
    for name, text in {**made, **changed}.items():
        (folder / f"{name}.csv").write_text(text)


def test_series_are_split_by_time(tmp_path):
    write_series(tmp_path)
    data = load_dataset("timeseries", tmp_path, verify_files=False)
    passengers = [part["airline-passengers"] for part in (data.train, data.validation, data.test)]
    assert [s.values.tolist() for s in passengers] == [
        list(range(14)),
        list(range(14, 17)),
        list(range(17, 20)),
    ]
    assert passengers[1].dates == ("m14", "m15", "m16") and passengers[0].period == 12
    assert np.isnan(data.train["co2"].values).tolist() == [k == 3 for k in range(7)]
    assert data.train["daily-min-temperatures"].unit == "°C"


def test_series_with_a_missing_value_are_refused_where_none_may_be(tmp_path):
    write_series(tmp_path, sunspots="YEAR,SUNACTIVITY\n1700,5\n1701,\n")
    with pytest.raises(
        FormatError, match="sunspots.csv: line 3, column 'SUNACTIVITY': the value is missing"
    ):
        load_dataset("timeseries", tmp_path, verify_files=False)


def test_shakespeare_is_cut_in_three_stretches(tmp_path):
    text = "".join(chr(97 + k % 26) for k in range(1000))
    (tmp_path / "input.txt").write_text(text)
    data = load_dataset("tinyshakespeare", tmp_path, verify_files=False)
    parts = (data.train, data.validation, data.test)
    assert "".join(p.text for p in parts) == text and [len(p) for p in parts] == [900, 50, 50]
    assert [p.start for p in parts] == [0, 900, 950]


def write_squad(folder, content):
    (folder / "dev-v1.1.json").write_text(
        content if isinstance(content, str) else json.dumps(content)
    )


def test_squad_keeps_an_article_in_one_part(tmp_path):
    articles = [
        {
            "title": f"t{a}",
            "paragraphs": [{"context": f"paragraph {a} {k}"} for k in range(1 + a % 3)],
        }
        for a in range(20)
    ]
    write_squad(tmp_path, {"data": articles})
    data = load_dataset("squad", tmp_path, verify_files=False)
    parts = (data.train, data.validation, data.test)
    assert [len(set(p.titles)) for p in parts] == [16, 2, 2]
    everything = {title: [] for title in (f"t{a}" for a in range(20))}
    for part in parts:
        for k, (text, title) in enumerate(zip(part.paragraphs, part.titles, strict=True)):
            assert text == part[k]
            assert text.split()[1] == title[1:]
            everything[title].append(part)
    assert all(len(set(map(id, where))) == 1 for where in everything.values())
    places = np.concatenate([p.indices for p in parts])
    assert sorted(places.tolist()) == list(range(len(places)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "expected JSON: Expecting property name"),
        ("9" * 5000, "expected JSON: Exceeds the limit"),
        ("[" * 100_000, "expected JSON: maximum recursion depth"),
        ([], "key 'data': expected a list of articles, found \\[\\]"),
        ({"data": [{"paragraphs": []}]}, "article 0: expected an object with a title"),
        (
            {"data": [{"title": "t", "paragraphs": 3}]},
            "article 0: expected a list of paragraphs, found 3",
        ),
        (
            {"data": [{"title": "t", "paragraphs": [{"context": "a"}, {"context": " "}]}]},
            "article 0, paragraph 1: expected a text as context, found ' '",
        ),
        (
            {"data": [{"title": "t", "paragraphs": [{"context": "a"}]}]},
            "expected articles of at least 3 titles, found \\['t'\\]",
        ),
    ],
)
def test_squad_that_is_damaged_is_refused_by_its_place(tmp_path, content, message):
    write_squad(tmp_path, content)
    with pytest.raises(FormatError, match=rf"dev-v1.1.json: .*{message}|dev-v1.1.json: {message}"):
        load_dataset("squad", tmp_path, verify_files=False)
