"""Ops without operands: made from attributes alone. While a trace is active they stage like any
other.
"""

from __future__ import annotations

import math
from typing import Any

from ..backends import xp
from ..base import dtypes
from .kinds import create
from .promotion import Spec
from .record import Op, primitive
from .samples import S


def _typed(args: tuple, attrs: dict) -> dict:
    return attrs | {"dtype": dtypes.of_value(attrs["dtype"])}


def _held(args: tuple, attrs: dict) -> dict:
    attrs = _typed(args, attrs)
    if isinstance(attrs["value"], int | float):
        dtypes.need_held(attrs["value"], attrs["dtype"])
    return attrs


def _full_law(op: Op, *, shape: tuple, value: Any, dtype: dtypes.DType) -> Spec:
    """The shape and dtype asked for."""
    return Spec(tuple(shape), dtype)


@primitive(
    create,
    law=_full_law,
    normalize=_held,
    reference="torch.full",
    onnx="ConstantOfShape",
    samples=(
        S(shape=(5, 3), value=2.5, dtype=dtypes.float64),
        S(shape=(), value=7, dtype=dtypes.int64),
    ),
)
def full(*, shape, value, dtype):
    """One value everywhere, which the dtype must hold; negative integers wrap around in uint8."""
    if value == 0 and math.copysign(1, value) > 0:  # the system gives new pages as zeros
        return xp.zeros(shape, dtype.numpy)
    if isinstance(value, int) and dtype.category == dtypes.INTEGER:
        value = xp.asarray(value, "int64").astype(dtype.numpy)
    if dtype is dtypes.bfloat16:
        return xp.convert(xp.full(shape, value, "float32"), dtype)
    return xp.full(shape, value, dtype.numpy)


def _arange_law(op: Op, *, start: float, step: float, count: int, dtype: dtypes.DType) -> Spec:
    """One axis of `count` elements."""
    return Spec((count,), dtype)


@primitive(
    create,
    law=_arange_law,
    normalize=_typed,
    reference="torch.arange",
    onnx="Range",
    samples=(
        S(start=2, step=3, count=5, dtype=dtypes.int64),
        S(start=0.5, step=-0.25, count=7, dtype=dtypes.float64),
    ),
)
def arange(*, start, step, count, dtype):
    """yₖ = start + k · step  for k = 0 … count − 1."""
    exact = "int64" if isinstance(start, int) and isinstance(step, int) else "float64"
    return xp.convert(xp.arange(count, dtype=exact) * step + start, dtype)


def _eye_law(op: Op, *, rows: int, columns: int, dtype: dtypes.DType) -> Spec:
    """A matrix of the size asked for."""
    return Spec((rows, columns), dtype)


@primitive(
    create,
    law=_eye_law,
    normalize=_typed,
    reference="torch.eye",
    onnx="EyeLike",
    samples=(S(rows=3, columns=5, dtype=dtypes.float64),),
)
def eye(*, rows, columns, dtype):
    """Ones on the main diagonal, zeros elsewhere."""
    return xp.convert(xp.eye(rows, columns), dtype)
