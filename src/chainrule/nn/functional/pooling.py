"""The largest or the mean element of windows."""

from __future__ import annotations

from typing import Any

from ... import functional as fn
from ... import ops
from ...base.errors import ShapeError
from ...tensors import Tensor
from .sizes import Sizes, batched_input, per_axis

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "avg_pool1d",
    "avg_pool2d", "avg_pool3d", "max_pool1d", "max_pool2d", "max_pool3d",
]  # fmt: skip


def _pool_edges(
    what: str,
    sizes: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    ceil_mode: bool,
) -> tuple[tuple[int, int], ...]:
    """Padding (before, after) of each axis. In ceil mode the last window may reach beyond, if it
    begins inside.
    """
    edges = []
    for n, k, s, p, d in zip(sizes, kernel, stride, padding, dilation, strict=True):
        if not 0 <= 2 * p <= k:
            raise ShapeError(
                f"{what}: padding must be at least 0 and at most half of the window, "
                f"found padding {p} for a window of {k}"
            )
        after, reach = p, d * (k - 1) + 1
        if ceil_mode:
            count = -((n + 2 * p - reach) // -s) + 1
            if (count - 1) * s >= n + p:
                count -= 1
            after = max(p, (count - 1) * s + reach - n - p)
        edges.append((p, after))
    return tuple(edges)


def _max_pool(
    axes: int,
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    name = f"max_pool{axes}d"
    x, batched = batched_input(input, axes, name)
    kernel = per_axis(kernel_size, axes, "kernel_size")
    steps = per_axis(kernel_size if stride is None else stride, axes, "stride")
    spread = per_axis(dilation, axes, "dilation")
    around = per_axis(padding, axes, "padding")
    edges = _pool_edges(name, x.shape[2:], kernel, steps, around, spread, ceil_mode)
    y, places = ops.max_pool(x, kernel=kernel, stride=steps, padding=edges, dilation=spread)
    if not batched:
        y, places = y.squeeze(0), places.squeeze(0)
    return (y, places) if return_indices else y


def max_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest value of each window along one axis, x (B, C, L) or (C, L); arguments as
    ``max_pool2d``.
    """
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest value of each window of an image.

    Args:
        input: x (B, C, H, W) or (C, H, W).
        kernel_size: size of the window, a number or (height, width).
        stride: step between windows; the window's size if None.
        padding: −∞ added on each side, at most half the window.
        dilation: step between the elements of a window.
        ceil_mode: whether a window that begins inside but ends outside counts.
        return_indices: whether also to return where in the flattened image each maximum was found.

    Example:
        >>> F.max_pool2d(arange(16.0).reshape(1, 4, 4), 2)
        tensor([[[ 5.,  7.],
                 [13., 15.]]])
    """
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest value of each window of a volume, x (B, C, D, H, W); arguments as
    ``max_pool2d``.
    """
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _avg_pool(
    axes: int,
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Tensor:
    name = f"avg_pool{axes}d"
    if divisor_override == 0:
        raise ValueError(f"{name}: divisor must be not zero")
    x, batched = batched_input(input, axes, name)
    kernel = per_axis(kernel_size, axes, "kernel_size")
    steps = per_axis(kernel_size if stride is None else stride, axes, "stride")
    around = per_axis(padding, axes, "padding")
    edges = _pool_edges(name, x.shape[2:], kernel, steps, around, (1,) * axes, ceil_mode)
    if count_include_pad and any(after > before for before, after in edges):
        # The zeros asked for count, those that ceil mode adds do not: make the former part of the
        # input.
        x = ops.pad(x, pads=((0, 0), (0, 0), *[(p, p) for p in around]))
        edges = tuple((0, after - before) for before, after in edges)
        count_include_pad = False
    y = fn.avg_pool(
        x,
        kernel=kernel,
        stride=steps,
        padding=edges,
        count_padding=count_include_pad,
        divisor=divisor_override,
    )
    return y if batched else y.squeeze(0)


def avg_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window along one axis, x (B, C, L) or (C, L); arguments as
    ``avg_pool2d``.
    """
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window of an image.

    Args:
        input: x (B, C, H, W) or (C, H, W).
        kernel_size: size of the window, a number or (height, width).
        stride: step between windows; the window's size if None.
        padding: zeros added on each side, at most half the window.
        ceil_mode: whether a window that begins inside but ends outside counts.
        count_include_pad: whether the zeros added count in the mean.
        divisor_override: divide by this, not by the number of elements.

    Example:
        >>> F.avg_pool2d(arange(16.0).reshape(1, 4, 4), 2)
        tensor([[[ 2.5000,  4.5000],
                 [10.5000, 12.5000]]])
    """
    return _avg_pool(
        2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def avg_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window of a volume, x (B, C, D, H, W); arguments as ``avg_pool2d``."""
    return _avg_pool(
        3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def _adaptive_avg_pool(axes: int, input: Tensor, output_size: Any) -> Tensor:
    x, batched = batched_input(input, axes, f"adaptive_avg_pool{axes}d")
    wanted = (output_size,) * axes if isinstance(output_size, (int, type(None))) else output_size
    if len(wanted) != axes:
        raise ShapeError(f"output_size must be one number or {axes}, found {output_size}")
    pairs = zip(wanted, x.shape[2:], strict=True)
    y = fn.adaptive_avg_pool(x, size=tuple(n if size is None else size for size, n in pairs))
    return y if batched else y.squeeze(0)


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """Means over ``output_size`` pieces of an axis, x (B, C, L) or (C, L); as
    ``adaptive_avg_pool2d``.
    """
    return _adaptive_avg_pool(1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
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


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """Means over a grid of cells of a volume, x (B, C, D, H, W); as ``adaptive_avg_pool2d``."""
    return _adaptive_avg_pool(3, input, output_size)
