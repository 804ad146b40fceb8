"""Averaged stochastic gradient descent: plain steps, and beside them the mean of where they led."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .hyper import check, known_zero, number, number_of, numbers
from .optimizer import Optimizer

__all__ = ["ASGD", "asgd"]


def asgd(
    p: Any,
    g: Any,
    a: Any,
    *,
    eta: Any,
    mu: Any,
    lambd: Any,
    weight_decay: Any,
    maximize: bool,
) -> tuple:
    """One step of averaged SGD.   Source: Polyak & Juditsky 1992; the rate: Bottou 2010, section 5.

        g ← g + weight_decay · p
        p ← (1 − λ η) p − η g           with  η = lr / (1 + λ lr t)^α
        a ← (1 − μ) a + μ p             with  μ = 1 / max(1, t − t₀)

    a is the mean of the parameter since step t₀; before that it is the parameter itself. As in
    PyTorch, η and μ are those of the step before: η is lr, and μ is 1, in the first.

    Args:
        p: the parameter.
        g: its gradient.
        a: the mean.
        eta: η, the rate.
        mu: μ, the weight of p in the mean.
        lambd: λ, the decay.
        weight_decay: the weight of the penalty ½ ‖p‖².
        maximize: whether to go up instead.
    """
    g = -g if maximize else g
    if not known_zero(weight_decay):
        g = g + weight_decay * p
    p = (1 - lambd * eta) * p - eta * g
    return p, (1 - mu) * a + mu * p


class ASGD(Optimizer):
    """Averaged stochastic gradient descent; see ``asgd`` for the formula.

    The mean is ``optimizer.state[p]["ax"]``; the parameter itself is not replaced by it. To average
    a model as it is trained by any method, see ``optim.swa_utils``.

    Args:
        params: parameters, (name, parameter) pairs, or dicts of groups.
        lr: the learning rate.
        lambd: λ, the decay.
        alpha: α, how fast the rate falls.
        t0: t₀, the step at which averaging begins.
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
        >>> optimizer = optim.ASGD([w], lr=0.1, lambd=0.0)
        >>> (3 * w).sum().backward()
        >>> optimizer.step()
        >>> w.detach()
        tensor([0.7000])
    """

    scalars = ("eta", "mu")

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        check(defaults)
        super().__init__(params, defaults)

    def rule(self, group: dict[str, Any], p: Any) -> Callable[..., tuple]:
        """``asgd``."""
        return asgd

    def slots(self, group: dict[str, Any], p: Any) -> tuple[str, ...]:
        """The mean."""
        return ("ax",)

    def scalar(self, group: dict[str, Any], name: str) -> float:
        """η is lr at first, μ is 1."""
        return number_of(group["lr"]) if name == "eta" else 1.0

    def hyper(self, group: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        """The numbers of the group, and η and μ as the step before left them."""
        return {
            "eta": number(lambda: state["eta"]),
            "mu": number(lambda: state["mu"]),
            **numbers(group, state, "lambd", "weight_decay"),
            "maximize": group["maximize"],
        }

    def after(self, group: dict[str, Any], state: dict[str, Any]) -> None:
        """η and μ for the next step."""
        lr, t = number_of(group["lr"]), state["step"]
        state["eta"] = lr / (1 + group["lambd"] * lr * t) ** group["alpha"]
        state["mu"] = 1 / max(1, t - group["t0"])
