"""Softmax and the norms: statistics along some axes, then elementwise.

Each has its rule with the statistics as hidden outputs (what the backward pass would otherwise
compute again), and a kernel that walks memory fewer times than the definition.
"""

from __future__ import annotations

import math

from ..backends import xp
from ..base import dtypes, shapes
from ..ops import abs as abs_
from ..ops import (
    amax,
    exp,
    expand,
    log,
    maximum,
    mean,
    rsqrt,
    square,
    sum,
    sum_pool,
    vector_norm,
    view,
    where,
)
from ..ops.explain import refuse
from ..ops.kinds import along, normalizing, reduced
from ..ops.record import composite
from ..ops.reduce import restored
from ..ops.samples import F, S
from .standardize import standardize_backward, standardized

_ALONG = (S(F(5, 3), dim=-1), S(F(5, 3, 2), dim=1), S(F(), dim=0), S(F(0, 3), dim=1))


@composite(
    normalizing,
    types="floating",
    normalize=along,
    reference="torch.softmax",
    onnx="Softmax",
    samples=_ALONG,
)
def softmax(x, /, *, dim):
    """yᵢ = e^(xᵢ) / Σⱼ e^(xⱼ)  along an axis; the largest element is subtracted first, so
    nothing overflows.
    """
    if x.ndim == 0 or x.shape[dim] == 0:
        return exp(x - x)
    e = exp(x - amax(x, dim=dim, keepdim=True))
    return e / sum(e, dim=dim, keepdim=True)


softmax.vjp(x=lambda g, y, dim: (g - sum(g * y, dim=dim, keepdim=True)) * y)


@softmax.fast
def _softmax(x, *, dim):
    if not x.ndim:
        return xp.ones((), x.dtype)
    y = xp.subtract(x, xp.amax(x, axis=dim, keepdims=True)) if x.size else x.copy()
    xp.exp(y, out=y)
    y /= xp.sum(y, axis=dim, keepdims=True)
    return y


@composite(
    normalizing,
    types="floating",
    normalize=along,
    reference="torch.log_softmax",
    onnx="LogSoftmax",
    samples=_ALONG,
)
def log_softmax(x, /, *, dim):
    """yᵢ = xᵢ − ln Σⱼ e^(xⱼ)  along an axis."""
    if x.ndim == 0 or x.shape[dim] == 0:
        return x - x
    z = x - amax(x, dim=dim, keepdim=True)
    return z - log(sum(exp(z), dim=dim, keepdim=True))


log_softmax.vjp(x=lambda g, y, dim: g - exp(y) * sum(g, dim=dim, keepdim=True))


@log_softmax.fast
def _log_softmax(x, *, dim):
    if not x.ndim:
        return xp.zeros_like(x)
    y = xp.subtract(x, xp.amax(x, axis=dim, keepdims=True)) if x.size else x.copy()
    y -= xp.log(xp.sum(xp.exp(y), axis=dim, keepdims=True))
    return y


@composite(
    normalizing,
    types="float",
    normalize=reduced,
    reference="torch.logsumexp",
    onnx="ReduceLogSumExp",
    samples=(S(F(5, 3), dim=(1,), keepdim=False), S(F(5, 3, 2), dim=(0, 2), keepdim=True)),
)
def logsumexp(x, /, *, dim, keepdim=False):
    """ln Σ e^x  over axes, without overflow; −inf where all are −inf."""
    if 0 in [x.shape[k] for k in dim]:  # there is nothing to add up, and no largest element
        return log(sum(exp(x), dim=dim, keepdim=keepdim))
    m = amax(x, dim=dim, keepdim=True)
    m = where(abs_(m) == math.inf, 0.0, m)
    y = log(sum(exp(x - m), dim=dim, keepdim=True)) + m
    return (
        y if keepdim else view(y, shape=tuple([n for k, n in enumerate(y.shape) if k not in dim]))
    )


logsumexp.vjp(x=lambda g, x, y, dim: restored(g, x.shape, dim) * exp(x - restored(y, x.shape, dim)))


def _over_last(args, attrs):
    x, (weight, bias) = args[0], (*args[1:], None)[:2]
    n = len(attrs["shape"])
    if tuple(x.shape[x.ndim - n :]) != tuple(attrs["shape"]) or n == 0:
        raise refuse(f"the last axes of x must be the normalized shape {tuple(attrs['shape'])}")
    for name, v in (("weight", weight), ("bias", bias)):
        if v is not None and tuple(v.shape) != tuple(attrs["shape"]):
            raise refuse(f"{name} must have the normalized shape {tuple(attrs['shape'])}")
    return attrs


_AFFINE = (
    S(F(5, 3), F(3), F(3), shape=(3,), eps=1e-5),
    S(F(2, 5, 3), None, None, shape=(5, 3), eps=1e-3),
    S(F(2, 5, 3), F(5, 3), None, shape=(5, 3), eps=1e-5),
)


