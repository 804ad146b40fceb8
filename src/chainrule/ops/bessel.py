"""Bessel functions and Airy's function, elementwise: solutions of the equations of waves in a circle, and of a turning point."""

from __future__ import annotations

from typing import Any

from ..backends import xp
from ..base.errors import ArgumentError
from .elementwise import eq, sign, where
from .kinds import elementwise
from .record import primitive
from .samples import F, S

# ------------------------------------------------------------------------------------------------- what grows: I


@primitive(elementwise, types="float", reference="torch.special.i0")
def i0(x, /):
    """Modified Bessel function of the first kind, of order 0."""
    return xp.i0(xp.asarray(x))


i0.vjp(x=lambda g, x: g * i1(x))


@primitive(elementwise, types="float", reference="torch.special.i0e")
def i0e(x, /):
    """The same scaled,  y = e^(−|x|) I₀(x)."""
    return xp.i0e(xp.asarray(x))


i0e.vjp(x=lambda g, x, y: g * (i1e(x) - sign(x) * y))


@primitive(elementwise, types="float", reference="torch.special.i1")
def i1(x, /):
    """Modified Bessel function of the first kind, of order 1."""
    return xp.i1(xp.asarray(x))


i1.vjp(x=lambda g, x, y: g * (i0(x) - _over(y, x)))


@primitive(elementwise, types="float", reference="torch.special.i1e")
def i1e(x, /):
    """The same scaled,  y = e^(−|x|) I₁(x)."""
    return xp.i1e(xp.asarray(x))


i1e.vjp(x=lambda g, x, y: g * (i0e(x) - sign(x) * y - _over(y, x)))


def _over(y: Any, x: Any) -> Any:
    """y / x, which tends to ½ at 0."""
    return where(eq(x, 0), 0.5, y / where(eq(x, 0), 1.0, x))


# ---------------------------------------------------------------------------------------- the others: J, Y and K


KINDS = ("j", "y", "k", "ke")


def _known_kind(args: tuple, attrs: dict) -> dict:
    if attrs["kind"] not in KINDS or attrs["order"] not in (0, 1):
        raise ArgumentError(
            f"the kinds are {', '.join(KINDS)} and the orders 0 and 1, found {attrs}"
        )
    return attrs


@primitive(
    elementwise,
    types="float",
    normalize=_known_kind,
    samples=(
        S(F(5, 3, low=-4, high=4), kind="j", order=0),
        S(F(7, low=-4, high=4), kind="j", order=1),
        S(F(7, low=0.5, high=4), kind="y", order=0),
        S(F(low=0.5, high=3), kind="y", order=1),
        S(F(0, 3), kind="k", order=0),
        S(F(7, low=0.3, high=4), kind="k", order=1),
        S(F(5, low=0.3, high=4), kind="ke", order=0),
        S(F(2, 3, low=0.3, high=4), kind="ke", order=1),
    ),
)
def bessel(x, /, *, kind, order):
    """The Bessel function of the first kind J ("j"), of the second Y ("y"), the modified one of the second kind K ("k"), or that times
    e^x ("ke"), of order 0 or 1. Y and K are infinite at 0 and NaN below.
    """
    return xp.bessel(xp.asarray(x), kind, order)


def _bessel_rule(g: Any, x: Any, y: Any, kind: str, order: int) -> Any:
    """J₀′ = −J₁  and  J₁′ = J₀ − J₁ / x,  Y likewise;  K₀′ = −K₁  and  K₁′ = −K₀ − K₁ / x.
    Source: Abramowitz & Stegun 1964, 9.1.27 and 9.6.26
    """
    other = bessel(x, kind=kind, order=1 - order)
    waves = kind == "j" or kind == "y"
    slope = (other if order and waves else -other) - (_over(y, x) if order else 0.0)
    return g * (slope + y if kind == "ke" else slope)


bessel.vjp(x=_bessel_rule)


@primitive(elementwise, types="float", reference="torch.special.airy_ai", domain=(-2, 4))
def airy(x, /, *, slope=False):
    """Airy's function Ai, the solution of y″ = x y that fades to the right; or its derivative, if `slope`."""
    return xp.airy(xp.asarray(x), slope)


airy.vjp(x=lambda g, x, y, slope: g * (x * airy(x, slope=False) if slope else airy(x, slope=True)))
