"""Layer normalization: each position is brought to mean 0 and variance 1 over its own features."""

from __future__ import annotations

import numpy as np

from .dense import Layer, sizes

__all__ = ["LayerNorm"]


class LayerNorm(Layer):
    """y = γ x̂ + β,  x̂ = (x − μ) / √(σ² + ε),  μ and σ² over the last axis.

    Batch norm with the axes exchanged, and therefore with its three ways back:

        ∂L/∂x = (ĝ − mean(ĝ) − x̂ · mean(ĝ x̂)) / √(σ² + ε),   ĝ = γ g

    No example looks at another one. So there are no running averages, training and use are the same function,
    and sequences of different lengths can lie in one batch.

    Source: Ba, Kiros & Hinton 2016.

    >>> LayerNorm(2).forward(np.array([[1.0, 3.0], [-5.0, 5.0]])).round(3).tolist()
    [[-1.0, 1.0], [-1.0, 1.0]]
    """

    def __init__(self, features: int, *, epsilon: float = 1e-5, dtype: type = np.float64):
        super().__init__()
        if not sizes(features):
            raise ValueError(
                f"LayerNorm: features must be a whole number from 1 up, and is {features}"
            )
        self.epsilon = epsilon
        self.parameters = {"gamma": np.ones(features, dtype), "beta": np.zeros(features, dtype)}

    def forward(self, x: np.ndarray) -> np.ndarray:
        """x (…, C), normalized over C."""
        x, features = self.read(x), len(self.parameters["gamma"])
        if x.ndim < 1 or x.shape[-1] != features:
            raise ValueError(f"LayerNorm expects x of shape (…, {features}), and got {x.shape}")
        centred = x - x.mean(axis=-1, keepdims=True)
        inverse = 1 / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self.epsilon)
        normal = centred * inverse
        self.kept = normal, inverse
        return self.parameters["gamma"] * normal + self.parameters["beta"]

    def backward(self, g: np.ndarray) -> np.ndarray:
        """All three ways back to x."""
        normal, inverse = self.saved()
        g = self.arrived(g, normal.shape)
        others = tuple(range(g.ndim - 1))
        self.gradients = {"gamma": (g * normal).sum(axis=others), "beta": g.sum(axis=others)}
        g = g * self.parameters["gamma"]
        mean = g.mean(axis=-1, keepdims=True)
        along = (g * normal).mean(axis=-1, keepdims=True)
        return (g - mean - normal * along) * inverse
