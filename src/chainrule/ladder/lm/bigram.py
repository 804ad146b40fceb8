"""Counting pairs of letters, and the network that learns the same table.

The simplest model sees one symbol. How often did each symbol follow it in the training names? Divide by the sum: a table
of probabilities, row i for what follows i.

A network that sees one symbol, one-hot, has V scores for each, a table again. What does gradient descent make of it? The
slope of its loss toward score j of row i is (symbol i's share of all pairs) · (p[i, j] − share of j among what
followed i). It is 0 where p is the share that was counted, and nowhere else. So learning ends where counting ends:
counting is the solution of this one problem in closed form, and learning is what works for all others too.
"""

from __future__ import annotations

import numpy as np

from ..layers import Embedding, Sequential
from ..layers.dense import sizes
from .model import LanguageModel, Merge, WindowModel, places
from .spelling import NOTHING

__all__ = ["BigramCounts", "bigram_network"]


class BigramCounts(LanguageModel):
    """p[i, j] = (pairs i j + k) / (pairs i · + k V).

    k is added to every count, so that a pair that never occurred is unlikely and not impossible (Laplace); it is
    the same as to have seen each pair k times more.

    >>> model = BigramCounts(3).count(np.array([[0, 1]]), np.array([[1, 0]]))
    >>> model.probabilities.tolist()[1]          # after 1: 0 once, and each symbol once more
    [0.5, 0.25, 0.25]
    """

    def __init__(self, symbols: int, *, k: float = 1.0):
        if not sizes(symbols) or k < 0:
            raise ValueError(
                f"BigramCounts: symbols must be a whole number from 1 up and k at least 0, and are {symbols} and {k}"
            )
        self.symbols, self.layers = symbols, []
        self.table = np.full((symbols, symbols), float(k))

    def count(self, tokens: np.ndarray, targets: np.ndarray) -> BigramCounts:
        """Add the pairs of a text."""
        targets = np.asarray(targets)
        tokens, at = places(tokens, targets != NOTHING)
        np.add.at(self.table, (tokens[at], targets[at]), 1)
        return self

    @property
    def probabilities(self) -> np.ndarray:
        """The table (V, V) with rows that sum to 1; a row without any pair is all alike."""
        sums = self.table.sum(axis=1, keepdims=True)
        return np.where(sums > 0, self.table, 1) / np.where(sums > 0, sums, self.symbols)

    def forward(self, tokens: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Logarithms of probabilities: softmax of them gives the probabilities back."""
        tokens, at = places(tokens, at)
        with np.errstate(divide="ignore"):
            return np.log(self.probabilities)[tokens[at]]


def bigram_network(symbols: int, *, seed: int = 0, dtype: type = np.float64) -> WindowModel:
    """A window of one symbol; the embedding of a symbol *is* its row of scores.

    >>> bigram_network(27).size()
    729
    """
    table = Embedding(symbols, symbols, scale=0.01, seed=seed, dtype=dtype)
    return WindowModel(1, Sequential([table, Merge(1)]), symbols)
