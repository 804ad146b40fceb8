"""What does the model make of the batch: does the loss fit the output, do signals and gradients get
through?
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...base.errors import ChainruleError
from ...nn import BatchNorm1d, BatchNorm2d, BatchNorm3d, Dropout, Module, RNNBase
from ...optim import Adam
from ...tensors import Tensor, tensor
from ..nonfinite import NonFiniteError, first_nonfinite
from ..summary import tensors_in
from .finding import Finding
from .look import Applied, Look, array, listed

__all__ = ["check_gradients", "check_loss", "check_mode", "check_signals"]

DEAD, SATURATED = 0.5, 0.5
"""Shares of units above which they are reported."""

DROPPED = 0.9
"""The share of numbers that dropout may set to 0."""

VANISHED, EXPLODED = 1e-6, 1e3
"""A weight's gradient beside the largest of the model; the norm of all gradients."""

STEPS = 10
"""After which a small gradient is looked at again."""

RANGES = {
    "sigmoid": (0, 1),
    "softmax": (0, 1),
    "tanh": (-1, 1),
    "relu": (0, math.inf),
    "relu6": (0, 6),
}
"""What the last activation can say."""


def check_mode(model: Module) -> Iterator[Finding]:
    """Layers that act differently in training are reported if the whole model evaluates."""
    moody = (Dropout, BatchNorm1d, BatchNorm2d, BatchNorm3d)
    found = [n for n, m in model.named_modules() if isinstance(m, moody)]
    if found and not model.training:
        yield Finding(
            "eval mode", "the model is in evaluation mode",
            f"{len(found)} layers of dropout or batch norm do not do what they do in training: {found[:3]}",
            "model.train() before training, after each evaluation too",
        )  # fmt: skip
    asleep = [
        n
        for n, m in model.named_modules()
        if isinstance(m, moody[1:])
        and not m.training
        and m.num_batches_tracked is not None
        and not array(m.num_batches_tracked).any()
    ]
    if asleep and model.training:
        yield Finding(
            "norm never trained", "layers of batch norm are in evaluation mode, and have never seen a batch",
            f"{len(asleep)}: {listed(asleep)}: their mean is 0 and their variance 1 still, so they normalise nothing",
            "model.train(); batch norm is put to sleep after it has learned its statistics",
        )  # fmt: skip


def check_loss(look: Look) -> Iterator[Finding | str]:
    """Does the loss get what it expects, and is it, at first, what guessing costs?"""
    if not np.isfinite(array(look.loss)).all():
        told, where = _first_nonfinite(look)
        yield Finding(
            "loss not finite", "the loss is not a finite number", f"it is {_size(look.loss)}; {told}",
            "inspect.first_nonfinite(model) around a step shows the numbers that led there", where,
        )  # fmt: skip
        return
    yield from _check_activations_before_loss(look)
    yield from _check_perfect_answers(look)
    yield from _check_pairs(look)
    yield from _check_reach(look)
    for a in look.named("cross_entropy"):
        yield from _check_guess(a)
    for a in look.named("nll_loss"):
        x = array(a.args[0])
        if x.size and x.max() > 1e-6:
            yield Finding(
                "nll without log", "nll_loss is given what are not logarithms of probabilities",
                f"they are as large as {x.max():.3g}; a logarithm of a probability is at most 0",
                "cross_entropy takes logits; or log_softmax first", a.where,
            )  # fmt: skip
    for a in look.named("binary_cross_entropy", "binary_cross_entropy_with_logits"):
        y = array(a.args[1])
        if y.size and not (y.min() >= 0 and y.max() <= 1):
            yield Finding(
                "no probabilities", f"the targets of {a.op} are no probabilities",
                f"they go from {y.min():.3g} to {y.max():.3g}, where 0 is no and 1 is yes",
                "(target + 1) / 2 for targets of -1 and 1; mse_loss for numbers", a.where,
            )  # fmt: skip
    for a in look.named("kl_div"):
        x = array(a.args[0])
        if x.size and x.min() >= 0 and not a.attrs.get("log_input"):
            yield Finding(
                "kl without log", "kl_div is given probabilities, where it takes their logarithms",
                f"they go from {x.min():.3g} to {x.max():.3g}", "log_softmax in place of softmax", a.where,
            )  # fmt: skip
    n = _batch_size(look.batch)
    for a in look.named("softmax", "log_softmax"):
        x = a.args[0]
        if a.attrs.get("dim") == 0 and x.ndim > 1 and x.shape[0] == n:
            yield Finding(
                "softmax over batch", f"{a.op} runs over the batch, not over the classes",
                f"dim=0 of shape {tuple(x.shape)}: the probabilities of one example depend on the others",
                f"{a.op}(x, dim=-1)", a.where,
            )  # fmt: skip


