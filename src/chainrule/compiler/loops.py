"""Kernels of groups that loop: elementwise equations, reductions, and what follows from them.

The axes of a group are either *rows*, each of which is independent, or *reduced*. A row is passed
over as often as its reductions depend on each other: softmax takes three passes (the maximum; the
sum of the exponentials; the quotients), all over memory that is in the cache after the first. The
lanes of vectors run along the axis on which most operands have stride 1, which may be a reduced one
(a sum over a row) or a row (sums over columns).

Sums are blocked: at most BLOCK terms are added one after another before their sum is added to the
next level, GROUP such sums to the one above, and so on; lanes are added as a tree. The order depends on sizes alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..graph.ir import Equation, Var
from . import elements
from .code import BOOL, I64, Value
from .emit import Emitter, Index, Memory, Reference
from .fuse import Group, Grouping
from .kernel import Kernel, kernel_code
from .reductions import reduction
from .roles import LOOKUPS, PICKS, RANDOM, operand_space, reduces
from .space import Axis, along, whole
from .target import LINE, PAGE, WAYS, Target

__all__ = ["loops"]

BLOCK = 128
"""Vectors that are added one after another."""
GROUP = 16
"""Sums of blocks that are added one after another, and sums of those: a power of two."""
WORK = 1 << 14
"""Elements of one task, about; of which those of a function like exp count for eight."""
STRIP = 4096
"""Elements of a long row that one unit takes."""


class Loop:
    """Axes that memory treats as one: each access moves evenly over them."""

    def __init__(self, axes: list[Axis]):
        self.axes, self.size = axes, math.prod([a.size for a in axes])

    @property
    def inner(self) -> Axis:
        """The axis whose strides are the loop's."""
        return self.axes[-1]


Strides = list[dict[Axis, int]]


def accesses(e: Emitter, stores: Sequence[Var]) -> tuple[Strides, list[int]]:
    """The strides of all that a group reads, writes or counts, and how much each matters."""
    found: Strides = []
    weights: list[int] = []
    g = e.group

    def add(strides: dict[Axis, int], weight: int) -> None:
        found.append({a: s for a, s in strides.items() if s})
        weights.append(weight)

    for eq in g.equations:
        space = g.space.get(eq, [])
        for k, v in enumerate(eq.inputs):
            if not isinstance(v, Var) or v.spec.weak or (k == 0 and eq.op.name in LOOKUPS | RANDOM):
                continue
            base, _ = e.grouping.chain(v)
            if e.grouping.home.get(base.id) is g:
                continue
            there = operand_space(eq, k, space)
            if e.grouping.made_by_create(v):
                maker = e.grouping.maker[base.id]
                if maker.op.name != "full":
                    access = e.grouping.access(v)
                    add(along(there, access.shape, access.strides), 0)  # type: ignore[union-attr]
                continue
            add(e.reading(eq, k)[2], 2)
        if eq.op.name == "max_pool":
            for places, taps in zip(*e.grouping.windowed[eq], strict=True):
                add(dict.fromkeys([*whole(places), *whole(taps)], 1), 0)
        if eq.op.name in PICKS:
            add(dict.fromkeys(whole(space[eq.attrs["dim"]])[-1:], 1), 0)
        if eq.op.name in RANDOM | LOOKUPS | {"tril", "triu", "scatter"}:
            out = eq.outputs[0]
            for run in g.dims[out.id]:
                strides, step = {}, 1
                for a in reversed(whole(run)):
                    strides[a] = step
                    step *= a.size
                add(strides, 0)
            if eq.op.name in ("embedding", "index"):
                add({a: 1 for run in g.dims[out.id][-1:] for a in whole(run)[-1:]}, 2)
    for v in stores:
        layout = e.memory.layout[v.id]
        add(along(g.dims[v.id], layout.shape, layout.strides), 3)
    return found, weights


def ordered(axes: Sequence[Axis], found: Strides, weights: list[int]) -> list[Axis]:
    """Axes from the one with the largest steps in memory to the smallest."""
    if not found:
        return list(axes)
    best = max(range(len(found)), key=lambda k: (len(found[k]) * (weights[k] > 0), weights[k]))
    reference = found[best]
    place = {a: k for k, a in enumerate(axes)}
    return sorted(axes, key=lambda a: (-reference.get(a, 1 << 60), place[a]))


