"""Pooling: the largest, the mean or the power mean of each window; and the way back of a maximum. No
parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..tensors import Tensor
from . import functional as F
from .module import Module

__all__ = [
    "AvgPool1d", "AvgPool2d", "AvgPool3d", "LPPool1d", "LPPool2d", "LPPool3d", "MaxPool1d",
    "MaxPool2d", "MaxPool3d", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d",
]  # fmt: skip


class _MaxPool(Module):
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

    def _pool(self, function: Any, input: Tensor) -> Any:
        return function(
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


class MaxPool1d(_MaxPool):
    """The largest value of each window of a sequence; arguments as ``MaxPool2d``.

    Shapes: x (B, C, L) or (C, L).

    Example:
        >>> nn.MaxPool1d(2)(zeros(3, 5, 7)).shape
        chainrule.Size([3, 5, 3])
    """

    def forward(self, input: Tensor) -> Any:
        """The maxima, and with ``return_indices`` their places."""
        return self._pool(F.max_pool1d, input)


class MaxPool2d(_MaxPool):
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

    def forward(self, input: Tensor) -> Any:
        """The maxima, and with ``return_indices`` their places."""
        return self._pool(F.max_pool2d, input)


class MaxPool3d(_MaxPool):
    """The largest value of each window of a volume; arguments as ``MaxPool2d``.

    Shapes: x (B, C, D, H, W) or (C, D, H, W).

    Example:
        >>> nn.MaxPool3d(2)(zeros(3, 5, 7, 11, 4)).shape
        chainrule.Size([3, 5, 3, 5, 2])
    """

    def forward(self, input: Tensor) -> Any:
        """The maxima, and with ``return_indices`` their places."""
        return self._pool(F.max_pool3d, input)


class _MaxUnpool(Module):
    axes: int

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        axes = self.axes
        self.kernel_size = _tuple(kernel_size, axes)
        self.stride = _tuple(kernel_size if stride is None else stride, axes)
        self.padding = _tuple(padding, axes)

    def _unpool(self, function: Any, input: Tensor, indices: Tensor, output_size: Any) -> Tensor:
        return function(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        """The window."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


def _tuple(value: Any, axes: int) -> tuple[int, ...]:
    """One number per spatial axis."""
    return (value,) * axes if isinstance(value, int) else tuple(value)


class MaxUnpool1d(_MaxUnpool):
    """Maxima of a sequence back where ``MaxPool1d`` found them; arguments as ``MaxUnpool2d``.

    Shapes: x (B, C, L) or (C, L).
    """

    axes = 1

    def forward(
        self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        """The maxima at their places, in the sequence of ``output_size`` (worked out from the window if
        None).
        """
        return self._unpool(F.max_unpool1d, input, indices, output_size)


class MaxUnpool2d(_MaxUnpool):
    """Maxima back where ``MaxPool2d`` found them, zeros elsewhere.

    Args:
        kernel_size: the window of that pooling.
        stride: its step; the window's size if None.
        padding: its padding.

    Example:
        >>> y, at = nn.MaxPool2d(2, return_indices=True)(arange(4.0).reshape(1, 2, 2))
        >>> nn.MaxUnpool2d(2)(y, at)
        tensor([[[0., 0.],
                 [0., 3.]]])
    """

    axes = 2

    def forward(
        self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        """The maxima at their places, in the image of ``output_size`` (worked out from the window if
        None).
        """
        return self._unpool(F.max_unpool2d, input, indices, output_size)


class MaxUnpool3d(_MaxUnpool):
    """Maxima of a volume back where ``MaxPool3d`` found them; arguments as ``MaxUnpool2d``.

    Shapes: x (B, C, D, H, W) or (C, D, H, W).
    """

    axes = 3

    def forward(
        self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        """The maxima at their places, in the volume of ``output_size`` (worked out from the window if
        None).
        """
        return self._unpool(F.max_unpool3d, input, indices, output_size)


class _AvgPool(Module):
    def extra_repr(self) -> str:
        """The window."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPool):
    """The mean of each window of a sequence; arguments as ``AvgPool2d``, without divisor_override.

    Shapes: x (B, C, L) or (C, L).

    Example:
        >>> nn.AvgPool1d(2)(ones(1, 1, 4))
        tensor([[[1., 1.]]])
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = _tuple(kernel_size, 1)
        self.stride = _tuple(kernel_size if stride is None else stride, 1)
        self.padding = _tuple(padding, 1)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        """The means."""
        return F.avg_pool1d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )


class _AvgPoolOver(_AvgPool):
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

    def _pool(self, function: Any, input: Tensor) -> Tensor:
        return function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class AvgPool2d(_AvgPoolOver):
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

    def forward(self, input: Tensor) -> Tensor:
        """The means."""
        return self._pool(F.avg_pool2d, input)


class AvgPool3d(_AvgPoolOver):
    """The mean of each window of a volume; arguments as ``AvgPool2d``.

    Shapes: x (B, C, D, H, W) or (C, D, H, W).

    Example:
        >>> nn.AvgPool3d(2)(zeros(3, 5, 7, 11, 4)).shape
        chainrule.Size([3, 5, 3, 5, 2])
    """

    def forward(self, input: Tensor) -> Tensor:
        """The means."""
        return self._pool(F.avg_pool3d, input)


class _LPPool(Module):
    def __init__(
        self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def _pool(self, function: Any, input: Tensor) -> Tensor:
        return function(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        """The power and the window."""
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """(Σ xᵖ)^(1/p) over each window of a sequence; arguments as ``LPPool2d``.

    Shapes: x (B, C, L) or (C, L).

    Example:
        >>> nn.LPPool1d(2, kernel_size=2)(zeros(3, 5, 7)).shape
        chainrule.Size([3, 5, 3])
    """

    def forward(self, input: Tensor) -> Tensor:
        """The power means, times the number of elements to the power 1/p."""
        return self._pool(F.lp_pool1d, input)


class LPPool2d(_LPPool):
    """(Σ xᵖ)^(1/p) over each window of an image: the sum for p = 1, towards the maximum for large p.

    Args:
        norm_type: p.
        kernel_size: size of the window, a number or (height, width).
        stride: step between windows; the window's size if None.
        ceil_mode: whether a window that begins inside the image but ends outside counts.

    Shapes: x (B, C, H, W) or (C, H, W).

    Example:
        >>> nn.LPPool2d(2, kernel_size=(1, 2))(tensor([[[3.0, 4.0]]]))
        tensor([[[5.]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """The power means, times the number of elements to the power 1/p."""
        return self._pool(F.lp_pool2d, input)


class LPPool3d(_LPPool):
    """(Σ xᵖ)^(1/p) over each window of a volume; arguments as ``LPPool2d``.

    Shapes: x (B, C, D, H, W) or (C, D, H, W).

    Example:
        >>> nn.LPPool3d(2, kernel_size=2)(zeros(3, 5, 7, 11, 4)).shape
        chainrule.Size([3, 5, 3, 5, 2])
    """

    def forward(self, input: Tensor) -> Tensor:
        """The power means, times the number of elements to the power 1/p."""
        return self._pool(F.lp_pool3d, input)
