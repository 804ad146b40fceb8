"""Angles and their kin: sine, cosine and tangent, the arcs, hyperbolic functions and their inverses. Made
as those of `elementary`, of the same pieces and for the same formats.

The coefficients of sine and cosine are minimax fits, those of the arcs Chebyshev fits (in 40 digits);
their error stands beside them. Lowest power first. How far results may be from the true value is said in
ulp.
"""

from __future__ import annotations

import math

from .code import DOUBLE, I32, Code, Value
from .elementary import (
    _abs,
    _bits,
    _copysign,
    _format,
    _itself_below,
    _minus,
    _nearest,
    _number,
    _plus,
    _polynomial,
    _sum_and_error,
    _times,
    _where_rare,
    _with_constant,
    exp,
    expm1,
    log1p,
)

__all__ = [
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cos",
    "cosh",
    "hypot",
    "sin",
    "sinh",
    "tan",
]  # fmt: skip

SIN = {
    # (sin(r)/r − 1) / r² in powers of r², |r| ≤ π/4; errors 2⁻²⁸ and 2⁻⁵⁸
    "float": (-0.16666654935040556, 0.008332177551149815, -0.00019517214062578196),
    "double": (-0.16666666666666632, 0.008333333333322408, -0.00019841269829803785,
               2.755731369053516e-06, -2.5050757897855714e-08, 1.5896782922738795e-10),
}  # fmt: skip

COS = {
    # (cos(r) − 1 + r²/2) / r⁴ in powers of r², |r| ≤ π/4; errors 2⁻³³ and 2⁻⁶⁴
    "float": (0.041666646852824604, -0.0013887366787770333, 2.443836266963332e-05),
    "double": (0.0416666666666666, -0.001388888888887412, 2.4801587289479484e-05,
               -2.7557314351486346e-07, 2.0875723150622616e-09, -1.1359641119941996e-11),
}  # fmt: skip

TWO_OVER_PI = 0.6366197723675814
HALF_PI_SHORT = (1.5707963267341256, 6.077100506506192e-11)
"""π/2 in parts of 33 and 53 bits: integers up to 2²⁰ times the first are exact."""
HALF_PI_LONG = (1.5707963267923333, 2.5633441515971907e-12, -2.6718907338610155e-24)
"""π/2 in parts of 38, 38 and 53 bits: integers up to 2¹⁵ times the first two are exact."""

LARGE_ANGLE = {"float": 2.0**20, "double": 2.0**15}
"""Beyond these the products with the parts of π/2 are exact no longer."""

ATAN = {
    # (atan(t)/t − 1) / t² in powers of t², |t| ≤ tan(π/8); errors 2⁻²⁵ and 2⁻⁵⁹
    "float": (-0.33333331760434554, 0.1999954031495797, -0.14263949753605723, 0.10743668324830098,
              -0.06451718869358958),
    "double": (-0.3333333333333333, 0.19999999999999804, -0.14285714285659779,
               0.11111111105150588, -0.09090908753259112, 0.07692296368042296,
               -0.0666642476020052, 0.05878927554473807, -0.05230443640686948,
               0.045515447340221615, -0.03456931506332609, 0.016284375050043393),
}  # fmt: skip

ASIN = {
    # (asin(s)/s − 1) / s² in powers of s², |s| ≤ ½; errors 2⁻²⁷ and 2⁻⁵⁹
    "float": (0.16666666337430017, 0.07500094543714886, 0.04459940144621111, 0.031100663799963377,
              0.017149232838285292, 0.03369085708006637),
    "double": (0.16666666666666666, 0.07500000000000118, 0.04464285714255189, 0.0303819444755325,
               0.022372157443499355, 0.017352816540553255, 0.01396378000798693,
               0.011566459664246437, 0.009621842530506778, 0.009319563332347104,
               0.003044870046905273, 0.019554538003846208, -0.019241707598188187,
               0.029612034269949298),
}  # fmt: skip

