"""What makes a network more than one matrix: a bend after each layer.

Without them two layers would be one, W₂ (W₁ x) = (W₂ W₁) x. All but Softmax act on each entry alone, so
the slope toward each entry is one number and backward is g times it. Softmax mixes the entries of a row,
so its derivative is a matrix for each example, and it is shown as one.
"""

from __future__ import annotations

import numpy as np

from .dense import Layer

__all__ = ["LeakyReLU", "ReLU", "Sigmoid", "Softmax", "Tanh"]


class ReLU(Layer):
    """y = max(x, 0), slope 1 where x > 0 and 0 elsewhere (at 0 too, as everywhere)."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        """max(x, 0)."""
        x = self.read(x)
        self.kept = x > 0
        return x * self.kept

    def backward(self, g: np.ndarray) -> np.ndarray:
        """g where x > 0."""
        slope = self.saved()
        return self.arrived(g, slope.shape) * slope


class LeakyReLU(Layer):
    """y = x where x > 0, slope · x elsewhere: a neuron that is never active still learns."""

    def __init__(self, slope: float = 0.01):
        super().__init__()
        self.slope = slope

    def forward(self, x: np.ndarray) -> np.ndarray:
        """x or slope · x."""
        x = self.read(x)
        self.kept = np.where(x > 0, 1.0, self.slope).astype(x.dtype)
        return x * self.kept

    def backward(self, g: np.ndarray) -> np.ndarray:
        """g times 1 or slope."""
        slope = self.saved()
        return self.arrived(g, slope.shape) * slope


class Sigmoid(Layer):
    """y = 1 / (1 + e⁻ˣ), slope y (1 − y): at most ¼, so ten of them in a row shrink a gradient a
    million times.
    """

    def forward(self, x: np.ndarray) -> np.ndarray:
        """1 / (1 + e⁻ˣ), as a tanh, which does not overflow."""
        self.kept = 0.5 * (1 + np.tanh(0.5 * self.read(x)))
        return self.kept

    def backward(self, g: np.ndarray) -> np.ndarray:
        """g y (1 − y)."""
        y = self.saved()
        return self.arrived(g, y.shape) * y * (1 - y)


class Tanh(Layer):
    """y = tanh x, slope 1 − y²."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        """tanh x."""
        self.kept = np.tanh(self.read(x))
        return self.kept

    def backward(self, g: np.ndarray) -> np.ndarray:
        """g (1 − y²)."""
        y = self.saved()
        return self.arrived(g, y.shape) * (1 - y * y)


class Softmax(Layer):
    """yₖ = e^xₖ / Σⱼ e^xⱼ along the last axis: any numbers become probabilities.

    Every output depends on every input. Differentiating the quotient gives

        ∂yₖ/∂xⱼ = yₖ (δₖⱼ − yⱼ)        J = diag(y) − y yᵀ       (K, K), symmetric, rows sum to 0

    and ∂L/∂xⱼ = Σₖ gₖ Jₖⱼ. Multiplied out this is y (g − g·y), which needs no matrix; a test shows the two equal.

    >>> Softmax.jacobian(np.array([[0.5, 0.25, 0.25]]))[0].tolist()[0]
    [0.25, -0.125, -0.125]
    """

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Probabilities of each row; the largest is subtracted first, which changes nothing but cannot overflow."""
        x = self.read(x)
        if x.ndim != 2:
            raise ValueError(f"Softmax expects x of shape (examples, classes), and got {x.shape}")
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.kept = e / e.sum(axis=1, keepdims=True)
        return self.kept

    @staticmethod
    def jacobian(y: np.ndarray) -> np.ndarray:
        """diag(y) − y yᵀ for each row of y, (N, K, K)."""
        return y[:, :, None] * np.eye(y.shape[1]) - y[:, :, None] * y[:, None, :]

    def backward(self, g: np.ndarray) -> np.ndarray:
        """Each row of g times its Jacobian."""
        y = self.saved()
        return np.einsum("nk,nkj->nj", self.arrived(g, y.shape), self.jacobian(y))