def merged(axes: Sequence[Axis], found: Strides) -> list[Loop]:
    """Neighbouring axes become one loop where every access moves evenly over them."""
    out: list[Loop] = []
    for a in axes:
        if a.size == 1:
            continue
        if out and all([s.get(out[-1].inner, 0) == s.get(a, 0) * a.size for s in found]):
            out[-1] = Loop([*out[-1].axes, a])
        else:
            out.append(Loop([a]))
    return out


def lane_loop(candidates: Sequence[Loop], found: Strides, weights: list[int]) -> Loop | None:
    """The loop that vectors run along: where most elements are met with stride 1."""
    volumes = [math.prod([a.size for a in s]) for s in found]
    most = max(volumes, default=1)
    shares = [w * n / most for w, n in zip(weights, volumes, strict=True)]

    def score(loop: Loop) -> tuple:
        ones = sum([w for s, w in zip(found, shares, strict=True) if s.get(loop.inner) == 1])
        jumps = sum([w for s, w in zip(found, shares, strict=True) if s.get(loop.inner, 0) > 1])
        return ones * min(loop.size, 16) - jumps, loop.size

    return max(candidates, key=score, default=None)


class Sums:
    """The accumulators of a pass over a row. Blocks are added to a group of blocks, GROUP groups to
    a group of groups, and so on, so that a row of millions is summed as exactly as a short one.
    `blocks` is how many there will be, `loops` the reduced axes in the order in which they are gone
    through, if each lane has a row of its own.
    """

    def __init__(
        self, e: Emitter, reductions: Sequence[Equation], width: int, blocks: int, loops: Sequence[Axis] = ()
    ):  # fmt: skip
        self.c = e.c
        self.work = [reduction(e, eq, loops) for eq in reductions]
        levels = 2
        while GROUP ** (levels - 1) < blocks:
            levels += 1
        self.levels = [[r.start(width) for r in self.work] for _ in range(levels)]
        self.count = e.c.variable(I64, e.c.i64(0)) if self.work and levels > 2 else None

    def add(self) -> None:
        """Take in the operands at this place."""
        for r, v in zip(self.work, self.levels[0], strict=True):
            r.add(v)

    def end_block(self) -> None:
        """Add what the block gave to its group."""
        self._merge(0)
        if self.count is not None:
            n = self.c.add(self.count.get(), 1)
            self.count.set(n)
            self._carry(1, n)

    def _carry(self, level: int, blocks: Value) -> None:
        """Add the groups that are full to the next level."""
        if level + 1 == len(self.levels):
            return
        rest = self.c.binary("and", blocks, self.c.i64(GROUP**level - 1))
        with self.c.when(self.c.icmp("eq", rest, self.c.i64(0))):
            self._merge(level)
            self._carry(level + 1, blocks)

    def _merge(self, level: int) -> None:
        for r, part, total in zip(
            self.work, self.levels[level], self.levels[level + 1], strict=True
        ):
            r.merge(total, part)

    def finish(self, fold: bool) -> None:
        """Hand over the results; `fold` if lanes hold parts of them."""
        for level in range(1, len(self.levels) - 1):
            self._merge(level)
        for r, v in zip(self.work, self.levels[-1], strict=True):
            r.finish(v, fold=fold)


