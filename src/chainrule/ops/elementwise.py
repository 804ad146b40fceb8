"""Elementwise primitives: arithmetic, exponentials, roots, selection, comparison, logic, conversion.

Read a rule as: what reaches the output as `g` reaches the operand as this. Where an op is flat or
jumps (sign, floor, ties of maximum), the rule gives what PyTorch gives.
"""

from __future__ import annotations

import math
from typing import Any

from ..backends import xp
from ..base import dtypes
from .kinds import elementwise
from .promotion import Spec
from .record import Op, primitive
from .samples import B, F, S

# ------------------------------------------------------------------------------------------------------- arithmetic


@primitive(elementwise, types="promote", reference="torch.add", onnx="Add")
def add(a, b, /):
    """Sum,  y = a + b."""
    return a + b


add.vjp(a=lambda g: g, b=lambda g: g)


@primitive(elementwise, types="number", reference="torch.sub", onnx="Sub")
def sub(a, b, /):
    """Difference,  y = a − b."""
    return xp.subtract(a, b)


sub.vjp(a=lambda g: g, b=lambda g: -g)


@primitive(elementwise, types="promote", reference="torch.mul", onnx="Mul")
def mul(a, b, /):
    """Product,  y = a · b."""
    return a * b


mul.vjp(a=lambda g, b: g * b, b=lambda g, a: g * a)


@primitive(elementwise, types="float", reference="torch.div", onnx="Div", domain=(0.5, 3))
def div(a, b, /):
    """Quotient,  y = a / b; integers are divided as floats."""
    return xp.divide(a, b)


div.vjp(a=lambda g, b: g / b, b=lambda g, y, b: -(g * y) / b)


@primitive(elementwise, types="number", reference="torch.pow", onnx="Pow", domain=(0.5, 3))
def pow(a, b, /):
    """Power,  y = aᵇ; integers to negative powers are rounded toward 0."""
    dtype = getattr(a, "dtype", None) or getattr(b, "dtype", None)
    if dtype is None or dtype.kind == "f" or not xp.any(xp.less(b, 0)):  # None: Python numbers
        return a**b
    odd = xp.equal(xp.remainder(b, 2), 1)
    fraction = xp.where(xp.equal(a, -1), xp.where(odd, -1, 1), xp.equal(a, 1))
    return xp.where(xp.less(b, 0), fraction, a ** xp.maximum(b, 0)).astype(dtype)


def _by_base(g: Any, a: Any, b: Any) -> Any:
    """b · aᵇ⁻¹, and 0 where b is 0, whatever a is."""
    if isinstance(b, int | float):
        return zeros_like(g) if b == 0 else g * (b * a ** (b - 1)) if b != 2 else g * (a + a)
    return g * where(b == 0, 0.0, b * a ** where(b == 0, 1.0, b - 1))


def _by_exponent(g: Any, a: Any, b: Any, y: Any) -> Any:
    """y · ln a, and 0 where a is 0 and y is not infinite."""
    if isinstance(a, int | float):  # in g's dtype: the logarithm of a number alone is a float32
        a = zeros_like(g) + a
    flat = logical_and(a == 0, b >= 0)
    return g * where(flat, 0.0, y * log(where(flat, 1.0, a)))


pow.vjp(
    a=lambda g, a, b: _by_base(g, a, b),
    b=lambda g, a, b, y: _by_exponent(g, a, b, y),
)


@primitive(elementwise, types="number", reference="torch.neg", onnx="Neg")
def neg(x, /):
    """Negation,  y = −x."""
    return xp.negative(x)


neg.vjp(x=lambda g: -g)


@primitive(elementwise, types="promote", reference="torch.abs", onnx="Abs")
def abs(x, /):
    """Absolute value,  y = |x|; the derivative at 0 is 0."""
    return xp.abs(x)


abs.vjp(x=lambda g, x: g * sign(x))


