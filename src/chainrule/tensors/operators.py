"""Python's operators on tensors: each an op, recorded without the detour by its dispatch."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from . import functions
from .beneath import Beneath
from .making import made_of
from .recording import record

__all__ = ["Operators"]

ndarray = np.ndarray
NONE: dict = {}  # no attributes


def _operand(b: Any) -> bool:
    return isinstance(b, (Beneath, bool, int, float, ndarray, np.generic))


class Operators(Beneath):
    """What `+`, `@`, `<` and the others do."""

    def __add__(a, b):
        return record(ops.add, (a, b), NONE)

    def __radd__(a, b):
        return record(ops.add, (b, a), NONE)

    def __sub__(a, b):
        return record(ops.sub, (a, b), NONE)

    def __rsub__(a, b):
        return record(ops.sub, (b, a), NONE)

    def __mul__(a, b):
        return record(ops.mul, (a, b), NONE)

    def __rmul__(a, b):
        return record(ops.mul, (b, a), NONE)

    def __truediv__(a, b):
        return record(ops.div, (a, b), NONE)

    def __rtruediv__(a, b):
        return record(ops.div, (b, a), NONE)

    __rdiv__ = __rtruediv__

    def __floordiv__(a, b):
        return record(ops.floor_divide, (a, b), NONE)

    def __rfloordiv__(a, b):
        return record(ops.floor_divide, (b, a), NONE)

    def __mod__(a, b):
        return record(ops.remainder, (a, b), NONE)

    def __rmod__(a, b):
        return record(ops.remainder, (b, a), NONE)

    def __pow__(a, b):
        if b.__class__ is int and b < 0:
            return functions.pow(a, b)
        return record(ops.pow, (a, b), NONE)

    def __rpow__(a, b):
        return record(ops.pow, (b, a), NONE)

    def __matmul__(a, b):
        if isinstance(b, Beneath) and a._value.ndim > 1 and b._value.ndim > 1:
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

    def __and__(a, b):
        return record(ops.bitwise_and, (a, b), NONE)

    def __rand__(a, b):
        return record(ops.bitwise_and, (b, a), NONE)

    def __or__(a, b):
        return record(ops.bitwise_or, (a, b), NONE)

    def __ror__(a, b):
        return record(ops.bitwise_or, (b, a), NONE)

    def __xor__(a, b):
        return record(ops.bitwise_xor, (a, b), NONE)

    def __rxor__(a, b):
        return record(ops.bitwise_xor, (b, a), NONE)

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

    def __lt__(a, b):
        return record(ops.lt, (a, b), NONE)

    def __le__(a, b):
        return record(ops.le, (a, b), NONE)

    def __gt__(a, b):
        return record(ops.gt, (a, b), NONE)

    def __ge__(a, b):
        return record(ops.ge, (a, b), NONE)
