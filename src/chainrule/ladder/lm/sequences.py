"""Networks that see everything so far: a GRU, which carries it, and a transformer, which looks back at it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..attention import CausalSelfAttention
from ..layers import Dense, Dropout, Embedding, Layer, LayerNorm, ReLU, Sequential
from ..recurrent import GRU
from .model import Merge, SequenceModel
from .windows import SMALL

__all__ = ["Positions", "Residual", "Rows", "gru", "transformer"]


def gru(
    symbols: int,
    *,
    embedding: int = 24,
    hidden: int = 96,
    dropout: float = 0.0,
    seed: int = 0,
    dtype: type = np.float64,
) -> SequenceModel:
    """An embedding, one GRU from the first letter to the last, scores at each place."""
    body: list[Any] = [
        Embedding(symbols, embedding, seed=4 * seed, dtype=dtype),
        GRU(embedding, hidden, seed=4 * seed + 1, dtype=dtype),
        Dropout(dropout, seed=4 * seed + 3),
    ]
    head = Dense(hidden, symbols, gain=SMALL, seed=4 * seed + 2, dtype=dtype)
    return SequenceModel(Sequential(body), head)


class Positions(Layer):
    """Adds a row of a table for each place:  y[b, t] = x[b, t] + P[t].

    Attention weighs what was said, not where: without this, the letters before would be a bag.
    """

    def __init__(self, longest: int, channels: int, *, seed: int = 0, dtype: type = np.float64):
        super().__init__()
        self.table = Embedding(longest, channels, scale=0.1, seed=seed, dtype=dtype)
        self.parameters = self.table.parameters

    def forward(self, x: np.ndarray) -> np.ndarray:
        """x + P, for x (B, T, C)."""
        longest, channels = self.parameters["weight"].shape
        if x.ndim != 3 or x.shape[1] > longest or x.shape[2] != channels:
            raise ValueError(
                f"Positions expects x of shape (B, T, {channels}) with T at most {longest}, and got {x.shape}"
            )
        self.kept = x.shape[1]
        return x + self.table.forward(np.arange(x.shape[1]))

    def backward(self, g: np.ndarray) -> np.ndarray:
        """A sum hands its slope to both terms; P was there for every name, so it gets the sum over them."""
        self.saved()
        self.table.backward(g.sum(axis=0))
        self.gradients = self.table.gradients
        return g


class Residual(Sequential):
    """y = x + f(x), f the layers in a row.

    Back, g goes two ways, through f and past it, and x gets the sum. Past it nothing is multiplied: however many such
    blocks follow each other, some of the slope arrives undiminished.
    """

    def forward(self, x: np.ndarray) -> np.ndarray:
        """x + f(x)."""
        return x + super().forward(x)

    def backward(self, g: np.ndarray) -> np.ndarray:
        """g + f's way back."""
        return g + super().backward(g)


class Rows(Sequential):
    """Layers for rows, at every place of (B, T, C): each place is an example."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        """The layers on (B·T, C), and the places back."""
        B, T, _ = x.shape
        return super().forward(Merge(1).forward(x)).reshape(B, T, -1)

    def backward(self, g: np.ndarray) -> np.ndarray:
        """The same with slopes."""
        B, T, _ = g.shape
        return super().backward(g.reshape(B * T, -1)).reshape(B, T, -1)


def transformer(
    symbols: int,
    *,
    longest: int = 32,
    channels: int = 48,
    heads: int = 4,
    depth: int = 2,
    dropout: float = 0.0,
    seed: int = 0,
    dtype: type = np.float64,
) -> SequenceModel:
    """Embeddings of letters and places, then `depth` blocks of two steps, each added to what was there:

        x ← x + attention(norm(x))            look back, and fetch
        x ← x + W₂ relu(W₁ norm(x))           think about it, at each place alone

    then a last norm, and scores.

    Args: longest, the number of places there are embeddings for: a name of `longest` − 1 letters.

    Source: Vaswani et al. 2017; norms first, as in GPT-2 (Radford et al. 2019).
    """
    seeds = iter(range(100 * seed, 100 * (seed + 1)))
    body: list[Any] = [
        Embedding(symbols, channels, scale=0.1, seed=next(seeds), dtype=dtype),
        Positions(longest, channels, seed=next(seeds), dtype=dtype),
    ]
    for _ in range(depth):
        looking: list[Any] = [
            LayerNorm(channels, dtype=dtype),
            CausalSelfAttention(channels, heads, seed=next(seeds), dtype=dtype),
            Dropout(dropout, seed=next(seeds)),
        ]
        thinking = Rows(
            [
                LayerNorm(channels, dtype=dtype),
                Dense(channels, 4 * channels, seed=next(seeds), dtype=dtype),
                ReLU(),
                Dense(4 * channels, channels, gain=0.5, seed=next(seeds), dtype=dtype),
                Dropout(dropout, seed=next(seeds)),
            ]
        )
        body += [Residual(looking), Residual([thinking])]
    body.append(LayerNorm(channels, dtype=dtype))
    head = Dense(channels, symbols, gain=SMALL, seed=next(seeds), dtype=dtype)
    return SequenceModel(Sequential(body), head)
