"""Is the batch what it should be?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...tensors import Tensor
from .finding import Finding
from .look import array

__all__ = ["check_batch", "check_leakage"]

LARGE_INPUT, SMALL_INPUT, LARGE_TARGET = 20.0, 1e-3, 100.0
"""Root mean squares above, or below, which numbers are called unscaled."""

CONTRADICTORY = 0.1
"""The share of examples above which equal inputs with different targets are more than noise."""


def check_batch(batch: tuple) -> Iterator[Finding | str]:
    """Inputs and targets: finite, scaled, different from each other, and not contradictory."""
    inputs, target = batch[:-1], batch[-1]
    for k, x in enumerate(inputs):
        if isinstance(x, Tensor) and x.numel():
            yield from _check_input(f"input {k}" if len(inputs) > 1 else "the input", array(x))
    if not isinstance(target, Tensor) or not target.numel():
        return
    y = array(target)
    if y.dtype.kind == "f":
        yield from _check_target(y)
    elif y.dtype.kind in "iu" and y.ndim == 1 and y.size >= 16 and (y == y[0]).all():
        yield Finding(
            "one class", "all labels of the batch are the same",
            f"{y.size} labels, all {y[0]}",
            "shuffle the data (DataLoader(shuffle=True)); look whether labels are read right",
        )  # fmt: skip
    elif y.dtype.kind in "iu" and y.ndim == 1 and y.size >= 16:
        yield from _notes_of_labels(y)
    if isinstance(inputs[0], Tensor) and inputs[0].ndim and y.ndim and len(inputs[0]) == len(y):
        x = array(inputs[0])
        yield from _check_copies(x, y)
        if y.ndim == 1 or y.dtype.kind == "f":  # of a sequence several endings may be right
            yield from _check_equal_inputs(x, y)
        if x.dtype.kind == "f" and np.isfinite(x).all() and np.isfinite(y).all():
            yield from _note_of_answers(x, y)
            if y.ndim == 1 and y.dtype.kind in "iu":
                yield from _note_of_neighbours(x, y)


def _notes_of_labels(y: np.ndarray) -> Iterator[str]:
    kinds, counts = np.unique(y, return_counts=True)
    most = counts.max() / y.size
    if most >= 0.9:
        yield (
            f"{most:.0%} of the labels are class {kinds[counts.argmax()]}: an answer that is always the same is right as "
            "often; weigh the classes, or measure something else than accuracy"
        )
    if 1 < len(kinds) < y.size and (np.diff(y) >= 0).all():
        yield (
            "the labels of the batch are in order: if it is cut from data in that order, shuffle them "
            "(DataLoader(shuffle=True))"
        )


def _check_copies(x: np.ndarray, y: np.ndarray) -> Iterator[Finding]:
    """Tokens to be foretold that are the tokens given."""
    if (
        x.shape == y.shape
        and x.ndim > 1
        and x.dtype.kind in "iu"
        and y.dtype.kind in "iu"
        and (x == y).all()
    ):
        yield Finding(
            "target is input", "the target is the input itself: there is nothing to foretell",
            f"all {x.size} tokens are equal", "the target is one token later: tokens[:, :-1] and tokens[:, 1:]",
        )  # fmt: skip
    if (
        x.shape == y.shape
        and x.ndim > 1
        and x.dtype.kind == "f"
        and y.dtype.kind == "f"
        and (x != y).any()
    ):
        rows = [sorted(np.ascontiguousarray(row).tobytes() for row in z) for z in (x, y)]
        if rows[0] == rows[1]:
            yield Finding(
                "targets shuffled", "the targets are the inputs in another order",
                f"{int((x != y).reshape(len(x), -1).any(axis=1).sum())} of {len(x)} targets are another example's input",
                "shuffle inputs and targets together: one permutation for both",
            )  # fmt: skip


def _note_of_answers(x: np.ndarray, y: np.ndarray) -> Iterator[str]:
    """A feature among others that is the target itself, perhaps in another unit."""
    if x.ndim != 2 or x.shape[1] < 2 or y.size != len(y) or len(y) < 16 or not y.std():
        return
    wanted = y.reshape(-1) - y.mean()
    features = x - x.mean(axis=0)
    lengths = np.linalg.norm(features, axis=0) * np.linalg.norm(wanted)
    alike = np.abs(wanted @ features) / np.where(lengths > 0, lengths, np.inf)
    if alike.max() > 1 - 1e-6:
        yield (
            f"feature {alike.argmax()} of the input is the target itself, or a multiple of it: will it be known when the "
            "model is asked?"
        )


def _note_of_neighbours(x: np.ndarray, y: np.ndarray) -> Iterator[str]:
    """Examples that are alike should have like labels, if these belong to them."""
    flat = x.reshape(len(x), -1)[:512]
    labels = y[:512]
    _, counts = np.unique(labels, return_counts=True)
    chance = float(((counts / len(labels)) ** 2).sum())
    if len(labels) < 100 or chance > 0.6 or not flat.std():
        return
    squares = (flat * flat).sum(axis=1)
    distances = squares[:, None] + squares - 2 * flat @ flat.T
    np.fill_diagonal(distances, np.inf)
    agree = float((labels[distances.argmin(axis=1)] == labels).mean())
    if agree < chance + 2 * (chance * (1 - chance) / len(labels)) ** 0.5:
        yield (
            f"the most similar example of the batch has the same label in {agree:.0%} of the cases, by chance it would in "
            f"{chance:.0%}: do labels belong to their inputs?"
        )


def _check_input(name: str, x: np.ndarray) -> Iterator[Finding]:
    if x.dtype.kind != "f":
        return
    bad = int((~np.isfinite(x)).sum())
    if bad:
        yield Finding(
            "input not finite", f"{name} holds NaN or infinities",
            f"{bad} of {x.size} elements", "look at what was loaded; fill in or drop what is missing",
        )  # fmt: skip
        return
    rms = float(np.sqrt((x * x).mean()))
    if rms > LARGE_INPUT:
        pixels = x.min() >= 0 and 50 < x.max() <= 255
        yield Finding(
            "input scale", f"{name} is not scaled",
            f"from {x.min():.4g} to {x.max():.4g}, root mean square {rms:.3g}",
            "divide the pixels by 255, and subtract their mean" if pixels
            else "subtract the mean and divide by the standard deviation, of each feature",
        )  # fmt: skip
    elif 0 < rms < SMALL_INPUT:
        yield Finding(
            "input scale", f"{name} is so small that the weights do not see it",
            f"from {x.min():.4g} to {x.max():.4g}, root mean square {rms:.3g}",
            "subtract the mean and divide by the standard deviation; look whether it is divided twice",
        )  # fmt: skip
    elif len(x) > 1 and x.size > 1 and x.std() == 0:
        yield Finding(
            "input constant", f"{name} is the same number everywhere",
            f"all {x.size} elements are {x.flat[0]:.4g}", "look at what was loaded",
        )  # fmt: skip


def _check_target(y: np.ndarray) -> Iterator[Finding]:
    bad = int((~np.isfinite(y)).sum())
    if bad:
        yield Finding(
            "target not finite", "the target holds NaN or infinities",
            f"{bad} of {y.size} elements", "look at what was loaded; mask what is missing",
        )  # fmt: skip
        return
    rms = float(np.sqrt((y * y).mean()))
    if rms > LARGE_TARGET:
        yield Finding(
            "target scale", "the target is not scaled",
            f"root mean square {rms:.4g}, where a network begins with outputs of about 1",
            "subtract its mean and divide by its standard deviation; undo that in what is reported",
        )  # fmt: skip


def _check_equal_inputs(x: np.ndarray, y: np.ndarray) -> Iterator[Finding | str]:
    """Equal inputs with different targets cannot both be learned; with the same, they teach nothing new."""
    groups: dict[bytes, list[int]] = {}
    for k, row in enumerate(x):
        groups.setdefault(np.ascontiguousarray(row).tobytes(), []).append(k)
    clashes = [g for g in groups.values() if len(g) > 1 and any((y[k] != y[g[0]]).any() for k in g)]
    count = sum(map(len, clashes))
    if count > CONTRADICTORY * len(x):
        a = clashes[0]
        yield Finding(
            "contradictory targets", "equal inputs have different targets",
            f"{count} of {len(x)} examples; first: examples {a[:4]}",
            "look whether inputs and targets were shuffled apart, or an input was overwritten",
        )  # fmt: skip
    elif clashes:
        yield f"{count} of {len(x)} examples have an equal input with another target; first: {clashes[0][:4]}"
    elif len(x) >= 16 and len(groups) <= len(x) // 2:
        yield f"only {len(groups)} of the {len(x)} examples are different; the others are duplicates"


def check_leakage(batch: tuple, validation: tuple) -> Iterator[Finding]:
    """Are examples of the one in the other?"""
    a, b = array(batch[0]), array(validation[0])
    if a.shape[1:] != b.shape[1:]:
        return
    known = {np.ascontiguousarray(row).tobytes() for row in a}
    found = [k for k, row in enumerate(b) if np.ascontiguousarray(row).tobytes() in known]
    how = "are"
    if not found and a.dtype.kind == "f" and a[0].size >= 4:
        found, how = _nearly_in(a, b), "are nearly"
    if found:
        yield Finding(
            "leakage", f"examples of the validation batch {how} in the training batch",
            f"{len(found)} of {len(b)}; first: validation examples {found[:4]}",
            "split before anything is drawn with replacement or augmented; drop duplicates first",
        )  # fmt: skip


def _nearly_in(a: np.ndarray, b: np.ndarray) -> list[int]:
    """The rows of b that are a thousand times nearer to a row of a than rows usually are to each other."""
    a, b = a.reshape(len(a), -1)[:512], b.reshape(len(b), -1)[:512]
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return []
    nearest = [np.abs(a - row).max(axis=1).min() for row in b]
    usual = float(np.median(nearest))
    within = float(np.median(np.abs(a - a.mean(axis=0)).max(axis=1)))
    return [k for k, d in enumerate(nearest) if d < 1e-3 * max(usual, within)]
