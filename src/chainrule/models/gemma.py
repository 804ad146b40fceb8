"""Gemma: Llama whose norms multiply by 1 + weight and whose embeddings are multiplied by √C.  Gemma 2: every branch is normalised
before and behind, layers look back a window in turn with all there is, and neither scores nor logits exceed a cap.

    Gemma 2:  x + norm(attention(norm(x))),  x + norm(mlp(norm(x)));   score → 50 · tanh(score / 50);   logit → 30 · tanh(logit / 30)

Source: Gemma Team 2024 (Gemma; Gemma 2). The embeddings tell words too.
"""

from __future__ import annotations

from typing import Any

from ..nn import Module, Parameter
from ..nn import functional as F
from ..tensors import Tensor, tensor, zeros
from .attention import added, attend
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
from .output import BaseOutput
from .pretrained import architecture
from .reading import Reading
from .windows import WindowedConfig

__all__ = [
    "Gemma2Config", "Gemma2ForCausalLM", "Gemma2ForSequenceClassification", "Gemma2ForTokenClassification", "Gemma2Model",
    "GemmaConfig", "GemmaForCausalLM", "GemmaForSequenceClassification", "GemmaForTokenClassification", "GemmaModel",
]  # fmt: skip


@configuration
class GemmaConfig(LlamaConfig):
    """Sizes and settings; the defaults are those of Gemma with 7 billion parameters."""

    model_type = "gemma"

    vocab_size = 256000
    hidden_size = 3072
    intermediate_size = 24576
    num_hidden_layers = 28
    num_attention_heads = 16
    num_key_value_heads = 16
    head_dim = 256
    hidden_act = "gelu_pytorch_tanh"
    max_position_embeddings = 8192
    use_bidirectional_attention: bool | None = None
    tie_word_embeddings = True
    bos_token_id = 2
    eos_token_id = 1
    pad_token_id = 0

    def check(self) -> None:
        """As Llama's."""
        super().check()
        self.need(
            not self.use_bidirectional_attention,
            "use_bidirectional_attention is not there: every position looks back alone",
        )

    @property
    def act_name(self) -> str:
        """The files' "gelu" means the approximation with which the models were trained."""
        return "gelu_pytorch_tanh" if self.hidden_act == "gelu" else self.hidden_act

    def biases(self) -> tuple[bool, bool, bool]:
        """In attention, if `attention_bias` says so."""
        return self.attention_bias, self.attention_bias, False


class GemmaNorm(Module):
    """x / √(mean(x²) + ε) · (1 + weight), over the last axis."""

    def __init__(self, size: int, eps: float):
        super().__init__()
        self.weight, self.eps = Parameter(zeros(size)), eps

    def forward(self, x: Tensor) -> Tensor:
        """(…, size) → (…, size)."""
        return F.rms_norm(x, self.weight.shape, 1 + self.weight, self.eps)


class GemmaDecoderLayer(LlamaDecoderLayer):
    """Llama's, with other norms."""

    norm_class = GemmaNorm


@architecture
class GemmaModel(LlamaModel):
    """`LlamaModel` with Gemma's layers and embeddings."""

    config_class, layer_class = GemmaConfig, GemmaDecoderLayer

    def embedded(self, ids: Tensor) -> Tensor:
        """Embeddings times √C, which is rounded to their dtype."""
        x = self.embed_tokens(ids)
        return x * tensor(self.config.hidden_size**0.5, dtype=x.dtype)


GemmaForCausalLM = behind(GemmaModel, LlamaForCausalLM)
GemmaForSequenceClassification = behind(GemmaModel, LlamaForSequenceClassification)
GemmaForTokenClassification = behind(GemmaModel, LlamaForTokenClassification)


@configuration
class Gemma2Config(GemmaConfig, WindowedConfig):
    """Sizes and settings; the defaults are those of Gemma 2 with 2 billion parameters."""

    model_type = "gemma2"
    one_by_one = True

    hidden_size = 2304
    intermediate_size = 9216
    num_hidden_layers = 26
    num_attention_heads = 8
    num_key_value_heads = 4
    hidden_activation: str = "gelu_pytorch_tanh"
    query_pre_attn_scalar: int | float = 256
    final_logit_softcapping: float | None = 30.0
    attn_logit_softcapping: float | None = 50.0

    def check(self) -> None:
        """As Gemma's, and caps are positive."""
        super().check()
        self.need_positive("query_pre_attn_scalar")
        for name in ("final_logit_softcapping", "attn_logit_softcapping"):
            if getattr(self, name) is not None:
                self.need_positive(name)

    @property
    def act_name(self) -> str:
        """The activation of the small network."""
        return self.hidden_activation

    @property
    def score_scale(self) -> float:
        """Not by the size of a head, but as said."""
        return self.query_pre_attn_scalar**-0.5

    def by_rule(self, layer: int) -> bool:
        """Every second layer looks back a window, the first among them."""
        return layer % 2 == 0


class Gemma2Attention(LlamaAttention):
    """Attention whose scores do not exceed a cap."""

    def __init__(self, config: Gemma2Config, layer: int):
        super().__init__(config, layer)
        self.cap = config.attn_logit_softcapping

    def look(
        self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, reading: Reading
    ) -> Tensor:
        """(B, H, T, D) → (B, H, T, D). Who may see nobody looks at all alike, as in the reference; so weights are computed by
        themselves, also without a cap: what the fused op keeps has no digits left for a row that is hidden by the least number.
        """
        dropout = self.dropout if self.training else 0.0
        mask = None if mask is None else added(mask, q.dtype)
        written: list[Tensor] = [] if reading.attentions is None else reading.attentions
        return attend(q, k, v, mask, self.scale, dropout, written, self.cap)


class Gemma2DecoderLayer(GemmaDecoderLayer):
    """x + norm(attention(norm(x))), then x + norm(mlp(norm(x)))."""

    attention_class: Any = Gemma2Attention

    def begin(self, config: LlamaConfig, layer: int) -> None:
        """What stands behind attention: the small network, and the norms around it."""
        super().begin(config, layer)
        self.pre_feedforward_layernorm, self.post_feedforward_layernorm = [
            self.norm_class(config.hidden_size, eps=config.rms_norm_eps) for _ in range(2)
        ]

    def forward(self, x: Tensor, reading: LlamaReading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        y = self.self_attn(self.input_layernorm(x), reading)
        x = x + self.post_attention_layernorm(y)
        y = self.mlp(self.pre_feedforward_layernorm(x))
        return x + self.post_feedforward_layernorm(y)


@architecture
class Gemma2Model(GemmaModel):
    """`LlamaModel` with the layers of Gemma 2."""

    config_class, layer_class = Gemma2Config, Gemma2DecoderLayer


@architecture
class Gemma2ForCausalLM(LlamaForCausalLM):
    """`LlamaForCausalLM` with Gemma 2: no logit exceeds the cap."""

    config_class, model_class = Gemma2Config, Gemma2Model

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, C) → (B, T, V)."""
        found, cap = super().logits(out, input_ids), self.config.final_logit_softcapping
        return found if cap is None else (found / cap).tanh() * cap


Gemma2ForSequenceClassification = behind(Gemma2Model, LlamaForSequenceClassification)
Gemma2ForTokenClassification = behind(Gemma2Model, LlamaForTokenClassification)
