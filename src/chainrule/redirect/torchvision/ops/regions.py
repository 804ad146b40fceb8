"""Features of regions: what a picture's features say inside of each box, as a small picture of one size.

K boxes, given as a list of (Kᵢ, 4), one tensor for each picture, or as one (K, 5) whose first column is the picture's number.
Boxes get no gradient, as in torchvision.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import chainrule

from ....base.errors import ArgumentError, ShapeError
from ....nn import Module
from ....tensors import Tensor

__all__ = [
    "MultiScaleRoIAlign",
    "PSRoIAlign",
    "RoIAlign",
    "RoIPool",
    "ps_roi_align",
    "roi_align",
    "roi_pool",
]


def roi_align(
    input: Tensor,
    boxes: Tensor | Sequence[Tensor],
    output_size: int | Sequence[int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
    aligned: bool = False,
) -> Tensor:
    """The mean of bilinear samples in each cell of a grid laid over each box.   Source: He et al. 2017, section 3.

    A bilinear weight is a product of one by rows and one by columns, and so is the mean over a cell. What is computed for a
    box is therefore  A · x · Bᵀ,  with a matrix A of rows (height of the output × H) and B of columns.

    Args:
        input: (B, C, H, W).
        boxes: see the head of this file; in pixels of the picture.
        output_size: rows and columns of the grid.
        spatial_scale: features per pixel of the picture.
        sampling_ratio: samples along each side of a cell; 0 or less: as many as there are features, rounded up.
        aligned: whether the middle of the first feature lies at half a pixel, which is exact, or at 0, as it once was; then
            a box is at least one feature wide, too.

    Returns:
        (K, C, rows, columns).
    """
    (rows, columns), boxes = _pair(output_size), _numbered(boxes)
    if input.ndim != 4:
        raise ShapeError(f"roi_align takes features (B, C, H, W), found {tuple(input.shape)}")
    height, width = input.shape[2:]
    number, corners = boxes[:, 0], boxes[:, 1:].detach() * spatial_scale - (0.5 if aligned else 0)
    least, size = corners[:, :2], corners[:, 2:] - corners[:, :2]
    if not aligned:
        size = size.clamp(min=1.0)
    down = _cells(least[:, 1], size[:, 1], rows, height, sampling_ratio)  # (K, rows, H)
    across = _cells(least[:, 0], size[:, 0], columns, width, sampling_ratio)  # (K, columns, W)
    return _by_picture(input, number, down.to(input.dtype), across.to(input.dtype))


def _cells(start: Tensor, size: Tensor, cells: int, length: int, sampling_ratio: int) -> Tensor:
    """For each box and cell along one axis, the weight of each of `length` features in the cell's mean (K, cells, length)."""
    step = size / cells
    if sampling_ratio > 0:
        count = chainrule.full_like(step, sampling_ratio)
    else:
        count = chainrule.ceil(step).clamp(min=0)
    most = int(count.max().item()) if count.numel() else 0
    if most == 0:
        return start.new_zeros((start.shape[0], cells, length))
    k = chainrule.arange(most, dtype=step.dtype)
    cell = chainrule.arange(cells, dtype=step.dtype)[:, None]
    used = k < count[:, None, None]  # (K, 1, most)
    share = (k + 0.5) / count.clamp(min=1)[:, None, None]
    at = start[:, None, None] + (cell + share) * step[:, None, None]  # (K, cells, most)
    used = used & (at >= -1) & (at <= length)  # what lies further out is zero
    at = at.clamp(0, length - 1)[..., None]
    near = (1 - (at - chainrule.arange(length, dtype=step.dtype)).abs()).clamp(min=0)
    weight = (near * used[..., None]).sum(-2)
    return weight / count.clamp(min=1)[:, None, None]


