"""Lengths, distances and angles of vectors."""

from __future__ import annotations

import math

from ..base import shapes
from ..ops import abs as abs_
from ..ops import amax, amin, cast, expand, maximum, sign, sqrt, square, sum, where
from ..ops.explain import refuse
from ..ops.kinds import reduce, reduced
from ..ops.record import composite
from ..ops.reduce import restored
from ..ops.samples import F, S


@composite(
    reduce,
    types="floating",
    normalize=reduced,
    samples=(
        S(F(5, 3), p=2.0, dim=1, keepdim=False),
        S(F(5, 3, 2), p=1.0, dim=(0, 2), keepdim=True),
        S(F(5, 3), p=3.0, dim=None, keepdim=False),
        S(F(5, 3), p=0.5, dim=0, keepdim=False),
        S(F(5, 3), p=0.0, dim=0, keepdim=False),
        S(F(7), p=math.inf, dim=0, keepdim=False),
        S(F(7), p=-math.inf, dim=0, keepdim=True),
    ),
)
def p_norm(x, /, *, p=2.0, dim=None, keepdim=False):
    """(Σ |x|ᵖ)^(1/p)  over axes; ±inf the largest or smallest |x|, 0 the count of what is not zero.
    The derivative of a length 0 is 0.
    """
    if p == 0:
        return sum(square(sign(x)), dim=dim, keepdim=keepdim)
    if p == 1:
        return sum(abs_(x), dim=dim, keepdim=keepdim)
    if p == 2:
        return sqrt(sum(square(x), dim=dim, keepdim=keepdim))
    if p == math.inf:
        return amax(abs_(x), dim=dim, keepdim=keepdim)
    if p == -math.inf:
        return amin(abs_(x), dim=dim, keepdim=keepdim)
    return sum(abs_(x) ** p, dim=dim, keepdim=keepdim) ** (1 / p)


def _norm_rule(g, x, y, p, dim):
    g, y = restored(g, x.shape, dim), restored(y, x.shape, dim)
    if p == 0:
        return g * (x * 0)
    if p == 1:
        return g * sign(x)
    if p in (math.inf, -math.inf):
        at = cast(abs_(x) == y, dtype=x.dtype)
        return g * sign(x) * at / sum(at, dim=dim, keepdim=True)
    safe = where(y == 0, 1.0, y)
    if p == 2:
        return g * where(y == 0, 0.0, x / safe)
    share = where(x == 0, 0.0, sign(x) * (abs_(where(x == 0, 1.0, x)) / safe) ** (p - 1))
    return g * where(y == 0, 0.0, share)


p_norm.vjp(x=lambda g, x, y, p, dim: _norm_rule(g, x, y, p, dim))


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
    return p_norm(x1 - x2 + eps, p=p, dim=-1, keepdim=keepdim)


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
    return wide / maximum(p_norm(wide, dim=dim if shape else None, keepdim=True), eps)
