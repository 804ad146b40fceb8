"""Distinct elements and how often they occur. The shapes of the results depend on values, so a traced
program has no place for these; nothing here has a derivative.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base import dtypes, shapes
from ..base.errors import ArgumentError, DTypeError, ShapeError
from .core import Tensor, made_of
from .functions.results import result_type

__all__ = [
    "bincount", "histc", "histogram", "histogramdd", "unique", "unique_consecutive",
]  # fmt: skip

histogram_result = result_type("histogram", "hist", "bin_edges")
histogramdd_result = result_type("histogramdd", "hist", "bin_edges")


def _numbers(input: Tensor, name: str) -> np.ndarray:
    """The elements as NumPy compares them: bfloat16 as the float32 numbers they are."""
    v = input._concrete(name)
    return dtypes.float32_from_bits(v) if input.dtype is dtypes.bfloat16 else v


def _answer(values: Tensor, inverse: Any, counts: Any, asked: tuple[bool, bool]) -> Any:
    """The values alone, or with what was asked for beside them."""
    more = [
        made_of(np.asarray(v, np.int64))
        for v, on in zip((inverse, counts), asked, strict=True)
        if on
    ]
    return (values, *more) if more else values


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct elements, or slices of an axis, in ascending order, whether asked or not; where
    each element is among them (`return_inverse`), and how often each occurs (`return_counts`).
    """
    x = _numbers(input, "unique()")
    axis = None if dim is None else shapes.axis(dim, x.ndim)
    if axis is not None and x.size == 0 and x.shape[axis] != 0:
        raise ShapeError(
            f"unique: slices of shape {x.shape} along dimension {axis} have no elements"
        )
    y, inverse, counts = np.unique(
        x, return_inverse=True, return_counts=True, axis=axis, equal_nan=False
    )
    inverse = inverse.reshape(x.shape if axis is None else -1)
    return _answer(made_of(y).to(input.dtype), inverse, counts, (return_inverse, return_counts))


