"""Elementwise functions made of others. At a kink, a pole or a jump the derivative is the one PyTorch
gives.
"""

from __future__ import annotations

import math

from ..base import dtypes
from ..ops import abs as abs_
from ..ops import (
    cast,
    clamp,
    cos,
    eq,
    erfc,
    exp,
    exp2,
    gt,
    isfinite,
    isinf,
    isnan,
    lgamma,
    log,
    log1p,
    logical_and,
    logical_or,
    maximum,
    mul,
    ne,
    pow,
    round,
    sin,
    sqrt,
    sub,
    trunc,
    where,
    zeros_like,
)
from ..ops.kinds import elementwise
from ..ops.promotion import spec_of
from ..ops.record import composite
from ..ops.samples import F, S

SQRT_HALF, LN_2 = math.sqrt(0.5), math.log(2)
NAN, INFINITY = math.nan, math.inf

# ------------------------------------------------------------------------------------------------ angles and digits


@composite(elementwise, types="float", reference="torch.deg2rad")
def deg2rad(x, /):
    """Degrees in radians,  y = x · π / 180."""
    return mul(x, math.pi / 180)


@composite(elementwise, types="float", reference="torch.rad2deg")
def rad2deg(x, /):
    """Radians in degrees,  y = x · 180 / π."""
    return mul(x, 180 / math.pi)


@composite(elementwise, types="float", reference="torch.sinc")
def sinc(x, /):
    """y = sin(πx) / (πx), and 1 at 0."""
    angle = math.pi * where(eq(x, 0), 1.0, x)
    return where(eq(x, 0), 1.0, sin(angle) / angle)


def _sinc_rule(g, x):
    tiny = eq(x * x, 0)
    angle = math.pi * where(tiny, 1.0, x)
    slope = (angle * cos(angle) - sin(angle)) / (angle * angle) * math.pi
    return g * where(tiny, 0.0, slope)


sinc.vjp(x=lambda g, x: _sinc_rule(g, x))


@composite(elementwise, types="float", reference="torch.special.spherical_bessel_j0")
def spherical_bessel_j0(x, /):
    """y = sin(x) / x, 1 at 0 and 0 at both infinities."""
    finite = where(logical_or(eq(x, 0), isinf(x)), 1.0, x)
    return where(eq(x, 0), 1.0, where(isinf(x), 0.0, sin(finite) / finite))


@composite(elementwise, types="float", reference="torch.angle")
def angle(x, /):
    """The angle of a real number in the complex plane: π below 0, else 0; its derivative is 0."""
    return where(ne(x, x), x, where(x < 0, math.pi, zeros_like(x)))


angle.vjp(x=lambda g: zeros_like(g))


@composite(elementwise, types="floating", reference="torch.frac")
def frac(x, /):
    """The part behind the point,  y = x − trunc(x)."""
    return sub(x, trunc(x))


@composite(
    elementwise,
    types="floating",
    reference="torch.round",
    samples=(S(F(5, 3), decimals=1), S(F(7, low=-300, high=300), decimals=-1)),
)
def round_to(x, /, *, decimals):
    """Rounded to so many places behind the point, or before it if negative; ties to even."""
    ten = 10.0 ** math.fabs(decimals)
    return round(x * ten) / ten if decimals > 0 else round(x / ten) * ten


# ----------------------------------------------------------------------------------------------------- selection


@composite(elementwise, types="promote", reference="torch.fmax")
def fmax(a, b, /):
    """The larger of two; of a number and NaN the number. At a tie the gradient is the first's."""
    return where(logical_or(a >= b, isnan(b)), a, b)


@composite(elementwise, types="promote", reference="torch.fmin")
def fmin(a, b, /):
    """The smaller of two; of a number and NaN the number. At a tie the gradient is the first's."""
    return where(logical_or(a <= b, isnan(b)), a, b)


@composite(elementwise, types="promote", promotes=("x", "values"), reference="torch.heaviside")
def heaviside(x, values, /):
    """Heaviside's step function: 0 below 0, `values` at 0, 1 above."""
    return where(eq(x, 0), values, cast(gt(x, 0), dtype=x.dtype))


heaviside.vjp(x=lambda g: zeros_like(g), values=lambda g, x: where(eq(x, 0), g, 0.0))


@composite(
    elementwise,
    reference="torch.nan_to_num",
    samples=(S(F(5, 3), nan=0.0, posinf=None, neginf=None), S(F(7), nan=0.5, posinf=2.0, neginf=-2.0)),
)  # fmt: skip
def nan_to_num(x, /, *, nan=0.0, posinf=None, neginf=None):
    """x with numbers in place of NaN, +∞ and −∞: 0, and the largest and smallest of the dtype unless
    given.
    """
    dtype = spec_of(x).dtype
    if dtype.category != dtypes.FLOATING:
        return where(eq(x, x), x, x)
    high = dtypes.largest(dtype) if posinf is None else posinf
    low = -dtypes.largest(dtype) if neginf is None else neginf
    y = where(isnan(x), 0.0 if nan is None else nan, x)
    return where(eq(y, INFINITY), high, where(eq(y, -INFINITY), low, y))


