"""What networks for segmentation share: features of a backbone, a head that reads them, logits as large as the picture."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from .....base.errors import ArgumentError
from .....nn import Module
from .....nn import functional as F
from .....tensors import Tensor
from ..checkpoints import File, register, weights
from ..features import IntermediateLayerGetter
from ..mobilenetv3 import MobileNet_V3_Large_Weights, mobilenet_v3_large
from ..resnet import (
    ResNet50_Weights,
    ResNet101_Weights,
    resnet50,
    resnet101,
)

__all__ = ["SegmentationModel", "mobile_backbone", "of_labels", "residual_backbone", "segmenter"]

CLASSES = 21
"""Of the Pascal VOC data set, the background with them."""


class SegmentationModel(Module):
    """Images (B, 3, H, W) to logits (B, num_classes, H, W) by name: "out", and "aux" where there is a second head.

    Args:
        backbone: makes features by name, "out" and "aux", of images.
        classifier: makes logits of the features "out".
        aux_classifier: of the features "aux", for its gradient; None: there is none.
    """

    def __init__(
        self, backbone: Module, classifier: Module, aux_classifier: Module | None = None
    ) -> None:
        super().__init__()
        self.backbone, self.classifier = backbone, classifier
        self.aux_classifier = aux_classifier

    def forward(self, x: Tensor) -> OrderedDict[str, Tensor]:
        """The logits by name."""
        features = self.backbone(x)
        heads = {"out": self.classifier, "aux": self.aux_classifier}
        size = tuple(x.shape[-2:])
        found: OrderedDict[str, Tensor] = OrderedDict()
        for name, head in heads.items():
            if head is not None:
                logits = head(features[name])
                found[name] = F.interpolate(logits, size=size, mode="bilinear", align_corners=False)
        return found


def residual_backbone(deep: bool, chosen: Any, aux: bool) -> Module:
    """A residual network of 50 or 101 layers whose last two stages look further instead of shrinking; 2048 and 1024 channels."""
    make = resnet101 if deep else resnet50
    net = make(weights=chosen, replace_stride_with_dilation=[False, True, True])
    return IntermediateLayerGetter(
        net, {"layer4": "out", "layer3": "aux"} if aux else {"layer4": "out"}
    )


def mobile_backbone(chosen: Any) -> tuple[Any, list[int]]:
    """The features of a MobileNetV3 whose last stage looks further, and where in them a stage begins, or all end."""
    features: Any = mobilenet_v3_large(weights=chosen, dilated=True).features
    places = [k for k, block in enumerate(features) if getattr(block, "_is_cn", False)]
    return features, [0, *places, len(features) - 1]


BACKBONES = {
    "resnet50": (ResNet50_Weights, ResNet50_Weights.IMAGENET1K_V1),
    "resnet101": (ResNet101_Weights, ResNet101_Weights.IMAGENET1K_V1),
    "mobilenet_v3_large": (MobileNet_V3_Large_Weights, MobileNet_V3_Large_Weights.IMAGENET1K_V1),
}
"""For each backbone: its enumeration of weights, and which it begins with unless told otherwise."""


def of_labels(name: str, file: str) -> Any:
    """The enumeration of a network's weights, trained on the pictures of COCO with the labels of Pascal VOC."""
    return weights(name, COCO_WITH_VOC_LABELS_V1=File(file, 520))


def segmenter(files: Any, backbone: str, second: bool = True) -> Callable:
    """Decorator of a function that makes a network of `num_classes`, `aux_loss` and the weights of its backbone; `second`:
    whether its own weights were trained with a second head.
    """
    kinds, usual = BACKBONES[backbone]

    def decorate(make: Callable[..., Module]) -> Callable[..., Module]:
        @functools.wraps(make)
        def build(
            weights: Any = None,
            progress: bool = True,
            num_classes: int | None = None,
            aux_loss: bool | None = None,
            weights_backbone: Any = usual,
            *,
            pretrained: Any = None,
            pretrained_backbone: Any = None,
            **options: Any,
        ) -> Module:
            chosen = files.verify(weights if pretrained is None else pretrained)
            begins = weights_backbone if pretrained_backbone is None else pretrained_backbone
            begins = kinds.verify(begins)
            if chosen is None:
                classes = CLASSES if num_classes is None else num_classes
                return make(classes, bool(aux_loss), begins, **options)
            if num_classes not in (None, CLASSES):
                raise ArgumentError(
                    f"{make.__name__}: these weights are for {CLASSES} classes, found num_classes={num_classes}\n"
                    "  hint: load them first, then replace the last convolution"
                )
            net = make(CLASSES, second if aux_loss is None else aux_loss, None, **options)
            net.load_state_dict(chosen.get_state_dict(progress=progress))
            return net

        return register(build, files)

    return decorate
