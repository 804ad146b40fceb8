"""DINOv2: a Vision Transformer that learns without labels, and whose features serve many tasks as they are.

    x + λ · attention(norm(x)),  x + λ′ · mlp(norm(x))      λ one number for each channel, learnt

Images may have any size: positions are interpolated. The giant's small network is gated.

B batch, N patches, C channels.   Source: Oquab et al. 2023; λ: Touvron et al. 2021 (CaiT); layers that are left out for an image: Huang
et al. 2016.
"""

from __future__ import annotations

from ..nn import LayerNorm, Linear, Module, Parameter
from ..nn import functional as F
from ..tensors import Tensor, cat, full, rand, zeros
from .activations import activation
from .config import configuration
from .heads import ClassifiesImages
from .output import BaseOutput
from .pretrained import architecture
from .reading import Layers, Reading
from .vit import PatchedConfig, ViTAttention, ViTEmbeddings, ViTPreTrained

__all__ = ["Dinov2Config", "Dinov2ForImageClassification", "Dinov2Model"]


@configuration
class Dinov2Config(PatchedConfig):
    """Sizes and settings; the defaults are those of DINOv2-B/14."""

    model_type = "dinov2"

    mlp_ratio: int | float = 4
    layer_norm_eps = 1e-6
    patch_size = 14
    layerscale_value: float = 1.0
    drop_path_rate: float = 0.0
    use_swiglu_ffn: bool = False
    use_mask_token: bool = True

    def check(self) -> None:
        """As of `PatchedConfig`; the small network has a width, and a share of branches is left out."""
        super().check()
        self.need(
            self.wide > 0, f"mlp_ratio must make the small network wide, found {self.mlp_ratio}"
        )
        p = self.drop_path_rate
        self.need(0 <= p < 1, f"drop_path_rate must be from 0 to below 1, found {p}")

    @property
    def wide(self) -> int:
        """The width of the small network."""
        return int(self.hidden_size * self.mlp_ratio)


class Dinov2Embeddings(ViTEmbeddings):
    """ViT's, for images of any size."""

    def __init__(self, config: Dinov2Config):
        super().__init__(config, config.use_mask_token)
        if self.mask_token is not None:
            self.mask_token = Parameter(zeros(1, config.hidden_size))  # as checkpoints have it


class Dinov2LayerScale(Module):
    """x · λ."""

    def __init__(self, config: Dinov2Config):
        super().__init__()
        self.lambda1 = Parameter(full((config.hidden_size,), config.layerscale_value))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        return x * self.lambda1


class Dinov2MLP(Module):
    """A small network on every position."""

    def __init__(self, config: Dinov2Config):
        super().__init__()
        self.fc1 = Linear(config.hidden_size, config.wide)
        self.fc2 = Linear(config.wide, config.hidden_size)
        self.act = activation(config.hidden_act)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        return self.fc2(self.act(self.fc1(x)))


class Dinov2GatedMLP(Module):
    """A gated network,  out(silu(a) · b),  a and b of one map; two thirds as wide, made a multiple of 8."""

    def __init__(self, config: Dinov2Config):
        super().__init__()
        wide = (config.wide * 2 // 3 + 7) // 8 * 8
        self.weights_in = Linear(config.hidden_size, 2 * wide)
        self.weights_out = Linear(wide, config.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        gate, up = self.weights_in(x).chunk(2, dim=-1)
        return self.weights_out(F.silu(gate) * up)


class Dinov2Layer(Module):
    """x + λ · attention(norm(x)), then x + λ′ · mlp(norm(x)). In training each branch is left out for some images."""

    def __init__(self, config: Dinov2Config):
        super().__init__()
        C, eps = config.hidden_size, config.layer_norm_eps
        self.norm1, self.attention = LayerNorm(C, eps=eps), ViTAttention(config)
        self.layer_scale1, self.layer_scale2 = [Dinov2LayerScale(config) for _ in range(2)]
        self.norm2 = LayerNorm(C, eps=eps)
        self.mlp: Module = Dinov2GatedMLP(config) if config.use_swiglu_ffn else Dinov2MLP(config)
        self.p = config.drop_path_rate

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        x = x + self._kept(self.layer_scale1(self.attention(self.norm1(x), reading)))
        return x + self._kept(self.layer_scale2(self.mlp(self.norm2(x))))

    def _kept(self, y: Tensor) -> Tensor:
        if not self.p or not self.training:
            return y
        return y * (rand(y.shape[0], 1, 1) >= self.p).to(y.dtype) / (1 - self.p)


class Dinov2Encoder(Module):
    """The layers."""

    def __init__(self, config: Dinov2Config):
        super().__init__()
        self.layer = Layers([Dinov2Layer(config) for _ in range(config.num_hidden_layers)])

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        return self.layer(x, reading)


class Dinov2PreTrained(ViTPreTrained):
    """What the models of this file share: names."""

    config_class = Dinov2Config
    base_model_prefix = "dinov2"
    may_lack = None


@architecture
class Dinov2Model(Dinov2PreTrained):
    """The layers without a head.

    Example:
        >>> config = models.Dinov2Config(hidden_size=6, num_hidden_layers=2, num_attention_heads=3, image_size=12, patch_size=4)
        >>> models.Dinov2Model(config)(cr.rand(2, 3, 16, 12)).last_hidden_state.shape
        chainrule.Size([2, 13, 6])
    """

    def __init__(self, config: Dinov2Config):
        super().__init__(config)
        self.embeddings, self.encoder = Dinov2Embeddings(config), Dinov2Encoder(config)
        self.layernorm = LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.start(self)

    def forward(
        self,
        pixel_values: Tensor,
        bool_masked_pos: Tensor | None = None,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> BaseOutput:
        """The last hidden state (B, 1 + N, C), and the class token's (B, C).

        Args:
            pixel_values: (B, channels, height, width), of any size.
            bool_masked_pos: (B, N), which patches are hidden.
            output_attentions, output_hidden_states: whether to return these, see `BaseOutput`.
        """
        reading = Reading(
            output_attentions=output_attentions, output_hidden_states=output_hidden_states
        )
        x = self.encoder(self.embeddings(pixel_values, bool_masked_pos, True), reading)
        kept = reading.end(x)  # states have no norm
        x = self.layernorm(x)
        return BaseOutput(last_hidden_state=x, pooler_output=x[:, 0], **kept)


@architecture
class Dinov2ForImageClassification(ClassifiesImages, Dinov2PreTrained):
    """DINOv2 that classifies images: logits (B, classes) of the class token beside the mean of the patches."""

    def __init__(self, config: Dinov2Config):
        super().__init__(config)
        self.dinov2 = Dinov2Model(config)
        self.classifier = Linear(2 * config.hidden_size, len(config.id2label))
        self.start(self.classifier)

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, 1 + N, C) → (B, classes)."""
        x = out.last_hidden_state
        return self.classifier(cat([x[:, 0], x[:, 1:].mean(dim=1)], dim=1))
