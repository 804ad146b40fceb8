"""Random numbers in registers: Philox4x32-10, word by word, with the same bits as eager.

Word k of a stream depends on the seed and k alone, so each lane computes its own, whatever the
number of threads.  Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
"""

from __future__ import annotations

from ..base import dtypes
from ..graph.ir import Equation
from ..ops.random import WORDS
from . import angles, elementary, elements
from .code import DOUBLE, FLOAT, I32, I64, Code, Value

__all__ = ["drawn"]

_M0, _M1, _W0, _W1 = 0xD2511F53, 0xCD9E8D57, 0x9E3779B9, 0xBB67AE85


def _word(c: Code, seed: Value, k: Value) -> Value:
    """32-bit word k of the stream, in the lower half of an int64, for each lane of k."""
    t = k.type
    low = c.const(0xFFFFFFFF, t)

    def high(x: Value) -> Value:
        return c.binary("lshr", x, c.const(32, t))

    block = c.binary("lshr", k, c.const(2, t))
    x0, x1 = c.binary("and", block, low), high(block)
    x2 = x3 = c.const(0, t)
    one = I64
    a, b = c.binary("and", seed, c.const(0xFFFFFFFF, one)), c.binary("lshr", seed, c.const(32, one))
    for _ in range(10):
        p0, p1 = c.binary("mul", x0, c.const(_M0, t)), c.binary("mul", x2, c.const(_M1, t))
        ka, kb = c.splat(a, t.lanes), c.splat(b, t.lanes)
        x0 = c.binary("xor", c.binary("xor", high(p1), x1), ka)
        x2 = c.binary("xor", c.binary("xor", high(p0), x3), kb)
        x1, x3 = c.binary("and", p1, low), c.binary("and", p0, low)
        a = c.binary("and", c.binary("add", a, c.const(_W0, one)), c.const(0xFFFFFFFF, one))
        b = c.binary("and", c.binary("add", b, c.const(_W1, one)), c.const(0xFFFFFFFF, one))
    place = c.binary("and", k, c.const(3, t))

    def is_place(n: int) -> Value:
        return c.icmp("eq", place, c.const(n, t))

    return c.select(is_place(0), x0, c.select(is_place(1), x1, c.select(is_place(2), x2, x3)))


def drawn(c: Code, eq: Equation, seed: Value, offset: Value, index: Value) -> Value:
    """Element `index` of a random op's result (see ops/random.py), given the generator's state."""
    name, dtype = eq.op.name, eq.outputs[0].spec.dtype
    t = index.type
    first = c.binary("add", offset, c.const(eq.attrs["skip"], I64))
    at = c.binary("add", c.splat(first, t.lanes), c.binary("mul", index, c.const(WORDS[name], t)))
    word = _word(c, seed, at)
    if name == "uniform":
        bits = {"float16": 11, "bfloat16": 8}.get(dtype.name, 24)
        y = c.cast("trunc", c.binary("lshr", word, c.const(32 - bits, t)), I32.of(t.lanes))
        u = c.cast("sitofp", y, FLOAT.of(t.lanes))
        u = c.fmul(u, c.const(2.0**-bits, u.type))
        return elements.convert(c, u, dtypes.float32, dtype)
    second = _word(c, seed, c.binary("add", at, c.const(1, t)))
    if name == "normal":
        real = DOUBLE if dtype is dtypes.float64 else FLOAT
        real = real.of(t.lanes)

        def unit(w: Value) -> Value:
            y = c.cast("sitofp", c.binary("lshr", w, c.const(8, t)), real)
            return c.fmul(c.fadd(y, c.const(0.5, real)), c.const(2.0**-24, real))

        radius = c.intrinsic(
            "sqrt", real, c.fmul(elementary.log(c, unit(word)), c.const(-2.0, real))
        )
        angle = angles.cos(c, c.fmul(unit(second), c.const(6.283185307179586, real)))
        kind = dtypes.float64 if real.base == "double" else dtypes.float32
        return elements.convert(c, c.fmul(radius, angle), kind, dtype)
    low, high = eq.attrs["low"], eq.attrs["high"]
    bits64 = c.binary("or", c.binary("shl", word, c.const(32, t)), second)
    y = c.binary("urem", bits64, c.const(high - low, t))
    return elements.convert(c, c.binary("add", y, c.const(low, t)), dtypes.int64, dtype)
