"""RegNet: residual bottlenecks with grouped convolutions, whose widths follow a straight line that is then rounded.

Source: Radosavovic et al. 2020, section 3.3 (X), and with a squeeze and excitation (Y).
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from ....base.errors import ArgumentError
from ....nn import AdaptiveAvgPool2d, BatchNorm2d, Conv2d, Linear, Module, ReLU, Sequential, init
from ....tensors import Tensor, flatten
from ..ops import Conv2dNormActivation, SqueezeExcitation
from .checkpoints import File, architecture, weights
from .mobilenetv2 import divisible

__all__ = [
    "RegNet",
    "RegNet_X_1_6GF_Weights",
    "RegNet_X_3_2GF_Weights",
    "RegNet_X_8GF_Weights",
    "RegNet_X_16GF_Weights",
    "RegNet_X_32GF_Weights",
    "RegNet_X_400MF_Weights",
    "RegNet_X_800MF_Weights",
    "RegNet_Y_1_6GF_Weights",
    "RegNet_Y_3_2GF_Weights",
    "RegNet_Y_8GF_Weights",
    "RegNet_Y_16GF_Weights",
    "RegNet_Y_32GF_Weights",
    "RegNet_Y_128GF_Weights",
    "RegNet_Y_400MF_Weights",
    "RegNet_Y_800MF_Weights",
    "regnet_x_1_6gf",
    "regnet_x_3_2gf",
    "regnet_x_8gf",
    "regnet_x_16gf",
    "regnet_x_32gf",
    "regnet_x_400mf",
    "regnet_x_800mf",
    "regnet_y_1_6gf",
    "regnet_y_3_2gf",
    "regnet_y_8gf",
    "regnet_y_16gf",
    "regnet_y_32gf",
    "regnet_y_128gf",
    "regnet_y_400mf",
    "regnet_y_800mf",
]

Makes = Callable[..., Module]


class SimpleStemIN(Conv2dNormActivation):
    """A 3×3 convolution of stride 2, a norm and an activation."""

    def __init__(
        self, width_in: int, width_out: int, norm_layer: Makes, activation_layer: Makes
    ) -> None:
        rest = {"norm_layer": norm_layer, "activation_layer": activation_layer}
        super().__init__(width_in, width_out, kernel_size=3, stride=2, **rest)


class BottleneckTransform(Sequential):
    """1×1, grouped 3×3, squeeze and excitation where there is a `se_ratio`, 1×1."""

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        norm_layer: Makes,
        activation_layer: Makes,
        group_width: int,
        bottleneck_multiplier: float,
        se_ratio: float | None,
    ) -> None:
        middle = round(width_out * bottleneck_multiplier)
        rest = {"norm_layer": norm_layer, "activation_layer": activation_layer}
        layers: OrderedDict[str, Module] = OrderedDict()
        layers["a"] = Conv2dNormActivation(width_in, middle, 1, **rest)
        groups = middle // group_width
        layers["b"] = Conv2dNormActivation(middle, middle, 3, stride, groups=groups, **rest)
        if se_ratio:
            squeezed = round(se_ratio * width_in)
            layers["se"] = SqueezeExcitation(middle, squeezed, activation=activation_layer)
        rest["activation_layer"] = None  # type: ignore[assignment]
        layers["c"] = Conv2dNormActivation(middle, width_out, 1, **rest)
        super().__init__(layers)


class ResBottleneckBlock(Module):
    """A bottleneck, whose result is added to what was given, or where sizes change to a 1×1 convolution of it.

    Args:
        width_in, width_out: channels inside and outside.
        stride: the stride of the 3×3 convolution.
        norm_layer, activation_layer: make norms and activations.
        group_width: channels in a group.
        bottleneck_multiplier: channels in the middle, over those outside.
        se_ratio: squeezed channels over those inside; None: no squeeze and excitation.
    """

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        norm_layer: Makes,
        activation_layer: Makes,
        group_width: int = 1,
        bottleneck_multiplier: float = 1.0,
        se_ratio: float | None = None,
    ) -> None:
        super().__init__()
        self.proj: Module | None = None
        if width_in != width_out or stride != 1:
            rest = {"norm_layer": norm_layer, "activation_layer": None}
            self.proj = Conv2dNormActivation(width_in, width_out, 1, stride, **rest)
        sizes = (width_in, width_out, stride, norm_layer, activation_layer)
        self.f = BottleneckTransform(*sizes, group_width, bottleneck_multiplier, se_ratio)
        self.activation = activation_layer(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width_in, H, W) to (B, width_out, H / stride, W / stride)."""
        return self.activation((x if self.proj is None else self.proj(x)) + self.f(x))


