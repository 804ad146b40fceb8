"""The packaged digits: which they are, how they are split, and what is refused in their place."""

import hashlib
import io
import random
import zipfile

import numpy as np
import pytest

from chainrule.base.errors import ChainruleError, DTypeError, FormatError, ShapeError
from chainrule.data import digits


def saved(folder, **arrays):
    path = folder / "own.npz"
    np.savez_compressed(path, **arrays)
    return path


def good(n=211):
    rng = np.random.default_rng(0)
    return {"images": rng.integers(0, 17, (n, 8, 8), dtype=np.uint8), "labels": np.arange(n) % 10}


def changed(**arrays):
    return {**good(), **arrays}


def test_the_packaged_file_is_the_recorded_one():
    data = digits.load()
    assert hashlib.sha256(digits.FILE.read_bytes()).hexdigest() == digits.SHA256 == data.sha256
    licence = digits.FILE.with_name("digits.LICENSE.txt").read_text(encoding="utf-8")
    for fact in ("Alpaydin", "Kaynak", "CC BY 4.0", "10.24432/C50P49"):
        assert fact in licence


def test_shapes_dtypes_and_ranges():
    data = digits.load()
    for part, n in ((data.train, 1257), (data.validation, 180), (data.test, 360)):
        assert len(part) == n
        assert part.images.shape == (n, 1, 8, 8)
        assert part.images.dtype == np.float32
        assert part.images.min() == 0
        assert part.images.max() == 1
        assert part.labels.shape == (n,)
        assert part.labels.dtype == np.int64


def test_the_split_never_changes():
    # Recorded once. Another split would make every published accuracy another quantity.
    data = digits.load()
    text = (
        " ".join(map(str, data.test.indices.tolist()))
        + "|"
        + " ".join(map(str, data.validation.indices.tolist()))
    )
    assert (
        hashlib.sha256(text.encode()).hexdigest()
        == "8adc0a45d02c998f6da1bb0668d5bdc95c42d843d95e63f19b2a3bcd3e4ebb1c"
    )


def test_the_split_is_whole_disjoint_and_in_proportion():
    data = digits.load()
    indices = np.concatenate([data.train.indices, data.validation.indices, data.test.indices])
    assert sorted(indices.tolist()) == list(range(1797))
    whole = np.bincount(
        np.concatenate([p.labels for p in (data.train, data.validation, data.test)])
    )
    for part in (data.train, data.validation, data.test):
        expected = whole * len(part) / 1797
        assert (abs(np.bincount(part.labels) - expected) <= 1.5).all()


def test_images_and_labels_stay_together():
    with np.load(digits.FILE) as file:
        images, labels = file["images"], file["labels"]
    data = digits.load()
    for part in (data.train, data.validation, data.test):
        assert (part.images[:, 0] * 16 == images[part.indices]).all()
        assert (part.labels == labels[part.indices]).all()


def test_damage_of_the_packaged_file_is_found(tmp_path, monkeypatch):
    content = bytearray(digits.FILE.read_bytes())
    content[20011] ^= 1
    damaged = tmp_path / "digits.npz"
    damaged.write_bytes(content)
    monkeypatch.setattr(digits, "FILE", damaged)
    with pytest.raises(
        FormatError, match=f"packaged digits are damaged: expected sha256 {digits.SHA256}, found"
    ):
        digits.load()


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float64])
def test_another_file_is_read_and_split_alike(tmp_path, dtype):
    path = saved(tmp_path, **changed(images=good()["images"].astype(dtype)))
    data = digits.load(path)
    assert (len(data.train), len(data.validation), len(data.test)) == (146, 22, 43)
    assert (data.test.images[:, 0] * 16 == good()["images"][data.test.indices]).all()


def with_value(array, index, value):
    array = array.copy()
    array[index] = value
    return array


IMAGES, LABELS = good()["images"], good()["labels"]


