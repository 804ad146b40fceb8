"""Probabilities: a softmax is taken once and over the classes, logarithms are logarithms, and what is compared adds up to 1."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...tensors import Tensor
from .finding import Finding
from .look import Applied, Look, array

__all__ = ["are_shares", "check_shares"]

NOT_ONE = 0.02
"""By how much a sum of probabilities may differ from 1."""


def check_shares(look: Look) -> Iterator[Finding | str]:
    """Softmax, its axis and its logarithm, and targets that are distributions."""
    yield from _check_twice(look)
    yield from _check_logarithms(look)
    yield from _check_over_batch(look)
    yield from _check_alignments(look)
    for a in look.named("soft_cross_entropy"):
        y = array(a.args[1])
        sums = y.sum(axis=min(y.ndim - 1, 1)) if y.ndim else y
        if y.size and np.abs(sums - 1).max() > NOT_ONE and (sums != 0).all():
            yield Finding(
                "targets no distribution", "targets are taken for the probabilities of the classes, and do not add up to 1",
                f"they add up to {sums.min():.3g} to {sums.max():.3g}: the loss of the best answer is not that of right answers",
                "binary_cross_entropy_with_logits, if several classes can be right at once; or divide by the sum", a.place,
            )  # fmt: skip


def _check_twice(look: Look) -> Iterator[Finding]:
    """A softmax of what a softmax made: of numbers from 0 to 1 no answer can be sure."""
    for a in look.named("softmax", "log_softmax", "logsumexp"):
        x = a.args[0]
        maker = look.maker(x)
        if maker is None or maker.op != "softmax" or maker.result.shape != x.shape:
            continue
        over, again = maker.attrs.get("dim"), a.attrs.get("dim")
        if over == (again[0] if isinstance(again, (tuple, list)) else again):
            yield Finding(
                "softmax twice", f"{a.op} of what is a softmax already: probabilities are taken for logits",
                f"of {tuple(x.shape)} the numbers go from {array(x).min():.3g} to {array(x).max():.3g} and add up to 1; of such no class "
                f"can get more than {np.e / (np.e + max(x.shape[over] - 1, 1)):.2f}",
                "give it the logits; the logarithm of probabilities is log(p), and Categorical takes them as probs=p", maker.place,
            )  # fmt: skip


def _check_logarithms(look: Look) -> Iterator[Finding]:
    for a in look.named("nll_loss"):
        yield from _check_axis_of_classes(look, a)
        x = array(a.args[0])
        if x.size and x.max() > 1e-6:
            yield Finding(
                "nll without log", "nll_loss is given what are not logarithms of probabilities",
                f"they are as large as {x.max():.3g}; a logarithm of a probability is at most 0",
                "cross_entropy takes logits; or log_softmax first", a.place,
            )  # fmt: skip
    for a in look.named("kl_div"):
        x = array(a.args[0])
        if not x.size or not x.ndim:
            continue
        if x.min() >= 0:
            yield Finding(
                "kl without log", "kl_div is given probabilities, where it takes their logarithms",
                f"they go from {x.min():.3g} to {x.max():.3g}", "log_softmax in place of softmax", a.place,
            )  # fmt: skip
        elif x.max() > 1e-6:
            yield Finding(
                "kl without log", "kl_div is given what are not logarithms of probabilities",
                f"they go from {x.min():.3g} to {x.max():.3g}; a logarithm of a probability is at most 0",
                "log_softmax of the logits first", a.place,
            )  # fmt: skip


def _check_axis_of_classes(look: Look, a: Applied) -> Iterator[Finding]:
    """nll_loss picks classes along axis 1, over which the softmax has to run."""
    maker = look.maker(a.args[0])
    if maker is None or maker.op not in ("softmax", "log_softmax"):
        return
    over, along = maker.attrs.get("dim"), min(a.args[0].ndim - 1, 1)
    if maker.result.shape == a.args[0].shape and over not in (0, along):  # 0: `softmax over batch`
        yield Finding(
            "softmax over another axis", f"{maker.op} runs over another axis than the classes",
            f"{maker.op} over axis {over} of {tuple(maker.result.shape)}; nll_loss has the classes in axis {along}",
            f"{maker.op}(x, dim={along})", maker.place,
        )  # fmt: skip


def _check_alignments(look: Look) -> Iterator[Finding]:
    """ctc_loss takes logarithms of probabilities, of classes of which one, the blank, is no label."""
    ends = look.named("ctc_reduced")
    emitted = [a for a in look.named("gather") if a.args[0].ndim == 3 and a.attrs.get("dim") == 2]
    for end, a in zip(ends, emitted[-len(ends) :], strict=False):
        x, states, lengths = array(a.args[0]), array(a.args[1])[0], array(end.args[1]).reshape(-1)
        sums = np.exp(x).sum(axis=-1)
        if np.abs(sums - 1).max() > NOT_ONE:
            yield Finding(
                "ctc without log", "ctc_loss is given what are not logarithms of probabilities",
                f"their exponentials add up to {sums.min():.3g} to {sums.max():.3g} over the classes, not to 1",
                "log_softmax(-1) of the logits first", a.place,
            )  # fmt: skip
        blank, labels = states[0, 0], states[:, 1::2]  # blank, label, blank, label, …, blank
        given = np.arange(labels.shape[1]) < lengths[:, None]
        if (labels[given] == blank).any():
            yield Finding(
                "blank in targets", "the targets of ctc_loss hold the blank, which stands for no label",
                f"{int((labels[given] == blank).sum())} of {int(given.sum())} labels are {blank}, and blank is {blank}",
                "labels from 1 on, with one class more than there are labels; or another number as blank=", a.place,
            )  # fmt: skip


def _check_over_batch(look: Look) -> Iterator[Finding | str]:
    first = look.batch[0]
    n = len(first) if isinstance(first, Tensor) and first.ndim else 0
    for a in look.named("softmax", "log_softmax"):
        x = a.args[0]
        if a.attrs.get("dim") == 0 and x.ndim > 1 and x.shape[0] == n:
            yield Finding(
                "softmax over batch", f"{a.op} runs over the batch, not over the classes",
                f"dim=0 of shape {tuple(x.shape)}: the probabilities of one example depend on the others",
                f"{a.op}(x, dim=-1)", a.place,
            )  # fmt: skip
    for a in look.named("normalize"):
        x = a.args[0]
        if a.inside and a.attrs.get("dim") in (0, -x.ndim, (0,)) and x.ndim == 2 and len(x) == n:
            yield (
                f"normalize runs over the batch: dim=0 of shape {tuple(x.shape)}; to give the vector of each example the length 1, "
                f"dim=-1 ({a.place})"
            )
    for a in look.named("logsumexp"):
        x = a.args[0]
        if a.attrs.get("dim") in (0, (0,)) and x.ndim == 2 and x.shape[0] == n != x.shape[1]:
            yield Finding(
                "softmax over batch", "logsumexp runs over the batch, not over the classes",
                f"dim=0 of shape {tuple(x.shape)}: what one example costs depends on the others",
                "logsumexp(x, dim=-1)", a.place,
            )  # fmt: skip


def are_shares(x: Tensor, tolerance: float = 1e-4) -> bool:
    """Whether the numbers of each row are like probabilities."""
    rows = array(x)
    return (
        rows.ndim == 2
        and min(rows.shape) > 1
        and bool(
            (rows >= 0).all()
            and np.allclose(rows.sum(axis=1), 1, atol=tolerance)
            and rows.std() > 0
        )
    )
