"""What all metrics are, and how their values are printed."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...base.errors import ChainruleError, ShapeError, StateDictError

__all__ = ["SHARES", "Metric", "NoSamplesError", "shown"]

SHARES = ("accuracy", "top", "precision", "recall", "f1", "R@")
"""How the names of those metrics begin that run from 0 to 1."""


class NoSamplesError(ChainruleError, ValueError):
    """A metric was computed before it had seen a sample: there is no mean of nothing."""


class Metric:
    """A measure over a whole data set, fed batch by batch.

    A subclass names its counts and sums in `kept` (they begin at what `reset` gives them), adds to
    them in `update`, and computes from them in `compute`.

    >>> class ShareOfZeros(Metric):
    ...     kept = ("zeros", "total")
    ...     def update(self, answers, targets):
    ...         self.zeros += (answers == 0).sum().item()
    ...         self.total += answers.size
    ...     def compute(self):
    ...         return self.zeros / self.total
    >>> metric = ShareOfZeros()
    >>> metric.update(np.array([0, 1, 0]), None)
    >>> metric.update(np.array([0]), None)
    >>> metric.compute()
    0.75
    """

    kept: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget every sample."""
        for name in self.kept:
            setattr(self, name, 0)

    def update(self, answers: Any, targets: Any) -> None:
        """Count one batch: what the model answered, and what was right."""
        raise NotImplementedError(f"{type(self).__name__} must define update")

    def compute(self) -> Any:
        """The measure of all samples so far."""
        raise NotImplementedError(f"{type(self).__name__} must define compute")

    def state_dict(self) -> dict[str, Any]:
        """The counts and sums so far: numbers and arrays, copied."""
        return {name: _own(getattr(self, name)) for name in self.kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`.

        Raises:
            StateDictError: the state of another metric.
        """
        if set(state) != set(self.kept):
            raise StateDictError(
                f"the state of {type(self).__name__}: expected {sorted(self.kept)}, "
                f"found {sorted(state)}"
            )
        for name, value in state.items():
            setattr(self, name, _own(value))


def _own(value: Any) -> Any:
    """A copy of an array; of a NumPy number the Python number."""
    if isinstance(value, np.generic):
        return value.item()
    return value.copy() if isinstance(value, np.ndarray) else value


def same_shape(call: str, answers: Any, targets: Any) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays; an error unless their shapes are equal, for nothing is broadcast."""
    answers, targets = np.asarray(answers), np.asarray(targets)
    if answers.shape != targets.shape:
        raise ShapeError(
            f"{call} takes two arrays of the same shape\n"
            f"  answers  {answers.shape}\n  targets  {targets.shape}"
        )
    return answers, targets


def some(count: float, metric: Metric) -> float:
    """The count, which must not be zero."""
    if not count:
        raise NoSamplesError(f"{type(metric).__name__}.compute(): no samples were counted yet")
    return count


def shown(name: str, value: float) -> str:
    """A value as people read it: shares in per cent, everything else in four digits.

    >>> shown("accuracy", 0.98765), shown("loss", 0.98765)
    ('98.8 %', '0.9877')
    """
    return f"{100 * value:.1f} %" if name.startswith(SHARES) else f"{value:.4f}"
