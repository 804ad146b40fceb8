"""float16 on processors without instructions for it: the functions that LLVM calls there.

They are part of a compiler's run-time library, which a process need not have, so a module brings its
own. Subnormals, infinities and NaN are kept; rounding is to nearest, ties to even.
"""

from __future__ import annotations

from collections.abc import Sequence

from .code import FLOAT, HALF, I16, I32, Code
from .target import Target

__all__ = ["half_conversions"]


def half_conversions(kernels: Sequence[Code], target: Target) -> list[Code]:
    """What kernels for this target need beside them."""
    # every processor with vectors of 32 bytes that can run FMA converts half floats itself
    if target.vector_bytes > 16 or not any(["half" in k.text() for k in kernels]):
        return []
    return [_widened(), _narrowed()]


def _widened() -> Code:
    """float16 → float32: exponent and fraction move over, and a product mends the exponent's
    bias, for subnormals too."""
    c = Code("__extendhfsf2", [HALF], FLOAT)
    bits = c.cast("zext", c.cast("bitcast", c.parameters[0], I16), I32)
    sign = c.binary("shl", c.binary("and", bits, c.const(0x8000, I32)), c.const(16, I32))
    moved = c.binary("shl", c.binary("and", bits, c.const(0x7FFF, I32)), c.const(13, I32))
    value = c.fmul(c.cast("bitcast", moved, FLOAT), c.const(2.0**112, FLOAT))
    special = c.binary("or", moved, c.const(0x7F800000, I32))
    finite = c.icmp("ult", moved, c.const(0x7C00 << 13, I32))
    found = c.select(finite, c.cast("bitcast", value, I32), special)
    return c.finish(c.cast("bitcast", c.binary("or", found, sign), FLOAT))


def _narrowed() -> Code:
    """float32 → float16."""
    c = Code("__truncsfhf2", [FLOAT], HALF)
    bits = c.cast("bitcast", c.parameters[0], I32)
    size = c.binary("and", bits, c.const(0x7FFFFFFF, I32))
    sign = c.binary("and", c.binary("lshr", bits, c.const(16, I32)), c.const(0x8000, I32))
    odd = c.binary("and", c.binary("lshr", size, c.const(13, I32)), c.const(1, I32))
    biased = c.binary("sub", size, c.const((112 << 23) - 0xFFF, I32))
    normal = c.binary("lshr", c.binary("add", biased, odd), c.const(13, I32))
    # beside 0.5 a float32 has the last place of a subnormal float16
    beside = c.fadd(c.cast("bitcast", size, FLOAT), c.const(0.5, FLOAT))
    small = c.binary("sub", c.cast("bitcast", beside, I32), c.const(0x3F000000, I32))
    fraction = c.binary("and", c.binary("lshr", size, c.const(13, I32)), c.const(0x3FF, I32))
    nan = c.binary("or", fraction, c.const(0x7E00, I32))
    found = c.select(c.icmp("ult", size, c.const(0x38800000, I32)), small, normal)
    found = c.select(c.icmp("uge", size, c.const(0x477FF000, I32)), c.const(0x7C00, I32), found)
    found = c.select(c.icmp("ugt", size, c.const(0x7F800000, I32)), nan, found)
    half = c.cast("trunc", c.binary("or", found, sign), I16)
    return c.finish(c.cast("bitcast", half, HALF))
