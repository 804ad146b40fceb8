"""What a training run tells those who listen. A subscriber is any function of one event; the loop
knows nothing of who they are.

    def on_event(event: Event) -> None:
        match event:
            case EpochFinished(): print(event.validation["accuracy"])

A subscriber that remembers something which decides how training goes on (the best value so far,
how much of a log is written) has a `name`, `state_dict` and `load_state_dict`: what it remembers
is then part of the trainer's state, under that name. One with a true `comes_last` is told after
all others: it saves what they remember.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

__all__ = [
    "EpochFinished",
    "Event",
    "LearningStalled",
    "ProgramReady",
    "StepFinished",
    "Subscriber",
    "TrainingFinished",
    "TrainingInterrupted",
    "TrainingStarted",
    "remembering",
]


@dataclass(frozen=True)
class TrainingStarted:
    """Training begins, or goes on: `epoch` epochs and `step` steps of `epochs` and `epochs ×
    steps_per_epoch` are done. `headline` is the metric that tells most.
    """

    epoch: int
    step: int
    epochs: int
    steps_per_epoch: int
    headline: str


@dataclass(frozen=True)
class ProgramReady:
    """How the training step runs: as machine code, made in `seconds` or found in the cache, but for
    the ops `left_to_numpy`; or, if not `native`, eagerly, because llvmlite is not installed.
    """

    seconds: float
    from_cache: bool
    left_to_numpy: tuple[str, ...] = ()
    native: bool = True


@dataclass(frozen=True)
class StepFinished:
    """The weights were updated. `step` and `epoch` count from 1; `loss`, of this step's batches,
    is that before the update.

    Where gradients are clipped, `gradient_norm` is their norm before (of clipping by value: the
    largest element's), and `clipped` says whether they were changed; else None and False.
    """

    step: int
    epoch: int
    loss: float
    learning_rate: float
    gradient_norm: float | None = None
    clipped: bool = False


@dataclass(frozen=True)
class EpochFinished:
    """All training samples were seen once more, and the validation set was evaluated.

    `train` and `validation` map each metric to its value, `loss` first. Those of training are
    means over the epoch's batches as they were trained on: augmented, in training mode, and with
    weights that were still changing. `clipped` counts the steps whose gradients were clipped.
    `seconds` is of the whole epoch, `peak_memory_mb` (10⁶ bytes) of the process so far, None where
    the system does not tell.
    """

    epoch: int
    step: int
    learning_rate: float
    train: dict[str, float]
    validation: dict[str, float]
    clipped: int
    seconds: float
    peak_memory_mb: float | None


@dataclass(frozen=True)
class LearningStalled:
    """The training loss has not fallen in the first epochs: from `first` to `best`. `findings` is what
    `inspect.doctor` says of one of the batches. Training goes on.
    """

    epoch: int
    first: float
    best: float
    findings: str


@dataclass(frozen=True)
class TrainingInterrupted:
    """`Trainer.stop` was called: the step in progress was finished, the rest was not begun."""

    epoch: int
    step: int


@dataclass(frozen=True)
class TrainingFinished:
    """The last epoch is done. `early` says why there will be no more, if there could have been."""

    epochs: int
    step: int
    early: str | None = None


Event = (
    TrainingStarted
    | ProgramReady
    | StepFinished
    | EpochFinished
    | LearningStalled
    | TrainingInterrupted
    | TrainingFinished
)
Subscriber = Callable[[Event], None]


def remembering(subscribers: Iterable[Subscriber]) -> dict[str, Any]:
    """Those that remember something, by their names.

    Raises:
        ValueError: two of the same name, whose states could not be told apart.
    """
    found: dict[str, Any] = {}
    for subscriber in subscribers:
        if hasattr(subscriber, "state_dict"):
            name = subscriber.name  # type: ignore[attr-defined]
            if name in found:
                raise ValueError(f"two subscribers are named {name!r}: give one another name")
            found[name] = subscriber
    return found
