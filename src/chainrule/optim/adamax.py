"""Adamax: Adam whose measure of size is the largest recent gradient, not the mean of squares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops import abs as absolute
from ..ops import maximum
from .hyper import check, known_zero, numbers
from .optimizer import Optimizer

__all__ = ["Adamax", "adamax"]


def adamax(
    p: Any,
    g: Any,
    m: Any,
    u: Any,
    *,
    t: Any,
    lr: Any,
    beta1: Any,
    beta2: Any,
    eps: Any,
    weight_decay: Any,
    maximize: bool,
) -> tuple:
    """One step of Adamax.   Source: Kingma & Ba 2015, algorithm 2.

        m ← β₁ m + (1 − β₁) g
        u ← max(β₂ u, |g| + ε)
        p ← p − lr / (1 − β₁ᵗ) · m / u

    Differs from the paper: there is an ε, as in PyTorch, without which an element that never had a
    gradient is divided by zero.

    Args:
        p: the parameter.
        g: its gradient.
        m: the mean of the gradients.
        u: their largest size, fading.
        t: the number of the step, from 1.
        lr: the learning rate.
        beta1: what remains of m.
        beta2: what remains of u.
        eps: keeps the division finite.
        weight_decay: the weight of the penalty ½ ‖p‖².
        maximize: whether to go up instead.
    """
    g = -g if maximize else g
    if not known_zero(weight_decay):
        g = g + weight_decay * p
    m = beta1 * m + (1 - beta1) * g
    u = maximum(beta2 * u, absolute(g) + eps)
    return p - (lr / (1 - beta1**t)) * (m / u), m, u


class Adamax(Optimizer):
    """Adamax; see ``adamax`` for the formula.

    Args:
        params: parameters, (name, parameter) pairs, or dicts of groups.
        lr: the learning rate.
        betas: what remains of the mean of the gradients and of their largest size.
        eps: keeps the division finite.
        weight_decay: the weight of the penalty ½ ‖p‖².
        foreach: without effect: chooses among PyTorch's implementations.
        maximize: whether to go up instead.
        differentiable: refused when true.
        capturable: without effect: chooses among PyTorch's implementations.

    Raises:
        ValueError: a number out of range.
        NotImplementedError: ``differentiable``.

    Example:
        >>> w = nn.Parameter(ones(1))
        >>> optimizer = optim.Adamax([w], lr=0.1)
        >>> (3 * w).sum().backward()
        >>> optimizer.step()
        >>> w.detach()
        tensor([0.9000])
    """

    def __init__(
        self,
        params: Any,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        check(defaults)
        super().__init__(params, defaults)

    def rule(self, group: dict[str, Any], p: Any) -> Callable[..., tuple]:
        """``adamax``."""
        return adamax

    def slots(self, group: dict[str, Any], p: Any) -> tuple[str, ...]:
        """The mean and the largest size."""
        return ("exp_avg", "exp_inf")

    def hyper(self, group: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        """The numbers of the group."""
        return {
            **numbers(group, state, "t", "lr", "beta1", "beta2", "eps", "weight_decay"),
            "maximize": group["maximize"],
        }
