"""Identities of arithmetic, selection, conversion and reduction.

Those of `ALGEBRA` keep each bit of every value, the sign of zero and the propagation of NaN and
infinities included. (x + 0 is not x: −0 + 0 is +0. x · 0 is not 0: ∞ · 0 is NaN.) That of `UNITS`
may change the sign of a zero, that of `ROUNDING` the last digits.
"""

from __future__ import annotations

import math

from ... import ops
from ...base import dtypes, shapes
from ..ir import Equation, Literal, Operand
from .rewrite import Rewriter, spec

__all__ = ["ALGEBRA", "ROUNDING", "UNITS"]


def _same(r: Rewriter, x: Operand, eq: Equation) -> Operand | None:
    """x as the output of an equation that changes none of its values: broadcast, if another operand
    made the result larger. A number only if it is known to be a float, as results are.
    """
    out = eq.outputs[0].spec
    if x is None or spec(x).dtype is not out.dtype or spec(x).weak != out.weak:
        return None
    if out.weak and out.dtype.category != dtypes.FLOATING:
        return None
    return r.shaped(x, out.shape)


def _is_negative_zero(value: float) -> bool:
    return value == 0 and math.copysign(1, value) < 0


def never_negative_zero(r: Rewriter, v: Operand) -> bool:
    """Whether no element of a value can be −0: integers, powers of e, absolute values, squares."""
    if spec(v).dtype.category != dtypes.FLOATING:
        return True
    value = r.constant(v)
    if value is not None:
        return not _is_negative_zero(value)
    eq = r.maker(v, "exp", "abs", "mul")
    return eq is not None and (eq.op.name != "mul" or eq.inputs[0] is eq.inputs[1])


def add_zero(r: Rewriter, eq: Equation) -> Operand | None:
    """x + 0 = x where x is never −0;  x + (−0) = x always."""
    for x, c in (eq.inputs, eq.inputs[::-1]):
        value = r.constant(c)
        if value == 0 and value is not None:
            if _is_negative_zero(value) or never_negative_zero(r, x):
                return _same(r, x, eq)
    return None


def sub_zero(r: Rewriter, eq: Equation) -> Operand | None:
    """x − 0 = x."""
    x, c = eq.inputs
    value = r.constant(c)
    if value is None or value != 0 or _is_negative_zero(value):
        return None
    return _same(r, x, eq)


def mul_one(r: Rewriter, eq: Equation) -> Operand | None:
    """x · 1 = x."""
    for x, c in (eq.inputs, eq.inputs[::-1]):
        if r.constant(c) == 1:
            return _same(r, x, eq)
    return None


def div_constant(r: Rewriter, eq: Equation) -> Operand | None:
    """x / 1 = x, and x / 2ᵏ = x · 2⁻ᵏ: both are the one number nearest to the same real."""
    x, c = eq.inputs
    value = r.constant(c)
    if value is None:
        return None
    if value == 1:
        return _same(r, x, eq)
    mantissa, exponent = math.frexp(value)
    if abs(mantissa) != 0.5 or abs(exponent) > 100 or spec(x) != eq.outputs[0].spec:
        return None
    return None if spec(x).weak else r.apply(ops.mul, x, Literal(1 / value))


def neg_neg(r: Rewriter, eq: Equation) -> Operand | None:
    """−(−x) = x."""
    inner = r.maker(eq.inputs[0], "neg")
    return None if inner is None else _same(r, inner.inputs[0], eq)


def power(r: Rewriter, eq: Equation) -> Operand | None:
    """x¹ = x, x² = x · x, x^½ = √x, x⁻¹ = 1 / x: what NumPy computes for these exponents, when
    they are numbers. (So (−∞)^½ is NaN here, as √ says, and not the ∞ of C's pow.)
    """
    x, c = eq.inputs
    exponent = c.value if isinstance(c, Literal) else None
    if exponent.__class__ not in (int, float):
        return None
    if spec(x).weak or spec(x) != eq.outputs[0].spec:
        return None
    if exponent == 1:
        return x
    if exponent == 2:
        return r.apply(ops.mul, x, x)
    if spec(x).dtype.category != dtypes.FLOATING:
        return None
    if exponent == 0.5:
        return r.apply(ops.sqrt, x)
    return r.apply(ops.reciprocal, x) if exponent == -1 else None


