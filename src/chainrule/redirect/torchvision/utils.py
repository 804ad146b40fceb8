"""Grids of pictures."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import chainrule

from ...base.errors import ShapeError
from ...tensors import Tensor

__all__ = ["make_grid", "save_image"]


def make_grid(
    tensor: Tensor | Sequence[Tensor],
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """Pictures beside and below each other, as one.

    Args:
        tensor: (B, C, H, W), (C, H, W), (H, W), or a list of pictures of one shape; grey ones get three channels.
        nrow: pictures in a row.
        padding: pixels between them, and around.
        normalize: whether to map `value_range` (or least and largest element) to [0, 1].
        value_range: (least, largest) of what becomes 0 and 1; elements outside are clamped.
        scale_each: whether each picture is normalized by itself.
        pad_value: of the pixels between.

    Returns:
        (3 or C, H', W').
    """
    images = chainrule.stack(list(tensor)) if isinstance(tensor, (list, tuple)) else tensor
    images = images.detach()
    if images.ndim == 2:
        images = images.unsqueeze(0)
    if images.ndim == 3:
        images = images.unsqueeze(0)
    if images.ndim != 4:
        raise ShapeError(
            f"make_grid takes pictures (B, C, H, W), found shape {tuple(images.shape)}"
        )
    if images.shape[1] == 1:
        images = images.expand(-1, 3, -1, -1)
    if normalize:
        if scale_each:
            images = chainrule.stack([_to_unit(x, value_range) for x in images])
        else:
            images = _to_unit(images, value_range)
    count, c, h, w = images.shape
    if count == 1:
        return images[0].clone()
    columns = min(nrow, count)
    rows = math.ceil(count / columns)
    grid = chainrule.full(
        (c, rows * (h + padding) + padding, columns * (w + padding) + padding),
        pad_value,
        dtype=images.dtype,
    )
    for k in range(count):
        y = (k // columns) * (h + padding) + padding
        x = (k % columns) * (w + padding) + padding
        grid[:, y : y + h, x : x + w] = images[k]
    return grid


def _to_unit(x: Tensor, value_range: tuple[float, float] | None) -> Tensor:
    low, high = (x.min().item(), x.max().item()) if value_range is None else value_range
    return (x.clamp(low, high) - low) / max(high - low, 1e-5)


def save_image(
    tensor: Tensor | Sequence[Tensor],
    fp: str | os.PathLike[str] | Any,
    format: str | None = None,
    **kwargs: Any,
) -> None:
    """Write a picture, or a grid of several, to an image file; elements are 0 to 1.

    Args:
        tensor: see `make_grid`.
        fp: the path, or a file open for writing.
        format: Pillow's name of the format; by the path's ending if None.
        kwargs: those of `make_grid`.
    """
    from PIL import Image

    grid = make_grid(tensor, **kwargs)
    pixels = (grid * 255 + 0.5).clamp(0, 255).permute(1, 2, 0).to(chainrule.uint8).numpy()
    Image.fromarray(pixels).save(fp, format=format)
