"""The metrics of a run as JSONL, which any tool can read while the run goes on.

One JSON object a line, for every epoch, and a last one for the test set:

    {"event": "epoch", "epoch": 1, "step": 20, "train_loss": 2.3, …, "clipped": 3, "seconds": 0.3, …}
    {"event": "test", "loss": 0.05, "accuracy": 0.99}

How many bytes of a log belong to a state is part of that state. A run that goes on from a
checkpoint first cuts off what was written after it, a line torn by a kill included, and so repeats
nothing.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..base.errors import FormatError
from ..files.reading import open_file
from .events import EpochFinished, Event, StepFinished
from .files import append_line, refusals, write_whole

__all__ = ["GrowingFile", "MetricsLog", "flat"]


class GrowingFile:
    """A file that is begun anew, only added to, and cut back to what a checkpoint knows of."""

    def __init__(self, path: Path):
        self.path = path

    def begin(self, content: bytes = b"") -> None:
        """Begin anew, with this content.

        Raises:
            SaveError: the system refused.
        """
        write_whole(self.path, content)

    def size(self) -> int:
        """How many bytes there are, all of them on the disk: a power cut does not take them."""
        with refusals(self.path), open_file(self.path) as f:
            os.fsync(f.fileno())
            return os.fstat(f.fileno()).st_size

    def cut(self, size: int) -> None:
        """Leave the first `size` bytes.

        Raises:
            FormatError: there are fewer.
            SaveError: the system refused.
        """
        found = self.path.stat().st_size if self.path.exists() else 0
        if found < size:
            raise FormatError(
                f"{self.path}: the checkpoint knows of {size} bytes of it, found {found}: "
                "it was changed or removed since"
            )
        with refusals(self.path):
            os.truncate(self.path, size)


class MetricsLog:
    """A subscriber that writes every epoch to a JSONL file.

    Args:
        path: the file; it is begun anew with the first event, unless a state is loaded before.
        every_steps: write every so manieth step as well; None: only epochs.
    """

    name = "log"

    def __init__(self, path: Path, every_steps: int | None = None):
        self.file, self.every_steps = GrowingFile(path), every_steps
        self.begun = False

    def __call__(self, event: Event) -> None:
        self._begin()
        if isinstance(event, EpochFinished):
            append_line(self.file.path, _line("epoch", flat(event)))
        elif isinstance(event, StepFinished) and self._due(event.step):
            append_line(self.file.path, _line("step", asdict(event)))

    def _due(self, step: int) -> bool:
        return self.every_steps is not None and step % self.every_steps == 0

    def test(self, metrics: dict[str, float]) -> None:
        """Write the one line about the test set."""
        self._begin()
        append_line(self.file.path, _line("test", metrics))

    def _begin(self) -> None:
        if not self.begun:
            self.file.begin()
            self.begun = True

    def state_dict(self) -> dict[str, Any]:
        """How many bytes are written."""
        self._begin()
        return {"bytes": self.file.size()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on behind so many bytes."""
        self.file.cut(state["bytes"])
        self.begun = True


def flat(report: EpochFinished) -> dict[str, Any]:
    """The report with the metrics of training and validation as keys of their own.

    >>> flat(EpochFinished(1, 20, 0.1, {"loss": 2.0}, {"loss": 1.5}, 0, 0.3, None))["train_loss"]
    2.0
    """
    values: dict[str, Any] = {}
    for key, value in asdict(report).items():
        if isinstance(value, dict):
            values |= {f"{key}_{name}": v for name, v in value.items()}
        else:
            values[key] = value
    return values


def _line(event: str, values: dict[str, Any]) -> str:
    return json.dumps({"event": event, **values}, allow_nan=False)
