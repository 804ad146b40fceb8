"""Elements of tensors in registers: how each dtype is held and converted, and the machine
instructions of each elementwise op.

In memory a bool is a byte and a bfloat16 its 16 bits; in registers a bool is one bit, and half
floats are float32, rounded to their precision after each op (as eager NumPy computes them).

A new elementwise primitive needs one line in INSTRUCTIONS.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base import dtypes
from ..base.dtypes import DType
from . import angles, elementary, gammas, powers
from .code import BOOL, DOUBLE, FLOAT, HALF, I8, I16, I32, I64, Code, Type, Value

__all__ = ["INSTRUCTIONS", "convert", "in_memory", "in_register", "load", "rounded", "store"]

_MEMORY = {
    dtypes.bool_: I8, dtypes.uint8: I8, dtypes.int8: I8, dtypes.int16: I16, dtypes.int32: I32,
    dtypes.int64: I64, dtypes.float16: HALF, dtypes.bfloat16: I16, dtypes.float32: FLOAT,
    dtypes.float64: DOUBLE,
}  # fmt: skip


def in_memory(dtype: DType) -> Type:
    """The type of an element in memory."""
    return _MEMORY[dtype]


def in_register(dtype: DType) -> Type:
    """The type of an element in a register."""
    if dtype is dtypes.bool_:
        return BOOL
    return FLOAT if dtype in (dtypes.float16, dtypes.bfloat16) else _MEMORY[dtype]


def from_memory(c: Code, v: Value, dtype: DType) -> Value:
    """An element as loaded → as held in a register."""
    n = v.type.lanes
    if dtype is dtypes.bool_:
        return c.icmp("ne", v, c.const(0, v.type))
    if dtype is dtypes.float16:
        return c.cast("fpext", v, FLOAT.of(n))
    if dtype is dtypes.bfloat16:
        wide = c.cast("zext", v, I32.of(n))
        return c.cast("bitcast", c.binary("shl", wide, c.const(16, wide.type)), FLOAT.of(n))
    return v


def to_memory(c: Code, v: Value, dtype: DType) -> Value:
    """An element as held in a register → as stored."""
    n = v.type.lanes
    if dtype is dtypes.bool_:
        return c.cast("zext", v, I8.of(n))
    if dtype is dtypes.float16:
        return c.cast("fptrunc", v, HALF.of(n))
    if dtype is dtypes.bfloat16:
        return c.cast(
            "trunc", c.binary("lshr", _bfloat16_bits(c, v), c.const(16, I32.of(n))), I16.of(n)
        )
    return v


def _bfloat16_bits(c: Code, v: Value) -> Value:
    """The bits of a float rounded to bfloat16 (nearest, ties to even), in the upper half of 32."""
    t = I32.of(v.type.lanes)
    bits = c.cast("bitcast", v, t)
    odd = c.binary("and", c.binary("lshr", bits, c.const(16, t)), c.const(1, t))
    up = c.binary("add", bits, c.binary("add", odd, c.const(0x7FFF, t)))
    quiet = c.binary("or", bits, c.const(0x400000, t))  # a NaN stays one
    kept = c.select(c.fcmp("uno", v, v), quiet, up)
    return c.binary("and", kept, c.const(0xFFFF0000 - (1 << 32), t))


def rounded(c: Code, v: Value, dtype: DType) -> Value:
    """A half float computed in float32, rounded to what its dtype can hold."""
    if dtype is dtypes.float16:
        return c.cast("fpext", c.cast("fptrunc", v, HALF.of(v.type.lanes)), v.type)
    if dtype is dtypes.bfloat16:
        return c.cast("bitcast", _bfloat16_bits(c, v), v.type)
    return v


def convert(c: Code, v: Value, source: DType, target: DType) -> Value:
    """An element in a register from one dtype to another, as NumPy converts."""
    a, n = v.type, v.type.lanes
    b = in_register(target).of(n)
    if source is target:
        return v
    if target is dtypes.bool_:
        zero = c.const(0, a)
        return c.fcmp("une", v, zero) if a.floating else c.icmp("ne", v, zero)
    if a.floating and b.floating:
        if a != b:
            v = c.cast("fpext" if b.bits > a.bits else "fptrunc", v, b)
        return rounded(c, v, target)
    if b.floating:
        op = "uitofp" if source in (dtypes.bool_, dtypes.uint8) else "sitofp"
        return rounded(c, c.cast(op, v, b), target)
    if a.floating:
        return _to_integer(c, v, b)
    if a.bits == b.bits:
        return v
    if b.bits < a.bits:
        return c.cast("trunc", v, b)
    return c.cast("zext" if source in (dtypes.bool_, dtypes.uint8) else "sext", v, b)


def _to_integer(c: Code, v: Value, t: Type) -> Value:
    """Toward zero. What does not fit becomes the least integer, as on x86; narrow integers are
    cut out of int32 (int64 for int32's own overflow), as NumPy does."""
    n = v.type.lanes
    wide = I64.of(n) if t.bits == 64 else I32.of(n)
    limit = float(2 ** (wide.bits - 1))
    inside = c.binary(
        "and",
        c.fcmp("oge", v, c.const(-limit, v.type)),
        c.fcmp("olt", v, c.const(limit, v.type)),
    )
    safe = c.select(inside, v, c.const(0, v.type))
    found = c.select(inside, c.cast("fptosi", safe, wide), c.const(-(2 ** (wide.bits - 1)), wide))
    return c.cast("trunc", found, t) if t.bits < wide.bits else found


def load(
    c: Code, dtype: DType, p: Value, lanes: int, step: int = 1, mask: Value | None = None
) -> Value:
    """`lanes` elements that lie `step` elements apart, into a register."""
    t = in_memory(dtype)
    if lanes == 1 or step == 0:
        return c.splat(from_memory(c, c.load(t, p), dtype), lanes)
    if step == 1:
        return from_memory(c, c.load(t.of(lanes), p, mask), dtype)
    places = c.addresses(p, c.lanes(Value("0", I64), lanes, step), t.bytes)
    return from_memory(c, c.gather(t.of(lanes), places, mask), dtype)


def store(
    c: Code, dtype: DType, v: Value, p: Value, step: int = 1, mask: Value | None = None
) -> None:
    """A register to memory, its lanes `step` elements apart."""
    v = to_memory(c, v, dtype)
    if v.type.lanes == 1 or step == 1:
        c.store(v, p, mask)
        return
    places = c.addresses(p, c.lanes(Value("0", I64), v.type.lanes, step), v.type.bytes)
    c.scatter(v, places, mask)


# ------------------------------------------------------------------------------------------- instructions


def _arithmetic(float_op: str, integer_op: str, bool_op: str | None = None) -> Callable:
    def instruction(c: Code, dtype: DType, a: Value, b: Value) -> Value:
        if a.type.floating:
            return c.binary(f"{float_op} contract", a, b)
        return c.binary(bool_op if a.type.base == "i1" and bool_op else integer_op, a, b)

    return instruction


def _neg(c: Code, dtype: DType, x: Value) -> Value:
    return c.fneg(x) if x.type.floating else c.binary("sub", c.const(0, x.type), x)


def _abs(c: Code, dtype: DType, x: Value) -> Value:
    if x.type.floating:
        return c.intrinsic("fabs", x.type, x)
    if dtype in (dtypes.uint8, dtypes.bool_):
        return x
    return c.select(c.icmp("slt", x, c.const(0, x.type)), _neg(c, dtype, x), x)


def _sign(c: Code, dtype: DType, x: Value) -> Value:
    zero = c.const(0, x.type)
    if dtype is dtypes.bool_:
        return x
    one, minus = c.const(1, x.type), c.const(-1, x.type)
    above = _compare("ogt", "sgt", "ugt")(c, dtype, x, zero)
    y = c.select(above, one, zero)
    if dtype is dtypes.uint8:
        return y
    return c.select(_compare("olt", "slt", "ult")(c, dtype, x, zero), minus, y)


def _compare(float_how: str, signed_how: str, unsigned_how: str) -> Callable:
    def instruction(c: Code, dtype: DType, a: Value, b: Value) -> Value:
        if a.type.floating:
            return c.fcmp(float_how, a, b)
        unsigned = dtype in (dtypes.uint8, dtypes.bool_)
        return c.icmp(unsigned_how if unsigned else signed_how, a, b)

    return instruction


def _extreme(float_how: str, signed_how: str, unsigned_how: str) -> Callable:
    """The larger or smaller of two; NaN if either is. The second operand at a tie, as NumPy."""
    better = _compare(float_how, signed_how, unsigned_how)

    def instruction(c: Code, dtype: DType, a: Value, b: Value) -> Value:
        keep = better(c, dtype, a, b)
        if a.type.floating:
            keep = c.binary("or", keep, c.fcmp("uno", a, a))
        return c.select(keep, a, b)

    return instruction


_maximum = _extreme("ogt", "sgt", "ugt")
_minimum = _extreme("olt", "slt", "ult")


def maximum(c: Code, dtype: DType, a: Value, b: Value) -> Value:
    """The larger of two; NaN if either is."""
    return _maximum(c, dtype, a, b)


def minimum(c: Code, dtype: DType, a: Value, b: Value) -> Value:
    """The smaller of two; NaN if either is."""
    return _minimum(c, dtype, a, b)


def _relu(c: Code, dtype: DType, x: Value) -> Value:
    return maximum(c, dtype, x, c.const(0, x.type))


def _clamp(c: Code, dtype: DType, x: Value, low: Value | None, high: Value | None) -> Value:
    if low is not None:
        x = maximum(c, dtype, x, low)
    return x if high is None else minimum(c, dtype, x, high)


def _rounding(name: str) -> Callable:
    def instruction(c: Code, dtype: DType, x: Value) -> Value:
        return c.intrinsic(name, x.type, x) if x.type.floating else x

    return instruction


def _reciprocal(c: Code, dtype: DType, x: Value) -> Value:
    return c.fdiv(c.const(1, x.type), x)


def _rsqrt(c: Code, dtype: DType, x: Value) -> Value:
    return _reciprocal(c, dtype, c.intrinsic("sqrt", x.type, x))


def _square(c: Code, dtype: DType, x: Value) -> Value:
    return INSTRUCTIONS["mul"](c, dtype, x, x)


def _truth(c: Code, x: Value) -> Value:
    zero = c.const(0, x.type)
    return c.fcmp("une", x, zero) if x.type.floating else c.icmp("ne", x, zero)


def _logical(op: str) -> Callable:
    return lambda c, dtype, a, b: c.binary(op, _truth(c, a), _truth(c, b))


def _not(c: Code, x: Value) -> Value:
    return c.binary("xor", x, c.const(-1 if x.type.base != "i1" else True, x.type))


def _isinf(c: Code, dtype: DType, x: Value) -> Value:
    if not x.type.floating:
        return c.const(False, BOOL.of(x.type.lanes))
    return c.fcmp("oeq", c.intrinsic("fabs", x.type, x), c.const(float("inf"), x.type))


def _isfinite(c: Code, dtype: DType, x: Value) -> Value:
    if not x.type.floating:
        return c.const(True, BOOL.of(x.type.lanes))
    return c.fcmp("olt", c.intrinsic("fabs", x.type, x), c.const(float("inf"), x.type))


def _isnan(c: Code, dtype: DType, x: Value) -> Value:
    if not x.type.floating:
        return c.const(False, BOOL.of(x.type.lanes))
    return c.fcmp("uno", x, x)


def _remainder(c: Code, dtype: DType, a: Value, b: Value) -> Value:
    """With the sign of b, as Python's %."""
    if not a.type.floating:
        return _whole_division(c, dtype, a, b)[1]
    zero = c.const(0, a.type)
    rest = c.binary("frem", a, b)
    none = c.fcmp("oeq", rest, zero)
    apart = c.icmp("ne", _negative(c, rest), _negative(c, b))
    moved = c.select(apart, c.binary("fadd", rest, b), rest)
    exact = c.intrinsic("copysign", a.type, zero, b)
    return c.select(none, exact, moved)


def _floor_divide(c: Code, dtype: DType, a: Value, b: Value) -> Value:
    """Rounded down, as Python's //: the remainder is taken off before the division, which is
    exact then but for its last bit."""
    if not a.type.floating:
        return _whole_division(c, dtype, a, b)[0]
    zero, one = c.const(0, a.type), c.const(1, a.type)
    rest = c.binary("frem", a, b)
    quotient = c.fdiv(c.binary("fsub", a, rest), b)
    apart = c.icmp("ne", _negative(c, rest), _negative(c, b))
    apart = c.binary("and", apart, c.fcmp("une", rest, zero))
    quotient = c.select(apart, c.binary("fsub", quotient, one), quotient)
    down = c.intrinsic("floor", a.type, quotient)
    above = c.fcmp("ogt", c.binary("fsub", quotient, down), c.const(0.5, a.type))
    down = c.select(above, c.binary("fadd", down, one), down)
    plain = c.fdiv(a, b)
    none = c.fcmp("oeq", quotient, zero)
    down = c.select(none, c.intrinsic("copysign", a.type, zero, plain), down)
    return c.select(c.fcmp("oeq", b, zero), plain, down)


def _negative(c: Code, x: Value) -> Value:
    """Whether a float is below zero; as a vector of bits."""
    return c.fcmp("olt", x, c.const(0, x.type))


def _whole_division(c: Code, dtype: DType, a: Value, b: Value) -> tuple[Value, Value]:
    """Quotient rounded down and remainder of integers; both are 0 if b is, as NumPy has it. The
    least integer by −1 is itself."""
    zero, one = c.const(0, a.type), c.const(1, a.type)
    by_zero = c.icmp("eq", b, zero)
    safe = c.select(by_zero, one, b)  # the machine's division would end the process
    if dtype is dtypes.uint8:
        quotient, rest = c.binary("udiv", a, safe), c.binary("urem", a, safe)
    else:
        by_minus = c.icmp("eq", b, c.const(-1, a.type))
        safe = c.select(by_minus, one, safe)
        quotient, rest = c.binary("sdiv", a, safe), c.binary("srem", a, safe)
        quotient = c.select(by_minus, _neg(c, dtype, quotient), quotient)
        apart = c.icmp("slt", c.binary("xor", rest, safe), zero)
        apart = c.binary("and", apart, c.icmp("ne", rest, zero))
        quotient = c.select(apart, c.binary("sub", quotient, one), quotient)
        rest = c.select(apart, c.binary("add", rest, safe), rest)
    return c.select(by_zero, zero, quotient), c.select(by_zero, zero, rest)


def _signbit(c: Code, dtype: DType, x: Value) -> Value:
    if x.type.floating:
        integer = I64 if x.type.bits == 64 else I32
        x = c.cast("bitcast", x, integer.of(x.type.lanes))
    elif dtype in (dtypes.uint8, dtypes.bool_):
        return c.const(False, BOOL.of(x.type.lanes))
    return c.icmp("slt", x, c.const(0, x.type))


def _elementary(f: Callable) -> Callable:
    return lambda c, dtype, *operands: f(c, *operands)


INSTRUCTIONS: dict[str, Callable[..., Any]] = {
    "add": _arithmetic("fadd", "add", "or"),
    "sub": _arithmetic("fsub", "sub"),
    "mul": _arithmetic("fmul", "mul", "and"),
    "div": lambda c, dtype, a, b: c.fdiv(a, b),
    "remainder": _remainder,
    "floor_divide": _floor_divide,
    "neg": _neg,
    "abs": _abs,
    "sign": _sign,
    "square": _square,
    "reciprocal": _reciprocal,
    "exp": _elementary(elementary.exp),
    "expm1": _elementary(elementary.expm1),
    "log": _elementary(elementary.log),
    "log1p": _elementary(elementary.log1p),
    "sqrt": lambda c, dtype, x: c.intrinsic("sqrt", x.type, x),
    "rsqrt": _rsqrt,
    "sin": _elementary(angles.sin),
    "cos": _elementary(angles.cos),
    "tanh": _elementary(elementary.tanh),
    "sigmoid": _elementary(elementary.sigmoid),
    "erf": _elementary(elementary.erf),
    "tan": _elementary(angles.tan),
    "asin": _elementary(angles.asin),
    "acos": _elementary(angles.acos),
    "atan": _elementary(angles.atan),
    "atan2": _elementary(angles.atan2),
    "hypot": _elementary(angles.hypot),
    "sinh": _elementary(angles.sinh),
    "cosh": _elementary(angles.cosh),
    "asinh": _elementary(angles.asinh),
    "acosh": _elementary(angles.acosh),
    "atanh": _elementary(angles.atanh),
    "exp2": _elementary(powers.exp2),
    "log2": _elementary(powers.log2),
    "log10": _elementary(powers.log10),
    "lgamma": _elementary(gammas.lgamma),
    "digamma": _elementary(gammas.digamma),
    "copysign": lambda c, dtype, a, b: c.intrinsic("copysign", a.type, a, b),
    "signbit": _signbit,
    "floor": _rounding("floor"),
    "ceil": _rounding("ceil"),
    "trunc": _rounding("trunc"),
    "round": _rounding("rint"),
    "maximum": maximum,
    "minimum": minimum,
    "clamp": _clamp,
    "relu": _relu,
    "eq": _compare("oeq", "eq", "eq"),
    "ne": _compare("une", "ne", "ne"),
    "lt": _compare("olt", "slt", "ult"),
    "le": _compare("ole", "sle", "ule"),
    "gt": _compare("ogt", "sgt", "ugt"),
    "ge": _compare("oge", "sge", "uge"),
    "logical_and": _logical("and"),
    "logical_or": _logical("or"),
    "logical_xor": _logical("xor"),
    "logical_not": lambda c, dtype, x: _not(c, _truth(c, x)),
    "isnan": _isnan,
    "isinf": _isinf,
    "isfinite": _isfinite,
    "bitwise_and": lambda c, dtype, a, b: c.binary("and", a, b),
    "bitwise_or": lambda c, dtype, a, b: c.binary("or", a, b),
    "bitwise_xor": lambda c, dtype, a, b: c.binary("xor", a, b),
    "bitwise_not": lambda c, dtype, x: _not(c, x),
    "zeros_like": lambda c, dtype, x: c.const(0, x.type),
}
"""op name → the value of its body on registers, all operands in the dtype it computes in."""

FLOATING_ONLY: dict[str, Callable[..., Any]] = {
    "pow": _elementary(powers.pow),
    "fmod": lambda c, dtype, a, b: c.binary("frem", a, b),
}
"""Ops that have instructions for floating-point numbers, and are left to NumPy for others."""

POLYGAMMA = (INSTRUCTIONS["digamma"], _elementary(gammas.trigamma))
"""The derivatives of digamma that have instructions, by their order."""

EXPENSIVE = frozenset(
    "exp expm1 log log1p sin cos tanh sigmoid erf tan asin acos atan atan2 sinh cosh asinh acosh "
    "atanh exp2 log2 log10 lgamma digamma polygamma pow remainder floor_divide uniform normal "
    "random_integers".split()
)
"""Ops whose result is worth keeping rather than computing twice."""
