"""Bessel functions of the orders 0 and 1 and Airy's function, on arrays of float32 and float64.

Near 0 they are power series, whose terms hardly cancel there. Elsewhere J, Y, K and Ai are one integral, of which they take the
values on different rays of the complex plane (see `_decaying`). The error is some units in the last place, for functions that
oscillate relative to the height of their waves.
"""

from __future__ import annotations

import math

import numpy as np

from .special import in_float64

__all__ = ["airy", "bessel", "i0", "i0e", "i1", "i1e"]

# ------------------------------------------------------------------------------------------- what grows: I


def _modified_bessel(order: int, a: np.ndarray) -> np.ndarray:
    """exp(−a) · I_order(a) for a ≥ 0: the power series up to 22, whose terms are all positive, then the
    asymptotic one.  Source: Abramowitz & Stegun 1964, 9.6.10 and 9.7.1
    """
    t = np.minimum(a, 22.0)
    square = t * t / 4
    term = np.ones_like(t) if order == 0 else t / 2
    total = term.copy()
    for k in range(1, 60):
        term = term * square / (k * (k + order))
        total += term
    near = total * np.exp(-t)
    far, m = 8 * np.maximum(a, 22.0), 4.0 * order * order
    term = np.ones_like(far)
    total = term.copy()
    for k in range(1, 24):
        term = term * -(m - (2 * k - 1) ** 2) / (k * far)
        total += term
    return np.where(a <= 22, near, total / np.sqrt(far * (math.pi / 4)))


@in_float64
def i0e(x: np.ndarray) -> np.ndarray:
    """exp(−|x|) · I₀(x)."""
    return _modified_bessel(0, np.abs(x))


@in_float64
def i1e(x: np.ndarray) -> np.ndarray:
    """exp(−|x|) · I₁(x), odd in x."""
    return np.copysign(_modified_bessel(1, np.abs(x)), x)


@in_float64
def i0(x: np.ndarray) -> np.ndarray:
    """The modified Bessel function of the first kind, of order 0."""
    return np.exp(np.abs(x) / 2) * _modified_bessel(0, np.abs(x)) * np.exp(np.abs(x) / 2)


@in_float64
def i1(x: np.ndarray) -> np.ndarray:
    """The modified Bessel function of the first kind, of order 1."""
    half = np.exp(np.abs(x) / 2)
    return half * np.copysign(_modified_bessel(1, np.abs(x)), x) * half


# ------------------------------------------------------------------------- what decays: K, and on other rays J, Y, Ai

_STEP = 0.2
_NODES = _STEP * np.arange(32)  # beyond, e^(−v²) is below 2⁻⁵³
_WEIGHTS = _STEP * np.exp(-_NODES * _NODES) * np.where(_NODES == 0, 0.5, 1.0)
FAR = 2.0
"""From which on the integral is right to the last bits: its integrand is analytic up to |Im v| = √|z| at least, and the sum
over steps of 0.2 is off by e^(−2π √2 / 0.2).
"""


def _decaying(order: float, z: np.ndarray) -> np.ndarray:
    """e^z K_order(z), for z ≥ 1 or Re z ≥ 0, |z| ≥ 2, real or complex.

    ∫₀^∞ exp(−z (cosh t − 1)) cosh(order · t) dt  with  t = 2 arsinh s,  s = v / √(2z)  is
    √(2/z) ∫₀^∞ e^(−v²) cosh(2 · order · arsinh s) / √(1 + s²) dv,  and of a function that is analytic around the real axis, and
    fades like this one, the trapezoidal rule gives the integral with an error that is exponentially small in 1/step.
    Source: Abramowitz & Stegun 1964, 9.6.24; Trefethen & Weideman 2014, theorem 5.1
    """
    root = np.sqrt(2 * z)
    total = np.zeros_like(root)
    for v, weight in zip(_NODES, _WEIGHTS, strict=True):
        s = v / root
        square = s * s
        if order == 0:
            height = 1.0
        elif order == 1:
            height = 1 + 2 * square
        else:
            height = np.cosh(2 * order * np.arcsinh(s))
        total += weight * height / np.sqrt(1 + square)
    return total * 2 / root