def unique_consecutive(
    input: Tensor,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The elements, or slices of an axis, without those equal to the one before; where each element
    is among them (`return_inverse`), and how many stood there (`return_counts`).
    """
    x = _numbers(input, "unique_consecutive()")
    if dim is None:
        rows = x.reshape(-1, 1)
    else:
        axis = shapes.axis(dim, x.ndim)
        if x.size == 0 and x.shape[axis] != 0:
            raise ShapeError(f"unique_consecutive: slices of shape {x.shape} have no elements")
        rows = np.moveaxis(x, axis, 0)
        rows = rows.reshape(len(rows), shapes.size(rows.shape[1:]))
    first = np.ones(len(rows), bool)
    first[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    places = np.flatnonzero(first)
    y = x.reshape(-1)[places] if dim is None else np.take(x, places, axis)
    inverse = np.cumsum(first) - 1
    counts = np.diff(places, append=len(rows))
    inverse = inverse.reshape(x.shape) if dim is None else inverse
    return _answer(made_of(y).to(input.dtype), inverse, counts, (return_inverse, return_counts))


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each of 0, 1, 2, … occurs in a vector of integers, or the sum of the weights where
    it does; at least `minlength` of them.
    """
    if input.ndim != 1 or input.dtype.category != dtypes.INTEGER:
        raise DTypeError(
            f"bincount takes a vector of integers, found {input.dtype.name} {tuple(input.shape)}"
        )
    if minlength < 0:
        raise ShapeError(f"bincount: minlength cannot be negative, found {minlength}")
    if weights is not None and tuple(weights.shape) != tuple(input.shape):
        raise ShapeError(
            f"bincount: there is a weight for each element, {tuple(input.shape)}, found {tuple(weights.shape)}"
        )
    x = _numbers(input, "bincount()")
    if x.size and int(x.min()) < 0:
        raise ShapeError(f"bincount counts numbers that are not negative, found {int(x.min())}")
    if weights is None:
        return made_of(np.bincount(x, minlength=minlength).astype(np.int64))
    if not x.size:  # as PyTorch
        return made_of(np.zeros(minlength, np.int64))
    wide = np.asarray(_numbers(weights.detach(), "bincount()"), np.float64)
    y = made_of(np.bincount(x, wide, minlength))
    return y.to(dtypes.float32 if weights.dtype is dtypes.float32 else dtypes.float64)


def _limits(x: np.ndarray, low: float, high: float, apart: float) -> tuple[float, float]:
    """Where a histogram begins and ends: at the extremes of the elements if both are given as equal,
    `apart` from these if they are equal too.
    """
    if low == high and x.size:
        low, high = float(x.min()), float(x.max())
    if low == high:
        low, high = low - apart, high + apart
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ShapeError(f"a histogram has finite ends, found {low} and {high}")
    if low > high:
        raise ShapeError(f"a histogram ends above its beginning, found {low} and {high}")
    return low, high


def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements fall into each of some bins of equal width from min to max (the extremes of
    the elements if both are equal), in the dtype of input.
    """
    if bins <= 0:
        raise ShapeError(f"histc: there is at least one bin, found {bins}")
    x = _numbers(input, "histc()").reshape(-1)
    low, high = _limits(x, min, max, 1.0)
    edges = made_of(np.linspace(low, high, bins + 1)).to(input.dtype)  # as far apart as it can hold
    return made_of(_binned(x, _numbers(edges, "histc()"), None)).to(input.dtype)


def _binned(x: np.ndarray, edges: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """The count or weight between each two edges; the last bin contains its upper one."""
    place, inside = _bins(x, edges)
    return np.bincount(place[inside], None if weights is None else weights[inside], len(edges) - 1)


def _bins(x: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """In which bin each element is, and whether in any."""
    place = np.searchsorted(edges, x, side="right") - 1
    place = np.where(x == edges[-1], len(edges) - 2, place)
    return place, (place >= 0) & (place < len(edges) - 1)


def histogram(
    input: Tensor,
    bins: Any,
    *,
    range: tuple[float, float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Any:
    """(hist, bin_edges): how many elements, or how much weight, falls into each bin, or its share over
    the bin's width (`density`). `bins` is a number of bins of equal width over `range`, or ascending edges.
    A bin contains its lower edge, the last both.
    """
    if input.dtype not in (dtypes.float32, dtypes.float64):
        raise DTypeError(f"histogram takes float32 and float64, found {input.dtype.name}")
    x = _numbers(input.detach(), "histogram()").reshape(-1)
    if weight is not None and tuple(weight.shape) != tuple(input.shape):
        raise ShapeError(
            f"histogram: there is a weight for each element, {tuple(input.shape)}, found {tuple(weight.shape)}"
        )
    if weight is not None and weight.dtype is not input.dtype:
        raise DTypeError(f"histogram: input is {input.dtype.name}, but weight {weight.dtype.name}")
    if isinstance(bins, Tensor):
        if range is not None:
            raise ArgumentError("histogram: the edges are given, so there is no range to be given")
        if bins.dtype is not input.dtype:
            raise DTypeError(f"histogram: input is {input.dtype.name}, but bins {bins.dtype.name}")
        edges = _numbers(bins.detach(), "histogram()").reshape(-1)
    else:
        if bins <= 0:
            raise ShapeError(f"histogram: there is at least one bin, found {bins}")
        low, high = (
            (0.0, 1.0) if range is None and not x.size else _limits(x, *(range or (0.0, 0.0)), 0.5)
        )
        edges = np.linspace(low, high, bins + 1).astype(x.dtype)
    w = None if weight is None else _numbers(weight.detach(), "histogram()").reshape(-1)
    y = _binned(x, edges, w).astype(x.dtype)
    if density:
        y = y / y.sum() / np.diff(edges)
    return histogram_result(made_of(y.astype(x.dtype)), made_of(edges.copy()))


def histogramdd(
    input: Tensor,
    bins: Any,
    *,
    range: Any = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Any:
    """(hist, bin_edges): how many points, or how much weight, falls into each cell of a grid, or its share over the cell's volume
    (`density`).

    Args:
        input: points, (…, N): each row of N coordinates is one.
        bins: a number of bins of equal width, one for each coordinate, or ascending edges for each.
        range: from where to where for each coordinate, 2N numbers; the extremes of the points if left out.
        weight: how much each point counts, (…).
        density: whether the cells, each times its volume, sum to 1.

    >>> points = cr.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> histogramdd(points, bins=[2, 2]).hist
    tensor([[0., 1.],
            [1., 1.]])
    """
    if input.dtype not in (dtypes.float32, dtypes.float64):
        raise DTypeError(f"histogramdd takes float32 and float64, found {input.dtype.name}")
    if input.ndim < 2:
        raise ShapeError(f"histogramdd takes points (…, N), found shape {tuple(input.shape)}")
    x = _numbers(input.detach(), "histogramdd()").reshape(-1, input.shape[-1])
    count = x.shape[1]
    if weight is not None and tuple(weight.shape) != tuple(input.shape[:-1]):
        raise ShapeError(
            f"histogramdd: there is a weight for each point, {tuple(input.shape[:-1])}, found {tuple(weight.shape)}"
        )
    if weight is not None and weight.dtype is not input.dtype:
        raise DTypeError(
            f"histogramdd: input is {input.dtype.name}, but weight {weight.dtype.name}"
        )
    each = list(bins) if isinstance(bins, list | tuple) else [bins] * count
    if len(each) != count:
        raise ShapeError(
            f"histogramdd: there are bins for each of {count} coordinates, found {len(each)}"
        )
    if any([isinstance(b, Tensor) for b in each]):
        if range is not None:
            raise ArgumentError(
                "histogramdd: the edges are given, so there is no range to be given"
            )
        if any([not isinstance(b, Tensor) or b.dtype is not input.dtype for b in each]):
            raise DTypeError(
                f"histogramdd: edges are tensors of the input's dtype, {input.dtype.name}"
            )
        edges = [_numbers(b.detach(), "histogramdd()").reshape(-1) for b in each]
    else:
        if any([b <= 0 for b in each]):
            raise ShapeError(f"histogramdd: there is at least one bin, found {min(each)}")
        if range is not None and len(range) != 2 * count:
            raise ShapeError(f"histogramdd: range is {2 * count} numbers, found {len(range)}")
        ends = (
            [(0.0, 0.0)] * count
            if range is None
            else list(zip(range[::2], range[1::2], strict=True))
        )
        if range is None and not x.size:
            ends = [(0.0, 1.0)] * count
        pairs = [_limits(column, *end, 0.5) for column, end in zip(x.T, ends, strict=True)]
        edges = [np.linspace(*p, n + 1).astype(x.dtype) for p, n in zip(pairs, each, strict=True)]
    shape = tuple([len(e) - 1 for e in edges])
    found = [_bins(column, e) for column, e in zip(x.T, edges, strict=True)]
    inside = np.all([ok for _, ok in found], axis=0)
    w = None if weight is None else _numbers(weight.detach(), "histogramdd()").reshape(-1)[inside]
    cell = np.ravel_multi_index([place[inside] for place, _ in found], shape)
    y = np.bincount(cell, w, int(np.prod(shape))).astype(x.dtype).reshape(shape)
    if density:
        y = y / y.sum()
        for k, e in enumerate(edges):
            y = y / np.diff(e).reshape(-1, *[1] * (count - k - 1))
    return histogramdd_result(made_of(y.astype(x.dtype)), [made_of(e.copy()) for e in edges])
