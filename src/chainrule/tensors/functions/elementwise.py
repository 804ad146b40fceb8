"""Elementwise functions with PyTorch's overloads: an `alpha`, a rounding mode, a missing bound."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ... import functional, ops
from ...base import dtypes
from ...base.errors import ArgumentError, DTypeError, RangeError, ShapeError
from ...functional import (
    angle,
    deg2rad,
    fmax,
    fmin,
    frac,
    logaddexp,
    logaddexp2,
    rad2deg,
    sinc,
    xlogy,
)  # fmt: skip
from ...ops import (
    abs,
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    bitwise_and,
    bitwise_left_shift,
    bitwise_not,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    ceil,
    copysign,
    cos,
    cosh,
    digamma,
    eq,
    erf,
    erfc,
    erfinv,
    exp,
    exp2,
    expm1,
    floor,
    fmod,
    gcd,
    ge,
    gt,
    hypot,
    i0,
    igamma,
    igammac,
    isfinite,
    isinf,
    isnan,
    lcm,
    le,
    lgamma,
    log,
    log1p,
    log2,
    log10,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    maximum,
    minimum,
    ne,
    neg,
    nextafter,
    reciprocal,
    remainder,
    rsqrt,
    sigmoid,
    sign,
    signbit,
    sin,
    sinh,
    sqrt,
    tan,
    tanh,
    trunc,
)  # fmt: skip
from ...ops.record import NUMBERS
from ..making import made_of
from .results import result_type

__all__ = [
    "abs", "absolute", "acos", "acosh", "add", "addcdiv", "addcmul", "allclose", "angle", "arccos",
    "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "asin", "asinh", "atan",
    "atan2", "atanh", "bitwise_and", "bitwise_left_shift", "bitwise_not", "bitwise_or",
    "bitwise_right_shift", "bitwise_xor", "ceil", "clamp", "clamp_max", "clamp_min", "clip", "conj",
    "conj_physical", "copysign", "cos", "cosh", "deg2rad", "digamma", "div", "divide", "eq",
    "equal", "erf", "erfc", "erfinv", "exp", "exp2", "expm1", "fill", "fix", "float_power", "floor",
    "floor_divide", "fmax", "fmin", "fmod", "frac", "frexp", "gcd", "ge", "greater",
    "greater_equal", "gt", "heaviside", "hypot", "i0", "igamma", "igammac", "isclose", "isfinite", "isin", "isinf",
    "isnan", "isneginf", "isposinf", "isreal", "lcm", "ldexp", "le", "lerp", "less", "less_equal",
    "lgamma", "log", "log1p", "log2", "log10", "logaddexp", "logaddexp2", "logical_and",
    "logical_not", "logical_or", "logical_xor", "logit", "lt", "maximum", "minimum",
    "mul", "multiply", "mvlgamma", "nan_to_num", "ne", "neg", "negative", "nextafter", "not_equal",
    "polygamma", "positive", "pow", "rad2deg", "real", "reciprocal", "relu", "remainder",
    "resolve_conj", "resolve_neg", "round", "rsqrt", "rsub", "sgn", "sigmoid", "sign", "signbit",
    "sin", "sinc", "sinh", "sqrt", "square", "sub", "subtract", "tan", "tanh", "true_divide",
    "trunc", "where", "xlogy",
]  # fmt: skip

frexp_result = result_type("frexp", "mantissa", "exponent")


def _standing(op: Any, input: Any, other: Any) -> Any:
    """An op on two operands, which may both be numbers: PyTorch makes tensors of them here, and refuses
    them elsewhere.

    >>> cr.div(7, 2, rounding_mode="floor")
    tensor(3)
    """
    if input.__class__ in NUMBERS and other.__class__ in NUMBERS:
        input = made_of(input)
    return op(input, other)


def add(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """input + alpha · other."""
    return _standing(ops.add, input, other if alpha == 1 else mul(other, alpha))


def sub(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """input − alpha · other."""
    return _standing(ops.sub, input, other if alpha == 1 else mul(other, alpha))


def mul(input: Any, other: Any) -> Any:
    """input · other."""
    return _standing(ops.mul, input, other)


def floor_divide(input: Any, other: Any) -> Any:
    """input / other, rounded down, as Python's //."""
    return _standing(ops.floor_divide, input, other)


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """input / other, rounded toward 0 ('trunc') or down ('floor') if asked."""
    if rounding_mode is None:
        return _standing(ops.div, input, other)
    if rounding_mode == "floor":
        return floor_divide(input, other)
    if rounding_mode == "trunc":
        found = [ops.promotion.spec_of(v).dtype for v in (input, other)]
        if dtypes.float16 in found or dtypes.bfloat16 in found:
            return ops.trunc(ops.div(input, other))  # rounded to the dtype before
        return _standing(ops.trunc_divide, input, other)
    raise ArgumentError(f"rounding_mode is None, 'trunc' or 'floor', found {rounding_mode!r}")


