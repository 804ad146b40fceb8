"""The training loop: epochs of steps, each step forward, backward, update. `Trainer` is that loop
and the state it needs to go on.

    for epoch:
        for group of batches:   loss → gradients → (clip) → update → learning rate   (StepFinished)
        evaluate on the validation set                                               (EpochFinished)

What is in a batch, and what its loss is, the *task* knows (`tasks`). Everything else (progress bar,
logs, checkpoints, early stopping) subscribes to events. What comes next is decided by the state
alone: weights and their average, optimizer, schedule, random generator, the loader's position, and
what subscribers remember; so a run that is stopped after any step and goes on from `state_dict`
draws the same curve, bit for bit, as one that was never stopped.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..base.errors import ChainruleError, DTypeError, RangeError, ShapeError, StateDictError
from ..compiler.compiled import Compiled
from ..compiler.compiled import compile as compiled
from ..data import Dataset
from ..nn import Module
from ..nn.utils import clip_grad_value_, clip_grads_with_norm_, get_total_norm
from ..optim import EMA, Optimizer
from ..optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from ..tensors import Tensor, default_generator, no_grad, tensor
from ..tensors.functions.face import naming
from .evaluation import Evaluation, evaluate
from .events import (
    EpochFinished,
    Event,
    ProgramReady,
    StepFinished,
    Subscriber,
    TrainingFinished,
    TrainingInterrupted,
    TrainingStarted,
    remembering,
)
from .memory import peak_memory_mb
from .stall import examined, stalled
from .tasks import Classification, Task

__all__ = ["NonFiniteLossError", "Trainer"]

STATE = (
    "epoch", "step", "early", "sums", "metrics", "history", "loader", "random", "model", "average",
    "optimizer", "scheduler", "subscribers",
)  # fmt: skip


class NonFiniteLossError(ChainruleError, ArithmeticError):
    """The loss, or the norm of its gradient, became NaN or infinite: training on would only spread
    it. The weights are those before the update.
    """


class Trainer:
    """Trains a model at a task.

    Args:
        model: what the task takes; of a classifier, inputs (B, ...) → logits (B, classes).
        optimizer: over the model's parameters.
        train_loader: yields batches, every epoch in a new order.
        validation_loader: yields batches, all evaluated after every epoch.
        epochs: how often to go through the training samples.
        task: the loss and the metrics; `Classification()` if None.
        scheduler: sets the learning rate; None leaves it alone. `ReduceLROnPlateau` is told the
            validation loss (of mode "max" the task's headline metric) after every epoch.
        scheduler_every: "step": it is stepped after every step of the optimizer; "epoch": after
            every epoch.
        accumulate: how many batches make one step. Its loss is the mean over the samples (or
            tokens) of all of them, so it is the step of one batch as big as all together; batch
            norm alone still sees each by itself. The last step of an epoch may have fewer.
        clip_norm: gradients whose norm, of all parameters together, is larger are scaled to it.
        clip_value: elements of the gradients are held in ±`clip_value`. At most one of the two.
        average: the moving average of the weights, which follows after every step; then what is
            evaluated is the average.
        compile: run steps and evaluation as machine code (`chainrule.compile`); False runs them
            eagerly, for those who want to step through them.
        subscribers: called with every event, in this order.

    Attributes:
        epoch, step: how many are done.
        early: why training is over before the last epoch, or None.
        history: the `EpochFinished` of every epoch.

    Raises:
        DTypeError: samples instead of a loader, or no optimizer.
        ShapeError: a loader without batches.
        ValueError: `accumulate` below 1, a limit that is not positive, or both limits.
    """

    @naming
    def __init__(
        self,
        model: Module,
        optimizer: Optimizer,
        train_loader: Any,
        validation_loader: Any,
        *,
        epochs: int,
        task: Task | None = None,
        scheduler: LRScheduler | None = None,
        scheduler_every: str = "step",
        accumulate: int = 1,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        average: EMA | None = None,
        compile: bool = True,
        subscribers: Sequence[Subscriber] = (),
    ):
        for name, loader in (("train", train_loader), ("validation", validation_loader)):
            if isinstance(loader, Dataset | Tensor):
                raise DTypeError(
                    f"Trainer: the {name}_loader yields batches, found a {type(loader).__name__}\n"
                    "  hint: DataLoader(data, batch_size=32) makes batches of samples"
                )
            if len(loader) == 0:
                raise ShapeError(
                    f"Trainer: the {name}_loader has no batches, expected at least one"
                )
        if not isinstance(optimizer, Optimizer):
            raise DTypeError(
                f"Trainer: expected an optimizer, found {optimizer!r:.80}\n"
                "  hint: optim.AdamW(model.parameters(), lr=0.001) is one"
            )
        _check_limits(accumulate, clip_norm, clip_value)
        if scheduler_every not in ("step", "epoch"):
            raise ValueError(
                f"Trainer(scheduler_every): expected 'step' or 'epoch', found {scheduler_every!r}"
            )
        self.model, self.optimizer, self.scheduler = model, optimizer, scheduler
        self.train_loader, self.validation_loader = train_loader, validation_loader
        self.epochs, self.task = epochs, Classification() if task is None else task
        self.accumulate, self.clip_norm, self.clip_value = accumulate, clip_norm, clip_value
        self.average, self.scheduler_every = average, scheduler_every
        self.subscribers = list(subscribers)
        # Several programs, with a look at the loss between them: a loss that is not finite is
        # reported before it reaches the weights.
        chosen = compiled if compile else _as_it_is
        self._gradients_of, self._update = chosen(self._gradients), chosen(self._updated)
        self._more_gradients_of = chosen(self._more_gradients)
        self._try_update = chosen(optimizer.step)
        self._norm_of, self._measure = chosen(self._norm), chosen(self._measured)
        self.epoch, self.step = 0, 0
        self.early: str | None = None
        self.history: list[EpochFinished] = []
        self._sums, self._metrics = _EpochSums(), self.task.metrics()
        self._stop = self._told = False
        self._latest: Any = None  # a batch, for the doctor

    # ---- the loop --------------------------------------------------------------------------------

    def fit(self) -> bool:
        """Train until all epochs are done, or `finish` was called.

        Returns:
            True if so; False if `stop` was called before. `fit` then goes on where it stopped.

        Raises:
            NonFiniteLossError: the loss of a step or of the validation set is NaN or infinite, or
                the norm of a gradient that is to be clipped.
        """
        self._stop = self._told = False
        self.tell(
            TrainingStarted(
                self.epoch, self.step, self.epochs, self.steps_per_epoch, self.task.headline
            )
        )
        while self.epoch < self.epochs and self.early is None:
            self.model.train()
            clock = time.perf_counter() - self._sums.seconds
            if not self._epoch_is_through():
                batches = iter(self.train_loader)
                while group := list(itertools.islice(batches, self.accumulate)):
                    self._train_on(group)
                    self._sums.seconds = time.perf_counter() - clock
                    if self._stop and not self._epoch_is_through():
                        position = self.train_loader.state_dict()
                        self.train_loader.load_state_dict(position)  # `fit` goes on here
                        self.tell(TrainingInterrupted(self.epoch, self.step))
                        return False
            self._finish_epoch(clock)
            if self._stop and self.epoch < self.epochs and self.early is None:
                self.tell(TrainingInterrupted(self.epoch, self.step))
                return False
        self.tell(TrainingFinished(self.epoch, self.step, self.early))
        return True

    def stop(self) -> None:
        """Ask `fit` to return after the step in progress. May be called from a subscriber, another
        thread or a signal handler.
        """
        self._stop = True

    def finish(self, reason: str) -> None:
        """Ask `fit` to end with the epoch in progress, as if it were the last: `reason` says why.
        May be called from a subscriber.
        """
        self.early = reason

    @property
    def steps_per_epoch(self) -> int:
        """How often the weights are updated in an epoch."""
        return -(-len(self.train_loader) // self.accumulate)

    def evaluate(self, loader: Any, *, keep: bool = False, as_it_is: bool = False) -> Evaluation:
        """How good the model is on other data: with the averaged weights, if there are any.

        Args:
            loader: yields batches.
            keep: keep the answers and the targets of all samples.
            as_it_is: with the weights as they are, whether or not there is an average.
        """
        averaged: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
        if self.average is not None and not as_it_is:
            averaged = self.average.average()
        with averaged:
            return evaluate(
                self.model, loader, self.task, keep=keep, measure=self._measured_in_words
            )

    def tell(self, event: Event) -> None:
        """Call every subscriber with an event; those that come last, last."""
        for last in (False, True):
            for subscriber in self.subscribers:
                if getattr(subscriber, "comes_last", False) == last:
                    subscriber(event)

    def _epoch_is_through(self) -> bool:
        return self._sums.batches == len(self.train_loader)

    def _train_on(self, group: list[Any]) -> None:
        """One step, on one batch or several."""
        what = f"step {self.step + 1}"
        rate = float(self.optimizer.param_groups[0]["lr"])
        counts, total = self._counts(group, what)
        results = self._backward(group, total)
        self._latest = group[0]
        values = [loss.item() for loss, _ in results]
        loss = sum(values)
        self._check_finite(f"the loss of {what}", loss, rate)
        norm, limit = None, self.clip_norm or self.clip_value
        if limit is None:
            self._update()
        else:
            measured = self._norm_of()
            norm = measured.item()
            self._check_finite(f"the norm of the gradient of {what}", norm, rate)
            self._update(measured)
        if self.scheduler is not None and not self._schedule_by_epochs():
            self.scheduler.step()

        self.step += 1
        clipped = norm is not None and limit is not None and norm + 1e-6 > limit
        self._sums.add(len(group), loss, total, rate, clipped)
        for batch, count, value, (_, answers) in zip(group, counts, values, results, strict=True):
            plain = answers.detach().numpy() if isinstance(answers, Tensor) else answers
            self.task.update(self._metrics, plain, batch, value * total, count)
        self._tell_of_programs()
        self.tell(StepFinished(self.step, self.epoch + 1, loss, rate, norm, clipped))

    def _schedule_by_epochs(self) -> bool:
        return self.scheduler_every == "epoch" or isinstance(self.scheduler, ReduceLROnPlateau)

    def _step_epochs_schedule(self, validation: dict[str, float]) -> None:
        if isinstance(self.scheduler, ReduceLROnPlateau):
            metric = "loss" if self.scheduler.mode == "min" else self.task.headline
            self.scheduler.step(validation[metric])
        elif self.scheduler is not None and self.scheduler_every == "epoch":
            self.scheduler.step()

    def try_step(self, group: list[Any]) -> float:
        """A step without its report, for the range test: its loss. No schedule, no clipping, no
        average; nothing is updated where the loss is no number.
        """
        _, total = self._counts(group, "a step")
        loss = sum([loss.item() for loss, _ in self._backward(group, total)])
        if math.isfinite(loss):
            self._try_update()
        return loss

    def _counts(self, group: list[Any], what: str) -> tuple[list[float], float]:
        """Over how many samples each batch's loss is a sum, and all together."""
        counts = [self.task.count(batch) for batch in group]
        total = sum(counts)
        if total == 0:
            raise ShapeError(f"{what}: there are no {self.task.unit} to learn from in its batches")
        return counts, total

    def _backward(self, group: list[Any], total: float) -> list[tuple[Tensor, Any]]:
        """The gradients of a step; each batch's part of the loss, and the answers."""
        divisor, results = tensor(total), []
        for k, batch in enumerate(group):
            gradients = self._gradients_of if k == 0 else self._more_gradients_of
            with self._in_words(batch):
                results.append(gradients(batch, divisor))
        return results

    @contextlib.contextmanager
    def _in_words(self, batch: Any) -> Iterator[None]:
        """What a program refuses (a label that is no class) is computed again, op by op: then the op says what it was given."""
        try:
            yield
        except RangeError:
            try:
                with no_grad():
                    self.task.loss(self.model, batch)
            except RangeError as told:
                raise told from None
            raise

    # ---- what is compiled ------------------------------------------------------------------------

    def _gradients(self, batch: Any, total: Tensor) -> tuple[Tensor, Any]:
        """The first batch of a step: its part of the loss, and the answers; the gradients are left
        in the parameters.
        """
        loss, answers = self.task.loss(self.model, batch)
        self.optimizer.zero_grad()
        loss = loss / total
        loss.backward()
        return loss, answers

    def _more_gradients(self, batch: Any, total: Tensor) -> tuple[Tensor, Any]:
        """A further batch of a step: its gradients are added."""
        loss, answers = self.task.loss(self.model, batch)
        loss = loss / total
        loss.backward()
        return loss, answers

    def _norm(self) -> Tensor:
        """By what is to be clipped: the norm of all gradients, or their largest element."""
        gradients = [p.grad for p in self._parameters() if p.grad is not None]
        return get_total_norm(gradients, 2.0 if self.clip_norm else math.inf)

    def _updated(self, norm: Tensor | None = None) -> None:
        """Clip, change the weights, let their average follow."""
        if norm is not None and self.clip_norm:
            clip_grads_with_norm_(self._parameters(), self.clip_norm, norm)
        elif norm is not None and self.clip_value:
            clip_grad_value_(self._parameters(), self.clip_value)
        self.optimizer.step()
        if self.average is not None:
            self.average.update()

    def _measured(self, batch: Any) -> tuple[Tensor, Any]:
        return self.task.loss(self.model, batch)

    def _measured_in_words(self, batch: Any) -> tuple[Tensor, Any]:
        with self._in_words(batch):
            return self._measure(batch)

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    # ---- reports ---------------------------------------------------------------------------------

    def _tell_of_programs(self) -> None:
        """Say how steps run in this `fit`, once the first is done."""
        if self._told or not isinstance(self._gradients_of, Compiled):
            return
        self._told = True
        used = (self._gradients_of, self._more_gradients_of, self._norm_of, self._update)
        if self._gradients_of.runs_eagerly:
            self.tell(ProgramReady(0.0, from_cache=False, native=False))
            return
        parts = [p for p in used if p.programs]
        if parts:
            seconds, cached = sum([p.seconds for p in parts]), all([p.from_cache for p in parts])
            left = dict.fromkeys([name for p in parts for name in p.left_to_numpy])
            self.tell(ProgramReady(seconds, cached, tuple(left)))

    def _finish_epoch(self, clock: float) -> None:
        """Evaluate on the validation set, and report the epoch."""
        validation = self.evaluate(self.validation_loader).metrics
        sums = self._sums
        what = f"the validation loss after step {self.step}"
        self._check_finite(what, validation["loss"], sums.rate)
        train = {"loss": sums.loss / sums.count}
        train |= {name: metric.compute() for name, metric in self._metrics.items()}
        self.epoch += 1
        report = EpochFinished(
            epoch=self.epoch,
            step=self.step,
            learning_rate=sums.rate,
            train=train,
            validation=validation,
            clipped=sums.clipped,
            seconds=time.perf_counter() - clock,
            peak_memory_mb=peak_memory_mb(),
        )
        self._sums, self._metrics = _EpochSums(), self.task.metrics()
        self._step_epochs_schedule(validation)
        self.history.append(report)
        self.tell(report)
        if stalled(self.history):
            self.tell(examined(self, self._latest))

    def _check_finite(self, what: str, value: float, rate: float) -> None:
        if not math.isfinite(value):
            raise NonFiniteLossError(
                f"{what} (epoch {self.epoch + 1} of {self.epochs}) is {value}; expected a finite "
                f"number. The learning rate is {rate:.3g}: a smaller one, a longer warm-up or "
                "clipped gradients may help. inspect.first_nonfinite(model) around a step, not compiled, "
                "names the op that makes it"
            )

    # ---- state -----------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """All that decides how training goes on, for `save_checkpoint`; the tensors are the live
        ones, not copies.
        """
        memories = remembering(self.subscribers)
        return {
            "epoch": self.epoch,
            "step": self.step,
            "early": self.early,
            "sums": asdict(self._sums),
            "metrics": {name: metric.state_dict() for name, metric in self._metrics.items()},
            "history": [asdict(report) for report in self.history],
            "loader": self.train_loader.state_dict(),
            "random": default_generator.get_state(),
            "model": dict(self.model.state_dict()),
            "average": None if self.average is None else self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "subscribers": {name: memory.state_dict() for name, memory in memories.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken.

        Raises:
            StateDictError: keys that are missing or unexpected: here, in the model's or the
                optimizer's state, among the metrics or the subscribers.
            FormatError: a loader position that does not fit the data.
        """
        memories, metrics = remembering(self.subscribers), self.task.metrics()
        _same_keys("the state of a Trainer", STATE, state)
        _same_keys("the subscribers of a Trainer", memories, state["subscribers"])
        _same_keys("the metrics of a Trainer", metrics, state["metrics"])
        parts = {"average": self.average, "scheduler": self.scheduler}
        there = {name for name, part in parts.items() if part is not None}
        saved = {name for name in parts if state[name] is not None}
        _same_keys("the parts of a Trainer", there, saved)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        self.train_loader.load_state_dict(state["loader"])
        default_generator.set_state(state["random"])
        self.epoch, self.step, self.early = state["epoch"], state["step"], state["early"]
        self._sums = _EpochSums(**state["sums"])
        for name, metric in metrics.items():
            metric.load_state_dict(state["metrics"][name])
        self._metrics = metrics
        self.history = [EpochFinished(**report) for report in state["history"]]
        for name, memory in memories.items():
            memory.load_state_dict(state["subscribers"][name])


def _as_it_is(f: Callable) -> Callable:
    return f


def _check_limits(accumulate: int, clip_norm: float | None, clip_value: float | None) -> None:
    if isinstance(accumulate, bool) or not isinstance(accumulate, int) or accumulate < 1:
        raise ValueError(
            f"Trainer(accumulate): expected an integer of at least 1, found {accumulate!r}"
        )
    for name, limit in (("clip_norm", clip_norm), ("clip_value", clip_value)):
        if limit is not None and not 0 < limit < math.inf:
            raise ValueError(f"Trainer({name}): expected a positive finite number, found {limit}")
    if clip_norm is not None and clip_value is not None:
        raise ValueError(
            "Trainer: clip_norm and clip_value are two ways of clipping; give one of them"
        )


def _same_keys(what: str, expected: Any, found: Any) -> None:
    if set(expected) != set(found):
        missing, unexpected = set(expected) - set(found), set(found) - set(expected)
        raise StateDictError(
            f"{what}: missing {sorted(missing) or 'nothing'}, "
            f"unexpected {sorted(unexpected) or 'nothing'}"
        )


@dataclass
class _EpochSums:
    """What has been added up in the epoch so far. Sums of Python floats: the order of addition is
    fixed, and so are the bits.
    """

    batches: int = 0
    count: float = 0.0
    loss: float = 0.0
    rate: float = 0.0
    clipped: int = 0
    seconds: float = 0.0

    def add(self, batches: int, loss: float, count: float, rate: float, clipped: bool) -> None:
        self.batches += batches
        self.count += count
        self.loss += loss * count
        self.rate = rate
        self.clipped += clipped
