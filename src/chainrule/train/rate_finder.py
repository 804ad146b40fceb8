"""Which learning rate to begin with: a range test. The rate grows step by step; the loss falls,
falls faster, and then bursts.

Source: Smith 2017, "Cyclical learning rates for training neural networks", section 3.3.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.errors import ChainruleError
from ..tensors import Tensor
from .loop import Trainer

__all__ = ["RateCurve", "find_learning_rate"]

SMOOTHING = 0.9
BURST = 4.0  # the loss is this many times the lowest: larger rates only do worse


@dataclass(frozen=True)
class RateCurve:
    """What a range test saw.

    Attributes:
        rates: tried, growing by equal factors.
        losses: of the step at each rate, before its update.
        smoothed: their moving average, without the bias of its beginning.
        suggestion: the rate at which the loss falls fastest per factor of the rate.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    suggestion: float


def find_learning_rate(
    trainer: Trainer, *, low: float = 1e-6, high: float = 1.0, steps: int = 100
) -> RateCurve:
    """Try rates from `low` to `high` on `steps` steps of the trainer's, and undo all of them.

    It ends early when the loss bursts or is no number. Afterwards weights, buffers, gradients,
    optimizer, schedule, random state and the loader's position are, to the bit, what they were.
    Every parameter group gets the same rate.

    Raises:
        ValueError: not 0 < low < high, or fewer than 5 steps.
        ChainruleError: the loss was no number before 5 steps were made.
    """
    if not 0 < low < high < math.inf or steps < 5:
        raise ValueError(
            "find_learning_rate: expected 0 < low < high and at least 5 steps, "
            f"found low={low}, high={high}, steps={steps}"
        )
    before = _copied(trainer.state_dict())
    gradients = [None if p.grad is None else p.grad.clone() for p in trainer.model.parameters()]
    rates: list[float] = []
    losses: list[float] = []
    smoothed: list[float] = []
    average = 0.0
    was_training = trainer.model.training
    trainer.model.train()
    try:
        for k, group in zip(range(steps), _groups(trainer), strict=False):
            rate = low * (high / low) ** (k / (steps - 1))
            for parameters in trainer.optimizer.param_groups:
                parameters["lr"] = rate
            loss = trainer.try_step(group)
            if not math.isfinite(loss):
                break
            average = SMOOTHING * average + (1 - SMOOTHING) * loss
            rates.append(rate)
            losses.append(loss)
            smoothed.append(average / (1 - SMOOTHING ** (k + 1)))
            if smoothed[-1] > BURST * min(smoothed):
                break
    finally:
        trainer.load_state_dict(before)
        trainer.model.train(was_training)
        for p, gradient in zip(trainer.model.parameters(), gradients, strict=True):
            p.grad = gradient
    if len(losses) < 5:
        raise ChainruleError(
            f"find_learning_rate: the loss was no number after {len(losses)} steps, at a rate of "
            f"{rate:.3g}: begin lower than {low:g}"
        )
    return RateCurve(tuple(rates), tuple(losses), tuple(smoothed), _steepest(rates, losses))


def _groups(trainer: Trainer) -> Any:
    """The batches of one step after another, as many epochs as it takes."""
    while True:
        batches = iter(trainer.train_loader)
        while group := list(itertools.islice(batches, trainer.accumulate)):
            yield group


def _steepest(rates: list[float], losses: list[float]) -> float:
    """The rate in the middle of the stretch over which the loss falls fastest.

    The fall is the slope of a straight line through a sixth of the losses, against the logarithm of
    the rate: single batches are too noisy to compare. Stretches behind the lowest loss do not count.
    """
    logs, y = np.log(rates), np.array(losses)
    width = max(3, len(y) // 6)
    slopes = []
    for k in range(len(y) - width + 1):
        x = logs[k : k + width] - logs[k : k + width].mean()
        slopes.append(float((x * y[k : k + width]).sum() / (x * x).sum()))
    means = np.convolve(y, np.ones(width) / width, mode="valid")  # of each stretch
    lowest = int(means.argmin())
    steepest = int(np.argmin(slopes[: lowest + 1]))
    return rates[steepest + width // 2]


def _copied(tree: Any) -> Any:
    """The state with tensors of its own."""
    if isinstance(tree, Tensor):
        return tree.detach().clone()
    if isinstance(tree, dict):
        return {key: _copied(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)([_copied(value) for value in tree])
    return tree
