"""Small products inside of a kernel that does more than one product.

A tile of sums, `rows` by a few vectors, stays in registers while k runs (as in `product`, whose
tiles are whole kernels with sizes known when the code is made; here k may run between bounds that
are known when it runs, and the operands lie in scratch memory, packed):

    for each step of k:  for each row r:  for each vector v:  sum[r][v] += a[r, k] · b[k, v]

Rows and columns beyond the matrices are not treated apart: packing repeats the last row, and what
is computed from it is not stored.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .code import BOOL, I64, Code, Type, Value
from .target import Target

__all__ = ["VECTORS", "Matrix", "Packed", "Tiles", "padded"]

VECTORS = 2
"""Vectors of a tile: few, so that the last of a row are filled, and many rows share them."""


def padded(n: int, unit: int) -> int:
    """The next multiple of a unit."""
    return -(-n // unit) * unit


class Matrix(NamedTuple):
    """A matrix somewhere in memory: strides in elements."""

    place: Value
    rows: int
    columns: int
    row_stride: int
    column_stride: int


class Packed(NamedTuple):
    """Numbers in scratch memory: bytes from one row, or one vector of columns, to the next
    (`across`), and from one step of k to the next (`along`)."""

    place: Value
    across: int
    along: int


class Tiles:
    """Writes tiles, and what packs for them, into a function."""

    def __init__(self, c: Code, type: Type, target: Target):
        self.c, self.type, self.size = c, type, type.bytes
        self.lanes = target.lanes(type)
        self.vector = type.of(self.lanes)
        self.bytes = self.lanes * self.size
        self.fused = target.vector_bytes > 16 or target.vector_registers > 16
        # beside the sums: the vectors of b, one number of a, one to spare where there are many
        spare = 1 + VECTORS + (target.vector_registers > 16)
        self.most_rows = (target.vector_registers - spare) // VECTORS

    def rows_for(self, size: int) -> int:
        """Rows of a tile such that tiles of a matrix of `size` rows take the fewest steps: each
        costs its multiplications and about one more."""
        choices = range(min(self.most_rows, max(size, 4)), self.most_rows // 2, -1)
        return min(choices or [4], key=lambda r: -(-size // r) * (VECTORS * r + 1))

    # -------------------------------------------------------------------------------- sums

    def sums(
        self, a: Packed, b: Packed, rows: int, vectors: int, start: Value | int, stop: Value | int
    ) -> list[list[Value]]:
        """The sums of a tile over k from start to stop."""
        c = self.c
        zero = c.const(0, self.vector)
        totals = [[c.variable(self.vector, zero) for _ in range(vectors)] for _ in range(rows)]
        a_place, b_place = c.opaque(a.place), c.opaque(b.place)
        with c.loop(start, stop) as k:
            row, column = c.at(a_place, k, a.along), c.at(b_place, k, b.along)
            columns = [c.load(self.vector, c.at(column, v * b.across)) for v in range(vectors)]
            for r, row_totals in enumerate(totals):
                number = c.splat(c.load(self.type, c.at(row, r * a.across)), self.lanes)
                for total, vector in zip(row_totals, columns, strict=True):
                    total.set(self.multiply_add(number, vector, total.get()))
        return [[total.get() for total in row_totals] for row_totals in totals]

    def multiply_add(self, a: Value, b: Value, total: Value) -> Value:
        """total + a · b; rounded once where the processor can."""
        c = self.c
        return c.fma(a, b, total) if self.fused else c.fadd(c.fmul(a, b), total)

    def across(self, vectors: Value | int, body: Callable[[Value, int], None]) -> None:
        """`body(first, count)` for all vectors of a row, as many at a time as a tile has."""
        c = self.c
        if isinstance(vectors, int):
            whole = vectors - vectors % VECTORS
            if whole:
                with c.loop(0, whole, VECTORS) as v:
                    body(v, VECTORS)
            if whole < vectors:
                body(c.i64(whole), vectors - whole)
            return
        rest = c.divmod(vectors, VECTORS)[1]
        whole_vectors = c.sub(vectors, rest)
        with c.loop(0, whole_vectors, VECTORS) as v:
            body(v, VECTORS)
        for count in range(1, VECTORS):
            with c.when(c.icmp("eq", rest, c.i64(count))):
                body(whole_vectors, count)

    # ------------------------------------------------------------------------------ packing

    def loaded(self, m: Matrix, row: Value, vector: int | Value, columns: int) -> Value:
        """A vector of a row; lanes beyond the columns are zero. `columns` is how many there are
        from the vector on, if fewer than lanes."""
        c = self.c
        place = c.at(
            c.at(m.place, row, m.row_stride * self.size), vector, m.column_stride * self.bytes
        )
        mask = self.inside(columns)
        if m.column_stride == 1:
            return c.load(self.vector, place, mask)
        places = c.addresses(place, c.lanes(c.i64(0), self.lanes, m.column_stride), self.size)
        return c.gather(self.vector, places, mask)

    def inside(self, columns: int) -> Value | None:
        """The mask of so many columns; None where they fill a vector."""
        if columns >= self.lanes:
            return None
        return self.c.consts([k < columns for k in range(self.lanes)], BOOL.of(self.lanes))

    def clamped(self, row: Value, m: Matrix) -> Value:
        """A row of the matrix: the last one for all beyond."""
        return self.c.minimum(row, m.rows - 1)

    def each_vector(self, columns: int, body: Callable[[Value, int], None]) -> None:
        """`body(number, columns)` for the vectors of a row; the last may have fewer columns."""
        whole, rest = divmod(columns, self.lanes)
        if whole:
            with self.c.loop(0, whole) as v:
                body(v, self.lanes)
        if rest:
            body(self.c.i64(whole), rest)

    def copy(
        self,
        m: Matrix,
        first: Value | int,
        count: Value | int,
        to: Value,
        stride: int,
        factor: float = 1.0,
    ) -> None:
        """Rows of a matrix, times a factor, to scratch memory; `stride` bytes from row to row."""
        c = self.c
        with c.loop(0, count) as r:
            row = self.clamped(c.add(r, first), m)

            def one(v: Value, columns: int, r: Value = r, row: Value = row) -> None:
                x = self.loaded(m, row, v, columns)
                if factor != 1.0:
                    x = c.fmul(x, c.const(factor, self.vector))
                c.store(x, c.at(c.at(to, r, stride), v, self.bytes))

            self.each_vector(m.columns, one)

    def turned(self, m: Matrix, count: Value | int, to: Value) -> None:
        """Rows of a matrix as vectors across them: [vector of rows][column][lane]."""
        c = self.c
        with c.loop(0, count) as panel:
            first = c.mul(panel, self.lanes)
            here = c.at(to, panel, m.columns * self.bytes)

            def block(v: Value, columns: int, first: Value = first, here: Value = here) -> None:
                rows = [self.clamped(c.add(first, k), m) for k in range(self.lanes)]
                vectors = c.transposed([self.loaded(m, row, v, columns) for row in rows])
                there = c.at(here, v, self.lanes * self.bytes)
                for k in range(min(columns, self.lanes)):
                    c.store(vectors[k], c.at(there, k * self.bytes))

            self.each_vector(m.columns, block)

    def stored(
        self, source: Value, stride: int, count: Value | int, first: Value | int, m: Matrix,
        change: Callable[[Value, Value], Value] = lambda r, x: x,
    ) -> None:  # fmt: skip
        """Rows of scratch memory written to rows of a matrix from `first` on, each vector changed
        by `change(row, vector)`."""
        c = self.c
        with c.loop(0, count) as r:
            row = c.at(m.place, c.add(r, first), m.row_stride * self.size)

            def one(v: Value, columns: int, r: Value = r, row: Value = row) -> None:
                x = change(r, c.load(self.vector, c.at(c.at(source, r, stride), v, self.bytes)))
                place = c.at(row, v, m.column_stride * self.bytes)
                if m.column_stride == 1:
                    c.store(x, place, self.inside(columns))
                    return
                steps = c.lanes(c.i64(0), self.lanes, m.column_stride)
                c.scatter(x, c.addresses(place, steps, self.size), self.inside(columns))

            self.each_vector(m.columns, one)

    def cleared(self, place: Value, vectors: int) -> None:
        """Vectors of zeros."""
        with self.c.loop(0, vectors) as v:
            self.c.store(self.c.const(0, self.vector), self.c.at(place, v, self.bytes))

    def columns_from(self, first: Value) -> Value:
        """The numbers of the columns that a vector covers."""
        assert first.type == I64
        return self.c.lanes(first, self.lanes)
