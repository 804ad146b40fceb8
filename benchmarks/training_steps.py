"""Training steps of chainrule against torch, each side in its own process, in turn.

    python benchmarks/training_steps.py [--workloads mlp,cnn,gptS] [--rounds 9]
    python benchmarks/training_steps.py --compiled [--workloads …] [--against torch-compile | jax]

Without `--compiled` chainrule runs eagerly (`evidence/training_steps.json`). With it the same step function runs under
`chainrule.compile`, with an empty cache of machine code and again with a full one (`evidence/compiled_steps.json`), against
eager torch; or against `torch.compile`, which needs a C++ compiler (`evidence/compiled_against_torch_compile.json`), or against
JAX with the whole step jitted, on the four networks of `jax_workloads.py` (`evidence/compiled_against_jax.json`).

A step is: zero the gradients, forward, backward, one step of AdamW. Both sides start from the same weights and have to give the
same losses over the first five steps (relative 2e-3), or the measurement stops: a fast wrong answer does not count. Both
use the threads they choose for themselves. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import math
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from pairs import Paired, in_turn
from record import cores, record
from sides import Side, answer
from training_workloads import OTHERS, TUNED, WORKLOADS, Work

EAGER = ["mlp", "cnn", "gptS"]
JAX = ("mlp", "cnn", "gptS", "gptM")
OPPONENTS = {
    "torch": "an eager one of torch",
    "torch-compile": "one of torch whose module went through torch.compile",
    "jax": "one of JAX, jitted as a whole",
}
FIRST_STEPS = 5
TOLERANCE = 2e-3  # relative, of losses in float32 after a few steps
MILLI = 1e3
MEMORY = 0  # asked of a side instead of a number of steps


def side(framework: str, workload: str) -> None:
    """One side: build, take the first steps, then run as many as each line of the input says (0: tell the memory at its peak
    beyond model and optimizer, in 10⁶ bytes).
    """
    start = time.perf_counter()
    T = importlib.import_module(
        "torch" if framework == "jax" else framework.removesuffix("-compile")
    )
    T.manual_seed(0)
    work = WORKLOADS[workload](T, np.random.default_rng(0))
    model = work.model
    set_weights(T, model, np.random.default_rng(1))
    optimizer = T.optim.AdamW(model.parameters(), lr=1e-3)
    before = resident()

    def step():
        optimizer.zero_grad()
        loss = work.loss(model)
        loss.backward()
        optimizer.step()
        return loss

    if framework == "chainrule-compile":
        step = T.compile(step)
    elif framework == "torch-compile":  # the module, as its documentation does
        model = T.compile(model)
    elif framework == "jax":
        step = jax_step(workload, work)
    called = time.perf_counter()
    losses = [step().item()]
    end = time.perf_counter()
    making = getattr(step, "seconds", None)  # of the first call, what tracing and compiling took
    losses += [step().item() for _ in range(FIRST_STEPS - 1)]
    answer({"losses": losses, "start": end - start, "call": end - called, "making": making})
    for line in sys.stdin:
        if int(line) == MEMORY:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            answer((peak - before) / 1e6)
            continue
        start = time.perf_counter()
        for _ in range(int(line)):
            loss = step()
        loss.item()
        answer((time.perf_counter() - start) / int(line))


def jax_step(workload: str, work: Work) -> Callable[[], Any]:
    """A step of the same network in JAX, from the same weights and inputs."""
    from jax_workloads import stepper

    parameters = {name: p.detach().numpy() for name, p in work.model.named_parameters()}
    shape = work.inputs.shape if work.inputs.dtype == work.T.int64 else work.inputs.shape[:1]
    return stepper(
        workload, parameters, work.inputs.numpy(), work.targets.numpy().reshape(tuple(shape))
    )


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


def measure(
    workload: str, rounds: int, length: float, compiled: bool, opponent: str
) -> dict[str, Any]:
    """One workload: check that both sides learn alike, then time them in turn, `length` seconds each."""
    found: dict[str, Any] = {}
    ours_is = "chainrule-compile" if compiled else "chainrule"
    with tempfile.TemporaryDirectory() as cache:
        machine_code = {"CHAINRULE_CACHE": cache}
        if compiled:
            cold = Side(__file__, ours_is, workload, environment=machine_code)
            found |= {
                "first_step_cold_s": round(cold.hello["call"], 2),
                "from_start_cold_s": round(cold.hello["start"], 2),
                "making_cold_s": round(cold.hello["making"], 2),
                "cold_mb": round(cold.ask(MEMORY), 1),
            }
            cold.close()
        ours = Side(__file__, ours_is, workload, environment=machine_code)
        theirs = Side(__file__, opponent, workload)
        losses, expected = ours.hello["losses"], theirs.hello["losses"]
        difference = max(abs(a - b) / abs(b) for a, b in zip(losses, expected, strict=True))
        if not difference < TOLERANCE:
            raise SystemExit(f"{workload}: losses differ: {losses} and {expected}")
        for s in (ours, theirs):
            s.ask(2)
        steps = [max(1, min(400, int(length / s.ask(2)))) for s in (ours, theirs)]
        pair = in_turn(lambda: theirs.ask(steps[1]), lambda: ours.ask(steps[0]), rounds)
        if opponent != "torch":
            found["opponents_first_step_s"] = round(theirs.hello["call"], 2)
        elif compiled:
            torch_mb, warm_mb = theirs.ask(MEMORY), ours.ask(MEMORY)
            found |= {
                "first_step_warm_s": round(ours.hello["call"], 2),
                "from_start_warm_s": round(ours.hello["start"], 2),
                "torch_first_step_s": round(theirs.hello["call"], 2),
                "making_warm_s": round(ours.hello["making"], 2),
                "warm_mb": round(warm_mb, 1),
                "torch_mb": round(torch_mb, 1),
                "cold_memory_ratio": round(found["cold_mb"] / torch_mb, 3),
                "warm_memory_ratio": round(warm_mb / torch_mb, 3),
            }
        for s in (ours, theirs):
            s.close()
    return summary(pair, difference, opponent) | found


def summary(pair: Paired, difference: float, opponent: str) -> dict[str, Any]:
    return {
        "chainrule_ms": round(statistics.median(pair.b) * MILLI, 3),
        f"{opponent}_ms": round(statistics.median(pair.a) * MILLI, 3),
        "ratio": round(pair.ratio, 3),
        "ratio_quartiles": [round(q, 3) for q in pair.spread],
        "loss_difference": difference,
    }


def main() -> None:
    """Measure every workload asked for and write the evidence."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workloads")
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--against", choices=list(OPPONENTS), default="torch")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument(
        "--seconds", type=float, default=0.5, help="length of one side of one round"
    )
    parser.add_argument("--side", nargs=2, help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.side:
        return side(*a.side)
    if a.against != "torch" and not a.compiled:
        parser.error(f"--against {a.against} compares with --compiled")
    everything = list(JAX) if a.against == "jax" else list(WORKLOADS) if a.compiled else EAGER
    chosen = a.workloads.split(",") if a.workloads else everything
    result: dict[str, Any] = {}
    for workload in chosen:
        result[workload] = measure(workload, a.rounds, a.seconds, a.compiled, a.against)
        print(f"{workload}: {a.against}/chainrule {result[workload]['ratio']}", flush=True)
    if a.compiled:
        for name, group in (("", TUNED), ("others_", OTHERS)):
            if ratios := [result[w]["ratio"] for w in chosen if w in group]:
                result[f"{name}geometric_mean"] = round(statistics.geometric_mean(ratios), 3)
                result[f"{name}smallest"] = min(ratios)
    what = (
        f"One {'compiled' if a.compiled else 'eager'} training step with AdamW of chainrule against {OPPONENTS[a.against]}, each in "
        f"its own process on {cores()} cores; ratio = median over paired rounds of {a.against}/chainrule (above 1: chainrule is faster)"
    )
    if a.compiled and a.against == "torch":
        for what_of in ("first_step", "from_start", "making"):
            for cache in ("cold", "warm"):
                key = f"{what_of}_{cache}_s"
                result[f"slowest_{key}"] = max([result[w][key] for w in chosen])
        result["slowest_warm_first_step_beyond_a_step_s"] = max(
            [
                round(result[w]["first_step_warm_s"] - result[w]["chainrule_ms"] / MILLI, 2)
                for w in chosen
            ]
        )
        result["largest_memory_ratio"] = max(
            [result[w][f"{k}_memory_ratio"] for w in chosen for k in ("cold", "warm")]
        )
        what += (
            "; memory at its peak beyond model and optimizer; seconds of the first call of the step, with an empty and with a full "
            "cache, of these (making) what tracing and compiling took, and from the start of the process to the end of the first step, "
            "importing and drawing the weights included"
        )
    name = "compiled_steps" if a.compiled else "training_steps"
    if a.against != "torch":
        name = f"compiled_against_{a.against.replace('-', '_')}"
        package = a.against.partition("-")[0]
        result["version"] = importlib.metadata.version(package)
    record(name, what=what, seeds=[0, 1], result=result)


if __name__ == "__main__":
    main()
