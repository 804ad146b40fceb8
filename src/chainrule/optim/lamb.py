"""LAMB: Adam whose step, in each parameter, is as long as the parameter itself allows; for very large
batches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops import sqrt, sum, where
from .hyper import check, numbers
from .optimizer import Optimizer

__all__ = ["LAMB", "lamb"]


def lamb(
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
    weight_decay: Any,
    maximize: bool,
) -> tuple:
    """One step of LAMB.   Source: You et al. 2020, algorithm 2, with φ(z) = z.

        m ← β₁ m + (1 − β₁) g
        v ← β₂ v + (1 − β₂) g²
        u = m̂ / (√v̂ + ε) + weight_decay · p     with  m̂ = m / (1 − β₁ᵗ),  v̂ = v / (1 − β₂ᵗ)
        p ← p − lr · (‖p‖ / ‖u‖) · u

    The quotient is 1 where a norm is zero: a parameter that begins at zero could not leave it.

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
        weight_decay: the weight of p in the step.
        maximize: whether to go up instead.
    """
    g = -g if maximize else g
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    u = (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + eps) + weight_decay * p
    p_norm, u_norm = _norm(p), _norm(u)
    ratio = where(p_norm * u_norm > 0, p_norm / where(u_norm > 0, u_norm, 1.0), 1.0)
    return p - lr * ratio * u, m, v


def _norm(x: Any) -> Any:
    """√Σ x²."""
    return sqrt(sum(x * x))


class LAMB(Optimizer):
    """LAMB; see ``lamb`` for the formula. PyTorch has none.

    Args:
        params: parameters, (name, parameter) pairs, or dicts of groups. Norms are taken of each
            parameter, so one parameter should be one layer's weight or bias.
        lr: the learning rate.
        betas: what remains of the means of the gradient and of its square.
        eps: keeps the division finite.
        weight_decay: the weight of the parameter in its step.
        maximize: whether to go up instead.

    Raises:
        ValueError: a number out of range.

    Example:
        >>> w = nn.Parameter(tensor([3.0, 4.0]))
        >>> optimizer = optim.LAMB([w], lr=0.1, weight_decay=0.0)
        >>> w.sum().backward()
        >>> optimizer.step()  # a step of a tenth of ‖w‖ = 5
        >>> w.detach()
        tensor([2.6464, 3.6464])
    """

    elementwise = False

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 1e-2,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        check(defaults)
        super().__init__(params, defaults)

    def rule(self, group: dict[str, Any], p: Any) -> Callable[..., tuple]:
        """``lamb``."""
        return lamb

    def slots(self, group: dict[str, Any], p: Any) -> tuple[str, ...]:
        """The two means."""
        return ("exp_avg", "exp_avg_sq")

    def hyper(self, group: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        """The numbers of the group."""
        return {
            **numbers(group, state, "t", "lr", "beta1", "beta2", "eps", "weight_decay"),
            "maximize": group["maximize"],
        }
