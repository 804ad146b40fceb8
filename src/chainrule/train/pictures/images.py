"""Pictures of what a model says of images: confusions, mistakes, samples, where it looks, what it retrieves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...base.errors import ShapeError
from .style import BLUE, INK, MUTED, ORANGE, RED, STYLE, png

__all__ = [
    "attended_picture",
    "confusion_picture",
    "mistakes_picture",
    "retrieved_picture",
    "samples_picture",
]


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
    """Small images in rows of eight, a line above each and one below.

    One pair of axes, in inches, holds them all: a pair for each would take matplotlib ten times as long.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    columns = max(3, min(8, len(images)))
    rows = max(1, -(-len(images) // columns))
    width, height = 1.45 * columns, 1.85 * rows + 0.5
    longest = max(map(len, heads), default=0)  # names of classes may be long
    size = 11 if longest < 8 else 8 if longest < 14 else 6
    with rc_context(STYLE):
        figure = Figure(figsize=(width, height))
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
        axes.axis("off")
        axes.text(0.09, 0.25, title, va="center", fontsize=11.5, fontweight="bold")
        for place, image in enumerate(images):
            row, column = divmod(place, columns)
            x, y = 1.45 * column + 0.725, 1.85 * row + 1.4  # the middle of this image
            H, W = image.shape[:2]
            w, h = (0.635 * side / max(H, W) for side in (W, H))  # half of its sides
            axes.imshow(
                image, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest",
                extent=(x - w, x + w, y + h, y - h), aspect="auto",
            )  # fmt: skip
            axes.add_patch(Rectangle((x - w, y - h), 2 * w, 2 * h, fill=False, edgecolor="#d3d7de"))
            axes.text(
                x,
                y - h - 0.07,
                heads[place],
                fontsize=size,
                color=colour,
                ha="center",
                fontweight="bold",
            )
            axes.text(
                x, y + h + 0.07, feet[place], fontsize=8.5, color=MUTED, ha="center", va="top"
            )
        axes.set(xlim=(0, width), ylim=(height, 0))  # each image moved the limits to its own
        if not images:
            axes.text(width / 2, 0.6 * height, "none", ha="center", fontsize=14, color=MUTED)
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
        title: the title of the picture.
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
