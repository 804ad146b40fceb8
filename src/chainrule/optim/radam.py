"""RAdam: Adam that takes plain steps of its mean gradient until it has seen enough to trust v."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops import sqrt
from .hyper import check, known_zero, number, numbers
from .optimizer import Optimizer

__all__ = ["RAdam", "radam"]


def radam(
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
    r: Any,
    trust: Any,
    weight_decay: Any,
    decoupled: bool,
    maximize: bool,
) -> tuple:
    """One step of RAdam.   Source: Liu et al. 2020, algorithm 2.

        m ← β₁ m + (1 − β₁) g
        v ← β₂ v + (1 − β₂) g²
        p ← p − lr · r · m̂ · √(1 − β₂ᵗ) / (√v + ε)    if v is to be trusted,  m̂ = m / (1 − β₁ᵗ)
        p ← p − lr · m̂                                 until then

    v is trusted once  ρₜ = ρ∞ − 2 t β₂ᵗ / (1 − β₂ᵗ),  ρ∞ = 2 / (1 − β₂) − 1,  which says of how many
    gradients it is a mean, is above 5; and  r² = (ρₜ − 4)(ρₜ − 2) ρ∞ / ((ρ∞ − 4)(ρ∞ − 2) ρₜ).

    Differs from the paper: there v is trusted above 4, and there is no ε; as in PyTorch.

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
        r: the rectification; 1 while v is not trusted.
        trust: 1 if v is trusted, 0 if not: a number, so that both cases are one program.
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
    c = trust * (1 - beta2**t) ** 0.5 + (1 - trust)
    size = lr * r * c / (1 - beta1**t)
    return p - size * (m / (trust * (sqrt(v) + eps) + (1 - trust))), m, v


class RAdam(Optimizer):
    """RAdam; see ``radam`` for the formula.

    Args:
        params: parameters, (name, parameter) pairs, or dicts of groups.
        lr: the learning rate.
        betas: what remains of the means of the gradient and of its square.
        eps: keeps the division finite.
        weight_decay: the weight of the penalty ½ ‖p‖².
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
        >>> optimizer = optim.RAdam([w], lr=0.1)
        >>> (3 * w).sum().backward()
        >>> optimizer.step()
        >>> w.detach()
        tensor([0.7000])
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        check(defaults)
        super().__init__(params, defaults)

    def rule(self, group: dict[str, Any], p: Any) -> Callable[..., tuple]:
        """``radam``."""
        return radam

    def slots(self, group: dict[str, Any], p: Any) -> tuple[str, ...]:
        """The two means."""
        return ("exp_avg", "exp_avg_sq")

    def hyper(self, group: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        """The numbers of the group, and how far v is to be trusted."""
        return {
            **numbers(group, state, "t", "lr", "beta1", "beta2", "eps"),
            "r": number(lambda: _rectification(state["step"], group["betas"][1])[0]),
            "trust": number(lambda: _rectification(state["step"], group["betas"][1])[1]),
            "weight_decay": number(lambda: group["weight_decay"]),
            "decoupled": group["decoupled_weight_decay"],
            "maximize": group["maximize"],
        }

    def structure(self, group: dict[str, Any]) -> dict[str, Any]:
        """The flags."""
        return {name: group[name] for name in ("maximize", "decoupled_weight_decay")}


def _rectification(t: int, beta2: float) -> tuple[float, float]:
    """(r, trust) at step t; a trace asks before the first."""
    t = max(t, 1)
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * t * beta2**t / (1 - beta2**t)
    if length <= 5:
        return 1.0, 0.0
    above = (length - 4) * (length - 2) * longest
    return (above / ((longest - 4) * (longest - 2) * length)) ** 0.5, 1.0
