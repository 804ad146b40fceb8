"""Normalisation layers: y = (x − mean) / √(var + eps) · weight + bias, over different axes.

BatchNorm     each channel, over batch and space; keeps running statistics for evaluation
InstanceNorm  each channel of each sample, over space (`instance_norm`)
LayerNorm     each sample, over the last axes
GroupNorm     each sample, over groups of channels and space
RMSNorm       as LayerNorm, without subtracting the mean
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..base.errors import ArgumentError, DeviceError, ShapeError
from ..tensors import Tensor, empty, int64, ones, zeros
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter

__all__ = [
    "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "GroupNorm", "LayerNorm", "RMSNorm",
    "SyncBatchNorm",
]  # fmt: skip


def _register_affine(module: Module, shape: Any, weight: bool, bias: bool, **place: Any) -> None:
    """A weight and a bias of this shape, or None in their places."""
    for name, wanted in (("weight", weight), ("bias", bias)):
        module.register_parameter(name, Parameter(empty(shape, **place)) if wanted else None)


def _reset_affine(module: Any) -> None:
    """Weight 1, bias 0."""
    if module.weight is not None:
        init.ones_(module.weight)
    if module.bias is not None:
        init.zeros_(module.bias)


class _ChannelNorm(Module):
    """What norms of channels share: weight and bias per channel, and running statistics."""

    dims: tuple[int, ...]  # how many axes the input may have

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        place = {"device": device, "dtype": dtype}
        _register_affine(self, num_features, affine, affine and bias, **place)
        tracked = track_running_stats
        self.register_buffer("running_mean", zeros(num_features, **place) if tracked else None)
        self.register_buffer("running_var", ones(num_features, **place) if tracked else None)
        self.register_buffer("num_batches_tracked", zeros((), dtype=int64) if tracked else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget all batches seen."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Begin anew: statistics, weight 1, bias 0."""
        self.reset_running_stats()
        _reset_affine(self)

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_ChannelNorm):
    """Normalise each channel over the batch and all spatial axes.   Source: Ioffe & Szegedy 2015,
    algorithms 1 and 2.

    In training mode the statistics are the batch's, and the buffers move towards them by
    ``momentum``: running ← (1 − momentum) · running + momentum · batch, the variance being the
    unbiased one. In evaluation mode the statistics are the buffers.

    Args:
        num_features: number of channels C.
        eps: added to the variance.
        momentum: how far the buffers move; None keeps the plain mean over all batches seen.
        affine: whether there are a ``weight`` (begins at 1) and a ``bias`` (begins at 0), one
            number per channel.
        track_running_stats: whether to keep the buffers; without them evaluation uses the batch's
            statistics too.
        device: where the parameters live; only the CPU.
        dtype: of parameters and buffers; the default dtype if None.
        bias: whether an affine layer has a bias.
    """

    def forward(self, input: Tensor) -> Tensor:
        """The normalised input."""
        if input.ndim not in self.dims:
            expected = " or ".join(f"{n}D" for n in self.dims)
            raise ShapeError(
                f"{type(self).__name__}: expected {expected} input (got {input.ndim}D input "
                f"of shape {tuple(input.shape)})"
            )
        momentum: Any = self.momentum
        update = self.training and self.track_running_stats
        if update:
            self.num_batches_tracked.add_(1)
            if momentum is None:  # a tensor, so that a traced program counts on
                momentum = 1.0 / self.num_batches_tracked.to(self.running_mean.dtype)
        use_batch = self.training or self.running_mean is None
        keep = update or not use_batch
        return F.batch_norm(
            input,
            self.running_mean if keep else None,
            self.running_var if keep else None,
            self.weight,
            self.bias,
            use_batch,
            0.0 if momentum is None else momentum,
            self.eps,
        )


class BatchNorm1d(_BatchNorm):
    __doc__ = (
        (_BatchNorm.__doc__ or "")
        + """
    Shapes: (B, C) or (B, C, L).

    Example:
        >>> nn.BatchNorm1d(3)(zeros(5, 3)).shape
        chainrule.Size([5, 3])
    """
    )

    dims = (2, 3)


