"""PyTorch's wrappers for several devices, of which there is one here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..base.errors import DeviceError
from .module import Module

__all__ = ["DataParallel", "DistributedDataParallel"]


class DataParallel(Module):
    """Runs a module; its parameters are named `module.…`, as PyTorch names them. Where there is no other device
    than the CPU this is all that PyTorch's does.

    Args:
        module: what to run.
        device_ids: refused unless empty: there are no devices to share the batch.
        output_device: likewise.
        dim: the axis of the batch; without effect, since it is not divided.

    Example:
        >>> list(nn.DataParallel(nn.Linear(3, 5)).state_dict())
        ['module.weight', 'module.bias']
    """

    def __init__(
        self,
        module: Module,
        device_ids: Sequence[Any] | None = None,
        output_device: Any = None,
        dim: int = 0,
    ) -> None:
        super().__init__()
        if device_ids or output_device is not None:
            raise DeviceError(
                f"DataParallel: there are no devices {device_ids or output_device}; tensors live on 'cpu'"
            )
        self.module, self.dim, self.device_ids = module, dim, []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """What the module gives."""
        return self.module(*inputs, **kwargs)


class DistributedDataParallel(Module):
    """One copy of a module in each of several processes: not built, and refused. Programs ask first whether there are
    several.

    Raises:
        NotImplementedError: always.
    """

    def __init__(self, module: Module, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(
            "DistributedDataParallel is not built: there is one process, whose threads share the work; "
            "use the module itself"
        )
