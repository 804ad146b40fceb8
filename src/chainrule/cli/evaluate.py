"""Measure a trained run again, on one of its splits."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..train.metrics import shown
from .train import add_data_dir

__all__ = ["add_arguments", "run"]

SPLITS = ("test", "validation", "train")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `chainrule eval`."""
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument(
        "--split", choices=SPLITS, default="test", help="which part of the data (default: test)"
    )
    add_data_dir(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")


def run(arguments: argparse.Namespace) -> int:
    """Run `chainrule eval`: the metrics of the weights that the run came to."""
    from ..train.run import measure

    path, metrics = measure(arguments.run_folder, arguments.split, arguments.data_dir)
    if arguments.json:
        print(json.dumps({"run": str(arguments.run_folder), "split": arguments.split, **metrics}))
        return 0
    print(f"{arguments.split} split, weights of {path}")
    for name, value in metrics.items():
        print(f"{name} {shown(name, value)}")
    return 0
