"""What is accumulated while a row is passed over: sums, extremes, truth, and the places of extremes.

A reduction has accumulators, vectors if lanes run along the row. Blocks of a row are accumulated
apart and merged; in the end the lanes are folded onto each other, as a tree. The order depends on
sizes alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..base import dtypes
from ..base.dtypes import DType
from ..graph.ir import Equation
from . import elements
from .code import I32, I64, Value, Variable
from .emit import Emitter
from .roles import PICKS
from .space import Axis, whole

__all__ = ["Pick", "Reduction", "reduction"]

SUMS = frozenset(("sum", "sum_pool", "sum_pool_input"))
NOWHERE = 2**62
"""The place of an element that is none: later than any."""


def reduction(e: Emitter, eq: Equation, loops: Sequence[Axis] = ()) -> Any:
    """The accumulators of an equation. `loops`: the reduced axes in the order in which they are
    gone through, if no two lanes reduce the same row."""
    if eq.op.name not in PICKS and eq.op.name != "max_pool":
        return Reduction(e, eq)
    run = [a for a in _reduced(e, eq) if a.size > 1]
    return InOrder(e, eq) if run and run == list(loops) else Pick(e, eq)


def _reduced(e: Emitter, eq: Equation) -> list[Axis]:
    """The axes along which an extreme is looked for, outer first."""
    if eq.op.name == "max_pool":
        return [a for run in e.grouping.windowed[eq][1] for a in whole(run)]
    return whole(e.group.space[eq][eq.attrs["dim"]])


class Reduction:
    """A reduction being computed: its accumulator, and how two partial results combine."""

    def __init__(self, e: Emitter, eq: Equation):
        self.e, self.eq = e, eq
        self.dtype = eq.outputs[0].spec.dtype
        name = eq.op.name
        half = self.dtype in (dtypes.float16, dtypes.bfloat16)
        self.compute = (
            dtypes.float32 if half else dtypes.bool_ if name in ("any", "all") else self.dtype
        )
        t = elements.in_register(self.compute)
        self.type = t
        if name in SUMS:
            self.identity: Any = 0
        elif name == "prod":
            self.identity = 1
        elif name in ("any", "all"):
            self.identity = name == "all"
        elif t.floating:
            self.identity = -math.inf if name == "amax" else math.inf
        else:
            self.identity = _extreme_integer(self.compute, low=name == "amax")

    def combine(self, a: Value, b: Value) -> Value:
        """Two partial results into one."""
        c, name = self.e.c, self.eq.op.name
        if name in SUMS:
            return c.fadd(a, b) if a.type.floating else c.binary("add", a, b)
        if name == "prod":
            return elements.INSTRUCTIONS["mul"](c, self.compute, a, b)
        if name in ("any", "all"):
            return c.binary("or" if name == "any" else "and", a, b)
        return (elements.maximum if name == "amax" else elements.minimum)(c, self.compute, a, b)

    def start(self, lanes: int) -> Variable:
        """A fresh accumulator."""
        t = self.type.of(lanes)
        return self.e.c.variable(t, self.e.c.const(self.identity, t))

    def reset(self, v: Variable) -> None:
        """An accumulator as it was at the start."""
        v.set(self.e.c.const(self.identity, v.type))

    def add(self, v: Variable) -> None:
        """Take in the operand at this place."""
        e = self.e
        x = e.operand(self.eq, 0, self.compute)
        x = e.c.splat(x, v.type.lanes)
        if e.mask is not None and v.type.lanes > 1:
            x = e.c.select(e.mask, x, e.c.const(self.identity, x.type))
        v.set(self.combine(v.get(), x))

    def merge(self, total: Variable, part: Variable) -> None:
        """Add a block's result to the total, and start the next block."""
        total.set(self.combine(total.get(), part.get()))
        self.reset(part)

    def finish(self, v: Variable, fold: bool) -> None:
        """Hand over the result; `fold` if lanes hold parts of it."""
        y = v.get()
        if fold:
            y = self.e.c.fold(y, self.combine)
        self.e.remember(self.eq.outputs[0].id, elements.rounded(self.e.c, y, self.dtype))


def _extreme_integer(dtype: DType, low: bool) -> int:
    if dtype is dtypes.bool_:
        return 0 if low else 1
    bits = dtype.itemsize * 8
    if dtype is dtypes.uint8:
        return 0 if low else 255
    return -(2 ** (bits - 1)) if low else 2 ** (bits - 1) - 1


class Place(NamedTuple):
    """Accumulators of a pick: the best value so far, and its place."""

    value: Variable
    at: Variable


