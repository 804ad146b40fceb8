"""Joining tensors along an axis, and cutting an axis into pieces."""

from __future__ import annotations

import builtins
import itertools
import operator
from collections.abc import Sequence
from typing import Any

from ... import ops
from ...base import dtypes, shapes
from ...base.errors import DTypeError, ShapeError
from .shape import atleast_1d, atleast_2d, atleast_3d, flat, reshape

__all__ = [
    "block_diag", "cat", "chunk", "column_stack", "concat", "concatenate", "dsplit", "dstack",
    "hsplit", "hstack", "row_stack", "split", "split_with_sizes", "stack", "tensor_split",
    "unsafe_chunk", "unsafe_split", "unsafe_split_with_sizes", "vsplit", "vstack",
]  # fmt: skip

# ----------------------------------------------------------------------------------------------------------- joining


def cat(tensors: Sequence, dim: int = 0) -> Any:
    """Tensors joined along an axis. As in PyTorch, empty tensors of shape (0,) are passed over, but
    for their dtype.

    >>> cat([cr.zeros(2), cr.ones(1)])
    tensor([0., 0., 1.])
    """
    _need_sequence("cat", tensors)
    full_ = [x for x in tensors if tuple(x.shape) != (0,)] or list(tensors)[:1]
    y = ops.cat(*full_, dim=dim)
    if len(full_) < len(tensors):
        dtype = dtypes.promote([(x.dtype, dtypes.AXES) for x in tensors])
        y = ops.cast(y, dtype=dtype) if y.dtype is not dtype else y
    return y


def _need_sequence(name: str, tensors: Any) -> None:
    if not isinstance(tensors, (tuple, list)):
        raise DTypeError(f"{name} takes a list of tensors, found {type(tensors).__name__}")


def concat(tensors: Sequence, dim: int = 0) -> Any:
    """Tensors joined along an axis, the same as `cat`."""
    return cat(tensors, dim)


def concatenate(tensors: Sequence, dim: int = 0) -> Any:
    """Tensors joined along an axis, NumPy's name for `cat`."""
    return cat(tensors, dim)


def stack(tensors: Sequence, dim: int = 0) -> Any:
    """Tensors of one shape joined along a new axis."""
    _need_sequence("stack", tensors)
    return ops.stack(*tensors, dim=dim)


def hstack(tensors: Sequence) -> Any:
    """Tensors joined along the second axis (vectors: along their only one)."""
    xs = _several("hstack", tensors, atleast_1d)
    return cat(xs, 0 if xs[0].ndim == 1 else 1)


def vstack(tensors: Sequence) -> Any:
    """Tensors joined along the first axis; vectors become rows."""
    return cat(_several("vstack", tensors, atleast_2d), 0)


def row_stack(tensors: Sequence) -> Any:
    """Tensors joined along the first axis, the same as `vstack`."""
    return vstack(tensors)


def dstack(tensors: Sequence) -> Any:
    """Tensors joined along the third axis, after `atleast_3d`."""
    return cat(_several("dstack", tensors, atleast_3d), 2)


def column_stack(tensors: Sequence) -> Any:
    """Tensors joined along the second axis; vectors become columns.

    >>> column_stack([cr.arange(2), cr.arange(2)])
    tensor([[0, 0],
            [1, 1]])
    """
    return cat(
        _several("column_stack", tensors, lambda x: reshape(x, -1, 1) if x.ndim < 2 else x), 1
    )


def _several(name: str, tensors: Sequence, f: Any) -> list:
    _need_sequence(name, tensors)
    if not tensors:
        raise ShapeError(f"{name}: there is nothing to join: the list is empty")
    return [f(x) for x in tensors]


def block_diag(*tensors: Any) -> Any:
    """A matrix with the given ones along its diagonal and zeros elsewhere; vectors are rows.

    >>> block_diag(cr.ones(1, 2), cr.ones(2, 1))
    tensor([[1., 1., 0.],
            [0., 0., 1.],
            [0., 0., 1.]])
    """
    if not tensors:
        from ..core import made_of  # which imports this file

        return made_of(ops.full(shape=(1, 0), value=0.0, dtype=dtypes.default()))
    for k, x in enumerate(tensors):
        if x.ndim > 2:
            raise ShapeError(
                f"block_diag takes matrices, found operand {k} of shape {tuple(x.shape)}"
            )
    ranks = [dtypes.AXES if x.ndim else dtypes.ZERO_D for x in tensors]
    dtype = dtypes.promote([(x.dtype, rank) for x, rank in zip(tensors, ranks, strict=True)])
    xs = [atleast_2d(x) for x in tensors]
    xs = [x if x.dtype is dtype else ops.cast(x, dtype=dtype) for x in xs]
    before, width, rows = 0, builtins.sum([x.shape[1] for x in xs]), []
    for x in xs:
        after = width - before - x.shape[1]
        rows.append(ops.pad(x, pads=((0, 0), (before, after)), value=0))
        before += x.shape[1]
    return ops.cat(*rows, dim=0)


# ----------------------------------------------------------------------------------------------------------- cutting


def split(
    tensor: Any, split_size_or_sections: Any = None, dim: int = 0, *, split_size: Any = None
) -> tuple:
    """Views of pieces of an axis: of one size (the last may be smaller), or of the sizes given."""
    sections = split_size if split_size_or_sections is None else split_size_or_sections
    if isinstance(sections, (tuple, list)):
        return split_with_sizes(tensor, sections, dim)
    if not tensor.ndim:
        raise ShapeError("split: a 0-d tensor has no axis to cut")
    n, step = tensor.shape[shapes.axis(dim, tensor.ndim)], operator.index(sections)
    if step < 0 or (step == 0 and n):
        raise ShapeError(f"split: the size of a piece must be positive, found {step}")
    return _pieces(tensor, [min(step, n - k) for k in range(0, n, step)] if n else [0], dim)


