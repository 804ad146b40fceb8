"""Qwen3-MoE: Qwen3 with experts in its layers, or in some of them; many small ones, of which a token chooses several.

    a layer has experts where (number + 1) is a multiple of `decoder_sparse_step` and it is not one of `mlp_only_layers`

Source: Yang et al. 2025. What layers with experts share stands in `experts`.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from ..tensors import Tensor
from .config import configuration
from .experts import Experts, ExpertsForCausalLM, ExpertsModel
from .heads import behind
from .llama import (
    LlamaForQuestionAnswering,
    LlamaForSequenceClassification,
    LlamaForTokenClassification,
    LlamaMLP,
    LlamaReading,
)
from .pretrained import architecture
from .qwen3 import Qwen3Config, Qwen3DecoderLayer

__all__ = [
    "Qwen3MoeConfig", "Qwen3MoeForCausalLM", "Qwen3MoeForQuestionAnswering", "Qwen3MoeForSequenceClassification",
    "Qwen3MoeForTokenClassification", "Qwen3MoeModel",
]  # fmt: skip


@configuration
class Qwen3MoeConfig(Qwen3Config):
    """Sizes and settings of Qwen3-MoE."""

    model_type = "qwen3_moe"
    one_by_one = False
    aliases: ClassVar = {"num_local_experts": "num_experts"}

    hidden_size = 2048
    intermediate_size = 6144
    num_hidden_layers = 24
    num_key_value_heads = 4
    head_dim = None
    decoder_sparse_step: int = 1
    moe_intermediate_size: int = 768
    num_experts_per_tok: int = 8
    num_experts: int = 128
    norm_topk_prob: bool = False
    output_router_logits: bool = False
    router_aux_loss_coef: float = 0.001
    mlp_only_layers: tuple | None = None

    def check(self) -> None:
        """As Qwen3's; there are as many experts as are chosen, and the layers that are named are there."""
        super().check()
        self.need_positive("decoder_sparse_step", "moe_intermediate_size")
        if self.num_experts:
            self.need_positive("num_experts")
        k, E, plain = self.num_experts_per_tok, self.num_experts, self.mlp_only_layers or ()
        self.need(
            E == 0 or 0 < k <= E, f"num_experts_per_tok must be from 1 to {E} experts, found {k}"
        )
        self.need(
            all(type(n) is int and 0 <= n < self.num_hidden_layers for n in plain),
            f"mlp_only_layers must be numbers of the {self.num_hidden_layers} layers, found {plain!r:.80}",
        )

    def by_rule(self, layer: int) -> bool:
        """All look back a window, if windows are used."""
        return True

    def has_experts(self, layer: int) -> bool:
        """Whether a layer has some."""
        due = (layer + 1) % self.decoder_sparse_step == 0
        return self.num_experts > 0 and due and layer not in (self.mlp_only_layers or ())


class Qwen3MoeDecoderLayer(Qwen3DecoderLayer):
    """Qwen3's, with experts where the configuration says so."""

    def begin(self, config: Qwen3MoeConfig, layer: int) -> None:
        """What stands behind attention."""
        self.chooses = config.has_experts(layer)
        if not self.chooses:
            return super().begin(config, layer)
        small = dataclasses.replace(config, intermediate_size=config.moe_intermediate_size)
        experts = [LlamaMLP(small) for _ in range(config.num_experts)]
        self.mlp = Experts(config, experts, config.norm_topk_prob)
        return None

    def think(self, x: Tensor, reading: LlamaReading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        if not self.chooses:
            return self.mlp(x)
        y, said = self.mlp(x)
        reading.routes.append(said)
        return y


@architecture
class Qwen3MoeModel(ExpertsModel):
    """`LlamaModel` with the layers of Qwen3-MoE."""

    config_class, layer_class = Qwen3MoeConfig, Qwen3MoeDecoderLayer


Qwen3MoeForCausalLM = behind(Qwen3MoeModel, ExpertsForCausalLM)
Qwen3MoeForSequenceClassification = behind(Qwen3MoeModel, LlamaForSequenceClassification)
Qwen3MoeForTokenClassification = behind(Qwen3MoeModel, LlamaForTokenClassification)
Qwen3MoeForQuestionAnswering = behind(Qwen3MoeModel, LlamaForQuestionAnswering)
