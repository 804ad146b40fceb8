"""What is wrong with a training loop? It is watched for some steps, as it is, and what it does is compared with what a loop
has to do: forward, zero_grad, backward, step, in this order, with gradients that arrive and weights that move.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..amp import GradScaler
from ..base.modes import modes
from ..nn import BatchNorm1d, BatchNorm2d, BatchNorm3d, Dropout, Module
from ..nn.utils import clip_grad
from ..ops.record import READERS, Op
from ..optim import Optimizer
from ..optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from ..tape.backward import Node
from ..tensors import Tensor
from .doctor.finding import Finding, Report
from .doctor.look import array
from .summary import tensors_in
from .watch import Watch, with_their_own

__all__ = ["checkup"]

CUT = 1e-3
"""What must be left, at least, of a gradient between backward and step, or of a learning rate."""

PUT_BACK = 0.03
"""The share of a step that is left of it when the next begins, below which it is called undone."""

FEW_LABELS = 8
"""Labels of a batch below which it says nothing that they are the same."""


class checkup(Watch):
    """A block in which a training loop is watched; `report` then says what is wrong with it.

    It finds what no look at a model can: gradients that are never set to zero, or set to zero too early, steps that
    are missing or move nothing, clipping and schedules that leave nothing, modes that are not switched, graphs that
    grow or are kept. Some ten steps are enough. Steps must run eagerly, not compiled.

    Args:
        model: the model.
        optimizer: the one that is to train it.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import inspect, nn
        >>> model = nn.Linear(3, 2)
        >>> optimizer = cr.optim.SGD(model.parameters(), lr=0.1)
        >>> with inspect.checkup(model, optimizer) as seen:
        ...     for _ in range(5):                          # the fault: no zero_grad
        ...         loss = nn.functional.cross_entropy(model(cr.randn(8, 3)), cr.arange(8) % 2)
        ...         loss.backward()
        ...         optimizer.step()
        >>> seen.report().findings[0].change
        'optimizer.zero_grad() before each backward()'
    """

    def __init__(self, model: Module, optimizer: Optimizer):
        super().__init__(model)
        self.model, self.optimizer = model, optimizer
        self.losses: list[float] = []
        self.steps = self.backwards = self.stale = self.empty = self.moved = self.undone = 0
        self.rates: list[float] = []
        self.nodes: list[int] = []
        self.left: list[float] = []  # of the gradient, at the step
        self.inputs: list[bytes] = []
        self.asleep = self.awake = self.trained_calls = 0
        self.others = self.thrown = self.scaled = self.cut_early = self.watched_in_vain = 0
        self.labels: list[np.ndarray] = []  # the classes of each batch
        self.early = self.scheduled = 0  # steps of schedules
        self.roots: list[weakref.ref] = []
        self.kept = 0
        self._norm = 0.0
        self._sleeps = False  # whether the last call of the model was in evaluation mode
        self._fresh = False  # whether there are gradients that no step has used
        self._at_step = False
        self._scale = 1.0  # what is in the gradients
        self._used = False  # whether a step has used the gradients that there are, or some that they were added to
        self._last: list[np.ndarray] = []  # the parameters before the last step
        self._went = 0.0  # how far it went
        self._moody = any(
            isinstance(m, (Dropout, BatchNorm1d, BatchNorm2d, BatchNorm3d)) for m in model.modules()
        )

    # ---- what is watched

    def __enter__(self) -> checkup:
        self._thread = threading.get_ident()
        for cls, reader in list(READERS.items()):
            READERS[cls] = self._reading(reader)
            self._undo.append((READERS, cls, reader))
        self._replace(Module, "__call__", self._calling)
        self._replace(Tensor, "backward", self._backward)
        for cls in with_their_own(Node, "pull"):
            self._replace(cls, "pull", self._pulling)
        for cls in with_their_own(Optimizer, "step"):
            self._replace(cls, "step", self._stepping)
        self._replace(Optimizer, "zero_grad", self._zeroing)
        for cls in (*with_their_own(LRScheduler, "step"), ReduceLROnPlateau):
            self._replace(cls, "step", self._scheduling)
        self._replace(GradScaler, "scale", self._scaling)
        self._replace(GradScaler, "unscale_", self._unscaling)
        for name in ("clip_grads_with_norm_", "clip_grad_value_"):
            self._replace(clip_grad, name, self._clipping)
        return self

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        self.kept = sum(root() is not None for root in self.roots[:-2])

    def entered(self, module: Module) -> None:
        if module is self.model and len(self.running) == 1:
            self.trained_calls += 1
            if modes.grad:
                self.watched_in_vain += self._sleeps
                self._sleeps = self._moody and not self.model.training
            else:
                self.awake += self._moody and self.model.training

    def called(self, module: Module, args: tuple, kwargs: dict, result: Any) -> None:
        if module is self.model and len(self.running) == 1 and modes.grad:
            found = hashlib.sha256()
            for x in tensors_in((args, kwargs)):
                found.update(np.ascontiguousarray(array(x)).tobytes())
            self.inputs.append(found.digest())

    def pulled(self, node: Node, arrived: list, result: Any) -> None:
        if self.nodes:
            self.nodes[-1] += 1

    def op(self, op: Op, args: tuple, attrs: dict, result: Any) -> None:
        self.defined(op, args, attrs, result)

    def defined(self, op: Op, args: tuple, attrs: dict, result: Any) -> None:
        if op.name in ("cross_entropy", "nll_loss") and modes.grad and isinstance(args[1], Tensor):
            y = array(args[1])
            if y.ndim == 1 and y.size >= FEW_LABELS:
                self.labels.append(np.unique(y))

    def _scheduling(self, step: Callable) -> Callable:
        def watched(schedule: Any, *args: Any, **kwargs: Any) -> Any:
            if self._is_mine() and getattr(schedule, "optimizer", None) is self.optimizer:
                self.scheduled += 1
                self.early += self._fresh
            return step(schedule, *args, **kwargs)

        return watched

    def _backward(self, backward: Callable) -> Callable:
        def watched(loss: Tensor, *args: Any, **kwargs: Any) -> Any:
            if self._is_mine():
                self.backwards += 1
                self.losses.append(float(loss.sum()))
                self.nodes.append(0)
                self._used = self._used and self._gradients() > 0
                self.asleep += self._sleeps
                self._sleeps = False
                if loss.edge is not None and loss.edge[1] >= 0:
                    self.roots.append(weakref.ref(loss.edge[0]))
            result = backward(loss, *args, **kwargs)
            if self._is_mine():
                self._norm = self._gradients()
                self._fresh = self._norm > 0 and not self._at_step
            return result

        return watched

    def _stepping(self, step: Callable) -> Callable:
        def watched(optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
            if self._at_step or not self._is_mine():  # one that calls what it inherits
                return step(optimizer, *args, **kwargs)
            if optimizer is not self.optimizer:
                own = {id(p) for p in self.model.parameters()}
                self.others += any(
                    id(p) in own for g in optimizer.param_groups for p in g["params"]
                )
                self._fresh = False
                return step(optimizer, *args, **kwargs)
            norm = self._gradients()
            self.empty += norm == 0
            if self._norm > 0 and norm > 0:
                self.left.append(norm / self._norm)
            self.rates.append(max(float(g["lr"]) for g in optimizer.param_groups))
            before = [array(p).copy() for p in self.model.parameters()]
            self.scaled += self._scale > 1 and norm > 0
            self._fresh, self._at_step = False, True
            try:
                result = step(optimizer, *args, **kwargs)
            finally:
                self._at_step = False
            self.stale += self._used and norm > 0  # a closure may have set them to zero
            after = [array(p) for p in self.model.parameters()]
            moved = not _same(before, after)
            self.moved += moved
            kept = self._went > 0 and _far(before, self._last) > PUT_BACK * self._went
            self.undone += moved and bool(self._last) and not kept
            self._last, self._went = before, _far(after, before)
            self.steps += 1
            self._used = True
            return result

        return watched

    def _zeroing(self, zero_grad: Callable) -> Callable:
        def watched(optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
            if optimizer is self.optimizer:
                self.thrown += self._fresh and not self._at_step
                self._used = self._fresh = False
            return zero_grad(optimizer, *args, **kwargs)

        return watched

    def _clipping(self, clip: Callable) -> Callable:
        def watched(parameters: Any, *args: Any, **kwargs: Any) -> Any:
            given = [parameters] if isinstance(parameters, Tensor) else list(parameters)
            if self._is_mine() and all(p.grad is None or not p.grad.any() for p in given):
                self.cut_early += 1
            return clip(given, *args, **kwargs)

        return watched

    def _scaling(self, scale: Callable) -> Callable:
        def watched(scaler: GradScaler, outputs: Any) -> Any:
            if self._is_mine():
                self._scale = scaler.get_scale()
            return scale(scaler, outputs)

        return watched

    def _unscaling(self, unscale: Callable) -> Callable:
        def watched(scaler: GradScaler, optimizer: Optimizer) -> None:
            mine = optimizer is self.optimizer and self._is_mine()
            before = self._gradients() if mine else 0.0
            unscale(scaler, optimizer)
            self._scale = 1.0 if mine else self._scale
            if mine and before > 0 and math.isfinite(before):
                self._norm *= self._gradients() / before  # what the scale had made larger

        return watched

    def _gradients(self) -> float:
        """The norm of all the gradients there are."""
        found = [p.grad for p in self.model.parameters() if p.grad is not None]
        return math.sqrt(sum([float((array(g) ** 2).sum()) for g in found]))

    # ---- what is said

    def report(self) -> Report:
        """What was found. True if nothing was."""
        return Report.of(
            [*self._of_the_order(), *self._of_gradients(), *self._of_modes(), *self._of_graphs()]
        )

    def _of_the_order(self) -> Iterator[Finding]:
        done = f"{self.trained_calls} calls of the model, {self.backwards} of backward(), {self.steps} of step()"
        if self.trained_calls > 1 and not self.backwards:
            yield Finding(
                "no backward",
                "no gradient is ever computed",
                done,
                "loss.backward() before optimizer.step()",
            )
        elif self.others > 1 and not self.steps:
            yield Finding(
                "other optimizer", "other optimizers than the one that was given make the steps: perhaps it is made anew in the loop",
                f"{done} of this one, {self.others} of others that hold the model's parameters",
                "make the optimizer once, before the loop: it remembers (momentum, the sizes of gradients)",
            )  # fmt: skip
        elif self.backwards > 1 and not self.steps:
            yield Finding(
                "no step",
                "the optimizer never makes a step",
                done,
                "optimizer.step() after loss.backward()",
            )
        elif self.steps > 1 and self.empty == self.steps:
            yield Finding(
                "step without gradient", "at each step there is no gradient, though backward() made some",
                f"{done}; all gradients of the model are None or 0 when step() is called",
                "zero_grad() before backward(), not between it and step(); the loss must be made by this model",
            )  # fmt: skip
        elif self.steps > 1 and not self.moved and max(self.rates) > 0:
            yield Finding(
                "nothing moves", "no step changes any parameter of the model",
                f"{self.steps} steps of {type(self.optimizer).__name__}",
                "make the optimizer of this model's parameters, after the model is made, copied or loaded whole",
            )  # fmt: skip
        if self.undone > 1 and self.undone >= self.steps - 2:
            yield Finding(
                "steps undone", "what a step changes is put back before the next",
                f"{self.undone} of {self.steps} steps began with the parameters that the step before began with, or nearly so",
                "load_state_dict and initialisation before the loop, not in it; so too a copy of the weights that is put back; an average "
                "of them (EMA) belongs in a model of its own",
            )  # fmt: skip
        if self.thrown > 1 and self.thrown >= self.steps:
            yield Finding(
                "gradients thrown away", "gradients are set to zero before a step has used them",
                f"{self.thrown} of {self.backwards} backward passes came to nothing, with {self.steps} steps",
                "zero_grad() after each step; to accumulate, not between the backward passes of one step",
            )  # fmt: skip
        if self.early > 1 and self.early >= self.scheduled - 1 and self.steps >= self.scheduled - 1:
            yield Finding(
                "schedule too early", "the schedule makes its step before the optimizer does: its first rate is never used",
                f"{self.early} of {self.scheduled} steps of the schedule came between backward() and optimizer.step()",
                "optimizer.step(), and then scheduler.step()",
            )  # fmt: skip
        if self.stale > 1:
            yield Finding(
                "gradients add up", "gradients of earlier steps are added to those of the next",
                f"{self.stale} of {self.steps} steps were made with gradients that an earlier step had used already",
                "optimizer.zero_grad() before each backward()",
            )  # fmt: skip

    def _of_gradients(self) -> Iterator[Finding | str]:
        if len(self.left) > 1 and max(self.left) < CUT:
            yield Finding(
                "clipped away", "next to nothing is left of the gradients when the step is made",
                f"their norm is at most {max(self.left):.1g} of what backward() made",
                "clip_grad_norm_ with a norm of about 1; with a GradScaler after scaler.unscale_(optimizer)",
            )  # fmt: skip
        if self.cut_early > 1:
            yield Finding(
                "clipped too early", "gradients are clipped when there are none",
                f"at {self.cut_early} calls all gradients were None or 0", "clip between backward() and step()",
            )  # fmt: skip
        if self.scaled > 1:
            yield Finding(
                "scale left in", "steps are made with gradients that a GradScaler has made larger",
                f"{self.scaled} of {self.steps} steps; the scale is {self._scale:g}",
                "scaler.step(optimizer) and scaler.update() in place of optimizer.step()",
            )  # fmt: skip
        rates = self.rates
        if len(rates) > 3 and rates[-1] < CUT * max(rates):
            yield Finding(
                "rate vanishes", "the schedule has taken the learning rate away within a few steps",
                f"{max(rates):.3g} at most, {rates[-1]:.3g} at step {len(rates)}",
                "step a schedule of epochs once an epoch, or count its length in steps",
            )  # fmt: skip
        losses = np.array(self.losses)
        if losses.size and not np.isfinite(losses).all():
            k = int(np.argmin(np.isfinite(losses)))
            yield Finding(
                "loss not finite", "the loss becomes NaN or infinite", f"at backward() number {k + 1}; before {losses[max(0, k - 3) : k]}",
                "inspect.first_nonfinite(model) around that step names the op; a smaller learning rate",
            )  # fmt: skip
        elif losses.size >= 6:
            third = losses.size // 3
            first, last = float(losses[0]), float(np.median(losses[-third:]))
            last_third = losses[-third:]
            if last > first + abs(first) or last_third.max() > first + 10 * abs(first):
                yield Finding(
                    "loss rises", "the loss rises", f"from {first:.4g} to {last_third.max():.4g} in {losses.size} steps",
                    "a smaller learning rate; look at the sign of the loss",
                )  # fmt: skip
            elif last < 0 and last < first - abs(first):
                yield Finding(
                    "loss without bound", "the loss falls below 0, further with each step",
                    f"from {first:.4g} to {last:.4g} in {losses.size} steps",
                    "look at the sign of the loss: a minus too many makes what should be small large",
                )  # fmt: skip
        alone = [int(classes[0]) for classes in self.labels if len(classes) == 1]
        if len(alone) > 3 and len(alone) > len(self.labels) / 2:
            yield Finding(
                "one class", "the labels of a batch are all the same",
                f"in {len(alone)} of {len(self.labels)} batches; they were {', '.join(map(str, alone[:6]))}, …",
                "shuffle the data (DataLoader(shuffle=True)): each step forgets the other classes; look whether labels are read right",
            )  # fmt: skip
        if len(self.inputs) > 3 and len(set(self.inputs)) == 1:
            yield f"the same batch was used in all {len(self.inputs)} steps: right for learning it by heart, otherwise take the next"

    def _of_modes(self) -> Iterator[Finding | str]:
        if self.watched_in_vain > 1:
            yield (
                f"{self.watched_in_vain} evaluations were made with gradients on, of which none was asked for: no_grad() spares their "
                "memory"
            )
        if self.asleep > 1:
            yield Finding(
                "eval mode", "the model is trained in evaluation mode",
                f"{self.asleep} of {self.trained_calls} calls: dropout and batch norm do not do what they do in training",
                "model.train() before training, after each evaluation too",
            )  # fmt: skip
        if self.awake:
            yield Finding(
                "training mode", "the model is evaluated in training mode",
                f"{self.awake} calls without gradients, in which dropout drops and batch norm learns",
                "model.eval() before an evaluation, model.train() after it",
            )  # fmt: skip

    def _of_graphs(self) -> Iterator[Finding]:
        n = self.nodes
        if len(n) > 4 and all(a < b for a, b in itertools.pairwise(n[1:])):
            yield Finding(
                "graph grows", "each backward pass is longer than the last: it goes through all steps before",
                f"{n[1]} nodes at the second, {n[-1]} at the last of {len(n)}",
                "detach() what is carried from one step to the next: hidden = hidden.detach()",
            )  # fmt: skip
        if self.kept > 2:
            yield Finding(
                "graphs are kept", "the history of earlier losses is still held, and all that it was computed from",
                f"of {self.kept} of {len(self.roots)} steps", "add up loss.item(), or loss.detach(), not the loss itself",
            )  # fmt: skip


def _far(some: list[np.ndarray], others: list[np.ndarray]) -> float:
    """The distance between two lists of arrays."""
    squares = [float(((a - b) ** 2).sum()) for a, b in zip(some, others, strict=True)]
    return math.sqrt(sum(squares)) if np.isfinite(squares).all() else math.inf


def _same(some: list[np.ndarray], others: list[np.ndarray]) -> bool:
    return all((a == b).all() for a, b in zip(some, others, strict=True))
