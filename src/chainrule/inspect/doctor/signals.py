"""Do signals get through the model: modes, dead and saturated units, dropout, the weights of attention?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...nn import BatchNorm1d, BatchNorm2d, BatchNorm3d, Dropout, Module, RNNBase
from ...tensors import Tensor
from ..summary import tensors_in
from .finding import Finding
from .gradients import begins_at_zero
from .look import Look, array, listed

__all__ = ["check_mode", "check_signals"]

DEAD, SATURATED = 0.5, 0.5
"""Shares of units above which they are reported."""

FEW = 64
"""Examples, and numbers of an answer, that tell whether all lie on one line."""

DROPPED = 0.9
"""The share of numbers that dropout may set to 0."""


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

    still = [
        n
        for n, m in model.named_modules()
        if isinstance(m, moody[1:]) and m.training and m.momentum == 0
    ]
    if still:
        yield Finding(
            "norm never learns", "layers of batch norm do not learn the mean and variance that they evaluate with",
            f"{len(still)}: {listed(still)}: momentum is 0, the share that a batch has in them",
            "momentum=0.1, which is the share of the new batch, not of the old mean",
        )  # fmt: skip


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
                "0; or leaky_relu", a.place,
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
                "smaller weights before it (nn.init.xavier_uniform_), scaled inputs, or a norm", a.place,
            )  # fmt: skip
    yield from _check_dropped(look)
    yield from _check_padding(look)
    yield from _check_weights_of_sums(look)
    yield from _note_of_half_states(look)
    yield from _note_of_entropy(look)
    yield from _note_of_one_line(look)
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


def _note_of_one_line(look: Look) -> Iterator[str]:
    """Answers of several numbers that all lie on one line: one number is all that is known of an example."""
    out = look.output
    if not isinstance(out, Tensor) or not out.is_floating_point() or out.ndim != 2:
        return
    y = array(out[:FEW, :FEW])
    if len(y) < 8 or y.shape[1] < 3 or not np.isfinite(y).all() or begins_at_zero(look):
        return
    sizes = np.linalg.svd(y - y.mean(axis=0), compute_uv=False)
    rounding = 1e-7 * float(np.linalg.norm(y))
    if sizes[0] > 30 * rounding and sizes[1] < max(1e-5 * sizes[0], rounding):
        yield (
            f"the answers {tuple(out.shape)} of all examples lie on one line, so they differ by a single number: look for a layer of one "
            "unit, or a mean over all features, that everything goes through"
        )


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
            # the last axis of the left factor, the last but one of the right
            summed = x.ndim - 1 - k
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


def _note_of_half_states(look: Look) -> Iterator[str]:
    """Of a layer in two directions, the last step alone: there the backward half has seen one step."""
    for module, states in look.recurrent:
        if not module.bidirectional or states.ndim != 3 or not states.requires_grad:
            continue
        time = 1 if module.batch_first else 0
        T = states.shape[time]
        slope = look.slopes([states])[0]
        if slope is None or T < 3:
            continue
        used = np.moveaxis(slope, time, 0).any(axis=1)  # (T, 2 H)
        back = used[:, used.shape[1] // 2 :].any(axis=1)
        if back[-1] and not back[:-1].any():
            name = look.names.get(module, type(module).__name__)
            yield (
                f"of the states of {name}, which reads in both directions, only the last step is used: the backward half has read one "
                "step there; cat((h_n[-2], h_n[-1]), 1) has both ends"
            )


def _note_of_entropy(look: Look) -> Iterator[str]:
    """A part Σ p ln p of the loss that falls as the entropy falls."""
    for a in look.named("mul"):
        pair = [x for x in a.args if isinstance(x, Tensor)]
        if (
            a.inside
            or len(pair) != 2
            or pair[0].shape != pair[1].shape
            or not a.result.requires_grad
        ):
            continue
        p, log_p = sorted(
            [array(x) for x in pair], key=lambda v: -float(v.min()) if v.size else 0.0
        )
        if not p.size or p.ndim < 1 or p.shape[-1] < 2 or p.min() < 0 or log_p.max() > 1e-6:
            continue
        if not np.allclose(p.sum(axis=-1), 1, atol=1e-4) or not np.allclose(
            np.exp(log_p), p, atol=1e-5
        ):
            continue
        slope = look.slopes([a.result])[0]
        if slope is not None and slope.mean() < 0:
            yield (
                "the loss falls when the entropy of probabilities falls: a bonus for entropy, which keeps a policy from being sure too "
                f"soon, is subtracted from the loss ({a.place})"
            )
            return


def _share_of_units(zero: np.ndarray) -> tuple[float, int, int]:
    """The share of units that are zero throughout, how many units, and for how many rows: channels
    of images, else the last axis.
    """
    if zero.ndim < 2:
        return 0.0, 0, 0
    axis = 1 if zero.ndim in (4, 5) else zero.ndim - 1
    by_unit = np.moveaxis(zero, axis, -1).reshape(-1, zero.shape[axis])
    return float(by_unit.all(axis=0).mean()) if zero.size else 0.0, zero.shape[axis], len(by_unit)
