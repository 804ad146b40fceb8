"""Causal attention with several heads, forward and backward by hand.

A recurrent network carries everything it has read in one vector from step to step. Attention instead looks back:
each position asks a question (query), every earlier position has a label (key) and something to say (value), and
the answer is the mean of the values, weighted by how well labels fit the question.

Backward, attention is four things that are on the ladder already: a Dense layer, a matrix product, a softmax,
a matrix product. Only the shapes are new, and they are written at the end of each line.

Shapes: B sequences, T positions, C channels, H heads, D = C / H channels of a head.

Source: Vaswani et al. 2017, section 3.2.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["CausalSelfAttention", "attend", "attend_back"]


def attend(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Y = softmax(Q Kᵀ / √D + mask) V; returns Y and the weights.

    q, k, v (…, T, D); the weights (…, T, T), row t over positions 0 … t. What lies ahead gets the score −∞, and
    e^−∞ = 0: nobody looks into the future, so the loss of every position can be trained at once.

    √D: a dot product of D independent numbers of variance 1 has variance D. Undivided, scores would be far apart,
    softmax would be nearly 0 or 1, and its slope p (1 − p) nearly 0.

    >>> y, weights = attend(np.zeros((2, 1)), np.zeros((2, 1)), np.array([[1.0], [3.0]]))
    >>> weights.tolist(), y.tolist()
    ([[1.0, 0.0], [0.5, 0.5]], [[1.0], [2.0]])
    """
    if (
        np.ndim(q) < 2
        or np.shape(k) != np.shape(q)
        or np.shape(v)[:-1] != np.shape(q)[:-1]
        or not q.size
    ):
        raise ValueError(
            "attend expects q and k of one shape (…, T, D), v of (…, T, any), T at least 1, and got "
            f"{np.shape(q)}, {np.shape(k)} and {np.shape(v)}"
        )
    T, D = q.shape[-2:]
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(D)  # (…, T, T)
    ahead = np.triu(np.ones((T, T), bool), 1)
    scores = np.where(ahead, -np.inf, scores)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = e / e.sum(axis=-1, keepdims=True)
    return weights @ v, weights  # (…, T, D)


def attend_back(
    g: np.ndarray, q: np.ndarray, k: np.ndarray, v: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """∂L/∂Q, ∂L/∂K, ∂L/∂V, given g = ∂L/∂Y. With P the weights and S the scores,

        Y = P V            ∂L/∂V = Pᵀ g,   ∂L/∂P = g Vᵀ
        P = softmax(S)     ∂L/∂S = P ∘ (∂L/∂P − rowsum(∂L/∂P ∘ P))
        S = Q Kᵀ / √D      ∂L/∂Q = ∂L/∂S K / √D,   ∂L/∂K = ∂L/∂Sᵀ Q / √D

    The mask needs no line: where P is 0, so is ∂L/∂S.
    """
    by_v = weights.swapaxes(-1, -2) @ g
    by_weights = g @ v.swapaxes(-1, -2)  # (…, T, T)
    inner = (by_weights * weights).sum(axis=-1, keepdims=True)
    by_scores = weights * (by_weights - inner) / math.sqrt(q.shape[-1])
    return by_scores @ k, by_scores.swapaxes(-1, -2) @ q, by_v


class CausalSelfAttention:
    """x (B, T, C) → (B, T, C): queries, keys and values from x, attention in each head, the heads mixed.

        Q, K, V = x W_inᵀ + b_in, in three parts           out = heads W_outᵀ + b_out

    Heads are cut from the channels, and the axis of heads must stand *before* that of positions, or the product
    would compare heads at one position instead of positions in one head.

    >>> attention = CausalSelfAttention(8, 2)
    >>> y = attention.forward(np.ones((3, 5, 8)))
    >>> attention.backward(y).shape
    (3, 5, 8)
    """

    def __init__(self, channels: int, heads: int, *, seed: int = 0, dtype: type = np.float64):
        if (
            not all(isinstance(n, (int, np.integer)) and n >= 1 for n in (channels, heads))
            or channels % heads
        ):
            raise ValueError(
                "channels and heads must be whole numbers from 1 up, channels a multiple of heads, and they are "
                f"{channels} for {heads} heads"
            )
        rng = np.random.default_rng(seed)
        scale = 1 / math.sqrt(channels)
        self.channels, self.heads = channels, heads
        self.parameters: dict[str, np.ndarray] = {
            "in_weight": rng.normal(0, scale, (3 * channels, channels)).astype(dtype),
            "in_bias": np.zeros(3 * channels, dtype),
            "out_weight": rng.normal(0, scale, (channels, channels)).astype(dtype),
            "out_bias": np.zeros(channels, dtype),
        }
        self.gradients: dict[str, np.ndarray] = {}
        self.kept: Any = None

    def forward(self, x: np.ndarray) -> np.ndarray:
        """The mixed heads, (B, T, C)."""
        x = np.asarray(x)
        if x.dtype.kind not in "fiub":
            raise TypeError(
                f"CausalSelfAttention expects an array of real numbers, and got {x.dtype}"
            )
        if x.ndim != 3 or x.shape[2] != self.channels:
            raise ValueError(
                f"CausalSelfAttention expects x of shape (B, T, {self.channels}), and got {x.shape}"
            )
        p = self.parameters
        qkv = x @ p["in_weight"].T + p["in_bias"]  # (B, T, 3C)
        q, k, v = (self._cut(part) for part in np.split(qkv, 3, axis=2))  # (B, H, T, D)
        y, weights = attend(q, k, v)  # (B, H, T, D)
        joined = self._join(y)  # (B, T, C)
        self.kept = x, q, k, v, weights, joined
        return joined @ p["out_weight"].T + p["out_bias"]

    def backward(self, g: np.ndarray) -> np.ndarray:
        """∂L/∂x, given g = ∂L/∂out (B, T, C); keeps the gradients of the parameters."""
        if self.kept is None:
            raise RuntimeError("CausalSelfAttention: call forward before backward")
        p = self.parameters
        x, q, k, v, weights, joined = self.kept
        if np.shape(g) != x.shape:
            raise ValueError(
                f"CausalSelfAttention: g must have the shape of the result, {x.shape}, and has {np.shape(g)}"
            )
        rows = g.reshape(-1, self.channels)  # every position of every sequence is an example
        by_joined = g @ p["out_weight"]  # (B, T, C)
        parts = attend_back(self._cut(by_joined), q, k, v, weights)  # 3 × (B, H, T, D)
        by_qkv = np.concatenate([self._join(part) for part in parts], axis=2)  # (B, T, 3C)
        rows_in = by_qkv.reshape(-1, 3 * self.channels)
        self.gradients = {
            "in_weight": rows_in.T @ x.reshape(-1, self.channels),
            "in_bias": rows_in.sum(axis=0),
            "out_weight": rows.T @ joined.reshape(-1, self.channels),
            "out_bias": rows.sum(axis=0),
        }
        return by_qkv @ p["in_weight"]

    def _cut(self, x: np.ndarray) -> np.ndarray:
        """(B, T, C) → (B, H, T, D)."""
        B, T, C = x.shape
        return x.reshape(B, T, self.heads, C // self.heads).transpose(0, 2, 1, 3)

    def _join(self, x: np.ndarray) -> np.ndarray:
        """(B, H, T, D) → (B, T, C), turning `_cut` around."""
        B, H, T, D = x.shape
        return x.transpose(0, 2, 1, 3).reshape(B, T, H * D)
