"""Errors of numbers, and likelihoods. Different shapes are refused; PyTorch would broadcast them,
with a warning.
"""

from __future__ import annotations

from .... import functional as fn
from ....base.errors import ArgumentError, RangeError, ShapeError
from ....tape.modes import modes
from ....tensors import Tensor, full_like
from .reduction import reduction_of

__all__ = [
    "gaussian_nll_loss", "huber_loss", "kl_div", "l1_loss", "mse_loss", "poisson_nll_loss",
    "smooth_l1_loss",
]  # fmt: skip


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Squared error,  w · (x − y)².

    Args:
        input: x.
        target: y, of the same shape.
        size_average: deprecated, see ``reduction``.
        reduce: deprecated, see ``reduction``.
        reduction: "mean" (over the weights), "sum" or "none".
        weight: w, of the same shape; 1 if None.

    Raises:
        ShapeError: the shapes differ; PyTorch would broadcast them.

    Example:
        >>> F.mse_loss(tensor([1.0, 2.0]), tensor([1.0, 4.0]))
        tensor(2.)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    return fn.mse_loss(input, target, weight, reduction=reduction)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Absolute error,  w · |x − y|; arguments as ``mse_loss``."""
    reduction = reduction_of(size_average, reduce, reduction)
    return fn.l1_loss(input, target, weight, reduction=reduction)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """d²/(2β) where d = |x − y| < β, else d − β/2; different shapes are refused."""
    reduction = reduction_of(size_average, reduce, reduction)
    if beta < 0:
        raise ArgumentError(f"smooth_l1_loss does not support negative values for beta, got {beta}")
    return fn.smooth_l1_loss(input, target, reduction=reduction, beta=beta)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """w · d²/2 where d = |x − y| < δ, else w · δ (d − δ/2); the weights have the input's shape and
    the mean is over the elements.
    """
    if delta <= 0:
        raise ArgumentError(
            f"huber_loss does not support non-positive values for delta, got {delta}"
        )
    return fn.huber_loss(input, target, weight, reduction=reduction, delta=delta)


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """Kullback-Leibler divergence,  y (ln y − x), of log-probabilities x; different shapes are
    refused.

    Args:
        input: log-probabilities.
        target: probabilities, or with ``log_target`` their logarithms.
        size_average: deprecated, see ``reduction``.
        reduce: deprecated, see ``reduction``.
        reduction: "batchmean" (the sum over the batch size: the divergence), "mean", "sum" or
            "none".
        log_target: see target.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    return fn.kl_div(input, target, reduction=reduction, log_target=log_target)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """½ (ln v + (x − y)²/v),  v = max(var, eps): what y costs under a normal law, in nats.

    Args:
        input: x, the means.
        target: y, of the same shape, or with size 1 on some of its axes, or 0-d.
        var: variances: of that shape, or without its last axis or with size 1 on one of its axes
            (one variance for several means), or a number.
        full: whether to add the constant  ½ ln 2π.
        eps: the smallest variance. Below it the derivative is that of ``eps``, not 0.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: shapes that do not fit.
        RangeError: a negative variance.

    Example:
        >>> F.gaussian_nll_loss(zeros(2), tensor([0.0, 2.0]), ones(2))
        tensor(1.)
    """
    if not isinstance(var, Tensor):
        var = full_like(input, float(var))
    if modes.trace is None and not var.is_meta and bool((var < 0).any()):
        raise RangeError("gaussian_nll_loss: var has negative entry/entries")
    shape, given = tuple(input.shape), tuple(var.shape)
    if given != shape:
        if given == shape[:-1]:
            var = var.unsqueeze(-1)
        elif len(given) != len(shape) or [
            m for n, m in zip(shape, given, strict=True) if n != m
        ] != [1]:
            raise ShapeError(
                f"gaussian_nll_loss: var is of incorrect size: for an input {shape} it has that "
                f"shape, the shape {shape[:-1]}, or size 1 on one axis, found {given}"
            )
    return fn.gaussian_nll_loss(input, target, var, full=full, eps=eps, reduction=reduction)


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """eˣ − y x: what a count y costs under a Poisson law of rate eˣ, but for ln y!, in nats.

    Args:
        input: x, the logarithm of the rate, or the rate itself.
        target: y, of the same shape.
        log_input: whether x is a logarithm; if not, the loss is  x − y ln(x + eps).
        full: whether to add Stirling's  y ln y − y + ½ ln 2πy  for ln y! where y > 1.
        size_average: deprecated, see ``reduction``.
        eps: keeps the logarithm away from 0.
        reduce: deprecated, see ``reduction``.
        reduction: "mean", "sum" or "none".

    Example:
        >>> F.poisson_nll_loss(zeros(2), tensor([0.0, 3.0]))
        tensor(1.)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    return fn.poisson_nll_loss(
        input, target, log_input=log_input, full=full, eps=eps, reduction=reduction
    )
