"""The incomplete gamma functions P(a, x) and Q(a, x) = 1 − P(a, x), on arrays of float32 and float64.

A power series where x < a + 1, else a continued fraction, either as many terms as the slowest element needs, some √a.
From a = 10⁴ on the two are the normal distribution function, corrected.
"""

from __future__ import annotations

import math

import numpy as np

from .special import erfc, in_float64, lgamma, polynomial

__all__ = ["igamma", "igammac"]

LARGE = 1e4
"""From this a on three terms of the uniform expansion are exact to the last bits."""

# cₖ(η), highest power first. Source: Temme 1979; DLMF 8.12.10 makes each of the one before.
_C0 = (-4.382036018453353e-09, 1.0261809784240309e-08, 6.707853543401498e-09, -1.7665952736826078e-07, 8.296711340953087e-07,
       -1.85406221071516e-06, -2.185448510679992e-06, 3.919263178522438e-05, -139 / 777600, 1 / 2835, 1 / 864, -2 / 135,
       1 / 12, -1 / 3)  # fmt: skip
_C1 = (
    7.64916091608111e-06,
    -1.8098550334489977e-05,
    -1 / 2488320,
    1 / 4860,
    -77 / 77760,
    1 / 378,
    -1 / 288,
    -1 / 540,
)
_C2 = (1 / 497664, 1 / 1296, -139 / 51840, 25 / 6048)
# what ln Γ(a) has beside Stirling's formula, by 1 / a². Source: Abramowitz & Stegun 1964, 6.1.41
_STIRLING = (-691 / 360360, 1 / 1188, -1 / 1680, 1 / 1260, -1 / 360, 1 / 12)


def _above_its_logarithm(m: np.ndarray) -> np.ndarray:
    """m − ln(1 + m) for m ≥ −1, which is about m² / 2."""
    near = np.abs(m) < 0.01
    t = np.where(near, m, 0.0)
    series = polynomial([(-1) ** k / k for k in range(11, 1, -1)], t) * t * t
    with np.errstate(divide="ignore"):
        return np.where(near, series, m - np.log1p(np.where(near, 0.0, m)))


def _density(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """xᵃ e⁻ˣ / Γ(a + 1): from a = 20 on by Stirling's formula, whose large terms cancel before they are rounded."""
    b = np.maximum(a, 20.0)
    with np.errstate(over="ignore"):
        rest = polynomial(_STIRLING, 1 / (b * b)) / b
        many = np.exp(-b * _above_its_logarithm((x - b) / b) - rest) / np.sqrt(2 * math.pi * b)
        few = np.exp(a * np.log(x) - x - lgamma(np.minimum(a, 20.0) + 1))
    return np.where(a >= 20, many, few)


def _by_steps(a: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(P, Q) for 0 < a ≤ LARGE and finite x > 0: the series below a + 1, above the continued fraction, by Lentz'
    method.  Source: Abramowitz & Stegun 1964, 6.5.29 and 6.5.31
    """
    front = _density(a, x)
    low = x < a + 1
    t, n = np.where(low, x, 0.0), a.copy()
    term = np.ones_like(a)
    total = term.copy()
    while (term > total * 1e-17).any():
        n += 1
        term = term * t / n
        total += term
    p = front * total
    u = np.where(low, a + 2, x)  # the fraction converges there
    b = u + 1 - a
    c, d = np.full_like(b, 1e300), 1 / b
    h, k = d.copy(), 0
    change = np.zeros_like(b)
    while (np.abs(change - 1) > 5e-16).any():
        k += 1
        numerator = -k * (k - a)
        b += 2
        d = 1 / (numerator * d + b)
        c = b + numerator / c
        change = d * c
        h *= change
    q = front * a * h
    return np.where(low, p, 1 - q), np.where(low, np.maximum(1 - p, 0.0), q)


def _of_large(a: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(P, Q) for a ≥ LARGE and finite x > 0, by an expansion that is uniform in  η²/2 = x/a − 1 − ln(x/a).
    Source: Temme 1979
    """
    m = (x - a) / a
    eta = np.sign(m) * np.sqrt(
        2 * np.minimum(_above_its_logarithm(m), 0.5)
    )  # beyond 1 it is 0 or 1
    inverse = 1 / a
    rest = polynomial(_C0, eta) + inverse * (polynomial(_C1, eta) + inverse * polynomial(_C2, eta))
    rest *= np.exp(-a * eta * eta / 2) / np.sqrt(2 * math.pi * a)
    z = eta * np.sqrt(a / 2)
    return erfc(-z) / 2 - rest, erfc(z) / 2 + rest


def _incomplete(a: np.ndarray, x: np.ndarray, upper: bool) -> np.ndarray:
    a, x = np.broadcast_arrays(a, x)
    inside = (a > 0) & (x > 0) & np.isfinite(a) & np.isfinite(x)
    large = inside & (a >= LARGE)
    few = inside & ~large
    found = _by_steps(np.where(few, a, 1.0), np.where(few, x, 1.0))
    y = np.where(few, found[upper], np.nan)
    if large.any():
        found = _of_large(np.where(large, a, LARGE), np.where(large, x, LARGE))
        y = np.where(large, found[upper], y)
    none, all_ = (1.0, 0.0) if upper else (0.0, 1.0)
    y = np.where((x == 0) & (a > 0) | (np.isposinf(a) & (x >= 0) & np.isfinite(x)), none, y)
    return np.where((a == 0) & (x > 0) | (np.isposinf(x) & (a >= 0) & np.isfinite(a)), all_, y)


@in_float64
def igamma(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The regularised lower incomplete gamma function,  ∫₀ˣ tᵃ⁻¹ e⁻ᵗ dt / Γ(a)."""
    return _incomplete(a, x, False)


@in_float64
def igammac(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The regularised upper one, which is missing to 1."""
    return _incomplete(a, x, True)