@primitive(elementwise, types="promote", reference="torch.sign", onnx="Sign")
def sign(x, /):
    """Sign,  −1, 0 or 1, and 0 for NaN as in PyTorch; its derivative is 0."""
    if x.dtype.kind != "f":
        return xp.sign(x) if x.dtype.kind != "b" else x.copy()
    return xp.where(x != x, xp.asarray(0, x.dtype), xp.sign(x))


sign.vjp(x=lambda g: zeros_like(g))


@primitive(elementwise, types="promote", reference="torch.square")
def square(x, /):
    """Square,  y = x²."""
    return x * x


square.vjp(x=lambda g, x: g * (x + x))


@primitive(
    elementwise, types="float", reference="torch.reciprocal", onnx="Reciprocal", domain=(0.5, 3)
)
def reciprocal(x, /):
    """Reciprocal,  y = 1 / x."""
    return xp.divide(1, x)


reciprocal.vjp(x=lambda g, y: -g * y * y)


@primitive(elementwise, types="number", reference="torch.remainder", domain=(0.5, 3))
def remainder(a, b, /):
    """Remainder with the sign of the divisor,  y = a − b · floor(a / b), as Python's %."""
    return xp.remainder(a, b)


remainder.vjp(a=lambda g: g, b=lambda g, a, b: -g * floor_divide(a, b))


@primitive(elementwise, types="number", reference="torch.floor_divide", domain=(0.5, 3))
def floor_divide(a, b, /):
    """Quotient rounded down,  y = floor(a / b), as Python's //; its derivative is 0."""
    return xp.floor_divide(a, b)


floor_divide.vjp(a=lambda g: zeros_like(g), b=lambda g: zeros_like(g))


@primitive(elementwise, types="number", domain=(0.5, 3))
def trunc_divide(a, b, /):
    """Quotient rounded toward 0,  y = trunc(a / b), exact for integers too; its derivative is 0."""
    if a.dtype.kind == "f":
        return xp.trunc(xp.divide(a, b))
    y = xp.floor_divide(a, b)
    return y + xp.logical_and(xp.less(y, 0), xp.not_equal(xp.remainder(a, b), 0))


trunc_divide.vjp(a=lambda g: zeros_like(g), b=lambda g: zeros_like(g))


@primitive(elementwise, types="number", reference="torch.fmod", onnx="Mod", domain=(0.5, 3))
def fmod(a, b, /):
    """Remainder with the sign of the dividend,  y = a − b · trunc(a / b), as C's %."""
    return xp.fmod(a, b)


fmod.vjp(a=lambda g: g, b=lambda g, a, b: -g * trunc_divide(a, b))

# ------------------------------------------------------------------------------------------- exponentials and roots

LN_2, LN_10 = math.log(2), math.log(10)


@primitive(elementwise, types="float", reference="torch.exp", onnx="Exp")
def exp(x, /):
    """Exponential,  y = eˣ."""
    return xp.exp(x)


exp.vjp(x=lambda g, y: g * y)


@primitive(elementwise, types="float", reference="torch.expm1")
def expm1(x, /):
    """y = eˣ − 1, accurate near 0."""
    return xp.expm1(x)


expm1.vjp(x=lambda g, y: g * (y + 1))


@primitive(elementwise, types="float", reference="torch.log", onnx="Log", domain=(0.1, 3))
def log(x, /):
    """Natural logarithm,  y = ln x; −inf at 0, NaN below."""
    return xp.log(x)


log.vjp(x=lambda g, x: g / x)


@primitive(elementwise, types="float", reference="torch.log1p", domain=(-0.5, 3))
def log1p(x, /):
    """y = ln(1 + x), accurate near 0."""
    return xp.log1p(x)


log1p.vjp(x=lambda g, x: g / (1 + x))


@primitive(elementwise, types="float", reference="torch.sqrt", onnx="Sqrt", domain=(0.1, 3))
def sqrt(x, /):
    """Square root,  y = √x."""
    return xp.sqrt(x)


sqrt.vjp(x=lambda g, y: g / (2 * y))


