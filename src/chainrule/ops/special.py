"""Special functions, elementwise: the error function and its kin, the gamma function and its kin."""

from __future__ import annotations

import math
from typing import Any

from ..backends import xp
from ..base.errors import RangeError
from .elementwise import exp, log, square
from .kinds import elementwise
from .record import primitive
from .samples import F, S

ROOT_OF_PI, ROOT_OF_2_PI = math.sqrt(math.pi), math.sqrt(2 * math.pi)

# --------------------------------------------------------------------------------------------- the error function


@primitive(elementwise, types="float", reference="torch.erf", onnx="Erf")
def erf(x, /):
    """Error function,  y = 2/√π ∫₀ˣ e^(−t²) dt."""
    return xp.erf(xp.asarray(x))


erf.vjp(x=lambda g, x: g * (1.1283791670955126 * exp(-x * x)))  # 2/√π


@primitive(elementwise, types="float", reference="torch.erfc")
def erfc(x, /):
    """What is missing to 1,  y = 1 − erf(x), without cancellation for large x."""
    return xp.erfc(xp.asarray(x))


erfc.vjp(x=lambda g, x: g * (-1.1283791670955126 * exp(-x * x)))


@primitive(elementwise, types="float", reference="torch.special.erfcx")
def erfcx(x, /):
    """The same scaled,  y = erfc(x) · e^(x²), which does not underflow."""
    return xp.erfcx(xp.asarray(x))


erfcx.vjp(x=lambda g, x, y: g * (2 * x * y - 2 / ROOT_OF_PI))


@primitive(elementwise, types="float", reference="torch.erfinv", domain=(-0.9, 0.9))
def erfinv(x, /):
    """The number whose error function is x; NaN outside of [−1, 1]."""
    return xp.erfinv(xp.asarray(x))


erfinv.vjp(x=lambda g, y: g * (ROOT_OF_PI / 2 * exp(square(y))))


@primitive(elementwise, types="float", reference="torch.special.ndtri", domain=(0.1, 0.9))
def ndtri(x, /):
    """The standard normal quantile: the number below which a share x of the distribution lies."""
    return xp.ndtri(xp.asarray(x))


ndtri.vjp(x=lambda g, y: g * (ROOT_OF_2_PI * exp(square(y) / 2)))


@primitive(elementwise, types="float", reference="torch.special.log_ndtr")
def log_ndtr(x, /):
    """The logarithm of the standard normal distribution function,  y = ln Φ(x)."""
    return xp.log_ndtr(xp.asarray(x))


log_ndtr.vjp(x=lambda g, x: g / erfcx(x * -math.sqrt(0.5)) * math.sqrt(2 / math.pi))

# --------------------------------------------------------------------------------------------- the gamma function


@primitive(elementwise, types="float", reference="torch.lgamma", domain=(0.3, 4))
def lgamma(x, /):
    """The logarithm of the gamma function,  y = ln |Γ(x)|; +∞ at 0, −1, −2, …"""
    return xp.lgamma(xp.asarray(x))


lgamma.vjp(x=lambda g, x: g * digamma(x))


@primitive(elementwise, types="float", reference="torch.digamma", domain=(0.3, 4))
def digamma(x, /):
    """The derivative of lgamma,  y = Γ′(x) / Γ(x)."""
    return xp.digamma(xp.asarray(x))


digamma.vjp(x=lambda g, x: g * polygamma(x, n=1))


def _order(args: tuple, attrs: dict) -> dict:
    if attrs["n"] < 0:
        raise RangeError(f"polygamma: the order n cannot be negative, found {attrs['n']}")
    return attrs


@primitive(
    elementwise,
    types="float",
    normalize=_order,
    reference="torch.polygamma",
    samples=(
        S(F(5, 3, low=0.3, high=4), n=2),
        S(F(7, low=0.3, high=4), n=0),
        S(F(low=1, high=4), n=3),
    ),
)
def polygamma(x, /, *, n):
    """The nᵗʰ derivative of digamma,  y = (−1)ⁿ⁺¹ n! ζ(n + 1, x)."""
    if n == 0:
        return xp.digamma(xp.asarray(x))
    whole = xp.asarray(n + 1.0, x.dtype)
    factor = xp.asarray((-1.0) ** (n + 1) * math.factorial(n), x.dtype)
    y = xp.zeta(whole, xp.asarray(x)) * factor
    if n > 1:
        return y
    infinite = xp.isinf(x)  # the limit at +∞; there is none at −∞
    return xp.where(infinite, xp.asarray(xp.where(x > 0, 0.0, math.nan), x.dtype), y)


polygamma.vjp(x=lambda g, x, n: g * polygamma(x, n=n + 1))


@primitive(
    elementwise,
    types="float",
    reference="torch.special.zeta",
    samples=(
        S(F(5, 3, low=1.5, high=4), F(5, 3, low=0.3, high=4)),
        S(F(5, 1, low=1.5, high=4), F(3, low=0.3, high=4)),
        S(F(low=1.5, high=4), F(7, low=0.3, high=4)),
        S(F(0, 3), F(3)),
    ),
)
def zeta(s, q, /):
    """Hurwitz' zeta function,  y = Σ (k + q)⁻ˢ over k ≥ 0; it has no derivative by s here."""
    return xp.zeta(xp.asarray(s), xp.asarray(q))


zeta.vjp(q=lambda g, s, q: g * (-s * zeta(s + 1, q)))


def _density(a: Any, x: Any) -> Any:
    """The derivative of igamma by x,  xᵃ⁻¹ e⁻ˣ / Γ(a)."""
    return exp((a - 1) * log(x) - x - lgamma(a))


@primitive(elementwise, types="float", reference="torch.igamma", domain=(0.5, 4))
def igamma(a, x, /):
    """The regularised lower incomplete gamma function,  y = ∫₀ˣ tᵃ⁻¹ e⁻ᵗ dt / Γ(a);  it has no
    derivative by a here.
    """
    return xp.igamma(xp.asarray(a), xp.asarray(x))


igamma.vjp(x=lambda g, a, x: g * _density(a, x))


@primitive(elementwise, types="float", reference="torch.igammac", domain=(0.5, 4))
def igammac(a, x, /):
    """The regularised upper incomplete gamma function,  y = 1 − igamma(a, x), without cancellation."""
    return xp.igammac(xp.asarray(a), xp.asarray(x))


igammac.vjp(x=lambda g, a, x: -g * _density(a, x))
