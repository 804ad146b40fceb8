"""The main job with five seeds: accuracy on the held-out digits, and how long a run takes.

    python benchmarks/digits.py

Runs `chainrule train digits --seed S --json` as a user would, in an empty folder, once per seed. The split is fixed by the
recipe; a run reads the test set once, at its end.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from record import record

SEEDS = (0, 1, 2, 3, 4)


def chainrule_command(*arguments: str, folder: str | None = None) -> str:
    """What `chainrule ARGUMENTS` prints, run in `folder` by this interpreter."""
    command = [sys.executable, "-m", "chainrule", *arguments]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def run(seed: int) -> dict[str, Any]:
    """One run's JSON object, with the wall time of the whole command added."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        out = chainrule_command("train", "digits", "--seed", str(seed), "--json", folder=folder)
        return {**json.loads(out), "command_seconds": time.perf_counter() - start}


def main() -> None:
    """Run every seed and write the evidence."""
    runs = [run(seed) for seed in SEEDS]
    accuracies = [round(100 * r["test_accuracy"], 2) for r in runs]
    seconds = [round(r["command_seconds"], 1) for r in runs]
    record(
        "digits",
        what="Accuracy in percent on the fixed test split of the 1,797 UCI digits, one run per seed, and the wall "
        "time of the whole command in seconds",
        seeds=SEEDS,
        result={
            "median_accuracy": statistics.median(accuracies),
            "lowest_accuracy": min(accuracies),
            "accuracies": accuracies,
            "median_seconds": statistics.median(seconds),
            "longest_seconds": max(seconds),
            "seconds": seconds,
        },
    )


if __name__ == "__main__":
    main()
