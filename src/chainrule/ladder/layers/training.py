"""From gradients to learning: the step, how its length changes, and the loop."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .dense import Sequential
from .losses import MSE, CrossEntropy, SoftmaxCrossEntropy

__all__ = ["SGD", "accuracy", "cosine", "exponential_decay", "fit", "step_decay"]


class SGD:
    """w ← w − lr · v,  v ← momentum · v + ∂L/∂w + l2 · w + l1 · sign(w).

    The last two are the slopes of the penalties ½ l2 Σ w² and l1 Σ |w|: L2 pulls every weight in
    proportion to its size, L1 pulls all alike, so that small ones end at about 0. Only weights are pulled; a bias or
    a γ at 0 would be no simpler a function.
    """

    def __init__(
        self,
        model: Sequential,
        lr: float,
        *,
        momentum: float = 0.0,
        l1: float = 0.0,
        l2: float = 0.0,
    ):
        if not lr > 0 or not 0 <= momentum < 1 or l1 < 0 or l2 < 0:
            raise ValueError(
                "SGD: lr must be positive, momentum from 0 to below 1, l1 and l2 at least 0; they are "
                f"{lr}, {momentum}, {l1}, {l2}"
            )
        self.model, self.lr, self.momentum, self.l1, self.l2 = model, lr, momentum, l1, l2
        self.velocity: dict[tuple[int, str], np.ndarray] = {}

    def step(self) -> None:
        """Move every parameter; the gradients are those of the last backward."""
        for k, layer in enumerate(self.model.leaves()):
            if layer.parameters and not layer.gradients:
                raise RuntimeError("SGD: call the model's backward before step")
            for name, w in layer.parameters.items():
                v = layer.gradients[name]
                if name == "weight":
                    v = v + self.l2 * w + self.l1 * np.sign(w)
                if self.momentum:
                    v = v + self.momentum * self.velocity.get((k, name), 0.0)
                    self.velocity[k, name] = v
                layer.parameters[name] = w - self.lr * v

    def penalty(self) -> float:
        """What the pull adds to the loss:  ½ l2 Σ w² + l1 Σ |w|."""
        weights = [w for l in self.model.leaves() for n, w in l.parameters.items() if n == "weight"]  # noqa: E741
        return float(sum(0.5 * self.l2 * (w**2).sum() + self.l1 * np.abs(w).sum() for w in weights))


def step_decay(lr: float, step: int, *, every: int, factor: float = 0.1) -> float:
    """lr · factor^⌊step / every⌋: a fall at each landing.

    >>> [round(step_decay(1.0, n, every=2), 3) for n in range(5)]
    [1.0, 1.0, 0.1, 0.1, 0.01]
    """
    if every < 1:
        raise ValueError(f"step_decay: every must be at least 1, and is {every}")
    return lr * factor ** (step // every)


def exponential_decay(lr: float, step: int, *, factor: float) -> float:
    """lr · factor^step: the same fall at each step."""
    return lr * factor**step


def cosine(lr: float, step: int, *, steps: int, warmup: int = 0) -> float:
    """Up in a straight line for `warmup` steps, then down along half a cosine to 0 at `steps`.

    >>> [round(cosine(1.0, n, steps=6, warmup=2), 2) for n in range(7)]
    [0.5, 1.0, 1.0, 0.85, 0.5, 0.15, 0.0]
    """
    if not 0 <= warmup < steps:
        raise ValueError(f"cosine: warmup must be from 0 to below steps, {steps}, and is {warmup}")
    if step < warmup:
        return lr * (step + 1) / warmup
    share = min(1.0, (step - warmup) / (steps - warmup))
    return lr * 0.5 * (1 + math.cos(math.pi * share))


def fit(
    model: Sequential,
    loss: MSE | CrossEntropy | SoftmaxCrossEntropy,
    optimizer: SGD,
    x: np.ndarray,
    y: np.ndarray,
    *,
    epochs: int,
    batch_size: int,
    schedule: Callable[[int], float] | None = None,
    seed: int = 0,
) -> list[float]:
    """Train: in each epoch all examples once, in a new order, a batch at a time; returns each batch's loss.

    `schedule(step)` is the learning rate of each step; without it the optimizer's own stays.
    """
    if len(x) != len(y):
        raise ValueError(f"fit expects as many targets as examples, and got {len(y)} and {len(x)}")
    if not len(x):
        raise ValueError("fit expects at least one example, and got none")
    if batch_size < 1 or epochs < 1:
        raise ValueError(
            f"fit: epochs and batch_size must be at least 1, and are {epochs} and {batch_size}"
        )
    rng = np.random.default_rng(seed)
    losses: list[float] = []
    model.train()
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x), batch_size):
            batch = order[start : start + batch_size]
            losses.append(loss.forward(model.forward(x[batch]), y[batch]))
            model.backward(loss.backward())
            if schedule is not None:
                optimizer.lr = schedule(len(losses) - 1)
            optimizer.step()
    return losses


def accuracy(model: Sequential, x: np.ndarray, y: np.ndarray, *, batch_size: int = 256) -> float:
    """The share of examples whose largest score is the right class; the model is not training meanwhile."""
    if not len(x) == len(y) > 0:
        raise ValueError(
            f"accuracy expects as many labels as examples, and at least one, and got {len(y)} and {len(x)}"
        )
    model.train(False)
    right = 0
    for start in range(0, len(x), batch_size):
        part = slice(start, start + batch_size)
        right += int((model.forward(x[part]).argmax(axis=1) == y[part]).sum())
    model.train()
    return right / len(x)
