"""Two studies of what is learned beyond the examples: underfit, fit and overfit; and what helps against the last."""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np
from study_training import (
    BLUE,
    COLOURS,
    INK,
    MUTED,
    ORANGE,
    Pixels,
    digits,
    measure,
    mlp,
    picture,
    plain,
    shifted,
    train,
)

import chainrule as cr
from chainrule import nn

SEEDS = (0, 1, 2, 3, 4)


def few(count: int) -> tuple[Pixels, Pixels]:
    """`count` digits to learn from, and all others (nothing is decided with them)."""
    parts = digits()
    images, labels = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    order = np.random.default_rng(0).permutation(len(labels))
    learn, other = order[:count], order[count:]
    return (images[learn], labels[learn]), (images[other], labels[other])


# ------------------------------------------------------------------------------------------------- underfit, fit, overfit

EXAMPLES, WRONG, EPOCHS = 150, 30, 120
HIDDEN = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SHOWN = (2, 256)


def mislabelled(data: Pixels) -> Pixels:
    """The same with the first `WRONG` labels replaced by another class each: there is something that should not be learned."""
    images, labels = data
    labels = labels.copy()
    labels[:WRONG] = (labels[:WRONG] + np.random.default_rng(1).integers(1, 10, WRONG)) % 10
    return images, labels


def fitting() -> tuple[str, dict[str, Any]]:
    """Hidden layers of 1 to 256 on 150 digits, of which 30 are labelled wrongly."""
    clean, other = few(EXAMPLES)
    learn = mislabelled(clean)
    curves = {}  # hidden: (seeds, epochs, 4), loss and accuracy on what is learned, then on others
    for hidden in HIDDEN:
        runs = []
        for seed in SEEDS[:3]:
            cr.manual_seed(seed)
            model = mlp(64, hidden, 10)
            rows: list[tuple[float, ...]] = []
            train(
                model, cr.optim.Adam(model.parameters(), lr=0.01), learn, epochs=EPOCHS, seed=seed,
                after_epoch=lambda _, m=model, r=rows: r.append((*measure(m, learn), *measure(m, other))),
            )  # fmt: skip
            runs.append(rows)
        curves[hidden] = np.mean(runs, axis=0)  # (epochs, 4)
    best = {h: int(curves[h][:, 2].argmin()) for h in HIDDEN}  # where the loss on others is least
    with picture("fit", 3) as panels:
        for axes, hidden in zip(panels, SHOWN, strict=False):
            epochs = np.arange(1, EPOCHS + 1)
            axes.plot(epochs, curves[hidden][:, 0], color=BLUE, label="the 150 it learns from")
            axes.plot(epochs, curves[hidden][:, 2], color=ORANGE, label="all others")
            axes.axhline(np.log(10), color=MUTED, linewidth=0.8, linestyle=":")
            axes.set(xlabel="epoch", ylabel="loss, nats", ylim=(0, 2.6))
            axes.set_title(f"{hidden} hidden units: {'underfit' if hidden == 2 else 'overfit'}")
        low = best[SHOWN[1]]
        at = (low + 1, curves[SHOWN[1]][low, 2])
        panels[1].plot(*at, "o", color=INK, markersize=5)
        panels[1].annotate(
            "fit: stop here", at, (low + 14, 0.3), arrowprops={"arrowstyle": "-", "color": INK}
        )
        panels[0].legend(loc="lower left")
        axes = panels[2]
        lines = (
            ("learned from", BLUE, "-", [curves[h][-1, 1] for h in HIDDEN]),
            ("others, at the end", ORANGE, "-", [curves[h][-1, 3] for h in HIDDEN]),
            ("others, stopped in time", ORANGE, "--", [curves[h][best[h], 3] for h in HIDDEN]),
        )
        for label, colour, style, values in lines:
            axes.plot(HIDDEN, 100 * np.array(values), style, marker=".", color=colour, label=label)
        axes.axhline(
            100 * (1 - WRONG / EXAMPLES), color=MUTED, linewidth=0.8, linestyle=":"
        )  # all but the wrong labels
        plain(axes, x=True)
        axes.set_xticks(HIDDEN, [str(h) for h in HIDDEN])
        axes.set(xlabel="hidden units", ylabel="per cent right", ylim=(0, 103))
        axes.set_title("The same for every size")
        axes.legend(loc="lower right")

    def row(hidden: int) -> dict[str, Any]:
        end, stop = curves[hidden][-1], curves[hidden][best[hidden]]
        return {
            "learned_percent": round(100 * end[1], 1),
            "others_percent": round(100 * end[3], 1),
            "others_loss": round(end[2], 2),
            "stopped_epoch": best[hidden] + 1,
            "stopped_percent": round(100 * stop[3], 1),
            "stopped_loss": round(stop[2], 2),
        }

    return (
        "per cent right on 150 digits, 30 of them labelled wrongly, and on the other 1,647; loss in nats; after 120 epochs and at the "
        "epoch of the least loss on others; means of three seeds, by number of hidden units",
        {str(h): row(h) for h in HIDDEN},
    )


