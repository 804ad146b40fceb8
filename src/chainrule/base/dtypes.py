"""The dtypes and PyTorch's promotion rules: the one table that every op reads.

A `DType` is what users see (`chainrule.float32`); its `.numpy` is how values are stored. They
coincide but for bfloat16, which NumPy
lacks: it is stored as its 16 bits in `uint16`, and ops compute on it in float32 and round the
    result (nearest, ties to even).

Promotion has three ranks: tensors with at least one axis, 0-d tensors, Python scalars. A lower rank
changes the result only when its category (bool < integer < floating) is higher, so `float32 tensor
* 2.5` stays float32 and `int64 tensor * 2.5` becomes the default dtype.
Source: PyTorch documentation, "Tensor Attributes", section "Type promotion".
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .errors import ArgumentError, DTypeError

__all__ = ["FLOATS", "INTEGERS", "DType", "default", "of", "of_python", "promote", "set_default"]

BOOL, INTEGER, FLOATING = 0, 1, 2  # categories, in the order in which they promote
AXES, ZERO_D, SCALAR = 2, 1, 0  # ranks of an operand


class DType:
    """One element type: `name`, how it is stored (`numpy`), its `category` and `itemsize` in
    bytes.
    """

    __slots__ = ("category", "itemsize", "name", "numpy")

    def __init__(self, name: str, stored: type, category: int):
        self.name, self.numpy, self.category = name, np.dtype(stored), category
        self.itemsize = self.numpy.itemsize

    @property
    def is_floating_point(self) -> bool:
        """True for float16, bfloat16, float32 and float64."""
        return self.category == FLOATING

    @property
    def is_complex(self) -> bool:
        """Always False: complex numbers are refused by name."""
        return False

    @property
    def is_signed(self) -> bool:
        """True unless the dtype is bool or uint8."""
        return self.name not in ("bool", "uint8")

    def __repr__(self) -> str:
        return f"chainrule.{self.name}"

    def __reduce__(self):  # unpickled or deep-copied, a dtype is still the one object of its name
        return of, (self.name,)


bool_ = DType("bool", np.bool_, BOOL)
uint8 = DType("uint8", np.uint8, INTEGER)
int8 = DType("int8", np.int8, INTEGER)
int16 = DType("int16", np.int16, INTEGER)
int32 = DType("int32", np.int32, INTEGER)
int64 = DType("int64", np.int64, INTEGER)
float16 = DType("float16", np.float16, FLOATING)
bfloat16 = DType("bfloat16", np.uint16, FLOATING)
float32 = DType("float32", np.float32, FLOATING)
float64 = DType("float64", np.float64, FLOATING)

INTEGERS = (uint8, int8, int16, int32, int64)
FLOATS = (float16, bfloat16, float32, float64)
ALL = (bool_, *INTEGERS, *FLOATS)
_BY_NAME = {d.name: d for d in ALL} | {"half": float16, "float": float32, "double": float64}
_BY_NUMPY = {d.numpy: d for d in ALL}
BF16_BITS = bfloat16.numpy
_default = float32


def of(dtype: object) -> DType:
    """The DType for a DType, a NumPy dtype, a Python type or a name.

    >>> of(np.float64), of("int64"), of(bool)
    (chainrule.float64, chainrule.int64, chainrule.bool)
    """
    if type(dtype) is DType:
        return dtype
    if isinstance(dtype, str) and dtype in _BY_NAME:
        return _BY_NAME[dtype]
    if dtype is float:
        return _default
    try:
        stored = np.dtype(dtype)  # type: ignore[call-overload]
    except (TypeError, ValueError) as e:
        raise DTypeError(f"{dtype!r} is not a dtype; known are {', '.join(_BY_NAME)}") from e
    found = _BY_NUMPY.get(stored.newbyteorder("="))
    if found is None or found is bfloat16:
        given = dtype if stored.kind == "O" else stored  # NumPy takes any class for "object"
        why = (
            "complex numbers are not supported"
            if stored.kind == "c"
            else f"there is no dtype for {given}"
        )
        raise DTypeError(f"{why}; known are {', '.join(d.name for d in ALL)}")
    return found


def stored(array_dtype: np.dtype) -> DType:
    """The DType of a raw array's dtype, where `uint16` means bfloat16."""
    return _BY_NUMPY[array_dtype]


def largest(dtype: DType) -> float:
    """The largest finite number of a floating dtype.

    >>> largest(float16), largest(bfloat16)
    (65504.0, 3.3895313892515355e+38)
    """
    if dtype is bfloat16:
        return (2 - 2.0**-7) * 2.0**127
    return float(np.finfo(dtype.numpy).max)


def bounds(dtype: DType) -> tuple[float, float]:
    """The lowest and the largest finite number of a dtype.

    >>> bounds(int8), bounds(float16)
    ((-128, 127), (-65504.0, 65504.0))
    """
    if dtype.category == FLOATING:
        return -largest(dtype), largest(dtype)
    if dtype is bool_:
        return 0, 1
    found = np.iinfo(dtype.numpy)  # type: ignore[type-var]
    return found.min, found.max


