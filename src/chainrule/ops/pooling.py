"""Pooling: the largest element or the sum of each window; and the windows themselves, cut out and laid
together again.

Legend and attributes as in `window`: N batch, C channels, S spatial sizes, P positions, K kernel sizes.
The sum over windows has an adjoint, and so has cutting windows out; each pair is the other's
derivative.

    sum_pool(x) → y              sum_pool_input(dy) → like x
    unfold_windows(x) → y        fold_windows(y) → like x
"""

from __future__ import annotations

from typing import Any

from ..backends import xp
from ..base import dtypes
from ..base.shapes import size
from .create import full
from .explain import refuse
from .joining import clone, pad
from .kinds import window
from .promotion import Spec, common
from .record import Op, composite, primitive
from .samples import F, S
from .scatter import scatter_add
from .shape import expand, permute, slice_, view
from .strided import unfold
from .window import check_geometry, inside, output_sizes, padded, taps, windows


def _pool_law(
    op: Op, x: Spec, *, kernel: tuple, stride: tuple, padding: tuple, dilation: tuple
) -> Any:
    """x (N, C, *S) → (N, C, *P), Pₖ as in a convolution; padding is at most half the window."""
    if x.ndim != len(kernel) + 2:
        raise refuse(
            f"x must be (N, C, *S) with {len(kernel)} spatial axes", x=f"has {x.ndim} axes"
        )
    check_geometry(x.ndim - 2, kernel=kernel, stride=stride, padding=padding, dilation=dilation)
    y = Spec(
        (*x.shape[:2], *output_sizes(x.shape[2:], kernel, stride, padding, dilation)),
        common(op, (x,)) or x.dtype,
    )
    return y if len(op.outputs) == 1 else (y, Spec(y.shape, dtypes.int64))


_POOLS = (
    S(F(2, 3, 7, 5), kernel=(2, 2), stride=(2, 2), padding=((0, 0), (0, 0)), dilation=(1, 1)),
    S(F(2, 3, 7, 5), kernel=(3, 2), stride=(1, 2), padding=((1, 1), (0, 1)), dilation=(1, 2)),
    S(F(2, 3, 11), kernel=(3,), stride=(2,), padding=((1, 0),), dilation=(1,)),
)


@primitive(
    window,
    types="promote",
    law=_pool_law,
    outputs=("values", "indices"),
    constant=("indices",),
    reference="torch.nn.functional.max_pool2d",
    onnx="MaxPool",
    samples=_POOLS,
)
def max_pool(x, /, *, kernel, stride, padding, dilation):
    """The largest element of each window and its place in the flattened spatial axes: (values,
    indices). The first of ties; NaN wins (the last of several).
    """
    out = output_sizes(x.shape[2:], kernel, stride, padding, dilation)
    lowest = -float("inf")
    if x.dtype.kind != "f":
        lowest = -(2 ** (8 * x.dtype.itemsize - 1)) if x.dtype.kind == "i" else 0
    elements = list(taps(padded(x, padding, lowest), kernel, stride, dilation, out))
    best = elements[0][1].copy()
    for _, tap in elements[1:]:
        xp.maximum(best, tap, out=best)
    count = len(elements)
    within: list[Any] = [True] * count  # padding is never chosen, not at a tie either
    if any(a or b for a, b in padding):
        here = padded(xp.ones((1, 1, *x.shape[2:]), bool), padding, False)
        within = [tap for _, tap in taps(here, kernel, stride, dilation, out)]
    # count − k where tap k has the largest element, so that the first of ties has the largest number; by masks it would be a jump for
    # each element, which nobody can foresee
    numbers = xp.zeros(best.shape, "uint8" if count < 256 else "int64")
    for k, (_, tap) in enumerate(elements):
        chosen = ((tap == best) & within[k]) * numbers.dtype.type(count - k)
        xp.maximum(numbers, chosen, out=numbers)
    which = (count - numbers) % count  # 0 where a window lies in the padding
    if xp.any(xp.isnan(best)):
        for k in range(count):  # of several NaN the last, as in PyTorch
            xp.copyto(which, k, where=xp.isnan(elements[k][1]))
    # the place in the flattened spatial axes: where the window starts, and how far the tap is from
    # there
    flat, step = xp.zeros((1,) * x.ndim, "int64"), 1
    ahead = xp.zeros(count, "int64")
    for axis in reversed(range(len(kernel))):
        start = xp.arange(out[axis]) * stride[axis] - padding[axis][0]
        flat = flat + start.reshape([-1 if j == axis + 2 else 1 for j in range(x.ndim)]) * step
        ahead += xp.asarray([at[axis] for at, _ in elements]) * (dilation[axis] * step)
        step *= x.shape[axis + 2]
    return best, flat + xp.take(ahead, which)


def _unpool(g: Any, indices: Any, x_shape: tuple) -> Any:
    plane = (*x_shape[:2], size(x_shape[2:]))
    flat = (*x_shape[:2], size(indices.shape[2:]))
    zeros = full(shape=plane, value=0.0, dtype=g.dtype)
    return view(
        scatter_add(zeros, view(indices, shape=flat), view(g, shape=flat), dim=2), shape=x_shape
    )


