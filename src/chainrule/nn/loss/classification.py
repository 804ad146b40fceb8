"""Cross-entropies."""

from __future__ import annotations

import math
from typing import Any

from ...base.errors import ArgumentError, ShapeError
from ...tensors import Tensor
from .. import functional as F
from ..linear import Linear
from .reduction import Loss, WeightedLoss

__all__ = [
    "BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss", "LinearCrossEntropyLoss", "NLLLoss",
]  # fmt: skip


class CrossEntropyLoss(WeightedLoss):
    """Cross-entropy of classes, from logits (no softmax before it): nats.

    Args:
        weight: a factor per class (C,).
        size_average: deprecated, see ``reduction``.
        ignore_index: targets of this class count for nothing.
        reduce: deprecated, see ``reduction``.
        reduction: "mean" (over the weights of the targets), "sum" or "none".
        label_smoothing: the share ε of the target that is spread evenly over all classes.

    Shapes: logits (B, C, …) or (C,); targets (B, …) or () integers, or probabilities of the logits'
    shape.

    Example:
        >>> nn.CrossEntropyLoss()(zeros(3, 2), tensor([0, 1, 1]))
        tensor(0.6931)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The cross-entropy."""
        return F.cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class LinearCrossEntropyLoss(WeightedLoss):
    """A linear layer, and the cross-entropy of the logits it gives: nats.

    Args:
        in_features: the size of the last axis of the input.
        num_classes: C.
        out_features: the shape of the places for each of which a class is foretold; () for one.
        bias: whether the layer has one.
        device: where the weights live; only the CPU.
        dtype: the dtype of the weights; the default dtype if None.
        reduction: "mean", "sum" or "none".
        weight: a factor per class (C,).
        ignore_index: targets of this class count for nothing; −100 if None.
        label_smoothing: the share of the target that is spread evenly over all classes.
        options: without effect: how PyTorch cuts the batch into pieces.

    Attributes:
        linear: the layer.

    Example:
        >>> nn.LinearCrossEntropyLoss(5, 2)(zeros(3, 5), tensor([0, 1, 1])).detach()
        tensor(0.6931)
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: Any = None,
    ) -> None:
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise ShapeError(
                f"LinearCrossEntropyLoss: expected weight of shape {(num_classes,)}, "
                f"found {tuple(weight.shape)}"
            )
        if not 0.0 <= label_smoothing <= 1.0:
            raise ArgumentError(
                f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}"
            )
        super().__init__(weight, reduction=reduction)
        self.num_classes = num_classes
        self.out_features = tuple(out_features)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        wide = num_classes * math.prod(self.out_features)
        self.linear = Linear(in_features, wide, bias=bias, device=device, dtype=dtype)
        self.options = options

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The cross-entropy of the layer's logits."""
        shape, bias = (self.num_classes, *self.out_features), self.linear.bias
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape(*shape, self.linear.in_features),
            target,
            linear_bias=None if bias is None else bias.reshape(shape),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
        )

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, "
            f"out_features={self.out_features}, bias={self.linear.bias is not None}, "
            f"reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )


class NLLLoss(WeightedLoss):
    """Negative log-likelihood of classes, from log-probabilities (``log_softmax`` before it): nats.

    Args:
        weight: a factor per class (C,).
        size_average: deprecated, see ``reduction``.
        ignore_index: targets of this class count for nothing.
        reduce: deprecated, see ``reduction``.
        reduction: "mean" (over the weights of the targets), "sum" or "none".

    Example:
        >>> nn.NLLLoss()(tensor([[-1.0, -2.0]]), tensor([1]))
        tensor(2.)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The negative log-likelihood."""
        return F.nll_loss(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


class BCELoss(WeightedLoss):
    """Binary cross-entropy from probabilities,  −y ln x − (1 − y) ln(1 − x), logarithms no lower
    than −100.

    Args:
        weight: a factor per element, of a shape that broadcasts.
        size_average: deprecated, see ``reduction``.
        reduce: deprecated, see ``reduction``.
        reduction: "mean", "sum" or "none".

    Example:
        >>> nn.BCELoss()(tensor([0.5]), tensor([1.0]))
        tensor(0.6931)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The binary cross-entropy."""
        return F.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(Loss):
    """Binary cross-entropy from logits, stable for all of them.

    Args:
        weight: a factor per element, of a shape that broadcasts.
        size_average: deprecated, see ``reduction``.
        reduce: deprecated, see ``reduction``.
        reduction: "mean", "sum" or "none".
        pos_weight: a factor on the loss of positive targets, of a shape that broadcasts.

    Example:
        >>> nn.BCEWithLogitsLoss()(zeros(1), tensor([1.0]))
        tensor(0.6931)
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The binary cross-entropy."""
        return F.binary_cross_entropy_with_logits(
            input,
            target,
            self.weight,
            reduction=self.reduction,
            pos_weight=self.pos_weight,
        )
