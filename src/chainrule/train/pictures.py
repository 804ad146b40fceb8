"""Pictures of a run, each the bytes of a PNG: its curves, confusions, mistakes, samples, rates.

matplotlib is imported when the first picture is drawn, and used without pyplot: no window, no
global state, no display needed.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.errors import ShapeError
from .events import EpochFinished
from .metrics import SHARES, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .rate_finder import RateCurve

__all__ = [
    "attended_picture",
    "confusion_picture",
    "curves_picture",
    "mistakes_picture",
    "rates_picture",
    "retrieved_picture",
    "samples_picture",
]

INK, MUTED, GRID = "#1f2430", "#6b7280", "#e6e8ec"
BLUE, ORANGE, RED = "#3566c8", "#e07a2c", "#c8372d"
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the pictures look the same everywhere
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": "#c9ced6",
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
}


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


def confusion_picture(confusion: np.ndarray, classes: Sequence[str]) -> bytes:
    """The confusion matrix: a row for each true class, a column for each answer. Right answers are
    blue, wrong ones orange.

    Args:
        confusion: counts (C, C), row the label, column the prediction.
        classes: C names.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    C = len(classes)
    if confusion.shape != (C, C):
        raise ShapeError(
            f"confusion_picture: expected counts of shape ({C}, {C}) for {C} classes, found {confusion.shape}"
        )
    right, total = int(np.trace(confusion)), int(confusion.sum())
    with rc_context(STYLE):
        figure = Figure(figsize=(6.4, 6.4), layout="constrained")
        axes = figure.subplots()
        axes.imshow(_confusion_colours(confusion))
        for i in range(C):
            for j in range(C):
                if confusion[i, j]:
                    strong = i == j and confusion[i, j] > 0.5 * confusion.max()
                    axes.text(
                        j,
                        i,
                        str(confusion[i, j]),
                        ha="center",
                        va="center",
                        color="white" if strong else INK,
                    )
        long = max(map(len, classes)) > 3
        axes.set_xticks(range(C), classes, rotation=90 if long else 0)
        axes.set_yticks(range(C), classes)
        axes.set_xticks(np.arange(C + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(C + 1) - 0.5, minor=True)
        axes.grid(False)
        axes.grid(True, which="minor", color="white", linewidth=2)
        axes.tick_params(which="minor", size=0)
        axes.spines[:].set_visible(False)
        axes.set_xlabel("answer")
        axes.set_ylabel("truth")
        axes.set_title(f"{right} of {total} test samples right")
        return png(figure)


def _confusion_colours(confusion: np.ndarray) -> np.ndarray:
    """RGB (C, C, 3): paper for 0, towards blue on the diagonal and towards orange off it, each by
    its own largest count.
    """
    paper, blue, orange = (np.array(_rgb(c)) for c in ("#f4f5f7", BLUE, ORANGE))
    diagonal = np.eye(len(confusion), dtype=bool)
    strength = np.zeros(confusion.shape)
    for part in (diagonal, ~diagonal):
        largest = confusion[part].max(initial=0)
        if largest:
            strength[part] = confusion[part] / largest
    strength[~diagonal] = np.where(confusion[~diagonal] > 0, 0.35 + 0.5 * strength[~diagonal], 0)
    target = np.where(diagonal[..., None], blue, orange)  # (C, C, 3)
    return paper + (target - paper) * strength[..., None]


def _rgb(colour: str) -> tuple[float, float, float]:
    return tuple(int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))  # type: ignore[return-value]


def mistakes_picture(
    images: np.ndarray,
    labels: Sequence[str],
    predictions: Sequence[str],
    confidence: Sequence[float],
    total: int,
    most: int = 40,
) -> bytes:
    """The samples that were misread, the most confident mistakes first, each with the truth and the
    answer.

    Args:
        images: floats from 0 to 1, (N, H, W), or (N, H, W, 3) in colour, the N mistakes; N may be 0.
        labels, predictions: N names each.
        confidence: N probabilities, of the answers given.
        total: how many samples were tested.
        most: show no more than this many (the title says so).
    """
    N = len(images)
    if not len(labels) == len(predictions) == len(confidence) == N:
        raise ShapeError(
            f"mistakes_picture: {N} images need as many labels, predictions and confidences, "
            f"found {len(labels)}, {len(predictions)} and {len(confidence)}"
        )
    order = sorted(range(N), key=lambda k: -confidence[k])[:most]
    shown = f", the {most} most confident" if most < N else ""
    return _grid(
        f"{N} of {total} test samples misread{shown}",
        [images[k] for k in order],
        [f"{labels[k]} → {predictions[k]}" for k in order],
        [f"{100 * confidence[k]:.0f} % sure" for k in order],
        RED,
    )


