"""A small head: coarse features, weighted by the picture's mean, with fine ones.   Source: Howard et al. 2019, figure 10."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from .....base.errors import ArgumentError
from .....nn import AdaptiveAvgPool2d, BatchNorm2d, Conv2d, Module, ReLU, Sequential, Sigmoid
from .....nn import functional as F
from .....tensors import Tensor
from ..features import IntermediateLayerGetter
from .simple import mobile_backbone, of_labels, segmenter

__all__ = ["LRASPP", "LRASPP_MobileNet_V3_Large_Weights", "lraspp_mobilenet_v3_large"]


class LRASPPHead(Module):
    """Features "low" (fine) and "high" (coarse) to logits (B, num_classes, H, W), as large as the fine ones."""

    def __init__(
        self, low_channels: int, high_channels: int, num_classes: int, inter_channels: int
    ) -> None:
        super().__init__()
        self.cbr = Sequential(
            Conv2d(high_channels, inter_channels, 1, bias=False),
            BatchNorm2d(inter_channels),
            ReLU(inplace=True),
        )
        self.scale = Sequential(
            AdaptiveAvgPool2d(1), Conv2d(high_channels, inter_channels, 1, bias=False), Sigmoid()
        )
        self.low_classifier = Conv2d(low_channels, num_classes, 1)
        self.high_classifier = Conv2d(inter_channels, num_classes, 1)

    def forward(self, input: dict[str, Tensor]) -> Tensor:
        """The logits."""
        low, high = input["low"], input["high"]
        x = self.cbr(high) * self.scale(high)
        x = F.interpolate(x, size=tuple(low.shape[-2:]), mode="bilinear", align_corners=False)
        return self.low_classifier(low) + self.high_classifier(x)


class LRASPP(Module):
    """Images (B, 3, H, W) to logits (B, num_classes, H, W) under the name "out".

    Args:
        backbone: makes features by name, "low" and "high", of images.
        low_channels, high_channels: their channels.
        num_classes: how many logits a pixel has.
        inter_channels: of the head.
    """

    def __init__(
        self,
        backbone: Module,
        low_channels: int,
        high_channels: int,
        num_classes: int,
        inter_channels: int = 128,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = LRASPPHead(low_channels, high_channels, num_classes, inter_channels)

    def forward(self, input: Tensor) -> OrderedDict[str, Tensor]:
        """The logits by name."""
        x = self.classifier(self.backbone(input))
        size = tuple(input.shape[-2:])
        return OrderedDict(out=F.interpolate(x, size=size, mode="bilinear", align_corners=False))


LRASPP_MobileNet_V3_Large_Weights = of_labels(
    "LRASPP_MobileNet_V3_Large", "lraspp_mobilenet_v3_large-d234d4ea.pth"
)


@segmenter(LRASPP_MobileNet_V3_Large_Weights, "mobilenet_v3_large", second=False)
def lraspp_mobilenet_v3_large(num_classes: int, aux: bool, chosen: Any) -> LRASPP:
    """An `LRASPP` on a MobileNetV3, without a second head; `weights_backbone=None` lets it begin untrained."""
    if aux:
        raise ArgumentError("lraspp_mobilenet_v3_large has no second head: aux_loss is not True")
    features, places = mobile_backbone(chosen)
    low, high = places[-4], places[-1]
    backbone = IntermediateLayerGetter(features, {low: "low", high: "high"})
    channels = (features[low].out_channels, features[high].out_channels)
    return LRASPP(backbone, *channels, num_classes)
