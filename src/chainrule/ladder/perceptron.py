"""The first machine that learned, what it cannot learn, and what a hidden layer adds.

A perceptron answers 1 where w·x + b > 0 and 0 elsewhere: it cuts space in two with a straight line (a
plane, a hyperplane). Its rule of learning: for each example it gets wrong, move w toward x if the answer
should have been 1, away from x if it should have been 0. If any line separates the classes, the rule
finds one (Novikoff 1962). For XOR no line does: (0,1) and (1,0) on one side, (0,0) and (1,1) on the other.

Two neurons in between solve it. By hand: OR and NAND, then AND of the two (`xor_by_hand`). By learning: a
step has no slope, so nothing says which way a hidden weight should move; with a smooth step (`sigmoid`) the
chain rule says it (`TwoLayers`).

Sources: Rosenblatt 1958; Minsky & Papert 1969; Rumelhart, Hinton & Williams 1986.
"""

from __future__ import annotations

import numpy as np

__all__ = ["Perceptron", "TwoLayers", "xor_by_hand"]


def numbers(x: np.ndarray, name: str) -> np.ndarray:
    """The argument as a float64 array."""
    try:
        return np.asarray(x, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} must hold real numbers, in rows of one length, and is {x!r}"
        ) from None


def rows(x: np.ndarray, inputs: int) -> np.ndarray:
    """The argument as an array (N, inputs)."""
    x = numbers(x, "x")
    if x.ndim != 2 or x.shape[1] != inputs:
        raise ValueError(f"x must have shape (examples, {inputs}), and has {x.shape}")
    return x


def examples(x: np.ndarray, y: np.ndarray, inputs: int) -> tuple[np.ndarray, np.ndarray]:
    """The arguments as arrays: x (N, inputs), y (N) of 0 and 1."""
    x, y = rows(x, inputs), np.asarray(y)
    if y.shape != (len(x),):
        raise ValueError(f"y must have one entry per example, ({len(x)},), and has shape {y.shape}")
    if not len(x):
        raise ValueError("x must have at least one example, and has none")
    if not np.isin(y, (0, 1)).all():
        raise ValueError("y must consist of 0 and 1")
    return x, y.astype(np.float64)


def positive(epochs: int, lr: float) -> None:
    """A sentence, if one of them is not."""
    if epochs < 1 or not lr > 0:
        raise ValueError(f"epochs must be at least 1 and lr positive, and are {epochs} and {lr}")


class Perceptron:
    """ŷ = 1 where w·x + b > 0, else 0.

    >>> x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> gate = Perceptron(2)
    >>> gate.fit(x, np.array([0, 0, 0, 1]), epochs=10)[-1]          # AND: no mistakes at the end
    0
    >>> gate.predict(x).tolist()
    [0, 0, 0, 1]
    """

    def __init__(self, inputs: int):
        if not (isinstance(inputs, (int, np.integer)) and inputs >= 1):
            raise ValueError(
                f"Perceptron: inputs must be a whole number from 1 up, and is {inputs}"
            )
        self.w, self.b = np.zeros(inputs), 0.0

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The class of each row of x, (N, inputs)."""
        x = rows(x, len(self.w))
        return (x @ self.w + self.b > 0).astype(int)

    def fit(self, x: np.ndarray, y: np.ndarray, *, epochs: int, lr: float = 1.0) -> list[int]:
        """Go through the examples `epochs` times, or until none is wrong; returns the mistakes of each time.

            w ← w + lr (y − ŷ) x,    b ← b + lr (y − ŷ)

        A right answer changes nothing.
        """
        x, y = examples(x, y, len(self.w))
        positive(epochs, lr)
        mistakes = []
        for _ in range(epochs):
            wrong = 0
            for xi, yi in zip(x, y, strict=True):
                error = yi - float(xi @ self.w + self.b > 0)
                self.w += lr * error * xi
                self.b += lr * error
                wrong += int(error != 0)
            mistakes.append(wrong)
            if wrong == 0:
                break
        return mistakes


def xor_by_hand(x: np.ndarray) -> np.ndarray:
    """XOR with a hidden layer whose weights one can think of: at least one, and not both.

    >>> xor_by_hand(np.array([[0, 0], [0, 1], [1, 0], [1, 1]])).tolist()
    [0, 1, 1, 0]
    """
    x = rows(x, 2)
    either = x @ [1, 1] - 0.5 > 0  # OR
    not_both = x @ [-1, -1] + 1.5 > 0  # NAND
    return (1.0 * either + 1.0 * not_both - 1.5 > 0).astype(int)  # AND


def sigmoid(x: np.ndarray) -> np.ndarray:
    """σ(x) = 1 / (1 + e⁻ˣ), a smooth step; as a tanh, which does not overflow."""
    return 0.5 * (1 + np.tanh(0.5 * x))


class TwoLayers:
    """p = σ(w₂·σ(W₁ x + b₁) + b₂), trained by the chain rule.

    Args: inputs, hidden: numbers of neurons; seed: of the weights.

    >>> x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    >>> model = TwoLayers(2, 3)
    >>> losses = model.fit(x, y, epochs=2000, lr=1.0)
    >>> model.predict(x).tolist()
    [0, 1, 1, 0]
    """

    def __init__(self, inputs: int, hidden: int, *, seed: int = 0):
        if not all(isinstance(n, (int, np.integer)) and n >= 1 for n in (inputs, hidden)):
            raise ValueError(
                f"TwoLayers: inputs and hidden must be whole numbers from 1 up, and are {inputs} and {hidden}"
            )
        rng = np.random.default_rng(seed)
        # Not zeros: all hidden neurons would get the same gradient, and stay one neuron forever.
        self.w1, self.b1 = rng.normal(size=(hidden, inputs)), np.zeros(hidden)
        self.w2, self.b2 = rng.normal(size=hidden), 0.0

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        """The probability of class 1 for each row of x."""
        x = rows(x, self.w1.shape[1])
        return sigmoid(sigmoid(x @ self.w1.T + self.b1) @ self.w2 + self.b2)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The class of each row of x."""
        return (self.probabilities(x) > 0.5).astype(int)

    def gradients(self, x: np.ndarray, y: np.ndarray) -> tuple[float, dict[str, np.ndarray]]:
        """The loss  L = −mean(y ln p + (1 − y) ln(1 − p))  and its gradient by each parameter."""
        x, y = examples(x, y, self.w1.shape[1])
        h = sigmoid(x @ self.w1.T + self.b1)  # (N, H)
        p = sigmoid(h @ self.w2 + self.b2)  # (N,)
        loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
        # The slope of the loss toward the last weighted sum is p − y: the 1/(p(1−p)) of the logarithms and
        # the p(1−p) of the sigmoid cancel, and that is why this loss goes with this output.
        at_output = (p - y) / len(x)  # (N,)
        at_hidden = at_output[:, None] * self.w2 * h * (1 - h)  # (N, H)
        return float(loss), {
            "w2": at_output @ h,
            "b2": at_output.sum(),
            "w1": at_hidden.T @ x,
            "b1": at_hidden.sum(axis=0),
        }

    def fit(self, x: np.ndarray, y: np.ndarray, *, epochs: int, lr: float) -> list[float]:
        """Gradient descent on all examples at once; returns the loss before each step."""
        positive(epochs, lr)
        losses = []
        for _ in range(epochs):
            loss, gradients = self.gradients(x, y)
            losses.append(loss)
            for name, gradient in gradients.items():
                setattr(self, name, getattr(self, name) - lr * gradient)
        return losses
