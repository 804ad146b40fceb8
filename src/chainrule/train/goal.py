"""What "better" means, and when to give up waiting for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..base.errors import ChainruleError
from .events import EpochFinished, Event

if TYPE_CHECKING:
    from .loop import Trainer

__all__ = ["EarlyStopping", "Goal", "MetricError"]


class MetricError(ChainruleError, KeyError):
    """A metric that the task does not have."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would print it in quotes


@dataclass(frozen=True)
class Goal:
    """A metric of the validation set, and whether it is to be small or large.

    Attributes:
        metric: its name, for instance "loss" or "accuracy".
        mode: "min" or "max".
        min_delta: a value counts as better only if it is better by more than this.
    """

    metric: str = "loss"
    mode: str = "min"
    min_delta: float = 0.0

    def __post_init__(self) -> None:
        if self.mode not in ("min", "max"):
            raise ValueError(f"Goal(mode): expected 'min' or 'max', found {self.mode!r}")
        if self.min_delta < 0:
            raise ValueError(f"Goal(min_delta): expected at least 0, found {self.min_delta}")

    def value(self, report: EpochFinished) -> float:
        """The metric in a report.

        Raises:
            MetricError: it is not there; those that are, are listed.
        """
        if self.metric not in report.validation:
            known = ", ".join(report.validation)
            raise MetricError(f"there is no metric {self.metric!r}; the task has {known}")
        return report.validation[self.metric]

    def better(self, value: float, than: float | None) -> bool:
        """Whether a value is better than another by more than `min_delta`; anything that is a
        number is better than None.

        >>> Goal("loss", min_delta=0.1).better(0.85, than=1.0), Goal("accuracy", "max").better(0.5, 0.5)
        (True, False)
        """
        if math.isnan(value):
            return False
        if than is None:
            return True
        gain = than - value if self.mode == "min" else value - than
        return gain > self.min_delta


class EarlyStopping:
    """A subscriber that ends training when the goal has not come nearer for `patience` epochs.

    Args:
        trainer: whose training to end.
        goal: what is watched.
        patience: how many epochs in a row may bring nothing better, at least 1.

    Attributes:
        best: the best value so far, None before the first epoch.
        epoch: the epoch that had it.
    """

    name = "early_stopping"

    def __init__(self, trainer: Trainer, goal: Goal, patience: int):
        if patience < 1:
            raise ValueError(f"EarlyStopping(patience): expected at least 1, found {patience}")
        self.trainer, self.goal, self.patience = trainer, goal, patience
        self.best: float | None = None
        self.epoch = 0

    def __call__(self, event: Event) -> None:
        if not isinstance(event, EpochFinished):
            return
        value = self.goal.value(event)
        if self.goal.better(value, self.best):
            self.best, self.epoch = value, event.epoch
        elif event.epoch - self.epoch >= self.patience:
            self.trainer.finish(
                f"validation {self.goal.metric} has not improved for {self.patience} epochs; "
                f"the best was epoch {self.epoch}"
            )

    def state_dict(self) -> dict[str, Any]:
        """The best value and its epoch."""
        return {"best": self.best, "epoch": self.epoch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on waiting where `state_dict` was taken."""
        self.best, self.epoch = state["best"], state["epoch"]
