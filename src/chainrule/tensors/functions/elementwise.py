"""Elementwise functions with PyTorch's overloads: an `alpha`, a rounding mode, a missing bound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import functional, ops
from ...base import dtypes
from ...base.errors import DTypeError

__all__ = [
    "add", "addcdiv", "addcmul", "allclose", "clamp", "div", "equal", "isclose", "lerp",
    "relu", "sub", "where",
]  # fmt: skip


def add(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """input + alpha · other."""
    return ops.add(input, other if alpha == 1 else ops.mul(other, alpha))


def sub(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """input − alpha · other."""
    return ops.sub(input, other if alpha == 1 else ops.mul(other, alpha))


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """input / other, rounded toward 0 ('trunc') or down ('floor') if asked."""
    if rounding_mode is None:
        return ops.div(input, other)
    if rounding_mode == "floor":
        return ops.floor_divide(input, other)
    if rounding_mode == "trunc":
        y = ops.trunc(ops.div(input, other))
        whole = [ops.promotion.spec_of(v).dtype for v in (input, other)]
        return (
            y
            if any_floating(whole)
            else ops.cast(y, dtype=dtypes.promote([(d, dtypes.AXES) for d in whole]))
        )
    raise ValueError(f"rounding_mode is None, 'trunc' or 'floor', found {rounding_mode!r}")


def any_floating(found: Sequence[dtypes.DType]) -> bool:
    """Whether one of some dtypes is floating."""
    return dtypes.FLOATING in [d.category for d in found]


def lerp(input: Any, end: Any, weight: Any) -> Any:
    """input + weight · (end − input)."""
    return input + weight * (end - input)


def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """input + value · tensor1 · tensor2."""
    return input + value * (tensor1 * tensor2)


def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """input + value · tensor1 / tensor2."""
    return input + value * (tensor1 / tensor2)


def clamp(input: Any, min: Any = None, max: Any = None) -> Any:
    """input limited to [min, max]; at least one bound is given."""
    if min is None and max is None:
        raise ValueError("clamp needs min or max")
    return ops.clamp(input, min, max)


def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """input where the condition holds, other elsewhere; with the condition alone, the indices
    where it holds.
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if ops.promotion.spec_of(condition).dtype is not dtypes.bool_:
        raise DTypeError(
            f"the condition of where must be bool, found {ops.promotion.spec_of(condition).dtype.name}"
        )
    return ops.where(condition, input, other)


def isclose(
    input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Any:
    """|input − other| ≤ atol + rtol · |other|, elementwise; equal infinities are close, NaNs only if equal_nan."""
    near = ops.abs(input - other) <= atol + rtol * ops.abs(other)
    near = ops.logical_or(ops.logical_and(near, ops.isfinite(other)), input == other)
    return (
        ops.logical_or(near, ops.logical_and(ops.isnan(input), ops.isnan(other)))
        if equal_nan
        else near
    )


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
