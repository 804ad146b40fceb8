"""The kernel for few rows and a large matrix: a token's vector times the weights of a layer.

    for some steps of k:  for each vector of n:  for each row r:  sum[r][n] += Σ_k a[r][k] · b[k][n]

Every element of B is read once, and the arithmetic waits for memory. So what counts is the order in which B is read. Tiles go down
a few columns, a piece of each line at a time, from page to page; here a few lines of B are read from left to right, side by side,
as processors expect it, and the sums of all columns stay in the cache next to the arithmetic. On the machine where it was measured (Zen 4,
4-byte elements) memory gives twice as much this way.

Tasks are ranges of columns, of each slice of k.
"""

from __future__ import annotations

from ..code import BOOL, PTR, Code, Value
from ..kernel import Kernel, kernel_code
from ..target import Target
from .axes import Product, indices_of, size_of
from .finish import Finish

__all__ = ["StreamKernel", "streams"]

MOST_ROWS = 4
"""With more rows there is enough to compute for each element that is read."""

LINES = 8
"""Of B that are read side by side, with a single row."""

LARGE = 1 << 20
"""Bytes of B that do not stay in a core's own caches."""

TASK = 1 << 21
"""Bytes of B that are worth a task."""

PIECE = 1536
"""Bytes of a line, at least, that a task reads."""


def streams(p: Product) -> bool:
    """Whether a product (its axes joined) is done this way."""
    if p.batch or len(p.n) != 1 or len(p.k) != 1 or not p.type.floating:
        return False
    n, k, size = p.n[0], p.k[0], p.type.bytes
    return (
        n.b == 1
        and k.b >= n.size
        and n.size * size >= PIECE
        and size_of(p.m) <= MOST_ROWS
        and n.size * k.size * size >= LARGE
        and not p.steady[1]
    )


