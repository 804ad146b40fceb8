"""Training steps of chainrule against torch, each side in its own process, in turn.

    python benchmarks/training_steps.py [--workloads mlp,cnn,gptS] [--rounds 9]
    python benchmarks/training_steps.py --compiled [--workloads …]

Without `--compiled` chainrule runs eagerly (`evidence/training_steps.json`). With it the same step function runs under
`chainrule.compile`, with an empty cache of machine code and again with a full one (`evidence/compiled_steps.json`), against
eager torch.

A step is: zero the gradients, forward, backward, one step of AdamW. Both sides start from the same weights and have to give the
same losses over the first five steps (relative 2e-3), or the measurement stops: a fast wrong answer does not count. Both
use the threads they choose for themselves. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from types import ModuleType
from typing import Any

import numpy as np
from pairs import Paired, in_turn
from record import cores, record
from training_workloads import TUNED, WORKLOADS

EAGER = ["mlp", "cnn", "gptS"]
FIRST_STEPS = 5
TOLERANCE = 2e-3  # relative, of losses in float32 after a few steps
MILLI = 1e3


class Side:
    """One framework in its own process, which runs steps when it is told and is idle otherwise."""

    def __init__(self, framework: str, workload: str, cache: str = ""):
        self.framework = framework
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--side", framework, workload],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | ({"CHAINRULE_CACHE": cache} if cache else {}),
        )
        hello = self._answer()
        self.losses: list[float] = hello["losses"]
        self.first: float = hello["first"]

    def seconds(self, steps: int) -> float:
        """Seconds a step, over `steps` steps in a row."""
        assert self.process.stdin is not None
        print(steps, file=self.process.stdin, flush=True)
        return float(self._answer())

    def megabytes(self) -> float:
        """Memory at its peak beyond the model and the optimizer, in 10⁶ bytes."""
        assert self.process.stdin is not None
        print(0, file=self.process.stdin, flush=True)
        return float(self._answer())

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(60)

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.framework} ended without an answer (its error is above)")
        return json.loads(line)


def side(framework: str, workload: str) -> None:
    """The program of a `Side`: build, take the first steps, then run as many as each line of the input says (0: tell the
    memory)."""
    start = time.perf_counter()
    T = importlib.import_module(framework.removesuffix("-compile"))
    T.manual_seed(0)
    model, loss_fn = WORKLOADS[workload](T, np.random.default_rng(0))
    set_weights(T, model, np.random.default_rng(1))
    optimizer = T.optim.AdamW(model.parameters(), lr=1e-3)
    before = resident()

    def step():
        optimizer.zero_grad()
        loss = loss_fn(model)
        loss.backward()
        optimizer.step()
        return loss

    if framework.endswith("-compile"):
        step = T.compile(step)
    losses = [step().item()]
    first = time.perf_counter() - start
    losses += [step().item() for _ in range(FIRST_STEPS - 1)]
    print(json.dumps({"losses": losses, "first": first}), flush=True)
    for line in sys.stdin:
        if int(line) == 0:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            print((peak - before) / 1e6, flush=True)
            continue
        start = time.perf_counter()
        for _ in range(int(line)):
            loss = step()
        loss.item()
        print((time.perf_counter() - start) / int(line), flush=True)


def resident() -> int:
    """Bytes of memory that this process has now."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def set_weights(T: ModuleType, model: Any, rng: np.random.Generator) -> None:
    """The same weights on both sides, whatever each side's initialisation draws."""
    with T.no_grad():
        for _, p in sorted(model.named_parameters(), key=lambda item: item[0]):
            shape = tuple(p.shape)
            fan_in = math.prod(shape[1:]) if len(shape) > 1 else shape[0]
            values = rng.standard_normal(shape) / math.sqrt(fan_in)
            p.copy_(T.tensor(values.astype("float32")))


def measure(workload: str, rounds: int, length: float, compiled: bool) -> dict[str, Any]:
    """One workload: check that both sides learn alike, then time them in turn, `length` seconds each."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as cache:
        if compiled:
            cold = Side("chainrule-compile", workload, cache)
            found |= {
                "first_step_cold_s": round(cold.first, 2),
                "cold_mb": round(cold.megabytes(), 1),
            }
            cold.close()
        ours = Side("chainrule-compile" if compiled else "chainrule", workload, cache)
        theirs = Side("torch", workload)
        difference = max(
            abs(a - b) / abs(b) for a, b in zip(ours.losses, theirs.losses, strict=True)
        )
        if not difference < TOLERANCE:
            raise SystemExit(f"{workload}: losses differ: {ours.losses} and {theirs.losses}")
        for s in (ours, theirs):
            s.seconds(2)
        steps = [max(1, min(400, int(length / s.seconds(2)))) for s in (ours, theirs)]
        pair = in_turn(lambda: theirs.seconds(steps[1]), lambda: ours.seconds(steps[0]), rounds)
        if compiled:
            torch_mb, warm_mb = theirs.megabytes(), ours.megabytes()
            found |= {
                "first_step_warm_s": round(ours.first, 2), "warm_mb": round(warm_mb, 1), "torch_mb": round(torch_mb, 1),
                "cold_memory_ratio": round(found["cold_mb"] / torch_mb, 3), "warm_memory_ratio": round(warm_mb / torch_mb, 3),
            }  # fmt: skip
        for s in (ours, theirs):
            s.close()
    return summary(pair, difference) | found


def summary(pair: Paired, difference: float) -> dict[str, Any]:
    return {
        "chainrule_ms": round(statistics.median(pair.b) * MILLI, 3),
        "torch_ms": round(statistics.median(pair.a) * MILLI, 3),
        "ratio": round(pair.ratio, 3),
        "ratio_quartiles": [round(q, 3) for q in pair.spread],
        "loss_difference": difference,
    }


def main() -> None:
    """Measure every workload asked for and write the evidence."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workloads")
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument(
        "--seconds", type=float, default=0.5, help="length of one side of one round"
    )
    parser.add_argument("--side", nargs=2, help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.side:
        return side(*a.side)
    chosen = a.workloads.split(",") if a.workloads else list(WORKLOADS) if a.compiled else EAGER
    result: dict[str, Any] = {}
    for workload in chosen:
        result[workload] = measure(workload, a.rounds, a.seconds, a.compiled)
        print(f"{workload}: torch/chainrule {result[workload]['ratio']}", flush=True)
    how = "compiled" if a.compiled else "eager"
    if a.compiled:
        ratios = [result[w]["ratio"] for w in chosen if w in TUNED]
        result["geometric_mean"] = round(statistics.geometric_mean(ratios), 3)
        result["smallest"] = min(ratios)
        result["slowest_cold_first_step_s"] = max([result[w]["first_step_cold_s"] for w in chosen])
        result["slowest_warm_first_step_s"] = max([result[w]["first_step_warm_s"] for w in chosen])
        result["largest_memory_ratio"] = max(
            [result[w][f"{k}_memory_ratio"] for w in chosen for k in ("cold", "warm")]
        )
    record(
        "compiled_steps" if a.compiled else "training_steps",
        what=f"One {how} training step with AdamW of chainrule against an eager one of torch, each in its own process on "
        f"{cores()} cores; ratio = median over paired rounds of torch/chainrule (above 1: chainrule is faster)"
        + (
            "; memory at its peak beyond model and optimizer; seconds from the start of the process to the end of the "
            "first step, with an empty and with a full cache"
            if a.compiled
            else ""
        ),
        seeds=[0, 1],
        result=result,
    )


if __name__ == "__main__":
    main()