class LoopKernel:
    """A group being written as loops."""

    def __init__(
        self,
        name: str,
        grouping: Grouping,
        g: Group,
        memory: Memory,
        stores: Sequence[Var],
        target: Target,
    ):
        self.c = c = kernel_code(name)
        self.e = e = Emitter(c, grouping, g, memory)
        self.g, self.stores, self.target = g, list(stores), target
        found, weights = accesses(e, stores)
        domain = g.domain()
        reduced = set(whole(g.reduced))
        order = ordered(domain, found, weights)
        rows = merged([a for a in order if a not in reduced], found)
        inner = merged([a for a in order if a in reduced], found)
        lane = lane_loop([*rows, *inner], found, weights)
        self.rows = [x for x in rows if x is not lane]
        self.inner = [x for x in inner if x is not lane]
        self.lane, self.lane_is_row = lane, lane is not None and lane in rows
        heavy = any([eq.op.name in elements.EXPENSIVE for eq in g.equations])
        self.turns = self.lane_is_row and self._lines_fit(found[len(found) - len(stores) :])
        self.width = self._width(heavy)

    def _lines_fit(self, written: Strides) -> bool:
        """Whether lanes are written apart (a transposition), to lines that will fill up in the cache (L1)
        while rows go by: unless too many of them fall into the same places of it."""
        assert self.lane is not None
        steps = [4 * n for s in written if (n := s.get(self.lane.inner, 0)) > 1]
        lines = len(steps) * self.target.vector_bytes // 4
        return bool(steps) and lines < min([WAYS * PAGE // math.gcd(n, PAGE) for n in steps])

    def _width(self, heavy: bool) -> int:
        """Lanes of a vector: those of a register, or several at once where the code is light."""
        if self.lane is None:
            return 1
        n = self.target.vector_bytes // 4
        while n > 2 and n // 2 >= self.lane.size:
            n //= 2
        if self.turns:
            return n
        if not heavy and not (self.lane_is_row and self.inner):
            while (
                n < 4 * (self.target.vector_bytes // 4)
                and self.lane.size % (2 * n) == 0
                and self.lane.size >= 8 * n
            ):
                n *= 2
        elif not heavy:
            # Enough units to share out; but who reads half of each line waits as long as for all of it.
            units = math.prod([x.size for x in self.rows])
            while (
                n < 4 * (self.target.vector_bytes // 4)
                and self.lane.size % (2 * n) == 0
                and units * (self.lane.size // n) >= (4 if 4 * n < LINE else 16)
            ):
                n *= 2
        return n

    def write(self) -> Kernel:
        """The kernel."""
        c, e = self.c, self.e
        if self._one_run():
            return self._run()
        rows = math.prod([x.size for x in self.rows])
        inner = math.prod([x.size for x in self.inner])
        lane = 1 if self.lane is None else self.lane.size
        per_row = 1  # units in a row: strips, or vectors if the lanes are rows of their own
        strip = 0
        if self.lane_is_row:
            strip = self.width
            if not self.inner and not self.turns:
                strip = min(STRIP, -(-lane // self.width) * self.width)
            per_row = -(-lane // strip)
        units = rows * per_row
        each = self._share(units, rows * inner * lane)
        tasks = -(-units // each)
        task = c.parameters[1]
        start = c.mul(task, each)
        stop = c.minimum(c.add(start, each), units)
        with c.loop(start if tasks > 1 else 0, stop if tasks > 1 else units) as unit:
            with e.scope():
                if self.turns:  # rows go by under one vector, so that written lines fill up
                    part, row = c.divmod(unit, rows)
                else:
                    row, part = c.divmod(unit, per_row)
                self._set(self.rows, row)
                if self.lane_is_row and self.inner:
                    self._columns(part)
                elif self.lane_is_row:
                    self._strip(part, strip, per_row)
                else:
                    self._row()
        return Kernel(c.finish(), tasks)

    def _set(self, loops: Sequence[Loop], flat: Value) -> None:
        """Stand at the flat-th place of some loops."""
        for k in reversed(range(len(loops))):
            if k == 0:
                at = flat
            else:
                flat, at = self.c.divmod(flat, loops[k].size)
            self.e.env[loops[k].inner] = Index(at)

    def _share(self, units: int, elements_: int) -> int:
        """Units of one task."""
        heavy = sum([eq.op.name in elements.EXPENSIVE for eq in self.g.equations])
        work = max(elements_ * max(8 * heavy, 1) // WORK, 1)
        return -(-units // min(units, work, 512))

    # ------------------------------------------------------------------------- one run of memory

    def _one_run(self) -> bool:
        """Whether all that is read and written is one run of memory (or the same everywhere), of elements
        that all processors can mask."""
        if self.rows or self.inner or not self.lane_is_row or self.turns:
            return False
        read = [v for eq in self.g.equations for v in self.e.grouping.operands(eq)]
        return all([v.spec.dtype.itemsize >= 4 for v in [*read, *self.stores]])

    def _run(self) -> Kernel:
        """Its length is an argument, and how much a task takes of it: parameters of all sizes share the
        code of their update."""
        c, e = self.c, self.e
        assert self.lane is not None
        n = self.lane.size
        units = -(-n // STRIP)
        share = min(STRIP * self._share(units, n), n)
        length = e.count("length", n)
        start = c.mul(c.parameters[1], e.count("share", share))
        stop = c.minimum(c.add(start, e.count("share", share)), length)
        e.hoist(self._makers(self.stores), set(self.lane.axes))
        narrow = self.target.vector_bytes // 4
        heavy = any([eq.op.name in elements.EXPENSIVE for eq in self.g.equations])
        wide = narrow if heavy else 4 * narrow
        full = c.add(start, c.binary("and", c.sub(stop, start), c.i64(-wide)))
        with c.loop(start, full, wide) as j, e.scope():
            self._stand(j, wide, None)
            self._write(self.stores)
        with c.loop(full, stop, narrow) as j, e.scope():
            self._stand(j, narrow, None)
            e.mask = c.icmp("slt", c.lanes(j, narrow), c.splat(stop, narrow))
            self._write(self.stores)
        return Kernel(c.finish(), -(-n // share))

    # ------------------------------------------------------------------------- elementwise rows

    def _strip(self, part: Value, strip: int, per_row: int) -> None:
        """A strip of a row in which nothing is reduced."""
        c, e = self.c, self.e
        assert self.lane is not None
        e.hoist(self._makers(self.stores), set(self.lane.axes))
        n, w = self.lane.size, self.width
        if per_row == 1:
            self._lanes(0, n, lambda: self._write(self.stores))
            return
        start = c.mul(part, strip)
        full = c.minimum(c.add(start, strip), n - n % w)
        with c.loop(start, full, w) as j, e.scope():
            self._stand(j, w, None)
            self._write(self.stores)
        if n % w:
            with c.when(c.icmp("eq", part, c.i64(per_row - 1))), e.scope():
                self._stand(c.i64(n - n % w), w, n % w)
                self._write(self.stores)

    def _stand(self, j: Value, width: int, live: int | None) -> None:
        """Stand at lane index j, with only the first lanes live if told so."""
        assert self.lane is not None
        self.e.env[self.lane.inner] = Index(j, 1)
        self.e.lanes = width
        self.e.mask = None
        if live is not None and width > 1:
            t = BOOL.of(width)
            self.e.mask = self.c.consts([k < live for k in range(width)], t)

    def _lanes(self, start: int, stop: int, body: Callable[[], None]) -> None:
        """Over all places of the lane loop, a vector at a time; the last may be partly live."""
        w = self.width
        full = stop - (stop - start) % w
        if full > start:
            with self.c.loop(start, full, w) as j, self.e.scope():
                self._stand(j, w, None)
                body()
        if full < stop:
            with self.e.scope():
                self._stand(self.c.i64(full), w, stop - full)
                body()

    def _write(self, stores: Sequence[Var]) -> None:
        for v in stores:
            self._store(v)

    def _store(self, v: Var) -> None:
        """A value that does not run over all rows is written by the row at index 0 of the
        others."""
        own = {a for run in self.g.dims[v.id] for a in whole(run)}
        c = self.c
        condition: Value | None = None
        for loop in [*self.rows, *([self.lane] if self.lane_is_row and self.lane else [])]:
            if not any([a in own for a in loop.axes]):
                at = self.e.env.get(loop.inner)
                if at is None or at.value.text == "0":
                    continue
                first = c.icmp("eq", at.value, c.i64(0))
                condition = first if condition is None else c.binary("and", condition, first)
        if condition is None:
            self.e.store(v)
            return
        self.e.made(v)
        with c.when(condition):
            self.e.store(v)

    def _makers(self, values: Sequence[Var]) -> list[Equation]:
        return [self.e.grouping.maker[v.id] for v in values]

    # --------------------------------------------------------------------------------- reducing

    def _phases(self) -> Iterator[tuple[list[Equation], list[Var]]]:
        """For each pass over a row: what it reduces, and what it writes."""
        g = self.g
        reductions = [eq for eq in g.equations if reduces(eq)]
        last = max([g.phase[eq.outputs[0].id] for eq in reductions], default=0)
        over = set(whole(g.reduced))
        for p in range(last + 1):
            mine = [eq for eq in reductions if g.phase[eq.outputs[0].id] == p + 1]
            full = [
                v for v in self.stores
                if g.phase[v.id] == p and any([a in over for run in g.dims[v.id] for a in whole(run)])
            ]  # fmt: skip
            yield mine, full

    def _row_values(self) -> list[Var]:
        over = set(whole(self.g.reduced))
        return [
            v for v in self.stores if not any([a in over for run in self.g.dims[v.id] for a in whole(run)])
        ]  # fmt: skip

    def _row(self) -> None:
        """A row whose lanes are reduced (or a single place, if there is no lane)."""
        e = self.e
        inner_axes = {a for x in self.inner for a in x.axes}
        if self.lane is not None:
            inner_axes |= set(self.lane.axes)
        for reductions, full in self._phases():
            if not reductions and not full:
                continue
            e.hoist([*reductions, *self._makers(full)], inner_axes)
            n = 1 if self.lane is None else self.lane.size
            blocks = math.prod([x.size for x in self.inner]) * (n // (BLOCK * self.width) + 1)
            apart = [] if self.lane is not None else [a for x in self.inner for a in x.axes]
            sums = Sums(e, reductions, self.width, blocks, apart)

            def body(sums: Sums = sums, full: list = full) -> None:
                sums.add()
                self._write(full)

            with self._inner_loops():
                if self.lane is None:
                    body()
                    sums.end_block()
                else:
                    self._blocked(body, sums.end_block)
            sums.finish(fold=True)
            e.stored |= {v.id for v in full}
        e.hoist(self._makers(self._row_values()), inner_axes)
        self._write(self._row_values())
        e.stored.clear()

    def _blocked(self, body: Callable[[], None], flush: Callable[[], None]) -> None:
        """The lane loop in blocks, after each of which partial sums are added up."""
        assert self.lane is not None
        n, block = self.lane.size, BLOCK * self.width
        whole_blocks = n // block if n > block else 0
        if whole_blocks:
            with self.c.loop(0, whole_blocks * block, block) as start:
                with self.c.loop(start, self.c.add(start, block), self.width) as j, self.e.scope():
                    self._stand(j, self.width, None)
                    body()
                flush()
        if whole_blocks * block < n:
            self._lanes(whole_blocks * block, n, body)
            flush()

    def _inner_loops(self) -> Any:
        return _nested(self.e, self.inner)

    def _columns(self, part: Value) -> None:
        """Rows whose lanes are independent: each lane reduces over the inner loops."""
        c = self.c
        assert self.lane is not None
        n, w = self.lane.size, self.width
        if n % w == 0:
            self._column(c.mul(part, w), None)
            return
        if n < w:
            self._column(c.i64(0), n)
            return
        last = c.icmp("eq", part, c.i64(n // w))
        with c.when(c.binary("xor", last, c.const(True, BOOL))), self.e.scope():
            self._column(c.mul(part, w), None)
        with c.when(last), self.e.scope():
            self._column(c.i64(n - n % w), n % w)

    def _column(self, j: Value, live: int | None) -> None:
        c, e = self.c, self.e
        self._stand(j, self.width, live)
        inner_axes = {a for x in self.inner for a in x.axes}
        for reductions, full in self._phases():
            if not reductions and not full:
                continue
            e.hoist([*reductions, *self._makers(full)], inner_axes)
            *outer, last = self.inner
            blocks = math.prod([x.size for x in outer]) * (last.size // BLOCK + 1)
            sums = Sums(e, reductions, self.width, blocks, [a for x in self.inner for a in x.axes])
            with _nested(e, outer):
                n = last.size
                whole_blocks = n // BLOCK if n > BLOCK else 0
                for first, stop in ((0, whole_blocks * BLOCK), (whole_blocks * BLOCK, n)):
                    if first == stop:
                        continue
                    step = BLOCK if first == 0 and whole_blocks else stop - first
                    with c.loop(first, stop, step) as start:
                        with c.loop(start, c.add(start, step)) as i, e.scope():
                            e.env[last.inner] = Index(i)
                            sums.add()
                            self._write(full)
                        sums.end_block()
            sums.finish(fold=False)
            e.stored |= {v.id for v in full}
        e.hoist(self._makers(self._row_values()), inner_axes)
        self._write(self._row_values())
        e.stored.clear()


class _nested:
    """Loops inside of each other, as one `with`."""

    def __init__(self, e: Emitter, loops: Sequence[Loop]):
        self.e, self.loops = e, loops
        self.open: list[Any] = []

    def __enter__(self) -> None:
        self.open = [self.e.scope()]
        self.open[0].__enter__()
        for x in self.loops:
            manager = self.e.c.loop(0, x.size)
            self.open.append(manager)
            self.e.env[x.inner] = Index(manager.__enter__())

    def __exit__(self, *error: Any) -> None:
        for manager in reversed(self.open):
            manager.__exit__(*error)


def loops(
    name: str, grouping: Grouping, g: Group, memory: Memory, stores: Sequence[Var], target: Target
) -> tuple[Kernel, list[Reference]]:
    """The kernel of a group without an anchor, and what its arguments are."""
    k = LoopKernel(name, grouping, g, memory, stores, target)
    kernel = k.write()
    return kernel, k.e.references
