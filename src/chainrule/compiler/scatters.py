"""Kernels of equations that write where an index says: scatter, scatter_add, scatter_mul,
scatter_extreme, index_put.

Of equal places the last stays, and adds happen in the order of the index, so a place belongs to one
task, which goes through the index in order. Tasks share out the result: by lines (the axes before
the first indexed one), and where those are few, by ranges of the first indexed axis. Then each task
reads the whole index and takes what falls into its range, which costs little beside writing rows:
the gradient of an embedding adds rows of the table.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..base import dtypes
from ..graph.ir import Equation, Literal, Var
from . import elements
from .code import Value
from .elements import INSTRUCTIONS, convert, in_memory, in_register
from .emit import Emitter, Memory, Reference
from .fuse import Group, Grouping
from .kernel import Kernel, kernel_code
from .space import Access
from .target import Target

__all__ = ["scatters"]

WORK = 1 << 15
"""Elements that a task fills and adds, about."""
MOST_TASKS = 64
FEW_LINES = 16
"""With fewer lines than this, ranges of the indexed axis are tasks too."""


class Line(NamedTuple):
    """One loop over elements that are put: how far it moves in the result, in the values, and in
    each index. `size` in the index, `room` in the result."""

    size: int
    room: int
    out: int
    values: int
    indices: tuple[int, ...]


class Plan(NamedTuple):
    """The loops of a scatter: lines before the first indexed axis, places of the index in order,
    lines behind it; and the indexed axes."""

    outer: list[Line]
    places: list[Line]
    inner: list[Line]
    dims: tuple[int, ...]


def _broadcast(access: Access, shape: Sequence[int]) -> list[int]:
    """The strides of an operand over a shape that it broadcasts to."""
    skip = len(shape) - len(access.shape)
    return [0] * skip + [
        0 if n == 1 else s for n, s in zip(access.shape, access.strides, strict=True)
    ]


def _planned(eq: Equation, out: Access, values: Access, indices: list[Access]) -> Plan:
    shape = out.shape
    none = (0,) * len(indices)
    if eq.op.name != "index_put":
        d, (at,) = eq.attrs["dim"], indices
        size = at.shape or (1,)
        along = at.strides or (0,)
        steps = values.strides or (0,) * len(shape)
        each = [
            Line(size[k], shape[k], out.strides[k], steps[k], (along[k],))
            for k in range(len(shape))
        ]
        return Plan(each[:d], [Line(size[d], 0, 0, steps[d], (along[d],))], each[d + 1 :], (d,))
    dims = eq.attrs["dims"]
    rest = [k for k in range(len(shape)) if k not in dims]
    ndim = max([len(i.shape) for i in indices])
    picked = [
        max([1, *[i.shape[k - ndim] for i in indices if len(i.shape) >= ndim - k]])
        for k in range(ndim)
    ]
    together = dims == tuple(range(dims[0], dims[0] + len(dims)))
    first = dims[0] if together else 0
    before, behind = rest[:first], rest[first:]
    put = _broadcast(values, [*[shape[k] for k in before], *picked, *[shape[k] for k in behind]])
    moves = [_broadcast(i, picked) for i in indices]
    places = [
        Line(n, 0, 0, put[first + k], tuple([m[k] for m in moves])) for k, n in enumerate(picked)
    ]
    lines = {k: Line(shape[k], shape[k], out.strides[k], 0, none) for k in rest}
    for place, k in [*enumerate(before), *enumerate(behind, first + ndim)]:
        lines[k] = lines[k]._replace(values=put[place])
    outer = [lines[k] for k in rest if k < dims[0]]
    return Plan(outer, places, [lines[k] for k in rest if k > dims[0]], dims)


def _merged(lines: Sequence[Line]) -> list[Line]:
    """Neighbouring loops that move evenly, as one."""
    out: list[Line] = []
    for line in lines:
        if out and out[-1].size == out[-1].room and line.size == line.room:
            a = out[-1]
            even = [a.out == line.out * line.size, a.values == line.values * line.size]
            even += [x == y * line.size for x, y in zip(a.indices, line.indices, strict=True)]
            if all(even):
                n = a.size * line.size
                out[-1] = line._replace(size=n, room=n)
                continue
        out.append(line)
    return out


def _combining(eq: Equation) -> str | None:
    """The op that puts together what lies at a place and what falls on it; None if that replaces
    it."""
    name = eq.op.name
    if name == "scatter_extreme":
        return "maximum" if eq.attrs["largest"] else "minimum"
    adds = name == "scatter_add" or eq.attrs.get("accumulate", False)
    return "mul" if name == "scatter_mul" else "add" if adds else None


class ScatterKernel:
    """A scatter being written."""

    def __init__(self, name: str, grouping: Grouping, g: Group, memory: Memory, target: Target):
        self.c = kernel_code(name)
        self.e = Emitter(self.c, grouping, g, memory)
        self.grouping, self.memory, self.target = grouping, memory, target
        self.eq = g.equations[0]
        self.out = self.eq.outputs[0]
        self.dtype = self.out.spec.dtype
        self.lies = memory.layout[self.out.id]
        names = list(self.eq.inputs)
        if self.eq.op.name == "index_put":
            self.source, self.index = names[1], names[2:]
        else:
            self.source, self.index = names[2], names[1:2]
        self.combine = _combining(self.eq)
        values = self._access(self.source) if isinstance(self.source, Var) else Access((), ())
        self.values, self.indices = values, [self._access(v) for v in self.index]  # type: ignore[arg-type]
        self.plan = _planned(self.eq, self.lies, values, self.indices)
        self.width = target.vector_bytes // in_memory(self.dtype).bytes

    def _access(self, v: Var) -> Access:
        base, _ = self.grouping.chain(v)
        access = self.grouping.access(v, self.memory.layout.get(base.id))
        assert access is not None
        return access

    def _pointer(self, v: Var, access: Access) -> Value:
        base, _ = self.grouping.chain(v)
        return self.e.pointer(Reference("memory", base.id, access.offset))

    def write(self) -> Kernel:
        """The kernel."""
        c, shape, first = self.c, self.lies.shape, self.plan.dims[0]
        lines, n = math.prod(shape[:first]), shape[first]
        row = math.prod(shape[first + 1 :])
        put = math.prod([x.size for part in self.plan[:3] for x in part])
        tasks = max(min((lines * n * row + put) // WORK, MOST_TASKS), 1)
        ranges = min(n, max(tasks // lines, 1)) if lines < FEW_LINES else 1
        rows = -(-n // ranges)
        ranges = -(-n // rows)
        each = -(-lines // max(min(tasks // ranges, lines), 1))
        blocks = -(-lines // each)
        block, part = c.divmod(c.parameters[1] if blocks * ranges > 1 else c.i64(0), ranges)
        low = c.mul(part, rows)
        high = c.minimum(c.add(low, rows), n)
        self.range = (low, high) if ranges > 1 else None
        start = c.mul(block, each)
        with c.loop(start, c.minimum(c.add(start, each), lines)) as line:
            at = c.add(c.mul(line, n * row), c.mul(low, row))
            with self._unless_in_place():
                self._fill(at, c.mul(c.sub(high, low), row))
            self._put(line)
        return Kernel(c.finish(), blocks * ranges)

    def _constant(self, v: Var | Literal) -> Value | None:
        """What a value is everywhere, if that is known."""
        c = self.c
        if isinstance(v, Literal):
            held, dtype = v.value, self.dtype
        elif self.grouping.made_by_create(v):
            held, dtype = (
                self.grouping.maker[self.grouping.chain(v)[0].id].attrs["value"],
                v.spec.dtype,
            )
        else:
            return None
        t = in_register(dtype)
        x = elements.rounded(c, c.const(held if t.floating else int(held), t), dtype)
        return convert(c, x, dtype, self.dtype)

    def _unless_in_place(self) -> contextlib.AbstractContextManager:
        """What is filled with what lies there already, as when a cache gets one more row, is left alone."""
        c, x = self.c, self.eq.inputs[0]
        if not isinstance(x, Var) or self._constant(x) is not None or x.spec != self.out.spec:
            return contextlib.nullcontext()
        before, after = self._pointer(x, self._access(x)), self._pointer(self.out, self.lies)
        return c.when(c.icmp("ne", before, after))

    def _fill(self, start: Value, count: Value) -> None:
        """The result as it is before anything is put."""
        c, x = self.c, self.eq.inputs[0]
        out = c.at(self._pointer(self.out, self.lies), start, in_memory(self.dtype).bytes)
        assert isinstance(x, Var)
        value, origin = self._constant(x), None
        if value is None:
            size = in_memory(x.spec.dtype).bytes
            origin = c.at(self._pointer(x, self._access(x)), start, size)
        for j, lanes in self._strides(count):
            if origin is not None:
                place = c.at(origin, j, in_memory(x.spec.dtype).bytes)
                read = elements.load(c, x.spec.dtype, place, lanes)
                value = convert(c, read, x.spec.dtype, self.dtype)
            assert value is not None
            place = c.at(out, j, in_memory(self.dtype).bytes)
            elements.store(c, self.dtype, c.splat(value, lanes), place)

    def _strides(self, count: Value) -> Iterator[tuple[Value, int]]:
        """Loops over `count` elements: vectors, then the rest one by one."""
        c = self.c
        rest, _ = c.divmod(count, self.width)
        rest = c.mul(rest, self.width)
        with c.loop(0, rest, self.width) as j:
            yield j, self.width
        with c.loop(rest, count) as j:
            yield j, 1

    def _put(self, line: Value) -> None:
        c, plan = self.c, self.plan
        zero = c.i64(0)
        out = values = zero
        at = [zero] * len(self.indices)
        inside: Value | None = None
        for x in reversed(plan.outer):
            line, k = c.divmod(line, x.room)
            out = c.add(out, c.mul(k, x.out))
            values = c.add(values, c.mul(k, x.values))
            at = [c.add(a, c.mul(k, s)) for a, s in zip(at, x.indices, strict=True)]
            if x.size < x.room:
                fits = c.icmp("slt", k, c.i64(x.size))
                inside = fits if inside is None else c.binary("and", inside, fits)
        with contextlib.nullcontext() if inside is None else c.when(inside):
            indexed = any([s for x in plan.inner for s in x.indices])
            loops = [*plan.places, *plan.inner] if indexed else plan.places
            inner = [] if indexed else _merged(plan.inner)
            self._places(loops, inner, out, values, at)

    def _places(
        self,
        loops: Sequence[Line],
        inner: Sequence[Line],
        out: Value,
        values: Value,
        at: list[Value],
    ) -> None:
        """Through the index in order."""
        c = self.c
        if loops:
            x = loops[0]
            with c.loop(0, x.size) as k:
                after = [c.add(a, c.mul(k, s)) for a, s in zip(at, x.indices, strict=True)]
                self._places(
                    loops[1:],
                    inner,
                    c.add(out, c.mul(k, x.out)),
                    c.add(values, c.mul(k, x.values)),
                    after,
                )
            return
        wanted: Value | None = None
        for number, (v, access, place, d) in enumerate(
            zip(self.index, self.indices, at, self.plan.dims, strict=True)
        ):
            n = self.lies.shape[d]
            assert isinstance(v, Var)
            p = c.at(self._pointer(v, access), place, in_memory(v.spec.dtype).bytes)
            k = convert(c, elements.load(c, v.spec.dtype, p, 1), v.spec.dtype, dtypes.int64)
            if self.eq.op.name == "index_put":  # negative indices count from the end
                k = c.select(c.icmp("slt", k, c.i64(0)), c.add(k, n), k)
            live = c.icmp("ult", k, c.i64(n))
            self.e.check_range(k, 0, n, self.eq)
            if number == 0 and self.range is not None:
                low, high = self.range
                live = c.binary("and", c.icmp("sge", k, low), c.icmp("slt", k, high))
            wanted = live if wanted is None else c.binary("and", wanted, live)
            out = c.add(out, c.mul(k, self.lies.strides[d]))
        assert wanted is not None
        with c.when(wanted):
            self._elements(inner, out, values)

    def _elements(self, inner: Sequence[Line], out: Value, values: Value) -> None:
        c = self.c
        if not inner:
            self._element(out, values, 1, 0)
            return
        x = inner[0]
        if len(inner) == 1 and x.out == 1 and x.values in (0, 1):
            for j, lanes in self._strides(c.i64(x.size)):
                self._element(c.add(out, j), c.add(values, c.mul(j, x.values)), lanes, x.values)
            return
        with c.loop(0, x.size) as k:
            self._elements(
                inner[1:], c.add(out, c.mul(k, x.out)), c.add(values, c.mul(k, x.values))
            )

    def _element(self, out: Value, values: Value, lanes: int, step: int) -> None:
        """Put or add one element, or `lanes` that lie side by side."""
        c = self.c
        place = c.at(self._pointer(self.out, self.lies), out, in_memory(self.dtype).bytes)
        y = self._constant(self.source)  # type: ignore[arg-type]
        if y is None:
            assert isinstance(self.source, Var)
            dtype = self.source.spec.dtype
            p = c.at(self._pointer(self.source, self.values), values, in_memory(dtype).bytes)
            y = convert(c, elements.load(c, dtype, p, lanes, step), dtype, self.dtype)
        y = c.splat(y, lanes)
        if self.combine is not None:
            before = elements.load(c, self.dtype, place, lanes)
            y = INSTRUCTIONS[self.combine](c, self.dtype, before, y)
        elements.store(c, self.dtype, y, place)


def scatters(
    name: str, grouping: Grouping, g: Group, memory: Memory, target: Target
) -> tuple[Kernel, list[Reference]]:
    """The kernel of a group that scatters, and what its arguments are."""
    k = ScatterKernel(name, grouping, g, memory, target)
    kernel = k.write()
    return kernel, k.e.references