HALF_PI = {
    "float": (1.5707963705062866, -4.371139000186243e-08),
    "double": (math.pi / 2, 6.123233995736766e-17),
}
"""π/2 as the nearest number of the format, and what is missing."""

LARGE = {"float": 2.0**26, "double": 2.0**55}
"""x + 1 is x for anything more."""


# ------------------------------------------------------------------------------------------------- angles


def sin(c: Code, x: Value) -> Value:
    """The sine, within 2 ulp for every x. Beyond |x| = 2²⁰ (double: 2¹⁵), where reducing by π
    takes more digits than is worth carrying here, a branch calls libm's `sin` lane by lane.
    """
    y = _where_large(c, "sin", x, _quadrants(c, x, 0))
    return _itself_below(c, x, math.sqrt(_format(x).tiny), y)


def cos(c: Code, x: Value) -> Value:
    """The cosine, as `sin`."""
    return _where_large(c, "cos", x, _quadrants(c, x, 1))


def _quadrants(c: Code, x: Value, ahead: int) -> Value:
    """sin(x + ahead · π/2), from the sine and cosine of what is left after quarter turns."""
    r, quarters = _reduce_by_half_pi(c, x)
    sine, cosine = _sine_and_cosine(c, r)
    f = _format(x)
    if ahead:
        quarters = _with_constant(c, "add", quarters, ahead)
    odd = c.icmp("ne", _with_constant(c, "and", quarters, 1), c.const(0, quarters.type))
    y = _bits(c, c.select(odd, cosine, sine))
    sign = _with_constant(c, "shl", _with_constant(c, "and", quarters, 2), f.integer.bits - 2)
    return c.cast("bitcast", c.binary("xor", y, sign), x.type)


def _reduce_by_half_pi(c: Code, x: Value) -> tuple[Value, Value]:
    """x = n·π/2 + r with |r| ≤ π/4: r, and an integer whose low bits are n.

    Near a multiple of π/2 almost all digits of x cancel. What is left has to be right in all of its
    own digits, so π/2 is subtracted in parts whose products with n are exact.
    """
    if x.type.base == "float":  # in double, where two parts are enough
        double = DOUBLE.of(x.type.lanes)
        r = c.cast("fpext", x, double)
        n, shifted = _nearest(c, r, TWO_OVER_PI)
        for part in HALF_PI_SHORT:
            r = c.fsub(r, c.fmul(n, c.const(part, double)))
        n = c.cast("trunc", _bits(c, shifted), I32.of(x.type.lanes))
        return c.cast("fptrunc", r, x.type), n
    n, shifted = _nearest(c, x, TWO_OVER_PI)
    first, second, third = [_times(c, n, _number(c, part, x)) for part in HALF_PI_LONG]
    r, lost = _sum_and_error(c, _minus(c, x, first), c.fneg(second))
    return _plus(c, r, _minus(c, lost, third)), _bits(c, shifted)


def _sine_and_cosine(c: Code, r: Value) -> tuple[Value, Value]:
    """sin r and cos r, |r| ≤ π/4."""
    base, one, half = r.type.base, _number(c, 1.0, r), _number(c, 0.5, r)
    z = c.fmul(r, r)
    sine = c.fadd(c.fmul(c.fmul(z, r), _polynomial(c, z, SIN[base])), r)
    rest = c.fsub(c.fmul(z, _polynomial(c, z, COS[base])), half)
    return sine, c.fadd(c.fmul(z, rest), one)


def _where_large(c: Code, name: str, x: Value, y: Value) -> Value:
    """y, but libm's function of double where |x| is large."""
    size = _abs(c, x)
    large = c.fcmp("ogt", size, _number(c, LARGE_ANGLE[x.type.base], x))
    large = c.binary("and", large, c.fcmp("olt", size, _number(c, math.inf, x)))
    return _where_rare(c, large, name, [x], y)