nan_to_num.vjp(x=lambda g, x: where(isfinite(x), g, 0.0))

# ---------------------------------------------------------------------------- roots, logarithms and exponentials


@composite(elementwise, types="floating", domain=(0.5, 3))
def deviation(variance, /):
    """The root of a variance,  y = √variance;  where nothing spreads, the derivative is 0."""
    return sqrt(variance)


deviation.vjp(variance=lambda g, y: where(eq(y, 0), 0.0, g / (y + y)))


@composite(elementwise, types="float", reference="torch.logaddexp")
def logaddexp(a, b, /):
    """y = ln(eᵃ + eᵇ), without overflow."""
    return maximum(a, b) + log1p(exp(-_apart(a, b)))


@composite(elementwise, types="float", reference="torch.logaddexp2")
def logaddexp2(a, b, /):
    """y = log₂(2ᵃ + 2ᵇ), without overflow."""
    return maximum(a, b) + log1p(exp2(-_apart(a, b))) * (1 / LN_2)


def _apart(a, b):
    """|a − b|, and 0 for equal infinities."""
    return abs_(where(eq(a, b), 0.0, a - b))


@composite(elementwise, types="float", reference="torch.ldexp")
def ldexp(x, exponent, /):
    """y = x · 2^exponent."""
    return mul(x, pow(2.0, exponent))


@composite(
    elementwise,
    types="float",
    reference="torch.logit",
    samples=(
        S(F(5, 3, low=0.1, high=0.9), eps=None),
        S(F(7, low=-0.5, high=1.5), eps=0.2),
        S(F(low=0.1, high=0.9), eps=None),
    ),
)
def logit(x, /, *, eps=None):
    """The inverse of sigmoid,  y = ln(x / (1 − x)); with eps, x is limited to [eps, 1 − eps] before."""
    z = x if eps is None else clamp(x, eps, 1 - eps)
    return log(z / (1 - z))


def _logit_rule(g, x, eps):
    low = 0.0 if eps is None else eps
    inside = logical_and(x >= low, x <= 1 - low)
    return where(inside, g / abs_(x * (1 - x)), NAN if eps is None else 0.0)


logit.vjp(x=lambda g, x, eps: _logit_rule(g, x, eps))


@composite(elementwise, types="float", reference="torch.xlogy", domain=(0.5, 3))
def xlogy(a, b, /):
    """y = a · ln b, and 0 where a is 0, whatever b is (NaN if b is NaN)."""
    return where(logical_and(eq(a, 0), eq(b, b)), 0.0, a * log(b))


xlogy.vjp(
    a=lambda g, a, b: g * where(logical_and(eq(a, 0), b <= 0), 0.0, log(b)),
    b=lambda g, a, b: g * a / b,
)


@composite(elementwise, types="float", reference="torch.special.xlog1py", domain=(0.5, 3))
def xlog1py(a, b, /):
    """y = a · ln(1 + b), and 0 where a is 0, whatever b is (NaN if b is NaN)."""
    return where(logical_and(eq(a, 0), eq(b, b)), 0.0, a * log1p(b))


xlog1py.vjp(
    a=lambda g, a, b: g * where(logical_and(eq(a, 0), b <= -1), 0.0, log1p(b)),
    b=lambda g, a, b: g * a / (b + 1),
)


@composite(elementwise, types="float", reference="torch.special.entr", domain=(0.1, 3))
def entr(x, /):
    """A term of the entropy in nats,  y = −x ln x;  0 at 0, −∞ below."""
    return where(eq(x, 0), 0.0, where(x < 0, -INFINITY, -x * log(x)))


entr.vjp(x=lambda g, x: -g * (1 + log(x)))


@composite(elementwise, types="float", reference="torch.special.ndtr")
def ndtr(x, /):
    """The standard normal distribution function,  y = Φ(x)."""
    return 0.5 * erfc(-SQRT_HALF * x)


@composite(
    elementwise,
    types="float",
    reference="torch.mvlgamma",
    samples=(S(F(5, 3, low=2, high=5), p=3), S(F(low=2, high=5), p=1)),
)
def mvlgamma(x, /, *, p):
    """The logarithm of the multivariate gamma function,  y = p(p − 1)/4 ln π + Σⱼ ln Γ(x − j/2)  over
    j = 0 … p − 1.  Source: James 1964, eq. 62.
    """
    y = lgamma(x) + p * (p - 1) / 4 * math.log(math.pi)
    for j in range(1, p):
        y = y + lgamma(x - j / 2)
    return y
