"""Where values lie: what each is a view of, and how that lies in memory.

A view is never computed; whoever reads it follows the chain of views to memory, or to a value of its own
group. And a value need not lie row by row as its shape says: images lie with their channels last, rows of an
awkward length with a line between them, pieces inside of what they are put together to.
"""

from __future__ import annotations

import math
from typing import Any

from ..graph.ir import Equation, Program, Var
from .space import Access, dense, row_major, through
from .target import LINE

__all__ = ["Layouts", "lines_between"]

REPEATS = 2048
"""Bytes after which addresses fall into the same few places of the nearest cache."""


class Layouts:
    """Views and memory of a program's values.

    Args:
        program: whose values they are.
        layout: of values that do not lie row-major from the start.
        steps: whether this is a step of a loop.
    """

    def __init__(self, program: Program, layout: dict[int, Access], steps: bool):
        self.program, self.layout, self.steps = program, layout, steps
        self.maker: dict[int, Equation] = {}
        self.home: dict[int, Any] = {}  # the group that makes a value
        self.parts: dict[int, tuple[Var, Access]] = {}  # pieces: the whole, and where they lie
        self.settled: set[int] = set()  # values that have to go on lying as they do
        self.results = {v.id for v in program.outputs if isinstance(v, Var)}
        self.seen_in_results = _bases(program)  # what results are views of

    # ---------------------------------------------------------------------------------- views

    def chain(self, v: Var) -> tuple[Var, list[Equation]]:
        """What a value is a view of, and the view equations that lead from there to it."""
        views: list[Equation] = []
        while True:
            eq = self.maker.get(v.id)
            if eq is None or eq.op.kind.name != "view" or v.id in self.home:
                return v, views[::-1]
            views.append(eq)
            v = eq.inputs[0]  # type: ignore[assignment]

    def made_by_create(self, v: Any) -> bool:
        """Whether a value is made from attributes alone (through views)."""
        if not isinstance(v, Var):
            return False
        eq = self.maker.get(self.chain(v)[0].id)
        return eq is not None and eq.op.kind.name == "create"

    def access(self, v: Var, layout: Access | None = None) -> Access | None:
        """How a value's elements lie in the memory of what it is a view of."""
        base, views = self.chain(v)
        found: Access | None = layout or self.lies(base)
        for eq in views:
            found = through(found, eq.op, eq.attrs)  # type: ignore[arg-type]
            if found is None:
                return None
        return found

    def viewed(self, v: Var, name: str, **attrs: Any) -> Var:
        """A view of a value, as a new equation."""
        from ..ops import TABLE

        op = TABLE[name]
        out = Var(op.infer((v.spec,), attrs)[0])
        self.maker[out.id] = Equation(op, (v,), attrs, (out,), None)
        return out

    def seen(self, eq: Equation) -> None:
        """Have a value be a view of another, whatever made it before."""
        self.home.pop(eq.outputs[0].id, None)
        self.maker[eq.outputs[0].id] = eq

    # --------------------------------------------------------------------------------- memory

    def lies(self, v: Var) -> Access:
        """How a value lies in its own memory."""
        return self.layout.get(v.id) or row_major(v.spec.shape)

    def lay(self, v: Var, access: Access) -> None:
        """Have a value lie in another way than row-major, unless it is a result."""
        if v.id not in self.results:
            self.layout[v.id] = access

    def lay_as_read(self, v: Var) -> None:
        """Have a value that is read through a permutation lie in that order, its last axis last."""
        for eq in self.program.equations:
            if eq.op.name == "permute" and eq.inputs[0] is v:
                dims = eq.attrs["dims"]
                if dims[-1] == len(dims) - 1:
                    self.lay(v, dense(v.spec.shape, dims))
                return

    def lay_as_operands(self, eq: Equation) -> None:
        """A result lies as its operands do, if their axes are not in order."""
        out = eq.outputs[0]
        if out.id in self.parts or eq.op.name == "clone":
            return
        for v in eq.inputs:
            if isinstance(v, Var) and v.id in self.layout and v.spec.shape == out.spec.shape:
                strides = self.layout[v.id].strides
                order = sorted(range(len(strides)), key=lambda k: -strides[k])
                if order != list(range(len(strides))):
                    self.lay(out, dense(out.spec.shape, order))
                    return
        self.lay_apart(out)

    def lay_apart(self, v: Var) -> None:
        """Rows whose length is a multiple of what the cache (L1) repeats after would all fall into
        the same few of its places when a product walks across them: leave a line between them."""
        if self.steps or v.id in self.layout or v.id in self.parts:
            return
        access = lines_between(v.spec.shape, v.spec.dtype.itemsize)
        if access is not None:
            self.lay(v, access)

    def part(self, v: Var, whole: Var, access: Access) -> None:
        """Have a value be a part of another's memory."""
        self.parts[v.id] = (whole, access)


def lines_between(shape: tuple[int, ...], size: int) -> Access | None:
    """How a value lies with a line between its rows; None if its rows need none. Rows whose length
    is a multiple of what the cache (L1) repeats after would all fall into the same few of its places
    when a product walks across them."""
    if len(shape) < 2:
        return None
    row = shape[-1] * size
    if row % REPEATS or row > 4 * REPEATS or math.prod(shape[:-1]) < 32:
        return None
    strides, step = [1], shape[-1] + LINE // size
    for n in reversed(shape[1:-1]):
        strides.insert(0, step)
        step *= n
    return Access(shape, (step, *strides))


def _bases(program: Program) -> set[int]:
    """The values that a program's results are, or are views of."""
    views = {eq.outputs[0].id: eq for eq in program.equations if eq.op.kind.name == "view"}
    found = set()
    for v in program.outputs:
        while isinstance(v, Var) and v.id in views:
            v = views[v.id].inputs[0]
        if isinstance(v, Var):
            found.add(v.id)
    return found
