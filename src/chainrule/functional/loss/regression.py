"""Errors of numbers, and the likelihoods they come from."""

from __future__ import annotations

import math

from ...ops import abs as abs_
from ...ops import exp, log, maximum, minimum, square, sum, where
from ...ops.explain import refuse
from ...ops.kinds import elementwise, reduce
from ...ops.record import composite
from ...ops.samples import F, S
from .reduction import check_reduction, reduce_loss, same_shapes


def _weighed_law(args, attrs):
    same_shapes(args, attrs)
    if args[2] is not None and tuple(args[2].shape) != tuple(args[0].shape):
        raise refuse("weight must have one element for each of the input")
    return attrs


def _mean_over_weights(loss, weight, reduction):
    """Weighted losses reduced, the mean over the sum of the weights."""
    if weight is None:
        return reduce_loss(loss, reduction)
    if reduction == "mean":
        return sum(loss * weight) / sum(weight)
    return reduce_loss(loss * weight, reduction)


_PAIR = (
    S(F(5, 3), F(5, 3), reduction="mean"),
    S(F(7), F(7), reduction="sum"),
    S(F(5, 3), F(5, 3), reduction="none"),
)
_WEIGHED = (
    *[S(*s.operands, None, **s.attributes) for s in _PAIR],
    *[S(*s.operands, F(*s.operands[0].shape, low=0.5, high=2), **s.attributes) for s in _PAIR],
)


@composite(
    reduce,
    types="float",
    normalize=_weighed_law,
    reference="torch.nn.functional.mse_loss",
    samples=_WEIGHED,
)
def mse_loss(x, target, weight=None, /, *, reduction="mean"):
    """Squared error,  w · (x − target)²;  the mean is over the weights."""
    return _mean_over_weights(square(x - target), weight, reduction)


@composite(
    reduce,
    types="float",
    normalize=_weighed_law,
    reference="torch.nn.functional.l1_loss",
    samples=_WEIGHED,
)
def l1_loss(x, target, weight=None, /, *, reduction="mean"):
    """Absolute error,  w · |x − target|;  the mean is over the weights."""
    return _mean_over_weights(abs_(x - target), weight, reduction)


_BETA = tuple([S(*s.operands, **s.attributes, beta=0.7) for s in _PAIR])


@composite(
    reduce,
    types="float",
    normalize=same_shapes,
    reference="torch.nn.functional.smooth_l1_loss",
    samples=_BETA,
)
def smooth_l1_loss(x, target, /, *, reduction="mean", beta=1.0):
    """d = |x − target|:  d² / (2 beta) where d < beta, else d − beta / 2.  Source: Girshick
    2015.
    """
    d = abs_(x - target)
    if beta == 0:
        return reduce_loss(d, reduction)
    near = minimum(d, beta)
    return reduce_loss(square(near) * (0.5 / beta) + (d - near), reduction)


_DELTA = tuple([S(*s.operands, **s.attributes, delta=0.7) for s in _WEIGHED])


@composite(
    reduce,
    types="float",
    normalize=_weighed_law,
    reference="torch.nn.functional.huber_loss",
    samples=_DELTA,
)
def huber_loss(x, target, weight=None, /, *, reduction="mean", delta=1.0):
    """d = |x − target|:  w · d² / 2 where d < delta, else w · delta · (d − delta / 2).  The mean
    is over the elements, whatever their weights.  Source: Huber 1964.
    """
    d = abs_(x - target)
    near = minimum(d, delta)
    loss = 0.5 * square(near) + delta * (d - near)
    return reduce_loss(loss if weight is None else loss * weight, reduction)


def _kl_law(args, attrs):
    if attrs["reduction"] == "batchmean":
        same_shapes(args, attrs | {"reduction": "sum"})
        return attrs
    return same_shapes(args, attrs)


