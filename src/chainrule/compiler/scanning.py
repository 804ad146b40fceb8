"""A scan as a loop in the schedule: the kernels of its body are made once, and the list of entries
names them once for each step, with other pointers.

What the body reads and writes has a place that depends on the step:

- a sequence's step t is a part of the sequence, a constant is where it is;
- a result's step t is written straight into the stacked result;
- a carry that is also a result is read back from there at the next step; any other has two buffers
  that are used in turn, starts where the loop was given it, and ends in the loop's own result;
- values inside of the body have one place for all steps.

What reads only constants (packing a weight) is done once, before the loop.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..base.lines import describe
from ..graph.ir import Equation, Literal, Program, Var
from ..ops import TABLE, Spec
from ..ops.promotion import spec_of
from .emit import Memory, Reference
from .fuse import Grouping
from .layouts import lines_between
from .roles import PICKS, role
from .space import Access, row_major

__all__ = ["MOST_ENTRIES", "Loop", "opened", "place_scan"]

MOST_ENTRIES = 100_000
"""The entries that a loop may put into the schedule, of 64 bytes each."""


LAID_ANYHOW = frozenset(("pointwise", "lookup", "reduce", "anchor", "assembly"))
"""Roles of equations whose results may lie with gaps."""


# ------------------------------------------------------------------------------- before grouping


def opened(equations: Iterable[Equation]) -> list[Equation]:
    """The equations, with scans as a `Loop` takes them: bodies have variables of their own and no
    constant arrays, which become operands; numbers among the operands are written into the body.
    """
    out: list[Equation] = []
    for eq in equations:
        if eq.op.name == "scan":
            out += _opened(eq)
        else:
            out.append(eq)
    return out


def _opened(eq: Equation) -> list[Equation]:
    body, carries = eq.attrs["body"], eq.attrs["carries"]
    steady = carries + eq.attrs["sequences"]
    before: list[Equation] = []
    operands: list[Any] = []
    inputs: list[Var] = []
    now: dict[int, Any] = {}
    for k, (v, operand) in enumerate(zip(body.inputs, eq.inputs, strict=True)):
        if isinstance(operand, Literal) and k >= steady and np.ndim(operand.value) == 0:
            now[v.id] = operand
            continue
        if isinstance(operand, Literal) and np.ndim(operand.value) == 0:
            start = Var(v.spec)
            attrs = {"shape": (), "value": np.asarray(operand.value).item(), "dtype": v.spec.dtype}
            before.append(Equation(TABLE["full"], (), attrs, (start,), eq.place))
            operand = start
        now[v.id] = Var(v.spec)
        inputs.append(now[v.id])
        operands.append(operand)

    def renamed(v: Any) -> Any:
        if isinstance(v, Literal) and np.ndim(v.value):
            inside = now.get(id(v))
            if inside is None:
                inside = now[id(v)] = Var(spec_of(v.value))
                inputs.append(inside)
                operands.append(v)
            return inside
        return now.get(v.id, v) if isinstance(v, Var) else v

    rows = []
    for e in body.equations:
        given = [renamed(v) for v in e.inputs]
        for v in e.outputs:
            now[v.id] = Var(v.spec)
        rows.append(Equation(e.op, given, e.attrs, [now[v.id] for v in e.outputs], e.place))
    results = [renamed(v) for v in body.outputs]
    attrs = eq.attrs | {"body": Program(inputs, rows, results)}
    return [*before, Equation(eq.op, operands, attrs, eq.outputs, eq.place)]


# -------------------------------------------------------------------------------------- grouping


def place_scan(grouping: Grouping, eq: Equation) -> None:
    """Put a scan into a group of its own. NumPy runs it if a part of its body needs that, or if its
    schedule would be too long.
    """
    carries = eq.attrs["carries"]
    operands = list(eq.inputs)
    for k in range(carries):
        operands[k] = grouping.contiguous(operands[k])  # type: ignore[arg-type]
    eq = Equation(eq.op, operands, eq.attrs, eq.outputs, eq.place)
    loop = Loop(grouping, eq)
    if any([g.role == "host" for g in loop.grouping.groups]):
        grouping.own(eq, "host")
        return
    entries = len(loop.grouping.groups) * loop.length
    if entries > MOST_ENTRIES:
        warnings.warn(
            f"a scan of {loop.length} steps needs about {entries} entries in the schedule, more "
            f"than {MOST_ENTRIES}: NumPy runs it instead\n  at    {describe(eq.place)}\n"
            "  hint: cut the sequences into pieces that are scanned one after another",
            RuntimeWarning,
            stacklevel=2,
        )
        grouping.own(eq, "host")
        return
    grouping.own(eq, "scan").loop = loop
    for k, result in loop.last.items():
        v = eq.outputs[k]
        attrs = {"dim": 0, "index": 0 if loop.reverse else loop.length - 1}
        grouping.seen(Equation(TABLE["select"], (eq.outputs[result],), attrs, (v,), eq.place))


class Loop:
    """A scan, all of whose body has kernels.

    Attributes:
        grouping: the groups of the body.
        last: carries that are also results: {carry: result}, as outputs are counted.
    """

    def __init__(self, outer: Grouping, eq: Equation):
        self.equation = eq
        self.carries, self.sequences = eq.attrs["carries"], eq.attrs["sequences"]
        self.length, self.reverse = eq.attrs["length"], eq.attrs["reverse"]
        self.body, self.last = _apart(eq.attrs["body"], self.carries)
        self.operands: dict[int, tuple[int, Var, Access | None]] = {}
        for k, (v, operand) in enumerate(zip(self.body.inputs, eq.inputs, strict=True)):
            assert isinstance(operand, Var), "numbers are written into the body"
            access = None if operand.spec.weak else outer.access(operand)
            self.operands[v.id] = (k, outer.chain(operand)[0], access)
        self.layout = {v.id: self._inside(v) for v in self.body.inputs if not v.spec.weak}
        lying = self.layout | self._results_apart(outer)
        self.grouping = Grouping(
            self.body, outer.slices, outer.windows, outer.scans, layout=lying, steps=True
        )
        steady = self.body.inputs[self.carries + self.sequences :]
        self.grouping.steady = {v.id for v in steady}
        self.sizes = [math.prod(s.shape) for s in self.body.output_specs]
        for k in range(self.carries, len(self.sizes)):
            self.sizes[k] = outer.lies(eq.outputs[k]).strides[0]
        self.made: dict[int, int] = {}
        for k, out in enumerate(self.body.outputs):
            self.made.setdefault(out.id, k)  # type: ignore[union-attr]
        self.buffers = {
            k: (Var(v.spec), Var(v.spec))  # type: ignore[union-attr]
            for k, v in enumerate(self.body.outputs[: self.carries])
            if k not in self.last
        }

    def _inside(self, v: Var) -> Access:
        """How an operand of the body lies, from its first element on."""
        k, _, access = self.operands[v.id]
        assert access is not None
        if k < self.carries:
            return row_major(v.spec.shape)
        skip = int(k < self.carries + self.sequences)
        return Access(access.shape[skip:], access.strides[skip:])

    def _results_apart(self, outer: Grouping) -> dict[int, Access]:
        """Stacked results whose rows are laid apart (see `layouts.lines_between`), and so what a step
        makes of them. What is read back as a carry stays as carries lie."""
        made = {v.id: eq for eq in self.body.equations for v in eq.outputs}
        out: dict[int, Access] = {}
        for k in range(self.carries, len(self.body.outputs)):
            v, result = self.body.outputs[k], self.equation.outputs[k]
            access = lines_between(result.spec.shape, result.spec.dtype.itemsize)
            if access is None or k in self.last.values():
                continue
            if role(made[v.id]) not in LAID_ANYHOW:  # type: ignore[union-attr]
                continue
            outer.lay(result, access)
            if outer.lies(result) == access:
                out[v.id] = Access(access.shape[1:], access.strides[1:])  # type: ignore[union-attr]
        return out

    # ----------------------------------------------------------------------------- lowering

    def settle(self, memory: Memory) -> None:
        """Tell kernels where the operands of the body lie."""
        memory.layout |= self.layout
        for v in self.body.inputs:
            if v.spec.weak:
                memory.numbers[v.id] = memory.numbers[self.operands[v.id][1].id]

    def own(self, kept: dict[int, Var]) -> dict[int, Var]:
        """Of the values in memory, those that are no operands or results; and the buffers."""
        parts = self.grouping.parts
        inside = {k: v for k, v in kept.items() if k not in self.made and k not in parts}
        return inside | {v.id: v for pair in self.buffers.values() for v in pair}

    def place(self, id: int, n: int) -> tuple[int, int]:
        """Where a value of the body lies at the n-th step that is run: in which value of the
        program, and from which element on.
        """
        parts = self.grouping.parts
        id = parts[id][0].id if id in parts else id
        step = self.length - 1 - n if self.reverse else n
        if id in self.operands:
            k, base, access = self.operands[id]
            assert access is not None
            if k >= self.carries + self.sequences:
                return base.id, access.offset
            if k >= self.carries:
                return base.id, access.offset + step * access.strides[0]
            return (base.id, access.offset) if n == 0 else self._result(k, n - 1)
        return self._result(self.made[id], n) if id in self.made else (id, 0)

    def _result(self, k: int, n: int) -> tuple[int, int]:
        """Where output k of the body lies."""
        k = self.last.get(k, k)
        out = self.equation.outputs[k]
        if k >= self.carries:
            step = self.length - 1 - n if self.reverse else n
            return out.id, step * self.sizes[k]
        return (out.id, 0) if n == self.length - 1 else (self.buffers[k][n % 2].id, 0)

    def unrolled(self, steps: Sequence[Any]) -> list[Any]:
        """The steps of the schedule: those done once, then those of each step of the loop. `turn`
        is the level inside of the loop, of what belongs to it.
        """
        steady = self.carries + self.sequences
        moving = {v for v, (k, _, _) in self.operands.items() if k < steady} | set(self.made)
        out: list[Any] = []
        again: list[Any] = []
        for s in steps:
            if (s.reads | s.writes) & moving:
                moving |= s.writes
                again.append(s)
            else:
                out.append(self._at(s, 0))
        level = 0
        reads: set[tuple[int, int]] = set()
        writes: set[tuple[int, int]] = set()
        for n in range(self.length):
            for s in again:
                from_ = {self.place(v, n) for v in s.reads}
                to = {self.place(v, n) for v in s.writes}
                if from_ & writes or to & (reads | writes):
                    level, reads, writes = level + 1, set(), set()
                reads |= from_
                writes |= to
                placed = self._at(s, n)
                placed.loop, placed.turn = self, level
                out.append(placed)
        return out

    def _at(self, step: Any, n: int) -> Any:
        """A step of the body, with the pointers of the n-th step that is run."""
        placed = copy.copy(step)
        placed.references = [self._reference(r, n) for r in step.references]
        placed.reads = {self.place(v, n)[0] for v in step.reads}
        placed.writes = {self.place(v, n)[0] for v in step.writes}
        return placed

    def _reference(self, r: Reference, n: int) -> Reference:
        if r.what != "memory":
            return r
        id, start = self.place(r.var, n)
        return Reference("memory", id, start + r.offset)


def _apart(body: Program, carries: int) -> tuple[Program, dict[int, int]]:
    """The body with each output a value that it makes in memory of its own, copied if need be; and
    the carries that are also results, {carry: result}.
    """
    from_where = {v.id: eq for eq in body.equations for v in eq.outputs}
    outputs = list(body.outputs)
    taken: dict[int, int] = {}
    last: dict[int, int] = {}
    clones: list[Equation] = []
    for k in [*range(carries, len(outputs)), *range(carries)]:
        v = outputs[k]
        eq = from_where.get(v.id) if isinstance(v, Var) else None
        if eq is not None and eq.op.kind.name not in ("view", "create") and eq.op.name not in PICKS:
            found = taken.setdefault(v.id, k)
            if found == k:
                continue
            if k < carries <= found:
                last[k] = found
                continue
        out = Var(Spec(*_shape_dtype(v)))
        clones.append(Equation(TABLE["clone"], (v,), {}, (out,), eq.place if eq else None))
        outputs[k] = out
    return Program(body.inputs, [*body.equations, *clones], outputs), last


def _shape_dtype(v: Any) -> tuple:
    spec = v.spec if isinstance(v, Var) else spec_of(v.value)
    return spec.shape, spec.dtype
