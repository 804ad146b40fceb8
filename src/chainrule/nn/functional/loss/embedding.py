"""Losses of places and distances."""

from __future__ import annotations

from collections.abc import Callable

from .... import functional as fn
from ....base.errors import ArgumentError, ShapeError
from ....tensors import Tensor
from ....tensors.functions.mixed import in_float32
from .distance import pairwise_distance
from .reduction import reduction_of

__all__ = [
    "cosine_embedding_loss", "hinge_embedding_loss", "margin_ranking_loss", "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]  # fmt: skip


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 − cos(x₁, x₂) where the target is 1, max(0, cos(x₁, x₂) − margin) where it is −1.

    Args:
        input1: x₁ (B, D) or (D,).
        input2: x₂, of the same shape.
        target: 1 or −1 (B,) or (); one element stands for all.
        margin: the cosine up to which what is not alike costs nothing.
        size_average: deprecated, see ``reduction``.
        reduce: deprecated, see ``reduction``.
        reduction: "mean", "sum" or "none".

    Example:
        >>> F.cosine_embedding_loss(ones(3, 2), ones(3, 2), tensor([1, -1, -1]), margin=0.5)
        tensor(0.3333)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    return fn.cosine_embedding_loss(input1, input2, target, margin=margin, reduction=reduction)


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """x where the target is 1, max(0, margin − x) where it is −1, x being a distance; different
    shapes are refused.

    Example:
        >>> F.hinge_embedding_loss(tensor([0.25, 0.25]), tensor([1, -1]))
        tensor(0.5000)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    return fn.hinge_embedding_loss(input, target, margin=margin, reduction=reduction)


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin − y · (x₁ − x₂)): where y = 1 the first shall be the larger, where y = −1 the
    second; different shapes are refused.

    Example:
        >>> F.margin_ranking_loss(tensor([1.0, 1.0]), tensor([0.0, 0.0]), tensor([1, -1]))
        tensor(0.5000)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    return fn.margin_ranking_loss(input1, input2, target, margin=margin, reduction=reduction)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin + ‖a − p‖ − ‖a − n‖): what is like the anchor shall be nearer to it than what
    is not, by a margin.   Source: Balntas et al. 2016.

    Args:
        anchor: a (…, D).
        positive: p, of the same shape.
        negative: n, of the same shape.
        margin: see above; positive.
        p: the order of the norm.
        eps: added to every difference.
        swap: whether ‖p − n‖ takes the place of ‖a − n‖ where it is smaller.
        size_average: deprecated, see ``reduction``.
        reduce: deprecated, see ``reduction``.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: the shapes differ.
        ValueError: the margin is not positive.

    Example:
        >>> F.triplet_margin_loss(zeros(2, 3), zeros(2, 3), ones(2, 3), margin=2.0)
        tensor(0.2680)
    """
    reduction = reduction_of(size_average, reduce, reduction)

    def distance(x: Tensor, y: Tensor) -> Tensor:
        return pairwise_distance(x, y, p=p, eps=eps)

    anchor, positive, negative = in_float32(anchor, positive, negative)
    return _triplet(
        "triplet_margin_loss", anchor, positive, negative, distance, margin, swap, reduction
    )


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """``triplet_margin_loss`` with a distance of your own: a function of two tensors;
    ``pairwise_distance`` if None.

    Example:
        >>> far = lambda x, y: (x - y).abs().sum(-1)
        >>> F.triplet_margin_with_distance_loss(
        ...     zeros(2, 3), zeros(2, 3), ones(2, 3), distance_function=far, margin=5.0
        ... )
        tensor(2.)
    """
    distance = pairwise_distance if distance_function is None else distance_function
    name = "triplet_margin_with_distance_loss"
    return _triplet(name, anchor, positive, negative, distance, margin, swap, reduction)


def _triplet(
    name: str,
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    distance: Callable[[Tensor, Tensor], Tensor],
    margin: float,
    swap: bool,
    reduction: str,
) -> Tensor:
    if margin <= 0:
        raise ArgumentError(f"margin must be greater than 0, got {margin}")
    shapes = [tuple(t.shape) for t in (anchor, positive, negative)]
    if len(set(shapes)) > 1:
        raise ShapeError(
            f"{name}: anchor, positive and negative must have the same shape, found {shapes}"
        )
    return fn.triplet_hinge(
        distance(anchor, positive),
        distance(anchor, negative),
        distance(positive, negative) if swap else None,
        margin=margin,
        reduction=reduction,
    )