@composite(
    reduce,
    types="float",
    normalize=_kl_law,
    reference="torch.nn.functional.kl_div",
    samples=(
        S(F(5, 3), F(5, 3, low=0.1, high=1), reduction="sum", log_target=False),
        S(F(5, 3), F(5, 3), reduction="batchmean", log_target=True),
    ),
)
def kl_div(x, target, /, *, reduction="mean", log_target=False):
    """Kullback–Leibler divergence  t · (ln t − x)  of log-probabilities x, in nats; 'batchmean'
    divides the sum by the first size.
    """
    if log_target:
        loss = exp(target) * (target - x)
    else:
        loss = where(target == 0, 0.0, target * log(where(target == 0, 1.0, target))) - target * x
    if reduction == "batchmean":
        return sum(loss) / (x.shape[0] or math.nan) if x.ndim else sum(loss)
    return reduce_loss(loss, reduction)


# ------------------------------------------------------------------------------------------------------- likelihoods


@composite(elementwise, types="floating", domain=(0.5, 3.0))
def at_least(x, /, *, low=0.0):
    """max(x, low), whose derivative is 1 below the bound too: a variance that has become too small
    is still pulled back.
    """
    return maximum(x, low)


at_least.vjp(x=lambda g: g)


def _gaussian_law(args, attrs):
    x = args[0]
    for name, a in zip(("target", "var"), args[1:], strict=True):
        if a.ndim not in (0, x.ndim) or any(
            [n not in (1, m) for n, m in zip(a.shape, x.shape[: a.ndim], strict=True)]
        ):
            raise refuse(
                f"{name} must have the shape of the input, or size 1 on some of its axes, or be 0-d"
            )
    return check_reduction(args, attrs)


_VARIANCE = F(5, 3, low=0.5, high=2)


@composite(
    reduce,
    types="float",
    normalize=_gaussian_law,
    reference="torch.nn.functional.gaussian_nll_loss",
    samples=(
        S(F(5, 3), F(5, 3), _VARIANCE, full=False, eps=1e-6, reduction="mean"),
        S(F(5, 3), F(5, 3), F(5, 1, low=0.5, high=2), full=True, eps=1e-6, reduction="sum"),
        S(F(7), F(1), F(7, low=0.5, high=2), full=False, eps=1e-6, reduction="none"),
        S(F(7), F(), F(7, low=0.5, high=2), full=False, eps=1e-6, reduction="mean"),
    ),
)
def gaussian_nll_loss(x, target, var, /, *, full=False, eps=1e-6, reduction="mean"):
    """½ · (ln v + (x − target)² / v),  v = max(var, eps),  and with `full` ½ ln 2π more: what the
    target costs under a normal law of mean x, in nats.  Source: Nix & Weigend 1994.
    """
    v = at_least(var, low=eps)
    loss = 0.5 * (log(v) + square(x - target) / v)
    return reduce_loss(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)


@composite(
    reduce,
    types="float",
    normalize=same_shapes,
    reference="torch.nn.functional.poisson_nll_loss",
    samples=(
        S(F(5, 3), F(5, 3, low=0, high=4), log_input=True, full=True, eps=1e-8, reduction="mean"),
        S(
            F(7, low=0.1, high=3),
            F(7, low=0, high=4),
            log_input=False,
            full=False,
            eps=0.1,
            reduction="sum",
        ),
        S(F(7), F(7, low=0, high=4), log_input=True, full=False, eps=1e-8, reduction="none"),
    ),
)
def poisson_nll_loss(x, target, /, *, log_input=True, full=False, eps=1e-8, reduction="mean"):
    """eˣ − t · x,  or without `log_input`  x − t · ln(x + eps): what a count t costs under a
    Poisson law, but for ln t!, in nats.

    With `full` Stirling's  t ln t − t + ½ ln(2πt)  stands for ln t!, where t > 1.
    """
    loss = exp(x) - target * x if log_input else x - target * log(x + eps)
    if full:
        t = where(target > 1, target, 1.0)
        stirling = t * log(t) - t + 0.5 * log(2 * math.pi * t)
        loss = loss + where(target > 1, stirling, 0.0)
    return reduce_loss(loss, reduction)
