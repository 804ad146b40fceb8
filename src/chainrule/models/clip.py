"""CLIP: a text tower and an image tower whose results meet, so that a picture can be found by its words.

    logits[i, j] = exp(scale) · ⟨image i, text j⟩        of embeddings of length 1
    loss = (cross-entropy over each row + over each column) / 2, the right answer on the diagonal

B batch, T tokens, N patches, C channels of a tower, P channels where the towers meet (`projection_dim`).

Source: Radford et al. 2021; checkpoints as Hugging Face's `CLIPModel` has them.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Self

from ..base.errors import ShapeError
from ..nn import Linear, Parameter, init
from ..nn import functional as F
from ..tensors import Tensor, arange, tensor
from .clip_towers import (
    CLIPPreTrained,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPVisionConfig,
    CLIPVisionModel,
    section_of,
)
from .config import Labelled, configuration
from .heads import ClassifiesImages
from .output import BaseOutput, CLIPOutput, CLIPTowerOutput
from .pretrained import architecture

__all__ = [
    "CLIPConfig", "CLIPForImageClassification", "CLIPModel", "CLIPTextModelWithProjection", "CLIPVisionModelWithProjection",
]  # fmt: skip


@configuration
class CLIPConfig(Labelled):
    """Both towers, and where they meet."""

    model_type = "clip"

    text_config: CLIPTextConfig = dataclasses.field(default_factory=CLIPTextConfig)
    vision_config: CLIPVisionConfig = dataclasses.field(default_factory=CLIPVisionConfig)
    projection_dim: int = 512
    logit_scale_init_value: float = 2.6592
    initializer_factor: float = 1.0

    @classmethod
    def from_dict(cls, given: dict[str, Any], source: Any = "a dict") -> Self:
        """As of `Config`; the towers' settings are dicts of their own."""
        parts = {
            part.section: part.from_dict(
                section_of(given, part, source), f"{source}: {part.section}"
            )
            for part in (CLIPTextConfig, CLIPVisionConfig)
        }
        names = [*parts, *[f"{name}_dict" for name in parts]]
        rest = {k: v for k, v in given.items() if k not in names}
        return dataclasses.replace(super().from_dict(rest, source), **parts)

    def to_dict(self) -> dict[str, Any]:
        """As of `Config`."""
        towers = {
            "text_config": self.text_config.to_dict(),
            "vision_config": self.vision_config.to_dict(),
        }
        return {**super().to_dict(), **towers}

    def check(self) -> None:
        """The towers meet in a positive number of channels."""
        self.need(
            self.projection_dim > 0, f"projection_dim must be positive, found {self.projection_dim}"
        )


