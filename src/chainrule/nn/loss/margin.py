"""Hinges of scores."""

from __future__ import annotations

from ...base.errors import ArgumentError
from ...tensors import Tensor
from .. import functional as F
from .reduction import Loss, WeightedLoss

__all__ = [
    "MultiLabelMarginLoss", "MultiLabelSoftMarginLoss", "MultiMarginLoss", "SoftMarginLoss",
]  # fmt: skip


class MultiMarginLoss(WeightedLoss):
    """The score of the class shall be above all others by a margin:
    w[t] · Σ_{c≠t} max(0, margin − x[t] + x[c])ᵖ / C.

    Args:
        p: 1 or 2.
        margin: see above.
        weight: a factor per class (C,).
        size_average: deprecated, see ``reduction``.
        reduce: deprecated, see ``reduction``.
        reduction: "mean", "sum" or "none".

    Example:
        >>> nn.MultiMarginLoss()(tensor([[0.5, 0.0]]), tensor([0]))
        tensor(0.2500)
    """

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ArgumentError("only p == 1 and p == 2 supported")
        if weight is not None and weight.ndim != 1:
            raise ArgumentError(f"weight must be (C,), found {tuple(weight.shape)}")
        self.p = p
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The hinge."""
        return F.multi_margin_loss(
            input,
            target,
            p=self.p,
            margin=self.margin,
            weight=self.weight,
            reduction=self.reduction,
        )


class MultiLabelMarginLoss(Loss):
    """The scores of all targets shall be above those of all other classes by 1; a row's targets are
    its classes, then −1.

    Example:
        >>> nn.MultiLabelMarginLoss()(tensor([0.1, 0.2, 0.4, 0.8]), tensor([3, 0, -1, 1]))
        tensor(0.8500)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The hinge."""
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class SoftMarginLoss(Loss):
    """ln(1 + e^(−y x))  for targets y = ±1.

    Example:
        >>> nn.SoftMarginLoss()(zeros(2), tensor([1.0, -1.0]))
        tensor(0.6931)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The logistic loss."""
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(WeightedLoss):
    """The mean over the classes of the binary cross-entropy of logits (B, C).

    Args:
        weight: a factor per class, or of another shape that broadcasts.
        size_average: deprecated, see ``reduction``.
        reduce: deprecated, see ``reduction``.
        reduction: "mean", "sum" or "none".

    Example:
        >>> nn.MultiLabelSoftMarginLoss()(zeros(2, 3), ones(2, 3))
        tensor(0.6931)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The mean binary cross-entropy."""
        return F.multilabel_soft_margin_loss(input, target, self.weight, reduction=self.reduction)
