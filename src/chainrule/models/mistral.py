"""Mistral: Llama whose every layer looks back a window only.

Source: Jiang et al. 2023.
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
    "MistralConfig", "MistralForCausalLM", "MistralForQuestionAnswering", "MistralForSequenceClassification",
    "MistralForTokenClassification", "MistralModel",
]  # fmt: skip


@configuration
class MistralConfig(WindowedConfig):
    """Sizes and settings of Mistral."""

    model_type = "mistral"

    intermediate_size = 14336
    num_key_value_heads = 8
    max_position_embeddings = 131072

    def biases(self) -> tuple[bool, bool, bool]:
        """There are none."""
        return False, False, False


@architecture
class MistralModel(LlamaModel):
    """`LlamaModel` with Mistral's configuration."""

    config_class = MistralConfig


MistralForCausalLM = behind(MistralModel, LlamaForCausalLM)
MistralForSequenceClassification = behind(MistralModel, LlamaForSequenceClassification)
MistralForTokenClassification = behind(MistralModel, LlamaForTokenClassification)
MistralForQuestionAnswering = behind(MistralModel, LlamaForQuestionAnswering, "model")
