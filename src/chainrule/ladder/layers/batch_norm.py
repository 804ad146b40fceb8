"""Batch normalization: each feature is brought to mean 0 and variance 1 over the batch."""

from __future__ import annotations

import numpy as np

from .dense import Layer, sizes

__all__ = ["BatchNorm"]


class BatchNorm(Layer):
    """y = γ x̂ + β,  x̂ = (x − μ) / √(σ² + ε),  μ and σ² over the batch (and over the pixels of images).

    The backward pass everybody gets wrong: μ and σ² are themselves made of x, so there are three ways from x to
    y. With M numbers averaged, ĝ = γ g, and all means over the same axes,

        ∂L/∂x = (ĝ − mean(ĝ) − x̂ · mean(ĝ x̂)) / √(σ² + ε)

    The second term is the way through μ, the third the way through σ². (∂μ/∂xᵢ = 1/M; ∂σ²/∂xᵢ = 2 (xᵢ − μ)/M;
    put in, and collect.) Both make the same sense: shifting or scaling a whole batch changes nothing, so
    the gradient has no part along either.

    When the network is used there may be no batch. Running averages from training are taken then, of which
    the variance is the unbiased one (divided by M − 1), as in PyTorch.

    Source: Ioffe & Szegedy 2015.
    """

    def __init__(
        self,
        features: int,
        *,
        momentum: float = 0.1,
        epsilon: float = 1e-5,
        dtype: type = np.float64,
    ):
        super().__init__()
        if not sizes(features):
            raise ValueError(
                f"BatchNorm: features must be a whole number from 1 up, and is {features}"
            )
        self.momentum, self.epsilon = momentum, epsilon
        self.parameters = {"gamma": np.ones(features, dtype), "beta": np.zeros(features, dtype)}
        self.running_mean: np.ndarray = np.zeros(features, dtype)
        self.running_var: np.ndarray = np.ones(features, dtype)

    def forward(self, x: np.ndarray) -> np.ndarray:
        """x (N, C) or (N, C, H, W), normalized for each C."""
        x, features = self.read(x), len(self.running_mean)
        if x.ndim not in (2, 4) or x.shape[1] != features:
            raise ValueError(
                f"BatchNorm expects x of shape (N, {features}) or (N, {features}, H, W), and got {x.shape}"
            )
        axes = (0,) if x.ndim == 2 else (0, 2, 3)
        wide = (1, -1) if x.ndim == 2 else (1, -1, 1, 1)
        if self.training:
            count = x.size // features
            if count < 2:
                raise ValueError("BatchNorm in training must see more than one value per feature")
            mean, var = x.mean(axis=axes), x.var(axis=axes)
            m = self.momentum
            self.running_mean = (1 - m) * self.running_mean + m * mean
            self.running_var = (1 - m) * self.running_var + m * var * count / (count - 1)
        else:
            mean, var = self.running_mean, self.running_var
        inverse = (1 / np.sqrt(var + self.epsilon)).reshape(wide).astype(x.dtype)
        normal = (x - mean.reshape(wide)) * inverse
        self.kept = normal, inverse, axes, self.training
        gamma, beta = (p.reshape(wide) for p in self.parameters.values())
        return gamma * normal + beta

    def backward(self, g: np.ndarray) -> np.ndarray:
        """All three ways back to x; one, if the averages were constants."""
        normal, inverse, axes, training = self.saved()
        g = self.arrived(g, normal.shape)
        self.gradients = {"gamma": (g * normal).sum(axis=axes), "beta": g.sum(axis=axes)}
        g = g * self.parameters["gamma"].reshape(inverse.shape)
        if not training:
            return g * inverse
        mean = g.mean(axis=axes, keepdims=True)
        along = (g * normal).mean(axis=axes, keepdims=True)
        return (g - mean - normal * along) * inverse