class BatchNorm2d(_BatchNorm):
    __doc__ = (
        (_BatchNorm.__doc__ or "")
        + """
    Shapes: (B, C, H, W).

    Example:
        >>> nn.BatchNorm2d(3)(zeros(5, 3, 7, 7)).shape
        chainrule.Size([5, 3, 7, 7])
    """
    )

    dims = (4,)


class BatchNorm3d(_BatchNorm):
    __doc__ = (
        (_BatchNorm.__doc__ or "")
        + """
    Shapes: (B, C, D, H, W).

    Example:
        >>> nn.BatchNorm3d(3)(zeros(5, 3, 2, 7, 7)).shape
        chainrule.Size([5, 3, 2, 7, 7])
    """
    )

    dims = (5,)


class SyncBatchNorm(_BatchNorm):
    """Batch norm whose statistics are taken over several processes: not built, and refused. On one
    process, where alone chainrule trains, it would be ``BatchNorm1d``, ``2d`` or ``3d``.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(
            "SyncBatchNorm is not built: there is one process; use BatchNorm1d, BatchNorm2d or "
            "BatchNorm3d, whose state dicts have the same names"
        )

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """The module itself: in one process batch norm sees the whole batch.

        Raises:
            DeviceError: a group of processes is given.
        """
        if process_group is not None:
            raise DeviceError("convert_sync_batchnorm: there is one process, and no group of them")
        return module


def _shape(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)


class LayerNorm(Module):
    """Normalise over the last axes, then scale and shift each element.   Source: Ba, Kiros & Hinton
    2016, eq. 3 and 4.

    y = (x − mean) / √(var + eps) · weight + bias,  mean and (biased) variance over the last
    len(normalized_shape) axes

    Args:
        normalized_shape: sizes of the axes normalised over, the last ones of the input; a number
            means the last axis.
        eps: added to the variance.
        elementwise_affine: whether there are a ``weight`` (begins at 1) and a ``bias`` (begins at
            0) of that shape.
        bias: whether an affine layer has a bias.
        device: where the parameters live; only the CPU.
        dtype: the dtype of the parameters; the default dtype if None.

    Example:
        >>> nn.LayerNorm(3)(zeros(5, 7, 3)).shape
        chainrule.Size([5, 7, 3])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        affine, place = elementwise_affine, {"device": device, "dtype": dtype}
        _register_affine(self, self.normalized_shape, affine, affine and bias, **place)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        _reset_affine(self)

    def forward(self, input: Tensor) -> Tensor:
        """The normalised input."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class GroupNorm(Module):
    """Divide the channels into groups and normalise each group of each sample.   Source: Wu & He
    2018, eq. 1 and 7.

    Args:
        num_groups: number of groups; it divides num_channels.
        num_channels: number of channels C.
        eps: added to the variance.
        affine: whether there are a ``weight`` (begins at 1) and a ``bias`` (begins at 0), one
            number per channel.
        device: where the parameters live; only the CPU.
        dtype: the dtype of the parameters; the default dtype if None.
        bias: whether an affine layer has a bias.

    Shapes: (B, C, *).

    Example:
        >>> nn.GroupNorm(2, 6)(zeros(5, 6, 7)).shape
        chainrule.Size([5, 6, 7])
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups != 0:
            raise ArgumentError(
                f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        _register_affine(self, num_channels, affine, affine and bias, device=device, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        _reset_affine(self)

    def forward(self, input: Tensor) -> Tensor:
        """The normalised input."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """Divide by the root of the mean square over the last axes, then scale.   Source: Zhang &
    Sennrich 2019, eq. 4.

    y = x / √(mean(x²) + eps) · weight

    Args:
        normalized_shape: sizes of the axes normalised over, the last ones of the input; a number
            means the last axis.
        eps: added to the mean square; the smallest step of the input's dtype from 1 if None.
        elementwise_affine: whether there is a ``weight`` of that shape (begins at 1).
        device: where the parameters live; only the CPU.
        dtype: the dtype of the parameters; the default dtype if None.

    Example:
        >>> nn.RMSNorm(3)(ones(5, 3)).shape
        chainrule.Size([5, 3])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        if elementwise_affine:
            self.weight = Parameter(empty(self.normalized_shape, device=device, dtype=dtype))
        else:
            self.register_parameter("weight", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        """The normalised input."""
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )
