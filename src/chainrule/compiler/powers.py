"""Powers, exponentials and logarithms of other bases, and the remainder. Made as those of `elementary`, of
the same pieces and for the same formats.
"""

from __future__ import annotations

import math

from .code import DOUBLE, Code, Value
from .elementary import (
    ONE_OVER_LN2,
    _abs,
    _at_least,
    _at_most,
    _copysign,
    _exp,
    _format,
    _log,
    _log_edges,
    _minus,
    _nearest,
    _number,
    _plus,
    _polynomial,
    _product_and_error,
    _scaled_exp,
    _split,
    _sum_and_error,
    _times,
    _where_rare,
)

__all__ = ["exp2", "floor_mod", "log2", "log10", "pow"]

LOG_RATIO_OF_FLOAT = (
    # (2·artanh(s)/s − 2) / s² in powers of s², |s| ≤ 3 − 2√2, in double for floats; error 2⁻³⁶
    0.6666666564510573, 0.40000335297910594, 0.2853730071071704, 0.2358231365214128,
)  # fmt: skip

LOG_TAIL = (
    # (2·artanh(s)/s − 2 − 2s²/3) / s⁴ in powers of s², |s| ≤ 3 − 2√2; error 2⁻⁶⁵
    0.4000000000000218, 0.2857142857013186, 0.22222222514820045, 0.18181784770141998,
    0.15386740341259977, 0.13257183581282347, 0.13193163482417616,
)  # fmt: skip

THIRD = (1 / 3, 1.850371707708594e-17)
"""1/3 to twice the precision of double."""

LOG10_2 = (0.30102999566383914, 1.42050232272661e-13)
"""The logarithm of 2 in base 10 in two parts; exponents times the first are exact."""


# ----------------------------------------------------------------------------------------------- other bases


def exp2(c: Code, x: Value) -> Value:
    """2ˣ, within 2 ulp; exact for whole x."""
    f = _format(x)
    least, most = _number(c, -f.bias - f.fraction - 2.0, x), _number(c, f.bias + 1.4, x)
    x = c.select(c.fcmp("olt", x, least), least, x)
    x = c.select(c.fcmp("ogt", x, most), most, x)
    n, shifted = _nearest(c, x, 1.0)
    return _scaled_exp(c, n, shifted, c.fmul(_minus(c, x, n), _number(c, math.log(2), x)))


def log2(c: Code, x: Value) -> Value:
    """The logarithm to base 2, within 3 ulp; exact for powers of 2."""
    exponent, m = _split(c, x)
    y = _log(c, _number(c, 0.0, x), _minus(c, m, _number(c, 1.0, x)))
    return _log_edges(c, x, c.fadd(c.fmul(y, _number(c, 1 / math.log(2), x)), exponent))


def log10(c: Code, x: Value) -> Value:
    """The logarithm to base 10, within 3 ulp; that of a float in double, so that it is exact for
    powers of 10."""
    if x.type.base == "float":
        wide = c.cast("fpext", x, DOUBLE.of(x.type.lanes))
        return c.cast("fptrunc", log10(c, wide), x.type)
    exponent, m = _split(c, x)
    y = _log(c, _number(c, 0.0, x), _minus(c, m, _number(c, 1.0, x)))
    high, low = [_number(c, part, x) for part in LOG10_2]
    small = c.fadd(c.fmul(exponent, low), c.fmul(y, _number(c, 1 / math.log(10), x)))
    return _log_edges(c, x, _plus(c, small, _times(c, exponent, high)))


# ---------------------------------------------------------------------------------------------------- powers


def pow(c: Code, x: Value, y: Value) -> Value:
    """x to the power of y, within 1.5 ulp; the special cases are C99's (Annex F.9.4.4).

    Computed as exp(y · log|x|). The product magnifies the error of the logarithm up to a
    thousandfold, so this is known to more digits than the result: float is computed in double,
    double with the logarithm as a sum of two numbers.
    """
    one, zero, infinity = (_number(c, v, x) for v in (1.0, 0.0, math.inf))
    size = _abs(c, x)
    magnitude = (_pow_of_float if x.type.base == "float" else _pow_of_double)(c, size, y)
    whole = _whole(c, y)
    odd = c.binary("xor", whole, _whole(c, c.fmul(y, _number(c, 0.5, y))))
    odd = c.binary("and", odd, whole)
    signed = c.select(odd, _copysign(c, magnitude, x), magnitude)
    root = c.binary("and", c.fcmp("olt", x, zero), c.fcmp("olt", size, infinity))
    root = c.binary("and", root, c.icmp("eq", whole, c.const(False, whole.type)))
    result = c.select(root, _number(c, math.nan, x), signed)
    is_one = c.binary("or", c.fcmp("oeq", x, one), c.fcmp("oeq", y, zero))
    endless = c.binary("and", c.fcmp("oeq", size, one), c.fcmp("oeq", _abs(c, y), infinity))
    return c.select(c.binary("or", is_one, endless), one, result)


def _whole(c: Code, y: Value) -> Value:
    """Whether y is an integer; every y too large for a fraction, and inf, counts as one."""
    limit = _number(c, 2.0 ** _format(y).fraction, y)
    a = _abs(c, y)
    same = c.fcmp("oeq", _minus(c, _plus(c, a, limit), limit), a)
    return c.binary("or", same, c.fcmp("uge", a, limit))


