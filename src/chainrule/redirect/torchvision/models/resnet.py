"""Residual networks under torchvision's names, for programs that change or extend them; `chainrule.models` tells how they work.

Source: He et al. 2016; Xie et al. 2017 (ResNeXt: grouped convolutions in the middle of a bottleneck); Zagoruyko & Komodakis 2016
(wide ones). Bottlenecks stride in the 3×3 convolution.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ....base.errors import ArgumentError
from ....nn import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    GroupNorm,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
    init,
)
from ....tensors import Tensor, flatten
from .checkpoints import File, architecture, weights

__all__ = [
    "ResNeXt50_32X4D_Weights",
    "ResNeXt101_32X8D_Weights",
    "ResNeXt101_64X4D_Weights",
    "ResNet",
    "ResNet18_Weights",
    "ResNet34_Weights",
    "ResNet50_Weights",
    "ResNet101_Weights",
    "ResNet152_Weights",
    "Wide_ResNet50_2_Weights",
    "Wide_ResNet101_2_Weights",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnext50_32x4d",
    "resnext101_32x8d",
    "resnext101_64x4d",
    "wide_resnet50_2",
    "wide_resnet101_2",
]  # fmt: skip


def conv3x3(
    in_planes: int, out_planes: int, stride: int = 1, groups: int = 1, dilation: int = 1
) -> Conv2d:
    """A 3×3 convolution that keeps height and width, divided by the stride; without a bias, since a norm follows."""
    return Conv2d(
        in_planes, out_planes, 3, stride, dilation, dilation=dilation, groups=groups, bias=False
    )


def conv1x1(in_planes: int, out_planes: int, stride: int = 1) -> Conv2d:
    """A 1×1 convolution without a bias."""
    return Conv2d(in_planes, out_planes, 1, stride, bias=False)


class BasicBlock(Module):
    """Two 3×3 convolutions, whose result is added to what the block was given.

    Args:
        inplanes, planes: channels inside and outside.
        stride: the stride of the first convolution.
        downsample: what is done with what is given, where sizes change; None: nothing.
        groups, base_width: as of `Bottleneck`; 1 and 64 only.
        dilation: 1 only.
        norm_layer: makes the norms; None: BatchNorm2d.
    """

    expansion = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Callable[..., Module] | None = None,
    ) -> None:
        super().__init__()
        if (groups, base_width, dilation) != (1, 64, 1):
            raise ArgumentError(
                "BasicBlock has one group, a base width of 64 and no dilation, found "
                f"groups={groups}, base_width={base_width}, dilation={dilation}"
            )
        norm = norm_layer or BatchNorm2d
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm(planes)
        self.relu = ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm(planes)
        self.downsample, self.stride = downsample, stride

    def forward(self, x: Tensor) -> Tensor:
        """(B, inplanes, H, W) to (B, planes, H / stride, W / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(Module):
    """A 3×3 convolution between two 1×1, whose result is added to what the block was given.

    Args:
        inplanes, planes: channels inside, and outside · 4.
        stride: the stride of the 3×3 convolution.
        downsample: what is done with what is given, where sizes change; None: nothing.
        groups: of the 3×3 convolution.
        base_width: the channels of each group where `planes` is 64.
        dilation: of the 3×3 convolution.
        norm_layer: makes the norms; None: BatchNorm2d.
    """

    expansion = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Callable[..., Module] | None = None,
    ) -> None:
        super().__init__()
        norm = norm_layer or BatchNorm2d
        width = int(planes * (base_width / 64)) * groups
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm(width)
        self.conv3 = conv1x1(width, planes * self.expansion)
        self.bn3 = norm(planes * self.expansion)
        self.relu = ReLU(inplace=True)
        self.downsample, self.stride = downsample, stride

    def forward(self, x: Tensor) -> Tensor:
        """(B, inplanes, H, W) to (B, 4 · planes, H / stride, W / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(Module):
    """Images (B, 3, H, W) to logits (B, num_classes).

    Args:
        block: `BasicBlock`, `Bottleneck` or another class with their arguments.
        layers: how many blocks each of the four stages has.
        num_classes: how many logits.
        zero_init_residual: let the last norm of each block begin at 0, and so each block as the identity.
        groups, width_per_group: of the blocks.
        replace_stride_with_dilation: for each of the last three stages, whether its convolutions look further instead of
            halving height and width.
        norm_layer: makes the norms; None: BatchNorm2d.
    """

    def __init__(
        self,
        block: Any,
        layers: Sequence[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        groups: int = 1,
        width_per_group: int = 64,
        replace_stride_with_dilation: Sequence[bool] | None = None,
        norm_layer: Callable[..., Module] | None = None,
    ) -> None:
        super().__init__()
        dilate = (
            (False,) * 3 if replace_stride_with_dilation is None else replace_stride_with_dilation
        )
        if len(dilate) != 3:
            raise ArgumentError(
                f"replace_stride_with_dilation has one bool for each of three stages, found {dilate}"
            )
        self._norm_layer = norm_layer or BatchNorm2d
        self.inplanes, self.dilation = 64, 1
        self.groups, self.base_width = groups, width_per_group
        self.conv1 = Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = self._norm_layer(64)
        self.relu = ReLU(inplace=True)
        self.maxpool = MaxPool2d(3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 64, layers[0])
        self.layer2 = self._make_layer(block, 128, layers[1], stride=2, dilate=dilate[0])
        self.layer3 = self._make_layer(block, 256, layers[2], stride=2, dilate=dilate[1])
        self.layer4 = self._make_layer(block, 512, layers[3], stride=2, dilate=dilate[2])
        self.avgpool = AdaptiveAvgPool2d((1, 1))
        self.fc = Linear(512 * block.expansion, num_classes)
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, BatchNorm2d | GroupNorm):
                init.ones_(module.weight)
                init.zeros_(module.bias)
        for module in self.modules() if zero_init_residual else ():
            if isinstance(module, Bottleneck | BasicBlock):
                last = module.bn3 if isinstance(module, Bottleneck) else module.bn2
                init.zeros_(last.weight)  # type: ignore[arg-type]

    def _make_layer(
        self, block: Any, planes: int, blocks: int, stride: int = 1, dilate: bool = False
    ) -> Sequential:
        """One stage; programs that derive from this class call it."""
        before = self.dilation
        if dilate:
            self.dilation, stride = self.dilation * stride, 1
        outside = planes * block.expansion
        shortcut = None
        if stride != 1 or self.inplanes != outside:
            shortcut = Sequential(
                conv1x1(self.inplanes, outside, stride), self._norm_layer(outside)
            )
        rest = (self.groups, self.base_width)
        made = [block(self.inplanes, planes, stride, shortcut, *rest, before, self._norm_layer)]
        self.inplanes = outside
        for _ in range(1, blocks):
            made.append(block(outside, planes, 1, None, *rest, self.dilation, self._norm_layer))
        return Sequential(*made)

    def _forward_impl(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(flatten(self.avgpool(x), 1))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, num_classes)."""
        return self._forward_impl(x)


