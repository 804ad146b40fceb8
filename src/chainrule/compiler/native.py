"""A program as machine code: its kernels, their schedule, and the plan of their memory.

Every value that is read by another kernel than the one that makes it lies in memory: in the arrays
that the call passes (inputs, results) or in the *arena*, one block that is planned when the program
is compiled and reused from call to call. Values whose lifetimes do not overlap share places in it.

Kernels run in order. Those that do not depend on each other form a *level*: all threads meet
between levels, not within. What comes out is a `Plan` (see `plan`), which `execution` runs.
"""

from __future__ import annotations

import functools
import hashlib
import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph.ir import Equation, Literal, Program, Var
from ..graph.passes import simplify, split_numbers, widened
from ..ops import Spec
from ..ops.promotion import spec_of
from . import product
from .attention import attention, attention_kept
from .code import Code, module
from .contractions import contraction, described_product
from .emit import Memory, Reference
from .execution import ALIGN, Execution
from .fuse import Group, Grouping
from .halves import half_conversions
from .kernel import Kernel
from .library import Library
from .lines import RunningKernel
from .loops import loops
from .orders import OrderKernel
from .plan import Complaint, HostCall, Launch, Number, Operand, Plan, Pointer, Seen
from .report import table
from .roles import ATTENTION, ORDERS, operand_space
from .scanning import Loop, opened, place_scan
from .scatters import scatters
from .space import along, row_major
from .target import Target
from .turning import turn_operands
from .windows import place_window

__all__ = ["Native"]

WHOLE = frozenset(("relu", "sum_pool_input"))
"""Composites that have instructions or kernels of their own."""


class Step:
    """One kernel in the schedule, or one equation for NumPy (`host`)."""

    def __init__(
        self, group: Group, kernel: Kernel | None, references: list[Reference], name: str = ""
    ):
        self.group, self.kernel, self.references, self.name = group, kernel, references, name
        self.reads: set[int] = set()
        self.writes: set[int] = set()
        self.level = 0
        self.loop: Loop | None = None  # which scan it is a part of
        self.turn = 0  # its level in the scan
        self.packs = False  # it only brings an operand of a product into order


