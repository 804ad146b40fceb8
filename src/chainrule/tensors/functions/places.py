"""Elements picked at indices, and written to them."""

from __future__ import annotations

from typing import Any

from ... import ops
from ...base import shapes
from ...base.errors import ShapeError
from .shape import reshape

__all__ = [
    "gather", "index_select", "scatter", "scatter_add",
]  # fmt: skip


def gather(input: Any, dim: int, index: Any) -> Any:
    """Elements picked along an axis:  y[i, j] = input[i, index[i, j]]  for dim = 1."""
    return ops.gather(input, index, dim=dim)


def scatter(input: Any, dim: int, index: Any, src: Any = None, *, value: Any = None) -> Any:
    """input with elements replaced along an axis by those of src, or by one value."""
    return ops.scatter(input, index, value if src is None else src, dim=dim)


def scatter_add(input: Any, dim: int, index: Any, src: Any) -> Any:
    """input with the elements of src added along an axis."""
    return ops.scatter_add(input, index, src, dim=dim)


def index_select(input: Any, dim: int, index: Any) -> Any:
    """The slices of an axis at the positions of a vector."""
    if index.ndim > 1:
        raise ShapeError(f"index_select takes a vector of indices, found {index.ndim} axes")
    if not input.ndim:
        return input.clone()
    return ops.index(
        input, index if index.ndim else reshape(index, 1), dims=(shapes.axis(dim, input.ndim),)
    )
