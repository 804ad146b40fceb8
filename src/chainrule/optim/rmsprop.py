"""RMSprop: gradients divided by the root of the running mean of their squares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops import sqrt
from .hyper import check, checked, known_zero, numbers
from .optimizer import Optimizer

__all__ = ["RMSprop", "rmsprop"]


def rmsprop(
    p: Any,
    g: Any,
    v: Any,
    *state: Any,
    lr: Any,
    alpha: Any,
    eps: Any,
    momentum: Any,
    weight_decay: Any,
    has_velocity: bool,
    centered: bool,
    maximize: bool,
) -> tuple:
    """One step of RMSprop.   Source: Hinton 2012, lecture 6e; with ``centered``: Graves 2013, eq. 38 to
    45.

        g ← g + weight_decay · p
        v ← α v + (1 − α) g²
        a ← α a + (1 − α) g,   v̂ = v − a²         with ``centered``; else  v̂ = v
        b ← momentum · b + g / (√v̂ + ε)           with momentum; else  b = g / (√v̂ + ε)
        p ← p − lr · b

    Args:
        p: the parameter.
        g: its gradient.
        v: the mean of the squares of the gradients.
        state: b if ``has_velocity``, then a if ``centered``.
        lr: the learning rate.
        alpha: α, what remains of the means.
        eps: keeps the division finite.
        momentum: what remains of the velocity b.
        weight_decay: the weight of the penalty ½ ‖p‖².
        has_velocity: whether there is a b.
        centered: whether gradients are divided by their deviation from the mean, not by their size.
        maximize: whether to go up instead.
    """
    g = -g if maximize else g
    if not known_zero(weight_decay):
        g = g + weight_decay * p
    v = alpha * v + (1 - alpha) * g * g
    kept = [v]
    size = v
    if centered:
        a = alpha * state[-1] + (1 - alpha) * g
        size = v - a * a
    step = g / (sqrt(size) + eps)
    if has_velocity:
        step = momentum * state[0] + step
        kept.append(step)
    if centered:
        kept.append(a)
    return p - lr * step, *kept


class RMSprop(Optimizer):
    """RMSprop; see ``rmsprop`` for the formula.

    Args:
        params: parameters, (name, parameter) pairs, or dicts of groups.
        lr: the learning rate.
        alpha: what remains of the mean of the squares.
        eps: keeps the division finite.
        weight_decay: the weight of the penalty ½ ‖p‖².
        momentum: what remains of a velocity; with 0 there is none.
        centered: divide by the deviation of the gradients from their mean.
        capturable: without effect: chooses among PyTorch's implementations.
        foreach: without effect: chooses among PyTorch's implementations.
        maximize: whether to go up instead.
        differentiable: refused when true.

    Raises:
        ValueError: a number out of range.
        NotImplementedError: ``differentiable``.

    Example:
        >>> w = nn.Parameter(ones(1))
        >>> optimizer = optim.RMSprop([w], lr=0.01)
        >>> (3 * w).sum().backward()
        >>> optimizer.step()
        >>> w.detach()
        tensor([0.9000])
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        checked("alpha value", alpha)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        check(defaults)
        super().__init__(params, defaults)

    def rule(self, group: dict[str, Any], p: Any) -> Callable[..., tuple]:
        """``rmsprop``."""
        return rmsprop

    def slots(self, group: dict[str, Any], p: Any) -> tuple[str, ...]:
        """The mean of squares, the velocity and the mean, as far as there are any."""
        velocity = ("momentum_buffer",) if group["momentum"] > 0 else ()
        mean = ("grad_avg",) if group["centered"] else ()
        return ("square_avg", *velocity, *mean)

    def hyper(self, group: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        """The numbers of the group."""
        names = ("lr", "alpha", "eps", "momentum", "weight_decay")
        return {
            **numbers(group, state, *names),
            "has_velocity": group["momentum"] > 0,
            "centered": group["centered"],
            "maximize": group["maximize"],
        }

    def structure(self, group: dict[str, Any]) -> dict[str, Any]:
        """Whether there is a velocity, whether there is a mean, and which way."""
        return {
            "momentum > 0": group["momentum"] > 0,
            "centered": group["centered"],
            "maximize": group["maximize"],
        }