def _makes(
    name: str, block: Any, layers: Sequence[int], *files: File, **settings: Any
) -> tuple[Any, Callable]:
    """The weights, and the function that makes the network."""
    found = weights(name, *files)

    def make(**options: Any) -> ResNet:
        return ResNet(block, layers, **{**settings, **options})

    told = f"A `ResNet` of {'-'.join(map(str, layers))} {block.__name__}s, with these options."
    return found, architecture(found, name=name.lower(), about=told)(make)


def _two(name: str, first: str, second: str) -> tuple[File, File]:
    """Files of an older and of a longer training."""
    return File(f"{name}-{first}.pth"), File(f"{name}-{second}.pth", 232)


DEEP = (3, 4, 23, 3)
ResNet18_Weights, resnet18 = _makes(
    "ResNet18", BasicBlock, (2, 2, 2, 2), File("resnet18-f37072fd.pth")
)
ResNet34_Weights, resnet34 = _makes(
    "ResNet34", BasicBlock, (3, 4, 6, 3), File("resnet34-b627a593.pth")
)
ResNet50_Weights, resnet50 = _makes(
    "ResNet50", Bottleneck, (3, 4, 6, 3), *_two("resnet50", "0676ba61", "11ad3fa6")
)
ResNet101_Weights, resnet101 = _makes(
    "ResNet101", Bottleneck, DEEP, *_two("resnet101", "63fe2227", "cd907fc2")
)
ResNet152_Weights, resnet152 = _makes(
    "ResNet152", Bottleneck, (3, 8, 36, 3), *_two("resnet152", "394f9c45", "f82ba261")
)
ResNeXt50_32X4D_Weights, resnext50_32x4d = _makes(
    "ResNeXt50_32X4D",
    Bottleneck,
    (3, 4, 6, 3),
    *_two("resnext50_32x4d", "7cdf4587", "1a0047aa"),
    groups=32,
    width_per_group=4,
)
ResNeXt101_32X8D_Weights, resnext101_32x8d = _makes(
    "ResNeXt101_32X8D",
    Bottleneck,
    DEEP,
    *_two("resnext101_32x8d", "8ba56ff5", "110c445d"),
    groups=32,
    width_per_group=8,
)
ResNeXt101_64X4D_Weights, resnext101_64x4d = _makes(
    "ResNeXt101_64X4D",
    Bottleneck,
    DEEP,
    File("resnext101_64x4d-173b62eb.pth", 232),
    groups=64,
    width_per_group=4,
)
Wide_ResNet50_2_Weights, wide_resnet50_2 = _makes(
    "Wide_ResNet50_2",
    Bottleneck,
    (3, 4, 6, 3),
    *_two("wide_resnet50_2", "95faca4d", "9ba9bcbe"),
    width_per_group=128,
)
Wide_ResNet101_2_Weights, wide_resnet101_2 = _makes(
    "Wide_ResNet101_2",
    Bottleneck,
    DEEP,
    *_two("wide_resnet101_2", "32ee1156", "d733dc28"),
    width_per_group=128,
)
