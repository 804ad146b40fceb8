"""Activation functions. At a kink the derivative is the one PyTorch gives."""

from __future__ import annotations

import math

from ..backends import xp
from ..base import dtypes
from ..base.errors import ArgumentError, DTypeError
from ..ops import abs as abs_
from ..ops import (
    cast,
    clamp,
    erf,
    exp,
    expm1,
    log,
    log1p,
    logical_and,
    maximum,
    minimum,
    sigmoid,
    sign,
    slice_,
    tanh,
    uniform,
    where,
)
from ..ops.explain import refuse
from ..ops.kinds import along, elementwise, gather, random
from ..ops.promotion import spec_of
from ..ops.record import composite
from ..ops.samples import F, S

SQRT_HALF = math.sqrt(0.5)
SMALLEST_DRAWN = 2.0**-25  # half of the smallest number above 0 that `uniform` draws
GELU_SCALE = math.sqrt(2 / math.pi)
# Klambauer et al. 2017, eq. 14: zero mean, unit variance is a fixed point
SELU_ALPHA, SELU_SCALE = (
    1.6732632423543772,
    1.0507009873554805,
)


@composite(elementwise, types="promote", reference="torch.nn.functional.relu", onnx="Relu")
def relu(x, /):
    """Rectified linear unit,  y = max(x, 0);  the derivative at 0 is 0."""
    return where(x > 0, x, where(x != x, x, 0))


relu.vjp(x=lambda g, y: g * (y != 0))  # of NaN it is g, as in PyTorch
relu.fast(lambda x: xp.maximum(x, 0))


@composite(
    elementwise, types="floating", reference="torch.nn.functional.leaky_relu", onnx="LeakyRelu"
)
def leaky_relu(x, /, *, negative_slope=0.01):
    """y = x where x > 0, else negative_slope · x.  Source: Maas et al. 2013."""
    return where(x > 0, x, negative_slope * x)


leaky_relu.vjp(x=lambda g, x, negative_slope: where(x > 0, g, negative_slope * g))


@composite(
    elementwise,
    types="floating",
    reference="torch.nn.functional.prelu",
    samples=(S(F(2, 5, 3), F(5, 1)), S(F(5, 3), F())),
)
def prelu(x, weight, /):
    """y = x where x > 0, else weight · x, the weight broadcast against x and learned.  Source:
    He et al. 2015.
    """
    return where(x > 0, x, weight * x)


_STATE = xp.asarray([7, 0])  # seed and offset


@composite(
    random,
    types="floating",
    promotes=("x",),
    hidden=("slope",),
    samples=(
        S(F(5, 3), _STATE, lower=0.1, upper=0.4, skip=0),
        S(F(7), _STATE, lower=-1.0, upper=1.0, skip=0),
    ),
)
def rrelu(x, state, /, *, lower=0.125, upper=1 / 3, skip=0):
    """y = x where x > 0, else r · x with a slope r drawn for each element from U(lower, upper).
    Source: Xu et al. 2015.

    `state` and `skip` are those of a random op.
    """
    drawn = uniform(state, shape=tuple(x.shape), skip=skip)
    slope = where(x > 0, 1.0, lower + (upper - lower) * cast(drawn, dtype=x.dtype))
    return x * slope, slope


rrelu.vjp(x=lambda g, slope: g * slope)


@composite(
    random,
    types="floating",
    promotes=("x",),
    samples=(S(F(5, 3), _STATE, skip=0), S(F(), _STATE, skip=0)),
)
def with_gumbel(x, state, /, *, skip=0):
    """x − ln(−ln u),  u drawn for each element from U(0, 1): the largest element of a row is then c
    with the probability  softmax(x)_c.  Source: Gumbel 1954; Maddison et al. 2014.
    """
    u = uniform(state, shape=tuple(x.shape), skip=skip)
    u = maximum(u, SMALLEST_DRAWN)
    return x - log(-log(cast(u, dtype=x.dtype)))


with_gumbel.vjp(x=lambda g: g)


