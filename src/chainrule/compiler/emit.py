"""Writing the values of a group: what an equation is at one place of the group's index space.

An `Emitter` writes into one function. `env` says where it stands: the index along each axis, and
for the axis of the lanes that lane k is `step · k` further. A value that does not change along the
lanes is a scalar until it meets one that does.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..base import dtypes
from ..base.dtypes import DType
from ..graph.ir import Equation, Literal, Var
from ..ops.promotion import common
from . import elements, random
from .code import BOOL, DOUBLE, I64, PTR, Code, Value
from .elements import FLOATING_ONLY, INSTRUCTIONS, POLYGAMMA, convert
from .fuse import Group, Grouping
from .reach import Windows, reach_strides
from .roles import operand_space, reduces, specs_of
from .space import Access, Axis, Dims, along, whole

__all__ = ["Emitter", "Index", "Memory", "Reference"]


class Index(NamedTuple):
    """The index along an axis: of lane 0, and how much it grows from lane to lane."""

    value: Value
    step: int = 0


class Reference(NamedTuple):
    """A pointer that a kernel is given: an element of a value's memory, the numbers, or the
    status word; or a count, which is a number in the place of a pointer."""

    what: str  # "memory", "numbers", "status", "length", "share"
    var: int = 0
    offset: int = 0


class Memory:
    """Where values lie: the access of each value that is in memory."""

    def __init__(self) -> None:
        self.layout: dict[int, Access] = {}
        self.numbers: dict[int, int] = {}  # the place of each weak number
        self.lookups: list[tuple[Equation, int]] = []  # what a status word of 1, 2, … complains of


class Emitter:
    """Writes the values of a group's equations into a function."""

    def __init__(self, c: Code, grouping: Grouping, group: Group, memory: Memory, first: int = 0):
        self.c, self.grouping, self.group, self.memory = c, grouping, group, memory
        self.references: list[Reference] = []
        self._pointers: dict[Reference, Value] = {}
        self.first = first  # how many arguments the kernel has before these
        self.env: dict[Axis, Index] = {}
        self.mask: Value | None = None
        self.lanes = 1
        self.scopes: list[dict] = [{}]
        self.stored: set[int] = set()
        self.ahead: tuple[Axis, int] | None = (
            None  # an axis, and how far on it what is read next lies
        )

    # -------------------------------------------------------------------------------- scopes

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """What is computed inside is forgotten after: a loop's body may not have run."""
        self.scopes.append({})
        env, mask, lanes = dict(self.env), self.mask, self.lanes
        yield
        self.scopes.pop()
        self.env, self.mask, self.lanes = env, mask, lanes

    def known(self, key: Any) -> Any:
        """A value computed before, here or around."""
        for scope in reversed(self.scopes):
            if key in scope:
                return scope[key]
        return None

    def remember(self, key: Any, value: Any) -> Any:
        """Keep a value until the innermost scope ends."""
        self.scopes[-1][key] = value
        return value

    # ------------------------------------------------------------------------------ pointers

    def pointer(self, reference: Reference) -> Value:
        """A pointer among the arguments, loaded once at the entry."""
        if reference not in self._pointers:
            c = self.c
            k = self.first + len(self.references)
            self.references.append(reference)
            place, name = c.name_new(), c.name_new()
            c.head.append(f"  {place} = getelementptr i8, ptr %p0, i64 {8 * k}")
            c.head.append(f"  {name} = load ptr, ptr {place}, align 8")
            self._pointers[reference] = Value(name, PTR)
        return self._pointers[reference]

    def count(self, what: str, n: int) -> Value:
        """A number among the arguments: kernels that differ in it alone are one."""
        return self.c.emit(f"ptrtoint {self.pointer(Reference(what, offset=n))} to i64", I64)

    def index(self, strides: dict[Axis, int]) -> Index:
        """Σ index · stride, over the axes that have both."""
        c = self.c
        total, step = Value("0", I64), 0
        for a, stride in strides.items():
            at = self.env.get(a)
            if at is not None and stride:
                total = c.add(total, c.mul(at.value, stride))
                step += at.step * stride
        return Index(total, step)

    def at(
        self, base: int, access: Access, strides: dict[Axis, int], dtype: DType
    ) -> tuple[Value, int]:
        """The address of the elements of a value, and how far apart the lanes lie."""
        p = self.pointer(Reference("memory", base, access.offset))
        index = self.index(strides)
        size = elements.in_memory(dtype).bytes
        return self.c.at(p, index.value, size), index.step

    # -------------------------------------------------------------------------------- values

    def strides(self, v: Var, space: Dims) -> tuple[Var, Access, dict[Axis, int]]:
        """How an operand from memory is read over the axes of `space`."""
        base, _ = self.grouping.chain(v)
        access = self.grouping.access(v, self.memory.layout[base.id])
        assert access is not None
        return base, access, along(space, access.shape, access.strides)

    def reading(self, eq: Equation, k: int) -> tuple[Var, Access, dict[Axis, int]]:
        """How operand k of an equation of the group is read from memory."""
        v = eq.inputs[k]
        assert isinstance(v, Var)
        if isinstance(eq, Windows):
            base, _ = self.grouping.chain(v)
            access = self.grouping.access(v, self.memory.layout[base.id])
            assert access is not None
            strides, offset = reach_strides(eq, k, access)
            return base, access._replace(offset=offset), strides
        return self.strides(v, operand_space(eq, k, self.group.space.get(eq, [])))

    def value(self, eq: Equation, k: int) -> tuple[Value, DType]:
        """An operand at this place, in its own dtype."""
        v = eq.inputs[k]
        assert isinstance(v, Var)
        base, _ = self.grouping.chain(v)
        if self.grouping.home.get(base.id) is self.group:
            return self.made(base), base.spec.dtype
        if self.grouping.made_by_create(v):
            space = operand_space(eq, k, self.group.space.get(eq, []))
            return self._created(v, space), v.spec.dtype
        return self.loaded(eq, k), v.spec.dtype

    def loaded(self, eq: Equation, k: int) -> Value:
        """An operand read from memory."""
        v = eq.inputs[k]
        assert isinstance(v, Var)
        base, access, strides = self.reading(eq, k)
        key = (
            "leaf",
            base.id,
            access.offset,
            tuple(sorted([(id(a), s) for a, s in strides.items() if s])),
        )
        found = self.known(key)
        if found is None:
            p, step = self.at(base.id, access, strides, v.spec.dtype)
            lanes = self.lanes if step else 1
            self._fetch_ahead(p, strides, step, v.spec.dtype)
            found = elements.load(self.c, v.spec.dtype, p, lanes, step, self.mask if step else None)
            self.remember(key, found)
        return found

    def _fetch_ahead(self, p: Value, strides: dict[Axis, int], step: int, dtype: DType) -> None:
        """Fetch what will be read at the same place of the next tile: the processor sees few rows of a
        few lines each, and guesses wrong."""
        if self.ahead is not None and step == 1:
            axis, places = self.ahead
            if strides.get(axis):
                distance = places * strides[axis] * elements.in_memory(dtype).bytes
                self.c.prefetch(self.c.at(p, distance))

    def _created(self, v: Var, space: Dims) -> Value:
        """An element of full, arange or eye, seen through views."""
        base, _ = self.grouping.chain(v)
        eq = self.grouping.maker[base.id]
        t = elements.in_register(v.spec.dtype)
        if eq.op.name == "full":
            return elements.rounded(self.c, self.c.const(eq.attrs["value"], t), v.spec.dtype)
        access = self.grouping.access(v)
        assert access is not None
        index = self.places(access.offset, along(space, access.shape, access.strides))
        if eq.op.name == "eye":
            columns = eq.attrs["columns"]
            every = self.c.const(columns, index.type)
            row = self.c.binary("sdiv", index, every)
            column = self.c.binary("srem", index, every)
            on = self.c.icmp("eq", row, column)
            return convert(self.c, on, dtypes.bool_, v.spec.dtype)
        start, step = eq.attrs["start"], eq.attrs["step"]
        if t.floating:
            wide = self.c.cast("sitofp", index, DOUBLE.of(index.type.lanes))
            y = self.c.fadd(
                self.c.fmul(wide, self.c.const(step, wide.type)), self.c.const(start, wide.type)
            )
            return convert(self.c, y, dtypes.float64, v.spec.dtype)
        y = self.c.binary("mul", index, self.c.const(int(step), index.type))
        y = self.c.binary("add", y, self.c.const(int(start), index.type))
        return convert(self.c, y, dtypes.int64, v.spec.dtype)

    def places(self, offset: int, strides: dict[Axis, int]) -> Value:
        """offset + Σ index · stride, for each lane, as int64."""
        index = self.index(strides)
        start = self.c.add(index.value, offset)
        return self.c.lanes(start, self.lanes, index.step) if index.step else start

    def position(self, dims: Dims, k: int) -> Value:
        """The index along dimension k of a value, for each lane."""
        strides, step = {}, 1
        for a in reversed(whole(dims[k])):
            strides[a] = step
            step *= a.size
        return self.places(0, strides)

    def made(self, v: Var) -> Value:
        """A value that is made in this group, at this place."""
        found = self.known(v.id)
        if found is not None:
            return found
        if v.id in self.stored and self.costly(v):
            dims = self.group.dims[v.id]
            layout = self.memory.layout[v.id]
            p, step = self.at(v.id, layout, along(dims, layout.shape, layout.strides), v.spec.dtype)
            lanes = self.lanes if step else 1
            again = elements.load(self.c, v.spec.dtype, p, lanes, step, self.mask if step else None)
            return self.remember(v.id, again)
        eq = self.grouping.maker[v.id]
        return self.remember(v.id, self.computed(eq))

    def costly(self, v: Var) -> bool:
        """Whether a value is better read again than computed again."""
        eq = self.grouping.maker[v.id]
        return eq.op.name in elements.EXPENSIVE or any([
            self.grouping.home.get(o.id) is self.group and self.costly(o) for o in self.grouping.operands(eq)
        ])  # fmt: skip

    # ----------------------------------------------------------------------------- equations

    def computed(self, eq: Equation) -> Value:
        """The value of a pointwise equation at this place."""
        name = eq.op.name
        special = getattr(self, f"_{name}", None)
        if special is not None:
            return special(eq)
        return self._instructed(eq)

    def _instructed(self, eq: Equation, instruction: Callable[..., Any] | None = None) -> Value:
        """By the machine instructions of its op, unless others are given."""
        name = eq.op.name
        target = common(eq.op, specs_of(eq))
        assert target is not None, name
        half = target in (dtypes.float16, dtypes.bfloat16)
        compute = dtypes.float32 if half else target
        given = [k for k, v in enumerate(eq.inputs) if v is not None]  # clamp may lack a bound
        there = self.together([self.operand(eq, k, compute) for k in given])
        values = dict(zip(given, there, strict=True))
        operands = [values.get(k) for k in range(len(eq.inputs))]
        instruction = instruction or INSTRUCTIONS.get(name) or FLOATING_ONLY[name]
        y = instruction(self.c, compute, *operands)
        result = eq.outputs[0].spec.dtype
        if y.type.base != elements.in_register(result).base:  # relu of a bool is an int64
            return convert(self.c, y, compute, result)
        return elements.rounded(self.c, y, result) if half else y

    def operand(self, eq: Equation, k: int, dtype: DType) -> Value:
        """Operand k of an equation in a given dtype; numbers are constants, or read from the
        numbers of this call."""
        v, c = eq.inputs[k], self.c
        if isinstance(v, Literal):
            held = v.value
            if isinstance(held, np.ndarray):
                half = held.dtype == dtypes.BF16_BITS
                held = (dtypes.float32_from_bits(held) if half else held).item()
            if dtype is dtypes.bool_:
                held = bool(held)
            t = elements.in_register(dtype)
            return elements.rounded(c, c.const(held if t.floating else int(held), t), dtype)
        assert isinstance(v, Var)
        if v.spec.weak:
            return self.number(v, dtype)
        x, found = self.value(eq, k)
        return convert(c, x, found, dtype)

    def number(self, v: Var, dtype: DType) -> Value:
        """A Python number of this call."""
        key = ("number", v.id, dtype)
        found = self.known(key)
        if found is None:
            p = self.pointer(Reference("numbers"))
            x = self.c.load(DOUBLE, self.c.at(p, 8 * self.memory.numbers[v.id]))
            found = self.remember(key, convert(self.c, x, dtypes.float64, dtype))
        return found

    def together(self, values: Sequence[Value]) -> list[Value]:
        """Operands with the same number of lanes."""
        lanes = max([v.type.lanes for v in values], default=1)
        return [self.c.splat(v, lanes) for v in values]

    def _where(self, eq: Equation) -> Value:
        dtype = eq.outputs[0].spec.dtype
        condition = self.operand(eq, 0, dtypes.bool_)
        values = self.together([condition, self.operand(eq, 1, dtype), self.operand(eq, 2, dtype)])
        return self.c.select(*values)

    def _pow(self, eq: Equation) -> Value:
        """An integer to a whole power by squaring; others as they are told."""
        dtype = eq.outputs[0].spec.dtype
        if dtype.is_floating_point:
            return self._instructed(eq)
        power = eq.inputs[1]
        assert isinstance(power, Literal)
        base, left = self.operand(eq, 0, dtype), int(power.value)
        y = self.c.const(1, base.type)
        while left:
            if left & 1:
                y = self.c.binary("mul", y, base)
            base, left = self.c.binary("mul", base, base), left >> 1
        return y

    def _polygamma(self, eq: Equation) -> Value:
        return self._instructed(eq, POLYGAMMA[eq.attrs["n"]])

    def _cast(self, eq: Equation) -> Value:
        return self.operand(eq, 0, eq.outputs[0].spec.dtype)

    _clone = _cast

    def _triangle(self, eq: Equation, how: str) -> Value:
        x = self.operand(eq, 0, eq.outputs[0].spec.dtype)
        dims = self.group.dims[eq.outputs[0].id]
        n = len(dims)
        row, column = self.together([self.position(dims, n - 2), self.position(dims, n - 1)])
        edge = self.c.binary("add", row, self.c.const(eq.attrs["diagonal"], row.type))
        inside = self.c.icmp(how, column, edge)
        inside, x = self.together([inside, x])
        return self.c.select(inside, x, self.c.const(0, x.type))

    def _tril(self, eq: Equation) -> Value:
        return self._triangle(eq, "sle")

    def _triu(self, eq: Equation) -> Value:
        return self._triangle(eq, "sge")

    def _scatter(self, eq: Equation) -> Value:
        """One element put into each line: the place is told by its own index."""
        out = eq.outputs[0]
        dims, d = self.group.dims[out.id], eq.attrs["dim"]
        x, at, source = (
            self.operand(eq, 0, out.spec.dtype), self.operand(eq, 1, dtypes.int64), self.operand(eq, 2, out.spec.dtype)
        )  # fmt: skip
        self.check_range(at, 0, out.spec.shape[d], eq)
        x, at, source, here = self.together([x, at, source, self.position(dims, d)])
        return self.c.select(self.c.icmp("eq", here, at), source, x)

    # ------------------------------------------------------------------------------- lookups

    def check_range(self, index: Value, low: int, high: int, eq: Equation) -> Value:
        """An index that is out of range is noted in the status word, and replaced by 0: nothing
        outside is read. The run reports it when it ends."""
        c = self.c
        inside = c.binary(
            "and",
            c.icmp("sge", index, c.const(low, index.type)),
            c.icmp("slt", index, c.const(high, index.type)),
        )
        if index.type.lanes == 1:
            bad = c.binary("xor", inside, c.const(True, BOOL))
        else:
            live = inside if self.mask is None else c.binary(
                "or", inside, c.binary("xor", self.mask, c.const(True, self.mask.type))
            )  # fmt: skip
            every = c.emit(f"call i1 @llvm.vector.reduce.and.{live.type.suffix}({live})", BOOL)
            c.declared.setdefault(
                "llvm.vector.reduce.and",
                f"declare i1 @llvm.vector.reduce.and.{live.type.suffix}({live.type})",
            )
            bad = c.binary("xor", every, c.const(True, BOOL))
        with c.when(bad):
            self.memory.lookups.append((eq, high))
            c.store(c.const(len(self.memory.lookups), I64), self.pointer(Reference("status")))
        return c.select(inside, index, c.const(0, index.type))

    def _looked_up(
        self, eq: Equation, strides: dict[Axis, int], indices: list, access: Access
    ) -> Value:
        """An element at a place of which some coordinates are indices: [(index, stride)]."""
        c, dtype = self.c, eq.outputs[0].spec.dtype
        base, _ = self.grouping.chain(eq.inputs[0])  # type: ignore[arg-type]
        p = self.pointer(Reference("memory", base.id, access.offset))
        size = elements.in_memory(dtype).bytes
        index = self.index(strides)
        if all([i.type.lanes == 1 for i, _ in indices]):
            total = index.value
            for i, stride in indices:
                total = c.add(total, c.mul(i, stride))
            lanes = self.lanes if index.step else 1
            return elements.load(
                c, dtype, c.at(p, total, size), lanes, index.step, self.mask if index.step else None
            )
        places = c.lanes(index.value, self.lanes, index.step)
        for i, stride in indices:
            i = c.splat(i, self.lanes)
            places = c.binary("add", places, c.binary("mul", i, c.const(stride, i.type)))
        t = elements.in_memory(dtype).of(self.lanes)
        return elements.from_memory(c, c.gather(t, c.addresses(p, places, size), self.mask), dtype)

    def _table(self, eq: Equation) -> tuple[Access, list[int]]:
        v = eq.inputs[0]
        assert isinstance(v, Var)
        base, _ = self.grouping.chain(v)
        access = self.grouping.access(v, self.memory.layout[base.id])
        assert access is not None
        return access, list(access.strides)

    def _embedding(self, eq: Equation) -> Value:
        access, (row, column) = self._table(eq)
        at = self.check_range(self.operand(eq, 1, dtypes.int64), 0, access.shape[0], eq)
        dims = self.group.dims[eq.outputs[0].id]
        return self._looked_up(
            eq, along(dims[-1:], access.shape[1:], (column,)), [(at, row)], access
        )

    def _gather(self, eq: Equation) -> Value:
        access, strides = self._table(eq)
        d = eq.attrs["dim"]
        at = self.check_range(self.operand(eq, 1, dtypes.int64), 0, access.shape[d], eq)
        dims = self.group.dims[eq.outputs[0].id]
        rest = [0 if k == d else s for k, s in enumerate(strides)]
        return self._looked_up(
            eq, along(dims, eq.outputs[0].spec.shape, rest), [(at, strides[d])], access
        )

    def _index(self, eq: Equation) -> Value:
        access, strides = self._table(eq)
        picked = eq.attrs["dims"]
        found = []
        for k, d in enumerate(picked):
            n = access.shape[d]
            i = self.operand(eq, 1 + k, dtypes.int64)
            wrapped = self.c.binary("add", i, self.c.const(n, i.type))
            i = self.c.select(self.c.icmp("slt", i, self.c.const(0, i.type)), wrapped, i)
            found.append((self.check_range(i, 0, n, eq), strides[d]))
        dims = self.group.dims[eq.outputs[0].id]
        rest = [k for k in range(len(strides)) if k not in picked]
        together = picked == tuple(range(picked[0], picked[0] + len(picked)))
        first = picked[0] if together else 0
        width = len(dims) - len(rest)
        places = [*range(first), *range(first + width, len(dims))]
        moving: dict[Axis, int] = {}
        for place, k in zip(places, rest, strict=True):
            moving |= along([dims[place]], (access.shape[k],), (strides[k],))
        return self._looked_up(eq, moving, found, access)

    # -------------------------------------------------------------------------------- random

    def _drawn(self, eq: Equation) -> Value:
        v = eq.inputs[0]
        assert isinstance(v, Var)
        base, _ = self.grouping.chain(v)
        access = self.grouping.access(v, self.memory.layout[base.id])
        assert access is not None
        p = self.pointer(Reference("memory", base.id, access.offset))
        seed, offset = self.c.load(I64, p), self.c.load(I64, self.c.at(p, 8))
        out = eq.outputs[0]
        strides, step = {}, 1
        for run in reversed(self.group.dims[out.id]):
            for a in reversed(whole(run)):
                strides[a] = step
                step *= a.size
        return random.drawn(self.c, eq, seed, offset, self.places(0, strides))

    _uniform = _normal = _random_integers = _drawn

    # --------------------------------------------------------------------------------- store

    def store(self, v: Var) -> None:
        """Write a value of the group to its memory, at this place."""
        dims = self.group.dims[v.id]
        layout = self.memory.layout[v.id]
        y = self.made(v)
        strides = along(dims, layout.shape, layout.strides)
        p, step = self.at(v.id, layout, strides, v.spec.dtype)
        self._fetch_ahead(p, strides, step, v.spec.dtype)
        if step:
            elements.store(self.c, v.spec.dtype, self.c.splat(y, self.lanes), p, step, self.mask)
        else:  # the same in every lane
            y = self.c.extract(y, 0) if y.type.lanes > 1 else y
            elements.store(self.c, v.spec.dtype, y, p)

    def hoist(self, wanted: Iterable[Equation], inner: set[Axis]) -> None:
        """Compute what equations need inside of loops over `inner`, but what does not change
        there."""
        seen: set[Equation] = set()

        def visit(eq: Equation) -> None:
            if eq in seen:
                return
            seen.add(eq)
            space = self.group.space.get(eq)
            if space is None:  # an anchor: its value is there
                return
            first = 1 if eq.op.kind.name in ("gather", "random") else 0
            for k, v in enumerate(eq.inputs):
                if k < first or not isinstance(v, Var) or v.spec.weak:
                    continue
                base, _ = self.grouping.chain(v)
                if self.grouping.home.get(base.id) is self.group:
                    if self.known(base.id) is None:
                        maker = self.grouping.maker[base.id]
                        visit(maker)
                        if not self._moves(base, inner) and not reduces(maker):
                            self.made(base)
                elif not self.grouping.made_by_create(v):
                    strides = self.reading(eq, k)[2]
                    if not any([s and a in inner for a, s in strides.items()]):
                        self.loaded(eq, k)

        for eq in wanted:
            visit(eq)
            out = eq.outputs[0]
            if not reduces(eq) and not self._moves(out, inner):
                self.made(out)

    def _moves(self, v: Var, axes: set[Axis]) -> bool:
        """Whether a value made here changes along some axes."""
        return any([a in axes for run in self.group.dims[v.id] for a in whole(run)])
