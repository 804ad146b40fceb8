"""What the kernels of a convolution and of its gradient have in common: how they are cut, the products of all points, and the way
from M to the finish.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ...code import Code, Value
from ...kernel import kernel_code
from ...target import Target
from ..axes import Product
from ..finish import Finish
from ..shape import Blocks, Shape, padded
from ..sums import Sums
from ..tiles import both, chosen
from .points import POINTS, Laid, inside, over_both, parts, to_values

__all__ = ["Cut", "PointsKernel"]


@dataclasses.dataclass(frozen=True)
class Cut:
    """How a product is computed point by point.

    Attributes:
        slid: the numbers of the axes that windows slide along, down and across.
        taps: those of the axes that are their taps.
        side: outputs of a place along an axis.
        point: the product of one point in a task.
        shape: how that is cut.
        cycles: the expected cost of all, in the measure of `Shape`.
    """

    p: Product
    slid: tuple[int, int]
    taps: tuple[int, int]
    side: int
    point: Product
    shape: Shape
    cycles: float

    @property
    def tap_count(self) -> int:
        """Taps along an axis."""
        return POINTS + 1 - self.side

    @property
    def columns(self) -> int:
        """Columns of a task: whole panels, but for those of the last."""
        return self.point.n[0].size

    @property
    def all_columns(self) -> int:
        """Columns of all tasks."""
        return self.p.n[0].size


class PointsKernel:
    """Writes products of points, and hands over what is made of them."""

    def __init__(self, name: str, w: Cut, target: Target, finish: Finish):
        self.c, self.cut, self.finish = kernel_code(name), w, finish
        self.size, self.vector = w.p.type.bytes, w.p.type.of(w.shape.lanes)
        self.sums = Sums(
            self.c, w.point, target, w.shape, Blocks.of(w.point.k, 1, 1), self.c.parameters[2]
        )
        self.m_row = padded(w.columns, w.shape) * self.size

    def clear(self, m: Laid) -> None:
        """Make M zero."""
        c, step = self.c, self.cut.shape.lanes * self.size
        with c.loop(0, POINTS**2 * m.point, step) as i:
            c.store(c.const(0, self.vector), c.at(m.place, i), align=self.size)

    def products(self, a: Laid, b: Laid, m: Laid, share: Value, *, add: bool) -> None:
        """M of all points, or what is added to it: the rows of A times the panels of B, [point][panel][k][W], of a share of
        the columns.
        """
        c, w, size = self.c, self.cut, self.size
        rows, width = w.shape.rows.most, w.shape.width
        panels, step = -(-w.columns // width), w.point.m[0].a * size
        with c.loop(0, POINTS**2) as point, c.loop(0, panels) as panel:
            from_a = c.at(a.place, point, a.point)
            from_b = c.at(c.at(b.place, point, b.point), panel, width * w.point.k[0].size * size)
            to = c.at(c.at(m.place, point, m.point), panel, width * size)
            number = c.add(panel, c.mul(share, panels))
            for condition, columns in parts(c, number, w.all_columns, width):
                vectors = -(-columns // w.shape.lanes)
                with (
                    both(c, condition, None),
                    self.sums.over_blocks(from_a, from_b, c.i64(0), vectors) as block,
                    c.loop(0, w.point.m[0].size, rows) as row,
                ):
                    a_block, b_block, start, stop = block
                    a_rows = c.at(a_block, row, step)
                    found = self.sums.block(a_rows, b_block, start, stop, rows, vectors, None)
                    self.sums.put(found, c.at(to, row, m.row), m.row, add)

    def hand_over(self, y: Value, m: Laid, *numbers: Value) -> None:
        """Give the finish what is made of M. It is a function of its own, as that of other products."""
        c = self.c
        values = [c.parameters[0], y, m.place, *numbers]
        f = c.function("finish", [v.type for v in values])
        arguments, y, place, *numbers_there = f.parameters
        self.finish.enter(f, arguments)
        self.finished(f, y, m._replace(place=place), *numbers_there)
        f.finish()
        c.call(f.name, None, *values)

    def finished(self, c: Code, y: Value, m: Laid, *numbers: Value) -> None:
        """Make of M what the finish is given, by way of y."""
        raise NotImplementedError(f"{type(self).__name__} does not say what becomes of M")

    def from_points(
        self, c: Code, count: int, m: Laid, number: Value, y: Value, share: Value
    ) -> None:  # fmt: skip
        """A row of M made a square of so many values a side, in y: [value][column]."""
        lanes = self.cut.shape.lanes
        counts = [(condition, -(-n // lanes)) for condition, n in self.shares(c, share)]
        with c.loop(0, chosen(c, counts)) as k:
            place = c.at(c.at(m.place, number, m.row), k, lanes * self.size)
            points = [
                c.load(self.vector, c.at(place, point * m.point), align=self.size)
                for point in range(POINTS**2)
            ]
            for result, x in enumerate(over_both(c, to_values(count), points)):
                there = c.at(c.at(y, result * m.row), k, lanes * self.size)
                c.store(x, there, align=self.size)

    def store(
        self, c: Code, batch: Sequence[Value], rows: Sequence[Value], place: Value, share: Value
    ) -> None:
        """Give the finish a row of sums, of a share of the columns."""
        lanes, first = self.cut.shape.lanes, c.mul(share, self.cut.columns)
        columns = self.shares(c, share)

        def hand(v: Value, mask: Value | None) -> None:
            value = c.load(self.vector, c.at(place, v, lanes * self.size), align=self.size)
            self.finish.store(c, batch, rows, [c.add(first, c.mul(v, lanes))], value, mask)

        whole = [(condition, n // lanes) for condition, n in columns]
        with c.loop(0, chosen(c, whole)) as v:
            hand(v, None)
        for condition, n in columns:
            if n % lanes:
                with both(c, condition, None):
                    hand(c.i64(n // lanes), inside(c, n % lanes, lanes))

    def shares(self, c: Code, share: Value) -> list[tuple[Value | None, int]]:
        """How many columns the shares have, and when each is met."""
        return parts(c, share, self.cut.all_columns, self.cut.columns)
