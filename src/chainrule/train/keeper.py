"""Which checkpoints a run keeps: the newest ones, and the best.

    checkpoint-00000640.json   the state after step 640; the newest `keep` of them stay
    best.json                  the state after the best epoch so far

A file once written is never changed: a checkpoint of another step has another name, and the old one
goes only when the new one is on the disk.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .checkpoint import save_checkpoint
from .events import EpochFinished, Event, StepFinished
from .files import SaveError
from .goal import Goal

if TYPE_CHECKING:
    from .loop import Trainer

__all__ = ["BEST", "Checkpoints", "newest_checkpoint"]

BEST = "best.json"
_JSON = re.compile(r"checkpoint-(\d{8,})\.json")
_OURS = re.compile(
    r"(checkpoint-\d{8,})-[0-9a-f]{16}\.safetensors"
    r"|\.(checkpoint-\d{8,})(-[0-9a-f]{16}\.safetensors|\.json)\.\d+\.tmp"
)


def newest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint of the latest step in a folder, or None.

    >>> import tempfile
    >>> newest_checkpoint(Path(tempfile.mkdtemp())) is None
    True
    """
    found = _numbered(folder)
    return found[max(found)] if found else None


def _numbered(folder: Path) -> dict[int, Path]:
    matches = [(_JSON.fullmatch(file.name), file) for file in folder.iterdir()]
    return {int(match[1]): file for match, file in matches if match}


class Checkpoints:
    """A subscriber that saves the trainer's state.

    Args:
        trainer: whose state is saved.
        folder: where; it must exist.
        every_epochs: after every so many epochs; None: not by epochs.
        every_steps: after every so many steps; None: not by steps.
        keep: how many of the newest stay, at least 1.
        goal: keep the state of the best epoch as well, as `best.json`.

    Raises (while training):
        SaveError: the system refused; what was saved before is untouched.
    """

    name = "checkpoints"
    comes_last = True  # what the others remember of an event belongs to the state after it

    def __init__(
        self,
        trainer: Trainer,
        folder: Path,
        *,
        every_epochs: int | None = 1,
        every_steps: int | None = None,
        keep: int = 1,
        goal: Goal | None = None,
    ):
        for name, number in (
            ("every_epochs", every_epochs), ("every_steps", every_steps), ("keep", keep),
        ):  # fmt: skip
            if number is not None and number < 1:
                raise ValueError(f"Checkpoints({name}): expected at least 1, found {number}")
        self.trainer, self.folder, self.keep, self.goal = trainer, folder, keep, goal
        self.every_epochs, self.every_steps = every_epochs, every_steps
        self.best: float | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepFinished) and self._due(event.step, self.every_steps):
            self.save()
        if isinstance(event, EpochFinished):
            if self.goal is not None:
                value = self.goal.value(event)
                if self.goal.better(value, self.best):
                    self.best = value
                    self._save(self.folder / BEST)
            if self._due(event.epoch, self.every_epochs):
                self.save()

    @staticmethod
    def _due(number: int, every: int | None) -> bool:
        return every is not None and number % every == 0

    def save(self) -> Path:
        """Save the state now; returns the checkpoint's path.

        Raises:
            SaveError: the system refused; it says which checkpoint there still is.
        """
        path = self.folder / f"checkpoint-{self.trainer.step:08d}.json"
        self._save(path)
        self._remove_old()
        return path

    def _save(self, path: Path) -> None:
        try:
            save_checkpoint(path, self.trainer.state_dict())
        except SaveError as e:
            before = newest_checkpoint(self.folder)
            kept = f"{before.name} is untouched" if before else "there is no earlier one"
            reason = e.strerror.partition(";")[0]
            raise SaveError(e.errno, f"{reason}; {kept}", str(path)) from e

    def _remove_old(self) -> None:
        """Remove what is older than the newest `keep`, and what killed runs left behind."""
        found = _numbered(self.folder)
        for step in sorted(found)[: -self.keep]:
            _remove(found.pop(step))  # first, so that no JSON is without its tensors
        stems = {path.stem for path in found.values()}
        for file in self.folder.iterdir():
            match = _OURS.fullmatch(file.name)
            if match and (match[2] or match[1] not in stems):
                _remove(file)

    def state_dict(self) -> dict[str, Any]:
        """The best value so far."""
        return {"best": self.best}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken."""
        self.best = state["best"]


def _remove(file: Path) -> None:
    with contextlib.suppress(OSError):  # the new one is safe; a file too many harms nobody
        file.unlink()
