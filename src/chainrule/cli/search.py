"""Search by meaning in a folder of text files."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from ..base.errors import FormatError
from ..models.searching import Library
from .embed import add_model, encoder_of
from .options import whole

__all__ = ["add_arguments", "run"]

SHOWN = 3  # files that were left out, by name

EXAMPLES = """examples:
  chainrule search notes "how do I make a backup?"
  chainrule search docs "what does the optimizer keep" --pattern "*.md" --top 3

The first search reads the folder; later ones read only files that are new or changed. Each line of the answer is
path:line, the score (1: the same meaning, about 0: none in common) and how the passage begins."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `chainrule search`."""
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="text files, and folders of them"
    )
    parser.add_argument("query", metavar="QUERY", help="what is looked for, in words")
    parser.add_argument(
        "--top", type=whole(1), default=5, metavar="N", help="how many passages (default: 5)"
    )
    parser.add_argument(
        "--pattern", default="*", metavar="GLOB", help='only files of such names, as "*.md"'
    )
    add_model(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.epilog = EXAMPLES


def run(arguments: argparse.Namespace) -> int:
    """Run `chainrule search`."""
    if not arguments.query.strip():
        raise FormatError("the query is empty")
    if not arguments.folder.is_dir():
        raise FormatError(f"{arguments.folder}: expected a folder with text files, found none")
    encoder = encoder_of(arguments.model)
    with _progress() as progress:
        library = Library.read(
            arguments.folder, encoder, pattern=arguments.pattern, progress=progress
        )
    hits = library.search(arguments.query, arguments.top)
    if arguments.json:
        found = [hit._replace(path=str(hit.path))._asdict() for hit in hits]
        left_out = {str(path): why for path, why in library.left_out}
        print(json.dumps({"query": arguments.query, "hits": found, "left_out": left_out}))
        return 0
    _tell_left_out(library)
    width = max([len(f"{hit.path}:{hit.line}") for hit in hits])
    for hit in hits:
        begins = hit.text if len(hit.text) <= 120 else hit.text[:119] + "…"
        print(f"{f'{hit.path}:{hit.line}':<{width}}  {hit.score:5.2f}  {begins}")
    return 0


def _tell_left_out(library: Library) -> None:
    """On stderr, so that stdout holds answers only."""
    for path, why in library.left_out[:SHOWN]:
        print(f"left out: {path}: {why}", file=sys.stderr)
    more = len(library.left_out) - SHOWN
    if more > 0:
        print(f"left out: {more} more", file=sys.stderr)


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda done, count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    bars = Progress(
        "reading passages", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=Console(stderr=True), transient=True,
    )  # fmt: skip
    with bars:
        task = bars.add_task("read", total=None)
        yield lambda done, count: bars.update(task, completed=done, total=count)
