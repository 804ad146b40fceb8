"""Normalisation of images one by one: each channel over its positions, and each response by those of
neighbouring channels.
"""

from __future__ import annotations

import warnings
from typing import Any

from ..base.errors import ShapeError
from ..tensors import Tensor
from . import functional as F
from .module import Module
from .normalization import _ChannelNorm

__all__ = ["InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "LocalResponseNorm"]


class _InstanceNorm(_ChannelNorm):
    """Normalise each channel of each sample over its positions.   Source: Ulyanov et al. 2016.

    Args:
        num_features: number of channels C.
        eps: added to the variance.
        momentum: how far the buffers move.
        affine: whether there are a ``weight`` (begins at 1) and a ``bias`` (begins at 0), one
            number per channel.
        track_running_stats: whether to keep buffers, which are then the statistics in evaluation;
            they move towards the mean of the samples' statistics.
        device: where the parameters live; only the CPU.
        dtype: of parameters and buffers; the default dtype if None.
        bias: whether an affine layer has a bias.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def forward(self, input: Tensor) -> Tensor:
        """The normalised input."""
        unbatched, batched = self.dims
        if input.ndim not in self.dims:
            raise ShapeError(
                f"{type(self).__name__}: expected {unbatched}D or {batched}D input (got "
                f"{input.ndim}D input of shape {tuple(input.shape)})"
            )
        channels = input.shape[1 - batched]
        if channels != self.num_features:
            words = (
                f"{type(self).__name__}: expected {self.num_features} channels, found {channels} "
                f"in {tuple(input.shape)}"
            )
            if self.affine:
                raise ShapeError(words)
            warnings.warn(words + "; without affine it makes no difference", stacklevel=2)
        x = input if input.ndim == batched else input.unsqueeze(0)
        y = F.instance_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return y if input.ndim == batched else y.squeeze(0)


class InstanceNorm1d(_InstanceNorm):
    __doc__ = (
        (_InstanceNorm.__doc__ or "")
        + """
    Shapes: (B, C, L) or (C, L).

    Example:
        >>> nn.InstanceNorm1d(3)(zeros(5, 3, 7)).shape
        chainrule.Size([5, 3, 7])
    """
    )

    dims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    __doc__ = (
        (_InstanceNorm.__doc__ or "")
        + """
    Shapes: (B, C, H, W) or (C, H, W).

    Example:
        >>> nn.InstanceNorm2d(3)(zeros(5, 3, 7, 7)).shape
        chainrule.Size([5, 3, 7, 7])
    """
    )

    dims = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    __doc__ = (
        (_InstanceNorm.__doc__ or "")
        + """
    Shapes: (B, C, D, H, W) or (C, D, H, W).

    Example:
        >>> nn.InstanceNorm3d(3)(zeros(5, 3, 2, 7, 7)).shape
        chainrule.Size([5, 3, 2, 7, 7])
    """
    )

    dims = (4, 5)


class LocalResponseNorm(Module):
    """x / (k + alpha · m)^beta,  m the mean of x² over ``size`` channels around each one, with zeros
    beyond the first and last.   Source: Krizhevsky, Sutskever & Hinton 2012, section 3.3.

    Args:
        size: how many channels.
        alpha: factor of the mean of squares.
        beta: the power.
        k: what is added to it.

    Shapes: (B, C, *).

    Example:
        >>> nn.LocalResponseNorm(3)(zeros(2, 5, 7)).shape
        chainrule.Size([2, 5, 7])
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        """The weighed responses."""
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
