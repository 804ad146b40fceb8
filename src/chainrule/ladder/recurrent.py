"""Networks that read one thing after another: RNN and LSTM, and back-propagation through time by hand.

A recurrent network is one layer applied again and again: to the next input, and to what it made of all
earlier ones. Unrolled over T steps it is a network of T layers that share their weights, and its gradient needs
nothing new: go back from the last step to the first; what arrives at hₜ comes from two sides, from the loss at
step t and from step t + 1; and because the weights are shared, their gradients are sums over all steps.

Going back multiplies by the same matrix (and tanh's slope) T times. Numbers multiplied by themselves vanish or
explode; the LSTM's cell c gives the gradient a way on which it is only multiplied by a gate near 1.

Shapes: B sequences, T steps, I inputs, H hidden. Weights (4H or H, I) and (4H or H, H), laid out as in PyTorch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["LSTM", "RNN"]


def sigmoid(x: np.ndarray) -> np.ndarray:
    """σ(x) = 1 / (1 + e⁻ˣ), as a tanh, which does not overflow."""
    return 0.5 * (1 + np.tanh(0.5 * x))


class Recurrent:
    """What the two have in common: parameters, the walk over time in both directions.

    A subclass has `gates`, how many H numbers a step computes, and a step in each direction.
    """

    gates = 1

    def __init__(self, inputs: int, hidden: int, *, seed: int = 0):
        if inputs < 1 or hidden < 1:
            raise ValueError(f"inputs and hidden must be at least 1, and are {inputs} and {hidden}")
        rng = np.random.default_rng(seed)
        bound, rows = 1 / np.sqrt(hidden), self.gates * hidden
        self.parameters = {
            "weight_ih": rng.uniform(-bound, bound, (rows, inputs)),
            "weight_hh": rng.uniform(-bound, bound, (rows, hidden)),
            "bias": np.zeros(rows),
        }
        self.gradients: dict[str, np.ndarray] = {}
        self.inputs, self.hidden = inputs, hidden
        self.kept: list[Any] = []

    def step(self, x: np.ndarray, state: tuple) -> tuple[tuple, Any]:
        """The state after x (B, I), h first, and what the way back will need."""
        raise NotImplementedError(f"{type(self).__name__} must define step")

    def step_back(self, g_state: tuple, kept: Any) -> tuple[np.ndarray, tuple]:
        """Given ∂L/∂(state after): ∂L/∂x and ∂L/∂(state before); adds to `gradients`."""
        raise NotImplementedError(f"{type(self).__name__} must define step_back")

    def start(self, batch: int) -> tuple:
        """The state before the first step: zeros."""
        raise NotImplementedError(f"{type(self).__name__} must define start")

    def forward(self, x: np.ndarray) -> np.ndarray:
        """h at every step, (B, T, H), for x (B, T, I)."""
        x = np.asarray(x)
        if x.ndim != 3 or x.shape[2] != self.inputs:
            raise ValueError(
                f"{type(self).__name__} expects x of shape (B, T, {self.inputs}), and got {x.shape}"
            )
        B, T, _ = x.shape
        state, self.kept = self.start(B), []
        y = np.empty((B, T, self.hidden))
        for t in range(T):
            state, kept = self.step(x[:, t], state)
            self.kept.append(kept)
            y[:, t] = state[0]
        return y

    def backward(self, g: np.ndarray) -> np.ndarray:
        """∂L/∂x (B, T, I), given g = ∂L/∂h at every step, (B, T, H)."""
        if not self.kept or g.shape[1] != len(self.kept):
            raise ValueError(
                f"{type(self).__name__}: backward follows a forward of as many steps; g has shape "
                f"{g.shape}, forward saw {len(self.kept)} steps"
            )
        self.gradients = {name: np.zeros_like(p) for name, p in self.parameters.items()}
        by_x = np.empty((*g.shape[:2], self.inputs))
        g_state = self.start(len(g))  # nothing comes from beyond the end
        for t in reversed(range(g.shape[1])):
            g_state = (g_state[0] + g[:, t], *g_state[1:])  # from step t + 1, and from the loss
            by_x[:, t], g_state = self.step_back(g_state, self.kept[t])
        return by_x

    def _sum_back(self, g: np.ndarray, x: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, ...]:
        """Back through a = x W_ihᵀ + h W_hhᵀ + b: two Dense layers that share a result, at every step the same."""
        self.gradients["weight_ih"] += g.T @ x
        self.gradients["weight_hh"] += g.T @ h
        self.gradients["bias"] += g.sum(axis=0)
        return g @ self.parameters["weight_ih"], g @ self.parameters["weight_hh"]

    def _sum(self, x: np.ndarray, h: np.ndarray) -> np.ndarray:
        """x W_ihᵀ + h W_hhᵀ + b."""
        p = self.parameters
        return x @ p["weight_ih"].T + h @ p["weight_hh"].T + p["bias"]


class RNN(Recurrent):
    """hₜ = tanh(W_ih xₜ + W_hh hₜ₋₁ + b).

    Back, with gₜ all that arrived at hₜ:  δₜ = gₜ (1 − hₜ²),  W_hhᵀ δₜ goes on to hₜ₋₁. Source: Elman 1990.

    >>> RNN(3, 5).forward(np.ones((2, 7, 3))).shape
    (2, 7, 5)
    """

    def start(self, batch: int) -> tuple:
        """h = 0."""
        return (np.zeros((batch, self.hidden)),)

    def step(self, x: np.ndarray, state: tuple) -> tuple[tuple, Any]:
        """tanh of the sum."""
        (before,) = state
        h = np.tanh(self._sum(x, before))
        return (h,), (x, before, h)

    def step_back(self, g_state: tuple, kept: Any) -> tuple[np.ndarray, tuple]:
        """Through tanh, then through the sum."""
        x, before, h = kept
        by_x, by_h = self._sum_back(g_state[0] * (1 - h * h), x, before)
        return by_x, (by_h,)


class LSTM(Recurrent):
    """A memory c, and gates that say what enters it, what stays in it and what of it is shown.

        i, f, o = σ(…)   g = tanh(…)          four sums of xₜ and hₜ₋₁, rows in the order i, f, g, o
        cₜ = f cₜ₋₁ + i g
        hₜ = o tanh cₜ

    Back: c is used twice, for hₜ and for cₜ₊₁, so its gradient has two parts. On to cₜ₋₁ it is multiplied by f
    alone: no matrix, no tanh. Where f is near 1 it arrives as it left, however many steps away.

    Source: Hochreiter & Schmidhuber 1997; the gate f: Gers, Schmidhuber & Cummins 2000.

    >>> LSTM(3, 5).forward(np.ones((2, 7, 3))).shape
    (2, 7, 5)
    """

    gates = 4

    def start(self, batch: int) -> tuple:
        """h = c = 0."""
        return np.zeros((batch, self.hidden)), np.zeros((batch, self.hidden))

    def step(self, x: np.ndarray, state: tuple) -> tuple[tuple, Any]:
        """Gates, memory, what is shown of it."""
        before, c_before = state
        i, f, g, o = np.split(self._sum(x, before), 4, axis=1)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        c = f * c_before + i * g
        shown = np.tanh(c)
        return (o * shown, c), (x, before, c_before, i, f, g, o, shown)

    def step_back(self, g_state: tuple, kept: Any) -> tuple[np.ndarray, tuple]:
        """The same lines from the last to the first, each with its slope."""
        by_h, by_c = g_state
        x, before, c_before, i, f, g, o, shown = kept
        by_o = by_h * shown
        by_c = by_c + by_h * o * (1 - shown**2)
        by_i, by_f, by_g = by_c * g, by_c * c_before, by_c * i
        through = [by_i * i * (1 - i), by_f * f * (1 - f), by_g * (1 - g * g), by_o * o * (1 - o)]
        by_x, by_before = self._sum_back(np.concatenate(through, axis=1), x, before)
        return by_x, (by_before, by_c * f)
