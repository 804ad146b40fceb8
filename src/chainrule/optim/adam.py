"""Adam: steps of a size that does not depend on the size of the gradients.

m follows the mean of the gradients and v the mean of their squares; m/√v is the direction, each
element scaled by how reliable its sign has been.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops import maximum, sqrt
from .hyper import check, known_zero, numbers
from .optimizer import Optimizer

__all__ = ["Adam", "adam"]


def adam(
    p: Any,
    g: Any,
    m: Any,
    v: Any,
    v_max: Any = None,
    *,
    t: Any,
    lr: Any,
    beta1: Any,
    beta2: Any,
    eps: Any,
    weight_decay: Any,
    decoupled: bool,
    maximize: bool,
) -> tuple:
    """One step of Adam.   Source: Kingma & Ba 2015, algorithm 1, in the order of the end of section
    2.

        g ← g + weight_decay · p                        decay in the gradient, or
        p ← (1 − lr · weight_decay) p                   decoupled (AdamW)
        m ← β₁ m + (1 − β₁) g
        v ← β₂ v + (1 − β₂) g²
        p ← p − lr · m̂ / (√v̂ + ε)     with  m̂ = m / (1 − β₁ᵗ),  v̂ = v / (1 − β₂ᵗ)

    m and v begin at zero, and the hats undo that. With numerator and denominator multiplied by  c = √(1 − β₂ᵗ)
    both corrections are single numbers, which saves two passes over the elements:

        p ← p − (lr · c / (1 − β₁ᵗ)) · m / (√v + c ε)

    Args:
        p: the parameter.
        g: its gradient.
        m: the mean of the gradients.
        v: the mean of their squares.
        v_max: with AMSGrad (Reddi, Kale & Kumar 2018) the largest v so far, which then stands in
            for v.
        t: the number of the step, from 1.
        lr: the learning rate.
        beta1: what remains of m.
        beta2: what remains of v.
        eps: keeps the division finite.
        weight_decay: the weight of the penalty ½ ‖p‖², or the share of p that goes.
        decoupled: whether the decay acts on p itself (Loshchilov & Hutter 2019, algorithm 2). In
            the gradient it is divided by √v along with it, so that weights with large gradients
            decay less.
        maximize: whether to go up instead.
    """
    g = -g if maximize else g
    if decoupled:
        p = (1 - lr * weight_decay) * p
    elif not known_zero(weight_decay):
        g = g + weight_decay * p
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    c = (1 - beta2**t) ** 0.5
    size = lr * c / (1 - beta1**t)
    if v_max is None:
        return p - size * (m / (sqrt(v) + c * eps)), m, v
    v_max = maximum(v_max, v)
    return p - size * (m / (sqrt(v_max) + c * eps)), m, v, v_max


class Adam(Optimizer):
    """Adam; see ``adam`` for the formula, and ``AdamW`` for weight decay that is not scaled along.

    Args:
        params: parameters, (name, parameter) pairs, or dicts of groups.
        lr: the learning rate.
        betas: what remains of the means of the gradient and of its square.
        eps: keeps the division finite.
        weight_decay: the weight of the penalty ½ ‖p‖².
        amsgrad: whether the largest mean square so far takes the place of the current one.
        foreach: without effect: chooses among PyTorch's implementations.
        maximize: whether to go up instead.
        capturable: without effect: chooses among PyTorch's implementations.
        differentiable: refused when true.
        fused: without effect: chooses among PyTorch's implementations.
        decoupled_weight_decay: decay the parameter itself, as ``AdamW`` does.

    Raises:
        ValueError: a number out of range.
        NotImplementedError: ``differentiable``.

    Example:
        >>> w = nn.Parameter(ones(1))
        >>> optimizer = optim.Adam([w], lr=0.1)
        >>> (3 * w).sum().backward()
        >>> optimizer.step()
        >>> w.detach()
        tensor([0.9000])
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        check(defaults)
        super().__init__(params, defaults)

    def rule(self, group: dict[str, Any], p: Any) -> Callable[..., tuple]:
        """``adam``."""
        return adam

    def slots(self, group: dict[str, Any], p: Any) -> tuple[str, ...]:
        """The two means, and with AMSGrad the largest second one."""
        means = ("exp_avg", "exp_avg_sq")
        return (*means, "max_exp_avg_sq") if group["amsgrad"] else means

    def hyper(self, group: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        """The numbers of the group."""
        return {
            **numbers(group, state, "t", "lr", "beta1", "beta2", "eps", "weight_decay"),
            "decoupled": group["decoupled_weight_decay"],
            "maximize": group["maximize"],
        }

    def structure(self, group: dict[str, Any]) -> dict[str, Any]:
        """The flags."""
        return {name: group[name] for name in ("amsgrad", "maximize", "decoupled_weight_decay")}
