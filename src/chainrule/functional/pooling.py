"""Pooling written with the pools of windows: averages and power means; windows of uneven size, whose
elements are gathered side by side before they are pooled; and the way back of a maximum.
"""

from __future__ import annotations

import math

from ..backends import xp
from ..base import dtypes
from ..ops import (
    abs,
    arange,
    cast,
    expand,
    floor_divide,
    full,
    gather,
    index,
    matmul,
    max_pool,
    mean,
    minimum,
    permute,
    remainder,
    scatter,
    sign,
    sum_pool,
    view,
    where,
)
from ..ops.explain import refuse
from ..ops.kinds import scatter as scatter_kind
from ..ops.kinds import window
from ..ops.record import composite
from ..ops.samples import F, S


@composite(
    window,
    types="same",
    reference="torch.nn.functional.avg_pool2d",
    onnx="AveragePool",
    samples=(
        S(
            F(2, 3, 7, 5),
            kernel=(2, 2),
            stride=(2, 2),
            padding=((0, 0), (0, 0)),
            count_padding=True,
            divisor=None,
        ),
        S(
            F(2, 3, 7, 5),
            kernel=(3, 2),
            stride=(1, 2),
            padding=((1, 1), (1, 0)),
            count_padding=False,
            divisor=None,
        ),
    ),
)
def avg_pool(x, /, *, kernel, stride, padding, count_padding=True, divisor=None):
    """The mean of each window of x (N, C, *S). Without `count_padding` the mean is over elements
    inside x; `divisor` replaces the count. Integers are divided towards 0.
    """
    geometry = {
        "kernel": kernel,
        "stride": stride,
        "padding": padding,
        "dilation": (1,) * len(kernel),
    }
    total = sum_pool(x, **geometry)
    if divisor is not None:
        return _divided(total, divisor) if divisor > 0 else -_divided(total, -divisor)
    if count_padding or not any(map(any, padding)):
        return _divided(total, math.prod(kernel))
    ones = full(shape=(1, 1, *x.shape[2:]), value=1.0, dtype=x.dtype)
    return _divided(total, sum_pool(ones, **geometry))


@composite(
    window,
    types="floating",
    samples=(
        S(F(2, 3, 7, 5), p=2.0, kernel=(2, 2), stride=(2, 2), padding=((0, 0), (0, 0))),
        S(F(2, 3, 11, low=0.5), p=3.0, kernel=(3,), stride=(2,), padding=((0, 1),)),
        S(F(2, 3, 7, 5), p=math.inf, kernel=(3, 2), stride=(1, 2), padding=((0, 0), (0, 0))),
    ),
)
def lp_pool(x, /, *, p, kernel, stride, padding):
    """(Σ xᵖ)^(1/p) over each window of x (N, C, *S); the largest |x| if p is infinite. A window that
    reaches into the padding counts as if it had its full number of elements, as in PyTorch.
    """
    if p in (math.inf, -math.inf):
        spread = (1,) * len(kernel)
        y, _ = max_pool(abs(x), kernel=kernel, stride=stride, padding=padding, dilation=spread)
        return y
    y = avg_pool(x**p, kernel=kernel, stride=stride, padding=padding, count_padding=False)
    return (y * math.prod(kernel)) ** (1 / p)


def _divided(total, count):
    if is_floating(total.dtype):
        return total / count
    return sign(total) * floor_divide(abs(total), count)


def is_floating(dtype) -> bool:
    """Whether a raw array's or a tensor's dtype is a floating one."""
    return dtypes.of_value(dtype).is_floating_point


def _parts(args, attrs):
    x, size = args[0], tuple(attrs["size"])
    if x.ndim != len(size) + 2:
        raise refuse(f"x must be (N, C, *S) with {len(size)} spatial axes", x=f"has {x.ndim} axes")
    if min(size) < 1:
        raise refuse(f"every axis is cut into at least one part, found size={size}")
    return attrs | {"size": size}


