"""What stands for a value where rules and definitions run without one: every operator on it is an op."""

from __future__ import annotations

from typing import Any

from .. import ops

__all__ = ["StandIn"]


class StandIn:
    """Supports what rules and the bodies of composites use: operators, ops, `.shape .ndim .dtype .mT`. Those that derive
    from it say what they stand for, by `shape` and `dtype`.
    """

    __slots__ = ("__weakref__",)
    __array_ufunc__ = None  # array + stand-in asks the stand-in
    shape: Any

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def mT(self) -> Any:
        """The last two axes exchanged."""
        return ops.permute(self, dims=(*range(self.ndim - 2), self.ndim - 1, self.ndim - 2))

    def __add__(a, b):
        return ops.add(a, b)

    def __radd__(a, b):
        return ops.add(b, a)

    def __sub__(a, b):
        return ops.sub(a, b)

    def __rsub__(a, b):
        return ops.sub(b, a)

    def __mul__(a, b):
        return ops.mul(a, b)

    def __rmul__(a, b):
        return ops.mul(b, a)

    def __truediv__(a, b):
        return ops.div(a, b)

    def __rtruediv__(a, b):
        return ops.div(b, a)

    def __floordiv__(a, b):
        return ops.floor_divide(a, b)

    def __pow__(a, b):
        return ops.pow(a, b)

    def __rpow__(a, b):
        return ops.pow(b, a)

    def __matmul__(a, b):
        return ops.matmul(a, b)

    def __rmatmul__(a, b):
        return ops.matmul(b, a)

    def __neg__(a):
        return ops.neg(a)

    def __abs__(a):
        return ops.abs(a)

    def __eq__(a, b):
        return ops.eq(a, b)

    def __ne__(a, b):
        return ops.ne(a, b)

    def __lt__(a, b):
        return ops.lt(a, b)

    def __le__(a, b):
        return ops.le(a, b)

    def __gt__(a, b):
        return ops.gt(a, b)

    def __ge__(a, b):
        return ops.ge(a, b)

    def __and__(a, b):
        return ops.bitwise_and(a, b)

    def __or__(a, b):
        return ops.bitwise_or(a, b)

    def __invert__(a):
        return ops.bitwise_not(a)

    def __hash__(self) -> int:
        return id(self)