def lerp(input: Any, end: Any, weight: Any) -> Any:
    """input + weight · (end − input), reckoned from the nearer of the two: with weight 1 it is `end` to the bit."""
    if isinstance(weight, (int, float)):
        near = -0.5 < weight < 0.5
        return input + weight * (end - input) if near else end - (end - input) * (1 - weight)
    from_end = end - (end - input) * (1 - weight)
    return ops.where(ops.abs(weight) < 0.5, input + weight * (end - input), from_end)


def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """input + value · tensor1 · tensor2."""
    return input + value * (tensor1 * tensor2)


def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """input + value · tensor1 / tensor2."""
    return input + value * (tensor1 / tensor2)


def clamp(input: Any, min: Any = None, max: Any = None) -> Any:
    """input limited to [min, max]; at least one bound is given."""
    if min is None and max is None:
        raise ArgumentError("clamp needs min or max")
    for bound in (min, max):
        if isinstance(bound, (int, float)):
            dtypes.need_held_beside(bound, ops.promotion.spec_of(input).dtype)
    return ops.clamp(input, min, max)


def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """input where the condition holds, other elsewhere; with the condition alone, the indices
    where it holds.
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if ops.promotion.spec_of(condition).dtype is dtypes.uint8:
        warnings.warn(
            "where received a uint8 condition tensor. This behavior is deprecated and will be removed in a future version of "
            "PyTorch. Use a boolean condition instead.",
            stacklevel=3,
        )
        condition = condition != 0
    if ops.promotion.spec_of(condition).dtype is not dtypes.bool_:
        raise DTypeError(
            f"the condition of where must be bool, found {ops.promotion.spec_of(condition).dtype.name}"
        )
    for number, beside in ((input, other), (other, input)):
        if isinstance(number, (int, float)):
            dtypes.need_held_beside(number, dtypes.not_half(ops.promotion.spec_of(beside).dtype))
    return ops.where(condition, input, other)


def fill(input: Any, value: Any) -> Any:
    """A tensor of the shape and dtype of input that holds one value, a number or a 0-d tensor."""
    if not isinstance(value, bool | int | float) and value.ndim:
        raise ShapeError(f"fill takes a number or a 0-d tensor, found shape {tuple(value.shape)}")
    if not hasattr(value, "spec"):
        value = ops.full(shape=(), value=value, dtype=input.dtype)
    return ops.zeros_like(input) + ops.cast(value, dtype=input.dtype)


def isclose(
    input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Any:
    """|input − other| ≤ atol + rtol · |other|, elementwise; equal infinities are close, NaNs only if equal_nan."""
    if input.dtype is not other.dtype:
        raise DTypeError(f"isclose: {input.dtype.name} is compared with {other.dtype.name}")
    if rtol < 0 or atol < 0:
        raise RangeError(f"isclose: tolerances cannot be negative, found {rtol} and {atol}")
    if input.dtype is dtypes.bool_:
        input, other = [ops.cast(x, dtype=dtypes.default()) for x in (input, other)]
    near = abs(input - other) <= atol + rtol * abs(other)
    near = ops.logical_or(ops.logical_and(near, isfinite(other)), input == other)
    return logical_or(near, logical_and(isnan(input), isnan(other))) if equal_nan else near


def allclose(
    input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Whether all elements are close, as a Python bool."""
    return bool(ops.all(isclose(input, other, rtol, atol, equal_nan)).item())


def equal(input: Any, other: Any) -> bool:
    """Whether two tensors have the same shape and elements, as a Python bool."""
    return tuple(input.shape) == tuple(other.shape) and bool(ops.all(input == other).item())


def relu(input: Any) -> Any:
    """max(x, 0)."""
    return functional.relu(input)


# ---------------------------------------------------------------------------------------------- rounding and powers


def round(input: Any, *, decimals: int = 0) -> Any:
    """The nearest integer, ties to even; with decimals, the nearest multiple of 10^−decimals."""
    return functional.round_to(input, decimals=decimals) if decimals else ops.round(input)


