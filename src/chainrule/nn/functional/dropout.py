"""Elements or channels zeroed at random."""

from __future__ import annotations

import math

from ... import functional as fn
from ...tensors import Tensor, default_generator
from .sizes import batched_input

__all__ = [
    "dropout", "dropout1d", "dropout2d",
]  # fmt: skip


def _dropout(input: Tensor, p: float, training: bool, inplace: bool, channels: bool) -> Tensor:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0.0 or input.numel() == 0:
        return input
    drawn = math.prod(input.shape[:2]) if channels else input.numel()
    state, skip = default_generator.take(drawn)
    y = fn.dropout(input, state, p=p, skip=skip, channels=channels)
    return input.copy_(y) if inplace else y


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero each element with probability p and multiply the others by 1 / (1 − p); without
    ``training``, the identity.

    Example:
        >>> F.dropout(ones(2), p=1.0)
        tensor([0., 0.])
    """
    return _dropout(input, p, training, inplace, channels=False)


def _channel_dropout(axes: int, input: Tensor, p: float, training: bool, inplace: bool) -> Tensor:
    x, batched = batched_input(input, axes, f"dropout{axes}d")
    y = _dropout(x, p, training, inplace and batched, channels=True)
    if batched or y is x:
        return y if batched else input
    y = y.squeeze(0)
    return input.copy_(y) if inplace else y


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """As ``dropout``, but whole channels of x (B, C, L) or (C, L) fall together."""
    return _channel_dropout(1, input, p, training, inplace)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """As ``dropout``, but whole channels of x (B, C, H, W) or (C, H, W) fall together."""
    return _channel_dropout(2, input, p, training, inplace)
