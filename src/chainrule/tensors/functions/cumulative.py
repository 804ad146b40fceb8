"""What runs along an axis: sums, products and extremes so far, differences, areas under points."""

from __future__ import annotations

from typing import Any

from ... import ops
from ...base import dtypes, shapes
from ...base.errors import ArgumentError, ShapeError
from .reduction import in_dtype
from .results import result_type

__all__ = [
    "cummax", "cummin", "cumprod", "cumsum", "cumulative_trapezoid", "diff", "gradient", "logcumsumexp",
    "trapezoid", "trapz",
]  # fmt: skip

cummax_result = result_type("cummax", "values", "indices")
cummin_result = result_type("cummin", "values", "indices")


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
    if not y.shape[dim]:
        return ops.cast(ops.sum(areas, dim=dim), dtype=y.dtype)  # of no points, in their dtype
    return ops.sum(areas, dim=dim)


trapz = trapezoid


def cumulative_trapezoid(y: Any, x: Any = None, *, dx: Any = None, dim: int = -1) -> Any:
    """The areas under points that straight lines join, up to each point but the first."""
    areas, dim = _areas(y, x, dx, dim)
    return ops.cumsum(areas, dim=dim)


def gradient(input: Any, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> tuple:
    """Estimates of the derivative along some axes (all unless given), from each element's neighbours,
    exact for parabolas inside; at the ends from the two (edge_order 1) or three (2) nearest.

    `spacing` is the distance of neighbours: one number, or for each axis a number or the coordinates, a vector.
    Source: Fornberg 1988.
    """
    if edge_order not in (1, 2):
        raise ArgumentError(f"gradient: edge_order is 1 or 2, found {edge_order}")
    dims = shapes.axes(tuple(dim) if isinstance(dim, list) else dim, input.ndim)
    if isinstance(dim, (list, tuple)):
        dims = tuple([shapes.axis(d, input.ndim) for d in dim])  # in the order that was asked for
    spacing = 1 if spacing is None else spacing
    steps = list(spacing) if isinstance(spacing, (list, tuple)) else [spacing] * len(dims)
    if len(steps) != len(dims):
        raise ShapeError(f"gradient: a spacing for each of {len(dims)} axes, found {len(steps)}")
    return tuple([_slope(input, d, h, edge_order) for d, h in zip(dims, steps, strict=True)])


def _slope(x: Any, dim: int, spacing: Any, edge_order: int) -> Any:
    """The derivative along one axis."""
    n = x.shape[dim]
    if n <= edge_order:
        raise ShapeError(
            f"gradient: edge_order {edge_order} needs {edge_order + 1} elements along an axis, found {n}"
        )
    if isinstance(spacing, bool | int | float) or not spacing.ndim:
        widths = ops.zeros_like(_ends(x, dim)[0]) + spacing
    else:
        if tuple(spacing.shape) != (n,):
            raise ShapeError(
                f"gradient: {n} coordinates along dimension {dim}, found shape {tuple(spacing.shape)}"
            )
        shape = tuple([-1 if k == dim else 1 for k in range(x.ndim)])
        widths = ops.view(diff(spacing), shape=shape)
    slopes = diff(x, dim=dim) / widths  # between neighbours

    def part(v: Any, start: int, stop: int) -> Any:
        return ops.slice_(v, dim=dim, start=start, stop=stop)

    first, last = part(slopes, 0, 1), part(slopes, n - 2, n - 1)
    if n > 2:
        left, right = part(widths, 0, n - 2), part(widths, 1, n - 1)
        share = left / (left + right)
        inside = part(slopes, 0, n - 2) * (1 - share) + part(slopes, 1, n - 1) * share
        if edge_order == 2:  # the slope of the parabola through the three nearest
            h, k = part(widths, 0, 1), part(widths, 1, 2)
            first = first + (first - part(slopes, 1, 2)) * h / (h + k)
            h, k = part(widths, n - 2, n - 1), part(widths, n - 3, n - 2)
            last = last + (last - part(slopes, n - 3, n - 2)) * h / (h + k)
        return ops.cat(first, inside, last, dim=dim)
    return ops.cat(first, last, dim=dim)