def square(input: Any) -> Any:
    """input²; of bools, as int64."""
    whole = ops.promotion.spec_of(input).dtype is dtypes.bool_
    return ops.square(ops.cast(input, dtype=dtypes.int64) if whole else input)


def pow(input: Any, exponent: Any) -> Any:
    """inputᵉˣᵖᵒⁿᵉⁿᵗ; integers to a negative number are refused, since 1 / 2 is none."""
    if isinstance(exponent, int) and exponent < 0:
        found = ops.promotion.spec_of(input).dtype
        if found.category == dtypes.INTEGER:
            raise DTypeError(
                f"pow: integers to the power {exponent} are no integers, found {found.name}\n"
                "  hint: .float(), or float_power"
            )
    return ops.pow(input, exponent)


def float_power(input: Any, exponent: Any) -> Any:
    """inputᵉˣᵖᵒⁿᵉⁿᵗ in float64, whatever the dtypes."""
    wide = [
        float(v) if isinstance(v, bool | int | float) else ops.cast(v, dtype=dtypes.float64)
        for v in (input, exponent)
    ]
    return ops.pow(*wide)


def frexp(input: Any) -> Any:
    """(mantissa, exponent): input = mantissa · 2^exponent, the mantissa in [½, 1)."""
    return frexp_result(ops.mantissa(input), ops.exponent(input))


def ldexp(input: Any, other: Any) -> Any:
    """input · 2^other."""
    return functional.ldexp(input, other)


def rsub(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """other − alpha · input."""
    return sub(other, input, alpha=alpha)


# ----------------------------------------------------------------------------------------------------- selection


def clamp_min(input: Any, min: Any) -> Any:
    """input, or min where that is larger."""
    return ops.clamp(input, min, None)


def clamp_max(input: Any, max: Any) -> Any:
    """input, or max where that is smaller."""
    return ops.clamp(input, None, max)


def nan_to_num(
    input: Any, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Any:
    """input with numbers in place of NaN, +∞ and −∞: 0, and the largest and smallest of the dtype
    unless given.
    """
    return functional.nan_to_num(input, nan=nan or 0.0, posinf=posinf, neginf=neginf)


def heaviside(input: Any, values: Any) -> Any:
    """0 below 0, `values` at 0, 1 above; both have one dtype."""
    if input.dtype is not values.dtype:
        raise DTypeError(
            f"heaviside: input and values must have one dtype, found {input.dtype.name} and {values.dtype.name}"
        )
    return functional.heaviside(input, values)


def isposinf(input: Any) -> Any:
    """True at +∞."""
    return ops.eq(input, math.inf)


def isneginf(input: Any) -> Any:
    """True at −∞."""
    return ops.eq(input, -math.inf)


def isreal(input: Any) -> Any:
    """True everywhere: there are no complex numbers."""
    return ops.eq(ops.zeros_like(input), 0)


def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False
) -> Any:
    """Where an element occurs among the test elements, or does not if `invert`. `assume_unique`
    has no effect.
    """
    return ops.isin(elements, test_elements, invert=invert)


def positive(input: Any) -> Any:
    """input itself; bools are refused."""
    if input.dtype is dtypes.bool_:
        raise DTypeError("positive: this is for numbers, found bool")
    return input


def real(input: Any) -> Any:
    """input itself, as everything is real here."""
    return input


conj = resolve_conj = resolve_neg = real


def conj_physical(input: Any) -> Any:
    """input itself, as everything is real here."""
    return input


# ------------------------------------------------------------------------------------------------ special functions


def logit(input: Any, eps: float | None = None) -> Any:
    """ln(x / (1 − x)), x limited to [eps, 1 − eps] if eps is given."""
    return functional.logit(input, eps=eps)


def polygamma(n: int, input: Any) -> Any:
    """The nᵗʰ derivative of digamma; the method is x.polygamma(n)."""
    return ops.polygamma(input, n=n)


def mvlgamma(input: Any, p: int) -> Any:
    """The logarithm of the multivariate gamma function of dimension p."""
    return functional.mvlgamma(input, p=p)


# ---------------------------------------------------------------------------------------------------- other names

absolute = abs
arccos = acos
arccosh = acosh
arcsin = asin
arcsinh = asinh
arctan = atan
arctan2 = atan2
arctanh = atanh
fix = trunc
greater = gt
greater_equal = ge
less = lt
less_equal = le
multiply = mul
negative = neg
not_equal = ne
sgn = sign
clip = clamp
divide = true_divide = div
subtract = sub