@composite(
    window,
    types="floating",
    normalize=_parts,
    reference="torch.nn.functional.adaptive_avg_pool2d",
    samples=(
        S(F(2, 3, 7, 5), size=(3, 2)),
        S(F(2, 3, 7, 5), size=(1, 1)),
        S(F(2, 3, 11), size=(4,)),
    ),
)
def adaptive_avg_pool(x, /, *, size):
    """The mean of windows that cut each spatial axis of x (N, C, *S) into `size` parts: part i
    is from ⌊i·S/P⌋ to ⌈(i+1)·S/P⌉.
    """
    spatial = tuple(range(2, x.ndim))
    if all(n == 1 for n in size):
        return mean(x, dim=spatial, keepdim=True)
    for d, parts in zip(spatial, size, strict=True):
        n = x.shape[d]
        if parts == n:
            continue
        dims = (*[k for k in range(x.ndim) if k != d], d)
        back = tuple([dims.index(k) for k in range(x.ndim)])
        x = permute(
            matmul(permute(x, dims=dims), cast(_averages(n, parts), dtype=x.dtype)), dims=back
        )
    return x


def _bounds(n, parts):
    """Where each of the parts of an axis of n begins and ends."""
    i = arange(start=0, step=1, count=parts, dtype="int64")
    return i * n // parts, ((i + 1) * n + (parts - 1)) // parts


def _averages(n, parts):
    """The (n, parts) matrix whose column i averages the elements of part i."""
    at = view(arange(start=0, step=1, count=n, dtype="int64"), shape=(n, 1))
    start, stop = _bounds(n, parts)
    inside = (at >= start) & (at < stop)
    return cast(inside, dtype="float64") / cast(stop - start, dtype="float64")


# -------------------------------------------------------------------------------------------------- uneven windows


def _plane_parts(args, attrs):
    attrs = _parts(args, attrs)
    if 0 in args[0].shape[2:]:
        raise refuse("an empty axis has no largest element")
    return attrs


