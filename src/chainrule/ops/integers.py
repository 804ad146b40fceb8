"""Integers: their bits, greatest common divisors and least common multiples. None has a derivative."""

from __future__ import annotations

from typing import Any

from ..backends import xp
from ..base import dtypes
from ..base.errors import DTypeError
from .kinds import elementwise, elementwise_law
from .promotion import Spec
from .record import Op, primitive
from .samples import B, I, S


def _whole_law(op: Op, *operands: Spec) -> Spec:
    """Integers or bools, broadcast to one shape."""
    y = elementwise_law(op, *operands)
    if y.dtype.category == dtypes.FLOATING:
        raise DTypeError(f"this is for integers, found {y.dtype.name}")
    return y


def _integer_law(op: Op, *operands: Spec) -> Spec:
    """Integers, broadcast to one shape."""
    y = _whole_law(op, *operands)
    if y.dtype is dtypes.bool_:
        raise DTypeError("this is for integers, found bool")
    return y


_BITS = (S(B(5, 3), B(3)), S(B(), B()))


@primitive(
    elementwise, types="promote", law=_whole_law, reference="torch.bitwise_and", samples=_BITS
)
def bitwise_and(a, b, /):
    """Bitwise and of integers, logical and of bools."""
    return xp.bitwise_and(a, b)


@primitive(
    elementwise, types="promote", law=_whole_law, reference="torch.bitwise_or", samples=_BITS
)
def bitwise_or(a, b, /):
    """Bitwise or of integers, logical or of bools."""
    return xp.bitwise_or(a, b)


@primitive(
    elementwise, types="promote", law=_whole_law, reference="torch.bitwise_xor", samples=_BITS
)
def bitwise_xor(a, b, /):
    """Bitwise exclusive or of integers, logical of bools."""
    return xp.bitwise_xor(a, b)


@primitive(
    elementwise,
    types="promote",
    law=_whole_law,
    reference="torch.bitwise_not",
    samples=(S(B(5, 3)),),
)
def bitwise_not(x, /):
    """Bitwise complement of integers, logical not of bools."""
    return xp.invert(x)


_PAIRS = (
    S(I(5, 3, low=-60, high=60), I(5, 3, low=-60, high=60)),
    S(I(5, 1, low=-9, high=9), I(3, low=-9, high=9)),
    S(I(low=-9, high=9), I(7, low=-9, high=9)),
)
_SHIFTS = (
    S(I(5, 3, low=-60, high=60), I(5, 3, high=9)),
    S(I(5, 1, low=-9, high=9), I(3, low=60, high=70)),
    S(I(low=-9, high=9), I(7, low=-2, high=2)),
)


@primitive(
    elementwise,
    types="promote",
    law=_integer_law,
    reference="torch.bitwise_left_shift",
    samples=_SHIFTS,
)
def bitwise_left_shift(a, b, /):
    """The bits of a moved up by b places,  y = a · 2ᵇ; 0 if that is more than there are, or
    negative.
    """
    return xp.left_shift(*_integers(a, b))


@primitive(
    elementwise,
    types="promote",
    law=_integer_law,
    reference="torch.bitwise_right_shift",
    samples=_SHIFTS,
)
def bitwise_right_shift(a, b, /):
    """The bits of a moved down by b places,  y = floor(a / 2ᵇ); the sign alone if that is more
    than there are, or negative.
    """
    return xp.right_shift(*_integers(a, b))


@primitive(elementwise, types="promote", law=_integer_law, reference="torch.gcd", samples=_PAIRS)
def gcd(a, b, /):
    """Greatest common divisor, not negative; gcd(0, 0) = 0."""
    return xp.gcd(*_integers(a, b))


@primitive(elementwise, types="promote", law=_integer_law, reference="torch.lcm", samples=_PAIRS)
def lcm(a, b, /):
    """Least common multiple, not negative; 0 if either is."""
    return xp.lcm(*_integers(a, b))


def _integers(*operands: Any) -> tuple:
    """The operands, unless NumPy would take what is no integer."""
    if operands[0].dtype.kind == "b":
        raise DTypeError("this is for integers, found bool")
    return operands
