"""What a training run tells those who listen. A subscriber is any function of one event; the loop
knows nothing of who they are.

    def on_event(event: Event) -> None:
        match event:
            case EpochFinished(): print(event.validation_accuracy)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = [
    "EpochFinished",
    "Event",
    "ProgramReady",
    "StepFinished",
    "Subscriber",
    "TrainingFinished",
    "TrainingInterrupted",
    "TrainingStarted",
]


@dataclass(frozen=True)
class TrainingStarted:
    """Training begins, or goes on: `epoch` epochs and `step` steps of `epochs` and `epochs ×
    steps_per_epoch` are done.
    """

    epoch: int
    step: int
    epochs: int
    steps_per_epoch: int


@dataclass(frozen=True)
class ProgramReady:
    """The training step runs as machine code: made in `seconds`, or found in the cache."""

    seconds: float
    from_cache: bool


@dataclass(frozen=True)
class StepFinished:
    """The weights were updated. `step` and `epoch` count from 1; `loss` in nats, of this batch,
    before the update.
    """

    step: int
    epoch: int
    loss: float
    learning_rate: float


@dataclass(frozen=True)
class EpochFinished:
    """All training samples were seen once more, and the validation set was evaluated.

    `train_loss` (nats) and `train_accuracy` (0 to 1) are means over the epoch's batches as they
    were trained on: augmented, in training mode, and with weights that were still changing.
    `seconds` is of the whole epoch, `peak_memory_mb` (10⁶ bytes) of the process so far, None where
    the system does not tell.
    """

    epoch: int
    step: int
    learning_rate: float
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float
    peak_memory_mb: float | None


@dataclass(frozen=True)
class TrainingInterrupted:
    """`Trainer.stop` was called: the step in progress was finished, the rest was not begun."""

    epoch: int
    step: int


@dataclass(frozen=True)
class TrainingFinished:
    """The last epoch is done."""

    epochs: int
    step: int


Event = (
    TrainingStarted
    | ProgramReady
    | StepFinished
    | EpochFinished
    | TrainingInterrupted
    | TrainingFinished
)
Subscriber = Callable[[Event], None]
