"""The training loop: epochs of steps, each step forward, backward, update. `Trainer` is that loop
and the state it needs to go on.

    for epoch:
        for batch:   learning rate → loss → gradients → update        (StepFinished)
        evaluate on the validation set                                (EpochFinished)

Everything else (progress bar, log, checkpoints) subscribes to its events. What comes next is
decided by the state alone: weights, optimizer, random generator and the loader's position; so a run
that is stopped after any step and goes on from `state_dict` draws the same curve, bit for bit, as
one that was never stopped.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..base.errors import ChainruleError, ShapeError, StateDictError
from ..compiler.compiled import Compiled
from ..compiler.compiled import compile as compiled
from ..data import DataLoader
from ..nn import Module
from ..nn import functional as F
from ..optim import Optimizer
from ..optim.lr_scheduler import LRScheduler
from ..tensors import Tensor, default_generator, no_grad, tensor
from .events import (
    EpochFinished,
    Event,
    ProgramReady,
    StepFinished,
    Subscriber,
    TrainingFinished,
    TrainingInterrupted,
    TrainingStarted,
)
from .memory import peak_memory_mb
from .metrics import accuracy

__all__ = ["Evaluation", "NonFiniteLossError", "Trainer", "evaluate"]


class NonFiniteLossError(ChainruleError, ArithmeticError):
    """The loss became NaN or infinite: training on would only spread it. The weights are those
    before the update.
    """


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A classifier's answers to N labelled samples: `loss` (nats, mean), `accuracy` (0 to 1), and
    per sample `predictions` int64 (N,), `labels` int64 (N,), `confidence` float (N,), the
    probability it gave to its prediction.
    """

    loss: float
    accuracy: float
    predictions: np.ndarray
    labels: np.ndarray
    confidence: np.ndarray


def evaluate(
    model: Module, loader: DataLoader, loss_fn: Callable[..., Tensor] = F.cross_entropy
) -> Evaluation:
    """Run a classifier over every batch of `loader`, in evaluation mode and without gradients; the
    mode is put back after.

    Args:
        model: inputs (B, ...) → logits (B, classes).
        loader: yields (inputs, labels).
        loss_fn: (logits, labels) → mean loss, a 0-d tensor.
    """
    was_training = model.training
    model.eval()
    logits, labels = [], []
    with no_grad():
        for inputs, y in loader:
            logits.append(model(inputs).numpy())
            labels.append(y.numpy())
        all_logits, all_labels = np.concatenate(logits), np.concatenate(labels)
        loss = loss_fn(tensor(all_logits), tensor(all_labels)).item()
        probabilities = F.softmax(tensor(all_logits), dim=-1).numpy()  # (N, classes)
    model.train(was_training)
    predictions = all_logits.argmax(axis=1)
    return Evaluation(
        loss, accuracy(predictions, all_labels), predictions, all_labels, probabilities.max(axis=1)
    )


