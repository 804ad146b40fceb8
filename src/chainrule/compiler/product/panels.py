"""The kernel that copies B to panels, so that a tile's vectors follow each other in memory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..code import BOOL, PTR, Value
from ..kernel import Kernel, kernel_code
from ..target import Target
from .axes import Product, indices_of, moved, row_major, size_of
from .shape import Shape, padded
from .tiles import both

__all__ = ["PackKernel"]

PACK_TASK = 8192
"""Elements that are worth a task."""


class Walk(NamedTuple):
    """A way through B along k: so many steps of `stride` elements in B, and the digits
    (size, stride in the panel) that tell from the number of a step where it goes."""

    size: int
    stride: int
    digits: tuple[tuple[int, int], ...]


class Range(NamedTuple):
    """Part of a walk."""

    start: Value | int
    stop: Value | int
    walk: Walk


class PackKernel:
    """Writes the kernel that lays B out as [batch][outer columns][panel][k][W].

    Batches are those that B moves with. The last panel is narrower if whole vectors are to spare.
    Lanes beyond the columns hold some numbers or other, which the main kernel multiplies and never
    stores.
    """

    def __init__(self, name: str, p: Product, shape: Shape, target: Target):
        self.c, self.p, self.shape = kernel_code(name), p, shape
        self.batch = [x for x in p.batch if x.b]
        self.length = size_of(p.k)
        self.column_elements = self.length * padded(p.n[-1].size, shape)
        self.elements = size_of(self.batch) * size_of(p.n[:-1]) * self.column_elements
        self.bytes = self.elements * p.type.bytes
        self.vector = p.type.of(shape.lanes)
        walks, _ = self.walks(1)
        self.copying = p.n[-1].b == 1
        self.transposing = (
            not self.copying
            and shape.lanes == target.lanes(p.type)
            and walks[-1].stride == 1
            and walks[-1].size >= shape.lanes
        )

    def walks(self, width: int) -> tuple[list[Walk], tuple[int, int]]:
        """The ways along k from the longest stride in B to the shortest, all forward, neighbours
        that are one run in B joined; and where they begin, in B and in the panel."""
        there = here = 0
        walks: list[Walk] = []
        axes = zip(self.p.k, row_major(self.p.k, width), strict=True)
        for x, packed in sorted(axes, key=lambda pair: -abs(pair[0].b)):
            stride = abs(x.b)
            if x.b < 0:
                there += (x.size - 1) * x.b
                here += (x.size - 1) * packed
                packed = -packed
            if walks and walks[-1].stride == x.size * stride:
                run = walks.pop()
                walks.append(Walk(run.size * x.size, stride, (*run.digits, (x.size, packed))))
            else:
                walks.append(Walk(x.size, stride, ((x.size, packed),)))
        return walks, (there, here)

    def kernel(self, threads: int) -> Kernel:
        """The kernel with its tasks."""
        c, p, shape = self.c, self.p, self.shape
        size = p.type.bytes
        columns, panels = size_of(p.n[:-1]), -(-p.n[-1].size // shape.width)
        groups = size_of(self.batch) * columns * panels
        wanted = max(1, min(self.elements // PACK_TASK, 4 * threads))
        sizes = [walk.size for walk in self.walks(1)[0]]
        cut = sizes.index(max(sizes))
        chunk = -(-sizes[cut] // min(sizes[cut], -(-wanted // groups)))
        if self.transposing and cut == len(sizes) - 1:
            chunk = -(-chunk // shape.lanes) * shape.lanes
            while 0 < sizes[cut] % chunk < shape.lanes:  # too little for a block of its own
                chunk += shape.lanes
        chunks = -(-sizes[cut] // chunk)
        items = groups * chunks
        together = max(1, items // (4 * wanted))

        arguments, task, _ = c.parameters
        source, packed = c.load(PTR, arguments), c.load(PTR, c.at(arguments, 1, 8))
        first = c.mul(task, together)
        with c.loop(first, c.minimum(c.add(first, together), items)) as item:
            rest, number = c.divmod(c.opaque(item), chunks)
            rest, panel = c.divmod(rest, panels)
            here = c.at(packed, rest, self.column_elements * size)
            here = c.at(here, panel, self.length * shape.width * size)
            batch, column = c.divmod(rest, columns)
            strides = [x.b for x in self.batch]
            there = moved(c, source, indices_of(c, batch, self.batch), strides, size)
            outer = p.n[:-1]
            there = moved(c, there, indices_of(c, column, outer), [x.b for x in outer], size)
            there = c.at(there, panel, shape.width * p.n[-1].b * size)
            start = c.mul(number, chunk)
            stop = c.minimum(c.add(start, chunk), sizes[cut])
            for condition, count in self.widths(panel):
                with both(c, condition, None):
                    walks, (skip, packed_skip) = self.walks(padded(count, shape))
                    ranges: list[Range] = [Range(0, walk.size, walk) for walk in walks]
                    ranges[cut] = Range(start, stop, walks[cut])
                    self.panel(
                        c.at(there, skip, size), c.at(here, packed_skip, size), ranges, count
                    )
        c.finish()
        return Kernel(c, -(-items // together))

    def widths(self, panel: Value) -> list[tuple[Value | None, int]]:
        """The columns of the kinds of panels, and when each is met."""
        c = self.c
        whole, rest = divmod(self.p.n[-1].size, self.shape.width)
        if not rest:
            return [(None, self.shape.width)]
        if not whole:
            return [(None, rest)]
        is_last = c.icmp("eq", panel, c.i64(whole))
        return [(c.icmp("ne", panel, c.i64(whole)), self.shape.width), (is_last, rest)]

    def panel(self, there: Value, here: Value, ranges: list[Range], columns: int) -> None:
        """Some of a panel."""
        if self.copying:
            self.copy(there, here, ranges, columns)
        elif self.transposing:
            self.transpose(there, here, ranges, columns)
        else:
            self.scalars(there, here, ranges, columns)

    def step(self, here: Value, walk: Walk, i: Value) -> Value:
        """The place in the panel of step i of a walk."""
        c, size = self.c, self.p.type.bytes
        for length, stride in reversed(walk.digits[1:]):
            i, digit = c.divmod(i, length)
            here = c.at(here, digit, stride * size)
        return c.at(here, i, walk.digits[0][1] * size)

    @contextlib.contextmanager
    def loops(
        self, there: Value, here: Value, ranges: Sequence[Range]
    ) -> Iterator[tuple[Value, Value]]:
        """Loops along walks: the address in B and that in the panel."""
        c = self.c
        with contextlib.ExitStack() as loops:
            for start, stop, walk in ranges:
                i = loops.enter_context(c.loop(start, stop))
                there = c.at(there, i, walk.stride * self.p.type.bytes)
                here = self.step(here, walk, i)
            yield there, here

    def copy(self, there: Value, here: Value, ranges: list[Range], columns: int) -> None:
        """Columns lie side by side in B: whole vectors."""
        c, size, lanes = self.c, self.p.type.bytes, self.shape.lanes
        with self.loops(there, here, ranges) as (there, here):
            for first in range(0, columns, lanes):
                mask = None
                if columns - first < lanes:
                    inside = [first + lane < columns for lane in range(lanes)]
                    mask = c.consts(inside, BOOL.of(lanes))
                value = c.load(self.vector, c.at(there, first, size), mask, size)
                c.store(value, c.at(here, first, size), align=size)

    def transpose(self, there: Value, here: Value, ranges: list[Range], columns: int) -> None:
        """k lies side by side in B: square blocks, turned over in registers.

        What is left of k is done by a block that reaches back over the one before, what is left
        of the columns by repeating the last column.
        """
        c, size, lanes, column = self.c, self.p.type.bytes, self.shape.lanes, self.p.n[-1].b
        *outer, (start, stop, run) = ranges
        last = c.sub(stop, lanes)
        with (
            self.loops(there, here, outer) as (there, here),
            c.loop(start, stop, lanes) as k,
            c.loop(0, -(-columns // lanes)) as v,
        ):
            k = c.opaque(c.minimum(k, last))
            first = c.opaque(c.mul(v, lanes))
            there = c.at(there, k, size)
            block = []
            for j in range(lanes):
                if columns % lanes:
                    number = c.minimum(c.add(first, j), columns - 1)
                    place = c.at(there, number, column * size)
                else:
                    place = c.at(c.at(there, first, column * size), j, column * size)
                block.append(c.load(self.vector, place, align=size))
            block = c.transposed(block)
            here = c.at(here, first, size)
            for j, vector in enumerate(block):
                c.store(vector, self.step(here, run, c.add(k, j)), align=size)

    def scalars(self, there: Value, here: Value, ranges: list[Range], columns: int) -> None:
        """One by one, in the order of the panel's rows: it is written line by line, and what lies
        between the columns of B is still in the cache when its turn comes."""
        lane = Range(0, columns, Walk(columns, self.p.n[-1].b, ((columns, 1),)))
        with self.loops(there, here, [*ranges, lane]) as (element, place):
            self.c.store(self.c.load(self.p.type, element), place)
        filled = padded(columns, self.shape)
        if filled > columns:
            filling = Range(columns, filled, Walk(filled, 0, ((filled, 1),)))
            with self.loops(there, here, [*ranges, filling]) as (_, place):
                self.c.store(self.c.const(0, self.p.type), place)
