"""The inside of a tile: its sums over k, in registers.

    for each step of k:  for each row r:  for each vector v:  sum[r][v] += a[r] · b[v]

Three readings of the same loop. Along n: b is vectors of neighbouring columns, a is one number of
the row, in every lane. Along k (`depth` > 1): both are vectors of neighbours in k, v counts columns,
and a sum's lanes are added up when the block is done; so the products of rows, a vector with a
matrix whose rows lie in memory, need no packing. Along a batch (`beside`): a is a vector for each v,
lane by lane what b's lane is multiplied by.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from ..code import BOOL, Code, Value
from ..target import Target
from .axes import Axis, Product, row_major
from .shape import Blocks, Shape

__all__ = ["Sums"]

SELDOM = 1 / 8
"""The part of all sums below which a kind of tile is not worth a long loop."""


class Sums:
    """Writes the sums of tiles of a product.

    Args:
        scratch: where a tile's vectors lie in memory while they are not in registers.
    """

    def __init__(
        self, c: Code, p: Product, target: Target, shape: Shape, blocks: Blocks, scratch: Value
    ):
        self.c, self.p, self.shape, self.blocks, self.scratch = c, p, shape, blocks, scratch
        self.size = p.type.bytes
        self.vector = p.type.of(shape.lanes)
        self.register = p.type.of(max(shape.lanes, shape.depth))
        self.fused = target.vector_bytes > 16 or target.vector_registers > 16
        self.registers = target.vector_registers

    # ------------------------------------------------------------------------------- memory

    @property
    def tile_bytes(self) -> int:
        """The scratch memory of a tile."""
        return self.shape.rows.most * self.shape.width * self.size

    def places(self, number: Value, rows: int, vectors: int) -> list[Value]:
        """Where the vectors of a tile lie in the scratch memory, row by row."""
        c, size = self.c, self.shape.lanes * self.size
        tile = c.at(self.scratch, number, self.tile_bytes)
        return [
            c.at(tile, (r * self.shape.vectors + v) * size)
            for r in range(rows)
            for v in range(vectors)
        ]

    def keep(self, sums: list[list[Value]], number: Value) -> None:
        """Put the sums of a tile into the scratch memory, as the tile of this number."""
        places = self.places(number, len(sums), len(sums[0]))
        for place, vector in zip(places, flat(sums), strict=True):
            self.c.store(vector, place, align=self.size)

    def add(self, sums: list[list[Value]], number: Value) -> None:
        """Add the sums of a block to those in the scratch memory."""
        c = self.c
        places = self.places(number, len(sums), len(sums[0]))
        for place, vector in zip(places, flat(sums), strict=True):
            before = c.load(self.vector, place, align=self.size)
            c.store(c.fadd(before, vector), place, align=self.size)

    def put(self, sums: list[list[Value]], place: Value, row: int, add: bool) -> None:
        """Write or add the sums of a tile to a matrix with so many bytes from one row to the next."""
        c, size = self.c, self.shape.lanes * self.size
        for r, vectors in enumerate(sums):
            for v, value in enumerate(vectors):
                there = c.at(place, r * row + v * size)
                if add:
                    value = c.fadd(c.load(self.vector, there, align=self.size), value)
                c.store(value, there, align=self.size)

    def clear(self, tiles: Value) -> None:
        """Make the scratch memory of the first tiles zero."""
        c, size = self.c, self.shape.lanes * self.size
        with c.loop(0, c.mul(tiles, self.tile_bytes // size)) as i:
            c.store(c.const(0, self.vector), c.at(self.scratch, i, size), align=self.size)

    def row_offsets(self, rows: int, operand: str) -> list[int]:
        """Elements from the first row of a tile to each of its rows, in A or in C."""
        axes = self.p.m[self.shape.rows.axis :]
        result = []
        for row in range(rows):
            offset = 0
            for x in reversed(axes[1:]):
                row, index = divmod(row, x.size)
                offset += index * getattr(x, operand)
            result.append(offset + row * getattr(axes[0], operand))
        return result

    # ------------------------------------------------------------------------------- blocks

    def k_axes(self, vectors: int) -> list[Axis]:
        """The axes of k, with the strides of the vectors of a panel."""
        strides = [x.b for x in self.p.k]
        if self.shape.packed:
            strides = row_major(self.p.k, vectors * self.shape.lanes)
        return [x._replace(b=stride) for x, stride in zip(self.p.k, strides, strict=True)]

    @contextlib.contextmanager
    def over_blocks(
        self, a: Value, b: Value, part: Value, vectors: int
    ) -> Iterator[tuple[Value, Value, Value, Value]]:
        """The loops over the blocks of a slice of k: addresses, and the range of the axis that is
        cut."""
        c, blocks, k = self.c, self.blocks, self.k_axes(vectors)
        start, stop = blocks.slice(c, part)
        with contextlib.ExitStack() as loops:
            for number in range(blocks.axis):
                x, inner = k[number], k[number + 1]
                i = loops.enter_context(c.loop(start, stop))
                a, b = c.at(a, i, x.a * self.size), c.at(b, i, x.b * self.size)
                start, stop = c.i64(0), c.i64(inner.size)
            if not blocks.single:
                start = loops.enter_context(c.loop(start, stop, blocks.step))
                stop = c.minimum(c.add(start, blocks.step), stop)
            yield a, b, start, stop

    def block(
        self,
        a: Value,
        b: Value,
        start: Value,
        stop: Value,
        rows: int,
        vectors: int,
        mask: Value | None,
    ) -> list[list[Value]]:
        """The sums of a tile over one block: of k, the axis that is cut from start to stop, and
        those inside of it."""
        c, k = self.c, self.k_axes(vectors)[self.blocks.axis :]
        tile = rows * vectors
        # A few sums alone would wait for each other: a fused multiply-add takes four cycles, and
        # two may begin in each. So steps of k take turns with several sets of sums.
        sets = max(1, min(4, self.registers // 2 // tile)) if tile < 8 else 1
        zero = c.const(0, self.register)
        totals = [[c.variable(self.register, zero) for _ in range(tile)] for _ in range(sets)]
        offsets = self.row_offsets(rows, "a")
        depth, size = self.shape.depth, self.size

        def steps(i: Value, a: Value, b: Value, x: Axis, count: int, tail: Value | None) -> None:
            a, b = c.at(a, i, x.a * size), c.at(b, i, x.b * size)
            values = [[variable.get() for variable in one] for one in totals]
            for u in range(count):
                one = values[u % sets]
                columns = self.columns(c.at(b, u * depth * x.b * size), vectors, mask, tail)
                for r, offset in enumerate(offsets):
                    place = c.at(a, (offset + u * depth * x.a) * size)
                    numbers = self.row(place, vectors, mask, tail)
                    for v, (number, column) in enumerate(zip(numbers, columns, strict=True)):
                        one[r * vectors + v] = self.multiply_add(
                            number, column, one[r * vectors + v]
                        )
            for one, kept in zip(values, totals, strict=True):
                for value, variable in zip(one, kept, strict=True):
                    variable.set(value)

        def loops(a: Value, b: Value, k: Sequence[Axis], start: Value, stop: Value) -> None:
            x = k[0]
            if len(k) > 1:
                with c.loop(start, stop) as i:
                    there = c.at(a, i, x.a * size), c.at(b, i, x.b * size)
                    loops(*there, k[1:], c.i64(0), c.i64(k[1].size))
                return
            turn = self.unrolled(rows, vectors, mask, sets) * depth
            length = c.sub(stop, start)
            turns_end = c.sub(stop, c.divmod(length, turn)[1])
            steps_end = c.sub(stop, c.divmod(length, depth)[1])
            with c.loop(start, turns_end, turn) as i:
                steps(i, a, b, x, turn // depth, None)
            if turn > depth and not self.blocks.divisible(turn) and turns_end != steps_end:
                with c.loop(turns_end, steps_end, depth) as i:
                    steps(i, a, b, x, 1, None)
            rest = x.size % depth
            if rest and steps_end != stop:
                tail = c.consts([lane < rest for lane in range(depth)], BOOL.of(depth))
                with c.when(c.icmp("slt", steps_end, stop)):
                    steps(steps_end, a, b, x, 1, tail)

        loops(c.opaque(a), c.opaque(b), k, start, stop)
        sums = [variable.get() for variable in totals[0]]
        for more in totals[1:]:
            sums = [c.fadd(s, variable.get()) for s, variable in zip(sums, more, strict=True)]
        if depth > 1:
            sums = [c.fold(s, c.fadd) for s in sums]
        return [sums[r * vectors : (r + 1) * vectors] for r in range(rows)]

    # ------------------------------------------------------------------------------- steps

    def unrolled(self, rows: int, vectors: int, mask: Value | None, sets: int) -> int:
        """Steps of k in one turn of the innermost loop: several where the sums that this kind of
        tile does are worth their code."""
        if sets > 1:
            return sets
        if self.share(rows, vectors, mask) < SELDOM:
            return 1
        tile = rows * vectors
        for count in (4, 3, 2):
            if count * tile <= 64 and self.blocks.divisible(count * self.shape.depth):
                return count
        return 1

    def share(self, rows: int, vectors: int, mask: Value | None) -> float:
        """Which part of the sums is done by tiles of so many rows and vectors, the last of these
        with this mask."""
        shape, m, columns = self.shape, self.p.m, self.p.n[-1].size
        share = 1.0
        rest = shape.rows.rest(m)
        if rest and shape.rows.count(m) > 1:
            of_rest = rest / m[shape.rows.axis].size
            share *= of_rest if rows == rest * shape.rows.inner else 1 - of_rest
        whole, rest = divmod(columns, shape.width)
        if rest and whole:
            of_rest = rest / columns
            narrow = mask is not None or vectors < shape.vectors
            share *= of_rest if narrow else 1 - of_rest
        return share

    def row(
        self, place: Value, vectors: int, mask: Value | None, tail: Value | None
    ) -> list[Value]:
        """What a row of A has for a step of k, by the vectors it meets."""
        c, lanes = self.c, self.shape.lanes
        if self.p.beside:
            masks = [mask if v == vectors - 1 else None for v in range(vectors)]
            places = [c.at(place, v * lanes * self.size) for v in range(vectors)]
            return [
                c.load(self.register, there, inside, self.size)
                for there, inside in zip(places, masks, strict=True)
            ]
        if self.shape.depth > 1:
            return [c.load(self.register, place, tail, self.size)] * vectors
        return [c.splat(c.load(self.p.type, place), lanes)] * vectors

    def columns(
        self, place: Value, vectors: int, mask: Value | None, tail: Value | None
    ) -> list[Value]:
        """The vectors of B for a step of k."""
        c, shape = self.c, self.shape
        lane = 1 if shape.packed else self.p.n[-1].b
        result = []
        for v in range(vectors):
            there = c.at(place, v * shape.lanes * lane * self.size)
            # Packed panels are filled up; elsewhere, lanes outside may not even be readable.
            last = v == vectors - 1 and not shape.packed
            inside = tail or (mask if last else None)
            result.append(c.load(self.register, there, inside, self.size))
        return result

    def multiply_add(self, a: Value, b: Value, total: Value) -> Value:
        """total + a · b; rounded once where the processor can."""
        c = self.c
        return c.fma(a, b, total) if self.fused else c.fadd(c.fmul(a, b), total)


def flat(sums: list[list[Value]]) -> list[Value]:
    """The vectors of a tile, row by row."""
    return [vector for row in sums for vector in row]
