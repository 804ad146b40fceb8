"""PyTorch's `torch.autograd.graph`: the part of it that is there, and names for the rest."""

from __future__ import annotations

from ...autograd.graph import (
    Node,
    disable_saved_tensors_hooks,
    save_on_cpu,
    saved_tensors_hooks,
)
from .absent import absent_in

__all__ = ["Node", "disable_saved_tensors_hooks", "save_on_cpu", "saved_tensors_hooks"]

__getattr__ = absent_in("autograd.graph")
