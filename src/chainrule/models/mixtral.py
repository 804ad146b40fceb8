"""Mixtral: Mistral in whose layers several small networks, the experts, stand side by side; a router chooses a few for every token.

    p = softmax(x W_r);   y = Σ p_e / (Σ p of those chosen) · expert_e(x)   over the k experts with the largest p

Every expert is asked about every token here, and counts nothing where it is not chosen: shapes then do not depend on what was chosen, so
the model compiles like any other. It costs as much as all experts, not as those chosen.

B batch, T time, N = B · T tokens, C channels, E experts, k those chosen.

Source: Jiang et al. 2024; the loss that keeps experts busy alike: Fedus, Zoph & Shazeer 2021 (Switch), equations 4 to 6.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

from ..nn import Linear, Module, ModuleList
from ..nn import functional as F
from ..tensors import Tensor, arange, float32, rand_like, zeros
from .activations import activation
from .llama import (
    LlamaConfig,
    LlamaDecoderLayer,
    LlamaForCausalLM,
    LlamaForQuestionAnswering,
    LlamaForSequenceClassification,
    LlamaForTokenClassification,
    LlamaModel,
    LlamaReading,
)
from .mistral import MistralConfig
from .output import BaseOutput, MoECausalLMOutput, MoEOutput
from .pretrained import architecture

__all__ = [
    "MixtralConfig", "MixtralForCausalLM", "MixtralForQuestionAnswering", "MixtralForSequenceClassification",
    "MixtralForTokenClassification", "MixtralModel",
]  # fmt: skip


@dataclasses.dataclass(kw_only=True)
class MixtralConfig(MistralConfig):
    """Sizes and settings of Mixtral, 8 experts of 7 billion parameters."""

    model_type = "mixtral"
    aliases: ClassVar = {"num_experts": "num_local_experts"}

    rms_norm_eps: float = 1e-5
    rope_theta: float = 1e6
    sliding_window: int | None = None
    num_local_experts: int = 8
    num_experts_per_tok: int = 2
    output_router_logits: bool = False
    router_aux_loss_coef: float = 0.001
    router_jitter_noise: float = 0.0

    def check(self) -> None:
        """As Llama's, and there are as many experts as are chosen."""
        super().check()
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


class MixtralExperts(Module):
    """Experts and the router that chooses among them."""

    def __init__(self, config: MixtralConfig):
        super().__init__()
        self.count, self.noise = config.num_experts_per_tok, config.router_jitter_noise
        self.gate = Linear(config.hidden_size, config.num_local_experts, bias=False)
        self.experts = ModuleList([MixtralExpert(config) for _ in range(config.num_local_experts)])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, C) → (B, T, C), and the router's logits (N, E)."""
        shape = x.shape
        if self.training and self.noise > 0:
            x = x * (1 + self.noise * (2 * rand_like(x) - 1))
        x = x.reshape(-1, shape[-1])  # (N, C)
        said = self.gate(x)  # (N, E)
        share = shares(said, self.count).to(x.dtype)
        y = sum([share[:, e : e + 1] * expert(x) for e, expert in enumerate(self.experts)])
        return y.reshape(shape), said


def shares(said: Tensor, count: int, normalised: bool = True) -> Tensor:
    """How much each expert counts for each token, (N, E), at least float32; 0 for those that are not among the first `count`.

    Args:
        said: the router's logits (N, E).
        count: k.
        normalised: whether the shares of a token are made to sum to 1.
    """
    values, chosen = F.softmax(_wide(said), dim=-1).topk(count, dim=-1)  # (N, k)
    if normalised:
        values = values / values.sum(dim=-1, keepdim=True)
    return zeros(said.shape, dtype=values.dtype).scatter(1, chosen, values)


def _wide(said: Tensor) -> Tensor:
    """Half floats as float32: of experts that are nearly alike the right ones are chosen."""
    return said.to(float32) if said.dtype.itemsize == 2 else said


