"""The pages for learners only say what is so: their examples run and print what stands under them, and what they name exists.

Pages about one room are tested with that room; here are those that cross all rooms. An example is a doctest, in a block of code.
"""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
INDEX = (DOCS / "README.md").read_text(encoding="utf-8")

PAGES = {  # page -> how many examples it has at least: a page whose examples are not found would pass
    "derivations/softmax.md": 10,
    "derivations/convolution.md": 15,
    "derivations/batch-norm.md": 12,
    "derivations/attention.md": 10,
    "derivations/lstm.md": 12,
}


def text_of(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
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
    assert set(re.findall(r"\]\(([\w/.-]+\.md)\)", INDEX)) >= there
