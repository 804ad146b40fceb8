"""Pooling over windows of uneven size: a grid of cells that covers the input whatever its size, and
windows that begin at steps drawn at random. No parameters.
"""

from __future__ import annotations

from typing import Any

from ..base.errors import ArgumentError
from ..tensors import Tensor
from . import functional as F
from .module import Module

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d", "AdaptiveMaxPool3d", "FractionalMaxPool2d", "FractionalMaxPool3d",
]  # fmt: skip


class _AdaptiveAvgPool(Module):
    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def extra_repr(self) -> str:
        """The grid."""
        return f"output_size={self.output_size}"


class _AdaptiveMaxPool(Module):
    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def extra_repr(self) -> str:
        """The grid."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Means over a grid of cells that cover the sequence; arguments as ``AdaptiveAvgPool2d``.

    Shapes: x (B, C, L) or (C, L).

    Example:
        >>> nn.AdaptiveAvgPool1d(4)(zeros(3, 5, 7)).shape
        chainrule.Size([3, 5, 4])
    """

    def forward(self, input: Tensor) -> Tensor:
        """The means."""
        return F.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
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

    def forward(self, input: Tensor) -> Tensor:
        """The means."""
        return F.adaptive_avg_pool2d(input, self.output_size)


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Means over a grid of cells that cover the volume; arguments as ``AdaptiveAvgPool2d``.

    Shapes: x (B, C, D, H, W) or (C, D, H, W).

    Example:
        >>> nn.AdaptiveAvgPool3d((3, 2, None))(zeros(3, 5, 7, 11, 4)).shape
        chainrule.Size([3, 5, 3, 2, 4])
    """

    def forward(self, input: Tensor) -> Tensor:
        """The means."""
        return F.adaptive_avg_pool3d(input, self.output_size)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The largest values over a grid of cells that cover the sequence; arguments as ``AdaptiveMaxPool2d``.

    Shapes: x (B, C, L) or (C, L).

    Example:
        >>> nn.AdaptiveMaxPool1d(4)(zeros(3, 5, 7)).shape
        chainrule.Size([3, 5, 4])
    """

    def forward(self, input: Tensor) -> Any:
        """The maxima, and with ``return_indices`` their places."""
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest values over a grid of cells that cover the image, whatever its size.

    Cell i of n covers the rows ⌊i·H/n⌋ to ⌈(i+1)·H/n⌉.

    Args:
        output_size: the grid, a number or (height, width); None in place of one keeps the image's
            size.
        return_indices: whether also to return where in the flattened image each maximum was found.

    Shapes: x (B, C, H, W) or (C, H, W).

    Example:
        >>> nn.AdaptiveMaxPool2d((1, None))(zeros(3, 5, 7, 11)).shape
        chainrule.Size([3, 5, 1, 11])
    """

    def forward(self, input: Tensor) -> Any:
        """The maxima, and with ``return_indices`` their places."""
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The largest values over a grid of cells that cover the volume; arguments as ``AdaptiveMaxPool2d``.

    Shapes: x (B, C, D, H, W) or (C, D, H, W).

    Example:
        >>> nn.AdaptiveMaxPool3d((3, 2, None))(zeros(3, 5, 7, 11, 4)).shape
        chainrule.Size([3, 5, 3, 2, 4])
    """

    def forward(self, input: Tensor) -> Any:
        """The maxima, and with ``return_indices`` their places."""
        return F.adaptive_max_pool3d(input, self.output_size, self.return_indices)


class _FractionalMaxPool(Module):
    axes: int

    def __init__(
        self,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if (output_size is None) == (output_ratio is None):
            raise ArgumentError(
                f"{name} requires specifying either an output size, or a pooling ratio"
                if output_size is None
                else f"{name}: only one of output_size and output_ratio may be specified"
            )
        self.kernel_size = self._each(kernel_size)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else self._each(output_size)
        self.output_ratio = None if output_ratio is None else self._each(output_ratio)
        if self.output_ratio is not None and not all(0 < r < 1 for r in self.output_ratio):
            raise ArgumentError(f"output_ratio must be between 0 and 1 (got {output_ratio})")

    def _each(self, value: Any) -> tuple:
        """One number per spatial axis."""
        return (value,) * self.axes if isinstance(value, (int, float)) else tuple(value)

    def _pool(self, function: Any, input: Tensor) -> Any:
        return function(
            input,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            _random_samples=self._random_samples,
        )


class FractionalMaxPool2d(_FractionalMaxPool):
    """The largest values of windows that begin at uneven steps, drawn anew for each plane and call.
    Source: Graham 2014.

    Args:
        kernel_size: size of the window, a number or (height, width).
        output_size: of the result; or
        output_ratio: its size as a part of the input's, between 0 and 1.
        return_indices: whether also to return where in the flattened image each maximum was found.
        _random_samples: (B, C, 2) in [0, 1), the numbers to use instead of drawing them.

    Shapes: x (B, C, H, W) or (C, H, W).

    Example:
        >>> nn.FractionalMaxPool2d(2, output_ratio=0.7)(zeros(3, 5, 7, 11)).shape
        chainrule.Size([3, 5, 4, 7])
    """

    axes = 2

    def forward(self, input: Tensor) -> Any:
        """The maxima, and with ``return_indices`` their places."""
        return self._pool(F.fractional_max_pool2d, input)


class FractionalMaxPool3d(_FractionalMaxPool):
    """As ``FractionalMaxPool2d`` for volumes.

    Shapes: x (B, C, D, H, W) or (C, D, H, W).

    Example:
        >>> nn.FractionalMaxPool3d(2, output_size=3)(zeros(3, 5, 7, 11, 4)).shape
        chainrule.Size([3, 5, 3, 3, 3])
    """

    axes = 3

    def forward(self, input: Tensor) -> Any:
        """The maxima, and with ``return_indices`` their places."""
        return self._pool(F.fractional_max_pool3d, input)
