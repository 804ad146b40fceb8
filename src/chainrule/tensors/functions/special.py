"""Special functions of `torch.special` that are one op each with a kind, an order or a family; the others are ops of their names."""

from __future__ import annotations

from typing import Any

from ... import functional, ops
from .face import faced

__all__ = [
    "airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "chebyshev_polynomial_t", "chebyshev_polynomial_u",
    "chebyshev_polynomial_v", "chebyshev_polynomial_w", "hermite_polynomial_h", "hermite_polynomial_he",
    "laguerre_polynomial_l", "legendre_polynomial_p", "modified_bessel_i0", "modified_bessel_i1", "modified_bessel_k0",
    "modified_bessel_k1", "scaled_modified_bessel_k0", "scaled_modified_bessel_k1", "shifted_chebyshev_polynomial_t",
    "shifted_chebyshev_polynomial_u", "shifted_chebyshev_polynomial_v", "shifted_chebyshev_polynomial_w",
    "spherical_bessel_j0",
]  # fmt: skip

# ------------------------------------------------------------------------------------------------- Bessel and Airy


def airy_ai(input: Any) -> Any:
    """Airy's function Ai.

    >>> cr.special.airy_ai(cr.tensor([0.0]))
    tensor([0.3550])
    """
    return ops.airy(input)


def bessel_j0(input: Any) -> Any:
    """The Bessel function of the first kind, of order 0.

    >>> cr.special.bessel_j0(cr.tensor([0.0, 2.5]))
    tensor([ 1.0000, -0.0484])
    """
    return ops.bessel(input, kind="j", order=0)


def bessel_j1(input: Any) -> Any:
    """The Bessel function of the first kind, of order 1."""
    return ops.bessel(input, kind="j", order=1)


def bessel_y0(input: Any) -> Any:
    """The Bessel function of the second kind, of order 0; −∞ at 0, NaN below."""
    return ops.bessel(input, kind="y", order=0)


def bessel_y1(input: Any) -> Any:
    """The Bessel function of the second kind, of order 1; −∞ at 0, NaN below."""
    return ops.bessel(input, kind="y", order=1)


def modified_bessel_i0(input: Any) -> Any:
    """The modified Bessel function of the first kind, of order 0: `i0` by another name."""
    return ops.i0(input)


def modified_bessel_i1(input: Any) -> Any:
    """The modified Bessel function of the first kind, of order 1: `i1` by another name."""
    return ops.i1(input)


def modified_bessel_k0(input: Any) -> Any:
    """The modified Bessel function of the second kind, of order 0; ∞ at 0, NaN below."""
    return ops.bessel(input, kind="k", order=0)


def modified_bessel_k1(input: Any) -> Any:
    """The modified Bessel function of the second kind, of order 1; ∞ at 0, NaN below."""
    return ops.bessel(input, kind="k", order=1)


def scaled_modified_bessel_k0(input: Any) -> Any:
    """The same times e^x, of order 0, which does not underflow."""
    return ops.bessel(input, kind="ke", order=0)


def scaled_modified_bessel_k1(input: Any) -> Any:
    """The same times e^x, of order 1, which does not underflow."""
    return ops.bessel(input, kind="ke", order=1)


def spherical_bessel_j0(input: Any) -> Any:
    """The spherical Bessel function of the first kind, of order 0,  y = sin(x) / x;  1 at 0."""
    return functional.spherical_bessel_j0(input)


# ------------------------------------------------------------------------------------------ orthogonal polynomials


def _polynomial(family: str, input: Any, n: Any) -> Any:
    return ops.orthogonal_polynomial(input, n, family=family)


def _shifted(family: str, input: Any, n: Any) -> Any:
    """A family of [−1, 1] on [0, 1]."""
    return _polynomial(family, 2.0 * input - 1.0, n)


def chebyshev_polynomial_t(input: Any, n: Any) -> Any:
    """Chebyshev's polynomials of the first kind,  Tₙ(cos θ) = cos nθ.

    >>> cr.special.chebyshev_polynomial_t(cr.tensor([0.5]), cr.arange(4))
    tensor([ 1.0000,  0.5000, -0.5000, -1.0000])
    """
    return _polynomial("chebyshev_t", input, n)


def chebyshev_polynomial_u(input: Any, n: Any) -> Any:
    """Chebyshev's polynomials of the second kind,  Uₙ(cos θ) = sin((n + 1)θ) / sin θ."""
    return _polynomial("chebyshev_u", input, n)


def chebyshev_polynomial_v(input: Any, n: Any) -> Any:
    """Chebyshev's polynomials of the third kind,  Vₙ(cos θ) = cos((n + ½)θ) / cos(θ/2)."""
    return _polynomial("chebyshev_v", input, n)


def chebyshev_polynomial_w(input: Any, n: Any) -> Any:
    """Chebyshev's polynomials of the fourth kind,  Wₙ(cos θ) = sin((n + ½)θ) / sin(θ/2)."""
    return _polynomial("chebyshev_w", input, n)


def shifted_chebyshev_polynomial_t(input: Any, n: Any) -> Any:
    """Tₙ(2x − 1), on [0, 1]."""
    return _shifted("chebyshev_t", input, n)


def shifted_chebyshev_polynomial_u(input: Any, n: Any) -> Any:
    """Uₙ(2x − 1), on [0, 1]."""
    return _shifted("chebyshev_u", input, n)


def shifted_chebyshev_polynomial_v(input: Any, n: Any) -> Any:
    """Vₙ(2x − 1), on [0, 1]."""
    return _shifted("chebyshev_v", input, n)


def shifted_chebyshev_polynomial_w(input: Any, n: Any) -> Any:
    """Wₙ(2x − 1), on [0, 1]."""
    return _shifted("chebyshev_w", input, n)


def hermite_polynomial_h(input: Any, n: Any) -> Any:
    """Hermite's polynomials of the physicists, orthogonal with the weight e^(−x²)."""
    return _polynomial("hermite_h", input, n)


def hermite_polynomial_he(input: Any, n: Any) -> Any:
    """Hermite's polynomials of probability, orthogonal with the weight e^(−x²/2)."""
    return _polynomial("hermite_he", input, n)


def laguerre_polynomial_l(input: Any, n: Any) -> Any:
    """Laguerre's polynomials, orthogonal on [0, ∞) with the weight e^(−x)."""
    return _polynomial("laguerre_l", input, n)


def legendre_polynomial_p(input: Any, n: Any) -> Any:
    """Legendre's polynomials, orthogonal on [−1, 1] with the weight 1."""
    return _polynomial("legendre_p", input, n)


globals().update(faced({name: globals()[name] for name in __all__}, __name__, "special"))
