"""PyTorch's `torch.utils.data`, as names for the room `data`."""

from __future__ import annotations

from typing import Any

from ... import data
from ...base.loading import shown

__all__ = list(data.__all__)


def __getattr__(name: str) -> Any:
    """Whatever the room has of this name."""
    if name in data.__all__:
        return getattr(data, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__dir__ = shown(__name__)
