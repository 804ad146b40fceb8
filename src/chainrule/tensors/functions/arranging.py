"""Elements moved, repeated, or kept in part: flips and rotations, tiles, diagonals and triangles."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import ops
from ...base import dtypes, shapes
from ...base.errors import DTypeError, RangeError, ShapeError
from .shape import Dims, flat, flatten, ravel, reshape

__all__ = [
    "diag", "diag_embed", "diagflat", "flip", "fliplr", "flipud", "repeat", "repeat_interleave",
    "roll", "rot90", "tile", "tril", "triu", "unravel_index",
]  # fmt: skip

# -------------------------------------------------------------------------------------------------- flips, rotations


def flip(input: Any, *axes: Any, dims: Any = None) -> Any:
    """The order of elements reversed along axes, a copy."""
    return ops.flip(input, dims=flat(axes, dims))


def fliplr(input: Any) -> Any:
    """The second axis reversed."""
    if input.ndim < 2:
        raise ShapeError(f"fliplr takes tensors of at least two axes, found {input.ndim}")
    return ops.flip(input, dims=(1,))


def flipud(input: Any) -> Any:
    """The first axis reversed."""
    if input.ndim < 1:
        raise ShapeError("flipud takes tensors of at least one axis, found none")
    return ops.flip(input, dims=(0,))


def rot90(input: Any, k: int = 1, dims: Sequence[int] = (0, 1)) -> Any:
    """Turned k times by 90° in the plane of two axes, from the first towards the second.

    >>> rot90(cr.arange(4).reshape(2, 2))
    tensor([[1, 3],
            [0, 2]])
    """
    if input.ndim < 2 or len(dims) != 2:
        raise ShapeError(
            f"rot90 turns in the plane of two axes, found {len(dims)} for a {input.ndim}-d tensor"
        )
    a, b = (shapes.axis(d, input.ndim) for d in dims)
    if a == b:
        raise ShapeError(f"rot90 needs two different axes, found {tuple(dims)}")
    turned = [b if d == a else a if d == b else d for d in range(input.ndim)]
    if k % 4 == 0:
        return ops.clone(input)
    if k % 4 == 2:
        return ops.flip(input, dims=(a, b))
    if k % 4 == 1:
        return ops.permute(ops.flip(input, dims=(b,)), dims=tuple(turned))
    return ops.flip(ops.permute(input, dims=tuple(turned)), dims=(b,))


def roll(input: Any, shifts: int | Sequence[int], dims: Dims = None) -> Any:
    """Elements moved along axes; those pushed off the end come back in front. Without dims, of
    the flattened tensor.
    """
    by = [shifts] if isinstance(shifts, int) else list(shifts)
    if not by:
        raise ShapeError("roll: shifts must hold at least one number")
    axes = [] if dims is None else [dims] if isinstance(dims, int) else list(dims)
    if not axes:
        if len(by) != 1:
            raise ShapeError(f"roll: {len(by)} shifts need as many dims, found none")
        return reshape(roll(flatten(input), by[0], 0), tuple(input.shape))
    if len(by) != len(axes):
        raise ShapeError(f"roll: {len(by)} shifts need as many dims, found {len(axes)}")
    if not input.ndim:
        raise RangeError("roll: a 0-d tensor has no axis to move elements along")
    for s, d in zip(by, axes, strict=True):
        axis = shapes.axis(d, input.ndim)
        n = input.shape[axis]
        if n and s % n:
            cut = n - s % n
            input = ops.cat(
                ops.slice_(input, dim=d, start=cut), ops.slice_(input, dim=d, stop=cut), dim=d
            )
    return input


# --------------------------------------------------------------------------------------------------------- repeating


def repeat(input: Any, *counts: Any, repeats: Any = None) -> Any:
    """x laid side by side `repeats` times along each axis; more counts than axes add axes in
    front.
    """
    times = flat(counts, repeats)
    extra = len(times) - input.ndim
    if extra < 0:
        raise ShapeError(
            f"repeat needs a count for each of the {input.ndim} axes, found {len(times)}"
        )
    if any([c < 0 for c in times]):
        raise ShapeError(f"repeat: counts cannot be negative, found {times}")
    shape = (1,) * extra + tuple(input.shape)
    inner = [v for n in shape for v in (1, n)]
    outer = [v for c, n in zip(times, shape, strict=True) for v in (c, n)]
    y = ops.expand(ops.view(input, shape=tuple(inner)), shape=tuple(outer))
    return ops.view(ops.clone(y), shape=tuple([c * n for c, n in zip(times, shape, strict=True)]))


def tile(input: Any, *counts: Any, dims: Any = None) -> Any:
    """As repeat, but fewer counts than axes are filled up with ones in front."""
    times = flat(counts, dims)
    return repeat(input, (1,) * (input.ndim - len(times)) + tuple(times))


def repeat_interleave(
    input: Any, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Any:
    """Each element (or slice of an axis) repeated in place: so many times, or each as often as a
    vector says. Without dim, of the flattened tensor; with one vector alone, the indices that repeat.

    >>> repeat_interleave(cr.arange(3), 2), repeat_interleave(cr.tensor([2, 0, 1]))
    (tensor([0, 0, 1, 1, 2, 2]), tensor([0, 0, 2]))
    """
    if repeats is None:
        counts = _counts(input)
        found = np.repeat(np.arange(len(counts)), counts)
        return input.new_tensor(_as_long(found, output_size), dtype=dtypes.int64)
    x = ravel(input) if dim is None else input
    x = x if x.ndim else reshape(x, 1)
    d = shapes.axis(0 if dim is None else dim, x.ndim)
    n = x.shape[d]
    if isinstance(repeats, int) or (hasattr(repeats, "spec") and repeats.numel() == 1):
        times = repeats if isinstance(repeats, int) else int(_counts(reshape(repeats, 1))[0])
        if times < 0:
            raise ShapeError(f"repeat_interleave: counts cannot be negative, found {times}")
        wide = ops.view(x, shape=(*x.shape[: d + 1], 1, *x.shape[d + 1 :]))
        wide = ops.expand(wide, shape=(*x.shape[: d + 1], times, *x.shape[d + 1 :]))
        _as_long(range(n * times), output_size)
        return ops.view(ops.clone(wide), shape=(*x.shape[:d], n * times, *x.shape[d + 1 :]))
    counts = _counts(repeats)
    if len(counts) != n:
        raise ShapeError(
            f"repeat_interleave: repeats must have a count for each of the {n} elements of the axis, found {len(counts)}"
        )
    return ops.index(x, _as_long(np.repeat(np.arange(n), counts), output_size), dims=(d,))


def _counts(repeats: Any) -> np.ndarray:
    """Counts as NumPy has them: non-negative, one axis at most."""
    if not hasattr(repeats, "spec"):
        repeats = np.asarray(repeats)
    else:
        if repeats.dtype not in (dtypes.int32, dtypes.int64):
            raise DTypeError(f"repeats must be int32 or int64, found {repeats.dtype.name}")
        repeats = repeats._concrete("repeat_interleave with counts in a tensor")
    if repeats.ndim > 1:
        raise ShapeError(f"repeats must have one axis, found {repeats.ndim}")
    if repeats.size and repeats.min() < 0:
        raise ShapeError(f"repeats cannot be negative, found {repeats.min()}")
    return repeats.reshape(-1)


def _as_long(found: Any, output_size: int | None) -> Any:
    if output_size is not None and len(found) != output_size:
        raise ShapeError(
            f"repeat_interleave: the counts add up to {len(found)}, output_size says {output_size}"
        )
    return found


# --------------------------------------------------------------------------------------------- diagonals, triangles


def diag_embed(input: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """The last axis laid on the diagonal of two new ones, zeros elsewhere: the inverse of
    `diagonal`.

    >>> diag_embed(cr.ones(2), offset=1)
    tensor([[0., 1., 0.],
            [0., 0., 1.],
            [0., 0., 0.]])
    """
    if not input.ndim:
        raise ShapeError("diag_embed: a 0-d tensor has no axis to lay on a diagonal")
    ndim = input.ndim + 1
    a, b = shapes.axis(dim1, ndim), shapes.axis(dim2, ndim)
    if a == b:
        raise ShapeError(f"diag_embed needs two different axes, found {dim1} and {dim2}")
    size = input.shape[-1] + abs(offset)
    rest = iter(input.shape[:-1])
    shape = tuple([size if k in (a, b) else next(rest) for k in range(ndim)])
    path = ((ops.diagonal, (("offset", offset), ("dim1", a), ("dim2", b))),)
    return ops.view_scatter(ops.full(shape=shape, value=0, dtype=input.dtype), input, path=path)


def diag(input: Any, diagonal: int = 0) -> Any:
    """The diagonal of a matrix, or the matrix with a vector on its diagonal."""
    if input.ndim == 2:
        return ops.clone(ops.diagonal(input, offset=diagonal))
    if input.ndim != 1:
        raise ShapeError(f"diag takes a vector or a matrix, found {input.ndim} axes")
    return diag_embed(input, diagonal)


def diagflat(input: Any, offset: int = 0) -> Any:
    """The matrix with all elements of a tensor on its diagonal."""
    return diag_embed(reshape(input, -1), offset)


def tril(input: Any, diagonal: int = 0) -> Any:
    """The lower triangle of the last two axes."""
    return ops.tril(input, diagonal=diagonal)


def triu(input: Any, diagonal: int = 0) -> Any:
    """The upper triangle of the last two axes."""
    return ops.triu(input, diagonal=diagonal)


def unravel_index(indices: Any, shape: Any) -> tuple:
    """For each place in a flattened tensor of a shape, its index along every axis.

    >>> unravel_index(cr.tensor([4, 5]), (2, 3))
    (tensor([1, 1]), tensor([1, 2]))
    """
    if indices.dtype.category != dtypes.INTEGER:
        raise DTypeError(f"unravel_index takes integers, found {indices.dtype.name}")
    sizes = (operator.index(shape),) if not isinstance(shape, (tuple, list)) else tuple(shape)
    if any([n < 0 for n in sizes]):
        raise ShapeError(f"unravel_index: sizes cannot be negative, found {sizes}")
    found = indices._concrete("unravel_index")
    count = shapes.size(sizes)
    if found.size and (found.min() < -count or found.max() >= count):
        raise RangeError(f"unravel_index: a place is out of range for {count} elements")
    if not indices.numel():
        return tuple([indices.to(dtypes.int64)] * len(sizes))
    indices, out = indices.to(dtypes.int64), []
    for n in reversed(sizes):
        out.append(ops.remainder(indices, n))
        indices = ops.floor_divide(indices, n)
    return tuple(reversed(out))
