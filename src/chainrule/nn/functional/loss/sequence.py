"""Connectionist temporal classification: the recursion over time that `functional.loss.sequence`
explains.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .... import functional as fn
from ....base.errors import DTypeError, RangeError, ShapeError, TraceError
from ....tape.modes import modes
from ....tensors import (
    Tensor,
    arange,
    as_tensor,
    cat,
    full,
    full_like,
    int64,
    scan,
    stack,
    where,
    zeros_like,
)
from ....tensors.functions.mixed import in_float32
from .classification import check_classes

__all__ = ["ctc_loss"]

Lengths = Tensor | Sequence[int] | int


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Lengths,
    target_lengths: Lengths,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """What labellings cost that do not say where in time their labels stand, in nats.   Source:
    Graves et al. 2006.

    Args:
        log_probs: logarithms of the probabilities of classes at each time, (T, B, C) or (T, C).
        targets: labels, (B, S) padded with anything, or all of them one after the other; (S,) for
            an input (T, C).
        input_lengths: how much of the time of each sequence counts: (B,) numbers, or one.
        target_lengths: how many labels each sequence has.
        blank: the class that stands for no label.
        reduction: "mean" (of loss / number of labels), "sum" or "none".
        zero_infinity: whether labellings that do not fit into their time cost nothing; otherwise
            they cost infinity, and have no gradient.

    Raises:
        ShapeError: shapes that do not fit.
        RangeError: a label that is no class, or a length that is more than there is.
        TraceError: labels one after the other in a traced function, which must know their shape.

    Differs from PyTorch: the gradient by ``log_probs`` is the derivative. PyTorch's has e^log_probs
    added, which vanishes behind ``log_softmax``.

    Example:
        >>> log_probs = zeros(3, 1, 2).log_softmax(-1)
        >>> F.ctc_loss(log_probs, tensor([[1]]), [3], [1], reduction="sum")
        tensor(0.2877)
    """
    if log_probs.ndim not in (2, 3) or log_probs.shape[0] == 0:
        raise ShapeError(
            "ctc_loss: log_probs must be (T, B, C) or (T, C), with one time or more, found "
            f"{tuple(log_probs.shape)}"
        )
    (log_probs,) = in_float32(log_probs)
    x = log_probs if log_probs.ndim == 3 else log_probs.unsqueeze(1)
    T, B, C = x.shape
    if not 0 <= blank < C:
        raise RangeError(f"ctc_loss: blank must be one of the {C} classes, found {blank}")
    if targets.is_floating_point():
        raise DTypeError(f"ctc_loss: targets are integers, found {targets.dtype.name}")
    spans = _lengths("input_lengths", input_lengths, B, T)
    counts = _lengths("target_lengths", target_lengths, B, None)
    labels = _padded(targets, counts, B, unbatched=log_probs.ndim == 2)
    S = labels.shape[1]
    _check_lengths("target_lengths", counts, S)
    given = arange(S).reshape(1, S) < counts.reshape(B, 1)
    labels = where(given, labels, full_like(labels, blank))
    check_classes("ctc_loss", labels, C)

    states, skips = _automaton(labels, blank)  # (B, L)
    L = states.shape[1]
    emitted = x.gather(2, states.reshape(1, B, L).expand(T, B, L))
    lasts = arange(T).reshape(T, 1, 1) < spans.reshape(1, B, 1)

    def step(carry: tuple, at: tuple) -> tuple:
        (before,), (emission, counts_still) = carry, at
        return (where(counts_still, fn.ctc_reach(before, skips) + emission, before),), ()

    # before the first step only the first state has been reached
    start = where(arange(L).reshape(1, L).expand(B, L) == 0, 0.0, -math.inf).to(x.dtype)
    (reached,), _ = scan(step, (start,), (emitted, lasts))
    end = 2 * counts.reshape(B, 1)
    pair = cat([_at(reached, end - 1), _at(reached, end)], 1)
    loss = -fn.ctc_reach(pair, zeros_like(pair) != 0)[:, 1]
    if log_probs.ndim == 2:
        loss, counts = loss.reshape(()), counts.reshape(())
    return fn.ctc_reduced(loss, counts, reduction=reduction, zero_infinity=zero_infinity)


def _at(reached: Tensor, state: Tensor) -> Tensor:
    """The value of one state of each sequence, −inf for a state before the first."""
    return where(state < 0, -math.inf, reached.gather(1, state.clamp(min=0)))


def _automaton(labels: Tensor, blank: int) -> tuple[Tensor, Tensor]:
    """The class of each state: blank, label, blank, …, blank; and which states are reached from two
    before: those of a label that is not the one before it.
    """
    B, S = labels.shape
    blanks = full((B, 1), blank, dtype=int64)
    if S == 0:
        return blanks, blanks != blanks
    between = stack([full_like(labels, blank), labels], 2).reshape(B, 2 * S)
    same = cat([blanks == blanks, labels[:, 1:] == labels[:, :-1]], 1)
    skips = stack([labels != labels, ~same], 2).reshape(B, 2 * S)
    return cat([between, blanks], 1), cat([skips, blanks != blanks], 1)


def _lengths(name: str, lengths: Lengths, batch: int, most: int | None) -> Tensor:
    """Lengths as a tensor (B,)."""
    if isinstance(lengths, tuple):
        lengths = list(lengths)  # a constant of a traced program
    found = lengths if isinstance(lengths, Tensor) else as_tensor(lengths, dtype=int64)
    if found.is_floating_point():
        raise DTypeError(f"ctc_loss: {name} are integers, found {found.dtype.name}")
    if found.numel() != batch or found.ndim > 1:
        raise ShapeError(
            f"ctc_loss: {name} must have one number for each of the {batch} sequences, found shape "
            f"{tuple(found.shape)}"
        )
    found = found.reshape(batch).to(int64)
    if most is not None:
        _check_lengths(name, found, most)
    return found


def _check_lengths(name: str, lengths: Tensor, most: int) -> None:
    if modes.trace is not None:
        return
    values = lengths.read()
    wrong = values[(values < 0) | (values > most)]
    if wrong.size:
        raise RangeError(f"ctc_loss: {name} are 0 to {most}, found {wrong[0]}")


def _padded(targets: Tensor, counts: Tensor, batch: int, unbatched: bool) -> Tensor:
    """Labels (B, S), whichever way they were given."""
    if unbatched and targets.ndim == 1:
        return targets.reshape(1, -1).to(int64)
    if targets.ndim == 2 and targets.shape[0] == batch:
        return targets.to(int64)
    if targets.ndim != 1:
        raise ShapeError(
            f"ctc_loss: targets must be ({batch}, S), or all labels one after the other, found "
            f"{tuple(targets.shape)}"
        )
    if modes.trace is not None:
        raise TraceError(
            "ctc_loss: where the labels of one sequence end is not known while a function is "
            "traced; give the targets padded, as (B, S)"
        )
    sizes = np.maximum(counts.read(), 0)
    if sizes.sum() != targets.shape[0]:
        raise ShapeError(
            f"ctc_loss: target_lengths add up to {sizes.sum()}, and there are {targets.shape[0]} "
            "targets"
        )
    steps = np.arange(sizes.max(initial=0))
    places = (np.cumsum(sizes) - sizes)[:, None] + np.minimum(steps, sizes[:, None])
    if targets.shape[0] == 0:
        return targets.reshape(1, 0).expand(batch, 0).to(int64)
    return targets[as_tensor(np.minimum(places, targets.shape[0] - 1))].to(int64)
