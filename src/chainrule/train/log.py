"""The metrics of a run as JSONL, which any tool can read while the run goes on.

One JSON object a line, for every epoch, and a last one for the test set:

    {"event": "epoch", "epoch": 1, "step": 20, "train_loss": 2.3, …, "seconds": 0.3, …}
    {"event": "test", "loss": 0.05, "accuracy": 0.99}
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .events import EpochFinished, Event
from .files import append_line, write_whole

__all__ = ["MetricsLog"]


class MetricsLog:
    """A subscriber that writes every epoch to a JSONL file.

    Args:
        path: the file; it is begun anew.
        history: epochs that were done before, written first.
    """

    def __init__(self, path: Path, history: Iterable[EpochFinished] = ()):
        self.path = path
        lines = [_line("epoch", asdict(report)) + "\n" for report in history]
        write_whole(path, "".join(lines).encode())

    def __call__(self, event: Event) -> None:
        if isinstance(event, EpochFinished):
            append_line(self.path, _line("epoch", asdict(event)))

    def test(self, loss: float, accuracy: float) -> None:
        """Write the one line about the test set."""
        append_line(self.path, _line("test", {"loss": loss, "accuracy": accuracy}))


def _line(event: str, values: dict[str, Any]) -> str:
    return json.dumps({"event": event, **values}, allow_nan=False)
