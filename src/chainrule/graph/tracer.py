"""The stand-in for a value of a program that is being written: every op on it becomes an equation.

Python itself is not traced: a branch on a Tracer, a number taken out of it, an array turned into a
tensor would freeze one call's value into the program, and are refused with the line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from .. import ops
from ..base.errors import TraceError
from ..base.lines import Place, describe, here
from ..ops import Spec
from .ir import Var

if TYPE_CHECKING:
    from .trace import Trace

__all__ = ["Tracer", "refuse"]


class Tracer:
    """A value that will exist when the program runs. Supports what rules use: operators, ops,
    `.shape .ndim .dtype .mT`.
    """

    __slots__ = ("__weakref__", "place", "trace", "var")
    __array_ufunc__ = None

    def __init__(self, trace: Trace, var: Var, place: Place | None = None):
        self.trace, self.var, self.place = trace, var, place or here()

    @property
    def spec(self) -> Spec:
        """Shape, dtype, weak."""
        return self.var.spec

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each axis."""
        return self.var.spec.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.var.spec.shape)

    @property
    def dtype(self) -> np.dtype:
        """How it is stored, as for raw arrays."""
        return self.var.spec.dtype.numpy

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

    def __bool__(self) -> bool:
        refuse(
            "a branch needs the value of a traced number",
            "compute with it (ops.where), or do this outside of the traced function",
        )

    def __float__(self) -> float:
        refuse(
            "float() needs the value of a traced number",
            "compute with it as it is, or do this outside of the traced function",
        )

    __int__ = __index__ = __float__

    def __array__(self, *args: Any, **options: Any) -> np.ndarray:
        refuse(
            "NumPy needs the value of a traced tensor",
            "use chainrule's own functions, or do this outside of the traced function",
        )

    def __repr__(self) -> str:
        return f"Tracer({self.var!r})"


def refuse(what: str, hint: str) -> NoReturn:
    """Something a program cannot contain, with the user's line."""
    raise TraceError(f"{what}\n  at    {describe(here())}\n  hint: {hint}")