max_pool.vjp(x=lambda g_values, indices, x_shape: _unpool(g_values, indices, x_shape))


@primitive(window, types="same", law=_pool_law, samples=_POOLS)
def sum_pool(x, /, *, kernel, stride, padding, dilation):
    """The sum of each window, with zeros beyond the edge."""
    out = output_sizes(x.shape[2:], kernel, stride, padding, dilation)
    y = xp.zeros((*x.shape[:2], *out), x.dtype)
    for _, tap in taps(padded(x, padding), kernel, stride, dilation, out):
        y += tap
    return y


def _pooled(args: tuple, attrs: dict) -> dict:
    """Refuse a dy that no pooling of this geometry gives."""
    dy, spatial = args[0], tuple(attrs["spatial"])
    _check_windows(dy.shape[2:], **attrs)
    if dy.ndim != len(spatial) + 2:
        raise refuse(f"dy must be (N, C, *P) with {len(spatial)} spatial axes")
    return attrs


def _check_windows(found: tuple, *, spatial: tuple, **attrs: tuple) -> None:
    check_geometry(len(spatial), **attrs)
    out = output_sizes(
        spatial, attrs["kernel"], attrs["stride"], attrs["padding"], attrs["dilation"]
    )
    if out != tuple(found):
        raise refuse(f"axes of sizes {spatial} have {out} windows, not {tuple(found)}")


@composite(
    window,
    types="same",
    normalize=_pooled,
    samples=(
        S(
            F(2, 3, 3, 2),
            spatial=(7, 5),
            kernel=(2, 2),
            stride=(2, 2),
            padding=((0, 0), (0, 0)),
            dilation=(1, 1),
        ),
        S(
            F(2, 3, 7, 3),
            spatial=(7, 5),
            kernel=(3, 2),
            stride=(1, 2),
            padding=((1, 1), (0, 1)),
            dilation=(1, 1),
        ),
        S(F(2, 3, 4), spatial=(11,), kernel=(3,), stride=(2,), padding=((1, 0),), dilation=(2,)),
    ),
)
def sum_pool_input(dy, /, *, spatial, kernel, stride, padding, dilation):
    """The adjoint of `sum_pool`: every output gradient spread evenly over its window, one axis
    after the other.
    """
    for n, k, s, pads, d in zip(spatial, kernel, stride, padding, dilation, strict=True):
        last = (*[a for a in range(dy.ndim) if a != 2], 2)
        dy = permute(dy, dims=last)  # the axis in turn comes last, and stays there
        wide = (*dy.shape[:-1], k, dy.shape[-1])
        each = expand(view(dy, shape=(*dy.shape[:-1], 1, dy.shape[-1])), shape=wide)
        dy = _overlapped(each, n, s, pads[0], d)
    return dy


