"""Networks that read one thing after another: RNN, LSTM and GRU, and back-propagation through time by hand.

A recurrent network is one layer applied again and again: to the next input, and to what it made of all
earlier ones. Unrolled over T steps it is a network of T layers that share their weights, and its gradient needs
nothing new: go back from the last step to the first; what arrives at hₜ comes from two sides, from the loss at
step t and from step t + 1; and because the weights are shared, their gradients are sums over all steps.

Going back multiplies by the same matrix (and tanh's slope) T times. Numbers multiplied by themselves vanish or
explode; the LSTM's cell c gives the gradient a way on which it is only multiplied by a gate near 1.

Shapes: B sequences, T steps, I inputs, H hidden. Weights (G·H, I) and (G·H, H) for G sums a step, laid out as in PyTorch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["GRU", "LSTM", "RNN"]


def sigmoid(x: np.ndarray) -> np.ndarray:
    """σ(x) = 1 / (1 + e⁻ˣ), as a tanh, which does not overflow."""
    return 0.5 * (1 + np.tanh(0.5 * x))


class Recurrent:
    """What the three have in common: parameters, the walk over time in both directions.

    A subclass has `gates`, how many H numbers a step computes, and a step in each direction.
    """

    gates = 1

    def __init__(self, inputs: int, hidden: int, *, seed: int = 0, dtype: type = np.float64):
        if not all(isinstance(n, (int, np.integer)) and n >= 1 for n in (inputs, hidden)):
            raise ValueError(
                f"inputs and hidden must be whole numbers from 1 up, and are {inputs} and {hidden}"
            )
        rng = np.random.default_rng(seed)
        bound, rows = 1 / np.sqrt(hidden), self.gates * hidden
        self.parameters: dict[str, np.ndarray] = {
            "weight_ih": rng.uniform(-bound, bound, (rows, inputs)).astype(dtype),
            "weight_hh": rng.uniform(-bound, bound, (rows, hidden)).astype(dtype),
            "bias": np.zeros(rows, dtype),
        }
        self.dtype = dtype
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
        if x.dtype.kind not in "fiub":
            raise TypeError(
                f"{type(self).__name__} expects an array of real numbers, and got {x.dtype}"
            )
        if x.ndim != 3 or x.shape[2] != self.inputs:
            raise ValueError(
                f"{type(self).__name__} expects x of shape (B, T, {self.inputs}), and got {x.shape}"
            )
        B, T, _ = x.shape
        state, self.kept = self.start(B), []
        y: np.ndarray = np.empty((B, T, self.hidden), self.dtype)
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
        if g.ndim != 3 or g.shape[2] != self.hidden or len(g) != len(self.kept[0][0]):
            raise ValueError(
                f"{type(self).__name__}: g must have the shape of the result, "
                f"{(len(self.kept[0][0]), len(self.kept), self.hidden)}, and has {g.shape}"
            )
        self.gradients = {name: np.zeros_like(p) for name, p in self.parameters.items()}
        by_x = np.empty((*g.shape[:2], self.inputs), self.dtype)
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
        return (np.zeros((batch, self.hidden), self.dtype),)

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
        return tuple(np.zeros((batch, self.hidden), self.dtype) for _ in range(2))

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


class GRU(Recurrent):
    """The LSTM's idea with one state less: a gate says how much of h stays, and what does not stay is made anew.

        r, z = σ(…)                           two sums of xₜ and hₜ₋₁
        n = tanh(W_in xₜ + b_n + r ∘ (W_hn hₜ₋₁))      what h would become; r: how much of the past is asked
        hₜ = (1 − z) n + z hₜ₋₁                rows in the order r, z, n

    Where z is near 1, hₜ is hₜ₋₁, and so is its gradient: the open way that c is in the LSTM. h is used three
    times (by the gates, by n, by the line that keeps it), and its gradient has three parts.

    r stands outside of the product, as in PyTorch; the paper has W_hn (r ∘ hₜ₋₁).

    Source: Cho et al. 2014.

    >>> GRU(3, 5).forward(np.ones((2, 7, 3))).shape
    (2, 7, 5)
    """

    gates = 3

    def start(self, batch: int) -> tuple:
        """h = 0."""
        return (np.zeros((batch, self.hidden), self.dtype),)

    def step(self, x: np.ndarray, state: tuple) -> tuple[tuple, Any]:
        """Gates, what would be new, a mixture of it and what was."""
        (before,) = state
        p, H = self.parameters, self.hidden
        of_x = x @ p["weight_ih"].T + p["bias"]  # (B, 3H)
        of_h = before @ p["weight_hh"].T  # (B, 3H)
        gates = sigmoid(of_x[:, : 2 * H] + of_h[:, : 2 * H])
        r, z = gates[:, :H], gates[:, H:]
        past = of_h[:, 2 * H :]
        n = np.tanh(of_x[:, 2 * H :] + r * past)
        return (n + z * (before - n),), (x, before, r, z, n, past)

    def step_back(self, g_state: tuple, kept: Any) -> tuple[np.ndarray, tuple]:
        """The same lines from the last to the first."""
        (by_h,) = g_state
        x, before, r, z, n, past = kept
        through_n = by_h * (1 - z) * (1 - n * n)
        through_z = by_h * (before - n) * z * (1 - z)
        through_r = through_n * past * r * (1 - r)
        to_x = np.concatenate([through_r, through_z, through_n], axis=1)  # (B, 3H)
        to_h = np.concatenate([through_r, through_z, through_n * r], axis=1)
        self.gradients["weight_ih"] += to_x.T @ x
        self.gradients["weight_hh"] += to_h.T @ before
        self.gradients["bias"] += to_x.sum(axis=0)
        p = self.parameters
        return to_x @ p["weight_ih"], (to_h @ p["weight_hh"] + by_h * z,)
