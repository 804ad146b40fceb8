"""Every figure in the texts is the one in its file of evidence, and every file of evidence is whole and quoted."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "evidence").glob("*.json"))


def load(name: str):
    """A module of benchmarks/, which is not part of the package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


figures, record = load("figures"), load("record")
FIGURES = list(figures.figures())


@pytest.mark.parametrize("figure", FIGURES, ids=lambda f: f"{f.place}-{f.file}")
def test_a_figure_is_what_its_evidence_says(figure):
    assert figure.text == figure.expected, "python benchmarks/figures.py puts it right"


def test_every_mark_is_well_formed():
    """Guards against a mark with a slip in it, which would be read as plain text and never compared."""
    for page in figures.texts():
        text = page.read_text(encoding="utf-8")
        opened = len(re.findall(r"<!-- *evidence:", text))
        assert opened == len(figures.MARK.findall(text)), page


def test_evidence_says_how_it_was_made():
    for path in FILES:
        evidence = json.loads(path.read_text(encoding="utf-8"))
        assert tuple(evidence) == record.KEYS, path.name
        assert tuple(evidence["machine"]) == record.MACHINE_KEYS, path.name
        uncommitted = f"{path.name} was measured on uncommitted sources"
        assert re.fullmatch(r"[0-9a-f]{40}", evidence["commit"]), uncommitted
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", evidence["date"]), path.name
        assert evidence["what"] and evidence["result"], path.name
        assert all(isinstance(seed, int) for seed in evidence["seeds"]), path.name


def test_the_command_of_evidence_exists():
    for path in FILES:
        command = json.loads(path.read_text(encoding="utf-8"))["command"].split()
        assert command[0] == "python" and (ROOT / command[1]).is_file(), path.name


def test_evidence_is_quoted():
    assert {path.name for path in FILES} <= {figure.file for figure in FIGURES}


def test_every_script_that_writes_evidence_is_in_the_table_of_benchmarks():
    table = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    for script in (ROOT / "benchmarks").glob("*.py"):
        written = re.search(
            r"^    record\(\n\s+\"(\w+)\"", script.read_text(encoding="utf-8"), re.M
        )
        if written:
            assert f"`python benchmarks/{script.name}`" in table
            assert f"`evidence/{written[1]}.json`" in table


def page(root: Path, text: str) -> Path:
    """A repository with one page and one file of evidence."""
    (root / "docs").mkdir()
    (root / "evidence").mkdir()
    found = {"median": 98.61, "mlp": {"ratio": 0.755}, "others": {"R@1": [0.2, 0.234]}}
    result = {"commit": "0" * 40, "result": found}
    (root / "evidence" / "digits.json").write_text(json.dumps(result), encoding="utf-8")
    readme = root / "README.md"
    readme.write_text(text, encoding="utf-8")
    return readme


def mark(source: str, text: str) -> str:
    return f"<!-- evidence: {source} -->{text}<!-- /evidence -->"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("digits.json#median format=.1f", "98.6"),
        ("digits.json#median", "98.61"),
        ("digits.json#mlp.ratio format=.2f", "0.76"),
        ("digits.json#others.R@1.1 format=.0%", "23%"),
        ("later.json#median format=.1f", figures.NOT_MEASURED),
    ],
)
def test_a_figure_is_copied_in_its_format(tmp_path, source, expected):
    readme = page(tmp_path, f"| accuracy | {mark(source, 'anything')} % |\n")
    [found] = figures.figures(tmp_path)
    assert found == ("README.md:1", source.split("#")[0], "anything", expected)
    assert figures.rewrite(tmp_path) == ["README.md"]
    assert readme.read_text(encoding="utf-8") == f"| accuracy | {mark(source, expected)} % |\n"
    assert figures.rewrite(tmp_path) == []


def test_a_figure_without_a_key_in_its_evidence_is_refused(tmp_path):
    page(tmp_path, mark("digits.json#mean", "1"))
    with pytest.raises(KeyError, match=r"digits\.json has no mean in its result"):
        list(figures.figures(tmp_path))
