"""Copies the figures of the README and the docs from the files of evidence they name.

    python benchmarks/figures.py            rewrite every marked figure
    python benchmarks/figures.py --check    only say which differ (exit status 1 if any does)

A figure in a text is marked with where it comes from and how it is printed:

    <!-- evidence: digits.json#median_accuracy format=.1f -->98.6<!-- /evidence -->

names the key `median_accuracy` of the `result` in `evidence/digits.json` (a deeper one as `mlp.ratio`, the first of a list as
`seconds.0`), printed with Python's format `.1f`. Where there is no such file yet the figure is an em dash: it claims nothing.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
NOT_MEASURED = "—"
MARK = re.compile(
    r"(?P<open><!-- evidence: (?P<file>[\w.-]+)#(?P<key>[\w.@-]+)(?: format=(?P<format>\S+))? -->)"
    r"(?P<text>.*?)"
    r"(?P<close><!-- /evidence -->)"
)


class Figure(NamedTuple):
    """One marked figure: where it stands, what it says, and what its evidence says."""

    place: str
    file: str
    text: str
    expected: str


def texts(root: Path = ROOT) -> list[Path]:
    """The pages whose figures are held to evidence."""
    return [root / "README.md", *sorted((root / "docs").rglob("*.md"))]


def figures(root: Path = ROOT) -> Iterator[Figure]:
    """Every marked figure of every page, in order."""
    for page in texts(root):
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
            for mark in MARK.finditer(line):
                place = f"{page.relative_to(root).as_posix()}:{number}"
                yield Figure(place, mark["file"], mark["text"], expected(mark, root))


def expected(mark: re.Match[str], root: Path = ROOT) -> str:
    """The text that the evidence named by a mark gives."""
    path = root / "evidence" / mark["file"]
    if not path.is_file():
        return NOT_MEASURED
    value: Any = json.loads(path.read_text(encoding="utf-8"))["result"]
    for key in mark["key"].split("."):
        place: Any = int(key) if isinstance(value, list) and key.isdigit() else key
        try:
            value = value[place]
        except (KeyError, IndexError, TypeError):
            raise KeyError(
                f"{mark['open']}: {path.name} has no {mark['key']} in its result"
            ) from None
    return format(value, mark["format"] or "")


def rewrite(root: Path = ROOT) -> list[str]:
    """Put every marked figure right; the names of the pages that changed."""
    changed = []
    for page in texts(root):
        before = page.read_text(encoding="utf-8")
        after = MARK.sub(lambda m: m["open"] + expected(m, root) + m["close"], before)
        if after != before:
            page.write_text(after, encoding="utf-8")
            changed.append(page.relative_to(root).as_posix())
    return changed


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing, fail on a difference")
    if not parser.parse_args().check:
        for page in rewrite():
            print(f"rewrote {page}")
        return 0
    wrong = [f for f in figures() if f.text != f.expected]
    for f in wrong:
        print(f"{f.place}: {f.text!r}, but {f.file} says {f.expected!r}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
