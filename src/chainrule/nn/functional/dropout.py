"""Elements or channels zeroed at random."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ... import functional as fn
from ...base.errors import ArgumentError, ShapeError
from ...tensors import Tensor, default_generator
from .inplace import applied

__all__ = [
    "alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout",
]  # fmt: skip


def _dropout(
    input: Tensor,
    p: float,
    training: bool,
    inplace: bool,
    channels: bool,
    op: Any = fn.dropout,
) -> Tensor:
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0.0 or input.numel() == 0:
        return input
    drawn = math.prod(input.shape[:2]) if channels else input.numel()
    state, skip = default_generator.take(drawn, input)
    return applied(op, input, inplace, state, p=p, skip=skip, channels=channels)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero each element with probability p and multiply the others by 1 / (1 − p); without
    ``training``, the identity.

    Example:
        >>> F.dropout(ones(2), p=1.0)
        tensor([0., 0.])
    """
    return _dropout(input, p, training, inplace, channels=False)


def _channel_dropout(input: Tensor, p: float, training: bool, inplace: bool, axes: int) -> Tensor:
    """Dropout of the channels of x (B, C, *), or of (C, *) if it has ``axes`` spatial axes."""
    if input.ndim != axes + 1:
        return _dropout(input, p, training, inplace, channels=True)
    y = _dropout(input.unsqueeze(0), p, training, inplace, channels=True)
    return input if inplace else y.squeeze(0)


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """As ``dropout``, but whole channels of x (B, C, L) or (C, L) fall together."""
    if input.ndim not in (2, 3):
        raise ShapeError(
            f"dropout1d: Expected 2D or 3D input, but received a {input.ndim}D input; "
            "for elements use dropout"
        )
    return _channel_dropout(input, p, training, inplace, 1)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """As ``dropout``, but whole channels of x (B, C, H, W) fall together. With three axes x is taken
    for (B, C, L), as in PyTorch, which warns of it, and so do we.
    """
    if input.ndim not in (3, 4):
        _warn_of_axes("dropout2d", input, "(B, C, H, W)")
    elif input.ndim == 3:
        warnings.warn(
            "dropout2d: an input of 3 axes is taken for (B, C, L): channels of each sample fall, as "
            "in dropout1d; for (C, H, W) put a batch axis in front",
            stacklevel=2,
        )
    return _channel_dropout(input, p, training, inplace, -1)


def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """As ``dropout``, but whole channels of x (B, C, D, H, W) or (C, D, H, W) fall together."""
    if input.ndim not in (4, 5):
        _warn_of_axes("dropout3d", input, "(B, C, D, H, W) or (C, D, H, W)")
    return _channel_dropout(input, p, training, inplace, 3)


def _warn_of_axes(name: str, x: Tensor, wanted: str) -> None:
    warnings.warn(
        f"{name}: x should be {wanted}, found {x.ndim} axes; the first two are taken for batch and "
        "channels; for elements use dropout",
        stacklevel=3,
    )


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Dropout that keeps mean 0 and variance 1, for networks of SELU: elements that fall become its
    limit at −∞, then all are scaled and shifted.   Source: Klambauer et al. 2017.

    Example:
        >>> F.alpha_dropout(ones(2), p=1.0, training=True)
        tensor([0., 0.])
    """
    return _dropout(input, p, training, inplace, False, fn.alpha_dropout)


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """As ``alpha_dropout``, but whole channels of x (B, C, *) fall together."""
    if training and input.ndim < 2:
        raise ShapeError("feature_alpha_dropout: the input must be (B, C, …), at least two axes")
    return _dropout(input, p, training, inplace, True, fn.alpha_dropout)
