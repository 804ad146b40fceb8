"""Muon: momentum whose matrix is made orthogonal, so that a step moves all directions alike. For the
matrices of hidden layers; embeddings, biases and the last layer go to another method.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from ..ops import matmul, maximum, sqrt, sum
from .hyper import check, number, numbers
from .optimizer import Optimizer

__all__ = ["Muon", "muon", "orthogonalized"]


def muon(
    p: Any,
    g: Any,
    b: Any,
    *,
    lr: Any,
    adjusted_lr: Any,
    momentum: Any,
    weight_decay: Any,
    eps: Any,
    coefficients: tuple[float, float, float],
    steps: int,
    nesterov: bool,
) -> tuple:
    """One step of Muon.   Source: Jordan et al. 2024.

        b ← momentum · b + (1 − momentum) · g
        u = (1 − momentum) · g + momentum · b with ``nesterov``, else b
        p ← (1 − lr · weight_decay) p − adjusted_lr · orthogonalized(u)

    Args:
        p: the parameter, a matrix.
        g: its gradient.
        b: the momentum, a mean of gradients.
        lr: the learning rate.
        adjusted_lr: the learning rate, adjusted to the shape of the matrix.
        momentum: what remains of b.
        weight_decay: the share of p, times lr, that goes.
        eps: keeps the division finite.
        coefficients: of the polynomial, see ``orthogonalized``.
        steps: how often it is applied.
        nesterov: whether to look ahead along the momentum.
    """
    b = momentum * b + (1 - momentum) * g
    u = (1 - momentum) * g + momentum * b if nesterov else b
    o = orthogonalized(u, coefficients, steps, eps)
    return (1 - lr * weight_decay) * p - adjusted_lr * o, b


def orthogonalized(x: Any, coefficients: tuple[float, float, float], steps: int, eps: Any) -> Any:
    """A matrix with the singular vectors of x, and singular values near 1: x ↦ a x + (b xxᵀ + c (xxᵀ)²) x,
    a few times.

    The polynomial  a s + b s³ + c s⁵  drives every singular value s in (0, 1] towards 1, the small
    ones fast. x is first divided by its Frobenius norm, which is not less than the largest of them.
    With the usual coefficients they end between 0.7 and 1.2, which is as good as 1 and quicker.

    Args:
        x: (n, m).
        coefficients: a, b, c.
        steps: how often.
        eps: the least that x is divided by.
    """
    a, b, c = coefficients
    x = x / maximum(sqrt(sum(x * x)), eps)
    tall = x.shape[0] > x.shape[1]
    for _ in range(steps):
        square = matmul(x.mT, x) if tall else matmul(x, x.mT)  # the smaller of the two
        change = b * square + c * matmul(square, square)
        x = a * x + (matmul(x, change) if tall else matmul(change, x))
    return x


class Muon(Optimizer):
    """Muon; see ``muon`` for the formula.

    Differs from PyTorch: the polynomial is computed in float32 (float64 for float64 parameters),
    there in bfloat16; the steps agree to the precision of bfloat16.

    Args:
        params: matrices, (name, matrix) pairs, or dicts of groups.
        lr: the learning rate.
        weight_decay: the share of the parameter, times lr, that each step takes away.
        momentum: what remains of the mean of gradients.
        nesterov: whether to look ahead along the momentum.
        ns_coefficients: of the polynomial.
        eps: keeps the division finite.
        ns_steps: how often the polynomial is applied.
        adjust_lr_fn: how the rate is adjusted to a matrix (A, B): None or ``"original"`` √max(1, A/B),
            ``"match_rms_adamw"`` 0.2 √max(A, B), with which rates and decays of AdamW can be kept
            (Liu et al. 2025).

    Raises:
        ValueError: a number out of range, or a parameter that is not a matrix.

    Example:
        >>> w = nn.Parameter(eye(2))
        >>> optimizer = optim.Muon([w], lr=0.1, weight_decay=0.0)
        >>> (w * tensor([[4.0, 0.0], [0.0, 2.0]])).sum().backward()
        >>> optimizer.step()
        >>> (w.detach() * 10).round()
        tensor([[9., 0.],
                [0., 9.]])
    """

    saves_step = False
    elementwise = False

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(
                f"adjust_lr_fn must be None, 'original' or 'match_rms_adamw', got {adjust_lr_fn!r}"
            )
        if ns_steps >= 100:
            raise ValueError(f"ns_steps must be less than 100, got {ns_steps}")
        if len(ns_coefficients) != 3:
            raise ValueError(f"ns_coefficients must be three numbers, got {ns_coefficients}")
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": tuple(ns_coefficients),
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        check(defaults)
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """As the base; the parameters must be matrices."""
        super().add_param_group(param_group)
        for p in self.param_groups[-1]["params"]:
            if p.ndim != 2:
                self.param_groups.pop()
                raise ValueError(
                    "Muon only supports 2D parameters whereas we found a parameter with size: "
                    f"{tuple(p.shape)}\n  hint: give the others to AdamW"
                )

    def rule(self, group: dict[str, Any], p: Any) -> Callable[..., tuple]:
        """``muon``, with the rate adjusted to the shape."""
        A, B = p.shape
        factor = {
            None: math.sqrt(max(1, A / B)),
            "original": math.sqrt(max(1, A / B)),
            "match_rms_adamw": 0.2 * math.sqrt(max(A, B)),
        }[group["adjust_lr_fn"]]
        return partial(muon, adjusted_lr=number(lambda: group["lr"] * factor))

    def slots(self, group: dict[str, Any], p: Any) -> tuple[str, ...]:
        """The momentum."""
        return ("momentum_buffer",)

    def hyper(self, group: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        """The numbers of the group."""
        return {
            **numbers(group, state, "lr", "momentum", "weight_decay", "eps"),
            "coefficients": group["ns_coefficients"],
            "steps": group["ns_steps"],
            "nesterov": group["nesterov"],
        }

    def structure(self, group: dict[str, Any]) -> dict[str, Any]:
        """What the program has built in."""
        names = ("nesterov", "ns_coefficients", "ns_steps", "adjust_lr_fn")
        return {name: group[name] for name in names}
