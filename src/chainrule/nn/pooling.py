"""Pooling: the largest or the mean value of each window. No parameters."""

from __future__ import annotations

from typing import Any

from ..tensors import Tensor
from . import functional as F
from .module import Module

__all__ = ["AdaptiveAvgPool2d", "AvgPool2d", "MaxPool2d"]


class MaxPool2d(Module):
    """The largest value of each window of an image.

    y[b, c, h, w] = max over i, j of x[b, c, s·h + d·i − p, s·w + d·j − p],  with −∞ outside the
    image

    Args:
        kernel_size: size of the window, a number or (height, width).
        stride: step between windows; the window's size if None.
        padding: −∞ added on each side, at most half the window.
        dilation: step between the elements of a window.
        return_indices: whether also to return where in the flattened image each maximum was found.
        ceil_mode: whether a window that begins inside the image but ends outside counts.

    Shapes: x (B, C, H, W) or (C, H, W).

    Example:
        >>> nn.MaxPool2d(2)(zeros(3, 5, 7, 11)).shape
        chainrule.Size([3, 5, 3, 5])
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Any:
        """The maxima, and with ``return_indices`` their places."""
        return F.max_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            ceil_mode=self.ceil_mode,
            return_indices=self.return_indices,
        )

    def extra_repr(self) -> str:
        """The window."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class AvgPool2d(Module):
    """The mean of each window of an image.

    Args:
        kernel_size: size of the window, a number or (height, width).
        stride: step between windows; the window's size if None.
        padding: zeros added on each side, at most half the window.
        ceil_mode: whether a window that begins inside the image but ends outside counts.
        count_include_pad: whether the zeros added count in the mean.
        divisor_override: divide by this, not by the number of elements.

    Shapes: x (B, C, H, W) or (C, H, W).

    Example:
        >>> nn.AvgPool2d(2)(ones(1, 1, 2, 2))
        tensor([[[[1.]]]])
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        """The means."""
        return F.avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        """The window."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AdaptiveAvgPool2d(Module):
    """Means over a grid of cells that cover the image, whatever its size.

    Cell i of n covers the rows ⌊i·H/n⌋ to ⌈(i+1)·H/n⌉.

    Args:
        output_size: the grid, a number or (height, width); None in place of one keeps the image's
            size.

    Shapes: x (B, C, H, W) or (C, H, W).

    Example:
        >>> nn.AdaptiveAvgPool2d((1, None))(zeros(3, 5, 7, 11)).shape
        chainrule.Size([3, 5, 1, 11])
    """

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """The means."""
        return F.adaptive_avg_pool2d(input, self.output_size)

    def extra_repr(self) -> str:
        """The grid."""
        return f"output_size={self.output_size}"
