"""The stand-in for a value of a program that is being written: every op on it becomes an equation.

Python itself is not traced: a branch on a Tracer, a number taken out of it, an array turned into a
tensor would freeze one call's value into the program, and are refused with the line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ..base.errors import TraceError
from ..base.lines import Place, describe, here
from ..ops import Spec
from ..ops.stand_in import StandIn
from .ir import Var

if TYPE_CHECKING:
    from .trace import Trace

__all__ = ["Tracer", "refuse"]


class Tracer(StandIn):
    """A value that will exist when the program runs."""

    __slots__ = ("place", "trace", "var")

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
    def dtype(self) -> np.dtype:
        """How it is stored, as for raw arrays."""
        return self.var.spec.dtype.numpy

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
