"""Distances and angles of vectors."""

from __future__ import annotations

from ..base import shapes
from ..ops import expand, maximum, sum, vector_norm
from ..ops.explain import refuse
from ..ops.kinds import reduce
from ..ops.record import composite
from ..ops.samples import F, S


def _need_vectors(args, attrs):
    if max(args[0].ndim, args[1].ndim) == 0:
        raise refuse("the last axis is that of the vectors, and 0-d tensors have none")
    return attrs


@composite(
    reduce,
    types="float",
    normalize=_need_vectors,
    reference="torch.nn.functional.pairwise_distance",
    samples=(
        S(F(5, 3), F(5, 3), p=2.0, eps=1e-6, keepdim=False),
        S(F(5, 3), F(3), p=1.0, eps=0.1, keepdim=True),
    ),
)
def pairwise_distance(x1, x2, /, *, p=2.0, eps=1e-6, keepdim=False):
    """‖x1 − x2 + eps‖ₚ  along the last axis; the others broadcast."""
    return vector_norm(x1 - x2 + eps, p=p, dim=-1, keepdim=keepdim)


def _broadcast_axis(args, attrs):
    ndim = max(args[0].ndim, args[1].ndim)
    return attrs | {"dim": shapes.axis(attrs["dim"], ndim) - ndim}


@composite(
    reduce,
    types="floating",
    normalize=_broadcast_axis,
    reference="torch.nn.functional.cosine_similarity",
    samples=(
        S(F(5, 3), F(5, 3), dim=1, eps=1e-8),
        S(F(2, 1, 3), F(5, 3), dim=-2, eps=1e-8),
        S(F(), F(), dim=0, eps=1e-8),
    ),
)
def cosine_similarity(x1, x2, /, *, dim=1, eps=1e-8):
    """x1 · x2 / (max(‖x1‖, eps) · max(‖x2‖, eps))  along an axis, which disappears; the operands
    broadcast first, then their lengths are taken.
    """
    shape = shapes.broadcast(x1.shape, x2.shape)
    u, v = _unit(x1, shape, dim, eps), _unit(x2, shape, dim, eps)
    return sum(u * v, dim=dim if shape else None)


def _unit(x, shape, dim, eps):
    wide = expand(x, shape=shape)
    return wide / maximum(vector_norm(wide, dim=dim if shape else None, keepdim=True), eps)
