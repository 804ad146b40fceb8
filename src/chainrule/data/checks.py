"""Is this what a model may be trained on? Each check raises one typed error that says what was
found, what was expected, and where.
"""

from __future__ import annotations

import numpy as np

from ..base.errors import DTypeError, FormatError, ShapeError

__all__ = ["check_dtype", "check_finite", "check_labels", "check_range", "check_shape"]

_KINDS = {"b": "booleans", "i": "signed integers", "u": "unsigned integers", "f": "floats"}


def check_dtype(name: str, array: np.ndarray, kinds: str) -> None:
    """Raise `DTypeError` unless the array's dtype is of one of `kinds`, letters as in
    `numpy.dtype.kind`: "b", "i", "u", "f".
    """
    if array.dtype.kind not in kinds:
        expected = " or ".join(_KINDS[k] for k in kinds)
        raise DTypeError(f"{name}: expected {expected}, found {array.dtype}")


def check_shape(name: str, array: np.ndarray, shape: tuple[int | str, ...]) -> None:
    """Raise `ShapeError` unless the array has this shape; a letter stands for any size from 1.

    >>> import numpy as np
    >>> check_shape("images", np.zeros((5, 8, 7)), ("N", 8, 8))
    Traceback (most recent call last):
        ...
    chainrule.base.errors.ShapeError: images: expected shape (N, 8, 8), found (5, 8, 7)
    """
    fits = len(array.shape) == len(shape) and all(
        n == want or (isinstance(want, str) and n >= 1)
        for n, want in zip(array.shape, shape, strict=True)
    )
    if not fits:
        expected = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
        raise ShapeError(f"{name}: expected shape ({expected}), found {array.shape}")


def check_finite(name: str, array: np.ndarray) -> None:
    """Raise `FormatError` at the first NaN or infinity."""
    _refuse(name, array, ~np.isfinite(array), "finite numbers")


def check_range(name: str, array: np.ndarray, low: float, high: float) -> None:
    """Raise `FormatError` at the first element outside low ≤ element ≤ high (NaN is outside)."""
    _refuse(name, array, ~((array >= low) & (array <= high)), f"numbers from {low} to {high}")


def check_labels(name: str, labels: np.ndarray, count: int, classes: int) -> None:
    """Raise unless `labels` are `count` integers from 0 to `classes` − 1.

    Raises:
        DTypeError: not integers.
        ShapeError: not of shape (count,).
        FormatError: a label out of range; the first is named, with its index.
    """
    check_dtype(name, labels, "iu")
    check_shape(name, labels, (count,))
    _refuse(name, labels, (labels < 0) | (labels >= classes), f"labels from 0 to {classes - 1}")


def _refuse(name: str, array: np.ndarray, bad: np.ndarray, expected: str) -> None:
    if bad.any():
        index = tuple(int(i) for i in np.argwhere(bad)[0])
        place = ", ".join(map(str, index))
        count = int(bad.sum())
        others = f" ({count - 1} more are wrong)" if count > 1 else ""
        raise FormatError(
            f"{name}: expected {expected}, found {array[index]} at index [{place}]{others}"
        )
