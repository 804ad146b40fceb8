"""Hinges of scores."""

from __future__ import annotations

from .... import functional as fn
from ....base.errors import ShapeError
from ....tensors import Tensor
from .classification import check_classes
from .reduction import reduction_of

__all__ = [
    "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss", "soft_margin_loss",
]  # fmt: skip


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """w[t] · Σ_{c≠t} max(0, margin − x[t] + x[c])ᵖ / C  of scores x.

    Args:
        input: x (B, C), (C,) or ().
        target: classes (B,), or () or (1,) for one.
        p: 1 or 2.
        margin: by how much the score of the class shall be above the others.
        weight: a factor per class (C,).
        size_average: deprecated, see ``reduction``.
        reduce: deprecated, see ``reduction``.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: shapes that do not fit, or another p.
        RangeError: a class outside [0, C).

    Example:
        >>> F.multi_margin_loss(tensor([[0.5, 0.0]]), tensor([0]))
        tensor(0.2500)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    x, t = input, target
    if input.ndim < 2 and tuple(target.shape) in ((), (1,)):
        x, t = input.reshape(1, -1), target.reshape(1)
    if x.ndim == 2 and x.shape[1]:
        check_classes("multi_margin_loss", t, x.shape[1])
    loss = fn.multi_margin_loss(x, t, weight, p=p, margin=margin, reduction=reduction)
    return loss.reshape(target.shape) if reduction == "none" else loss


def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Σ max(0, 1 − x[t] + x[c]) / C  over all targets t and all classes c that are none.

    Args:
        input: scores x (B, C), (C,) or ().
        target: of the same shape: the classes of each row, then −1.
        size_average: deprecated, see ``reduction``.
        reduce: deprecated, see ``reduction``.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: the shapes differ.
        RangeError: a class outside [−1, C).

    Example:
        >>> F.multilabel_margin_loss(tensor([0.1, 0.2, 0.4, 0.8]), tensor([3, 0, -1, 1]))
        tensor(0.8500)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    x, t = input, target
    if input.ndim < 2:
        if tuple(input.shape) != tuple(target.shape):
            raise ShapeError(
                "multilabel_margin_loss: target must have the shape of the input, "
                f"{tuple(input.shape)}, found {tuple(target.shape)}"
            )
        x, t = input.reshape(1, -1), target.reshape(1, -1)
    if x.ndim == 2 and x.shape[1]:
        check_classes("multilabel_margin_loss", t, x.shape[1], lowest=-1)
    loss = fn.multilabel_margin_loss(x, t, reduction=reduction)
    return loss.reshape(input.shape[:-1]) if reduction == "none" else loss


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """ln(1 + e^(−y x))  of scores x and targets y = ±1, without overflow; different shapes are
    refused.

    Example:
        >>> F.soft_margin_loss(zeros(2), tensor([1.0, -1.0]))
        tensor(0.6931)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    return fn.soft_margin_loss(input, target, reduction=reduction)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over the classes of the binary cross-entropy of logits x (…, C) with targets of the
    same shape; ``weight`` broadcasts against it.

    Example:
        >>> F.multilabel_soft_margin_loss(zeros(2, 3), ones(2, 3))
        tensor(0.6931)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    return fn.multilabel_soft_margin_loss(input, target, weight, reduction=reduction)
