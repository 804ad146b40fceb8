"""How good a model is on a data set: every batch once, in evaluation mode, without gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.errors import ShapeError
from ..nn import Module
from ..nn import functional as F
from ..tensors import Tensor, no_grad, tensor
from .tasks import Classification, Task

__all__ = ["Evaluation", "evaluate"]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A model's metrics on N samples.

    Attributes:
        metrics: name → value, `loss` first.
        answers: what the model answered, for instance logits (N, C); None unless they were kept.
        targets: what was right, as the data set has it; None unless they were kept.
    """

    metrics: dict[str, float]
    answers: np.ndarray | None = None
    targets: np.ndarray | None = None

    @property
    def predictions(self) -> np.ndarray:
        """Of a classifier: the classes it answered, int64 (N,)."""
        return self._kept().argmax(axis=1)

    @property
    def confidence(self) -> np.ndarray:
        """Of a classifier: the probability it gave to each answer, (N,)."""
        return F.softmax(tensor(self._kept()), dim=1).numpy().max(axis=1)

    def _kept(self) -> np.ndarray:
        if self.answers is None:
            raise ShapeError("this Evaluation kept no answers: evaluate(…, keep=True)")
        return self.answers


def evaluate(
    model: Module,
    loader: Any,
    task: Task | None = None,
    *,
    keep: bool = False,
    measure: Callable | None = None,
) -> Evaluation:
    """Run a model over every batch of `loader`; its mode is put back after.

    Args:
        model: what the task takes.
        loader: yields batches.
        task: `Classification()` if None.
        keep: keep the answers and the targets of all samples.
        measure: batch → (summed loss, answers) of this model, if not `task.loss` itself: that
            compiled, for instance.

    Raises:
        ShapeError: a loader without batches.
    """
    task = Classification() if task is None else task
    metrics = task.metrics()
    total = counted = 0.0
    answers, targets = [], []
    was_training = model.training
    model.eval()
    try:
        with no_grad():
            for batch in loader:
                loss, answer = task.loss(model, batch) if measure is None else measure(batch)
                value, count = loss.item(), task.count(batch)
                answer = answer.numpy() if isinstance(answer, Tensor) else answer
                task.update(metrics, answer, batch, value, count)
                total, counted = total + value, counted + count
                if keep:
                    answers.append(answer)
                    targets.append(batch[1].numpy())
    finally:
        model.train(was_training)
    if counted == 0:
        raise ShapeError(f"evaluate(model, loader): no {task.unit} in it, expected at least one")
    values = {"loss": total / counted}
    values |= {name: metric.compute() for name, metric in metrics.items()}
    if not keep:
        return Evaluation(values)
    whole = None if answers[0] is None else np.concatenate(answers)
    return Evaluation(values, whole, np.concatenate(targets))
