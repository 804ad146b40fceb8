"""What a classifier got right: counts and shares over a whole data set, on NumPy arrays."""

from __future__ import annotations

import numpy as np

from ..base.errors import ShapeError
from ..data.checks import check_labels

__all__ = ["accuracy", "class_accuracy", "confusion_matrix"]


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
    flat = labels.astype(np.int64) * classes + predictions
    return np.bincount(flat, minlength=classes * classes).reshape(classes, classes)


def class_accuracy(confusion: np.ndarray) -> list[float | None]:
    """Of the samples of each class, the share that was recognised (recall); None for a class
    without samples.

    >>> class_accuracy(np.array([[3, 1, 0], [0, 0, 0], [0, 0, 2]]))
    [0.75, None, 1.0]
    """
    shares: list[float | None] = []
    for c, row in enumerate(confusion):
        shares.append(int(row[c]) / int(row.sum()) if row.sum() else None)
    return shares
