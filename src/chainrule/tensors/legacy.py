"""PyTorch's old names for tensors of one dtype: `LongTensor([1, 2])`, `FloatTensor(3, 5)`, `isinstance(x, FloatTensor)`,
`set_default_tensor_type(DoubleTensor)`.
"""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

from ..base import dtypes
from ..base.errors import DeviceError, DTypeError
from .core import Tensor
from .creation import tensor, zeros
from .storage import Size

__all__ = [
    "BFloat16Tensor", "BoolTensor", "ByteTensor", "CharTensor", "DoubleTensor", "FloatTensor",
    "HalfTensor", "IntTensor", "LongTensor", "ShortTensor", "set_default_tensor_type",
]  # fmt: skip


class _OfOneDType(type):
    """The type of the names here: makes tensors, and has those of its dtype as instances."""

    dtype: dtypes.DType

    def __call__(cls, *args: Any) -> Any:
        """A tensor of given sizes, which holds zeros, or of the elements of a sequence or an array."""
        if len(args) != 1 or isinstance(args[0], int | np.integer):
            return zeros([index(n) for n in args] or (0,), dtype=cls.dtype)
        (data,) = args
        if isinstance(data, Size):
            return zeros(data, dtype=cls.dtype)
        return data.to(cls.dtype) if isinstance(data, Tensor) else tensor(data, dtype=cls.dtype)

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, Tensor) and x.dtype is cls.dtype


def _named(name: str, dtype: dtypes.DType) -> Any:
    words = f"Tensors of {dtype.name}; `chainrule.tensor(…, dtype=…)` is today's way to make one."
    return _OfOneDType(name, (), {"dtype": dtype, "__doc__": words, "__module__": __name__})


FloatTensor, DoubleTensor = (
    _named("FloatTensor", dtypes.float32),
    _named("DoubleTensor", dtypes.float64),
)
HalfTensor, BFloat16Tensor = (
    _named("HalfTensor", dtypes.float16),
    _named("BFloat16Tensor", dtypes.bfloat16),
)
LongTensor, IntTensor = _named("LongTensor", dtypes.int64), _named("IntTensor", dtypes.int32)
ShortTensor, CharTensor = _named("ShortTensor", dtypes.int16), _named("CharTensor", dtypes.int8)
ByteTensor, BoolTensor = _named("ByteTensor", dtypes.uint8), _named("BoolTensor", dtypes.bool_)


def set_default_tensor_type(t: Any) -> None:
    """`set_default_dtype` by an old name: `DoubleTensor`, or "torch.DoubleTensor".

    Raises:
        DeviceError: a type of another device.
        DTypeError: no such type, or one of integers.
    """
    if isinstance(t, str):
        *place, name = t.split(".")
        if "cuda" in place:
            raise DeviceError(f"{t}: there is no CUDA backend; tensors live on 'cpu'")
        if name not in __all__[:-1]:
            raise DTypeError(f"there is no type {t!r}; there are {', '.join(__all__[:-1])}")
        t = globals()[name]
    dtypes.set_default(getattr(t, "dtype", t))
