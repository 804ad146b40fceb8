"""Pictures of forecasts: beside what came, and how the error grows with the days; each the bytes of a PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...base.errors import ShapeError
from .style import BLUE, INK, MUTED, ORANGE, STYLE, png

__all__ = ["errors_picture", "forecast_picture"]

SHOWN = 120  # days in the part that is drawn large
GREYS = ("#6b7280", "#9aa1ab", "#c3c8cf", "#dfe2e6")


def forecast_picture(
    dates: Sequence[str], truth: np.ndarray, answers: np.ndarray, unit: str
) -> bytes:
    """Above, what was foretold a day ahead; below, some forecasts of all days ahead, from when they were made.

    Args:
        dates: of the days, N + H − 1.
        truth, answers: (N, H); row n is of the days n to n + H − 1.
        unit: the unit of the values.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    N, H = truth.shape
    if answers.shape != (N, H) or len(dates) != N + H - 1:
        raise ShapeError(
            f"forecast_picture: truth {truth.shape} needs answers of that shape and {N + H - 1} dates, "
            f"found {answers.shape} and {len(dates)}"
        )
    came = np.concatenate([truth[:, 0], truth[-1, 1:]])  # (N + H − 1,)
    with rc_context(STYLE):
        figure = Figure(figsize=(10, 6.4), layout="constrained")
        above, below = figure.subplots(2, 1)
        days = np.arange(len(came))
        above.plot(days, came, color=MUTED, linewidth=0.9, label="what came")
        above.plot(
            days[:N], answers[:, 0], color=BLUE, linewidth=1.2, label="foretold the day before"
        )
        above.set_title("The test, a day ahead")
        part = days[:SHOWN]
        below.plot(part, came[part], color=INK, linewidth=1.4, label="what came")
        for start in range(0, min(N, SHOWN - H + 1), max(H, 1)):
            label = f"foretold {H} days ahead" if start == 0 else None
            ahead = np.arange(start, start + H)
            below.plot(
                ahead,
                answers[start],
                color=ORANGE,
                linewidth=1.6,
                marker="o",
                markersize=2.5,
                label=label,
            )
        below.set_title(f"Its first {len(part)} days, forecasts made every {H} days")
        for axes, last in ((above, len(came)), (below, len(part))):
            ticks = np.linspace(0, last - 1, min(last, 8)).round().astype(int)
            axes.set_xticks(ticks, [dates[k] for k in ticks])
            axes.set_ylabel(unit)
            axes.legend()
        return png(figure)


def errors_picture(model: np.ndarray, others: Mapping[str, np.ndarray], unit: str) -> bytes:
    """The error by days ahead.

    Args:
        model: what the model errs by at each step, (H,).
        others: of forecasts without one, (H,) each, by what they are.
        unit: the unit of the errors.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    days = np.arange(1, len(model) + 1)
    with rc_context(STYLE):
        figure = Figure(figsize=(6.4, 4.2), layout="constrained")
        axes = figure.subplots()
        for colour, (name, errors) in zip(GREYS, others.items(), strict=False):
            axes.plot(
                days, errors, color=colour, linewidth=1.4, marker="o", markersize=3, label=name
            )
        axes.plot(
            days, model, color=BLUE, linewidth=2, marker="o", markersize=4, label="this model"
        )
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("days ahead")
        axes.set_ylabel(unit)
        axes.set_title("Root of the mean squared error")
        axes.legend()
        return png(figure)
