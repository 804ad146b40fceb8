"""Adafactor: the mean of squares of a matrix kept as one column and one row, not element by element."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..ops import maximum, mean, rsqrt, sqrt
from ..platform import finfo
from ..tensors import Tensor, zeros
from .hyper import check, checked, number, number_of, numbers
from .optimizer import Optimizer

__all__ = ["Adafactor", "adafactor_matrix", "adafactor_vector"]


def adafactor_matrix(
    p: Any,
    g: Any,
    r: Any,
    c: Any,
    *,
    eps1: Any,
    forget: Any,
    **numbers: Any,
) -> tuple:
    """One step of Adafactor for a parameter (…, n, m) of two dimensions or more.   Source: Shazeer & Stern
    2018, algorithm 4.

        r ← (1 − w) r + w · mean(g², rows)         (…, n, 1)      w = t^beta2_decay
        c ← (1 − w) c + w · mean(g², columns)      (…, 1, m)
        v̂ = r c / max(mean(r), ε₁)                 (…, n, m), of rank one

    and then the step of ``adafactor_step``.

    Differs from the paper, as PyTorch does: means stand for sums, which are the same quotient; ε₁ is
    a lower bound in the divisions, not added to g².

    Args:
        p: the parameter.
        g: its gradient.
        r: the mean of squares of each row.
        c: the mean of squares of each column.
        eps1: ε₁.
        forget: w.
        numbers: those of ``adafactor_step``.
    """
    g = -g if numbers.pop("maximize") else g
    r = (1 - forget) * r + forget * mean(g * g, dim=(g.ndim - 1,), keepdim=True)
    c = (1 - forget) * c + forget * mean(g * g, dim=(g.ndim - 2,), keepdim=True)
    v = r * c / maximum(mean(r, dim=(g.ndim - 2,), keepdim=True), eps1)
    return adafactor_step(p, g, v, eps1=eps1, **numbers), r, c


def adafactor_vector(p: Any, g: Any, v: Any, *, eps1: Any, forget: Any, **numbers: Any) -> tuple:
    """One step of Adafactor for a parameter of one dimension or none.   Source: Shazeer & Stern 2018,
    algorithm 5.

        v ← (1 − w) v + w g²

    and then the step of ``adafactor_step``.

    Args:
        p: the parameter.
        g: its gradient.
        v: the mean of squares.
        eps1: ε₁.
        forget: w.
        numbers: those of ``adafactor_step``.
    """
    g = -g if numbers.pop("maximize") else g
    v = (1 - forget) * v + forget * g * g
    return adafactor_step(p, g, v, eps1=eps1, **numbers), v


def adafactor_step(
    p: Any, g: Any, v: Any, *, eps1: Any, eps2: Any, lr: Any, rho: Any, d: Any, weight_decay: Any
) -> Any:
    """The step, given the mean of squares v.

        u = g / √max(v, ε₁²)
        p ← (1 − lr · weight_decay) p − α u / max(1, RMS(u) / d)     with  α = ρ · max(ε₂, RMS(p))

    Args:
        p: the parameter.
        g: its gradient.
        v: the mean of squares.
        eps1: ε₁.
        eps2: ε₂, for parameters that are (nearly) zero.
        lr: the learning rate.
        rho: min(lr, 1/√t), the relative step size.
        d: the largest RMS of u that is not scaled down.
        weight_decay: the share of p, times lr, that goes.
    """
    u = g * rsqrt(maximum(v, eps1 * eps1))
    size = rho * maximum(_rms(p), eps2) / maximum(_rms(u) / d, 1.0)
    return (1 - lr * weight_decay) * p - size * u


def _rms(x: Any) -> Any:
    """√(mean of x²)."""
    return sqrt(mean(x * x))


class Adafactor(Optimizer):
    """Adafactor; see ``adafactor_matrix`` and ``adafactor_step`` for the formulas.

    Args:
        params: parameters, (name, parameter) pairs, or dicts of groups.
        lr: the largest relative step size; the steps fall as 1/√t. The paper's is 0.01.
        beta2_decay: how fast the means forget: w = t^beta2_decay.
        eps: ε₁ (None: the precision of the parameter's dtype) and ε₂.
        d: the largest root mean square of an update that is not scaled down.
        weight_decay: the share of the parameter, times lr, that each step takes away.
        foreach: without effect: chooses among PyTorch's implementations.
        maximize: whether to go up instead.

    Raises:
        ValueError: a number out of range.

    Example:
        >>> w = nn.Parameter(ones(2, 3))
        >>> optimizer = optim.Adafactor([w], lr=0.1)
        >>> (3 * w).sum().backward()
        >>> optimizer.step()
        >>> w.detach()[0]
        tensor([0.9000, 0.9000, 0.9000])
        >>> sorted(optimizer.state[w])
        ['col_var', 'row_var', 'step']
    """

    elementwise = False

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        check({"lr": lr, "weight_decay": weight_decay})
        checked("beta2_decay value", beta2_decay, low=-np.inf, high=0, inclusive=True)
        if eps[0] is not None:
            checked("epsilon1 value", eps[0])
        checked("epsilon2 value", eps[1])
        checked("clipping threshold d", d, low=1.0)
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": tuple(eps),
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def rule(self, group: dict[str, Any], p: Tensor) -> Callable[..., tuple]:
        """For a matrix or for a vector."""
        rule = adafactor_matrix if p.ndim > 1 else adafactor_vector
        return partial(rule, eps1=finfo(p.dtype).eps) if group["eps"][0] is None else rule

    def slots(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        """The means."""
        return ("row_var", "col_var") if p.ndim > 1 else ("variance",)

    def slot(self, group: dict[str, Any], p: Tensor, name: str) -> Tensor:
        """Zeros: a column, a row, or the shape of the parameter."""
        shape = list(p.shape)
        if name != "variance":
            shape[-1 if name == "row_var" else -2] = 1
        return zeros(shape, dtype=p.dtype)

    def hyper(self, group: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        """The numbers of the group."""

        def t() -> int:  # a trace asks before the first step
            return max(state["step"], 1)

        given = {} if group["eps"][0] is None else {"eps1": number(lambda: group["eps"][0])}
        return {
            **given,
            "eps2": number(lambda: group["eps"][1]),
            "forget": number(lambda: t() ** group["beta2_decay"]),
            "lr": number(lambda: group["lr"]),
            "rho": number(lambda: min(number_of(group["lr"]), t() ** -0.5)),
            **numbers(group, state, "d", "weight_decay"),
            "maximize": group["maximize"],
        }

    def structure(self, group: dict[str, Any]) -> dict[str, Any]:
        """Which way, and where ε₁ is from."""
        return {"maximize": group["maximize"], "eps[0] is None": group["eps"][0] is None}