def _check_activations_before_loss(look: Look) -> Iterator[Finding]:
    wrong = {
        "cross_entropy": ("softmax", "sigmoid", "relu"),
        "soft_cross_entropy": ("softmax", "sigmoid", "relu"),
        "binary_cross_entropy_with_logits": ("sigmoid", "softmax", "relu"),
    }
    for a in look.named(*wrong):
        maker = look.maker(a.args[0])
        if maker is not None and maker.op == "log_softmax" and "soft" not in maker.path:
            yield f"log_softmax before {a.op}, which has it in itself: it does no harm, and no good ({maker.place})"
        if (
            a.op == "cross_entropy"
            and (maker is None or maker.op not in wrong[a.op])
            and _are_shares(a.args[0])
        ):
            yield Finding(
                "softmax before loss", "the loss is given probabilities, where cross_entropy takes logits and has the "
                "softmax in it", f"each row of {tuple(a.args[0].shape)} is positive, and its sum is 1",
                "give it what the probabilities are made of; nll_loss takes their logarithms",
                maker.place if maker else a.where,
            )  # fmt: skip
        if maker is not None and maker.op in wrong[a.op]:
            x = array(a.args[0])
            why = "takes the logits themselves, and has the softmax in it" if "soft" in maker.op else (
                "takes logits, which may be of either sign"
            )  # fmt: skip
            yield Finding(
                f"{maker.op} before loss", f"{maker.op} before {a.op}, which {why}",
                f"the loss sees numbers from {x.min():.3g} to {x.max():.3g}, and {_size(look.loss):.4g} at first",
                f"remove the {maker.op}" + (f" (module {maker.path})" if maker.path else ""), maker.where,
            )  # fmt: skip


