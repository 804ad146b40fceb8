"""Does it learn: what the optimizer holds, how far one step goes, and can one batch be learned by heart?"""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Callable, Iterator

import numpy as np

from ...nn import Module
from ...optim import LBFGS, Adam, Optimizer
from ...tape.modes import no_grad
from ...tensors import Tensor, grad
from ..watch import trained_for_a_while
from .finding import Finding
from .look import array, listed

__all__ = ["check_optimizer", "check_overfit", "check_update"]

TOO_FAR, TOO_SHORT = 0.5, 1e-6
"""Lengths of a step beside the length of the weight."""

LONG_MEMORY = 50
"""Steps for which momentum may keep a gradient."""

SOME_STEPS = 10
"""That are made to see whether the loss falls."""

LAZY = 0.98
"""A first beta above which Adam turns slowly."""

HEAVY, SHRINKS = 0.01, 0.0035
"""The weight decay that is looked at; the share of the weights it may take in a step: half in 200."""

LEARNED, RATES = 0.9, (1e-2, 1e-3)
"""What must be left, at most, of the first loss; the rates that are tried."""

BEGUN, PATIENCE = 0.03, 4
"""By which share the loss must have fallen to get more steps, and how many times as many."""


def check_optimizer(model: Module, optimizer: Optimizer) -> Iterator[Finding]:
    """Does it hold the model's parameters?"""
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    wanted = {n: p for n, p in model.named_parameters() if p.requires_grad}
    missing = [n for n, p in wanted.items() if id(p) not in held]
    kind = type(optimizer).__name__
    if missing and len(missing) == len(wanted):
        yield Finding(
            "other model", "the optimizer holds none of the model's parameters",
            f"{len(held)} tensors in {kind}, {len(wanted)} parameters in the model",
            "make the optimizer after the model is made, copied or loaded whole",
        )  # fmt: skip
    elif missing:
        yield Finding(
            "not in optimizer", "parameters that the optimizer does not hold",
            f"{len(missing)} of {len(wanted)}: {', '.join(missing[:4])}",
            f"{kind}(model.parameters()), or requires_grad_(False) if they are meant to stay",
        )  # fmt: skip


def check_update(
    model: Module, optimizer: Optimizer, loss_fn: Callable, batch: tuple
) -> Iterator[Finding]:
    """How far, and which way, does one step move each weight? On copies."""
    if isinstance(optimizer, LBFGS):
        return
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    weights = {
        n: array(p).copy() for n, p in model.named_parameters() if id(p) in held and p.ndim > 1
    }
    rates = [max(float(g["lr"]), g.get("initial_lr", 0.0)) for g in optimizer.param_groups]
    moves, slopes = _step(model, optimizer, loss_fn, batch)
    yield from _check_options(optimizer)
    held_moves = {n: m for n, m in moves.items() if n in weights}
    yield from _check_every_weight(optimizer, held_moves, slopes)
    ratios = {}
    for n, w in weights.items():
        length = float(np.linalg.norm(w))
        if length > 0 and n in slopes:
            ratios[n] = float(np.linalg.norm(moves[n])) / length
    ratios = {n: r for n, r in ratios.items() if math.isfinite(r)}
    yield from _check_direction(optimizer, moves, slopes)
    yield from _check_decay(model, optimizer, loss_fn, batch, weights, moves)
    if not ratios:
        return
    far = max(ratios, key=lambda n: ratios[n])
    now = _share_of_rate(optimizer)
    said = f"a step of {ratios[far]:.2g} times the length of {far}, with lr {', '.join(f'{r:.3g}' for r in rates)}"
    momenta = [g.get("momentum", 0) for g in optimizer.param_groups]
    lasts = max([1 / (1 - m) if m < 1 else math.inf for m in momenta], default=1.0)
    leaves_zero = any(not w.any() and moves[n].any() for n, w in weights.items() if n in moves)
    if ratios[far] * now > TOO_FAR:
        yield Finding(
            "step too long", "one step moves a weight about as far as it is long", said + _of_a_sum(model, loss_fn, batch),
            f"a smaller learning rate; a thousandth of the length is usual: lr ≈ {_rate(rates, ratios[far]):.1g}",
        )  # fmt: skip
    elif lasts > LONG_MEMORY and ratios[far] * now * lasts > TOO_FAR:
        yield Finding(
            "step too long", "momentum makes the steps add up to more than a weight is long",
            f"{said}; with this momentum each gradient acts for {lasts:.0f} steps, together {ratios[far] * lasts:.2g} "
            "times the length", "a momentum of 0.9, or a learning rate smaller by as much",
        )  # fmt: skip
    elif ratios[far] < TOO_SHORT and not leaves_zero:
        steepness = math.sqrt(sum([float((g * g).sum()) for g in slopes.values()]))
        yield Finding(
            "step too short", "one step moves no weight noticeably",
            f"{said}; the norm of the gradients is {steepness:.2g}",
            "a larger learning rate" if max(rates) > 0 else "a learning rate above 0",
        )  # fmt: skip
    else:
        yield from _check_some_steps(model, optimizer, loss_fn, batch)