@composite(elementwise, types="floating", reference="torch.nn.functional.elu", onnx="Elu")
def elu(x, /, *, alpha=1.0):
    """y = x where x > 0, else alpha · (eˣ − 1).  Source: Clevert et al. 2016."""
    return where(x > 0, x, alpha * expm1(where(x > 0, 0.0, x)))


@composite(elementwise, types="floating", reference="torch.nn.functional.selu", onnx="Selu")
def selu(x, /):
    """y = scale · elu(x, alpha).  Source: Klambauer et al. 2017."""
    return SELU_SCALE * where(x > 0, x, SELU_ALPHA * expm1(where(x > 0, 0.0, x)))


@composite(elementwise, types="floating", reference="torch.nn.functional.celu", onnx="Celu")
def celu(x, /, *, alpha=1.0):
    """y = max(x, 0) + min(0, alpha · (e^(x/alpha) − 1)).  Source: Barron 2017."""
    return where(x > 0, x, alpha * expm1(where(x > 0, 0.0, x) / alpha))


@composite(
    elementwise,
    types="floating",
    reference="torch.nn.functional.gelu",
    onnx="Gelu",
    domain=(-4, 4),
    samples=(
        S(F(5, 3), approximate="none"),
        S(F(5, 3), approximate="tanh"),
        S(F(), approximate="none"),
        S(F(0, 3), approximate="tanh"),
    ),
)
def gelu(x, /, *, approximate="none"):
    """Gaussian error linear unit,  y = x · Φ(x),  or with 'tanh'  y = x/2 · (1 + tanh(√(2/π) · (x +
    0.044715 x³))).

    Source: Hendrycks & Gimpel 2016, eq. 1 and section 2.
    """
    if approximate == "tanh":
        return 0.5 * x * (1 + tanh(GELU_SCALE * (x + 0.044715 * (x * x * x))))
    return 0.5 * x * (1 + erf(SQRT_HALF * x))


def _gelu_rule(g, x, approximate):
    if approximate == "tanh":
        x2 = x * x
        t = tanh(GELU_SCALE * (x + 0.044715 * (x2 * x)))
        return g * (0.5 * (1 + t) + (0.5 * GELU_SCALE) * x * (1 - t * t) * (1 + 0.134145 * x2))
    # 1/√(2π)
    return g * (0.5 * (1 + erf(SQRT_HALF * x)) + (x * exp(-0.5 * (x * x))) * 0.3989422804014327)


gelu.vjp(x=lambda g, x, approximate: _gelu_rule(g, x, approximate))


def _check_gelu(args, attrs):
    if attrs["approximate"] not in ("none", "tanh"):
        raise ArgumentError(
            f"gelu: approximate is 'none' or 'tanh', found {attrs['approximate']!r}"
        )
    return attrs


gelu.normalize = _check_gelu


@composite(elementwise, types="floating", reference="torch.nn.functional.silu")
def silu(x, /):
    """y = x · σ(x), also called swish.  Source: Elfwing et al. 2017."""
    return x * sigmoid(x)


def _silu_rule(g, x):
    s = sigmoid(x)
    return g * (s * (1 + x * (1 - s)))


silu.vjp(x=lambda g, x: _silu_rule(g, x))


@composite(elementwise, types="floating", reference="torch.nn.functional.softplus", onnx="Softplus")
def softplus(x, /, *, beta=1.0, threshold=20.0):
    """y = ln(1 + e^(beta·x)) / beta, and x itself where beta · x > threshold."""
    z = beta * x
    smooth = (maximum(z, 0.0) + log1p(exp(-abs_(z)))) / beta
    return where(z > threshold, x, smooth)


softplus.vjp(x=lambda g, x, beta, threshold: where(beta * x > threshold, g, g * sigmoid(beta * x)))


@composite(elementwise, types="floating", reference="torch.nn.functional.logsigmoid")
def logsigmoid(x, /):
    """y = ln σ(x) = min(x, 0) − ln(1 + e^−|x|)."""
    return minimum(x, 0.0) - log1p(exp(-abs_(x)))


