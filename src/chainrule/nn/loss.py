"""Losses as modules: each calls the function of the same name in ``nn.functional``, where the
formula is explained.

``reduction`` says what becomes of the losses of the elements: "mean" and "sum" give one number,
"none" leaves them. PyTorch's deprecated ``size_average`` and ``reduce`` do not exist; what stood
behind them is given by name.
"""

from __future__ import annotations

from ..tensors import Tensor
from . import functional as F
from .module import Module

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "NLLLoss",
    "SmoothL1Loss",
]


class _Loss(Module):
    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction


class _WeightedLoss(_Loss):
    """A loss with a buffer ``weight``."""

    def __init__(self, weight: Tensor | None = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.register_buffer("weight", weight)


class MSELoss(_Loss):
    """Squared error,  (x − y)².

    Example:
        >>> nn.MSELoss()(tensor([1.0, 2.0]), tensor([1.0, 4.0]))
        tensor(2.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The squared error."""
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(_Loss):
    """Absolute error,  |x − y|.

    Example:
        >>> nn.L1Loss()(tensor([1.0, 2.0]), tensor([1.0, 4.0]))
        tensor(1.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The absolute error."""
        return F.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """Squared error over 2β where |x − y| < β, |x − y| − β/2 beyond.

    Example:
        >>> nn.SmoothL1Loss()(tensor([1.0, 2.0]), tensor([1.0, 4.0]))
        tensor(0.7500)
    """

    def __init__(self, *, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The smoothed absolute error."""
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """Half the squared error where |x − y| < δ, δ (|x − y| − δ/2) beyond.   Source: Huber 1964.

    Example:
        >>> nn.HuberLoss()(tensor([1.0, 2.0]), tensor([1.0, 4.0]))
        tensor(0.7500)
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Huber's error."""
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class CrossEntropyLoss(_WeightedLoss):
    """Cross-entropy of classes, from logits (no softmax before it): nats.

    Args:
        weight: a factor per class (C,).
        ignore_index: targets of this class count for nothing.
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
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, reduction=reduction)
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


class NLLLoss(_WeightedLoss):
    """Negative log-likelihood of classes, from log-probabilities (``log_softmax`` before it): nats.

    Args:
        weight: a factor per class (C,).
        ignore_index: targets of this class count for nothing.
        reduction: "mean" (over the weights of the targets), "sum" or "none".

    Example:
        >>> nn.NLLLoss()(tensor([[-1.0, -2.0]]), tensor([1]))
        tensor(2.)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, reduction=reduction)
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


class BCELoss(_WeightedLoss):
    """Binary cross-entropy from probabilities,  −y ln x − (1 − y) ln(1 − x), logarithms no lower
    than −100.

    Args:
        weight: a factor per element, of a shape that broadcasts.
        reduction: "mean", "sum" or "none".

    Example:
        >>> nn.BCELoss()(tensor([0.5]), tensor([1.0]))
        tensor(0.6931)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The binary cross-entropy."""
        return F.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """Binary cross-entropy from logits, stable for all of them.

    Args:
        weight: a factor per element, of a shape that broadcasts.
        reduction: "mean", "sum" or "none".
        pos_weight: a factor on the loss of positive targets, of a shape that broadcasts.

    Example:
        >>> nn.BCEWithLogitsLoss()(zeros(1), tensor([1.0]))
        tensor(0.6931)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(reduction=reduction)
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


class KLDivLoss(_Loss):
    """Kullback-Leibler divergence,  y (ln y − x), the input being log-probabilities.

    Args:
        reduction: "batchmean" (the sum over the batch size: the divergence), "mean", "sum" or
            "none".
        log_target: whether the target is log-probabilities too.

    Example:
        >>> nn.KLDivLoss(reduction="sum")(tensor([0.0]), tensor([1.0]))
        tensor(0.)
    """

    def __init__(self, *, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction=reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The divergence."""
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)