def _waves(order: int, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """J and Y of an order for x ≥ 2:  J + iY = 2 / (πi) e^(−iπ order/2) K(−ix).  Source: Abramowitz & Stegun 1964, 9.6.4"""
    h = 2 / (math.pi * 1j ** (order + 1)) * _decaying(order, -1j * x)
    cos, sin = np.cos(x), np.sin(x)
    return h.real * cos - h.imag * sin, h.real * sin + h.imag * cos


def _series(order: int, t: np.ndarray, sign: int) -> tuple[np.ndarray, np.ndarray]:
    """For 0 ≤ t ≤ 2 the power series of J (sign −1) or I (sign 1), and the same with the harmonic numbers H of its terms, doubled:
    Σ uₖ  and  Σ (Hₖ + Hₖ₊order) uₖ  with  uₖ = (t/2)^order (±t²/4)ᵏ / (k! (k + order)!).
    """
    square = sign * t * t / 4
    term = np.ones_like(t) if order == 0 else t / 2
    total, weighted = term.copy(), term * order
    harmonics = float(order)
    for k in range(1, 16):
        term = term * square / (k * (k + order))
        harmonics += 1 / k + 1 / (k + order)
        total += term
        weighted += harmonics * term
    return total, weighted


def _logarithm(t: np.ndarray) -> np.ndarray:
    """ln(t/2) + γ."""
    return np.log(t / 2) + np.euler_gamma


def _first_kind(order: int, x: np.ndarray) -> np.ndarray:
    """J: Abramowitz & Stegun 1964, 9.1.10 up to 2."""
    a = np.abs(x)
    near, _ = _series(order, np.minimum(a, FAR), -1)
    far, _ = _waves(order, np.where((a > FAR) & np.isfinite(a), a, FAR))
    y = np.where(a <= FAR, near, np.where(np.isinf(a), 0.0, far))
    y = np.where(np.isnan(x), x, y)
    return np.where(x < 0, -y, y) if order else y


def _second_kind(order: int, x: np.ndarray) -> np.ndarray:
    """Y: 9.1.11 up to 2; −∞ at 0, NaN below."""
    t = np.where((x > 0) & (x <= FAR), x, 1.0)
    near, weighted = _series(order, t, -1)
    near = (2 * _logarithm(t) * near - weighted) / math.pi
    if order:
        near = near - 2 / (math.pi * t)
    _, far = _waves(order, np.where((x > FAR) & np.isfinite(x), x, FAR))
    y = np.where(x <= FAR, near, np.where(np.isinf(x), 0.0, far))
    return _on_the_right(x, y, -np.inf)


def _third_kind(order: int, x: np.ndarray, scaled: bool) -> np.ndarray:
    """K, times e^x if scaled: 9.6.11 up to 1; ∞ at 0, NaN below."""
    t = np.where((x > 0) & (x <= 1), x, 1.0)
    near, weighted = _series(order, t, 1)
    if order:
        near = 1 / t + _logarithm(t) * near - weighted / 2
    else:
        near = weighted / 2 - _logarithm(t) * near
    u = np.maximum(np.where(np.isfinite(x), x, 1.0), 1.0)
    far = np.where(np.isinf(x), 0.0, _decaying(order, u))
    y = (
        np.where(x <= 1, near * np.exp(t), far)
        if scaled
        else np.where(x <= 1, near, far * np.exp(-u))
    )
    return _on_the_right(x, y, np.inf)


def _on_the_right(x: np.ndarray, y: np.ndarray, pole: float) -> np.ndarray:
    """y for x > 0, the pole at 0, NaN elsewhere."""
    return np.where(x > 0, y, np.where(x == 0, pole, np.nan))


def bessel(x: np.ndarray, kind: str, order: int) -> np.ndarray:
    """The function J, Y or K ("j", "y", "k") of order 0 or 1, or e^x K ("ke")."""
    t = np.asarray(x, np.float64)
    if kind == "j":
        y = _first_kind(order, t)
    elif kind == "y":
        y = _second_kind(order, t)
    else:
        y = _third_kind(order, t, kind == "ke")
    return np.asarray(y).astype(x.dtype, copy=False)


# --------------------------------------------------------------------------------------------------------- Airy


AIRY_AT_0, AIRY_SLOPE_AT_0 = (
    3 ** (-2 / 3) / math.gamma(2 / 3),
    -(3 ** (-1 / 3)) / math.gamma(1 / 3),
)
"""Ai(0) and Ai′(0).  Source: Abramowitz & Stegun 1964, 10.4.4 and 10.4.5"""


def _airy_near(t: np.ndarray, slope: bool) -> np.ndarray:
    """The power series of Ai, or of its derivative, for |t| ≤ 2.1: Ai(0) times the solution of y″ = x y that is 1 at 0, plus Ai′(0)
    times the one that is x there.  Source: Abramowitz & Stegun 1964, 10.4.2 and 10.4.3
    """
    one, other = (t * t / 2, np.ones_like(t)) if slope else (np.ones_like(t), t)
    total = AIRY_AT_0 * one + AIRY_SLOPE_AT_0 * other
    for n in range(3, 60, 3):
        first, second = (n + 2, n - 2) if slope else (n - 1, n + 1)
        one, other = one * t**3 / (n * first), other * t**3 / (n * second)
        total += AIRY_AT_0 * one + AIRY_SLOPE_AT_0 * other
    return total


def _airy_far(a: np.ndarray, slope: bool) -> tuple[np.ndarray, np.ndarray]:
    """The same at −a and at a, for a > 2: with ζ = ⅔ a^(3/2),  √(a/3) K_{1/3}(ζ) / π  at a, and −a/√3 K_{2/3}(ζ) / π its derivative; at −a
    the sum of what they become on the two ways round 0.  Source: 10.4.14, 10.4.16, 10.4.7
    """
    order, height = (2 / 3, a / -math.sqrt(3)) if slope else (1 / 3, np.sqrt(a / 3))
    zeta = a**1.5 * (2 / 3)
    turning = np.exp(-1j * zeta) * _decaying(order, 1j * zeta)
    left = turning.real if slope else -turning.imag
    right = np.exp(-zeta) * _decaying(order, zeta)
    return 2 * height * left / math.pi, height * right / math.pi


def airy(x: np.ndarray, slope: bool) -> np.ndarray:
    """Airy's function Ai, the solution of y″ = x y that fades to the right; or its derivative."""
    t = np.asarray(x, np.float64)
    inside, finite = np.abs(t) <= 2.1, np.isfinite(t)
    left, right = _airy_far(np.where(finite & ~inside, np.abs(t), 3.0), slope)
    far = np.where(finite, np.where(t < 0, left, right), np.nan)
    y = np.where(inside, _airy_near(np.where(inside, t, 0.0), slope), far)
    return np.asarray(y).astype(x.dtype, copy=False)
