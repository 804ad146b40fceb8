"""What a classifier got right: counts and shares.

C classes, N samples; P, R, F of one class c:

P = right answers c / answers c        R = right answers c / labels c        F = 2 P R / (P + R)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...base.errors import ShapeError
from ...data.checks import check_dtype, check_labels
from .metric import Metric, same_shape, some

__all__ = [
    "Accuracy",
    "Confusion",
    "PrecisionRecallF1",
    "TopKAccuracy",
    "accuracy",
    "class_accuracy",
    "confusion_matrix",
    "share_interval",
]

AVERAGES = ("macro", "micro", "weighted", None)


class Accuracy(Metric):
    """The share of predictions that equal their label, 0 to 1.

    `update(predictions, labels)`: integers of the same shape, or scores (N, C, …) of which the
    largest is the prediction (the first of several).

    >>> metric = Accuracy()
    >>> metric.update(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
    >>> metric.compute()
    0.5
    """

    kept = ("right", "total")

    def update(self, answers: Any, targets: Any) -> None:
        """Count N predictions, or scores, and N labels."""
        answers, targets = np.asarray(answers), np.asarray(targets)
        if answers.ndim == targets.ndim + 1:
            answers = answers.argmax(axis=1)
        answers, targets = same_shape("Accuracy.update(predictions, labels)", answers, targets)
        self.right += int((answers == targets).sum())
        self.total += targets.size

    def compute(self) -> float:
        """Right ÷ all."""
        return self.right / some(self.total, self)


class TopKAccuracy(Metric):
    """The share of samples whose label is among the k classes with the highest scores.

    Of classes with equal scores the first counts as higher, so k = 1 is `Accuracy`.

    Args:
        k: how many answers are allowed, at least 1.

    >>> metric = TopKAccuracy(2)
    >>> metric.update(np.array([[0.1, 0.5, 0.4], [0.1, 0.5, 0.4]]), np.array([2, 0]))
    >>> metric.compute()
    0.5
    """

    kept = ("right", "total")

    def __init__(self, k: int):
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise ValueError(f"TopKAccuracy(k): k must be an integer of at least 1, found {k!r}")
        self.k = k
        super().__init__()

    def update(self, answers: Any, targets: Any) -> None:
        """Count scores (N, C) and labels (N,)."""
        scores, labels = np.asarray(answers), np.asarray(targets)
        if scores.ndim != 2 or labels.shape != scores.shape[:1]:
            raise ShapeError(
                "TopKAccuracy.update(scores, labels) takes scores (N, C) and labels (N,)\n"
                f"  scores  {scores.shape}\n  labels  {labels.shape}"
            )
        self.right += int((ranks(scores, labels) < self.k).sum())
        self.total += len(labels)

    def compute(self) -> float:
        """Right ÷ all."""
        return self.right / some(self.total, self)


def ranks(scores: np.ndarray, places: np.ndarray) -> np.ndarray:
    """How many scores of each row (N, M) stand before the one at `places` (N,): those that are
    higher, and of equal ones those further left. NaN stands behind everything.
    """
    places = places.astype(np.int64)
    own = np.take_along_axis(scores, places[:, None], axis=1)  # (N, 1)
    before = np.arange(scores.shape[1]) < places[:, None]
    ahead = (scores > own) | ((scores == own) & before)
    ahead |= np.isnan(own) & (~np.isnan(scores) | before)
    return ahead.sum(axis=1)


class Confusion(Metric):
    """How often each class was taken for each other: counts (C, C), row the label, column the
    prediction.

    `update(predictions, labels)`: integers (N,), or scores (N, C) of which the largest is the
    prediction.

    Args:
        classes: C.

    >>> metric = Confusion(2)
    >>> metric.update(np.array([0, 1, 1]), np.array([0, 1, 0]))
    >>> metric.compute().tolist()
    [[1, 1], [0, 1]]
    """

    kept = ("counts",)

    def __init__(self, classes: int):
        self.classes = classes
        super().__init__()

    def reset(self) -> None:
        """Forget every sample."""
        self.counts = np.zeros((self.classes, self.classes), np.int64)

    def update(self, answers: Any, targets: Any) -> None:
        """Count N predictions, or scores, and N labels."""
        answers, targets = np.asarray(answers), np.asarray(targets)
        if answers.ndim == 2:
            answers = answers.argmax(axis=1)
        if targets.size:
            self.counts += confusion_matrix(answers, targets, self.classes)

    def compute(self) -> np.ndarray:
        """The counts, int64 (C, C)."""
        return self.counts.copy()


class PrecisionRecallF1(Confusion):
    """Precision, recall and F1 of each class, or one average of each.

    Where a class was never answered its precision is 0 ÷ 0, and where it has no samples its recall
    is; such a share counts as `zero_division`.

    Args:
        classes: C.
        average: "macro", the mean over classes; "micro", of all answers together; "weighted", the
            mean weighted by the classes' samples; None, per class.
        zero_division: what 0 ÷ 0 is.

    Source: Manning, Raghavan & Schütze 2008, Introduction to Information Retrieval, section 8.3.

    >>> metric = PrecisionRecallF1(2, average=None)
    >>> metric.update(np.array([0, 1, 1]), np.array([0, 1, 0]))
    >>> {name: value.tolist() for name, value in metric.compute().items()}["precision"]
    [1.0, 0.5]
    """

    def __init__(self, classes: int, average: str | None = "macro", zero_division: float = 0.0):
        if average not in AVERAGES:
            raise ValueError(
                f"PrecisionRecallF1(average): expected one of {AVERAGES}, found {average!r}"
            )
        self.average, self.zero_division = average, zero_division
        super().__init__(classes)

    def compute(self) -> dict[str, Any]:  # type: ignore[override]
        """`precision`, `recall` and `f1`: floats, or float64 arrays (C,) per class."""
        right, answered, labelled = (
            np.diag(self.counts),
            self.counts.sum(axis=0),
            self.counts.sum(axis=1),
        )
        some(int(labelled.sum()), self)
        if self.average == "micro":
            right, answered, labelled = right.sum(), answered.sum(), labelled.sum()
        shares = {
            "precision": self._ratio(right, answered),
            "recall": self._ratio(right, labelled),
            # 2 P R / (P + R) in counts, which is also defined where P or R alone is not
            "f1": self._ratio(2 * right, answered + labelled),
        }
        if self.average is None:
            return shares
        weights = labelled if self.average == "weighted" else None
        return {name: float(np.average(share, weights=weights)) for name, share in shares.items()}

    def _ratio(self, above: np.ndarray, below: np.ndarray) -> np.ndarray:
        above, below = np.asarray(above, np.float64), np.asarray(below, np.float64)
        out = np.full(above.shape, float(self.zero_division))
        return np.divide(above, below, out=out, where=below > 0)


# ------------------------------------------------------------------------------- of whole data sets


def accuracy(predictions: np.ndarray, labels: np.ndarray) -> float:
    """The share of predictions that equal their label, 0 to 1.

    Args:
        predictions, labels: integers, shape (N,), N ≥ 1.

    Raises:
        ShapeError: shapes that differ (nothing is broadcast), or no predictions.

    >>> accuracy(np.array([3, 1, 4, 1]), np.array([3, 1, 4, 5]))
    0.75
    """
    predictions, labels = np.asarray(predictions), np.asarray(labels)
    if predictions.shape != labels.shape or predictions.ndim != 1 or predictions.size == 0:
        raise ShapeError(
            "accuracy(predictions, labels) takes two arrays of the same shape (N,) with N at "
            "least 1\n"
            f"  predictions  {predictions.shape}\n  labels       {labels.shape}"
        )
    return int((predictions == labels).sum()) / len(labels)


def share_interval(share: float, count: int, z: float = 1.96) -> tuple[float, float]:
    """Between which shares the true one may well lie, if `share` of `count` independent samples were
    right: Wilson's interval, which stays within 0 and 1 and has a width at 0 and 1 too.

        (p + z²/2N ± z √(p (1 − p)/N + z²/4N²)) / (1 + z²/N)

    Args:
        share: p, from 0 to 1.
        count: N.
        z: how sure; 1.96 for 95 %.

    Raises:
        ValueError: no samples, or a share outside of 0 to 1.

    Source: Wilson 1927.

    >>> [f"{bound:.3f}" for bound in share_interval(358 / 360, 360)]
    ['0.980', '0.998']
    """
    if count < 1 or not 0 <= share <= 1:
        raise ValueError(
            f"share_interval: expected a share from 0 to 1 of at least one sample, found {share} of {count}"
        )
    square = z * z / count
    middle = (share + square / 2) / (1 + square)
    half = z * math.sqrt(share * (1 - share) / count + square / (4 * count)) / (1 + square)
    return max(0.0, middle - half), min(1.0, middle + half)


def confusion_matrix(predictions: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Counts, int64 (classes, classes): row the label, column the prediction.

    Raises:
        ShapeError, DTypeError, FormatError: not N integers below `classes` each.

    >>> confusion_matrix(np.array([0, 1, 1]), np.array([0, 1, 0]), classes=2).tolist()
    [[1, 1], [0, 1]]
    """
    predictions, labels = np.asarray(predictions), np.asarray(labels)
    check_labels("labels", labels, labels.size, classes)
    check_labels("predictions", predictions, len(labels), classes)
    flat = labels.astype(np.int64) * classes + predictions.astype(np.int64)
    return np.bincount(flat, minlength=classes * classes).reshape(classes, classes)


def class_accuracy(confusion: np.ndarray) -> list[float | None]:
    """Of the samples of each class, the share that was recognised (recall); None for a class
    without samples.

    >>> class_accuracy(np.array([[3, 1, 0], [0, 0, 0], [0, 0, 2]]))
    [0.75, None, 1.0]
    """
    check_dtype("confusion", confusion, "iu")
    shares: list[float | None] = []
    for c, row in enumerate(confusion):
        shares.append(int(row[c]) / int(row.sum()) if row.sum() else None)
    return shares
