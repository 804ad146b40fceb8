"""What past runs say of themselves, read from their folders."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base.errors import FormatError
from ..files.json_objects import read_bytes
from .run import CARD

__all__ = ["PastRun", "past_runs"]

LARGEST = 1e300  # a metric that is larger, or NaN, was not written by us


@dataclass(frozen=True)
class PastRun:
    """A run's folder, in short.

    Attributes:
        run: the folder.
        recipe, seed: what was trained.
        started: date and time (UTC), ISO 8601; empty if unknown.
        status: "finished"; "unfinished" (interrupted, killed, or still running); or "damaged".
        epoch, epochs: how many are done, of how many.
        headline: the metric that tells most.
        validation, test: metrics by name, of the last epoch and of the test set; empty where there
            are none yet.
    """

    run: str
    recipe: str
    seed: int | None
    started: str
    status: str
    epoch: int
    epochs: int | None
    headline: str
    validation: dict[str, float]
    test: dict[str, float]


def past_runs(folder: Path) -> list[PastRun]:
    """The runs whose folders lie in `folder`, or `folder` itself if it is one, the oldest first.

    Raises:
        FormatError: there is no such folder.

    >>> import tempfile
    >>> past_runs(Path(tempfile.mkdtemp()))
    []
    """
    if not folder.is_dir():
        raise FormatError(f"{folder}: expected a folder with runs in it, found none")
    candidates = [folder, *folder.iterdir()]
    found = [_read(path) for path in candidates if (path / "config.json").is_file()]
    return sorted(found, key=lambda past: (past.started, past.run))


def _read(folder: Path) -> PastRun:
    try:
        about = json.loads(read_bytes(folder / "config.json"))
        config = about["config"]
        recipe, seed, epochs = str(about["recipe"]), int(config["seed"]), int(config["epochs"])
        started, headline = str(about.get("started", "")), str(about.get("headline", "loss"))
        lines = _lines(folder / "metrics.jsonl")
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return PastRun(str(folder), "", None, "", "damaged", 0, None, "loss", {}, {})
    epoch, validation, test = 0, {}, {}
    for line in lines:
        if line.get("event") == "epoch" and type(line.get("epoch")) is int:
            epoch, prefix = line["epoch"], "validation_"
            validation = _numbers({
                k[len(prefix) :]: v for k, v in line.items() if k.startswith(prefix)
            })  # fmt: skip
        elif line.get("event") == "test":
            test = _numbers(line)
    status = "finished" if (folder / CARD).exists() else "unfinished"
    return PastRun(
        str(folder), recipe, seed, started, status, epoch, epochs, headline, validation, test
    )


def _numbers(found: dict[str, Any]) -> dict[str, float]:
    """What of an object are finite numbers: its metrics."""
    return {k: float(v) for k, v in found.items() if type(v) in (int, float) and abs(v) < LARGEST}


def _lines(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a log; a last line that is not whole yet, or was torn, is left out."""
    if not path.is_file():
        return []
    objects = []
    for line in read_bytes(path).decode("utf-8", "replace").splitlines():
        if not line.lstrip().startswith("{"):
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            objects.append(found)
    return objects
