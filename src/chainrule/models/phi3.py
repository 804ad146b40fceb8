"""Phi-3: Llama with one map for queries, keys and values together and one for both halves of the gated network, and dropout on what
each branch adds. A part of a head's channels may stay unturned (`partial_rotary_factor`).

    q, k, v = x W, cut in three;   gate, up = y W′, cut in two

Long texts (longrope): behind `original_max_position_embeddings` other frequencies hold, for all tokens; so what was kept of the
tokens before is computed anew there.

Source: Abdin et al. 2024.
"""

from __future__ import annotations

from typing import Any

from ..nn import Dropout, Linear, Module
from ..tensors import Tensor
from .activations import activation
from .cache import Cache
from .config import configuration
from .heads import behind
from .llama import (
    LlamaAttention,
    LlamaConfig,
    LlamaDecoderLayer,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    LlamaForTokenClassification,
    LlamaModel,
    LlamaReading,
)
from .pretrained import architecture
from .rotary import PartlyRotaryConfig
from .windows import WindowedConfig

__all__ = [
    "Phi3Config", "Phi3ForCausalLM", "Phi3ForSequenceClassification", "Phi3ForTokenClassification", "Phi3Model",
]  # fmt: skip


@configuration
class Phi3Config(WindowedConfig, PartlyRotaryConfig):
    """Sizes and settings; the defaults are those of Phi-3 mini (3.8 billion parameters)."""

    model_type = "phi3"

    vocab_size = 32064
    hidden_size = 3072
    intermediate_size = 8192
    resid_pdrop: float = 0.0
    max_position_embeddings = 4096
    original_max_position_embeddings: int = 4096
    rms_norm_eps = 1e-5
    sliding_window = None
    eos_token_id = 32000
    pad_token_id = 32000

    def check(self) -> None:
        """As Llama's; and longrope is the one way of scaling."""
        self.need_positive("hidden_size", "num_attention_heads")
        self.need(
            self.original_max_position_embeddings > 1,
            f"original_max_position_embeddings must be above 1, found {self.original_max_position_embeddings}",
        )
        super().check()
        kind = self.rotary()["full_attention"][1].get("rope_type", "default")
        self.need(
            kind in ("default", "longrope"),
            f"rotary positions are of type default or longrope, found {kind!r:.40}",
        )

    def rotary(self) -> dict[str, tuple[float, dict[str, Any]]]:
        """As of Llama; "su" and "yarn" are older names of longrope."""
        scaling = dict(self.rope_scaling or {})
        kind = scaling.pop("type", None)
        kind = scaling.get("rope_type", kind or "default")
        scaling["rope_type"] = "longrope" if kind in ("su", "yarn") else kind
        scaling["original_max_position_embeddings"] = self.original_max_position_embeddings
        return {"full_attention": (self.rope_theta, scaling)}

    def biases(self) -> tuple[bool, bool, bool]:
        """There are none."""
        return False, False, False


class Phi3Attention(LlamaAttention):
    """Attention with one map for queries, keys and values."""

    def begin(self, config: LlamaConfig) -> None:
        """That map."""
        D, H, K = config.head_size, config.num_attention_heads, config.key_value_heads
        self.parts = [H * D, K * D, K * D]
        self.qkv_proj = Linear(config.hidden_size, sum(self.parts), bias=False)

    def project(self, x: Tensor) -> list[Tensor]:
        """(B, T, C) → (B, T, H or K, D) each."""
        B, T, _ = x.shape
        return [
            each.view(B, T, -1, self.size) for each in self.qkv_proj(x).split(self.parts, dim=-1)
        ]


class Phi3MLP(Module):
    """A gated network on every position, whose gate and values are one map's."""

    def __init__(self, config: LlamaConfig):
        super().__init__()
        C, inner = config.hidden_size, config.intermediate_size
        self.gate_up_proj = Linear(C, 2 * inner, bias=False)
        self.down_proj, self.act = Linear(inner, C, bias=False), activation(config.act_name)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        gate, up = self.gate_up_proj(x).chunk(2, dim=-1)
        return self.down_proj(self.act(gate) * up)


class Phi3DecoderLayer(LlamaDecoderLayer):
    """Llama's, with other parts, and dropout behind both."""

    attention_class = Phi3Attention

    def begin(self, config: LlamaConfig, layer: int) -> None:
        """What stands behind attention."""
        self.mlp: Module = Phi3MLP(config)
        self.resid_attn_dropout = Dropout(config.resid_pdrop)
        self.resid_mlp_dropout = Dropout(config.resid_pdrop)

    def forward(self, x: Tensor, reading: LlamaReading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        x = x + self.resid_attn_dropout(self.self_attn(self.input_layernorm(x), reading))
        return x + self.resid_mlp_dropout(self.mlp(self.post_attention_layernorm(x)))


@architecture
class Phi3Model(LlamaModel):
    """`LlamaModel` with Phi-3's layers."""

    config_class, layer_class = Phi3Config, Phi3DecoderLayer


@architecture
class Phi3ForCausalLM(LlamaForCausalLM):
    """`LlamaForCausalLM` with Phi-3."""

    config_class, model_class = Phi3Config, Phi3Model

    def _next(self, ids: Tensor, mask: Tensor, cache: Cache | None) -> Tensor:
        """As of `Generates`; where other frequencies begin to hold, all is read again."""
        most = self.config.original_max_position_embeddings
        if cache is not None and ids.shape[1] > most and int(cache.position) <= most:
            cache.position.zero_()
        return super()._next(ids, mask, cache)


Phi3ForSequenceClassification = behind(Phi3Model, LlamaForSequenceClassification)
Phi3ForTokenClassification = behind(Phi3Model, LlamaForTokenClassification)
