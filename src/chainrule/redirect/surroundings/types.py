"""PyTorch's `torch.types` and `torch.nn.common_types`: names for annotations."""

from __future__ import annotations

from typing import Any, TypeVar

from ...tensors import Device, Size

__all__ = ["Device", "Number"]

T = TypeVar("T")
Number = int | float | bool
_int, _float, _bool = int, float, bool
_dtype = _qscheme = _layout = Any
_size = Size | list[int] | tuple[int, ...]

_scalar_or_tuple_any_t = T | tuple[T, ...]
_scalar_or_tuple_1_t = T | tuple[T]
_scalar_or_tuple_2_t = T | tuple[T, T]
_scalar_or_tuple_3_t = T | tuple[T, T, T]
_size_any_t = int | tuple[int, ...]
_size_1_t = int | tuple[int]
_size_2_t = int | tuple[int, int]
_size_3_t = int | tuple[int, int, int]
_size_4_t = int | tuple[int, int, int, int]
_size_5_t = int | tuple[int, int, int, int, int]
_size_6_t = int | tuple[int, int, int, int, int, int]
_size_any_opt_t = tuple[int | None, ...] | int | None
_size_2_opt_t = tuple[int | None, int | None] | int | None
_size_3_opt_t = tuple[int | None, int | None, int | None] | int | None
_ratio_any_t = float | tuple[float, ...]
_ratio_2_t = float | tuple[float, float]
_ratio_3_t = float | tuple[float, float, float]
_tensor_list_t = Any
_maybe_indices_t = Any
