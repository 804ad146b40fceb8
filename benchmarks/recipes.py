"""A recipe with three seeds: its metric on the held-out test set, and how long a run takes.

    python benchmarks/recipes.py mnist-mlp
    python benchmarks/recipes.py mnist-cnn --seeds 0 1 2

Runs `chainrule train RECIPE --seed S --json` as a user would, in an empty folder, once per seed, and writes
evidence/RECIPE.json. The split is fixed by the recipe; a run reads the test set once, at its end. Data are looked for where
CHAINRULE_DATA says.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from typing import Any

from digits import chainrule_command
from record import record

from chainrule.train.metrics import SHARES
from chainrule.train.recipes import RECIPES

SEEDS = (0, 1, 2)


def run(recipe: str, seed: int) -> dict[str, Any]:
    """One run's JSON object, with the wall time of the whole command added."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        out = chainrule_command("train", recipe, "--seed", str(seed), "--json", folder=folder)
        return {**json.loads(out), "command_seconds": time.perf_counter() - start}


def main() -> None:
    """Run every seed and write the evidence."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("recipe", choices=list(RECIPES))
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    arguments = parser.parse_args()
    runs = [run(arguments.recipe, seed) for seed in arguments.seeds]
    metric = runs[0]["headline"]
    share = metric.startswith(SHARES)

    def printed(value: float) -> float:
        return round(100 * value, 2) if share else round(value, 4)

    values = [printed(r[f"test_{metric}"]) for r in runs]
    seconds = [round(r["command_seconds"], 1) for r in runs]
    unit = "percent" if share else "nats per token"
    record(
        arguments.recipe,
        what=f"{metric} in {unit} on the fixed test split of the recipe {arguments.recipe} "
        f"({RECIPES[arguments.recipe].about}), one run per seed, that of the trivial baseline, and the wall time "
        "of the whole command in seconds",
        seeds=arguments.seeds,
        result={
            "metric": metric,
            "median": statistics.median(values),
            "worst": min(values) if share else max(values),
            "values": values,
            "baseline": printed(runs[0][f"baseline_{metric}"]),
            "epochs": [r["epochs"] for r in runs],
            "parameters": runs[0]["parameters"],
            "median_seconds": statistics.median(seconds),
            "longest_seconds": max(seconds),
            "seconds": seconds,
        },
    )


if __name__ == "__main__":
    main()
