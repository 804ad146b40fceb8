"""Adagrad: each element's rate shrinks with all the gradients it has had, so that rare ones learn
fast for longer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops import sqrt
from ..tensors import Tensor, full_like
from .hyper import check, checked, known_zero, numbers
from .optimizer import Optimizer

__all__ = ["Adagrad", "adagrad"]


def adagrad(
    p: Any,
    g: Any,
    s: Any,
    *,
    t: Any,
    lr: Any,
    lr_decay: Any,
    eps: Any,
    weight_decay: Any,
    maximize: bool,
) -> tuple:
    """One step of Adagrad.   Source: Duchi, Hazan & Singer 2011, figure 1, with diagonal matrices.

        g ← g + weight_decay · p
        s ← s + g²
        p ← p − lr / (1 + (t − 1) · lr_decay) · g / (√s + ε)

    Differs from the paper: the rate may decay beside, as in PyTorch.

    Args:
        p: the parameter.
        g: its gradient.
        s: the sum of the squares of all gradients.
        t: the number of the step, from 1.
        lr: the learning rate.
        lr_decay: how fast the rate decays beside.
        eps: keeps the division finite.
        weight_decay: the weight of the penalty ½ ‖p‖².
        maximize: whether to go up instead.
    """
    g = -g if maximize else g
    if not known_zero(weight_decay):
        g = g + weight_decay * p
    s = s + g * g
    return p - (lr / (1 + (t - 1) * lr_decay)) * (g / (sqrt(s) + eps)), s


class Adagrad(Optimizer):
    """Adagrad; see ``adagrad`` for the formula.

    Args:
        params: parameters, (name, parameter) pairs, or dicts of groups.
        lr: the learning rate.
        lr_decay: how fast the rate decays beside.
        weight_decay: the weight of the penalty ½ ‖p‖².
        initial_accumulator_value: what the sum of squares begins with.
        eps: keeps the division finite.
        foreach: without effect: chooses among PyTorch's implementations.
        maximize: whether to go up instead.
        differentiable: refused when true.
        fused: without effect: chooses among PyTorch's implementations.

    Raises:
        ValueError: a number out of range.
        NotImplementedError: ``differentiable``.

    Example:
        >>> w = nn.Parameter(ones(1))
        >>> optimizer = optim.Adagrad([w], lr=0.1)
        >>> (3 * w).sum().backward()
        >>> optimizer.step()
        >>> w.detach()
        tensor([0.9000])
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        checked("lr_decay value", lr_decay)
        checked("initial_accumulator_value value", initial_accumulator_value)
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        check(defaults)
        super().__init__(params, defaults)
        for group in self.param_groups:  # PyTorch's state dict has them from the start
            for p in group["params"]:
                self._state_of(group, p)

    def rule(self, group: dict[str, Any], p: Any) -> Callable[..., tuple]:
        """``adagrad``."""
        return adagrad

    def slots(self, group: dict[str, Any], p: Any) -> tuple[str, ...]:
        """The sum of squares."""
        return ("sum",)

    def slot(self, group: dict[str, Any], p: Tensor, name: str) -> Tensor:
        """It begins with ``initial_accumulator_value``."""
        return full_like(p, group["initial_accumulator_value"])

    def hyper(self, group: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        """The numbers of the group."""
        return {
            **numbers(group, state, "t", "lr", "lr_decay", "eps", "weight_decay"),
            "maximize": group["maximize"],
        }
