"""GPT-2 learns Shakespeare, chainrule compiled against torch eager: the same network, weights and windows, step for step.

    python benchmarks/shakespeare.py [--seeds 0 1 2] [--iterations 2000]

nanoGPT's setting for a processor: four layers of four heads, 128 wide, windows of 64 characters, 12 of them a step, no dropout;
AdamW (β 0.9 and 0.99, weight decay 0.1 on matrices), a rate that rises for 100 steps to 1e-3 and falls along a cosine to 1e-4,
gradients clipped to norm 1. A seed draws the weights (normal, 0.02, those that write into the residual stream less) and the
windows. Both sides train in turn, a hundred steps each, on the threads they choose; their seconds count from the first step,
compilation included. At the end each reads all that nanoGPT validates on, the last tenth of the text, in windows side by side.
Text is looked for where CHAINRULE_DATA says. Run it on a machine that does nothing else.

Source: nanoGPT (Karpathy 2022), the README's setting for a laptop's processor.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import math
import statistics
import sys
import time
from types import ModuleType
from typing import Any

import numpy as np
from record import cores, record
from sides import Side, answer
from training_workloads import transformer

from chainrule.data import load_dataset

L, B, C, H, BLOCKS = 64, 12, 128, 4, 4
HIGHEST, LOWEST, WARMUP = 1e-3, 1e-4, 100
TOGETHER = 100  # steps of one side before it is the other's turn
VALIDATE = "validate"


@functools.cache
def text() -> tuple[np.ndarray, np.ndarray, int]:
    """Training and validation characters as numbers, as nanoGPT splits them, and how many there are to choose from."""
    loaded = load_dataset("tinyshakespeare")
    parts = [loaded.train.text, loaded.validation.text + loaded.test.text]
    letters = sorted(set("".join(parts)))
    number = {letter: k for k, letter in enumerate(letters)}
    learnt, asked = (np.array([number[c] for c in part], np.int64) for part in parts)
    return learnt, asked, len(letters)


def rate(step: int, iterations: int) -> float:
    """The learning rate of a step."""
    if step < WARMUP:
        return HIGHEST * (step + 1) / (WARMUP + 1)
    part = (step - WARMUP) / (iterations - WARMUP)
    return LOWEST + 0.5 * (1 + math.cos(math.pi * part)) * (HIGHEST - LOWEST)


def network(T: ModuleType, V: int, rng: np.random.Generator) -> Any:
    """GPT-2 with the same weights on both sides.  Source: Radford et al. 2019, section 2.3."""
    model = transformer(T, V, L, C, H, BLOCKS)
    with T.no_grad():
        for name, p in sorted(model.named_parameters(), key=lambda item: item[0]):
            if p.ndim == 2:
                into_residual = name.endswith(("proj.weight", "down.weight"))
                scale = 0.02 / math.sqrt(2 * BLOCKS) if into_residual else 0.02
                p.copy_(T.tensor((scale * rng.standard_normal(tuple(p.shape))).astype("float32")))
            elif name.endswith("bias"):
                p.zero_()
    return model


def side(framework: str, seed: str, iterations: str) -> None:
    """One side: a line with a number of steps trains so many more and answers with the seconds, `validate` with the loss."""
    T = importlib.import_module(framework)
    learnt, asked, V = text()
    model = network(T, V, np.random.default_rng([int(seed), 0]))
    windows = np.random.default_rng([int(seed), 1])
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": 0.1},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = T.optim.AdamW(groups, lr=HIGHEST, betas=(0.9, 0.99))
    F = T.nn.functional

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x).view(-1, V), y.view(-1))
        loss.backward()
        T.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        return loss

    if framework == "chainrule":
        step = T.compile(step)
    done = 0
    answer("ready")
    for line in sys.stdin:
        if line.strip() == VALIDATE:
            answer(validation_loss(T, model, asked, V))
            continue
        start = time.perf_counter()
        for _ in range(int(line)):
            starts = windows.integers(0, len(learnt) - L, B)
            seen = learnt[starts[:, None] + np.arange(L + 1)]
            for group in optimizer.param_groups:
                group["lr"] = rate(done, int(iterations))
            loss = step(T.tensor(seen[:, :-1]), T.tensor(seen[:, 1:]))
            done += 1
        loss.item()
        answer(time.perf_counter() - start)


def validation_loss(T: ModuleType, model: Any, asked: np.ndarray, V: int) -> float:
    """Mean nats of every character but the first, in windows of L one after the other."""
    whole = (len(asked) - 1) // L * L
    total = 0.0
    with T.no_grad():
        for begin, width, rows in ((0, L, whole // L), (whole, len(asked) - 1 - whole, 1)):
            x = asked[begin : begin + rows * width].reshape(rows, width)
            y = asked[begin + 1 : begin + 1 + rows * width].reshape(rows, width)
            for k in range(0, rows if width else 0, 64):
                scores = model(T.tensor(x[k : k + 64])).view(-1, V)
                targets = T.tensor(y[k : k + 64].reshape(-1))
                total += T.nn.functional.cross_entropy(scores, targets, reduction="sum").item()
    return total / (len(asked) - 1)


def trained(seed: int, iterations: int) -> dict[str, float]:
    """Both sides with one seed."""
    ours, theirs = (Side(__file__, name, seed, iterations) for name in ("chainrule", "torch"))
    seconds: list[tuple[float, float]] = []
    for k in range(0, iterations, TOGETHER):
        steps = min(TOGETHER, iterations - k)
        seconds.append((ours.ask(steps), theirs.ask(steps)))
    a, b = (sum(each) for each in zip(*seconds, strict=True))
    found = {
        "chainrule_nats": round(ours.ask(VALIDATE), 4),
        "torch_nats": round(theirs.ask(VALIDATE), 4),
        "chainrule_s": round(a, 1),
        "torch_s": round(b, 1),
        "seconds_ratio": round(a / b, 3),
        "median_turn_ratio": round(statistics.median(x / y for x, y in seconds), 3),
    }
    ours.close(), theirs.close()
    print(seed, found, flush=True)
    return found


def main() -> None:
    """Train with every seed and write the evidence."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1, 2))
    parser.add_argument("--iterations", type=int, default=2000)
    parser.add_argument("--side", nargs=3, help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.side:
        return side(*a.side)
    runs = [trained(seed, a.iterations) for seed in a.seeds]
    result: dict[str, Any] = {key: [r[key] for r in runs] for key in runs[0]}
    for key in ("chainrule_nats", "torch_nats", "seconds_ratio"):
        result[f"mean_{key}"] = round(statistics.mean(result[key]), 4)
    result["beyond_torch_nats"] = round(
        result["mean_chainrule_nats"] - result["mean_torch_nats"], 4
    )
    record(
        "gpt2-shakespeare",
        what=f"GPT-2 at nanoGPT's setting for a processor, {a.iterations} steps, chainrule compiled and torch eager in turn on "
        f"{cores()} cores: nats per character of the whole validation text at the end, by seed and on average; seconds of the "
        "training from its first step, compilation included, and chainrule's divided by torch's",
        seeds=a.seeds,
        result=result,
    )


if __name__ == "__main__":
    main()
