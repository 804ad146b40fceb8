"""Blocks that networks for images are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import EllipsisType
from typing import Any

import chainrule

from ....nn import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    BatchNorm3d,
    Conv2d,
    Conv3d,
    Dropout,
    Linear,
    Module,
    ReLU,
    Sequential,
    Sigmoid,
)
from ....tensors import Tensor

__all__ = [
    "MLP",
    "Conv2dNormActivation",
    "Conv3dNormActivation",
    "ConvNormActivation",
    "FrozenBatchNorm2d",
    "Permute",
    "SqueezeExcitation",
]

Makes = Callable[..., Module]


class ConvNormActivation(Sequential):
    """A convolution, a norm, an activation: what `Conv2dNormActivation` and `Conv3dNormActivation` are.

    Args:
        in_channels, out_channels: channels of the input and of the result.
        kernel_size, stride, padding, groups, dilation: of the convolution; padding None: what keeps the size but for the stride.
        norm_layer: makes the norm of `out_channels`, by default the batch norm of as many axes; None: there is none.
        activation_layer: makes the activation; None: there is none.
        inplace: given to the activation; None: not given.
        bias: of the convolution; None: where no norm follows.
        conv_layer: which convolution; None: the class's own.
    """

    _convolution: Makes = Conv2d
    _norm: Makes = BatchNorm2d

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int] = 3,
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] | str | None = None,
        groups: int = 1,
        norm_layer: Makes | EllipsisType | None = ...,
        activation_layer: Makes | None = ReLU,
        dilation: int | Sequence[int] = 1,
        inplace: bool | None = True,
        bias: bool | None = None,
        conv_layer: Makes | None = None,
    ) -> None:
        if norm_layer is ...:
            norm_layer = self._norm
        if padding is None:
            padding = _keeps_size(kernel_size, dilation)
        if bias is None:
            bias = norm_layer is None
        rest = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        convolution = conv_layer or self._convolution
        layers = [convolution(in_channels, out_channels, kernel_size, bias=bias, **rest)]
        if norm_layer is not None:
            layers.append(norm_layer(out_channels))
        if activation_layer is not None:
            layers.append(activation_layer(**_given(inplace)))
        super().__init__(*layers)
        self.out_channels = out_channels


def _keeps_size(
    kernel_size: int | Sequence[int], dilation: int | Sequence[int]
) -> int | tuple[int, ...]:
    """The padding with which a convolution of stride 1 and an odd kernel keeps its input's size."""
    if isinstance(kernel_size, int) and isinstance(dilation, int):
        return (kernel_size - 1) // 2 * dilation
    axes = len(kernel_size if isinstance(dilation, int) else dilation)
    sizes = [kernel_size] * axes if isinstance(kernel_size, int) else kernel_size
    apart = [dilation] * axes if isinstance(dilation, int) else dilation
    return tuple((k - 1) // 2 * d for k, d in zip(sizes, apart, strict=True))


def _given(inplace: bool | None) -> dict[str, Any]:
    return {} if inplace is None else {"inplace": inplace}


class Conv2dNormActivation(ConvNormActivation):
    """A convolution of images, a norm, an activation; arguments as of `ConvNormActivation`.

    Example:
        >>> Conv2dNormActivation(3, 5, stride=2)(cr.zeros(2, 3, 7, 9)).shape
        chainrule.Size([2, 5, 4, 5])
    """


class Conv3dNormActivation(ConvNormActivation):
    """A convolution of videos or volumes, a norm, an activation; arguments as of `ConvNormActivation`."""

    _convolution, _norm = Conv3d, BatchNorm3d


class SqueezeExcitation(Module):
    """Each channel times a factor that the means of all channels give.   Source: Hu et al. 2018.

    Args:
        input_channels: C.
        squeeze_channels: between the two 1×1 convolutions.
        activation: makes what stands between them.
        scale_activation: makes what stands behind them.
    """

    def __init__(
        self,
        input_channels: int,
        squeeze_channels: int,
        activation: Makes = ReLU,
        scale_activation: Makes = Sigmoid,
    ) -> None:
        super().__init__()
        self.avgpool = AdaptiveAvgPool2d(1)
        self.fc1 = Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = Conv2d(squeeze_channels, input_channels, 1)
        self.activation = activation()
        self.scale_activation = scale_activation()

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        x = self.activation(self.fc1(self.avgpool(input)))  # (B, squeeze_channels, 1, 1)
        return self.scale_activation(self.fc2(x)) * input


class MLP(Sequential):
    """Dense layers, with a norm, an activation and a dropout behind each but the last, which has the dropout alone.

    Args:
        in_channels: the size of the input's last axis.
        hidden_channels: the size of each layer's result; the last is that of the whole.
        norm_layer: makes norms; None: none are made.
        activation_layer: makes activations; None: none are made.
        inplace: given to activations and dropouts; None: not given.
        bias: whether the dense layers have a bias.
        dropout: probability of dropout.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: Sequence[int],
        norm_layer: Makes | None = None,
        activation_layer: Makes | None = ReLU,
        inplace: bool | None = None,
        bias: bool = True,
        dropout: float = 0.0,
    ) -> None:
        given = _given(inplace)
        layers: list[Module] = []
        for channels in hidden_channels[:-1]:
            layers.append(Linear(in_channels, channels, bias=bias))
            if norm_layer is not None:
                layers.append(norm_layer(channels))
            if activation_layer is not None:
                layers.append(activation_layer(**given))
            layers.append(Dropout(dropout, **given))
            in_channels = channels
        layers.append(Linear(in_channels, hidden_channels[-1], bias=bias))
        layers.append(Dropout(dropout, **given))
        super().__init__(*layers)


class Permute(Module):
    """The axes in another order."""

    def __init__(self, dims: Sequence[int]) -> None:
        super().__init__()
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        """The same elements."""
        return chainrule.permute(x, self.dims)


class FrozenBatchNorm2d(Module):
    """BatchNorm2d whose statistics, weight and bias are buffers: nothing of it is trained.

    Args:
        num_features: channels.
        eps: added to the variance.
    """

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", chainrule.ones(num_features))
        self.register_buffer("bias", chainrule.zeros(num_features))
        self.register_buffer("running_mean", chainrule.zeros(num_features))
        self.register_buffer("running_var", chainrule.ones(num_features))

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *rest: Any) -> None:
        """A file of a BatchNorm2d fits, too."""
        state_dict.pop(f"{prefix}num_batches_tracked", None)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        return x * scale[:, None, None] + shift[:, None, None]

    def __repr__(self) -> str:
        return f"FrozenBatchNorm2d({self.weight.shape[0]}, eps={self.eps})"
