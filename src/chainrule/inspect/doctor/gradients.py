"""Are the gradients of a size that can be used, and are units different?"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator

import numpy as np

from ...base.errors import ChainruleError
from ...nn import Module
from ...optim import Adam
from ...tensors import Tensor, grad
from ..nonfinite import NonFiniteError, first_nonfinite
from ..summary import tensors_in
from .calls import digest, kept_with_history
from .finding import Finding
from .look import Look, array, listed, put

__all__ = ["begins_at_zero", "check_gradients", "first_op_that_is_not_finite"]

VANISHED, EXPLODED = 1e-6, 1e3
"""A weight's gradient beside the largest of the model; the norm of all gradients."""

OUTWEIGHS = 30.0
"""How many times the gradient of a penalty may be that of the answers."""

STEPS = 10
"""After which a small gradient is looked at again."""


def check_gradients(look: Look) -> Iterator[Finding]:
    """Are the gradients of a size that can be used, and are units different?"""
    found = {n: g for n, g in look.gradients.items() if g is not None and g.size}
    bad = [n for n, g in found.items() if not np.isfinite(g).all()]
    if bad:
        told, where = first_op_that_is_not_finite(look)
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
            f"their norm is {norm:.3g}; the largest is that of {largest}" + _steepest(look),
            "smaller initial weights, scaled inputs and targets, a norm; clip_grad_norm_ as a guard",
        )  # fmt: skip
    yield from _check_penalty(look, found)
    yield from _check_small(look, found)
    yield from _check_symmetry(look, found)
    yield from _check_copies(look, found)


def _steepest(look: Look) -> str:
    """Which of several answers the loss looks at most, if one outweighs the others."""
    answers = [x for x in tensors_in(look.output) if x.requires_grad and x.is_floating_point()]
    slopes = look.slopes(answers) if len(answers) > 1 else []
    sizes = [0.0 if s is None else float(np.sqrt((s * s).sum())) for s in slopes]
    if len(sizes) < 2 or max(sizes) < OUTWEIGHS * sorted(sizes)[-2]:
        return ""
    k = int(np.argmax(sizes))
    return (
        f"; of the {len(sizes)} outputs number {k} outweighs the others: the slope of the loss by it is {sizes[k]:.3g}, by the next "
        f"{sorted(sizes)[-2]:.3g}, so its part of the loss needs a smaller factor, or its target another scale"
    )


def _check_penalty(look: Look, found: dict[str, np.ndarray]) -> Iterator[Finding]:
    """A part of the loss that looks at the weights alone, beside that which looks at the answers."""
    answers = [x for x in tensors_in(look.output) if x.requires_grad]
    own = {n: p for n, p in look.model.named_parameters() if n in found}
    if not answers or kept_with_history(look.model):
        return
    try:
        free = [x.detach() for x in answers]
        loss = look.loss_fn(put(look.output, answers, free), look.batch[-1])
    except (ChainruleError, ValueError, TypeError, IndexError):
        return  # a loss that takes nothing but what this model says
    if not isinstance(loss, Tensor) or not loss.requires_grad:
        return
    slopes = grad(loss.sum(), list(own.values()), allow_unused=True)
    of_weights = {n: array(g) for n, g in zip(own, slopes, strict=True) if g is not None}
    alone = sum([float((g * g).sum()) for g in of_weights.values()])
    total = sum([float(((found[n] - of_weights.get(n, 0.0)) ** 2).sum()) for n in own])
    if alone > OUTWEIGHS**2 * total > 0:
        yield Finding(
            "penalty outweighs", "a part of the loss that looks at the weights alone outweighs the part that looks at the answers",
            f"the gradient of the one has a norm of {math.sqrt(alone):.3g}, that of the other {math.sqrt(total):.3g}",
            "a smaller factor before the penalty: 1e-4 is usual for the sum of squares",
        )  # fmt: skip


