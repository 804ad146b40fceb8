"""Adadelta: steps in the unit of the parameter, from two running means and (almost) no rate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops import sqrt
from .hyper import check, checked, known_zero, numbers
from .optimizer import Optimizer

__all__ = ["Adadelta", "adadelta"]


def adadelta(
    p: Any,
    g: Any,
    v: Any,
    u: Any,
    *,
    lr: Any,
    rho: Any,
    eps: Any,
    weight_decay: Any,
    maximize: bool,
) -> tuple:
    """One step of Adadelta.   Source: Zeiler 2012, algorithm 1.

        g ← g + weight_decay · p
        v ← ρ v + (1 − ρ) g²
        Δ = √(u + ε) / √(v + ε) · g
        u ← ρ u + (1 − ρ) Δ²
        p ← p − lr · Δ

    Differs from the paper: there is a rate, as in PyTorch; 1 is the paper's.

    Args:
        p: the parameter.
        g: its gradient.
        v: the mean of the squares of the gradients.
        u: the mean of the squares of the steps.
        lr: the learning rate.
        rho: ρ, what remains of the means.
        eps: begins the steps, and keeps the division finite.
        weight_decay: the weight of the penalty ½ ‖p‖².
        maximize: whether to go up instead.
    """
    g = -g if maximize else g
    if not known_zero(weight_decay):
        g = g + weight_decay * p
    v = rho * v + (1 - rho) * g * g
    step = sqrt(u + eps) / sqrt(v + eps) * g
    u = rho * u + (1 - rho) * step * step
    return p - lr * step, v, u


class Adadelta(Optimizer):
    """Adadelta; see ``adadelta`` for the formula.

    Args:
        params: parameters, (name, parameter) pairs, or dicts of groups.
        lr: the learning rate.
        rho: what remains of the means of the squares of gradients and steps.
        eps: begins the steps, and keeps the division finite.
        weight_decay: the weight of the penalty ½ ‖p‖².
        foreach: without effect: chooses among PyTorch's implementations.
        capturable: without effect: chooses among PyTorch's implementations.
        maximize: whether to go up instead.
        differentiable: refused when true.

    Raises:
        ValueError: a number out of range.
        NotImplementedError: ``differentiable``.

    Example:
        >>> w = nn.Parameter(ones(1))
        >>> optimizer = optim.Adadelta([w])
        >>> (3 * w).sum().backward()
        >>> optimizer.step()
        >>> w.detach()
        tensor([0.9968])
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        checked("rho value", rho, high=1.0, inclusive=True)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        check(defaults)
        super().__init__(params, defaults)

    def rule(self, group: dict[str, Any], p: Any) -> Callable[..., tuple]:
        """``adadelta``."""
        return adadelta

    def slots(self, group: dict[str, Any], p: Any) -> tuple[str, ...]:
        """The two means of squares."""
        return ("square_avg", "acc_delta")

    def hyper(self, group: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        """The numbers of the group."""
        names = ("lr", "rho", "eps", "weight_decay")
        return {**numbers(group, state, *names), "maximize": group["maximize"]}
