"""PyTorch's `torch.sparse`: its functions take dense tensors as well, and those are all there are."""

from __future__ import annotations

from ...nn.functional import log_softmax, softmax
from ...tensors import addmm, mm
from .absent import absent_in

__all__ = ["addmm", "log_softmax", "mm", "softmax"]


__getattr__ = absent_in("sparse")
