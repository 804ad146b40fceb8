"""How a run shows that it moves: a bar on a terminal, a line now and then elsewhere, nothing when
only JSON is wanted.

The bar is drawn on stderr, so that stdout holds results only. rich is imported when there is a
terminal to draw on.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from ..train.events import (
    EpochFinished,
    Event,
    LearningStalled,
    ProgramReady,
    StepFinished,
    Subscriber,
    TrainingFinished,
    TrainingStarted,
)
from ..train.metrics import shown

__all__ = ["show"]


@contextlib.contextmanager
def show(quiet: bool) -> Iterator[Subscriber]:
    """A subscriber for the time of a run. `quiet`: print no lines (a bar on a terminal is drawn all
    the same).
    """
    if sys.stderr.isatty():
        with _bar() as subscriber:
            yield subscriber
    elif quiet:
        yield lambda event: None
    else:
        yield _Lines()


class _Lines:
    """Prints about ten of the epochs, the first and the last among them."""

    def __init__(self) -> None:
        self.epochs, self.headline = 0, "loss"

    def __call__(self, event: Event) -> None:
        if isinstance(event, TrainingStarted):
            self.epochs, self.headline = event.epochs, event.headline
        if isinstance(event, ProgramReady):
            print(_said(event), flush=True)
        if isinstance(event, EpochFinished) and self._shown(event.epoch):
            validation = shown(self.headline, event.validation[self.headline])
            clipped = f"   {event.clipped} steps clipped" if event.clipped else ""
            print(
                f"epoch {event.epoch:>{len(str(self.epochs))}}/{self.epochs}   "
                f"loss {event.train['loss']:.4f}   validation {validation}   "
                f"{event.seconds:.2f} s{clipped}",
                flush=True,
            )
        if isinstance(event, LearningStalled):
            print(_warning(event), flush=True)
        if isinstance(event, TrainingFinished) and event.early:
            print(f"ended after epoch {event.epochs}: {event.early}", flush=True)

    def _shown(self, epoch: int) -> bool:
        return epoch in (1, self.epochs) or epoch % max(1, self.epochs // 10) == 0


def _said(event: ProgramReady) -> str:
    if not event.native:
        return "training step runs eagerly: llvmlite is not installed (pip install llvmlite)"
    how = "from cache in" if event.from_cache else "compiled in"
    left = ", ".join(event.left_to_numpy)
    return f"training step {how} {event.seconds:.1f} s" + f", but for {left}: NumPy" * bool(left)


def _warning(event: LearningStalled) -> str:
    return (
        f"the training loss has not fallen in {event.epoch} epochs: from {event.first:.4f} to {event.best:.4f}. "
        f"inspect.doctor says of a batch:\n{event.findings}"
    )


@contextlib.contextmanager
def _bar() -> Iterator[Subscriber]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    progress = Progress(
        TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
        BarColumn(bar_width=None),
        TextColumn("loss {task.fields[loss]}"),
        TextColumn("validation [bold]{task.fields[validation]}[/]"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    task = progress.add_task("train", total=None, epoch=0, epochs=0, loss="–", validation="–")
    headline = "loss"

    def on_event(event: Event) -> None:
        nonlocal headline
        match event:
            case TrainingStarted():
                headline = event.headline
                total = event.epochs * event.steps_per_epoch
                progress.update(
                    task, total=total, completed=event.step, epoch=event.epoch, epochs=event.epochs
                )
            case ProgramReady():
                progress.console.print(_said(event))
            case StepFinished():
                progress.update(
                    task, completed=event.step, epoch=event.epoch, loss=f"{event.loss:.3f}"
                )
            case EpochFinished():
                progress.update(task, validation=shown(headline, event.validation[headline]))
            case LearningStalled():
                progress.console.print(_warning(event), markup=False)
            case TrainingFinished(early=str(reason)):
                progress.console.print(f"ended after epoch {event.epochs}: {reason}")

    with progress:
        yield on_event
