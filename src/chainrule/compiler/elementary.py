"""The elementary functions, written out as instructions.

A kernel that calls a library for each exponential spends its time in calls, and cannot keep other
values in registers across them. Here each function is a few tens of instructions on all lanes at
once, without branches: a range reduction, a polynomial, and selections for the edges. They take
float or double with any number of lanes and give what C99 gives: NaN, infinities, signs of zeros,
and subnormal numbers in and out. A lane's result depends on that lane alone.

How far results may be from the true value is said in ulp, units in the last place of the result.

Read `Format`, then `exp`: the others are built the same way.

The coefficients are minimax fits (Remez' exchange, in 40 digits): the largest error relative to the
function is as small as the degree allows, and stands beside them. Lowest power first.

Sums and products are free to fuse (`contract`), since a fused one is only more exact. Where the
rounding error itself is computed they are not: those use `_plus`, `_minus` and `_times`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

from ..backends import special
from .code import DOUBLE, FLOAT, I32, I64, Code, Type, Value

__all__ = ["erf", "exp", "expm1", "log", "log1p", "sigmoid", "tanh"]


class Format(NamedTuple):
    """What the functions need to know of a floating-point format."""

    integer: Type  # integers of the same size
    fraction: int  # bits of the significand after the point
    bias: int  # the exponent of 1.0 as stored
    magic: (
        float  # x + magic − magic is x rounded to an integer, which the low bits of x + magic hold
    )
    ln2: tuple[
        float, float
    ]  # ln 2 in two parts; integers up to the largest exponent times the first are exact
    least: float  # exp of anything less is 0
    most: float  # exp of anything more is inf
    minus_one: float  # expm1 of anything less is −1
    tiny: float  # 1 + anything less is 1


FORMATS = {
    "float": Format(
        I32, 23, 127, 1.5 * 2.0**23, (0.693145751953125, 1.428606765330187e-06),
        -104.0, 89.0, -18.0, 2.0**-25,
    ),
    "double": Format(
        I64, 52, 1023, 1.5 * 2.0**52, (0.6931471805601177, -1.7239444525614835e-13),
        -746.0, 710.0, -38.0, 2.0**-54,
    ),
}  # fmt: skip

ONE_OVER_LN2 = 1.4426950408889634

EXP = {
    # (eʳ − 1 − r) / r² on |r| ≤ ln(2) / 2; errors 2⁻²⁶ and 2⁻⁵⁶ of eʳ − 1
    "float": (0.5000000062544889, 0.16666542291281153, 0.04166627941899742, 0.00836667831946228,
              0.0013946643008994608),
    "double": (0.5000000000000006, 0.16666666666666685, 0.04166666666657252, 0.008333333333314544,
               0.0013888888932762256, 0.00019841269903216462, 2.480150396213543e-05,
               2.7557227724246957e-06, 2.762652705223888e-07, 2.511456337764214e-08),
}  # fmt: skip

LOG_FLOAT = (
    # (log(1 + f) − f + f²/2) / f³ on √½ ≤ 1 + f ≤ √2; error 2⁻²⁷
    0.33333331738305655, -0.25000821046018024, 0.20001225531310138, -0.16623355365545386,
    0.14201772613723337, -0.13160210996422264, 0.1276154360837777, -0.07634423374365085,
)  # fmt: skip

LOG_RATIO = (
    # (2·artanh(s)/s − 2) / s² in powers of s², |s| ≤ 3 − 2√2; error 2⁻⁵⁸
    0.6666666666666734, 0.39999999999414254, 0.2857142874249137, 0.2222219856172827,
    0.18183564959010212, 0.1531403347751081, 0.1479612882038776,
)  # fmt: skip

ERF_NEAR = {
    # erf(x) / x − 1 in powers of x², |x| ≤ 1; errors 2⁻²⁹ and 2⁻⁶²; NumPy computes floats by the same
    "float": special.ERF_NEAR,
    "double": (0.1283791670955126, -0.3761263890318375, 0.11283791670954857,
               -0.026866170645072896, 0.00522397762478088, -0.0008548326978742391,
               0.00012055331036888448, -1.4925593506261905e-05, 1.6460972802219697e-06,
               -1.635002502510312e-07, 1.4657878293971325e-08, -1.1365659299990516e-09,
               5.94524957210964e-11),
}  # fmt: skip

ERF_FAR = {
    # −log(1 − erf(x)) in powers of x − 1, 1 ≤ x ≤ 3.95 and 6; errors of erf 2⁻²⁹ and 2⁻⁶²
    "float": special.ERF_FAR,
    "double": (1.8496055099332482, 2.638967514234791, 0.8431072563585149, 0.04156109804576156,
               -0.010033825424139862, 0.001977902940496384, -0.0002373242931140976,
               -2.6271830018209562e-05, 2.7144736616034475e-05, -9.583895129779586e-06,
               2.027400576552296e-06, -1.1135539667371233e-07, -1.207326395537736e-07,
               6.489921740036713e-08, -2.024478643421468e-08, 4.487797197904278e-09,
               -7.197571724298477e-10, 7.993046669256187e-11, -5.507326717255188e-12,
               1.771592486374283e-13),
}  # fmt: skip

ERF_IS_ONE = {"float": special.ERF_IS_ONE, "double": 6.0}


# ---------------------------------------------------------------------------------------------------- vocabulary


def _format(x: Value) -> Format:
    return FORMATS[x.type.base]


def _number(c: Code, value: float, like: Value) -> Value:
    return c.const(value, like.type)


def _bits(c: Code, x: Value) -> Value:
    return c.cast("bitcast", x, _format(x).integer.of(x.type.lanes))


def _with_constant(c: Code, op: str, x: Value, value: int) -> Value:
    return c.binary(op, x, c.const(value, x.type))


def _abs(c: Code, x: Value) -> Value:
    return c.intrinsic("fabs", x.type, x)


def _copysign(c: Code, x: Value, sign: Value) -> Value:
    return c.intrinsic("copysign", x.type, x, sign)


def _plus(c: Code, a: Value, b: Value) -> Value:
    return c.binary("fadd", a, b)


def _minus(c: Code, a: Value, b: Value) -> Value:
    return c.binary("fsub", a, b)


def _times(c: Code, a: Value, b: Value) -> Value:
    return c.binary("fmul", a, b)


def _at_least(c: Code, x: Value, low: float) -> Value:
    """max(x, low); NaN stays NaN."""
    bound = _number(c, low, x)
    return c.select(c.fcmp("olt", x, bound), bound, x)


def _at_most(c: Code, x: Value, high: float) -> Value:
    """min(x, high); NaN stays NaN."""
    bound = _number(c, high, x)
    return c.select(c.fcmp("ogt", x, bound), bound, x)


def _polynomial(c: Code, x: Value, coefficients: Sequence[float]) -> Value:
    """c₀ + c₁x + c₂x² + …, from the inside out."""
    y = _number(c, coefficients[-1], x)
    for k in reversed(coefficients[:-1]):
        y = c.fadd(c.fmul(y, x), _number(c, k, x))
    return y


def _itself_below(c: Code, x: Value, bound: float, y: Value) -> Value:
    """x where |x| < bound, y elsewhere: keeps the sign of a zero and all bits of a subnormal."""
    return c.select(c.fcmp("olt", _abs(c, x), _number(c, bound, x)), x, y)


def _nearest(c: Code, x: Value, scale: float) -> tuple[Value, Value]:
    """x · scale rounded to an integer n: (n, a float whose low bits are n)."""
    magic = _number(c, _format(x).magic, x)
    shifted = c.fadd(c.fmul(x, _number(c, scale, x)), magic)
    return _minus(c, shifted, magic), shifted


def _sum_and_error(c: Code, a: Value, b: Value) -> tuple[Value, Value]:
    """a + b rounded, and what rounding lost. Source: Knuth, The Art of Computer Programming, vol. 2, 4.2.2."""
    total = _plus(c, a, b)
    of_b = _minus(c, total, a)
    of_a = _minus(c, total, of_b)
    return total, _plus(c, _minus(c, a, of_a), _minus(c, b, of_b))


def _product_and_error(c: Code, a: Value, b: Value) -> tuple[Value, Value]:
    """a · b rounded, and what rounding lost."""
    product = _times(c, a, b)
    return product, c.fma(a, b, c.fneg(product))


def _where_rare(c: Code, rare: Value, name: str, operands: Sequence[Value], y: Value) -> Value:
    """y, but libm's function `name` of the operands in lanes where `rare` holds. As long as it
    holds nowhere, this costs one branch.
    """
    t = y.type
    result = c.variable(t, y)
    somewhere = rare
    if t.lanes > 1:
        mask = c.cast("bitcast", rare, Type(f"i{t.lanes}"))
        somewhere = c.icmp("ne", mask, c.const(0, mask.type))
    with c.when(somewhere):
        places = [c.stack(t.lanes * t.bytes) for _ in operands]
        for x, place in zip(operands, places, strict=True):
            c.store(x, place)
        with c.loop(0, t.lanes) as k:
            lanes = [c.at(place, k, t.bytes) for place in places]
            wide = [_widened(c, c.load(t.of(1), lane)) for lane in lanes]
            one = c.call(name, DOUBLE, *wide)
            c.store(one if t.base == "double" else c.cast("fptrunc", one, FLOAT), lanes[0])
        result.set(c.select(rare, c.load(t, places[0]), y))
    return result.get()


def _widened(c: Code, x: Value) -> Value:
    return x if x.type.base == "double" else c.cast("fpext", x, DOUBLE)


# ----------------------------------------------------------------------------------------------- exponentials


def _reduce_by_ln2(c: Code, x: Value) -> tuple[Value, Value, Value]:
    """x = n·ln 2 + r with |r| ≤ ln(2) / 2: n, a float whose low bits are n, and r."""
    n, shifted = _nearest(c, x, ONE_OVER_LN2)
    high, low = _format(x).ln2
    r = c.fsub(x, c.fmul(n, _number(c, high, x)))
    return n, shifted, c.fsub(r, c.fmul(n, _number(c, low, x)))


def _power_of_two(c: Code, shifted: Value, more: int = 0) -> Value:
    """2ⁿ⁺ᵐᵒʳᵉ, n in the low bits of `shifted`; the exponent has to be that of a normal number."""
    f = _format(shifted)
    field = _with_constant(c, "shl", _bits(c, shifted), f.fraction)
    field = _with_constant(c, "add", field, (f.bias + more) << f.fraction)
    return c.cast("bitcast", field, shifted.type)


def exp(c: Code, x: Value) -> Value:
    """eˣ, within 1.5 ulp."""
    return _exp(c, x)


def _exp(c: Code, x: Value, tail: Value | None = None, can_overflow: bool = True) -> Value:
    """e to the power of x + tail, the tail small. With x ≤ 0 `can_overflow` may be False."""
    f = _format(x)
    x = _at_least(c, x, f.least)
    if can_overflow:
        x = _at_most(c, x, f.most)
    n, shifted, r = _reduce_by_ln2(c, x)
    return _scaled_exp(c, n, shifted, r if tail is None else c.fadd(r, tail))


def _scaled_exp(c: Code, n: Value, shifted: Value, r: Value) -> Value:
    """2ⁿ·eʳ, |r| ≤ ln(2) / 2, n also in the low bits of `shifted`.

    2ⁿ itself may be out of range where 2ⁿ·eʳ is not, so it is multiplied in two factors. The first
    product is always a normal number, so a subnormal result is rounded once.
    """
    y = _polynomial(c, r, (1.0, 1.0, *EXP[r.type.base]))
    small = c.fcmp("olt", n, _number(c, 3.0 - _format(r).bias, n))
    first = c.select(small, _power_of_two(c, shifted, 63), _power_of_two(c, shifted, -1))
    second = c.select(small, _number(c, 2.0**-63, r), _number(c, 2.0, r))
    return c.fmul(c.fmul(y, first), second)


def expm1(c: Code, x: Value) -> Value:
    """eˣ − 1, within 2 ulp."""
    f = _format(x)
    _, shifted, r = _reduce_by_ln2(c, _at_most(c, _at_least(c, x, f.minus_one), f.most))
    y = _expm1_near_zero(c, r)
    half = _power_of_two(c, shifted, -1)  # 2ⁿ⁻¹: 2ⁿ may be too large where the result is not
    y = c.fadd(c.fmul(half, y), _minus(c, half, _number(c, 0.5, x)))
    return _itself_below(c, x, f.tiny, _plus(c, y, y))


def _expm1_near_zero(c: Code, r: Value) -> Value:
    return c.fadd(c.fmul(c.fmul(r, r), _polynomial(c, r, EXP[r.type.base])), r)


def sigmoid(c: Code, x: Value) -> Value:
    """1 / (1 + e⁻ˣ), within 3 ulp; for negative x as eˣ / (1 + eˣ), which does not vanish early."""
    one = _number(c, 1.0, x)
    e = _exp(c, c.fneg(_abs(c, x)), can_overflow=False)
    above = c.select(c.fcmp("olt", x, _number(c, 0.0, x)), e, one)
    return c.fdiv(above, _plus(c, one, e))


def tanh(c: Code, x: Value) -> Value:
    """tanh x as (e²ˣ − 1) / (e²ˣ + 1), within 3 ulp."""
    a = _at_most(c, _abs(c, x), 20.0)
    _, shifted, r = _reduce_by_ln2(c, _plus(c, a, a))
    scale = _power_of_two(c, shifted)
    e = c.fmul(scale, _expm1_near_zero(c, r))  # e²ˣ − 1
    e = c.fadd(e, _minus(c, scale, _number(c, 1.0, x)))
    return _copysign(c, c.fdiv(e, _plus(c, e, _number(c, 2.0, x))), x)


def erf(c: Code, x: Value) -> Value:
    """The error function 2/√π ∫₀ˣ exp(−t²) dt, within 1.5 ulp: a polynomial on |x| < 1, beyond
    1 − exp(−p(|x|)), whose second term is small enough for its error not to count. Its exponent is
    between −39 and 0, so that it needs no guard, and ln 2 is taken in one piece.
    """
    base, one = x.type.base, _number(c, 1.0, x)
    a = _at_most(c, _abs(c, x), ERF_IS_ONE[base])
    near = c.fadd(a, c.fmul(a, _polynomial(c, c.fmul(a, a), ERF_NEAR[base])))
    exponent = _polynomial(c, _minus(c, a, one), [-k for k in ERF_FAR[base]])
    n, shifted = _nearest(c, exponent, ONE_OVER_LN2)
    r = c.fsub(exponent, c.fmul(n, _number(c, math.log(2.0), x)))
    power = _polynomial(c, r, (1.0, 1.0, *EXP[base]))
    far = c.fsub(one, c.fmul(power, _power_of_two(c, shifted)))
    return _copysign(c, c.select(c.fcmp("olt", a, one), near, far), x)


# ------------------------------------------------------------------------------------------------ logarithms


def _split(c: Code, x: Value) -> tuple[Value, Value]:
    """x = 2ᵉ · m with √½ ≤ m < √2, for positive finite x: (e, m), both floats."""
    f = _format(x)
    small = c.fcmp("olt", x, _number(c, 2.0 ** (1 - f.bias), x))
    x = c.select(small, c.fmul(x, _number(c, 2.0**f.fraction, x)), x)
    root = _bits_of_root_half(x.type.base)
    bits = _with_constant(c, "sub", _bits(c, x), root)
    exponent = _with_constant(c, "ashr", bits, f.fraction)
    m = _with_constant(c, "and", bits, (1 << f.fraction) - 1)
    m = c.cast("bitcast", _with_constant(c, "add", m, root), x.type)
    # The integer becomes a float through the magic number: few processors convert 64-bit integers.
    magic = _number(c, f.magic, x)
    exponent = c.binary("add", exponent, _bits(c, magic))
    lower = c.select(small, _number(c, f.magic + f.fraction, x), magic)
    return _minus(c, c.cast("bitcast", exponent, x.type), lower), m


@functools.cache
def _bits_of_root_half(base: str) -> int:
    """√½ as its bits."""
    f = FORMATS[base]
    fraction = math.sqrt(2.0) - 1.0
    return ((f.bias - 1) << f.fraction) + int(fraction * 2.0**f.fraction)


def log(c: Code, x: Value) -> Value:
    """The natural logarithm, within 1 ulp."""
    exponent, m = _split(c, x)
    return _log_edges(c, x, _log(c, exponent, _minus(c, m, _number(c, 1.0, x))))


def _log(c: Code, exponent: Value, f: Value) -> Value:
    """exponent · ln 2 + log(1 + f), √½ ≤ 1 + f ≤ √2."""
    high, low = (c.fmul(exponent, _number(c, part, f)) for part in _format(f).ln2)
    half = _number(c, 0.5, f)
    if f.type.base == "float":
        y = c.fmul(c.fmul(f, f), c.fsub(c.fmul(f, _polynomial(c, f, LOG_FLOAT)), half))
        return c.fadd(high, c.fadd(f, c.fadd(y, low)))
    # log(1 + f) = 2·artanh(s) with s = f / (2 + f), arranged around f − f²/2, where digits count
    s = c.fdiv(f, _plus(c, f, _number(c, 2.0, f)))
    z = c.fmul(s, s)
    rest = c.fmul(z, _polynomial(c, z, LOG_RATIO))
    square = c.fmul(half, c.fmul(f, f))
    y = c.fadd(c.fmul(s, c.fadd(square, rest)), low)
    return c.fsub(high, c.fsub(c.fsub(square, y), f))


def _log_edges(c: Code, x: Value, y: Value) -> Value:
    """y where x is positive and finite; the logarithms of 0, inf, NaN and negative numbers."""
    zero, infinity = _number(c, 0.0, x), _number(c, math.inf, x)
    y = c.select(c.fcmp("olt", x, infinity), y, x)
    y = c.select(c.fcmp("oeq", x, zero), _number(c, -math.inf, x), y)
    return c.select(c.fcmp("olt", x, zero), _number(c, math.nan, x), y)


def log1p(c: Code, x: Value) -> Value:
    """log(1 + x), within 2 ulp: what rounding 1 + x loses is added to the reduced argument."""
    f = _format(x)
    one = _number(c, 1.0, x)
    u, lost = _sum_and_error(c, one, x)
    exponent, m = _split(c, u)
    shifted = _minus(c, _number(c, f.magic, x), exponent)
    lost = c.fmul(lost, _power_of_two(c, shifted))
    # beyond this the loss cannot be seen, and 2⁻ᵉ might not be a normal number
    large = c.fcmp("ogt", x, _number(c, 1 / f.tiny, x))
    lost = c.select(large, _number(c, 0.0, x), lost)
    reduced = _plus(c, _minus(c, m, one), lost)
    return _itself_below(c, x, f.tiny, _log_edges(c, u, _log(c, exponent, reduced)))
