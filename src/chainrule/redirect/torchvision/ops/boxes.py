"""Boxes in pictures: areas, overlaps, formats, and which of many boxes to keep.

A box is four numbers (x1, y1, x2, y2), the corners of least and largest coordinates. N and M are numbers of boxes.
"""

from __future__ import annotations

import math

import numpy as np

import chainrule

from ....base.errors import ArgumentError, ShapeError
from ....tensors import Tensor

__all__ = [
    "batched_nms",
    "box_area",
    "box_convert",
    "box_iou",
    "clip_boxes_to_image",
    "complete_box_iou",
    "distance_box_iou",
    "generalized_box_iou",
    "masks_to_boxes",
    "nms",
    "remove_small_boxes",
]

FORMATS = ("xyxy", "xywh", "cxcywh")
"""Two corners; a corner, width and height; the centre, width and height."""


def box_convert(boxes: Tensor, in_fmt: str, out_fmt: str) -> Tensor:
    """Boxes (…, 4) written in another format: "xyxy", "xywh" or "cxcywh" (`FORMATS`).

    Raises:
        ArgumentError: another format; rotated boxes ("xywhr" and its like) are not here.

    Example:
        >>> box_convert(cr.tensor([[1.0, 2.0, 4.0, 6.0]]), "xyxy", "cxcywh")
        tensor([[2.5000, 4.0000, 3.0000, 4.0000]])
    """
    for name, fmt in (("in_fmt", in_fmt), ("out_fmt", out_fmt)):
        if fmt not in FORMATS:
            raise ArgumentError(
                f"box_convert: {name} is one of {', '.join(FORMATS)}, found {fmt!r}"
            )
    if in_fmt == out_fmt:
        return boxes.clone()
    a, b, c, d = boxes.unbind(-1)
    if in_fmt == "xywh":
        a, b, c, d = a, b, a + c, b + d
    elif in_fmt == "cxcywh":
        a, b, c, d = a - 0.5 * c, b - 0.5 * d, a + 0.5 * c, b + 0.5 * d
    if out_fmt == "xywh":
        a, b, c, d = a, b, c - a, d - b
    elif out_fmt == "cxcywh":
        a, b, c, d = (a + c) / 2, (b + d) / 2, c - a, d - b
    return chainrule.stack([a, b, c, d], dim=-1)


def box_area(boxes: Tensor, fmt: str = "xyxy") -> Tensor:
    """Width · height of each box (N, 4), in any of `FORMATS`; computed in at least float32 or int32. Returns (N,)."""
    boxes = _wide(boxes if fmt == "xyxy" else box_convert(boxes, fmt, "xyxy"))
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def box_iou(boxes1: Tensor, boxes2: Tensor, fmt: str = "xyxy") -> Tensor:
    """Area of the intersection over area of the union, of each of the boxes (N, 4) with each of (M, 4).

    Returns:
        (N, M), between 0 and 1.

    Example:
        >>> box_iou(cr.tensor([[0.0, 0.0, 2.0, 2.0]]), cr.tensor([[1.0, 0.0, 3.0, 2.0], [5.0, 5.0, 6.0, 6.0]]))
        tensor([[0.3333, 0.0000]])
    """
    if fmt != "xyxy":
        boxes1, boxes2 = box_convert(boxes1, fmt, "xyxy"), box_convert(boxes2, fmt, "xyxy")
    intersection, union = _overlap(boxes1, boxes2)
    return intersection / union


def generalized_box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """`box_iou` less the share of the smallest box around both that belongs to neither.   Source: Rezatofighi et al. 2019.

    Returns:
        (N, M), between -1 and 1.
    """
    intersection, union = _overlap(boxes1, boxes2)
    around = _size(_around(boxes1, boxes2)).prod(-1)
    return intersection / union - (around - union) / around


def distance_box_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """`box_iou` less the squared distance of the centres over the squared diagonal of the smallest box around both (plus eps).

    Source: Zheng et al. 2020, eq. 6. Returns (N, M).
    """
    one, two = _wide(boxes1), _wide(boxes2)
    diagonal = (_size(_around(one, two)) ** 2).sum(-1) + eps
    between = (_centre(one)[:, None] - _centre(two)[None]) ** 2
    return box_iou(boxes1, boxes2) - between.sum(-1) / diagonal


