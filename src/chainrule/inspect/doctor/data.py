"""Is the batch what it should be?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...tensors import Tensor
from .finding import Finding
from .look import array

__all__ = ["check_batch", "check_leakage"]

LARGE_INPUT, LARGE_TARGET = 20.0, 100.0
"""Root mean squares above which numbers are called unscaled."""


def check_batch(batch: tuple) -> Iterator[Finding]:
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
    if isinstance(inputs[0], Tensor) and inputs[0].ndim and y.ndim and len(inputs[0]) == len(y):
        yield from _check_contradictions(array(inputs[0]), y)


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


def _check_contradictions(x: np.ndarray, y: np.ndarray) -> Iterator[Finding]:
    """Equal inputs with different targets cannot both be learned."""
    groups: dict[bytes, list[int]] = {}
    for k, row in enumerate(x):
        groups.setdefault(np.ascontiguousarray(row).tobytes(), []).append(k)
    clashes = [g for g in groups.values() if len(g) > 1 and any((y[k] != y[g[0]]).any() for k in g)]
    if clashes:
        a = clashes[0]
        yield Finding(
            "contradictory targets", "equal inputs have different targets",
            f"{sum(map(len, clashes))} of {len(x)} examples; first: examples {a[:4]}",
            "look whether inputs and targets were shuffled apart, or an input was overwritten",
        )  # fmt: skip


def check_leakage(batch: tuple, validation: tuple) -> Iterator[Finding]:
    """Are examples of the one in the other?"""
    a, b = array(batch[0]), array(validation[0])
    if a.shape[1:] != b.shape[1:]:
        return
    known = {np.ascontiguousarray(row).tobytes() for row in a}
    found = [k for k, row in enumerate(b) if np.ascontiguousarray(row).tobytes() in known]
    if found:
        yield Finding(
            "leakage", "examples of the validation batch are in the training batch",
            f"{len(found)} of {len(b)}; first: validation examples {found[:4]}",
            "split before anything is drawn with replacement or augmented; drop duplicates first",
        )  # fmt: skip
