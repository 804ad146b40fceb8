<<<<<<< HEAD
"""What detectors and networks for images are built from, under torchvision's names.

Reading order: `misc` (blocks), `stochastic` (what is left out in training), `boxes`, `losses` (of boxes), `regions` (features of boxes),
`pyramid`, `deformable`.
"""

=======
"""The part of torchvision's `ops` that model files use: boxes, the focal loss, and small layers.

Reading order: `boxes`, `losses`, `layers`. What else torchvision has there (RoI pooling, deformable convolution, feature pyramids)
can be imported, and says when it is called that it is not there.
"""

from __future__ import annotations

from typing import Any

from ...surroundings.absent import absent
from . import boxes
>>>>>>> 557c046 (torchvision.ops: boxes, the focal loss and small layers; ImageFolder; what else is there can be imported)
from .boxes import (
    batched_nms,
    box_area,
    box_convert,
    box_iou,
    clip_boxes_to_image,
<<<<<<< HEAD
    complete_box_iou,
    distance_box_iou,
=======
>>>>>>> 557c046 (torchvision.ops: boxes, the focal loss and small layers; ImageFolder; what else is there can be imported)
    generalized_box_iou,
    masks_to_boxes,
    nms,
    remove_small_boxes,
)
<<<<<<< HEAD
from .deformable import DeformConv2d, deform_conv2d
from .losses import (
    complete_box_iou_loss,
    distance_box_iou_loss,
    generalized_box_iou_loss,
    sigmoid_focal_loss,
)
from .misc import (
    MLP,
    Conv2dNormActivation,
    Conv3dNormActivation,
    FrozenBatchNorm2d,
    Permute,
    SqueezeExcitation,
)
from .pyramid import FeaturePyramidNetwork
from .regions import (
    MultiScaleRoIAlign,
    PSRoIAlign,
    RoIAlign,
    RoIPool,
    ps_roi_align,
    roi_align,
    roi_pool,
)
from .stochastic import (
    DropBlock2d,
    DropBlock3d,
    StochasticDepth,
    drop_block2d,
    drop_block3d,
    stochastic_depth,
)

__all__ = [
    "MLP",
    "Conv2dNormActivation",
    "Conv3dNormActivation",
    "DeformConv2d",
    "DropBlock2d",
    "DropBlock3d",
    "FeaturePyramidNetwork",
    "FrozenBatchNorm2d",
    "MultiScaleRoIAlign",
    "PSRoIAlign",
    "Permute",
    "RoIAlign",
    "RoIPool",
    "SqueezeExcitation",
    "StochasticDepth",
    "batched_nms",
    "box_area",
    "box_convert",
    "box_iou",
    "clip_boxes_to_image",
    "complete_box_iou",
    "complete_box_iou_loss",
    "deform_conv2d",
    "distance_box_iou",
    "distance_box_iou_loss",
    "drop_block2d",
    "drop_block3d",
    "generalized_box_iou",
    "generalized_box_iou_loss",
    "masks_to_boxes",
    "nms",
    "ps_roi_align",
    "remove_small_boxes",
    "roi_align",
    "roi_pool",
    "sigmoid_focal_loss",
    "stochastic_depth",
]
=======
from .layers import (
    MLP,
    Conv2dNormActivation,
    Conv3dNormActivation,
    ConvNormActivation,
    FrozenBatchNorm2d,
    Permute,
    SqueezeExcitation,
    StochasticDepth,
    stochastic_depth,
)
from .losses import generalized_box_iou_loss, sigmoid_focal_loss

__all__ = [
    "MLP", "Conv2dNormActivation", "Conv3dNormActivation", "ConvNormActivation", "FrozenBatchNorm2d", "Permute", "SqueezeExcitation",
    "StochasticDepth", "batched_nms", "box_area", "box_convert", "box_iou", "boxes", "clip_boxes_to_image", "generalized_box_iou",
    "generalized_box_iou_loss", "masks_to_boxes", "nms", "remove_small_boxes", "sigmoid_focal_loss", "stochastic_depth",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name.startswith("_") or not name[0].isalpha():
        raise AttributeError(name)
    return absent(f"torchvision.ops.{name}")
>>>>>>> 557c046 (torchvision.ops: boxes, the focal loss and small layers; ImageFolder; what else is there can be imported)
