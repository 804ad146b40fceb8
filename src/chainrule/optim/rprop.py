"""Rprop: a step size for each element, longer while the sign of its gradient stays, shorter when it
turns. For whole data sets: of a batch the sign says too little.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops import maximum, minimum, sign, where
from ..tensors import Tensor, full_like, zeros_like
from .hyper import check, number, number_of
from .optimizer import Optimizer

__all__ = ["Rprop", "rprop"]


def rprop(
    p: Any,
    g: Any,
    previous: Any,
    size: Any,
    *,
    eta_minus: Any,
    eta_plus: Any,
    smallest: Any,
    largest: Any,
    maximize: bool,
) -> tuple:
    """One step of Rprop.   Source: Riedmiller & Braun 1993; this form (iRprop⁻): Igel & Hüsken 2000,
    section 2.3.

        turned = g · g_previous < 0,   stayed = g · g_previous > 0
        Δ ← min(η⁺ Δ, Δ_max) where stayed,  max(η⁻ Δ, Δ_min) where turned
        g ← 0 where turned
        p ← p − sign(g) · Δ

    Args:
        p: the parameter.
        g: its gradient.
        previous: the gradient of the step before, zero where it had turned.
        size: Δ.
        eta_minus: η⁻.
        eta_plus: η⁺.
        smallest: Δ_min.
        largest: Δ_max.
        maximize: whether to go up instead.
    """
    g = -g if maximize else g
    same = g * previous
    size = where(same > 0, size * eta_plus, where(same < 0, size * eta_minus, size))
    size = minimum(maximum(size, smallest), largest)
    g = where(same < 0, 0.0, g)
    return p - sign(g) * size, g, size


class Rprop(Optimizer):
    """Rprop; see ``rprop`` for the formula.

    Args:
        params: parameters, (name, parameter) pairs, or dicts of groups.
        lr: the step sizes to begin with.
        etas: η⁻ and η⁺, by which a step size shrinks and grows.
        step_sizes: the smallest and the largest.
        capturable: without effect: chooses among PyTorch's implementations.
        foreach: without effect: chooses among PyTorch's implementations.
        maximize: whether to go up instead.
        differentiable: refused when true.

    Raises:
        ValueError: a number out of range.
        NotImplementedError: ``differentiable``.

    Example:
        >>> w = nn.Parameter(ones(1))
        >>> optimizer = optim.Rprop([w], lr=0.1)
        >>> (3 * w).sum().backward()
        >>> optimizer.step()
        >>> w.detach()
        tensor([0.9000])
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        if not 0 < etas[0] < 1 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr,
            "etas": tuple(etas),
            "step_sizes": tuple(step_sizes),
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        check(defaults)
        super().__init__(params, defaults)

    def rule(self, group: dict[str, Any], p: Any) -> Callable[..., tuple]:
        """``rprop``."""
        return rprop

    def slots(self, group: dict[str, Any], p: Any) -> tuple[str, ...]:
        """The gradient before and the step sizes."""
        return ("prev", "step_size")

    def slot(self, group: dict[str, Any], p: Tensor, name: str) -> Tensor:
        """Step sizes begin with the learning rate, which is not read again."""
        return full_like(p, number_of(group["lr"])) if name == "step_size" else zeros_like(p)

    def hyper(self, group: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        """The numbers of the group."""
        return {
            "eta_minus": number(lambda: group["etas"][0]),
            "eta_plus": number(lambda: group["etas"][1]),
            "smallest": number(lambda: group["step_sizes"][0]),
            "largest": number(lambda: group["step_sizes"][1]),
            "maximize": group["maximize"],
        }