# ----------------------------------------------------------------------------------------------------- against overfitting

METHODS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "L2": {"decay": 0.003},
    "dropout": {"after": lambda size: [nn.Dropout(0.3)]},
    "batch norm": {"after": lambda size: [nn.BatchNorm1d(size)]},
    "augmentation": {"augment": shifted},
    "all four": {"decay": 0.003, "after": lambda size: [nn.BatchNorm1d(size), nn.Dropout(0.3)], "augment": shifted},
}  # fmt: skip
LEARNED, ROUNDS, EVERY = 200, 100, 2


def helping() -> tuple[str, dict[str, Any]]:
    """A network of 64, 128, 128, 10 on 200 digits, with each of four remedies and with all."""
    learn, other = few(LEARNED)
    finals: dict[str, list[float]] = {}
    curves: dict[str, np.ndarray] = {}
    learned: dict[str, float] = {}
    for name, method in METHODS.items():
        runs, finals[name] = [], []
        for seed in SEEDS:
            cr.manual_seed(seed)
            model = mlp(64, 128, 128, 10, after=method.get("after"))
            optimizer = cr.optim.SGD(
                model.parameters(), lr=0.1, momentum=0.9, weight_decay=method.get("decay", 0.0)
            )
            rows: list[float] = []
            train(
                model, optimizer, learn, epochs=ROUNDS, batch_size=50, seed=seed, augment=method.get("augment"),
                after_epoch=lambda e, m=model, r=rows: e % EVERY or r.append(measure(m, other)[0]),
            )  # fmt: skip
            runs.append(rows)
            finals[name].append(100 * measure(model, other)[1])
            learned[name] = 100 * measure(model, learn)[1]
        curves[name] = np.mean(runs, axis=0)
    with picture("regularization", 2, width=5) as (left, right):
        for k, (name, values) in enumerate(finals.items()):
            left.plot(values, [k] * len(values), "o", color=COLOURS[k], alpha=0.45, markersize=5)
            left.plot([statistics.mean(values)] * 2, [k - 0.3, k + 0.3], color=COLOURS[k])
            right.plot(range(EVERY, ROUNDS + 1, EVERY), curves[name], color=COLOURS[k], label=name)
        left.set_yticks(range(len(finals)), list(finals))
        left.invert_yaxis()
        left.set(xlabel="per cent right on 1,597 others")
        left.set_title("Five seeds and their mean")
        right.set(xlabel="epoch", ylabel="loss on others, nats", ylim=(0, 0.8))
        right.set_title("Loss on what was not learned from")
        right.legend(ncols=2)
    return (
        "per cent right on 1,597 digits after learning from 200 others: mean, least and greatest of five seeds; loss on them in nats, "
        "mean; per cent right on the 200 themselves",
        {
            name.replace(" ", "_"): {
                "mean": round(statistics.mean(values), 1),
                "least": round(min(values), 1),
                "greatest": round(max(values), 1),
                "loss": round(float(curves[name][-1]), 3),
                "learned_percent": round(learned[name], 1),
            }
            for name, values in finals.items()
        },
    )
