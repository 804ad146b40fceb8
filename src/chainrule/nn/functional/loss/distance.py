"""Distances and angles of vectors; their operands broadcast."""

from __future__ import annotations

import numpy as np

from .... import functional as fn
from ....base.errors import ArgumentError, ShapeError
from ....tensors import Tensor, as_tensor, int64
from .reduction import in_one_dtype

__all__ = ["cosine_similarity", "pairwise_distance", "pdist"]


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x₁ · x₂ / (max(‖x₁‖, eps) · max(‖x₂‖, eps))  along an axis, which disappears.

    Example:
        >>> F.cosine_similarity(tensor([1.0, 0.0]), tensor([1.0, 1.0]), dim=0)
        tensor(0.7071)
    """
    return fn.cosine_similarity(*in_one_dtype(x1, x2, integers=True), dim=dim, eps=eps)


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """‖x₁ − x₂ + eps‖ₚ  along the last axis.

    Args:
        x1: vectors (…, D).
        x2: vectors (…, D); the axes before the last broadcast.
        p: the order of the norm; ±inf for the largest or smallest, 0 for the count of differences.
        eps: added to every difference, which keeps the derivative finite where vectors are equal.
        keepdim: whether the last axis stays, with size 1.

    Example:
        >>> F.pairwise_distance(zeros(2), tensor([3.0, 4.0]))
        tensor(5.0000)
    """
    return fn.pairwise_distance(x1, x2, p=p, eps=eps, keepdim=keepdim)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The distances of all pairs i < j of rows of a matrix (N, D):  N (N − 1) / 2  of them.

    Example:
        >>> F.pdist(tensor([[0.0], [1.0], [3.0]]))
        tensor([1., 3., 2.])
    """
    if input.ndim != 2:
        raise ShapeError(f"pdist: expected a matrix, found shape {tuple(input.shape)}")
    if p < 0:
        raise ArgumentError(f"pdist only supports non-negative p values, got {p}")
    # lists: they are constants of a traced program
    i, j = (as_tensor(k.tolist(), dtype=int64) for k in np.triu_indices(input.shape[0], 1))
    return fn.pairwise_distance(input[i], input[j], p=p, eps=0.0)