def samples_picture(images: np.ndarray, labels: Sequence[str]) -> bytes:
    """Training samples as the model sees them, augmented, each with its label.

    Args:
        images: floats from 0 to 1, (N, H, W), or (N, H, W, 3) in colour.
        labels: N names.
    """
    if len(images) != len(labels):
        raise ShapeError(
            f"samples_picture: {len(images)} images need as many labels, found {len(labels)}"
        )
    title = f"{len(images)} training samples, as the model sees them"
    return _grid(title, list(images), list(labels), [""] * len(images), INK)


def _grid(
    title: str,
    images: Sequence[np.ndarray],
    heads: Sequence[str],
    feet: Sequence[str],
    colour: str,
) -> bytes:
    """Small images in rows of eight, a line above each and one below."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    columns = max(3, min(8, len(images)))
    rows = max(1, -(-len(images) // columns))
    longest = max(map(len, heads), default=0)  # names of classes may be long
    size = 11 if longest < 8 else 8 if longest < 14 else 6
    with rc_context(STYLE):
        figure = Figure(
            figsize=(1.45 * columns, 1.85 * rows + 0.5),
            layout=ConstrainedLayoutEngine(w_pad=0.09, h_pad=0.07),
        )
        figure.suptitle(title, x=0.012, ha="left", fontsize=11.5, fontweight="bold")
        for place, axes in enumerate(figure.subplots(rows, columns, squeeze=False).ravel()):
            if place >= len(images):
                axes.axis("off")
                continue
            axes.imshow(images[place], cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
            axes.set_title(heads[place], loc="center", fontsize=size, color=colour, pad=4)
            axes.set_xlabel(feet[place], fontsize=8.5, labelpad=4)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set(visible=True, color="#d3d7de")
        if not images:
            figure.text(0.5, 0.42, "none", ha="center", fontsize=14, color=MUTED)
        return png(figure)


def attended_picture(
    images: np.ndarray, weights: np.ndarray, labels: Sequence[str], predictions: Sequence[str]
) -> bytes:
    """Images, and each again with what was little looked at in the dark.

    Args:
        images: floats from 0 to 1, (N, H, W, 3).
        weights: how much each patch was looked at, (N, h, w); h divides H, and w divides W.
        labels, predictions: N names each.
    """
    N, H, W, _ = images.shape
    if weights.shape[0] != N or H % weights.shape[1] or W % weights.shape[2]:
        raise ShapeError(
            f"attended_picture: expected weights of the patches of images {images.shape[:3]}, "
            f"found {weights.shape}"
        )
    light = weights / weights.max(axis=(1, 2), keepdims=True)
    light = light.repeat(H // weights.shape[1], axis=1).repeat(W // weights.shape[2], axis=2)
    tiles, heads, feet = [], [], []
    for image, seen, label, prediction in zip(images, light, labels, predictions, strict=True):
        tiles += [image, image * seen[..., None]]
        heads += [label, "" if label == prediction else f"→ {prediction}"]
        feet += ["image", "looked at"]
    return _grid(f"{N} test images, and where the model looks", tiles, heads, feet, INK)


def retrieved_picture(
    title: str, rows: Sequence[tuple[str, Sequence[tuple[np.ndarray, bool]]]]
) -> bytes:
    """Texts with the images beside them that were found, those that are right in a blue frame.

    Args:
        title: of the picture.
        rows: a text, and images with whether each is right; floats from 0 to 1, (H, W, 3).
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    across = max((len(found) for _, found in rows), default=1)
    columns = 1 if across > 3 else 3  # few images leave room for several rows side by side
    lines = max(1, -(-len(rows) // columns))
    with rc_context(STYLE):
        figure = Figure(
            figsize=(columns * (2.9 + 0.95 * across), 0.95 * lines + 0.6), layout="constrained"
        )
        figure.suptitle(title, x=0.012, ha="left", fontsize=11.5, fontweight="bold")
        ratios = [2.9 / 0.95, *[1.0] * across] * columns
        grid = figure.subplots(lines, len(ratios), squeeze=False, width_ratios=ratios)
        for axes in grid.ravel():
            axes.axis("off")
        for place, (text, found) in enumerate(rows):
            row, first = place // columns, place % columns * (1 + across)
            grid[row, first].text(1, 0.5, text, ha="right", va="center", fontsize=9)
            for k, (image, right) in enumerate(found):
                axes = grid[row, first + 1 + k]
                axes.axis("on")
                axes.imshow(image, vmin=0, vmax=1, interpolation="nearest")
                axes.set_xticks([])
                axes.set_yticks([])
                frame = {"color": BLUE, "linewidth": 2.5} if right else {"color": "#d3d7de"}
                axes.spines[:].set(visible=True, **frame)
        return png(figure)


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


def png(figure: Figure) -> bytes:
    out = io.BytesIO()
    # no date, no version: same bits again
    figure.savefig(out, format="png", dpi=150, facecolor="white", metadata={"Software": None})
    return out.getvalue()
