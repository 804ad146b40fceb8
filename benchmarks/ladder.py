"""What the rungs of the ladder learn on real data, and what a batch is worth.

    python benchmarks/ladder.py loops       a layer as loops against one product; a convolution likewise
    python benchmarks/ladder.py mnist       `network` on the digits 0 to 4 and on all ten, a CNN of `layers` on all ten
    python benchmarks/ladder.py names       `lm`: six language models on names, from counting pairs to a transformer

Each part writes evidence/ladder-PART.json. Data are looked for where CHAINRULE_DATA says. What is trained is trained with three
seeds; the test set is read once per run, at its end. Seconds are the processor's, of one thread (set OMP_NUM_THREADS=1).
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from pairs import in_turn, seconds_per_call
from record import record

from chainrule.data import load_dataset
from chainrule.ladder import lm
from chainrule.ladder.layers import (
    SGD,
    Conv2D,
    Dense,
    Flatten,
    MaxPool2D,
    ReLU,
    Sequential,
    SoftmaxCrossEntropy,
    accuracy,
    cosine,
    fit,
)
from chainrule.ladder.linalg import dense_batched, dense_loops
from chainrule.ladder.network import Network

SEEDS = (0, 1, 2)
ROUNDS = 7


# ---------------------------------------------------------------------------------------------------------------- loops


def loops() -> None:
    """The same numbers twice, and how much longer the loops take."""
    rng = np.random.default_rng(0)
    x, weight, bias = rng.normal(size=(64, 64)), rng.normal(size=(64, 64)), rng.normal(size=64)
    images = rng.normal(size=(8, 3, 16, 16))
    by_loops, by_rows = (Conv2D(3, 8, 3, padding=1, method=m) for m in ("loops", "im2col"))
    pairs = {
        "dense": (
            lambda: dense_loops(x, weight, bias),
            lambda: dense_batched(x, weight, bias),
            3000,
        ),
        "convolution": (lambda: by_loops.forward(images), lambda: by_rows.forward(images), 50),
    }
    result: dict[str, Any] = {}
    for name, (slow, fast, calls) in pairs.items():
        pair = in_turn(seconds_per_call(slow, 1), seconds_per_call(fast, calls), ROUNDS)
        result[name] = {
            "ratio": round(pair.ratio),
            "quartiles": [round(x) for x in pair.spread],
            "largest_difference": float(np.abs(slow() - fast()).max()),
        }
    record(
        "ladder-loops",
        what="how many times longer a dense layer (64 examples, 64 inputs, 64 outputs) and a convolution (8 images of "
        "3 × 16 × 16, 8 kernels of 3 × 3) take as Python loops than as one matrix product; the largest difference of results",
        seeds=(),
        result=result,
    )


# ---------------------------------------------------------------------------------------------------------------- mnist


def digits_below(classes: int) -> list[np.ndarray]:
    """Rows of pixels and labels, for training and for the test."""
    data = load_dataset("mnist")
    found = []
    for part in (data.train, data.test):
        few = part.labels < classes
        found += [part.images.reshape(len(few), -1)[few], part.labels[few]]
    return found


def network(classes: int, epochs: int) -> Callable[[int], float]:
    """One hidden layer of 128, Adam."""
    x, y, x_test, y_test = digits_below(classes)

    def run(seed: int) -> float:
        model = Network([784, 128, classes], seed=seed, dtype=np.float32)
        model.train(x, y, 0.002, epochs, 128, optimizer="adam")
        return float((model.predict(x_test) == y_test).mean())

    return run


def cnn() -> Callable[[int], float]:
    """Two convolutions, two dense layers, SGD with momentum, three epochs."""
    x, y, x_test, y_test = digits_below(10)
    x, x_test = (v.reshape(-1, 1, 28, 28).astype(np.float32) for v in (x, x_test))
    epochs, batch = 3, 64

    def run(seed: int) -> float:
        seeds = iter(range(10 * seed, 10 * seed + 10))
        layers = [
            Conv2D(1, 8, 5, stride=2, padding=2, seed=next(seeds), dtype=np.float32),
            ReLU(),
            Conv2D(8, 16, 3, padding=1, seed=next(seeds), dtype=np.float32),
            ReLU(),
            MaxPool2D(2),
            Flatten(),
            Dense(16 * 7 * 7, 64, seed=next(seeds), dtype=np.float32),
            ReLU(),
            Dense(64, 10, seed=next(seeds), dtype=np.float32),
        ]
        model = Sequential(layers)
        steps = epochs * -(-len(x) // batch)
        fit(
            model, SoftmaxCrossEntropy(), SGD(model, 0.05, momentum=0.9, l2=1e-4), x, y,
            epochs=epochs, batch_size=batch, seed=seed, schedule=lambda n: cosine(0.05, n, steps=steps, warmup=100),
        )  # fmt: skip
        return accuracy(model, x_test, y_test)

    return run


def mnist() -> None:
    """Accuracies on MNIST's own test set."""
    makers = {
        "network_0to4": lambda: network(5, 4),
        "network": lambda: network(10, 6),
        "layers_cnn": cnn,
    }
    result = {}
    for name, make in makers.items():
        run, values, seconds = make(), [], []
        for seed in SEEDS:
            start = time.process_time()
            values.append(round(100 * run(seed), 2))
            seconds.append(round(time.process_time() - start, 1))
        result[name] = {
            "mean": round(statistics.mean(values), 2),
            "worst": min(values),
            "values": values,
            "longest_seconds": max(seconds),
        }
        print(name, result[name], flush=True)
    record(
        "ladder-mnist",
        what="percent right on MNIST's test set: ladder.network (784, 128, K) on the digits 0 to 4 (4 epochs) and on all ten (6 epochs), "
        "and a CNN of ladder.layers on all ten (3 epochs); processor seconds of the longest run, one thread",
        seeds=SEEDS,
        result=result,
    )