def balance(said: Sequence[Tensor], count: int, padding: Tensor | None) -> Tensor:
    """The loss that is least (k) when all experts are chosen alike:  E · Σₑ fₑ Pₑ.

    fₑ is how many tokens chose expert e, and Pₑ the sum of their probabilities of it, each over all tokens of all layers.

    Args:
        said: the router's logits (N, E), of each layer.
        count: k.
        padding: (B, T), 0 where there is padding, which does not count; None: there is none.
    """
    E = said[0].shape[-1]
    chances = [F.softmax(_wide(each), dim=-1) for each in said]
    chose = [
        F.one_hot(each.topk(count, dim=-1)[1], E).sum(dim=1).to(each.dtype) for each in chances
    ]
    weight = None if padding is None else padding.reshape(-1, 1).to(chances[0].dtype)  # (N, 1)
    total: Any = sum([len(each) if weight is None else weight.sum() for each in said])
    sums = [
        sum([(each if weight is None else each * weight).sum(dim=0) for each in part]) / total
        for part in (chose, chances)
    ]
    return (sums[0] * sums[1]).sum() * E


class MixtralDecoderLayer(LlamaDecoderLayer):
    """Llama's, with experts."""

    def begin(self, config: LlamaConfig, layer: int) -> None:
        """What stands behind attention."""
        self.block_sparse_moe = MixtralExperts(config)

    def think(self, x: Tensor, reading: LlamaReading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        y, said = self.block_sparse_moe(x)
        reading.routes.append(said)
        return y


@architecture
class MixtralModel(LlamaModel):
    """`LlamaModel` with Mixtral's layers."""

    config_class, layer_class = MixtralConfig, MixtralDecoderLayer
    output: ClassVar = MoEOutput

    def forward(
        self, *given: Any, output_router_logits: bool | None = None, **settings: Any
    ) -> BaseOutput:
        """As of `LlamaModel.forward`.

        Args:
            output_router_logits: whether to return `router_logits`, (N, E) of each layer; what the configuration says if None.
        """
        out = super().forward(*given, **settings)
        wanted = (
            self.config.output_router_logits
            if output_router_logits is None
            else output_router_logits
        )
        return out if wanted else MoEOutput({k: v for k, v in out.items() if k != "router_logits"})


@architecture
class MixtralForCausalLM(LlamaForCausalLM):
    """`LlamaForCausalLM` with Mixtral."""

    config_class, model_class = MixtralConfig, MixtralModel
    output: ClassVar = MoECausalLMOutput

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *given: Any,
        **settings: Any,
    ) -> MoECausalLMOutput:
        """As of `LlamaForCausalLM`; where the router's logits are returned, so is `aux_loss`, see `balance`, and
        `router_aux_loss_coef` times it is a part of the loss.
        """
        out = super().forward(input_ids, attention_mask, *given, **settings)
        if out.router_logits is None:
            return out
        config, cache = self.config, out.past_key_values
        if attention_mask is not None and cache is not None:  # it tells of all that was read
            T = out.router_logits[0].shape[0] // attention_mask.shape[0]
            now = arange(T) + (cache.position - T)
            attention_mask = attention_mask.index_select(1, now)  # (B, T)
        aux = balance(out.router_logits, config.num_experts_per_tok, attention_mask)
        loss = None if out.loss is None else out.loss + config.router_aux_loss_coef * aux
        return MoECausalLMOutput({**out, "loss": loss, "aux_loss": aux})


@architecture
class MixtralForSequenceClassification(LlamaForSequenceClassification):
    """`LlamaForSequenceClassification` with Mixtral."""

    config_class, model_class = MixtralConfig, MixtralModel


@architecture
class MixtralForTokenClassification(LlamaForTokenClassification):
    """`LlamaForTokenClassification` with Mixtral."""

    config_class, model_class = MixtralConfig, MixtralModel


@architecture
class MixtralForQuestionAnswering(LlamaForQuestionAnswering):
    """`LlamaForQuestionAnswering` with Mixtral."""

    config_class, model_class = MixtralConfig, MixtralModel
    base_model_prefix = "model"  # the checkpoints' name
