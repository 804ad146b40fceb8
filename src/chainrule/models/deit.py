"""DeiT: the Vision Transformer with a second token, which learns what a teacher says.

    pixels → [class, distillation, patch embeddings] + positions → ViT's layers → two classifiers, whose logits are averaged

B batch, N patches, C channels.   Source: Touvron et al. 2021.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..nn import Linear
from ..tensors import Tensor
from .config import configuration
from .heads import behind
from .output import TeacherOutput
from .pretrained import architecture
from .vit import (
    ViTConfig,
    ViTEmbeddings,
    ViTForImageClassification,
    ViTForMaskedImageModeling,
    ViTModel,
    ViTWithHead,
)

__all__ = [
    "DeiTConfig", "DeiTForImageClassification", "DeiTForImageClassificationWithTeacher", "DeiTForMaskedImageModeling", "DeiTModel",
]  # fmt: skip


@configuration
class DeiTConfig(ViTConfig):
    """Sizes and settings; the defaults are those of DeiT-B/16."""

    model_type = "deit"


class DeiTEmbeddings(ViTEmbeddings):
    """ViT's, with a second token."""

    first: ClassVar = ("cls_token", "distillation_token")


@architecture
class DeiTModel(ViTModel):
    """`ViTModel` with the second token: the last hidden state (B, 2 + N, C).

    Example:
        >>> config = models.DeiTConfig(hidden_size=6, num_hidden_layers=2, num_attention_heads=3, intermediate_size=8,
        ...     image_size=12, patch_size=4)
        >>> models.DeiTModel(config)(cr.rand(2, 3, 12, 12)).last_hidden_state.shape
        chainrule.Size([2, 11, 6])
    """

    config_class, embeddings_class = DeiTConfig, DeiTEmbeddings
    base_model_prefix = "deit"


DeiTForImageClassification = behind(DeiTModel, ViTForImageClassification, "deit")
DeiTForMaskedImageModeling = behind(DeiTModel, ViTForMaskedImageModeling, "deit")


@architecture
class DeiTForImageClassificationWithTeacher(ViTWithHead):
    """DeiT that classifies images by both tokens, and takes the mean. It is not trained here: that takes a teacher."""

    config_class, model_class = DeiTConfig, DeiTModel
    base_model_prefix = "deit"

    def __init__(self, config: DeiTConfig):
        super().__init__(config)
        C, classes = config.hidden_size, len(config.id2label)
        self.cls_classifier = Linear(C, classes)
        self.distillation_classifier = Linear(C, classes)
        self.start(self.cls_classifier)
        self.start(self.distillation_classifier)

    def forward(self, pixel_values: Tensor, **settings: Any) -> TeacherOutput:
        """Logits (B, classes), and those of both tokens; the others as of `ViTModel.forward`."""
        out = self.read(pixel_values, **settings)
        x = out.last_hidden_state
        mine, teachers = self.cls_classifier(x[:, 0]), self.distillation_classifier(x[:, 1])
        return TeacherOutput.of(
            out, logits=(mine + teachers) / 2, cls_logits=mine, distillation_logits=teachers
        )
