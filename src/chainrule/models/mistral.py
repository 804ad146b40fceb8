"""Mistral: Llama whose every layer looks back a window only; what lies further back is known through the layers between.

    position t sees t − `sliding_window` + 1 … t;   after k layers, k windows

Source: Jiang et al. 2023.
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
    "MistralConfig", "MistralForCausalLM", "MistralForQuestionAnswering", "MistralForSequenceClassification",
    "MistralForTokenClassification", "MistralModel",
]  # fmt: skip


@dataclasses.dataclass(kw_only=True)
class MistralConfig(LlamaConfig):
    """Sizes and settings of Mistral."""

    model_type = "mistral"

    intermediate_size: int = 14336
    num_key_value_heads: int | None = 8
    max_position_embeddings: int = 131072
    sliding_window: int | None = 4096

    def biases(self) -> tuple[bool, bool, bool]:
        """There are none."""
        return False, False, False

    def window(self, layer: int) -> int | None:
        """Every layer looks back a window."""
        return self.sliding_window


@architecture
class MistralModel(LlamaModel):
    """`LlamaModel` with Mistral's configuration."""

    config_class = MistralConfig


@architecture
class MistralForCausalLM(LlamaForCausalLM):
    """`LlamaForCausalLM` with Mistral's configuration."""

    config_class, model_class = MistralConfig, MistralModel


@architecture
class MistralForSequenceClassification(LlamaForSequenceClassification):
    """`LlamaForSequenceClassification` with Mistral's configuration."""

    config_class, model_class = MistralConfig, MistralModel


@architecture
class MistralForTokenClassification(LlamaForTokenClassification):
    """`LlamaForTokenClassification` with Mistral's configuration."""

    config_class, model_class = MistralConfig, MistralModel


@architecture
class MistralForQuestionAnswering(LlamaForQuestionAnswering):
    """`LlamaForQuestionAnswering` with Mistral's configuration."""

    config_class, model_class = MistralConfig, MistralModel
    base_model_prefix = "model"  # the checkpoints' name
