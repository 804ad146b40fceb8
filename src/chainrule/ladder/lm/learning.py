"""The loop that trains any of the models, the measure that compares them, and names that were never there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..layers import SoftmaxCrossEntropy, cosine
from ..network import Adam
from .model import LanguageModel
from .spelling import EDGE, NOTHING, Alphabet

__all__ = ["fit", "made_up", "nats"]


def text(tokens: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays, checked."""
    tokens, targets = np.asarray(tokens), np.asarray(targets)
    if tokens.ndim != 2 or tokens.shape != targets.shape or not len(tokens):
        raise ValueError(
            "tokens and targets must have one shape, (names, places) with at least one name, and have "
            f"{tokens.shape} and {targets.shape}"
        )
    if not (targets != NOTHING).any(axis=1).all():
        raise ValueError("every name must have a place at which something is to be foretold")
    return tokens, targets


def cut(tokens: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A batch without the places behind the end of its longest name: tokens, the mask, and the M targets."""
    at = targets != NOTHING
    T = np.flatnonzero(at.any(axis=0))[-1] + 1
    return tokens[:, :T], at[:, :T], targets[:, :T][at[:, :T]]


def fit(
    model: LanguageModel,
    tokens: np.ndarray,
    targets: np.ndarray,
    *,
    epochs: int,
    batch_size: int = 64,
    lr: float = 0.01,
    seed: int = 0,
    report: Callable[[int, float], None] | None = None,
) -> list[float]:
    """Adam, the rate rising over the first twentieth of the steps and falling along a cosine to 0.

    Args:
        model: any of this rung's that has layers.
        tokens, targets: from `Alphabet.encode`.
        epochs: how often each name is seen.
        batch_size: names in a batch.
        lr: the largest learning rate.
        seed: of the order of the names.
        report: called after each epoch with its number and its mean loss.

    Returns: the loss of each batch, nats per character.
    """
    tokens, targets = text(tokens, targets)
    if epochs < 1 or batch_size < 1 or not lr > 0:
        raise ValueError(
            "fit: epochs and batch_size must be at least 1 and lr positive, and are "
            f"{epochs}, {batch_size}, {lr}"
        )
    if not model.layers:
        raise ValueError(f"fit expects a model with layers, and {type(model).__name__} has none")
    rng, adam, loss = np.random.default_rng(seed), Adam(), SoftmaxCrossEntropy()
    batches = -(-len(tokens) // batch_size)
    steps = epochs * batches
    losses: list[float] = []
    model.train()
    for epoch in range(epochs):
        order = rng.permutation(len(tokens))
        for start in range(0, len(tokens), batch_size):
            batch = order[start : start + batch_size]
            read, at, follows = cut(tokens[batch], targets[batch])
            losses.append(loss.forward(model.forward(read, at), follows))
            model.backward(loss.backward())
            places = [(layer, name) for layer in model.layers for name in layer.parameters]
            moved = adam.step(
                [layer.parameters[name] for layer, name in places],
                [layer.gradients[name] for layer, name in places],
                cosine(lr, len(losses) - 1, steps=steps, warmup=steps // 20),
            )
            for (layer, name), value in zip(places, moved, strict=True):
                layer.parameters[name] = value
        if report is not None:
            report(epoch, float(np.mean(losses[-batches:])))
    model.train(False)
    return losses


def nats(
    model: LanguageModel, tokens: np.ndarray, targets: np.ndarray, *, batch_size: int = 512
) -> float:
    """The mean surprise, −ln p of what did follow, per character (the closing edge counts as one).

    ln 27 = 3.30 is to know nothing; 0 cannot be reached, since names are not determined by their beginnings. e to
    this power is the number of letters among which the model hesitates.
    """
    tokens, targets = text(tokens, targets)
    model.train(False)
    loss = SoftmaxCrossEntropy()
    total, count = 0.0, 0
    for start in range(0, len(tokens), batch_size):
        part = slice(start, start + batch_size)
        read, at, follows = cut(tokens[part], targets[part])
        total += loss.forward(model.forward(read, at), follows) * len(follows)
        count += len(follows)
    return total / count


def made_up(
    model: LanguageModel,
    alphabet: Alphabet,
    count: int,
    *,
    longest: int = 20,
    temperature: float = 1.0,
    seed: int = 0,
) -> list[str]:
    """`count` names, each letter drawn from what the model expects after those before.

    Args: longest, letters of a name at most; temperature, by which scores are divided: below 1 likely letters become
    likelier, and names more usual.
    """
    if count < 0 or longest < 1 or not temperature > 0:
        raise ValueError(
            "made_up: count must be at least 0, longest at least 1 and temperature positive, and are "
            f"{count}, {longest}, {temperature}"
        )
    rng = np.random.default_rng(seed)
    model.train(False)
    tokens = np.full((count, 1), EDGE)
    for _ in range(longest):
        at = np.zeros(tokens.shape, bool)
        at[:, -1] = True
        scores = model.forward(tokens, at) / temperature  # (count, V)
        # The largest of scores + Gumbel noise is a draw from their softmax.
        drawn = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
        tokens = np.concatenate([tokens, drawn[:, None]], axis=1)
    names = []
    for row in tokens[:, 1:].tolist():
        end = row.index(EDGE) if EDGE in row else len(row)
        names.append(alphabet.decode(row[:end]))
    return names
