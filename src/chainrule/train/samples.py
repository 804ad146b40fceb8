"""What a model makes after each epoch, in one file: how it learns, to be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .events import EpochFinished, Event
from .files import append_bytes
from .log import GrowingFile

__all__ = ["SAMPLES", "Samples"]

SAMPLES = "samples.md"


class Samples:
    """A subscriber that writes a sample after every epoch, under a heading that says how far training was.

    Args:
        folder: where `samples.md` lies; it is begun anew with the first event, unless a state is loaded before.
        make: makes the sample. It must leave the model and the default generator as they were: looking changes nothing.
    """

    name = "samples"

    def __init__(self, folder: Path, make: Callable[[], str]):
        self.file, self.make = GrowingFile(folder / SAMPLES), make
        self.begun = False

    def __call__(self, event: Event) -> None:
        self._begin()
        if isinstance(event, EpochFinished):
            head = f"## Epoch {event.epoch}, step {event.step}: validation loss {event.validation['loss']:.4f}"
            append_bytes(self.file.path, f"{head}\n\n{fenced(self.make())}\n\n".encode())

    def _begin(self) -> None:
        if not self.begun:
            self.file.begin(b"# Samples, one after each epoch\n\n")
            self.begun = True

    def state_dict(self) -> dict[str, Any]:
        """How many bytes are written."""
        self._begin()
        return {"bytes": self.file.size()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on behind so many bytes."""
        self.file.cut(state["bytes"])
        self.begun = True


def fenced(text: str) -> str:
    """Text as Markdown shows it unread: between fences longer than any in it.

    >>> print(fenced("To be"))
    ```
    To be
    ```
    """
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text}\n{fence}"
