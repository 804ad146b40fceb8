"""Eager training steps of chainrule against torch, each side in its own process, in turn.

    python benchmarks/training_steps.py [--workloads mlp,cnn,gptS] [--rounds 9]

A step is: zero the gradients, forward, backward, one step of AdamW. Both sides start from the same weights and have to give the
same losses over the first five steps (relative 2e-3), or the measurement stops: a fast wrong answer does not count. Both
use the threads they choose for themselves. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import statistics
import subprocess
import sys
import time
from types import ModuleType
from typing import Any

import numpy as np
from pairs import Paired, in_turn
from record import cores, record
from training_workloads import WORKLOADS

FIRST_STEPS = 5
TOLERANCE = 2e-3  # relative, of losses in float32 after a few steps
MILLI = 1e3


class Side:
    """One framework in its own process, which runs steps when it is told and is idle otherwise."""

    def __init__(self, framework: str, workload: str):
        self.framework = framework
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--side", framework, workload],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.losses: list[float] = self._answer()

    def seconds(self, steps: int) -> float:
        """Seconds a step, over `steps` steps in a row."""
        assert self.process.stdin is not None
        print(steps, file=self.process.stdin, flush=True)
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
    """The program of a `Side`: build, take the first steps, then run as many as each line of the input says."""
    T = importlib.import_module(framework)
    T.manual_seed(0)
    model, loss_fn = WORKLOADS[workload](T, np.random.default_rng(0))
    set_weights(T, model, np.random.default_rng(1))
    optimizer = T.optim.AdamW(model.parameters(), lr=1e-3)

    def step():
        optimizer.zero_grad()
        loss = loss_fn(model)
        loss.backward()
        optimizer.step()
        return loss

    print(json.dumps([step().item() for _ in range(FIRST_STEPS)]), flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        for _ in range(int(line)):
            loss = step()
        loss.item()
        print((time.perf_counter() - start) / int(line), flush=True)


def set_weights(T: ModuleType, model: Any, rng: np.random.Generator) -> None:
    """The same weights on both sides, whatever each side's initialisation draws."""
    with T.no_grad():
        for _, p in sorted(model.named_parameters(), key=lambda item: item[0]):
            shape = tuple(p.shape)
            fan_in = math.prod(shape[1:]) if len(shape) > 1 else shape[0]
            values = rng.standard_normal(shape) / math.sqrt(fan_in)
            p.copy_(T.tensor(values.astype("float32")))


def measure(workload: str, rounds: int, length: float) -> dict[str, Any]:
    """One workload: check that both sides learn alike, then time them in turn, `length` seconds each."""
    ours, theirs = sides = Side("chainrule", workload), Side("torch", workload)
    difference = max(abs(a - b) / abs(b) for a, b in zip(ours.losses, theirs.losses, strict=True))
    if not difference < TOLERANCE:
        raise SystemExit(f"{workload}: losses differ: {ours.losses} and {theirs.losses}")
    for s in sides:
        s.seconds(2)
    steps = [max(1, min(400, int(length / s.seconds(2)))) for s in sides]
    pair = in_turn(lambda: theirs.seconds(steps[1]), lambda: ours.seconds(steps[0]), rounds)
    for s in sides:
        s.close()
    return summary(pair, difference)


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
    parser.add_argument("--workloads", default=",".join(WORKLOADS))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument(
        "--seconds", type=float, default=0.5, help="length of one side of one round"
    )
    parser.add_argument("--side", nargs=2, help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.side:
        return side(*a.side)
    result: dict[str, Any] = {}
    for workload in a.workloads.split(","):
        result[workload] = measure(workload, a.rounds, a.seconds)
        print(f"{workload}: torch/chainrule {result[workload]['ratio']}", flush=True)
    record(
        "training_steps",
        what="One eager training step with AdamW, chainrule against torch, each in its own process on "
        f"{cores()} cores; ratio = median over paired rounds of torch/chainrule (above 1: chainrule is faster)",
        seeds=[0, 1],
        result=result,
    )


if __name__ == "__main__":
    main()
