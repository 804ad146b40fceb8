"""Pooling over windows of uneven size: a grid of cells that covers the image whatever its size, and
windows that begin at steps drawn at random.
"""

from __future__ import annotations

from typing import Any

from ... import functional as fn
from ...base.errors import ArgumentError, ShapeError
from ...tensors import Tensor, rand
from .sizes import Cells, Sizes, batched_input, per_axis

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool2d", "adaptive_max_pool3d", "fractional_max_pool2d", "fractional_max_pool3d",
]  # fmt: skip


def _grid(output_size: Cells, x: Tensor, axes: int) -> tuple[int, ...]:
    """The number of cells along each axis; None stands for the size of x."""
    wanted = (output_size,) * axes if isinstance(output_size, (int, type(None))) else output_size
    if len(wanted) == 1:
        wanted = tuple(wanted) * axes
    if len(wanted) != axes:
        raise ShapeError(f"output_size must be one number or {axes}, found {output_size}")
    pairs = zip(wanted, x.shape[2:], strict=True)
    return tuple([n if size is None else size for size, n in pairs])


def _adaptive_avg_pool(axes: int, input: Tensor, output_size: Cells) -> Tensor:
    x, batched = batched_input(input, axes, f"adaptive_avg_pool{axes}d")
    y = fn.adaptive_avg_pool(x, size=_grid(output_size, x, axes))
    return y if batched else y.squeeze(0)


def adaptive_avg_pool1d(input: Tensor, output_size: Cells) -> Tensor:
    """Means over ``output_size`` pieces of an axis, x (B, C, L) or (C, L); as
    ``adaptive_avg_pool2d``.
    """
    return _adaptive_avg_pool(1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: Cells) -> Tensor:
    """Means over a grid of cells that cover the image, whatever its size; cell i of n is rows
    ⌊i·H/n⌋ to ⌈(i+1)·H/n⌉.

    Args:
        input: x (B, C, H, W) or (C, H, W).
        output_size: the grid, a number or (height, width); None in place of one keeps the image's
            size.

    Example:
        >>> F.adaptive_avg_pool2d(arange(9.0).reshape(1, 3, 3), 1)
        tensor([[[4.]]])
    """
    return _adaptive_avg_pool(2, input, output_size)


def adaptive_avg_pool3d(input: Tensor, output_size: Cells) -> Tensor:
    """Means over a grid of cells of a volume, x (B, C, D, H, W); as ``adaptive_avg_pool2d``."""
    return _adaptive_avg_pool(3, input, output_size)


def _adaptive_max_pool(axes: int, input: Tensor, output_size: Cells, return_indices: bool) -> Any:
    x, batched = batched_input(input, axes, f"adaptive_max_pool{axes}d")
    y, places = fn.adaptive_max_pool(x, size=_grid(output_size, x, axes))
    if not batched:
        y, places = y.squeeze(0), places.squeeze(0)
    return (y, places) if return_indices else y


def adaptive_max_pool1d(input: Tensor, output_size: Cells, return_indices: bool = False) -> Any:
    """The largest values of ``output_size`` pieces of an axis, x (B, C, L) or (C, L); as
    ``adaptive_max_pool2d``.
    """
    return _adaptive_max_pool(1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Tensor, output_size: Cells, return_indices: bool = False) -> Any:
    """The largest values over a grid of cells, those of ``adaptive_avg_pool2d``.

    Args:
        input: x (B, C, H, W) or (C, H, W).
        output_size: the grid, a number or (height, width); None in place of one keeps the image's
            size.
        return_indices: whether also to return where in the flattened image each maximum was found.

    Example:
        >>> F.adaptive_max_pool2d(arange(9.0).reshape(1, 3, 3), (1, None))
        tensor([[[6., 7., 8.]]])
    """
    return _adaptive_max_pool(2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Tensor, output_size: Cells, return_indices: bool = False) -> Any:
    """The largest values over a grid of cells of a volume, x (B, C, D, H, W); as
    ``adaptive_max_pool2d``.
    """
    return _adaptive_max_pool(3, input, output_size, return_indices)


def _fractional_max_pool(
    axes: int,
    input: Tensor,
    kernel_size: Sizes,
    output_size: Cells,
    output_ratio: Any,
    return_indices: bool,
    samples: Tensor | None,
) -> Any:
    name = f"fractional_max_pool{axes}d"
    x, batched = batched_input(input, axes, name)
    kernel = per_axis(kernel_size, axes, "kernel_size")
    if output_size is not None:
        size = per_axis(output_size, axes, "output_size")
    elif output_ratio is None:
        raise ArgumentError(f"{name} requires specifying either an output_size or an output_ratio")
    else:
        one = isinstance(output_ratio, (int, float))
        ratios = (output_ratio,) * axes if one else tuple(output_ratio)
        if len(ratios) != axes:
            raise ShapeError(f"{name}: output_ratio must be one number or {axes}, found {ratios}")
        size = tuple([int(n * r) for n, r in zip(x.shape[2:], ratios, strict=True)])
    if samples is None:
        samples = rand(*x.shape[:2], axes, dtype=x.dtype)
    y, places = fn.fractional_max_pool(x, samples, kernel=kernel, size=size)
    if not batched:
        y, places = y.squeeze(0), places.squeeze(0)
    return (y, places) if return_indices else y


def fractional_max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """The largest values of windows that begin at uneven steps, drawn for each plane; the image
    shrinks by any factor, not by whole numbers alone.   Source: Graham 2014.

    Args:
        input: x (B, C, H, W) or (C, H, W).
        kernel_size: size of the window, a number or (height, width).
        output_size: of the result; or
        output_ratio: its size as a part of the input's, between 0 and 1.
        return_indices: whether also to return where in the flattened image each maximum was found.
        _random_samples: (B, C, 2) in [0, 1), the numbers to use instead of drawing them.

    Example:
        >>> F.fractional_max_pool2d(ones(1, 7, 7), 2, output_ratio=0.7).shape
        chainrule.Size([1, 4, 4])
    """
    return _fractional_max_pool(
        2, input, kernel_size, output_size, output_ratio, return_indices, _random_samples
    )


def fractional_max_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """As ``fractional_max_pool2d`` for volumes, x (B, C, D, H, W)."""
    return _fractional_max_pool(
        3, input, kernel_size, output_size, output_ratio, return_indices, _random_samples
    )