def _overlapped(y: Any, n: int, stride: int, before: int, dilation: int) -> Any:
    """(…, K, P) → (…, n): element k of window p is added at place p·stride + k·dilation − before.

    In runs of `stride` elements: what all windows have between j·stride and (j + 1)·stride lies
    side by side, from j·stride on.
    """
    *lead, k, p = y.shape
    if dilation > 1:  # zeros between the elements make the window one without steps
        y = pad(
            view(y, shape=(*lead, k, 1, p)),
            pads=(*((0, 0),) * (len(lead) + 1), (0, dilation - 1), (0, 0)),
        )
        y = view(y, shape=(*lead, k * dilation, p))
        k = (k - 1) * dilation + 1
        y = slice_(y, dim=y.ndim - 2, start=0, stop=k, step=1)
    runs = -(-k // stride)
    if runs * stride > k:
        y = pad(y, pads=(*((0, 0),) * (y.ndim - 2), (0, runs * stride - k), (0, 0)))
    reach = (p + runs - 1) * stride
    total = None
    for j in range(runs):
        run = slice_(y, dim=y.ndim - 2, start=j * stride, stop=(j + 1) * stride, step=1)
        run = view(run.mT, shape=(*lead, p * stride))
        if runs > 1:
            run = pad(run, pads=(*((0, 0),) * len(lead), (j * stride, reach - (j + p) * stride)))
        total = run if total is None else total + run
    if before or reach > n:
        total = slice_(total, dim=len(lead), start=before, stop=min(before + n, reach), step=1)
    missing = n - (min(before + n, reach) - before)
    return total if not missing else pad(total, pads=(*((0, 0),) * len(lead), (0, missing)))


@sum_pool_input.fast
def _sum_pool_input(dy, *, spatial, kernel, stride, padding, dilation):
    x = xp.zeros(
        (*dy.shape[:2], *[s + a + b for s, (a, b) in zip(spatial, padding, strict=True)]), dy.dtype
    )
    for _, tap in taps(x, kernel, stride, dilation, dy.shape[2:]):
        tap += dy
    return inside(x, spatial, padding)


sum_pool.vjp(x=lambda g, x_shape, kernel, stride, padding, dilation: sum_pool_input(
    g, spatial=x_shape[2:], kernel=kernel, stride=stride, padding=padding, dilation=dilation))  # fmt: skip
sum_pool_input.vjp(dy=lambda g, kernel, stride, padding, dilation: sum_pool(
    g, kernel=kernel, stride=stride, padding=padding, dilation=dilation))  # fmt: skip

# ---------------------------------------------------------------------------------------------- windows as elements


def _windowed(args: tuple, attrs: dict) -> dict:
    """Refuse what has no windows of this geometry."""
    x = args[0]
    if x.ndim != len(attrs["kernel"]) + 2:
        raise refuse(f"x must be (N, C, *S) with {len(attrs['kernel'])} spatial axes")
    check_geometry(x.ndim - 2, **attrs)
    output_sizes(x.shape[2:], attrs["kernel"], attrs["stride"], attrs["padding"], attrs["dilation"])
    return attrs


_UNFOLDS = {"kernel": (3, 2), "stride": (1, 2), "padding": ((1, 1), (0, 1)), "dilation": (2, 1)}


@composite(
    window,
    normalize=_windowed,
    samples=(
        S(F(2, 3, 7, 5), **_UNFOLDS),
        S(F(2, 3, 11), kernel=(3,), stride=(2,), padding=((1, 0),), dilation=(2,)),
        S(F(2, 3, 6, 5), kernel=(2, 2), stride=(3, 3), padding=((0, 0),) * 2, dilation=(1, 1)),
    ),
)
def unfold_windows(x, /, *, kernel, stride, padding, dilation):
    """The windows of x, one element beside the other: (N, C, *S) → (N, C, *K, *P), with zeros
    beyond the edge.
    """
    n = len(kernel)
    if any(map(any, padding)):
        x = pad(x, pads=((0, 0), (0, 0), *padding))
    for axis, (k, s, d) in enumerate(zip(kernel, stride, dilation, strict=True)):
        reach = d * (k - 1) + 1
        x = unfold(x, dim=2 + axis, size=reach, step=s)
        x = slice_(x, dim=2 + n + axis, start=0, stop=reach, step=d)
    return clone(permute(x, dims=(0, 1, *range(2 + n, 2 + 2 * n), *range(2, 2 + n))))


@unfold_windows.fast
def _unfold_windows(x, *, kernel, stride, padding, dilation):
    out = output_sizes(x.shape[2:], kernel, stride, padding, dilation)
    return windows(padded(x, padding), kernel, stride, dilation, out).copy()


def _folded(args: tuple, attrs: dict) -> dict:
    """Refuse what is not all windows of an image of this size."""
    y, n = args[0], len(attrs["spatial"])
    if y.ndim != 2 + 2 * n or tuple(y.shape[2 : 2 + n]) != tuple(attrs["kernel"]):
        raise refuse(f"y must be (N, C, *K, *P) with K = {tuple(attrs['kernel'])}")
    _check_windows(y.shape[2 + n :], **attrs)
    return attrs


@composite(
    window,
    types="same",
    normalize=_folded,
    samples=(
        S(F(2, 3, 3, 2, 5, 3), spatial=(7, 5), **_UNFOLDS),
        S(F(2, 3, 3, 4), spatial=(11,), kernel=(3,), stride=(2,), padding=((1, 0),), dilation=(2,)),
        S(
            F(2, 3, 2, 2, 2, 2),
            spatial=(6, 5),
            kernel=(2, 2),
            stride=(3, 3),
            padding=((0, 0),) * 2,
            dilation=(1, 1),
        ),
    ),
)
def fold_windows(y, /, *, spatial, kernel, stride, padding, dilation):
    """The adjoint of `unfold_windows`: windows (N, C, *K, *P) laid over each other and added up,
    (N, C, *S).
    """
    left = len(spatial)
    for n, s, pads, d in zip(spatial, stride, padding, dilation, strict=True):
        pair = (2, 2 + left)  # the elements and the places of the axis in turn come last
        y = permute(y, dims=(*[a for a in range(y.ndim) if a not in pair], *pair))
        y = _overlapped(y, n, s, pads[0], d)
        left -= 1
    return y


@fold_windows.fast
def _fold_windows(y, *, spatial, kernel, stride, padding, dilation):
    x = xp.zeros(
        (*y.shape[:2], *[s + a + b for s, (a, b) in zip(spatial, padding, strict=True)]), y.dtype
    )
    for at, tap in taps(x, kernel, stride, dilation, y.shape[2 + len(kernel) :]):
        tap += y[(slice(None), slice(None), *at)]
    return inside(x, spatial, padding)


unfold_windows.vjp(x=lambda g, x_shape, kernel, stride, padding, dilation: fold_windows(
    g, spatial=x_shape[2:], kernel=kernel, stride=stride, padding=padding, dilation=dilation))  # fmt: skip
fold_windows.vjp(y=lambda g, kernel, stride, padding, dilation: unfold_windows(
    g, kernel=kernel, stride=stride, padding=padding, dilation=dilation))  # fmt: skip
