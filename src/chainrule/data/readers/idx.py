"""The idx format, in which MNIST and its relatives come: a magic number, sizes, elements.

    offset 0   two zero bytes, a byte for the type of element, a byte for the number of axes
    offset 4   the size of each axis, 4 bytes, most significant first
    after it   the elements in row-major order, most significant byte first

Source: Y. LeCun, C. Cortes and C. Burges 1998, "The MNIST database", section "File formats".
"""

from __future__ import annotations

import math
import os
import struct

import numpy as np

from ...base.errors import FormatError
from .source import Source

__all__ = ["read_idx"]

TYPES = {
    0x08: np.dtype(np.uint8),
    0x09: np.dtype(np.int8),
    0x0B: np.dtype(np.int16),
    0x0C: np.dtype(np.int32),
    0x0D: np.dtype(np.float32),
    0x0E: np.dtype(np.float64),
}
MOST_BYTES = 1 << 32  # of all elements, unless more is asked for
MOST_AXES = 8  # more than any data set has; a damaged byte says more


def read_idx(
    path: str | os.PathLike[str],
    shape: tuple[int | str, ...] | None = None,
    dtype: object = None,
    most: int = MOST_BYTES,
) -> np.ndarray:
    """The array of an idx file, gzip-compressed if its name ends in `.gz`.

    Args:
        path: the path of the file.
        shape: the shape that is expected, a letter for any size from 1; None: any shape.
        dtype: the dtype that is expected; None: any.
        most: bytes that its elements may take.

    Returns:
        A new array in native byte order.

    Raises:
        FormatError: no idx file, a damaged one, NaN or infinity in it, another shape or dtype.
        OSError: it cannot be read.

    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "two-labels"
    >>> _ = file.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 5]))
    >>> read_idx(file)
    array([7, 5], dtype=uint8)
    """
    with Source(path) as source:
        zeros, code, axes = struct.unpack(">HBB", source.take(4, "the magic number"))
        if zeros != 0 or code not in TYPES:
            known = ", ".join(f"00 00 {k:02x}" for k in TYPES)
            raise FormatError(
                f"{source.path}: expected the magic number of an idx file at offset 0 "
                f"({known}), found {zeros >> 8:02x} {zeros & 255:02x} {code:02x}"
            )
        found = TYPES[code]
        if dtype is not None and found != np.dtype(dtype):  # type: ignore[call-overload]
            raise FormatError(
                f"{source.path}: expected elements of type {np.dtype(dtype)}, "  # type: ignore[call-overload]
                f"found {found} (byte {code:02x} at offset 2)"
            )
        if not 1 <= axes <= MOST_AXES:
            raise FormatError(
                f"{source.path}: expected from 1 to {MOST_AXES} axes at offset 3, found {axes}"
            )
        sizes = struct.unpack(f">{axes}I", source.take(4 * axes, "the sizes of the axes"))
        if shape is not None:
            _check_sizes(source, sizes, shape)
        count = math.prod(sizes)
        if count * found.itemsize > most and count * found.itemsize <= source.most:
            raise FormatError(
                f"{source.path}: expected at most {most} bytes of elements, found "
                f"{count * found.itemsize} at offset 4"
            )
        data = source.array(count * found.itemsize, f"{count} elements of type {found}")
        source.end("the elements")
    array = data.view(found.newbyteorder(">")).astype(found, copy=False).reshape(sizes)
    if found.kind == "f" and not np.isfinite(array).all():
        where = int(np.flatnonzero(~np.isfinite(array.ravel()))[0])
        raise FormatError(
            f"{path}: expected finite numbers, found {array.ravel()[where]} "
            f"at offset {4 + 4 * axes + where * found.itemsize}"
        )
    return array


def _check_sizes(source: Source, sizes: tuple[int, ...], shape: tuple[int | str, ...]) -> None:
    fits = len(sizes) == len(shape) and all(
        n >= 1 if isinstance(want, str) else n == want for n, want in zip(sizes, shape, strict=True)
    )
    if not fits:
        expected = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
        raise FormatError(f"{source.path}: expected shape ({expected}), found {sizes} at offset 4")
