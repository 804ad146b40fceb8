"""What loops would gather again and again is copied into their order before.

The lanes of a loop run along one axis. An operand that lies otherwise is gathered, one lane after
another, which takes many times as long as a vector that is loaded. Where such an operand is also
broadcast, each of its elements is gathered many times: a bias of relative positions, turned from
(T, T, H) to (H, T, T), for each sequence of a batch. A copy gathers each once.
"""

from __future__ import annotations

import math

from ..graph.ir import Equation, Var
from .fuse import Group, Grouping
from .loops import Loop, Strides, lane_loop
from .reach import Windows
from .roles import LOOKUPS, RANDOM, operand_space
from .space import Access, Axis, Dims, along, row_major, through

__all__ = ["turn_operands"]

READ_AGAIN = 4
"""How often an operand is read for a copy of it to pay."""

FEW = 1024
"""Elements that are gathered in less time than another kernel takes to start."""


def turn_operands(grouping: Grouping) -> None:
    """Put a copy before each loop that would gather an operand more than a few times."""
    kept = grouping.materialised()
    made: dict[int, Var] = {}  # the copy of each value that has one
    out: list[Group] = []
    for g in grouping.groups:
        if g.role == "loops":
            out += _turned(grouping, g, kept, made)
        out.append(g)
    grouping.groups = out


def _turned(
    grouping: Grouping, g: Group, kept: dict[int, Var], made: dict[int, Var]
) -> list[Group]:
    """The copies that a group is to read instead of what it reads, but for those that are there."""
    read = {
        (eq, k): strides
        for eq in g.equations
        for k in range(len(eq.inputs))
        if (strides := _strides(grouping, g, eq, k)) is not None
    }
    written: Strides = []
    for eq in g.equations:
        for v in eq.outputs:
            if v.id in kept and v.id not in grouping.parts:
                lies = grouping.lies(v)
                written.append(along(g.dims[v.id], lies.shape, lies.strides))
    found = [{a: s for a, s in x.items() if s} for x in (*read.values(), *written)]
    weights = [2] * len(read) + [3] * len(written)
    lane = lane_loop([Loop([a]) for a in g.domain()], found, weights)
    if lane is None:
        return []
    places = math.prod([a.size for a in g.domain()])
    copies: list[Group] = []
    now: dict[Equation, Equation] = {}  # what stands for an equation that reads a copy
    for (was, k), strides in read.items():
        if strides.get(lane.inner, 0) < 2:
            continue
        eq = now.get(was, was)
        found_at = _to_copy(grouping, eq, k, g.space[eq], lane.inner)
        if found_at is None:
            continue
        source, views = found_at
        size = math.prod(source.spec.shape)
        if size < FEW or places < READ_AGAIN * size:
            continue
        if source.id not in made:
            made[source.id] = _copied(grouping, source, eq, copies)
        seen = made[source.id]
        for view in views:
            seen = grouping.viewed(seen, view.op.name, **view.attrs)
        now[was] = _reading(grouping, g, eq, k, seen)
    return copies


def _to_copy(
    grouping: Grouping, eq: Equation, k: int, space: Dims, lane: Axis
) -> tuple[Var, list[Equation]] | None:
    """The least value on the way from memory to an operand that would lie along the lanes if it were
    copied row by row, and the views that lead on from there."""
    v = eq.inputs[k]
    assert isinstance(v, Var)
    base, views = grouping.chain(v)
    best: tuple[Var, list[Equation]] | None = None
    for j, u in enumerate([base, *[view.outputs[0] for view in views]]):
        access: Access | None = row_major(u.spec.shape)
        for view in views[j:]:
            access = None if access is None else through(access, view.op, view.attrs)
        if access is None:
            continue
        strides = along(operand_space(eq, k, space), access.shape, access.strides)
        less = best is None or math.prod(u.spec.shape) < math.prod(best[0].spec.shape)
        if strides.get(lane) == 1 and less:
            best = u, views[j:]
    return best


def _strides(grouping: Grouping, g: Group, eq: Equation, k: int) -> dict | None:
    """How an operand from memory is read over the axes of a group; None if it is no such thing."""
    v = eq.inputs[k]
    if not isinstance(v, Var) or v.spec.weak or isinstance(eq, Windows) or eq in grouping.windowed:
        return None
    if (k == 0 and eq.op.name in LOOKUPS | RANDOM) or grouping.made_by_create(v):
        return None
    access = grouping.access(v)
    if access is None or grouping.inside(g, v) is not None:
        return None
    return along(operand_space(eq, k, g.space[eq]), access.shape, access.strides)


def _reading(grouping: Grouping, g: Group, eq: Equation, k: int, v: Var) -> Equation:
    """An equation of a group, reading another value."""
    inputs = [v if j == k else x for j, x in enumerate(eq.inputs)]
    new = Equation(eq.op, inputs, eq.attrs, eq.outputs, eq.place)
    g.equations[g.equations.index(eq)] = new
    g.space[new] = g.space.pop(eq)
    for x in eq.outputs:
        grouping.maker[x.id] = new
    return new


def _copied(grouping: Grouping, v: Var, eq: Equation, copies: list[Group]) -> Var:
    """A row-major copy of a value, made by a group of its own."""
    from ..ops import TABLE

    out = Var(v.spec)
    clone = Equation(TABLE["clone"], (v,), {}, (out,), eq.place)
    copies.append(grouping.alone(clone))
    return out
