"""CLIP: a text tower and an image tower whose results meet, so that a picture can be found by its words.

    logits[i, j] = exp(scale) · ⟨image i, text j⟩        of embeddings of length 1
    loss = (cross-entropy over each row + over each column) / 2, the right answer on the diagonal

B batch, T tokens or patches, C channels of a tower, P channels where the towers meet (`projection_dim`).

Source: Radford et al. 2021; checkpoints as Hugging Face's `CLIPModel` has them.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Self

from ..base.errors import FormatError, ShapeError
from ..nn import Conv2d, Embedding, LayerNorm, Linear, Module, ModuleList, Parameter, init
from ..nn import functional as F
from ..tensors import Tensor, arange, cat, empty, int64, tensor
from .activations import activation
from .attention import attend, may_see
from .config import Config, Labelled
from .heads import classification_loss
from .output import BaseOutput, ClassifierOutput, CLIPOutput, CLIPTowerOutput
from .pretrained import PreTrained, architecture

__all__ = [
    "CLIPConfig", "CLIPForImageClassification", "CLIPModel", "CLIPTextConfig", "CLIPTextModel", "CLIPTextModelWithProjection",
    "CLIPVisionConfig", "CLIPVisionModel", "CLIPVisionModelWithProjection",
]  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class TowerConfig(Config):
    """What the configurations of both towers have. A file of both is one of each of them, by `section`."""

    section: ClassVar[str]

    hidden_size: int = 512
    intermediate_size: int = 2048
    num_hidden_layers: int = 12
    num_attention_heads: int = 8
    projection_dim: int = 512
    hidden_act: str = "quick_gelu"
    layer_norm_eps: float = 1e-5
    attention_dropout: float | None = 0.0
    initializer_range: float = 0.02
    initializer_factor: float = 1.0

    @classmethod
    def from_dict(cls, given: dict[str, Any], source: Any = "a dict") -> Self:
        """As of `Config`; of a file of both towers this one's settings."""
        if given.get("model_type") == CLIPConfig.model_type:
            outer = {k: v for k, v in given.items() if k in ("dtype", "torch_dtype")}
            given = {**outer, **_section(given, cls, source)}
        return super().from_dict(given, source)

    def check(self) -> None:
        """Sizes are positive, and the heads divide the channels."""
        self.need_activation(self.hidden_act)
        self.need_positive(
            "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "projection_dim",
        )  # fmt: skip
        C, H = self.hidden_size, self.num_attention_heads
        self.need(C % H == 0, f"num_attention_heads must divide hidden_size, found {H} and {C}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CLIPTextConfig(TowerConfig):
    """Sizes of the text tower; the defaults are those of ViT-B/32."""

    model_type = "clip_text_model"
    section = "text_config"

    vocab_size: int = 49408
    max_position_embeddings: int = 77
    eos_token_id: int | None = 49407


@dataclasses.dataclass(frozen=True, kw_only=True)
class CLIPVisionConfig(TowerConfig):
    """Sizes of the image tower; the defaults are those of ViT-B/32."""

    model_type = "clip_vision_model"
    section = "vision_config"

    hidden_size: int = 768
    intermediate_size: int = 3072
    num_attention_heads: int = 12
    num_channels: int = 3
    image_size: int = 224
    patch_size: int = 32

    def check(self) -> None:
        """As of `TowerConfig`, and a patch fits into an image."""
        super().check()
        self.need_positive("num_channels", "patch_size")
        self.need(
            self.image_size >= self.patch_size,
            f"a patch of {self.patch_size} does not fit into an image of {self.image_size}",
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
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
            part.section: part.from_dict(_section(given, part, source), f"{source}: {part.section}")
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


def _section(given: dict[str, Any], part: type[TowerConfig], source: Any) -> dict[str, Any]:
    """One tower's settings. Older files say them twice; what they say of `text_config_dict`, left out or not, is meant."""
    found, older = [given.get(name) or {} for name in (part.section, f"{part.section}_dict")]
    for name, value in ((part.section, found), (f"{part.section}_dict", older)):
        if not isinstance(value, dict):
            raise FormatError(f"{source}: key {name!r}: expected an object, found {value!r:.40}")
    return {**found, **part.from_dict(older, source).to_dict()} if older else found


class CLIPAttention(Module):
    """Attention in H heads."""

    def __init__(self, config: TowerConfig):
        super().__init__()
        C = config.hidden_size
        self.heads, self.dropout = config.num_attention_heads, config.attention_dropout or 0.0
        self.k_proj, self.v_proj, self.q_proj, self.out_proj = (
            Linear(C, C),
            Linear(C, C),
            Linear(C, C),
            Linear(C, C),
        )

    def forward(self, x: Tensor, mask: Tensor | None, weights: bool) -> tuple:
        """(B, T, C) → (B, T, C), and the attention weights (B, H, T, T) if asked for."""
        B, T, C = x.shape
        q, k, v = [
            part(x).view(B, T, self.heads, C // self.heads).transpose(1, 2)  # (B, H, T, D)
            for part in (self.q_proj, self.k_proj, self.v_proj)
        ]
        dropout = self.dropout if self.training else 0.0
        y, attention = attend(q, k, v, mask, (C // self.heads) ** -0.5, dropout, weights)
        return self.out_proj(y.transpose(1, 2).reshape(B, T, C)), attention


class CLIPMLP(Module):
    """A small network on every position."""

    def __init__(self, config: TowerConfig):
        super().__init__()
        self.fc1 = Linear(config.hidden_size, config.intermediate_size)
        self.fc2 = Linear(config.intermediate_size, config.hidden_size)
        self.act = activation(config.hidden_act)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        return self.fc2(self.act(self.fc1(x)))


class CLIPEncoderLayer(Module):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, config: TowerConfig):
        super().__init__()
        C = config.hidden_size
        self.self_attn, self.mlp = CLIPAttention(config), CLIPMLP(config)
        self.layer_norm1 = LayerNorm(C, eps=config.layer_norm_eps)
        self.layer_norm2 = LayerNorm(C, eps=config.layer_norm_eps)

    def forward(self, x: Tensor, mask: Tensor | None, weights: bool) -> tuple:
        """(B, T, C) → (B, T, C), and the attention weights."""
        y, attention = self.self_attn(self.layer_norm1(x), mask, weights)
        x = x + y
        return x + self.mlp(self.layer_norm2(x)), attention


class CLIPEncoder(Module):
    """The layers of a tower."""

    def __init__(self, config: TowerConfig):
        super().__init__()
        self.layers = ModuleList(
            [CLIPEncoderLayer(config) for _ in range(config.num_hidden_layers)]
        )

    def forward(self, x: Tensor, mask: Tensor | None, weights: bool) -> tuple[list, list]:
        """States before the first layer and after each, and attention weights."""
        states, attentions = [x], []
        for layer in self.layers:
            x, attention = layer(x, mask, weights)
            states.append(x)
            attentions.append(attention)
        return states, attentions


def _output(
    x: Tensor, pooled: Tensor, states: list, attentions: list, weights: bool, hidden: bool
) -> BaseOutput:
    return BaseOutput(
        last_hidden_state=x,
        pooler_output=pooled,
        hidden_states=tuple(states) if hidden else None,
        attentions=tuple(attentions) if weights else None,
    )


class CLIPTextEmbeddings(Module):
    """Token and position embeddings."""

    def __init__(self, config: CLIPTextConfig):
        super().__init__()
        self.token_embedding = Embedding(config.vocab_size, config.hidden_size)
        self.position_embedding = Embedding(config.max_position_embeddings, config.hidden_size)

    def forward(self, ids: Tensor, positions: Tensor | None) -> Tensor:
        """(B, T) → (B, T, C)."""
        T, most = ids.shape[1], self.position_embedding.num_embeddings
        if T > most:
            raise ShapeError(f"CLIP: {T} tokens are more than the {most} positions there are")
        positions = arange(T).unsqueeze(0) if positions is None else positions
        return self.token_embedding(ids) + self.position_embedding(positions)


class CLIPPreTrained(PreTrained):
    """What the models of this file share: names, and initial weights."""

    config_class: ClassVar[type[Config]] = CLIPConfig
    left_over = r"((text|vision)_model\.)?embeddings\.position_ids"

    def start(self, tower: Module, config: TowerConfig) -> None:
        """Initial weights of a tower as OpenAI's: smaller towards the end of deep branches."""
        C, factor = config.hidden_size, config.initializer_factor
        deep = (2 * config.num_hidden_layers) ** -0.5 * factor
        for module in tower.modules():
            if isinstance(module, Embedding):
                init.normal_(module.weight, std=0.02 * factor)
            elif isinstance(module, Conv2d):
                init.normal_(module.weight, std=config.initializer_range * factor)
            elif isinstance(module, CLIPAttention):
                for part in (module.q_proj, module.k_proj, module.v_proj):
                    init.normal_(part.weight, std=C**-0.5 * deep)
                init.normal_(module.out_proj.weight, std=C**-0.5 * factor)
            elif isinstance(module, CLIPMLP):
                init.normal_(module.fc1.weight, std=(2 * C) ** -0.5 * factor)
                init.normal_(module.fc2.weight, std=C**-0.5 * deep)
            if isinstance(module, Linear):
                init.zeros_(module.bias)
            if isinstance(module, CLIPVisionEmbeddings):
                init.normal_(module.class_embedding, std=C**-0.5)


@architecture
class CLIPTextModel(CLIPPreTrained):
    """The text tower: causal; the state of the end token stands for the text. Of a folder of both towers it takes its own.

    Example:
        >>> config = models.CLIPTextConfig(vocab_size=11, eos_token_id=10, hidden_size=6, intermediate_size=8, num_hidden_layers=1,
        ...     num_attention_heads=2)
        >>> models.CLIPTextModel(config)(cr.tensor([[1, 2, 10], [3, 10, 0]])).pooler_output.shape
        chainrule.Size([2, 6])
    """

    config_class = CLIPTextConfig
    base_model_prefix = "text_model"

    def __init__(self, config: CLIPTextConfig):
        super().__init__(config)
        self.embeddings, self.encoder = CLIPTextEmbeddings(config), CLIPEncoder(config)
        self.final_layer_norm = LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.start(self, config)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> BaseOutput:
        """States (B, T, C), and that of the end token (B, C); arguments as of `CLIPModel.forward`."""
        x = self.embeddings(input_ids, position_ids)
        mask = may_see(input_ids.shape[1], attention_mask, None)
        states, attentions = self.encoder(x, mask, output_attentions)
        x, end = self.final_layer_norm(states[-1]), self.config.eos_token_id
        # older configurations have 2 for it, and mean the largest number there is
        ends = input_ids if end == 2 else (input_ids == end).to(int64)
        pooled = x[arange(input_ids.shape[0]), ends.argmax(dim=-1)]
        return _output(x, pooled, states, attentions, output_attentions, output_hidden_states)


class CLIPVisionEmbeddings(Module):
    """Patches behind a class token, and where they are."""

    def __init__(self, config: CLIPVisionConfig):
        super().__init__()
        C, side = config.hidden_size, config.image_size // config.patch_size
        self.class_embedding = Parameter(empty(C))
        self.patch_embedding = Conv2d(
            config.num_channels, C, config.patch_size, config.patch_size, bias=False
        )
        self.position_embedding = Embedding(side * side + 1, C)
        self.size, self.patch, self.channels = (
            config.image_size,
            config.patch_size,
            config.num_channels,
        )

    def forward(self, pixels: Tensor, interpolate: bool) -> Tensor:
        """(B, channels, size, size) → (B, 1 + N, C)."""
        wanted = (self.channels, self.size, self.size)
        found = tuple(pixels.shape[1:])
        if found[:1] != wanted[:1] or (not interpolate and found != wanted):
            raise ShapeError(f"CLIP: expected images {wanted}, found {found}")
        x = self.patch_embedding(pixels).flatten(2).transpose(1, 2)  # (B, N, C)
        x = cat([self.class_embedding.expand(x.shape[0], 1, -1), x], dim=1)
        if not interpolate:
            return x + self.position_embedding(arange(x.shape[1]).unsqueeze(0))
        return x + self._resized(found[1] // self.patch, found[2] // self.patch)

    def _resized(self, rows: int, columns: int) -> Tensor:
        """The positions' embeddings for images of another size, interpolated."""
        first, rest = self.position_embedding.weight[:1], self.position_embedding.weight[1:]
        side = self.size // self.patch
        grid = rest.reshape(1, side, side, -1).permute(0, 3, 1, 2)  # (1, C, side, side)
        grid = F.interpolate(grid, size=(rows, columns), mode="bicubic", align_corners=False)
        return cat([first.unsqueeze(0), grid.flatten(2).transpose(1, 2)], dim=1)


@architecture
class CLIPVisionModel(CLIPPreTrained):
    """The image tower; the state of the class token stands for the image. Of a folder of both towers it takes its own."""

    config_class = CLIPVisionConfig
    base_model_prefix = "vision_model"

    def __init__(self, config: CLIPVisionConfig):
        super().__init__(config)
        C = config.hidden_size
        self.embeddings, self.encoder = CLIPVisionEmbeddings(config), CLIPEncoder(config)
        self.pre_layrnorm = LayerNorm(C, eps=config.layer_norm_eps)  # the checkpoints' spelling
        self.post_layernorm = LayerNorm(C, eps=config.layer_norm_eps)
        self.start(self, config)

    def forward(
        self,
        pixel_values: Tensor,
        interpolate_pos_encoding: bool = False,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> BaseOutput:
        """States (B, 1 + N, C), and that of the class token (B, C); arguments as of `CLIPModel.forward`."""
        x = self.pre_layrnorm(self.embeddings(pixel_values, interpolate_pos_encoding))
        states, attentions = self.encoder(x, None, output_attentions)
        x = states[-1]
        pooled = self.post_layernorm(x[:, 0])
        return _output(x, pooled, states, attentions, output_attentions, output_hidden_states)


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
        return CLIPTowerOutput(
            text_embeds=self.text_projection(out.pooler_output),
            last_hidden_state=out.last_hidden_state,
            hidden_states=out.hidden_states,
            attentions=out.attentions,
        )


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
        return CLIPTowerOutput(
            image_embeds=self.visual_projection(out.pooler_output),
            last_hidden_state=out.last_hidden_state,
            hidden_states=out.hidden_states,
            attentions=out.attentions,
        )


@architecture
class CLIPForImageClassification(CLIPPreTrained):
    """The image tower that classifies: logits (B, classes) of the mean of its patches' states."""

    def __init__(self, config: CLIPConfig):
        super().__init__(config)
        C = config.vision_config.hidden_size
        self.vision_model = CLIPVisionModel(config.vision_config)
        self.classifier = Linear(C, len(config.id2label))
        init.normal_(self.classifier.weight, std=C**-0.5 * config.initializer_factor)
        init.zeros_(self.classifier.bias)

    def forward(
        self, pixel_values: Tensor, labels: Tensor | None = None, **settings: Any
    ) -> ClassifierOutput:
        """Logits, and with `labels` the loss, see `classification_loss`; the others as of `CLIPVisionModel.forward`."""
        out = self.vision_model(pixel_values, **settings)
        logits = self.classifier(out.last_hidden_state[:, 1:].mean(dim=1))
        return ClassifierOutput(
            loss=None if labels is None else classification_loss(logits, labels, self.config),
            logits=logits,
            hidden_states=out.hidden_states,
            attentions=out.attentions,
        )
