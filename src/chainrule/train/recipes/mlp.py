"""Recipes `mnist-0to4`, `mnist-mlp`, `mnist-1000`: fully connected networks read handwritten digits.

Legend: B batch. Every choice here was made on the validation set; the test set is read once, at the
end of a run.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from ... import nn
from .config import option
from .experiment import Experiment, Recipe
from .vision import SIDE, VisionConfig, vision_experiment

__all__ = ["MNIST_0TO4", "MNIST_1000", "MNIST_MLP", "MlpConfig", "build", "network"]


@dataclass(frozen=True)
class MlpConfig(VisionConfig):
    """What `chainrule train mnist-mlp --set key=value` can change."""

    hidden: tuple[int, ...] = option((256, 128), "units of the hidden layers", 1)
    dropout: float = option(0.0, "of hidden units, in training", 0.0, 0.95)


def network(hidden: tuple[int, ...], classes: int, dropout: float) -> nn.Sequential:
    """Images (B, 1, 28, 28) → logits (B, classes): linear layers with ReLU and dropout between."""
    layers: list[nn.Module] = [nn.Flatten()]
    size = SIDE * SIDE
    for units in hidden:
        layers += [nn.Linear(size, units), nn.ReLU(), nn.Dropout(dropout)]
        size = units
    return nn.Sequential(*layers, nn.Linear(size, classes))


def build(
    config: MlpConfig, classes: tuple[int, ...] | None = None, train_images: int | None = None
) -> Experiment:
    """Data, network, optimizer and schedule of a configuration."""
    model = network(config.hidden, 10 if classes is None else len(classes), config.dropout)
    return vision_experiment(config, "mnist", model, classes=classes, train_images=train_images)


MNIST_0TO4 = Recipe(
    name="mnist-0to4",
    about="a two-layer network on the handwritten digits 0 to 4, 28×28 pixels",
    config=MlpConfig(epochs=8, hidden=(128,), shift=1),
    build=partial(build, classes=(0, 1, 2, 3, 4)),
)
MNIST_MLP = Recipe(
    name="mnist-mlp",
    about="a fully connected network on 55,000 handwritten digits, 28×28 pixels",
    config=MlpConfig(epochs=10, dropout=0.1, shift=1),
    build=build,
)
MNIST_1000 = Recipe(
    name="mnist-1000",
    about="a fully connected network that sees only 1,000 handwritten digits, 28×28 pixels",
    config=MlpConfig(epochs=50, batch_size=50, dropout=0.2, shift=2, checkpoint_every=10),
    build=partial(build, train_images=1000),
)
