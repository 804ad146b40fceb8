"""Recipes `mnist-cnn` and `fashion-cnn`: convolutional networks name handwritten digits, and clothes.

Legend: B batch, C channels. Every choice here was made on the validation set; the test set is read
once, at the end of a run.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from ... import nn
from ...nn import functional as F
from ...tensors import Tensor
from .config import option
from .experiment import Experiment, Recipe
from .vision import VisionConfig, vision_experiment

__all__ = ["FASHION_CNN", "MNIST_CNN", "CnnConfig", "ConvNet", "build"]


@dataclass(frozen=True)
class CnnConfig(VisionConfig):
    """What `chainrule train mnist-cnn --set key=value` can change."""

    channels: tuple[int, int] = option((16, 32), "of the two convolutions", 1)
    hidden: int = option(128, "units of the hidden layer", 1)
    dropout: float = option(0.25, "before and after the hidden layer, in training", 0.0, 0.95)


class ConvNet(nn.Module):
    """Twice a 3×3 convolution, batch norm and a 2×2 maximum, then two linear layers: images (B, 1,
    28, 28) → logits (B, 10).
    """

    def __init__(self, channels: tuple[int, int], hidden: int, dropout: float):
        super().__init__()
        first, second = channels
        # no biases before a norm, which takes the mean away
        self.conv1 = nn.Conv2d(1, first, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(first)
        self.conv2 = nn.Conv2d(first, second, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(second)
        self.drop = nn.Dropout(dropout)
        self.hidden = nn.Linear(second * 7 * 7, hidden)
        self.out = nn.Linear(hidden, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Args: x, float (B, 1, 28, 28), 0 (ground) to 1 (ink). Returns logits (B, 10)."""
        B = x.shape[0]
        x = F.max_pool2d(F.relu(self.norm1(self.conv1(x))), 2)  # (B, first, 14, 14)
        x = F.max_pool2d(F.relu(self.norm2(self.conv2(x))), 2)  # (B, second, 7, 7)
        x = self.drop(x.reshape(B, -1))
        x = self.drop(F.relu(self.hidden(x)))  # (B, hidden)
        return self.out(x)


def build(config: CnnConfig, dataset: str) -> Experiment:
    """Data, network, optimizer and schedule of a configuration."""
    model = ConvNet(config.channels, config.hidden, config.dropout)
    return vision_experiment(config, dataset, model)


MNIST_CNN = Recipe(
    name="mnist-cnn",
    about="a convolutional network on 55,000 handwritten digits, 28×28 pixels",
    config=CnnConfig(epochs=5, shift=2),
    build=partial(build, dataset="mnist"),
)
FASHION_CNN = Recipe(
    name="fashion-cnn",
    about="a convolutional network on 55,000 pictures of clothes, 28×28 pixels",
    config=CnnConfig(epochs=10, channels=(24, 48), shift=1, average=0.99),
    build=partial(build, dataset="fashion_mnist"),
)
