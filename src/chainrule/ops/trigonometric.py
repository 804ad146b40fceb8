"""Trigonometric and hyperbolic functions and their inverses, elementwise. Angles are in radians."""

from __future__ import annotations

from typing import Any

from ..backends import xp
from .elementwise import eq, rsqrt, square, where
from .kinds import elementwise
from .record import primitive

# ---------------------------------------------------------------------------------------------------- trigonometric


@primitive(elementwise, types="float", reference="torch.sin", onnx="Sin")
def sin(x, /):
    """Sine of an angle in radians."""
    return xp.sin(x)


sin.vjp(x=lambda g, x: g * cos(x))


@primitive(elementwise, types="float", reference="torch.cos", onnx="Cos")
def cos(x, /):
    """Cosine of an angle in radians."""
    return xp.cos(x)


cos.vjp(x=lambda g, x: -g * sin(x))


@primitive(elementwise, types="float", reference="torch.tan", onnx="Tan", domain=(-1.4, 1.4))
def tan(x, /):
    """Tangent of an angle in radians."""
    return xp.tan(x)


tan.vjp(x=lambda g, y: g * (1 + y * y))


@primitive(elementwise, types="float", reference="torch.asin", onnx="Asin", domain=(-0.9, 0.9))
def asin(x, /):
    """Angle in [−π/2, π/2] whose sine is x; NaN outside of [−1, 1]."""
    return xp.arcsin(x)


asin.vjp(x=lambda g, x: g * rsqrt(1 - x * x))


@primitive(elementwise, types="float", reference="torch.acos", onnx="Acos", domain=(-0.9, 0.9))
def acos(x, /):
    """Angle in [0, π] whose cosine is x; NaN outside of [−1, 1]."""
    return xp.arccos(x)


acos.vjp(x=lambda g, x: -g * rsqrt(1 - x * x))


@primitive(elementwise, types="float", reference="torch.atan", onnx="Atan")
def atan(x, /):
    """Angle in (−π/2, π/2) whose tangent is x."""
    return xp.arctan(x)


atan.vjp(x=lambda g, x: g / (x * x + 1))


@primitive(elementwise, types="float", reference="torch.atan2", domain=(0.5, 3))
def atan2(a, b, /):
    """Angle in [−π, π] of the point (b, a): the arctangent of a / b in the quadrant of the two signs."""
    return xp.arctan2(a, b)


atan2.vjp(
    a=lambda g, a, b: g * _over_square(b, a, b),
    b=lambda g, a, b: g * _over_square(-a, a, b),
)


def _over_square(x: Any, a: Any, b: Any) -> Any:
    """x / (a² + b²), and 0 where both are 0."""
    r = a * a + b * b
    return x / where(eq(r, 0), 1.0, r)


# ------------------------------------------------------------------------------------------------------- hyperbolic


@primitive(elementwise, types="float", reference="torch.sinh", onnx="Sinh")
def sinh(x, /):
    """Hyperbolic sine,  y = (eˣ − e⁻ˣ) / 2."""
    return xp.sinh(x)


sinh.vjp(x=lambda g, x: g * cosh(x))


@primitive(elementwise, types="float", reference="torch.cosh", onnx="Cosh")
def cosh(x, /):
    """Hyperbolic cosine,  y = (eˣ + e⁻ˣ) / 2."""
    return xp.cosh(x)


cosh.vjp(x=lambda g, x: g * sinh(x))


@primitive(elementwise, types="float", reference="torch.tanh", onnx="Tanh")
def tanh(x, /):
    """Hyperbolic tangent,  y = (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)."""
    return xp.tanh(x)


tanh.vjp(x=lambda g, y: g * (1 - y * y))


@primitive(elementwise, types="float", reference="torch.asinh", onnx="Asinh")
def asinh(x, /):
    """Inverse hyperbolic sine,  y = ln(x + √(x² + 1))."""
    return xp.arcsinh(x)


asinh.vjp(x=lambda g, x: g * rsqrt(square(x) + 1))


@primitive(elementwise, types="float", reference="torch.acosh", onnx="Acosh", domain=(1.2, 4))
def acosh(x, /):
    """Inverse hyperbolic cosine,  y = ln(x + √(x² − 1)); NaN below 1."""
    return xp.arccosh(x)


acosh.vjp(x=lambda g, x: g * rsqrt(square(x) - 1))


@primitive(elementwise, types="float", reference="torch.atanh", onnx="Atanh", domain=(-0.9, 0.9))
def atanh(x, /):
    """Inverse hyperbolic tangent,  y = ½ ln((1 + x) / (1 − x)); NaN outside of [−1, 1]."""
    return xp.arctanh(x)


atanh.vjp(x=lambda g, x: g / (1 - square(x)))


@primitive(elementwise, types="float", reference="torch.hypot")
def hypot(a, b, /):
    """Length of the hypotenuse,  y = √(a² + b²), without overflow on the way."""
    return xp.hypot(a, b)


hypot.vjp(a=lambda g, a, y: g * (a / y), b=lambda g, b, y: g * (b / y))
