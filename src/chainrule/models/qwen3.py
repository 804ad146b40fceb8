"""Qwen3: Qwen2 without its biases, whose queries and keys are normalised in every head.

    q, k = norm(x W_q), norm(x W_k)   over the D channels of a head, before positions turn them

So scores cannot grow with the weights, and training in low precision stays calm.   Source: Yang et al. 2025.
"""

from __future__ import annotations

from ..nn import RMSNorm
from ..tensors import Tensor
from .config import configuration
from .heads import behind
from .llama import (
    LlamaAttention,
    LlamaConfig,
    LlamaDecoderLayer,
    LlamaForCausalLM,
    LlamaForQuestionAnswering,
    LlamaForSequenceClassification,
    LlamaForTokenClassification,
    LlamaModel,
)
from .pretrained import architecture
from .qwen2 import Qwen2Config

__all__ = [
    "Qwen3Config", "Qwen3ForCausalLM", "Qwen3ForQuestionAnswering", "Qwen3ForSequenceClassification",
    "Qwen3ForTokenClassification", "Qwen3Model",
]  # fmt: skip


@configuration
class Qwen3Config(Qwen2Config):
    """Sizes and settings of Qwen3."""

    model_type = "qwen3"

    head_dim = 128

    def biases(self) -> tuple[bool, bool, bool]:
        """As of Llama: if `attention_bias` says so."""
        return self.attention_bias, self.attention_bias, False


class Qwen3Attention(LlamaAttention):
    """Attention whose queries and keys are normalised."""

    def __init__(self, config: LlamaConfig, layer: int):
        super().__init__(config, layer)
        self.q_norm, self.k_norm = [
            RMSNorm(config.head_size, eps=config.rms_norm_eps) for _ in range(2)
        ]

    def project(self, x: Tensor) -> list[Tensor]:
        """(B, T, C) → (B, T, H or K, D) each."""
        q, k, v = super().project(x)
        return [self.q_norm(q), self.k_norm(k), v]


class Qwen3DecoderLayer(LlamaDecoderLayer):
    """Llama's, with another attention."""

    attention_class = Qwen3Attention


@architecture
class Qwen3Model(LlamaModel):
    """`LlamaModel` with Qwen3's layers."""

    config_class, layer_class = Qwen3Config, Qwen3DecoderLayer


Qwen3ForCausalLM = behind(Qwen3Model, LlamaForCausalLM)
Qwen3ForSequenceClassification = behind(Qwen3Model, LlamaForSequenceClassification)
Qwen3ForTokenClassification = behind(Qwen3Model, LlamaForTokenClassification)
Qwen3ForQuestionAnswering = behind(Qwen3Model, LlamaForQuestionAnswering)