def _share_of_rate(optimizer: Optimizer) -> float:
    """The learning rate of now beside the one that a schedule starts from: where that is a factor of its own (a warm-up of 1 · d^−½ …),
    the rate is never as large.
    """
    shares = [
        float(g["lr"] / g["initial_lr"])
        for g in optimizer.param_groups
        if g["lr"] and g.get("initial_lr") and g["initial_lr"] > g["lr"]
    ]
    return max(shares, default=1.0) if len(shares) == len(optimizer.param_groups) else 1.0


def _check_some_steps(
    model: Module, optimizer: Optimizer, loss_fn: Callable, batch: tuple
) -> Iterator[Finding]:
    """A few steps of the optimizer itself must not make the loss of the one batch larger."""
    named = [p for p in model.parameters() if p.requires_grad]
    optimizer = _copied(optimizer, {id(p) for p in named})
    losses = []
    with trained_for_a_while(model):
        for _ in range(SOME_STEPS):
            optimizer.zero_grad()
            losses.append(float(_descend(model, loss_fn, batch, named)))
            optimizer.step()
    last = float(np.median(losses[-3:]))
    if not math.isfinite(last) or last > losses[0] + max(abs(losses[0]), 1e-3):
        rates = ", ".join(f"{g['lr']:.3g}" for g in optimizer.param_groups)
        yield Finding(
            "step too long", "a few steps make the loss of one batch larger",
            f"from {losses[0]:.4g} to {last:.4g} in {SOME_STEPS} steps of {type(optimizer).__name__}, with lr {rates}",
            "a smaller learning rate, by a factor of 10 until it falls",
        )  # fmt: skip