class StreamKernel:
    """Writes the kernel.

    Args:
        given: the product as the finish knows it.
        p: the same, its axes joined.
    """

    def __init__(
        self, name: str, given: Product, p: Product, target: Target, finish: Finish, slices: int
    ):
        self.c = kernel_code(name)
        self.given, self.p, self.finish, self.slices = given, p, finish, slices
        self.size, self.lanes = p.type.bytes, target.lanes(p.type)
        self.vector = p.type.of(self.lanes)
        self.fused = target.vector_bytes > 16 or target.vector_registers > 16
        self.rows = size_of(p.m)
        self.lines = max(LINES // self.rows, 1)
        n, k = p.n[0], p.k[0]
        # slices and ranges are the same whoever works on them, so sums do not depend on the number of threads
        self.depth = -(-k.size // slices)
        enough = -(-self.depth * n.size * self.size // TASK)
        ranges = min(n.size * self.size // PIECE, max(enough, 2 if slices == 1 else 1))
        self.width = -(-n.size // (ranges * self.lanes)) * self.lanes
        self.ranges = -(-n.size // self.width)
        tail = n.size % self.lanes
        self.mask = [lane < tail for lane in range(self.lanes)] if tail else None

    def kernel(self) -> Kernel:
        """The kernel with its tasks."""
        c, p = self.c, self.p
        arguments, task, scratch = c.parameters
        a, b = [c.load(PTR, c.at(arguments, k, 8)) for k in range(2)]
        part, number = c.divmod(task, self.ranges)
        first = c.mul(number, self.width)
        # whole vectors of the range; the columns that are left over are the last range's
        whole = c.i64(p.n[0].size // self.lanes * self.lanes)
        stop = c.minimum(c.add(first, self.width), whole)
        has_tail = c.icmp("eq", number, c.i64(self.ranges - 1))
        start = c.mul(part, self.depth)
        end = c.minimum(c.add(start, self.depth), p.k[0].size)
        with c.loop(0, self.rows * self.width, self.lanes) as i:
            c.store(c.const(0, self.vector), c.at(scratch, i, self.size), align=self.size)

        _, rest = c.divmod(c.sub(end, start), self.lines)
        turns_end = c.sub(end, rest)
        with c.loop(start, turns_end, self.lines) as k:
            self.steps(a, b, k, self.lines, first, stop, has_tail)
        if self.lines > 1:
            with c.loop(turns_end, end) as k:
                self.steps(a, b, k, 1, first, stop, has_tail)
        self.hand_over(part, first, stop, has_tail)
        c.finish()
        return Kernel(c, self.slices * self.ranges, self.rows * self.width * self.size)

    def steps(
        self, a: Value, b: Value, k: Value, lines: int, first: Value, stop: Value, has_tail: Value
    ) -> None:
        """Add the products of some lines of B to all sums of the range."""
        c, p, size = self.c, self.p, self.size
        a = c.at(a, k, p.k[0].a * size)
        b = c.at(b, k, p.k[0].b * size)
        numbers = [
            [
                c.splat(c.load(p.type, c.at(a, (row + u * p.k[0].a) * size)), self.lanes)
                for u in range(lines)
            ]
            for row in self.row_offsets()
        ]

        def at(column: Value, mask: Value | None) -> None:
            there = c.at(b, column, size)
            read = [
                c.load(self.vector, c.at(there, u * p.k[0].b * size), mask, size)
                for u in range(lines)
            ]
            for row, of_row in enumerate(numbers):
                place = self.place(row, first, column)
                sums = [c.load(self.vector, place, align=size), c.const(0, self.vector)]
                for u, (number, line) in enumerate(zip(of_row, read, strict=True)):
                    # two sums take turns: a multiply-add waits for the one before it
                    sums[u % 2] = self.multiply_add(number, line, sums[u % 2])
                total = c.fadd(*sums) if lines > 1 else sums[0]
                c.store(total, place, align=size)

        with c.loop(first, stop, self.lanes) as column:
            at(column, None)
        if self.mask is not None:
            with c.when(has_tail):
                at(stop, c.consts(self.mask, BOOL.of(self.lanes)))

    def row_offsets(self) -> list[int]:
        """Elements from the first row of A to each."""
        offsets = [0]
        for x in self.p.m:
            offsets = [before + index * x.a for before in offsets for index in range(x.size)]
        return offsets

    def place(self, row: int | Value, first: Value, column: Value) -> Value:
        """Where the sums of a row and vector lie in the scratch memory."""
        c = self.c
        line = c.at(c.parameters[2], row, self.width * self.size)
        return c.at(line, c.sub(column, first), self.size)

    def hand_over(self, part: Value, first: Value, stop: Value, has_tail: Value) -> None:
        """Give the finish all sums. It is a function of its own, as with tiles."""
        c = self.c
        values = [c.parameters[0], c.parameters[2], part, first, stop, has_tail]
        f = c.function("finish", [v.type for v in values])
        self.finish.enter(f, f.parameters[0])
        self.finished(f, *f.parameters[1:])
        f.finish()
        c.call(f.name, None, *values)

    def finished(
        self, c: Code, kept: Value, part: Value, first: Value, stop: Value, has_tail: Value
    ) -> None:
        """All sums of the range to the finish."""
        given, zero = self.given, c.i64(0)
        batch = [*([part] if self.slices > 1 else []), *indices_of(c, zero, given.batch)]
        outer = indices_of(c, zero, given.n[:-1])
        with c.loop(0, self.rows) as row:
            m = indices_of(c, row, given.m)
            line = c.at(kept, row, self.width * self.size)

            def hand(column: Value, mask: Value | None) -> None:
                place = c.at(line, c.sub(column, first), self.size)
                value = c.load(self.vector, place, align=self.size)
                self.finish.store(c, batch, m, [*outer, column], value, mask)

            with c.loop(first, stop, self.lanes) as column:
                hand(column, None)
            if self.mask is not None:
                with c.when(has_tail):
                    hand(stop, c.consts(self.mask, BOOL.of(self.lanes)))

    def multiply_add(self, a: Value, b: Value, total: Value) -> Value:
        """total + a · b; rounded once where the processor can."""
        c = self.c
        return c.fma(a, b, total) if self.fused else c.fadd(c.fmul(a, b), total)