class Trainer:
    """Trains a classifier.

    Args:
        model: inputs (B, ...) → logits (B, classes).
        optimizer: over the model's parameters.
        train_loader: yields (inputs, labels), every epoch in a new order.
        validation_loader: yields (inputs, labels), evaluated after every epoch.
        epochs: how often to go through the training samples.
        scheduler: stepped after every step of the optimizer; None leaves the learning rate alone.
        loss_fn: (logits, labels) → mean loss of the batch, a 0-d tensor.
        compile: run steps and evaluation as machine code (`chainrule.compile`); False runs them
            eagerly, for those who want to step through them.
        subscribers: called with every event, in this order.

    Attributes:
        epoch, step: how many are done.
        history: the `EpochFinished` of every epoch.

    Raises:
        ShapeError: a loader without batches.
    """

    def __init__(
        self,
        model: Module,
        optimizer: Optimizer,
        train_loader: DataLoader,
        validation_loader: DataLoader,
        *,
        epochs: int,
        scheduler: LRScheduler | None = None,
        loss_fn: Callable[..., Tensor] = F.cross_entropy,
        compile: bool = True,
        subscribers: Sequence[Subscriber] = (),
    ):
        for name, loader in (("train", train_loader), ("validation", validation_loader)):
            if len(loader) == 0:
                raise ShapeError(
                    f"Trainer: the {name}_loader has no batches, expected at least one"
                )
        self.model, self.optimizer, self.scheduler = model, optimizer, scheduler
        self.train_loader, self.validation_loader = train_loader, validation_loader
        self.epochs, self.loss_fn = epochs, loss_fn
        self.subscribers = list(subscribers)
        # Two programs, with a look at the loss between them: a loss that is not finite is reported
        # before it reaches the weights.
        chosen = compiled if compile else _as_it_is
        self._gradients_of, self._update = chosen(self._gradients), chosen(optimizer.step)
        self._forward = chosen(model)
        self.epoch, self.step = 0, 0
        self.history: list[EpochFinished] = []
        self._sums = _EpochSums()
        self._stop = self._told = False

    def stop(self) -> None:
        """Ask `fit` to return after the step in progress. May be called from a subscriber, another
        thread or a signal handler.
        """
        self._stop = True

    def fit(self) -> bool:
        """Train until all epochs are done.

        Returns:
            True if they are; False if `stop` was called before. `fit` then goes on where it
            stopped.

        Raises:
            NonFiniteLossError: the loss of a batch or of the validation set is NaN or infinite.
        """
        self._stop = self._told = False
        self._tell(TrainingStarted(self.epoch, self.step, self.epochs, len(self.train_loader)))
        while self.epoch < self.epochs:
            self.model.train()
            clock = time.perf_counter() - self._sums.seconds
            if not self._epoch_is_through():
                for inputs, labels in self.train_loader:
                    self._train_on(inputs, labels)
                    self._sums.seconds = time.perf_counter() - clock
                    if self._stop and not self._epoch_is_through():
                        position = self.train_loader.state_dict()
                        self.train_loader.load_state_dict(position)  # `fit` goes on here
                        self._tell(TrainingInterrupted(self.epoch, self.step))
                        return False
            self._finish_epoch(clock)
            if self._stop and self.epoch < self.epochs:
                self._tell(TrainingInterrupted(self.epoch, self.step))
                return False
        self._tell(TrainingFinished(self.epochs, self.step))
        return True

    def _epoch_is_through(self) -> bool:
        return self._sums.batches == len(self.train_loader)

    def _train_on(self, inputs: Tensor, labels: Tensor) -> None:
        """One step."""
        rate = float(self.optimizer.param_groups[0]["lr"])
        loss, logits = self._gradients_of(inputs, labels)
        value = loss.item()
        self._check_finite(f"the loss of step {self.step + 1}", value, rate)
        self._update()
        if self.scheduler is not None:
            self.scheduler.step()

        self.step += 1
        self._sums.add(value, logits.detach().numpy().argmax(axis=1), labels.numpy(), rate)
        self._tell_of_programs()
        self._tell(StepFinished(self.step, self.epoch + 1, value, rate))

    def _gradients(self, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The loss and the logits of a batch; the gradients are left in the parameters."""
        logits = self.model(inputs)
        loss = self.loss_fn(logits, labels)
        self.optimizer.zero_grad()
        loss.backward()
        return loss, logits

    def _tell_of_programs(self) -> None:
        """Say what was compiled in this `fit`, once its first step is done."""
        if self._told or not isinstance(self._gradients_of, Compiled):
            return
        self._told = True
        parts = (self._gradients_of, self._update)
        if all([p.programs for p in parts]):
            seconds = sum([p.seconds for p in parts])
            self._tell(ProgramReady(seconds, all([p.from_cache for p in parts])))

    def _finish_epoch(self, clock: float) -> None:
        """Evaluate on the validation set, and report the epoch."""
        validation = evaluate(self._forward, self.validation_loader, self.loss_fn)
        rate = self._sums.rate
        self._check_finite(f"the validation loss after step {self.step}", validation.loss, rate)
        self.epoch += 1
        report = EpochFinished(
            epoch=self.epoch,
            step=self.step,
            learning_rate=rate,
            train_loss=self._sums.loss / self._sums.samples,
            train_accuracy=self._sums.correct / self._sums.samples,
            validation_loss=validation.loss,
            validation_accuracy=validation.accuracy,
            seconds=time.perf_counter() - clock,
            peak_memory_mb=peak_memory_mb(),
        )
        self._sums = _EpochSums()
        self.history.append(report)
        self._tell(report)

    def _check_finite(self, what: str, value: float, rate: float) -> None:
        if not math.isfinite(value):
            raise NonFiniteLossError(
                f"{what} (epoch {self.epoch + 1} of {self.epochs}) is {value}; expected a finite "
                f"number. The learning rate is {rate:.3g}: a smaller one, a longer warm-up or "
                "clipped gradients may help"
            )

    def _tell(self, event: Event) -> None:
        for subscriber in self.subscribers:
            subscriber(event)

    def state_dict(self) -> dict[str, Any]:
        """All that decides how training goes on, for `save_checkpoint`; the tensors are the live
        ones, not copies.
        """
        return {
            "epoch": self.epoch,
            "step": self.step,
            "sums": asdict(self._sums),
            "history": [asdict(report) for report in self.history],
            "loader": self.train_loader.state_dict(),
            "random": default_generator.get_state(),
            "model": dict(self.model.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken.

        Raises:
            StateDictError: keys that are missing or unexpected, here or in the model's or the
                optimizer's state.
            FormatError: a loader position that does not fit the data.
        """
        expected = set(self.state_dict())
        if set(state) != expected:
            raise StateDictError(
                f"the state of a Trainer: missing {sorted(expected - set(state)) or 'nothing'}, "
                f"unexpected {sorted(set(state) - expected) or 'nothing'}"
            )
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        self.train_loader.load_state_dict(state["loader"])
        default_generator.set_state(state["random"])
        self.epoch, self.step = state["epoch"], state["step"]
        self._sums = _EpochSums(**state["sums"])
        self.history = [EpochFinished(**report) for report in state["history"]]


def _as_it_is(f: Callable) -> Callable:
    return f


@dataclass
class _EpochSums:
    """What has been added up in the epoch so far. Sums of Python floats: the order of addition is
    fixed, and so are the bits.
    """

    batches: int = 0
    samples: int = 0
    correct: int = 0
    loss: float = 0.0
    rate: float = 0.0
    seconds: float = 0.0

    def add(
        self, mean_loss: float, predictions: np.ndarray, labels: np.ndarray, rate: float
    ) -> None:
        self.batches += 1
        self.samples += len(labels)
        self.correct += int((predictions == labels).sum())
        self.loss += mean_loss * len(labels)
        self.rate = rate