@composite(
    normalizing,
    types="floating",
    normalize=_over_last,
    hidden=("xhat", "inverse"),
    reference="torch.nn.functional.layer_norm",
    onnx="LayerNormalization",
    samples=_AFFINE,
)
def layer_norm(x, weight=None, bias=None, /, *, shape, eps=1e-5):
    """y = (x − mean) / √(var + eps) · weight + bias,  mean and variance (over n, not n − 1) of the
    last axes, those of `shape`.

    Source: Ba, Kiros & Hinton 2016.
    """
    dim = tuple(range(x.ndim - len(shape), x.ndim))
    centred = x - mean(x, dim=dim, keepdim=True)
    inverse = rsqrt(mean(square(centred), dim=dim, keepdim=True) + eps)
    xhat = centred * inverse
    y = xhat if weight is None else xhat * weight
    return (y if bias is None else y + bias), xhat, inverse


@layer_norm.fast
def _layer_norm(x, weight=None, bias=None, *, shape, eps):
    dim = tuple(range(x.ndim - len(shape), x.ndim))
    wide = [None if v is None else v.reshape(1, 1, -1) for v in (weight, bias)]
    y, xhat, inverse, _, _ = standardized(x, *wide, dim=dim, eps=eps)
    return (
        y.reshape(x.shape),
        xhat.reshape(x.shape),
        inverse.reshape(*x.shape[: dim[0]], *(1,) * len(dim)),
    )


def _layer_norm_rule(g, weight, xhat, inverse, shape, needs):
    gx = None
    if needs[0]:
        dim = tuple(range(g.ndim - len(shape), g.ndim))
        gw = g if weight is None else g * weight
        gx, _, _ = standardize_backward(gw, xhat, inverse, dim=dim)
    return gx, g * xhat if needs[1] else None, g if needs[2] else None


layer_norm.vjp(
    lambda g, weight, xhat, inverse, shape, needs: _layer_norm_rule(
        g, weight, xhat, inverse, shape, needs
    )
)


@composite(
    normalizing,
    types="floating",
    normalize=_over_last,
    hidden=("xhat", "inverse"),
    reference="torch.nn.functional.rms_norm",
    samples=(S(F(5, 3), F(3), shape=(3,), eps=1e-5), S(F(2, 5, 3), None, shape=(5, 3), eps=None)),
)
def rms_norm(x, weight=None, /, *, shape, eps=None):
    """y = x / √(mean(x²) + eps) · weight  over the last axes; eps is the dtype's machine epsilon
    unless given.  Source: Zhang & Sennrich 2019.
    """
    dim = tuple(range(x.ndim - len(shape), x.ndim))
    eps = epsilon(x.dtype) if eps is None else eps
    inverse = rsqrt(mean(square(x), dim=dim, keepdim=True) + eps)
    xhat = x * inverse
    return (xhat if weight is None else xhat * weight), xhat, inverse


@rms_norm.fast
def _rms_norm(x, weight=None, *, shape, eps):
    dim, n = tuple(range(x.ndim - len(shape), x.ndim)), shapes.size(shape)
    eps = epsilon(x.dtype) if eps is None else eps
    inverse = 1 / xp.sqrt(xp.sum(x * x, axis=dim, keepdims=True) / n + eps)
    xhat = x * inverse
    return (xhat.copy() if weight is None else xhat * weight), xhat, inverse


def _rms_norm_rule(g, weight, xhat, inverse, shape, needs):
    dim = tuple(range(g.ndim - len(shape), g.ndim))
    gx = None
    if needs[0]:
        gw = g if weight is None else g * weight
        gx = (gw - xhat * mean(gw * xhat, dim=dim, keepdim=True)) * inverse
    return gx, g * xhat if needs[1] else None


rms_norm.vjp(
    lambda g, weight, xhat, inverse, shape, needs: _rms_norm_rule(
        g, weight, xhat, inverse, shape, needs
    )
)


def epsilon(dtype) -> float:
    """The distance from 1 to the next number of a floating dtype."""
    return {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}[
        dtypes.of_value(dtype).name
    ]


def _per_channel(args, attrs):
    x = args[0]
    if x.ndim < 2:
        raise refuse("x must be (N, C, …)")
    for v in args[1:]:
        if v is not None and tuple(v.shape) != (x.shape[1],):
            raise refuse(
                f"every vector must have one element for each of the {x.shape[1]} channels of x"
            )
    return attrs


def channelled(v, ndim):
    """A vector of channels, shaped to broadcast against (N, C, …)."""
    return view(v, shape=(1, v.shape[0], *(1,) * (ndim - 2)))


