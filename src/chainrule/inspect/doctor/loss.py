"""Does the loss fit what the model says, and does it lead to right answers?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...base.errors import ChainruleError
from ...tensors import Tensor, tensor
from ..summary import tensors_in
from .finding import Finding
from .gradients import first_op_that_is_not_finite
from .look import Applied, Look, array
from .ranges import range_of
from .shares import are_shares

__all__ = ["check_loss"]

ACTIVATIONS = (
    "softmax", "sigmoid", "relu", "relu6", "leaky_relu", "gelu", "silu", "elu", "celu", "selu", "mish", "softplus", "hardswish",
    "hardsigmoid",
)  # fmt: skip
"""What does not stand between the last layer and a loss that takes logits."""

TAKE_LOGITS = ("cross_entropy", "soft_cross_entropy", "binary_cross_entropy_with_logits")

FEW = 64
"""Examples whose likenesses tell whether they are products of vectors with themselves."""

STRAIGHT = 0.05
"""How much two ways from an answer, there and back, may differ in what they cost for the loss to be called a straight line."""


def check_loss(look: Look) -> Iterator[Finding | str]:
    """Does the loss get what it expects, and is it, at first, what guessing costs?"""
    if not np.isfinite(array(look.loss)).all():
        told, where = first_op_that_is_not_finite(look)
        yield Finding(
            "loss not finite", "the loss is not a finite number", f"it is {_size(look.loss)}; {told}",
            "inspect.first_nonfinite(model) around a step shows the numbers that led there", where,
        )  # fmt: skip
        return
    if look.loss.numel() != 1:
        maker = look.maker(look.loss)
        yield Finding(
            "loss of many numbers", "the loss is not a single number, of which backward() could begin",
            f"its shape is {tuple(look.loss.shape)}", "reduction='mean', or .mean() of it", maker.place if maker else "",
        )  # fmt: skip
    yield from _check_activations_before_loss(look)
    yield from _check_perfect_answers(look)
    yield from _check_pairs(look)
    yield from _check_reach(look)
    for a in look.named("cross_entropy"):
        yield from _check_itself(a)
        yield from _check_guess(a)
        yield from _note_of_counting(a)
    for a in look.named("binary_cross_entropy", "binary_cross_entropy_with_logits"):
        y = array(a.args[1])
        if y.size and not (y.min() >= 0 and y.max() <= 1):
            yield Finding(
                "no probabilities", f"the targets of {a.op} are no probabilities",
                f"they go from {y.min():.3g} to {y.max():.3g}, where 0 is no and 1 is yes",
                "(target + 1) / 2 for targets of -1 and 1; mse_loss for numbers", a.place,
            )  # fmt: skip
    yield from _note_of_quantities(look)


def _note_of_quantities(look: Look) -> Iterator[str]:
    """Names of classes that are compared as if one of them were more than another."""
    y = look.batch[-1]
    if not isinstance(y, Tensor) or y.is_floating_point() or y.dtype.name == "bool" or y.ndim > 2:
        return
    labels = array(y)
    if not 2 < len(np.unique(labels)) <= labels.size // 2 or labels.min() not in (0, 1):
        return
    for a in look.named("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"):
        wanted = array(a.args[1])
        if wanted.size == labels.size and (wanted.reshape(-1) == labels.reshape(-1)).all():
            yield (
                f"{a.op} takes the whole numbers of the target for quantities: if they name classes, of which none is more than another, "
                f"give the model one output for each and use cross_entropy ({a.place})"
            )
            return


def _check_activations_before_loss(look: Look) -> Iterator[Finding]:
    wrong = dict.fromkeys(TAKE_LOGITS, ACTIVATIONS)
    for a in look.named(*wrong):
        maker = look.maker(a.args[0])
        if maker is not None and maker.op == "log_softmax" and "soft" not in maker.path:
            yield f"log_softmax before {a.op}, which has it in itself: it does no harm, and no good ({maker.place})"
        elif maker is not None and maker.op == "log" and are_shares(a.args[0].exp(), 1e-3):
            yield (
                f"{a.op} is given logarithms of probabilities, and takes the log_softmax of them again: give it the logits themselves, "
                f"which are exact where the logarithm of a small probability is not ({maker.place})"
            )
        if (
            a.op == "cross_entropy"
            and (maker is None or maker.op not in wrong[a.op])
            and are_shares(a.args[0])
        ):
            yield Finding(
                "softmax before loss", "the loss is given probabilities, where cross_entropy takes logits and has the "
                "softmax in it", f"each row of {tuple(a.args[0].shape)} is positive, and its sum is 1",
                "give it what the probabilities are made of; nll_loss takes their logarithms",
                maker.place if maker else a.place,
            )  # fmt: skip
        if maker is not None and maker.op in wrong[a.op]:
            x = array(a.args[0])
            why = "takes the logits themselves, and has the softmax in it" if maker.op == "softmax" else (
                "takes logits, which may be any numbers"
            )  # fmt: skip
            yield Finding(
                f"{maker.op} before loss", f"{maker.op} before {a.op}, which {why}",
                f"the loss sees numbers from {x.min():.3g} to {x.max():.3g}, and {_size(look.loss):.4g} at first",
                f"remove the {maker.op}" + (f" (module {maker.path})" if maker.path else ""), maker.place,
            )  # fmt: skip


def _check_pairs(look: Look) -> Iterator[Finding]:
    """A loss that, by broadcasting, compares every output with every target."""
    outputs = list(tensors_in(look.output))
    of_output = {id(x) for a in look.depending(outputs) for x in tensors_in(a.result)}
    of_output |= {id(x) for x in outputs}
    targets = list(tensors_in(look.batch[-1]))
    of_target = {id(x) for a in look.depending(targets) for x in tensors_in(a.result)} | {
        id(x) for x in targets
    }
    for a in look.applied:
        pair = [x for x in a.args if isinstance(x, Tensor)]
        if a.inside or len(pair) != 2 or not isinstance(a.result, Tensor) or pair[0].numel() < 2:
            continue
        one_each = any(
            id(x) in of_output
            and id(y) not in of_output
            and (id(y) in of_target or not y.requires_grad)
            for x, y in (pair, pair[::-1])
        )  # with targets, or with weights of the examples
        n = pair[0].numel()
        if one_each and pair[1].numel() == n and a.result.numel() == n * n and a.op != "matmul":
            yield Finding(
                "loss broadcasts", "the loss compares every output with every target, by broadcasting",
                f"{a.op} of {tuple(pair[0].shape)} and {tuple(pair[1].shape)} made {tuple(a.result.shape)}",
                "give both the same shape: output.squeeze(-1), or target.unsqueeze(-1)", a.place,
            )  # fmt: skip
            return


def _check_perfect_answers(look: Look) -> Iterator[Finding]:
    """To change an answer to the right one must make the loss smaller, and to move it away from that larger."""
    out, y = look.output, look.batch[-1]
    if not (
        isinstance(out, Tensor)
        and isinstance(y, Tensor)
        and out.is_floating_point()
        and out.numel()
    ):
        return
    if not out.ndim or not y.ndim or len(out) != len(y):
        return
    low, high, _ = range_of(look, out)
    own, right = array(out), _right_answers(out, y)
    right = [r for r in right if low <= r.min() and r.max() <= high]  # what the model can say
    try:
        costs = float(look.loss_fn(out.detach(), y).sum())
        paid = []
        for rows in [
            slice(None),
            *range(min(len(own), 16)),
        ]:  # one example at a time too: a loss may weigh them
            best = [_cost(look, own, rows, r[rows]) for r in right]
            away = [_cost(look, own, rows, 2 * own[rows] - r[rows]) for r in right]
            if not best or not min(best) > costs + abs(costs) * 1e-6 or not min(away) < costs:
                return
            if _weighs(y) and abs(best[0] + away[0] - 2 * costs) < STRAIGHT * abs(best[0] - costs):
                return
            paid.append(min(best))
    except (ChainruleError, ValueError, TypeError, IndexError):
        return  # a loss that takes nothing but what this model says
    yield Finding(
        "wrong answers pay", "an answer that is right costs more than what the model says now: the loss leads away from it",
        f"the loss of the output is {costs:.4g}, that of right answers {paid[0]:.4g}",
        "look at the sign of the loss (a minus too many, or one that lacks), and which axis holds the classes",
    )  # fmt: skip


def _weighs(y: Tensor) -> bool:
    """Whether targets may be weights of either sign: what a critic says of the true and of the made is multiplied by 1 and −1, or by
    −1 and 1; a loss that falls in a straight line with that has no right answer.
    """
    return y.is_floating_point() and y.numel() == len(y) and bool((array(y) < 0).any())


def _cost(look: Look, own: np.ndarray, rows: Any, answers: np.ndarray) -> float:
    """The loss if some answers were others; NaN counts as much."""
    said = own.copy()
    said[rows] = answers
    cost = float(look.loss_fn(tensor(said, dtype=look.output.dtype), look.batch[-1]).sum())
    return cost if not math.isnan(cost) else math.inf


def _right_answers(out: Tensor, y: Tensor) -> list[np.ndarray]:
    """What a perfect model could say: the target, or large logits and their log-softmax for it."""
    target = array(y)
    if out.shape == y.shape and target.dtype.kind == "f":
        if not np.isfinite(target).all():
            return []
        shares = 0 <= target.min() and target.max() <= 1
        return [target, *([40 * target - 20.0, np.clip(target, 1e-6, 1 - 1e-6)] if shares else [])]
    if target.dtype.kind not in "iu" or out.ndim != y.ndim + 1:
        return []
    axis = next(
        (k for k in (1, out.ndim - 1) if out.shape[:k] + out.shape[k + 1 :] == y.shape), None
    )
    if axis is None or not target.size or not 0 <= target.min() <= target.max() < out.shape[axis]:
        return []
    hot = np.moveaxis(np.eye(out.shape[axis])[target], -1, axis)
    return [20.0 * hot, 20.0 * hot - 20.0, np.clip(hot, 1e-6, 1 - 1e-6)]


def _check_reach(look: Look) -> Iterator[Finding]:
    """Targets that the last activation cannot say."""
    out, y = look.output, look.batch[-1]
    maker = look.maker(out) if isinstance(out, Tensor) else None
    if (
        maker is None
        or not isinstance(y, Tensor)
        or y.shape != out.shape
        or not y.is_floating_point()
    ):
        return
    is_norm = "norm" in maker.op and not any(x.requires_grad for x in tensors_in(maker.args[1:]))
    if (is_norm and not 0.3 < float(array(y).std()) < 3) or (
        is_norm and abs(float(array(y).mean())) > 1
    ):
        yield Finding(
            "out of reach", f"the output is made by {maker.op}, whose mean is 0 and whose spread is 1",
            f"the targets have mean {array(y).mean():.4g} and standard deviation {array(y).std():.4g}",
            "a linear layer after the norm, or targets of that scale", maker.place,
        )  # fmt: skip
    low, high, squeezed = range_of(look, out)
    target = array(y)
    outside = float(((target < low) | (target > high)).mean())
    if squeezed is not None and outside > 0.05:
        yield Finding(
            "out of reach", f"the output is made by {squeezed.op}, which cannot say what the targets are",
            f"it lies between {low:.3g} and {high:.3g}; {outside:.0%} of the targets are outside, from {target.min():.4g} "
            f"to {target.max():.4g}",
            f"remove the {squeezed.op}, or scale the targets", squeezed.place,
        )  # fmt: skip


def _check_itself(a: Applied) -> Iterator[Finding]:
    """Among n vectors each is most similar to itself: that it is found there is no answer."""
    x, y = array(a.args[0]), array(a.args[1])
    n = len(x) if x.ndim == 2 else 0
    if n < 8 or x.shape != (n, n) or y.shape != (n,) or (y != np.arange(n)).any() or not x.std():
        return
    size = float(np.abs(x).max())
    if not np.allclose(x, x.T, atol=1e-5 * size):
        return
    others = np.where(np.eye(n, dtype=bool), -np.inf, x).max(axis=1)
    # products of vectors with themselves: no negative eigenvalue
    of_one_side = np.linalg.eigvalsh(x[:FEW, :FEW]).min() > -1e-4 * size
    if of_one_side or (np.diag(x) > others).all():
        yield Finding(
            "compared with itself", "each example's right answer is its similarity with itself, which longer vectors alone make larger",
            f"the logits {x.shape} are symmetric, products of vectors with one another, and the targets stand on the diagonal",
            "compare the vectors of one view with those of the other; or mask the diagonal, and ask for the other view", a.place,
        )  # fmt: skip


def _check_guess(a: Applied) -> Iterator[Finding]:
    x, loss = a.args[0], _size(a.result)
    classes = x.shape[1] if x.ndim > 1 else x.shape[0]
    guess = math.log(classes) if classes > 1 else 0.0
    mean = a.attrs.get("reduction", "mean") == "mean"
    if classes == 1:
        yield Finding(
            "one logit", "cross_entropy over a single class is 0 whatever the model says",
            f"logits of shape {tuple(x.shape)}",
            "binary_cross_entropy_with_logits for one logit; or one logit for each class", a.place,
        )  # fmt: skip
    elif mean and np.isfinite(loss) and loss > 2 * guess + 0.5:
        size = float(np.sqrt((array(x) ** 2).mean()))
        yield Finding(
            "initial loss", "the loss begins far above what guessing costs",
            f"{loss:.4g}; guessing one of {classes} classes costs ln {classes} = {guess:.3g}; the logits have "
            f"root mean square {size:.3g}",
            "begin with smaller weights in the last layer, or look whether labels mean what you think",
            a.place,
        )  # fmt: skip


def _note_of_counting(a: Applied) -> Iterator[str]:
    """Labels that are there from 1 to the last class, but never 0."""
    x, y = a.args[0], array(a.args[1])
    classes = x.shape[1] if x.ndim > 1 else x.shape[0]
    ignored = a.attrs.get("ignore_index", -100)
    if ignored == 0:
        return  # which is told as such
    there = np.unique(y[y != ignored])
    if classes < 3 or there.tolist() != list(range(1, classes)):
        return
    if (1 - 1 / classes) ** y.size < 0.01:  # else by chance
        yield (
            f"no label is 0, and each of the other {classes - 1} classes is there: do the labels count from 1? "
            "Classes count from 0"
        )


def _size(x: Any) -> float:
    return float(array(x).mean()) if isinstance(x, Tensor) else float(x)
