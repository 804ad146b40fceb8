"""Recipe `vit-cifar10`: a small Vision Transformer names what is in small photographs.

It is given the same images as `resnet-cifar10`, and nothing about images is built into it: that patches beside
each other belong together it has to learn, and 9,000 images are few for that. What it looks at can be seen.

Legend: B batch, T = 1 + N tokens, the class token and the patches, H heads. Every choice was made on the
validation set.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from ...models import ViTConfig, ViTForImageClassification
from ...nn import Module
from ...tensors import from_numpy, no_grad
from ..evaluation import Evaluation
from ..kinds.images import Images, drawn
from ..pictures import attended_picture
from .config import option
from .experiment import Experiment, Recipe
from .vision import VisionConfig, vision_experiment

__all__ = ["VIT_CIFAR10", "ViTCifarConfig", "build", "rollout"]

SHOWN = 16
CLASSES = 10


@dataclass(frozen=True)
class ViTCifarConfig(VisionConfig):
    """What `chainrule train vit-cifar10 --set key=value` can change."""

    epochs: int = option(30, "how often all training samples are seen", 1, 100_000)
    batch_size: int = option(64, "images per step", 1)
    learning_rate: float = option(1e-3, "of AdamW; after a rise it falls along a cosine to 0", 0.0)
    label_smoothing: float = option(0.1, "the share of a label spread over all", 0.0, 1.0)
    shift: int = option(4, "pixels by which training images move at most, each way", 0, 31)
    flip: bool = option(True, "whether half of the training images are mirrored")
    patch: int = option(4, "pixels of a patch, each way", 1, 32)
    width: int = option(128, "channels", 4)
    heads: int = option(4, "of the attention", 1)
    blocks: int = option(4, "layers of attention and a small network each", 1)
    wide: int = option(256, "units of the small networks", 1)
    dropout: float = option(0.0, "of what each layer adds, in training", 0.0, 0.95)


def rollout(attentions: list[np.ndarray]) -> np.ndarray:
    """How much of each patch has come into the class token, through all layers: half of a layer's
    output is its input, the other half is mixed as the mean of its heads says.

        R = Π over layers of (I + A) / 2        the row of the class token, patches alone, sum 1

    Args:
        attentions: of each layer, (B, H, T, T).

    Returns:
        (B, T − 1).

    Source: Abnar and Zuidema 2020, "Quantifying attention flow in transformers".

    >>> rollout([np.array([[[[0.5, 0.25, 0.25], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]]])]).tolist()
    [[0.5, 0.5]]
    """
    T = attentions[0].shape[-1]
    mixed = np.eye(T)
    for attention in attentions:
        mixed = (np.eye(T) + attention.mean(axis=1)) / 2 @ mixed  # (B, T, T)
    patches = mixed[:, 0, 1:]
    return patches / patches.sum(axis=1, keepdims=True)


@dataclass(frozen=True, eq=False)
class Attended(Images):
    """Images, and at which of their patches the model looks."""

    model: Module = field(kw_only=True)

    def pictures(self, test: Evaluation) -> dict[str, bytes]:
        """Those of all images, and the attention of some test images."""
        assert test.targets is not None
        images = self.test[:SHOWN]
        with no_grad():
            out = self.model.eval()(from_numpy(self.prepared(images)), output_attentions=True)
        weights = rollout([attention.numpy() for attention in out.attentions])  # (B, N)
        side = round(weights.shape[1] ** 0.5)
        attention = attended_picture(
            drawn(images),
            weights.reshape(-1, side, side),
            [self.classes[k] for k in test.targets[:SHOWN]],
            [self.classes[k] for k in test.predictions[:SHOWN]],
        )
        return {**super().pictures(test), "attention.png": attention}

    def card(self, test: Evaluation) -> str:
        """That of all images, and the attention."""
        return super().card(test) + "\n\n![what is looked at](attention.png)"


def build(config: ViTCifarConfig) -> Experiment:
    """Data, network, optimizer and schedule of a configuration."""
    sizes: dict[str, Any] = {
        "hidden_size": config.width,
        "num_hidden_layers": config.blocks,
        "num_attention_heads": config.heads,
        "intermediate_size": config.wide,
        "hidden_dropout_prob": config.dropout,
        "image_size": 32,
        "patch_size": config.patch,
        "id2label": {str(k): str(k) for k in range(CLASSES)},
    }
    model = ViTForImageClassification(ViTConfig(**sizes))
    return vision_experiment(
        config, "cifar10", model, standardized=True, kind=partial(Attended, model=model)
    )


VIT_CIFAR10 = Recipe(
    name="vit-cifar10",
    about="a small Vision Transformer on 9,000 photographs, 32×32 pixels in colour",
    config=ViTCifarConfig(),
    build=build,
)
