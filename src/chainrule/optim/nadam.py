"""NAdam: Adam that looks ahead along its mean of gradients, as Nesterov's momentum does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ops import sqrt
from .hyper import check, checked, known_zero, number, numbers
from .optimizer import Optimizer

__all__ = ["NAdam", "nadam"]


def nadam(
    p: Any,
    g: Any,
    m: Any,
    v: Any,
    *,
    t: Any,
    lr: Any,
    beta1: Any,
    beta2: Any,
    eps: Any,
    mu: Any,
    mu_next: Any,
    mu_product: Any,
    weight_decay: Any,
    decoupled: bool,
    maximize: bool,
) -> tuple:
    """One step of NAdam.   Source: Dozat 2016, algorithm 2, with the schedule of μ of its section
    of experiments.

        m ← β₁ m + (1 − β₁) g
        v ← β₂ v + (1 − β₂) g²
        m̂ = μₜ₊₁ m / (1 − μ₁ ⋯ μₜ₊₁) + (1 − μₜ) g / (1 − μ₁ ⋯ μₜ)
        p ← p − lr · m̂ / (√v̂ + ε)     with  v̂ = v / (1 − β₂ᵗ)

    where  μₜ = β₁ (1 − ½ · 0.96^(t · momentum_decay)).

    Differs from the paper: m is a mean with the constant β₁, as in PyTorch; there it is one with
    μₜ.

    Args:
        p: the parameter.
        g: its gradient.
        m: the mean of the gradients.
        v: the mean of their squares.
        t: the number of the step, from 1.
        lr: the learning rate.
        beta1: what remains of m.
        beta2: what remains of v.
        eps: keeps the division finite.
        mu: μₜ.
        mu_next: μₜ₊₁.
        mu_product: μ₁ ⋯ μₜ.
        weight_decay: the weight of the penalty ½ ‖p‖², or the share of p that goes.
        decoupled: whether the decay acts on p itself.
        maximize: whether to go up instead.
    """
    g = -g if maximize else g
    if decoupled:
        p = (1 - lr * weight_decay) * p
    elif not known_zero(weight_decay):
        g = g + weight_decay * p
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    ahead = (mu_next / (1 - mu_product * mu_next)) * m + ((1 - mu) / (1 - mu_product)) * g
    c = (1 - beta2**t) ** 0.5
    return p - (lr * c) * (ahead / (sqrt(v) + c * eps)), m, v


class NAdam(Optimizer):
    """NAdam; see ``nadam`` for the formula.

    Args:
        params: parameters, (name, parameter) pairs, or dicts of groups.
        lr: the learning rate.
        betas: what remains of the means of the gradient and of its square.
        eps: keeps the division finite.
        weight_decay: the weight of the penalty ½ ‖p‖².
        momentum_decay: how fast μ rises to β₁.
        decoupled_weight_decay: decay the parameter itself, as ``AdamW`` does.
        foreach: without effect: chooses among PyTorch's implementations.
        maximize: whether to go up instead.
        capturable: without effect: chooses among PyTorch's implementations.
        differentiable: refused when true.

    Raises:
        ValueError: a number out of range.
        NotImplementedError: ``differentiable``.

    Example:
        >>> w = nn.Parameter(ones(1))
        >>> optimizer = optim.NAdam([w], lr=0.1)
        >>> (3 * w).sum().backward()
        >>> optimizer.step()
        >>> w.detach()
        tensor([0.8944])
    """

    scalars = ("mu_product",)

    def __init__(
        self,
        params: Any,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        checked("momentum_decay value", momentum_decay)
        defaults = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        check(defaults)
        super().__init__(params, defaults)

    def rule(self, group: dict[str, Any], p: Any) -> Callable[..., tuple]:
        """``nadam``."""
        return nadam

    def slots(self, group: dict[str, Any], p: Any) -> tuple[str, ...]:
        """The two means."""
        return ("exp_avg", "exp_avg_sq")

    def hyper(self, group: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        """The numbers of the group, and where μ stands."""
        return {
            **numbers(group, state, "t", "lr", "beta1", "beta2", "eps"),
            "mu": number(lambda: _mu(group, state["step"])),
            "mu_next": number(lambda: _mu(group, state["step"] + 1)),
            "mu_product": number(lambda: _product(group, state)),
            "weight_decay": number(lambda: group["weight_decay"]),
            "decoupled": group["decoupled_weight_decay"],
            "maximize": group["maximize"],
        }

    def after(self, group: dict[str, Any], state: dict[str, Any]) -> None:
        """One more factor."""
        state["mu_product"] = _product(group, state)

    def structure(self, group: dict[str, Any]) -> dict[str, Any]:
        """The flags."""
        return {name: group[name] for name in ("maximize", "decoupled_weight_decay")}


def _mu(group: dict[str, Any], t: int) -> float:
    """μₜ = β₁ (1 − ½ · 0.96^(t · momentum_decay))."""
    return group["betas"][0] * (1 - 0.5 * 0.96 ** (t * group["momentum_decay"]))


def _product(group: dict[str, Any], state: dict[str, Any]) -> float:
    """μ₁ ⋯ μₜ, multiplied in float32, in which it is kept."""
    return float(np.float32(state["mu_product"]) * np.float32(_mu(group, state["step"])))
