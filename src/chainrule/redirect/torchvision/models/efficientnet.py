"""EfficientNet: a small network, and the same deeper, wider and for larger pictures all at once.

Source: Tan & Le 2019, table 1 (its blocks are those of MobileNetV2, with a squeeze and excitation in the middle); Tan & Le 2021
(version 2, whose first stages have one 3×3 convolution in place of two).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ....base.errors import ArgumentError
from ....nn import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    GroupNorm,
    Linear,
    Module,
    Sequential,
    SiLU,
    init,
)
from ....tensors import Tensor, flatten
from ..ops import Conv2dNormActivation, SqueezeExcitation, StochasticDepth
from .checkpoints import File, architecture, weights
from .mobilenetv2 import divisible

__all__ = [
    "EfficientNet",
    "EfficientNet_B0_Weights",
    "EfficientNet_B1_Weights",
    "EfficientNet_B2_Weights",
    "EfficientNet_B3_Weights",
    "EfficientNet_B4_Weights",
    "EfficientNet_B5_Weights",
    "EfficientNet_B6_Weights",
    "EfficientNet_B7_Weights",
    "EfficientNet_V2_L_Weights",
    "EfficientNet_V2_M_Weights",
    "EfficientNet_V2_S_Weights",
    "efficientnet_b0",
    "efficientnet_b1",
    "efficientnet_b2",
    "efficientnet_b3",
    "efficientnet_b4",
    "efficientnet_b5",
    "efficientnet_b6",
    "efficientnet_b7",
    "efficientnet_v2_l",
    "efficientnet_v2_m",
    "efficientnet_v2_s",
]

Makes = Callable[..., Module]


@dataclass
class _Stage:
    """The blocks of one stage: how much they widen, their kernel, the first one's stride, channels inside and outside, their number."""

    expand_ratio: float
    kernel: int
    stride: int
    input_channels: int
    out_channels: int
    num_layers: int
    block: Any

    @staticmethod
    def adjust_channels(channels: int, width_mult: float, min_value: int | None = None) -> int:
        """The channels times a factor, as a multiple of 8."""
        return max(divisible(channels * width_mult, 8), min_value or 0)


class MBConvConfig(_Stage):
    """A stage of `MBConv`, as of the smallest network, made wider and deeper by two factors."""

    def __init__(
        self,
        expand_ratio: float,
        kernel: int,
        stride: int,
        input_channels: int,
        out_channels: int,
        num_layers: int,
        width_mult: float = 1.0,
        depth_mult: float = 1.0,
        block: Makes | None = None,
    ) -> None:
        inside = self.adjust_channels(input_channels, width_mult)
        outside = self.adjust_channels(out_channels, width_mult)
        layers = self.adjust_depth(num_layers, depth_mult)
        super().__init__(expand_ratio, kernel, stride, inside, outside, layers, block or MBConv)

    @staticmethod
    def adjust_depth(num_layers: int, depth_mult: float) -> int:
        """The number of blocks times a factor, rounded up."""
        return math.ceil(num_layers * depth_mult)


class FusedMBConvConfig(_Stage):
    """A stage of `FusedMBConv`."""

    def __init__(
        self,
        expand_ratio: float,
        kernel: int,
        stride: int,
        input_channels: int,
        out_channels: int,
        num_layers: int,
        block: Makes | None = None,
    ) -> None:
        sizes = (expand_ratio, kernel, stride, input_channels, out_channels, num_layers)
        super().__init__(*sizes, block or FusedMBConv)


