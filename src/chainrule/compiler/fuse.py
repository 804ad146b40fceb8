"""Which equations become one kernel.

Equations are taken in order. One that computes element by element, or reduces, joins the group of
its newest operand if the two meet in one index space (see `space`), and starts a group otherwise.
So the values between them never see memory, and since every operand of an equation lies in its own
group or an older one, the groups are in an order in which they can run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..graph.ir import Equation, Literal, Program, Var
from ..ops import Spec
from .elements import EXPENSIVE
from .layouts import Layouts
from .merging import merge_loops
from .pieces import assemble
from .roles import PICKS, RANDOM, indices_of, lookup_dims, reduces_nothing, role
from .space import Access, Axis, Dims, cut, whole

__all__ = ["Group", "Grouping"]

LONGEST_ROW = 1 << 16
"""Elements of a row that a group may pass over more than once: they should stay in the cache."""

MUCH = 4096
"""Elements that are worth not being written to memory."""


class Group:
    """Equations of one kernel. `dims` says over which axes each value made here runs, `space`
    over which each equation loops (a reduction loops over more than its result).
    """

    def __init__(self, index: int, role: str):
        self.index, self.role = index, role
        self.equations: list[Equation] = []
        self.dims: dict[int, Dims] = {}
        self.space: dict[Equation, Dims] = {}
        self.axes: list[Axis] = []
        self.reduced: list[Axis] = []
        self.phase: dict[int, int] = {}  # how many reductions lie before a value
        self.closed = False
        self.loop: Any = None  # of a scan: its `scanning.Loop`

    @property
    def anchor(self) -> Equation | None:
        """The equation that the kernel is made for, if it is not a plain loop."""
        return None if self.role == "loops" else self.equations[0]

    def domain(self) -> list[Axis]:
        """All axes, as they are after splits."""
        return whole(self.axes)

    def over(self, axes: Sequence[Axis], what: Sequence[Axis]) -> bool:
        """Whether some of the axes are among those of `what`."""
        mine = set(whole(what))
        return any([a in mine for a in whole(axes)])


class Grouping(Layouts):
    """A program cut into groups."""

    home: dict[int, Group]

    def __init__(
        self, program: Program, slices: Callable[[Equation], int], windows: Callable[[Grouping, Equation], None],
        scans: Callable[[Grouping, Equation], None], layout: dict[int, Access] | None = None, steps: bool = False,
    ):  # fmt: skip
        super().__init__(program, dict(layout or {}), steps)
        self.slices, self.windows, self.scans = slices, windows, scans
        self.padded: dict[tuple, Var] = {}
        self.windowed: dict[Equation, tuple[Dims, Dims]] = {}  # pools: axes of positions and taps
        self.sliced: dict[Equation, int] = {}  # products whose results are partial sums
        self.groups: list[Group] = []
        self.spread: dict[int, Equation] = {}  # what is computed where it is read
        self.copies: dict[int, Var] = {}  # values that had to be copied
        self.steady: set[int] = set()  # inputs that stay the same while the program runs many times
        for eq in program.equations:
            self.place(eq)
        self._check_order()
        merge_loops(self)

    def _check_order(self) -> None:
        """Nothing is read before it is made."""
        for g in self.groups:
            for eq in g.equations:
                for v in self.operands(eq):
                    made = self.home.get(self.chain(v)[0].id, g)
                    assert made.index <= g.index, f"{eq.op.name} reads what is made after it"

    # -------------------------------------------------------------------------------- placing

    def assembly(self, eq: Equation) -> None:
        """The place in the order where a value that is put together is complete."""
        g = self._new("assembly")
        g.equations.append(eq)
        g.closed = True
        self.home[eq.outputs[0].id] = g

    def own(self, eq: Equation, role: str) -> Group:
        """An equation in a group of its own, which nothing joins."""
        g = self._new(role)
        self._own(g, eq, [], True)
        return g

    def alone(self, eq: Equation) -> Group:
        """A loop for one equation, which stands nowhere in the order yet."""
        g = Group(len(self.groups), "loops")
        self.maker[eq.outputs[0].id] = eq
        joined = self._join(g, eq, "pointwise")
        assert joined, f"{eq.op.name} does not fit an empty group"
        return g

    def contiguous(self, v: Var) -> Var:
        """A value that lies row-major without gaps, and will: this one, or a copy."""
        access = self.access(v)
        v = v if access is not None and access.contiguous else self._copied(v)
        self.settled.add(self.chain(v)[0].id)
        return v

    def own_product(self, eq: Equation, dims: Dims, *, closed: bool = False) -> None:
        """A product in a group of its own, over given axes. One with a long sum and a small
        result is computed in slices, which are summed after."""
        from ..ops import TABLE

        out = eq.outputs[0]
        self.lay_apart(out)
        n = self.slices(eq)
        if n == 1:
            self._own(self._new("anchor"), eq, dims, closed)
            return
        partial = Var(Spec((n, *out.spec.shape), out.spec.dtype))
        size = math.prod(out.spec.shape)
        self.lay(partial, Access(partial.spec.shape, (size, *self.lies(out).strides)))
        eq.outputs = (partial,)
        self.sliced[eq] = n
        self.maker[partial.id] = eq
        self._own(self._new("anchor"), eq, [[Axis(n)], *dims], True)
        total = Equation(
            TABLE["sum"], (partial,), {"dim": (0,), "keepdim": False}, (out,), eq.place
        )
        self.place(total)

    def place(self, eq: Equation) -> None:
        """Take in the next equation."""
        for v in eq.outputs:
            self.maker[v.id] = eq
        what = role(eq)
        if eq.outputs[0].spec.weak or what in ("create", "view"):
            return  # numbers are the host's; the others are followed where they are read
        if what == "reduce" and reduces_nothing(eq):
            self._place_element(eq)
            return
        if what == "flip":
            self._place_flip(eq)
            return
        if what == "pointwise" and self._spreads(eq):
            self.spread[eq.outputs[0].id] = eq
            return
        eq = self._legal(eq, what)
        if what in ("pointwise", "lookup", "reduce"):
            self._place_in_loops(eq, what)
        elif what == "assembly":
            assemble(self, eq)
        elif what == "window":
            self.windows(self, eq)
        elif what == "scan":
            self.scans(self, eq)
        elif what == "anchor":
            self.own_product(*_with_axes(eq))
        elif what == "attention":
            for v in eq.outputs:
                self.lay_as_read(v)
            self._own(self._new(what), eq, [], True)
        else:
            self._own(self._new(what), eq, [], True)

    def _place_in_loops(self, eq: Equation, what: str) -> None:
        """An equation that loops: in the group of its newest operand, or in one of its own."""
        newest = self._newest(eq)
        if newest is not None and self._join(newest, eq, what):
            return
        if self.steps and what == "pointwise" and self._join_neighbour(newest, eq):
            return
        joined = self._join(self._new("loops"), eq, what)
        assert joined, f"{eq.op.name} does not fit an empty group"

    def _spreads(self, eq: Equation) -> bool:
        """Whether an equation is better computed where it is read than written to memory: it makes much
        out of little (a mask from an index and a range), or is a little arithmetic on one result of
        the program, which lies in memory in any case (what an optimizer makes of a gradient)."""
        out = eq.outputs[0]
        size = math.prod(out.spec.shape)
        kept = out.id in self.seen_in_results or out.id in self.parts or eq.op.name == "clone"
        if size < MUCH or kept or eq.op.name in EXPENSIVE:
            return False
        sources = self._sources(eq, size)
        return not sources or (
            len(sources) == 1 and sources <= self.seen_in_results and sources <= self.home.keys()
        )

    def _sources(self, eq: Equation, size: int) -> set[int]:
        """The values of about a size that an equation reads, from memory at last: what is computed
        where it is read stands for what that is computed from."""
        found: set[int] = set()
        for v in self.operands(eq):
            base = self.chain(v)[0]
            if base.id in self.spread:
                found |= self._sources(self.spread[base.id], size)
            elif not self.made_by_create(v) and 8 * math.prod(v.spec.shape) > size:
                found.add(base.id)
        return found

    def _spread_out(self, v: Var, what: str, newest: Group | None) -> Var:
        """Such a value for one who reads it: computed again in the reader's group if it fits."""
        base, views = self.chain(v)
        found = self.copies.get(base.id)
        if found is None:
            eq = self.spread[base.id]
            found = Var(base.spec)
            again = Equation(eq.op, eq.inputs, eq.attrs, (found,), eq.place)
            again = self._legal(again, "pointwise", newest)
            self.maker[found.id] = again
            made = self._newest(again)  # what it reads may have had to begin a newer group
            inside = what in ("pointwise", "reduce") and newest is not None
            if inside and made is not None and made.index > newest.index:  # type: ignore[union-attr]
                inside = False
            if not (inside and self._join(newest, again, "pointwise")):  # type: ignore[arg-type]
                self.copies[base.id] = found
                self._place_in_loops(again, "pointwise")
        for eq in views:
            found = self.viewed(found, eq.op.name, **eq.attrs)
        return found

    def _place_flip(self, eq: Equation) -> None:
        """Reversed axes: a copy of a view that walks backwards."""
        from ..ops import TABLE

        x = eq.inputs[0]
        assert isinstance(x, Var)
        for d in eq.attrs["dims"]:
            if x.spec.shape[d] > 1:
                back = Var(x.spec)
                attrs = {"dim": d, "start": None, "stop": None, "step": -1}
                self.maker[back.id] = Equation(TABLE["slice_"], (x,), attrs, (back,), eq.place)
                x = back
        self.place(Equation(TABLE["clone"], (x,), {}, eq.outputs, eq.place))

    def _place_element(self, eq: Equation) -> None:
        """A reduction over axes of size 1: the elements themselves, at place 0."""
        from ..ops import TABLE

        out, last = eq.outputs[0], eq.outputs[-1]
        if eq.op.name in PICKS:
            attrs = {"shape": last.spec.shape, "value": 0, "dtype": last.spec.dtype}
            self.place(Equation(TABLE["full"], (), attrs, (last,), eq.place))
            if out is last:
                return
        seen = self.viewed(eq.inputs[0], "view", shape=out.spec.shape)  # type: ignore[arg-type]
        if eq.op.name == "sum" and out.spec.dtype.is_floating_point:  # a sum starts at +0
            self.place(Equation(TABLE["add"], (seen, Literal(0.0)), {}, (out,), eq.place))
        else:
            attrs = {"dtype": out.spec.dtype}
            self.place(Equation(TABLE["cast"], (seen,), attrs, (out,), eq.place))

    def _new(self, role: str) -> Group:
        g = Group(len(self.groups), role)
        self.groups.append(g)
        return g

    def _own(self, g: Group, eq: Equation, dims: Dims, closed: bool) -> None:
        """An anchor or host equation in its own group."""
        g.equations.append(eq)
        g.closed = closed
        for v in eq.outputs:
            self.home[v.id] = g
            g.dims[v.id] = dims
            g.phase[v.id] = 0
        g.axes += [a for run in dims for a in run]

    def _legal(self, eq: Equation, what: str, reader: Group | None = None) -> Equation:
        """The equation with operands that it can read: strided views of memory or of values made
        in its group, and memory where it needs some. What is computed where it is read joins the
        group of the equation, or that of its reader."""
        inputs = list(eq.inputs)
        if any([isinstance(v, Var) and self.chain(v)[0].id in self.spread for v in inputs]):
            newest = reader or self._newest(eq)
            for k, v in enumerate(inputs):
                if isinstance(v, Var) and self.chain(v)[0].id in self.spread:
                    inputs[k] = self._spread_out(v, what, newest)
        for k, v in enumerate(inputs):
            if not isinstance(v, Var) or v.spec.weak:
                continue
            if self.made_by_create(v):
                read = (
                    what == "lookup" or eq.op.name in RANDOM
                )  # from memory, at a place of its own
                if what in ("anchor", "window", "scan", "attention", "lines") or (k == 0 and read):
                    inputs[k] = self._copied(v)
                elif what == "scatter" and (v in indices_of(eq) or not self._filled(v)):
                    inputs[k] = self._copied(v)
                continue
            access = self.access(v)
            if access is None:
                inputs[k] = self._reached(v)
            elif what == "scatter" and k == 0:
                inputs[k] = self.contiguous(v)
        if tuple(inputs) == eq.inputs:
            return eq
        legal = Equation(eq.op, inputs, eq.attrs, eq.outputs, eq.place)
        for v in eq.outputs:
            self.maker[v.id] = legal
        return legal

    def _filled(self, v: Var) -> bool:
        """Whether a value is one number everywhere."""
        return self.maker[self.chain(v)[0].id].op.name == "full"

    def _copied(self, v: Var) -> Var:
        """A copy of a value, in memory if another group reads it."""
        from ..ops import TABLE

        found = self.copies.get(v.id)
        if found is None:
            found = self.copies[v.id] = Var(v.spec)
            clone = Equation(TABLE["clone"], (v,), {}, (found,), self.maker[v.id].place)
            self.place(clone)
        return found

    def _reached(self, v: Var) -> Var:
        """A view that no strides can say, as a view of a copy of what it could not see through."""
        _, views = self.chain(v)
        at = next(k for k in range(len(views)) if self.access(views[k].outputs[0]) is None)
        source = views[at].inputs[0]
        assert isinstance(source, Var)
        seen = self._copied(source)
        for eq in views[at:]:
            seen = self.viewed(seen, eq.op.name, **eq.attrs)
        return seen if self.access(seen) is not None else self._reached(seen)

    def _newest(self, eq: Equation) -> Group | None:
        """The newest group among those that make the operands, and what operands that are computed
        where they are read are computed from: none of that is there any earlier."""
        found = []
        waiting = list(eq.inputs)
        while waiting:
            v = waiting.pop()
            if not isinstance(v, Var):
                continue
            base = self.chain(v)[0]
            if base.id in self.home:
                found.append(self.home[base.id])
            elif base.id in self.copies:
                waiting.append(self.copies[base.id])
            elif base.id in self.spread:
                waiting += self.spread[base.id].inputs
        return max(found, key=lambda g: g.index, default=None)

    # -------------------------------------------------------------------------------- joining

    def _join(self, g: Group, eq: Equation, what: str) -> bool:
        if g.closed:
            return False
        if what == "reduce":
            return self._join_reduce(g, eq)
        shape = eq.outputs[0].spec.shape
        operands = list(eq.inputs)
        if what == "lookup":
            table = operands[0]
            assert isinstance(table, Var)
            if self.home.get(self.chain(table)[0].id) is g or self.made_by_create(table):
                return False
            operands = operands[1:]
        if eq.op.name in RANDOM:
            state = operands.pop()
            if self.home.get(self.chain(state)[0].id) is g:  # type: ignore[arg-type]
                return False
        dims = self._dims(g, eq, shape, operands, what)
        if dims is None:
            return False
        v = eq.outputs[0]
        g.equations.append(eq)
        g.dims[v.id], g.space[eq] = dims, dims
        g.phase[v.id] = max(
            [g.phase.get(self.chain(o)[0].id, 0) for o in eq.inputs if isinstance(o, Var)],
            default=0,
        )
        self.home[v.id] = g
        self.lay_as_operands(eq)
        return True

    def _join_neighbour(self, newest: Group | None, eq: Equation) -> bool:
        """Join a group that has nothing to do with the equation but its index space: the fewer
        small kernels, the less threads wait for each other."""
        for g in reversed(self.groups[0 if newest is None else newest.index + 1 :]):
            if g.role == "loops" and not g.reduced and self._join(g, eq, "pointwise"):
                return True
        return False

    def inside(self, g: Group, v: Any) -> Dims | bool | None:
        """The axes of an operand made in this group; None if it is made elsewhere, False if it is
        seen through a view that axes cannot say."""
        if not isinstance(v, Var):
            return None
        base, views = self.chain(v)
        if self.home.get(base.id) is not g:
            return None
        dims: Dims | None = g.dims[base.id]
        shape = base.spec.shape
        for eq in views:
            dims = _viewed(eq, dims, shape)  # type: ignore[arg-type]
            if dims is None:
                return False
            shape = eq.outputs[0].spec.shape
        return dims

    def _dims(
        self, g: Group, eq: Equation, shape: tuple, operands: Sequence, what: str
    ) -> Dims | None:
        """Over which axes of the group an equation of this shape runs."""
        found: list[list[Axis] | None] = [None if n > 1 else [] for n in shape]
        for v in operands:
            inside = self.inside(g, v)
            if inside is False:
                return None
            if inside is None:
                continue
            assert isinstance(inside, list)
            if what == "lookup":
                inside = lookup_dims(eq, inside, len(shape))
            skip = len(shape) - len(inside)
            for k, run in enumerate(inside):
                if not whole(run):
                    continue
                before = found[skip + k]
                if before is None:
                    found[skip + k] = whole(run)
                elif whole(before) != whole(run):
                    return None
        return self._completed(g, shape, found)

    def _completed(self, g: Group, shape: tuple, found: list) -> Dims | None:
        """Dimensions that no operand of the group runs over: axes of the group that are free, or
        new ones."""
        used = {a for run in found if run for a in whole(run)}
        missing = [k for k, run in enumerate(found) if run is None]
        if len(used) != sum([len(whole(run)) for run in found if run]):
            return None  # one axis twice, as in x + x.T
        if missing:
            free = [a for a in g.domain() if a not in used]
            runs = cut(free, [shape[k] for k in missing]) if free else None
            if runs is None:
                # what was reduced would be reduced again for each place along a new axis
                if g.anchor is not None or g.reduced or (free and g.equations):
                    return None
                runs = [[Axis(shape[k])] for k in missing]
                g.axes += [a for run in runs for a in run]
            for k, run in zip(missing, runs, strict=True):
                found[k] = run
        return [whole(run) for run in found]

    def _join_reduce(self, g: Group, eq: Equation) -> bool:
        if g.anchor is not None:
            return False
        x = eq.inputs[0]
        assert isinstance(x, Var)
        shape = x.spec.shape
        space = self._dims(g, eq, shape, [x], "reduce")
        if space is None:
            return False
        dim = (eq.attrs["dim"],) if eq.op.name in PICKS else eq.attrs["dim"]
        over = [a for k in dim for a in whole(space[k])]
        if g.reduced and set(whole(g.reduced)) != set(over):
            return False
        rows = math.prod([a.size for a in g.domain() if a not in set(over)])
        length = math.prod([a.size for a in over])
        if g.equations and not g.reduced and length > LONGEST_ROW:
            # passing again over what was computed before would cost more than reading it
            return False
        if not g.reduced:
            g.reduced = over
        if length > LONGEST_ROW or rows == 0:
            g.closed = True
        keep = eq.attrs["keepdim"]
        dims = [[] if k in dim else run for k, run in enumerate(space) if keep or k not in dim]
        self._reduced(g, eq, space, dims, g.phase.get(self.chain(x)[0].id, 0))
        return True

    def _reduced(self, g: Group, eq: Equation, space: Dims, dims: Dims, before: int) -> None:
        g.equations.append(eq)
        g.space[eq] = space
        for v in eq.outputs:
            g.dims[v.id] = dims
            g.phase[v.id] = before + 1
            self.home[v.id] = g

    def own_reduction(self, eq: Equation, dims: Dims, places: Dims, taps: Dims) -> None:
        """A reduction over windows, in a group that others may join."""
        g = self._new("loops")
        g.axes = [a for run in [*dims, *taps] for a in run]
        g.reduced = [a for run in taps for a in run]
        for v in eq.outputs:
            self.maker[v.id] = eq
        self.windowed[eq] = (places, taps)
        self._reduced(g, eq, dims, dims, 0)

    # ------------------------------------------------------------------------------ what is kept

    def operands(self, eq: Equation) -> Iterator[Var]:
        """The values of memory or of the group that an equation reads, without numbers."""
        for v in eq.inputs:
            if isinstance(v, Var) and not v.spec.weak:
                yield v

    def materialised(self) -> dict[int, Var]:
        """The values made here that must lie in memory: read by another group, or results."""
        out: dict[int, Var] = {}
        for g in self.groups:
            for eq in g.equations:
                for v in self.operands(eq):
                    base = self.chain(v)[0]
                    made = self.home.get(base.id)
                    if made is not None and made is not g:
                        out[base.id] = base
        for result in self.program.outputs:
            if isinstance(result, Var):
                base = self.chain(result)[0]
                if base.id in self.home:
                    out[base.id] = base
        for g in self.groups:
            if g.role in ("host", "assembly", "scan"):
                for v in g.equations[0].outputs:
                    if v.id in self.home:
                        out[v.id] = v
            for eq in g.equations:
                for v in eq.outputs:
                    if v.id in self.parts:
                        out[v.id] = v
        return out


def _with_axes(eq: Equation) -> tuple[Equation, Dims]:
    """A copy of a product's equation, and axes for its result; vectors run along the last."""
    dims: Dims = [[Axis(n)] if n > 1 else [] for n in eq.outputs[0].spec.shape]
    if dims and dims[-1]:
        dims[-1][0].fixed = True
    return Equation(eq.op, eq.inputs, eq.attrs, eq.outputs, eq.place), dims


def _viewed(eq: Equation, dims: Dims, shape: tuple) -> Dims | None:
    """The axes of a view of a value that is not in memory; None if axes cannot say it."""
    name = eq.op.name
    if name == "permute":
        return [dims[k] for k in eq.attrs["dims"]]
    new = eq.outputs[0].spec.shape
    if name == "expand":
        skip = len(new) - len(shape)
        return [[] for _ in range(skip)] + list(dims)
    if name == "view":
        if any([n > 1 and not whole(run) for n, run in zip(shape, dims, strict=True)]):
            return None
        return cut([a for run in dims for a in run], new)
    if name == "select" and shape[eq.attrs["dim"]] == 1:
        return [run for k, run in enumerate(dims) if k != eq.attrs["dim"]]
    return None