class Pick:
    """The largest or smallest element and its place: the first of ties. Of NaN, which win, the
    first along an axis, the last in a window, as PyTorch has it."""

    def __init__(self, e: Emitter, eq: Equation):
        self.e, self.eq = e, eq
        x = eq.inputs[0]
        self.dtype = x.spec.dtype  # type: ignore[union-attr]
        half = self.dtype in (dtypes.float16, dtypes.bfloat16)
        self.compute = dtypes.float32 if half else self.dtype
        self.type = elements.in_register(self.compute)
        self.largest = eq.op.name in ("argmax", "max_along", "max_pool")
        if self.type.floating:
            self.identity: Any = -math.inf if self.largest else math.inf
        else:
            self.identity = _extreme_integer(self.compute, low=self.largest)

    def start(self, lanes: int) -> Place:
        """Fresh accumulators."""
        c = self.e.c
        value, index = self.type.of(lanes), I64.of(lanes)
        return Place(
            c.variable(value, c.const(self.identity, value)),
            c.variable(index, c.const(NOWHERE, index)),
        )

    def reset(self, v: Place) -> None:
        """Accumulators as they were at the start."""
        c = self.e.c
        v.value.set(c.const(self.identity, v.value.type))
        v.at.set(c.const(NOWHERE, v.at.type))

    def better(self, a: Value, at: Value, b: Value, bt: Value) -> Value:
        """Whether b at place bt is to be taken rather than a at place at."""
        c = self.e.c
        wins = elements.INSTRUCTIONS["gt" if self.largest else "lt"](c, self.compute, b, a)
        same = elements.INSTRUCTIONS["eq"](c, self.compute, b, a)
        wins = c.binary("or", wins, c.binary("and", same, c.icmp("slt", bt, at)))
        if not self.type.floating:
            return wins
        a_nan, b_nan = c.fcmp("uno", a, a), c.fcmp("uno", b, b)
        how = "sgt" if self.eq.op.name == "max_pool" else "slt"
        fresh = c.binary("xor", a_nan, c.const(True, a_nan.type))
        nan = c.binary("and", b_nan, c.binary("or", fresh, c.icmp(how, bt, at)))
        return c.binary("or", nan, c.binary("and", wins, fresh))

    def take(self, v: Place, x: Value, index: Value) -> None:
        """Take in an element and its place."""
        c = self.e.c
        a, at = v.value.get(), v.at.get()
        yes = self.better(a, at, x, index)
        v.value.set(c.select(yes, x, a))
        v.at.set(c.select(yes, index, at))

    def add(self, v: Place) -> None:
        """Take in the operand at this place."""
        e, c = self.e, self.e.c
        lanes = v.value.type.lanes
        x = c.splat(e.operand(self.eq, 0, self.compute), lanes)
        index, live = self._index()
        index = c.splat(index, lanes)
        for condition in (live, e.mask):
            if condition is not None:
                condition = c.splat(condition, lanes)
                x = c.select(condition, x, c.const(self.identity, x.type))
                index = c.select(condition, index, c.const(NOWHERE, index.type))
        self.take(v, x, index)

    def _index(self) -> tuple[Value, Value | None]:
        """The place of the operand, and whether it is one (not padding)."""
        e, c = self.e, self.e.c
        if self.eq.op.name != "max_pool":
            return e.position(e.group.space[self.eq], self.eq.attrs["dim"]), None
        places, taps = e.grouping.windowed[self.eq]
        attrs, plane = self.eq.attrs, self.spatial()
        steps = [math.prod(plane[k + 1 :]) for k in range(len(plane))]
        live: Value | None = None
        total: Value | None = None
        for k, n in enumerate(plane):
            low, high = attrs["padding"][k]
            moves: dict[Axis, int] = {}
            for run, step in ((places[k], attrs["stride"][k]), (taps[k], attrs["dilation"][k])):
                for a in reversed(whole(run)):
                    moves[a] = step
                    step *= a.size
            at = e.places(-low, moves)
            if low or high:
                inside = c.icmp("ult", at, c.const(n, at.type))
                live = inside if live is None else self._both(live, inside)
            part = c.binary("mul", at, c.const(steps[k], at.type))
            total = part if total is None else c.binary("add", *e.together([total, part]))
        assert total is not None
        return total, live

    def _both(self, a: Value, b: Value) -> Value:
        return self.e.c.binary("and", *self.e.together([a, b]))

    def spatial(self) -> tuple[int, ...]:
        """The spatial sizes of the input of a pool, without padding."""
        x, attrs = self.eq.inputs[0], self.eq.attrs
        padded = x.spec.shape[2:]  # type: ignore[union-attr]
        return tuple(
            [n - low - high for n, (low, high) in zip(padded, attrs["padding"], strict=True)]
        )

    def merge(self, total: Place, part: Place) -> None:
        """Take in a block's result, and start the next block."""
        self.take(total, part.value.get(), part.at.get())
        self.reset(part)

    def finish(self, v: Place, fold: bool) -> None:
        """Hand over value and place."""
        e, c = self.e, self.e.c
        x, index = v.value.get(), v.at.get()
        while fold and x.type.lanes > 1:
            n = x.type.lanes // 2
            if n == 1:
                a, b, at, bt = (
                    c.extract(x, 0),
                    c.extract(x, 1),
                    c.extract(index, 0),
                    c.extract(index, 1),
                )
            else:
                low, high = range(n), range(n, 2 * n)
                a, b = c.shuffle(x, x, low), c.shuffle(x, x, high)
                at, bt = c.shuffle(index, index, low), c.shuffle(index, index, high)
            yes = self.better(a, at, b, bt)
            x, index = c.select(yes, b, a), c.select(yes, bt, at)
        outs = self.eq.outputs
        e.remember(outs[-1].id, index)
        if len(outs) > 1:
            e.remember(outs[0].id, elements.rounded(c, x, self.dtype))


