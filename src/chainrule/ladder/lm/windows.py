"""Networks that see the last n letters: an MLP with embeddings, the same with batch norm, and a tree.

Counting ends at pairs: of the 27⁴ fours of letters most never occur in thirty thousand names. A network need not have
seen a window to judge it. Letters that behave alike (the vowels) get embeddings that are near, and what was learned of
one window holds for its neighbours.
"""

from __future__ import annotations

import numpy as np

from ..layers import BatchNorm, Dense, Embedding, Layer, Sequential, Tanh
from ..layers.dense import sizes
from .model import Merge, WindowModel

__all__ = ["mlp", "mlp_batch_norm", "wavenet"]

SMALL = 0.01  # gain of the last layer: scores begin near 0, and the loss near ln V, that of not knowing anything


def mlp(
    symbols: int,
    *,
    window: int = 3,
    embedding: int = 10,
    hidden: int = 128,
    seed: int = 0,
    dtype: type = np.float64,
) -> WindowModel:
    """n embeddings side by side, a hidden layer, scores. Source: Bengio et al. 2003.

    >>> mlp(27).size()          # 27·10 + (30 + 1)·128 + (128 + 1)·27
    7721
    """
    layers: list[Layer] = [
        Embedding(symbols, embedding, seed=3 * seed, dtype=dtype),
        Merge(window),
        Dense(window * embedding, hidden, gain=1, seed=3 * seed + 1, dtype=dtype),
        Tanh(),
        Dense(hidden, symbols, gain=SMALL, seed=3 * seed + 2, dtype=dtype),
    ]
    return WindowModel(window, Sequential(layers), symbols)


def mlp_batch_norm(
    symbols: int,
    *,
    window: int = 3,
    embedding: int = 10,
    hidden: int = 128,
    seed: int = 0,
    dtype: type = np.float64,
) -> WindowModel:
    """The same with what reaches tanh brought to mean 0 and variance 1: no unit begins in its flat part.

    The bias before a batch norm does nothing (the mean takes it away again); that it is there is the price of using
    Dense as it is.
    """
    model = mlp(symbols, window=window, embedding=embedding, hidden=hidden, seed=seed, dtype=dtype)
    layers = list(model.network.layers)
    layers.insert(3, BatchNorm(hidden, dtype=dtype))
    return WindowModel(window, Sequential(layers), symbols)


def wavenet(
    symbols: int,
    *,
    depth: int = 3,
    embedding: int = 16,
    hidden: int = 64,
    seed: int = 0,
    dtype: type = np.float64,
) -> WindowModel:
    """2^depth letters, joined two by two: letters to pairs, pairs to fours, fours to eights.

    A wide window side by side asks one layer to make sense of all of it at once. A tree has the same small layer at all
    places of a level (a convolution of size 2 and stride 2; with the windows of all places together, WaveNet's dilated
    one). Because rows are in the order of reading, joining two neighbours is `Merge(2)` and no more.

    Source: van den Oord et al. 2016; there with gates and residual connections, which names do not need.
    """
    if not sizes(depth):
        raise ValueError(f"wavenet: depth must be a whole number from 1 up, and is {depth}")
    seeds = iter(range((depth + 2) * seed, (depth + 2) * (seed + 1)))
    layers: list[Layer] = [Embedding(symbols, embedding, seed=next(seeds), dtype=dtype)]
    for level in range(depth):
        inputs = 2 * (embedding if level == 0 else hidden)
        layers += [
            Merge(2),
            Dense(inputs, hidden, gain=1, seed=next(seeds), dtype=dtype),
            BatchNorm(hidden, dtype=dtype),
            Tanh(),
        ]
    layers.append(Dense(hidden, symbols, gain=SMALL, seed=next(seeds), dtype=dtype))
    return WindowModel(2**depth, Sequential(layers), symbols)
