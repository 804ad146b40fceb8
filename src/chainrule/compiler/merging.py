"""Loops over the same places that become one.

An equation joins the group of its newest operand, so what an optimizer makes of a parameter, of its
averages and of its gradient begins three groups: each has an operand that no group has made. Where
all that reads the values of one such group is another over the same axes, the two are one loop, and
what was between them is not written to memory and read again (AdamW goes over seven arrays and not
over eleven).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..graph.ir import Equation, Var
from .roles import LOOKUPS, RANDOM, operand_space
from .space import Axis, Dims, along, whole

if TYPE_CHECKING:
    from .fuse import Group, Grouping

__all__ = ["merge_loops"]

Reading = tuple["Group", Equation, int]
"""A group, an equation in it, and which operand of it reads a value."""


def merge_loops(grouping: Grouping) -> None:
    """Put each loop that one other alone reads into that one, if they go over the same places."""
    readings = _readings(grouping)
    for g in reversed(grouping.groups):  # what is read is older: chains end in their last
        if _plain(grouping, g):
            _merge(grouping, g, readings)
    grouping.groups = [g for g in grouping.groups if g.equations]


def _plain(grouping: Grouping, g: Group) -> bool:
    """Whether a group computes element by element, and whole values."""
    return (
        g.role == "loops"
        and not g.reduced
        and not any([v.id in grouping.parts for eq in g.equations for v in eq.outputs])
    )


def _readings(grouping: Grouping) -> dict[int, list[Reading]]:
    """Who reads the values of each group (by index), but for itself."""
    found: dict[int, list[Reading]] = {}
    for g in grouping.groups:
        for eq in g.equations:
            for k, v in enumerate(eq.inputs):
                if isinstance(v, Var) and not v.spec.weak:
                    made = grouping.home.get(grouping.chain(v)[0].id)
                    if made is not None and made is not g:
                        found.setdefault(made.index, []).append((g, eq, k))
    return found


def _merge(grouping: Grouping, h: Group, readings: dict[int, list[Reading]]) -> None:
    """Put a group into the one that reads it, if there is one such."""
    mine = readings.get(h.index, [])
    if not mine:
        return
    g = mine[0][0]
    if not _plain(grouping, g) or any([reader is not g for reader, _, _ in mine]):
        return
    same = _identified(grouping, h, mine)
    if same is None or {*same.values()} != {*g.domain()}:
        return
    if not _walks(grouping, h, same) <= _walks(grouping, g, {a: a for a in g.domain()}):
        return  # a copy into another order has loops of its own

    def moved(dims: Dims) -> Dims:
        return [[same[a] for a in whole(run)] for run in dims]

    g.equations = [*h.equations, *g.equations]
    for eq in h.equations:
        g.space[eq] = moved(h.space[eq])
        for v in eq.outputs:
            g.dims[v.id], g.phase[v.id] = moved(h.dims[v.id]), 0
            grouping.home[v.id] = g
        for v in grouping.operands(eq):  # what the one read, the other reads
            made = grouping.home.get(grouping.chain(v)[0].id, g)
            if made is not g and made is not h:
                before = readings[made.index]
                readings[made.index] = [(g if r is h else r, at, k) for r, at, k in before]
    h.equations = []


def _walks(grouping: Grouping, g: Group, same: dict[Axis, Axis]) -> set[frozenset]:
    """How a group steps through the memory that it reads, where that is as large as all it goes over."""
    found = set()
    for eq in g.equations:
        for k, v in enumerate(eq.inputs):
            if not isinstance(v, Var) or v.spec.weak or (k == 0 and eq.op.name in LOOKUPS | RANDOM):
                continue
            access = grouping.access(v)
            if grouping.made_by_create(v) or access is None or grouping.inside(g, v) is not None:
                continue
            strides = along(operand_space(eq, k, g.space[eq]), access.shape, access.strides)
            if len(strides) == len(same) and all(strides.values()):
                found.add(frozenset((same[a], n) for a, n in strides.items()))
    return found


def _identified(grouping: Grouping, h: Group, readings: list[Reading]) -> dict[Axis, Axis] | None:
    """Which axis of its reader each axis of a group is; None if some reading says otherwise than
    another, or reads at places of its own."""
    same: dict[Axis, Axis] = {}
    for g, eq, k in readings:
        if eq not in g.space or (k == 0 and eq.op.name in LOOKUPS | RANDOM):
            return None
        read = grouping.inside(h, eq.inputs[k])
        if not isinstance(read, list):
            return None
        there = operand_space(eq, k, g.space[eq])
        for mine, theirs in zip(read, there[len(there) - len(read) :], strict=True):
            if not mine:
                continue
            a, b = whole(mine), whole(theirs)
            if [x.size for x in a] != [y.size for y in b]:
                return None
            for x, y in zip(a, b, strict=True):
                if same.setdefault(x, y) is not y:
                    return None
    alike = len({*same.values()}) == len(same) and {*same} == {*h.domain()}
    return same if alike else None
