"""Orthogonal polynomials, elementwise: the families of Chebyshev, Hermite, Laguerre and Legendre."""

from __future__ import annotations

from ..backends import xp
from ..base.errors import ArgumentError
from .kinds import elementwise
from .record import primitive
from .samples import F, S

FAMILIES = (
    "chebyshev_t", "chebyshev_u", "chebyshev_v", "chebyshev_w", "hermite_h", "hermite_he", "laguerre_l", "legendre_p",
)  # fmt: skip


def _known_family(args: tuple, attrs: dict) -> dict:
    if attrs["family"] not in FAMILIES:
        raise ArgumentError(f"the families are {', '.join(FAMILIES)}, found {attrs['family']!r}")
    if attrs["order"] < 0:
        raise ArgumentError(f"the order of a derivative cannot be negative, found {attrs['order']}")
    return attrs


@primitive(
    elementwise,
    types="float",
    normalize=_known_family,
    samples=(
        S(F(5, 1, low=-2, high=2), F(3, low=-1, high=7), family="chebyshev_t", order=0),
        S(F(7, low=-2, high=2), F(7, low=0, high=7), family="chebyshev_u", order=0),
        S(F(low=-2, high=2), F(3, low=0, high=5), family="chebyshev_v", order=0),
        S(F(3, low=-2, high=2), F(low=2, high=5), family="chebyshev_w", order=0),
        S(F(3, low=-2, high=2), F(3, low=1, high=5), family="hermite_h", order=0),
        S(F(3, low=-2, high=2), F(3, low=1, high=5), family="hermite_he", order=0),
        S(F(3, low=0, high=4), F(3, low=0, high=5), family="laguerre_l", order=0),
        S(F(2, 3), F(3, low=0, high=5), family="legendre_p", order=0),
        S(F(0, 3), F(3, low=0, high=5), family="legendre_p", order=0),
    ),
)
def orthogonal_polynomial(x, n, /, *, family, order=0):
    """The polynomial Pₙ(x) of a family, or its derivative of an order. The degree n is rounded towards 0; of a negative degree it is 0.
    It has no derivative by n.
    """
    return xp.orthogonal_polynomial(xp.asarray(x), xp.asarray(n), family, order)


orthogonal_polynomial.vjp(
    x=lambda g, x, n, family, order: g * orthogonal_polynomial(x, n, family=family, order=order + 1)
)
