"""From elements to points and back: the additions before and after the products; and V, made of an image."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ...code import BOOL, Code, Type, Value
from ...target import LINE
from ..axes import Axis, indices_of, moved, row_major, size_of

__all__ = [
    "POINTS", "Grid", "Laid", "Places", "apart", "image_points", "inside", "over_both", "parts", "split", "to_points", "to_values",
    "windows",
]  # fmt: skip

POINTS = 4
"""Of one axis: the taps and the outputs of a place are one more together, 3 and 2 or 2 and 3."""

# ------------------------------------------------------------------------------------- additions


def of_image(c: Code, d: Sequence[Value]) -> list[Value]:
    """Bᵀ d, of four neighbours of an image."""
    return [c.fsub(d[0], d[2]), c.fadd(d[1], d[2]), c.fsub(d[2], d[1]), c.fsub(d[1], d[3])]


def to_points(c: Code, x: Sequence[Value]) -> list[Value]:
    """G x of three values, A x of two: taps or gradients of outputs."""
    if len(x) == 2:
        return [x[0], c.fadd(x[0], x[1]), c.fsub(x[0], x[1]), c.fneg(x[1])]
    half = c.const(0.5, x[0].type)
    ends, middle = c.fmul(c.fadd(x[0], x[2]), half), c.fmul(x[1], half)
    return [x[0], c.fadd(ends, middle), c.fsub(ends, middle), x[2]]


def to_values(count: int) -> Callable[[Code, Sequence[Value]], list[Value]]:
    """Gᵀ m for three values, Aᵀ m for two: outputs or gradients of taps, from the sums of four points."""

    def two(c: Code, m: Sequence[Value]) -> list[Value]:
        return [c.fadd(m[0], c.fadd(m[1], m[2])), c.fsub(c.fsub(m[1], m[2]), m[3])]

    def three(c: Code, m: Sequence[Value]) -> list[Value]:
        half = c.const(0.5, m[0].type)
        ends, middle = c.fmul(c.fadd(m[1], m[2]), half), c.fmul(c.fsub(m[1], m[2]), half)
        return [c.fadd(m[0], ends), middle, c.fadd(ends, m[3])]

    return {2: two, 3: three}[count]


def over_both(
    c: Code, change: Callable[[Code, Sequence[Value]], list[Value]], values: Sequence[Value]
) -> list[Value]:
    """A square of values, row by row, changed along both axes."""
    side = int(len(values) ** 0.5)
    columns = [change(c, values[k::side]) for k in range(side)]
    return [x for row in zip(*columns, strict=True) for x in change(c, row)]


# ---------------------------------------------------------------------------------------- places


def split(positions: Sequence[Axis], taps: Sequence[Axis]) -> list[tuple[Axis, ...]]:
    """The axes of taps, one whose windows slide by several taps at a time as two: kernel of 4, step of 2 are two taps a step apart, and
    one for the place within a step.
    """
    result: list[tuple[Axis, ...]] = []
    for tap in taps:
        for x in positions:
            step, uneven = divmod(x.a, tap.a) if tap.a else (0, 0)
            if x.size > 1 and step > 1 and not uneven and tap.size in (2 * step, 3 * step):
                far = Axis(tap.size // step, step * tap.a, step * tap.b, step * tap.c)
                result.append((far, tap._replace(size=step)))
                break
        else:
            result.append((tap,))
    return result


def windows(
    positions: Sequence[Axis], taps: Sequence[Axis]
) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """The numbers of the two axes that windows slide along, and of those that are their 2 or 3 taps; None if there are not two. Of
    three, the inner ones.
    """
    pairs = [
        (i, j)
        for i, x in enumerate(positions)
        for j, tap in enumerate(taps)
        if x.size > 1 and tap.size in (2, 3) and tap.a == x.a != 0
    ]
    if len(pairs) < 2:
        return None
    down, across = pairs[-2:]
    if down[0] == across[0] or down[1] == across[1] or taps[down[1]].size != taps[across[1]].size:
        return None
    return (down[0], across[0]), (down[1], across[1])


class Grid(NamedTuple):
    """The places of images: the axes before, and the two that windows slide along; a place is a square of outputs of so many a side."""

    outer: tuple[Axis, ...]
    down: Axis
    across: Axis
    side: int

    @staticmethod
    def of(axes: Sequence[Axis], slid: tuple[int, int], side: int) -> Grid:
        """The places along axes, of which windows slide along two."""
        outer = tuple([x for k, x in enumerate(axes) if k not in slid])
        return Grid(outer, axes[slid[0]], axes[slid[1]], side)

    @property
    def counts(self) -> tuple[int, int]:
        """Places along the two axes."""
        return -(-self.down.size // self.side), -(-self.across.size // self.side)

    @property
    def size(self) -> int:
        """All places."""
        return size_of(self.outer) * self.counts[0] * self.counts[1]

    def find(self, c: Code, number: Value) -> tuple[list[Value], list[Value]]:
        """Where a place is: the indices of the outer axes, and those of its first output down and across."""
        rest, x = c.divmod(number, self.counts[1])
        rest, y = c.divmod(rest, self.counts[0])
        return indices_of(c, rest, self.outer), [c.mul(y, self.side), c.mul(x, self.side)]


class Places(NamedTuple):
    """Consecutive places of a grid: the first, how many rows are made of them, and the last that there is."""

    first: Value
    rows: int
    last: Value


class Laid(NamedTuple):
    """Points in scratch memory: bytes from one row to the next and from one point to the next."""

    place: Value
    row: int
    point: int


def apart(bytes: int) -> int:
    """An odd number of lines: what is so far apart falls into different places of the nearest cache."""
    return (-(-bytes // LINE) | 1) * LINE


def image_points(
    c: Code, type: Type, grid: Grid, channels: Sequence[Axis], a: Value, places: Places, v: Laid
) -> None:
    """V = Bᵀ d B of some places: a row for each, of all channels, the last of which lie side by side; they are filled up
    to whole vectors with zeros.

    Rows beyond the last place repeat it; what would be read beyond the image's edge, for outputs that are not there,
    repeats the edge.
    """
    *outer, last = channels
    lanes, size = type.lanes, type.bytes
    length = -(-last.size // lanes) * lanes
    with c.loop(0, places.rows) as number:
        here = c.at(v.place, number, v.row)
        indices, square = grid.find(c, c.minimum(c.add(places.first, number), places.last))
        there = moved(c, a, indices, [x.a for x in grid.outer], size)
        offsets = []
        for axis, start in zip((grid.down, grid.across), square, strict=True):
            taps = POINTS + 1 - grid.side
            reads = [c.add(start, i) for i in range(POINTS)]
            if axis.size % grid.side:
                reads[taps:] = [c.minimum(i, axis.size + taps - 2) for i in reads[taps:]]
            offsets.append([c.mul(i, axis.a * size) for i in reads])
        rows = [c.opaque(c.at(there, offset)) for offset in offsets[0]]
        steps = [c.opaque(offset) for offset in offsets[1]]
        before = c.i64(0)
        with contextlib.ExitStack() as loops:
            for x, inner in zip(outer, row_major(outer, length), strict=True):
                i = loops.enter_context(c.loop(0, x.size))
                before, here = c.add(before, c.mul(i, x.a * size)), c.at(here, i, inner * size)

            def vector(
                k: Value, mask: Value | None, here: Value = here, before: Value = before
            ) -> None:
                offset = c.add(before, c.mul(k, size))
                d = [
                    c.load(type, c.at(c.at(row, step), offset), mask, size)
                    for row in rows
                    for step in steps
                ]
                for point, x in enumerate(over_both(c, of_image, d)):
                    c.store(x, c.at(c.at(here, point * v.point), k, size), align=size)

            whole = last.size - last.size % lanes
            with c.loop(0, whole, lanes) as k:
                vector(k, None)
            if whole < last.size:
                vector(c.i64(whole), inside(c, last.size - whole, lanes))


# -------------------------------------------------------------------------------------- the rest


def parts(c: Code, number: Value, size: int, width: int) -> list[tuple[Value | None, int]]:
    """The sizes of the parts of an axis that is cut, and when each is met, by the number of the part."""
    whole, rest = divmod(size, width)
    if not rest:
        return [(None, width)]
    if not whole:
        return [(None, rest)]
    is_whole, is_last = [c.icmp(how, number, c.i64(whole)) for how in ("ne", "eq")]
    return [(is_whole, width), (is_last, rest)]


def inside(c: Code, count: int, lanes: int) -> Value:
    """The mask of the first lanes."""
    return c.consts([lane < count for lane in range(lanes)], BOOL.of(lanes))
