"""DeepLabV3: convolutions that look at several distances at once, beside the mean of the whole picture.   Source: Chen et al. 2017."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import chainrule

from .....nn import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Module,
    ModuleList,
    ReLU,
    Sequential,
)
from .....nn import functional as F
from .....tensors import Tensor
from ..features import IntermediateLayerGetter
from .fcn import FCNHead
from .simple import (
    SegmentationModel,
    mobile_backbone,
    of_labels,
    residual_backbone,
    segmenter,
)

__all__ = [
    "DeepLabV3",
    "DeepLabV3_MobileNet_V3_Large_Weights",
    "DeepLabV3_ResNet50_Weights",
    "DeepLabV3_ResNet101_Weights",
    "deeplabv3_mobilenet_v3_large",
    "deeplabv3_resnet50",
    "deeplabv3_resnet101",
]


class DeepLabV3(SegmentationModel):
    """`SegmentationModel` with a `DeepLabHead`."""


class ASPPConv(Sequential):
    """A 3×3 convolution that looks `dilation` features far, a norm, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, dilation: int) -> None:
        super().__init__(
            Conv2d(in_channels, out_channels, 3, padding=dilation, dilation=dilation, bias=False),
            BatchNorm2d(out_channels),
            ReLU(),
        )


class ASPPPooling(Sequential):
    """The mean of the whole picture, through a 1×1 convolution, a norm and ReLU, at each place."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            AdaptiveAvgPool2d(1),
            Conv2d(in_channels, out_channels, 1, bias=False),
            BatchNorm2d(out_channels),
            ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) to (B, out_channels, H, W)."""
        size = tuple(x.shape[-2:])
        return F.interpolate(super().forward(x), size=size, mode="bilinear", align_corners=False)


class ASPP(Module):
    """A 1×1 convolution, `ASPPConv` for each rate, and `ASPPPooling`, side by side, then a 1×1 convolution."""

    def __init__(
        self, in_channels: int, atrous_rates: Sequence[int], out_channels: int = 256
    ) -> None:
        super().__init__()
        near = Sequential(
            Conv2d(in_channels, out_channels, 1, bias=False), BatchNorm2d(out_channels), ReLU()
        )
        far = [ASPPConv(in_channels, out_channels, rate) for rate in atrous_rates]
        self.convs = ModuleList([near, *far, ASPPPooling(in_channels, out_channels)])
        self.project = Sequential(
            Conv2d(len(self.convs) * out_channels, out_channels, 1, bias=False),
            BatchNorm2d(out_channels),
            ReLU(),
            Dropout(0.5),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) to (B, out_channels, H, W)."""
        return self.project(chainrule.cat([conv(x) for conv in self.convs], 1))


class DeepLabHead(Sequential):
    """Features (B, in_channels, H, W) to logits (B, num_classes, H, W)."""

    def __init__(
        self, in_channels: int, num_classes: int, atrous_rates: Sequence[int] = (12, 24, 36)
    ) -> None:
        super().__init__(
            ASPP(in_channels, atrous_rates),
            Conv2d(256, 256, 3, padding=1, bias=False),
            BatchNorm2d(256),
            ReLU(),
            Conv2d(256, num_classes, 1),
        )


def _residual(deep: bool, num_classes: int, aux: bool, chosen: Any) -> DeepLabV3:
    backbone = residual_backbone(deep, chosen, aux)
    second = FCNHead(1024, num_classes) if aux else None
    return DeepLabV3(backbone, DeepLabHead(2048, num_classes), second)


DeepLabV3_ResNet50_Weights = of_labels("DeepLabV3_ResNet50", "deeplabv3_resnet50_coco-cd0a2569.pth")
DeepLabV3_ResNet101_Weights = of_labels(
    "DeepLabV3_ResNet101", "deeplabv3_resnet101_coco-586e9e4e.pth"
)
DeepLabV3_MobileNet_V3_Large_Weights = of_labels(
    "DeepLabV3_MobileNet_V3_Large", "deeplabv3_mobilenet_v3_large-fc3c493d.pth"
)


@segmenter(DeepLabV3_ResNet50_Weights, "resnet50")
def deeplabv3_resnet50(num_classes: int, aux: bool, chosen: Any) -> DeepLabV3:
    """A `DeepLabV3` on a residual network of 50 layers; `weights_backbone=None` lets it begin untrained."""
    return _residual(False, num_classes, aux, chosen)


@segmenter(DeepLabV3_ResNet101_Weights, "resnet101")
def deeplabv3_resnet101(num_classes: int, aux: bool, chosen: Any) -> DeepLabV3:
    """A `DeepLabV3` on a residual network of 101 layers; `weights_backbone=None` lets it begin untrained."""
    return _residual(True, num_classes, aux, chosen)


@segmenter(DeepLabV3_MobileNet_V3_Large_Weights, "mobilenet_v3_large")
def deeplabv3_mobilenet_v3_large(num_classes: int, aux: bool, chosen: Any) -> DeepLabV3:
    """A `DeepLabV3` on a MobileNetV3; `weights_backbone=None` lets it begin untrained."""
    features, places = mobile_backbone(chosen)
    last, middle = places[-1], places[-4]
    names = {last: "out", middle: "aux"} if aux else {last: "out"}
    second = FCNHead(features[middle].out_channels, num_classes) if aux else None
    head = DeepLabHead(features[last].out_channels, num_classes)
    return DeepLabV3(IntermediateLayerGetter(features, names), head, second)
