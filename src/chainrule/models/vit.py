"""The Vision Transformer: an image is cut into patches, which are read as words are.

    pixels (B, channels, size, size) → patches → [class, patch embeddings] + positions → [x + attention(norm(x)),
    x + mlp(norm(x))] × layers → norm → the class token's state

B batch, N patches, C channels (`hidden_size`), H heads.

Source: Dosovitskiy et al. 2021; checkpoints as Hugging Face's `ViTModel` and `ViTForImageClassification` have them.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..base.errors import ShapeError
from ..nn import (
    Conv2d,
    Dropout,
    LayerNorm,
    Linear,
    Module,
    Parameter,
    PixelShuffle,
    Sequential,
    init,
)  # fmt: skip
from ..tensors import Tensor, cat, empty, where, zeros
from .activations import activation
from .attention import attend
from .config import Labelled, configuration, is_size
from .heads import ClassifiesImages, WithHead
from .output import BaseOutput, ImageOutput
from .patches import resized_grid
from .pretrained import PreTrained, architecture
from .reading import Layers, Reading

__all__ = ["ViTConfig", "ViTForImageClassification", "ViTForMaskedImageModeling", "ViTModel"]


@configuration
class PatchedConfig(Labelled):
    """Settings of models that read patches."""

    fixed: ClassVar = {"pruned_heads": {}}

    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    hidden_act: str = "gelu"
    hidden_dropout_prob: float = 0.0
    attention_probs_dropout_prob: float = 0.0
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    image_size: int | tuple = 224
    patch_size: int | tuple = 16
    num_channels: int = 3
    qkv_bias: bool = True

    def check(self) -> None:
        """Sizes are positive and fit each other."""
        self.need_activation(self.hidden_act)
        self.need_positive(
            "hidden_size", "num_hidden_layers", "num_attention_heads", "num_channels"
        )
        for name in ("image_size", "patch_size"):
            value = getattr(self, name)
            self.need(is_size(value), f"{name} must be one or two positive numbers, found {value}")
        C, H = self.hidden_size, self.num_attention_heads
        self.need(C % H == 0, f"num_attention_heads must divide hidden_size, found {H} and {C}")
        self.need(
            min(self.grid) > 0,
            f"a patch of {self.patch_size} does not fit into an image of {self.image_size}",
        )

    @property
    def grid(self) -> tuple[int, int]:
        """How many patches stand above and beside each other."""
        (height, width), (tall, wide) = _both(self.image_size), _both(self.patch_size)
        return height // tall, width // wide


@configuration
class ViTConfig(PatchedConfig):
    """Sizes and settings; the defaults are those of ViT-B/16 (86 million parameters)."""

    model_type = "vit"

    intermediate_size: int = 3072
    pooler_output_size: int | None = None
    pooler_act: str = "tanh"
    encoder_stride: int = 16

    def check(self) -> None:
        """As of `PatchedConfig`."""
        super().check()
        self.need_activation(self.pooler_act)
        self.need_positive("intermediate_size", "encoder_stride")


def _both(size: int | tuple) -> tuple[int, int]:
    """Height and width."""
    return (size, size) if isinstance(size, int) else size


class ViTPatchEmbeddings(Module):
    """A linear map of each patch: a convolution whose windows do not overlap."""

    def __init__(self, config: PatchedConfig):
        super().__init__()
        self.size, self.channels = _both(config.image_size), config.num_channels
        patch = _both(config.patch_size)
        self.projection = Conv2d(config.num_channels, config.hidden_size, patch, patch)

    def forward(self, pixels: Tensor, any_size: bool) -> Tensor:
        """(B, channels, size, size) → (B, N, C)."""
        _, channels, height, width = pixels.shape
        if channels != self.channels or (not any_size and (height, width) != self.size):
            raise ShapeError(
                f"ViT: expected images of {self.channels} channels and {self.size[0]} × {self.size[1]} pixels, "
                f"found {channels} channels and {height} × {width}"
            )
        return self.projection(pixels).flatten(2).transpose(1, 2)


class ViTEmbeddings(Module):
    """Patches behind a class token, and where they are; hidden patches are all alike."""

    first: ClassVar[tuple[str, ...]] = ("cls_token",)
    """The tokens before the patches."""

    def __init__(self, config: PatchedConfig, use_mask_token: bool):
        super().__init__()
        C, self.grid = config.hidden_size, config.grid
        for name in self.first:
            setattr(self, name, Parameter(empty(1, 1, C)))
        count = len(self.first) + self.grid[0] * self.grid[1]
        self.position_embeddings = Parameter(empty(1, count, C))
        self.mask_token = Parameter(zeros(1, 1, C)) if use_mask_token else None
        self.patch_embeddings = ViTPatchEmbeddings(config)
        self.dropout, self.patch = Dropout(config.hidden_dropout_prob), _both(config.patch_size)
        for name in (*self.first, "position_embeddings"):
            init.trunc_normal_(getattr(self, name), std=config.initializer_range)

    def forward(self, pixels: Tensor, hidden: Tensor | None, interpolate: bool) -> Tensor:
        """(B, channels, size, size) → (B, first tokens + N, C)."""
        x = self.patch_embeddings(pixels, interpolate)
        if hidden is not None:
            if self.mask_token is None:
                raise ShapeError("bool_masked_pos is for models with a mask token (use_mask_token)")
            x = where((hidden != 0).unsqueeze(-1), self.mask_token, x)
        B, C = x.shape[0], x.shape[2]
        x = cat([*[getattr(self, name).expand(B, 1, C) for name in self.first], x], dim=1)
        positions = self.position_embeddings
        (height, width), (tall, wide) = pixels.shape[2:], self.patch
        wanted = (height // tall, width // wide)
        if interpolate and wanted != self.grid:
            positions = resized_grid(positions, self.grid, wanted)
        return self.dropout(x + positions)


class ViTSelfAttention(Module):
    """Queries, keys and values; every patch sees every other."""

    def __init__(self, config: PatchedConfig):
        super().__init__()
        C, bias = config.hidden_size, config.qkv_bias
        self.heads, self.dropout = config.num_attention_heads, config.attention_probs_dropout_prob
        self.query, self.key, self.value = [Linear(C, C, bias=bias) for _ in range(3)]

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        B, T, C = x.shape
        q, k, v = [
            part(x).view(B, T, self.heads, C // self.heads).transpose(1, 2)  # (B, H, T, D)
            for part in (self.query, self.key, self.value)
        ]
        dropout, scale = self.dropout if self.training else 0.0, (C // self.heads) ** -0.5
        y = attend(q, k, v, None, scale, dropout, reading.attentions)
        return y.transpose(1, 2).reshape(B, T, C)


class ViTDense(Module):
    """A linear map and dropout."""

    def __init__(self, in_features: int, out_features: int, p: float):
        super().__init__()
        self.dense, self.dropout = Linear(in_features, out_features), Dropout(p)

    def forward(self, x: Tensor) -> Tensor:
        """(…, in) → (…, out)."""
        return self.dropout(self.dense(x))


class ViTAttention(Module):
    """Attention and the map of its heads."""

    def __init__(self, config: PatchedConfig):
        super().__init__()
        self.attention = ViTSelfAttention(config)
        self.output = ViTDense(config.hidden_size, config.hidden_size, config.hidden_dropout_prob)

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        return self.output(self.attention(x, reading))


class ViTIntermediate(Module):
    """The wide layer of the small network."""

    def __init__(self, config: ViTConfig):
        super().__init__()
        self.dense = Linear(config.hidden_size, config.intermediate_size)
        self.act = activation(config.hidden_act)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → (B, T, wide)."""
        return self.act(self.dense(x))