class _Block(Module):
    """What both kinds of block share: the result is added to what was given where sizes stay the same.

    Args:
        cnf: the stage.
        stochastic_depth_prob: how likely the block is left out for a sample in training.
        norm_layer: makes the norms.
    """

    def __init__(self, cnf: _Stage, stochastic_depth_prob: float, norm_layer: Makes) -> None:
        super().__init__()
        if cnf.stride not in (1, 2):
            raise ArgumentError(f"{type(self).__name__}: stride is 1 or 2, found {cnf.stride}")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.block = Sequential(*self._layers(cnf, norm_layer))
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.out_channels = cnf.out_channels

    def _layers(self, cnf: _Stage, norm: Makes) -> list[Module]:
        raise NotImplementedError(f"{type(self).__name__} has no _layers")

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H / stride, W / stride)."""
        x = self.block(input)
        return input + self.stochastic_depth(x) if self.use_res_connect else x


class MBConv(_Block):
    """Widen, convolve each channel by itself, squeeze and excite, narrow. Arguments as of `_Block`, and which `se_layer`."""

    def __init__(
        self,
        cnf: _Stage,
        stochastic_depth_prob: float,
        norm_layer: Makes,
        se_layer: Makes = SqueezeExcitation,
    ) -> None:
        object.__setattr__(self, "_se_layer", se_layer)
        super().__init__(cnf, stochastic_depth_prob, norm_layer)

    def _layers(self, cnf: _Stage, norm: Makes) -> list[Module]:
        inside, outside = cnf.input_channels, cnf.out_channels
        middle = cnf.adjust_channels(inside, cnf.expand_ratio)
        activated = {"norm_layer": norm, "activation_layer": SiLU}
        layers: list[Module] = []
        if middle != inside:
            layers.append(Conv2dNormActivation(inside, middle, 1, **activated))
        window = {"kernel_size": cnf.kernel, "stride": cnf.stride, "groups": middle}
        layers.append(Conv2dNormActivation(middle, middle, **window, **activated))
        squeezed = max(1, inside // 4)
        layers.append(self._se_layer(middle, squeezed, activation=partial(SiLU, inplace=True)))
        narrow = Conv2dNormActivation(middle, outside, 1, norm_layer=norm, activation_layer=None)
        return [*layers, narrow]


class FusedMBConv(_Block):
    """Widen by a convolution of all channels, narrow; only the convolution where nothing is widened. Arguments as of `_Block`."""

    def _layers(self, cnf: _Stage, norm: Makes) -> list[Module]:
        inside, outside = cnf.input_channels, cnf.out_channels
        middle = cnf.adjust_channels(inside, cnf.expand_ratio)
        first = {"kernel_size": cnf.kernel, "stride": cnf.stride}
        first |= {"norm_layer": norm, "activation_layer": SiLU}
        if middle == inside:
            return [Conv2dNormActivation(inside, outside, **first)]
        return [
            Conv2dNormActivation(inside, middle, **first),
            Conv2dNormActivation(middle, outside, 1, norm_layer=norm, activation_layer=None),
        ]


class EfficientNet(Module):
    """Images (B, 3, H, W) to logits (B, num_classes).

    Args:
        inverted_residual_setting: a config for each stage.
        dropout: probability of dropout before the dense layer.
        stochastic_depth_prob: how likely the last block is left out in training; the first never is, those between as
            likely as they are far from it.
        num_classes: how many logits.
        norm_layer: makes the norms; None: BatchNorm2d.
        last_channel: channels before the dense layer; None: four times those of the last stage.
    """

    def __init__(
        self,
        inverted_residual_setting: Sequence[_Stage],
        dropout: float,
        stochastic_depth_prob: float = 0.2,
        num_classes: int = 1000,
        norm_layer: Makes | None = None,
        last_channel: int | None = None,
    ) -> None:
        super().__init__()
        if not inverted_residual_setting:
            raise ArgumentError("inverted_residual_setting has a config for each stage, found none")
        if not all([isinstance(stage, _Stage) for stage in inverted_residual_setting]):
            raise ArgumentError(
                f"inverted_residual_setting is a list of MBConvConfig, found {inverted_residual_setting}"
            )
        norm = norm_layer or BatchNorm2d
        rest = {"norm_layer": norm, "activation_layer": SiLU}
        first = inverted_residual_setting[0].input_channels
        layers: list[Module] = [Conv2dNormActivation(3, first, 3, stride=2, **rest)]
        total = sum(stage.num_layers for stage in inverted_residual_setting)
        done = 0
        for stage in inverted_residual_setting:
            blocks = []
            for k in range(stage.num_layers):
                one = _as_block(stage, first=k == 0)
                blocks.append(one.block(one, stochastic_depth_prob * done / total, norm))
                done += 1
            layers.append(Sequential(*blocks))
        inside = inverted_residual_setting[-1].out_channels
        outside = 4 * inside if last_channel is None else last_channel
        layers.append(Conv2dNormActivation(inside, outside, 1, **rest))
        self.features = Sequential(*layers)
        self.avgpool = AdaptiveAvgPool2d(1)
        self.classifier = Sequential(Dropout(dropout, inplace=True), Linear(outside, num_classes))
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight, mode="fan_out")
                if module.bias is not None:
                    init.zeros_(module.bias)
            elif isinstance(module, BatchNorm2d | GroupNorm):
                init.ones_(module.weight)
                init.zeros_(module.bias)
            elif isinstance(module, Linear):
                bound = 1 / math.sqrt(module.out_features)
                init.uniform_(module.weight, -bound, bound)
                init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, num_classes)."""
        return self.classifier(flatten(self.avgpool(self.features(x)), 1))


def _as_block(stage: _Stage, first: bool) -> _Stage:
    """The stage as its first block, or a later one, needs it: later ones have stride 1 and the stage's channels inside, too."""
    changed = {} if first else {"input_channels": stage.out_channels, "stride": 1}
    return _Stage(**{**vars(stage), **changed})


