"""A study of mistakes: what a good network on MNIST confuses, and the images it is most wrong about."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from study_training import PICTURES, small

import chainrule as cr
from chainrule.data import load_dataset
from chainrule.nn import functional as F
from chainrule.train.pictures import confusion_picture, mistakes_picture
from chainrule.train.recipes.cnn import ConvNet

SEEDS = (0,)
EPOCHS, BATCH, RATE = 3, 64, 2e-3


def errors() -> tuple[str, dict[str, Any]]:
    """The network of the recipe mnist-cnn for three epochs; the test set is read once."""
    data = load_dataset("mnist")
    images, labels = data.train.images, data.train.labels
    cr.manual_seed(SEEDS[0])
    model = ConvNet((16, 32), 128, 0.25)
    optimizer = cr.optim.AdamW(model.parameters(), lr=RATE)

    @cr.compile
    def step(x: cr.Tensor, y: cr.Tensor) -> cr.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    rng = np.random.default_rng(SEEDS[0])
    batches = len(labels) // BATCH
    for epoch in range(EPOCHS):
        order = rng.permutation(len(labels))
        for k in range(batches):
            share = (epoch * batches + k) / (EPOCHS * batches)
            optimizer.param_groups[0]["lr"] = RATE * 0.5 * (1 + math.cos(math.pi * share))
            batch = order[k * BATCH : (k + 1) * BATCH]
            step(cr.from_numpy(images[batch]), cr.from_numpy(labels[batch]))
    model.eval()
    x, y = data.test.images, data.test.labels
    with cr.no_grad():
        parts = [F.softmax(model(cr.from_numpy(x[k : k + 500])), 1).numpy() for k in range(0, len(y), 500)]  # fmt: skip
    p = np.concatenate(parts)
    said = p.argmax(axis=1)
    confusion = np.zeros((10, 10), np.int64)
    np.add.at(confusion, (y, said), 1)
    wrong = np.flatnonzero(said != y)
    names = [str(k) for k in range(10)]
    (PICTURES / "study-errors-confusion.png").write_bytes(confusion_picture(confusion, names))
    (PICTURES / "study-errors-worst.png").write_bytes(
        mistakes_picture(
            x[wrong, 0], [names[k] for k in y[wrong]], [names[k] for k in said[wrong]],
            p[wrong, said[wrong]].tolist(), len(y), most=24,
        )
    )  # fmt: skip
    for name in ("confusion", "worst"):
        small(PICTURES / f"study-errors-{name}.png")
    both = confusion + confusion.T
    np.fill_diagonal(both, 0)
    order = np.argsort(-np.triu(both).ravel(), kind="stable")
    first, second, third = (divmod(int(k), 10) for k in order[:3])
    shares = confusion.diagonal() / confusion.sum(axis=1)
    sure = p.max(axis=1) > 0.99
    return (
        "the network of the recipe mnist-cnn after three epochs on MNIST's 60,000 training images, on its 10,000 test images: per cent "
        "right, mistakes, the three pairs of digits most often confused (both directions), the digit read worst, how many answers were "
        "more than 99 % sure and how many of those were wrong, how often the second guess was right where the first was wrong",
        {
            "percent": round(100 * float((said == y).mean()), 2),
            "mistakes": len(wrong),
            "pairs": {
                name: {"digits": f"{a} and {b}", "count": int(both[a, b])}
                for name, (a, b) in zip(
                    ("first", "second", "third"), (first, second, third), strict=True
                )
            },
            "worst_digit": int(shares.argmin()),
            "worst_digit_percent": round(100 * float(shares.min()), 1),
            "sure": int(sure.sum()),
            "sure_and_wrong": int((sure & (said != y)).sum()),
            "second_guess_right_percent": round(
                100 * float((np.argsort(p[wrong], axis=1)[:, -2] == y[wrong]).mean())
            ),
        },
    )
