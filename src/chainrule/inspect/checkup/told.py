"""What a watched training loop is told: of the order of its calls, of gradients and rates, of modes, and of graphs that are kept."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..doctor.finding import Finding, Report

if TYPE_CHECKING:
    from .watched import checkup

__all__ = ["told"]

CUT = 1e-3
"""What must be left, at least, of a gradient between backward and step, or of a learning rate."""


FAINT, LONG = 1e-5, 1e6
"""The share of the rate that a schedule begins with below which it is next to nothing; the steps of a warm-up that nobody waits for."""

SEVERAL = 4
"""Backward passes for one step, or losses for one backward pass, of which more are told."""


def told(seen: checkup) -> Report:
    """What was found in the steps that were seen."""
    return Report.of(
        [
            *_of_the_order(seen),
            *_of_gradients(seen),
            *_of_rates(seen),
            *_of_losses(seen),
            *_of_modes(seen),
            *_of_graphs(seen),
        ]
    )


def _of_the_order(seen: checkup) -> Iterator[Finding]:
    done = f"{seen.trained_calls} calls of the model, {seen.backwards} of backward(), {seen.steps} of step()"
    if seen.trained_calls > 1 and not seen.backwards:
        yield Finding(
            "no backward",
            "no gradient is ever computed",
            done,
            "loss.backward() before optimizer.step()",
        )
    elif seen.others > 1 and not seen.steps:
        yield Finding(
            "other optimizer", "other optimizers than the one that was given make the steps: perhaps it is made anew in the loop",
            f"{done} of this one, {seen.others} of others that hold the model's parameters",
            "make the optimizer once, before the loop: it remembers (momentum, the sizes of gradients)",
        )  # fmt: skip
    elif seen.infinite > 1 and not seen.steps and seen.scale_given != 1:
        yield Finding(
            "steps skipped", "each step is skipped, because the gradients are infinite or NaN: the scale of a GradScaler is too large",
            f"{done}; {seen.infinite} times the gradients were not finite, with a scale of {seen.scale_given:.3g}",
            "init_scale=2.0**16 or less; it is halved at each step that is skipped",
        )  # fmt: skip
    elif seen.backwards > 1 and not seen.steps:
        yield Finding(
            "no step",
            "the optimizer never makes a step",
            done,
            "optimizer.step() after loss.backward()",
        )
    elif seen.steps > 1 and seen.empty == seen.steps:
        yield Finding(
            "step without gradient", "at each step there is no gradient, though backward() made some",
            f"{done}; all gradients of the model are None or 0 when step() is called",
            "zero_grad() before backward(), not between it and step(); the loss must be made by this model",
        )  # fmt: skip
    elif seen.steps > 1 and not seen.moved and max(seen.rates) > 0:
        yield Finding(
            "nothing moves", "no step changes any parameter of the model",
            f"{seen.steps} steps of {type(seen.optimizer).__name__}",
            "make the optimizer of this model's parameters, after the model is made, copied or loaded whole",
        )  # fmt: skip
    if seen.undone > 1 and seen.undone >= seen.steps - 2:
        yield Finding(
            "steps undone", "what a step changes is put back before the next",
            f"{seen.undone} of {seen.steps} steps began with the parameters that the step before began with, or nearly so",
            "load_state_dict and initialisation before the loop, not in it; so too a copy of the weights that is put back; an average "
            "of them (EMA) belongs in a model of its own",
        )  # fmt: skip
    if seen.thrown > 1 and seen.thrown >= seen.steps:
        yield Finding(
            "gradients thrown away", "gradients are set to zero before a step has used them",
            f"{seen.thrown} of {seen.backwards} backward passes came to nothing, with {seen.steps} steps",
            "zero_grad() after each step; to accumulate, not between the backward passes of one step",
        )  # fmt: skip
    if seen.early > 1 and seen.early >= seen.scheduled - 1 and seen.steps >= seen.scheduled - 1:
        yield Finding(
            "schedule too early", "the schedule makes its step before the optimizer does: its first rate is never used",
            f"{seen.early} of {seen.scheduled} steps of the schedule came between backward() and optimizer.step()",
            "optimizer.step(), and then scheduler.step()",
        )  # fmt: skip
    if seen.stale > 1:
        yield Finding(
            "gradients add up", "gradients of earlier steps are added to those of the next",
            f"{seen.stale} of {seen.steps} steps were made with gradients that an earlier step had used already",
            "optimizer.zero_grad() before each backward()",
        )  # fmt: skip


def _of_gradients(seen: checkup) -> Iterator[Finding | str]:
    if len(seen.left) > 1 and max(seen.left) < CUT:
        yield Finding(
            "clipped away", "next to nothing is left of the gradients when the step is made",
            f"their norm is at most {max(seen.left):.1g} of what backward() made",
            "clip_grad_norm_ with a norm of about 1; with a GradScaler after scaler.unscale_(optimizer)",
        )  # fmt: skip
    if seen.cut_early > 1:
        yield Finding(
            "clipped too early", "gradients are clipped when there are none",
            f"at {seen.cut_early} calls all gradients were None or 0", "clip between backward() and step()",
        )  # fmt: skip
    if seen.cut_late > 1:
        yield Finding(
            "clipped too late", "gradients are clipped when the step that they were for is made",
            f"at {seen.cut_late} calls the gradients had been used by step() already", "clip between backward() and step()",
        )  # fmt: skip
    passes = seen.backwards / seen.steps if seen.steps else 0.0
    if passes >= SEVERAL and seen.whole >= seen.backwards - seen.steps:
        yield (
            f"the gradients of {passes:.0f} backward passes are added up for each step, each of the mean of a batch: they are {passes:.0f} "
            f"times as large as that of one; (loss / {passes:.0f}).backward()"
        )
    if seen.scaled > 1:
        yield Finding(
            "scale left in", "steps are made with gradients that a GradScaler has made larger",
            f"{seen.scaled} of {seen.steps} steps; the scale is {seen.scale:g}",
            "scaler.step(optimizer) and scaler.update() in place of optimizer.step()",
        )  # fmt: skip


def _of_rates(seen: checkup) -> Iterator[Finding]:
    rates = seen.rates
    if len(rates) < 4:
        return
    highest = np.maximum.accumulate(rates)
    gone = [k for k, rate in enumerate(rates) if rate < CUT * highest[k]]
    if rates[-1] < CUT * highest[-1]:
        yield Finding(
            "rate vanishes", "the schedule has taken the learning rate away within a few steps",
            f"{max(rates):.3g} at most, {rates[-1]:.3g} at step {len(rates)}",
            "step a schedule of epochs once an epoch, or count its length in steps",
        )  # fmt: skip
    elif gone:
        yield Finding(
            "rate swings", "the schedule takes the learning rate away and brings it back within a few steps",
            f"{highest[gone[0]]:.3g} at most, {rates[gone[0]]:.3g} at step {gone[0] + 1}, {rates[-1]:.3g} at step {len(rates)}",
            "step a schedule of epochs once an epoch, or count its length in steps: T_max=epochs * len(loader)",
        )  # fmt: skip
    base = max(float(g.get("initial_lr", 0.0)) for g in seen.optimizer.param_groups)
    rises = (rates[-1] - rates[0]) / (len(rates) - 1)
    if 0 < rates[-1] < FAINT * base and base > LONG * max(rises, 0.0):
        yield Finding(
            "rate stays small", "the schedule keeps the learning rate next to nothing",
            f"{rates[0]:.3g} to {rates[-1]:.3g} in {len(rates)} steps, of {base:.3g}"
            + (f"; at this pace it takes {base / rises:.2g} steps to get there" if rises > 0 else ""),
            "a warm-up of a hundred to some thousand steps, counted in the unit in which the schedule is stepped",
        )  # fmt: skip


def _of_losses(seen: checkup) -> Iterator[Finding | str]:
    if 0 < seen.asked <= seen.costs / SEVERAL and seen.costs > 2 * SEVERAL:
        yield (
            f"{seen.costs} losses were computed with gradients on, and backward() came to {seen.asked} of them: does it stand within the "
            "loop over the batches? For an evaluation no_grad() spares memory"
        )
    losses = np.array(seen.losses)
    if losses.size and not np.isfinite(losses).all():
        k = int(np.argmin(np.isfinite(losses)))
        yield Finding(
            "loss not finite", "the loss becomes NaN or infinite", f"at backward() number {k + 1}; before {losses[max(0, k - 3) : k]}",
            "inspect.first_nonfinite(model) around that step names the op; a smaller learning rate",
        )  # fmt: skip
    elif losses.size >= 6:
        third = losses.size // 3
        first, last = float(losses[0]), float(np.median(losses[-third:]))
        last_third = losses[-third:]
        if last > first + abs(first) or last_third.max() > first + 10 * abs(first):
            yield Finding(
                "loss rises", "the loss rises", f"from {first:.4g} to {last_third.max():.4g} in {losses.size} steps",
                "a smaller learning rate; look at the sign of the loss",
            )  # fmt: skip
        elif last < 0 and last < first - abs(first):
            yield Finding(
                "loss without bound", "the loss falls below 0, further with each step",
                f"from {first:.4g} to {last:.4g} in {losses.size} steps",
                "look at the sign of the loss: a minus too many makes what should be small large",
            )  # fmt: skip
    alone = [int(classes[0]) for classes in seen.labels if len(classes) == 1]
    if len(alone) > 3 and len(alone) > len(seen.labels) / 2:
        yield Finding(
            "one class", "the labels of a batch are all the same",
            f"in {len(alone)} of {len(seen.labels)} batches; they were {', '.join(map(str, alone[:6]))}, …",
            "shuffle the data (DataLoader(shuffle=True)): each step forgets the other classes; look whether labels are read right",
        )  # fmt: skip
    if len(seen.inputs) > 3 and len(set(seen.inputs)) == 1:
        yield f"the same batch was used in all {len(seen.inputs)} steps: right for learning it by heart, otherwise take the next"


def _of_modes(seen: checkup) -> Iterator[Finding | str]:
    if seen.watched_in_vain > 1:
        yield (
            f"{seen.watched_in_vain} evaluations were made with gradients on, of which none was asked for: no_grad() spares their "
            "memory"
        )
    if seen.asleep > 1:
        yield Finding(
            "eval mode", "the model is trained in evaluation mode",
            f"{seen.asleep} of {seen.trained_calls} calls: dropout and batch norm do not do what they do in training",
            "model.train() before training, after each evaluation too",
        )  # fmt: skip
    if seen.awake:
        yield Finding(
            "training mode", "the model is evaluated in training mode",
            f"{seen.awake} calls without gradients, in which dropout drops and batch norm learns",
            "model.eval() before an evaluation, model.train() after it",
        )  # fmt: skip


def _of_graphs(seen: checkup) -> Iterator[Finding]:
    n = seen.nodes
    if len(n) > 4 and all(a < b for a, b in itertools.pairwise(n[1:])):
        yield Finding(
            "graph grows", "each backward pass is longer than the last: it goes through all steps before",
            f"{n[1]} nodes at the second, {n[-1]} at the last of {len(n)}",
            "detach() what is carried from one step to the next: hidden = hidden.detach()",
        )  # fmt: skip
    if seen.kept > 2:
        yield Finding(
            "graphs are kept", "the history of earlier losses is still held, and all that it was computed from",
            f"of {seen.kept} of {len(seen.roots)} steps", "add up loss.item(), or loss.detach(), not the loss itself",
        )  # fmt: skip
    elif seen.held > max(SEVERAL, (seen.costs - seen.asked) / 2):
        yield Finding(
            "graphs are kept", "the history of losses that no backward pass came to is still held, and all that they were computed from",
            f"of {seen.held} of {seen.costs - seen.asked} such losses", "compute them under no_grad(), or add up loss.item()",
        )  # fmt: skip
