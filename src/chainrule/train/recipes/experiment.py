"""What a recipe delivers: the parts of a run, and the facts that its model card tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ...data import LoadedData
from ...models import Writer
from ...nn import Module
from ...optim import EMA, Optimizer
from ...optim.lr_scheduler import LRScheduler
from ..evaluation import Evaluation
from ..goal import Goal
from ..tasks import Task

__all__ = [
    "Baseline",
    "DataFacts",
    "Experiment",
    "Kind",
    "Recipe",
    "Writes",
    "commonest_class",
    "decayed",
]


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

    @classmethod
    def of(cls, loaded: LoadedData, sizes: dict[str, int], split: str) -> DataFacts:
        """The facts of a data set that chainrule knows."""
        record = loaded.record
        return cls(
            record.title, record.source, record.licence, loaded.sha256, sizes, split, record.limits
        )


@dataclass(frozen=True)
class Baseline:
    """What no learning, or very little, gives on the test set: `about` says how it is obtained,
    `metrics` has some of the task's by name.
    """

    about: str
    metrics: dict[str, float]


class Kind(Protocol):
    """What the data are: how a test is shown, and how a trained model answers a user."""

    def pictures(self, test: Evaluation) -> dict[str, bytes]:
        """Pictures of the test, by their file names."""

    def card(self, test: Evaluation) -> str:
        """Sections of the model card about the test, with the pictures in them."""

    def facts(self, test: Evaluation) -> dict[str, Any]:
        """Further numbers of the test, for the result of the run."""

    def predict(self, model: Module, inputs: Sequence[str], asked: Any) -> list[dict[str, Any]]:
        """The model's answers to what a user names or writes; `asked` has the options of
        `chainrule predict`.
        """


@runtime_checkable
class Writes(Protocol):
    """A kind of text: a trained model goes on with one, which is what `chainrule generate` asks."""

    def writer(self, model: Module) -> Writer:
        """The model with the tokenizer that its tokens are of."""


@dataclass(frozen=True, eq=False)
class Experiment:
    """A model, its task, optimizer, schedule and data, ready to be trained.

    The schedule is stepped after every step. `accumulate`, `clip_norm` and `average` are the
    `Trainer`'s. With a `goal`, the weights of the best epoch are tested rather than the last, and
    with a `patience`, training ends when so many epochs in a row were not better. What `sample`
    makes of the model after each epoch is kept, see `samples`.
    """

    model: Module
    optimizer: Optimizer
    scheduler: LRScheduler | None
    train_loader: Any
    validation_loader: Any
    test_loader: Any
    epochs: int
    task: Task
    kind: Kind
    data: DataFacts
    baseline: Baseline
    accumulate: int = 1
    clip_norm: float | None = None
    average: EMA | None = None
    goal: Goal | None = None
    patience: int | None = None
    sample: Callable[[], str] | None = None


@dataclass(frozen=True)
class Recipe:
    """A name, a sentence, the default configuration (a `RunConfig`), and `build(config)`.

    `build` is called after `manual_seed(config.seed)` and reads no other source of randomness.
    """

    name: str
    about: str
    config: Any
    build: Callable[[Any], Experiment]


def commonest_class(train: np.ndarray, test: np.ndarray) -> Baseline:
    """The accuracy on the test labels of always answering the commonest class of the training
    labels.

    >>> commonest_class(np.array([2, 2, 1]), np.array([2, 1, 0, 2])).metrics
    {'accuracy': 0.5}
    """
    commonest = np.bincount(train).argmax()
    return Baseline("always the commonest class", {"accuracy": float((test == commonest).mean())})


def decayed(model: Module, weight_decay: float) -> list[dict]:
    """Two parameter groups: weights, which decay, and biases and scales, which do not; without what is
    not to be learnt.
    """
    learnt = [p for p in model.parameters() if p.requires_grad]
    weights = [p for p in learnt if p.ndim >= 2]
    others = [p for p in learnt if p.ndim < 2]
    return [
        {"params": weights, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