@architecture
class CLIPModel(CLIPPreTrained):
    """Both towers.

    Example:
        >>> towers = dict(hidden_size=6, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2)
        >>> config = models.CLIPConfig(projection_dim=4, text_config=models.CLIPTextConfig(vocab_size=11, eos_token_id=10, **towers),
        ...     vision_config=models.CLIPVisionConfig(image_size=8, patch_size=4, **towers))
        >>> out = models.CLIPModel(config)(cr.tensor([[1, 2, 10], [3, 10, 0]]), cr.rand(3, 3, 8, 8))
        >>> out.logits_per_image.shape
        chainrule.Size([3, 2])
    """

    config_class = CLIPConfig

    def __init__(self, config: CLIPConfig):
        super().__init__(config)
        text, vision, P = config.text_config, config.vision_config, config.projection_dim
        self.logit_scale = Parameter(tensor(config.logit_scale_init_value))
        self.text_model, self.vision_model = CLIPTextModel(text), CLIPVisionModel(vision)
        self.visual_projection = Linear(vision.hidden_size, P, bias=False)
        self.text_projection = Linear(text.hidden_size, P, bias=False)
        for part in (self.visual_projection, self.text_projection):
            init.normal_(part.weight, std=part.in_features**-0.5 * config.initializer_factor)

    def get_text_features(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
    ) -> Tensor:
        """Texts (B, T) → (B, P), of any length."""
        out = self.text_model(input_ids, attention_mask, position_ids)
        return self.text_projection(out.pooler_output)

    def get_image_features(
        self, pixel_values: Tensor, interpolate_pos_encoding: bool = False
    ) -> Tensor:
        """Images (B, channels, size, size) → (B, P), of any length."""
        out = self.vision_model(pixel_values, interpolate_pos_encoding)
        return self.visual_projection(out.pooler_output)

    def forward(
        self,
        input_ids: Tensor,
        pixel_values: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        return_loss: bool = False,
        interpolate_pos_encoding: bool = False,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> CLIPOutput:
        """How well each image fits each text.

        Args:
            input_ids: texts (B, T) int64.
            pixel_values: images (B', channels, size, size).
            attention_mask: (B, T), 0 where there is padding.
            position_ids: (B, T); counted from 0 if None.
            return_loss: whether to return the contrastive loss: text k belongs to image k.
            interpolate_pos_encoding: whether images may have another size: the positions are then interpolated.
            output_attentions, output_hidden_states: whether the towers' outputs have these.
        """
        text = self.text_model(
            input_ids, attention_mask, position_ids, output_attentions, output_hidden_states
        )
        vision = self.vision_model(
            pixel_values, interpolate_pos_encoding, output_attentions, output_hidden_states
        )
        images = F.normalize(self.visual_projection(vision.pooler_output), dim=-1)  # (B', P)
        texts = F.normalize(self.text_projection(text.pooler_output), dim=-1)  # (B, P)
        per_text = texts @ images.T * self.logit_scale.exp()
        return CLIPOutput(
            loss=contrastive_loss(per_text) if return_loss else None,
            logits_per_image=per_text.T,
            logits_per_text=per_text,
            text_embeds=texts,
            image_embeds=images,
            text_model_output=text,
            vision_model_output=vision,
        )


def contrastive_loss(logits: Tensor) -> Tensor:
    """The mean of the cross-entropies of rows and columns, the right answers on the diagonal.

    Args:
        logits: (B, B), texts by images.
    """
    if logits.shape[0] != logits.shape[1]:
        raise ShapeError(f"CLIP's loss needs as many texts as images, found {tuple(logits.shape)}")
    right = arange(logits.shape[0])
    return (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2


@architecture
class CLIPTextModelWithProjection(CLIPPreTrained):
    """The text tower with its projection: `text_embeds` (B, P), of any length."""

    config_class = CLIPTextConfig

    def __init__(self, config: CLIPTextConfig):
        super().__init__(config)
        C = config.hidden_size
        self.text_model = CLIPTextModel(config)
        self.text_projection = Linear(C, config.projection_dim, bias=False)
        init.normal_(self.text_projection.weight, std=C**-0.5 * config.initializer_factor)

    def forward(self, *given: Any, **settings: Any) -> CLIPTowerOutput:
        """Arguments as of `CLIPTextModel.forward`."""
        out = self.text_model(*given, **settings)
        return CLIPTowerOutput.of(out, text_embeds=self.text_projection(out.pooler_output))


@architecture
class CLIPVisionModelWithProjection(CLIPPreTrained):
    """The image tower with its projection: `image_embeds` (B, P), of any length."""

    config_class = CLIPVisionConfig

    def __init__(self, config: CLIPVisionConfig):
        super().__init__(config)
        C = config.hidden_size
        self.vision_model = CLIPVisionModel(config)
        self.visual_projection = Linear(C, config.projection_dim, bias=False)
        init.normal_(self.visual_projection.weight, std=C**-0.5 * config.initializer_factor)

    def forward(self, *given: Any, **settings: Any) -> CLIPTowerOutput:
        """Arguments as of `CLIPVisionModel.forward`."""
        out = self.vision_model(*given, **settings)
        return CLIPTowerOutput.of(out, image_embeds=self.visual_projection(out.pooler_output))


@architecture
class CLIPForImageClassification(ClassifiesImages, CLIPPreTrained):
    """The image tower that classifies: logits (B, classes) of the mean of its patches' states."""

    config_class = CLIPConfig

    def __init__(self, config: CLIPConfig):
        super().__init__(config)
        C = config.vision_config.hidden_size
        self.vision_model = CLIPVisionModel(config.vision_config)
        self.classifier = Linear(C, len(config.id2label))
        init.normal_(self.classifier.weight, std=C**-0.5 * config.initializer_factor)
        init.zeros_(self.classifier.bias)

    def read(self, *given: Any, **settings: Any) -> BaseOutput:
        """As of `CLIPVisionModel.forward`."""
        return self.vision_model(*given, **settings)

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, 1 + N, C) → (B, classes)."""
        return self.classifier(out.last_hidden_state[:, 1:].mean(dim=1))
