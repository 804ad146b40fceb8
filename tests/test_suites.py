"""The rules of tests/conftest.py: what the quick suite leaves out, and that nothing is skipped where nothing may be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import chainrule

HERE = Path(__file__).parent
TESTS = """
import pytest

def test_plain(): pass

@pytest.mark.slow
def test_slow(): pass

def test_with_data(outside_data): assert outside_data.is_dir()

@pytest.mark.xfail(reason="known", strict=True)
def test_known(): assert False
"""
SKIPPING = "import pytest\n\ndef test_skipping(): pytest.skip('no reason')\n"
MODULE_SKIPPING = "import pytest\n\nnothing = pytest.importorskip('there_is_no_such_module')\n"
MARKS = "[pytest]\nmarkers =\n    torch\n    outside_data\n    slow\n"


def run(folder: Path, source: str, *arguments: str, **environment: str) -> str:
    """The last lines of a run of one test file under the project's conftest."""
    shutil.copy(HERE / "conftest.py", folder)
    (folder / "pytest.ini").write_text(MARKS)
    (folder / "test_it.py").write_text(source)
    clean = {k: v for k, v in os.environ.items() if k not in ("CI", "CHAINRULE_DATA")}
    clean["PYTHONPATH"] = str(Path(chainrule.__file__).parents[1])  # the same chainrule as here
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=clean | environment, capture_output=True, text=True
    )
    return done.stdout


def test_the_quick_suite_leaves_out_what_is_marked(tmp_path):
    assert "1 passed, 2 deselected, 1 xfailed" in run(tmp_path, TESTS)


def test_continuous_integration_does_not_change_what_the_quick_suite_is(tmp_path):
    assert "1 passed, 2 deselected, 1 xfailed" in run(tmp_path, TESTS, CI="true")


def test_the_full_suite_runs_everything(tmp_path):
    out = run(tmp_path, TESTS, "--full", CHAINRULE_DATA=str(tmp_path))
    assert "3 passed, 1 xfailed" in out


def test_the_full_suite_fails_without_the_data(tmp_path):
    out = run(tmp_path, TESTS, "--full")
    assert "set CHAINRULE_DATA to the folder" in out and "2 passed, 1 xfailed, 1 error" in out
    out = run(tmp_path, TESTS, "--full", CHAINRULE_DATA=str(tmp_path / "nowhere"))
    assert "which is not a folder" in out and "1 error" in out


def test_an_explicit_marker_expression_is_taken_as_given(tmp_path):
    out = run(tmp_path, TESTS, "-m", "outside_data", CHAINRULE_DATA=str(tmp_path))
    assert "1 passed, 3 deselected" in out


@pytest.mark.parametrize("source", [SKIPPING, MODULE_SKIPPING])
def test_a_skip_is_a_failure_where_nothing_may_be_missing(tmp_path, source):
    assert "1 skipped" in run(tmp_path, source)
    for out in (run(tmp_path, source, "--full"), run(tmp_path, source, CI="true")):
        assert "nothing may" in out and "skipped in" not in out
        assert "1 failed" in out or "1 error" in out
