"""Cross-entropies."""

from __future__ import annotations

import math
from typing import Any

from .... import functional as fn
from ....base.errors import ArgumentError, DTypeError, RangeError, ShapeError
from ....tape.modes import modes
from ....tensors import Tensor
from ..linear import linear
from .reduction import in_one_dtype, reduction_of

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy",
    "linear_cross_entropy", "nll_loss",
]  # fmt: skip


def check_classes(
    name: str, target: Tensor, classes: int, ignore_index: int | None = None, lowest: int = 0
) -> None:
    """Refuse a target that is no class, by its value; a traced program has none until it runs, the device 'meta' never."""
    if modes.trace is not None or target.is_meta or target.is_floating_point():
        return
    t = target.read()
    wrong = (t < lowest) | (t >= classes)
    if ignore_index is not None:
        wrong &= t != ignore_index
    if wrong.any():
        also = "" if ignore_index is None else f" (or {ignore_index}, which is ignored)"
        raise RangeError(
            f"{name}: target {t[wrong].ravel()[0]} is out of range for {classes} classes: "
            f"targets are {lowest} to {classes - 1}{also}"
        )


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross-entropy of logits with classes, or with probabilities of classes; in nats.

    Args:
        input: logits (B, C, …) or (C,).
        target: classes (B, …) or () as integers, or probabilities of the input's shape.
        weight: a factor per class (C,).
        size_average: deprecated, see ``reduction``.
        ignore_index: entries with this class count for nothing.
        reduce: deprecated, see ``reduction``.
        reduction: "mean" (over the weights of the targets), "sum" or "none".
        label_smoothing: the share of the target that is spread evenly over all classes.

    Raises:
        ShapeError: the target does not fit the input.
        RangeError: a class outside [0, C).
        ValueError: an ``ignore_index`` that is a class, with probabilities as the target.

    Example:
        >>> F.cross_entropy(zeros(3, 2), tensor([0, 1, 1]))
        tensor(0.6931)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if not 0.0 <= label_smoothing <= 1.0:
        raise ArgumentError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if not isinstance(target, Tensor):
        raise DTypeError(
            "cross_entropy: the target is a tensor of classes or of their probabilities, found "
            f"{type(target).__name__}\n  hint: tensor(target)"
        )
    if target.is_floating_point():
        if ignore_index >= 0:
            raise ArgumentError(
                f"cross_entropy: ignore_index={ignore_index} has no meaning where the target holds "
                "probabilities of classes"
            )
        return fn.soft_cross_entropy(
            *in_one_dtype(input, target, weight),
            reduction=reduction,
            label_smoothing=label_smoothing,
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


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """Cross-entropy of the logits  x Wᵀ + b.

    Args:
        input: x (B, I) or (I,).
        linear_weight: W (C, I), or (C, …, I) for several classes at places …
        target: classes (B, …), or probabilities (B, C, …).
        linear_bias: b (C, …).
        weight: a factor per class (C,).
        reduction: "mean", "sum" or "none".
        ignore_index: entries with this class count for nothing; −100 if None.
        label_smoothing: the share of the target that is spread evenly over all classes.
        options: without effect: how PyTorch cuts the batch into pieces.

    Raises:
        ShapeError: shapes that do not fit.
        ValueError: ``ignore_index`` with probabilities.

    Example:
        >>> F.linear_cross_entropy(ones(3, 5), zeros(2, 5), tensor([0, 1, 1]))
        tensor(0.6931)
    """
    if input.ndim not in (1, 2) or linear_weight.ndim < 2:
        raise ShapeError(
            "linear_cross_entropy: the input must be (B, I) or (I,) and linear_weight (C, …, I), "
            f"found {tuple(input.shape)} and {tuple(linear_weight.shape)}"
        )
    classes, *places, features = linear_weight.shape
    if input.shape[-1] != features or (places and input.ndim == 1):
        raise ShapeError(
            f"linear_cross_entropy: an input {tuple(input.shape)} does not fit linear_weight "
            f"{tuple(linear_weight.shape)}: their last axes must agree, and places between classes "
            "and features want a batch"
        )
    if linear_bias is not None and tuple(linear_bias.shape) != (classes, *places):
        raise ShapeError(
            f"linear_cross_entropy: expected linear_bias of shape {(classes, *places)}, "
            f"found {tuple(linear_bias.shape)}"
        )
    if ignore_index is not None and target.is_floating_point():
        raise ArgumentError(
            "linear_cross_entropy: ignore_index cannot be given where the target holds "
            "probabilities of classes"
        )
    wide = classes * math.prod(places)
    bias = None if linear_bias is None else linear_bias.reshape(wide)
    logits = linear(input, linear_weight.reshape(wide, features), bias)
    return cross_entropy(
        logits.reshape(*input.shape[:-1], classes, *places),
        target,
        weight,
        ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood,  −w[t] · x[t], of log-probabilities x (B, C, …); arguments as
    ``cross_entropy``.

    Example:
        >>> F.nll_loss(tensor([[-1.0, -2.0]]), tensor([1]))
        tensor(2.)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if input.ndim:
        classes = input.shape[1 if input.ndim > 1 else 0]
        check_classes("nll_loss", target, classes, ignore_index)
    return fn.nll_loss(input, target, weight, ignore_index=ignore_index, reduction=reduction)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """−w · (y ln x + (1 − y) ln(1 − x))  of probabilities x, logarithms no lower than −100; in
    nats.

    Args:
        input: probabilities.
        target: of the same shape, between 0 and 1.
        weight: a factor per element, of a shape that broadcasts.
        size_average: deprecated, see ``reduction``.
        reduce: deprecated, see ``reduction``.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: input and target have different shapes.
        RangeError: an input outside [0, 1].

    Example:
        >>> F.binary_cross_entropy(tensor([0.5]), tensor([1.0]))
        tensor(0.6931)
    """
    reduction = reduction_of(size_average, reduce, reduction)
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
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy of logits, stable for all of them; in nats.

    Args:
        input: logits.
        target: of the same shape, between 0 and 1.
        weight: a factor per element, of a shape that broadcasts.
        size_average: deprecated, see ``reduction``.
        reduce: deprecated, see ``reduction``.
        reduction: "mean", "sum" or "none".
        pos_weight: a factor on the positive part, of a shape that broadcasts.

    Raises:
        ShapeError: input and target have different shapes.

    Example:
        >>> F.binary_cross_entropy_with_logits(zeros(1), ones(1))
        tensor(0.6931)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    return fn.binary_cross_entropy_with_logits(
        *in_one_dtype(input, target, weight, pos_weight), reduction=reduction
    )
