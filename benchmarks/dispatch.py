"""What one op costs beyond its arithmetic: eager dispatch and the tape, against torch in the same process.

    python benchmarks/dispatch.py

Two measurements on 8×8 float32 arrays, where the arithmetic is next to nothing. (1) `a * b` with both requiring a gradient.
(2) A chain of forty ops, forward and backward, ten times `x = tanh(x @ b + a) * b`. Both sides run in turn on one thread.
"""

from __future__ import annotations

import statistics

import numpy as np
import torch
from pairs import Paired, in_turn, seconds_per_call
from record import record

import chainrule

SIZE = (8, 8)
LINKS = 10  # four ops each: matmul, add, tanh, mul
ROUNDS = 41
MICRO = 1e6  # microseconds in a second


def small_op(framework):
    """One elementwise product that is recorded on the tape."""
    a, b = operands(framework)
    return lambda: a * b


def chain(framework):
    """Forty ops forward, and the gradient of their sum with respect to both operands."""
    a, b = operands(framework)

    def run():
        x = a
        for _ in range(LINKS):
            x = framework.tanh(x @ b + a) * b
        a.grad = b.grad = None
        x.sum().backward()

    return run


def operands(framework):
    rng = np.random.default_rng(0)
    return tuple(
        framework.tensor(rng.standard_normal(SIZE).astype("float32"), requires_grad=True)
        for _ in range(2)
    )


def same_gradients() -> float:
    """The largest difference of the two sides' gradients: they have to compute the same thing."""
    found = []
    for framework in (chainrule, torch):
        a, b = operands(framework)
        x = a
        for _ in range(LINKS):
            x = framework.tanh(x @ b + a) * b
        x.sum().backward()
        found.append((a.grad.numpy(), b.grad.numpy()))
    ours, theirs = found
    return max(
        float(np.abs(p - q).max() / np.abs(q).max()) for p, q in zip(ours, theirs, strict=True)
    )


def summary(pair: Paired) -> dict[str, object]:
    return {
        "chainrule_us": round(statistics.median(pair.a) * MICRO, 2),
        "torch_us": round(statistics.median(pair.b) * MICRO, 2),
        "ratio": round(pair.ratio, 3),
        "ratio_quartiles": [round(q, 3) for q in pair.spread],
    }


def main() -> None:
    """Measure both and write the evidence."""
    torch.set_num_threads(1)
    difference = same_gradients()
    assert difference < 1e-4, f"the two sides compute different gradients: {difference}"
    measured = {}
    for name, make, calls in (("small_op", small_op, 5000), ("chain", chain, 60)):
        ours, theirs = (seconds_per_call(make(f), calls) for f in (chainrule, torch))
        measured[name] = summary(in_turn(ours, theirs, ROUNDS))
    measured["gradient_difference"] = difference
    record(
        "dispatch",
        what="Eager cost on 8x8 float32 with gradients, in microseconds: one product, and a chain of forty ops "
        "forward and backward; ratio = median over paired rounds of chainrule/torch (below 1: chainrule is faster)",
        seeds=[0],
        result=measured,
    )


if __name__ == "__main__":
    main()
