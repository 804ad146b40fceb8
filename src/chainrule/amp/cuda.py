"""PyTorch's older names, ``torch.cuda.amp``: those of `amp` for a device that is not there."""

from __future__ import annotations

import functools

from ..base import dtypes
from ..base.dtypes import DType
from . import custom, grad_scaler, mode

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd"]

custom_fwd = functools.partial(custom.custom_fwd, device_type="cuda")
custom_bwd = functools.partial(custom.custom_bwd, device_type="cuda")
"""Decorators that leave a function as it is: autocast for this device is never on."""


class autocast(mode.autocast):
    """``amp.autocast("cuda", …)``, which is disabled with a warning: there is no CUDA.

    Args:
        enabled: whether the region would change anything.
        dtype: of products.
        cache_enabled: without effect.
    """

    def __init__(
        self, enabled: bool = True, dtype: DType = dtypes.float16, cache_enabled: bool = True
    ) -> None:
        super().__init__("cuda", dtype, enabled, cache_enabled)


class GradScaler(grad_scaler.GradScaler):
    """``amp.GradScaler("cuda", …)``, which is disabled with a warning: there is no CUDA.

    Args: as for ``amp.GradScaler``, without the device.
    """

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        super().__init__(
            "cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled
        )
