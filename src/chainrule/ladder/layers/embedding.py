"""Symbols become vectors: the layer that language models begin with."""

from __future__ import annotations

import numpy as np

from .dense import Layer, sizes

__all__ = ["Embedding"]


class Embedding(Layer):
    """A row of a table for each symbol:  Y[…, :] = W[t[…]].

    The table W is (V, E), a row for each of V symbols. It is a Dense layer without bias whose input is one-hot,
    x = (0, …, 1, …, 0): x W picks one row, so the product need not be computed. Its derivative is Dense's,
    xᵀ g, in which each g is added to the row that it came from; a symbol that occurs twice gets the sum of both.

    Symbols are whole numbers, and no slope leads to them: `backward` returns zeros.

    >>> table = Embedding(3, 2)
    >>> y = table.forward(np.array([[2, 0, 2]]))
    >>> y.shape, table.backward(np.ones_like(y)).tolist()
    ((1, 3, 2), [[0.0, 0.0, 0.0]])
    >>> table.gradients["weight"].tolist()
    [[1.0, 1.0], [0.0, 0.0], [2.0, 2.0]]
    """

    def __init__(
        self,
        symbols: int,
        size: int,
        *,
        scale: float = 1.0,
        seed: int = 0,
        dtype: type = np.float64,
    ):
        super().__init__()
        if not sizes(symbols, size):
            raise ValueError(
                f"Embedding: symbols and size must be whole numbers from 1 up, and are {symbols} and {size}"
            )
        weight = np.random.default_rng(seed).normal(0, scale, (symbols, size))
        self.parameters = {"weight": weight.astype(dtype)}

    def forward(self, x: np.ndarray) -> np.ndarray:
        """The rows, (…, E), for symbols of any shape."""
        x, weight = np.asarray(x), self.parameters["weight"]
        if x.dtype.kind not in "iu":
            raise TypeError(f"Embedding expects whole numbers, and got {x.dtype}")
        if x.size and not 0 <= x.min() <= x.max() < len(weight):
            raise ValueError(
                f"Embedding: symbols must be from 0 to {len(weight) - 1}, and go from {x.min()} to {x.max()}"
            )
        self.kept = x
        return weight[x]

    def backward(self, g: np.ndarray) -> np.ndarray:
        """Adds each g to the row it came from."""
        x, weight = self.saved(), self.parameters["weight"]
        g = self.arrived(g, (*x.shape, weight.shape[1]))
        by_weight = np.zeros_like(weight)
        np.add.at(by_weight, x, g)  # by_weight[x] += g would keep only the last of equal symbols
        self.gradients = {"weight": by_weight}
        return np.zeros(x.shape, weight.dtype)
