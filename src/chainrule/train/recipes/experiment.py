"""What a recipe delivers: the parts of a run, and the facts that its model card tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...data import DataLoader
from ...nn import Module
from ...optim import Optimizer
from ...optim.lr_scheduler import LRScheduler

__all__ = ["DataFacts", "Experiment", "Recipe"]


@dataclass(frozen=True)
class DataFacts:
    """Where the data come from. `sizes` maps each split to its number of samples, `limits` are
    sentences.
    """

    name: str
    source: str
    licence: str
    sha256: str
    sizes: dict[str, int]
    split: str
    limits: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Experiment:
    """A classifier, its optimizer, schedule and data, ready to be trained.

    The schedule is stepped after every step. `images(indices)` gives float arrays (N, H, W), 0 to
    1, of test samples for the picture of mistakes. `baseline` is the test accuracy, 0 to 1, of
    always answering the commonest class of the training set.
    """

    model: Module
    optimizer: Optimizer
    scheduler: LRScheduler
    train_loader: DataLoader
    validation_loader: DataLoader
    test_loader: DataLoader
    epochs: int
    classes: tuple[str, ...]
    data: DataFacts
    images: Callable[[np.ndarray], np.ndarray]
    baseline: float


@dataclass(frozen=True)
class Recipe:
    """A name, a sentence, the default configuration, and `build(config)`.

    Every configuration has the fields `seed`, `blas_threads` and `checkpoint_every`.

    `build` is called after `manual_seed(config.seed)` and reads no other source of randomness.
    """

    name: str
    about: str
    config: Any
    build: Callable[[Any], Experiment]
