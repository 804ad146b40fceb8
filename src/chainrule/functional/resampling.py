"""Images resized: between the elements of an axis values are copied, blended, or fitted by a cubic.

Each axis is treated by itself. Element i of the new axis stands at place

    (i + ½) · ratio − ½                 ratio = size of the old axis / size of the new one
    i · (old − 1) / (new − 1)           with `align`: the first and last elements keep their places

of the old axis, where a new one is blended from its neighbours; `scale`, if given, makes the ratio
1 / scale.
"""

from __future__ import annotations

import math

from ..base import shapes
from ..ops import abs as abs_
from ..ops import (
    arange,
    cast,
    clamp,
    floor,
    index,
    matmul,
    maximum,
    minimum,
    permute,
    sin,
    sum,
    view,
    where,
)
from ..ops.explain import refuse
from ..ops.kinds import gather
from ..ops.record import composite
from ..ops.samples import F, S

FILTERS = {"linear": 1, "cubic": 2, "lanczos": 3}
"""How far the filters reach on either side."""


def _axis(args, attrs):
    x, dim = args[0], attrs["dim"]
    if not x.ndim:
        raise refuse("a 0-d tensor has no axis to resize")
    dim = shapes.axis(dim, x.ndim)
    if attrs["size"] < 1 or not x.shape[dim]:
        raise refuse(f"sizes must be at least 1, found {x.shape[dim]} and size={attrs['size']}")
    return attrs | {"dim": dim}


def _blended(args, attrs):
    if attrs["mode"] not in ("linear", "cubic"):
        raise refuse(f"mode must be 'linear' or 'cubic', found {attrs['mode']!r}")
    return _axis(args, attrs)


def _filtered(args, attrs):
    if attrs["mode"] not in FILTERS:
        raise refuse(f"mode must be one of {tuple(FILTERS)}, found {attrs['mode']!r}")
    return _axis(args, attrs)


@composite(
    gather,
    normalize=_axis,
    onnx="Resize",
    samples=(
        S(F(3, 5, 2), dim=1, size=3, exact=False, scale=None),
        S(F(3, 5, 2), dim=-1, size=11, exact=True, scale=None),
        S(F(7), dim=0, size=10, exact=False, scale=1.5),
    ),
)
def resize_nearest(x, /, *, dim, size, exact=True, scale=None):
    """Axis `dim` of x with `size` elements, each a copy of an old one: `exact`, of the nearest; else
    of that at ⌊i · ratio⌋.
    """
    return index(x, _nearest(x.shape[dim], size, exact, scale), dims=(dim,))


def _nearest(n, size, exact, scale):
    """Which element each new one copies."""
    i = cast(arange(start=0, step=1, count=size, dtype="int64"), dtype="float32")
    # in float32 whatever x is, as in PyTorch: of two elements equally near, rounding decides
    place = floor((i + 0.5 if exact else i) * _ratio(n, size, False, scale))
    return minimum(cast(place, dtype="int64"), n - 1)


def _along(x, matrix, dim):
    """x times a matrix along one axis."""
    size = matrix.shape[1]
    if x.ndim == 1:
        return view(matmul(view(x, shape=(1, -1)), cast(matrix, dtype=x.dtype)), shape=(size,))
    dims = (*[k for k in range(x.ndim) if k != dim], dim)
    y = matmul(permute(x, dims=dims), cast(matrix, dtype=x.dtype))
    return permute(y, dims=tuple([dims.index(k) for k in range(x.ndim)]))


def _matrix(taps, n):
    """The (n, size) matrix of taps: column i holds the weights of the old elements in the new one."""
    at = view(arange(start=0, step=1, count=n, dtype="int64"), shape=(n, 1))
    total = None
    for place, weight in taps:
        part = where(at == place, weight, 0.0)
        total = part if total is None else total + part
    return total


# many are added into one: a product with a small matrix is faster than adding at indices
resize_nearest.vjp(
    x=lambda g, x_shape, dim, size, exact, scale: _along(
        g, _matrix([(_nearest(x_shape[dim], size, exact, scale), 1.0)], x_shape[dim]).mT, dim
    )
)


