"""Signals: PyTorch's `torch.signal`, of which there are the windows.

Imports tensors and what lies below.
"""

from . import windows

__all__ = ["windows"]
