"""The kernel of attention: what the rows of a head see."""

from __future__ import annotations

import math

from ..code import Code, Value
from ..kernel import Kernel
from ..tiles import Packed
from .heads import Heads

__all__ = ["Forward"]

TASKS, FEWEST_ROWS = 16, 128
"""How many tasks the forward pass makes if heads are fewer, and of how many rows at least, so that
packing the keys for each is worth it."""


class Forward(Heads):
    """y, and the maximum and the sum of each row."""

    def kernel(self) -> Kernel:
        """The kernel with its tasks."""
        c, t, size = self.c, self.tiles, self.type.bytes
        tiles = -(-self.T // self.rows)
        chunks = min(-(-TASKS // self.heads), max(self.T // FEWEST_ROWS, 1))
        each = -(-tiles // chunks)
        chunks = -(-tiles // each)
        head, chunk = c.divmod(c.parameters[1], chunks)
        q, k, v = [self.matrix(self.operand(name), head) for name in "qkv"]
        self.seen(head)
        self.outputs(head)
        first_tile = c.mul(chunk, each)
        last_tile = c.minimum(c.add(first_tile, each), tiles)

        self.k_panels = self.reserve(self.keys() * self.D * size)
        self.v_rows = self.reserve(self.S * self.e_bytes)
        self.q_rows = self.reserve(self.rows * self.d_bytes)
        self.s = self.reserve(self.rows * self.s_bytes)
        self.o = self.reserve(self.rows * self.e_bytes)
        self.most, self.total, self.shrunk = [self.reserve(self.rows * size) for _ in range(3)]

        needed = self.visible(c.mul(last_tile, self.rows), 0, c.i64(0), c.i64(self.S))
        t.turned(k, self.vectors(needed), self.k_panels)
        t.copy(v, 0, needed, self.v_rows, self.e_bytes)
        with c.loop(first_tile, last_tile) as tile:
            first = c.mul(tile, self.rows)
            t.copy(q, first, self.rows, self.q_rows, self.d_bytes, self.scale * self.unit)
            keys = self.visible(first, self.rows, c.i64(0), c.i64(self.S))
            if self.blocks > 1:
                self.begin()
            with self.each_block(keys) as (first_key, count):
                self.scores(first, first_key, count)
                self.weights(self.vectors(count))
                self.values(first_key, count)
            self.finish(first)
        c.finish()
        return Kernel(c, self.heads * chunks, self.scratch)

    def outputs(self, head: Value) -> None:
        """Where y and the numbers of each row go."""
        y, *numbers = self.eq.outputs
        self.y = self.matrix(y, head) if y.id in self.stored else None
        self.kept = [self.placed(v, head, axes=1) if v.id in self.stored else None for v in numbers]

    def begin(self) -> None:
        """Before the first of several blocks."""
        c, size = self.c, self.type.bytes
        self.tiles.cleared(self.o, self.rows * self.e_bytes // self.tiles.bytes)
        with c.loop(0, self.rows) as r:
            c.store(c.const(-math.inf, self.type), c.at(self.most, r, size))
            c.store(c.const(0, self.type), c.at(self.total, r, size))

    def scores(self, first: Value, first_key: Value, count: Value) -> None:
        """s = q kᵀ, masked."""
        c = self.c

        def masked(r: int, vector: Value, s: Value) -> Value:
            key = c.add(first_key, c.mul(vector, self.tiles.lanes))
            s = self.masked(s, c.add(first, r), key)
            inside = self.within(first, r, key)
            return s if inside is None else c.select(inside, s, c.const(-math.inf, s.type))

        self.against_keys(self.q_rows, self.k_panels, self.D, first_key, count, self.s, masked)

    def weights(self, vectors: Value | int) -> None:
        """e = exp(s − the largest so far), and its sum. The largest is rounded to what the backward pass
        will find, which makes the same exponentials of it."""
        c, t, size = self.c, self.tiles, self.type.bytes
        low = c.const(-math.inf, t.vector)
        with c.loop(0, self.rows) as r:
            row = c.at(self.s, r, self.s_bytes)
            largest = c.variable(t.vector, low)
            with c.loop(0, vectors) as v:
                largest.set(_larger(c, c.load(t.vector, c.at(row, v, t.bytes)), largest.get()))
            most = self.natural(c.fold(largest.get(), lambda a, b: _larger(c, a, b)))
            if self.blocks > 1:
                before = c.load(self.type, c.at(self.most, r, size))
                most = _larger(c, most, before)
            c.store(most, c.at(self.most, r, size))
            shift = self.shift(most)
            wide = c.splat(shift, t.lanes)
            total = c.variable(t.vector, c.const(0, t.vector))
            with c.loop(0, vectors) as v:
                there = c.at(row, v, t.bytes)
                e = self.exponential(c.fsub(c.load(t.vector, there), wide))
                c.store(e, there)
                total.set(c.fadd(total.get(), e))
            sum_ = c.fold(total.get(), c.fadd)
            if self.blocks > 1:
                shrunk = self.exponential(c.fsub(self.in_units(before), shift))
                c.store(shrunk, c.at(self.shrunk, r, size))
                sum_ = c.fadd(c.fmul(c.load(self.type, c.at(self.total, r, size)), shrunk), sum_)
            c.store(sum_, c.at(self.total, r, size))

    def shift(self, most: Value) -> Value:
        """What is subtracted from a row of scores: its maximum, in their unit; 0 in a row that sees
        nothing, where all is e^−∞ = 0."""
        return self.in_units(self.of_row(most))

    def of_row(self, most: Value) -> Value:
        """The maximum of a row, 0 if it sees nothing."""
        c = self.c
        nothing = c.fcmp("oeq", most, c.const(-math.inf, most.type))
        return c.select(nothing, c.const(0, most.type), most)

    def values(self, first_key: Value, count: Value) -> None:
        """o = e v, added to what earlier blocks gave."""
        c, t, size = self.c, self.tiles, self.type.bytes
        rows = c.at(self.v_rows, first_key, self.e_bytes)

        def tile(v: Value, n: int) -> None:
            a = Packed(self.s, self.s_bytes, size)
            b = Packed(c.at(rows, v, t.bytes), t.bytes, self.e_bytes)
            sums = t.sums(a, b, self.rows, n, 0, count)
            here = c.at(self.o, v, t.bytes)
            for r in range(self.rows):
                for j in range(n):
                    place, x = c.at(here, r * self.e_bytes + j * t.bytes), sums[r][j]
                    if self.blocks > 1:
                        before = c.fmul(c.load(t.vector, place), self.number(self.shrunk, r))
                        x = c.fadd(before, x)
                    c.store(x, place)

        t.across(self.e_bytes // t.bytes, tile)

    def finish(self, first: Value) -> None:
        """y = o / Σ e; a row that sees nothing has zeros."""
        c, t, size = self.c, self.tiles, self.type.bytes
        live = c.minimum(c.sub(c.i64(self.T), first), self.rows)
        with c.loop(0, live) as r:
            place = c.at(self.total, r, size)
            total = c.load(self.type, place)
            one = c.const(1, self.type)
            total = c.select(c.fcmp("oeq", total, c.const(0, self.type)), one, total)
            c.store(c.fdiv(one, total), place)
            most = self.of_row(c.load(self.type, c.at(self.most, r, size)))
            for number, kept in zip((most, total), self.kept, strict=True):
                if kept is not None:
                    there, (stride,) = kept
                    c.store(number, c.at(there, c.add(first, r), stride * size))

        def divided(r: Value, x: Value) -> Value:
            return c.fmul(x, self.number(self.total, r))

        if self.y is not None:
            t.stored(self.o, self.e_bytes, live, first, self.y, divided)


def _larger(c: Code, a: Value, b: Value) -> Value:
    """The larger of two; b if one is no number: what is computed from it will tell."""
    return c.select(c.fcmp("ogt", a, b), a, b)
