"""What the recipes about images share: their configuration, and everything but the network.

Legend: B batch, C channels. The split is that of `chainrule.data.load_dataset`: of MNIST and its like
55,000 images to train, 5,000 to decide, 10,000 for the test; of a tenth of CIFAR-10 9,000, 1,000 and
2,000. The test is read once, at the end of a run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...data import Augmented, DataLoader, RandomShift, TensorDataset, load_dataset
from ...data.counter import SPLIT, permutation
from ...data.transforms import Compose, RandomHorizontalFlip, Transform
from ...nn import Module
from ...optim import EMA, AdamW, Optimizer
from ...optim.lr_scheduler import WarmupCosineLR
from ...tensors import Generator
from ..kinds.images import Images
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
    flip: bool = option(False, "whether half of the training images are mirrored")
    average: float = option(0.0, "decay of the weights' moving average; 0: none", 0.0, 0.99999)
    data_dir: str = option("", "the folder of the data sets, instead of CHAINRULE_DATA")


def vision_experiment(
    config: VisionConfig,
    dataset: str,
    model: Module,
    *,
    classes: Sequence[int] | None = None,
    train_images: int | None = None,
    standardized: bool = False,
    optimizer: Optimizer | None = None,
    kind: Callable[..., Images] = Images,
) -> Experiment:
    """Data, task, optimizer and schedule around a network.

    Args:
        config: the recipe's.
        dataset: "mnist", "fashion_mnist" or "cifar10".
        model: images (B, C, H, W) → logits (B, classes).
        classes: only images of these, which become 0, 1, …; None: all ten.
        train_images: learn from so many, the same always; None: from all.
        standardized: whether the mean of each channel is taken away and its deviation divided by, as
            the training images have them; what moves into a shifted image is then that mean.
        optimizer: over the model's parameters; None: AdamW.
        kind: `Images`, or a class that shows more.
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

    test = parts["test"][0]
    C = test.shape[1]
    mean, std = np.zeros((C, 1, 1), np.float32), np.ones((C, 1, 1), np.float32)
    if standardized:
        pixels = parts["train"][0]
        mean = pixels.mean(axis=(0, 2, 3), keepdims=True, dtype=np.float64)[0].astype(np.float32)
        std = pixels.std(axis=(0, 2, 3), keepdims=True, dtype=np.float64)[0].astype(np.float32)
        parts = {name: ((x - mean) / std, places) for name, (x, places) in parts.items()}
    train = TensorDataset(*parts["train"])
    change = _change(config)
    seen = train if change is None else Augmented(train, change)
    order = Generator().manual_seed(config.seed)
    train_loader = DataLoader(seen, config.batch_size, shuffle=True, generator=order)
    if optimizer is None:
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
        kind=kind(
            classes=tuple(loaded.classes[c] for c in chosen),
            size=test.shape[2:],
            test=test,
            train=seen,
            mean=mean,
            std=std,
            inner={"mnist": 20, "fashion_mnist": SIDE}.get(dataset),
        ),
        data=DataFacts.of(
            loaded,
            {name: len(labels) for name, (_, labels) in parts.items()},
            "fixed, independent of the seed; validation from the training images, the test "
            f"images as {'they lie in the file' if dataset == 'cifar10' else 'published'}",
        ),
        baseline=commonest_class(parts["train"][1], parts["test"][1]),
        average=EMA(model, config.average, warmup=True) if config.average else None,
    )


def _change(config: VisionConfig) -> Transform | None:
    """What happens to training images, drawn from the seed, the epoch and the index."""
    shift = RandomShift(config.shift, config.seed) if config.shift else None
    if not config.flip:
        return shift
    return Compose([*([shift] if shift else []), RandomHorizontalFlip()], config.seed)
