"""Are the gradients of a size that can be used, and are units different?"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator

import numpy as np

from ...nn import Module
from ...optim import Adam
from ..nonfinite import NonFiniteError, first_nonfinite
from .finding import Finding
from .look import Look, array, listed

__all__ = ["begins_at_zero", "check_gradients", "first_op_that_is_not_finite"]

VANISHED, EXPLODED = 1e-6, 1e3
"""A weight's gradient beside the largest of the model; the norm of all gradients."""

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
