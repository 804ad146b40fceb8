"""The logarithm of the gamma function and its derivatives, which likelihoods of counts, of proportions and of
heavy tails are made of. Made as the functions of `elementary`, of the same pieces.

They are computed in double, whatever the format of x, by the formulas of `backends.special` and with its
coefficients; so floats are right to the last bits, and doubles to some units in the last place, near a zero
of the function relative to 1. There are no branches: what one formula takes is made harmless for the others,
and selections choose.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ..backends import special
from .angles import _sine_and_cosine
from .code import DOUBLE, Code, Value
from .elementary import _abs, _at_least, _at_most, _copysign, _number, _polynomial, log

__all__ = ["digamma", "lgamma", "trigamma"]

LARGE = 10.0
"""From here on the series in 1 / x² are exact."""

TRIGAMMA = (1.0, *[2 * k * b for k, b in enumerate(special.DIGAMMA[::-1], 1)])
"""B₂ₖ, lowest k first, after B₀: digamma's series, differentiated."""


def _in_double(f: Callable[[Code, Value], Value]) -> Callable[[Code, Value], Value]:
    """Decorator: computed in double and rounded to the format of x."""

    def rounded(c: Code, x: Value) -> Value:
        if x.type.base == "double":
            return f(c, x)
        y = f(c, c.cast("fpext", x, DOUBLE.of(x.type.lanes)))
        return c.cast("fptrunc", y, x.type)

    rounded.__doc__ = f.__doc__
    return rounded


def _reflected(c: Code, x: Value) -> tuple[Value, Value]:
    """Whether x is negative, and what stands for it in a formula for positive numbers: 1 − x then."""
    negative = c.fcmp("olt", x, _number(c, 0.0, x))
    return negative, c.select(negative, c.fsub(_number(c, 1.0, x), x), x)


def _from_the_next_integer(c: Code, x: Value) -> Value:
    """x less the nearest integer; NaN for infinities."""
    return c.fsub(x, c.intrinsic("rint", x.type, x))


def _sine_and_cosine_of_pi(c: Code, r: Value) -> tuple[Value, Value]:
    """sin πr and cos πr for 0 ≤ r ≤ ½, from the sine and cosine of the nearer of πr and π/2 − πr."""
    half = _number(c, 0.5, r)
    beyond = c.fcmp("ogt", r, _number(c, 0.25, r))
    near = c.select(beyond, c.fsub(half, r), r)
    sine, cosine = _sine_and_cosine(c, c.fmul(near, _number(c, math.pi, r)))
    return c.select(beyond, cosine, sine), c.select(beyond, sine, cosine)


@_in_double
def lgamma(c: Code, x: Value) -> Value:
    """ln |Γ(x)|; +∞ at 0 and the negative integers, and at both infinities."""
    negative, positive = _reflected(c, x)
    y = _lgamma_positive(c, positive)
    sine, _ = _sine_and_cosine_of_pi(c, _abs(c, _from_the_next_integer(c, x)))
    # Γ(x) Γ(1 − x) = π / sin πx
    other = c.fsub(c.fsub(_number(c, math.log(math.pi), x), log(c, sine)), y)
    y = c.select(negative, other, y)
    infinity = _number(c, math.inf, x)
    return c.select(c.fcmp("oeq", _abs(c, x), infinity), infinity, y)


