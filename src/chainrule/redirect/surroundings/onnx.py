"""PyTorch's `torch.onnx`: nothing is being exported, and nothing can be."""

from __future__ import annotations

from typing import Any

from .absent import absent

__all__ = ["is_in_onnx_export"]


def is_in_onnx_export() -> bool:
    """False."""
    return False


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return absent(f"onnx.{name}")
