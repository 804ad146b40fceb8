"""Series of numbers over time: timeseries."""

from __future__ import annotations

import numpy as np

from ..readers import read_table
from .parts import Series
from .places import Found

__all__ = ["load_series"]

# role -> column of dates, column of values, unit, steps in a season, whether values may be missing
COLUMNS = {
    "airline-passengers": ("Month", "Passengers", "thousands a month", 12, False),
    "daily-min-temperatures": ("Date", "Temp", "°C", 365, False),
    "co2": ("date", "co2", "parts per million", 52, True),
    "sunspots": ("YEAR", "SUNACTIVITY", "sunspot number", 11, False),
}


def load_series(found: Found) -> tuple[dict[str, Series], dict[str, Series], dict[str, Series]]:
    """By name, the first 70 % of each series to fit, the next 15 % to decide, the last for the
    test.
    """
    parts: tuple[dict[str, Series], dict[str, Series], dict[str, Series]] = ({}, {}, {})
    for name, (dates, values, unit, period, missing) in COLUMNS.items():
        table = read_table(found.paths[name])
        numbers = table.numbers(values, missing=np.nan if missing else None)
        whole = Series(name, tuple(table.column(dates)), numbers, unit, period)
        N = len(whole)
        edges = (0, N * 70 // 100, N * 85 // 100, N)
        for part, start, end in zip(parts, edges, edges[1:], strict=False):
            part[name] = whole.between(start, end)
    return parts
