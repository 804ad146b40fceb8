"""Putting elements in order; results are PyTorch's named tuples."""

from __future__ import annotations

from typing import Any

from ... import ops
from ...base import dtypes
from ...base.errors import ArgumentError, DTypeError, ShapeError
from .results import result_type

__all__ = [
    "argsort", "bucketize", "msort", "searchsorted", "sort", "topk",
]  # fmt: skip

sort_result = result_type("sort", "values", "indices")
topk_result = result_type("topk", "values", "indices")


def sort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """(values, indices) in order along an axis. Always stable, whether asked or not."""
    return sort_result(*ops.sort(input, dim=dim, descending=descending))


def argsort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """The indices that put an axis in order. Always stable, whether asked or not."""
    return ops.argsort(input, dim=dim, descending=descending)


def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The k largest or smallest elements: (values, indices). Always in order, whether asked or
    not.
    """
    return topk_result(*ops.topk(input, k=k, dim=dim, largest=largest))


def msort(input: Any) -> Any:
    """The elements in ascending order along the first axis."""
    return ops.sort(input, dim=0)[0]


def searchsorted(
    sorted_sequence: Any,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Any = None,
) -> Any:
    """Where each value would be inserted into an ascending sequence (its last axis): before those
    equal to it, or behind them if `right` or side='right'. `sorter` is the order of a sequence that is not.
    """
    if side not in (None, "left", "right") or (right and side == "left"):
        raise ArgumentError(f"side is 'left' or 'right', found {side!r} and right={right}")
    if sorter is not None:
        if tuple(sorter.shape) != tuple(sorted_sequence.shape):
            raise ShapeError(
                f"the sorter has the shape of the sequence, {tuple(sorted_sequence.shape)}, found {tuple(sorter.shape)}"
            )
        if sorter.dtype is not dtypes.int64:
            raise DTypeError(f"the sorter holds int64 indices, found {sorter.dtype.name}")
        sorted_sequence = ops.gather(sorted_sequence, sorter, dim=-1)
    if isinstance(input, int | float):
        if sorted_sequence.ndim != 1:
            raise ShapeError("a number is looked for in a vector of values")
    found = ops.searchsorted(sorted_sequence, input, right=right or side == "right")
    return ops.cast(found, dtype=dtypes.int32) if out_int32 else found


def bucketize(input: Any, boundaries: Any, *, out_int32: bool = False, right: bool = False) -> Any:
    """The bucket between ascending boundaries that each value falls into; a value equal to one
    belongs to the bucket below it, or above if `right`.
    """
    if boundaries.ndim != 1:
        raise ShapeError(f"bucketize: the boundaries are a vector, found {boundaries.ndim} axes")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)