class ViTLayer(Module):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, config: ViTConfig):
        super().__init__()
        C = config.hidden_size
        self.attention, self.intermediate = ViTAttention(config), ViTIntermediate(config)
        self.output = ViTDense(config.intermediate_size, C, config.hidden_dropout_prob)
        self.layernorm_before = LayerNorm(C, eps=config.layer_norm_eps)
        self.layernorm_after = LayerNorm(C, eps=config.layer_norm_eps)

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        x = x + self.attention(self.layernorm_before(x), reading)
        return x + self.output(self.intermediate(self.layernorm_after(x)))


class ViTEncoder(Module):
    """The layers."""

    def __init__(self, config: ViTConfig):
        super().__init__()
        self.layer = Layers([ViTLayer(config) for _ in range(config.num_hidden_layers)])

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        return self.layer(x, reading)


class ViTPooler(Module):
    """An activation of a linear map of the class token."""

    def __init__(self, config: ViTConfig):
        super().__init__()
        self.dense = Linear(config.hidden_size, config.pooler_output_size or config.hidden_size)
        self.act = activation(config.pooler_act)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → (B, C)."""
        return self.act(self.dense(x[:, 0]))


class ViTPreTrained(PreTrained):
    """What the models of this file share: names, and initial weights."""

    config_class = ViTConfig
    base_model_prefix = "vit"
    may_lack = r"(vit\.|deit\.)?(pooler\..*|embeddings\.mask_token)"

    def start(self, part: Module) -> None:
        """Initial weights of a part: N(0, initializer_range²) cut off at 2, biases 0."""
        for module in part.modules():
            if isinstance(module, (Linear, Conv2d)):
                init.trunc_normal_(module.weight, std=self.config.initializer_range)
                if module.bias is not None:
                    init.zeros_(module.bias)


@architecture
class ViTModel(ViTPreTrained):
    """The layers without a head.

    Args:
        config: sizes and settings.
        add_pooling_layer: whether `pooler_output` is computed.
        use_mask_token: whether patches may be hidden.

    Example:
        >>> config = models.ViTConfig(hidden_size=6, num_hidden_layers=2, num_attention_heads=3, intermediate_size=8,
        ...     image_size=12, patch_size=4)
        >>> models.ViTModel(config)(cr.rand(2, 3, 12, 12)).last_hidden_state.shape
        chainrule.Size([2, 10, 6])
    """

    embeddings_class: ClassVar[type[ViTEmbeddings]] = ViTEmbeddings

    def __init__(
        self, config: ViTConfig, add_pooling_layer: bool = True, use_mask_token: bool = False
    ):
        super().__init__(config)
        self.embeddings = self.embeddings_class(config, use_mask_token)
        self.encoder = ViTEncoder(config)
        self.layernorm = LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.pooler = ViTPooler(config) if add_pooling_layer else None
        self.start(self)

    def forward(
        self,
        pixel_values: Tensor,
        bool_masked_pos: Tensor | None = None,
        interpolate_pos_encoding: bool = False,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> BaseOutput:
        """The last hidden state (B, 1 + N, C), and what is pooled of it (B, C).

        Args:
            pixel_values: (B, channels, size, size).
            bool_masked_pos: (B, N), which patches are hidden.
            interpolate_pos_encoding: whether images may have another size: the positions are then interpolated.
            output_attentions, output_hidden_states: whether to return these, see `BaseOutput`.
        """
        reading = Reading(
            output_attentions=output_attentions, output_hidden_states=output_hidden_states
        )
        x = self.embeddings(pixel_values, bool_masked_pos, interpolate_pos_encoding)
        x = self.encoder(x, reading)
        kept = reading.end(x)  # states have no norm
        x = self.layernorm(x)
        pooled = None if self.pooler is None else self.pooler(x)
        return BaseOutput(last_hidden_state=x, pooler_output=pooled, **kept)


class ViTWithHead(ViTPreTrained, WithHead):
    """What the models with a head share: the model behind which it stands."""

    model_class: ClassVar[type[ViTModel]] = ViTModel

    def __init__(self, config: ViTConfig, use_mask_token: bool = False):
        super().__init__(config)
        body = self.model_class(config, add_pooling_layer=False, use_mask_token=use_mask_token)
        setattr(self, self.base_model_prefix, body)


@architecture
class ViTForImageClassification(ClassifiesImages, ViTWithHead):
    """ViT that classifies images: logits (B, classes) of the class token."""

    def __init__(self, config: ViTConfig):
        super().__init__(config)
        self.classifier = Linear(config.hidden_size, len(config.id2label))
        self.start(self.classifier)

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, 1 + N, C) → (B, classes)."""
        return self.classifier(out.last_hidden_state[:, 0])


