"""How often what belongs together is found."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...base.errors import ShapeError
from ...data.checks import check_labels
from .classification import ranks
from .metric import Metric, some

__all__ = ["RecallAtK"]


class RecallAtK(Metric):
    """R@k: the share of queries whose match is among the k candidates that are most like it.

    `update(similarities, matches)`: a row of similarities to M candidates for each of N queries
    (higher is more alike), and the index (N,) of each query's match. Of equal similarities the
    first counts as higher.

    Args:
        k: how many candidates are looked at, at least 1.

    >>> metric = RecallAtK(1)
    >>> metric.update(np.array([[0.9, 0.1], [0.8, 0.7]]), np.array([0, 1]))
    >>> metric.compute()
    0.5
    """

    kept = ("found", "total")

    def __init__(self, k: int):
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise ValueError(f"RecallAtK(k): k must be an integer of at least 1, found {k!r}")
        self.k = k
        super().__init__()

    def update(self, answers: Any, targets: Any) -> None:
        """Count similarities (N, M) and matches (N,)."""
        similarities, matches = np.asarray(answers), np.asarray(targets)
        if similarities.ndim != 2 or similarities.shape[1] == 0:
            raise ShapeError(
                f"RecallAtK.update(similarities, matches) takes similarities (N, M), "
                f"found {similarities.shape}"
            )
        check_labels("matches", matches, len(similarities), similarities.shape[1])
        self.found += int((ranks(similarities, matches) < self.k).sum())
        self.total += len(matches)

    def compute(self) -> float:
        """Found ÷ all."""
        return self.found / some(self.total, self)
