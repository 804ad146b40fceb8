"""The values that options may have: what is out of range is told before anything is read."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

__all__ = ["number", "whole"]


def whole(low: int) -> Callable[[str], int]:
    """Reads an integer of at least `low`; for `type=` of an option.

    >>> whole(1)("7")
    7
    """

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"expected an integer, found {text!r}") from None
        if value < low:
            raise argparse.ArgumentTypeError(f"expected at least {low}, found {value}")
        return value

    return read


def number(low: float, high: float = math.inf, *, above: bool = False) -> Callable[[str], float]:
    """Reads a finite number, low ≤ number ≤ high; with `above`, low < number.

    >>> number(0, 1, above=True)("0.9")
    0.9
    """
    least = f"{'above' if above else 'at least'} {low:g}"
    wanted = f"a number {least}" + (f" and at most {high:g}" if high < math.inf else "")

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (low < value if above else low <= value) or not value <= high or math.isinf(value):
            raise argparse.ArgumentTypeError(f"expected {wanted}, found {text!r}")
        return value

    return read
