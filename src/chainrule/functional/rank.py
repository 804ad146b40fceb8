"""Elements by their rank along an axis: the kᵗʰ, the median, quantiles. All are picked from the axis
in order, so their derivative goes to the elements picked.
"""

from __future__ import annotations

from ..base.errors import ArgumentError, ShapeError
from ..ops import (
    cast,
    eq,
    expand,
    floor,
    gather,
    isnan,
    logical_and,
    logical_or,
    maximum,
    minimum,
    permute,
    round,
    select,
    sort,
    sub,
    sum,
    view,
    where,
    zeros_like,
)
from ..ops.explain import refuse
from ..ops.kinds import along, order, reduce
from ..ops.record import composite
from ..ops.samples import F, S


def _rank(args, attrs):
    attrs = along(args, attrs)
    n = args[0].shape[attrs["dim"]] if args[0].ndim else 1
    if not 1 <= attrs["k"] <= n:
        raise refuse(
            f"k must be between 1 and the size of the axis, found k={attrs['k']} for size {n}"
        )
    return attrs


@composite(
    order,
    normalize=_rank,
    outputs=("values", "indices"),
    constant=("indices",),
    reference="torch.kthvalue",
    samples=(S(F(5, 3), k=2, dim=0, keepdim=False), S(F(2, 7), k=7, dim=-1, keepdim=True), S(F(), k=1, dim=0, keepdim=False)),
)  # fmt: skip
def kthvalue(x, /, *, k, dim=-1, keepdim=False):
    """The kᵗʰ smallest element along an axis, counted from 1, and where it was: (values, indices).
    NaN is the largest.
    """
    values, indices = sort(x, dim=dim)
    if not x.ndim:
        return values, indices
    shape = tuple([1 if d == dim else n for d, n in enumerate(x.shape)])
    out = [select(v, dim=dim, index=k - 1) for v in (values, indices)]
    return tuple([view(v, shape=shape) for v in out]) if keepdim else tuple(out)


def _filled(args, attrs):
    attrs = along(args, attrs)
    if args[0].ndim and args[0].shape[attrs["dim"]] == 0:
        raise refuse(f"there is no median of an empty axis (dimension {attrs['dim']} has size 0)")
    return attrs


@composite(
    order,
    normalize=_filled,
    outputs=("values", "indices"),
    constant=("indices",),
    reference="torch.median",
    samples=(
        S(F(5, 3), dim=0, keepdim=False, ignore_nan=False),
        S(F(2, 7), dim=-1, keepdim=True, ignore_nan=True),
        S(F(), dim=0, keepdim=False, ignore_nan=False),
    ),
)
def median_along(x, /, *, dim=-1, keepdim=False, ignore_nan=False):
    """The lower median along an axis and where it was: (values, indices). NaN if any element is, or
    the median of the others if `ignore_nan`.
    """
    values, indices = sort(x, dim=dim)
    if not x.ndim:
        return values, indices
    n = x.shape[dim]
    strange = sum(cast(isnan(x), dtype="int64"), dim=dim, keepdim=True)
    if ignore_nan:
        place = maximum(floor_half(n - strange - 1), 0)
    else:
        place = where(eq(strange, 0), (n - 1) // 2, minimum(n - strange, n - 1))
    out = [gather(v, place, dim=dim) for v in (values, indices)]
    shape = tuple([m for d, m in enumerate(x.shape) if d != dim])
    return tuple(out) if keepdim else tuple([view(v, shape=shape) for v in out])


def floor_half(n):
    """n // 2 of integers."""
    return cast(floor(n / 2), dtype="int64")


@composite(
    reduce,
    law=None,
    reference="torch.median",
    samples=(S(F(5, 3), ignore_nan=False), S(F(7), ignore_nan=True), S(F(), ignore_nan=False)),
)
def median(x, /, *, ignore_nan=False):
    """The lower median of all elements; those equal to it share the gradient evenly."""
    return median_along(view(x, shape=(-1,)), dim=0, ignore_nan=ignore_nan)[0]


def _shared(g, x, y):
    hit = logical_or(eq(x, y), logical_and(isnan(x), isnan(y)))
    return where(hit, g / sum(where(hit, 1.0, zeros_like(x))), 0.0)


median.vjp(x=lambda g, x, y: _shared(g, x, y))

INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile_law(args, attrs):
    attrs = along(args, attrs)
    if attrs["interpolation"] not in INTERPOLATIONS:
        raise ArgumentError(
            f"interpolation is one of {', '.join(INTERPOLATIONS)}, found {attrs['interpolation']!r}"
        )
    if args[0].ndim and args[0].shape[attrs["dim"]] == 0:
        raise ShapeError("quantile: there is no quantile of an empty axis")
    if args[1].ndim > 1:
        raise ShapeError(f"quantile: q is a number or a vector, found shape {tuple(args[1].shape)}")
    return attrs


@composite(
    order,
    types="floating",
    normalize=_quantile_law,
    reference="torch.quantile",
    samples=(
        S(F(5, 3), F(2, low=0.05, high=0.95), dim=0, keepdim=False, interpolation="linear", ignore_nan=False),
        S(F(2, 7), F(low=0.3, high=0.4), dim=-1, keepdim=True, interpolation="lower", ignore_nan=True),
        S(F(), F(3, low=0.1, high=0.9), dim=0, keepdim=False, interpolation="linear", ignore_nan=False),
    ),
)  # fmt: skip
def quantile(x, q, /, *, dim, keepdim=False, interpolation="linear", ignore_nan=False):
    """The quantiles of x along an axis at the probabilities q, which come first: the element of rank
    q · (n − 1), between two elements as `interpolation` says.
    """
    kept = tuple([1 if d == dim else n for d, n in enumerate(x.shape)])
    x = x if x.ndim else view(x, shape=(1,))
    rest = tuple([d for d in range(x.ndim) if d != dim])
    ordered = permute(sort(x, dim=dim)[0], dims=(*rest, dim))  # (…, n)
    n = ordered.shape[-1]
    sizes = tuple(ordered.shape[:-1])
    q_flat = view(q, shape=(-1,))
    k = q_flat.shape[0]
    strange = sum(cast(isnan(ordered), dtype=x.dtype), dim=-1, keepdim=True)
    if ignore_nan:
        rank = maximum(q_flat * (n - 1 - strange), 0.0)  # (…, k)
    else:
        rank = where(strange > 0, n - 1.0, q_flat * (n - 1.0))
    rank = expand(rank, shape=(*sizes, k))
    below, above = floor(rank), -floor(-rank)
    if interpolation == "lower":
        y = _at(ordered, below)
    elif interpolation == "higher":
        y = _at(ordered, above)
    elif interpolation == "nearest":
        y = _at(ordered, round(rank))
    else:
        weight = 0.5 if interpolation == "midpoint" else sub(rank, below)
        low = _at(ordered, below)
        y = low + weight * (_at(ordered, above) - low)
    y = permute(y, dims=(len(sizes), *range(len(sizes))))  # (k, …)
    shape = kept if keepdim else sizes
    return view(y, shape=(k, *shape) if q.ndim else shape)


def _at(ordered, place):
    return gather(ordered, cast(place, dtype="int64"), dim=-1)
