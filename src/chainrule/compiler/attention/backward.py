"""The kernel of attention's backward pass: the gradients of a head."""

from __future__ import annotations

from ..code import Value
from ..kernel import Kernel
from ..tiles import Matrix, Packed, padded
from .heads import Heads

__all__ = ["Backward"]

ROWS = 64
"""Query rows that the backward pass takes together, about: sums over them stay in registers."""


class Backward(Heads):
    """gq, gk and gv."""

    def kernel(self) -> Kernel:
        """The kernel with its tasks, one for each head."""
        c, t, size = self.c, self.tiles, self.type.bytes
        head = c.parameters[1]
        names = ("g", "q", "k", "v", "y")
        g, q, k, v, y = [self.matrix(self.operand(name), head) for name in names]
        self.seen(head)
        most, total = [self.placed(self.operand(name), head, axes=1) for name in ("most", "total")]
        gq, gk, gv = [
            self.matrix(out, head) if out.id in self.stored else None for out in self.eq.outputs
        ]
        together = self.rows * max(1, round(ROWS / self.rows))
        together = min(together, padded(self.T, self.rows))

        self.k_panels = self.reserve(self.keys() * self.D * size)
        self.v_panels = self.reserve(self.keys() * self.E * size)
        self.k_rows = self.reserve(self.S * self.d_bytes)
        self.dk = self.reserve(self.keys() * self.d_bytes)
        self.dv = self.reserve(self.keys() * self.e_bytes)
        self.q_rows, self.dq = [self.reserve(together * self.d_bytes) for _ in range(2)]
        self.h_rows = self.reserve(together * self.e_bytes)
        self.e, self.ds = [self.reserve(together * self.s_bytes) for _ in range(2)]
        self.shift, self.delta = [self.reserve(together * size) for _ in range(2)]

        panels = -(-self.S // t.lanes)
        t.turned(k, panels, self.k_panels)
        t.turned(v, panels, self.v_panels)
        t.copy(k, 0, self.S, self.k_rows, self.d_bytes, self.scale)
        t.cleared(self.dk, self.keys() * self.d_bytes // t.bytes)
        t.cleared(self.dv, self.keys() * self.e_bytes // t.bytes)
        with c.loop(0, self.T, together) as first:
            live = c.minimum(c.sub(c.i64(self.T), first), together)
            t.copy(q, first, together, self.q_rows, self.d_bytes, self.scale * self.unit)
            t.copy(g, first, together, self.h_rows, self.e_bytes)
            self.statistics(y, most, total, first, together)
            if self.blocks > 1:
                t.cleared(self.dq, together * self.d_bytes // t.bytes)
            keys = self.visible(first, together, c.i64(0), c.i64(self.S))
            with self.each_block(keys) as (first_key, count):
                with c.loop(0, live, self.rows) as r:
                    self.rows_of(first, r, first_key, count)
                with c.loop(0, count, self.rows) as key:
                    self.keys_of(first, live, first_key, key)
            if gq is not None:
                t.stored(self.dq, self.d_bytes, live, first, gq)
        if gk is not None:
            # q was packed in the unit of scores
            t.stored(self.dk, self.d_bytes, self.S, 0, gk, lambda r, x: self.natural(x))
        if gv is not None:
            t.stored(self.dv, self.e_bytes, self.S, 0, gv)
        c.finish()
        return Kernel(c, self.heads, self.scratch)

    def statistics(self, y: Matrix, most: tuple, total: tuple, first: Value, rows: int) -> None:
        """For each row its maximum in the unit of scores, h = g / Σ in the place of g, and
        δ = Σ h ∘ y."""
        c, t, size = self.c, self.tiles, self.type.bytes
        with c.loop(0, rows) as r:
            row = t.clamped(c.add(first, r), y)
            largest, sum_ = [
                c.load(self.type, c.at(there, row, stride * size))
                for there, (stride,) in (most, total)
            ]
            c.store(self.in_units(largest), c.at(self.shift, r, size))
            share = c.splat(c.fdiv(c.const(1, self.type), sum_), t.lanes)
            row_of_h = c.at(self.h_rows, r, self.e_bytes)
            delta = c.variable(t.vector, c.const(0, t.vector))

            def one(v: Value, columns: int) -> None:
                place = c.at(row_of_h, v, t.bytes)
                h = c.fmul(c.load(t.vector, place), share)
                c.store(h, place)
                delta.set(c.fadd(delta.get(), c.fmul(t.loaded(y, row, v, columns), h)))

            t.each_vector(self.E, one)
            c.store(c.fold(delta.get(), c.fadd), c.at(self.delta, r, size))

    def rows_of(self, first: Value, r: Value, first_key: Value, count: Value) -> None:
        """e and ds of a tile of rows with a block of keys, and what that adds to dq."""
        c, t, size = self.c, self.tiles, self.type.bytes
        first_row = c.add(first, r)
        count = self.visible(first_row, self.rows, first_key, count)
        e, ds = c.at(self.e, r, self.s_bytes), c.at(self.ds, r, self.s_bytes)
        dq = c.at(self.dq, r, self.d_bytes)
        q_rows, h_rows = c.at(self.q_rows, r, self.d_bytes), c.at(self.h_rows, r, self.e_bytes)
        shift, delta = c.at(self.shift, r, size), c.at(self.delta, r, size)

        def weights(k: int, vector: Value, s: Value) -> Value:
            key = c.add(first_key, c.mul(vector, t.lanes))
            s = self.masked(s, c.add(first_row, k), key)
            x = self.exponential(c.fsub(s, self.number(shift, k)))
            inside = self.within(first_row, k, key) if self.causal else None
            return x if inside is None else c.select(inside, x, c.const(0, t.vector))

        def of_scores(k: int, vector: Value, ge: Value) -> Value:
            weight = c.load(t.vector, self.cell(e, k, vector))
            return c.fmul(c.fsub(ge, self.number(delta, k)), weight)

        self.against_keys(q_rows, self.k_panels, self.D, first_key, count, e, weights)
        self.against_keys(h_rows, self.v_panels, self.E, first_key, count, ds, of_scores)

        def to_queries(v: Value, n: int) -> None:
            rows = c.at(c.at(self.k_rows, first_key, self.d_bytes), v, t.bytes)
            b = Packed(rows, t.bytes, self.d_bytes)
            sums = t.sums(Packed(ds, self.s_bytes, size), b, self.rows, n, 0, count)
            self.add(sums, c.at(dq, v, t.bytes), self.d_bytes, self.blocks > 1)

        t.across(self.d_bytes // t.bytes, to_queries)

    def keys_of(self, first: Value, live: Value, first_key: Value, key: Value) -> None:
        """What the rows from `first` on add to dk and dv of a tile of keys."""
        c = self.c
        start: Value = c.i64(0)
        if self.causal:  # earlier rows do not see these keys, and have no weights for them
            start = c.sub(c.add(first_key, key), first)
            start = c.select(c.icmp("slt", start, c.i64(0)), c.i64(0), start)
        to = c.add(first_key, key)
        self.to_keys(self.e, key, self.h_rows, self.e_bytes, self.dv, to, start, live)
        self.to_keys(self.ds, key, self.q_rows, self.d_bytes, self.dk, to, start, live)

    def to_keys(
        self,
        weights: Value,
        key: Value,
        rows: Value,
        stride: int,
        out: Value,
        to: Value,
        start: Value,
        stop: Value,
    ) -> None:
        """Columns of weights from `key` on, times rows, added to rows of `out`."""
        c, t, size = self.c, self.tiles, self.type.bytes
        out = c.at(out, to, stride)

        def tile(v: Value, n: int) -> None:
            a = Packed(c.at(weights, key, size), size, self.s_bytes)
            b = Packed(c.at(rows, v, t.bytes), t.bytes, stride)
            self.add(
                t.sums(a, b, self.rows, n, start, stop), c.at(out, v, t.bytes), stride, more=True
            )

        t.across(stride // t.bytes, tile)

    def add(self, sums: list[list[Value]], place: Value, stride: int, more: bool) -> None:
        """Write a tile to scratch memory, added to what is there if there may be some."""
        c, t = self.c, self.tiles
        for r, row in enumerate(sums):
            for j, x in enumerate(row):
                there = c.at(place, r * stride + j * t.bytes)
                c.store(c.fadd(c.load(t.vector, there), x) if more else x, there)
