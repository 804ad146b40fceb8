"""Losses of detectors: focal, and one less the overlap of boxes."""

from __future__ import annotations

import math

import chainrule

from ....base.errors import ArgumentError
from ....nn import functional as F
from ....tensors import Tensor

__all__ = [
    "complete_box_iou_loss",
    "distance_box_iou_loss",
    "generalized_box_iou_loss",
    "sigmoid_focal_loss",
]


def sigmoid_focal_loss(
    inputs: Tensor, targets: Tensor, alpha: float = 0.25, gamma: float = 2, reduction: str = "none"
) -> Tensor:
    """Binary cross-entropy in which what is already told rightly counts less,  αₜ · (1 - pₜ)^γ · (-ln pₜ), where pₜ is the
    probability given to the truth.   Source: Lin et al. 2017, eq. 5.

    Args:
        inputs: logits of any shape.
        targets: 0 or 1, or between; of the same shape and a dtype of floats.
        alpha: weight of ones; zeros have 1 - alpha; negative: no weights.
        gamma: how much less what is told rightly counts.
        reduction: "none", "mean" or "sum".

    Returns:
        nats, of the inputs' shape, or 0-d.
    """
    p = chainrule.sigmoid(inputs)
    right = p * targets + (1 - p) * (1 - targets)
    loss = F.binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    loss = loss * (1 - right) ** gamma
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    return _reduced(loss, reduction)


def generalized_box_iou_loss(
    boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7
) -> Tensor:
    """1 - `generalized_box_iou` of each box with the one at its place, (N, 4) both; eps is added to what is divided by.

    Returns:
        (N,), or 0-d where the reduction is "mean" or "sum"; the mean of no boxes is 0.
    """
    one, two = _floats(boxes1), _floats(boxes2)
    iou, union = _paired(one, two, eps)
    width, height = _around(one, two)
    around = width * height
    return _reduced(1 - (iou - (around - union) / (around + eps)), reduction)


def distance_box_iou_loss(
    boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7
) -> Tensor:
    """1 - `distance_box_iou` of each box with the one at its place. Arguments as of `generalized_box_iou_loss`."""
    loss, _ = _distant(_floats(boxes1), _floats(boxes2), eps)
    return _reduced(loss, reduction)


def complete_box_iou_loss(
    boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7
) -> Tensor:
    """1 - `complete_box_iou` of each box with the one at its place. Arguments as of `generalized_box_iou_loss`."""
    one, two = _floats(boxes1), _floats(boxes2)
    loss, iou = _distant(one, two, eps)
    angles = [chainrule.atan((b[:, 2] - b[:, 0]) / (b[:, 3] - b[:, 1])) for b in (one, two)]
    v = (4 / math.pi**2) * (angles[1] - angles[0]) ** 2
    alpha = (v / (1 - iou + v + eps)).detach()
    return _reduced(loss + alpha * v, reduction)


def _floats(boxes: Tensor) -> Tensor:
    return boxes if boxes.is_floating_point() and boxes.element_size() >= 4 else boxes.float()


def _paired(one: Tensor, two: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Intersection over union, and the union, of boxes at the same places (N,)."""
    least = chainrule.maximum(one[:, :2], two[:, :2])
    most = chainrule.minimum(one[:, 2:], two[:, 2:])
    # where boxes do not meet there is no gradient, not even of a side that touches
    meets = (most > least).all(-1)
    intersection = chainrule.where(meets, (most - least).prod(-1), 0.0)
    union = (one[:, 2:] - one[:, :2]).prod(-1) + (two[:, 2:] - two[:, :2]).prod(-1) - intersection
    return intersection / (union + eps), union


def _around(one: Tensor, two: Tensor) -> tuple[Tensor, Tensor]:
    """Width and height of the smallest box around both (N,)."""
    least = chainrule.minimum(one[:, :2], two[:, :2])
    most = chainrule.maximum(one[:, 2:], two[:, 2:])
    width, height = (most - least).unbind(-1)
    return width, height


def _distant(one: Tensor, two: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """1 - `distance_box_iou`, and the intersection over union, of boxes at the same places (N,)."""
    iou, _ = _paired(one, two, eps)
    width, height = _around(one, two)
    between = (one[:, :2] + one[:, 2:]) / 2 - (two[:, :2] + two[:, 2:]) / 2
    return 1 - iou + (between**2).sum(-1) / (width**2 + height**2 + eps), iou


def _reduced(loss: Tensor, reduction: str) -> Tensor:
    if reduction == "none":
        return loss
    if reduction == "sum":
        return loss.sum()
    if reduction == "mean":
        return loss.mean() if loss.numel() else 0.0 * loss.sum()
    raise ArgumentError(f"reduction is 'none', 'mean' or 'sum', found {reduction!r}")
