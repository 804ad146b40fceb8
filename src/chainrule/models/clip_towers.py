"""CLIP's towers: a causal transformer that reads texts, and a Vision Transformer that looks at images.

    ids (B, T) → token + position embeddings → [x + attention(norm(x)), x + mlp(norm(x))] × layers → norm → the end token's state
    pixels → patches behind a class token + positions → norm → the same layers → the class token's state, norm

B batch, T tokens or patches, N patches, C channels of a tower.

Source: Radford et al. 2021, section 2.4.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

from ..base.errors import FormatError, ShapeError
from ..nn import Conv2d, Embedding, LayerNorm, Linear, Module, Parameter, init
from ..tensors import Tensor, arange, cat, empty, int64
from .activations import activation
from .attention import attend, may_see
from .config import Config, configuration
from .output import BaseOutput
from .patches import resized_grid
from .pretrained import PreTrained, architecture
from .reading import Layers, Reading

__all__ = [
    "CLIPPreTrained", "CLIPTextConfig", "CLIPTextModel", "CLIPVisionConfig", "CLIPVisionModel", "section_of",
]  # fmt: skip


@configuration
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
        if given.get("model_type") == "clip":
            outer = {k: v for k, v in given.items() if k in ("dtype", "torch_dtype")}
            given = {**outer, **section_of(given, cls, source)}
        return super().from_dict(given, source)

    def check(self) -> None:
        """Sizes are positive, and the heads divide the channels."""
        self.need_activation(self.hidden_act)
        self.need_positive(
            "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "projection_dim",
        )  # fmt: skip
        C, H = self.hidden_size, self.num_attention_heads
        self.need(C % H == 0, f"num_attention_heads must divide hidden_size, found {H} and {C}")


@configuration
class CLIPTextConfig(TowerConfig):
    """Sizes of the text tower; the defaults are those of ViT-B/32."""

    model_type = "clip_text_model"
    section = "text_config"

    vocab_size: int = 49408
    max_position_embeddings: int = 77
    eos_token_id: int | None = 49407


@configuration
class CLIPVisionConfig(TowerConfig):
    """Sizes of the image tower; the defaults are those of ViT-B/32."""

    model_type = "clip_vision_model"
    section = "vision_config"

    hidden_size = 768
    intermediate_size = 3072
    num_attention_heads = 12
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


def section_of(given: dict[str, Any], part: type[TowerConfig], source: Any) -> dict[str, Any]:
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
        self.k_proj, self.v_proj = Linear(C, C), Linear(C, C)
        self.q_proj, self.out_proj = Linear(C, C), Linear(C, C)

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        B, T, C = x.shape
        q, k, v = [
            part(x).view(B, T, self.heads, C // self.heads).transpose(1, 2)  # (B, H, T, D)
            for part in (self.q_proj, self.k_proj, self.v_proj)
        ]
        dropout, scale = self.dropout if self.training else 0.0, (C // self.heads) ** -0.5
        y = attend(q, k, v, reading.mask, scale, dropout, reading.attentions)
        return self.out_proj(y.transpose(1, 2).reshape(B, T, C))


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

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        x = x + self.self_attn(self.layer_norm1(x), reading)
        return x + self.mlp(self.layer_norm2(x))


class CLIPEncoder(Module):
    """The layers of a tower."""

    def __init__(self, config: TowerConfig):
        super().__init__()
        self.layers = Layers([CLIPEncoderLayer(config) for _ in range(config.num_hidden_layers)])

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        return self.layers(x, reading)


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
    """What CLIP's models share: names of older checkpoints, and initial weights."""

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
    words_in = "embeddings.token_embedding"

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
        mask = may_see(input_ids.shape[1], attention_mask, None)
        reading = Reading(
            mask, output_attentions=output_attentions, output_hidden_states=output_hidden_states
        )
        x = self.encoder(self.embeddings(input_ids, position_ids), reading)
        kept = reading.end(x)  # states have no norm
        x, end = self.final_layer_norm(x), self.config.eos_token_id
        # older configurations have 2 for it, and mean the largest number there is
        ends = input_ids if end == 2 else (input_ids == end).to(int64)
        pooled = x[arange(input_ids.shape[0]), ends.argmax(dim=-1)]
        return BaseOutput(last_hidden_state=x, pooler_output=pooled, **kept)


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
        self.size, self.patch = config.image_size, config.patch_size
        self.channels = config.num_channels

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
        rows, columns = found[1] // self.patch, found[2] // self.patch
        side, grid = self.size // self.patch, self.position_embedding.weight.unsqueeze(0)
        return x + resized_grid(grid, (side, side), (rows, columns))


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
        reading = Reading(
            output_attentions=output_attentions, output_hidden_states=output_hidden_states
        )
        x = self.pre_layrnorm(self.embeddings(pixel_values, interpolate_pos_encoding))
        x = self.encoder(x, reading)
        pooled = self.post_layernorm(x[:, 0])
        return BaseOutput(last_hidden_state=x, pooler_output=pooled, **reading.end(x))