@architecture
class ViTForMaskedImageModeling(ViTWithHead):
    """ViT that paints hidden patches: `reconstruction` (B, channels, size, size).   Source: Xie et al. 2022 (SimMIM)."""

    def __init__(self, config: ViTConfig):
        super().__init__(config, use_mask_token=True)
        stride = config.encoder_stride
        paint = Conv2d(config.hidden_size, stride * stride * config.num_channels, 1)
        self.start(paint)
        self.decoder = Sequential(paint, PixelShuffle(stride))

    def forward(
        self,
        pixel_values: Tensor,
        bool_masked_pos: Tensor | None = None,
        **settings: Any,
    ) -> ImageOutput:
        """What the patches look like; with `bool_masked_pos` (B, N) the mean difference |painted − given| over those hidden; the others
        as of `ViTModel.forward`.

        Raises:
            ShapeError: hidden patches, and what is painted is not as large as what is given (`encoder_stride` ≠ `patch_size`).
        """
        config, patch = self.config, _both(self.config.patch_size)
        if bool_masked_pos is not None and patch != _both(config.encoder_stride):
            raise ShapeError(
                f"ViT: with bool_masked_pos patch_size must be encoder_stride, found {patch} and {config.encoder_stride}"
            )
        out = self.read(pixel_values, bool_masked_pos, **settings)
        height, width = [n // p for n, p in zip(pixel_values.shape[2:], patch, strict=True)]
        first = len(self.model_class.embeddings_class.first)
        x = out.last_hidden_state[:, first:].transpose(1, 2).unflatten(2, (height, width))
        painted, loss = self.decoder(x), None  # (B, channels, size, size)
        if bool_masked_pos is not None:
            hidden = bool_masked_pos.reshape(-1, height, width).to(painted.dtype)
            hidden = hidden.repeat_interleave(patch[0], 1).repeat_interleave(patch[1], 2)
            hidden = hidden.unsqueeze(1)  # (B, 1, size, size)
            wrong = ((pixel_values - painted).abs() * hidden).sum()
            loss = wrong / (hidden.sum() + 1e-5) / config.num_channels
        return ImageOutput.of(out, loss=loss, reconstruction=painted)
