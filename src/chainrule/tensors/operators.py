"""Python's operators on tensors: each an op, recorded without the detour by its dispatch."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..base.errors import DTypeError
from . import functions
from .beneath import TENSORS, Beneath
from .making import made_of
from .recording import record

__all__ = ["Operators"]

ndarray = np.ndarray
NONE: dict = {}  # no attributes


def _operand(b: Any) -> bool:
    return isinstance(b, (Beneath, bool, int, float, ndarray, np.generic))


def _foreign(b: Any) -> bool:
    """Whether an operand is of a class of somebody's own, which may know what to do with a tensor."""
    return not _operand(b) and type(b).__module__ != "builtins"


def _of(op: Any) -> Any:
    """`a ∘ b`, or what the class of b says of it if that is no number."""

    def operator(a: Any, b: Any) -> Any:
        try:
            return record(op, (a, b), NONE)
        except DTypeError:
            if _foreign(b):
                return NotImplemented
            raise

    return operator


def _reflected(op: Any) -> Any:
    """`b ∘ a`, for a b that is no tensor."""

    def operator(a: Any, b: Any) -> Any:
        return record(op, (b, a), NONE)

    return operator


class Operators(Beneath):
    """What `+`, `@`, `<` and the others do."""

    __add__ = _of(ops.add)
    __radd__ = _reflected(ops.add)
    __sub__ = _of(ops.sub)
    __rsub__ = _reflected(ops.sub)
    __mul__ = _of(ops.mul)

    def __rmul__(a, b):
        if isinstance(b, (list, tuple, str)):  # Python repeats it as often as a says
            return NotImplemented
        return record(ops.mul, (b, a), NONE)

    __truediv__ = _of(ops.div)
    __rtruediv__ = _reflected(ops.div)

    __rdiv__ = __rtruediv__

    __floordiv__ = _of(ops.floor_divide)
    __rfloordiv__ = _reflected(ops.floor_divide)
    __mod__ = _of(ops.remainder)
    __rmod__ = _reflected(ops.remainder)

    def __pow__(a, b):
        if b.__class__ is int and b < 0:
            return functions.pow(a, b)
        return record(ops.pow, (a, b), NONE)

    __rpow__ = _reflected(ops.pow)

    def __matmul__(a, b):
        if b.__class__ in TENSORS and a._value.ndim > 1 and b._value.ndim > 1:
            return record(ops.matmul, (a, b), NONE)
        return functions.matmul(a, b)

    def __rmatmul__(a, b):
        return functions.matmul(b if isinstance(b, Beneath) else made_of(b), a)

    def __neg__(a):
        return record(ops.neg, (a,), NONE)

    def __pos__(a):
        return a

    def __abs__(a):
        return ops.abs(a)

    def __invert__(a):
        return ops.bitwise_not(a)

    __and__ = _of(ops.bitwise_and)
    __rand__ = _reflected(ops.bitwise_and)
    __or__ = _of(ops.bitwise_or)
    __ror__ = _reflected(ops.bitwise_or)
    __xor__ = _of(ops.bitwise_xor)
    __rxor__ = _reflected(ops.bitwise_xor)

    def __lshift__(a, b):
        return record(ops.bitwise_left_shift, (a, b), NONE)

    def __rlshift__(a, b):
        return record(ops.bitwise_left_shift, (b, a), NONE)

    def __rshift__(a, b):
        return record(ops.bitwise_right_shift, (a, b), NONE)

    def __rrshift__(a, b):
        return record(ops.bitwise_right_shift, (b, a), NONE)

    def __eq__(a, b):
        return ops.eq(a, b) if _operand(b) else False

    __hash__ = object.__hash__  # by identity, although == compares elements

    def __ne__(a, b):
        return ops.ne(a, b) if _operand(b) else True

    __lt__ = _of(ops.lt)
    __le__ = _of(ops.le)
    __gt__ = _of(ops.gt)
    __ge__ = _of(ops.ge)
