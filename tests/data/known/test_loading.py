"""`load_dataset`: what it gives of the real files, where it looks, and what it says when they are not
there or are others.
"""

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest

from chainrule.base.errors import DataNotFoundError, FormatError
from chainrule.data import RECORDS, load_dataset
from chainrule.data.known import places, record

IDX_NAMES = {
    "train images": "train-images-idx3-ubyte",
    "train labels": "train-labels-idx1-ubyte",
    "test images": "t10k-images-idx3-ubyte",
    "test labels": "t10k-labels-idx1-ubyte",
}


def idx(array):
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def small_mnist(folder: Path, packed: bool = True, **changed) -> dict[str, np.ndarray]:
    """The four files of a data set like mnist: 131 images of 5×7 to train on and 29 for the test."""
    rng = np.random.default_rng(0)
    arrays = {
        "train images": rng.integers(0, 256, (131, 5, 7)),
        "train labels": np.arange(131) % 10,
        "test images": rng.integers(0, 256, (29, 5, 7)),
        "test labels": np.arange(29) % 10,
        **{key.replace("_", " "): value for key, value in changed.items()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    for role, name in IDX_NAMES.items():
        content = idx(arrays[role])
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)
    return arrays


@pytest.mark.parametrize("folder", ["mnist", "MNIST/raw", "MNIST", "."])
@pytest.mark.parametrize("packed", [True, False])
def test_the_usual_folders_and_names_are_found(tmp_path, folder, packed):
    arrays = small_mnist(tmp_path / folder, packed)
    data = load_dataset("mnist", tmp_path, verify_files=False)
    assert (len(data.train), len(data.validation), len(data.test)) == (121, 10, 29)
    for part, name in ((data.train, "train"), (data.validation, "train"), (data.test, "test")):
        assert (part.pixels[:, 0] == arrays[f"{name} images"][part.indices]).all()
        assert (part.labels == arrays[f"{name} labels"][part.indices]).all()
    together = np.concatenate([data.train.indices, data.validation.indices])
    assert sorted(together.tolist()) == list(range(131))
    assert np.bincount(data.validation.labels).tolist() == [1] * 10


def test_the_environment_names_the_folder(tmp_path, monkeypatch):
    small_mnist(tmp_path / "mnist")
    monkeypatch.setenv("CHAINRULE_DATA", str(tmp_path))
    assert load_dataset("mnist", verify_files=False).files["test labels"] == str(
        tmp_path / "mnist" / "t10k-labels-idx1-ubyte.gz"
    )
    monkeypatch.delenv("CHAINRULE_DATA")
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "cache"))
    assert places.folder_of(None) == tmp_path / "cache" / "data"


def test_a_sample_is_a_float_image_and_its_label(tmp_path):
    arrays = small_mnist(tmp_path)
    image, label = load_dataset("mnist", tmp_path, verify_files=False).test[3]
    assert image.dtype == np.float32 and image.shape == (1, 5, 7)
    assert (image[0] == np.float32(arrays["test images"][3]) / np.float32(255)).all()
    assert label.dtype == np.int64 and label == 3


def test_what_is_missing_is_said_with_the_command_that_fetches_it(tmp_path):
    small_mnist(tmp_path / "mnist")
    (tmp_path / "mnist" / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataNotFoundError) as caught:
        load_dataset("mnist", tmp_path)
    text = str(caught.value)
    assert f"it was looked for in\n  {tmp_path}/mnist\n  {tmp_path}/MNIST/raw\n" in text
    assert f"{tmp_path}/mnist has 3 of 4 files; missing: t10k-labels-idx1-ubyte.gz" in text
    assert f"fetch it with: chainrule data get mnist --data-dir {tmp_path}" in text


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(
        DataNotFoundError, match=r"no data set 'Fashion-MNST'; did you mean fashion"
    ):
        load_dataset("Fashion-MNST")
    with pytest.raises(FileNotFoundError, match="known are digits, mnist"):
        load_dataset("imagenet")


