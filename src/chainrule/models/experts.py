"""Layers in which several small networks, the experts, stand side by side; a router chooses a few for every token.

    p = softmax(x W_r);   y = Σ s_e · expert_e(x)   over the k experts with the largest p;   s_e = p_e, or p_e / Σ p of those chosen

Eagerly an expert is given the tokens that chose it, and no others: k of E experts cost k / E of all. In a program that is traced every
expert is asked about every token, and counts nothing where it is not chosen: which tokens choose it is known only when the program
runs, and shapes are known before.

B batch, T time, N = B · T tokens, C channels, E experts, k those chosen.

Source: Shazeer et al. 2017; Jiang et al. 2024 (Mixtral); the loss that keeps experts busy alike: Fedus, Zoph & Shazeer 2021 (Switch),
equations 4 to 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..base.modes import modes
from ..nn import Linear, Module, ModuleList
from ..nn import functional as F
from ..tensors import Tensor, arange, float32, is_grad_enabled, rand_like, zeros, zeros_like
from .llama import LlamaForCausalLM, LlamaModel
from .output import BaseOutput, MoECausalLMOutput, MoEOutput

__all__ = ["Experts", "ExpertsForCausalLM", "ExpertsModel", "balance", "shares"]


class Experts(Module):
    """Experts and the router that chooses among them.

    Args:
        config: `hidden_size`, and how many experts a token has, `num_experts_per_tok`.
        experts: E networks (n, C) → (n, C).
        normalised: whether the shares of a token are made to sum to 1.
        noise: in training the input is multiplied by numbers between 1 − noise and 1 + noise.
    """

    def __init__(
        self, config: Any, experts: Sequence[Module], normalised: bool, noise: float = 0.0
    ):
        super().__init__()
        self.count, self.normalised, self.noise = config.num_experts_per_tok, normalised, noise
        self.gate = Linear(config.hidden_size, len(experts), bias=False)
        self.experts = ModuleList(experts)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, C) → (B, T, C), and the router's logits (N, E)."""
        shape = x.shape
        if self.training and self.noise > 0:
            x = x * (1 + self.noise * (2 * rand_like(x) - 1))
        x = x.reshape(-1, shape[-1])  # (N, C)
        said = self.gate(x)  # (N, E)
        share = shares(said, self.count, self.normalised).to(x.dtype)
        ask = self.ask_all if modes.trace is not None else self.ask_chosen
        return ask(x, share).reshape(shape), said

    def ask_all(self, x: Tensor, share: Tensor) -> Tensor:
        """Every expert about every token, (N, C) → (N, C)."""
        return sum([share[:, e : e + 1] * expert(x) for e, expert in enumerate(self.experts)])

    def ask_chosen(self, x: Tensor, share: Tensor) -> Tensor:
        """Every expert about the tokens that chose it, (N, C) → (N, C). One that none chose is asked about none where gradients are
        wanted: they are then 0, as they are where all are asked.
        """
        y, learns = zeros_like(x), is_grad_enabled()
        for e, expert in enumerate(self.experts):
            at = share[:, e].detach().nonzero()[:, 0]  # (n,)
            if len(at) or learns:
                found = share[at, e].unsqueeze(1) * expert(x.index_select(0, at))  # (n, C)
                y = y.index_add(0, at, found)
        return y


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


class ExpertsModel(LlamaModel):
    """`LlamaModel` whose layers write down what their routers said."""

    output: ClassVar = MoEOutput

    def forward(
        self, *given: Any, output_router_logits: bool | None = None, **settings: Any
    ) -> BaseOutput:
        """As of `LlamaModel.forward`.

        Args:
            output_router_logits: whether to return `router_logits`, (N, E) of each layer with experts; what the configuration says if None.
        """
        out = super().forward(*given, **settings)
        wanted = (
            self.config.output_router_logits
            if output_router_logits is None
            else output_router_logits
        )
        return out if wanted else MoEOutput({k: v for k, v in out.items() if k != "router_logits"})


class ExpertsForCausalLM(LlamaForCausalLM):
    """`LlamaForCausalLM` with experts."""

    output: ClassVar = MoECausalLMOutput
    model_class = ExpertsModel
    config: Any

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
