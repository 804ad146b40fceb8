"""Recipe `resnet-cifar10`: a residual network of 20 layers names what is in small photographs.

Stochastic gradient descent with Nesterov's momentum, a rate that rises and then falls along a cosine,
images that move by up to four pixels and are mirrored: the network and the augmentation are those of He
et al. 2016, section 4.2, the schedule is shorter. Every choice was made on the validation set.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...models import CifarResNet
from ...optim import SGD
from .config import option
from .experiment import Experiment, Recipe, decayed
from .vision import VisionConfig, vision_experiment

__all__ = ["RESNET_CIFAR10", "ResNetCifarConfig", "build"]


@dataclass(frozen=True)
class ResNetCifarConfig(VisionConfig):
    """What `chainrule train resnet-cifar10 --set key=value` can change."""

    epochs: int = option(30, "how often all training samples are seen", 1, 100_000)
    batch_size: int = option(64, "images per step", 1)
    learning_rate: float = option(0.1, "of SGD; after a rise it falls along a cosine to 0", 0.0)
    warmup: float = option(0.15, "the share of the steps in which the rate rises", 0.0, 0.9)
    weight_decay: float = option(5e-4, "of SGD, on weights but not on biases", 0.0)
    momentum: float = option(0.9, "what remains of the velocity from step to step", 1e-6, 0.9999)
    shift: int = option(4, "pixels by which training images move at most, each way", 0, 31)
    flip: bool = option(True, "whether half of the training images are mirrored")
    layers: int = option(20, "of the network, 6n + 2", 8)


def build(config: ResNetCifarConfig) -> Experiment:
    """Data, network, optimizer and schedule of a configuration."""
    model = CifarResNet(config.layers)
    optimizer = SGD(
        decayed(model, config.weight_decay),
        lr=config.learning_rate,
        momentum=config.momentum,
        nesterov=True,
    )
    return vision_experiment(config, "cifar10", model, standardized=True, optimizer=optimizer)


RESNET_CIFAR10 = Recipe(
    name="resnet-cifar10",
    about="a residual network of 20 layers on 9,000 photographs, 32×32 pixels in colour",
    config=ResNetCifarConfig(),
    build=build,
)
