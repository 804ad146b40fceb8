"""A run that does not learn is told so, early, with what the doctor finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..base.errors import ChainruleError
from ..inspect import Report, doctor
from ..tensors import Tensor
from .events import EpochFinished, LearningStalled

if TYPE_CHECKING:
    from .loop import Trainer

__all__ = ["examined", "stalled"]

EPOCHS, LITTLE = 3, 0.01
"""After how many epochs it is looked at, and by which share the loss must have fallen until then."""


def stalled(history: Sequence[EpochFinished]) -> bool:
    """Whether the training loss has not fallen in the first epochs; true once in a run.

    >>> said = [EpochFinished(k, 9 * k, 0.1, {"loss": 2.3}, {}, 0, 1.0, None) for k in (1, 2, 3)]
    >>> stalled(said[:2]), stalled(said)
    (False, True)
    """
    if len(history) != EPOCHS:
        return False
    first, *later = [report.train["loss"] for report in history]
    return min(later) > first - LITTLE * abs(first)


def examined(trainer: Trainer, batch: Any) -> LearningStalled:
    """What there is to tell of a run that has stalled: the doctor looks at one of its batches."""
    losses = [report.train["loss"] for report in trainer.history]
    return LearningStalled(trainer.epoch, losses[0], min(losses[1:]), str(_report(trainer, batch)))


def _report(trainer: Trainer, batch: Any) -> Report:
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        return Report([])  # a task of its own, whose batches only it knows
    inputs, targets = batch
    task = trainer.task

    def loss(output: Any, wanted: Any) -> Tensor:
        total, _ = task.loss(lambda *given: output, (inputs, wanted))
        return total / task.count((inputs, wanted))

    try:
        return doctor(trainer.model, loss, (inputs, targets), trainer.optimizer, steps=20)
    except (ChainruleError, TypeError, ValueError, LookupError, AttributeError):
        # A task that calls its model in a way of its own. That the run goes on is worth more than what could be said of it.
        return Report([])
