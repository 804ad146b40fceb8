"""MobileNetV3: blocks of MobileNetV2, some with a squeeze and excitation, and an activation of straight pieces.

Source: Howard et al. 2019, tables 1 and 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ....base.errors import ArgumentError
from ....nn import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    GroupNorm,
    Hardsigmoid,
    Hardswish,
    Linear,
    Module,
    ReLU,
    Sequential,
    init,
)
from ....tensors import Tensor, flatten
from ..ops import Conv2dNormActivation, SqueezeExcitation
from .checkpoints import File, architecture, weights
from .mobilenetv2 import divisible

__all__ = [
    "MobileNetV3",
    "MobileNet_V3_Large_Weights",
    "MobileNet_V3_Small_Weights",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
]

Makes = Callable[..., Module]
HARD = partial(SqueezeExcitation, scale_activation=Hardsigmoid)
"""A squeeze and excitation whose factors are of straight pieces, too."""


class InvertedResidualConfig:
    """One block.

    Args:
        input_channels, expanded_channels, out_channels: inside, in the middle, outside; times `width_mult`, as multiples of 8.
        kernel, stride, dilation: of the convolution in the middle.
        use_se: whether there is a squeeze and excitation.
        activation: "RE" for ReLU, "HS" for hardswish.
        width_mult: by which all three are multiplied.
    """

    def __init__(
        self,
        input_channels: int,
        kernel: int,
        expanded_channels: int,
        out_channels: int,
        use_se: bool,
        activation: str,
        stride: int,
        dilation: int,
        width_mult: float,
    ) -> None:
        self.input_channels = self.adjust_channels(input_channels, width_mult)
        self.expanded_channels = self.adjust_channels(expanded_channels, width_mult)
        self.out_channels = self.adjust_channels(out_channels, width_mult)
        self.kernel, self.stride, self.dilation = kernel, stride, dilation
        self.use_se, self.use_hs = use_se, activation == "HS"

    @staticmethod
    def adjust_channels(channels: int, width_mult: float) -> int:
        """The channels times a factor, as a multiple of 8."""
        return divisible(channels * width_mult, 8)


class InvertedResidual(Module):
    """One block, whose result is added to what it was given where sizes stay the same.

    Args:
        cnf: its sizes.
        norm_layer: makes the norms.
        se_layer: makes the squeeze and excitation.
    """

    def __init__(
        self,
        cnf: InvertedResidualConfig,
        norm_layer: Makes,
        se_layer: Makes = HARD,
    ) -> None:
        super().__init__()
        if cnf.stride not in (1, 2):
            raise ArgumentError(f"InvertedResidual: stride is 1 or 2, found {cnf.stride}")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        middle = cnf.expanded_channels
        rest = {"norm_layer": norm_layer, "activation_layer": Hardswish if cnf.use_hs else ReLU}
        layers: list[Module] = []
        if middle != cnf.input_channels:
            layers.append(Conv2dNormActivation(cnf.input_channels, middle, 1, **rest))
        # looking further takes the place of halving height and width
        stride = 1 if cnf.dilation > 1 else cnf.stride
        window = {"kernel_size": cnf.kernel, "stride": stride, "dilation": cnf.dilation}
        layers.append(Conv2dNormActivation(middle, middle, groups=middle, **window, **rest))
        if cnf.use_se:
            layers.append(se_layer(middle, divisible(middle // 4, 8)))
        rest["activation_layer"] = None
        layers.append(Conv2dNormActivation(middle, cnf.out_channels, 1, **rest))
        self.block = Sequential(*layers)
        self.out_channels, self._is_cn = cnf.out_channels, cnf.stride > 1

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H / stride, W / stride)."""
        x = self.block(input)
        return x + input if self.use_res_connect else x


