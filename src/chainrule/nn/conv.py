"""Convolutions: one base for any number of spatial axes, and its 1-d and 2-d forms.

    B batch   C channels   L, H, W spatial sizes   k kernel   s stride   p padding   d dilation

A spatial size n becomes  ⌊(n + 2p − d·(k − 1) − 1) / s⌋ + 1.
"""

from __future__ import annotations

import math
from typing import Any

from ..tensors import Tensor, empty
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter

__all__ = ["Conv1d", "Conv2d"]

_PADDING_MODES = {"zeros", "reflect", "replicate", "circular"}


def _tuple(value: int | tuple[int, ...], axes: int) -> tuple[int, ...]:
    """One number per spatial axis."""
    return (value,) * axes if isinstance(value, int) else tuple(value)


class _ConvNd(Module):
    """A convolution over ``axes`` spatial axes.

    ``weight`` (out_channels, in_channels / groups, *kernel) and ``bias`` (out_channels,) begin
    uniform on ±1/√fan_in.
    """

    axes: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] | str = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = _tuple(kernel_size, self.axes)
        self.stride = _tuple(stride, self.axes)
        self.padding = padding if isinstance(padding, str) else _tuple(padding, self.axes)
        self.dilation = _tuple(dilation, self.axes)
        self.groups = groups
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"Invalid padding string {padding!r}, should be 'same' or 'valid'")
            if padding == "same" and any(s != 1 for s in self.stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in _PADDING_MODES:
            raise ValueError(
                f"padding_mode must be one of {sorted(_PADDING_MODES)}, "
                f"but got padding_mode='{padding_mode}'"
            )
        self.padding_mode = padding_mode
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight = Parameter(empty(shape, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in = math.prod(self.weight.shape[1:])
            if fan_in != 0:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def _edges(self) -> list[int]:
        """Padding before and after each spatial axis, the last axis first, as F.pad wants it."""
        edges: list[int] = []
        for axis in reversed(range(self.axes)):
            if self.padding == "same":
                total = self.dilation[axis] * (self.kernel_size[axis] - 1)
                edges += [total // 2, total - total // 2]
            else:
                width = 0 if isinstance(self.padding, str) else self.padding[axis]
                edges += [width, width]
        return edges

    def _convolve(self, convolution: Any, input: Tensor) -> Tensor:
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            input, padding = F.pad(input, self._edges(), mode=self.padding_mode), 0
        return convolution(
            input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )

    def extra_repr(self) -> str:
        """The sizes, and what differs from the defaults."""
        parts = [
            f"{self.in_channels}, {self.out_channels}",
            f"kernel_size={self.kernel_size}, stride={self.stride}",
        ]
        if self.padding != (0,) * len(self.padding):
            parts.append(f"padding={self.padding}")
        if self.dilation != (1,) * self.axes:
            parts.append(f"dilation={self.dilation}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


class Conv1d(_ConvNd):
    """Convolution (really cross-correlation) along one axis.

    y[b, o, l] = bias[o] + Σ_c Σ_k weight[o, c, k] · x[b, c, s·l + d·k − p]

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: length of the window.
        stride: step from one window to the next.
        padding: zeros added at both ends; or "valid" (none), or "same" (the output is as long as
            the input).
        dilation: step between the elements of a window.
        groups: into how many independent convolutions the channels are divided.
        bias: whether a bias is added.
        padding_mode: what is added at the ends: "zeros", "reflect", "replicate" or "circular".
        device: where the parameters live; only the CPU.
        dtype: of the parameters; the default dtype if None.

    Shapes: x (B, C_in, L) or (C_in, L), y (B, C_out, L_out) or (C_out, L_out).

    Example:
        >>> nn.Conv1d(3, 5, kernel_size=3, padding=1)(zeros(2, 3, 7)).shape
        chainrule.Size([2, 5, 7])
    """

    axes = 1

    def forward(self, input: Tensor) -> Tensor:
        """The convolution of the input."""
        return self._convolve(F.conv1d, input)


class Conv2d(_ConvNd):
    """Convolution (really cross-correlation) over images; arguments as ``Conv1d``, a number or one
    per axis.

    y[b, o, h, w] = bias[o] + Σ_c Σ_i Σ_j weight[o, c, i, j] · x[b, c, s·h + d·i − p, s·w + d·j − p]

    Shapes: x (B, C_in, H, W) or (C_in, H, W), y (B, C_out, H_out, W_out) or (C_out, H_out, W_out).

    Example:
        >>> nn.Conv2d(3, 5, kernel_size=3, stride=2)(zeros(2, 3, 11, 13)).shape
        chainrule.Size([2, 5, 5, 6])
    """

    axes = 2

    def forward(self, input: Tensor) -> Tensor:
        """The convolution of the input."""
        return self._convolve(F.conv2d, input)