def split_with_sizes(input: Any, split_sizes: Sequence[int], dim: int = 0) -> tuple:
    """Views of pieces of an axis, of the sizes given, which add up to its size."""
    if not input.ndim:
        raise ShapeError("split: a 0-d tensor has no axis to cut")
    n, sizes = input.shape[shapes.axis(dim, input.ndim)], [operator.index(s) for s in split_sizes]
    if builtins.sum(sizes) != n or min(sizes, default=0) < 0:
        raise ShapeError(f"split: the sizes {sizes} must add up to the size of the axis, {n}")
    return _pieces(input, sizes, dim)


def _pieces(x: Any, sizes: Sequence[int], dim: int) -> tuple:
    out, start = [], 0
    for s in sizes:
        out.append(ops.slice_(x, dim=dim, start=start, stop=start + s))
        start += s
    return tuple(out)


def chunk(input: Any, chunks: int, dim: int = 0) -> tuple:
    """At most `chunks` views of equal pieces of an axis (the last may be smaller)."""
    if not input.ndim:
        raise ShapeError("chunk: a 0-d tensor has no axis to cut")
    if chunks < 1:
        raise ShapeError(f"chunk: the number of pieces must be positive, found {chunks}")
    n = input.shape[shapes.axis(dim, input.ndim)]
    if n == 0:
        return _pieces(input, [0] * chunks, dim)
    return split(input, max(1, -(-n // chunks)), dim)


def unsafe_chunk(input: Any, chunks: int, dim: int = 0) -> tuple:
    """As `chunk`. PyTorch does not guard its pieces against writes; here writes are always safe."""
    return chunk(input, chunks, dim)


def unsafe_split(tensor: Any, split_size: Any, dim: int = 0) -> tuple:
    """As `split`. PyTorch does not guard its pieces against writes; here writes are always safe."""
    return split(tensor, split_size, dim)


def unsafe_split_with_sizes(input: Any, split_sizes: Sequence[int], dim: int = 0) -> tuple:
    """As `split_with_sizes`; here writes are always safe."""
    return split_with_sizes(input, split_sizes, dim)


def tensor_split(
    input: Any,
    indices_or_sections: Any = None,
    dim: int = 0,
    *,
    indices: Any = None,
    sections: Any = None,
) -> tuple:
    """Views of pieces of an axis: so many of nearly equal size (the first are larger by one), or cut
    before each of the indices given.

    >>> [len(p) for p in tensor_split(cr.arange(7), 3)], [len(p) for p in tensor_split(cr.arange(7), (1, 4))]
    ([3, 2, 2], [1, 3, 3])
    """
    if not input.ndim:
        raise ShapeError("tensor_split: a 0-d tensor has no axis to cut")
    found = [v for v in (indices_or_sections, indices, sections) if v is not None]
    if len(found) != 1:
        raise TypeError("tensor_split takes the number of pieces or the indices to cut before")
    where, n = found[0], input.shape[shapes.axis(dim, input.ndim)]
    if hasattr(where, "spec"):
        if where.ndim > 1 or where.dtype is not dtypes.int64:
            raise DTypeError(
                "tensor_split: a tensor of indices or sections is int64 and has at most one axis, "
                f"found {where.dtype.name} {tuple(where.shape)}"
            )
        where = where.tolist()
    if not isinstance(where, (tuple, list)):
        parts = operator.index(where)
        if parts < 1:
            raise ShapeError(f"tensor_split: the number of pieces must be positive, found {parts}")
        return _pieces(input, [n // parts + (k < n % parts) for k in range(parts)], dim)
    cuts = [0, *[operator.index(k) for k in where], n]
    return tuple([
        ops.slice_(input, dim=dim, start=a, stop=n if k == len(cuts) - 2 else b)
        for k, (a, b) in enumerate(itertools.pairwise(cuts))
    ])  # fmt: skip


def _axis_split(name: str, input: Any, by: Any, dim: int, least: int) -> tuple:
    if input.ndim < least:
        raise ShapeError(f"{name} takes tensors of at least {least} axes, found {input.ndim}")
    if not isinstance(by, (tuple, list)):
        by, n = operator.index(by), input.shape[dim]
        if by < 1 or n % by:
            raise ShapeError(f"{name}: {by} equal pieces of an axis of size {n} are not possible")
    return tensor_split(input, by, dim)


def hsplit(input: Any, *by: Any, indices: Any = None, sections: Any = None) -> tuple:
    """The second axis (of vectors the only one) in equal pieces, or cut before the indices given."""
    dim = 0 if input.ndim == 1 else 1
    return _axis_split("hsplit", input, _one(by, indices, sections), dim, 1)


def vsplit(input: Any, *by: Any, indices: Any = None, sections: Any = None) -> tuple:
    """The first axis in equal pieces, or cut before the indices given."""
    return _axis_split("vsplit", input, _one(by, indices, sections), 0, 2)


def dsplit(input: Any, *by: Any, indices: Any = None, sections: Any = None) -> tuple:
    """The third axis in equal pieces, or cut before the indices given."""
    return _axis_split("dsplit", input, _one(by, indices, sections), 2, 3)


def _one(by: tuple, indices: Any, sections: Any) -> Any:
    if indices is not None or sections is not None:
        return indices if sections is None else sections
    return by[0] if len(by) == 1 else flat(by)
