"""Does each target count, and as it should: classes by their weights, signs as signs, padding not at all?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...base.errors import ChainruleError
from ...tensors import Tensor, grad, tensor
from .finding import Finding
from .look import Applied, Look, array
from .ranges import range_of

__all__ = ["check_counted"]

SMOOTH = 0.5
"""The share of label smoothing from which on most of the target is spread over all classes."""

SIGNED = {
    "cosine_embedding_loss": 2,
    "hinge_embedding_loss": 1,
    "margin_ranking_loss": 2,
    "soft_margin_loss": 1,
}
"""Losses whose targets are 1 and −1, and which operand they are."""

FILLED = 0.4
"""The share of the tokens asked for that may be the one with which rows are filled up."""

PLACES = (0.0, -3.0, 3.0)
"""Where answers are moved to see whether the loss looks at them."""


def check_counted(look: Look) -> Iterator[Finding | str]:
    """Smoothing, weights, signs and masks that leave nothing of an answer, or of a padding too much."""
    for a in look.named(*SIGNED):
        y = array(a.args[SIGNED[a.op]])
        if y.size and not (np.abs(y) == 1).all():
            yield Finding(
                "targets not signs", f"the targets of {a.op} are neither 1 nor -1: those pairs count nothing, or count wrongly",
                f"they are {', '.join(f'{v:g}' for v in np.unique(y)[:4])}", "2 * target - 1 for targets of 0 and 1", a.place,
            )  # fmt: skip
    for a in look.named("cross_entropy", "soft_cross_entropy"):
        smooth = a.attrs.get("label_smoothing") or 0.0
        if smooth >= SMOOTH:
            yield Finding(
                "label smoothing", "label smoothing takes most of the target away",
                f"{smooth:.0%} of it is spread over all classes alike", "label_smoothing=0.1", a.place,
            )  # fmt: skip
    for a in look.named("cross_entropy", "nll_loss"):
        y, ignored = array(a.args[1]), a.attrs.get("ignore_index", -100)
        weight = array(a.args[2]) if len(a.args) > 2 and isinstance(a.args[2], Tensor) else None
        classes, counts = np.unique(y[y != ignored], return_counts=True)
        if weight is not None and classes.size and classes[-1] < weight.size:
            yield from _check_class_weights(a, weight, classes, counts)
        if y.ndim == 1 and a.args[1] is look.batch[-1] and (y == ignored).any():
            yield (
                f"{int((y == ignored).sum())} of {y.size} labels are {ignored}, which ignore_index takes out of the loss: right for "
                f"what is missing, not for a class ({a.place})"
            )
        yield from _note_of_padding(look, a)
    for a in look.named("binary_cross_entropy_with_logits"):
        yield from _note_of_positives(a)
    yield from _note_of_uncounted(look)


def _check_class_weights(
    a: Applied, weight: np.ndarray, classes: np.ndarray, counts: np.ndarray
) -> Iterator[Finding | str]:
    none = [int(c) for c in classes if weight[c] <= 0]
    if none:
        yield Finding(
            "class weight", "labels have a class whose weight is not above 0: it is never learned",
            f"the weight of class {none[0]} is {weight[none[0]]:g}; it is the label of "
            f"{int(counts[np.isin(classes, none)].sum())} of {counts.sum()}",
            "weights above 0, larger for rare classes", a.place,
        )  # fmt: skip
    elif len(classes) > 1 and counts.max() >= 2 * counts.min() and counts.sum() >= 32:
        w, n = np.log(weight[classes]), np.log(counts)
        if np.ptp(w) > 0.5 and np.corrcoef(w, n)[0, 1] > 0.9:
            yield (
                f"the more frequent a class is, the larger is its weight, up to {weight.max():.3g}: weights that make up for rare "
                f"classes are the other way round ({a.place})"
            )


def _note_of_positives(a: Applied) -> Iterator[str]:
    """pos_weight makes up for positives that are rare, and so is above 1 where they are."""
    if len(a.args) < 4 or not isinstance(a.args[3], Tensor):
        return
    y, weight = array(a.args[1]), array(a.args[3])
    share = float(y.mean()) if y.size else 0.5
    if 0 < share < 0.4 and weight.size == 1 and float(weight.max()) < 0.8:
        yield (
            f"{share:.0%} of the targets are positive, and pos_weight {float(weight.max()):.3g} makes them count less still: to make up "
            f"for positives that are rare, (number of negatives) / (number of positives) = {(1 - share) / share:.3g} ({a.place})"
        )


def _note_of_padding(look: Look, a: Applied) -> Iterator[str]:
    """Rows of tokens are filled up with one that the loss asks for as for any other."""
    y = look.batch[-1]
    if (
        not isinstance(y, Tensor)
        or y.is_floating_point()
        or y.ndim != 2
        or min(y.shape) < 4
        or a.args[1].numel() != y.numel()
    ):
        return
    tokens = array(y)
    kinds, counts = np.unique(tokens[:, -1], return_counts=True)
    token = kinds[counts.argmax()]
    filled = (tokens[:, -2:] == token).all(axis=1).mean()
    share = float((tokens == token).mean())
    if token != a.attrs.get("ignore_index", -100) and filled > 0.5 and share > FILLED:
        yield (
            f"{share:.0%} of the tokens that the loss asks for are {token}, with which {filled:.0%} of the rows end: if that is padding, "
            f"ignore_index={token} leaves it out; else most of what is learned is to foretell it ({a.place})"
        )


def _note_of_uncounted(look: Look) -> Iterator[str]:
    """Examples of one target of two that the loss does not look at, whatever is said of them."""
    out, y = look.output, look.batch[-1]
    if not (isinstance(out, Tensor) and isinstance(y, Tensor) and out.is_floating_point()):
        return
    n = len(out) if out.ndim else 0
    if n < 8 or y.numel() != n or not look.has_path:
        return
    targets = array(y).reshape(-1)
    kinds = np.unique(targets)
    if len(kinds) != 2 or min((targets == v).sum() for v in kinds) < 3:
        return
    own, counts = array(out), np.zeros(n, bool)
    low, high, _ = range_of(look, out)
    try:
        for by in PLACES:
            moved = np.clip(own + by, low, high)
            inner = 0.02 * (high - low) if np.isfinite(high - low) else 0.0
            moved = np.clip(moved, low + inner, high - inner)
            x = tensor(moved, dtype=out.dtype, requires_grad=True)
            [slope] = grad(look.loss_fn(x, y).sum(), [x], allow_unused=True)
            if slope is None:
                return
            counts |= (array(slope).reshape(n, -1) != 0).any(axis=1)
    except (ChainruleError, ValueError, TypeError, IndexError):
        return  # a loss that takes nothing but what this model says
    for v in kinds:
        if not counts[targets == v].any() and counts[targets != v].all():
            yield (
                f"the loss is the same whatever is said of the {int((targets == v).sum())} examples whose target is {v:g}: right for "
                "a reward or a mask, not for a class; binary cross-entropy has a second half, (1 - t) * log(1 - p), and a hinge takes "
                "targets of 1 and -1"
            )
