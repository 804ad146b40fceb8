"""The kernel that computes the tiles: which task does which, and where the sums go."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..code import BOOL, PTR, Code, Value
from ..kernel import Kernel, kernel_code
from ..target import Target
from .axes import Product, indices_of, moved, row_major, size_of
from .finish import Finish, Store
from .shape import Blocks, Shape, padded
from .sums import Sums

__all__ = ["TileKernel", "both"]

ROWS_CACHE = 256 * 1024
"""Bytes of A that stay within reach (L2) while panels go by."""

FEWEST_ROWS, MOST_ROWS = 96, 512
"""Rows that a panel is worth being fetched for, even if they are too much for the cache; and those
that are enough, even if there were room for more."""

TASK = 5e5
"""Operations that are worth a task: some 5 µs on one core."""


class Panel(NamedTuple):
    """A kind of panel: when it is met, its vectors, and the mask of the last of them."""

    condition: Value | None
    vectors: int
    mask: Value | None


class Place(NamedTuple):
    """Where in C, by numbers known when the kernel runs."""

    part: Value  # the slice
    batch: Value  # in row-major order, as all that is one number for several axes
    outer_column: Value  # in the axes of n before the last
    panel: Value


class TileKernel:
    """Writes the main kernel of a product.

    Args:
        given: the product as the finish knows it.
        p: the same, its axes joined where that helps.
    """

    def __init__(
        self,
        name: str,
        given: Product,
        p: Product,
        target: Target,
        finish: Finish,
        shape: Shape,
        slices: int,
    ):
        self.given, self.p, self.finish, self.shape, self.slices = given, p, finish, shape, slices
        self.c = kernel_code(name)
        if shape.rows.axis == len(p.m) - 1 and given.m and shape.rows.step < given.m[-1].size:
            finish.ahead = shape.rows.step
        self.blocks = Blocks.of(p.k, slices, shape.depth)
        self.sums = Sums(self.c, p, target, shape, self.blocks, scratch=self.c.parameters[2])
        side_by_side = p.n[-1].c == 1 or shape.lanes == 1
        self.direct = isinstance(finish, Store) and self.blocks.single and side_by_side

    def kernel(self, threads: int) -> Kernel:
        """The kernel with its tasks."""
        c, p, shape, size = self.c, self.p, self.shape, self.p.type.bytes
        tiles = size_of(p.m[: shape.rows.axis]) * shape.rows.count(p.m)
        panels = -(-p.n[-1].size // shape.width)
        columns = size_of(p.n[:-1]) * panels
        groups = self.slices * size_of(p.batch) * columns
        wanted = max(1, min(int(p.operations / TASK), 4 * threads))
        chunk = min(self.tiles_in_cache(), -(-tiles // min(-(-wanted // groups), tiles)))
        chunks = -(-tiles // chunk)
        items = groups * chunks
        together = items // wanted if items > 4 * wanted else 1

        arguments, task, _ = c.parameters
        a, b = c.load(PTR, arguments), c.load(PTR, c.at(arguments, 1, 8))
        if self.direct:
            self.finish.enter(c, arguments)
        first = c.mul(task, together)
        with c.loop(first, c.minimum(c.add(first, together), items)) as item:
            # Panels of B pass by the same rows of A, which stay in the cache (L2).
            rest, column = c.divmod(item, columns)
            rest, number = c.divmod(rest, chunks)
            part, batch = c.divmod(rest, size_of(p.batch))
            outer_column, panel = c.divmod(column, panels)
            strides = [x.a for x in p.batch]
            a_batch = moved(c, a, indices_of(c, batch, p.batch), strides, size)
            a_batch = c.at(a_batch, panel, shape.width * p.n[-1].a * size)
            b_panel = self.panel_place(b, batch, outer_column, panel)
            start = c.mul(number, chunk)
            stop = c.minimum(c.add(start, chunk), tiles)
            here = Place(part, batch, outer_column, panel)
            if self.blocks.single:
                with c.loop(start, stop) as tile:
                    self.at_once(a_batch, b_panel, here, tile)
            else:
                self.block_by_block(a_batch, b_panel, here, start, stop)
        c.finish()
        kept = 0 if self.direct else 1 if self.blocks.single else chunk
        return Kernel(c, -(-items // together), kept * self.sums.tile_bytes)

    def tiles_in_cache(self) -> int:
        """How many tiles' rows of A stay close (L2) while the panels of B pass by."""
        p, rows = self.p, self.shape.rows
        k = [p.k[0]._replace(size=self.blocks.slice_size), *p.k[1:]]
        span = 1 + sum((x.size - 1) * abs(x.a) for x in [*k, *p.m[rows.axis :]])
        numbers = min(rows.most * size_of(k), span) * (self.shape.width if p.beside else 1)
        tiles = ROWS_CACHE // max(numbers * p.type.bytes, 1)
        return min(max(tiles, FEWEST_ROWS // rows.most, 1), max(MOST_ROWS // rows.most, 1))

    def panel_place(self, b: Value, batch: Value, outer_column: Value, panel: Value) -> Value:
        """Where the vectors of a panel begin: in the packed buffer or in B."""
        c, p, shape, size = self.c, self.p, self.shape, self.p.type.bytes
        strides = [x.b for x in p.batch]
        outer, last = p.n[:-1], p.n[-1]
        if shape.packed:
            of_columns = size_of(p.k) * padded(last.size, shape)
            packed = iter(row_major([x for x in p.batch if x.b], size_of(outer) * of_columns))
            strides = [next(packed) if x.b else 0 for x in p.batch]
        b = moved(c, b, indices_of(c, batch, p.batch), strides, size)
        if shape.packed:
            b = c.at(b, outer_column, of_columns * size)
            return c.at(b, panel, size_of(p.k) * shape.width * size)
        b = moved(c, b, indices_of(c, outer_column, outer), [x.b for x in outer], size)
        return c.at(b, panel, shape.width * last.b * size)

    def at_once(self, a: Value, b: Value, here: Place, tile: Value) -> None:
        """A tile whose sums stay in registers from the first step of k to the last."""
        c, first = self.c, self.c.i64(0)
        for panel in self.panels(here.panel):
            with both(c, panel.condition, None):
                with self.sums.over_blocks(a, b, here.part, panel.vectors) as block:
                    for sums in self.of_block(*block, panel, tile):
                        if self.direct:
                            self.write(sums, panel, here, tile)
                        else:
                            self.sums.keep(sums, first)
        if not self.direct:
            self.hand_over(here, tile, first)

    def block_by_block(self, a: Value, b: Value, here: Place, start: Value, stop: Value) -> None:
        """The tiles of a chunk, for one block of k after the other: what a tile reads of B, and the
        lines that its rows of A share with the next, are still near (L1)."""
        c = self.c
        self.sums.clear(c.sub(stop, start))
        for panel in self.panels(here.panel):
            with (
                both(c, panel.condition, None),
                self.sums.over_blocks(a, b, here.part, panel.vectors) as block,
                c.loop(start, stop) as tile,
            ):
                for sums in self.of_block(*block, panel, tile):
                    self.sums.add(sums, c.sub(tile, start))
        with c.loop(start, stop) as tile:
            self.hand_over(here, tile, c.sub(tile, start))

    def of_block(
        self, a: Value, b: Value, start: Value, stop: Value, panel: Panel, tile: Value
    ) -> Iterator[list[list[Value]]]:
        """The sums of a tile over a block, within the condition of its height."""
        c, p, rows = self.c, self.p, self.shape.rows
        outer_row, place = c.divmod(tile, rows.count(p.m))
        outer = p.m[: rows.axis]
        indices = indices_of(c, outer_row, outer)
        a = moved(c, a, indices, [x.a for x in outer], p.type.bytes)
        a = c.at(a, place, rows.step * p.m[rows.axis].a * p.type.bytes)
        for condition, height in self.heights(place):
            with both(c, condition, None):
                yield self.sums.block(a, b, start, stop, height, panel.vectors, panel.mask)

    def panels(self, number: Value, code: Code | None = None) -> list[Panel]:
        """The kinds of panel there are: whole ones, and the last if it is narrower."""
        c, shape = code or self.c, self.shape
        whole, rest = divmod(self.p.n[-1].size, shape.width)
        if not rest:
            return [Panel(None, shape.vectors, None)]
        mask, tail = None, rest % shape.lanes
        if tail:
            mask = c.consts([lane < tail for lane in range(shape.lanes)], BOOL.of(shape.lanes))
        vectors = -(-rest // shape.lanes)
        if not whole:
            return [Panel(None, vectors, mask)]
        is_whole = c.icmp("ne", number, c.i64(whole))
        is_last = c.icmp("eq", number, c.i64(whole))
        return [Panel(is_whole, shape.vectors, None), Panel(is_last, vectors, mask)]

    def heights(self, place: Value, code: Code | None = None) -> list[tuple[Value | None, int]]:
        """The rows of the kinds of tiles there are, and when each is met."""
        c, m, rows = code or self.c, self.p.m, self.shape.rows
        rest, last = rows.rest(m) * rows.inner, rows.count(m) - 1
        if not rest:
            return [(None, rows.most)]
        if last == 0:
            return [(None, rest)]
        is_whole = c.icmp("ne", place, c.i64(last))
        return [(is_whole, rows.most), (c.icmp("eq", place, c.i64(last)), rest)]

    # ------------------------------------------------------------------------------- finish

    def write(self, sums: list[list[Value]], panel: Panel, here: Place, tile: Value) -> None:
        """Write a tile from registers straight to C."""
        c, p, finish, rows = self.c, self.p, self.finish, self.shape.rows
        assert isinstance(finish, Store)
        size = finish.type.bytes
        outer_row, number = c.divmod(tile, rows.count(p.m))
        place = c.at(finish.place, here.part, finish.slice * size)
        for index, axes in (
            (here.batch, p.batch),
            (outer_row, p.m[: rows.axis]),
            (here.outer_column, p.n[:-1]),
        ):
            place = moved(c, place, indices_of(c, index, axes), [x.c for x in axes], size)
        place = c.at(place, number, rows.step * p.m[rows.axis].c * size)
        place = c.at(place, here.panel, self.shape.width * p.n[-1].c * size)
        for row, offset in zip(sums, self.sums.row_offsets(len(sums), "c"), strict=True):
            for v, vector in enumerate(row):
                mask = panel.mask if v == len(row) - 1 else None
                there = c.at(place, (offset + v * self.shape.lanes * p.n[-1].c) * size)
                finish.write(c, there, vector, mask)

    def hand_over(self, here: Place, tile: Value, number: Value) -> None:
        """Give the finish a tile's sums from the scratch memory. It is a function of its own, so
        that the constants of an activation do not take the registers in which sums grow."""
        c = self.c
        kept = c.at(self.sums.scratch, number, self.sums.tile_bytes)
        values = [c.parameters[0], kept, *here, tile]
        f = c.function("finish", [v.type for v in values])
        self.finish.enter(f, f.parameters[0])
        self.finished(f, f.parameters[1], Place(*f.parameters[2:6]), f.parameters[6])
        f.finish()
        c.call(f.name, None, *values)

    def finished(self, c: Code, kept: Value, here: Place, tile: Value) -> None:
        """A tile's sums to the finish, in a loop: its code is written once for whole vectors and
        once for those with a mask, whatever the kinds of tiles."""
        p, given, shape, rows = self.p, self.given, self.shape, self.shape.rows
        size = shape.lanes * p.type.bytes
        batch = indices_of(c, here.batch, given.batch)
        if self.slices > 1:
            batch = [here.part, *batch]
        outer_columns = indices_of(c, here.outer_column, given.n[:-1])
        first_column = c.mul(here.panel, shape.width)
        outer_row, place = c.divmod(tile, rows.count(p.m))
        outer_rows = c.mul(outer_row, p.m[rows.axis].size)
        first_row = c.mul(c.add(outer_rows, c.mul(place, rows.step)), rows.inner)
        panels = self.panels(here.panel, c)
        whole_vectors = [(x.condition, x.vectors - (x.mask is not None)) for x in panels]

        with c.loop(0, chosen(c, self.heights(place, c))) as row:
            m = indices_of(c, c.add(first_row, row), given.m)
            row_place = c.at(kept, row, shape.vectors * size)

            def hand(v: Value | int, mask: Value | None) -> None:
                value = c.load(self.sums.vector, c.at(row_place, v, size), align=p.type.bytes)
                column = c.add(first_column, c.mul(v, shape.lanes))
                n = [*outer_columns, column] if given.n else []
                self.finish.store(c, batch, m, n, value, mask)

            if any(count for _, count in whole_vectors):
                with c.loop(0, chosen(c, whole_vectors)) as v:
                    hand(v, None)
            for panel in panels:
                if panel.mask is not None:
                    with both(c, panel.condition, None):
                        hand(panel.vectors - 1, panel.mask)


def chosen(c: Code, cases: Sequence[tuple[Value | None, int]]) -> Value:
    """The number whose condition holds; one of them always does."""
    *others, (_, result) = cases
    value = c.i64(result)
    for condition, number in others:
        assert condition is not None
        value = c.select(condition, c.i64(number), value)
    return value


@contextlib.contextmanager
def both(c: Code, one: Value | None, other: Value | None) -> Iterator[None]:
    """`if one and other:`, where None is what always holds."""
    with contextlib.ExitStack() as conditions:
        for condition in (one, other):
            if condition is not None:
                conditions.enter_context(c.when(condition))
        yield
