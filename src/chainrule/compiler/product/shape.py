"""How a product is cut: into tiles, into blocks of k, into slices.

The choices are made from sizes, strides and the target alone, by counting: how many cycles a step
of k takes in a tile of so many rows and vectors, and what is wasted where tiles do not fit.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ..code import Code, Value
from ..target import LINE, PAGE, WAYS, Target
from .axes import Axis, Product, size_of, whole

__all__ = ["Blocks", "Rows", "Shape", "padded", "shape_of", "slices"]

BLOCK, SINGLE = 128, 384
"""Steps of k that are summed in registers before they are added to the sums of earlier blocks (the
square root of all steps if that is more); and how many are not cut at all."""

SLICE = 512
"""Steps of k that a slice has at least."""

NEAR_CACHE = 24 * 1024
"""Bytes of a panel that stay next to the arithmetic (L1) while rows go by."""

FAR_CACHE = 640 * 1024
"""Bytes of a panel that stay within reach (L2)."""

STREAMS = 12
"""Places that memory is read from in turn before the processor loses track of them."""

MOST_VECTORS = {True: 6, False: 4}
"""The widest tile: columns of one that works along k, vectors of the others."""

COPY_CYCLES, TRANSPOSE_CYCLES, SCALAR_CYCLES, SCATTER_CYCLES = 0.3, 0.6, 1.5, 2.0
"""What an element of B costs that is packed, by vectors copied, by blocks transposed, one by one;
and an element of C that is written away from its neighbours."""


class Rows(NamedTuple):
    """How the rows of m are cut: `step` indices of an axis, and all of the axes after it."""

    axis: int
    step: int
    inner: int  # rows of one index of the axis

    @property
    def most(self) -> int:
        """Rows of a whole tile."""
        return self.step * self.inner

    def count(self, m: Sequence[Axis]) -> int:
        """Tiles from one end of the axis to the other."""
        return -(-m[self.axis].size // self.step)

    def rest(self, m: Sequence[Axis]) -> int:
        """Indices in the last of these tiles, if fewer than in the others."""
        return m[self.axis].size % self.step


@dataclasses.dataclass(frozen=True)
class Shape:
    """How a product is cut into tiles, and what that is expected to cost.

    The lanes of a vector are neighbours in n; or, with `depth` > 1, neighbours in k: then a sum is
    a vector whose lanes are added up at the end, each of `vectors` is one column, `lanes` is 1.
    """

    rows: Rows
    lanes: int
    vectors: int
    depth: int
    packed: bool
    cycles: float

    @property
    def width(self) -> int:
        """Columns of a panel."""
        return self.lanes * self.vectors


def padded(size: int, shape: Shape) -> int:
    """Columns of all panels together: whole vectors."""
    return -(-size // shape.lanes) * shape.lanes


@functools.lru_cache(4096)
def shape_of(p: Product, target: Target) -> Shape:
    """The cheapest way to cut a product (with at least one axis in m, n and k)."""
    full = target.lanes(p.type)
    last = p.n[-1]
    outputs = size_of(p.batch) * size_of(p.m) * size_of(p.n)
    lanes = min(full, 1 << (last.size - 1).bit_length())
    scattered = SCATTER_CYCLES * outputs if last.c != 1 and lanes > 1 else 0.0
    shapes = []
    for vectors in range(1, min(MOST_VECTORS[False], -(-last.size // lanes)) + 1):
        packed = _is_packed(p, lanes * vectors)
        extra = scattered + (_pack_cycles(p) if packed else 0.0)
        for rows in _row_choices(p.m, vectors, target.vector_registers):
            cost = functools.partial(_cycles_along_n, p, rows, lanes, packed)
            cycles = extra + _over_tiles(p, rows, lanes, vectors, cost)
            shapes.append(Shape(rows, lanes, vectors, 1, packed, cycles))
    if p.k[-1].a == p.k[-1].b == 1 and p.k[-1].size >= full and not p.beside:
        for columns in range(1, min(MOST_VECTORS[True], last.size) + 1):
            for rows in _row_choices(p.m, columns, target.vector_registers):
                cost = functools.partial(_cycles_along_k, p, full)
                cycles = _over_tiles(p, rows, 1, columns, cost)
                shapes.append(Shape(rows, 1, columns, full, False, cycles))
    return min(shapes, key=lambda shape: shape.cycles)


def _row_choices(m: Sequence[Axis], vectors: int, registers: int) -> Iterator[Rows]:
    """Every cut of the rows whose tile fits the registers, beside B's vectors and one of A's."""
    most = max((registers - 1 - vectors - 4 * (registers > 16)) // vectors, 1)
    inner = 1
    for axis in reversed(range(len(m))):
        for step in range(1, m[axis].size + 1):
            if step * inner > most:
                return
            yield Rows(axis, step, inner)
        inner *= m[axis].size


def _over_tiles(
    p: Product, rows: Rows, lanes: int, vectors: int, cost: Callable[[int, int], float]
) -> float:
    """The cost of all tiles, given that of one by its rows and vectors."""
    panels, rest = divmod(p.n[-1].size, lanes * vectors)
    last = -(-rest // lanes)
    most, short = rows.most, rows.rest(p.m) * rows.inner
    outer = size_of(p.m[: rows.axis])
    times = outer * (p.m[rows.axis].size // rows.step)
    cycles = panels * (times * cost(most, vectors) + outer * cost(short, vectors))
    cycles += times * cost(most, last) + outer * cost(short, last)
    # Each kind of tile is code of its own: with equal figures, the fewer the better.
    kinds = (1 + bool(short)) * (1 + bool(rest))
    return cycles * size_of(p.batch) * size_of(p.n[:-1]) * (1 + 0.005 * kinds)


def _cycles_along_n(p: Product, rows: Rows, lanes: int, packed: bool, r: int, v: int) -> float:
    """What a tile of r rows and v vectors costs. The small numbers were found by measuring (Zen 4);
    they decide between tiles that arithmetic alone would hold for equal."""
    if r == 0 or v == 0:
        return 0.0
    size, length = p.type.bytes, size_of(p.k)
    rate = _rate(lanes * size)
    loads = (v + r * v) / rate if p.beside else v + r / 2
    cycles = max(r * v / rate, loads, 4.0 if r * v < 4 else 0.0)
    row_bytes = abs(p.m[rows.axis].a) * size
    if abs(p.k[-1].a) * size < LINE:
        cycles += 0.08 * r + 0.05 * v  # each row is a stream of its own
        if r > WAYS * max(PAGE // math.gcd(row_bytes or LINE, PAGE), 1):
            cycles += 1.5 * r  # rows that push each other out of the cache
    else:
        cycles += 0.05 * r + 0.2 * v
    panel_bytes = length * lanes * v * size
    if panel_bytes > NEAR_CACHE:
        cycles += 0.5 * v if panel_bytes > FAR_CACHE else 0.05 * v
        if not packed and abs(p.k[-1].b) > lanes * v:
            cycles += 3.0  # a part of each line or page is used, and the next is far
    return cycles * length + 3 * r * v + 30


def _cycles_along_k(p: Product, depth: int, r: int, v: int) -> float:
    """What a tile of r rows and v columns costs, whose vectors run along k."""
    if r == 0 or v == 0:
        return 0.0
    rate = _rate(depth * p.type.bytes)
    step = max(r * v / rate, (r + v) / rate, 4.0 if r * v < 4 else 0.0) + 0.1 * (r + v)
    step += 0.5 * max(r + v - STREAMS, 0)
    steps = size_of(p.k[:-1]) * -(-p.k[-1].size // depth)
    to_fold = 2 + 2 * depth.bit_length()
    return step * steps + to_fold * r * v + 30


def _rate(vector_bytes: int) -> float:
    """Vectors worked on in a cycle: half of a register is as fast as all of it where a register is
    worked on in two halves."""
    return 1.0 if vector_bytes == 64 else 2.0


def _is_packed(p: Product, width: int) -> bool:
    """Whether B is worth copying to panels before it is used."""
    last = p.n[-1]
    if last.size == 1:
        return False
    if last.b != 1 or p.steady[1]:
        return True
    if p.beside:  # each vector of B is used for the rows of one tile
        return False
    nearly_a_panel = 0 < p.k[-1].b <= 2 * width and len(p.k) == 1
    return size_of(p.m) >= 128 and not nearly_a_panel


def _pack_cycles(p: Product) -> float:
    if p.steady[1]:
        return 0.0
    elements = size_of([x for x in p.batch if x.b]) * size_of(p.n) * size_of(p.k)
    if p.n[-1].b == 1:
        return elements * COPY_CYCLES
    if any(abs(x.b) == 1 for x in p.k):
        return elements * TRANSPOSE_CYCLES
    return elements * SCALAR_CYCLES


def slices(p: Product) -> int:
    """How many slices to cut k into: more than one where C is small and K is long.

    A function of the sizes alone, so that sums do not depend on the number of threads.
    """
    p = whole(p.merged())
    outputs, length = size_of(p.batch) * size_of(p.m) * size_of(p.n), size_of(p.k)
    to_share = 65536 // outputs
    to_stay_in_cache = length // 4096 if outputs <= 262144 else 1
    first = p.k[0].size
    wanted = min(max(to_share, to_stay_in_cache), length // SLICE, first)
    return -(-first // -(-first // wanted)) if wanted > 1 else 1


@dataclasses.dataclass(frozen=True)
class Blocks:
    """How k is cut: `step` indices of `axis` with all axes inside of it are a block."""

    k: tuple[Axis, ...]
    slices: int
    slice_size: int  # indices of the first axis in a slice
    axis: int
    step: int

    @staticmethod
    def of(k: tuple[Axis, ...], slices: int, depth: int) -> Blocks:
        """The cut into blocks, a vector along k being one step."""
        # Slices and blocks are whole vectors where these run along the axis that is cut.
        unit = depth if len(k) == 1 and slices > 1 else 1
        slice_size = -(-k[0].size // (slices * unit)) * unit
        steps = slice_size * size_of(k[1:]) // depth
        block = max(BLOCK, math.isqrt(steps)) if steps > SINGLE else SINGLE
        axis, inner, most = len(k) - 1, 1, block * depth
        while axis > 0 and inner * k[axis].size <= most:
            inner *= k[axis].size
            axis -= 1
        size = k[axis].size if axis else slice_size
        count = -(-size * inner // most)
        step = -(-size // count)
        if count > 1 and axis == len(k) - 1:
            step = -(-step // (4 * depth)) * 4 * depth  # so that a block is a number of whole turns
        return Blocks(k, slices, slice_size, axis, step)

    @property
    def single(self) -> bool:
        """Whether a slice is one block."""
        return self.axis == 0 and self.step >= self.slice_size

    def slice(self, c: Code, part: Value) -> tuple[Value, Value]:
        """The range of the first axis in a slice."""
        if self.slices == 1:
            return c.i64(0), c.i64(self.k[0].size)
        start = c.minimum(c.mul(part, self.slice_size), self.k[0].size)
        return start, c.minimum(c.add(start, self.slice_size), self.k[0].size)

    def divisible(self, count: int) -> bool:
        """Whether the innermost loop always runs over a multiple of so many indices."""
        innermost = len(self.k) - 1
        if self.k[-1].size % count:
            return False
        if self.axis == innermost and not self.single and self.step % count:
            return False
        return not (innermost == 0 and self.slices > 1 and self.slice_size % count)
