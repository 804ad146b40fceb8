"""Kernels of attention and of its backward pass, which hold no more than a few rows of the scores.

A task has one head (a place in the batch axes), or some query rows of it where heads are few. What
is read again and again is packed into the thread's scratch memory first: k and v as rows, or turned
over, so that the lanes of vectors are neighbouring keys. Then query rows go by in tiles, and for each
the keys in blocks:

    forward                             backward
    s = q kᵀ                            p = exp(q kᵀ − lse)
    p = exp(s − the row's maximum)      ds = p ∘ (g vᵀ − δ),  δ = Σ g ∘ y of each row
    y = p v / Σ p                       dq = ds k,  dk += dsᵀ q,  dv += pᵀ g

With several blocks, what the forward pass has summed is scaled whenever a row's maximum grows
(Source: Milakov & Gimelshein 2018, Online normalizer calculation for softmax). A causal mask leaves
out the keys that no row of a tile may see. The scores are computed times log₂ e, so that their
exponentials are powers of two. The order of all sums depends on sizes and the processor alone.

Legend: T queries, S keys, D size of a head, E size of a value; R rows of a tile.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence

from ..base import dtypes, shapes
from ..graph.ir import Equation, Program, Var
from . import elementary, elements
from .code import I64, PTR, Code, Value
from .elements import in_register
from .emit import Memory, Reference
from .fuse import Group, Grouping
from .kernel import Kernel, kernel_code
from .roles import ATTENTION, role
from .space import Access
from .target import Target
from .tiles import Matrix, Packed, Tiles, padded

__all__ = ["attention", "attention_kept"]

KEYS = 512
"""Keys of a block, about: the scores of a tile of rows with them stay in the cache."""

ROWS = 64
"""Query rows that the backward pass takes together, about: sums over them stay in registers."""

TASKS, FEWEST_ROWS = 16, 128
"""How many tasks the forward pass makes if heads are fewer, and of how many rows at least, so that
packing the keys for each is worth it."""

LOG2_E, LN_2 = math.log2(math.e), math.log(2.0)

POWER = {
    # (2ʳ − 1) / r on |r| ≤ ½; errors 2⁻²⁸ and 2⁻⁵⁵ of 2ʳ. Lowest power first.
    "float": (0.6931472149672477, 0.24022652782819873, 0.05550310551613111, 0.009617692991540056,
              0.0013406643955897312, 0.0001559467483114662),
    "double": (0.6931471805599457, 0.24022650695910097, 0.05550410866479039, 0.009618129107607001,
               0.0013333558153440846, 0.00015403530441572758, 1.5252727384325897e-05,
               1.3215442675197493e-06, 1.0180648025634524e-07, 7.072570413832216e-09,
               4.0780163803493546e-10),
}  # fmt: skip


def attention_kept(program: Program) -> frozenset[str]:
    """Which of the ops of attention have kernels for every equation of theirs in a program."""
    return ATTENTION - {eq.op.name for eq in program.equations if role(eq) == "host"}


def attention(
    name: str, grouping: Grouping, g: Group, memory: Memory, stores: Sequence[Var], target: Target
) -> tuple[Kernel, list[Reference]]:
    """The kernel of an equation of attention or of its backward pass, and its arguments."""
    kind = Forward if g.equations[0].op.name == "attention" else Backward
    h = kind(name, grouping, g.equations[0], memory, {v.id for v in stores}, target)
    return h.kernel(), h.references


def power_of_two(c: Code, x: Value) -> Value:
    """2ˣ, for x up to the largest exponent, within 2 ulp; 0 for results too small to be normal."""
    f = elementary.FORMATS[x.type.base]
    magic, zero = c.const(f.magic, x.type), c.const(0, x.type)
    shifted = c.binary("fadd", x, magic)  # its low bits are the integer nearest to x
    r = c.binary("fsub", x, c.binary("fsub", shifted, magic))
    fraction = c.const(POWER[x.type.base][-1], x.type)
    for k in (*POWER[x.type.base][-2::-1], 1.0):
        fraction = c.fadd(c.fmul(fraction, r), c.const(k, x.type))
    integer = f.integer.of(x.type.lanes)
    exponent = c.binary("shl", c.cast("bitcast", shifted, integer), c.const(f.fraction, integer))
    exponent = c.binary("add", exponent, c.const(f.bias << f.fraction, integer))
    small = c.fcmp("olt", x, c.const(2.0 - f.bias, x.type))
    return c.select(small, zero, c.fmul(fraction, c.cast("bitcast", exponent, x.type)))


class Heads:
    """What both kernels share: the operands of a head, the scratch memory, tiles of scores."""

    def __init__(
        self,
        name: str,
        grouping: Grouping,
        eq: Equation,
        memory: Memory,
        stored: set[int],
        target: Target,
    ):
        self.eq, self.grouping, self.memory, self.stored = eq, grouping, memory, stored
        self.c = c = kernel_code(name)
        self.type = in_register(eq.outputs[0].spec.dtype)
        self.tiles = Tiles(c, self.type, target)
        self.references: list[Reference] = []
        self.scratch = 0
        named = dict(zip(eq.op.operands, eq.inputs, strict=True))
        q, k, v = [named[n].spec.shape for n in "qkv"]  # type: ignore[union-attr]
        self.T, self.S, self.D, self.E = q[-2], k[-2], q[-1], v[-1]
        mask = named["mask"]
        leads = [q[:-2], k[:-2], v[:-2]]
        if mask is not None:
            leads.append(mask.spec.shape[:-2])  # type: ignore[union-attr]
        self.batch = shapes.broadcast(*leads)
        self.heads = math.prod(self.batch)
        self.causal, self.scale = eq.attrs["causal"], eq.attrs["scale"]
        self.mask = mask
        self.rows = self.tiles.rows_for(self.T)
        self.d_bytes, self.e_bytes = [
            padded(n, self.tiles.lanes) * self.type.bytes for n in (self.D, self.E)
        ]
        self.block, self.blocks = self.S, 1
        if self.S > KEYS + KEYS // 2:
            unit = math.lcm(self.tiles.lanes, self.rows)
            self.block = max(KEYS // unit, 1) * unit
            self.blocks = -(-self.S // self.block)
        # room for whole tiles of keys, and a line more: rows a power of two apart would meet in the
        # same few places of the cache
        widest = padded(padded(self.block, self.rows), self.tiles.lanes) + self.tiles.lanes
        self.s_bytes = widest * self.type.bytes

    def reserve(self, bytes: int) -> Value:
        """Scratch memory that the kernel keeps to itself."""
        at, self.scratch = self.scratch, self.scratch + padded(bytes, 64)
        return self.c.at(self.c.parameters[2], at)

    def keys(self) -> int:
        """Keys with room for whole vectors and whole tiles."""
        return max(padded(self.S, self.tiles.lanes), padded(self.S, self.rows))

    # ------------------------------------------------------------------------------- operands

    def pointer(self, v: Var) -> tuple[Value, Access]:
        """Where a value lies, as an argument of the kernel."""
        base, _ = self.grouping.chain(v)
        access = self.grouping.access(v, self.memory.layout[base.id])
        assert access is not None, f"an operand of {self.eq.op.name} that no strides can say"
        self.references.append(Reference("memory", base.id, access.offset))
        k = len(self.references) - 1
        return self.c.load(PTR, self.c.at(self.c.parameters[0], k, 8)), access

    def placed(self, v: Var, head: Value, axes: int = 2) -> tuple[Value, tuple[int, ...]]:
        """Where the part of a value that belongs to a head begins, and the strides of its last
        axes."""
        place, access = self.pointer(v)
        size = elements.in_memory(v.spec.dtype).bytes
        lead = len(access.shape) - axes
        for n, m, stride in zip(
            reversed(self.batch[len(self.batch) - lead :]), reversed(access.shape[:lead]),
            reversed(access.strides[:lead]), strict=True,
        ):  # fmt: skip
            head, index = self.c.divmod(head, n)
            if m > 1:
                place = self.c.at(place, index, stride * size)
        return place, access.strides[lead:]

    def matrix(self, v: Var, head: Value) -> Matrix:
        """The matrix of a head."""
        place, (row, column) = self.placed(v, head)
        rows, columns = v.spec.shape[-2:]
        return Matrix(place, rows, columns, row, column)

    def operand(self, name: str) -> Var:
        """An operand of the equation."""
        v = self.eq.inputs[self.eq.op.operands.index(name)]
        assert isinstance(v, Var)
        return v

    def seen(self, head: Value) -> None:
        """Find the mask of a head."""
        if self.mask is None:
            return
        assert isinstance(self.mask, Var)
        shape = self.mask.spec.shape
        self.mask_place, strides = self.placed(self.mask, head, axes=min(len(shape), 2))
        sizes = (1, 1, *shape)[-2:]
        self.mask_strides = [
            0 if n == 1 else s for n, s in zip(sizes, (0, 0, *strides)[-2:], strict=True)
        ]

    # --------------------------------------------------------------------------------- scores

    def masked(self, s: Value, row: Value, first: Value) -> Value:
        """Scores with a mask added, −inf where the row may not see; `first` is the key of lane 0."""
        if self.mask is None:
            return s
        c, t = self.c, self.tiles
        assert isinstance(self.mask, Var)
        dtype = self.mask.spec.dtype
        size = elements.in_memory(dtype).bytes
        row_stride, stride = self.mask_strides
        place = c.at(self.mask_place, c.minimum(row, self.T - 1), row_stride * size)
        place = c.at(place, first, stride * size)
        live = None
        if self.S % t.lanes and stride:
            live = c.icmp("slt", t.columns_from(first), c.const(self.S, I64.of(t.lanes)))
        m = elements.load(c, dtype, place, t.lanes, stride, live)
        if dtype is dtypes.bool_:
            return c.select(m, s, c.const(-math.inf, s.type))
        return c.fadd(s, c.fmul(m, c.const(LOG2_E, m.type)))

    def within(self, first_row: Value, r: int, key: Value) -> Value | None:
        """Which of the keys from `key` on exist and may be seen by a row; None if all."""
        c, lanes = self.c, self.tiles.lanes
        inside = None
        if self.causal:
            inside = self.at_most(c.sub(first_row, key), r)
        if self.S % lanes and not (self.causal and self.T <= self.S):
            present = self.at_most(c.sub(c.i64(self.S - 1), key), 0)
            inside = present if inside is None else c.binary("and", inside, present)
        return inside

    def at_most(self, limit: Value, more: int) -> Value:
        """Which lanes have numbers up to limit + more."""
        c, lanes = self.c, self.tiles.lanes
        t = elementary.FORMATS[self.type.base].integer  # as wide as the scores
        if t != I64:
            limit = c.cast("trunc", limit, t)
        steps = c.consts([k - more for k in range(lanes)], t.of(lanes))
        return c.icmp("sle", steps, c.splat(limit, lanes))

    def visible(self, first_row: Value, rows: Value | int, first_key: Value, count: Value) -> Value:
        """How many keys of a block the rows of a tile may see at most."""
        c = self.c
        if not self.causal:
            return count
        seen = c.sub(c.add(first_row, rows), first_key)
        return c.minimum(c.select(c.icmp("slt", seen, c.i64(0)), c.i64(0), seen), count)

    def vectors(self, keys: Value) -> Value | int:
        """Vectors that so many keys fill."""
        if keys.text.isdigit():
            return -(-int(keys.text) // self.tiles.lanes)
        return self.c.divmod(self.c.add(keys, self.tiles.lanes - 1), self.tiles.lanes)[0]

    @contextlib.contextmanager
    def each_block(self, keys: Value) -> Iterator[tuple[Value, Value]]:
        """The loop over blocks of keys: the first of each, and how many."""
        c = self.c
        if self.blocks == 1:
            yield c.i64(0), keys
            return
        with c.loop(0, keys, self.block) as first:
            yield first, c.minimum(c.sub(keys, first), self.block)

    def against_keys(
        self,
        rows: Value,
        panels: Value,
        depth: int,
        first_key: Value,
        keys: Value,
        out: Value,
        made: Callable[[int, Value, Value], Value],
    ) -> None:
        """Rows of `depth` numbers times those of each key, packed by `Tiles.turned`. Of each vector
        of sums, `made(row, number of the vector, sums)` is written to `out`."""
        c, t, size = self.c, self.tiles, self.type.bytes
        panels = c.at(panels, first_key, depth * size)

        def tile(v: Value, n: int) -> None:
            a = Packed(rows, padded(depth, t.lanes) * size, size)
            b = Packed(c.at(panels, v, depth * t.bytes), depth * t.bytes, t.bytes)
            for r, row_sums in enumerate(t.sums(a, b, self.rows, n, 0, depth)):
                for j, x in enumerate(row_sums):
                    vector = c.add(v, j)
                    c.store(made(r, vector, x), self.cell(out, r, vector))

        t.across(self.vectors(keys), tile)

    def cell(self, block: Value, r: int, vector: Value) -> Value:
        """The place of a vector of a row of scores."""
        return self.c.at(self.c.at(block, vector, self.tiles.bytes), r * self.s_bytes)

    def number(self, column: Value, r: Value | int) -> Value:
        """One number a row, in each lane."""
        c, size = self.c, self.type.bytes
        return c.splat(c.load(self.type, c.at(column, r, size)), self.tiles.lanes)


class Forward(Heads):
    """y and lse."""

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
            t.copy(q, first, self.rows, self.q_rows, self.d_bytes, self.scale * LOG2_E)
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
        """Where y and lse go."""
        y, lse = self.eq.outputs
        self.y = self.matrix(y, head) if y.id in self.stored else None
        self.lse = self.placed(lse, head, axes=1) if lse.id in self.stored else None

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
        """p = 2^(s − the largest so far), and its sum."""
        c, t, size = self.c, self.tiles, self.type.bytes
        low = c.const(-math.inf, t.vector)
        with c.loop(0, self.rows) as r:
            row = c.at(self.s, r, self.s_bytes)
            largest = c.variable(t.vector, low)
            with c.loop(0, vectors) as v:
                largest.set(_larger(c, c.load(t.vector, c.at(row, v, t.bytes)), largest.get()))
            most = c.fold(largest.get(), lambda a, b: _larger(c, a, b))
            if self.blocks > 1:
                before = c.load(self.type, c.at(self.most, r, size))
                most = _larger(c, most, before)
            c.store(most, c.at(self.most, r, size))
            shift = self.shift(most)
            wide = c.splat(shift, t.lanes)
            total = c.variable(t.vector, c.const(0, t.vector))
            with c.loop(0, vectors) as v:
                there = c.at(row, v, t.bytes)
                p = power_of_two(c, c.fsub(c.load(t.vector, there), wide))
                c.store(p, there)
                total.set(c.fadd(total.get(), p))
            sum_ = c.fold(total.get(), c.fadd)
            if self.blocks > 1:
                shrunk = power_of_two(c, c.fsub(before, shift))
                c.store(shrunk, c.at(self.shrunk, r, size))
                sum_ = c.fadd(c.fmul(c.load(self.type, c.at(self.total, r, size)), shrunk), sum_)
            c.store(sum_, c.at(self.total, r, size))

    def shift(self, most: Value) -> Value:
        """What is subtracted from a row: its maximum; 0 in a row that sees nothing, where all is
        2^−∞ = 0."""
        c = self.c
        nothing = c.fcmp("oeq", most, c.const(-math.inf, most.type))
        return c.select(nothing, c.const(0, most.type), most)

    def values(self, first_key: Value, count: Value) -> None:
        """o = p v, added to what earlier blocks gave."""
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
        """y = o / Σ p, lse = maximum + ln Σ p; a row that sees nothing has zeros."""
        c, t, size = self.c, self.tiles, self.type.bytes
        live = c.minimum(c.sub(c.i64(self.T), first), self.rows)
        with c.loop(0, live) as r:
            place = c.at(self.total, r, size)
            total = c.load(self.type, place)
            one = c.const(1, self.type)
            total = c.select(c.fcmp("oeq", total, c.const(0, self.type)), one, total)
            c.store(c.fdiv(one, total), place)
            if self.lse is not None:
                there, (stride,) = self.lse
                shift = self.shift(c.load(self.type, c.at(self.most, r, size)))
                lse = c.fadd(c.fmul(shift, c.const(LN_2, self.type)), elementary.log(c, total))
                c.store(lse, c.at(there, c.add(first, r), stride * size))

        def divided(r: Value, x: Value) -> Value:
            return c.fmul(x, self.number(self.total, r))

        if self.y is not None:
            t.stored(self.o, self.e_bytes, live, first, self.y, divided)


def _larger(c: Code, a: Value, b: Value) -> Value:
    """The larger of two; b if one is no number: what is computed from it will tell."""
    return c.select(c.fcmp("ogt", a, b), a, b)


class Backward(Heads):
    """gq, gk and gv."""

    def kernel(self) -> Kernel:
        """The kernel with its tasks, one for each head."""
        c, t, size = self.c, self.tiles, self.type.bytes
        head = c.parameters[1]
        names = ("g", "q", "k", "v", "y")
        g, q, k, v, y = [self.matrix(self.operand(name), head) for name in names]
        self.seen(head)
        lse = self.placed(self.operand("lse"), head, axes=1)
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
        self.g_rows = self.reserve(together * self.e_bytes)
        self.p, self.ds = [self.reserve(together * self.s_bytes) for _ in range(2)]
        self.lse, self.delta = [self.reserve(together * size) for _ in range(2)]

        panels = -(-self.S // t.lanes)
        t.turned(k, panels, self.k_panels)
        t.turned(v, panels, self.v_panels)
        t.copy(k, 0, self.S, self.k_rows, self.d_bytes, self.scale)
        t.cleared(self.dk, self.keys() * self.d_bytes // t.bytes)
        t.cleared(self.dv, self.keys() * self.e_bytes // t.bytes)
        with c.loop(0, self.T, together) as first:
            live = c.minimum(c.sub(c.i64(self.T), first), together)
            t.copy(q, first, together, self.q_rows, self.d_bytes, self.scale * LOG2_E)
            t.copy(g, first, together, self.g_rows, self.e_bytes)
            self.statistics(y, lse, first, together)
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
            # q was packed times log₂ e
            ln2 = c.const(LN_2, t.vector)
            t.stored(self.dk, self.d_bytes, self.S, 0, gk, lambda r, x: c.fmul(x, ln2))
        if gv is not None:
            t.stored(self.dv, self.e_bytes, self.S, 0, gv)
        c.finish()
        return Kernel(c, self.heads, self.scratch)

    def statistics(self, y: Matrix, lse: tuple, first: Value, rows: int) -> None:
        """For each row lse · log₂ e, and δ = Σ g ∘ y."""
        c, t, size = self.c, self.tiles, self.type.bytes
        there, (stride,) = lse
        with c.loop(0, rows) as r:
            row = t.clamped(c.add(first, r), y)
            x = c.load(self.type, c.at(there, row, stride * size))
            c.store(c.fmul(x, c.const(LOG2_E, self.type)), c.at(self.lse, r, size))
            g = c.at(self.g_rows, r, self.e_bytes)
            delta = c.variable(t.vector, c.const(0, t.vector))

            def one(v: Value, columns: int) -> None:
                product = c.fmul(
                    t.loaded(y, row, v, columns), c.load(t.vector, c.at(g, v, t.bytes))
                )
                delta.set(c.fadd(delta.get(), product))

            t.each_vector(self.E, one)
            c.store(c.fold(delta.get(), c.fadd), c.at(self.delta, r, size))

    def rows_of(self, first: Value, r: Value, first_key: Value, count: Value) -> None:
        """p and ds of a tile of rows with a block of keys, and what that adds to dq."""
        c, t, size = self.c, self.tiles, self.type.bytes
        first_row = c.add(first, r)
        count = self.visible(first_row, self.rows, first_key, count)
        p, ds = c.at(self.p, r, self.s_bytes), c.at(self.ds, r, self.s_bytes)
        dq = c.at(self.dq, r, self.d_bytes)
        q_rows, g_rows = c.at(self.q_rows, r, self.d_bytes), c.at(self.g_rows, r, self.e_bytes)
        lse, delta = c.at(self.lse, r, size), c.at(self.delta, r, size)

        def weights(k: int, vector: Value, s: Value) -> Value:
            key = c.add(first_key, c.mul(vector, t.lanes))
            s = self.masked(s, c.add(first_row, k), key)
            x = power_of_two(c, c.fsub(s, self.number(lse, k)))
            inside = self.within(first_row, k, key) if self.causal else None
            return x if inside is None else c.select(inside, x, c.const(0, t.vector))

        def of_scores(k: int, vector: Value, gp: Value) -> Value:
            weight = c.load(t.vector, self.cell(p, k, vector))
            return c.fmul(c.fsub(gp, self.number(delta, k)), weight)

        self.against_keys(q_rows, self.k_panels, self.D, first_key, count, p, weights)
        self.against_keys(g_rows, self.v_panels, self.E, first_key, count, ds, of_scores)

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
        self.to_keys(self.p, key, self.g_rows, self.e_bytes, self.dv, to, start, live)
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