def complete_box_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """`distance_box_iou` less α · v, where v compares the angles of the diagonals and α, taken as a constant, is
    v / (1 - iou + v + eps).   Source: Zheng et al. 2020, eqs. 8 to 11. Returns (N, M).
    """
    iou = box_iou(boxes1, boxes2)
    one, two = _angle(_wide(boxes1)), _angle(_wide(boxes2))
    v = (4 / math.pi**2) * (one[:, None] - two[None]) ** 2
    alpha = (v / (1 - iou + v + eps)).detach()
    return distance_box_iou(boxes1, boxes2, eps) - alpha * v


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Which boxes to keep: from the best score down, each that overlaps none kept before by more than the threshold.

    Args:
        boxes: (N, 4).
        scores: (N,).
        iou_threshold: the largest `box_iou` that two kept boxes may have.

    Returns:
        int64 indices into the boxes, by falling score; equal scores keep their order.

    Example:
        >>> boxes = cr.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 5.0], [8.0, 8.0, 9.0, 9.0]])
        >>> nms(boxes, cr.tensor([0.5, 0.9, 0.7]), 0.5)
        tensor([1, 2])
    """
    if boxes.ndim != 2 or boxes.shape[1] != 4 or tuple(scores.shape) != (boxes.shape[0],):
        raise ShapeError(
            "nms takes boxes (N, 4) and scores (N,), found "
            f"{tuple(boxes.shape)} and {tuple(scores.shape)}"
        )
    corners = boxes.detach().float().numpy() if boxes.element_size() < 4 else boxes.detach().numpy()
    area = (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])
    waiting = chainrule.argsort(scores.detach(), descending=True, stable=True).numpy()
    kept = []
    while waiting.size:
        best, waiting = waiting[0], waiting[1:]
        kept.append(int(best))
        least = np.maximum(corners[best, :2], corners[waiting, :2])
        most = np.minimum(corners[best, 2:], corners[waiting, 2:])
        intersection = np.clip(most - least, 0, None).prod(axis=1)
        union = area[best] + area[waiting] - intersection
        # a product, so that boxes without an area are no division by zero
        waiting = waiting[~(intersection > iou_threshold * union)]
    return chainrule.tensor(kept, dtype=chainrule.int64)


def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """`nms` within each class: boxes whose classes in `idxs` (N,) differ do not drive each other out."""
    kept = chainrule.zeros_like(scores, dtype=chainrule.bool)
    for kind in chainrule.unique(idxs).tolist():
        own = chainrule.where(idxs == kind)[0]
        kept[own[nms(boxes[own], scores[own], iou_threshold)]] = True
    found = chainrule.where(kept)[0]
    return found[chainrule.argsort(scores[found].detach(), descending=True, stable=True)]


def remove_small_boxes(boxes: Tensor, min_size: float) -> Tensor:
    """Indices of the boxes (N, 4) of which no side is shorter than `min_size`."""
    return chainrule.where((_size(boxes) >= min_size).all(-1))[0]


def clip_boxes_to_image(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes (…, 4) with what lies outside of a picture of this (height, width) cut off."""
    height, width = size
    x, y = boxes[..., 0::2].clamp(0, width), boxes[..., 1::2].clamp(0, height)
    return chainrule.stack([x, y], dim=-1).reshape(boxes.shape)


def masks_to_boxes(masks: Tensor) -> Tensor:
    """The smallest box around what is not zero in each mask (N, H, W).

    Raises:
        ArgumentError: a mask is zero everywhere.

    Returns:
        float32 (N, 4): the coordinates of the first and the last columns and rows.
    """
    found = []
    for k, mask in enumerate(masks):
        y, x = chainrule.where(mask != 0)
        if not x.numel():
            raise ArgumentError(f"masks_to_boxes: mask {k} is zero everywhere, which has no box")
        found.append(chainrule.stack([x.min(), y.min(), x.max(), y.max()]).float())
    return chainrule.stack(found) if found else chainrule.zeros(0, 4)


def _wide(boxes: Tensor) -> Tensor:
    """In a dtype in which areas of pictures have room."""
    if boxes.is_floating_point():
        return boxes if boxes.element_size() >= 4 else boxes.float()
    return boxes if boxes.element_size() >= 4 else boxes.int()


def _size(boxes: Tensor) -> Tensor:
    """Widths and heights (…, 2)."""
    return boxes[..., 2:] - boxes[..., :2]


def _centre(boxes: Tensor) -> Tensor:
    """(x, y) of the middles (…, 2)."""
    return (boxes[..., :2] + boxes[..., 2:]) / 2


def _angle(boxes: Tensor) -> Tensor:
    """arctan(width / height) of each box."""
    width, height = _size(boxes).unbind(-1)
    return chainrule.atan(width / height)


def _overlap(boxes1: Tensor, boxes2: Tensor) -> tuple[Tensor, Tensor]:
    """Areas of the intersections and of the unions, (N, M) both."""
    least = chainrule.maximum(boxes1[:, None, :2], boxes2[None, :, :2])  # (N, M, 2)
    most = chainrule.minimum(boxes1[:, None, 2:], boxes2[None, :, 2:])
    width, height = _wide(most - least).clamp(min=0).unbind(-1)
    intersection = width * height
    return intersection, box_area(boxes1)[:, None] + box_area(boxes2)[None] - intersection


def _around(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """The smallest box around each pair (N, M, 4)."""
    least = chainrule.minimum(boxes1[:, None, :2], boxes2[None, :, :2])
    most = chainrule.maximum(boxes1[:, None, 2:], boxes2[None, :, 2:])
    return chainrule.cat([least, most], dim=-1)
