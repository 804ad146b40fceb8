"""Segments: stretches of an axis, reduced to an element each."""

from __future__ import annotations

import math

from ..backends import xp
from ..base import shapes
from ..base.errors import ArgumentError
from ..ops import (
    arange,
    cast,
    expand,
    full,
    maximum,
    scatter_reduce,
    searchsorted,
    slice_,
    view,
    where,
)
from ..ops.explain import refuse
from ..ops.kinds import scatter
from ..ops.promotion import spec_of
from ..ops.record import composite
from ..ops.samples import F, S


def _segments(args, attrs):
    x, offsets = args
    axis = shapes.axis(attrs["axis"], x.ndim)
    if not x.ndim:
        raise refuse("x must have an axis")
    if offsets.ndim != axis + 1 or tuple(offsets.shape[:-1]) != tuple(x.shape[:axis]):
        raise refuse(
            f"offsets must be {tuple(x.shape[:axis])} and one more axis",
            offsets=f"has {tuple(offsets.shape)}",
        )
    if attrs["reduce"] not in ("sum", "mean", "prod", "max", "min"):
        raise ArgumentError(
            f"reduce must be 'sum', 'mean', 'prod', 'max' or 'min', found {attrs['reduce']!r}"
        )
    return attrs | {"axis": axis}


@composite(
    scatter,
    types="floating",
    promotes=("x",),
    normalize=_segments,
    samples=(
        *[S(F(7, 2), xp.asarray([0, 2, 5]), axis=0, reduce=r, initial=None) for r in ("mean", "max", "min")],
        *[S(F(7), xp.asarray([1, 3, 3, 7]), axis=0, reduce=r, initial=None) for r in ("sum", "prod")],
        *[S(F(2, 5, 3), xp.asarray([[0, 2, 5], [1, 1, 4]]), axis=1, reduce=r, initial=0.5) for r in ("mean", "prod", "max")],
    ),
)  # fmt: skip
def segment_reduce(x, offsets, /, *, axis, reduce, initial=None):
    """The sum, mean, product, largest or smallest of each segment of an axis: those elements from one of the offsets up to the next.

    x is (…, N, …) and offsets (…, S + 1), which gives (…, S, …). `initial` takes part in each segment, in a mean without being counted.
    Without, an empty segment gives 0, NaN, 1, −∞ or ∞.
    """
    n, segments = x.shape[axis], offsets.shape[-1] - 1
    places = expand(arange(start=0, step=1, count=n, dtype="int64"), shape=(*x.shape[:axis], n))
    at = searchsorted(
        offsets, places, right=True
    )  # 0 before the first segment, S + 1 behind the last
    rest = x.shape[axis + 1 :]
    at = expand(view(at, shape=(*at.shape, *[1] * len(rest))), shape=x.shape)
    shape = (*x.shape[:axis], segments + 2, *rest)
    begin = {"sum": 0.0, "mean": 0.0, "prod": 1.0, "max": -math.inf, "min": math.inf}[reduce]
    how = {"mean": "sum", "max": "amax", "min": "amin"}.get(reduce, reduce)
    y = full(shape=shape, value=begin, dtype=spec_of(x).dtype)
    y = scatter_reduce(y, at, x, dim=axis, reduce=how, include_self=False)
    y = slice_(y, dim=axis, start=1, stop=segments + 1)
    if initial is not None:
        if reduce in ("sum", "mean"):
            y = y + initial
        elif reduce == "prod":
            y = y * initial
        else:
            y = where(y < initial if reduce == "max" else y > initial, initial, y)
    if reduce != "mean":
        return y
    count = slice_(offsets, dim=-1, start=1, stop=segments + 1) - slice_(
        offsets, dim=-1, start=0, stop=segments
    )
    count = view(count, shape=(*count.shape, *[1] * len(rest)))
    if initial is not None:
        count = maximum(count, 1)
    return y / cast(count, dtype=y.dtype)