@primitive(elementwise, types="float", reference="torch.rsqrt", domain=(0.1, 3))
def rsqrt(x, /):
    """Reciprocal square root,  y = 1 / √x."""
    return xp.divide(1, xp.sqrt(x))


rsqrt.vjp(x=lambda g, y: -0.5 * g * (y * y * y))


@primitive(elementwise, types="float", reference="torch.exp2")
def exp2(x, /):
    """y = 2ˣ."""
    return xp.exp2(x)


exp2.vjp(x=lambda g, y: g * y * LN_2)


@primitive(elementwise, types="float", reference="torch.log2", domain=(0.1, 3))
def log2(x, /):
    """Logarithm to base 2."""
    return xp.log2(x)


log2.vjp(x=lambda g, x: g / (x * LN_2))


@primitive(elementwise, types="float", reference="torch.log10", domain=(0.1, 3))
def log10(x, /):
    """Logarithm to base 10."""
    return xp.log10(x)


log10.vjp(x=lambda g, x: g / (x * LN_10))


@primitive(elementwise, types="float", reference="torch.sigmoid", onnx="Sigmoid")
def sigmoid(x, /):
    """Logistic function,  y = 1 / (1 + e⁻ˣ). Where e⁻ˣ overflows y is 0, as it should be; of small y
    every digit is right, unlike those of (1 + tanh(x/2)) / 2, whose 1 swallows them.
    """
    return xp.divide(1, xp.exp(xp.negative(x)) + 1)


sigmoid.vjp(x=lambda g, y: g * (y * (1 - y)))


# ------------------------------------------------------------------------------------------- selection, comparison


@primitive(elementwise, types="promote", reference="torch.maximum", onnx="Max")
def maximum(a, b, /):
    """The larger of two, NaN if either is; at a tie the gradient is split in halves."""
    return xp.maximum(a, b)


maximum.vjp(
    a=lambda g, a, b: g * where(a == b, 0.5, where(a < b, 0.0, 1.0)),
    b=lambda g, a, b: g * where(a == b, 0.5, where(a > b, 0.0, 1.0)),
)


@primitive(elementwise, types="promote", reference="torch.minimum", onnx="Min")
def minimum(a, b, /):
    """The smaller of two, NaN if either is; at a tie the gradient is split in halves."""
    return xp.minimum(a, b)


minimum.vjp(
    a=lambda g, a, b: g * where(a == b, 0.5, where(a > b, 0.0, 1.0)),
    b=lambda g, a, b: g * where(a == b, 0.5, where(a < b, 0.0, 1.0)),
)


@primitive(
    elementwise,
    types="promote",
    promotes=("a", "b"),
    reference="torch.where",
    onnx="Where",
    samples=(
        S(B(5, 3), F(5, 3), F(5, 3)),
        S(B(5, 1), F(3), F()),
        S(B(), F(), F()),
        S(B(0, 3), F(3), F(0, 3)),
    ),
)
def where(condition, a, b, /):
    """a where the condition holds, b elsewhere."""
    return xp.where(condition, a, b)


where.vjp(
    a=lambda g, condition: where(condition, g, 0.0), b=lambda g, condition: where(condition, 0.0, g)
)


@primitive(
    elementwise,
    types="promote",
    reference="torch.clamp",
    onnx="Clip",
    samples=(
        S(F(5, 3), -1.0, 2.0),
        S(F(7), None, 0.5),
        S(F(), -1.0, None),
        S(F(5, 3), F(3, low=-2, high=-1), F(5, 1, low=1, high=2)),
    ),
)
def clamp(x, low=None, high=None, /):
    """x limited to [low, high]; where low > high the result is high. A bound has the gradient
    where it is the result.
    """
    if isinstance(low, float) and isinstance(high, float):
        return x.clip(low, high)  # one walk over x instead of two
    if low is not None:
        x = xp.maximum(x, low)
    return x if high is None else xp.minimum(x, high)


def _inside(x: Any, low: Any, high: Any) -> Any:
    above = True if low is None else x >= low
    below = True if high is None else x <= high
    return logical_and(above, below)


