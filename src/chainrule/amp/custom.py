"""Autocast and functions with a derivative of their own: decorators for `autograd.Function`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..base import dtypes
from ..base.dtypes import DType
from ..tensors import Tensor
from .mode import autocast, get_autocast_dtype, is_autocast_enabled

__all__ = ["custom_bwd", "custom_fwd"]


def custom_fwd(
    fwd: Callable | None = None, *, device_type: str, cast_inputs: DType | None = None
) -> Callable:
    """For ``forward``: where autocast is on, its floating arguments go to ``cast_inputs`` (float64
    stays), and it runs without autocast. If ``cast_inputs`` is None it runs as it is called.

    Example:
        >>> import chainrule as cr
        >>> class Double(cr.autograd.Function):
        ...     @staticmethod
        ...     @custom_fwd(device_type="cpu", cast_inputs=cr.float32)
        ...     def forward(ctx, x):
        ...         return x * 2
        ...
        ...     @staticmethod
        ...     @custom_bwd(device_type="cpu")
        ...     def backward(ctx, g):
        ...         return g * 2
        >>> with autocast("cpu"):
        ...     y = Double.apply(cr.ones(3, dtype=cr.bfloat16))
        >>> y.dtype
        chainrule.float32
    """
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)
    function = fwd
    is_autocast_enabled(device_type)  # refuses what is no string, now

    @functools.wraps(function)
    def forward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        on = is_autocast_enabled(device_type)
        ctx._dtype = get_autocast_dtype(device_type)
        ctx._fwd_used_autocast = on and cast_inputs is None
        if not on or cast_inputs is None:
            return function(ctx, *args, **kwargs)
        with autocast(device_type, enabled=False):
            return function(ctx, *_cast(args, cast_inputs), **_cast(kwargs, cast_inputs))

    return forward


def custom_bwd(bwd: Callable | None = None, *, device_type: str) -> Callable:
    """For ``backward``: it runs with autocast as ``forward`` ran, which ``custom_fwd`` has noted."""
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)
    function = bwd
    is_autocast_enabled(device_type)

    @functools.wraps(function)
    def backward(ctx: Any, *grads: Any) -> Any:
        with autocast(device_type, ctx._dtype, ctx._fwd_used_autocast):
            return function(ctx, *grads)

    return backward


def _cast(value: Any, dtype: DType) -> Any:
    """Floating tensors in nested lists, tuples and dicts in another dtype, but for float64."""
    if isinstance(value, Tensor):
        eligible = value.dtype.is_floating_point and value.dtype is not dtypes.float64
        return value.to(dtype) if eligible else value
    if isinstance(value, dict):
        return {k: _cast(v, dtype) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([_cast(v, dtype) for v in value])
    return value
