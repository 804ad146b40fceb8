"""What the studies share: small networks on the packaged digits, one loop, one look of pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from record import ROOT

import chainrule as cr
from chainrule import nn
from chainrule.data import load_dataset
from chainrule.nn import functional as F
from chainrule.train.pictures.style import BLUE, INK, MUTED, ORANGE, RED, STYLE  # noqa: F401 - for the studies

PICTURES = ROOT / "docs" / "pictures"
GREEN, PURPLE, TEAL, BROWN, PINK = "#2f8f4e", "#7a4fb5", "#1794a5", "#8a5a2b", "#d0569a"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, RED, TEAL, BROWN, PINK, MUTED)

Pixels = tuple[np.ndarray, np.ndarray]  # images (N, 1, 8, 8) float32 from 0 to 1, labels (N,)


def digits() -> tuple[Pixels, Pixels, Pixels]:
    """The digits that come with the package: training, validation and test."""
    data = load_dataset("digits")
    train, validation, test = (
        (part.images, part.labels) for part in (data.train, data.validation, data.test)
    )
    return train, validation, test


def mlp(*sizes: int, after: Callable[[int], Sequence[nn.Module]] | None = None) -> nn.Sequential:
    """Linear layers with ReLU between them; `after(size)` gives further modules behind each hidden layer."""
    layers: list[nn.Module] = [nn.Flatten()]
    for k, (inputs, outputs) in enumerate(pairwise(sizes)):
        layers.append(nn.Linear(inputs, outputs))
        if k < len(sizes) - 2:
            layers += [nn.ReLU(), *(after(outputs) if after else ())]
    return nn.Sequential(*layers)


def measure(model: nn.Module, data: Pixels) -> tuple[float, float]:
    """Mean cross-entropy in nats and share right, in use (no dropout, running averages)."""
    model.eval()
    with cr.no_grad():
        scores = model(cr.from_numpy(data[0]))
        loss = F.cross_entropy(scores, cr.from_numpy(data[1])).item()
        right = (scores.numpy().argmax(axis=1) == data[1]).mean()
    model.train()
    return loss, float(right)


def train(
    model: nn.Module,
    optimizer: Any,
    data: Pixels,
    *,
    epochs: int,
    seed: int,
    batch_size: int = 32,
    rate: Callable[[float], float] | None = None,
    augment: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = None,
    after_epoch: Callable[[int], None] | None = None,
) -> list[float]:
    """The losses of all steps, each compiled; where one is not finite, training ends, and the rest are infinite.

    What is left over of an epoch when batches are full waits for the next, in another order.

    Args:
        rate: the learning rate as a multiple of the optimizer's own, given the share of the steps done.
        augment: images and a generator to other images, the labels staying right.
        after_epoch: called with the epoch's number, from 1.
    """
    images, labels = data
    rng = np.random.default_rng(seed)
    batches = len(labels) // batch_size
    steps = epochs * batches
    base = optimizer.param_groups[0]["lr"]
    losses: list[float] = []

    @cr.compile
    def step(x: cr.Tensor, y: cr.Tensor) -> cr.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    model.train()
    for epoch in range(1, epochs + 1):
        order = rng.permutation(len(labels))
        for start in range(0, batches * batch_size, batch_size):
            batch = order[start : start + batch_size]
            x = images[batch] if augment is None else augment(images[batch], rng)
            if rate is not None:
                optimizer.param_groups[0]["lr"] = base * rate(len(losses) / steps)
            value = step(cr.from_numpy(x), cr.from_numpy(labels[batch])).item()
            if not math.isfinite(value):
                return losses + [math.inf] * (steps - len(losses))
            losses.append(value)
        if after_epoch is not None:
            after_epoch(epoch)
    return losses


def shifted(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each image moved by up to ±0.7 of a pixel in each direction (linear between pixels); what comes in is ground."""
    out = images
    for axis in (2, 3):
        by = rng.uniform(-0.7, 0.7, (len(images), 1, 1, 1)).astype(images.dtype)
        wide = np.pad(out, [(0, 0), (0, 0)] + [(int(axis == k), int(axis == k)) for k in (2, 3)])
        n = images.shape[axis]
        before, after = (np.take(wide, range(k, k + n), axis) for k in (0, 2))
        out = (1 - np.abs(by)) * out + np.where(by > 0, by * before, -by * after)
    return out


def smoothed(losses: Sequence[float], width: int) -> np.ndarray:
    """Means of `width` losses in a row."""
    return np.convolve(losses, np.full(width, 1 / width), mode="valid")


def small(path: Path) -> None:
    """The PNG with 64 colours: a third of the size, and no date inside."""
    with Image.open(path) as drawn:
        few = drawn.convert("RGB").quantize(64, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


@contextmanager
def picture(
    name: str, panels: int, *, height: float = 3.6, width: float = 4.2
) -> Iterator[list[Any]]:
    """Axes side by side; at the end they are written to docs/pictures/study-NAME.png."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({**STYLE, "font.size": 9, "axes.titlesize": 10}):
        figure = Figure(figsize=(width * panels, height), layout="constrained")
        yield list(figure.subplots(1, panels, squeeze=False)[0])
        path = PICTURES / f"study-{name}.png"
        figure.savefig(path, dpi=110, facecolor="white")
        small(path)
        print(f"wrote {path.relative_to(ROOT)}")


def plain(axes: Any, *, x: bool = False, y: bool = False) -> None:
    """Logarithmic axes with numbers written out (0.01, 1, 100)."""
    from matplotlib.ticker import LogLocator, NullLocator

    for wanted, axis, scale in ((x, axes.xaxis, axes.set_xscale), (y, axes.yaxis, axes.set_yscale)):
        if wanted:
            scale("log")
            axis.set_major_locator(LogLocator(numticks=9))
            axis.set_minor_locator(NullLocator())
            axis.set_major_formatter(lambda value, _: f"{value:g}")
