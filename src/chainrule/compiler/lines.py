"""Kernels that go along the lines of one axis, in order: running sums, products and extremes, linear
recurrences (here), and sorting (`orders`).

A line is done from its first element to its last. Lines are shared out among tasks, and where they
lie side by side in memory, many of them are the lanes of a vector.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..base import dtypes
from ..base.dtypes import DType
from ..graph.ir import Var
from . import elementary, elements
from .code import BOOL, I64, Value, Variable
from .elements import INSTRUCTIONS, convert, in_memory, in_register
from .emit import Emitter, Memory, Reference
from .fuse import Group, Grouping
from .kernel import Kernel, kernel_code
from .space import Access
from .target import Target

__all__ = ["LineKernel", "Lying", "RunningKernel"]

WORK = 1 << 15
"""Elements that a task goes along, about."""
MOST_TASKS = 64


class Lying(NamedTuple):
    """A value in memory: its dtype, whose memory it is, and how it lies there."""

    dtype: DType
    base: int
    access: Access


class LineKernel:
    """A kernel along lines being written. `inputs` and `outputs` are values with how they lie; an
    output that nobody reads is None."""

    scratch = 0
    """The bytes of memory of its own that a thread needs."""
    work = 1
    """What an element costs, in additions."""
    beside = True
    """Whether lines can be lanes."""

    def __init__(
        self, name: str, grouping: Grouping, g: Group, memory: Memory, stores: Sequence[Var], target: Target
    ):  # fmt: skip
        self.c = kernel_code(name)
        self.e = Emitter(self.c, grouping, g, memory)
        self.eq = g.equations[0]
        self.width = target.vector_bytes // 4
        self.inputs: list[Lying] = []
        for v in self.eq.inputs:
            assert isinstance(v, Var)
            base, _ = grouping.chain(v)
            access = grouping.access(v, memory.layout[base.id])
            assert access is not None
            self.inputs.append(Lying(v.spec.dtype, base.id, access))
        kept = {v.id for v in stores}
        self.outputs = [
            Lying(v.spec.dtype, v.id, memory.layout[v.id]) if v.id in kept else None
            for v in self.eq.outputs
        ]

    def line(self, at: list[Value], lanes: int, mask: Value | None) -> None:
        """Write what is done for a line, or `lanes` of them. `at` are the places of their first
        elements, in each input and in each output that is kept."""
        raise NotImplementedError

    def places(self) -> list[Lying]:
        """All values in memory: inputs, then outputs."""
        return [*self.inputs, *[x for x in self.outputs if x is not None]]

    def step(self, k: int) -> int:
        """How far value k of `places` moves from one element of a line to the next."""
        return self.places()[k].access.strides[self.eq.attrs["dim"]]

    def element(self, k: int, at: Value, j: Value | int) -> Value:
        """The address of element j of a line."""
        dtype, base, access = self.places()[k]
        p = self.e.pointer(Reference("memory", base, access.offset))
        place = self.c.add(at, self.c.mul(j, self.step(k)))
        return self.c.at(p, place, in_memory(dtype).bytes)

    def write(self) -> Kernel:
        """The kernel."""
        c, d = self.c, self.eq.attrs["dim"]
        shape = self.inputs[0].access.shape
        n = shape[d]
        rest = [k for k in range(len(shape)) if k != d]
        steps = {k: [x.access.strides[k] for x in self.places()] for k in rest}
        side = 1  # lanes: lines that lie side by side
        if rest and all([s == 1 for s in steps[rest[-1]]]) and self.beside:
            side = shape[rest[-1]]
        lanes = min(self.width, 1 << (side.bit_length() - 1))
        blocks = -(-side // lanes)
        lines = math.prod([shape[k] for k in rest]) // side
        units = lines * blocks
        tasks = max(min(units * n * self.work * lanes // WORK, units, MOST_TASKS), 1)
        each = -(-units // tasks)
        tasks = -(-units // each)
        start = c.mul(c.parameters[1] if tasks > 1 else c.i64(0), each)
        with c.loop(start, c.minimum(c.add(start, each), units)) as unit:
            line, block = c.divmod(unit, blocks)
            at = [c.mul(block, lanes) for _ in self.places()]
            for k in reversed(rest[:-1] if side > 1 else rest):
                line, i = c.divmod(line, shape[k])
                at = [c.add(a, c.mul(i, s)) for a, s in zip(at, steps[k], strict=True)]
            left = side % lanes
            if left:
                last = c.icmp("eq", block, c.i64(blocks - 1))
                with c.when(last):
                    self.line(at, lanes, c.consts([k < left for k in range(lanes)], BOOL.of(lanes)))
                with c.when(c.binary("xor", last, c.const(True, BOOL))):
                    self.line(at, lanes, None)
            else:
                self.line(at, lanes, None)
        return Kernel(c.finish(), tasks, self.scratch)


class RunningKernel(LineKernel):
    """What runs along an axis: each result is made of the one before and the next element."""

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        self.name = self.eq.op.name
        dtype = self.eq.outputs[0].spec.dtype
        self.dtype = dtype
        self.compute = dtypes.float32 if dtype in (dtypes.float16, dtypes.bfloat16) else dtype
        self.work = 16 if self.name == "logcumsumexp" else 1

    def line(self, at: list[Value], lanes: int, mask: Value | None) -> None:
        """Through a line, from its first element on."""
        c = self.c
        n = self.inputs[0].access.shape[self.eq.attrs["dim"]]
        t = in_register(self.compute).of(lanes)
        total = c.variable(t, c.const(0, t))
        place = None
        if len(self.outputs) > 1:
            place = c.variable(I64.of(lanes), c.const(0, I64.of(lanes)))
        self._put(self._read(len(self.inputs) - 1, at, 0, lanes, mask), total, place, at, 0, mask)
        with c.loop(1, n) as j:
            y = self._next(total.get(), at, j, lanes, mask)
            if place is not None:  # the last place where the extreme is
                x = self._read(0, at, j, lanes, mask)
                here = INSTRUCTIONS["eq"](c, self.compute, x, y)
                if t.floating:
                    here = c.binary("or", here, c.fcmp("uno", x, x))
                place.set(c.select(here, c.splat(j, lanes), place.get()))
            self._put(y, total, place, at, j, mask)

    def _next(
        self, before: Value, at: list[Value], j: Value, lanes: int, mask: Value | None
    ) -> Value:
        """The result at element j, from the one before."""
        c, compute = self.c, self.compute
        x = self._read(0, at, j, lanes, mask)
        if self.name == "cumsum":
            return INSTRUCTIONS["add"](c, compute, before, x)
        if self.name == "cumprod":
            return INSTRUCTIONS["mul"](c, compute, before, x)
        if self.name == "recurrence":
            grown = INSTRUCTIONS["mul"](c, compute, x, before)
            return INSTRUCTIONS["add"](c, compute, grown, self._read(1, at, j, lanes, mask))
        if self.name == "logcumsumexp":
            return self._log_of_sum(before, x)
        better = elements.maximum if self.name == "cummax" else elements.minimum
        return better(c, compute, before, x)

    def _log_of_sum(self, a: Value, b: Value) -> Value:
        """ln(eᵃ + eᵇ) = max(a, b) + ln(1 + e^−|a − b|), where equal infinities differ by 0."""
        c = self.c
        apart = c.binary("fsub", a, b)
        apart = c.select(c.fcmp("oeq", a, b), c.const(0.0, a.type), apart)
        largest = c.select(c.fcmp("ogt", a, b), a, b)
        e = elementary.exp(c, c.fneg(c.intrinsic("fabs", a.type, apart)))
        return c.binary("fadd", largest, elementary.log1p(c, e))

    def _read(self, k: int, at: list[Value], j: Value | int, lanes: int, mask: Any) -> Value:
        dtype = self.inputs[k].dtype
        x = elements.load(self.c, dtype, self.element(k, at[k], j), lanes, 1, mask)
        return convert(self.c, x, dtype, self.compute)

    def _put(
        self, y: Value, total: Variable, place: Variable | None, at: list[Value], j: Value | int, mask: Any
    ) -> None:  # fmt: skip
        """Keep a result, and write it."""
        c = self.c
        total.set(y)
        k = len(self.inputs)
        for number, out in enumerate(self.outputs):
            if out is None:
                continue
            value, found = (y, self.compute)
            if number == 1:
                assert place is not None
                value, found = place.get(), dtypes.int64
            dtype = out.dtype
            value = convert(c, value, found, dtype)
            elements.store(c, dtype, value, self.element(k, at[k], j), 1, mask)
            k += 1
