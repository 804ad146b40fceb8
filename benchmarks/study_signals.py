"""A study of depth: what becomes of signals on the way up and of gradients on the way down, before anything is learned."""

from __future__ import annotations

import copy
import math
import statistics
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from study_training import COLOURS, MUTED, digits, picture, smoothed, train

import chainrule as cr
from chainrule import nn
from chainrule.nn import functional as F

SEEDS = (0, 1, 2)
DEPTH, WIDTH, EPOCHS = 20, 64, 10


class Case(NamedTuple):
    """One way to begin: the activation, and the standard deviation of weights as a multiple of 1/√inputs."""

    activation: Callable[[], nn.Module]
    gain: float


CASES = {
    "tanh, weights too small": Case(nn.Tanh, 0.3),
    "tanh, weights too large": Case(nn.Tanh, 4.0),
    "tanh, Xavier": Case(nn.Tanh, 1.0),
    "sigmoid, Xavier": Case(nn.Sigmoid, 1.0),
    "ReLU, Xavier": Case(nn.ReLU, 1.0),
    "ReLU, He": Case(nn.ReLU, math.sqrt(2)),
    "ReLU, too large": Case(nn.ReLU, 3.0),
}


def deep(case: Case, seed: int) -> nn.Sequential:
    """`DEPTH` hidden layers of `WIDTH`, and a linear one to the ten classes."""
    cr.manual_seed(seed)
    layers: list[nn.Module] = [nn.Flatten()]
    for k in range(DEPTH + 1):
        inputs, outputs = (64 if k == 0 else WIDTH), (10 if k == DEPTH else WIDTH)
        linear = nn.Linear(inputs, outputs)
        nn.init.normal_(linear.weight, 0.0, case.gain / math.sqrt(inputs))
        nn.init.zeros_(linear.bias)
        layers.append(linear)
        if k < DEPTH:
            layers.append(case.activation())
    return nn.Sequential(*layers)


def seen(model: nn.Sequential, images: np.ndarray, labels: np.ndarray) -> tuple[list, list]:
    """For each hidden layer, the standard deviation of its activations over the batch, and the norm of the gradient by its weights."""
    model = copy.deepcopy(model).double()  # float32 would end where its rounding begins
    x, spreads = cr.from_numpy(images.astype(np.float64)), []
    for layer in model:
        x = layer(x)
        if not isinstance(layer, nn.Linear | nn.Flatten):
            spreads.append(float(x.detach().numpy().std(axis=0).mean()))  # over examples, not units
    F.cross_entropy(x, cr.from_numpy(labels)).backward()
    linears = [layer for layer in model if isinstance(layer, nn.Linear)]
    return spreads, [float(np.linalg.norm(layer.weight.grad.numpy())) for layer in linears[:-1]]


def signals() -> tuple[str, dict[str, Any]]:
    """Twenty hidden layers, seven ways to begin."""
    learn, _, _ = digits()
    mean, std = learn[0].mean(), learn[0].std()
    images = ((learn[0] - mean) / std).astype(
        np.float32
    )  # mean 0, variance 1: what the rules assume
    result: dict[str, Any] = {}
    with picture("signals", 3, height=4) as (left, middle, right):
        depths = np.arange(1, DEPTH + 1)
        for colour, (name, case) in zip(COLOURS, CASES.items(), strict=False):
            spreads, norms, runs = [], [], []
            for seed in SEEDS:
                model = deep(case, seed)
                spread, norm = seen(model, images[:256], learn[1][:256])
                spreads.append(spread)
                norms.append(norm)
                optimizer = cr.optim.SGD(model.parameters(), lr=0.005, momentum=0.9)
                losses = train(model, optimizer, (images, learn[1]), epochs=EPOCHS, seed=seed)
                runs.append(np.minimum(losses, 10.0))  # so that one that explodes can be drawn
            spread, norm, curve = (np.mean(v, axis=0) for v in (spreads, norms, runs))
            left.plot(depths, spread, color=colour, label=name)
            middle.plot(depths, norm, color=colour)
            smooth = smoothed(curve, 20)
            right.plot(np.linspace(0, EPOCHS, len(smooth)), smooth, color=colour)
            key = name.replace(",", "").replace(" ", "_").lower()
            result[key] = {
                "spread_last": float(f"{spread[-1]:.2g}"),
                "gradient_first": float(f"{norm[0]:.2g}"),
                "gradient_last": float(f"{norm[-1]:.2g}"),
                "loss": round(statistics.mean(float(r[-40:].mean()) for r in runs), 3),
            }
        for axes in (left, middle):
            axes.set_yscale("log")
            axes.minorticks_off()
            axes.set_xticks([1, 5, 10, 15, 20])
        left.set(xlabel="layer", ylabel="standard deviation over examples")
        left.set_title("Up: signals")
        middle.set(xlabel="layer", ylabel="norm of ∂L/∂W")
        middle.set_title("Down (from right to left): gradients")
        right.axhline(math.log(10), color=MUTED, linewidth=0.8, linestyle=":")
        right.set(xlabel="epoch", ylabel="loss, nats", ylim=(0, 4))
        right.set_title("What can be learned then")
        left.get_figure().legend(loc="outside lower center", ncols=4)
    return (
        "a network of 20 hidden layers of 64 on the digits, before training, in float64: standard deviation over examples of the last "
        "layer's activations, norm of the gradient by the first and by the last hidden layer's weights; and the training loss in nats at "
        "the end of 10 epochs of SGD (rate 0.005, momentum 0.9, float32; losses cut at 10); means of three seeds",
        result,
    )
