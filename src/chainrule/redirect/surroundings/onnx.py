"""PyTorch's `torch.onnx`: nothing is being exported, and nothing can be."""

from __future__ import annotations

from .absent import absent_in

__all__ = ["is_in_onnx_export"]


def is_in_onnx_export() -> bool:
    """False."""
    return False


__getattr__ = absent_in("onnx")
