"""Three studies of the step: its path in a valley, how long it should be, also over time, and which method takes it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
from study_training import (
    BLUE,
    COLOURS,
    MUTED,
    PICTURES,
    digits,
    measure,
    mlp,
    picture,
    plain,
    small,
    smoothed,
    train,
)

import chainrule as cr
from chainrule.ladder.descent import gradient_descent, plot_descent

SEEDS = (0, 1, 2)
EPOCHS = 10
UNKNOWING = math.log(10)  # nats: ten classes, all alike


def start(seed: int) -> Any:
    """The network of these studies: 64, 64, 10."""
    cr.manual_seed(seed)
    return mlp(64, 64, 10)


def end(losses: list[float]) -> float:
    """The mean loss of the last epoch; one that is no better than knowing nothing counts as that."""
    last = float(np.mean(losses[-len(losses) // EPOCHS :]))
    return min(last, UNKNOWING) if math.isfinite(last) else UNKNOWING


# ------------------------------------------------------------------------------------------------------- paths in a valley

STEEP = 20.0  # curvature across the valley; along it, 1
WALKS = {  # what is written in the picture: learning rate, momentum
    "rate 0.02": (0.02, 0.0),
    "rate 0.09": (0.09, 0.0),
    "rate 0.02, momentum 0.8": (0.02, 0.8),
}


def descent() -> tuple[str, dict[str, Any]]:
    """Gradient descent of the ladder in a valley twenty times steeper across than along."""

    def valley(x: np.ndarray) -> float:
        return float(0.5 * (x[0] ** 2 + STEEP * x[1] ** 2))

    def slope(x: np.ndarray) -> np.ndarray:
        return np.array([x[0], STEEP * x[1]])

    result: dict[str, Any] = {"largest_rate": 2 / STEEP}
    paths = {}
    for name, (rate, momentum) in WALKS.items():
        path = gradient_descent(
            valley, np.array([-4.0, 0.8]), rate, 500, momentum=momentum, gradient=slope
        )
        near = [valley(x) < 1e-3 for x in path]
        steps = len(near) - near[::-1].index(False)  # from there on it stays near
        paths[f"{name}: {steps} steps"] = path[: steps + 1]
        result[name.replace("rate 0.", "rate_").replace(", momentum 0.8", "_momentum")] = steps
    beyond = gradient_descent(valley, np.array([-4.0, 0.8]), 2.02 / STEEP, 100, gradient=slope)
    result["beyond"] = round(valley(beyond[-1]), 1)
    file = PICTURES / "study-descent.png"
    plot_descent(valley, paths, str(file))
    small(file)
    return (
        "steps of gradient descent from (−4, 0.8) until f = (x² + 20 y²)/2 stays below 0.001; the largest rate that does not diverge; "
        "f after 100 steps at a rate one per cent larger (it was 14.4 at the start)",
        result,
    )


# ---------------------------------------------------------------------------------------------------- rates and schedules

RATES = [10 ** (k / 4) for k in range(-14, 7)]  # 0.0003 to 32
PEAK = 1.2  # near the largest that learns at all
SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda share: 1.0,
    "steps": lambda share: 0.1 ** int(3 * share),
    "linear": lambda share: 1 - share,
    "cosine": lambda share: 0.5 * (1 + math.cos(math.pi * share)),
    "warm-up, cosine": lambda share: share / 0.2 if share < 0.2 else 0.5 * (1 + math.cos(math.pi * (share - 0.2) / 0.8)),
}  # fmt: skip


def rates() -> tuple[str, dict[str, Any]]:
    """Plain SGD with rates over five powers of ten; then the same number of steps with rates that fall."""
    learn, other, _ = digits()
    swept: list[tuple[list[float], list[float]]] = []
    for rate in RATES:
        finals, rights = [], []
        for seed in SEEDS:
            model = start(seed)
            optimizer = cr.optim.SGD(model.parameters(), lr=rate)
            finals.append(end(train(model, optimizer, learn, epochs=EPOCHS, seed=seed)))
            rights.append(100 * measure(model, other)[1])
        swept.append((finals, rights))
    scheduled: dict[str, tuple[np.ndarray, list[float], list[float]]] = {}
    for name, schedule in SCHEDULES.items():
        runs, finals, rights = [], [], []
        for seed in SEEDS:
            model = start(seed)
            optimizer = cr.optim.SGD(model.parameters(), lr=PEAK)
            losses = train(model, optimizer, learn, epochs=EPOCHS, seed=seed, rate=schedule)
            runs.append(losses)
            finals.append(end(losses))
            rights.append(100 * measure(model, other)[1])
        scheduled[name] = np.mean(runs, axis=0), finals, rights

    means = [statistics.mean(finals) for finals, _ in swept]
    best = int(np.argmin(means))
    with picture("rates", 3) as (left, middle, right):
        for rate, (finals, _) in zip(RATES, swept, strict=True):
            left.plot([rate] * len(finals), finals, ".", color=BLUE, alpha=0.45)
        left.plot(RATES, means, color=BLUE)
        left.axhline(UNKNOWING, color=MUTED, linewidth=0.8, linestyle=":")
        left.text(RATES[0], UNKNOWING * 1.1, "nothing learned", color=MUTED)
        plain(left, x=True, y=True)
        left.set(
            xlabel="learning rate", ylabel="loss in epoch 10, nats", ylim=(None, UNKNOWING * 1.8)
        )
        left.set_title("A constant rate, three seeds")
        shares = np.linspace(0, 0.9999, 400)
        for k, (name, (losses, _, _)) in enumerate(scheduled.items()):
            middle.plot(
                EPOCHS * shares,
                [PEAK * SCHEDULES[name](float(s)) for s in shares],
                color=COLOURS[k],
                label=name,
            )
            smooth = smoothed(losses, 40)
            right.plot(np.linspace(1, EPOCHS, len(smooth)), smooth, color=COLOURS[k], label=name)
        middle.set(xlabel="epoch", ylabel="learning rate")
        middle.set_title(f"Schedules that begin at or rise to {PEAK:g}")
        plain(right, y=True)
        right.set(xlabel="epoch", ylabel="loss of the last 40 steps, nats")
        right.set_title("What they come to")
        right.legend()
    return (
        "plain SGD on the 1,257 training digits, 10 epochs of batches of 32: mean training loss of the last epoch in nats and per cent "
        "right on the 180 validation digits, means of three seeds; constant rates, and schedules with a largest rate of 1.2",
        {
            "best_rate": round(RATES[best], 3),
            "best_loss": round(means[best], 4),
            "best_percent": round(statistics.mean(swept[best][1]), 1),
            "largest_rate_that_learns": round(
                max(r for r, m in zip(RATES, means, strict=True) if m < 0.9 * UNKNOWING), 2
            ),
            "sweep": {
                f"{rate:.2g}".replace(".", "_"): round(mean, 4)
                for rate, mean in zip(RATES, means, strict=True)
            },
            "schedules": {
                name.replace(", ", "_").replace("-", "_"): {
                    "loss": round(statistics.mean(finals), 4),
                    "percent": round(statistics.mean(rights), 1),
                }
                for name, (_, finals, rights) in scheduled.items()
            },
        },
    )


# ------------------------------------------------------------------------------------------------------------- optimizers

METHODS: dict[str, Callable[[Any, float], Any]] = {
    "SGD": lambda p, lr: cr.optim.SGD(p, lr=lr),
    "momentum": lambda p, lr: cr.optim.SGD(p, lr=lr, momentum=0.9),
    "Nesterov": lambda p, lr: cr.optim.SGD(p, lr=lr, momentum=0.9, nesterov=True),
    "Adagrad": lambda p, lr: cr.optim.Adagrad(p, lr=lr),
    "RMSprop": lambda p, lr: cr.optim.RMSprop(p, lr=lr),
    "Adam": lambda p, lr: cr.optim.Adam(p, lr=lr),
    "AdamW": lambda p, lr: cr.optim.AdamW(p, lr=lr),
    "Lion": lambda p, lr: cr.optim.Lion(p, lr=lr),
}
GRID = [10 ** (k / 2) for k in range(-8, 2)]  # 0.0001 to 3


def optimizers() -> tuple[str, dict[str, Any]]:
    """Eight methods over ten rates."""
    learn, other, _ = digits()
    found: dict[str, list[tuple[float, np.ndarray, float]]] = {}
    for name, make in METHODS.items():
        found[name] = []
        for rate in GRID:
            runs, rights = [], []
            for seed in SEEDS:
                model = start(seed)
                runs.append(
                    train(model, make(model.parameters(), rate), learn, epochs=EPOCHS, seed=seed)
                )
                rights.append(100 * measure(model, other)[1])
            mean = statistics.mean(end(losses) for losses in runs)
            found[name].append((mean, np.mean(runs, axis=0), statistics.mean(rights)))
    best = {name: int(np.argmin([mean for mean, _, _ in rows])) for name, rows in found.items()}
    with picture("optimizers", 2, width=5.4, height=4) as (left, right):
        for k, (name, rows) in enumerate(found.items()):
            curve = smoothed(rows[best[name]][1], 40)
            label = f"{name}, {GRID[best[name]]:.1g}"
            left.plot(np.linspace(1, EPOCHS, len(curve)), curve, color=COLOURS[k], label=label)
            right.plot(GRID, [mean for mean, _, _ in rows], ".-", color=COLOURS[k], label=name)
        plain(left, y=True)
        left.set(xlabel="epoch", ylabel="loss of the last 40 steps, nats")
        left.set_title("Each at its best rate")
        left.legend(ncols=2)
        plain(right, x=True, y=True)
        right.axhline(UNKNOWING, color=MUTED, linewidth=0.8, linestyle=":")
        right.set(xlabel="learning rate", ylabel="loss in epoch 10, nats")
        right.set_title("How much the rate matters")

    def row(name: str) -> dict[str, Any]:
        mean, _, percent = found[name][best[name]]
        near = sum(m < 2 * mean for m, _, _ in found[name])
        return {
            "rate": round(GRID[best[name]], 5),
            "loss": round(mean, 4),
            "percent": round(percent, 1),
            "rates_within_twice_the_loss": near,
        }

    return (
        "eight methods on the 1,257 training digits, 10 epochs of batches of 32, each at the best of ten rates from 0.0001 to 3.2: mean "
        "training loss of the last epoch in nats, per cent right on the 180 validation digits, means of three seeds; and how many of "
        "the rates give at most twice that loss",
        {name.lower(): row(name) for name in METHODS},
    )
