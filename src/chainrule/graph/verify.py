"""The verifier: what every program must satisfy, checked after tracing and between passes."""

from __future__ import annotations

from collections.abc import Callable

from ..base.errors import TraceError
from ..base.lines import describe
from ..ops import TABLE
from .ir import Equation, Literal, Program, Var
from .specs import output_specs

__all__ = ["verify"]


def verify(program: Program) -> Program:
    """Raise a TraceError unless: each variable is assigned once and before it is read, each op is
    of the table and gets the operands it takes, and each output has the shape and dtype that the
    op's law says. Returns the program."""
    known: set[int] = set()
    for v in program.inputs:
        _assign(v, known, lambda: "an input")
    for eq in program.equations:
        _check_equation(eq, known)
    for out in program.outputs:
        if isinstance(out, Var) and out.id not in known:
            raise TraceError(f"verify: the output {out!r} is never assigned")
    return program


def _assign(v: Var, known: set[int], what: Callable[[], str]) -> None:
    if v.id in known:
        raise TraceError(f"verify: {v!r} is assigned twice ({what()})")
    known.add(v.id)


def _check_equation(eq: Equation, known: set[int]) -> None:
    def where() -> str:  # finding the line takes longer than checking the equation
        return f"in {eq.op.name} ({describe(eq.place)})"

    if TABLE.get(eq.op.name) is not eq.op:
        raise TraceError(f"verify: {eq.op.name} is not an op of the table")
    for v in eq.inputs:
        if isinstance(v, Var) and v.id not in known:
            raise TraceError(f"verify: {v!r} is read before it is assigned, {where()}")
    unknown = set(eq.attrs) ^ set(eq.op.defaults)
    if unknown:
        raise TraceError(
            f"verify: the attributes {sorted(unknown)} are missing or not those of the op, {where()}"
        )
    for value in eq.attrs.values():
        if isinstance(value, Program):
            verify(value)
    operands = tuple(
        [
            v.spec if isinstance(v, Var) else v.value if isinstance(v, Literal) else None
            for v in eq.inputs
        ]
    )
    expected = output_specs(eq.op, operands, eq.attrs)
    found = tuple([v.spec for v in eq.outputs])
    if [(s.shape, s.dtype, s.weak) for s in expected] != [
        (s.shape, s.dtype, s.weak) for s in found
    ]:
        raise TraceError(f"verify: the law says {expected}, the outputs are {found}, {where()}")
    for v in eq.outputs:
        _assign(v, known, where)