def _check_small(look: Look, found: dict[str, np.ndarray]) -> Iterator[Finding]:
    sizes = {n: float(np.sqrt((g * g).mean())) for n, g in found.items() if g.ndim > 1}
    largest = max(sizes.values(), default=0.0)
    small = [n for n, s in sizes.items() if s < VANISHED * min(largest, 1.0) or largest == 0]
    hooked = _hooked(look.model) if small else []
    if small and hooked and all(sizes[n] == 0 for n in small):
        yield Finding(
            "zero gradient", "the gradient of some weights is exactly 0, and there are hooks on the way",
            f"{len(small)} of {len(sizes)}: {listed(small)}; backward hooks on {listed(hooked)}",
            "look at what the hooks return: it takes the place of the gradient; None leaves it",
        )  # fmt: skip
        return
    if small:
        still = _still_small(look)  # of a copy, which has no hooks
        cut = [n for n in small if n in hooked and n not in still]
        if cut and not begins_at_zero(look):
            yield Finding(
                "zero gradient", "hooks take the gradient of some weights away",
                f"{len(cut)} of {len(sizes)}: {listed(cut)}; root mean square {sizes[cut[0]]:.2g} in {cut[0]}, {largest:.2g} "
                "elsewhere, and without the hooks it is not so small",
                "look at what the hooks return: it takes the place of the gradient; None leaves it",
            )  # fmt: skip
        small = [n for n in small if n in still]
    if small and not begins_at_zero(look):
        worst = min(small, key=lambda n: sizes[n])
        lost, where = _where_it_is_lost(look, worst)
        evidence = (
            f"{len(small)} of {len(sizes)}: {listed(small)}; root mean square {sizes[worst]:.2g} in {worst}, "
            f"{largest:.2g} in {max(sizes, key=lambda n: sizes[n])}"
        )
        if lost and sizes[worst] == 0:
            yield Finding(
                "zero gradient", "the gradient of some weights is exactly 0", f"{evidence}; it is lost at {lost}",
                "look at what that line multiplies by, cuts off or leaves out: a mask of zeros, units that are dead", where,
            )  # fmt: skip
        else:
            yield Finding(
                "vanishing gradient", "almost no gradient reaches some weights",
                evidence + (f"; it is lost at {lost}" if lost else ""),
                "relu or gelu in place of sigmoid and tanh, residual connections, a norm, He initialisation; look "
                "for dead units" + (" and tiny factors" if lost else ""), where,
            )  # fmt: skip


def _where_it_is_lost(look: Look, name: str) -> tuple[str, str]:
    """The op behind which the gradient is there and before which it is not, and its line; nothing if it fades from op to op."""
    way = [a for a in look.depending([look.parameters[name]]) if isinstance(a.result, Tensor)]
    way = [a for a in way if a.result.requires_grad and not a.result.is_leaf]
    slopes = look.slopes([a.result for a in way])
    size = {
        id(a.result): 0.0 if s is None else float(np.sqrt((s * s).mean())) if s.size else 0.0
        for a, s in zip(way, slopes, strict=True)
    }
    for a in way:
        before = [size[id(x)] for x in tensors_in(a.args) if id(x) in size]
        after = size[id(a.result)]
        if before and after > 0 and max(before) < VANISHED * after:
            return a.op, a.place
    return "", ""


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
    return [n for n, s in sizes.items() if largest == 0 or s < VANISHED * min(largest, 1.0)]


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


def _check_copies(look: Look, found: dict[str, np.ndarray]) -> Iterator[Finding]:
    """Weights of several modules that have the same numbers and the same gradient: one, several times."""
    alike: dict[tuple, list[str]] = {}
    for name, p in look.model.named_parameters():
        g = found.get(name)
        if g is not None and p.ndim > 1 and p.numel() > 3 and g.any() and array(p).std() > 0:
            alike.setdefault((p.shape, digest(p)), []).append(name)
    for names in alike.values():
        first, others = found[names[0]], [found[n] for n in names[1:]]
        size = float(np.abs(first).max())
        if others and all(np.allclose(g, first, rtol=1e-4, atol=1e-5 * size) for g in others):
            yield Finding(
                "symmetry", "weights of several modules are the same, and stay so",
                f"{listed(names)} of shape {list(first.shape)} have equal values and equal gradients",
                "make each module anew, with weights of its own: deepcopy and load_state_dict copy them", names[1],
            )  # fmt: skip


def first_op_that_is_not_finite(look: Look) -> tuple[str, str]:
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