def tan(c: Code, x: Value) -> Value:
    """The tangent, within 4 ulp; for large x by libm, as `sin`."""
    r, quarters = _reduce_by_half_pi(c, x)
    sine, cosine = _sine_and_cosine(c, r)
    odd = c.binary("and", quarters, c.const(1, quarters.type))
    odd = c.icmp("ne", odd, c.const(0, quarters.type))
    y = c.fdiv(c.select(odd, c.fneg(cosine), sine), c.select(odd, sine, cosine))
    return _itself_below(c, x, math.sqrt(_format(x).tiny), _where_large(c, "tan", x, y))


# --------------------------------------------------------------------------------------------------- arcs


def _less_half_pi(c: Code, y: Value, times: int = 1) -> Value:
    """times · π/2 − y."""
    high, low = HALF_PI[y.type.base]
    return _plus(c, _minus(c, _number(c, times * high, y), y), _number(c, times * low, y))


def _arc_to_one(c: Code, t: Value) -> Value:
    """The arc tangent of 0 ≤ t ≤ 1; above tan(π/8) that of (t − 1) / (t + 1), and π/4."""
    one = _number(c, 1.0, t)
    far = c.fcmp("ogt", t, _number(c, math.sqrt(2) - 1, t))
    s = c.select(far, c.fdiv(_minus(c, t, one), _plus(c, t, one)), t)
    z = c.fmul(s, s)
    y = c.fadd(c.fmul(c.fmul(s, z), _polynomial(c, z, ATAN[t.type.base])), s)
    high, low = HALF_PI[t.type.base]
    moved = _plus(c, _plus(c, y, _number(c, low / 2, t)), _number(c, high / 2, t))
    return c.select(far, moved, y)


def atan(c: Code, x: Value) -> Value:
    """The arc tangent, within 2 ulp."""
    a, one = _abs(c, x), _number(c, 1.0, x)
    steep = c.fcmp("ogt", a, one)
    y = _arc_to_one(c, c.select(steep, c.fdiv(one, a), a))
    return _copysign(c, c.select(steep, _less_half_pi(c, y), y), x)


def atan2(c: Code, y: Value, x: Value) -> Value:
    """The angle of the point (x, y), within 3 ulp."""
    a, b, zero = _abs(c, y), _abs(c, x), _number(c, 0.0, x)
    steep = c.fcmp("ogt", a, b)
    low, high = c.select(steep, b, a), c.select(steep, a, b)
    t = c.fdiv(low, high)
    t = c.select(c.fcmp("oeq", low, high), _number(c, 1.0, x), t)  # equal infinities
    t = c.select(c.fcmp("oeq", high, zero), zero, t)
    t = c.select(c.fcmp("uno", a, b), _plus(c, a, b), t)
    angle = _arc_to_one(c, t)
    angle = c.select(steep, _less_half_pi(c, angle), angle)
    left = c.fcmp("olt", _copysign(c, _number(c, 1.0, x), x), zero)
    return _copysign(c, c.select(left, _less_half_pi(c, angle, 2), angle), y)


def _arc_of_part(c: Code, a: Value) -> tuple[Value, Value]:
    """Whether a = |x| is above ½; the arc sine of a, or of √((1 − a) / 2) there."""
    half, one = _number(c, 0.5, a), _number(c, 1.0, a)
    far = c.fcmp("ogt", a, half)
    z = c.select(far, c.fmul(_minus(c, one, a), half), c.fmul(a, a))
    s = c.select(far, c.intrinsic("sqrt", a.type, z), a)
    return far, c.fadd(c.fmul(c.fmul(s, z), _polynomial(c, z, ASIN[a.type.base])), s)


def asin(c: Code, x: Value) -> Value:
    """The arc sine, within 2 ulp: beyond ½ as π/2 − 2·asin √((1 − x) / 2)."""
    far, y = _arc_of_part(c, _abs(c, x))
    return _copysign(c, c.select(far, _less_half_pi(c, _plus(c, y, y)), y), x)


def acos(c: Code, x: Value) -> Value:
    """The arc cosine, within 2 ulp."""
    far, y = _arc_of_part(c, _abs(c, x))
    twice, zero = _plus(c, y, y), _number(c, 0.0, x)
    outer = c.select(c.fcmp("olt", x, zero), _less_half_pi(c, twice, 2), twice)
    return c.select(far, outer, _less_half_pi(c, _copysign(c, y, x)))