class MobileNetV3(Module):
    """Images (B, 3, H, W) to logits (B, num_classes).

    Args:
        inverted_residual_setting: a config for each block.
        last_channel: width of the dense layer before the last.
        num_classes: how many logits.
        block: another class with the arguments of `InvertedResidual`.
        norm_layer: makes the norms; None: BatchNorm2d with an eps of 0.001 and a momentum of 0.01.
        dropout: probability of dropout before the last dense layer.
    """

    def __init__(
        self,
        inverted_residual_setting: Sequence[InvertedResidualConfig],
        last_channel: int,
        num_classes: int = 1000,
        block: Makes | None = None,
        norm_layer: Makes | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if not inverted_residual_setting:
            raise ArgumentError("inverted_residual_setting has a config for each block, found none")
        make = block or InvertedResidual
        norm = norm_layer or partial(BatchNorm2d, eps=0.001, momentum=0.01)
        rest = {"norm_layer": norm, "activation_layer": Hardswish}
        first = inverted_residual_setting[0].input_channels
        layers: list[Module] = [Conv2dNormActivation(3, first, 3, stride=2, **rest)]
        layers += [make(cnf, norm) for cnf in inverted_residual_setting]
        inside = inverted_residual_setting[-1].out_channels
        layers.append(Conv2dNormActivation(inside, 6 * inside, 1, **rest))
        self.features = Sequential(*layers)
        self.avgpool = AdaptiveAvgPool2d(1)
        self.classifier = Sequential(
            Linear(6 * inside, last_channel),
            Hardswish(inplace=True),
            Dropout(dropout, inplace=True),
            Linear(last_channel, num_classes),
        )
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight, mode="fan_out")
                if module.bias is not None:
                    init.zeros_(module.bias)
            elif isinstance(module, BatchNorm2d | GroupNorm):
                init.ones_(module.weight)
                init.zeros_(module.bias)
            elif isinstance(module, Linear):
                init.normal_(module.weight, 0, 0.01)
                init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, num_classes)."""
        return self.classifier(flatten(self.avgpool(self.features(x)), 1))


# channels inside, kernel, channels in the middle and outside, squeeze and excitation, activation, stride;
# the stages from TAIL on are what may be narrowed, or look further
LARGE = (
    (16, 3, 16, 16, False, "RE", 1),
    (16, 3, 64, 24, False, "RE", 2),
    (24, 3, 72, 24, False, "RE", 1),
    (24, 5, 72, 40, True, "RE", 2),
    (40, 5, 120, 40, True, "RE", 1),
    (40, 5, 120, 40, True, "RE", 1),
    (40, 3, 240, 80, False, "HS", 2),
    (80, 3, 200, 80, False, "HS", 1),
    (80, 3, 184, 80, False, "HS", 1),
    (80, 3, 184, 80, False, "HS", 1),
    (80, 3, 480, 112, True, "HS", 1),
    (112, 3, 672, 112, True, "HS", 1),
    (112, 5, 672, 160, True, "HS", 2),
    (160, 5, 960, 160, True, "HS", 1),
    (160, 5, 960, 160, True, "HS", 1),
)
SMALL = (
    (16, 3, 16, 16, True, "RE", 2),
    (16, 3, 72, 24, False, "RE", 2),
    (24, 3, 88, 24, False, "RE", 1),
    (24, 5, 96, 40, True, "HS", 2),
    (40, 5, 240, 40, True, "HS", 1),
    (40, 5, 240, 40, True, "HS", 1),
    (40, 5, 120, 48, True, "HS", 1),
    (48, 5, 144, 48, True, "HS", 1),
    (48, 5, 288, 96, True, "HS", 2),
    (96, 5, 576, 96, True, "HS", 1),
    (96, 5, 576, 96, True, "HS", 1),
)
TAIL = 3


def _stages(
    blocks: Sequence[tuple],
    width_mult: float = 1.0,
    reduced_tail: bool = False,
    dilated: bool = False,
) -> list[InvertedResidualConfig]:
    """The configs, of another width, with half the channels in the last stage, or with convolutions there that look further."""
    made = []
    for k, (inside, kernel, middle, outside, *rest) in enumerate(blocks):
        tail = k - (len(blocks) - TAIL)  # 0 is where the last stage begins
        half = 2 if reduced_tail else 1
        inside, middle = (v // half if tail > 0 else v for v in (inside, middle))
        outside = outside // half if tail >= 0 else outside
        apart = 2 if dilated and tail >= 0 else 1
        made.append(
            InvertedResidualConfig(inside, kernel, middle, outside, *rest, apart, width_mult)
        )
    return made


def _made(
    blocks: Sequence[tuple],
    last: int,
    width_mult: float = 1.0,
    reduced_tail: bool = False,
    dilated: bool = False,
    **options: Any,
) -> MobileNetV3:
    last = InvertedResidualConfig.adjust_channels(last // (2 if reduced_tail else 1), width_mult)
    return MobileNetV3(_stages(blocks, width_mult, reduced_tail, dilated), last, **options)


MobileNet_V3_Large_Weights = weights(
    "MobileNet_V3_Large",
    File("mobilenet_v3_large-8738ca79.pth"),
    File("mobilenet_v3_large-5c1a4163.pth", 232),
)
MobileNet_V3_Small_Weights = weights("MobileNet_V3_Small", File("mobilenet_v3_small-047dcff4.pth"))


@architecture(MobileNet_V3_Large_Weights)
def mobilenet_v3_large(**options: Any) -> MobileNetV3:
    """A `MobileNetV3` of 15 blocks, with these options, and `width_mult`, `reduced_tail`, `dilated`."""
    return _made(LARGE, 1280, **options)


@architecture(MobileNet_V3_Small_Weights)
def mobilenet_v3_small(**options: Any) -> MobileNetV3:
    """A `MobileNetV3` of 11 blocks, with these options, and `width_mult`, `reduced_tail`, `dilated`."""
    return _made(SMALL, 1024, **options)