class AnyStage(Sequential):
    """Blocks of one width, the first of which halves height and width."""

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        depth: int,
        block_constructor: Makes,
        norm_layer: Makes,
        activation_layer: Makes,
        group_width: int,
        bottleneck_multiplier: float,
        se_ratio: float | None = None,
        stage_index: int = 0,
    ) -> None:
        super().__init__()
        rest = (norm_layer, activation_layer, group_width, bottleneck_multiplier, se_ratio)
        for k in range(depth):
            sizes = (width_in, width_out, stride) if k == 0 else (width_out, width_out, 1)
            self.add_module(f"block{stage_index}-{k}", block_constructor(*sizes, *rest))


class BlockParams:
    """What the stages are built from: for each its blocks, width, group width, bottleneck multiplier and stride."""

    def __init__(
        self,
        depths: list[int],
        widths: list[int],
        group_widths: list[int],
        bottleneck_multipliers: list[float],
        strides: list[int],
        se_ratio: float | None = None,
    ) -> None:
        self.depths, self.widths, self.group_widths = depths, widths, group_widths
        self.bottleneck_multipliers, self.strides = bottleneck_multipliers, strides
        self.se_ratio = se_ratio

    @classmethod
    def from_init_params(
        cls,
        depth: int,
        w_0: int,
        w_a: float,
        w_m: float,
        group_width: int,
        bottleneck_multiplier: float = 1.0,
        se_ratio: float | None = None,
        **kwargs: Any,
    ) -> BlockParams:
        """Block j is to be  uⱼ = w₀ + wₐ · j  wide, and is  w₀ · wₘ^round(log(uⱼ / w₀) / log wₘ),  as a multiple of 8 (eqs. 2 to 4).
        Blocks of one width are a stage. Other keyword arguments are not used.

        Raises:
            ArgumentError: the line does not rise, or w₀ is no multiple of 8.
        """
        if w_a < 0 or w_0 <= 0 or w_m <= 1 or w_0 % 8:
            raise ArgumentError(
                f"RegNet: w_a ≥ 0, w_m > 1 and w_0 a multiple of 8, found {w_a}, {w_m} and {w_0}"
            )
        found: dict[int, int] = {}  # width → blocks, in rising order
        for k in range(depth):
            power = round(math.log((w_0 + w_a * k) / w_0) / math.log(w_m))
            width = round(w_0 * w_m**power / 8) * 8
            found[width] = found.get(width, 0) + 1
        widths, groups = [], []
        for width in found:
            # a multiple of the group width in the middle, and from it the width outside
            middle = int(width * bottleneck_multiplier)
            group = min(group_width, middle)
            groups.append(group)
            widths.append(int(divisible(middle, group) / bottleneck_multiplier))
        stages = len(widths)
        return cls(
            list(found.values()),
            widths,
            groups,
            [bottleneck_multiplier] * stages,
            [2] * stages,
            se_ratio,
        )

    def stages(self) -> Iterator[tuple[int, int, int, int, float]]:
        """Width, stride, blocks, group width and bottleneck multiplier of each."""
        return zip(
            self.widths,
            self.strides,
            self.depths,
            self.group_widths,
            self.bottleneck_multipliers,
            strict=True,
        )


