"""A training loop is watched for some steps, as it is, and what it does is written down, to be compared with what a loop
has to do: forward, zero_grad, backward, step, in this order, with gradients that arrive and weights that move.
"""

from __future__ import annotations

import hashlib
import math
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from ...amp import GradScaler
from ...base.modes import modes
from ...nn import BatchNorm1d, BatchNorm2d, BatchNorm3d, Dropout, Module
from ...nn.utils import clip_grad
from ...ops.record import READERS, Op
from ...optim import Optimizer
from ...optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from ...tape.nodes import Node
from ...tensors import Tensor
from ..doctor.finding import Report
from ..doctor.look import array
from ..summary import tensors_in
from ..watch import Watch, with_their_own
from .told import told

__all__ = ["checkup"]

PUT_BACK = 0.03
"""The share of a step that is left of it when the next begins, below which it is called undone."""

MEANS = (
    "cross_entropy", "nll_loss", "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
)  # fmt: skip
"""Losses that are counted, and whether they are taken whole."""

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
        self.others = self.thrown = self.scaled = self.watched_in_vain = 0
        self.cut_early = self.cut_late = self.infinite = 0
        self.costs = self.asked = self.whole = (
            0  # losses; those that a backward pass came to; means that it began at, further ones of a step
        )
        self.labels: list[np.ndarray] = []  # the classes of each batch
        self.early = self.scheduled = 0  # steps of schedules
        self.roots: list[weakref.ref] = []
        self.kept = self.held = (
            0  # losses whose graphs are there at the end; those that no backward pass came to
        )
        self._norm = 0.0
        self._sleeps = False  # whether the last call of the model was in evaluation mode
        self._fresh = False  # whether there are gradients that no step has used
        self._at_step = False
        self.scale = 1.0  # what is in the gradients
        self.scale_given = 1.0  # what a scaler put there last
        self._used = False  # whether a step has used the gradients that there are, or some that they were added to
        self._mean = math.nan  # the last loss
        self._costs: weakref.WeakSet[Node] = weakref.WeakSet()  # that no backward pass has come to
        self._there: list[np.ndarray] = []  # the parameters after the last backward()
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
        for name in ("clip_grads_with_norm_", "_clamp_"):
            self._replace(clip_grad, name, self._clipping)
        return self

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        self.kept = sum(root() is not None for root in self.roots[:-2])
        self.held = len(self._costs)

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
        if node in self._costs:
            self._costs.discard(node)
            self.asked += 1

    def op(self, op: Op, args: tuple, attrs: dict, result: Any) -> None:
        self.defined(op, args, attrs, result)

    def defined(self, op: Op, args: tuple, attrs: dict, result: Any) -> None:
        if op.name in ("cross_entropy", "nll_loss") and modes.grad and isinstance(args[1], Tensor):
            y = array(args[1])
            if y.ndim == 1 and y.size >= FEW_LABELS:
                self.labels.append(np.unique(y))
        if op.name in MEANS and isinstance(result, Tensor) and result.requires_grad:
            self.costs += 1
            self._mean = float(result) if attrs.get("reduction", "mean") == "mean" else math.nan
            if result.edge is not None:
                self._costs.add(result.edge[0])

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
                self.whole += self._fresh and self.losses[-1] == self._mean
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
                self.infinite += not math.isfinite(self._norm)
                self._there = self._parameters()
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
            before = self._parameters()
            self.scaled += self.scale > 1 and norm > 0
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
                unused = self._fresh and not self._at_step
                self.thrown += unused and _same(self._parameters(), self._there)  # or used by hand
                self._used = self._fresh = False
            return zero_grad(optimizer, *args, **kwargs)

        return watched

    def _clipping(self, clip: Callable) -> Callable:
        def watched(parameters: Any, *args: Any, **kwargs: Any) -> Any:
            given = [parameters] if isinstance(parameters, Tensor) else list(parameters)
            if self._is_mine() and all(p.grad is None or not p.grad.any() for p in given):
                self.cut_early += 1
            elif self._is_mine() and self._used and not self._fresh:
                self.cut_late += 1
            return clip(given, *args, **kwargs)

        return watched

    def _scaling(self, scale: Callable) -> Callable:
        def watched(scaler: GradScaler, outputs: Any) -> Any:
            if self._is_mine():
                self.scale = self.scale_given = scaler.get_scale()
            return scale(scaler, outputs)

        return watched

    def _unscaling(self, unscale: Callable) -> Callable:
        def watched(scaler: GradScaler, optimizer: Optimizer) -> None:
            mine = optimizer is self.optimizer and self._is_mine()
            before = self._gradients() if mine else 0.0
            unscale(scaler, optimizer)
            self.scale = 1.0 if mine else self.scale
            if mine and before > 0 and math.isfinite(before):
                self._norm *= self._gradients() / before  # what the scale had made larger

        return watched

    def _parameters(self) -> list[np.ndarray]:
        return [array(p).copy() for p in self.model.parameters()]

    def _gradients(self) -> float:
        """The norm of all the gradients there are."""
        found = [p.grad for p in self.model.parameters() if p.grad is not None]
        return math.sqrt(sum([float((array(g) ** 2).sum()) for g in found]))

    def report(self) -> Report:
        """What was found. True if nothing was."""
        return told(self)


def _far(some: list[np.ndarray], others: list[np.ndarray]) -> float:
    """The distance between two lists of arrays."""
    squares = [float(((a - b) ** 2).sum()) for a, b in zip(some, others, strict=True)]
    return math.sqrt(sum(squares)) if np.isfinite(squares).all() else math.inf


def _same(some: list[np.ndarray], others: list[np.ndarray]) -> bool:
    return all((a == b).all() for a, b in zip(some, others, strict=True))
