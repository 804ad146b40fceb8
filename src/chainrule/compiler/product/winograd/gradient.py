"""The gradient of a convolution by its kernel.

A task goes through the places of a slice for some channels of the image and some columns, as many places at a time as stay
near: V of the image, D = A ẏ Aᵀ of the outputs' gradient, and M += Vᵀ · D point by point. At the end M becomes the kernel's gradient.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math

from ...code import PTR, Code, Value
from ...kernel import Kernel
from ...target import Target
from ..axes import Axis, Product, indices_of, moved, size_of
from ..finish import Finish
from ..shape import SCATTER_CYCLES, Shape, padded, shape_of
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

__all__ = ["Gradient", "gradient_of"]

NEAR = 256 * 1024
"""Bytes of V and D that are worked on at a time."""

FEWEST_PLACES, MOST_PLACES = 64, 128
"""Places that M is worth being read and written for, and those that are enough."""

MOST_CHANNELS, MOST_COLUMNS = 128, 256
"""Of a task: M stays within reach."""

FEWEST_CHANNELS, FEWEST_COLUMNS = 32, 48
"""Channels that D is worth being made for, columns that V is."""

TASKS = 16
"""Below so many, tasks share the channels and columns."""

V_CYCLES, D_CYCLES = 20.0, {2: 18.0, 3: 28.0}
"""What it costs to make V and D, by vectors of a place."""


@dataclasses.dataclass(frozen=True)
class Gradient(Cut):
    """How a product is computed as the gradient of a convolution by its kernel: windows slide along axes of k, their taps are axes of m; a
    point's product has the channels and columns of a task, and the places that are worked on at a time.

    Attributes:
        slices: into how many parts the first axis of k is cut.
        of_given: for each axis of m as the finish knows it, the numbers of those that it is split into.
    """

    slices: int
    of_given: tuple[tuple[int, ...], ...]

    @property
    def grid(self) -> Grid:
        """All places."""
        return Grid.of(self.p.k, self.slid, self.side)

    @property
    def channel(self) -> int:
        """The number of the axis of m that lies side by side in A."""
        return len(self.p.m) - 1

    @property
    def within(self) -> list[int]:
        """The numbers of the axes of m that are places within a step of the windows."""
        return [i for i in range(len(self.p.m) - 1) if i not in self.taps]

    @property
    def steps(self) -> list[Axis]:
        """Those axes: each of their places has an image of its own."""
        return [self.p.m[i] for i in self.within]

    @property
    def channels(self) -> int:
        """Channels of a task."""
        return self.point.m[0].size

    @property
    def places(self) -> int:
        """Places that are worked on at a time."""
        return self.point.k[0].size

    @property
    def per_slice(self) -> int:
        """Indices of the first axis of k in a slice."""
        return -(-self.p.k[0].size // self.slices)

    def kernels(self, name: str, target: Target, finish: Finish) -> tuple[None, int, Kernel]:
        """Nothing that runs before, and the main kernel."""
        return None, 0, GradientKernel(name, self, target, finish).kernel()


@functools.lru_cache(4096)
def gradient_of(p: Product, target: Target, slices: int = 1) -> Gradient | None:
    """How a product is computed so; None if it is no such gradient.

    Args:
        p: its axes as they are, not joined.
        slices: into how many parts k is cut.
    """
    groups = split(p.k, p.m)
    numbers = iter(range(len(p.m) * 2))
    of_given = tuple([tuple([next(numbers) for _ in group]) for group in groups])
    p = dataclasses.replace(p, m=tuple([x for group in groups for x in group]))
    found = windows(p.k, p.m)
    if found is None or p.beside or len(p.n) != 1 or len(of_given) != 3 or p.n[0].b != 1:
        return None
    slid, taps = found
    lanes = target.lanes(p.type)
    channel = p.m[-1]
    if (
        len(p.m) - 1 in taps
        or channel.a != 1
        or min(channel.size, p.n[0].size) < lanes
        or (slices > 1 and 0 in slid)
    ):
        return None
    side = POINTS + 1 - p.m[taps[0]].size
    steps = size_of([x for i, x in enumerate(p.m[:-1]) if i not in taps])
    shape = shape_of(_point(p, channel.size, p.n[0].size, MOST_PLACES), target)
    channels, columns = _shares(p, channel.size, shape, slices * steps)
    near = NEAR // (POINTS**2 * (channels + columns) * p.type.bytes)
    places = min(max(near, FEWEST_PLACES), MOST_PLACES, Grid.of(p.k, slid, side).size)
    point = _point(p, channels, columns, places)
    w = Gradient(p, slid, taps, side, point, shape, 0.0, slices, of_given)
    return dataclasses.replace(w, cycles=_cycles(w, target))


def _shares(p: Product, channels: int, shape: Shape, tasks: int) -> tuple[int, int]:
    """Channels and columns of a task: halved until M stays within reach and there are tasks enough, or they are few."""
    sizes = [channels, p.n[0].size]
    most, fewest, units = (
        (MOST_CHANNELS, MOST_COLUMNS),
        (FEWEST_CHANNELS, FEWEST_COLUMNS),
        (shape.lanes, shape.width),
    )
    shares = [1, 1]

    def each(k: int) -> int:
        return min(-(-sizes[k] // (shares[k] * units[k])) * units[k], sizes[k])

    while each(0) > most[0] or each(1) > most[1] or tasks * math.prod(shares) < TASKS:
        larger = max((0, 1), key=lambda k: each(k) / fewest[k])
        if each(larger) < 2 * fewest[larger]:
            break
        shares[larger] *= 2
    return each(0), each(1)


def _point(p: Product, channels: int, columns: int, places: int) -> Product:
    """The product of one point: A is V turned over, C is M, and B is D, laid out in panels when it is made."""
    m, n = Axis(channels, 1, 0, columns), Axis(columns, 0, POINTS**2 * places, 1)
    k = Axis(places, -(-channels // 16) * 16, POINTS**2, 0)
    return Product(p.type, (), (m,), (n,), (k,), (False, True))


def _cycles(w: Gradient, target: Target) -> float:
    """The cost: of the products, and by vectors of V and D before."""
    p, lanes = w.p, w.shape.lanes
    turn = POINTS**2 * (shape_of(w.point, target).cycles + 2.0 * w.channels * w.columns / lanes)
    turn += w.places * (V_CYCLES * w.channels + D_CYCLES[w.side] * w.columns) / lanes
    tasks = -(-p.m[w.channel].size // w.channels) * -(-p.n[0].size // w.columns)
    turns = size_of([*p.batch, *w.steps]) * tasks * -(-w.grid.size // w.places)
    outputs = size_of([*p.batch, *p.m]) * p.n[0].size
    return turns * turn + (SCATTER_CYCLES * outputs if p.n[0].c != 1 else 0.0)


class GradientKernel(PointsKernel):
    """Writes the kernel. In the scratch memory lie V, [point][place][channel], D, [point][panel][place][W], M,
    [point][channel][column], and the gradients of a channel's taps, [tap][column].
    """

    def __init__(self, name: str, w: Gradient, target: Target, finish: Finish):
        super().__init__(name, w, target, finish)
        self.w = w
        rows = w.shape.rows.most
        all_rows = -(-w.channels // rows) * rows  # the last tile may reach beyond
        self.v_row = w.point.k[0].a * self.size
        self.v_point = apart(w.places * self.v_row + all_rows * self.size)
        self.d_point = apart(w.places * self.m_row)
        self.m_point = apart(all_rows * self.m_row)

    def kernel(self) -> Kernel:
        """The kernel with its tasks."""
        c, w, p, size = self.c, self.w, self.w.p, self.size
        shares = -(-p.m[w.channel].size // w.channels), -(-w.all_columns // w.columns)
        arguments, task, scratch = c.parameters
        a, b = c.load(PTR, arguments), c.load(PTR, c.at(arguments, 1, 8))
        rest, column = c.divmod(task, shares[1])
        rest, channel = c.divmod(rest, shares[0])
        rest, step = c.divmod(rest, size_of(w.steps))
        part, batch = c.divmod(rest, size_of(p.batch))
        indices = indices_of(c, batch, p.batch)
        a = moved(c, a, indices, [x.a for x in p.batch], size)
        a = moved(c, a, indices_of(c, step, w.steps), [x.a for x in w.steps], size)
        b = moved(c, b, indices, [x.b for x in p.batch], size)
        a, b = c.at(a, channel, w.channels * size), c.at(b, column, w.columns * size)
        v = Laid(scratch, self.v_row, self.v_point)
        d = Laid(c.at(scratch, POINTS**2 * self.v_point), self.m_row, self.d_point)
        m = Laid(c.at(d.place, POINTS**2 * self.d_point), self.m_row, self.m_point)
        y = c.at(m.place, POINTS**2 * self.m_point)
        self.clear(m)
        start, stop = self.slice(part)
        with c.loop(start, stop, w.places) as first:
            places = Places(first, w.places, c.sub(stop, 1))
            for condition, count in parts(c, channel, p.m[w.channel].size, w.channels):
                axis = p.m[w.channel]._replace(size=count)
                with both(c, condition, None):
                    image_points(c, self.vector, w.grid, [axis], c.opaque(a), places, v)
            self.output_points(c.opaque(b), places, d, column)
            self.products(v, d, m, column, add=True)
        self.hand_over(y, m, part, batch, step, channel, column)
        c.finish()
        tasks = w.slices * size_of([*p.batch, *w.steps]) * shares[0] * shares[1]
        points = self.v_point + self.d_point + self.m_point
        return Kernel(c, tasks, POINTS**2 * points + w.tap_count**2 * self.m_row)

    def slice(self, part: Value) -> tuple[Value, Value]:
        """The places of a slice."""
        c, w = self.c, self.w
        if w.slices == 1:
            return c.i64(0), c.i64(w.grid.size)
        first = w.p.k[0].size
        each = w.grid.size // first
        start = c.minimum(c.mul(part, w.per_slice), first)
        return c.mul(start, each), c.mul(c.minimum(c.add(start, w.per_slice), first), each)

    def output_points(self, b: Value, places: Places, d: Laid, share: Value) -> None:
        """D = A ẏ Aᵀ of some places; zero where there are no outputs, and in columns beyond the last."""
        c, w, p, size = self.c, self.w, self.w.p, self.size
        grid, width = w.grid, w.shape.width
        panels = -(-w.columns // width)
        with c.loop(0, places.rows) as number:
            place = c.add(places.first, number)
            is_there = c.icmp("sle", place, places.last)
            indices, square = grid.find(c, c.minimum(place, places.last))
            there = moved(c, b, indices, [x.b for x in grid.outer], size)
            along: list[
                list[tuple[Value, Value]]
            ] = []  # where outputs are, and whether they are there
            for axis, start in zip((grid.down, grid.across), square, strict=True):
                numbers = [c.add(start, i) for i in range(grid.side)]
                along.append(
                    [
                        (
                            c.mul(c.minimum(i, axis.size - 1), axis.b * size),
                            c.icmp("slt", i, c.i64(axis.size)),
                        )
                        for i in numbers
                    ]
                )
            outputs = []
            for (row, in_row), (step, in_column) in itertools.product(*along):
                exists = c.binary("and", c.binary("and", in_row, in_column), is_there)
                outputs.append((c.opaque(c.at(c.at(there, row), step)), exists))
            with c.loop(0, panels) as panel:
                global_panel = c.add(panel, c.mul(share, panels))
                here = c.at(d.place, panel, width * w.places * size)
                sources = [(c.at(x, panel, width * size), exists) for x, exists in outputs]
                for condition, columns in parts(c, global_panel, p.n[0].size, width):
                    with both(c, condition, None):
                        row_here = c.at(here, number, padded(columns, w.shape) * size)
                        self.row_points(sources, row_here, columns, d.point)

    def row_points(
        self, sources: list[tuple[Value, Value]], here: Value, columns: int, point_bytes: int
    ) -> None:
        """The points of a place for the columns of a panel, from the gradients of its outputs, where they exist."""
        c, size, lanes = self.c, self.size, self.w.shape.lanes
        zero = c.const(0, self.vector)
        for k in range(0, columns, lanes):
            mask = inside(c, columns - k, lanes) if columns - k < lanes else None
            values = [
                c.select(exists, c.load(self.vector, c.at(x, k, size), mask, size), zero)
                for x, exists in sources
            ]
            for point, x in enumerate(over_both(c, to_points, values)):
                c.store(x, c.at(c.at(here, k, size), point * point_bytes), align=size)

    def finished(self, c: Code, y: Value, m: Laid, *numbers: Value) -> None:
        """For each channel its taps."""
        w, p = self.w, self.w.p
        part, batch, step, channel, column = numbers
        batch_indices = indices_of(c, batch, p.batch)
        if w.slices > 1:
            batch_indices = [part, *batch_indices]
        first = c.mul(channel, w.channels)
        with c.loop(0, c.minimum(c.sub(p.m[w.channel].size, first), w.channels)) as number:
            self.from_points(c, w.tap_count, m, number, y, column)
            with c.loop(0, w.tap_count) as i, c.loop(0, w.tap_count) as j:
                at = dict(zip(w.within, indices_of(c, step, w.steps), strict=True))
                at |= {w.taps[0]: i, w.taps[1]: j, w.channel: c.add(first, number)}
                rows = []
                for axes in w.of_given:
                    index = at[axes[0]]
                    for k in axes[1:]:
                        index = c.add(c.mul(index, p.m[k].size), at[k])
                    rows.append(index)
                here = c.at(c.at(y, i, w.tap_count * m.row), j, m.row)
                self.store(c, batch_indices, rows, here, column)
