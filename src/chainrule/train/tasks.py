"""What is asked of a model: the loss of a batch, what that loss is a mean over, and the metrics.

The loop knows batches, steps and epochs; a task knows what is in a batch. It gives the loss as a
**sum** and says over how many samples (or tokens) the mean is to be taken. So the loop can put
several batches together into one step, of whatever sizes, and get the gradient of one big batch:

    loss of a step = Σ over its batches of task.loss / Σ over its batches of task.count

Legend: B batch, T time, C classes, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..nn import functional as F
from ..tensors import Tensor
from .metrics import (
    R2,
    Accuracy,
    BitsPerByte,
    MeanAbsoluteError,
    Metric,
    Perplexity,
    RootMeanSquaredError,
    TopKAccuracy,
)

__all__ = ["Classification", "LanguageModel", "MaskedLanguageModel", "Regression", "Task"]

_ERRORS = {"mse": F.mse_loss, "l1": F.l1_loss, "huber": F.huber_loss}


class Task:
    """Base of the tasks. A batch is `(inputs, targets)` as the loader gives it; a subclass may take
    any other structure.

    Attributes:
        headline: the metric that tells most, shown while training.
        unit: what `count` counts.
    """

    headline = "loss"
    unit = "samples"

    def loss(self, model: Callable, batch: Any) -> tuple[Tensor, Any]:
        """The loss of a batch, summed, a 0-d tensor; and what the metrics are computed from (a
        tensor, or None). It is traced: it must not look at values.
        """
        raise NotImplementedError(f"{type(self).__name__} must define loss")

    def count(self, batch: Any) -> float:
        """Over how many samples or tokens the loss of this batch is a sum."""
        raise NotImplementedError(f"{type(self).__name__} must define count")

    def metrics(self) -> dict[str, Metric]:
        """New metrics by name, beside the loss."""
        return {}

    def update(
        self, metrics: Mapping[str, Metric], answers: Any, batch: Any, loss: float, count: float
    ) -> None:
        """Count a batch in the metrics.

        Args:
            metrics: as `metrics` made them.
            answers: what `loss` returned beside the loss, as an array.
            batch: the batch.
            loss, count: its summed loss, and over how many.
        """
        for metric in metrics.values():
            metric.update(answers, batch[1].numpy())


class Classification(Task):
    """To name the class of each sample: `model(inputs)` gives logits (B, C), or (B, C, …) where
    every place has a class; the loss is the cross-entropy in nats. A label is a class, or the
    probabilities of all (as mixing samples makes them), of which the likeliest counts as right.

    Inputs in a dictionary are given by name, `model(**inputs)`, and of what `chainrule.models` return
    the `logits` count.

    Args:
        weight: of each class in the loss, (C,); None: all alike. The mean is then weighted too.
        ignore_index: a label that marks what is not to be learnt, nor counted.
        label_smoothing: the share of a label that is spread over all classes.
        top: further metrics `top{k}_accuracy`, one for each k.
    """

    headline = "accuracy"

    def __init__(
        self,
        *,
        weight: Tensor | None = None,
        ignore_index: int = -100,
        label_smoothing: float = 0.0,
        top: Sequence[int] = (),
    ):
        self.weight, self.ignore_index = weight, ignore_index
        self.label_smoothing, self.top = label_smoothing, tuple(top)

    def loss(self, model: Callable, batch: Any) -> tuple[Tensor, Tensor]:
        """Σ cross-entropy, and the logits."""
        inputs, labels = batch
        logits = logits_of(model(**inputs) if isinstance(inputs, Mapping) else model(inputs))
        loss = F.cross_entropy(
            logits,
            labels,
            self.weight,
            ignore_index=self.ignore_index,
            reduction="sum",
            label_smoothing=self.label_smoothing,
        )
        return loss, logits

    def count(self, batch: Any) -> float:
        """The labels that are not ignored, or the sum of their weights; of probabilities the
        places that have them.
        """
        labels = batch[1].numpy()
        if labels.dtype.kind == "f":
            return float(labels.size // labels.shape[1])
        labels = labels[labels != self.ignore_index]
        if self.weight is None:
            return float(labels.size)
        return float(self.weight.numpy().astype(np.float64)[labels].sum())

    def metrics(self) -> dict[str, Metric]:
        """`accuracy`, and what `top` asked for."""
        return {"accuracy": Accuracy(), **{f"top{k}_accuracy": TopKAccuracy(k) for k in self.top}}

    def update(
        self, metrics: Mapping[str, Metric], answers: Any, batch: Any, loss: float, count: float
    ) -> None:
        """Count the answers to all labels that are not ignored."""
        labels = batch[1].numpy()
        labels = labels.argmax(axis=1) if labels.dtype.kind == "f" else labels
        scores = np.moveaxis(answers, 1, -1).reshape(-1, answers.shape[1])  # (B·…, C)
        kept = labels.reshape(-1) != self.ignore_index
        for metric in metrics.values():
            metric.update(scores[kept], labels.reshape(-1)[kept])


def logits_of(output: Any) -> Tensor:
    """The logits that a model returned: by themselves, first of several, or among others as
    `chainrule.models` do.
    """
    if isinstance(output, Mapping):
        return output.logits  # type: ignore[attr-defined]
    return output[0] if isinstance(output, tuple) else output


class Regression(Task):
    """To give numbers: `model(inputs)` has the shape of the targets; the loss is a mean over all
    their elements.

    Args:
        loss: "mse" (squared error), "l1" (absolute error) or "huber" (squared near 0, absolute
            beyond 1).
    """

    headline = "rmse"
    unit = "elements"

    def __init__(self, loss: str = "mse"):
        if loss not in _ERRORS:
            raise ValueError(f"Regression(loss): expected one of {list(_ERRORS)}, found {loss!r}")
        self.kind = loss

    def loss(self, model: Callable, batch: Any) -> tuple[Tensor, Tensor]:
        """Σ of the errors' losses, and the answers."""
        inputs, targets = batch
        answers = model(inputs)
        return _ERRORS[self.kind](answers, targets, reduction="sum"), answers

    def count(self, batch: Any) -> float:
        """The elements of the targets."""
        return float(batch[1].numel())

    def metrics(self) -> dict[str, Metric]:
        """`mae`, `rmse` and `r2`."""
        return {"mae": MeanAbsoluteError(), "rmse": RootMeanSquaredError(), "r2": R2()}


