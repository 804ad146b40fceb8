"""Arithmetic on shapes: broadcasting, dimensions, strides, and how a shape is printed in an
error.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from .errors import DTypeError, RangeError, ShapeError

__all__ = [
    "Shape",
    "axes",
    "axis",
    "broadcast",
    "contiguous_strides",
    "resolve",
    "restride",
    "size",
]

Shape = tuple[int, ...]


def size(shape: Sequence[int]) -> int:
    """The number of elements of a shape; 1 for a 0-d one."""
    n = 1
    for s in shape:
        n *= s
    return n


def broadcast(*shapes: Shape) -> Shape:
    """The common shape of NumPy's and PyTorch's broadcasting.

    >>> broadcast((3, 1), (5,))
    (3, 5)
    """
    ndim = max(map(len, shapes), default=0)
    out = [1] * ndim
    for shape in shapes:
        for k, n in enumerate(shape, ndim - len(shape)):
            if n != 1 and n != out[k]:
                if out[k] != 1:
                    raise ShapeError(
                        f"sizes {out[k]} and {n} of axis {k - ndim} do not broadcast: sizes must be equal or 1"
                    )
                out[k] = n
    return tuple(out)


def axis(dim: int, ndim: int) -> int:
    """A dimension counted from the front; a 0-d tensor has the one dimension 0, as in PyTorch.

    >>> axis(-1, 3)
    2
    """
    n = max(ndim, 1)
    if not isinstance(dim, int):
        try:
            dim = dim.__index__()
        except AttributeError:
            raise DTypeError(f"a dimension is an int, found {dim!r}") from None
    if not -n <= dim < n:
        raise RangeError(
            f"dimension {dim} is out of range: a {ndim}-d tensor has dimensions {-n} to {n - 1}"
        )
    return dim % n


def axes(dim: int | Sequence[int] | None, ndim: int) -> Shape:
    """Dimensions counted from the front, sorted; None or an empty list means all.

    >>> axes((-1, 0), 3), axes(None, 2)
    ((0, 2), (0, 1))
    """
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return tuple(range(ndim))
    if isinstance(dim, int) or not isinstance(dim, Sequence):
        return (axis(dim, ndim),) if ndim else _check_0d(dim)
    found = sorted(axis(d, ndim) for d in dim)
    for a, b in itertools.pairwise(found):
        if a == b:
            raise ShapeError(f"dimension {a} appears twice in {tuple(dim)}")
    return tuple(found) if ndim else ()


def _check_0d(dim: int) -> Shape:
    axis(dim, 0)
    return ()


def resolve(shape: Sequence[int], count: int) -> Shape:
    """A target shape in which one size may be −1, which is worked out from the element count.

    >>> resolve((2, -1), 6)
    (2, 3)
    """
    shape = tuple(shape)
    unknown = [k for k, n in enumerate(shape) if n == -1]
    if len(unknown) > 1:
        raise ShapeError(f"only one size of {shape} may be -1")
    if any(n < -1 for n in shape):
        raise ShapeError(f"sizes cannot be negative, found {shape}")
    if unknown:
        rest = size(shape[: unknown[0]]) * size(shape[unknown[0] + 1 :])
        if rest == 0 or count % rest:
            raise ShapeError(f"{count} elements cannot take the shape {shape}")
        shape = (*shape[: unknown[0]], count // rest, *shape[unknown[0] + 1 :])
    if size(shape) != count:
        raise ShapeError(f"{count} elements cannot take the shape {shape}, which has {size(shape)}")
    return shape


def contiguous_strides(shape: Shape) -> Shape:
    """Strides in elements of a row-major array.

    >>> contiguous_strides((2, 3, 5))
    (15, 5, 1)
    """
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= max(n, 1)
    return tuple(reversed(strides))


def restride(shape: Shape, strides: Shape, new: Shape) -> Shape | None:
    """Strides under which the same memory has another shape, or None if it must be copied.

    Groups of old axes that are contiguous with each other are matched with groups of new axes of
    equal size.
    Source: the rule of `torch.Tensor.view`, PyTorch documentation.

    >>> restride((2, 3), (3, 1), (6,)), restride((2, 3), (1, 2), (6,))
    ((1,), None)
    """
    if size(shape) == 0:
        return contiguous_strides(new)
    old = [(n, s) for n, s in zip(shape, strides, strict=True) if n != 1]
    out: list[int] = []
    k = len(old) - 1
    room = 0  # elements left in the contiguous group that is being cut up
    step = 1
    for n in reversed(new):
        if n == 1:
            out.append(step if not out else out[-1])
            continue
        if room == 0:
            room, step = old[k]
            k -= 1
            end = room * step
            while k >= 0 and old[k][1] == end:
                room *= old[k][0]
                end *= old[k][0]
                k -= 1
        if room % n:
            return None
        out.append(step)
        step *= n
        room //= n
        if room == 1:
            room = 0
    return tuple(reversed(out))
