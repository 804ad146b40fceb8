"""Losses of scores: a hinge asks that the right score beats the others by a margin; its smooth form
is the logistic loss.
"""

from __future__ import annotations

from ...base import dtypes
from ...base.errors import DTypeError
from ...ops import abs as abs_
from ...ops import (
    cast,
    cumsum,
    exp,
    expand,
    gather,
    log1p,
    logical_and,
    logical_not,
    maximum,
    scatter_add,
    square,
    sum,
    view,
    where,
    zeros_like,
)
from ...ops.explain import refuse
from ...ops.kinds import reduce
from ...ops.promotion import spec_of
from ...ops.record import composite
from ...ops.samples import F, I, S
from ..activation import logsigmoid
from .reduction import check_reduction, reduce_loss, same_shapes


def _need_classes(args):
    x, target = args[:2]
    if spec_of(target).dtype.category != dtypes.INTEGER:
        raise DTypeError(
            f"target must hold class indices (integers), found {spec_of(target).dtype.name}"
        )
    if x.ndim != 2 or x.shape[1] == 0:
        raise refuse("the input must be (N, C), with one class or more")


def _multi_margin_law(args, attrs):
    _need_classes(args)
    x, target, weight = args
    if tuple(target.shape) != (x.shape[0],):
        raise refuse(f"for input (N, C) the target must be (N,): ({x.shape[0]},)")
    if weight is not None and tuple(weight.shape) != (x.shape[1],):
        raise refuse("weight must have one element for each class")
    if attrs["p"] not in (1, 2):
        raise refuse(f"p is 1 or 2, found {attrs['p']}")
    return check_reduction(args, attrs)


@composite(
    reduce,
    types="floating",
    promotes=("x", "weight"),
    normalize=_multi_margin_law,
    reference="torch.nn.functional.multi_margin_loss",
    samples=(
        S(F(5, 3), I(5, high=3), None, p=1, margin=1.0, reduction="mean"),
        S(F(5, 3), I(5, high=3), F(3, low=0.5, high=2), p=2, margin=0.7, reduction="sum"),
        S(F(5, 3), I(5, high=3), F(3, low=0.5, high=2), p=1, margin=2.0, reduction="none"),
    ),
)
def multi_margin_loss(x, target, weight=None, /, *, p=1, margin=1.0, reduction="mean"):
    """w[t] · Σ_{c≠t} max(0, margin − x[t] + x[c])ᵖ / C  for scores x (N, C) and classes t (N,).
    Source: Crammer & Singer 2001.
    """
    at = view(target, shape=(-1, 1))
    short = margin - gather(x, at, dim=1) + x
    hinge = where(short > 0, short, 0.0)
    if p == 2:
        hinge = square(hinge)
    if weight is not None:
        hinge = hinge * gather(expand(view(weight, shape=(1, -1)), shape=x.shape), at, dim=1)
    right = scatter_add(zeros_like(cast(x, dtype=dtypes.int64)), at, at * 0 + 1, dim=1) > 0
    return reduce_loss(sum(where(right, 0.0, hinge), dim=1) / x.shape[1], reduction)


def _multilabel_margin_law(args, attrs):
    _need_classes(args)
    if tuple(args[0].shape) != tuple(args[1].shape):
        raise refuse("target must have the shape of the input: classes, then −1")
    return check_reduction(args, attrs)


@composite(
    reduce,
    types="floating",
    promotes=("x",),
    normalize=_multilabel_margin_law,
    reference="torch.nn.functional.multilabel_margin_loss",
    samples=(
        S(F(5, 3), I(5, 3, low=-1, high=3), reduction="mean"),
        S(F(2, 5), I(2, 5, low=-1, high=5), reduction="none"),
        S(F(5, 3), I(5, 3, low=-1, high=3), reduction="sum"),
    ),
)
def multilabel_margin_loss(x, target, /, *, reduction="mean"):
    """Σ_{t in targets} Σ_{c in no target} max(0, 1 − x[t] + x[c]) / C  for scores x (N, C); the
    targets of a row (N, C) are its classes before the first negative one.
    """
    N, C = x.shape
    named = cumsum(cast(target < 0, dtype=dtypes.int64), dim=1) == 0
    at = where(named, target, 0)
    counted = zeros_like(at)
    right = scatter_add(counted, at, cast(named, dtype=at.dtype), dim=1) > 0  # (N, C)
    short = 1 - view(gather(x, at, dim=1), shape=(N, C, 1)) + view(x, shape=(N, 1, C))
    wrong = logical_and(  # (N, C, C)
        view(named, shape=(N, C, 1)), logical_not(view(right, shape=(N, 1, C)))
    )
    hinge = where(logical_and(wrong, short > 0), short, 0.0)
    return reduce_loss(sum(hinge, dim=(1, 2)) / C, reduction)


_SIGNS = F(5, 3, low=-1, high=1)


@composite(
    reduce,
    types="float",
    normalize=same_shapes,
    reference="torch.nn.functional.soft_margin_loss",
    samples=(
        S(F(5, 3), _SIGNS, reduction="mean"),
        S(F(5, 3), _SIGNS, reduction="none"),
    ),
)
def soft_margin_loss(x, target, /, *, reduction="mean"):
    """ln(1 + e^(−t · x))  for targets t = ±1."""
    z = -target * x
    return reduce_loss(maximum(z, 0.0) + log1p(exp(-abs_(z))), reduction)


def _multilabel_soft_law(args, attrs):
    same_shapes(args, attrs)
    if args[0].ndim == 0 or args[0].shape[-1] == 0:
        raise refuse("the last axis of the input is that of the classes, of which there are none")
    return attrs


@composite(
    reduce,
    types="float",
    normalize=_multilabel_soft_law,
    reference="torch.nn.functional.multilabel_soft_margin_loss",
    samples=(
        S(F(5, 3), F(5, 3, low=0, high=1), None, reduction="mean"),
        S(F(5, 3), F(5, 3, low=0, high=1), F(3, low=0.5, high=2), reduction="none"),
    ),
)
def multilabel_soft_margin_loss(x, target, weight=None, /, *, reduction="mean"):
    """−Σ_c w_c · (t_c ln σ(x_c) + (1 − t_c) ln σ(−x_c)) / C  for scores x (…, C)."""
    loss = -(target * logsigmoid(x) + (1 - target) * logsigmoid(-x))
    loss = loss if weight is None else loss * weight
    return reduce_loss(sum(loss, dim=-1) / x.shape[-1], reduction)
