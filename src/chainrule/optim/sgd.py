"""Stochastic gradient descent, with momentum.

Source: Sutskever, Martens, Dahl & Hinton 2013. Differs from the paper: the learning rate multiplies
the velocity at the end, not the gradient at the beginning, as in PyTorch; so a change of rate acts
at once on what has been gathered.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .hyper import check, checked, known_zero, number, numbers
from .optimizer import Optimizer

__all__ = ["SGD", "sgd"]


def sgd(p: Any, g: Any, *, lr: Any, weight_decay: Any, maximize: bool) -> tuple:
    """Gradient descent,  p ← p − lr · g,  with  g ← g + weight_decay · p  first.

    Args:
        p: the parameter.
        g: its gradient.
        lr: the learning rate.
        weight_decay: the weight of the penalty ½ ‖p‖².
        maximize: whether to go up instead.
    """
    g = -g if maximize else g
    if not known_zero(weight_decay):
        g = g + weight_decay * p
    return (p - lr * g,)


def sgd_momentum(
    p: Any,
    g: Any,
    b: Any,
    *,
    lr: Any,
    momentum: Any,
    dampening: Any,
    weight_decay: Any,
    nesterov: bool,
    maximize: bool,
) -> tuple:
    """Gradient descent with a velocity b, which begins at zero.

        g ← g + weight_decay · p
        b ← momentum · b + (1 − dampening) · g
        p ← p − lr · b,    or with ``nesterov``   p ← p − lr · (g + momentum · b)

    Args:
        p: the parameter.
        g: its gradient.
        b: the velocity.
        lr: the learning rate.
        momentum: what remains of the velocity.
        dampening: what part of the gradient is left out of it; 0 at the first step, when there is
            no velocity yet.
        weight_decay: the weight of the penalty ½ ‖p‖².
        nesterov: whether to look ahead along the velocity.
        maximize: whether to go up instead.
    """
    g = -g if maximize else g
    if not known_zero(weight_decay):
        g = g + weight_decay * p
    b = momentum * b + (g if known_zero(dampening) else (1 - dampening) * g)
    step = g + momentum * b if nesterov else b
    return p - lr * step, b


class SGD(Optimizer):
    """Stochastic gradient descent; see ``sgd`` and ``sgd_momentum`` for the formulas.

    Args:
        params: parameters, (name, parameter) pairs, or dicts of groups.
        lr: the learning rate.
        momentum: what remains of the velocity from step to step; with 0 there is none.
        dampening: what part of the gradient is left out of the velocity.
        weight_decay: the weight of the penalty ½ ‖p‖².
        nesterov: whether to look ahead along the velocity.
        maximize: whether to go up instead.
        foreach: without effect: chooses among PyTorch's implementations.
        differentiable: refused when true.
        fused: without effect: chooses among PyTorch's implementations.

    Raises:
        ValueError: a number out of range, or ``nesterov`` without momentum or with dampening.
        NotImplementedError: ``differentiable``.

    Example:
        >>> w = nn.Parameter(ones(1))
        >>> optimizer = optim.SGD([w], lr=0.1)
        >>> (3 * w).sum().backward()
        >>> optimizer.step()
        >>> w.detach()
        tensor([0.7000])
    """

    saves_step = False

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        checked("dampening value", dampening, low=-math.inf)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        check(defaults)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, defaults)

    def rule(self, group: dict[str, Any], p: Any) -> Callable[..., tuple]:
        """With or without velocity."""
        return sgd if group["momentum"] == 0 else sgd_momentum

    def slots(self, group: dict[str, Any], p: Any) -> tuple[str, ...]:
        """The velocity, if there is one."""
        return () if group["momentum"] == 0 else ("momentum_buffer",)

    def hyper(self, group: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        """The numbers of the group."""
        always = {
            **numbers(group, state, "lr", "weight_decay"),
            "maximize": group["maximize"],
        }
        if group["momentum"] == 0:
            return always
        return {
            **always,
            "momentum": number(lambda: group["momentum"]),
            "dampening": number(lambda: group["dampening"] if state["step"] > 1 else 0),
            "nesterov": group["nesterov"],
        }

    def structure(self, group: dict[str, Any]) -> dict[str, Any]:
        """Whether there is a velocity, whether to look ahead, and which way."""
        return {
            "momentum != 0": group["momentum"] != 0,
            "nesterov": group["nesterov"],
            "maximize": group["maximize"],
        }