def square(r: Rewriter, eq: Equation) -> Operand | None:
    """square(x) = x · x, so that it is shared with the products of a derivative."""
    x = eq.inputs[0]
    return None if spec(x).weak else r.apply(ops.mul, x, x)


def where_known(r: Rewriter, eq: Equation) -> Operand | None:
    """A selection whose condition is known everywhere, or between a value and itself."""
    condition, a, b = eq.inputs
    value, out = r.constant(condition), eq.outputs[0].spec
    chosen = a if a is b else None if value is None else a if value else b
    if chosen is None or out.weak:
        return None
    if spec(chosen).weak:
        number = chosen.value if isinstance(chosen, Literal) else None
        return None if number is None else r.full(out.shape, number, out.dtype)
    if spec(chosen).dtype is not out.dtype:
        chosen = r.apply(ops.cast, chosen, dtype=out.dtype)
    return r.shaped(chosen, out.shape)


def _exactly(a: dtypes.DType, b: dtypes.DType) -> bool:
    """Whether each value of dtype a is one of dtype b."""
    if a is b or a is dtypes.bool_:
        return True
    return a.category == b.category and dtypes.join(a, b) is b


def cast(r: Rewriter, eq: Equation) -> Operand | None:
    """A conversion to the dtype that x has; two of which the first loses nothing. (Floats out of
    an integer's range are left alone: what they become depends on the float they are.)
    """
    x, dtype = eq.inputs[0], eq.attrs["dtype"]
    if spec(x).weak:
        return None
    if spec(x).dtype is dtype:
        return x
    inner = r.maker(x, "cast")
    if inner is None:
        return None
    source = inner.inputs[0]
    if spec(source).weak or not _exactly(spec(source).dtype, spec(x).dtype):
        return None
    if spec(source).dtype.category == dtypes.FLOATING and dtype.category == dtypes.INTEGER:
        return None
    return r.apply(ops.cast, source, dtype=dtype)


def of_one(r: Rewriter, eq: Equation) -> Operand | None:
    """A sum or an extreme over axes of size 1 is the one element."""
    x, out = eq.inputs[0], eq.outputs[0].spec
    if spec(x).weak or spec(x).dtype is not out.dtype:
        return None
    if any([spec(x).shape[d] != 1 for d in eq.attrs["dim"]]):
        return None
    return r.viewed(x, out.shape)


def copy(r: Rewriter, eq: Equation) -> Operand | None:
    """A copy is the value itself: a program has no memory. (`kept_apart` sees to the outputs.)"""
    return eq.inputs[0]


ALGEBRA = {
    "add": (add_zero,),
    "sub": (sub_zero,),
    "mul": (mul_one,),
    "div": (div_constant,),
    "neg": (neg_neg,),
    "pow": (power,),
    "square": (square,),
    "where": (where_known,),
    "cast": (cast,),
    "amax": (of_one,),
    "amin": (of_one,),
    "clone": (copy,),
}


def sum_of_repeated(r: Rewriter, eq: Equation) -> Operand | None:
    """The sum of x repeated n times is n · x."""
    x, out = eq.inputs[0], eq.outputs[0].spec
    inner = r.maker(x, "expand")
    if inner is None or spec(x).dtype is not out.dtype:
        return None
    source, shape, dims = inner.inputs[0], spec(x).shape, eq.attrs["dim"]
    extra = len(shape) - spec(source).ndim
    old = (1,) * extra + spec(source).shape
    repeated = [d for d in dims if old[d] == 1 and shape[d] != 1]
    n = shapes.size([shape[d] for d in repeated])
    if not repeated or not n or spec(source).weak:
        return None
    kept = tuple([1 if d in repeated else m for d, m in enumerate(shape)])
    y = r.shaped(r.viewed(source, old), kept)
    rest = tuple([d for d in dims if d not in repeated])
    if rest:
        y = r.apply(ops.sum, y, dim=rest, keepdim=True)
    y = r.viewed(y, out.shape)
    return r.apply(ops.mul, y, Literal(float(n) if out.dtype.category == dtypes.FLOATING else n))


UNITS = {"sum": (of_one,)}
"""This keeps each value, but not the sign of zero: a sum starts from +0."""

ROUNDING = {"sum": (sum_of_repeated,)}