@composite(
    window,
    types="promote",
    normalize=_plane_parts,
    outputs=("values", "indices"),
    constant=("indices",),
    reference="torch.nn.functional.adaptive_max_pool2d",
    samples=(
        S(F(2, 3, 7, 5), size=(3, 2)),
        S(F(2, 3, 6, 5), size=(3, 5)),
        S(F(2, 3, 11), size=(4,)),
    ),
)
def adaptive_max_pool(x, /, *, size):
    """The largest element of each part of x (N, C, *S), cut as by `adaptive_avg_pool`, and its place
    in the flattened spatial axes: (values, indices).
    """
    spatial = x.shape[2:]
    if all([n % parts == 0 for n, parts in zip(spatial, size, strict=True)]):
        even = tuple([n // parts for n, parts in zip(spatial, size, strict=True)])
        return max_pool(x, **_side_by_side(even))
    kernel, sources = [], []
    for axis, (n, parts) in enumerate(zip(spatial, size, strict=True)):
        # as many elements as the longest part has; a shorter one repeats its last
        longest = max([-(-(i + 1) * n // parts) - i * n // parts for i in range(parts)])
        start, stop = _bounds(n, parts)
        ahead = arange(start=0, step=1, count=longest, dtype="int64")
        at = minimum(view(start, shape=(parts, 1)) + ahead, view(stop, shape=(parts, 1)) - 1)
        at = view(at, shape=(parts * longest,))
        x = index(x, at, dims=(2 + axis,))
        kernel.append(longest)
        sources.append(at)
    values, found = max_pool(x, **_side_by_side(tuple(kernel)))
    places, step = None, 1
    for axis in reversed(range(len(size))):
        wide = kernel[axis] * size[axis]
        place = index(sources[axis], remainder(found, wide), dims=(0,)) * step
        places = place if places is None else places + place
        found, step = floor_divide(found, wide), step * spatial[axis]
    return values, places


def _side_by_side(kernel):
    return {
        "kernel": kernel,
        "stride": kernel,
        "padding": ((0, 0),) * len(kernel),
        "dilation": (1,) * len(kernel),
    }


def _fractions(args, attrs):
    x, samples = args
    n, size, kernel = len(attrs["size"]), attrs["size"], attrs["kernel"]
    if x.ndim != n + 2:
        raise refuse(f"x must be (N, C, *S) with {n} spatial axes", x=f"has {x.ndim} axes")
    if tuple(samples.shape) != (*x.shape[:2], n):
        raise refuse(f"samples must be (N, C, {n}): a number for each plane and axis")
    for s, k, p in zip(x.shape[2:], kernel, size, strict=True):
        if p < 1 or k < 1 or p + k - 1 > s:
            raise refuse(f"{p} windows of {k} do not fit on an axis of {s}")
    return attrs


@composite(
    window,
    types="floating",
    normalize=_fractions,
    outputs=("values", "indices"),
    constant=("indices",),
    samples=(
        S(F(2, 3, 7, 5), F(2, 3, 2, low=0.0, high=1.0), kernel=(2, 3), size=(3, 2)),
        S(F(1, 2, 5, 7, 6), F(1, 2, 3, low=0.0, high=1.0), kernel=(2, 1, 2), size=(3, 4, 1)),
    ),
)
def fractional_max_pool(x, samples, /, *, kernel, size):
    """The largest element of windows that begin at uneven steps, drawn for each plane of x (N, C,
    *S): (values, indices). Window i begins at  ⌊(i + u)·α⌋ − ⌊u·α⌋,  α = (S − K) / (P − 1),  the last
    at S − K; `samples` (N, C, axes) holds the u, the last axis first.

    Source: Graham 2014, section 2 (pseudorandom, overlapping).
    """
    spatial, n = x.shape[2:], len(kernel)
    sources = []
    for axis, (s, k, p) in enumerate(zip(spatial, kernel, size, strict=True)):
        # in 2-d the samples are in the order (width, height), in 3-d (depth, height, width)
        of = n - 1 - axis if n == 2 else axis
        u = index(samples, full(shape=(1,), value=of, dtype="int64"), dims=(2,))  # (N, C, 1)
        start = _fractional_starts(u, s - k, p)  # (N, C, P)
        ahead = arange(start=0, step=1, count=k, dtype="int64")
        at = view(view(start, shape=(*start.shape, 1)) + ahead, shape=(*x.shape[:2], p * k))
        sources.append(at)
        wide = view(at, shape=(*x.shape[:2], *(1,) * axis, p * k, *(1,) * (n - 1 - axis)))
        shape = (*x.shape[: 2 + axis], p * k, *x.shape[3 + axis :])
        x = gather(x, expand(wide, shape=shape), dim=2 + axis)
    values, found = max_pool(x, **_side_by_side(kernel))
    flat = (*x.shape[:2], math.prod(size))
    rest, places, step = view(found, shape=flat), None, 1
    for axis in reversed(range(n)):
        wide = kernel[axis] * size[axis]
        place = gather(sources[axis], remainder(rest, wide), dim=2) * step
        places = place if places is None else places + place
        rest, step = floor_divide(rest, wide), step * spatial[axis]
    return values, view(places, shape=found.shape)


def _fractional_starts(u, last, parts):
    """(N, C, 1) → (N, C, parts): where windows begin on an axis on which the last begins at `last`."""
    if dtypes.of_value(u.dtype).itemsize < 4:
        u = cast(u, dtype="float32")
    if parts == 1:
        return full(shape=u.shape, value=last, dtype="int64")
    alpha = full(shape=(), value=last, dtype=u.dtype) / (parts - 1)
    i = cast(arange(start=0, step=1, count=parts, dtype="int64"), dtype=u.dtype)
    start = cast((i + u) * alpha, dtype="int64") - cast(u * alpha, dtype="int64")
    final = arange(start=0, step=1, count=parts, dtype="int64") == parts - 1
    return where(final, last, start)


def _way_back(args, attrs):
    (x, at), size = args, tuple(attrs["size"])
    if x.ndim != len(size) + 2 or tuple(x.shape) != tuple(at.shape):
        raise refuse(f"x and its indices must both be (N, C, *P) with {len(size)} spatial axes")
    if min(size) < 0:
        raise refuse(f"sizes cannot be negative, found {size}")
    return attrs | {"size": size}


@composite(
    scatter_kind,
    normalize=_way_back,
    onnx="MaxUnpool",
    samples=(
        S(F(2, 3, 2, 3), xp.arange(36).reshape(2, 3, 2, 3) * 6 % 35, size=(7, 5)),
        S(F(2, 3, 5), xp.arange(30).reshape(2, 3, 5) * 7 % 11, size=(11,)),
    ),
)
def max_unpool(x, at, /, *, size):
    """The inverse of a max pooling as far as there is one: each element of x (N, C, *P) is put where
    its index in the flattened spatial axes of (N, C, *size) says, among zeros.  Source: Zeiler &
    Fergus 2014, section 2.1.
    """
    flat = (*x.shape[:2], math.prod(x.shape[2:]))
    zeros = full(shape=(*x.shape[:2], math.prod(size)), value=0.0, dtype=x.dtype)
    y = scatter(zeros, view(at, shape=flat), view(x, shape=flat), dim=2)
    return view(y, shape=(*x.shape[:2], *size))
