"""The 1,797 handwritten digits that the package carries: 8×8 images of what 13 people wrote.

Source: E. Alpaydin and C. Kaynak 1998, "Optical Recognition of Handwritten Digits", UCI Machine
Learning Repository, doi 10.24432/C50P49, licence CC BY 4.0 (see digits.LICENSE.txt beside this
file).
"""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..base.errors import FormatError
from ..files.npz import read_npz
from ..files.reading import read_file
from .checks import check_dtype, check_finite, check_labels, check_range, check_shape
from .splits import stratified_split

__all__ = ["CLASSES", "FILE", "SHA256", "Digits", "Split", "load"]

CLASSES = 10
SIDE = 8  # pixels
FEWEST = 10  # images of a class: some must fall in every split
INK = 16  # the largest element: every pixel of a 4×4 block is inked
FILE = Path(__file__).with_name("digits.npz")
SHA256 = "6a6432310fd6e1be5ff3b45259efbbb2c8e76103c5f64f64b4d80f530315b5c6"


@dataclass(frozen=True, eq=False)
class Split:
    """One part of the data: `images` float32 (N, 1, 8, 8) from 0 to 1, `labels` int64 (N,),
    `indices` int64 (N,) in the file.
    """

    images: np.ndarray
    labels: np.ndarray
    indices: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Digits:
    """The three parts: `train` to fit, `validation` to decide, `test` to be read once, at the end.
    `sha256` is the file's.
    """

    train: Split
    validation: Split
    test: Split
    sha256: str


def load(path: str | os.PathLike[str] | None = None) -> Digits:
    """The digits, checked and split: 1,257 to train, 180 to validate, 360 to test.

    The split is the same always and everywhere, whatever the seed of a run; in each part the
    classes are in proportion.

    Args:
        path: another .npz in the same format (`images`, (N, 8, 8), integers or floats from 0 to 16;
            `labels`, (N,), integers from 0 to 9), of which a tenth is for validation and a fifth
            for the test. None: the package's own file.

    Raises:
        FormatError: a file that is not such an archive, lacks an array, is damaged, or holds NaN,
            infinities or values out of range.
        ShapeError, DTypeError: arrays of the wrong shape or dtype.
        FileNotFoundError: no file there.

    >>> data = load()
    >>> data.train.images.shape, len(data.validation), len(data.test)
    ((1257, 1, 8, 8), 180, 360)
    """
    file = FILE if path is None else Path(path)
    content = read_file(file)
    digest = hashlib.sha256(content).hexdigest()
    if path is None and digest != SHA256:
        raise FormatError(
            f"{file}: the packaged digits are damaged: expected sha256 {SHA256}, found {digest}"
        )
    images, labels = _arrays(file, content)
    check_dtype(f"{file}: images", images, "iuf")
    check_shape(f"{file}: images", images, ("N", SIDE, SIDE))
    if images.dtype.kind == "f":
        check_finite(f"{file}: images", images)
    check_range(f"{file}: images", images, 0, INK)
    check_labels(f"{file}: labels", labels, len(images), CLASSES)
    counts = np.bincount(labels, minlength=CLASSES)
    if counts.min() < FEWEST:
        raise FormatError(
            f"{file}: expected at least {FEWEST} images of every class to split them in three, "
            f"found {counts.min()} of class {counts.argmin()}"
        )

    labels = labels.astype(np.int64)
    scaled = (images / np.float32(INK)).astype(np.float32)[:, None]  # (N, 1, 8, 8)
    # a fifth for the test, a tenth to decide, the rest to fit
    test, validation, train = [
        Split(scaled[i], labels[i], i)
        for i in stratified_split(labels, [-(-len(labels) // 5), -(-len(labels) // 10)])
    ]
    return Digits(train, validation, test, digest)


def _arrays(file: Path, content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """`images` and `labels` of an .npz; nothing in it is ever unpickled."""
    found = read_npz(io.BytesIO(content), str(file))
    for name in ("images", "labels"):
        if name not in found:
            listed = ", ".join(found) or "nothing"
            raise FormatError(
                f"{file}: expected the arrays images and labels, {name} is missing; found {listed}"
            )
    return found["images"], found["labels"]
