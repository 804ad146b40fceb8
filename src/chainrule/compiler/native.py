"""A program as machine code: the schedule of its kernels, the plan of its memory, and running it.

Every value that is read by another kernel than the one that makes it lies in memory: in the arrays
that the call passes (inputs, results) or in the *arena*, one block that is planned when the program
is compiled and reused from call to call. Values whose lifetimes do not overlap share places in it.

Kernels run in order. Those that do not depend on each other form a *level*: all threads meet
between levels, not within. A pointer that a kernel needs is a place in one table of arguments;
those into the arena are fixed, those into the arrays of a call are written before it.
"""

from __future__ import annotations

import functools
import hashlib
import math
import time
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base.errors import RangeError
from ..base.lines import describe
from ..graph.ir import Equation, Literal, Program, Var
from ..graph.passes import numbers_function, simplify, split_numbers, widened
from ..ops import Spec
from ..ops.promotion import spec_of
from . import product
from .attention import attention, attention_kept
from .code import Code, module
from .contractions import contraction, described_product
from .emit import Memory, Reference
from .fuse import Group, Grouping
from .halves import half_conversions
from .kernel import Kernel
from .library import Library
from .lines import RunningKernel
from .loops import loops
from .orders import OrderKernel
from .report import table
from .roles import ATTENTION, ORDERS, operand_space
from .runtime import Entry, Schedule, runtime
from .scanning import Loop, opened, place_scan
from .scatters import scatters
from .space import along, row_major
from .target import Target
from .windows import place_window

__all__ = ["Native"]

ALIGN = 64

WHOLE = frozenset(("relu",))
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


