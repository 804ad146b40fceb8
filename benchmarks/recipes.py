"""A recipe with three seeds: its metric on the held-out test set, and how long a run takes.

    python benchmarks/recipes.py mnist-mlp
    python benchmarks/recipes.py shakespeare-char --seeds 0

Runs `chainrule train RECIPE --seed S --json` as a user would, in an empty folder, once per seed, and writes
evidence/RECIPE.json. The split is fixed by the recipe; a run reads the test set once, at its end. Data are looked for where
CHAINRULE_DATA says. The seconds are of a clock, so they tell what else the machine did; the processor's seconds, of all cores
together, do not.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
import time
from typing import Any

from digits import chainrule_command
from record import record

from chainrule.train.metrics import SHARES
from chainrule.train.recipes import RECIPES

SEEDS = (0, 1, 2)
UNITS = {"loss": "nats per token", "bits_per_byte": "bits per byte", "rmse": "the data's unit"}


def run(recipe: str, seed: int) -> dict[str, Any]:
    """One run's JSON object, with the wall time and the processor's time of the whole command added."""
    with tempfile.TemporaryDirectory() as folder:
        start, busy = time.perf_counter(), _processor_seconds()
        out = chainrule_command("train", recipe, "--seed", str(seed), "--json", folder=folder)
        times = {
            "command_seconds": time.perf_counter() - start,
            "processor_seconds": _processor_seconds() - busy,
        }
        return {**json.loads(out), **times}


def _processor_seconds() -> float:
    """Of all processes that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


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
    unit = "percent" if share else UNITS[metric]
    others = [
        k
        for k, v in runs[0].items()
        if k.startswith("test_") and k != f"test_{metric}" and isinstance(v, int | float)
    ]
    record(
        arguments.recipe,
        what=f"{metric} in {unit} on the fixed test split of the recipe {arguments.recipe} "
        f"({RECIPES[arguments.recipe].about}), one run per seed, on the validation set after the last epoch, that of the "
        "trivial baseline, what else the test gave (shares from 0 to 1), and the wall time of the whole command and the "
        "processor's, in seconds",
        seeds=arguments.seeds,
        result={
            "metric": metric,
            "median": statistics.median(values),
            "worst": min(values) if share else max(values),
            "values": values,
            "baseline": printed(runs[0][f"baseline_{metric}"]),
            "validation": [printed(r[f"validation_{metric}"]) for r in runs],
            "others": {k.removeprefix("test_"): [round(r[k], 4) for r in runs] for k in others},
            "epochs": [r["epochs"] for r in runs],
            "parameters": runs[0]["parameters"],
            "median_seconds": statistics.median(seconds),
            "longest_seconds": max(seconds),
            "seconds": seconds,
            "processor_seconds": [round(r["processor_seconds"], 1) for r in runs],
        },
    )


if __name__ == "__main__":
    main()
