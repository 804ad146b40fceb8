"""Qwen2: Llama whose queries, keys and values have biases, and whose last layers may look back a window only.

    q, k, v = x W + b;   layers from `max_window_layers` on see `sliding_window` positions, if `use_sliding_window` says so

Source: Yang et al. 2024.
"""

from __future__ import annotations

from .config import configuration
from .heads import behind
from .llama import (
    LlamaForCausalLM,
    LlamaForQuestionAnswering,
    LlamaForSequenceClassification,
    LlamaForTokenClassification,
    LlamaModel,
)
from .pretrained import architecture
from .windows import WindowedConfig

__all__ = [
    "Qwen2Config", "Qwen2ForCausalLM", "Qwen2ForQuestionAnswering", "Qwen2ForSequenceClassification",
    "Qwen2ForTokenClassification", "Qwen2Model",
]  # fmt: skip


@configuration
class Qwen2Config(WindowedConfig):
    """Sizes and settings of Qwen2."""

    model_type = "qwen2"
    one_by_one = True

    vocab_size = 151936
    intermediate_size = 22016
    num_key_value_heads = 32
    max_position_embeddings = 32768
    use_sliding_window: bool = False
    max_window_layers: int = 28
    bos_token_id = None
    eos_token_id = None

    def biases(self) -> tuple[bool, bool, bool]:
        """Queries, keys and values have biases."""
        return True, False, False

    def by_rule(self, layer: int) -> bool:
        """The last layers look back a window."""
        return layer >= self.max_window_layers

    def looks_back(self, layer: int) -> bool:
        """None does if windows are not used, whatever is said of layers."""
        return self.use_sliding_window and super().looks_back(layer)


@architecture
class Qwen2Model(LlamaModel):
    """`LlamaModel` with Qwen2's configuration."""

    config_class = Qwen2Config


Qwen2ForCausalLM = behind(Qwen2Model, LlamaForCausalLM)
Qwen2ForSequenceClassification = behind(Qwen2Model, LlamaForSequenceClassification)
Qwen2ForTokenClassification = behind(Qwen2Model, LlamaForTokenClassification)
Qwen2ForQuestionAnswering = behind(Qwen2Model, LlamaForQuestionAnswering)
