"""Mixtral: Mistral with experts in every layer, of which a token chooses two. What they share stands in `experts`.

Source: Jiang et al. 2024.
"""

from __future__ import annotations

from typing import ClassVar

from ..nn import Linear, Module
from ..tensors import Tensor
from .activations import activation
from .config import configuration
from .experts import Experts, ExpertsForCausalLM, ExpertsModel
from .heads import behind
from .llama import (
    LlamaConfig,
    LlamaDecoderLayer,
    LlamaForQuestionAnswering,
    LlamaForSequenceClassification,
    LlamaForTokenClassification,
    LlamaReading,
)
from .mistral import MistralConfig
from .pretrained import architecture

__all__ = [
    "MixtralConfig", "MixtralForCausalLM", "MixtralForQuestionAnswering", "MixtralForSequenceClassification",
    "MixtralForTokenClassification", "MixtralModel",
]  # fmt: skip


@configuration
class MixtralConfig(MistralConfig):
    """Sizes and settings of Mixtral, 8 experts of 7 billion parameters."""

    model_type = "mixtral"
    aliases: ClassVar = {"num_experts": "num_local_experts"}

    rms_norm_eps = 1e-5
    rope_theta = 1e6
    sliding_window = None
    num_local_experts: int = 8
    num_experts_per_tok: int = 2
    output_router_logits: bool = False
    router_aux_loss_coef: float = 0.001
    router_jitter_noise: float = 0.0

    def check(self) -> None:
        """As Llama's, and there are as many experts as are chosen."""
        super().check()
        self.need_positive("num_local_experts")
        k, E = self.num_experts_per_tok, self.num_local_experts
        self.need(0 < k <= E, f"num_experts_per_tok must be from 1 to {E} experts, found {k}")


class MixtralExpert(Module):
    """A gated network,  w2(act(w1(x)) · w3(x))."""

    def __init__(self, config: LlamaConfig):
        super().__init__()
        C, inner = config.hidden_size, config.intermediate_size
        self.w1, self.w2 = Linear(C, inner, bias=False), Linear(inner, C, bias=False)
        self.w3, self.act = Linear(C, inner, bias=False), activation(config.act_name)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C) → (N, C)."""
        return self.w2(self.act(self.w1(x)) * self.w3(x))


class MixtralDecoderLayer(LlamaDecoderLayer):
    """Llama's, with experts."""

    def begin(self, config: MixtralConfig, layer: int) -> None:
        """What stands behind attention."""
        experts = [MixtralExpert(config) for _ in range(config.num_local_experts)]
        self.block_sparse_moe = Experts(config, experts, True, config.router_jitter_noise)

    def think(self, x: Tensor, reading: LlamaReading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        y, said = self.block_sparse_moe(x)
        reading.routes.append(said)
        return y


@architecture
class MixtralModel(ExpertsModel):
    """`LlamaModel` with Mixtral's layers."""

    config_class, layer_class = MixtralConfig, MixtralDecoderLayer


MixtralForCausalLM = behind(MixtralModel, ExpertsForCausalLM)
MixtralForSequenceClassification = behind(MixtralModel, LlamaForSequenceClassification)
MixtralForTokenClassification = behind(MixtralModel, LlamaForTokenClassification)
MixtralForQuestionAnswering = behind(MixtralModel, LlamaForQuestionAnswering, "model")