class RegNet(Module):
    """Images (B, 3, H, W) to logits (B, num_classes).

    Args:
        block_params: the stages.
        num_classes: how many logits.
        stem_width: channels of the first convolution.
        stem_type, block_type: other classes with the arguments of `SimpleStemIN` and `ResBottleneckBlock`.
        norm_layer: makes the norms; None: BatchNorm2d.
        activation: makes the activations; None: ReLU.
    """

    def __init__(
        self,
        block_params: BlockParams,
        num_classes: int = 1000,
        stem_width: int = 32,
        stem_type: Makes | None = None,
        block_type: Makes | None = None,
        norm_layer: Makes | None = None,
        activation: Makes | None = None,
    ) -> None:
        super().__init__()
        norm, activated = norm_layer or BatchNorm2d, activation or ReLU
        self.stem = (stem_type or SimpleStemIN)(3, stem_width, norm, activated)
        inside = stem_width
        stages: OrderedDict[str, Module] = OrderedDict()
        for k, (width, stride, depth, *rest) in enumerate(block_params.stages(), 1):
            stages[f"block{k}"] = AnyStage(
                inside,
                width,
                stride,
                depth,
                block_type or ResBottleneckBlock,
                norm,
                activated,
                *rest,
                block_params.se_ratio,
                stage_index=k,
            )
            inside = width
        self.trunk_output = Sequential(stages)
        self.avgpool = AdaptiveAvgPool2d((1, 1))
        self.fc = Linear(inside, num_classes)
        for module in self.modules():
            if isinstance(module, Conv2d):
                fan_out = math.prod(module.kernel_size) * module.out_channels
                init.normal_(module.weight, mean=0.0, std=math.sqrt(2.0 / fan_out))
            elif isinstance(module, BatchNorm2d):
                init.ones_(module.weight)
                init.zeros_(module.bias)
            elif isinstance(module, Linear):
                init.normal_(module.weight, mean=0.0, std=0.01)
                init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, num_classes)."""
        x = self.trunk_output(self.stem(x))
        return self.fc(flatten(self.avgpool(x), 1))


def _makes(
    name: str,
    sizes: tuple[int, int, float, float, int],
    older: str = "",
    longer: str = "",
    weakly: tuple[str, str] | None = None,
) -> tuple[Any, Callable]:
    """The weights, and the function that makes the network.

    Args:
        name: "x" or "y", and how many operations it takes.
        sizes: the first five of `BlockParams.from_init_params`.
        older, longer: how the checksums begin of the files of two trainings, the second of which was longer.
        weakly: those of what was trained on pictures with hashtags, then on ImageNet: all of the network, or its last layer.
    """
    kind, _, size = name.partition("_")
    files = [File(f"regnet_{name}-{older}.pth")] if older else []
    files += [File(f"regnet_{name}-{longer}.pth", 232)] if longer else []
    others = {}
    if weakly is not None:
        whole, last = (
            f"regnet_{name}_{what}.pth" for what in (f"swag-{weakly[0]}", f"lc_swag-{weakly[1]}")
        )
        others["IMAGENET1K_SWAG_E2E_V1"] = File(whole, 384, 384, "bicubic")
        others["IMAGENET1K_SWAG_LINEAR_V1"] = File(last, 224, 224, "bicubic")
    found = weights(f"RegNet_{kind.upper()}_{size.upper()}", *files, **others)

    def make(**options: Any) -> RegNet:
        norm = options.pop("norm_layer", partial(BatchNorm2d, eps=1e-05, momentum=0.1))
        params = BlockParams.from_init_params(*sizes, se_ratio=0.25 if kind == "y" else None)
        return RegNet(params, norm_layer=norm, **options)

    told = f"A `RegNet` of {sizes[0]} blocks, with these options."
    return found, architecture(found, name=f"regnet_{name}", about=told)(make)


# fmt: off
# names                                               depth, w₀, wₐ, wₘ, group width     files
RegNet_Y_400MF_Weights, regnet_y_400mf = _makes("y_400mf", (16, 48, 27.89, 2.09, 8), "c65dace8", "e6988f5f")
RegNet_Y_800MF_Weights, regnet_y_800mf = _makes("y_800mf", (14, 56, 38.84, 2.4, 16), "1b27b58c", "58fc7688")
RegNet_Y_1_6GF_Weights, regnet_y_1_6gf = _makes("y_1_6gf", (27, 48, 20.71, 2.65, 24), "b11a554e", "0d7bc02a")
RegNet_Y_3_2GF_Weights, regnet_y_3_2gf = _makes("y_3_2gf", (21, 80, 42.63, 2.66, 24), "b5a9779c", "9180c971")
RegNet_Y_8GF_Weights, regnet_y_8gf = _makes("y_8gf", (17, 192, 76.82, 2.19, 56), "d0d0e4a8", "dc2b1b54")
RegNet_Y_16GF_Weights, regnet_y_16gf = _makes("y_16gf", (18, 200, 106.23, 2.48, 112), "9e6ed7dd", "3e4a00f9", ("43afe44d", "f3ec0043"))
RegNet_Y_32GF_Weights, regnet_y_32gf = _makes("y_32gf", (20, 232, 115.89, 2.53, 232), "4dee3f7a", "8db6d4b5", ("04fdfa75", "e1583746"))
RegNet_Y_128GF_Weights, regnet_y_128gf = _makes("y_128gf", (27, 456, 160.83, 2.52, 264), weakly=("c8ce3e52", "cbe8ce12"))
RegNet_X_400MF_Weights, regnet_x_400mf = _makes("x_400mf", (22, 24, 24.48, 2.54, 16), "adf1edd5", "62229a5f")
RegNet_X_800MF_Weights, regnet_x_800mf = _makes("x_800mf", (16, 56, 35.73, 2.28, 16), "ad17e45c", "94a99ebd")
RegNet_X_1_6GF_Weights, regnet_x_1_6gf = _makes("x_1_6gf", (18, 80, 34.01, 2.25, 24), "e3633e7f", "a12f2b72")
RegNet_X_3_2GF_Weights, regnet_x_3_2gf = _makes("x_3_2gf", (25, 88, 26.31, 2.25, 48), "f342aeae", "7071aa85")
RegNet_X_8GF_Weights, regnet_x_8gf = _makes("x_8gf", (23, 80, 49.56, 2.88, 120), "03ceed89", "2b70d774")
RegNet_X_16GF_Weights, regnet_x_16gf = _makes("x_16gf", (22, 216, 55.59, 2.1, 128), "2007eb11", "ba3796d7")
RegNet_X_32GF_Weights, regnet_x_32gf = _makes("x_32gf", (23, 320, 69.86, 2.0, 168), "9d47f8d0", "6eb8fdc6")
# fmt: on
