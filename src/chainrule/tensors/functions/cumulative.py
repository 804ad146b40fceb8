"""What runs along an axis: sums, products and extremes so far, differences, areas under points."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

from ... import ops
from ...base import dtypes, shapes
from ...base.errors import ShapeError
from .reduction import in_dtype

__all__ = [
    "cummax", "cummin", "cumprod", "cumsum", "cumulative_trapezoid", "diff", "logcumsumexp",
    "trapezoid", "trapz",
]  # fmt: skip

cummax_result = namedtuple("cummax", ("values", "indices"))  # type: ignore[name-match]
cummin_result = namedtuple("cummin", ("values", "indices"))  # type: ignore[name-match]


def cumsum(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """Cumulative sum along an axis."""
    return in_dtype(ops.cumsum(in_dtype(input, dtype), dim=dim), dtype)


def cumprod(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """Cumulative product along an axis."""
    return in_dtype(ops.cumprod(in_dtype(input, dtype), dim=dim), dtype)


def cummax(input: Any, dim: int) -> Any:
    """(values, indices) of the largest elements so far along an axis."""
    return cummax_result(*ops.cummax(input, dim=dim))


def cummin(input: Any, dim: int) -> Any:
    """(values, indices) of the smallest elements so far along an axis."""
    return cummin_result(*ops.cummin(input, dim=dim))


def logcumsumexp(input: Any, dim: int) -> Any:
    """ln of the cumulative sum of e^x along an axis, without overflow."""
    return ops.logcumsumexp(input, dim=dim)


def _ends(input: Any, dim: int) -> tuple:
    """All but the first elements of an axis, and all but the last."""
    n = input.shape[dim]
    return (
        ops.slice_(input, dim=dim, start=1, stop=n),
        ops.slice_(input, dim=dim, start=0, stop=max(n - 1, 0)),
    )


def diff(input: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Differences of neighbours along an axis, n times over; of bools, whether they differ. `prepend`
    and `append` are joined to the axis before, but for n = 0.
    """
    if not input.ndim:
        raise ShapeError("diff takes a tensor of at least one axis, found a 0-d one")
    if n < 0:
        raise ShapeError(f"diff: the order n cannot be negative, found {n}")
    dim = shapes.axis(dim, input.ndim)
    if n == 0:
        return ops.clone(input)
    parts = [x for x in (prepend, input, append) if x is not None]
    x = ops.cat(*parts, dim=dim) if len(parts) > 1 else input
    for _ in range(min(n, x.shape[dim])):
        behind, before = _ends(x, dim)
        x = (ops.logical_xor if x.dtype is dtypes.bool_ else ops.sub)(behind, before)
    return x


def _areas(y: Any, x: Any, dx: Any, dim: int) -> tuple[Any, int]:
    """The area between each two neighbours: their mean times their distance."""
    dim = shapes.axis(dim, y.ndim)
    if x is not None and dx is not None:
        raise TypeError("the distances are those of x, or dx, not both")
    behind, before = _ends(y, dim)
    if x is None:
        return (behind + before) * ((1 if dx is None else dx) / 2), dim
    if x.ndim == 1:
        if x.shape[0] != y.shape[dim]:
            raise ShapeError(
                f"there are {y.shape[dim]} points along the axis, but x has {x.shape[0]}"
            )
        x = ops.view(x, shape=tuple([-1 if k == dim else 1 for k in range(y.ndim)]))
    elif x.ndim < y.ndim:
        x = ops.view(x, shape=(*[1] * (y.ndim - x.ndim), *x.shape))
    right, left = _ends(x, dim)
    return (behind + before) * (right - left) / 2, dim


def trapezoid(y: Any, x: Any = None, *, dx: Any = None, dim: int = -1) -> Any:
    """The area under points that straight lines join, at positions x or at distances dx (1)."""
    areas, dim = _areas(y, x, dx, dim)
    return ops.sum(areas, dim=dim)


trapz = trapezoid


def cumulative_trapezoid(y: Any, x: Any = None, *, dx: Any = None, dim: int = -1) -> Any:
    """The areas under points that straight lines join, up to each point but the first."""
    areas, dim = _areas(y, x, dx, dim)
    return ops.cumsum(areas, dim=dim)
