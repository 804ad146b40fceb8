"""Losses of places and distances: what is alike shall lie close together, what is not, apart."""

from __future__ import annotations

from ...ops import clamp, minimum, sqrt, square, sum, where
from ...ops.explain import refuse
from ...ops.kinds import reduce
from ...ops.record import composite
from ...ops.samples import F, S
from .reduction import all_same_shapes, check_reduction, reduce_loss, same_shapes

_SIGNS = F(5, 3, low=-1, high=1)


@composite(
    reduce,
    types="float",
    normalize=all_same_shapes,
    reference="torch.nn.functional.margin_ranking_loss",
    samples=(
        S(F(5, 3), F(5, 3), _SIGNS, margin=0.0, reduction="mean"),
        S(F(5, 3), F(5, 3), _SIGNS, margin=0.7, reduction="none"),
    ),
)
def margin_ranking_loss(x1, x2, target, /, *, margin=0.0, reduction="mean"):
    """max(0, margin − t · (x1 − x2)): where t = 1, x1 shall be the larger by a margin, where t = −1
    the smaller.
    """
    return reduce_loss(clamp(-target * (x1 - x2) + margin, 0.0), reduction)


@composite(
    reduce,
    types="float",
    normalize=same_shapes,
    reference="torch.nn.functional.hinge_embedding_loss",
    samples=(
        S(F(5, 3), _SIGNS, margin=1.0, reduction="mean"),
        S(F(5, 3), _SIGNS, margin=0.7, reduction="none"),
    ),
)
def hinge_embedding_loss(x, target, /, *, margin=1.0, reduction="mean"):
    """x where the target is 1, max(0, margin − x) where it is −1, x a distance; both of them for
    any other target, as in PyTorch.
    """
    apart = where(target != 1, clamp(margin - x, 0.0), 0.0)
    return reduce_loss(apart + where(target != -1, x, 0.0), reduction)


NEAR_ZERO = 1e-12


def _cosine_law(args, attrs):
    x1, x2, target = args
    if tuple(x1.shape) != tuple(x2.shape):
        raise refuse("both inputs must have the same shape")
    fits = tuple(target.shape) == tuple(x1.shape[:-1]) or (x1.ndim, *target.shape) == (2, 1)
    if x1.ndim not in (1, 2) or not fits:
        raise refuse("for inputs (N, D) or (D,) the target must be (N,) or (), or (1,) for all")
    return check_reduction(args, attrs)


@composite(
    reduce,
    types="float",
    normalize=_cosine_law,
    reference="torch.nn.functional.cosine_embedding_loss",
    samples=(
        S(F(5, 3), F(5, 3), _SIGNS._replace(shape=(5,)), margin=0.0, reduction="mean"),
        S(F(7), F(7), _SIGNS._replace(shape=()), margin=0.3, reduction="none"),
        S(F(5, 3), F(5, 3), _SIGNS._replace(shape=(1,)), margin=0.3, reduction="none"),
    ),
)
def cosine_embedding_loss(x1, x2, target, /, *, margin=0.0, reduction="mean"):
    """1 − cos(x1, x2) where the target is 1, max(0, cos(x1, x2) − margin) where it is −1, else 0."""
    lengths = (sum(square(x1), dim=-1) + NEAR_ZERO) * (sum(square(x2), dim=-1) + NEAR_ZERO)
    cosine = sum(x1 * x2, dim=-1) / sqrt(lengths)
    alike = where(target == 1, 1 - cosine, 0.0)
    return reduce_loss(alike + where(target == -1, clamp(cosine - margin, 0.0), 0.0), reduction)


@composite(
    reduce,
    types="float",
    normalize=all_same_shapes,
    samples=(
        S(F(5), F(5), None, margin=1.0, reduction="mean"),
        S(F(5, 3), F(5, 3), F(5, 3), margin=0.7, reduction="none"),
    ),
)
def triplet_hinge(near, far, swapped=None, /, *, margin=1.0, reduction="mean"):
    """max(0, margin + near − min(far, swapped))  of the distances from an anchor to what is like it
    and to what is not; `swapped` is that between the two others.  Source: Balntas et al. 2016.
    """
    far = far if swapped is None else minimum(far, swapped)
    return reduce_loss(clamp(margin + near - far, 0.0), reduction)
