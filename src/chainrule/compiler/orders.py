"""Sorting along lines: sort, argsort, topk.

An element and where it was become one integer, the element's order above, its index below: of two
such integers the smaller one comes first, and there are no equals, so any way of sorting is stable.
A float's bits are in the order of floats once those of negative numbers are turned over; NaN is the
largest, the zeros are equal; a descending order is that of the complements.

The first few of a line are found by putting each element that belongs to them in its place among
those so far, which most elements of a long line do not. A longer order is made by merging runs, of
1, 2, 4, … elements.
"""

from __future__ import annotations

from typing import Any

from ..base import dtypes
from . import elements
from .code import I32, I64, PTR, Type, Value
from .elements import convert, in_register
from .lines import LineKernel

__all__ = ["OrderKernel"]

FEW = 32
"""So many are put in their places one by one."""

I128 = Type("i128")


class OrderKernel(LineKernel):
    """The order of the elements of lines being written."""

    beside = False

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        attrs = self.eq.attrs
        self.n = self.inputs[0].access.shape[attrs["dim"]]
        self.few = attrs.get("k", self.n)
        self.descending = attrs["largest" if self.eq.op.name == "topk" else "descending"]
        self.dtype = self.inputs[0].dtype
        self.wide = I128 if in_register(self.dtype).bits == 64 else I64
        kept = self.few if self.few <= FEW else 2 * (self.n + 1)
        self.scratch = (kept + 1) * self.wide.bytes
        self.work = min(self.few, 16)

    def line(self, at: list[Value], lanes: int, mask: Value | None) -> None:
        """The order of a line, and what is written of it."""
        if self.few <= FEW:
            found = self._first(at[0])
        else:
            found = self._merged(at[0])
        c, size = self.c, self.wide.bytes
        names = ("indices",) if self.eq.op.name == "argsort" else ("values", "indices")
        with c.loop(0, self.few) as j:
            word = c.load(self.wide, c.at(found, j, size))
            place = c.binary("and", word, c.const((1 << self.wide.bits // 2) - 1, self.wide))
            index = c.cast("trunc", place, I64) if self.wide is I128 else place
            k = len(self.inputs)
            for name, out in zip(names, self.outputs, strict=True):
                if out is None:
                    continue
                if name == "indices":
                    c.store(index, self.element(k, at[k], j))
                else:
                    x = elements.load(c, self.dtype, self.element(0, at[0], index), 1)
                    elements.store(c, self.dtype, x, self.element(k, at[k], j))
                k += 1

    def _word(self, at: Value, j: Value) -> Value:
        """Element j of a line as an integer: its order, then its index."""
        c, half = self.c, self.wide.bits // 2
        x = elements.load(c, self.dtype, self.element(0, at, j), 1)
        t = I64 if self.wide is I128 else I32
        if x.type.floating:
            zero = c.const(0.0, x.type)
            nan = c.fcmp("uno", x, x)
            bits = c.cast("bitcast", c.select(c.fcmp("oeq", x, zero), zero, x), t)
            below = c.binary("ashr", bits, c.const(t.bits - 1, t))
            turned = c.binary("and", below, c.const((1 << (t.bits - 1)) - 1, t))
            largest = c.const((1 << (t.bits - 1)) - 1, t)
            key = c.select(nan, largest, c.binary("xor", bits, turned))
        else:
            key = convert(c, x, self.dtype, dtypes.int64)
            key = key if t is I64 else c.cast("trunc", key, I32)
        if self.descending:
            key = c.binary("xor", key, c.const(-1, t))
        above = c.binary("shl", c.cast("sext", key, self.wide), c.const(half, self.wide))
        index = c.cast("zext", j, self.wide) if self.wide is I128 else j
        return c.binary("or", above, index)

    def _first(self, at: Value) -> Value:
        """The first few of a line, in order."""
        c, size, best = self.c, self.wide.bytes, self.c.parameters[2]
        most = c.const((1 << (self.wide.bits - 1)) - 1, self.wide)
        with c.loop(0, self.few) as j:
            c.store(most, c.at(best, j, size))
        last = c.at(best, self.few - 1, size)
        with c.loop(0, self.n) as j:
            word = self._word(at, j)
            with c.when(c.icmp("slt", word, c.load(self.wide, last))):
                carried = c.variable(self.wide, word)
                with c.loop(0, self.few) as i:
                    place = c.at(best, i, size)
                    a, b = c.load(self.wide, place), carried.get()
                    less = c.icmp("slt", b, a)
                    c.store(c.select(less, b, a), place)
                    carried.set(c.select(less, a, b))
        return best

    def _merged(self, at: Value) -> Value:
        """All of a line in order: runs are merged from one half of the memory into the other."""
        c, n, size = self.c, self.n, self.wide.bytes
        halves = [c.parameters[2], c.at(c.parameters[2], n + 1, size)]
        with c.loop(0, n) as j:
            c.store(self._word(at, j), c.at(halves[0], j, size))
        passes = (n - 1).bit_length()
        source, target = c.variable(PTR, halves[0]), c.variable(PTR, halves[1])
        with c.loop(0, passes) as turn:
            run = c.binary("shl", c.i64(1), turn)
            a, b = source.get(), target.get()
            pairs = c.binary("udiv", c.add(c.binary("lshr", c.i64(n - 1), turn), 2), c.i64(2))
            with c.loop(0, pairs) as pair:
                low = c.mul(c.mul(pair, run), 2)
                middle = c.minimum(c.add(low, run), n)
                self._merge(a, b, low, middle, c.minimum(c.add(middle, run), n))
            source.set(b)
            target.set(a)
        return source.get()

    def _merge(self, source: Value, target: Value, low: Value, middle: Value, high: Value) -> None:
        """Two runs that follow each other, as one in other memory."""
        c, size = self.c, self.wide.bytes
        left, right = c.variable(I64, low), c.variable(I64, middle)
        with c.loop(low, high) as j:
            i, k = left.get(), right.get()
            a, b = (
                c.load(self.wide, c.at(source, i, size)),
                c.load(self.wide, c.at(source, k, size)),
            )
            less = c.binary("or", c.icmp("slt", a, b), c.icmp("sge", k, high))
            first = c.binary("and", less, c.icmp("slt", i, middle))
            c.store(c.select(first, a, b), c.at(target, j, size))
            more = c.cast("zext", first, I64)
            left.set(c.add(i, more))
            right.set(c.sub(c.add(k, 1), more))
