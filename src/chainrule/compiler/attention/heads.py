"""What the kernels of attention and of its backward pass share: the operands of a head, the scratch
memory, tiles of scores and their exponentials.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator

from ...base import dtypes, shapes
from ...graph.ir import Equation, Var
from .. import elementary, elements
from ..code import I64, PTR, Code, Value
from ..elements import in_register
from ..emit import Memory, Reference
from ..fuse import Grouping
from ..kernel import kernel_code
from ..space import Access
from ..target import Target
from ..tiles import Matrix, Packed, Tiles, padded

__all__ = ["Heads"]

KEYS = 512
"""Keys of a block, about: the scores of a tile of rows with them stay in the cache."""

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
        added = mask is not None and mask.spec.dtype is not dtypes.bool_  # type: ignore[union-attr]
        self.unit = 1.0 if added else LOG2_E
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

    # ---------------------------------------------------------------------------- units of scores

    def in_units(self, x: Value) -> Value:
        """A score as tiles hold it, rounded: both kernels shall find the same number."""
        return x if self.unit == 1 else self.c.binary("fmul", x, self.c.const(LOG2_E, x.type))

    def natural(self, x: Value) -> Value:
        """The score that tiles hold as x."""
        return x if self.unit == 1 else self.c.fmul(x, self.c.const(LN_2, x.type))

    def exponential(self, x: Value) -> Value:
        """e to the power of a difference of scores that is in their unit."""
        if self.unit == 1:
            x = self.c.fmul(x, self.c.const(LOG2_E, x.type))
        return power_of_two(self.c, x)

    # --------------------------------------------------------------------------------- memory

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
        return c.fadd(s, m)

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
