"""MobileNetV2: blocks that widen, convolve each channel by itself, and narrow again.   Source: Sandler et al. 2018."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ....base.errors import ArgumentError
from ....nn import (
    BatchNorm2d,
    Conv2d,
    Dropout,
    GroupNorm,
    Linear,
    Module,
    ReLU6,
    Sequential,
    init,
)
from ....nn import functional as F
from ....tensors import Tensor, flatten
from .checkpoints import File, architecture, weights

__all__ = ["MobileNetV2", "MobileNet_V2_Weights", "mobilenet_v2"]

SETTING = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""For each stage: how much its blocks widen, its channels, its blocks, its stride (table 2)."""


def _convolution(
    inside: int,
    outside: int,
    size: int,
    norm: Callable[..., Module],
    stride: int = 1,
    groups: int = 1,
) -> Sequential:
    """A convolution that keeps height and width, divided by the stride; a norm; ReLU6."""
    made = Conv2d(inside, outside, size, stride, (size - 1) // 2, groups=groups, bias=False)
    return Sequential(made, norm(outside), ReLU6(inplace=True))


class InvertedResidual(Module):
    """One block, whose result is added to what it was given where sizes stay the same.

    Args:
        inp, oup: channels inside and outside.
        stride: the stride of the convolution of each channel by itself; 1 or 2.
        expand_ratio: how much wider than inside the middle is.
        norm_layer: makes the norms; None: BatchNorm2d.
    """

    def __init__(
        self,
        inp: int,
        oup: int,
        stride: int,
        expand_ratio: int,
        norm_layer: Callable[..., Module] | None = None,
    ) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ArgumentError(f"InvertedResidual: stride is 1 or 2, found {stride}")
        norm = norm_layer or BatchNorm2d
        middle = round(inp * expand_ratio)
        self.stride, self.out_channels = stride, oup
        self.use_res_connect = stride == 1 and inp == oup
        layers: list[Module] = [] if expand_ratio == 1 else [_convolution(inp, middle, 1, norm)]
        layers.append(_convolution(middle, middle, 3, norm, stride, groups=middle))
        layers += [Conv2d(middle, oup, 1, bias=False), norm(oup)]
        self.conv = Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inp, H, W) to (B, oup, H / stride, W / stride)."""
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNetV2(Module):
    """Images (B, 3, H, W) to logits (B, num_classes).

    Args:
        num_classes: how many logits.
        width_mult: how much wider than in the paper every layer is.
        inverted_residual_setting: other stages than `SETTING`.
        round_nearest: numbers of channels are multiples of this.
        block: another class with the arguments of `InvertedResidual`.
        norm_layer: makes the norms; None: BatchNorm2d.
        dropout: probability of dropout before the dense layer.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1.0,
        inverted_residual_setting: Sequence[Sequence[int]] | None = None,
        round_nearest: int = 8,
        block: Callable[..., Module] | None = None,
        norm_layer: Callable[..., Module] | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        setting = SETTING if inverted_residual_setting is None else inverted_residual_setting
        if not len(setting) or len(setting[0]) != 4:
            raise ArgumentError(
                f"inverted_residual_setting has four numbers for each stage, found {setting}"
            )
        make, norm = block or InvertedResidual, norm_layer or BatchNorm2d
        inside = divisible(32 * width_mult, round_nearest)
        self.last_channel = divisible(1280 * max(1.0, width_mult), round_nearest)
        layers: list[Module] = [_convolution(3, inside, 3, norm, stride=2)]
        for wider, channels, blocks, stride in setting:
            outside = divisible(channels * width_mult, round_nearest)
            for k in range(blocks):
                step = stride if k == 0 else 1
                layers.append(make(inside, outside, step, expand_ratio=wider, norm_layer=norm))
                inside = outside
        layers.append(_convolution(inside, self.last_channel, 1, norm))
        self.features = Sequential(*layers)
        self.classifier = Sequential(Dropout(dropout), Linear(self.last_channel, num_classes))
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight, mode="fan_out")
            elif isinstance(module, BatchNorm2d | GroupNorm):
                init.ones_(module.weight)
            elif isinstance(module, Linear):
                init.normal_(module.weight, 0, 0.01)
            if (
                isinstance(module, Conv2d | BatchNorm2d | GroupNorm | Linear)
                and module.bias is not None
            ):
                init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, num_classes)."""
        x = F.adaptive_avg_pool2d(self.features(x), 1)  # (B, last_channel, 1, 1)
        return self.classifier(flatten(x, 1))


def divisible(channels: float, divisor: int, min_value: int | None = None) -> int:
    """The nearest multiple of the divisor, but not less than `min_value` (the divisor), nor nine tenths of the channels."""
    found = max(min_value or divisor, int(channels + divisor / 2) // divisor * divisor)
    return found + divisor if found < 0.9 * channels else found


MobileNet_V2_Weights = weights(
    "MobileNet_V2", File("mobilenet_v2-b0353104.pth"), File("mobilenet_v2-7ebf99e0.pth", 232)
)


@architecture(MobileNet_V2_Weights)
def mobilenet_v2(**options: Any) -> MobileNetV2:
    """A `MobileNetV2` with these options."""
    return MobileNetV2(**options)
