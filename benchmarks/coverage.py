"""How much of the engine the quick suite runs: lines and branches, by room.

    pip install ".[test]" coverage
    python benchmarks/coverage.py

Runs the quick suite under coverage.py (https://coverage.readthedocs.io) on all cores, with branches measured, in the processes that
tests start as well, and writes evidence/coverage.json. A branch counts as run if each way out of it was taken. What only machine
code runs, or a process that was killed, does not show here.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from record import ROOT, record

ROOMS = (
    "amp", "autograd", "backends", "base", "compiler", "data", "files", "functional", "graph", "nn", "ops", "optim", "signal",
    "tape", "tensors", "transforms", "utils",
)  # fmt: skip
"""The engine, as tests/test_architecture.py has it."""


SETTINGS = """
[run]
branch = true
source = chainrule
parallel = true
patch = subprocess
data_file = {folder}/data
"""


def measure(folder: Path) -> dict:
    """The report of coverage.py, after all tests have passed."""
    settings, report = folder / "settings.ini", folder / "report.json"
    settings.write_text(SETTINGS.format(folder=folder), encoding="utf-8")
    run = ["run", "-m", "pytest", "-q", "-n", "auto", "-p", "no:cacheprovider"]
    for command in (run, ["combine", "-q"], ["json", "-q", "-o", str(report)]):
        words = [sys.executable, "-m", "coverage", command[0], f"--rcfile={settings}", *command[1:]]
        subprocess.run(words, cwd=ROOT, check=True)
    return json.loads(report.read_text(encoding="utf-8"))


def by_room(report: dict) -> dict[str, dict[str, float]]:
    """Percent of branches, and of lines and branches together, of each room."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for name, file in report["files"].items():
        room = Path(name.rpartition("chainrule/")[2]).parts[0]
        if room in ROOMS:
            for key, value in file["summary"].items():
                if isinstance(value, int):
                    counts[room][key] += value
                    counts["engine"][key] += value
    return {
        room: {
            "branches_percent": round(100 * n["covered_branches"] / n["num_branches"], 1),
            "percent": round(
                100
                * (n["covered_lines"] + n["covered_branches"])
                / (n["num_statements"] + n["num_branches"]),
                1,
            ),
        }
        for room, n in sorted(counts.items())
    }


def main() -> None:
    """Measure, and write the evidence."""
    with tempfile.TemporaryDirectory() as folder:
        rooms = by_room(measure(Path(folder)))
    record(
        "coverage",
        what="Branches, and lines and branches together, of the engine's rooms that the quick suite runs, in percent",
        seeds=[],
        result={"engine": rooms.pop("engine"), "rooms": rooms},
    )


if __name__ == "__main__":
    main()