def need_held(value: Any, dtype: DType) -> None:
    """Refuse a Python number that a tensor of a dtype does not hold, as PyTorch does where numbers are
    written: one beyond the bounds, and NaN and infinity among integers. Negative integers wrap around
    in uint8, as −1 does to 255, and whatever is not 0 is True.

    >>> need_held(1e30, int64)
    Traceback (most recent call last):
    ...
    chainrule.base.errors.ArgumentError: int64 holds -9223372036854775808 to 9223372036854775807, found 1e+30
    """
    if dtype is bool_ or (dtype.category == FLOATING and not math.isfinite(value)):
        return
    low, high = bounds(dtype)
    if dtype is uint8 and isinstance(value, int):
        low = -high
    if not low <= value <= high:
        raise ArgumentError(f"{dtype.name} holds {bounds(dtype)[0]} to {high}, found {value}")


def need_held_beside(value: Any, dtype: DType) -> None:
    """As `need_held`, for a number that may stand among a tensor's: in the dtype that both promote to."""
    need_held(value, promote([(dtype, AXES), (of_scalar(value), SCALAR)]))


def not_half(dtype: DType) -> DType:
    """float32 for the half floats, any other dtype itself. A number that becomes a tensor of its own
    before, as in `x[0] = 1e6`, may be infinite in a half float.
    """
    return float32 if dtype in (float16, bfloat16) else dtype


def default() -> DType:
    """The dtype of floats made from Python numbers: float32 unless `set_default` said otherwise."""
    return _default


def set_default(dtype: object) -> None:
    """Set the default floating dtype (`chainrule.set_default_dtype`)."""
    global _default
    d = of(dtype)
    if d.category != FLOATING:
        raise DTypeError(f"set_default_dtype takes a floating dtype, found {d}")
    _default = d
    _result.cache_clear()


def of_value(dtype: object) -> DType:
    """As `of`, for the dtype that a value at hand says it has: there `uint16` means bfloat16."""
    return bfloat16 if isinstance(dtype, np.dtype) and dtype == BF16_BITS else of(dtype)


def of_scalar(value: object) -> DType:
    """The dtype that a Python number has when a tensor is made from it."""
    if isinstance(value, bool):
        return bool_
    if isinstance(value, int):
        return int64
    if isinstance(value, float):
        return _default
    if isinstance(value, complex):
        raise DTypeError(f"complex numbers are not supported, found {value!r}")
    raise DTypeError(f"expected a number, found {type(value).__name__}")


def of_python(value: Any) -> Any:
    """A value with Python's numbers where it has NumPy's, in lists and tuples too; itself if it has none.

    >>> of_python((np.int64(2), [np.float32(0.5), None]))
    (2, [0.5, None])
    """
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | tuple):
        inner = [of_python(v) for v in value]
        if any([new is not old for new, old in zip(inner, value, strict=True)]):
            return inner if isinstance(value, list) else tuple(inner)
    return value


def join(a: DType, b: DType) -> DType:
    """The smallest dtype that both convert to, as PyTorch defines it: integers give way to any
    float.

    >>> join(uint8, int8), join(int64, float16), join(float16, bfloat16)
    (chainrule.int16, chainrule.float16, chainrule.float32)
    """
    if a is b:
        return a
    if a.category != b.category:
        return a if a.category > b.category else b
    if a.category == FLOATING:
        return float32 if {a, b} == {float16, bfloat16} else max(a, b, key=FLOATS.index)
    if uint8 in (a, b) and int8 in (a, b):
        return int16
    return max(a, b, key=INTEGERS.index)


def _combine(higher: DType | None, lower: DType | None) -> DType | None:
    if higher is None or lower is None:
        return higher or lower
    return join(higher, lower) if lower.category > higher.category else higher


@functools.lru_cache(maxsize=4096)
def _result(operands: tuple[tuple[DType, int], ...]) -> DType:
    ranks: list[DType | None] = [None, None, None]
    for dtype, rank in operands:
        best = ranks[rank]
        ranks[rank] = dtype if best is None else join(best, dtype)
    result = _combine(ranks[AXES], _combine(ranks[ZERO_D], ranks[SCALAR]))
    assert result is not None, "promotion of no operands"
    return result


def promote(operands: Sequence[tuple[DType, int]]) -> DType:
    """The result dtype of operands given as (dtype, rank), rank one of AXES, ZERO_D, SCALAR.

    >>> promote([(int64, AXES), (float32, SCALAR)]), promote([(float32, AXES), (float64, ZERO_D)])
    (chainrule.float32, chainrule.float32)
    """
    return _result(tuple(operands))


def bits_from_float32(x: np.ndarray) -> np.ndarray:
    """float32 → the bits of the nearest bfloat16, ties to even; a NaN stays a (quiet) NaN."""
    u = np.array(x, dtype=np.float32, order="C", copy=None).view(np.uint32)
    rounded = (u + np.uint32(0x7FFF) + ((u >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
    nan = (u >> np.uint32(16)) | np.uint32(0x40)
    return np.where(np.isnan(x), nan, rounded).astype(np.uint16)


def float32_from_bits(u: np.ndarray) -> np.ndarray:
    """The float32 values of bfloat16 bits (exact)."""
    return (u.astype(np.uint32) << np.uint32(16)).view(np.float32)


def convert(array: np.ndarray, dtype: DType) -> np.ndarray:
    """A raw array in another dtype; the same array if it has it already. Floats truncate toward
    zero to integers.
    """
    if array.dtype == dtype.numpy:
        return array
    if array.dtype == BF16_BITS:
        array = float32_from_bits(array)
    if dtype is bfloat16:
        if array.dtype != np.float32:
            array = array.astype(np.float32)
        return bits_from_float32(array)
    return array.astype(dtype.numpy)
