"""List past runs: recipe, date, seed, metrics, and whether they are finished."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ..train.metrics import shown
from ..train.runs import PastRun, past_runs

__all__ = ["add_arguments", "run"]

HEAD = ("run", "recipe", "date", "seed", "epochs", "validation", "test", "status")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `chainrule runs`."""
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("runs"), metavar="DIR",
        help="the folder that holds the runs' folders (default: runs)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")


def run(arguments: argparse.Namespace) -> int:
    """Run `chainrule runs`."""
    found = past_runs(arguments.folder)
    if arguments.json:
        print(json.dumps({"runs": [asdict(past) for past in found]}))
    elif not found:
        print(f"no runs in {arguments.folder}")
    else:
        _print_table([_row(past) for past in found])
    return 0


def _row(past: PastRun) -> tuple[str, ...]:
    epochs = f"{past.epoch}/{past.epochs}"
    validation, test = (_metric(past.headline, m) for m in (past.validation, past.test))
    date = past.started.replace("T", " ")[:16]
    return past.run, past.recipe, date, str(past.seed), epochs, validation, test, past.status


def _metric(headline: str, metrics: dict[str, float]) -> str:
    return f"{headline} {shown(headline, metrics[headline])}" if headline in metrics else "–"


def _print_table(rows: Sequence[tuple[str, ...]]) -> None:
    """A rich table on a terminal, aligned text elsewhere."""
    if sys.stdout.isatty():
        from rich.box import SIMPLE
        from rich.console import Console
        from rich.table import Table

        table = Table(*HEAD, box=SIMPLE)
        colours = {"finished": "green", "unfinished": "yellow"}
        for row in rows:
            colour = colours.get(row[-1], "red")
            table.add_row(*row[:-1], f"[{colour}]{row[-1]}[/]")
        Console().print(table)
        return
    widths = [max(len(row[k]) for row in (HEAD, *rows)) for k in range(len(HEAD))]
    for row in (HEAD, *rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())
