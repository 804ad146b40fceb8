"""The convolution itself, and its gradient by the image, which is one.

A task makes some places of the images for some columns: V, then M point by point, then the outputs. U is made of the kernel
by another that runs before, as panels are.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools

from ...code import PTR, Code, Value
from ...kernel import Kernel, kernel_code
from ...target import LINE, Target
from ..axes import Axis, Product, indices_of, moved, row_major, size_of
from ..finish import Finish
from ..shape import SCATTER_CYCLES, padded, shape_of
from ..tiles import both
from .kernels import Cut, PointsKernel
from .points import (  # fmt: skip
    POINTS,
    Grid,
    Laid,
    Places,
    apart,
    image_points,
    inside,
    over_both,
    parts,
    split,
    to_points,
    windows,
)

__all__ = ["Convolution", "convolution_of"]

NEAR = 512 * 1024
"""Bytes of V and M that a task works on."""

FEWEST_PLACES, MOST_PLACES = 64, 96
"""Places that U is worth being read for, and those that are enough."""

FEWEST_COLUMNS = 256
"""Columns that V is worth being made for, where tasks share them."""

TASKS = 16
"""Below so many, tasks share the columns."""

REPEATS = 2048
"""Bytes after which addresses fall into the same few places of the nearest cache."""

V_CYCLES, M_CYCLES, U_CYCLES = 20.0, {2: 26.0, 3: 40.0}, 20.0
"""What it costs to make V and what follows M, by vectors of a place, and U, by elements of a point."""


@dataclasses.dataclass(frozen=True)
class Convolution(Cut):
    """How a product is computed as a convolution: windows slide along axes of m, their taps are axes of k; a point's product has the
    places of a task, its columns, all other steps of k.
    """

    @property
    def grid(self) -> Grid:
        """The places of everything but the batch."""
        return Grid.of(self.p.m, self.slid, self.side)

    @property
    def summed(self) -> list[Axis]:
        """The axes of k that are no taps; the last lies side by side in A."""
        return [x for k, x in enumerate(self.p.k) if k not in self.taps]

    @property
    def places(self) -> int:
        """Places of a task."""
        return self.point.m[0].size

    @property
    def depth(self) -> int:
        """Steps of k of a point: whole vectors of the last of the summed axes."""
        return self.point.k[0].size

    @property
    def point_elements(self) -> int:
        """Elements of U for a point: [panel][k][W], the last panel perhaps narrower."""
        return self.depth * padded(self.p.n[0].size, self.shape)

    @property
    def packed_bytes(self) -> int:
        """Bytes of U."""
        batch = [x for x in self.p.batch if x.b]
        return size_of(batch) * POINTS**2 * self.point_elements * self.p.type.bytes

    def kernels(self, name: str, target: Target, finish: Finish) -> tuple[Kernel, int, Kernel]:
        """That which makes U, the bytes of U, and the main kernel."""
        main = MainKernel(name, self, target, finish)
        return UKernel(f"{name}_pack", self).kernel(), self.packed_bytes, main.kernel()


@functools.lru_cache(4096)
def convolution_of(p: Product, target: Target) -> Convolution | None:
    """How a product is computed so; None if it is no such convolution.

    Args:
        p: its axes as they are, not joined.
    """
    p = dataclasses.replace(p, k=tuple([x for group in split(p.m, p.k) for x in group]))
    found = windows(p.m, p.k)
    if found is None or p.beside or len(p.n) != 1:
        return None
    slid, taps = found
    lanes, columns = target.lanes(p.type), p.n[0].size
    summed = [x for k, x in enumerate(p.k) if k not in taps]
    if not summed or summed[-1].a != 1 or summed[-1].size < lanes or columns < lanes:
        return None
    depth = size_of(summed[:-1]) * -(-summed[-1].size // lanes) * lanes
    side = POINTS + 1 - p.k[taps[0]].size
    all_places = Grid.of(p.m, slid, side).size

    near = NEAR // (POINTS**2 * (depth + columns) * p.type.bytes)
    most = min(max(near, FEWEST_PLACES), MOST_PLACES, all_places)
    shape = shape_of(_point(p, depth, most, columns), target)
    chunks = -(-all_places // most)
    even = -(-all_places // chunks)
    places = -(-even // shape.rows.most) * shape.rows.most
    # where there are few places, tasks share the columns as well
    shares = max(min(-(-TASKS // chunks), columns // FEWEST_COLUMNS), 1)
    columns = min(-(-columns // (shares * shape.width)) * shape.width, columns)
    w = Convolution(p, slid, taps, side, _point(p, depth, places, columns), shape, 0.0)
    return dataclasses.replace(w, cycles=_cycles(w, target))


def _point(p: Product, depth: int, places: int, columns: int) -> Product:
    """The product of one point: A is V, C is M, and B the kernel, of which U makes panels."""
    between = LINE // p.type.bytes if depth * p.type.bytes % REPEATS == 0 else 0
    m = Axis(places, depth + between, 0, columns)
    n, k = Axis(columns, 0, POINTS**2 * depth, 1), Axis(depth, 1, POINTS**2, 0)
    return Product(p.type, (), (m,), (n,), (k,), (False, True))


def _cycles(w: Convolution, target: Target) -> float:
    """The cost: of the products; by vectors, of V before and of the outputs after; and of U."""
    p, lanes = w.p, w.shape.lanes
    task = POINTS**2 * shape_of(w.point, target).cycles
    task += w.places * (V_CYCLES * w.depth + M_CYCLES[w.side] * w.columns) / lanes
    tasks = -(-w.grid.size // w.places) * -(-p.n[0].size // w.columns)
    kernel = 0.0 if p.steady[1] else U_CYCLES * w.point_elements
    scattered = SCATTER_CYCLES * size_of(p.m) * p.n[0].size if p.n[0].c != 1 else 0.0
    return size_of(p.batch) * (tasks * task + kernel + scattered)


class UKernel:
    """Writes the kernel that makes U of B: [batch][point][panel][k][W]. Steps of k beyond those of the last summed axis, and
    columns beyond the last, are zero.
    """

    def __init__(self, name: str, w: Convolution):
        self.c, self.w = kernel_code(name), w
        self.batch = [x for x in w.p.batch if x.b]
        self.size, self.vector = w.p.type.bytes, w.p.type.of(w.shape.lanes)

    def kernel(self) -> Kernel:
        """The kernel; a task makes a panel."""
        c, w, size = self.c, self.w, self.size
        n = w.p.n[0]
        panels = -(-n.size // w.shape.width)
        arguments, task, _ = c.parameters
        there, here = c.load(PTR, arguments), c.load(PTR, c.at(arguments, 1, 8))
        batch, panel = c.divmod(task, panels)
        there = moved(c, there, indices_of(c, batch, self.batch), [x.b for x in self.batch], size)
        there = c.at(there, panel, w.shape.width * n.b * size)
        here = c.at(here, batch, POINTS**2 * w.point_elements * size)
        here = c.at(here, panel, w.depth * w.shape.width * size)
        for condition, columns in parts(c, panel, n.size, w.shape.width):
            with both(c, condition, None):
                self.panel(c.opaque(there), c.opaque(here), columns)
        c.finish()
        return Kernel(c, size_of(self.batch) * panels)

    def panel(self, there: Value, here: Value, columns: int) -> None:
        """All steps of k of a panel."""
        c, size, lanes = self.c, self.size, self.w.shape.lanes
        *outer, last = self.w.summed
        length = -(-last.size // lanes) * lanes
        row = padded(columns, self.w.shape) * size
        with contextlib.ExitStack() as loops:
            for x, inner in zip(outer, row_major(outer, length), strict=True):
                i = loops.enter_context(c.loop(0, x.size))
                there, here = c.at(there, i, x.b * size), c.at(here, i, inner * row)
            with c.loop(0, last.size) as k:
                for first in range(0, columns, lanes):
                    taps = self.taps(c.at(there, k, last.b * size), first, columns - first)
                    self.store(over_both(c, to_points, taps), c.at(here, k, row), first)
            with c.loop(last.size, length) as k:
                for first in range(0, columns, lanes):
                    zeros = [c.const(0, self.vector)] * POINTS**2
                    self.store(zeros, c.at(here, k, row), first)

    def taps(self, there: Value, first: int, left: int) -> list[Value]:
        """The taps of a vector of columns, zero for those that are not there."""
        c, size, lanes, column = self.c, self.size, self.w.shape.lanes, self.w.p.n[0].b
        mask = inside(c, left, lanes) if left < lanes else None
        strides = [self.w.p.k[k].b for k in self.w.taps]
        found = []
        for y, x in itertools.product(range(self.w.tap_count), repeat=2):
            place = c.at(there, (first * column + y * strides[0] + x * strides[1]) * size)
            if column == 1:
                found.append(c.load(self.vector, place, mask, size))
            else:
                steps = c.lanes(c.i64(0), lanes, column)
                found.append(c.gather(self.vector, c.addresses(place, steps, size), mask))
        return found

    def store(self, points: list[Value], here: Value, first: int) -> None:
        """The points of a step of k for a vector of columns."""
        for point, u in enumerate(points):
            place = self.c.at(here, (point * self.w.point_elements + first) * self.size)
            self.c.store(u, place, align=self.size)


class MainKernel(PointsKernel):
    """Writes the main kernel.

    In the scratch memory lie V, [point][place][k], with the outputs of one place in its stead afterwards; then M,
    [point][place][column].
    """

    def __init__(self, name: str, w: Convolution, target: Target, finish: Finish):
        super().__init__(name, w, target, finish)
        self.w = w
        self.v_row = w.point.m[0].a * self.size
        self.v_point, self.m_point = [apart(w.places * row) for row in (self.v_row, self.m_row)]
        self.v_bytes = max(POINTS**2 * self.v_point, apart(w.side**2 * self.m_row))

    def kernel(self) -> Kernel:
        """The kernel with its tasks."""
        c, w, p, size = self.c, self.w, self.w.p, self.size
        shares, chunks = -(-w.all_columns // w.columns), -(-w.grid.size // w.places)
        arguments, task, scratch = c.parameters
        a, u = c.load(PTR, arguments), c.load(PTR, c.at(arguments, 1, 8))
        rest, share = c.divmod(task, shares)
        batch, chunk = c.divmod(rest, chunks)
        indices = indices_of(c, batch, p.batch)
        a = moved(c, a, indices, [x.a for x in p.batch], size)
        strides = iter(row_major([x for x in p.batch if x.b], POINTS**2 * w.point_elements))
        u = moved(c, u, indices, [next(strides) if x.b else 0 for x in p.batch], size)
        u = c.opaque(c.at(u, share, w.columns * w.depth * size))
        first = c.mul(chunk, w.places)

        v = Laid(scratch, self.v_row, self.v_point)
        m = Laid(c.at(scratch, self.v_bytes), self.m_row, self.m_point)
        places = Places(first, w.places, c.i64(w.grid.size - 1))
        image_points(c, self.vector, w.grid, w.summed, c.opaque(a), places, v)
        in_blocks = not self.sums.blocks.single
        if in_blocks:
            self.clear(m)
        self.products(v, Laid(u, 0, w.point_elements * size), m, share, add=in_blocks)
        self.hand_over(scratch, m, batch, first, share)
        c.finish()
        scratch_bytes = self.v_bytes + POINTS**2 * self.m_point
        return Kernel(c, size_of(p.batch) * chunks * shares, scratch_bytes)

    def finished(self, c: Code, y: Value, m: Laid, *numbers: Value) -> None:
        """For each place its outputs, row by row."""
        w, p, grid = self.w, self.w.p, self.w.grid
        batch, first, share = numbers
        batch_indices = indices_of(c, batch, p.batch)
        with c.loop(0, c.minimum(c.sub(grid.size, first), w.places)) as number:
            outer, square = grid.find(c, c.add(first, number))
            self.from_points(c, w.side, m, number, y, share)
            down, across = [
                c.minimum(c.sub(axis.size, start), w.side)
                for axis, start in zip((grid.down, grid.across), square, strict=True)
            ]
            with c.loop(0, down) as i, c.loop(0, across) as j:
                at = dict(zip(w.slid, (c.add(square[0], i), c.add(square[1], j)), strict=True))
                others = iter(outer)
                rows = [at[k] if k in at else next(others) for k in range(len(p.m))]
                here = c.at(c.at(y, i, w.side * m.row), j, m.row)
                self.store(c, batch_indices, rows, here, share)