def _pow_of_float(c: Code, x: Value, y: Value) -> Value:
    """exp(y · log x) for floats x ≥ 0; in double from the logarithm to the reduced product."""
    double = DOUBLE.of(x.type.lanes)
    exponent, m = _split(c, x)
    exponent = c.cast("fpext", _log_edges(c, x, exponent), double)
    f = c.cast("fpext", _minus(c, m, _number(c, 1.0, m)), double)
    s = c.fdiv(f, _plus(c, f, _number(c, 2.0, f)))
    logarithm = c.fmul(s, _polynomial(c, c.fmul(s, s), (2.0, *LOG_RATIO_OF_FLOAT)))
    ln2 = _number(c, math.log(2.0), f)
    logarithm = c.fadd(logarithm, c.fmul(exponent, ln2))
    p = c.fmul(c.cast("fpext", y, double), logarithm)
    p = _at_most(c, _at_least(c, p, _format(x).least), _format(x).most)
    n, _ = _nearest(c, p, ONE_OVER_LN2)
    r = c.cast("fptrunc", c.fsub(p, c.fmul(n, ln2)), x.type)
    n = c.cast("fptrunc", n, x.type)
    return _scaled_exp(c, n, _plus(c, n, _number(c, _format(n).magic, n)), r)


def _pow_of_double(c: Code, x: Value, y: Value) -> Value:
    """exp(y · log x) for doubles x ≥ 0."""
    high, low = _long_log(c, x)
    high = _log_edges(c, x, high)
    p, lost = _product_and_error(c, y, high)
    tail = c.fadd(c.fmul(y, low), lost)
    usual = c.fcmp("olt", _abs(c, p), _number(c, 1024.0, x))
    return _exp(c, p, c.select(usual, tail, _number(c, 0.0, x)))


def _long_log(c: Code, x: Value) -> tuple[Value, Value]:
    """log x as the sum of two doubles, to about 65 bits, for positive finite x.

    With s = f / (2 + f) and z = s²:  log(1 + f) = 2s · (1 + z/3 + z²·T(z)/2); all but the last term
    are carried as sums of two.
    """
    exponent, m = _split(c, x)
    one, two = _number(c, 1.0, x), _number(c, 2.0, x)
    f = _minus(c, m, one)
    below = _plus(c, f, two)
    below_low = _minus(c, f, _minus(c, below, two))
    inverse = c.fdiv(one, below)
    s = _times(c, f, inverse)
    remainder = c.fma(c.fneg(s), below, f)
    remainder = c.fma(c.fneg(s), below_low, remainder)
    s_low = c.fmul(remainder, inverse)

    z, z_low = _product_and_error(c, s, s)
    z_low = c.fadd(z_low, c.fmul(_plus(c, s, s), s_low))
    third, third_low = (_number(c, part, x) for part in THIRD)
    k, k_low = _product_and_error(c, z, third)
    k_low = c.fadd(k_low, c.fadd(c.fmul(z, third_low), c.fmul(z_low, third)))
    rest = _times(c, _times(c, z, z), _polynomial(c, z, [t / 2 for t in LOG_TAIL]))
    k, lost = _sum_and_error(c, k, rest)
    k_low = _plus(c, k_low, lost)

    u, u_low = _plus(c, s, s), _plus(c, s_low, s_low)
    p, p_low = _product_and_error(c, u, k)
    p_low = c.fadd(p_low, c.fadd(c.fmul(u, k_low), c.fmul(u_low, k)))
    high, lost = _sum_and_error(c, u, p)
    low = _plus(c, _plus(c, u_low, p_low), lost)
    ln2, ln2_low = _format(x).ln2
    high, lost = _sum_and_error(c, _times(c, exponent, _number(c, ln2, x)), high)
    low = _plus(c, low, c.fadd(lost, c.fmul(exponent, _number(c, ln2_low, x))))
    return high, low


# ------------------------------------------------------------------------------------------------- remainders


def floor_mod(c: Code, a: Value, b: Value) -> Value:
    """a − b · ⌊a / b⌋ with the sign of b, as `numpy.remainder`: the exact remainder of division
    toward zero, plus b if their signs differ; a zero has the sign of b too.

    One fused multiply and add gives the remainder exactly as long as the quotient is an exact integer;
    beyond, and where b is infinite, a branch calls libm's `fmod` lane by lane.
    """
    f = _format(a)
    x, y = _abs(c, a), _abs(c, b)
    zero = _number(c, 0.0, a)
    quotient = c.fdiv(x, y)
    magic = _number(c, f.magic, a)
    whole = _minus(c, _plus(c, quotient, magic), magic)
    rest = c.fma(c.fneg(whole), y, x)
    rest = c.select(c.fcmp("olt", rest, zero), _plus(c, rest, y), rest)
    rare = c.fcmp("uge", quotient, _number(c, 2.0 ** (f.fraction - 2), a))
    rare = c.binary("or", rare, c.fcmp("oeq", y, _number(c, math.inf, a)))
    rest = _copysign(c, _where_rare(c, rare, "fmod", [x, y], rest), a)
    differ = c.binary("xor", c.fcmp("olt", rest, zero), c.fcmp("olt", b, zero))
    differ = c.binary("and", differ, c.fcmp("une", rest, zero))
    return _copysign(c, c.select(differ, _plus(c, rest, b), rest), b)