class LanguageModel(Task):
    """To foretell the next token: `model(inputs)` of tokens (B, T) gives logits (B, T, V), or a
    tuple that begins with them, or an output that has them as `logits`; targets (B, T) are the
    tokens that came next. The loss is in nats per token.

    Args:
        ignore_index: a target that marks padding: neither learnt nor counted.
        token_bytes: of how many bytes each token is, int (V,): then `bits_per_byte` is a metric,
            and tells most. None: not known.
    """

    headline = "loss"
    unit = "tokens"

    def __init__(self, *, ignore_index: int = -100, token_bytes: np.ndarray | None = None):
        self.ignore_index, self.token_bytes = ignore_index, token_bytes
        if token_bytes is not None:
            self.headline = "bits_per_byte"

    def loss(self, model: Callable, batch: Any) -> tuple[Tensor, None]:
        """Σ −ln p(next token)."""
        inputs, targets = batch
        logits = logits_of(model(inputs))
        V = logits.shape[-1]
        loss = F.cross_entropy(
            logits.reshape(-1, V),  # (B·T, V)
            targets.reshape(-1),
            ignore_index=self.ignore_index,
            reduction="sum",
        )
        return loss, None

    def count(self, batch: Any) -> float:
        """The tokens that are not padding."""
        return float((batch[1].numpy() != self.ignore_index).sum())

    def metrics(self) -> dict[str, Metric]:
        """`perplexity`, and `bits_per_byte` where bytes are known."""
        bits = {} if self.token_bytes is None else {"bits_per_byte": BitsPerByte()}
        return {"perplexity": Perplexity(), **bits}

    def update(
        self, metrics: Mapping[str, Metric], answers: Any, batch: Any, loss: float, count: float
    ) -> None:
        """Count the batch's nats."""
        metrics["perplexity"].update(loss, count)
        if self.token_bytes is not None:
            targets = batch[1].numpy()
            metrics["bits_per_byte"].update(
                loss, self.token_bytes[targets[targets != self.ignore_index]].sum()
            )


class MaskedLanguageModel(Task):
    """To tell tokens that were hidden: `model(inputs)` of tokens (B, T) gives logits (B, T, V);
    targets (B, T) are the hidden tokens, and `ignore_index` everywhere else. The loss is in nats
    per hidden token, the accuracy the share that the likeliest answer gets right.

    Args:
        ignore_index: the target of what was not hidden.
    """

    headline = "accuracy"
    unit = "hidden tokens"

    def __init__(self, *, ignore_index: int = -100):
        self.ignore_index = ignore_index

    def loss(self, model: Callable, batch: Any) -> tuple[Tensor, Tensor]:
        """Σ −ln p(hidden token), and the likeliest tokens (B, T)."""
        inputs, targets = batch
        logits = logits_of(model(inputs))
        loss = F.cross_entropy(
            logits.reshape(-1, logits.shape[-1]),  # (B·T, V)
            targets.reshape(-1),
            ignore_index=self.ignore_index,
            reduction="sum",
        )
        return loss, logits.detach().argmax(dim=-1)

    def count(self, batch: Any) -> float:
        """The hidden tokens."""
        return float((batch[1].numpy() != self.ignore_index).sum())

    def metrics(self) -> dict[str, Metric]:
        """`accuracy`."""
        return {"accuracy": Accuracy()}

    def update(
        self, metrics: Mapping[str, Metric], answers: Any, batch: Any, loss: float, count: float
    ) -> None:
        """Count the answers where something was hidden."""
        targets = batch[1].numpy()
        hidden = targets != self.ignore_index
        metrics["accuracy"].update(answers[hidden], targets[hidden])
