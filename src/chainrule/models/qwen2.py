"""Qwen2: Llama whose queries, keys and values have biases, and whose last layers may look back a window only.

    q, k, v = x W + b;   layers from `max_window_layers` on see `sliding_window` positions, if `use_sliding_window` says so

Source: Yang et al. 2024.
"""

from __future__ import annotations

import dataclasses

from .llama import (
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForQuestionAnswering,
    LlamaForSequenceClassification,
    LlamaForTokenClassification,
    LlamaModel,
)
from .pretrained import architecture

__all__ = [
    "Qwen2Config", "Qwen2ForCausalLM", "Qwen2ForQuestionAnswering", "Qwen2ForSequenceClassification",
    "Qwen2ForTokenClassification", "Qwen2Model",
]  # fmt: skip


@dataclasses.dataclass(kw_only=True)
class Qwen2Config(LlamaConfig):
    """Sizes and settings of Qwen2."""

    model_type = "qwen2"

    vocab_size: int = 151936
    intermediate_size: int = 22016
    num_key_value_heads: int | None = 32
    max_position_embeddings: int = 32768
    use_sliding_window: bool = False
    sliding_window: int | None = 4096
    max_window_layers: int = 28
    layer_types: tuple | None = None
    bos_token_id: int | None = None
    eos_token_id: int | tuple | None = None

    def check(self) -> None:
        """Every layer is of a known kind."""
        super().check()
        kinds, known = self.layer_types, ("full_attention", "sliding_attention")
        self.need(
            kinds is None
            or (len(kinds) == self.num_hidden_layers and all(kind in known for kind in kinds)),
            f"layer_types must say {' or '.join(known)} of each of {self.num_hidden_layers} layers, found {kinds!r:.80}",
        )

    def biases(self) -> tuple[bool, bool, bool]:
        """Queries, keys and values have biases."""
        return True, False, False

    def window(self, layer: int) -> int | None:
        """The last layers look back a window, if it is used."""
        if not self.use_sliding_window or self.sliding_window is None:
            return None
        if self.layer_types is not None:
            return self.sliding_window if self.layer_types[layer] == "sliding_attention" else None
        return self.sliding_window if layer >= self.max_window_layers else None


@architecture
class Qwen2Model(LlamaModel):
    """`LlamaModel` with Qwen2's configuration."""

    config_class = Qwen2Config


@architecture
class Qwen2ForCausalLM(LlamaForCausalLM):
    """`LlamaForCausalLM` with Qwen2's configuration."""

    config_class, model_class = Qwen2Config, Qwen2Model


@architecture
class Qwen2ForSequenceClassification(LlamaForSequenceClassification):
    """`LlamaForSequenceClassification` with Qwen2's configuration."""

    config_class, model_class = Qwen2Config, Qwen2Model


@architecture
class Qwen2ForTokenClassification(LlamaForTokenClassification):
    """`LlamaForTokenClassification` with Qwen2's configuration."""

    config_class, model_class = Qwen2Config, Qwen2Model


@architecture
class Qwen2ForQuestionAnswering(LlamaForQuestionAnswering):
    """`LlamaForQuestionAnswering` with Qwen2's configuration."""

    config_class, model_class = Qwen2Config, Qwen2Model
