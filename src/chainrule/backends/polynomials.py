"""Orthogonal polynomials: one recurrence of three terms, and a table of what distinguishes the families."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..base.errors import RangeError

__all__ = ["orthogonal_polynomial"]

RECURRENCES: dict[str, Callable[[int], tuple[float, float, float]]] = {
    "chebyshev_t": lambda k: (2 if k else 1, 0, 1),
    "chebyshev_u": lambda k: (2, 0, 1),
    "chebyshev_v": lambda k: (2, 0 if k else -1, 1),
    "chebyshev_w": lambda k: (2, 0 if k else 1, 1),
    "hermite_h": lambda k: (2, 0, 2 * k),
    "hermite_he": lambda k: (1, 0, k),
    "laguerre_l": lambda k: (-1 / (k + 1), (2 * k + 1) / (k + 1), k / (k + 1)),
    "legendre_p": lambda k: ((2 * k + 1) / (k + 1), 0, k / (k + 1)),
}
"""a, b and c of  Pₖ₊₁ = (a x + b) Pₖ − c Pₖ₋₁,  by family; P₀ = 1.  Source: Abramowitz & Stegun 1964, table 22.7; for V and W Mason &
Handscomb 2003, section 1.2
"""


MOST = 100_000
"""The highest degree: each costs a step over all elements."""


def orthogonal_polynomial(x: np.ndarray, n: np.ndarray, family: str, order: int) -> np.ndarray:
    """Pₙ(x), or its derivative of an order, for degrees n that are rounded towards 0; 0 where they are negative.

    The recurrence, differentiated m times, is  Pₖ₊₁⁽ᵐ⁾ = (a x + b) Pₖ⁽ᵐ⁾ + m a Pₖ⁽ᵐ⁻¹⁾ − c Pₖ₋₁⁽ᵐ⁾.  Computed in float64.
    """
    t, degree = np.broadcast_arrays(np.asarray(x, np.float64), np.trunc(n))
    highest = np.max(degree, initial=0)
    if highest > MOST:
        raise RangeError(f"the degree is at most {MOST}, found {highest:g}")
    before = [np.zeros_like(t) for _ in range(order + 1)]  # P₋₁ and its derivatives
    now = [np.ones_like(t), *before[1:]]
    y = np.where(degree == 0, now[order], 0.0)
    for k in range(int(highest)):
        a, b, c = RECURRENCES[family](k)
        factor = a * t + b
        after = [factor * p - c * q for p, q in zip(now, before, strict=True)]
        for m in range(1, order + 1):
            after[m] += m * a * now[m - 1]
        before, now = now, after
        y = np.where(degree == k + 1, now[order], y)
    return y.astype(x.dtype, copy=False)