# ---------------------------------------------------------------------------------------------------------------- names

MODELS: dict[str, tuple[Callable[..., lm.LanguageModel], int, float]] = {
    "bigram_network": (lm.bigram_network, 5, 0.05),  # model, epochs, largest learning rate
    "mlp": (lm.mlp, 6, 0.01),
    "mlp_batch_norm": (lm.mlp_batch_norm, 6, 0.01),
    "wavenet": (lm.wavenet, 5, 0.01),
    "gru": (lm.gru, 5, 0.01),
    "transformer": (lm.transformer, 5, 0.005),
}


def names() -> None:
    """Nats per character on the test names."""
    data = load_dataset("names")
    alphabet = lm.Alphabet(data.train.lines)
    train, test = alphabet.encode(data.train.lines), alphabet.encode(data.test.lines)
    known = {*data.train.lines}
    counts = lm.BigramCounts(alphabet.symbols).count(*train)
    chance = lm.nats(lm.BigramCounts(alphabet.symbols), *test)  # no pair counted: all symbols alike
    result: dict[str, Any] = {
        "nothing_known": round(chance, 3),
        "bigram_counts": {
            "mean": round(lm.nats(counts, *test), 4),
            "samples": ", ".join(lm.made_up(counts, alphabet, 10, seed=1)),
        },
    }
    for name, (make, epochs, lr) in MODELS.items():
        values, seconds = [], []
        for seed in SEEDS:
            start = time.process_time()
            model = make(alphabet.symbols, seed=seed, dtype=np.float32)
            lm.fit(model, *train, epochs=epochs, lr=lr, seed=seed)
            seconds.append(round(time.process_time() - start, 1))
            values.append(round(lm.nats(model, *test), 4))
        made = lm.made_up(model, alphabet, 500, seed=1)
        result[name] = {
            "mean": round(statistics.mean(values), 4),
            "worst": max(values),
            "values": values,
            "parameters": model.size(),
            "epochs": epochs,
            "longest_seconds": max(seconds),
            "samples": ", ".join(made[:10]),
            "new_percent": round(100 * sum(word not in known for word in made) / len(made)),
        }
        print(name, result[name], flush=True)
    record(
        "ladder-names",
        what="nats per character (the closing edge counted as one) on names held out, for the language models of ladder.lm, trained "
        "on 25,631 names: mean and values of three seeds; processor seconds of the longest training, one thread; ten names made up, "
        "and percent of 500 that are not in the training names",
        seeds=SEEDS,
        result=result,
    )


PARTS = {"loops": loops, "mnist": mnist, "names": names}


def main() -> None:
    """Measure one part and write its evidence."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("part", choices=list(PARTS))
    PARTS[parser.parse_args().part]()


if __name__ == "__main__":
    main()
