"""PyTorch's `torch.sparse`: its functions take dense tensors as well, and those are all there are."""

from __future__ import annotations

from typing import Any

from ...nn.functional import log_softmax, softmax
from ...tensors import addmm, mm
from .absent import absent

__all__ = ["addmm", "log_softmax", "mm", "softmax"]


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return absent(f"sparse.{name}")
