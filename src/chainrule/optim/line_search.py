"""A line search: how far to go along a direction d, so that f falls enough and its slope flattens.

With  φ(t) = f(x + t d)  the strong Wolfe conditions are

    φ(t) ≤ φ(0) + c₁ t φ′(0)        the fall is a share of what the slope promises
    |φ′(t)| ≤ c₂ |φ′(0)|            the slope has gone down

Source: Nocedal & Wright 2006, algorithms 3.5 (bracketing) and 3.6 (zoom), in the form of Schmidt's
minFunc, which PyTorch follows; so do the numbers here, one for one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Point", "cubic_minimum", "strong_wolfe"]


class Point(NamedTuple):
    """A place on the line: t, φ(t), the gradient of f there, and the slope φ′(t)."""

    t: float
    f: float
    g: Any
    slope: float


def cubic_minimum(a: Point, b: Point, low: float | None = None, high: float | None = None) -> float:
    """Where the cubic that has the values and slopes of φ at two points is lowest, within [low, high];
    by default between the points.

    >>> flat = Point(0.0, 1.0, None, -2.0), Point(2.0, 1.0, None, 2.0)
    >>> cubic_minimum(*flat)    # of the parabola (t − 1)²
    1.0
    """
    if low is None or high is None:
        low, high = min(a.t, b.t), max(a.t, b.t)
    d1 = a.slope + b.slope - 3 * (a.f - b.f) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    left, right = (a, b) if a.t <= b.t else (b, a)
    d2 = math.sqrt(square) if square >= 0 else math.nan
    below = right.slope - left.slope + 2 * d2
    if below == 0 or math.isnan(below):  # a straight line, no minimum, or not a number
        return (low + high) / 2
    share = (right.slope + d2 - d1) / below
    return min(max(right.t - (right.t - left.t) * share, low), high)


def strong_wolfe(
    evaluate: Callable[[float], Point],
    start: Point,
    t: float,
    longest: float,
    *,
    c1: float = 1e-4,
    c2: float = 0.9,
    tolerance: float = 1e-9,
    evaluations: int = 25,
) -> tuple[Point, int]:
    """A point that meets the conditions, or the best that was found.

    Args:
        evaluate: φ at t.
        start: the point at t = 0.
        t: the first length to try.
        longest: the largest element of d in absolute value.
        c1: see above.
        c2: see above.
        tolerance: an interval whose longest step is shorter is not divided further.
        evaluations: how many there may be, beside the first.

    Returns:
        The point, and how often φ was evaluated.
    """

    def falls_too_little(p: Point) -> bool:
        return p.f > start.f + c1 * p.t * start.slope

    def is_flat(p: Point) -> bool:
        return abs(p.slope) <= -c2 * start.slope

    # bracketing: go on until the minimum lies behind
    before, here = start, evaluate(t)
    count, tries = 1, 0
    bracket: list[Point] = []
    while tries < evaluations:
        if falls_too_little(here) or (tries > 1 and here.f >= before.f):
            bracket = [before, here]
            break
        if is_flat(here):
            return here, count
        if here.slope >= 0:
            bracket = [before, here]
            break
        shortest = here.t + 0.01 * (here.t - before.t)
        further = cubic_minimum(before, here, shortest, here.t * 10)
        before, here = here, evaluate(further)
        count += 1
        tries += 1
    if tries == evaluations:
        bracket = [start, here]

    # zoom: make the interval smaller, its lower end always the lowest point so far
    low, high = (0, 1) if bracket[0].f <= bracket[1].f else (1, 0)
    stuck = False
    while tries < evaluations and abs(bracket[1].t - bracket[0].t) * longest >= tolerance:
        near, far = sorted([bracket[0].t, bracket[1].t])
        t = cubic_minimum(bracket[0], bracket[1])
        # twice close to an end, or at it: a tenth of the interval away from it
        edge = 0.1 * (far - near)
        if min(far - t, t - near) < edge:
            if stuck or t >= far or t <= near:
                t = far - edge if abs(t - far) < abs(t - near) else near + edge
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        here = evaluate(t)
        count += 1
        tries += 1
        if falls_too_little(here) or here.f >= bracket[low].f:
            bracket[high] = here
            low, high = (0, 1) if bracket[0].f <= bracket[1].f else (1, 0)
            continue
        if is_flat(here):
            return here, count
        if here.slope * (bracket[high].t - bracket[low].t) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = here
    return bracket[low], count
