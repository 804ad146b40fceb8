"""Losses of places and distances."""

from __future__ import annotations

from collections.abc import Callable

from ...base.errors import ArgumentError
from ...tensors import Tensor
from .. import functional as F
from .reduction import Loss

__all__ = [
    "CosineEmbeddingLoss", "HingeEmbeddingLoss", "MarginRankingLoss", "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]  # fmt: skip


class _MarginLoss(Loss):
    """A loss whose one setting is its margin."""

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin


class CosineEmbeddingLoss(_MarginLoss):
    """1 − cos(x₁, x₂) where the target is 1, max(0, cos(x₁, x₂) − margin) where it is −1.

    Example:
        >>> nn.CosineEmbeddingLoss(margin=0.5)(ones(3, 2), ones(3, 2), tensor([1, -1, -1]))
        tensor(0.3333)
    """

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """The loss of the angle."""
        return F.cosine_embedding_loss(
            input1, input2, target, margin=self.margin, reduction=self.reduction
        )


class HingeEmbeddingLoss(_MarginLoss):
    """x where the target is 1, max(0, margin − x) where it is −1, x being a distance.

    Example:
        >>> nn.HingeEmbeddingLoss()(tensor([0.25, 0.25]), tensor([1, -1]))
        tensor(0.5000)
    """

    def __init__(
        self,
        margin: float = 1.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(margin, size_average, reduce, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The hinge."""
        return F.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


class MarginRankingLoss(_MarginLoss):
    """max(0, margin − y · (x₁ − x₂)): where y = 1 the first shall be the larger, where y = −1 the
    second.

    Example:
        >>> nn.MarginRankingLoss()(tensor([1.0, 1.0]), tensor([0.0, 0.0]), tensor([1, -1]))
        tensor(0.5000)
    """

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """The hinge."""
        return F.margin_ranking_loss(
            input1, input2, target, margin=self.margin, reduction=self.reduction
        )


class TripletMarginLoss(Loss):
    """max(0, margin + ‖a − p‖ − ‖a − n‖): what is like the anchor shall be nearer than what is not.

    Args:
        margin: by how much; positive.
        p: the order of the norm.
        eps: added to every difference.
        swap: whether ‖p − n‖ takes the place of ‖a − n‖ where it is smaller.
        size_average: deprecated, see ``reduction``.
        reduce: deprecated, see ``reduction``.
        reduction: "mean", "sum" or "none".

    Example:
        >>> nn.TripletMarginLoss(margin=2.0)(zeros(2, 3), zeros(2, 3), ones(2, 3))
        tensor(0.2680)
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        if margin <= 0:
            raise ArgumentError(f"margin must be greater than 0, got {margin}")
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """The hinge."""
        return F.triplet_margin_loss(
            anchor,
            positive,
            negative,
            margin=self.margin,
            p=self.p,
            eps=self.eps,
            swap=self.swap,
            reduction=self.reduction,
        )


class TripletMarginWithDistanceLoss(Loss):
    """``TripletMarginLoss`` with a distance of your own.

    Args:
        distance_function: a function of two tensors; ``PairwiseDistance()`` if None.
        margin: by how much what is like the anchor shall be nearer; positive.
        swap: whether the distance of the two others takes the place of the larger one.
        reduction: "mean", "sum" or "none".

    Example:
        >>> loss = nn.TripletMarginWithDistanceLoss(distance_function=nn.PairwiseDistance(p=1))
        >>> loss(zeros(2, 3), ones(2, 3), ones(2, 3))
        tensor(1.)
    """

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        if margin <= 0:
            raise ArgumentError(f"margin must be greater than 0, got {margin}")
        self.distance_function = (
            F.pairwise_distance if distance_function is None else distance_function
        )
        self.margin = margin
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """The hinge."""
        return F.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )
