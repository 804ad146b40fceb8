"""A network of convolutions alone, whose logits are enlarged.   Source: Long et al. 2015; the backbone is a residual network."""

from __future__ import annotations

from typing import Any

from .....nn import BatchNorm2d, Conv2d, Dropout, ReLU, Sequential
from .simple import SegmentationModel, of_labels, residual_backbone, segmenter

__all__ = ["FCN", "FCN_ResNet50_Weights", "FCN_ResNet101_Weights", "fcn_resnet50", "fcn_resnet101"]


class FCN(SegmentationModel):
    """`SegmentationModel` with heads of two convolutions."""


class FCNHead(Sequential):
    """Features (B, in_channels, H, W) to logits (B, channels, H, W)."""

    def __init__(self, in_channels: int, channels: int) -> None:
        middle = in_channels // 4
        super().__init__(
            Conv2d(in_channels, middle, 3, padding=1, bias=False),
            BatchNorm2d(middle),
            ReLU(),
            Dropout(0.1),
            Conv2d(middle, channels, 1),
        )


def _fcn(deep: bool, num_classes: int, aux: bool, chosen: Any) -> FCN:
    backbone = residual_backbone(deep, chosen, aux)
    second = FCNHead(1024, num_classes) if aux else None
    return FCN(backbone, FCNHead(2048, num_classes), second)


FCN_ResNet50_Weights = of_labels("FCN_ResNet50", "fcn_resnet50_coco-1167a1af.pth")
FCN_ResNet101_Weights = of_labels("FCN_ResNet101", "fcn_resnet101_coco-7ecb50ca.pth")


@segmenter(FCN_ResNet50_Weights, "resnet50")
def fcn_resnet50(num_classes: int, aux: bool, chosen: Any) -> FCN:
    """An `FCN` on a residual network of 50 layers; `weights_backbone=None` lets it begin untrained."""
    return _fcn(False, num_classes, aux, chosen)


@segmenter(FCN_ResNet101_Weights, "resnet101")
def fcn_resnet101(num_classes: int, aux: bool, chosen: Any) -> FCN:
    """An `FCN` on a residual network of 101 layers; `weights_backbone=None` lets it begin untrained."""
    return _fcn(True, num_classes, aux, chosen)