def _lgamma_positive(c: Code, x: Value) -> Value:
    """ln Γ for x ≥ 0: below 10 a power series around 2 and the logarithm of a product, above Stirling's
    series. Both take one logarithm, of the product or of x."""
    one, two = _number(c, 1.0, x), _number(c, 2.0, x)
    t = _at_most(c, x, LARGE)
    tiny = c.fcmp("olt", t, _number(c, 0.5, x))
    low = c.fcmp("olt", t, _number(c, 1.5, x))
    factor, rest = one, c.select(low, two, t)
    for _ in range(8):  # Γ(x) = (x − 1) Γ(x − 1)
        high = c.fcmp("ogt", rest, _number(c, 2.5, x))
        rest = c.select(high, c.fsub(rest, one), rest)
        factor = c.select(high, c.fmul(factor, rest), factor)
    # what is to be added to 2 is exact: near 1 and 2, where ln Γ is 0, no digit is lost
    z = c.select(tiny, t, c.select(low, c.fsub(t, one), c.fsub(rest, two)))
    below = c.select(tiny, c.fmul(t, c.fadd(t, one)), t)  # Γ(x) = Γ(x + 1) / x
    near = c.fcmp("ole", x, _number(c, LARGE, x))
    product = c.select(low, below, factor)
    logarithm = log(c, c.select(near, product, x))
    series = _polynomial(c, z, special.LGAMMA_2[::-1])
    small = c.fadd(series, c.select(low, c.fneg(logarithm), logarithm))
    far = _at_least(c, x, LARGE)
    inverse = c.fdiv(one, far)
    stirling = c.fmul(_polynomial(c, c.fmul(inverse, inverse), special.STIRLING[::-1]), inverse)
    stirling = c.fadd(stirling, _number(c, math.log(2 * math.pi) / 2, x))
    large = c.fsub(c.fmul(c.fsub(far, _number(c, 0.5, x)), logarithm), far)
    return c.select(near, small, c.fadd(large, stirling))


@_in_double
def digamma(c: Code, x: Value) -> Value:
    """Γ′(x) / Γ(x); NaN at the negative integers, ∓∞ at ±0."""
    zero, one = _number(c, 0.0, x), _number(c, 1.0, x)
    negative, t = _reflected(c, x)
    above, under = zero, one  # the sum of 1 / t as one fraction
    for _ in range(10):  # ψ(t) = ψ(t + 1) − 1 / t
        low = c.fcmp("olt", t, _number(c, LARGE, x))
        above = c.select(low, c.fadd(c.fmul(above, t), under), above)
        under = c.select(low, c.fmul(under, t), under)
        t = c.select(low, c.fadd(t, one), t)
    inverse = c.fdiv(one, t)
    square = c.fmul(inverse, inverse)
    series = c.fmul(_polynomial(c, square, special.DIGAMMA[::-1]), square)
    y = c.fsub(c.fsub(log(c, t), c.fmul(_number(c, 0.5, x), inverse)), series)
    y = c.fsub(y, c.fdiv(above, under))
    rest = _from_the_next_integer(c, x)
    sine, cosine = _sine_and_cosine_of_pi(c, _abs(c, rest))
    # ψ(1 − x) − ψ(x) = π / tan πx
    turned = _copysign(c, c.fdiv(c.fmul(_number(c, math.pi, x), cosine), sine), rest)
    other = c.select(c.fcmp("oeq", rest, zero), _number(c, math.nan, x), c.fsub(y, turned))
    y = c.select(negative, other, y)
    pole = _copysign(c, _number(c, math.inf, x), c.fneg(x))
    return c.select(c.fcmp("oeq", x, zero), pole, y)


@_in_double
def trigamma(c: Code, x: Value) -> Value:
    """The derivative of digamma; +∞ at 0 and the negative integers."""
    zero, one = _number(c, 0.0, x), _number(c, 1.0, x)
    negative, t = _reflected(c, x)
    total = zero
    for _ in range(10):  # ψ′(t) = ψ′(t + 1) + 1 / t²
        low = c.fcmp("olt", t, _number(c, LARGE, x))
        inverse = c.fdiv(one, t)
        total = c.select(low, c.fadd(total, c.fmul(inverse, inverse)), total)
        t = c.select(low, c.fadd(t, one), t)
    inverse = c.fdiv(one, t)
    square = c.fmul(inverse, inverse)
    series = _polynomial(c, square, TRIGAMMA)
    y = c.fadd(c.fmul(series, inverse), c.fmul(_number(c, 0.5, x), square))
    y = c.fadd(y, total)
    sine, _ = _sine_and_cosine_of_pi(c, _abs(c, _from_the_next_integer(c, x)))
    # ψ′(1 − x) + ψ′(x) = (π / sin πx)²
    part = c.fdiv(_number(c, math.pi, x), sine)
    return c.select(negative, c.fsub(c.fmul(part, part), y), y)