# expand ratio, kernel, stride, channels inside and outside, blocks
FIRST = (
    (1, 3, 1, 32, 16, 1),
    (6, 3, 2, 16, 24, 2),
    (6, 5, 2, 24, 40, 2),
    (6, 3, 2, 40, 80, 3),
    (6, 5, 1, 80, 112, 3),
    (6, 5, 2, 112, 192, 4),
    (6, 3, 1, 192, 320, 1),
)
SECOND = {
    "s": (
        ((1, 3, 1, 24, 24, 2), (4, 3, 2, 24, 48, 4), (4, 3, 2, 48, 64, 4)),
        ((4, 3, 2, 64, 128, 6), (6, 3, 1, 128, 160, 9), (6, 3, 2, 160, 256, 15)),
    ),
    "m": (
        ((1, 3, 1, 24, 24, 3), (4, 3, 2, 24, 48, 5), (4, 3, 2, 48, 80, 5)),
        (
            (4, 3, 2, 80, 160, 7),
            (6, 3, 1, 160, 176, 14),
            (6, 3, 2, 176, 304, 18),
            (6, 3, 1, 304, 512, 5),
        ),
    ),
    "l": (
        ((1, 3, 1, 32, 32, 4), (4, 3, 2, 32, 64, 7), (4, 3, 2, 64, 96, 7)),
        (
            (4, 3, 2, 96, 192, 10),
            (6, 3, 1, 192, 224, 19),
            (6, 3, 2, 224, 384, 25),
            (6, 3, 1, 384, 640, 7),
        ),
    ),
}
"""Version 2: the stages of `FusedMBConv`, and those of `MBConv`."""


def _makes(name: str, files: Any, stages: list[_Stage], **settings: Any) -> Callable:
    """The function that makes the network."""

    def make(**options: Any) -> EfficientNet:
        return EfficientNet(stages, **{**settings, **options})

    told = f"An `EfficientNet` of {len(stages)} stages, with these options."
    return architecture(files, name=name, about=told)(make)


def _first(
    name: str, wider: float, deeper: float, dropout: float, *files: File, fine: bool = False
) -> tuple[Any, Callable]:
    """The weights and the function of a network of version 1; `fine`: its norms as in the original program."""
    found = weights(f"EfficientNet_{name.upper()}", *files)
    stages: list[_Stage] = [MBConvConfig(*s, width_mult=wider, depth_mult=deeper) for s in FIRST]
    norm = {"norm_layer": partial(BatchNorm2d, eps=0.001, momentum=0.01)} if fine else {}
    return found, _makes(f"efficientnet_{name}", found, stages, dropout=dropout, **norm)


def _second(size: str, dropout: float, file: File) -> tuple[Any, Callable]:
    """The weights and the function of a network of version 2."""
    found = weights(f"EfficientNet_V2_{size.upper()}", file)
    fused, others = SECOND[size]
    stages: list[_Stage] = [FusedMBConvConfig(*stage) for stage in fused]
    stages += [MBConvConfig(*stage) for stage in others]
    rest = {"dropout": dropout, "last_channel": 1280, "norm_layer": partial(BatchNorm2d, eps=1e-3)}
    return found, _makes(f"efficientnet_v2_{size}", found, stages, **rest)


def _file(name: str, size: int, crop: int) -> File:
    return File(f"efficientnet_{name}.pth", size, crop, "bicubic")


EfficientNet_B0_Weights, efficientnet_b0 = _first(
    "b0", 1.0, 1.0, 0.2, _file("b0_rwightman-7f5810bc", 256, 224)
)
EfficientNet_B1_Weights, efficientnet_b1 = _first(
    "b1",
    1.0,
    1.1,
    0.2,
    _file("b1_rwightman-bac287d4", 256, 240),
    File("efficientnet_b1-c27df63c.pth", 255, 240),
)
EfficientNet_B2_Weights, efficientnet_b2 = _first(
    "b2", 1.1, 1.2, 0.3, _file("b2_rwightman-c35c1473", 288, 288)
)
EfficientNet_B3_Weights, efficientnet_b3 = _first(
    "b3", 1.2, 1.4, 0.3, _file("b3_rwightman-b3899882", 320, 300)
)
EfficientNet_B4_Weights, efficientnet_b4 = _first(
    "b4", 1.4, 1.8, 0.4, _file("b4_rwightman-23ab8bcd", 384, 380)
)
EfficientNet_B5_Weights, efficientnet_b5 = _first(
    "b5", 1.6, 2.2, 0.4, _file("b5_lukemelas-1a07897c", 456, 456), fine=True
)
EfficientNet_B6_Weights, efficientnet_b6 = _first(
    "b6", 1.8, 2.6, 0.5, _file("b6_lukemelas-24a108a5", 528, 528), fine=True
)
EfficientNet_B7_Weights, efficientnet_b7 = _first(
    "b7", 2.0, 3.1, 0.5, _file("b7_lukemelas-c5b4e57e", 600, 600), fine=True
)
HALF = (0.5, 0.5, 0.5)
EfficientNet_V2_S_Weights, efficientnet_v2_s = _second(
    "s", 0.2, File("efficientnet_v2_s-dd5fe13b.pth", 384, 384)
)
EfficientNet_V2_M_Weights, efficientnet_v2_m = _second(
    "m", 0.3, File("efficientnet_v2_m-dc08266a.pth", 480, 480)
)
EfficientNet_V2_L_Weights, efficientnet_v2_l = _second(
    "l", 0.4, File("efficientnet_v2_l-59c71312.pth", 480, 480, "bicubic", HALF, HALF)
)
