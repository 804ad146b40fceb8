"""PyTorch's `torch.utils`, as names for what stands elsewhere: `utils.data` is the room `data`,
`utils.checkpoint` a transform.
"""

from . import checkpoint, data

__all__ = ["checkpoint", "data"]
