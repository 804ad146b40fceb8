"""docs/math.md: every equation that stands there with an example holds; so do the examples of docs/language-models.md.
docs/transformer-map.md: what it names exists.
"""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

import chainrule

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(("page", "least"), [("math.md", 20), ("language-models.md", 8)])
def test_the_equations_and_examples_hold(page, least):
    lines = (DOCS / page).read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("```"))
    test = doctest.DocTestParser().get_doctest(text, {}, page, str(DOCS / page), 0)
    report = []
    doctest.DocTestRunner().run(test, out=report.append)
    assert len(test.examples) > least and not report, "".join(report)


MAP = (DOCS / "transformer-map.md").read_text(encoding="utf-8")
ROWS = [line.strip("| ").split(" | ") for line in MAP.splitlines() if line.startswith("| ")][1:]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_piece_of_the_map_exists(row):
    _, _, ladder, framework = row
    rungs = re.findall(r"`(\w+(?:\.\w+)*?)(?:\.(\w+))?`", ladder)
    assert rungs
    for rung, name in rungs:
        module = importlib.import_module(f"chainrule.ladder.{rung}")
        assert not name or hasattr(module, name), name
    for path in re.findall(r"`([\w.]+)`", framework):
        if "=" not in path:
            found = importlib.import_module("chainrule")
            for part in path.split("."):
                found = getattr(found, part)


def test_the_rungs_are_those_the_ladder_lists():
    package = Path(importlib.import_module("chainrule.ladder").__file__).parent
    listed = re.findall(
        r"^\| `(\w+)` \|", importlib.import_module("chainrule.ladder").__doc__, re.M
    )
    there = {p.stem for p in package.iterdir() if not p.name.startswith("__")}
    assert {*listed} == there and chainrule.ladder.__all__ == []


def test_every_picture_that_a_page_shows_is_there_and_every_picture_is_shown():
    shown = set()
    for page in DOCS.rglob("*.md"):
        for target in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            picture = (page.parent / target).resolve()
            assert picture.is_file(), f"{page.name}: {target}"
            shown.add(picture)
    assert {*(DOCS / "pictures").iterdir()} <= shown