@composite(
    normalizing,
    types="floating",
    normalize=_per_channel,
    outputs=("y", "mean", "var"),
    hidden=("xhat", "inverse"),
    constant=("mean", "var"),
    onnx="BatchNormalization",
    samples=(
        S(F(5, 3), F(3), F(3), eps=1e-5),
        S(F(2, 3, 5), None, None, eps=1e-3),
        S(F(2, 3, 2, 5), F(3), F(3), eps=1e-5),
    ),
)
def batch_norm(x, weight=None, bias=None, /, *, eps=1e-5):
    """y = (x − mean) / √(var + eps) · weight + bias  per channel over the batch and all positions;
    also the mean and the variance (over n).

    Mean and variance are given for a layer's running statistics and take part in no derivative.
    Source: Ioffe & Szegedy 2015, algorithm 1.
    """
    dim = (0, *range(2, x.ndim))
    m = mean(x, dim=dim, keepdim=True)
    centred = x - m
    v = mean(square(centred), dim=dim, keepdim=True)
    inverse = rsqrt(v + eps)
    xhat = centred * inverse
    y = xhat if weight is None else xhat * channelled(weight, x.ndim)
    y = y if bias is None else y + channelled(bias, x.ndim)
    return y, view(m, shape=(x.shape[1],)), view(v, shape=(x.shape[1],)), xhat, inverse


@batch_norm.fast
def _batch_norm(x, weight=None, bias=None, *, eps):
    wide = [None if v is None else v.reshape(1, -1, 1) for v in (weight, bias)]
    y, xhat, inverse, m, v = standardized(x, *wide, dim=(0, *range(2, x.ndim)), eps=eps)
    inverse = inverse.reshape(1, -1, *(1,) * (x.ndim - 2))
    return y.reshape(x.shape), m.reshape(-1), v.reshape(-1), xhat.reshape(x.shape), inverse


def _batch_norm_rule(g_y, weight, xhat, inverse):
    factor = inverse if weight is None else inverse * channelled(weight, g_y.ndim)
    gx, total, along = standardize_backward(g_y, xhat, factor, dim=(0, *range(2, g_y.ndim)))
    width = (g_y.shape[1],)
    return gx, view(along, shape=width), view(total, shape=width)


batch_norm.vjp(lambda g_y, weight, xhat, inverse: _batch_norm_rule(g_y, weight, xhat, inverse))


def _given_statistics(args, attrs):
    x, mean, var, weight, bias = args
    _per_channel((x, mean, var), attrs)
    return _per_channel((x, weight, bias), attrs)


@composite(
    normalizing,
    types="floating",
    normalize=_given_statistics,
    samples=(
        S(F(5, 3), F(3), F(3, low=0.5, high=2), F(3), F(3), eps=1e-5),
        S(F(2, 3, 5), F(3), F(3, low=0.5, high=2), None, None, eps=1e-3),
    ),
)
def batch_norm_with(x, mean, var, weight=None, bias=None, /, *, eps=1e-5):
    """y = (x − mean) / √(var + eps) · weight + bias  with given statistics, as a trained layer
    computes it: one factor and one summand a channel.
    """
    factor = rsqrt(var + eps)
    factor = factor if weight is None else factor * weight
    summand = -mean * factor if bias is None else bias - mean * factor
    return x * channelled(factor, x.ndim) + channelled(summand, x.ndim)


def _grouped(args, attrs):
    _per_channel(args, attrs)
    if attrs["groups"] < 1 or args[0].shape[1] % attrs["groups"]:
        raise refuse(
            f"groups must divide the channels, found groups={attrs['groups']} and {args[0].shape[1]} channels"
        )
    return attrs


