"""PyTorch's `torch.nn.modules`, as names for the layers of the room `nn`."""

from typing import Any

from . import utils

__all__ = ["utils"]


def __getattr__(name: str) -> Any:
    from .. import __dict__ as layers

    if name.startswith("__") or name not in layers:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return layers[name]
