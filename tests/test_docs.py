"""The pages for learners only say what is so: their examples run and print what stands under them, and what they name exists.

Pages about one room are tested with that room; here are those that cross all rooms. An example is a doctest, in a block of code.
"""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from chainrule.data.known import RECORDS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
INDEX = (DOCS / "README.md").read_text(encoding="utf-8")

PAGES = {  # page -> how many examples it has at least: a page whose examples are not found would pass
    "numpy-warm-up.md": 50,
    "experiment.md": 20,
    "model-card.md": 10,
    "data-risks.md": 2,
    "your-data.md": 45,
    "reading.md": 20,
    "derivations/softmax.md": 10,
    "derivations/convolution.md": 15,
    "derivations/batch-norm.md": 12,
    "derivations/attention.md": 10,
    "derivations/lstm.md": 12,
}


def text_of(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


TRAINS = {"your-data.md"}  # three models: seconds
MARKED = [pytest.param(p, marks=pytest.mark.slow) if p in TRAINS else p for p in PAGES]


@pytest.mark.parametrize("page", MARKED)
def test_the_examples_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [line for line in text_of(page).splitlines() if not line.startswith("```")]
    test = doctest.DocTestParser().get_doctest("\n".join(lines), {}, page, str(DOCS / page), 0)
    report: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=report.append)
    assert len(test.examples) >= PAGES[page]
    assert not report, "".join(report)


def test_the_index_leads_to_every_page():
    there = {str(p.relative_to(DOCS)) for p in DOCS.rglob("*.md")} - {"README.md"}
    assert there - set(re.findall(r"\]\(([\w/.-]+\.md)\)", INDEX)) == set()


def anchor(heading: str) -> str:
    """What a heading is called in a link, as GitHub makes it."""
    plain = re.sub(r"[^\w\s-]", "", re.sub(r"[`*]", "", heading).lower())
    return plain.strip().replace(" ", "-")


def test_a_link_into_a_page_leads_to_a_heading():
    links = 0
    for page in (ROOT / "README.md", *DOCS.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        for target, place in re.findall(r"\]\(([^)#\s:]*)#([^)\s]+)\)", text):
            found = (page.parent / target if target else page).read_text(encoding="utf-8")
            headings = [anchor(h) for h in re.findall(r"^#+ (.+)$", found, re.M)]
            assert place in headings, f"{page.name}: {target}#{place}"
            links += 1
    assert links > 5


def test_what_the_walk_looks_for_is_there():
    """In the file that the row names, or the row above it."""
    rows = re.findall(
        r"^\| (?:\[[^]]+\]\(([^)]+)\))? ?\| `([^`]+)` \|", text_of("reading.md"), re.M
    )
    assert len(rows) > 25
    place = DOCS
    for file, wanted in rows:
        place = DOCS / file if file else place
        text = wanted in [p.name for p in place.iterdir()] if place.is_dir() else None
        assert text or wanted in place.read_text(encoding="utf-8"), (str(place), wanted)


def test_every_data_set_is_told_of_with_its_licence():
    told = re.findall(r"^## `(\w+)`\n\nLicence: (.+)$", text_of("data-risks.md"), re.M)
    assert told == [(each.name, each.licence) for each in RECORDS.values()]


def test_the_table_of_the_model_card_has_its_sections():
    """The example above it runs a recipe and prints them."""
    table = re.findall(r"^\| ([A-Z][\w, -]+) \| .+ \| .+ \|$", text_of("model-card.md"), re.M)
    printed = text_of("model-card.md").split('sep="\\n")\n')[1].split("\n>>>")[0].splitlines()
    assert table == printed
