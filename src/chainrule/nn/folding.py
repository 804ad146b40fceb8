"""Fold and Unfold: the windows of an image as columns, and columns laid back as windows."""

from __future__ import annotations

from typing import Any

from ..tensors import Tensor
from . import functional as F
from .module import Module

__all__ = ["Fold", "Unfold"]


class Unfold(Module):
    """The windows of an image as columns.

    Args:
        kernel_size: size of the window, a number or (height, width).
        dilation: step between the elements of a window.
        padding: zeros added on each side.
        stride: step between windows.

    Shapes: x (B, C, H, W) or (C, H, W), y (B, C · kernel elements, number of windows) or without B.

    Example:
        >>> nn.Unfold((2, 3))(zeros(3, 5, 7, 11)).shape
        chainrule.Size([3, 30, 54])
    """

    def __init__(
        self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        """The columns."""
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """The window."""
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, "
            f"stride={self.stride}"
        )


class Fold(Module):
    """Columns laid back as windows of an image, where they overlap added up: the adjoint of
    ``Unfold``.

    Args:
        output_size: the image, a number or (height, width).
        kernel_size: size of the window, a number or (height, width).
        dilation: step between the elements of a window.
        padding: zeros that were added on each side.
        stride: step between windows.

    Shapes: x (B, C · kernel elements, number of windows) or without B, y (B, C, H, W) or without B.

    Example:
        >>> nn.Fold(output_size=(7, 11), kernel_size=(2, 3))(zeros(3, 30, 54)).shape
        chainrule.Size([3, 5, 7, 11])
    """

    def __init__(
        self,
        output_size: Any,
        kernel_size: Any,
        dilation: Any = 1,
        padding: Any = 0,
        stride: Any = 1,
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        """The image."""
        return F.fold(
            input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )

    def extra_repr(self) -> str:
        """The image and the window."""
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
        )