def _step(
    model: Module, optimizer: Optimizer, loss_fn: Callable, batch: tuple, **options: float
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """How one step moves each weight, and the gradients, by name; with other options of the optimizer."""
    named = {n: p for n, p in model.named_parameters() if p.requires_grad}
    optimizer = _copied(optimizer, {id(p) for p in named.values()})
    for group in optimizer.param_groups:  # a schedule may begin low
        group["lr"] = max(float(group["lr"]), group.get("initial_lr", 0.0))
        group.update(options)
    with trained_for_a_while(model):
        before = {n: array(p).copy() for n, p in named.items() if p.ndim > 1}
        optimizer.zero_grad()
        _descend(model, loss_fn, batch, list(named.values()))
        slopes = {
            n: array(p.grad).copy() for n, p in named.items() if p.grad is not None and p.ndim > 1
        }
        optimizer.step()
        return {n: array(named[n]) - value for n, value in before.items()}, slopes


def _copied(optimizer: Optimizer, own: set[int]) -> Optimizer:
    """An optimizer with a state of its own, of those parameters that are the model's."""
    held = {id(p): p for group in optimizer.param_groups for p in group["params"]}
    optimizer = copy.deepcopy(optimizer, dict(held))  # its state, not the parameters
    for group in optimizer.param_groups:
        group["params"] = [p for p in group["params"] if id(p) in own]
    return optimizer


def _descend(model: Module, loss_fn: Callable, batch: tuple, parameters: list[Tensor]) -> Tensor:
    """The loss; its gradients are given to the parameters. Nothing that waits for a backward() of the user's is called."""
    loss = loss_fn(model(*batch[:-1]), batch[-1]).sum()
    for p, g in zip(parameters, grad(loss, parameters, allow_unused=True), strict=True):
        p.grad = g
    return loss


def _check_options(optimizer: Optimizer) -> Iterator[Finding]:
    """Options that make an optimizer look at the past alone."""
    for group in optimizer.param_groups:
        betas = group.get("betas")
        if isinstance(betas, (tuple, list)) and len(betas) == 2 and betas[0] > max(betas[1], LAZY):
            yield Finding(
                "betas swapped", "the first beta is larger than the second: they seem to be swapped",
                f"betas={tuple(betas)}: the direction of a step is a mean over {1 / (1 - betas[0]) if betas[0] < 1 else math.inf:.0f} "
                "steps, and the sizes of gradients are forgotten sooner", "betas=(0.9, 0.999)",
            )  # fmt: skip
            return
        if group.get("momentum") and group.get("dampening", 0) >= 1:
            yield Finding(
                "dampening", "after the first step no gradient counts: dampening takes it away",
                f"momentum {group['momentum']:g}, dampening {group['dampening']:g}: of a gradient 1 − dampening is added", "dampening=0",
            )  # fmt: skip
            return


def _check_every_weight(optimizer: Optimizer, moves: dict, slopes: dict) -> Iterator[Finding]:
    """A step of finite gradients is finite, and moves all that it holds."""
    bad = [n for n, m in moves.items() if not np.isfinite(m).all()]
    if bad and all(np.isfinite(g).all() for g in slopes.values()):
        yield Finding(
            "step not finite", "a step makes weights NaN or infinite, though the gradients are finite",
            f"{len(bad)} of {len(moves)}: {listed(bad)}, with {type(optimizer).__name__}",
            "look at eps, which keeps a step from being 0 / 0 where a gradient is 0 (Adam's is 1e-8), and at the precision of the weights",
        )  # fmt: skip
        return
    stays = [n for n, m in moves.items() if n in slopes and slopes[n].any() and not m.any()]
    if stays and len(stays) < len(moves):
        rates = ", ".join(f"{g['lr']:.3g}" for g in optimizer.param_groups)
        yield Finding(
            "weights that stay", "a step does not move some weights, though they have gradients and the optimizer could hold them",
            f"{len(stays)} of {len(moves)}: {listed(stays)}; learning rates {rates}",
            "a learning rate above 0 for each group; requires_grad_(False) for what is to stay",
        )  # fmt: skip


def _check_direction(optimizer: Optimizer, moves: dict, slopes: dict) -> Iterator[Finding]:
    """A step goes down the slope, or should."""
    if any(group.get("weight_decay") for group in optimizer.param_groups):
        return  # which goes its own way
    along = sum([float((moves[n] * g).sum()) for n, g in slopes.items()])
    if along > 0:
        yield Finding(
            "step uphill", "a step goes up the gradient: it makes the loss larger",
            f"the step times the gradient is {along:.3g}, where it should be negative",
            "maximize=False, and a learning rate that is positive",
        )  # fmt: skip


def _check_decay(
    model: Module, optimizer: Optimizer, loss_fn: Callable, batch: tuple, weights: dict, moves: dict
) -> Iterator[Finding]:
    """Does weight decay outweigh what is learned?"""
    decays = [g.get("weight_decay", 0) for g in optimizer.param_groups]
    if not max(decays, default=0) >= HEAVY:
        return
    free, _ = _step(model, optimizer, loss_fn, batch, weight_decay=0)
    names = [n for n in weights if n in moves and n in free]
    pulled = sum([float(((moves[n] - free[n]) * weights[n]).sum()) for n in names])
    squares = sum([float((weights[n] ** 2).sum()) for n in names])
    both = [np.concatenate([m[n].reshape(-1) for n in names]) for m in (moves, free)]
    lengths = [float(np.linalg.norm(m)) for m in both]
    shrinks = -pulled / squares if squares else 0.0
    turned = float(both[0] @ both[1]) / (lengths[0] * lengths[1]) if all(lengths) else 1.0
    if shrinks > SHRINKS:
        steps = math.log(2) / shrinks if shrinks > 0 else math.inf
        yield Finding(
            "weight decay", "weight decay takes away faster than can be learned",
            f"with weight_decay {max(decays):.3g} the weights lose half of their size in {steps:.0f} steps; the step without it "
            f"has the direction of the one with it to {turned:.0%}",
            "a weight_decay of 0.0001 to 0.1",
        )  # fmt: skip


def _of_a_sum(model: Module, loss_fn: Callable, batch: tuple) -> str:
    """Says so if the loss of half the batch is about half as large."""
    n = len(batch[-1]) if isinstance(batch[-1], Tensor) and batch[-1].ndim else 0
    if n < 4 or not all(isinstance(x, Tensor) and x.ndim and len(x) == n for x in batch):
        return ""
    with no_grad():
        whole, half = [
            float(loss_fn(model(*[x[:k] for x in batch[:-1]]), batch[-1][:k]).sum())
            for k in (n, n // 2)
        ]
    is_sum = half != 0 and abs(whole / half * (n // 2) / n - 1) < 0.2
    return (
        f"; the loss is a sum over the {n} examples, and so is its gradient (reduction='mean' divides)"
        if is_sum
        else ""
    )


def _rate(rates: list[float], ratio: float) -> float:
    return max(rates) * 1e-3 / ratio


def check_overfit(
    model: Module, loss_fn: Callable, batch: tuple, steps: int
) -> Iterator[Finding | str]:
    """Can the batch be learned by heart? The model is trained on it alone, by Adam, at two rates, and put back."""
    if not any(p.requires_grad for p in model.parameters()):
        return
    first = best = value = math.nan
    fallen: list[float] = []  # the losses after that, while they fall on
    for lr in RATES:
        step = 0
        with contextlib.closing(_losses(model, loss_fn, batch, lr)) as losses:
            for value in losses:
                if step >= steps and best > first - BEGUN * abs(first):
                    break  # one that goes down slowly gets longer
                if step == 0:
                    first = before = value
                    best = min(best, value) if not math.isnan(best) else value
                if not math.isfinite(value):
                    if fallen:
                        yield from _note_of_floor(first, [*fallen, value])
                        return
                    break
                best = min(best, value)
                if best <= first - (1 - LEARNED) * abs(first) or abs(first) < 1e-3:
                    fallen.append(value)
                    settled = value >= 0 and before - value <= value / 5
                    if settled or len(fallen) == steps:
                        yield from _note_of_floor(first, fallen)
                        return
                before, step = value, step + 1
                if step == PATIENCE * steps:
                    break
    if math.isfinite(first):
        yield Finding(
            "cannot overfit", "one batch alone cannot be learned by heart",
            f"the loss goes from {first:.4g} to {best:.4g} in {steps} or more steps of Adam",
            "look at the findings above; do targets belong to the inputs? does the loss depend on the output?",
        )  # fmt: skip


def _losses(model: Module, loss_fn: Callable, batch: tuple, lr: float) -> Iterator[float]:
    """The losses of a training on one batch."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    with trained_for_a_while(model):
        optimizer = Adam(parameters, lr=lr)
        while True:
            optimizer.zero_grad()
            yield float(_descend(model, loss_fn, batch, parameters))
            optimizer.step()


def _note_of_floor(first: float, fallen: list[float]) -> Iterator[str]:
    """A loss far below 0 that falls faster and faster."""
    half = fallen[len(fallen) // 2]
    if fallen[-1] < -10 * abs(first) and half - fallen[-1] > 2 * (fallen[0] - half):
        yield (
            f"one batch was learned by heart, and the loss went on from {fallen[0]:.4g} to {fallen[-1]:.4g} in "
            f"{len(fallen)} steps, faster and faster: if it has no floor, look at the signs of its parts"
        )
