"""How far numbers are from the numbers they should be.

Sums are float64. R² needs the variance of all targets; it is merged from the batches' means and
squared deviations, which loses nothing when the mean is large.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...base.errors import ShapeError
from .metric import Metric, same_shape, some

__all__ = ["R2", "MeanAbsoluteError", "RootMeanSquaredError"]


def _differences(metric: Metric, answers: Any, targets: Any) -> np.ndarray:
    call = f"{type(metric).__name__}.update(answers, targets)"
    answers, targets = same_shape(call, answers, targets)
    return answers.astype(np.float64) - targets.astype(np.float64)


class MeanAbsoluteError(Metric):
    """MAE = mean of |answer − target|, over all elements.

    >>> metric = MeanAbsoluteError()
    >>> metric.update(np.array([1.0, 5.0]), np.array([2.0, 2.0]))
    >>> metric.compute()
    2.0
    """

    kept = ("sum", "count")

    def update(self, answers: Any, targets: Any) -> None:
        """Count numbers and targets of the same shape."""
        differences = _differences(self, answers, targets)
        self.sum += float(np.abs(differences).sum())
        self.count += differences.size

    def compute(self) -> float:
        """The mean."""
        return self.sum / some(self.count, self)


class RootMeanSquaredError(Metric):
    """RMSE = √ mean of (answer − target)², over all elements.

    >>> metric = RootMeanSquaredError()
    >>> metric.update(np.array([1.0, 5.0]), np.array([1.0, 5.0]))
    >>> metric.update(np.array([2.0, 3.0]), np.array([4.0, 5.0]))
    >>> metric.compute() == 2 ** 0.5
    True
    """

    kept = ("sum", "count")

    def update(self, answers: Any, targets: Any) -> None:
        """Count numbers and targets of the same shape."""
        differences = _differences(self, answers, targets)
        self.sum += float(np.square(differences).sum())
        self.count += differences.size

    def compute(self) -> float:
        """The root of the mean."""
        return math.sqrt(self.sum / some(self.count, self))


class R2(Metric):
    """The share of the targets' variance that the answers explain,

        R² = 1 − Σ (answer − target)² / Σ (target − mean of targets)²

    1 is perfect, 0 is as good as always answering the mean, below 0 is worse. Of targets (N, D) it
    is the mean of the D columns'. Targets that are all equal give 1 for answers without error, and
    0 for others.

    >>> metric = R2()
    >>> metric.update(np.array([1.0, 2.0]), np.array([1.0, 2.0]))
    >>> metric.update(np.array([2.0]), np.array([3.0]))
    >>> metric.compute()
    0.5
    """

    kept = ("count", "mean", "deviations", "errors")

    def update(self, answers: Any, targets: Any) -> None:
        """Count numbers and targets, both (N,) or (N, D)."""
        differences = _differences(self, answers, targets)
        targets = np.asarray(targets, np.float64)
        if targets.ndim not in (1, 2):
            raise ShapeError(
                f"R2.update(answers, targets) takes (N,) or (N, D), found {targets.shape}"
            )
        n = len(targets)
        if n == 0:
            return
        mean = targets.mean(axis=0)
        step, total = mean - self.mean, self.count + n
        own = np.square(targets - mean).sum(axis=0)
        self.deviations = self.deviations + own + step * step * (self.count * n / total)
        self.mean = self.mean + step * (n / total)
        self.errors = self.errors + np.square(differences).sum(axis=0)
        self.count = total

    def compute(self) -> float:
        """1 − errors ÷ deviations, the mean over columns."""
        some(self.count, self)
        errors, deviations = np.atleast_1d(self.errors), np.atleast_1d(self.deviations)
        constant = np.where(errors > 0, 0.0, 1.0)
        ratio = np.divide(errors, deviations, out=1 - constant, where=deviations > 0)
        return float((1 - ratio).mean())