@composite(
    gather,
    types="floating",
    normalize=_blended,
    onnx="Resize",
    samples=(
        S(F(3, 5, 2), dim=1, size=3, mode="linear", align=False, scale=None),
        S(F(3, 5, 2), dim=1, size=11, mode="linear", align=True, scale=None),
        S(F(3, 5, 2), dim=1, size=11, mode="cubic", align=False, scale=None),
        S(F(3, 5, 2), dim=2, size=3, mode="cubic", align=True, scale=None),
        S(F(7), dim=0, size=10, mode="linear", align=False, scale=1.5),
    ),
)
def resize(x, /, *, dim, size, mode, align=False, scale=None):
    """Axis `dim` of x with `size` elements: "linear" blends two neighbours, "cubic" fits four.
    Source: Keys 1981, with a = −¾.
    """
    broad = (size, *(1,) * (x.ndim - 1 - dim))
    y = None
    for at, weight in _taps(x.shape[dim], size, mode, align, scale):
        part = index(x, at, dims=(dim,)) * view(cast(weight, dtype=x.dtype), shape=broad)
        y = part if y is None else y + part
    return y


def _taps(n, size, mode, align, scale):
    """The old elements that each new one is made of, and their weights."""
    place = _places(n, size, align, scale)
    if mode == "linear":
        place = maximum(place, 0.0)
    low = minimum(floor(place), float(n - 1))
    t = clamp(place - low, 0.0, 1.0)
    low = cast(low, dtype="int64")
    weights, first = [1 - t, t], 0
    if mode == "cubic":
        weights, first = [_outer(t + 1), _inner(t), _inner(1 - t), _outer(2 - t)], -1
    taps = []
    for k, weight in enumerate(weights):
        taps.append((minimum(maximum(low + (first + k), 0), n - 1), weight))
    return taps


resize.vjp(
    x=lambda g, x_shape, dim, size, mode, align, scale: _along(
        g, _matrix(_taps(x_shape[dim], size, mode, align, scale), x_shape[dim]).mT, dim
    )
)


def _ratio(n, size, align, scale):
    if align:
        return (n - 1) / (size - 1) if size > 1 else 0.0
    return n / size if scale is None else 1.0 / scale


def _places(n, size, align, scale):
    """Where the elements of the new axis stand on the old one."""
    i = cast(arange(start=0, step=1, count=size, dtype="int64"), dtype="float64")
    ratio = _ratio(n, size, align, scale)
    return i * ratio if align else (i + 0.5) * ratio - 0.5


def _inner(t, a=-0.75):
    """The cubic's weight at a distance of up to 1."""
    return ((a + 2) * t - (a + 3)) * t * t + 1


def _outer(t, a=-0.75):
    """The cubic's weight at a distance of 1 to 2."""
    return ((t - 5) * t + 8) * a * t - 4 * a


@composite(
    gather,
    types="floating",
    normalize=_filtered,
    samples=(
        S(F(3, 7, 2), dim=1, size=3, mode="linear", align=False, scale=None),
        S(F(3, 7, 2), dim=-1, size=5, mode="cubic", align=True, scale=None),
        S(F(11), dim=0, size=4, mode="lanczos", align=False, scale=0.4),
    ),
)
def resize_smoothly(x, /, *, dim, size, mode, align=False, scale=None):
    """Axis `dim` of x with `size` elements, each the average of all old ones under a filter that is
    as wide as the step from one new element to the next, so that fine patterns vanish instead of
    turning into coarse ones ("antialias").
    """
    return _along(x, _filter_weights(x.shape[dim], size, mode, align, scale), dim)


def _filter_weights(n, size, mode, align, scale):
    """The (n, size) matrix whose column i holds the filter around new element i; columns sum to 1."""
    ratio = _ratio(n, size, align, scale)
    stretch = max(ratio, 1.0)
    reach = FILTERS[mode] * stretch
    i = cast(arange(start=0, step=1, count=size, dtype="int64"), dtype="float64")
    centre = (i + 0.5) * ratio  # in elements from the edge; in PyTorch with `align` too
    at = cast(arange(start=0, step=1, count=n, dtype="int64"), dtype="float64")
    at = view(at, shape=(n, 1))
    inside = (at >= floor(centre - reach + 0.5)) & (at < floor(centre + reach + 0.5))
    w = where(inside, _filter(abs_(at + 0.5 - centre) / stretch, mode), 0.0)
    return w / sum(w, dim=0, keepdim=True)


def _filter(t, mode):
    if mode == "linear":
        return maximum(1 - t, 0.0)
    if mode == "cubic":
        return where(t < 1, _inner(t, -0.5), where(t < 2, _outer(t, -0.5), 0.0))
    angle = maximum(t, 1e-9) * math.pi  # sinc(t) · sinc(t / 3)
    return where(t < 3, sin(angle) * sin(angle / 3) * 3 / (angle * angle), 0.0)
