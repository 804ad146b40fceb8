"""PyTorch's `torch.utils.data`, as names for the room `data`."""

from ...data import *  # noqa: F403 - the curated list stands there
from ...data import __all__

__all__ = list(__all__)
