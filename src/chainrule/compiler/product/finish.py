"""What becomes of the sums: written as they are, or first made into something else."""

from __future__ import annotations

from collections.abc import Sequence

from ..code import I64, PTR, Code, Type, Value
from .axes import Product

__all__ = ["Finish", "Store"]


class Finish:
    """What becomes of the sums. `enter` is called once, where the kernel begins; `store` wherever
    a vector of sums is complete, within loops over the rows and vectors of a tile.

    Attributes:
        ahead: how far along the last axis of m the same row of the next tile is, if it is there: what
            will be read then can be fetched before.
    """

    ahead = 0

    def over(self, p: Product) -> Finish:
        """The finish for this product: `store` will be given indices of the axes of p."""
        return self

    def enter(self, c: Code, arguments: Value) -> None:
        """Load what is needed from the arguments; the finish's own begin at number 2."""

    def store(
        self,
        c: Code,
        batch: Sequence[Value],
        m: Sequence[Value],
        n: Sequence[Value],
        value: Value,
        mask: Value | None,
    ) -> None:
        """Take a vector of sums whose lanes run along the last axis of n.

        Args:
            batch, m, n: the index in each axis of the product, of lane 0 in the last of n; in
                a product cut in slices, batch begins with the number of the slice.
            value: the sums, a vector or a scalar of the product's type.
            mask: which lanes are inside of C; None means all.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say what becomes of the sums")


class Store(Finish):
    """Writes C, at argument 2, by the strides of the axes.

    Args:
        type: what C holds; sums are rounded to it.
        slice: elements from the C of a slice to that of the next.
    """

    def __init__(self, type: Type, slice: int = 0):
        self.type, self.slice = type, slice

    def over(self, p: Product) -> Store:
        """The same, with the strides of p."""
        bound = Store(self.type, self.slice)
        bound.product = p
        return bound

    product: Product
    place: Value

    def enter(self, c: Code, arguments: Value) -> None:
        """Load C's address."""
        self.place = c.load(PTR, c.at(arguments, 2, 8))

    def store(
        self,
        c: Code,
        batch: Sequence[Value],
        m: Sequence[Value],
        n: Sequence[Value],
        value: Value,
        mask: Value | None,
    ) -> None:
        """Write a vector at its place."""
        place, p = self.place, self.product
        if len(batch) > len(p.batch):
            place = c.at(place, batch[0], self.slice * self.type.bytes)
            batch = batch[1:]
        for index, axis in zip([*batch, *m, *n], [*p.batch, *p.m, *p.n], strict=True):
            place = c.at(place, index, axis.c * self.type.bytes)
        self.write(c, place, value, mask)

    def write(self, c: Code, place: Value, value: Value, mask: Value | None) -> None:
        """Write a vector of sums whose lane 0 lies at an address."""
        source, target = value.type, self.type.of(value.type.lanes)
        if source.base != target.base:
            value = c.cast("fptrunc" if target.bits < source.bits else "fpext", value, target)
        stride = self.product.n[-1].c
        if stride == 1 or target.lanes == 1:
            c.store(value, place, mask, align=self.type.bytes)
            return
        steps = c.consts([lane * stride for lane in range(target.lanes)], I64.of(target.lanes))
        c.scatter(value, c.addresses(place, steps, self.type.bytes), mask)
