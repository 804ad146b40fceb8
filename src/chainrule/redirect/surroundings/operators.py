"""PyTorch's `torch.ops`: the functions that `torch.library` has registered, as `torch.ops.namespace.name`."""

from __future__ import annotations

from typing import Any

from .library import known


class _Namespace:
    """What was registered under one namespace."""

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, name: str) -> Any:
        found = known.get(f"{self._name}::{name}")
        if found is None:
            raise AttributeError(f"no function was registered as {self._name}::{name}")
        return found


def __getattr__(name: str) -> Any:
    """A namespace; one in which nothing is registered, too."""
    if name.startswith("__"):
        raise AttributeError(name)
    return _Namespace(name)
