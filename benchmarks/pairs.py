"""Two things measured in turn (A B A B …), so that a machine that drifts hits both alike.

Only the ratio of a pair is worth quoting: the two halves of one pair ran within moments of each other, on the same clock
speed and with the same neighbours. The median over the pairs leaves out the pair that was disturbed.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple


class Paired(NamedTuple):
    """Seconds of A and of B in every round."""

    a: list[float]
    b: list[float]

    @property
    def ratio(self) -> float:
        """Median over the rounds of A/B."""
        return statistics.median(x / y for x, y in zip(self.a, self.b, strict=True))

    @property
    def spread(self) -> tuple[float, float]:
        """The first and third quartile of A/B."""
        first, _, third = statistics.quantiles(
            [x / y for x, y in zip(self.a, self.b, strict=True)], n=4
        )
        return first, third

    @property
    def difference(self) -> float:
        """Median over the rounds of A − B, in seconds."""
        return statistics.median(x - y for x, y in zip(self.a, self.b, strict=True))


def in_turn(a: Callable[[], float], b: Callable[[], float], rounds: int) -> Paired:
    """Call `a` and `b` in turn; each returns the seconds it measured. The first pair warms up and is dropped."""
    a(), b()
    pairs = [(a(), b()) for _ in range(rounds)]
    return Paired([x for x, _ in pairs], [y for _, y in pairs])


def seconds_per_call(call: Callable[[], object], calls: int) -> Callable[[], float]:
    """A measurement of `call` for `in_turn`: the mean of `calls` calls in a row."""

    def measure() -> float:
        start = time.perf_counter()
        for _ in range(calls):
            call()
        return (time.perf_counter() - start) / calls

    return measure
