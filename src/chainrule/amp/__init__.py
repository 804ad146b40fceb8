"""Mixed precision: products in half floats, what needs it in float32.

    with autocast("cpu"):                  # bfloat16
        loss = loss_function(model(x), y)
    loss.backward()

Weights stay float32, and so do their gradients. Which op computes in what is said in one place,
`ops.precision`. Read: `mode` (autocast), `grad_scaler` (for float16, whose small gradients vanish),
`custom` (for functions with a derivative of their own), `cuda` (PyTorch's older names).
"""

from ..base.loading import shown
from . import cuda
from .custom import custom_bwd, custom_fwd
from .grad_scaler import GradScaler
from .mode import autocast, get_autocast_dtype, is_autocast_available, is_autocast_enabled

__all__ = [
    "GradScaler", "autocast", "cuda", "custom_bwd", "custom_fwd", "get_autocast_dtype",
    "is_autocast_available", "is_autocast_enabled",
]  # fmt: skip

__dir__ = shown(__name__)
