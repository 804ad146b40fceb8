"""Rounding, and what looks at the parts of a floating number: sign, exponent, next neighbour.

A rounding function is flat between its jumps, so its derivative is 0.
"""

from __future__ import annotations

from typing import Any

from ..backends import xp
from ..base import dtypes, shapes
from ..base.errors import DTypeError
from .elementwise import eq, exp2, where, zeros_like
from .kinds import elementwise
from .promotion import Spec, common, rank, spec_of
from .record import Op, primitive
from .samples import F, S

# --------------------------------------------------------------------------------------------------------- rounding


@primitive(elementwise, types="promote", reference="torch.floor", onnx="Floor")
def floor(x, /):
    """The largest integer not above x; its derivative is 0."""
    return xp.floor(x) if x.dtype.kind == "f" else x.copy()


floor.vjp(x=lambda g: zeros_like(g))


@primitive(elementwise, types="promote", reference="torch.ceil", onnx="Ceil")
def ceil(x, /):
    """The smallest integer not below x; its derivative is 0."""
    return xp.ceil(x) if x.dtype.kind == "f" else x.copy()


ceil.vjp(x=lambda g: zeros_like(g))


@primitive(elementwise, types="promote", reference="torch.trunc")
def trunc(x, /):
    """The integer part, toward 0; its derivative is 0."""
    return xp.trunc(x) if x.dtype.kind == "f" else x.copy()


trunc.vjp(x=lambda g: zeros_like(g))


@primitive(elementwise, types="promote", reference="torch.round", onnx="Round")
def round(x, /):
    """The nearest integer, ties to even; its derivative is 0."""
    return xp.rint(x) if x.dtype.kind == "f" else x.copy()


round.vjp(x=lambda g: zeros_like(g))


# ------------------------------------------------------------------------------------------ parts of a floating number


@primitive(elementwise, types="compare", reference="torch.signbit")
def signbit(x, /):
    """True where x is negative, −0 and negative NaN too."""
    return xp.signbit(x) if x.dtype.kind == "f" else x < 0


@primitive(elementwise, types="float", reference="torch.copysign")
def copysign(a, b, /):
    """The absolute value of a with the sign of b, that of a zero too."""
    return xp.copysign(a, b)


copysign.vjp(a=lambda g, a, y: g * where(eq(a, 0), 0.0, y / a), b=lambda g: zeros_like(g))


@primitive(elementwise, types="floating")
def mantissa(x, /):
    """The digits of a number,  x = mantissa · 2^exponent  with ½ ≤ |mantissa| < 1; that of 0 is 0."""
    return xp.frexp(x)[0]


mantissa.vjp(x=lambda g, x: g / exp2(exponent(x)))


def _exponent_law(op: Op, x: Spec) -> Spec:
    """The shape of x, int32."""
    common(op, (x,))
    return Spec(x.shape, dtypes.int32)


@primitive(elementwise, types="floating", law=_exponent_law)
def exponent(x, /):
    """The exponent of a number,  x = mantissa · 2^exponent  with ½ ≤ |mantissa| < 1; that of 0 is 0."""
    return xp.frexp(x)[1].astype("int32", copy=False)


def _nextafter_law(op: Op, a: Spec, b: Spec) -> Spec:
    """Floating operands, broadcast to one shape, in their common dtype."""
    dtype = dtypes.promote([(a.dtype, rank(a)), (b.dtype, rank(b))])
    if dtype.category != dtypes.FLOATING:
        raise DTypeError(f"this is for floating numbers, found {a.dtype.name} and {b.dtype.name}")
    return Spec(shapes.broadcast(a.shape, b.shape), dtype)


@primitive(
    elementwise,
    law=_nextafter_law,
    reference="torch.nextafter",
    samples=(S(F(5, 3), F(5, 3)), S(F(5, 1), F(3)), S(F(), F(7)), S(F(0, 3), F(3))),
)
def nextafter(a, b, /):
    """The number after a in the direction of b, among those that the dtype can hold. It is not computed in float32 for half
    floats, as others are: their neighbours are further apart.
    """
    dtype = _nextafter_law(nextafter, spec_of(a), spec_of(b)).dtype
    a, b = xp.convert(a, dtype), xp.convert(b, dtype)
    if a.dtype.kind != "f":
        return _next_bits(a, b)
    return xp.where(a == b, b, xp.nextafter(a, b))


def _next_bits(a: Any, b: Any) -> Any:
    """nextafter of bfloat16, on its bits: beside the sign they count up with the magnitude."""
    x, y = xp.convert(a, dtypes.float32), xp.convert(b, dtypes.float32)
    away = (x < y) == (x > 0)
    stepped = xp.where(away, a + xp.asarray(1, "uint16"), a - xp.asarray(1, "uint16"))
    smallest = xp.where(y < 0, xp.asarray(0x8001, "uint16"), xp.asarray(1, "uint16"))
    moved = xp.where(x == 0, smallest, stepped)
    nan = xp.asarray(0x7FC0, "uint16")
    return xp.where((x != x) | (y != y), nan, xp.where(x == y, b, moved))
