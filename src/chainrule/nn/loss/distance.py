"""Distances and angles of vectors."""

from __future__ import annotations

from ...tensors import Tensor
from .. import functional as F
from ..module import Module

__all__ = ["CosineSimilarity", "PairwiseDistance"]


class PairwiseDistance(Module):
    """‖x₁ − x₂ + eps‖ₚ  along the last axis.

    Args:
        p: the order of the norm.
        eps: added to every difference.
        keepdim: whether the last axis stays, with size 1.

    Example:
        >>> nn.PairwiseDistance()(zeros(2), tensor([3.0, 4.0]))
        tensor(5.0000)
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """The distance."""
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineSimilarity(Module):
    """x₁ · x₂ / (max(‖x₁‖, eps) · max(‖x₂‖, eps))  along an axis.

    Example:
        >>> nn.CosineSimilarity(dim=0)(tensor([1.0, 0.0]), tensor([1.0, 1.0]))
        tensor(0.7071)
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """The cosine of the angle."""
        return F.cosine_similarity(x1, x2, self.dim, self.eps)
