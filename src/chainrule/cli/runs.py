"""List past runs: recipe, date, seed, metrics, and whether they are finished."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from ..train.metrics import shown
from ..train.runs import PastRun, past_runs
from .tables import print_table

__all__ = ["add_arguments", "run"]

DEFAULT = Path("runs")
HOW = " yet: chainrule train digits makes the first"
HEAD = ("run", "recipe", "date", "seed", "epochs", "validation", "test", "status")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `chainrule runs`."""
    parser.add_argument(
        "folder", nargs="?", type=Path, default=DEFAULT, metavar="DIR",
        help="the folder that holds the runs' folders (default: runs)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")


def run(arguments: argparse.Namespace) -> int:
    """Run `chainrule runs`."""
    nothing_yet = arguments.folder == DEFAULT and not arguments.folder.exists()
    found = [] if nothing_yet else past_runs(arguments.folder)
    if arguments.json:
        print(json.dumps({"runs": [asdict(past) for past in found]}))
    elif not found:
        print(f"no runs in {arguments.folder}" + HOW * nothing_yet)
    else:
        colours = {"finished": "green", "unfinished": "yellow"}
        print_table(HEAD, [_row(past) for past in found], colours)
    return 0


def _row(past: PastRun) -> tuple[str, ...]:
    epochs = f"{past.epoch}/{past.epochs}"
    validation, test = (_metric(past.headline, m) for m in (past.validation, past.test))
    date = past.started.replace("T", " ")[:16]
    return past.run, past.recipe, date, str(past.seed), epochs, validation, test, past.status


def _metric(headline: str, metrics: dict[str, float]) -> str:
    return f"{headline} {shown(headline, metrics[headline])}" if headline in metrics else "–"