logsigmoid.vjp(x=lambda g, x: g * sigmoid(-x))


@composite(elementwise, types="floating", reference="torch.nn.functional.mish", onnx="Mish")
def mish(x, /):
    """y = x · tanh(softplus(x)).  Source: Misra 2019."""
    return x * tanh(softplus(x))


@composite(elementwise, types="float", reference="torch.nn.functional.softsign", onnx="Softsign")
def softsign(x, /):
    """y = x / (1 + |x|)."""
    return x / (1 + abs_(x))


def _like_x(args, attrs):
    """Numbers that meet an integer x become integers, so that the result stays one, as in
    PyTorch.
    """
    dtype = spec_of(args[0]).dtype
    if dtype.category == dtypes.FLOATING:
        return attrs
    if dtype is dtypes.uint8 and min(attrs.values()) < 0:
        raise DTypeError("a bound below 0 has no meaning for uint8")
    return {name: int(v) for name, v in attrs.items()}


@composite(
    elementwise, types="promote", normalize=_like_x, reference="torch.nn.functional.hardtanh"
)
def hardtanh(x, /, *, min_val=-1.0, max_val=1.0):
    """x limited to [min_val, max_val]; the derivative at the bounds is 0."""
    return clamp(x, min_val, max_val)


hardtanh.vjp(x=lambda g, x, min_val, max_val: where(logical_and(x > min_val, x < max_val), g, 0.0))


@composite(elementwise, types="promote", reference="torch.nn.functional.relu6")
def relu6(x, /):
    """y = min(max(x, 0), 6).  Source: Krizhevsky 2010."""
    return hardtanh(x, min_val=0.0, max_val=6.0)


@composite(
    elementwise, types="floating", reference="torch.nn.functional.hardsigmoid", onnx="HardSigmoid"
)
def hardsigmoid(x, /):
    """y = min(max(x + 3, 0), 6) / 6.  Source: Howard et al. 2019."""
    return relu6(x + 3) / 6


@composite(
    elementwise, types="floating", reference="torch.nn.functional.hardswish", onnx="HardSwish"
)
def hardswish(x, /):
    """y = x · min(max(x + 3, 0), 6) / 6.  Source: Howard et al. 2019."""
    return x * (relu6(x + 3) / 6)


@composite(elementwise, types="floating", reference="torch.nn.functional.softshrink")
def softshrink(x, /, *, lambd=0.5):
    """x moved toward 0 by lambd, and 0 where |x| ≤ lambd."""
    return where(abs_(x) > lambd, x - lambd * sign(x), 0.0 * x)


@composite(elementwise, types="floating", reference="torch.nn.functional.hardshrink")
def hardshrink(x, /, *, lambd=0.5):
    """x, but 0 where |x| ≤ lambd."""
    return where(abs_(x) > lambd, x, 0.0 * x)


@composite(elementwise, types="float", reference="torch.nn.functional.tanhshrink")
def tanhshrink(x, /):
    """y = x − tanh x."""
    return x - tanh(x)


@composite(
    elementwise,
    types="promote",
    normalize=_like_x,
    reference="torch.nn.functional.threshold",
    samples=(S(F(5, 3), threshold=0.1, value=2.0),),
)
def threshold(x, /, *, threshold, value):
    """x where x > threshold, else a value."""
    return where(x <= threshold, value, x)


@composite(
    gather,
    types="floating",
    normalize=along,
    reference="torch.nn.functional.glu",
    samples=(S(F(5, 4), dim=-1), S(F(6, 3), dim=0)),
)
def glu(x, /, *, dim=-1):
    """Gated linear unit: the first half of an axis times σ of the second.  Source: Dauphin et
    al. 2017.
    """
    if not x.ndim:
        raise refuse("a 0-d tensor has no axis to halve")
    half = x.shape[dim] // 2
    if 2 * half != x.shape[dim]:
        raise refuse(f"the axis to halve must have an even size, found {x.shape[dim]}")
    return slice_(x, dim=dim, start=0, stop=half) * sigmoid(slice_(x, dim=dim, start=half))