class Native:
    """An executor (see `compiled`): the machine code of one program, and the memory it runs in.

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
        constant_vars = list(self.constants)
        self.program = Program(program.inputs, rest, program.outputs)
        self._plan_numbers(numbers)
        self.grouping = Grouping(self.program, self._slices, place_window, place_scan)
        self.memory = Memory()
        self.memory.numbers = self.number_at
        self.inputs = {v.id: k for k, v in enumerate(program.inputs)}
        for v in [*program.inputs, *[v for v, _ in constant_vars]]:
            self.memory.layout[v.id] = row_major(v.spec.shape)
        self._place_outputs()
        self._lower()
        self._levels()
        self._arena()
        self._link()
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
        self.weak_inputs = weak
        self.compute_numbers = numbers_function(numbers, [program.inputs[k] for k in weak], wanted)
        self.numbers = np.zeros(max(len(wanted), 1), np.float64)

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
        block = np.empty(self.arena_bytes + ALIGN, np.uint8)
        skip = -block.__array_interface__["data"][0] % ALIGN
        self.arena = block[skip : skip + self.arena_bytes]

    # ---------------------------------------------------------------------------------- link

    def _link(self) -> None:
        """Machine code, the table of arguments, and which of its places each call fills in."""
        codes = list(self.codes.values())
        self.library = Library(module([*codes, *half_conversions(codes, self.target)]), self.target)
        self.status = np.zeros(1, np.int64)
        arena = self.arena.__array_interface__["data"][0]
        count = sum([len(s.references) for s in self.steps if s.kernel])
        self.arguments = np.zeros(count, np.int64)
        moving: dict[tuple[str, int], list[tuple[int, int]]] = {}
        entries: list[Any] = []
        at = 0
        base = self.arguments.__array_interface__["data"][0]
        for n, s in enumerate(self.steps):
            final = n + 1 == len(self.steps) or self.steps[n + 1].level != s.level
            if s.kernel is None:
                entries.append(functools.partial(self._host, s.group.equations[0]))
                continue
            entries.append(
                Entry(self.library.address(s.name), base + 8 * at, s.kernel.tasks, final)
            )
            for r in s.references:
                if r.what == "numbers":
                    self.arguments[at] = self.numbers.__array_interface__["data"][0]
                elif r.what == "status":
                    self.arguments[at] = self.status.__array_interface__["data"][0]
                else:
                    kind, where = self._where(r.var)
                    offset = r.offset * self._itemsize(r.var)
                    if kind == "arena":
                        self.arguments[at] = arena + where + offset
                    elif kind == "constant":
                        self.arguments[at] = (
                            self.constants_by_id[r.var].__array_interface__["data"][0] + offset
                        )
                    else:
                        moving.setdefault((kind, where), []).append((at, offset))
                at += 1
        scratch = max([s.kernel.scratch for s in self.steps if s.kernel], default=0)
        self.schedule = Schedule(entries, scratch=scratch, keep=self.library)
        self.moving = {
            key: (np.array([a for a, _ in places]), np.array([o for _, o in places], np.int64))
            for key, places in moving.items()
        }
        # Whose memory each of them points into: known, not held, since whoever gave an array counts
        # how many hold it before using it again.
        self.bound: dict[tuple[str, int], Any] = dict.fromkeys(self.moving, lambda: None)

    def _itemsize(self, id: int) -> int:
        v = self.variables.get(id)
        return v.spec.dtype.itemsize if v is not None else 1

    @functools.cached_property
    def constants_by_id(self) -> dict[int, np.ndarray]:
        """The program's constant arrays."""
        return {v.id: a for v, a in self.constants}

    @functools.cached_property
    def variables(self) -> dict[int, Var]:
        """Every value that may lie in memory."""
        given = {v.id: v for v in [*self.program.inputs, *[v for v, _ in self.constants]]}
        return given | self.kept

    def _where(self, id: int) -> tuple[str, int]:
        """Where a value lies: in the arena, an input, an output or a constant."""
        id = self._whole(id)
        if id in self.inputs:
            return "input", self.inputs[id]
        if id in self.output_of:
            return "output", self.output_of[id]
        if id in self.place:
            return "arena", self.place[id]
        return "constant", id

    # ----------------------------------------------------------------------------------- run

    def run(self, values: Sequence[Any], into: Sequence[np.ndarray | None]) -> list[Any]:
        """The outputs, each written into its array of `into`, or into a new one."""
        outs: list[Any] = list(into)
        for k in self.output_of.values():
            if outs[k] is None:
                spec = self.program.outputs[k].spec  # type: ignore[union-attr]
                outs[k] = np.empty(spec.shape, spec.dtype.numpy)
        if self.weak_inputs or self.number_at:
            found = self.compute_numbers([values[k] for k in self.weak_inputs])
            self.numbers[: len(found)] = found
        self._outs, self._values, self._copies = outs, values, self._bind(values, outs)
        try:
            return self._run(outs)
        finally:
            self._outs, self._values, self._copies = [], [], []

    def _run(self, outs: list[Any]) -> list[Any]:
        runtime.run(self.schedule)
        if self.status[0]:
            eq, size = self.memory.lookups[self.status[0] - 1]
            self.status[0] = 0
            raise RangeError(
                f"{eq.op.name}: an index is out of range for an axis of size {size}\n"
                f"  at    {describe(eq.place)}"
            )
        moved = {k: np.array(self._array(v), order="C") for k, v in self.copied if k in self.moved}
        for k, v in self.copied:
            outs[k] = self._copied(moved.get(k), v, outs[k])
        return outs

    def lend(self) -> list[np.ndarray]:
        """Point the kernels at new arrays of zeros, to be held while they run outside of a call: the
        arrays of the last one may be gone, or be parameters that nobody wants changed."""
        arrays = []
        for (kind, k), (places, offsets) in self.moving.items():
            values = self.program.inputs if kind == "input" else self.program.outputs
            spec = values[k].spec  # type: ignore[union-attr]
            arrays.append(np.zeros(spec.shape, spec.dtype.numpy))
            self.arguments[places] = offsets + arrays[-1].__array_interface__["data"][0]
            self.bound[kind, k] = lambda: None
        return arrays

    def _bind(self, values: Sequence[Any], outs: Sequence[Any]) -> list[np.ndarray]:
        """Write the pointers into the arrays of this call. Kernels read rows in order; an input that
        lies otherwise is copied, and the copies have to live as long as the run."""
        copies = []
        for key, (places, offsets) in self.moving.items():
            kind, k = key
            x = values[k] if kind == "input" else outs[k]
            if self.bound[key]() is x:
                continue
            self.bound[key] = weakref.ref(x)
            if kind == "input" and not x.flags.c_contiguous:
                x = np.ascontiguousarray(x)
                copies.append(x)
                self.bound[key] = lambda: None  # copied again at the next call
            self.arguments[places] = offsets + x.__array_interface__["data"][0]
        return copies

    @property
    def left_to_numpy(self) -> list[Equation]:
        """The equations that NumPy runs between the native parts."""
        return [s.group.equations[0] for s in self.steps if s.kernel is None]

    @property
    def from_cache(self) -> bool:
        """Whether the machine code was found in the cache."""
        return self.library.from_cache

    def explain(self, measure: bool = False) -> str:
        """The kernels, beside the lines they came from; with times and the share of the machine's
        peak if asked to measure them."""
        return table(self, measure)

    def _copied(self, moved: np.ndarray | None, v: Any, into: np.ndarray | None) -> Any:
        if moved is not None:
            x = moved
        elif isinstance(v, Literal):
            x = np.asarray(v.value)
        elif v.spec.weak:
            return self.numbers[self.number_at[v.id]].item()
        else:
            x = self._array(v)
        if into is None:
            return np.array(x, order="C")
        np.copyto(into, x)
        return into

    def _array(self, v: Var) -> np.ndarray:
        """A value as a NumPy array over the memory it lies in."""
        base, _ = self.grouping.chain(v)
        if self.grouping.made_by_create(v):
            eq = self.grouping.maker[base.id]
            return self._seen(v, np.asarray(eq.op.evaluate((), eq.attrs)))
        kind, where = self._where(base.id)
        if kind == "input":
            return self._seen(v, self._values[where])
        if kind == "constant":
            return self._seen(v, self.constants_by_id[base.id])
        dtype = base.spec.dtype.numpy
        if kind == "output":
            memory = self._outs[where].reshape(-1)
        else:
            memory = self.arena[where:]
            memory = memory[: memory.size // dtype.itemsize * dtype.itemsize].view(dtype)
        access = self.memory.layout[base.id]
        strides = [s * dtype.itemsize for s in access.strides]
        x = np.lib.stride_tricks.as_strided(memory[access.offset :], access.shape, strides)
        return self._seen(v, x)

    def _seen(self, v: Var, x: np.ndarray) -> np.ndarray:
        for eq in self.grouping.chain(v)[1]:
            x = eq.op.body(x, **eq.attrs)
        return x

    def _host(self, eq: Equation) -> None:
        """Run an equation that has no machine code by NumPy."""
        args = []
        for v in eq.inputs:
            if isinstance(v, Literal):
                args.append(v.value)
            elif v is None:
                args.append(None)
            elif v.spec.weak:
                args.append(self.numbers[self.number_at[v.id]].item())
            else:
                args.append(self._array(v))
        y = eq.op.evaluate(tuple(args), eq.attrs)
        for v, part in zip(eq.outputs, y if isinstance(y, tuple) else (y,), strict=True):
            if v.id in self.kept:
                np.copyto(self._array(v), part)


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
