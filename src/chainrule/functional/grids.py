"""Images read at places that a grid names: spatial transformers.  Source: Jaderberg et al. 2015.

    N batch   C channels   S spatial sizes of the input   P spatial sizes of the grid   D axes, 2 or 3

A place is D numbers, x (along the last axis) first, from −1 (the first element) to 1 (the last). With
`align` these are the centres of the outermost elements, else their outer edges.
"""

from __future__ import annotations

import math
from typing import Any

from ..base import dtypes
from ..ops import abs as abs_
from ..ops import (
    arange,
    cast,
    expand,
    floor,
    full,
    gather,
    isfinite,
    matmul,
    remainder,
    round,
    select,
    stack,
    view,
    where,
    zeros_like,
)
from ..ops.explain import refuse
from ..ops.kinds import contract
from ..ops.kinds import gather as gather_kind
from ..ops.record import composite
from ..ops.samples import F, S
from .resampling import _inner, _outer

BLENDS = ("bilinear", "nearest", "bicubic")
OUTSIDE = ("zeros", "border", "reflection")


def _affine(args, attrs):
    theta, size = args[0], tuple(attrs["size"])
    d = len(size)
    if tuple(theta.shape[1:]) != (d, d + 1) or theta.ndim != 3:
        raise refuse(f"theta must be (N, {d}, {d + 1}) for a grid of {d} axes")
    if min(size) < 1:
        raise refuse(f"sizes must be at least 1, found {size}")
    return attrs | {"size": size}


@composite(
    contract,
    types="floating",
    normalize=_affine,
    onnx="AffineGrid",
    samples=(
        S(F(2, 2, 3), size=(3, 5), align=False),
        S(F(2, 2, 3), size=(3, 1), align=True),
        S(F(2, 3, 4), size=(2, 3, 5), align=False),
    ),
)
def affine_grid(theta, /, *, size, align=False):
    """The grid (N, *size, D) of an affine map, theta (N, D, D + 1):  place = theta · (x, y, …, 1)  for
    the regular grid of that size.
    """
    d, axes = len(size), []
    for k in reversed(range(d)):
        n = size[k]
        i = cast(arange(start=0, step=1, count=n, dtype="int64"), dtype="float64")
        if align:
            line = i * (2 / (n - 1)) - 1 if n > 1 else i
        else:
            line = (i * 2 + 1) / n - 1
        line = view(line, shape=(*(1,) * k, n, *(1,) * (d - 1 - k)))
        axes.append(expand(line, shape=size))
    axes.append(full(shape=size, value=1.0, dtype="float64"))
    base = cast(view(stack(*axes, dim=d), shape=(-1, d + 1)), dtype=theta.dtype)
    return view(matmul(base, theta.mT), shape=(theta.shape[0], *size, d))


def _sampled(args, attrs):
    x, grid = args
    d = x.ndim - 2
    if d not in (2, 3):
        raise refuse("x must be (N, C, H, W) or (N, C, D, H, W)", x=f"has {x.ndim} axes")
    if grid.ndim != x.ndim or grid.shape[-1] != d or grid.shape[0] != x.shape[0]:
        raise refuse(f"grid must be (N, *P, {d}) with the batch of x and as many axes")
    if attrs["mode"] not in BLENDS or attrs["outside"] not in OUTSIDE:
        raise refuse(f"mode must be one of {BLENDS}, outside one of {OUTSIDE}")
    if attrs["mode"] == "bicubic" and d != 2:
        raise refuse("bicubic is for images, two spatial axes")
    if 0 in x.shape[1:]:
        raise refuse("x must not be empty but in the batch")
    return attrs


