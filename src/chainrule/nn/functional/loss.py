"""Losses and distances, PyTorch's reductions."""

from __future__ import annotations

from ... import functional as fn
from ...base.errors import RangeError
from ...tape.modes import modes
from ...tensors import Tensor

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cosine_similarity",
    "cross_entropy", "huber_loss", "kl_div", "l1_loss", "mse_loss", "nll_loss",
    "smooth_l1_loss",
]  # fmt: skip


def check_classes(name: str, target: Tensor, classes: int, ignore_index: int | None = None) -> None:
    """Refuse a target that is no class, by its value; a traced program has none until it runs."""
    if modes.trace is not None or target.is_floating_point():
        return
    t = target.read()
    wrong = (t < 0) | (t >= classes)
    if ignore_index is not None:
        wrong &= t != ignore_index
    if wrong.any():
        also = "" if ignore_index is None else f" (or {ignore_index}, which is ignored)"
        raise RangeError(
            f"{name}: target {t[wrong].ravel()[0]} is out of range for {classes} classes: "
            f"targets are 0 to {classes - 1}{also}"
        )


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross-entropy of logits with classes, or with probabilities of classes; in nats.

    Args:
        input: logits (B, C, …) or (C,).
        target: classes (B, …) or () as integers, or probabilities of the input's shape.
        weight: a factor per class (C,).
        ignore_index: entries with this class count for nothing.
        reduction: "mean" (over the weights of the targets), "sum" or "none".
        label_smoothing: the share of the target that is spread evenly over all classes.

    Raises:
        ShapeError: the target does not fit the input.
        RangeError: a class outside [0, C).

    Example:
        >>> F.cross_entropy(zeros(3, 2), tensor([0, 1, 1]))
        tensor(0.6931)
    """
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if target.is_floating_point():
        return fn.soft_cross_entropy(
            input, target, weight, reduction=reduction, label_smoothing=label_smoothing
        )
    if input.ndim:
        classes = input.shape[1 if input.ndim > 1 else 0]
        check_classes("cross_entropy", target, classes, ignore_index)
    return fn.cross_entropy(
        input,
        target,
        weight,
        ignore_index=ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood,  −w[t] · x[t], of log-probabilities x (B, C, …); arguments as
    ``cross_entropy``.

    Example:
        >>> F.nll_loss(tensor([[-1.0, -2.0]]), tensor([1]))
        tensor(2.)
    """
    if input.ndim:
        classes = input.shape[1 if input.ndim > 1 else 0]
        check_classes("nll_loss", target, classes, ignore_index)
    return fn.nll_loss(input, target, weight, ignore_index=ignore_index, reduction=reduction)


def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Squared error,  (x − y)².

    Raises:
        ShapeError: input and target have different shapes; PyTorch would broadcast them.

    Example:
        >>> F.mse_loss(tensor([1.0, 2.0]), tensor([1.0, 4.0]))
        tensor(2.)
    """
    return fn.mse_loss(input, target, reduction=reduction)


def l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Absolute error,  |x − y|; different shapes are refused."""
    return fn.l1_loss(input, target, reduction=reduction)


def smooth_l1_loss(
    input: Tensor, target: Tensor, *, reduction: str = "mean", beta: float = 1.0
) -> Tensor:
    """d²/(2β) where d = |x − y| < β, else d − β/2; different shapes are refused."""
    if beta < 0:
        raise ValueError(f"smooth_l1_loss does not support negative values for beta, got {beta}")
    return fn.smooth_l1_loss(input, target, reduction=reduction, beta=beta)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0
) -> Tensor:
    """d²/2 where d = |x − y| < δ, else δ (d − δ/2); different shapes are refused."""
    if delta <= 0:
        raise ValueError(f"huber_loss does not support non-positive values for delta, got {delta}")
    return fn.huber_loss(input, target, reduction=reduction, delta=delta)


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    """−w · (y ln x + (1 − y) ln(1 − x))  of probabilities x, logarithms no lower than −100; in
    nats.

    Raises:
        ShapeError: input and target have different shapes.
        RangeError: an input outside [0, 1].

    Example:
        >>> F.binary_cross_entropy(tensor([0.5]), tensor([1.0]))
        tensor(0.6931)
    """
    if modes.trace is None:
        inside = (input >= 0) & (input <= 1)
        if not inside.all():
            raise RangeError(
                "binary_cross_entropy: all elements of input should be between 0 and 1; "
                "binary_cross_entropy_with_logits takes logits"
            )
    return fn.binary_cross_entropy(input, target, weight, reduction=reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy of logits, stable for all of them; in nats.

    Args:
        input: logits.
        target: of the same shape, between 0 and 1.
        weight: a factor per element, of a shape that broadcasts.
        reduction: "mean", "sum" or "none".
        pos_weight: a factor on the positive part, of a shape that broadcasts.

    Raises:
        ShapeError: input and target have different shapes.

    Example:
        >>> F.binary_cross_entropy_with_logits(zeros(1), ones(1))
        tensor(0.6931)
    """
    return fn.binary_cross_entropy_with_logits(
        input, target, weight, pos_weight, reduction=reduction
    )


def kl_div(
    input: Tensor, target: Tensor, *, reduction: str = "mean", log_target: bool = False
) -> Tensor:
    """Kullback-Leibler divergence,  y (ln y − x), of log-probabilities x; different shapes are
    refused.

    Args:
        input: log-probabilities.
        target: probabilities, or with ``log_target`` their logarithms.
        reduction: "batchmean" (the sum over the batch size: the divergence), "mean", "sum" or
            "none".
        log_target: see target.
    """
    return fn.kl_div(input, target, reduction=reduction, log_target=log_target)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x₁ · x₂ / (max(‖x₁‖, eps) · max(‖x₂‖, eps))  along an axis, which disappears.

    Example:
        >>> F.cosine_similarity(tensor([1.0, 0.0]), tensor([1.0, 1.0]), dim=0)
        tensor(0.7071)
    """
    return (fn.normalize(x1, dim=dim, eps=eps) * fn.normalize(x2, dim=dim, eps=eps)).sum(dim)
