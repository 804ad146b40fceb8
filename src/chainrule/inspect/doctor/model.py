"""What does the model make of the batch: does the loss fit the output, do signals and gradients get
through?
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...nn import BatchNorm1d, BatchNorm2d, BatchNorm3d, Dropout, Module
from ...tensors import Tensor
from .finding import Finding
from .look import Applied, Look, array

__all__ = ["check_gradients", "check_loss", "check_mode", "check_signals"]

DEAD, SATURATED = 0.5, 0.5
"""Shares of units above which they are reported."""

VANISHED, EXPLODED = 1e-6, 1e3
"""A weight's gradient beside the largest of the model; the norm of all gradients."""


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


def check_loss(look: Look) -> Iterator[Finding]:
    """Does the loss get what it expects, and is it, at first, what guessing costs?"""
    yield from _check_activations_before_loss(look)
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
        dead, units, rows = _share_of_units(array(a.result) == 0)
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
        if share > SATURATED and not is_last:
            yield Finding(
                "saturated units", f"most {a.op} units are at the end of their range, where slopes vanish",
                f"{share:.0%} of the values are within 1 % of it" + (f" in {a.path}" if a.path else ""),
                "smaller weights before it (nn.init.xavier_uniform_), scaled inputs, or a norm", a.where,
            )  # fmt: skip
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
    """Does a gradient reach every parameter, of a size that can be used, and are units different?"""
    if not look.has_path:
        yield Finding(
            "no gradient", "no gradient leads from the loss to any parameter",
            f"the loss {_size(look.loss):.4g} has no history",
            "look for detach(), .item(), .numpy(), no_grad() or argmax between parameters and loss; "
            "requires_grad of the parameters",
        )  # fmt: skip
        return
    without = [n for n, g in look.gradients.items() if g is None]
    if without:
        yield Finding(
            "no path", "parameters that the loss does not depend on",
            f"{len(without)} of {len(look.gradients)}: {_list(without)}",
            "use them in forward, or remove them; look for detach() on the way",
        )  # fmt: skip
    found = {n: g for n, g in look.gradients.items() if g is not None and g.size}
    bad = [n for n, g in found.items() if not np.isfinite(g).all()]
    if bad:
        yield Finding(
            "gradient not finite", "gradients hold NaN or infinities",
            f"{len(bad)} of {len(found)} parameters: {_list(bad)}",
            "run the step within inspect.first_nonfinite(model): it names the op",
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
    if small and not begins_at_zero(look):
        worst = min(small, key=lambda n: sizes[n])
        yield Finding(
            "vanishing gradient", "almost no gradient reaches some weights",
            f"{len(small)} of {len(sizes)}: {_list(small)}; root mean square {sizes[worst]:.2g} in {worst}, "
            f"{largest:.2g} in {max(sizes, key=lambda n: sizes[n])}",
            "relu or gelu in place of sigmoid and tanh, residual connections, a norm, He initialisation; look "
            "for dead units",
        )  # fmt: skip


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
    for name, p in look.model.named_parameters():
        w, g = array(p), found.get(name)
        if g is None or w.ndim < 2 or w.shape[0] < 2 or w.size < 4 or not g.any():
            continue
        if (w == w[:1]).all() and np.allclose(g, g[:1], rtol=1e-4, atol=1e-7 * np.abs(g).max()):
            yield Finding(
                "symmetry", "all units of a layer are the same, and stay so",
                f"the rows of {name} {list(w.shape)} are equal, and so are those of its gradient",
                "draw the weights at random (nn.init.kaiming_uniform_)", name,
            )  # fmt: skip


def _list(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