@composite(
    gather_kind,
    types="floating",
    normalize=_sampled,
    onnx="GridSample",
    samples=(
        S(
            F(2, 3, 5, 7),
            F(2, 3, 2, 2, low=-1.3, high=1.3),
            mode="bilinear",
            outside="zeros",
            align=False,
        ),
        S(
            F(2, 3, 5, 7),
            F(2, 3, 2, 2, low=-2.9, high=2.9),
            mode="bilinear",
            outside="reflection",
            align=True,
        ),
        S(
            F(2, 3, 5, 7),
            F(2, 3, 2, 2, low=-2.9, high=2.9),
            mode="bicubic",
            outside="border",
            align=False,
        ),
        S(
            F(2, 2, 3, 4, 5),
            F(2, 3, 2, 1, 3, low=-1.3, high=1.3),
            mode="bilinear",
            outside="border",
            align=False,
        ),
    ),
)
def grid_sample(x, grid, /, *, mode="bilinear", outside="zeros", align=False):
    """x (N, C, *S) at the places of a grid (N, *P, D): (N, C, *P). "bilinear" blends the corners of the
    cell a place lies in, "bicubic" the sixteen elements around it, "nearest" takes one; beyond the
    edges stand zeros, the border's elements, or the image reflected. Half floats are computed in
    float32: in bfloat16 there are 256 places between −1 and 1, fewer than an image has.
    """
    half = x.dtype if dtypes.of_value(x.dtype).itemsize < 4 else None
    if half is not None:
        x, grid = cast(x, dtype="float32"), cast(grid, dtype="float32")
    d, spatial = x.ndim - 2, x.shape[2:]
    flat = view(x, shape=(*x.shape[:2], math.prod(spatial)))
    places, count = [], math.prod(grid.shape[1:-1])
    for axis in range(d):
        u = view(
            select(grid, dim=d + 1, index=d - 1 - axis), shape=(grid.shape[0], count)
        )  # (N, Q)
        n = spatial[axis]
        u = (u + 1) * ((n - 1) / 2) if align else ((u + 1) * n - 1) / 2
        places.append(u if mode == "bicubic" else _brought_inside(u, n, outside, align))
    corners: list[tuple] = [()]
    for u in places:
        corners = [(*corner, one) for corner in corners for one in _neighbours(u, mode)]
    nothing: Any = 0.0
    if mode == "nearest":  # which moves in jumps: the grid has a derivative, and it is 0
        nothing = view(zeros_like(places[0]), shape=(grid.shape[0], 1, count))
    y = None
    for corner in corners:
        at: Any = 0
        seen: Any = None
        weight: Any = None
        for (place, w), n in zip(corner, spatial, strict=True):
            if mode == "bicubic":  # its sixteen elements are brought inside one by one
                place = _brought_inside(place, n, outside, align)
            here = (place >= 0) & (place <= n - 1)
            at = at * n + cast(where(here, place, 0.0), dtype="int64")
            seen = here if seen is None else seen & here
            if w is not None:
                weight = w if weight is None else weight * w
        wide = (at.shape[0], 1, at.shape[1])
        part = gather(flat, expand(view(at, shape=wide), shape=(*x.shape[:2], at.shape[1])), dim=2)
        part = where(view(seen, shape=wide), part, nothing)
        part = part if weight is None else part * view(weight, shape=wide)
        y = part if y is None else y + part
    y = view(y, shape=(*x.shape[:2], *grid.shape[1:-1]))
    return y if half is None else cast(y, dtype=half)


def _neighbours(u, mode):
    """The elements of an axis that are blended at places u, each with its weight; whole numbers in
    the dtype of u.
    """
    if mode == "nearest":
        return [(round(u), None)]
    low = floor(u)
    t = u - low
    if mode == "bilinear":
        return [(low, 1 - t), (low + 1, t)]
    return [
        (low - 1, _outer(t + 1)), (low, _inner(t)), (low + 1, _inner(1 - t)), (low + 2, _outer(2 - t)),
    ]  # fmt: skip


def _brought_inside(u, n, outside, align):
    """Places beyond an axis of n, as `outside` says; what is not a number is beyond."""
    u = where(isfinite(u), u, -100.0)
    if outside == "reflection":
        low, span = (0.0, n - 1) if align else (-0.5, n)  # mirrors stand at low and low + span
        if not span:
            u = u * 0.0
        else:
            u = abs_(u - low)
            rest = remainder(u, float(span))
            u = low + where(remainder(floor(u / span), 2.0) == 0, rest, span - rest)
    if outside == "zeros":
        return u
    last = float(n - 1)  # where the border is reached the gradient is 0
    return where(u <= 0, 0.0, where(u >= last, last, u))