def _are_shares(x: Tensor) -> bool:
    """Whether the numbers of each row are like probabilities."""
    rows = array(x)
    return (
        rows.ndim == 2
        and min(rows.shape) > 1
        and bool(
            (rows >= 0).all() and np.allclose(rows.sum(axis=1), 1, atol=1e-4) and rows.std() > 0
        )
    )


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
            id(x) in of_output and id(y) in of_target - of_output for x, y in (pair, pair[::-1])
        )
        n = pair[0].numel()
        if one_each and pair[1].numel() == n and a.result.numel() == n * n and a.op != "matmul":
            yield Finding(
                "loss broadcasts", "the loss compares every output with every target, by broadcasting",
                f"{a.op} of {tuple(pair[0].shape)} and {tuple(pair[1].shape)} made {tuple(a.result.shape)}",
                "give both the same shape: output.squeeze(-1), or target.unsqueeze(-1)", a.where,
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
    right, own = _right_answers(out, y), array(out)
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
            paid.append(min(best))
    except (ChainruleError, ValueError, TypeError, IndexError):
        return  # a loss that takes nothing but what this model says
    yield Finding(
        "wrong answers pay", "an answer that is right costs more than what the model says now: the loss leads away from it",
        f"the loss of the output is {costs:.4g}, that of right answers {paid[0]:.4g}",
        "look at the sign of the loss (a minus too many, or one that lacks), and which axis holds the classes",
    )  # fmt: skip


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
    if maker.op not in RANGES:
        return
    low, high = RANGES.get(maker.op, (-math.inf, math.inf))
    target = array(y)
    outside = float(((target < low) | (target > high)).mean())
    if target.dtype.kind == "f" and outside > 0.05:
        yield Finding(
            "out of reach", f"the output is made by {maker.op}, which cannot say what the targets are",
            f"{maker.op} says from {low} to {high}; {outside:.0%} of the targets are outside, from {target.min():.4g} "
            f"to {target.max():.4g}",
            f"remove the {maker.op}, or scale the targets", maker.place,
        )  # fmt: skip


def _first_nonfinite(look: Look) -> tuple[str, str]:
    """Which op made the first NaN, and where."""
    try:
        with first_nonfinite(look.model):
            look.loss_fn(look.model(*look.batch[:-1]), look.batch[-1]).sum().backward()
    except NonFiniteError as e:
        lines = str(e).splitlines()
        places = [line.split(None, 1)[1] for line in lines if line.startswith("  at")]
        places += [line.split("made at ", 1)[1] for line in lines if line.startswith("  made at")]
        modules = [line.split(None, 1)[1] for line in lines if line.startswith("  module")]
        where = places[0] if places else ""
        return lines[0], f"{where} (module {modules[0]})" if modules else where
    return "no op made it of finite numbers", ""


def _check_guess(a: Applied) -> Iterator[Finding]:
    x, loss = a.args[0], _size(a.result)
    classes = x.shape[1] if x.ndim > 1 else x.shape[0]
    guess = math.log(classes) if classes > 1 else 0.0
    mean = a.attrs.get("reduction", "mean") == "mean"
    if classes == 1:
        yield Finding(
            "one logit", "cross_entropy over a single class is 0 whatever the model says",
            f"logits of shape {tuple(x.shape)}",
            "binary_cross_entropy_with_logits for one logit; or one logit for each class", a.where,
        )  # fmt: skip
    elif mean and np.isfinite(loss) and loss > 2 * guess + 0.5:
        size = float(np.sqrt((array(x) ** 2).mean()))
        yield Finding(
            "initial loss", "the loss begins far above what guessing costs",
            f"{loss:.4g}; guessing one of {classes} classes costs ln {classes} = {guess:.3g}; the logits have "
            f"root mean square {size:.3g}",
            "begin with smaller weights in the last layer, or look whether labels mean what you think",
            a.where,
        )  # fmt: skip


def _size(x: Any) -> float:
    return float(array(x).mean()) if isinstance(x, Tensor) else float(x)


def _batch_size(batch: tuple) -> int:
    x = batch[0]
    return x.shape[0] if isinstance(x, Tensor) and x.ndim else 0


def check_signals(look: Look) -> Iterator[Finding]:
    """Dead and saturated units, and outputs that do not depend on inputs."""
    for a in look.named("relu", "relu6"):
        given = array(a.args[0])
        far = -0.5 * float(np.sqrt((given * given).mean())) if given.size else 0.0
        dead, units, rows = _share_of_units(given < far)  # one just below 0 can come back
        if rows >= 8 and units > 1 and dead > DEAD:
            yield Finding(
                "dead units", "most units are 0 for every example of the batch",
                f"{dead:.0%} of {units} units after {a.op}" + (f" in {a.path}" if a.path else ""),
                "a smaller learning rate, He initialisation (nn.init.kaiming_normal_), biases that begin at "
                "0; or leaky_relu", a.where,
            )  # fmt: skip
    for a in look.named("tanh", "sigmoid"):
        y = array(a.result)
        y = y if a.op == "tanh" else 2 * y - 1
        share = float((np.abs(y) > 0.99).mean()) if y.size else 0.0
        is_last = look.maker(look.output) is a if isinstance(look.output, Tensor) else False
        # states of recurrent layers hold what they remember at the ends
        recurrent = a.path and isinstance(look.modules.get(a.path), RNNBase)
        if share > (0.98 if recurrent else SATURATED) and not is_last:
            yield Finding(
                "saturated units", f"most {a.op} units are at the end of their range, where slopes vanish",
                f"{share:.0%} of the values are within 1 % of it" + (f" in {a.path}" if a.path else ""),
                "smaller weights before it (nn.init.xavier_uniform_), scaled inputs, or a norm", a.where,
            )  # fmt: skip
    yield from _check_dropped(look)
    yield from _check_padding(look)
    yield from _check_weights_of_sums(look)
    out, x = look.output, look.batch[0]
    if isinstance(out, Tensor) and isinstance(x, Tensor) and out.is_floating_point():
        y, given = array(out), array(x)
        if y.ndim > 1 and len(y) > 1 and len(y) == len(given):
            same = bool((np.ptp(y, axis=0) <= 1e-6 * (np.abs(y).max() + 1e-30)).all())
            varied = not (given == given[:1]).all()
            if same and varied and np.isfinite(y).all() and not begins_at_zero(look):
                yield Finding(
                    "output constant", "the output is the same for every example",
                    f"{len(y)} different inputs, one output",
                    "look for what cuts the signal: dead units, a reduction over the batch, weights of zero",
                )  # fmt: skip


def _check_dropped(look: Look) -> Iterator[Finding]:
    """Dropout that leaves next to nothing, or that drops answers."""
    for a in look.named("dropout"):
        x, y = array(a.args[0]), array(tuple(tensors_in(a.result))[0])
        there = x != 0
        dropped = float((y[there] == 0).mean()) if there.any() else 0.0
        if dropped > DROPPED and there.sum() > 30:
            yield Finding(
                "dropout", "dropout leaves next to nothing of the signal",
                f"{dropped:.0%} of {int(there.sum())} numbers that were not 0 are 0 after it",
                "p is the share that is dropped: 0.1 to 0.5", a.place,
            )  # fmt: skip
    maker = look.maker(look.output) if isinstance(look.output, Tensor) else None
    if maker is not None and maker.op == "dropout":
        yield Finding(
            "dropout", "answers are dropped: dropout is the last thing the model does",
            f"the output of shape {tuple(look.output.shape)} is made by dropout", "dropout before the last layer",
            maker.place,
        )  # fmt: skip


def _check_padding(look: Look) -> Iterator[Finding]:
    """An embedding whose padding is another token than texts end with."""
    for a in look.named("embedding"):
        module = look.modules.get(a.path)
        padding = getattr(module, "padding_idx", None)
        ids = next(
            (array(x) for x in tensors_in(a.args) if not x.is_floating_point()), np.zeros(0, int)
        )
        if padding is None or ids.ndim != 2 or ids.shape[1] < 3 or (ids[:, -1] == padding).any():
            continue
        kinds, counts = np.unique(ids[:, -1], return_counts=True)
        token = kinds[counts.argmax()]
        ends = float((ids[:, -2:] == token).all(axis=1).mean())
        if ends > 0.3:
            yield Finding(
                "padding", "texts end with another token than the one that an embedding takes for padding",
                f"padding_idx is {padding}; {ends:.0%} of the {len(ids)} rows end with {token} at least twice (module {a.path})",
                f"padding_idx={token}, and the same token in masks and in ignore_index of the loss", a.place,
            )  # fmt: skip


def _check_weights_of_sums(look: Look) -> Iterator[Finding]:
    """Weights of a softmax must add up to 1 over what they weigh."""
    for a in look.named("matmul"):
        for k, x in enumerate(a.args[:2]):
            maker = look.made.get(id(x))
            while maker is not None and maker.op in ("dropout", "clone", "where", "cast"):
                maker = look.made.get(id(next(tensors_in(maker.args))))
            if maker is None or maker.op != "softmax" or x.ndim < 2:
                continue
            summed = (
                x.ndim - 1 - k
            )  # of the left factor the last axis, of the right the last but one
            if maker.attrs.get("dim") != summed:
                yield Finding(
                    "softmax over another axis", "weights of a sum are made by a softmax over another axis than is summed",
                    f"softmax runs over axis {maker.attrs.get('dim')} of {tuple(x.shape)}, the product sums over axis {summed}: the "
                    "weights of one sum do not add up to 1",
                    "softmax(dim=-1) of the scores (queries, keys)", maker.place,
                )  # fmt: skip
    for a in look.named("gather"):
        maker = look.maker(a.args[0])
        if maker is not None and maker.op in ("softmax", "log_softmax"):
            over, along = maker.attrs.get("dim"), a.attrs.get("dim")
            if over != along and a.args[0].shape == maker.result.shape:
                yield Finding(
                    "softmax over another axis", f"{maker.op} runs over another axis than the classes are picked from",
                    f"{maker.op} over axis {over} of {tuple(maker.result.shape)}, gather along axis {along}",
                    f"{maker.op}(x, dim={along})", maker.place,
                )  # fmt: skip
    for a in look.named("softmax"):
        y = array(a.result)
        rows = np.moveaxis(y, a.attrs.get("dim", -1), -1)
        scores = np.moveaxis(array(a.args[0]), a.attrs.get("dim", -1), -1)
        several = (scores > -1e8).sum(axis=-1) > 3  # of those that are not masked
        used = a.inside and a.result is not look.output and several.any()
        if used and float((rows.max(axis=-1)[several] > 0.99).mean()) > 0.9:
            yield Finding(
                "softmax saturated", "a softmax puts all its weight on one place, where its slope is 0",
                f"the largest weight is above 0.99 in {(rows.max(axis=-1)[several] > 0.99).mean():.0%} of the rows of "
                f"{tuple(y.shape)}; the scores go from {scores[scores > -1e8].min():.3g} to {scores.max():.3g}",
                "divide the scores by the square root of the size of a head; smaller weights before them", a.place,
            )  # fmt: skip


def _share_of_units(zero: np.ndarray) -> tuple[float, int, int]:
    """The share of units that are zero throughout, how many units, and for how many rows: channels
    of images, else the last axis.
    """
    if zero.ndim < 2:
        return 0.0, 0, 0
    axis = 1 if zero.ndim in (4, 5) else zero.ndim - 1
    by_unit = np.moveaxis(zero, axis, -1).reshape(-1, zero.shape[axis])
    return float(by_unit.all(axis=0).mean()) if zero.size else 0.0, zero.shape[axis], len(by_unit)


def check_gradients(look: Look) -> Iterator[Finding]:
    """Are the gradients of a size that can be used, and are units different?"""
    found = {n: g for n, g in look.gradients.items() if g is not None and g.size}
    bad = [n for n, g in found.items() if not np.isfinite(g).all()]
    if bad:
        told, where = _first_nonfinite(look)
        yield Finding(
            "gradient not finite", "gradients hold NaN or infinities",
            f"{len(bad)} of {len(found)} parameters: {listed(bad)}; {told}",
            "mend what makes it: a small number below a root or a division, log_softmax for the logarithm of a "
            "softmax; inspect.first_nonfinite(model) around a step shows the numbers", where,
        )  # fmt: skip
        return
    norm = math.sqrt(sum([float((g * g).sum()) for g in found.values()]))
    if norm > EXPLODED:
        largest = max(found, key=lambda n: float((found[n] ** 2).sum()))
        yield Finding(
            "exploding gradient", "the gradients are very large",
            f"their norm is {norm:.3g}; the largest is that of {largest}",
            "smaller initial weights, scaled inputs and targets, a norm; clip_grad_norm_ as a guard",
        )  # fmt: skip
    yield from _check_small(look, found)
    yield from _check_symmetry(look, found)


def _check_small(look: Look, found: dict[str, np.ndarray]) -> Iterator[Finding]:
    sizes = {n: float(np.sqrt((g * g).mean())) for n, g in found.items() if g.ndim > 1}
    largest = max(sizes.values(), default=0.0)
    small = [n for n, s in sizes.items() if s < VANISHED * largest or largest == 0]
    hooked = _hooked(look.model) if small else []
    if small and hooked and all(sizes[n] == 0 for n in small):
        yield Finding(
            "zero gradient", "the gradient of some weights is exactly 0, and there are hooks on the way",
            f"{len(small)} of {len(sizes)}: {listed(small)}; backward hooks on {listed(hooked)}",
            "look at what the hooks return: it takes the place of the gradient; None leaves it",
        )  # fmt: skip
        return
    if small:
        small = [n for n in small if n in _still_small(look)]
    if small and not begins_at_zero(look):
        worst = min(small, key=lambda n: sizes[n])
        yield Finding(
            "vanishing gradient", "almost no gradient reaches some weights",
            f"{len(small)} of {len(sizes)}: {listed(small)}; root mean square {sizes[worst]:.2g} in {worst}, "
            f"{largest:.2g} in {max(sizes, key=lambda n: sizes[n])}",
            "relu or gelu in place of sigmoid and tanh, residual connections, a norm, He initialisation; look "
            "for dead units",
        )  # fmt: skip


def _hooked(model: Module) -> list[str]:
    """The parameters and modules with hooks that are called in the backward pass."""
    found = [n for n, p in model.named_parameters() if p._hooks]
    for n, m in model.named_modules():
        if m._hooks is not None and (m._hooks.backward or m._hooks.backward_pre):
            found.append(n or type(m).__name__)
    return found


def _still_small(look: Look) -> list[str]:
    """The weights whose gradient is small after a few steps too: a factor that begins at 0 on purpose
    (the last norm of a residual block) has moved by then.
    """
    learner = copy.deepcopy(look.model)
    wanted = {n: p for n, p in learner.named_parameters() if p.requires_grad}
    optimizer = Adam(list(wanted.values()), lr=1e-3)
    for _ in range(STEPS):
        optimizer.zero_grad()
        look.loss_fn(learner(*look.batch[:-1]), look.batch[-1]).sum().backward()
        optimizer.step()
    sizes = {
        n: float(np.sqrt((array(p.grad) ** 2).mean())) if p.grad is not None else 0.0
        for n, p in wanted.items()
        if p.ndim > 1
    }
    largest = max(sizes.values())
    return [n for n, s in sizes.items() if largest == 0 or s < VANISHED * largest]


def begins_at_zero(look: Look) -> bool:
    """Whether a weight is zero and about to move: a layer that begins so on purpose, which lets nothing
    through in the first step.
    """
    for name, p in look.model.named_parameters():
        g = look.gradients.get(name)
        if p.ndim > 1 and g is not None and g.any() and not array(p).any():
            return True
    return False


def _check_symmetry(look: Look, found: dict[str, np.ndarray]) -> Iterator[Finding]:
    largest = max([float(np.abs(g).max()) for g in found.values()], default=0.0)
    for name, p in look.model.named_parameters():
        w, g = array(p), found.get(name)
        if g is None or w.ndim < 2 or w.shape[0] < 2 or w.size < 4 or not g.any():
            continue
        if (w == w[:1]).all() and np.allclose(g, g[:1], rtol=1e-4, atol=1e-6 * largest):
            yield Finding(
                "symmetry", "all units of a layer are the same, and stay so",
                f"the rows of {name} {list(w.shape)} are equal, and so are those of its gradient",
                "draw the weights at random (nn.init.kaiming_uniform_)", name,
            )  # fmt: skip