clamp.vjp(
    x=lambda g, x, low, high: where(_inside(x, low, high), g, 0.0),
    low=lambda g, x, low, high: where(
        logical_and(x < low, True if high is None else low < high), g, 0.0
    ),
    high=lambda g, x, low, high: where(
        logical_or(x > high, False if low is None else high < low), g, 0.0
    ),
)


@primitive(elementwise, types="compare", reference="torch.eq", onnx="Equal")
def eq(a, b, /):
    """a = b, elementwise."""
    return xp.equal(a, b)


@primitive(elementwise, types="compare", reference="torch.ne")
def ne(a, b, /):
    """a ≠ b, elementwise."""
    return xp.not_equal(a, b)


@primitive(elementwise, types="compare", reference="torch.lt", onnx="Less")
def lt(a, b, /):
    """a < b, elementwise."""
    return xp.less(a, b)


@primitive(elementwise, types="compare", reference="torch.le", onnx="LessOrEqual")
def le(a, b, /):
    """a ≤ b, elementwise."""
    return xp.less_equal(a, b)


@primitive(elementwise, types="compare", reference="torch.gt", onnx="Greater")
def gt(a, b, /):
    """a > b, elementwise."""
    return xp.greater(a, b)


@primitive(elementwise, types="compare", reference="torch.ge", onnx="GreaterOrEqual")
def ge(a, b, /):
    """a ≥ b, elementwise."""
    return xp.greater_equal(a, b)


@primitive(elementwise, types="compare", reference="torch.logical_and", onnx="And")
def logical_and(a, b, /):
    """Both are nonzero."""
    return xp.logical_and(a, b)


@primitive(elementwise, types="compare", reference="torch.logical_or", onnx="Or")
def logical_or(a, b, /):
    """At least one is nonzero."""
    return xp.logical_or(a, b)


@primitive(elementwise, types="compare", reference="torch.logical_xor", onnx="Xor")
def logical_xor(a, b, /):
    """Exactly one is nonzero."""
    return xp.logical_xor(a, b)


@primitive(elementwise, types="compare", reference="torch.logical_not", onnx="Not")
def logical_not(x, /):
    """True where x is zero."""
    return xp.logical_not(x)


@primitive(elementwise, types="compare", reference="torch.isnan", onnx="IsNaN")
def isnan(x, /):
    """True where x is not a number."""
    return xp.isnan(x)


@primitive(elementwise, types="compare", reference="torch.isinf", onnx="IsInf")
def isinf(x, /):
    """True where x is +∞ or −∞."""
    return xp.isinf(x)


@primitive(elementwise, types="compare", reference="torch.isfinite")
def isfinite(x, /):
    """True where x is neither infinite nor NaN."""
    return xp.isfinite(x)


# ------------------------------------------------------------------------------------------------------- conversion


def _cast_law(op: Op, x: Spec, *, dtype: Any) -> Spec:
    """The same shape in the asked dtype."""
    return Spec(x.shape, dtype)


def _cast_dtype(args: tuple, attrs: dict) -> dict:
    return attrs | {"dtype": dtypes.of_value(attrs["dtype"])}


@primitive(
    elementwise,
    law=_cast_law,
    normalize=_cast_dtype,
    reference="torch.Tensor.to",
    onnx="Cast",
    samples=(S(F(5, 3), dtype=dtypes.float64), S(F(), dtype=dtypes.float64)),
)
def cast(x, /, *, dtype):
    """The same values in another dtype: floats truncate toward 0 to integers, anything nonzero
    is True.
    """
    x = xp.asarray(x)
    return x.copy() if x.dtype == dtype.numpy else xp.convert(x, dtype)


cast.vjp(x=lambda g: g)  # the engine gives a gradient the dtype of what it belongs to


@primitive(elementwise, types="promote", reference="torch.zeros_like")
def zeros_like(x, /):
    """Zeros in the shape and dtype of x; the derivative is 0."""
    return xp.zeros_like(x)


zeros_like.vjp(x=lambda g: zeros_like(g))