class InOrder(Pick):
    """The same where places are met in their order, by each lane for itself: what comes later wins
    only if it is better, so places need not be compared. They are counted in 32 bits if they fit,
    which are as wide as a float."""

    def __init__(self, e: Emitter, eq: Equation):
        super().__init__(e, eq)
        plane = self.spatial() if eq.op.name == "max_pool" else eq.inputs[0].spec.shape  # type: ignore[union-attr]
        self.places = I32 if math.prod(plane) < 2**31 else I64
        self.nowhere = (1 << (self.places.bits - 1)) - 1

    def start(self, lanes: int) -> Place:
        """Fresh accumulators."""
        c = self.e.c
        value, index = self.type.of(lanes), self.places.of(lanes)
        return Place(
            c.variable(value, c.const(self.identity, value)),
            c.variable(index, c.const(self.nowhere, index)),
        )

    def reset(self, v: Place) -> None:
        """Accumulators as they were at the start."""
        c = self.e.c
        v.value.set(c.const(self.identity, v.value.type))
        v.at.set(c.const(self.nowhere, v.at.type))

    def take(self, v: Place, x: Value, index: Value) -> None:
        """Take in an element and its place, which is later than all so far."""
        c = self.e.c
        a, at = v.value.get(), v.at.get()
        wins = elements.INSTRUCTIONS["gt" if self.largest else "lt"](c, self.compute, x, a)
        if self.type.floating:
            nan = c.fcmp("uno", x, x)
            if self.eq.op.name != "max_pool":  # the first NaN stays
                nan = c.binary("and", nan, c.fcmp("ord", a, a))
            wins = c.binary("or", wins, nan)
        v.value.set(c.select(wins, x, a))
        v.at.set(c.select(wins, index, at))

    def add(self, v: Place) -> None:
        """Take in the operand at this place."""
        e, c = self.e, self.e.c
        lanes = v.value.type.lanes
        x = c.splat(e.operand(self.eq, 0, self.compute), lanes)
        index, live = self._index()
        if live is not None:
            live = c.splat(live, lanes)
            x = c.select(live, x, c.const(self.identity, x.type))
        self.take(v, x, c.splat(self._narrow(index), lanes))

    def merge(self, total: Place, part: Place) -> None:
        """Take in a block's result, and start the next block. A block in which nothing was better
        than nothing has no place, and wins nowhere."""
        self.take(total, part.value.get(), part.at.get())
        self.reset(part)

    def _narrow(self, index: Value) -> Value:
        if self.places is I64:
            return index
        return self.e.c.cast("trunc", index, I32.of(index.type.lanes))

    def finish(self, v: Place, fold: bool) -> None:
        """Hand over value and place; the first place if none was better than nothing."""
        e, c = self.e, self.e.c
        index = v.at.get()
        none = c.icmp("eq", index, c.const(self.nowhere, index.type))
        if self.places is I32:
            index = c.cast("sext", index, I64.of(index.type.lanes))
        index = c.select(none, c.splat(self._first(), index.type.lanes), index)
        outs = self.eq.outputs
        e.remember(outs[-1].id, index)
        if len(outs) > 1:
            e.remember(outs[0].id, elements.rounded(c, v.value.get(), self.dtype))

    def _first(self) -> Value:
        """The first place of a row, or of a window that is not padding."""
        e, c = self.e, self.e.c
        if self.eq.op.name != "max_pool":
            return c.i64(0)
        places, _ = e.grouping.windowed[self.eq]
        attrs, plane = self.eq.attrs, self.spatial()
        total: Value | None = None
        for k in range(len(plane)):
            low, _ = attrs["padding"][k]
            moves, step = {}, attrs["stride"][k]
            for a in reversed(whole(places[k])):
                moves[a] = step
                step *= a.size
            at = e.places(-low, moves)
            if low:  # as many taps further as begin before the edge
                by = c.const(attrs["dilation"][k], at.type)
                zero = c.const(0, at.type)
                short = c.binary("sub", c.binary("sub", by, c.const(1, by.type)), at)
                over = c.binary("mul", c.binary("sdiv", short, by), by)
                at = c.select(c.icmp("slt", at, zero), c.binary("add", at, over), at)
            part = c.binary("mul", at, c.const(math.prod(plane[k + 1 :]), at.type))
            total = part if total is None else c.binary("add", *e.together([total, part]))
        assert total is not None
        return total
