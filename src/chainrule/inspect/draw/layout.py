"""Where nodes go: in layers from top to bottom, with few crossings and straight lines.

Source: Sugiyama, Tagawa & Toda 1981, in four steps: each node one layer below the lowest that feeds
it; a point in each layer that an edge passes; the order within layers, by the mean place of the
neighbours; then places that are as near to the neighbours' as the widths allow.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np

__all__ = ["Layout", "layered", "spread"]

SWEEPS = 12


@dataclass
class Layout:
    """Places: the centre of each node, its layer, and the points that each edge passes between its ends."""

    x: dict[Hashable, float] = field(default_factory=dict)
    layer: dict[Hashable, int] = field(default_factory=dict)
    bends: dict[tuple, list[tuple[float, int]]] = field(default_factory=dict)


def layered(
    nodes: Sequence[Hashable],
    edges: Sequence[tuple],
    widths: dict[Hashable, float],
    gap: float,
) -> Layout:
    """A layout of a graph without circles.

    Args:
        nodes: in an order in which every edge goes forward.
        edges: pairs of nodes.
        widths: the widths of the nodes.
        gap: the least distance between neighbours.

    >>> square = layered("abcd", ["ab", "ac", "bd", "cd"], dict.fromkeys("abcd", 10.0), 4.0)
    >>> [square.layer[n] for n in "abcd"], [square.x[n] for n in "abcd"]
    ([0, 1, 1, 2], [0.0, -7.0, 7.0, 0.0])
    """
    above: dict = {n: [] for n in nodes}
    for a, b in edges:
        above[b].append(a)
    layer: dict = {}
    for n in nodes:
        layer[n] = 1 + max([layer[a] for a in above[n]], default=-1)
    feeds: dict = {n: [layer[b] for a, b in edges if a == n] for n in nodes}
    for n in nodes:  # one that nothing feeds goes down to whom it feeds
        if not above[n] and feeds[n]:
            layer[n] = min(feeds[n]) - 1

    rows: list[list] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for n in nodes:
        rows[layer[n]].append(n)
    near: dict = {n: ([], []) for n in nodes}  # neighbours above and below
    size = dict(widths)
    passed: dict[tuple, list] = {}
    for e in edges:
        a, b = e
        chain = [a]
        for k in range(layer[a] + 1, layer[b]):
            point = ("bend", a, b, k)
            rows[k].append(point)
            near[point] = ([], [])
            size[point] = gap
            chain.append(point)
        passed[a, b] = chain[1:]
        chain.append(b)
        for upper, lower in itertools.pairwise(chain):
            near[upper][1].append(lower)
            near[lower][0].append(upper)

    place = {n: float(k) for row in rows for k, n in enumerate(row)}
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else rows[::-1]:
            wanted = {n: _mean([place[m] for m in near[n][not down]], place[n]) for n in row}
            row.sort(key=wanted.__getitem__)
            place.update({n: float(k) for k, n in enumerate(row)})

    x = {n: 0.0 for row in rows for n in row}
    for sweep in range(2 * SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else rows[::-1]:
            last = sweep >= SWEEPS  # in the end both sides count
            wanted = []
            for n in row:
                sides = [x[m] for m in (*near[n][0], *near[n][1])] if last else [
                    x[m] for m in near[n][not down]
                ]  # fmt: skip
                wanted.append(_mean(sides, x[n]))
            for n, at in zip(row, spread(wanted, [size[n] for n in row], gap), strict=True):
                x[n] = at
    bends = {e: [(x[p], p[3]) for p in points] for e, points in passed.items()}
    return Layout({n: x[n] for n in nodes}, layer, bends)


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def spread(wanted: Sequence[float], widths: Sequence[float], gap: float) -> list[float]:
    """Places in this order, as near to the wanted ones as widths and gaps allow: least squares, by
    pooling those that would overlap (isotonic regression).

    >>> spread([0.0, 0.0, 30.0], [10.0, 10.0, 10.0], 2.0)
    [-6.0, 6.0, 30.0]
    """
    offsets, at = [], 0.0
    for k, width in enumerate(widths):
        at += 0.0 if k == 0 else widths[k - 1] / 2 + gap + width / 2
        offsets.append(at)
    pools: list[list[float]] = []  # sum and count of what moves as one
    for w, o in zip(wanted, offsets, strict=True):
        pools.append([w - o, 1.0])
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] >= pools[-1][0] / pools[-1][1]:
            total, count = pools.pop()
            pools[-1][0] += total
            pools[-1][1] += count
    starts = np.repeat([t / c for t, c in pools], [int(c) for _, c in pools]) if pools else []
    return [float(s + o) for s, o in zip(starts, offsets, strict=True)]
