"""Fetch, list and check the data sets that chainrule knows."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from ..base.errors import ChainruleError, DataNotFoundError
from ..data.known import RECORDS, Record, fetch, load_dataset, record
from ..data.known.places import find, folder_of

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `chainrule data`."""
    actions = parser.add_subparsers(metavar="get|list|check", required=True)
    parser.epilog = "chainrule data list says what there is, and what is here already"
    get = actions.add_parser("get", help="fetch a data set", description=_get.__doc__)
    get.add_argument("names", nargs="+", metavar="NAME", help=", ".join(RECORDS))
    get.set_defaults(action=_get)
    listing = actions.add_parser("list", help="what is known, and what is there")
    listing.add_argument("--json", action="store_true", help="print one JSON object")
    listing.set_defaults(action=_list)
    check = actions.add_parser("check", help="read data sets and compare checksums")
    check.add_argument("names", nargs="*", metavar="NAME", help="default: those that are there")
    check.set_defaults(action=_check)
    for each in (get, listing, check):
        each.add_argument(
            "--data-dir",
            type=Path,
            metavar="DIR",
            help="the folder of data sets (default: CHAINRULE_DATA, else one in the cache)",
        )


def run(arguments: argparse.Namespace) -> int:
    """Run `chainrule data`."""
    return arguments.action(arguments)


def _get(arguments: argparse.Namespace) -> int:
    """Fetch data sets from their mirrors, and check every file."""
    records = [record(name) for name in arguments.names]  # all are known before one is fetched
    for each in records:
        print(each.describe(), flush=True)
        packaged = each.fetched is None and _where(each, arguments.data_dir)
        if packaged:  # it came with the package, or by hand: there is nothing to fetch
            print(f"  is there  {packaged}")
            continue
        with _progress() as progress:
            paths = fetch(each, arguments.data_dir, progress=progress)
        for path in paths.values():
            print(f"  is there  {path}")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    """What is known, and what is there."""
    rows = [(each, _where(each, arguments.data_dir)) for each in RECORDS.values()]
    if arguments.json:
        listed = {
            each.name: {
                "title": each.title,
                "licence": each.licence,
                "source": each.source,
                "sizes": each.sizes,
                "folder": None if folder is None else str(folder),
                "can_be_fetched": each.fetched is not None,
            }
            for each, folder in rows
        }
        print(json.dumps(listed))
        return 0
    print(f"data folder: {folder_of(arguments.data_dir)}")
    width = max(map(len, RECORDS))
    for each, folder in rows:
        print(f"{each.name:<{width}}  {'there' if folder else '–':<5}  {each.title}")
        print(f"{'':<{width}}         licence: {each.licence}")
    return 0


def _where(each: Record, data_dir: Path | None) -> Path | None:
    """The folder that has a data set."""
    try:
        found = find(each, data_dir)
    except DataNotFoundError:
        return None
    return next(iter(found.paths.values())).parent


def _check(arguments: argparse.Namespace) -> int:
    """Read data sets and compare checksums; the exit code is 1 if any is not as it should be."""
    names = [record(name).name for name in arguments.names] or [
        each.name for each in RECORDS.values() if _where(each, arguments.data_dir)
    ]
    wrong = 0
    for name in names:
        try:
            data = load_dataset(name, arguments.data_dir)
        except (ChainruleError, OSError) as e:
            wrong += 1
            print(f"{name}: {e}")
            continue
        sizes = ", ".join(f"{len(getattr(data, p)):,} {p}" for p in data.record.sizes)
        print(f"{name}: as published ({data.layout}: {sizes}); licence: {data.record.licence}")
    return 1 if wrong else 0


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each file on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda name, there, size: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    tasks = {}

    def progress(name: str, there: int, size: int) -> None:
        if name not in tasks:
            tasks[name] = bars.add_task(name, total=size)
        bars.update(tasks[name], completed=there)

    with bars:
        yield progress
