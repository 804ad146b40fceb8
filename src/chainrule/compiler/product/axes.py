"""What is multiplied: axes, with their strides in every operand."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple

from ...base.errors import ShapeError
from ..code import Code, Type, Value

__all__ = ["Axis", "Product", "indices_of", "merged", "moved", "row_major", "size_of", "whole"]


class Axis(NamedTuple):
    """The size of an axis and the elements from one index to the next in A, in B and in C."""

    size: int
    a: int
    b: int
    c: int


@dataclasses.dataclass(frozen=True)
class Product:
    """C[batch, m, n] = Σ_k A[batch, m, k] · B[batch, k, n], each group a list of axes. `steady`
    says of A and B whether they stay as they are while the product is computed again and again: to
    pack them costs nothing.

    `beside`: the axis of n is a batch's, which A moves with too. Then each lane of a vector is a
    product of its own, as each channel of a depthwise convolution is."""

    type: Type
    batch: tuple[Axis, ...]
    m: tuple[Axis, ...]
    n: tuple[Axis, ...]
    k: tuple[Axis, ...]
    steady: tuple[bool, bool] = (False, False)
    beside: bool = False

    def __post_init__(self) -> None:
        for group in ("batch", "m", "n", "k"):
            for axis in getattr(self, group):
                if axis.size < 1:
                    raise ShapeError(f"product: an axis of {group} has size {axis.size}, not ≥ 1")
        for group, operand in (("m", "b"), ("n", "a"), ("k", "c"))[:: 2 if self.beside else 1]:
            for axis in getattr(self, group):
                if getattr(axis, operand) != 0:
                    raise ShapeError(
                        f"product: {operand.upper()} does not have the axes of {group}, but its "
                        f"stride is {getattr(axis, operand)} there; expected 0"
                    )

    @property
    def operations(self) -> float:
        """Multiplications and additions."""
        return 2.0 * math.prod(size_of(g) for g in (self.batch, self.m, self.n, self.k))

    def swapped(self) -> Product:
        """The same with A and B in each other's place: Cᵀ = Bᵀ · Aᵀ."""
        batch, m, n, k = (
            tuple(Axis(x.size, x.b, x.a, x.c) for x in group)
            for group in (self.batch, self.m, self.n, self.k)
        )
        return Product(self.type, batch, n, m, k, self.steady[::-1])

    def side_by_side(self) -> Product | None:
        """The same with the lanes of vectors along the batch, if there are no columns and A lies
        side by side there."""
        along = [x for x in self.batch if x.a == 1 and x.b and x.size > 1]
        if self.n or not self.m or not along:
            return None
        batch = tuple(x for x in self.batch if x is not along[0])
        return dataclasses.replace(self, batch=batch, n=(along[0],), beside=True)

    def merged(self) -> Product:
        """The same with neighbouring axes made one where all strides allow it."""
        batch, m, n, k = (merged(group) for group in (self.batch, self.m, self.n, self.k))
        return dataclasses.replace(self, batch=batch, m=m, n=n, k=k)


def size_of(axes: Sequence[Axis]) -> int:
    """Elements of all axes together."""
    return math.prod(x.size for x in axes)


def merged(axes: Sequence[Axis]) -> tuple[Axis, ...]:
    """Axes of size 1 left out, neighbours joined whose strides are those of one run."""
    result: list[Axis] = []
    for x in axes:
        if x.size == 1:
            continue
        if result and result[-1][1:] == (x.size * x.a, x.size * x.b, x.size * x.c):
            result[-1] = x._replace(size=result[-1].size * x.size)
        else:
            result.append(x)
    return tuple(result)


def whole(p: Product) -> Product:
    """The product with at least one axis in each group that tiles are cut from."""
    one = Axis(1, 0, 0, 0)
    return dataclasses.replace(p, m=p.m or (one,), n=p.n or (one,), k=p.k or (one,))


def row_major(axes: Sequence[Axis], inner: int) -> list[int]:
    """The strides of axes laid out in order, `inner` elements to the innermost index."""
    result = []
    for x in reversed(axes):
        result.append(inner)
        inner *= x.size
    return result[::-1]


def indices_of(c: Code, linear: Value, axes: Sequence[Axis]) -> list[Value]:
    """The index in each axis of an element counted in row-major order."""
    result: list[Value] = []
    for x in reversed(axes[1:]):
        linear, index = c.divmod(linear, x.size)
        result.append(index)
    return [*([linear] if axes else []), *reversed(result)]


def moved(
    c: Code, place: Value, indices: Sequence[Value], strides: Sequence[int], size: int
) -> Value:
    """An address moved by each index times its stride, in elements of `size` bytes."""
    for index, stride in zip(indices, strides, strict=True):
        place = c.at(place, index, stride * size)
    return place
