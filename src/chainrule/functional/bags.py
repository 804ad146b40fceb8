"""Bags: vectors summed, averaged or maximised in groups of any size."""

from __future__ import annotations

import math

from ..backends import xp
from ..ops import (
    arange,
    cast,
    cumsum,
    expand,
    full,
    gather,
    index_put,
    max_along,
    maximum,
    minimum,
    scatter_extreme,
    slice_,
    sum,
    view,
    where,
)
from ..ops.explain import refuse
from ..ops.kinds import reduce, scatter
from ..ops.record import composite
from ..ops.samples import B, F, S


def _rows_of_bags(args, attrs):
    rows, weight, kept = args
    if rows.ndim != 3:
        raise refuse("rows must be (B, N, C)", rows=f"has {rows.ndim} axes")
    for name, v in (("weight", weight), ("kept", kept)):
        if v is not None and tuple(v.shape) != tuple(rows.shape[:2]):
            raise refuse(f"{name} must be (B, N)", **{name: f"has shape {tuple(v.shape)}"})
    if attrs["mode"] not in ("sum", "mean", "max"):
        raise refuse(f"mode must be 'sum', 'mean' or 'max', found {attrs['mode']!r}")
    return attrs


@composite(
    reduce,
    types="floating",
    promotes=("rows", "weight"),
    normalize=_rows_of_bags,
    samples=(
        S(F(5, 3, 2), F(5, 3), B(5, 3), mode="sum"),
        S(F(5, 3, 2), None, B(5, 3), mode="mean"),
        S(F(5, 3, 2), None, B(5, 3), mode="max"),
        S(F(5, 3, 2), None, None, mode="max"),
    ),
)
def reduce_bags(rows, weight=None, kept=None, /, *, mode="mean"):
    """Bags of one length, rows (B, N, C) → (B, C): their sum (each vector times its weight), mean or
    maximum. Where `kept` (B, N) is false a vector does not count; an empty bag gives 0.
    """
    n, length = rows.shape[:2]
    if kept is not None:
        rows = where(view(kept, shape=(n, length, 1)), rows, -math.inf if mode == "max" else 0.0)
    if mode == "max" and length:
        y, _ = max_along(rows, dim=1)
        if kept is None:
            return y
        some = sum(cast(kept, dtype="int64"), dim=1, keepdim=True) > 0
        return where(some, y, 0.0)
    if weight is not None:
        rows = rows * view(weight, shape=(n, length, 1))
    y = sum(rows, dim=1)
    if mode != "mean":
        return y
    if kept is None:
        return y / max(length, 1)
    return y / cast(maximum(sum(cast(kept, dtype="int64"), dim=1, keepdim=True), 1), dtype=y.dtype)


def _starts_of_bags(args, attrs):
    rows, starts, weight, kept = args
    if rows.ndim != 2 or starts.ndim != 1:
        raise refuse("rows must be (N, C) and starts (B,)")
    for name, v in (("weight", weight), ("kept", kept)):
        if v is not None and tuple(v.shape) != tuple(rows.shape[:1]):
            raise refuse(f"{name} must be (N,)", **{name: f"has shape {tuple(v.shape)}"})
    return attrs


@composite(
    scatter,
    types="floating",
    promotes=("rows", "weight"),
    normalize=_starts_of_bags,
    samples=(
        S(F(7, 2), xp.asarray([0, 3, 3, 5]), F(7), B(7), mean=False),
        S(F(7, 2), xp.asarray([0, 3, 3, 5]), None, B(7), mean=True),
        S(F(7, 2), xp.asarray([0, 7]), None, None, mean=True),
    ),
)
def sum_bags(rows, starts, weight=None, kept=None, /, *, mean=False):
    """Bags one after another, rows (N, C) → (B, C): the sum (each vector times its weight) or mean
    of those from one of `starts` (B,) up to the next. Where `kept` (N,) is false a vector does not
    count; an empty bag gives 0.
    """
    (n, c), bags = rows.shape, starts.shape[0]
    one = full(shape=starts.shape, value=1, dtype="int64")
    begun = full(shape=(n + 1,), value=0, dtype="int64")
    begun = index_put(begun, one, starts, dims=(0,), accumulate=True)
    bag = slice_(cumsum(begun, dim=0), dim=0, start=0, stop=n, step=1) - 1
    if kept is not None:
        rows = where(view(kept, shape=(n, 1)), rows, 0.0)
    if weight is not None:
        rows = rows * view(weight, shape=(n, 1))
    y = full(shape=(bags, c), value=0.0, dtype=rows.dtype)
    y = index_put(y, rows, bag, dims=(0,), accumulate=True)
    if not mean:
        return y
    counted = full(shape=(n,), value=1, dtype="int64")
    counted = counted if kept is None else cast(kept, dtype="int64")
    count = full(shape=(bags,), value=0, dtype="int64")
    count = maximum(index_put(count, counted, bag, dims=(0,), accumulate=True), 1)
    return y / view(cast(count, dtype=y.dtype), shape=(bags, 1))


def _starts_and_kept(args, attrs):
    rows, starts, kept = args
    _starts_of_bags((rows, starts, None, kept), attrs)
    return attrs


@composite(
    scatter,
    types="floating",
    promotes=("rows",),
    normalize=_starts_and_kept,
    samples=(
        S(F(7, 2), xp.asarray([0, 3, 3, 5]), B(7)),
        S(F(7, 2), xp.asarray([0, 7]), None),
    ),
)
def max_bags(rows, starts, kept=None, /):
    """Bags one after another, rows (N, C) → (B, C): the maximum of those from one of `starts` (B,) up
    to the next. Where `kept` (N,) is false a vector does not count; an empty bag gives 0.

    Of equal numbers the first receives the gradient. How long the bags are is nowhere asked.
    """
    (n, c), bags = rows.shape, starts.shape[0]
    one = full(shape=starts.shape, value=1, dtype="int64")
    begun = full(shape=(n + 1,), value=0, dtype="int64")
    begun = index_put(begun, one, starts, dims=(0,), accumulate=True)
    bag = slice_(cumsum(begun, dim=0), dim=0, start=0, stop=n, step=1) - 1
    if not n:
        y = full(shape=(bags, c), value=0.0, dtype=rows.dtype)
        return index_put(y, rows, bag, dims=(0,), accumulate=True)
    counted = full(shape=(n,), value=1, dtype="int64")
    if kept is not None:
        counted = cast(kept, dtype="int64")
        rows = where(view(kept, shape=(n, 1)), rows, -math.inf)
    at = expand(view(bag, shape=(n, 1)), shape=(n, c))
    y = full(shape=(bags, c), value=-math.inf, dtype=rows.dtype)
    y = scatter_extreme(y, at, rows, dim=0, largest=True)
    here = (rows == gather(y, at, dim=0)) | (rows != rows)
    place = view(arange(start=0, step=1, count=n, dtype="int64"), shape=(n, 1))
    first = full(shape=(bags, c), value=n, dtype="int64")
    first = scatter_extreme(first, at, where(here, place, n), dim=0, largest=False)
    y = gather(rows, minimum(first, n - 1), dim=0)
    count = full(shape=(bags,), value=0, dtype="int64")
    count = index_put(count, counted, bag, dims=(0,), accumulate=True)
    return where(view(count, shape=(bags, 1)) > 0, y, 0.0)
