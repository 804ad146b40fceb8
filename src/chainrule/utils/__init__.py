"""PyTorch's `torch.utils`, as names for what stands elsewhere: `utils.data` is the room `data`,
`utils.checkpoint` a transform; `utils.swa_utils` is `optim.swa_utils`, for which modules are needed.
"""

from . import checkpoint, data, swa_utils

__all__ = ["checkpoint", "data", "swa_utils"]
