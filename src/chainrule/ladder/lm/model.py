"""What all language models are asked, and the two ways in which they look at the past.

A model gets whole names, tokens (B, T), and a mask (B, T) of places at which scores are wanted. It answers with scores
(M, V), one row for each such place, in the order of reading. So a place behind the end of a name costs nothing
and is in no loss, and every model is trained and tested by the same lines.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..layers import Dense, Layer, Sequential
from ..layers.dense import sizes
from .spelling import EDGE

__all__ = ["LanguageModel", "Merge", "SequenceModel", "WindowModel"]


class LanguageModel:
    """The contract: `forward(tokens, at)` gives scores, `backward(g)` fills the gradients of `layers`."""

    symbols: int
    layers: list[Any]

    def forward(self, tokens: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Scores (M, V) of the symbols that may follow at the M places where `at` is True."""
        raise NotImplementedError(f"{type(self).__name__} must define forward")

    def backward(self, g: np.ndarray) -> None:
        """Given g = ∂L/∂scores (M, V): the gradients of all parameters."""
        raise NotImplementedError(f"{type(self).__name__} must define backward")

    def train(self, training: bool = True) -> None:
        """Tell every layer whether this is training."""
        for layer in self.layers:
            layer.training = training

    def size(self) -> int:
        """The number of parameters."""
        return sum(p.size for layer in self.layers for p in layer.parameters.values())


def places(tokens: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays, checked."""
    tokens, at = np.asarray(tokens), np.asarray(at)
    if tokens.ndim != 2 or tokens.dtype.kind not in "iu":
        raise ValueError(
            f"tokens must be whole numbers of shape (names, places), and are {tokens.dtype} of shape {tokens.shape}"
        )
    if at.shape != tokens.shape or at.dtype != bool:
        raise ValueError(
            f"at must be a mask of booleans of the tokens' shape, {tokens.shape}, and is {at.dtype} of "
            f"shape {at.shape}"
        )
    return tokens, at


class WindowModel(LanguageModel):
    """Sees the last n symbols, and nothing else: each place is an example of its own.

    Before a name there are edges: the window of the first place of "emma" is (·, ·, ·), then come (·, ·, e), (·, e, m)…

    Args:
        window: n.
        network: symbols (M, n) to scores (M, V).
        symbols: V.
    """

    def __init__(self, window: int, network: Sequential, symbols: int):
        if not sizes(window):
            raise ValueError(f"window must be a whole number from 1 up, and is {window}")
        self.window, self.network, self.symbols = window, network, symbols
        self.layers = network.leaves()

    def forward(self, tokens: np.ndarray, at: np.ndarray) -> np.ndarray:
        """The network on the windows that end at the wanted places."""
        tokens, at = places(tokens, at)
        before = np.full((len(tokens), self.window - 1), EDGE)
        padded = np.concatenate([before, tokens], axis=1)  # (B, n − 1 + T)
        seen = np.lib.stride_tricks.sliding_window_view(padded, self.window, axis=1)  # (B, T, n)
        return self.network.forward(seen[at])  # (M, V)

    def backward(self, g: np.ndarray) -> None:
        """The network's own way back; it ends at symbols, to which no slope leads."""
        self.network.backward(g)


class SequenceModel(LanguageModel):
    """Sees everything up to each place: all places of a name are computed together.

    Args:
        body: symbols (B, T) to features (B, T, C); place t must depend on places 0 … t alone.
        head: features to scores.
    """

    def __init__(self, body: Sequential, head: Dense):
        self.body, self.head = body, head
        self.symbols = len(head.parameters["bias"])
        self.layers = [*body.leaves(), head]
        self.kept: Any = None

    def forward(self, tokens: np.ndarray, at: np.ndarray) -> np.ndarray:
        """The body on whole names, the head where scores are wanted."""
        tokens, at = places(tokens, at)
        features = self.body.forward(tokens)  # (B, T, C)
        self.kept = at, features.shape
        return self.head.forward(features[at])  # (M, V)

    def backward(self, g: np.ndarray) -> None:
        """What was picked gets its slope; all other places get 0."""
        if self.kept is None:
            raise RuntimeError("SequenceModel: call forward before backward")
        at, shape = self.kept
        rows = self.head.backward(g)  # (M, C)
        by_features = np.zeros(shape, rows.dtype)
        by_features[at] = rows
        self.body.backward(by_features)


class Merge(Layer):
    """n neighbours side by side in one row:  (…, C) → (N, n·C), in the order of reading.

    With n = 1 it makes rows of whatever shape; with n the whole window, an MLP's input; with n = 2, again and
    again, a tree.

    >>> Merge(2).forward(np.arange(8).reshape(1, 4, 2)).tolist()
    [[0, 1, 2, 3], [4, 5, 6, 7]]
    """

    def __init__(self, n: int):
        super().__init__()
        if not sizes(n):
            raise ValueError(f"Merge: n must be a whole number from 1 up, and is {n}")
        self.n = n

    def forward(self, x: np.ndarray) -> np.ndarray:
        """The rows."""
        if x.ndim < 2 or (x.size // x.shape[-1]) % self.n:
            raise ValueError(
                f"Merge expects x of shape (…, C) with a multiple of {self.n} rows, and got {x.shape}"
            )
        self.kept = x.shape
        return x.reshape(-1, self.n * x.shape[-1])

    def backward(self, g: np.ndarray) -> np.ndarray:
        """The slopes in the old shape: nothing was computed, so nothing changes."""
        return g.reshape(self.saved())