def test_files_that_are_not_the_published_ones_are_refused(tmp_path):
    small_mnist(tmp_path)
    file = tmp_path / "train-images-idx3-ubyte.gz"
    expected = (
        f"{file}: expected the train images of mnist, sha256 440fcabf.*, found "
        f"{file.stat().st_size} bytes with sha256 .*; it should have 9912422 bytes, so it was "
        "probably cut off"
    )
    with pytest.raises(FormatError, match=expected):
        load_dataset("mnist", tmp_path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"train_labels": np.arange(131) % 11},
            r"train-labels-idx1-ubyte.gz: expected labels from 0 to 9, found 10 at index \[10\]",
        ),
        (
            {"train_labels": np.arange(130) % 10},
            r"train-labels-idx1-ubyte.gz: expected shape \(131,\), found \(130,\)",
        ),
        (
            {"test_images": np.zeros((29, 7, 5))},
            r"images as large as those for training, \(5, 7\), found \(7, 5\)",
        ),
        ({"train_images": np.zeros((131, 35))}, r"expected shape \(N, H, W\), found \(131, 35\)"),
        ({"train_images": np.zeros((0, 5, 7))}, r"expected shape \(N, H, W\), found \(0, 5, 7\)"),
    ],
)
def test_files_that_do_not_fit_together_are_refused(tmp_path, changed, message):
    small_mnist(tmp_path, **changed)
    with pytest.raises(FormatError, match=message):
        load_dataset("mnist", tmp_path, verify_files=False)


def test_names_are_split_so_that_equal_names_stay_together(tmp_path):
    lines = [f"{a}{b}{c}" for a in "abcdefgh" for b in "xyz" for c in "mno"] * 3
    (tmp_path / "names.txt").write_text("\n".join(lines))
    data = load_dataset("names", tmp_path, verify_files=False)
    parts = [set(part.lines) for part in (data.train, data.validation, data.test)]
    assert [len(part) for part in parts] == [58, 7, 7]
    assert sum(len(p) for p in (data.train, data.validation, data.test)) == len(lines)
    assert len(set.union(*parts)) == 72
    assert all(line == lines[k] for line, k in zip(data.test.lines, data.test.indices, strict=True))


def test_a_name_with_other_letters_is_refused_by_its_line(tmp_path):
    (tmp_path / "names.txt").write_text("emma\nO'Neil\n")
    with pytest.raises(
        FormatError, match=r"names.txt: line 2: expected a name .* found \"O'Neil\""
    ):
        load_dataset("names", tmp_path, verify_files=False)


def test_records_are_whole():
    for name, each in RECORDS.items():
        assert record(name) is each and each.name == name
        assert each.licence and each.limits and each.teaches
        for layout in each.layouts:
            for file in layout.files:
                for checksum in file.names.values():
                    size = hashlib.new(places.algorithm(checksum)).digest_size
                    assert len(bytes.fromhex(checksum)) == size
                assert all(mirror.startswith("http") for mirror in file.mirrors)
        if each.fetched is not None:
            assert all(file.mirrors for file in each.layout(each.fetched).files)
        assert f"{name}: {each.title}\n  samples   " in each.describe()


def check_sizes(name, folder):
    data = load_dataset(name, folder)
    found = {part: len(getattr(data, part)) for part in ("train", "validation", "test")}
    layout = data.record.layout(data.layout)
    assert found == (dict(layout.sizes) or data.record.sizes)
    return data


def test_the_packaged_digits_are_a_data_set_like_the_others():
    data = check_sizes("digits", None)
    assert data.train[0][0].max() == 15 / 16 and data.train.top == 16
    assert data.classes == tuple("0123456789")


@pytest.mark.parametrize("name", [n for n in RECORDS if n != "digits"])
def test_the_published_files_are_read_and_have_the_sizes_of_the_record(outside_data, name):
    check_sizes(name, outside_data)


def test_checksums_do_not_depend_on_the_compression(outside_data, tmp_path):
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name in IDX_NAMES.values():
        packed = outside_data / "mnist" / f"{name}.gz"
        (folder / name).write_bytes(gzip.decompress(packed.read_bytes()))
    assert load_dataset("mnist", tmp_path).sha256 == load_dataset("mnist", outside_data).sha256


def test_another_data_set_in_the_place_of_this_one_is_recognised(outside_data):
    with pytest.raises(FormatError, match="these are the train images of fashion_mnist"):
        load_dataset("mnist", outside_data / "fashion-mnist")
