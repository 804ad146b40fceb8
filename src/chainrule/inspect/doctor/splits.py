"""Do two splits agree: other examples, of the same scale, whose labels mean the same?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...tensors import Tensor
from .finding import Finding
from .look import array

__all__ = ["check_splits", "nearest"]

AWAY, WIDER = 3.0, 5.0
"""Standard deviations by which the mean of one split may lie apart from that of the other; how many times as wide one may be."""

MOST = 512
"""Examples that are compared with each other."""


def check_splits(batch: tuple, validation: tuple) -> Iterator[Finding | str]:
    """Examples of the one in the other, and numbers or labels that are made in another way."""
    a, b = array(batch[0]), array(validation[0])
    if a.shape[1:] != b.shape[1:] or not a.size or not b.size:
        return
    yield from _check_leakage(a, b)
    if a.dtype.kind == "f" and np.isfinite(a).all() and np.isfinite(b).all():
        yield from _check_scale(a, b)
        labels = [array(y) if isinstance(y, Tensor) else None for y in (batch[-1], validation[-1])]
        if all(y is not None and y.ndim == 1 and y.dtype.kind in "iu" for y in labels):
            yield from _note_of_labels(a, b, *labels)


def _check_leakage(a: np.ndarray, b: np.ndarray) -> Iterator[Finding]:
    """Are examples of the one in the other?"""
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
    a, b = a.reshape(len(a), -1)[:MOST], b.reshape(len(b), -1)[:MOST]
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return []
    nearest_to = [np.abs(a - row).max(axis=1).min() for row in b]
    usual = float(np.median(nearest_to))
    within = float(np.median(np.abs(a - a.mean(axis=0)).max(axis=1)))
    return [k for k, d in enumerate(nearest_to) if d < 1e-3 * max(usual, within)]


def _check_scale(a: np.ndarray, b: np.ndarray) -> Iterator[Finding]:
    """What is subtracted from the inputs and what they are divided by belongs to both splits."""
    if min(len(a), len(b)) < 8:
        return
    spread, other = float(a.std()), float(b.std())
    apart = abs(float(b.mean() - a.mean())) / max(spread, other, 1e-30)
    wider = max(spread, other) / max(min(spread, other), 1e-30)
    if apart > AWAY or wider > WIDER:
        yield Finding(
            "validation scale", "the inputs of the validation batch have another scale than those of the training batch",
            f"mean {b.mean():.4g} and standard deviation {other:.4g} in validation, {a.mean():.4g} and {spread:.4g} in training",
            "the same steps for both: subtract the mean of the training set and divide by its standard deviation, in validation too",
        )  # fmt: skip


def _note_of_labels(
    a: np.ndarray, b: np.ndarray, labels: np.ndarray, others: np.ndarray
) -> Iterator[str]:
    """Within the training batch the nearest example has the same label; from validation to training it should, too."""
    flat, asked = a.reshape(len(a), -1)[:MOST], b.reshape(len(b), -1)[:MOST]
    if min(len(flat), len(asked)) < 64 or not flat.std():
        return
    within = float((labels[nearest(flat)] == labels[:MOST]).mean())
    across = float((labels[nearest(flat, asked)] == others[:MOST]).mean())
    chance = float(max(np.unique(labels, return_counts=True)[1]) / len(labels))
    if within > chance + 0.3 and across < chance + 0.05:
        yield (
            f"the most similar example of the training batch has the same label for {within:.0%} of the training examples, and for "
            f"{across:.0%} of the validation examples: do labels mean the same in both (the order of the classes)?"
        )


def nearest(rows: np.ndarray, asked: np.ndarray | None = None) -> np.ndarray:
    """For each row the number of the nearest other row; for rows that are asked, of the nearest."""
    to = rows if asked is None else asked
    squares = (to * to).sum(axis=1)[:, None] + (rows * rows).sum(axis=1) - 2 * to @ rows.T
    if asked is None:
        np.fill_diagonal(squares, np.inf)
    return squares.argmin(axis=1)
