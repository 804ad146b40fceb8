"""PyTorch's `torch._C._nn`: what its layers call, found in `nn.functional`, and how it reads what `to` is given."""

from __future__ import annotations

from typing import Any

from ...nn import converting, functional
from ...tensors.device import device_of

__all__: list[str] = []


def _parse_to(*args: Any, **kwargs: Any) -> tuple[Any, Any, bool, Any]:
    """Device, dtype (None where none is given), `non_blocking` and memory format from the forms that `to` accepts.

    >>> _parse_to("cpu", nn.Linear(3, 2).weight.dtype)
    (device(type='cpu'), chainrule.float32, False, None)
    """
    rest = kwargs.get("non_blocking", False), kwargs.get("memory_format")
    device, dtype = converting.parse_to(*args, **kwargs)
    return None if device is None else device_of(device), dtype, *rest


def __getattr__(name: str) -> Any:
    return getattr(functional, name)