def _by_picture(input: Tensor, number: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """A · x · Bᵀ for each box, of the picture that it belongs to."""
    shape = (0, input.shape[1], down.shape[1], across.shape[1])
    parts, places = [input.new_zeros(shape) + 0 * input.sum()], []
    for k in chainrule.unique(number).tolist():
        own = chainrule.where(number == k)[0]
        found = chainrule.einsum("krh,chw->kcrw", down[own], input[int(k)])
        parts.append(chainrule.matmul(found, across[own][:, None].mT))
        places.append(own)
    found = chainrule.cat(parts)
    return found[chainrule.argsort(chainrule.cat(places))] if places else found


def ps_roi_align(
    input: Tensor,
    boxes: Tensor | Sequence[Tensor],
    output_size: int | Sequence[int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
) -> Tensor:
    """`roi_align`, aligned, in which each cell of the grid has channels of its own.   Source: Dai et al. 2016; Li et al. 2017.

    Channel (c · rows + i) · columns + j of the input (B, C · rows · columns, H, W) is read in cell (i, j) alone.

    Returns:
        (K, C, rows, columns).
    """
    rows, columns = _pair(output_size)
    if input.ndim != 4 or input.shape[1] % (rows * columns):
        raise ShapeError(
            f"ps_roi_align takes features (B, C, H, W) with C a multiple of {rows} · {columns}, found {tuple(input.shape)}"
        )
    found = roi_align(input, boxes, (rows, columns), spatial_scale, sampling_ratio, aligned=True)
    found = found.reshape(found.shape[0], -1, rows, columns, rows, columns)
    found = chainrule.diagonal(found, 0, 2, 4)  # (K, C, columns, columns, rows)
    return chainrule.diagonal(found, 0, 2, 3)  # (K, C, rows, columns)


def roi_pool(
    input: Tensor,
    boxes: Tensor | Sequence[Tensor],
    output_size: int | Sequence[int],
    spatial_scale: float = 1.0,
) -> Tensor:
    """The largest feature in each cell of a grid laid over each box, whose corners are rounded.   Source: Girshick 2015.

    Arguments as of `roi_align`; a cell without features is 0. Returns (K, C, rows, columns).
    """
    (rows, columns), boxes = _pair(output_size), _numbered(boxes)
    height, width = input.shape[2:]
    found = [input.new_zeros((0, input.shape[1], rows, columns)) + 0 * input.sum()]
    for number, *corners in boxes.detach().double().tolist():
        x1, y1, x2, y2 = (_rounded(v * spatial_scale) for v in corners)
        picture = input[int(number)]
        # columns first: of equal features the first by rows gets the gradient
        picture = _largest(picture, 2, _edges(x1, x2, columns, width))
        found.append(_largest(picture, 1, _edges(y1, y2, rows, height))[None])
    return chainrule.cat(found)


def _rounded(v: float) -> int:
    """The nearest whole number; halves go away from zero."""
    return int(math.copysign(math.floor(abs(v) + 0.5), v))


def _edges(first: int, last: int, cells: int, length: int) -> list[tuple[int, int]]:
    """Where each cell begins and ends, among `length` features."""
    step = max(last - first + 1, 1) / cells
    ends = [(math.floor(k * step), math.ceil((k + 1) * step)) for k in range(cells)]
    return [(min(max(a + first, 0), length), min(max(b + first, 0), length)) for a, b in ends]


def _largest(picture: Tensor, axis: int, edges: list[tuple[int, int]]) -> Tensor:
    """The largest along an axis, within each pair of edges."""
    found = []
    for a, b in edges:
        if b > a:
            found.append(picture.narrow(axis, a, b - a).max(axis, keepdim=True).values)
        else:
            found.append(chainrule.zeros_like(picture.narrow(axis, 0, 1)))
    return chainrule.cat(found, axis)


class RoIAlign(Module):
    """`roi_align` with these arguments."""

    def __init__(
        self,
        output_size: int | Sequence[int],
        spatial_scale: float,
        sampling_ratio: int,
        aligned: bool = False,
    ) -> None:
        super().__init__()
        self.output_size, self.spatial_scale = output_size, spatial_scale
        self.sampling_ratio, self.aligned = sampling_ratio, aligned

    def forward(self, input: Tensor, rois: Tensor | Sequence[Tensor]) -> Tensor:
        """(K, C, rows, columns)."""
        rest = (self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned)
        return roi_align(input, rois, *rest)

    def __repr__(self) -> str:
        return (
            f"RoIAlign(output_size={self.output_size}, spatial_scale={self.spatial_scale}, "
            f"sampling_ratio={self.sampling_ratio}, aligned={self.aligned})"
        )


class PSRoIAlign(Module):
    """`ps_roi_align` with these arguments."""

    def __init__(
        self, output_size: int | Sequence[int], spatial_scale: float, sampling_ratio: int
    ) -> None:
        super().__init__()
        self.output_size, self.spatial_scale = output_size, spatial_scale
        self.sampling_ratio = sampling_ratio

    def forward(self, input: Tensor, rois: Tensor | Sequence[Tensor]) -> Tensor:
        """(K, C, rows, columns)."""
        return ps_roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio)

    def __repr__(self) -> str:
        return (
            f"PSRoIAlign(output_size={self.output_size}, spatial_scale={self.spatial_scale}, "
            f"sampling_ratio={self.sampling_ratio})"
        )


class RoIPool(Module):
    """`roi_pool` with these arguments."""

    def __init__(self, output_size: int | Sequence[int], spatial_scale: float) -> None:
        super().__init__()
        self.output_size, self.spatial_scale = output_size, spatial_scale

    def forward(self, input: Tensor, rois: Tensor | Sequence[Tensor]) -> Tensor:
        """(K, C, rows, columns)."""
        return roi_pool(input, rois, self.output_size, self.spatial_scale)

    def __repr__(self) -> str:
        return f"RoIPool(output_size={self.output_size}, spatial_scale={self.spatial_scale})"


class MultiScaleRoIAlign(Module):
    """`roi_align` on a pyramid of features: the larger a box, the coarser the level it is read from.

    A box of area w · h is read from level  ⌊k₀ + log₂(√(w · h) / s₀)⌋,  as far as there is one.   Source: Lin et al. 2017, eq. 1.

    Args:
        featmap_names: which entries of the features are the pyramid, from fine to coarse.
        output_size, sampling_ratio: of `roi_align`.
        canonical_scale, canonical_level: s₀ and k₀.
    """

    def __init__(
        self,
        featmap_names: Sequence[str],
        output_size: int | Sequence[int],
        sampling_ratio: int,
        *,
        canonical_scale: int = 224,
        canonical_level: int = 4,
    ) -> None:
        super().__init__()
        self.featmap_names, self.sampling_ratio = featmap_names, sampling_ratio
        self.output_size = _pair(output_size)
        self.canonical_scale, self.canonical_level = canonical_scale, canonical_level

    def forward(
        self, x: Mapping[str, Tensor], boxes: Sequence[Tensor], image_shapes: Sequence[Any]
    ) -> Tensor:
        """The boxes' features (K, C, rows, columns), of features by name, boxes, and the pictures' (height, width)."""
        levels = [x[name] for name in x if name in self.featmap_names]
        largest = [max(shape[k] for shape in image_shapes) for k in range(2)]
        scales = [2.0 ** round(math.log2(f.shape[-2] / largest[0])) for f in levels]
        numbered = _numbered(boxes)
        if len(levels) == 1:
            return roi_align(levels[0], numbered, self.output_size, scales[0], self.sampling_ratio)
        first, last = -math.log2(scales[0]), -math.log2(scales[-1])
        size = (numbered[:, 3:] - numbered[:, 1:3]).prod(-1).detach().sqrt()
        level = self.canonical_level + chainrule.log2(size / self.canonical_scale) + 1e-6
        level = (chainrule.floor(level).clamp(first, last) - first).long()
        found, places = [], []
        for k, (features, scale) in enumerate(zip(levels, scales, strict=True)):
            own = chainrule.where(level == k)[0]
            places.append(own)
            rest = (self.output_size, scale, self.sampling_ratio)
            found.append(roi_align(features, numbered[own], *rest))
        return chainrule.cat(found)[chainrule.argsort(chainrule.cat(places))]

    def __repr__(self) -> str:
        return (
            f"MultiScaleRoIAlign(featmap_names={self.featmap_names}, "
            f"output_size={self.output_size}, sampling_ratio={self.sampling_ratio})"
        )


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def _numbered(boxes: Tensor | Sequence[Tensor]) -> Tensor:
    """(K, 5), each box behind the number of its picture."""
    if isinstance(boxes, Tensor):
        if boxes.ndim != 2 or boxes.shape[1] != 5:
            raise ShapeError(
                f"boxes in one tensor are (K, 5), the picture's number first, found {tuple(boxes.shape)}"
            )
        return boxes
    for k, own in enumerate(boxes):
        if own.ndim != 2 or own.shape[1] != 4:
            raise ShapeError(f"boxes[{k}] are (K, 4), found {tuple(own.shape)}")
    if not boxes:
        raise ArgumentError("boxes is a list with a tensor for each picture, found none")
    parts = [
        chainrule.cat([chainrule.full_like(own[:, :1], k), own], 1) for k, own in enumerate(boxes)
    ]
    return chainrule.cat(parts)
