"""Autocast: a region in which products are computed in a lower dtype."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

from ..base import dtypes
from ..base.dtypes import DType
from ..base.errors import DeviceError, DTypeError
from ..tape.modes import modes

__all__ = ["autocast", "get_autocast_dtype", "is_autocast_available", "is_autocast_enabled"]

LOWER = (dtypes.bfloat16, dtypes.float16)
DEVICES = ("cpu", "cuda")


class autocast:
    """While it is on, products take half floats and losses float32: see `ops.precision`. A context
    manager and a decorator; regions nest, and one with ``enabled=False`` is as it was without.

    Wrap the forward pass and the loss, not the backward pass: a derivative is computed in the dtype
    of what it is of. The mode is the current thread's. A compiled function that is called inside of
    a region, or has one inside, is a program with the conversions in it; the mode is a guard.

    Args:
        device_type: "cpu". "cuda", which is not there, is disabled with a warning.
        dtype: bfloat16 or float16; if None, bfloat16 (float16 for "cuda"). With another autocast is
            disabled with a warning.
        enabled: whether the region changes anything.
        cache_enabled: without effect. PyTorch may keep the converted weights in a region; here each
            use converts them, so that gradients of several uses are added in float32, and a
            compiled program converts once.

    Raises:
        ValueError: ``device_type`` is no string.
        DeviceError: there is no autocast for a device of this name.
        DTypeError: ``dtype`` is no dtype.

    Example:
        >>> import chainrule as cr
        >>> w = cr.ones(3, 3, requires_grad=True)
        >>> with cr.autocast("cpu"):
        ...     y = cr.ones(2, 3) @ w
        >>> y.dtype, cr.grad(y.sum(), w)[0].dtype
        (chainrule.bfloat16, chainrule.float32)
    """

    def __init__(
        self,
        device_type: str,
        dtype: DType | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        self.fast_dtype = get_autocast_dtype(device_type) if dtype is None else dtype
        if not isinstance(self.fast_dtype, DType):
            raise DTypeError(f"autocast: dtype is a dtype, found {dtype!r}")
        if not is_autocast_available(device_type):
            raise DeviceError(
                f"autocast: User specified an unsupported autocast device_type '{device_type}'; "
                "there is 'cpu'"
            )
        if enabled and device_type == "cuda":
            warnings.warn("CUDA is not available. Disabling autocast.", stacklevel=2)
            enabled = False
        elif enabled and self.fast_dtype not in LOWER:
            warnings.warn(
                "In CPU autocast, but the target dtype is not supported. Disabling autocast.\n"
                "CPU Autocast only supports dtypes of bfloat16, float16 currently, "
                f"found {self.fast_dtype.name}.",
                stacklevel=2,
            )
            enabled = False
        self.device = device_type
        self._enabled = enabled
        self._before: list[DType | None] = []

    def __enter__(self) -> autocast:
        self._before.append(modes.autocast)
        # one for a device that is not there leaves the CPU's as it is
        if self.device == "cpu":
            modes.autocast = self.fast_dtype if self._enabled else None
        return self

    def __exit__(self, *exc: object) -> None:
        modes.autocast = self._before.pop()

    def __call__(self, function: Callable) -> Callable:
        """The function, run in such a region."""

        @functools.wraps(function)
        def lowered(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return lowered


def _need_name(device_type: Any) -> None:
    if not isinstance(device_type, str):
        raise ValueError(
            f"Expected `device_type` of type `str`, got: `{type(device_type).__name__}`"
        )


def is_autocast_available(device_type: str) -> bool:
    """Whether there is autocast for a kind of device. For "cuda" there is, but no device.

    Example:
        >>> is_autocast_available("cpu")
        True
    """
    _need_name(device_type)
    return device_type in DEVICES


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether autocast is on in this thread, for a kind of device; PyTorch's default is one that is
    not there.

    Example:
        >>> with autocast("cpu"):
        ...     is_autocast_enabled("cpu"), is_autocast_enabled()
        (True, False)
    """
    _need_name(device_type)
    return device_type == "cpu" and modes.autocast is not None


def get_autocast_dtype(device_type: str) -> DType:
    """The dtype of products in the region that this is called in, or would be in one that says
    none.

    Example:
        >>> get_autocast_dtype("cpu")
        chainrule.bfloat16
    """
    _need_name(device_type)
    if device_type == "cuda":
        return dtypes.float16
    return modes.autocast or dtypes.bfloat16
