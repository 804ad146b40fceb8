"""ShuffleNetV2: half of the channels go through a block untouched, then both halves are shuffled.   Source: Ma et al. 2018."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import chainrule

from ....base.errors import ArgumentError
from ....nn import BatchNorm2d, Conv2d, Linear, MaxPool2d, Module, ReLU, Sequential
from ....nn import functional as F
from ....tensors import Tensor
from .checkpoints import File, architecture, weights

__all__ = [
    "ShuffleNetV2",
    "ShuffleNet_V2_X0_5_Weights",
    "ShuffleNet_V2_X1_0_Weights",
    "ShuffleNet_V2_X1_5_Weights",
    "ShuffleNet_V2_X2_0_Weights",
    "shufflenet_v2_x0_5",
    "shufflenet_v2_x1_0",
    "shufflenet_v2_x1_5",
    "shufflenet_v2_x2_0",
]


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    """Channels (B, C, H, W) dealt out again: the first of each group, then the second of each, and so on."""
    return F.channel_shuffle(x, groups)


class InvertedResidual(Module):
    """One block. With stride 2 there is no untouched half: both branches read everything.

    Args:
        inp, oup: channels inside and outside; equal where the stride is 1.
        stride: 1, 2 or 3.
    """

    def __init__(self, inp: int, oup: int, stride: int) -> None:
        super().__init__()
        if not 1 <= stride <= 3:
            raise ArgumentError(f"InvertedResidual: stride is 1, 2 or 3, found {stride}")
        half = oup // 2
        if stride == 1 and inp != 2 * half:
            raise ArgumentError(
                f"InvertedResidual: with stride 1 as many channels outside as inside, found {inp} and {oup}"
            )
        self.stride = stride
        if stride > 1:
            self.branch1 = Sequential(
                self.depthwise_conv(inp, inp, 3, stride, padding=1),
                BatchNorm2d(inp),
                Conv2d(inp, half, 1, bias=False),
                BatchNorm2d(half),
                ReLU(inplace=True),
            )
        else:
            self.branch1 = Sequential()
        self.branch2 = Sequential(
            Conv2d(inp if stride > 1 else half, half, 1, bias=False),
            BatchNorm2d(half),
            ReLU(inplace=True),
            self.depthwise_conv(half, half, 3, stride, padding=1),
            BatchNorm2d(half),
            Conv2d(half, half, 1, bias=False),
            BatchNorm2d(half),
            ReLU(inplace=True),
        )

    @staticmethod
    def depthwise_conv(
        i: int, o: int, kernel_size: int, stride: int = 1, padding: int = 0, bias: bool = False
    ) -> Conv2d:
        """A convolution of each channel by itself."""
        return Conv2d(i, o, kernel_size, stride, padding, bias=bias, groups=i)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inp, H, W) to (B, oup, H / stride, W / stride)."""
        if self.stride == 1:
            kept, changed = chainrule.chunk(x, 2, 1)
        else:
            kept, changed = self.branch1(x), x
        return channel_shuffle(chainrule.cat([kept, self.branch2(changed)], 1), 2)


class ShuffleNetV2(Module):
    """Images (B, 3, H, W) to logits (B, num_classes).

    Args:
        stages_repeats: the blocks of each of three stages.
        stages_out_channels: channels of the first convolution, the stages, and the last convolution.
        num_classes: how many logits.
        inverted_residual: another class with the arguments of `InvertedResidual`.
    """

    def __init__(
        self,
        stages_repeats: Sequence[int],
        stages_out_channels: Sequence[int],
        num_classes: int = 1000,
        inverted_residual: Callable[..., Module] = InvertedResidual,
    ) -> None:
        super().__init__()
        if len(stages_repeats) != 3 or len(stages_out_channels) != 5:
            raise ArgumentError(
                "stages_repeats has three numbers and stages_out_channels five, found "
                f"{stages_repeats} and {stages_out_channels}"
            )
        inside = stages_out_channels[0]
        self.conv1 = Sequential(
            Conv2d(3, inside, 3, 2, 1, bias=False), BatchNorm2d(inside), ReLU(inplace=True)
        )
        self.maxpool = MaxPool2d(3, stride=2, padding=1)
        stages = []
        for blocks, outside in zip(stages_repeats, stages_out_channels[1:], strict=False):
            made = [inverted_residual(inside, outside, 2)]
            made += [inverted_residual(outside, outside, 1) for _ in range(blocks - 1)]
            stages.append(Sequential(*made))
            inside = outside
        self.stage2, self.stage3, self.stage4 = stages
        last = stages_out_channels[-1]
        self.conv5 = Sequential(
            Conv2d(inside, last, 1, bias=False), BatchNorm2d(last), ReLU(inplace=True)
        )
        self.fc = Linear(last, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, num_classes)."""
        x = self.stage4(self.stage3(self.stage2(self.maxpool(self.conv1(x)))))
        return self.fc(self.conv5(x).mean([2, 3]))


def _makes(name: str, channels: tuple[int, ...], file: File) -> tuple[Any, Callable]:
    """The weights, and the function that makes the network."""
    found = weights(f"ShuffleNet_V2_{name.upper()}", file)

    def make(**options: Any) -> ShuffleNetV2:
        return ShuffleNetV2([4, 8, 4], channels, **options)

    told = f"A `ShuffleNetV2` of {'-'.join(map(str, channels))} channels, with these options."
    return found, architecture(found, name=f"shufflenet_v2_{name}", about=told)(make)


ShuffleNet_V2_X0_5_Weights, shufflenet_v2_x0_5 = _makes(
    "x0_5", (24, 48, 96, 192, 1024), File("shufflenetv2_x0.5-f707e7126e.pth")
)
ShuffleNet_V2_X1_0_Weights, shufflenet_v2_x1_0 = _makes(
    "x1_0", (24, 116, 232, 464, 1024), File("shufflenetv2_x1-5666bf0f80.pth")
)
ShuffleNet_V2_X1_5_Weights, shufflenet_v2_x1_5 = _makes(
    "x1_5", (24, 176, 352, 704, 1024), File("shufflenetv2_x1_5-3c479a10.pth", 232)
)
ShuffleNet_V2_X2_0_Weights, shufflenet_v2_x2_0 = _makes(
    "x2_0", (24, 244, 488, 976, 2048), File("shufflenetv2_x2_0-8be3c8ee.pth", 232)
)
