"""Lion: the sign of a mean of gradients; half the memory of Adam."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops import sign
from .hyper import check, numbers
from .optimizer import Optimizer

__all__ = ["Lion", "lion"]


def lion(
    p: Any,
    g: Any,
    m: Any,
    *,
    lr: Any,
    beta1: Any,
    beta2: Any,
    weight_decay: Any,
    maximize: bool,
) -> tuple:
    """One step of Lion.   Source: Chen et al. 2023, algorithm 2.

        c = β₁ m + (1 − β₁) g
        p ← p − lr · (sign(c) + weight_decay · p)
        m ← β₂ m + (1 − β₂) g

    Every element moves by lr, so lr is three to ten times smaller than Adam's, and the decay as much
    larger (section 5).

    Args:
        p: the parameter.
        g: its gradient.
        m: the mean of the gradients.
        lr: the learning rate.
        beta1: the weight of m in the direction.
        beta2: what remains of m.
        weight_decay: the share of p, times lr, that goes.
        maximize: whether to go up instead.
    """
    g = -g if maximize else g
    direction = sign(beta1 * m + (1 - beta1) * g)
    return p - lr * (direction + weight_decay * p), beta2 * m + (1 - beta2) * g


class Lion(Optimizer):
    """Lion; see ``lion`` for the formula. PyTorch has none.

    Args:
        params: parameters, (name, parameter) pairs, or dicts of groups.
        lr: the learning rate.
        betas: the weight of the mean in the direction, and what remains of it.
        weight_decay: the share of the parameter, times lr, that each step takes away.
        maximize: whether to go up instead.

    Raises:
        ValueError: a number out of range.

    Example:
        >>> w = nn.Parameter(ones(1))
        >>> optimizer = optim.Lion([w], lr=0.1)
        >>> (3 * w).sum().backward()
        >>> optimizer.step()
        >>> w.detach()
        tensor([0.9000])
    """

    saves_step = False

    def __init__(
        self,
        params: Any,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": tuple(betas),
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        check(defaults)
        super().__init__(params, defaults)

    def rule(self, group: dict[str, Any], p: Any) -> Callable[..., tuple]:
        """``lion``."""
        return lion

    def slots(self, group: dict[str, Any], p: Any) -> tuple[str, ...]:
        """The mean."""
        return ("exp_avg",)

    def hyper(self, group: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        """The numbers of the group."""
        return {
            **numbers(group, state, "lr", "beta1", "beta2", "weight_decay"),
            "maximize": group["maximize"],
        }
