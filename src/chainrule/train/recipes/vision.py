"""What the recipes about grey 28×28 images share: their configuration, and everything but the network.

Legend: B batch, C classes. The split is that of `chainrule.data.load_dataset`: 55,000 images to train,
5,000 to decide, 10,000 for the test, which is read once, at the end of a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...data import Augmented, DataLoader, RandomShift, TensorDataset, load_dataset
from ...data.counter import SPLIT, permutation
from ...nn import Module
from ...optim import EMA, AdamW
from ...optim.lr_scheduler import WarmupCosineLR
from ...tensors import Generator
from ..images import Images
from ..tasks import Classification
from .config import RunConfig, option
from .experiment import DataFacts, Experiment, commonest_class, decayed

__all__ = ["VisionConfig", "vision_experiment"]

SIDE = 28  # pixels


@dataclass(frozen=True)
class VisionConfig(RunConfig):
    """What can be changed in every recipe about images."""

    batch_size: int = option(128, "images per step", 1)
    learning_rate: float = option(2e-3, "of AdamW; after a rise it falls along a cosine to 0", 0.0)
    warmup: float = option(0.1, "the share of the steps in which the rate rises", 0.0, 0.9)
    weight_decay: float = option(0.05, "of AdamW, on weights but not on biases", 0.0)
    label_smoothing: float = option(0.0, "the share of a label spread over all", 0.0, 1.0)
    shift: int = option(0, "pixels by which training images move at most, each way", 0, SIDE - 1)
    average: float = option(0.0, "decay of the weights' moving average; 0: none", 0.0, 0.99999)
    data_dir: str = option("", "the folder of the data sets, instead of CHAINRULE_DATA")


def vision_experiment(
    config: VisionConfig,
    dataset: str,
    model: Module,
    *,
    classes: Sequence[int] | None = None,
    train_images: int | None = None,
) -> Experiment:
    """Data, task, optimizer and schedule around a network.

    Args:
        config: the recipe's.
        dataset: "mnist" or "fashion_mnist".
        model: images (B, 1, 28, 28) → logits (B, C).
        classes: only images of these, which become 0, 1, …; None: all ten.
        train_images: learn from so many, the same always; None: from all.
    """
    loaded = load_dataset(dataset, config.data_dir or None)
    chosen = list(range(len(loaded.classes))) if classes is None else list(classes)
    parts = {}
    for name in ("train", "validation", "test"):
        part = getattr(loaded, name)
        kept = np.flatnonzero(np.isin(part.labels, chosen))
        if name == "train" and train_images is not None:
            order = permutation(len(kept), seed=0, stream=SPLIT)
            kept = np.sort(kept[order[:train_images]])
        places = np.searchsorted(chosen, part.labels[kept])
        parts[name] = (part.pixels[kept] / np.float32(part.top), places)  # (N, 1, 28, 28), (N,)

    train = TensorDataset(*parts["train"])
    shifted = Augmented(train, RandomShift(config.shift, config.seed)) if config.shift else train
    order = Generator().manual_seed(config.seed)
    train_loader = DataLoader(shifted, config.batch_size, shuffle=True, generator=order)
    optimizer = AdamW(decayed(model, config.weight_decay), lr=config.learning_rate)
    steps = config.epochs * len(train_loader)
    return Experiment(
        model=model,
        optimizer=optimizer,
        scheduler=WarmupCosineLR(optimizer, int(config.warmup * steps), steps),
        train_loader=train_loader,
        validation_loader=DataLoader(TensorDataset(*parts["validation"]), batch_size=500),
        test_loader=DataLoader(TensorDataset(*parts["test"]), batch_size=500),
        epochs=config.epochs,
        task=Classification(label_smoothing=config.label_smoothing),
        kind=Images(
            classes=tuple(loaded.classes[c] for c in chosen),
            size=(SIDE, SIDE),
            test=parts["test"][0][:, 0],
            train=shifted,
        ),
        data=DataFacts(
            name=loaded.record.title,
            source=loaded.record.source,
            licence=loaded.record.licence,
            sha256=loaded.sha256,
            sizes={name: len(labels) for name, (_, labels) in parts.items()},
            split="fixed, independent of the seed; validation from the published training set, "
            "the published test set as it is",
            limits=loaded.record.limits,
        ),
        baseline=commonest_class(parts["train"][1], parts["test"][1]),
        average=EMA(model, config.average, warmup=True) if config.average else None,
    )
