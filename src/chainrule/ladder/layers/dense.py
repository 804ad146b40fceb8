"""What a layer is, and the simplest: Dense, Flatten, Dropout, and layers in a row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["Dense", "Dropout", "Flatten", "Layer", "Sequential"]


def sizes(*given: Any) -> bool:
    """Whether these are whole numbers from 1 up."""
    return all(isinstance(n, (int, np.integer)) and n >= 1 for n in given)


class Layer:
    """The contract: `forward`, `backward`, `parameters` and `gradients` by name, and whether it is `training`."""

    def __init__(self) -> None:
        self.parameters: dict[str, np.ndarray] = {}
        self.gradients: dict[str, np.ndarray] = {}
        self.training = True
        self.kept: Any = None

    def forward(self, x: np.ndarray) -> np.ndarray:
        """y = f(x); what the derivative needs is kept."""
        raise NotImplementedError(f"{type(self).__name__} must define forward")

    def backward(self, g: np.ndarray) -> np.ndarray:
        """∂L/∂x, given g = ∂L/∂y; the gradients of the parameters are kept in `gradients`."""
        raise NotImplementedError(f"{type(self).__name__} must define backward")

    def read(self, x: np.ndarray) -> np.ndarray:
        """The argument of `forward` as an array of real numbers."""
        x = np.asarray(x)
        if x.dtype.kind not in "fiub":
            raise TypeError(
                f"{type(self).__name__} expects an array of real numbers, and got {x.dtype}"
            )
        return x

    def arrived(self, g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The argument of `backward`, which must have the shape of what `forward` returned."""
        if np.shape(g) != shape:
            raise ValueError(
                f"{type(self).__name__}: the slope must have the shape of the result, {shape}, and has {np.shape(g)}"
            )
        return np.asarray(g)

    def saved(self) -> Any:
        """What `forward` kept."""
        if self.kept is None:
            raise RuntimeError(f"{type(self).__name__}: call forward before backward")
        return self.kept


class Dense(Layer):
    """Every output sees every input:  Y = X Wᵀ + b.

    X (N, I), W (O, I), b (O,), Y (N, O). Written with indices, Yₙₒ = Σᵢ Xₙᵢ Wₒᵢ + bₒ, the derivatives can be
    read off: Wₒᵢ is multiplied by Xₙᵢ and appears in Yₙₒ of every example n, so

        ∂L/∂Wₒᵢ = Σₙ gₙₒ Xₙᵢ        ∂L/∂W = gᵀ X      (O, N)(N, I) → (O, I)
        ∂L/∂bₒ  = Σₙ gₙₒ            the sum over the axis that b was broadcast along
        ∂L/∂Xₙᵢ = Σₒ gₙₒ Wₒᵢ        ∂L/∂X = g W       (N, O)(O, I) → (N, I)

    A check without thinking: a gradient has the shape of what it is the gradient of, and only one way to
    multiply g with the other factor gives that shape.

    Weights start as N(0, 2/I), which keeps the size of signals through ReLU layers (He et al. 2015,
    eq. 10); with gain 1 instead of 2 it suits tanh.

    >>> layer = Dense(3, 2)
    >>> layer.forward(np.ones((5, 3))).shape, layer.backward(np.ones((5, 2))).shape
    ((5, 2), (5, 3))
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        gain: float = 2.0,
        seed: int = 0,
        dtype: type = np.float64,
    ):
        super().__init__()
        if not sizes(inputs, outputs):
            raise ValueError(
                f"Dense: inputs and outputs must be whole numbers from 1 up, and are {inputs} and {outputs}"
            )
        rng = np.random.default_rng(seed)
        weight: np.ndarray = rng.normal(0, np.sqrt(gain / inputs), (outputs, inputs)).astype(dtype)
        self.parameters = {"weight": weight, "bias": np.zeros(outputs, dtype)}

    def forward(self, x: np.ndarray) -> np.ndarray:
        """X Wᵀ + b."""
        x, weight = self.read(x), self.parameters["weight"]
        if x.ndim != 2 or x.shape[1] != weight.shape[1]:
            raise ValueError(
                f"Dense expects x of shape (examples, {weight.shape[1]}), and got {x.shape}"
            )
        self.kept = x
        return x @ weight.T + self.parameters["bias"]

    def backward(self, g: np.ndarray) -> np.ndarray:
        """g W; keeps gᵀ X and Σₙ g."""
        x = self.saved()
        g = self.arrived(g, (len(x), len(self.parameters["bias"])))
        self.gradients = {"weight": g.T @ x, "bias": g.sum(axis=0)}
        return g @ self.parameters["weight"]


class Flatten(Layer):
    """(N, C, H, W) becomes (N, C·H·W); backward turns it around."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Each example in one row."""
        x = self.read(x)
        if x.ndim < 2:
            raise ValueError(f"Flatten expects x of shape (examples, …), and got {x.shape}")
        self.kept = x.shape
        return x.reshape(len(x), math.prod(x.shape[1:]))

    def backward(self, g: np.ndarray) -> np.ndarray:
        """Each example in its old shape."""
        shape = self.saved()
        return self.arrived(g, (shape[0], math.prod(shape[1:]))).reshape(shape)


class Dropout(Layer):
    """In training each entry is 0 with probability `rate`, and divided by 1 − rate otherwise.

    The division keeps the mean, so that nothing has to be scaled when the network is used; then Dropout
    does nothing. Source: Srivastava et al. 2014.
    """

    def __init__(self, rate: float, *, seed: int = 0):
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"Dropout: rate must be from 0 to below 1, and is {rate}")
        self.rate, self.rng = rate, np.random.default_rng(seed)

    def forward(self, x: np.ndarray) -> np.ndarray:
        """x · mask / (1 − rate) in training, x itself otherwise."""
        x = self.read(x)
        if not self.training:
            self.kept = np.ones_like(x)
            return x
        self.kept = ((self.rng.random(x.shape) >= self.rate) / (1 - self.rate)).astype(x.dtype)
        return x * self.kept

    def backward(self, g: np.ndarray) -> np.ndarray:
        """What was multiplied by the mask has the mask as its slope."""
        mask = self.saved()
        return self.arrived(g, mask.shape) * mask


class Sequential(Layer):
    """Layers one after another, which together are a layer: one may stand in another.

    Args: layers, anything with `forward`, `backward`, `parameters` and `gradients`.
    """

    def __init__(self, layers: Sequence[Any]):
        super().__init__()
        self.layers = list(layers)

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Through all layers, from first to last."""
        x = self.read(x)
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, g: np.ndarray) -> np.ndarray:
        """Through all layers, from last to first."""
        for layer in reversed(self.layers):
            g = layer.backward(g)
        return g

    def leaves(self) -> list[Any]:
        """The layers that are not made of layers, in order; parameters are theirs."""
        found: list[Any] = []
        for layer in self.layers:
            found += layer.leaves() if isinstance(layer, Sequential) else [layer]
        return found

    def train(self, training: bool = True) -> Sequential:
        """Tell Dropout and BatchNorm whether this is training."""
        for layer in self.leaves():
            layer.training = training
        return self