@pytest.mark.parametrize(
    ("arrays", "error", "message"),
    [
        (
            {"labels": with_value(LABELS, 7, 10)},
            FormatError,
            r"labels: expected labels from 0 to 9, found 10 at index \[7\]",
        ),
        (
            {"labels": with_value(LABELS, [7, 11], -1)},
            FormatError,
            r"found -1 at index \[7\] \(1 more are wrong\)",
        ),
        (
            {"labels": LABELS.astype(float)},
            DTypeError,
            "labels: expected signed integers or unsigned integers, found float64",
        ),
        ({"labels": LABELS[:-1]}, ShapeError, r"labels: expected shape \(211,\), found \(210,\)"),
        (
            {"labels": LABELS[:, None]},
            ShapeError,
            r"labels: expected shape \(211,\), found \(211, 1\)",
        ),
        (
            {"labels": LABELS % 9},
            FormatError,
            "at least 10 images of every class.*found 0 of class 9",
        ),
        (
            {"images": with_value(IMAGES.astype(float), (3, 5, 2), np.nan)},
            FormatError,
            r"images: expected finite numbers, found nan at index \[3, 5, 2\]",
        ),
        (
            {"images": with_value(IMAGES.astype(float), (3, 5, 2), -np.inf)},
            FormatError,
            r"images: expected finite numbers, found -inf at index \[3, 5, 2\]",
        ),
        (
            {"images": with_value(IMAGES, (3, 5, 2), 17)},
            FormatError,
            r"images: expected numbers from 0 to 16, found 17 at index \[3, 5, 2\]",
        ),
        (
            {"images": IMAGES[:, :7]},
            ShapeError,
            r"images: expected shape \(N, 8, 8\), found \(211, 7, 8\)",
        ),
        (
            {"images": IMAGES.reshape(211, 64)},
            ShapeError,
            r"images: expected shape \(N, 8, 8\), found \(211, 64\)",
        ),
        (
            {"images": IMAGES[:0], "labels": LABELS[:0]},
            ShapeError,
            r"expected shape \(N, 8, 8\), found \(0, 8, 8\)",
        ),
        ({"images": IMAGES > 8}, DTypeError, "images: expected .*, found bool"),
        (
            {"images": IMAGES.astype(complex)},
            FormatError,
            "'images.npy': expected .*, found '<c16'",
        ),
        ({"images": IMAGES.astype("U2")}, FormatError, "'images.npy': expected .*, found '<U2'"),
    ],
)
def test_bad_arrays_are_refused_with_what_was_found(tmp_path, arrays, error, message):
    path = saved(tmp_path, **changed(**arrays))
    with pytest.raises(error, match=message) as caught:
        digits.load(path)
    assert str(caught.value).startswith(str(path))


def test_a_missing_array_is_named(tmp_path):
    path = saved(tmp_path, images=IMAGES, label=LABELS)
    with pytest.raises(FormatError, match="labels is missing; found images, label"):
        digits.load(path)


def test_nothing_is_unpickled(tmp_path):
    path = tmp_path / "own.npz"
    np.savez(path, images=IMAGES, labels=np.array([print] * 211, dtype=object))
    with pytest.raises(FormatError, match="objects are pickles, which are not read"):
        digits.load(path)


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        digits.load(tmp_path / "none.npz")


@pytest.mark.parametrize("content", [b"", b"PK", b"\x93NUMPY", b"no archive at all" * 100])
def test_what_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "own.npz"
    path.write_bytes(content)
    with pytest.raises(FormatError, match="expected a zip archive"):
        digits.load(path)


def test_damaged_archives_give_typed_errors_only(tmp_path):
    content = saved(tmp_path, **good()).read_bytes()
    path = tmp_path / "damaged.npz"
    rng = random.Random(0)
    refused = 0
    for trial in range(300):
        damaged = bytearray(content)
        if trial % 3 == 0:
            damaged = damaged[: rng.randrange(len(damaged))]
        else:
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        try:
            data = digits.load(path)
        except ChainruleError:
            refused += 1
        else:  # a bit that says nothing, such as a date: then nothing may have changed
            assert (data.test.images[:, 0] * 16 == IMAGES[data.test.indices]).all()
    assert refused > 200


def test_a_header_that_asks_for_too_much_memory(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (1 << 50, 8, 8)}
    )
    path = tmp_path / "own.npz"
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("images.npy", header.getvalue())
        z.writestr("labels.npy", header.getvalue())
    with pytest.raises(FormatError):
        digits.load(path)