def hypot(c: Code, a: Value, b: Value) -> Value:
    """√(a² + b²) without overflow on the way, within 2 ulp; inf if one is, whatever the other."""
    a, b = _abs(c, a), _abs(c, b)
    infinity, zero, one = [_number(c, v, a) for v in (math.inf, 0.0, 1.0)]
    steep = c.fcmp("ogt", a, b)
    low, high = c.select(steep, b, a), c.select(steep, a, b)
    r = c.fdiv(low, high)
    y = c.fmul(high, c.intrinsic("sqrt", a.type, c.fadd(c.fmul(r, r), one)))
    y = c.select(c.fcmp("oeq", high, zero), zero, y)
    infinite = c.binary("or", c.fcmp("oeq", a, infinity), c.fcmp("oeq", b, infinity))
    y = c.select(c.fcmp("uno", a, b), _plus(c, a, b), y)
    return c.select(infinite, infinity, y)


# ------------------------------------------------------------------------------------- hyperbolic functions


def sinh(c: Code, x: Value) -> Value:
    """The hyperbolic sine, within 4 ulp: with e = e^|x| − 1 half of e + e / (1 + e), for large x
    half of eˣ, as a square."""
    a, half = _abs(c, x), _number(c, 0.5, x)
    e = expm1(c, a)
    near = c.fmul(half, _plus(c, e, c.fdiv(e, _plus(c, e, _number(c, 1.0, x)))))
    root = exp(c, c.fmul(a, half))
    far = c.fmul(c.fmul(half, root), root)
    return _copysign(c, c.select(c.fcmp("olt", a, _number(c, 20.0, x)), near, far), x)


def cosh(c: Code, x: Value) -> Value:
    """The hyperbolic cosine, within 6 ulp: from the root of e^|x|, which does not overflow early."""
    half = _number(c, 0.5, x)
    root = exp(c, c.fmul(_abs(c, x), half))
    return c.fadd(c.fmul(c.fmul(half, root), root), c.fdiv(half, c.fmul(root, root)))


def asinh(c: Code, x: Value) -> Value:
    """The inverse of sinh, within 4 ulp:  ln(1 + a + a² / (1 + √(1 + a²)))  with a = |x|."""
    a, one = _abs(c, x), _number(c, 1.0, x)
    square = c.fmul(a, a)
    root = c.intrinsic("sqrt", x.type, c.fadd(square, one))
    z = c.fadd(a, c.fdiv(square, _plus(c, one, root)))
    return _copysign(c, _log_of_large(c, a, z), x)


def acosh(c: Code, x: Value) -> Value:
    """The inverse of cosh, within 4 ulp:  ln(1 + t + √(2t + t²))  with t = x − 1."""
    t = _minus(c, x, _number(c, 1.0, x))
    z = c.fadd(t, c.intrinsic("sqrt", x.type, c.fmul(t, _plus(c, t, _number(c, 2.0, x)))))
    y = _log_of_large(c, x, z)
    return c.select(c.fcmp("olt", t, _number(c, 0.0, x)), _number(c, math.nan, x), y)


def _log_of_large(c: Code, a: Value, z: Value) -> Value:
    """ln(1 + z), or ln 2a where a is so large that its square may overflow."""
    large = c.fcmp("ogt", a, _number(c, LARGE[a.type.base], a))
    y = log1p(c, c.select(large, a, z))
    return c.select(large, _plus(c, y, _number(c, math.log(2), a)), y)


def atanh(c: Code, x: Value) -> Value:
    """The inverse of tanh, within 4 ulp:  ½ ln(1 + 2a / (1 − a))  with a = |x|."""
    a, one = _abs(c, x), _number(c, 1.0, x)
    z = c.fdiv(_plus(c, a, a), _minus(c, one, a))
    return _copysign(c, c.fmul(_number(c, 0.5, x), log1p(c, z)), x)
