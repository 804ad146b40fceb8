"""The largest element of windows, their mean, their power mean; and the way back of a maximum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import functional as fn
from ... import ops
from ...base.errors import ArgumentError, ShapeError
from ...tensors import Tensor
from .sizes import Sizes, batched_input, per_axis, steps_of

__all__ = [
    "avg_pool1d", "avg_pool2d", "avg_pool3d", "lp_pool1d", "lp_pool2d", "lp_pool3d", "max_pool1d",
    "max_pool2d", "max_pool3d", "max_unpool1d", "max_unpool2d", "max_unpool3d",
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
    if 0 in x.shape[1:]:
        raise ShapeError(f"{name}: only the batch may be empty, found shape {tuple(input.shape)}")
    kernel = per_axis(kernel_size, axes, "kernel_size")
    steps = steps_of(stride, kernel, axes)
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
        raise ArgumentError(f"{name}: divisor must be not zero")
    x, batched = batched_input(input, axes, name)
    kernel = per_axis(kernel_size, axes, "kernel_size")
    steps = steps_of(stride, kernel, axes)
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


def _lp_pool(
    axes: int,
    input: Tensor,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None,
    ceil_mode: bool,
) -> Tensor:
    name, none = f"lp_pool{axes}d", (0,) * axes
    x, batched = batched_input(input, axes, name)
    kernel = per_axis(kernel_size, axes, "kernel_size")
    steps = steps_of(stride, kernel, axes)
    edges = _pool_edges(name, x.shape[2:], kernel, steps, none, (1,) * axes, ceil_mode)
    y = fn.lp_pool(x, p=norm_type, kernel=kernel, stride=steps, padding=edges)
    return y if batched else y.squeeze(0)


def lp_pool1d(
    input: Tensor,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(Σ xᵖ)^(1/p) over each window along one axis, x (B, C, L) or (C, L); as ``lp_pool2d``."""
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(Σ xᵖ)^(1/p) over each window of an image: the sum for p = 1, towards the largest |x| for
    large p.

    Args:
        input: x (B, C, H, W) or (C, H, W).
        norm_type: p.
        kernel_size: size of the window, a number or (height, width).
        stride: step between windows; the window's size if None.
        ceil_mode: whether a window that begins inside but ends outside counts.

    Example:
        >>> F.lp_pool2d(tensor([[[3.0, 0.0], [0.0, 4.0]]]), 2, 2)
        tensor([[[5.]]])
    """
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(Σ xᵖ)^(1/p) over each window of a volume, x (B, C, D, H, W); as ``lp_pool2d``."""
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)


def _max_unpool(
    axes: int,
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    output_size: Sequence[int] | None,
) -> Tensor:
    name = f"max_unpool{axes}d"
    x, batched = batched_input(input, axes, name)
    at = indices if batched else indices.unsqueeze(0)
    kernel = per_axis(kernel_size, axes, "kernel_size")
    steps = steps_of(stride, kernel, axes)
    around = per_axis(padding, axes, "padding")
    sizes = zip(x.shape[2:], kernel, steps, around, strict=True)
    usual = tuple([(n - 1) * s + k - 2 * p for n, k, s, p in sizes])
    size = usual if output_size is None else tuple(output_size)[-axes:]
    if output_size is not None:
        if len(output_size) not in (axes, axes + 1, axes + 2):
            raise ShapeError(f"{name}: output_size must have {axes} sizes, found {output_size}")
        for n, m, s in zip(size, usual, steps, strict=True):
            if not m - s < n < m + s:
                raise ShapeError(
                    f"{name}: invalid output_size {tuple(output_size)}: "
                    f"{n} must be between {m - s} and {m + s}"
                )
    y = fn.max_unpool(x, at, size=size)
    return y if batched else y.squeeze(0)


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Maxima back where ``max_pool1d`` found them, x (B, C, L) or (C, L); as ``max_unpool2d``."""
    return _max_unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Maxima back where ``max_pool2d`` found them, zeros elsewhere.

    Args:
        input: the maxima (B, C, H, W) or (C, H, W).
        indices: their places, as ``max_pool2d(…, return_indices=True)`` gives them.
        kernel_size: the window of that pooling.
        stride: its step; the window's size if None.
        padding: its padding.
        output_size: the size of the image that was pooled, where several sizes lead to this one.

    Raises:
        RangeError: an index outside the image.

    Example:
        >>> y, at = F.max_pool2d(tensor([[[1.0, 2.0], [4.0, 3.0]]]), 2, return_indices=True)
        >>> F.max_unpool2d(y, at, 2)
        tensor([[[0., 0.],
                 [4., 0.]]])
    """
    return _max_unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Maxima back where ``max_pool3d`` found them, x (B, C, D, H, W); as ``max_unpool2d``."""
    return _max_unpool(3, input, indices, kernel_size, stride, padding, output_size)
