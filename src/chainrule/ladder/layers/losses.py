"""Losses: one number that says how wrong the predictions are, and its slope toward each of them."""

from __future__ import annotations

import numpy as np

__all__ = ["MSE", "CrossEntropy", "SoftmaxCrossEntropy"]


class MSE:
    """L = mean (p − t)², over every entry; slope 2 (p − t) / (their number).

    >>> MSE().forward(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]]))
    2.0
    """

    def forward(self, predictions: np.ndarray, targets: np.ndarray) -> float:
        """The mean square. Shapes must be equal: (N, 1) minus (N,) would be every pair, (N, N), and no error."""
        predictions, targets = np.asarray(predictions), np.asarray(targets)
        if predictions.shape != targets.shape:
            raise ValueError(
                f"MSE: predictions and targets must have one shape, and have {predictions.shape} and {targets.shape}"
            )
        if not predictions.size:
            raise ValueError("MSE expects at least one prediction, and got none")
        self.difference = predictions - targets
        return float(np.mean(self.difference**2))

    def backward(self) -> np.ndarray:
        """∂L/∂p."""
        after_forward(self, "difference")
        return 2 * self.difference / self.difference.size


def after_forward(loss: object, kept: str) -> None:
    """A sentence, if there was no forward yet."""
    if not hasattr(loss, kept):
        raise RuntimeError(f"{type(loss).__name__}: call forward before backward")


def classes(name: str, predictions: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The targets as class numbers, checked against predictions (N, K)."""
    targets = np.asarray(targets)
    if predictions.ndim != 2 or not len(predictions) or targets.shape != (len(predictions),):
        raise ValueError(
            f"{name} expects predictions of shape (N, K) and N class numbers, N at least 1, and got {predictions.shape} and {targets.shape}"
        )
    if targets.dtype.kind not in "iu":
        raise TypeError(f"{name}: class numbers must be integers, and are {targets.dtype}")
    if targets.size and not 0 <= targets.min() <= targets.max() < predictions.shape[1]:
        raise ValueError(
            f"{name}: class numbers must be from 0 to {predictions.shape[1] - 1}, and go from {targets.min()} to {targets.max()}"
        )
    return targets


class CrossEntropy:
    """L = −mean ln pₙ[tₙ]: the surprise at the right answer, in nats. Takes probabilities.

    The slope, −1/p at the right answer, has no bound: a probability that has been rounded to 0 costs
    infinitely much. That is why it is better taken together with softmax, below.
    """

    def forward(self, predictions: np.ndarray, targets: np.ndarray) -> float:
        """The mean surprise. predictions (N, K), each row summing to 1; targets (N,)."""
        predictions = np.asarray(predictions)
        self.targets = classes("CrossEntropy", predictions, targets)
        if predictions.size and np.abs(predictions.sum(axis=1) - 1).max() > 1e-3:
            raise ValueError(
                "CrossEntropy expects probabilities, rows that sum to 1; for scores use SoftmaxCrossEntropy"
            )
        self.predictions = predictions
        with np.errstate(divide="ignore"):
            return float(-np.mean(np.log(predictions[np.arange(len(targets)), self.targets])))

    def backward(self) -> np.ndarray:
        """∂L/∂p: −1/(N p) at the right answer."""
        after_forward(self, "predictions")
        g = np.zeros_like(self.predictions)
        right = np.arange(len(g)), self.targets
        g[right] = -1 / (len(g) * self.predictions[right])
        return g


class SoftmaxCrossEntropy:
    """L = mean (ln Σⱼ e^xⱼ − x[t]): softmax and cross-entropy in one. Takes scores.

    Put the −1/p of the one into the Jacobian of the other and p cancels:

        ∂L/∂xₙⱼ = (pₙⱼ − [j = tₙ]) / N

    what was said minus what was right. Nothing is divided by p, and nothing overflows.

    >>> round(SoftmaxCrossEntropy().forward(np.zeros((1, 10)), np.array([3])), 4)          # ln 10
    2.3026
    """

    def forward(self, scores: np.ndarray, targets: np.ndarray) -> float:
        """The mean surprise. scores (N, K), any numbers; targets (N,)."""
        scores = np.asarray(scores)
        self.targets = classes("SoftmaxCrossEntropy", scores, targets)
        shifted = scores - scores.max(axis=1, keepdims=True)
        log_sum = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        logs = shifted - log_sum
        self.predictions = np.exp(logs)
        return float(-np.mean(logs[np.arange(len(logs)), self.targets]))

    def backward(self) -> np.ndarray:
        """∂L/∂x = (p − t) / N."""
        after_forward(self, "predictions")
        g = self.predictions.copy()
        g[np.arange(len(g)), self.targets] -= 1
        return g / len(g)
