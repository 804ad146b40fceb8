"""Converting a module: other dtypes, devices, memory."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any, Self

import numpy as np

from ..base import dtypes
from ..tensors import Tensor, empty_like
from .walking import Walking

__all__ = ["Converting", "parse_to"]


class Converting(Walking):
    """The part of Module that replaces the data of parameters and buffers by others."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Replace the data of every parameter, gradient and buffer by ``fn`` of it, of the modules
        below too if ``recurse``. The objects stay the same ones.
        """
        for module in self.modules() if recurse else [self]:
            for member in chain(module._parameters.values(), module._buffers.values()):
                if member is None:
                    continue
                member.data = fn(member.data)
                if member.grad is not None:
                    member.grad.data = fn(member.grad.data)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Convert the floating-point parameters and buffers in place; returns the module.

        Call it as ``to(dtype)``, ``to(device)``, ``to(device, dtype)`` or ``to(tensor)``, whose
        dtype and device are taken. ``non_blocking`` and ``memory_format`` are accepted and have no
        effect. Integer tensors keep their dtype.

        Raises:
            TypeError: the dtype is not a floating-point one.
            DeviceError: there is no such device here.

        Example:
            >>> nn.Linear(3, 2).to(float64).weight.dtype
            chainrule.float64
        """
        device, dtype = parse_to(*args, **kwargs)
        if dtype is not None and not dtype.is_floating_point:
            raise TypeError(f"Module.to only accepts floating-point dtypes, got {dtype.name}")

        def convert(tensor: Tensor) -> Tensor:
            if device is not None:
                tensor = tensor.to(device)
            return tensor.to(dtype) if dtype is not None and tensor.is_floating_point() else tensor

        return self._apply(convert)

    def type(self, dst_type: Any) -> Self:
        """Convert every parameter and buffer, integers too, to ``dst_type``."""
        return self._apply(lambda tensor: tensor.to(dst_type))

    def float(self) -> Self:
        """Convert the floating-point parameters and buffers to float32."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self) -> Self:
        """Convert the floating-point parameters and buffers to float64."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self) -> Self:
        """Convert the floating-point parameters and buffers to float16."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self) -> Self:
        """Convert the floating-point parameters and buffers to bfloat16."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def cpu(self) -> Self:
        """Move to the CPU, where everything already is."""
        return self.to("cpu")

    def cuda(self, device: Any = None) -> Self:
        """Refused: there are no devices but the CPU.

        Raises:
            DeviceError: always.
        """
        return self.to("cuda" if device is None else device)

    def xpu(self, device: Any = None) -> Self:
        """Refused, as ``cuda``."""
        return self.to("xpu" if device is None else device)

    def to_empty(self, *, device: Any = None, recurse: bool = True) -> Self:
        """Give every parameter and buffer new memory, whose values are not those of the old.

        Args:
            device: where it lives; where they are by default. Tensors on 'meta', which have no values, get memory on 'cpu'.
            recurse: whether to do so for the modules below too.
        """
        return self._apply(lambda t: empty_like(t, device=device), recurse)

    def share_memory(self) -> Self:
        """Nothing: processes of this framework do not share parameters; returns the module."""
        return self


def parse_to(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """Device and dtype (each may be None) from the forms ``to`` accepts."""
    device, dtype, tensor = (
        kwargs.pop("device", None),
        kwargs.pop("dtype", None),
        kwargs.pop("tensor", None),
    )
    for harmless in ("non_blocking", "memory_format"):
        kwargs.pop(harmless, None)
    if kwargs:
        raise TypeError(f"to() got an unexpected keyword argument {next(iter(kwargs))!r}")
    for argument in args:
        if isinstance(argument, Tensor):
            tensor = argument
        elif isinstance(argument, (dtypes.DType, type, np.dtype)):
            dtype = argument
        elif not isinstance(argument, bool):  # a bool is non_blocking
            device = argument
    if tensor is not None:
        return tensor.device, tensor.dtype
    return device, None if dtype is None else dtypes.of(dtype)