class Native(Execution):
    """An executor (see `graph.traced`) that is made of a program, with all that was decided on the way.

    Args:
        program: what to compile.
        donated: for outputs that will be written into the memory of an input, which input.
        target: the processor.
    """

    def __init__(
        self, program: Program, donated: dict[int, int] | None = None, target: Target | None = None
    ):
        started = time.perf_counter()
        self.target = target or Target.host()
        self.donated = dict(donated or {})
        program = widened(program, ATTENTION)  # there are kernels for float32
        program = simplify(program, WHOLE | attention_kept(program))
        self.simplified = program
        numbers, rest = split_numbers(program)
        rest, self.constants = _without_arrays(opened(rest))
        self.constant_at = {v.id: k for k, (v, _) in enumerate(self.constants)}
        self.program = Program(program.inputs, rest, program.outputs)
        self._plan_numbers(numbers)
        self.grouping = Grouping(self.program, self._slices, place_window, place_scan)
        turn_operands(self.grouping)
        self.memory = Memory()
        self.memory.numbers = self.number_at
        self.inputs = {v.id: k for k, v in enumerate(program.inputs)}
        for v in [*program.inputs, *[v for v, _ in self.constants]]:
            self.memory.layout[v.id] = row_major(v.spec.shape)
        self._place_outputs()
        self._lower()
        self._levels()
        self._arena()
        codes = list(self.codes.values())
        text = module([*codes, *half_conversions(codes, self.target)])
        self.library = Library(text, self.target)
        super().__init__(self._plan(), self.library, self.program)
        self.seconds = time.perf_counter() - started

    # ------------------------------------------------------------------------------- numbers

    def _plan_numbers(self, numbers: list[Equation]) -> None:
        """Python numbers are computed by Python, as in eager, and read by kernels from a table."""
        program = self.program
        weak = [k for k, v in enumerate(program.inputs) if v.spec.weak]
        used: dict[int, Var] = {}
        made = {v.id for eq in numbers for v in eq.outputs} | {program.inputs[k].id for k in weak}
        for eq in program.equations:
            for v in eq.inputs:
                if isinstance(v, Var) and v.id in made:
                    used[v.id] = v
        for v in program.outputs:
            if isinstance(v, Var) and v.id in made:
                used[v.id] = v
        wanted = list(used.values())
        self.number_at = {v.id: k for k, v in enumerate(wanted)}
        self.weak_inputs = tuple(weak)
        self.numbers_program = Program([program.inputs[k] for k in weak], numbers, wanted)

    # ------------------------------------------------------------------------------- outputs

    def _slices(self, eq: Equation) -> int:
        return product.slices(described_product(eq))

    def _place_outputs(self) -> None:
        """Which value is computed straight into which output; the others are copied at the end."""
        grouping = self.grouping
        self.output_of: dict[int, int] = {}  # value → output it lies in
        self.copied: list[tuple[int, Any]] = []
        for k, v in enumerate(self.program.outputs):
            if isinstance(v, Var) and not v.spec.weak:
                base, _ = grouping.chain(v)
                access = grouping.access(v)
                whole = (
                    access is not None and access.contiguous and access.offset == 0
                    and math.prod(access.shape) == math.prod(base.spec.shape)
                )  # fmt: skip
                made = base.id in grouping.home
                if (
                    made
                    and whole
                    and base.id not in self.output_of
                    and base.id not in grouping.parts
                ):
                    self.output_of[base.id] = k
                    continue
            self.copied.append((k, v))

    # ------------------------------------------------------------------------------- kernels

    def _lower(self) -> None:
        """A kernel for each group. Kernels whose code is the same are made once."""
        self.steps: list[Step] = []
        self.codes: dict[str, Code] = {}
        self.products: dict[
            tuple, product.Tiles
        ] = {}  # those whose results are written as they are
        self.extra: dict[int, int] = {}  # packed buffers: bytes
        self.kept: dict[int, Var] = {}
        self.kept |= self._lower_groups(self.grouping)

    def _lower_groups(self, grouping: Grouping) -> dict[int, Var]:
        """The steps of a program's groups; which of its values lie in memory."""
        memory = self.memory
        kept = grouping.materialised()
        for v in kept.values():
            if v.id in grouping.parts:
                memory.layout[v.id] = grouping.parts[v.id][1]
            else:
                memory.layout[v.id] = grouping.lies(v)
        self._share(grouping, kept)
        for g in grouping.groups:
            stores = [v for eq in g.equations for v in eq.outputs if v.id in kept]
            if g.role == "assembly":
                continue
            if g.role == "host":
                self.steps.append(Step(g, None, []))
            elif g.role == "anchor":
                self._lower_product(grouping, g, stores)
            elif g.role == "attention":
                if stores:
                    self._step(g, *attention("kernel", grouping, g, memory, stores, self.target))
            elif g.role == "scatter":
                kernel, references = scatters("kernel", grouping, g, memory, self.target)
                self._step(g, kernel, references)
            elif g.role == "lines":
                if stores:
                    kind = OrderKernel if g.equations[0].op.name in ORDERS else RunningKernel
                    k = kind("kernel", grouping, g, memory, stores, self.target)
                    self._step(g, k.write(), k.e.references)
            elif g.role == "scan":
                self._lower_loop(g.loop)
                continue
            elif stores:
                kernel, references = loops("kernel", grouping, g, memory, stores, self.target)
                self._step(g, kernel, references)
            self._note(grouping, g, stores)
        return kept

    def _share(self, grouping: Grouping, kept: dict[int, Var]) -> None:
        """A value that is also copied into a part of another, an image into its padded form, lies
        there only, if all who read it can."""
        readers: dict[int, list[Var]] = {}
        for g in grouping.groups:
            for eq in g.equations:
                for v in grouping.operands(eq):
                    readers.setdefault(grouping.chain(v)[0].id, []).append(v)
        outputs = {grouping.chain(v)[0].id for v in grouping.program.outputs if isinstance(v, Var)}
        for id, (whole, access) in list(grouping.parts.items()):
            eq = grouping.maker[id]
            x = eq.inputs[0] if eq.op.name in ("cast", "clone") else None
            if (
                not isinstance(x, Var)
                or x.id not in kept
                or x.id in outputs
                or x.id in grouping.parts
                or x.id in grouping.settled
            ):
                continue
            together = grouping.home.get(x.id) is grouping.home[id] and x.spec == kept[id].spec
            if together and all([grouping.access(v, access) is not None for v in readers[x.id]]):
                grouping.part(x, whole, access)
                self.memory.layout[x.id] = access
                del kept[id], grouping.parts[id]

    def _lower_loop(self, loop: Loop) -> None:
        """The steps of a scan, one after another."""
        before, self.steps = self.steps, []
        loop.settle(self.memory)
        self.kept |= loop.own(self._lower_groups(loop.grouping))
        self.grouping.parts |= loop.grouping.parts
        self.steps = [*before, *loop.unrolled(self.steps)]

    def _lower_product(self, grouping: Grouping, g: Group, stores: Sequence[Var]) -> None:
        tiles, (a, b), rest = contraction(
            "kernel", grouping, g, self.memory, stores, self.target, self.products
        )
        second = b
        if tiles.pack is not None:
            packed = Var(Spec((), g.equations[0].outputs[0].spec.dtype))
            self.extra[packed.id] = tiles.packed_bytes
            second = Reference("memory", packed.id, 0)
            self._step(g, tiles.pack, [b, second])
            read = grouping.parts[b.var][0].id if b.var in grouping.parts else b.var
            self.steps[-1].reads, self.steps[-1].writes = {read}, {packed.id}
            self.steps[-1].packs = True
        self._step(g, tiles.main, [a, second, *rest])
        if tiles.pack is not None:
            self.steps[-1].reads.add(second.var)

    def _step(self, g: Group, kernel: Kernel, references: list[Reference]) -> None:
        code = kernel.code
        if self.codes.get(code.name) is not code:  # not one that is used again
            code.rename("kernel")
            name = "k" + hashlib.sha256(code.text().encode()).hexdigest()[:20]
            code.rename(name)
            self.codes.setdefault(name, code)
        self.steps.append(Step(g, kernel, references, code.name))

    def _note(self, grouping: Grouping, g: Group, stores: Sequence[Var]) -> None:
        """Which values the last step reads and writes, for levels and lifetimes."""
        step, parts = self.steps[-1] if self.steps else None, grouping.parts
        if step is None or step.group is not g:
            return
        for eq in g.equations:
            for v in grouping.operands(eq):
                base = grouping.chain(v)[0]
                if grouping.home.get(base.id) is not g:
                    step.reads.add(parts[base.id][0].id if base.id in parts else base.id)
        step.writes |= {parts[v.id][0].id if v.id in parts else v.id for v in stores}

    def _whole(self, id: int) -> int:
        """The value that a piece is a part of."""
        return self.grouping.parts[id][0].id if id in self.grouping.parts else id

    def _levels(self) -> None:
        """Steps that do not depend on each other share a level."""
        level, reads, writes = 0, set(), set()  # type: ignore[var-annotated]
        donated = {self.program.inputs[i].id: k for k, i in self.donated.items()}
        at_output = {k: v for v, k in self.output_of.items()}
        self._refuse_hazards(donated, at_output)
        start, loop = 0, None  # the loop whose steps these are, and the level of its first
        for s in self.steps:
            if s.loop is not loop:
                level, reads, writes = level + 1, set(), set()
                start, loop = level, s.loop
            if loop is not None:
                s.level = level = start + s.turn
                continue
            mine = s.writes | self._overwritten(s)
            if s.kernel is None or (s.reads & writes) or (mine & (reads | writes)):
                level, reads, writes = level + 1, set(), set()
            s.level = level
            reads |= s.reads
            writes |= mine
            if s.kernel is None:
                level, reads, writes = level + 1, set(), set()
        self.last_level = level

    def _overwritten(self, s: Step) -> set[int]:
        """The inputs in whose memory a step writes."""
        out = set()
        for v in s.writes:
            k = self.output_of.get(v)
            if k is not None and k in self.donated:
                out.add(self.program.inputs[self.donated[k]].id)
        return out

    def _refuse_hazards(self, donated: dict[int, int], at_output: dict[int, int]) -> None:
        """An output may be computed in the memory of an input only if nothing reads that input
        later, or at another place; otherwise it is computed in the arena and copied at the end.
        """
        copied = {self.grouping.chain(v)[0].id for _, v in self.copied if isinstance(v, Var)}
        for input_id, k in donated.items():
            value = at_output.get(k)
            if value is None:
                continue
            writer = next(n for n, s in enumerate(self.steps) if value in s.writes)
            late = [n for n, s in enumerate(self.steps) if input_id in s.reads and n > writer]
            loop = self.steps[writer].loop
            if loop is not None:
                same = any([input_id in s.reads for s in self.steps if s.loop is loop])
            else:
                same = input_id in self.steps[writer].reads and not self._in_place(
                    writer, input_id, value
                )
            several = sum([value in s.writes for s in self.steps]) > 1
            if late or same or several or input_id in copied:
                del self.output_of[value]
                self.copied.append((k, self.program.outputs[k]))
        # outputs that are inputs whose memory is another's: read before any is written, a, b = b, a
        self.moved = {
            k for k, v in self.copied
            if isinstance(v, Var) and self.grouping.chain(v)[0].id in donated
        }  # fmt: skip

    def _in_place(self, n: int, input_id: int, value: int) -> bool:
        """Whether a step reads an input only at the place where it writes a value."""
        g = self.steps[n].group
        if g.role == "scatter":
            return self._scatters_onto(g.equations[0], input_id, value)
        if g.role not in ("loops", "anchor"):
            return False
        if g.role == "anchor":
            if input_id in {
                self.grouping.chain(v)[0].id for v in self.grouping.operands(g.equations[0])
            }:
                return False
        elif g.reduced or g.role == "attention":
            return False
        if value not in g.dims:  # put together by several
            return False
        layout = self.memory.layout[value]
        written = along(g.dims[value], layout.shape, layout.strides)
        for eq in g.equations:
            for k, v in enumerate(eq.inputs):
                if not isinstance(v, Var) or self.grouping.chain(v)[0].id != input_id:
                    continue
                if k == 0 and eq.op.kind.name == "gather":
                    return False
                access = self.grouping.access(v, self.memory.layout[input_id])
                assert access is not None
                read = (
                    along(operand_space(eq, k, g.space[eq]), access.shape, access.strides)
                    if eq in g.space
                    else {}
                )
                if access.offset or {a: s for a, s in read.items() if s} != {
                    a: s for a, s in written.items() if s
                }:
                    return False
        return True

    def _scatters_onto(self, eq: Equation, input_id: int, value: int) -> bool:
        """Whether a scatter begins with an input as it lies, and reads nothing else of it: then it
        only writes what it puts.
        """
        x, *others = eq.inputs
        if not isinstance(x, Var) or x.spec != eq.outputs[0].spec:
            return False
        if any([isinstance(v, Var) and self.grouping.chain(v)[0].id == input_id for v in others]):
            return False
        access = self.grouping.access(x, self.memory.layout[input_id])
        layout = self.memory.layout[value]
        return access is not None and access == layout

    # --------------------------------------------------------------------------------- arena

    def _arena(self) -> None:
        """Places in the arena, such that values that live at the same time do not overlap."""
        first: dict[int, int] = {}
        last: dict[int, int] = {}
        for s in self.steps:
            for v in s.writes:
                first.setdefault(v, s.level)
                last[v] = max(last.get(v, 0), s.level)
            for v in s.reads:
                last[v] = max(last.get(v, 0), s.level)
        for _, result in self.copied:
            if isinstance(result, Var):
                last[self.grouping.chain(result)[0].id] = self.last_level + 1
        size: dict[int, int] = dict(self.extra)
        for kept in self.kept.values():
            if kept.id not in self.output_of and kept.id not in self.grouping.parts:
                lies = self.memory.layout.get(kept.id) or row_major(kept.spec.shape)
                size[kept.id] = lies.extent * kept.spec.dtype.itemsize
        self.place: dict[int, int] = {}
        taken: list[tuple[int, int, int, int]] = []  # start, stop, first level, last level
        for v in sorted(size, key=lambda v: (-size[v], v)):
            a, b = first.get(v, 0), last.get(v, 0)
            need = -(-max(size[v], 1) // ALIGN) * ALIGN
            at = 0
            for start, stop, a2, b2 in taken:  # by address
                if b2 < a or b < a2:
                    continue
                if at + need <= start:
                    break
                at = max(at, stop)
            self.place[v] = at
            taken.append((at, at + need, a, b))
            taken.sort()
        self.arena_bytes = max([stop for _, stop, _, _ in taken], default=0)

    # ---------------------------------------------------------------------------------- plan

    def _plan(self) -> Plan:
        """What was decided, as data."""
        lines: list[Launch | HostCall] = []
        for n, s in enumerate(self.steps):
            if s.kernel is None:
                lines.append(self._host_call(s.group.equations[0]))
                continue
            final = n + 1 == len(self.steps) or self.steps[n + 1].level != s.level
            pointers = tuple([self._pointer(r) for r in s.references])
            lines.append(Launch(s.name, s.kernel.tasks, final, pointers))
        return Plan(
            library=self.library.name,
            lines=tuple(lines),
            scratch=max([s.kernel.scratch for s in self.steps if s.kernel], default=0),
            arena=self.arena_bytes,
            direct=tuple(self.output_of.values()),
            copied=tuple([(k, self._operand(v)) for k, v in self.copied]),
            moved=frozenset(self.moved),
            weak_inputs=self.weak_inputs,
            numbers=self.numbers_program,
            constants=tuple([x for _, x in self.constants]),
            complaints=tuple([
                Complaint(eq.op.name, size, eq.place) for eq, size in self.memory.lookups
            ]),
        )  # fmt: skip

    def _pointer(self, r: Reference) -> Pointer:
        if r.what in ("length", "share"):
            return Pointer("count", 0, r.offset)
        if r.what != "memory":
            return Pointer(r.what)
        what, which = self._where(r.var)
        offset = r.offset * self._itemsize(r.var)
        return (
            Pointer("arena", 0, which + offset) if what == "arena" else Pointer(what, which, offset)
        )

    def _host_call(self, eq: Equation) -> HostCall:
        results = tuple([self._seen(v) if v.id in self.kept else None for v in eq.outputs])
        operands = tuple([self._operand(v) for v in eq.inputs])
        return HostCall(eq.op, eq.attrs, operands, results, eq.place)

    def _operand(self, v: Any) -> Operand:
        """A value as whoever runs the plan finds it."""
        if isinstance(v, Var):
            return Number(self.number_at[v.id]) if v.spec.weak else self._seen(v)
        return v

    def _seen(self, v: Var) -> Seen:
        base, chain = self.grouping.chain(v)
        views = tuple([(eq.op, eq.attrs) for eq in chain])
        dtype = base.spec.dtype
        if self.grouping.made_by_create(v):
            eq = self.grouping.maker[base.id]
            return Seen("made", 0, dtype, None, views, (eq.op, eq.attrs))
        what, which = self._where(base.id)
        layout = self.memory.layout[base.id] if what in ("arena", "output") else None
        return Seen(what, which, dtype, layout, views)

    def _itemsize(self, id: int) -> int:
        v = self.variables.get(id)
        return v.spec.dtype.itemsize if v is not None else 1

    @functools.cached_property
    def variables(self) -> dict[int, Var]:
        """Every value that may lie in memory."""
        given = {v.id: v for v in [*self.program.inputs, *[v for v, _ in self.constants]]}
        return given | self.kept

    def _where(self, id: int) -> tuple[str, int]:
        """Where a value lies: at a byte of the arena, or in which input, output or constant."""
        id = self._whole(id)
        if id in self.inputs:
            return "input", self.inputs[id]
        if id in self.output_of:
            return "output", self.output_of[id]
        if id in self.place:
            return "arena", self.place[id]
        return "constant", self.constant_at[id]

    # -------------------------------------------------------------------------------- explain

    def explain(self, measure: bool = False) -> str:
        """The kernels, beside the lines they came from; with times and the share of the machine's
        peak if asked to measure them."""
        return table(self, measure)


def _without_arrays(
    equations: Sequence[Equation],
) -> tuple[list[Equation], list[tuple[Var, np.ndarray]]]:
    """Array literals become variables that stand for constant memory."""
    constants: list[tuple[Var, np.ndarray]] = []
    out = []
    for eq in equations:
        inputs = list(eq.inputs)
        for k, v in enumerate(inputs):
            if isinstance(v, Literal) and isinstance(v.value, np.ndarray) and v.value.ndim:
                var = Var(spec_of(v.value))
                constants.append((var, np.ascontiguousarray(v.value)))
                inputs[k] = var
        out.append(
            eq
            if tuple(inputs) == eq.inputs
            else Equation(eq.op, inputs, eq.attrs, eq.outputs, eq.place)
        )
    return out, constants
