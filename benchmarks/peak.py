"""What share of the machine's arithmetic a compiled training step reaches, and what one compiled call costs.

    python benchmarks/peak.py

(1) A step of gptM (`training_workloads.py`: GPT-2 of six blocks, B=8, L=256, C=384; forward, backward, AdamW) on all threads, in turn
with a loop of nothing but fused multiply-adds in registers on the same threads. The work that counts is 2mnk of every product that
the step has to have: three for each weight, and of causal attention those of the keys that are seen, two forward and four backward;
what is computed again, softmax, norms and the optimizer count as nothing. (2) A compiled function of two numbers, called.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
from pairs import in_turn, seconds_per_call
from record import record
from training_steps import MILLI, set_weights
from training_workloads import gptM

import chainrule
from chainrule.compiler.report import machine_peak
from chainrule.compiler.target import Target

BATCH, LENGTH, WIDTH, BLOCKS = 8, 256, 384, 6  # of gptM
ROUNDS, STEPS = 15, 2
MICRO = 1e6


def compiled_step():
    """The model and its step under `chainrule.compile`."""
    chainrule.manual_seed(0)
    work = gptM(chainrule, np.random.default_rng(0))
    model = work.model
    set_weights(chainrule, model, np.random.default_rng(1))
    optimizer = chainrule.optim.AdamW(model.parameters(), lr=1e-3)

    @chainrule.compile
    def step():
        optimizer.zero_grad()
        loss = work.loss(model)
        loss.backward()
        optimizer.step()
        return loss

    return model, step


def flops(model) -> float:
    """Floating-point operations of the products that one step has to have."""
    matrices = [
        p.numel()
        for name, p in model.named_parameters()
        if p.ndim == 2 and name != "position.weight"
    ]
    seen = LENGTH * (LENGTH + 1) / 2  # pairs of a query and a key
    attention = BLOCKS * BATCH * seen * WIDTH * 2 * (2 + 4)
    return 3 * 2.0 * BATCH * LENGTH * sum(matrices) + attention


def main() -> None:
    """Measure and write the evidence."""
    model, step = compiled_step()
    work, threads, target = flops(model), chainrule.get_num_threads(), Target.host()
    for _ in range(3):
        step()

    def busy() -> float:
        start = time.perf_counter()
        for _ in range(STEPS):
            loss = step()
        loss.item()
        return (time.perf_counter() - start) / STEPS

    pair = in_turn(lambda: work / machine_peak(target, threads), busy, ROUNDS)
    tiny = chainrule.compile(lambda x: 2 * x + 1)
    x = chainrule.tensor([3.0, 5.0])
    calls = [seconds_per_call(lambda: tiny(x), 2000)() for _ in range(ROUNDS)]
    record(
        "peak",
        what=f"Products of one compiled step of gptM in 10⁹ operations, its time on {threads} threads, what fused multiply-adds reach "
        "on the same threads in 10⁹ operations a second, and the share of them (median over paired rounds); one call of a "
        "compiled function of two numbers in microseconds",
        seeds=[0, 1],
        result={
            "gptM": {
                "gflop": round(work / 1e9, 2),
                "step_ms": round(statistics.median(pair.b) * MILLI, 1),
                "peak_gflops": round(work / statistics.median(pair.a) / 1e9, 1),
                "share_percent": round(100 * pair.ratio, 1),
                "share_quartiles": [round(100 * q, 1) for q in pair.spread],
            },
            "compiled_call_us": round(statistics.median(calls[1:]) * MICRO, 2),
        },
    )


if __name__ == "__main__":
    main()
