"""PyTorch's `torch.utils.checkpoint`."""

from ..transforms import checkpoint

__all__ = ["checkpoint"]
