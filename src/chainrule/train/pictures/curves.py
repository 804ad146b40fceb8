"""Pictures of how a run went: its curves, and the loss at each learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...base.errors import ShapeError
from ..events import EpochFinished
from ..metrics import SHARES, shown
from .style import BLUE, ORANGE, STYLE, png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..rate_finder import RateCurve

__all__ = ["curves_picture", "rates_picture"]


def curves_picture(
    history: Sequence[EpochFinished], headline: str, test: Mapping[str, float]
) -> bytes:
    """Loss and headline metric by epoch, of training and validation, and what the test gave.

    Args:
        history: one report per epoch, at least one.
        headline: the metric beside the loss; if it is the loss, only that is drawn.
        test: metrics of the test set.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

    if not history:
        raise ShapeError(
            "curves_picture(history) needs the report of at least one epoch, found none"
        )
    epochs = [report.epoch for report in history]
    both = headline != "loss"
    with rc_context(STYLE):
        figure = Figure(figsize=(10 if both else 6, 4.2), layout="constrained")
        left, *rest = figure.subplots(1, 2 if both else 1, squeeze=False)[0]
        losses = [r.train["loss"] for r in history], [r.validation["loss"] for r in history]
        _curve(left, epochs, *losses)
        left.set_title("Loss" if both else f"Loss   (test {test['loss']:.4f})")
        left.set_ylabel("mean")
        if min(map(min, losses)) > 0:
            left.set_ylabel("mean, log scale")
            left.set_yscale("log")
            left.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            left.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
            left.yaxis.set_minor_locator(NullLocator())
        left.legend()
        for right in rest:
            share = headline.startswith(SHARES)
            first = len(history) // 8  # the first epochs would leave no room for the rest
            scale = 100 if share else 1
            train = [scale * r.train[headline] for r in history[first:]]
            validation = [scale * r.validation[headline] for r in history[first:]]
            _curve(right, epochs[first:], train, validation)
            title = headline.replace("_", " ").capitalize()
            right.set_title(f"{title}   (test {shown(headline, test[headline])})")
            right.set_ylabel("per cent" if share else "")
            right.yaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10]))
            right.set_xlabel("epoch" if first == 0 else f"epoch, from {epochs[first]}")
            right.set_xlim(left.get_xlim())
        return png(figure)


def _curve(axes: Axes, epochs: list[int], train: list[float], validation: list[float]) -> None:
    from matplotlib.ticker import MaxNLocator

    style: dict[str, Any] = {
        "linewidth": 1.8,
        "marker": "o" if len(epochs) < 3 else "",
        "solid_capstyle": "round",
    }
    axes.plot(epochs, train, color=BLUE, label="training", **style)
    axes.plot(epochs, validation, color=ORANGE, label="validation", **style)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def rates_picture(curve: RateCurve) -> bytes:
    """What a range test saw: the loss at each learning rate, and the rate that is suggested."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(6, 4.2), layout="constrained")
        axes = figure.subplots()
        axes.plot(curve.rates, curve.losses, color=BLUE, alpha=0.35, linewidth=1, label="step")
        axes.plot(curve.rates, curve.smoothed, color=BLUE, linewidth=1.8, label="moving average")
        axes.axvline(curve.suggestion, color=ORANGE, linewidth=1.4)
        axes.set_xscale("log")
        low, high = min(curve.smoothed), max(curve.smoothed[0], curve.losses[0])
        room = max(high - low, 1e-3 * abs(high), 1e-12)  # what bursts would hide the rest
        axes.set_ylim(low - 0.3 * room, high + 0.6 * room)
        axes.set_xlabel("learning rate")
        axes.set_ylabel("loss")
        axes.set_title(f"The loss falls fastest at {curve.suggestion:.1e}")
        axes.legend()
        return png(figure)