def _of_group(v, groups):
    """Numbers of channels, (N, C, 1, …), summed over the channels of a group; each has the sum of
    its own.
    """
    if groups == v.shape[1]:
        return v
    parted = (v.shape[0], groups, v.shape[1] // groups)
    total = sum(view(v, shape=parted), dim=(2,), keepdim=True)
    return view(expand(total, shape=parted), shape=v.shape)


def _of_channel(x):
    """The sums over all positions, (N, C, …) → (N, C, 1, …)."""
    return sum(x, dim=tuple(range(2, x.ndim)), keepdim=True) if x.ndim > 2 else x


@composite(
    normalizing,
    types="floating",
    normalize=_grouped,
    hidden=("xhat", "inverse"),
    reference="torch.nn.functional.group_norm",
    onnx="GroupNormalization",
    samples=(
        S(F(2, 6, 5), F(6), F(6), groups=3, eps=1e-5),
        S(F(2, 4, 3, 5), None, None, groups=2, eps=1e-5),
        S(F(5, 3, 2, 3), F(3), None, groups=3, eps=1e-3),
        S(F(5, 6), None, F(6), groups=2, eps=1e-5),
    ),
)
def group_norm(x, weight=None, bias=None, /, *, groups, eps=1e-5):
    """y = (x − mean) / √(var + eps) · weight + bias,  mean and variance (over n) of each sample's
    groups of channels at all positions, weight and bias per channel.

    Sums are taken over the positions of a channel, then over channels: however an image lies in
    memory, nothing has to be brought together for it.   Source: Wu & He 2018.
    """
    n = shapes.size(x.shape[1:]) // groups
    centred = x - _of_group(_of_channel(x), groups) / n
    inverse = rsqrt(_of_group(_of_channel(square(centred)), groups) / n + eps)
    xhat = centred * inverse
    y = xhat if weight is None else xhat * channelled(weight, x.ndim)
    return (y if bias is None else y + channelled(bias, x.ndim)), xhat, inverse


@group_norm.fast
def _group_norm(x, weight=None, bias=None, *, groups, eps):
    each = x.shape[1] // groups
    rows = x.reshape(x.shape[0], groups, each * shapes.size(x.shape[2:]))
    y, xhat, inverse, _, _ = standardized(rows, None, None, dim=(2,), eps=eps)
    y = y.reshape(x.shape)
    wide = (1, -1, *(1,) * (x.ndim - 2))
    if weight is not None:
        y *= weight.reshape(wide)
    if bias is not None:
        y += bias.reshape(wide)
    inverse = xp.broadcast_to(inverse.reshape(-1, groups, 1), (x.shape[0], groups, each)).copy()
    return y, xhat.reshape(x.shape), inverse.reshape(*x.shape[:2], *wide[2:])


def _group_norm_rule(g, weight, xhat, inverse, groups, needs):
    total, along_xhat = _of_channel(g), _of_channel(g * xhat)
    gx = gw = gb = None
    if needs[0]:
        n = shapes.size(g.shape[1:]) // groups
        w = None if weight is None else channelled(weight, g.ndim)
        a, b = (_of_group(v if w is None else v * w, groups) / n for v in (total, along_xhat))
        gx = ((g if w is None else g * w) - (a + xhat * b)) * inverse
    if needs[1]:
        gw = view(sum(along_xhat, dim=(0,)), shape=(g.shape[1],))
    if needs[2]:
        gb = view(sum(total, dim=(0,)), shape=(g.shape[1],))
    return gx, gw, gb


group_norm.vjp(
    lambda g, weight, xhat, inverse, groups, needs: _group_norm_rule(
        g, weight, xhat, inverse, groups, needs
    )
)


@composite(
    normalizing,
    types="floating",
    reference="torch.nn.functional.normalize",
    onnx="LpNormalization",
    samples=(
        S(F(5, 3), p=2.0, dim=1, eps=1e-12),
        S(F(5, 3), p=1.0, dim=0, eps=1e-12),
        S(F(5, 3), p=0.0, dim=1, eps=1e-12),
        S(F(5, 3), p=-math.inf, dim=1, eps=1e-12),
        S(F(5, 3), p=3.0, dim=0, eps=0.1),
    ),
)
def normalize(x, /, *, p=2.0, dim=1, eps=1e-12):
    """x / max(‖x‖ₚ, eps)  along an axis."""
    norm = vector_norm(x, p=p, dim=dim, keepdim=True)
    return x / expand(maximum(norm, eps), shape=x.shape)


def _across_channels(args, attrs):
    if args[0].ndim < 3:
        raise refuse("x must be (N, C, *S) with at least one spatial axis")
    if attrs["size"] < 1:
        raise refuse(f"size must be at least 1, found {attrs['size']}")
    return attrs


@composite(
    normalizing,
    types="floating",
    normalize=_across_channels,
    reference="torch.nn.functional.local_response_norm",
    onnx="LRN",
    samples=(
        S(F(2, 5, 3), size=3, alpha=0.5, beta=0.75, k=1.0),
        S(F(2, 5, 3, 2), size=2, alpha=0.1, beta=0.5, k=2.0),
    ),
)
def local_response_norm(x, /, *, size, alpha=1e-4, beta=0.75, k=1.0):
    """x / (k + alpha · m)^beta,  m the mean of x² over `size` channels around each one, with zeros
    beyond the first and last.  Source: Krizhevsky, Sutskever & Hinton 2012, section 3.3.
    """
    ones, none = (1,) * (x.ndim - 2), ((0, 0),) * (x.ndim - 2)
    total = sum_pool(
        view(square(x), shape=(x.shape[0], 1, *x.shape[1:])),
        kernel=(size, *ones),
        stride=(1, *ones),
        padding=((size // 2, (size - 1) // 2), *none),
        dilation=(1, *ones),
    )
    return x / (view(total, shape=x.shape) * (alpha / size) + k) ** beta
