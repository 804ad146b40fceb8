"""PyTorch's `torch.overrides`: whether values have a say in what functions do with them (`__torch_function__`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ...nn.functional.private import has_torch_function_unary, has_torch_function_variadic
from ...tensors import Tensor
from ...tensors.overrides import (
    disabled_torch_function,
    handle_torch_function,
    has_torch_function,
    plain,
    with_a_say,
)
from .absent import absent_in

__all__ = [
    "DisableTorchFunctionSubclass", "handle_torch_function", "has_torch_function", "has_torch_function_unary",
    "has_torch_function_variadic", "is_tensor_like",
]  # fmt: skip

DisableTorchFunctionSubclass = DisableTorchFunction = plain
_disabled_torch_function_impl = disabled_torch_function


def is_tensor_like(inp: Any) -> bool:
    """Whether a value is a tensor, or has a say as they have."""
    return hasattr(inp, "__torch_function__")


def is_tensor_method_or_property(func: Callable) -> bool:
    """Whether a function is a tensor's method."""
    return any([f is func for f in vars(Tensor).values()])


def is_traceable_wrapper_subclass(t: Any) -> bool:
    """False: a tensor is what lies in its memory, and wraps no other."""
    return False


def resolve_name(f: Callable) -> str:
    """The name of a function."""
    return f"torch.{f.__name__}"


def _get_overloaded_args(relevant_args: Iterable[Any], get_type_fn: Any = type) -> list:
    """The values that have a say, one of each class."""
    return with_a_say(relevant_args)


__getattr__ = absent_in("overrides")
