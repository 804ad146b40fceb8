"""Convolutions and transposed convolutions: a base for any number of spatial axes, and the forms
for one, two and three.

    B batch   C channels   L, H, W spatial sizes   k kernel   s stride   p padding   d dilation

A spatial size n becomes  ⌊(n + 2p − d·(k − 1) − 1) / s⌋ + 1, and transposed
(n − 1)·s − 2p + d·(k − 1) + output_padding + 1.
"""

from __future__ import annotations

import math
from typing import Any

from ..base.errors import ArgumentError
from ..tensors import Tensor, empty
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter

__all__ = [
    "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d",
]  # fmt: skip

_PADDING_MODES = {"zeros", "reflect", "replicate", "circular"}


Sizes = int | tuple[int, ...]


def _tuple(value: Sizes, axes: int) -> tuple[int, ...]:
    """One number per spatial axis."""
    return (value,) * axes if isinstance(value, int) else tuple(value)


class _ConvNd(Module):
    """What all convolutions have in common; sizes are one number per spatial axis.

    ``weight`` is (out_channels, in_channels / groups, *kernel), transposed (in_channels, out_channels / groups, *kernel), and ``bias``
    (out_channels,). They begin uniform on ±1/√n, where n is the number of elements behind the first axis of the weight, as in PyTorch.
    Programs derive layers of their own from this class, whose arguments are PyTorch's.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: tuple[int, ...] | str,
        dilation: tuple[int, ...],
        transposed: bool,
        output_padding: tuple[int, ...],
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if groups <= 0:
            raise ArgumentError("groups must be a positive integer")
        if in_channels % groups != 0:
            raise ArgumentError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ArgumentError("out_channels must be divisible by groups")
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ArgumentError(
                    f"Invalid padding string {padding!r}, should be 'same' or 'valid'"
                )
            if padding == "same" and any(s != 1 for s in stride):
                raise ArgumentError("padding='same' is not supported for strided convolutions")
        if padding_mode not in _PADDING_MODES:
            raise ArgumentError(
                f"padding_mode must be one of {sorted(_PADDING_MODES)}, "
                f"but got padding_mode='{padding_mode}'"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        first, second = (in_channels, out_channels) if transposed else (out_channels, in_channels)
        shape = (first, second // groups, *kernel_size)
        self.weight = Parameter(empty(shape, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    @property
    def axes(self) -> int:
        """How many spatial axes there are."""
        return len(self.kernel_size)

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

    @property
    def _reversed_padding_repeated_twice(self) -> list[int]:
        """PyTorch's name of the edges, for layers that pad by themselves."""
        return self._edges()

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The convolution with this weight and bias. Layers that compute theirs derive from these and call it."""
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            input, padding = F.pad(input, self._edges(), mode=self.padding_mode), 0
        convolution: Any = (F.conv1d, F.conv2d, F.conv3d)[self.axes - 1]
        return convolution(input, weight, bias, self.stride, padding, self.dilation, self.groups)

    def forward(self, input: Tensor) -> Tensor:
        """The convolution of the input."""
        return self._conv_forward(input, self.weight, self.bias)

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
        if self.output_padding != (0,) * self.axes:
            parts.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


class _Conv(_ConvNd):
    """A convolution over as many spatial axes as the class says; sizes are one number, or one per axis."""

    axes: int  # type: ignore[assignment]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes | str = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        n = self.axes
        super().__init__(
            in_channels,
            out_channels,
            _tuple(kernel_size, n),
            _tuple(stride, n),
            padding if isinstance(padding, str) else _tuple(padding, n),
            _tuple(dilation, n),
            False,
            (0,) * n,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )


class Conv1d(_Conv):
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
        dtype: the dtype of the parameters; the default dtype if None.

    Shapes: x (B, C_in, L) or (C_in, L), y (B, C_out, L_out) or (C_out, L_out).

    Example:
        >>> nn.Conv1d(3, 5, kernel_size=3, padding=1)(zeros(2, 3, 7)).shape
        chainrule.Size([2, 5, 7])
    """

    axes = 1


class Conv2d(_Conv):
    """Convolution (really cross-correlation) over images; arguments as ``Conv1d``, a number or one
    per axis.

    y[b, o, h, w] = bias[o] + Σ_c Σ_i Σ_j weight[o, c, i, j] · x[b, c, s·h + d·i − p, s·w + d·j − p]

    Shapes: x (B, C_in, H, W) or (C_in, H, W), y (B, C_out, H_out, W_out) or (C_out, H_out, W_out).

    Example:
        >>> nn.Conv2d(3, 5, kernel_size=3, stride=2)(zeros(2, 3, 11, 13)).shape
        chainrule.Size([2, 5, 5, 6])
    """

    axes = 2


class Conv3d(_Conv):
    """Convolution (really cross-correlation) over volumes; arguments as ``Conv1d``, a number or one
    per axis.

    Shapes: x (B, C_in, D, H, W) or (C_in, D, H, W), y (B, C_out, D_out, H_out, W_out) or (C_out,
    D_out, H_out, W_out).

    Example:
        >>> nn.Conv3d(3, 5, kernel_size=3)(zeros(2, 3, 5, 7, 11)).shape
        chainrule.Size([2, 5, 3, 5, 9])
    """

    axes = 3


class _ConvTransposeNd(_ConvNd):
    """What transposed convolutions have in common: each is the adjoint of a convolution in its input."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: tuple[int, ...],
        dilation: tuple[int, ...],
        transposed: bool,
        output_padding: tuple[int, ...],
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ArgumentError(
                f'Only "zeros" padding mode is supported for {type(self).__name__}, '
                f"found {padding_mode!r}"
            )
        if isinstance(padding, str):
            raise TypeError(
                f"{type(self).__name__}: padding is a number or one per axis, found {padding!r}"
            )
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            transposed,
            output_padding,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def _output_padding(
        self,
        input: Tensor,
        output_size: Any,
        stride: tuple[int, ...],
        padding: tuple[int, ...],
        kernel_size: tuple[int, ...],
        num_spatial_dims: int,
        dilation: tuple[int, ...] | None = None,
    ) -> tuple[int, ...]:
        """The output padding that leads to the size asked for."""
        if output_size is None:
            return self.output_padding
        axes = num_spatial_dims
        unbatched = input.ndim == axes + 1
        if len(output_size) not in (axes, axes + (1 if unbatched else 2)):
            raise ArgumentError(
                f"{type(self).__name__}: output_size must have {axes} sizes, or all of the output's, "
                f"found {tuple(output_size)}"
            )
        found = []
        for n, wanted, k, s, p, d in zip(
            input.shape[-axes:],
            tuple(output_size)[-axes:],
            kernel_size,
            stride,
            padding,
            (1,) * axes if dilation is None else dilation,
            strict=True,
        ):
            least = (n - 1) * s - 2 * int(p) + d * (k - 1) + 1
            if not least <= wanted <= least + s - 1:
                raise ArgumentError(
                    f"requested an output size of {tuple(output_size)}, but valid sizes range from "
                    f"{least} to {least + s - 1} (for an input of {tuple(input.shape[-axes:])})"
                )
            found.append(wanted - least)
        return tuple(found)


class _ConvTranspose(_ConvTransposeNd):
    """A transposed convolution over as many spatial axes as the class says; sizes are one number, or one per axis."""

    axes: int  # type: ignore[assignment]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        n = self.axes
        super().__init__(
            in_channels,
            out_channels,
            _tuple(kernel_size, n),
            _tuple(stride, n),
            padding if isinstance(padding, str) else _tuple(padding, n),  # type: ignore[arg-type]
            _tuple(dilation, n),
            True,
            _tuple(output_padding, n),
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def _spread(self, convolution: Any, input: Tensor, output_size: Any) -> Tensor:
        padding: Any = self.padding
        longer = self._output_padding(
            input, output_size, self.stride, padding, self.kernel_size, self.axes, self.dilation
        )
        return convolution(
            input,
            self.weight,
            self.bias,
            self.stride,
            padding,
            longer,
            self.groups,
            self.dilation,
        )


class ConvTranspose1d(_ConvTranspose):
    """Transposed convolution along one axis: every element of the input is spread over a window of
    the output, in the proportions of the weight. It makes sequences longer, learning how.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: length of the window.
        stride: step from one window of the output to the next.
        padding: how much is cut off at both ends of the output.
        output_padding: how much longer the output is at its end.
        groups: into how many independent convolutions the channels are divided.
        bias: whether a bias is added.
        dilation: step between the elements of a window.
        padding_mode: only "zeros".
        device: where the parameters live; only the CPU.
        dtype: the dtype of the parameters; the default dtype if None.

    Shapes: x (B, C_in, L) or (C_in, L), y (B, C_out, L_out) or (C_out, L_out).

    Example:
        >>> nn.ConvTranspose1d(3, 5, kernel_size=2, stride=2)(zeros(2, 3, 7)).shape
        chainrule.Size([2, 5, 14])
    """

    axes = 1

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        """The spread input; ``output_size`` picks one of the sizes that a convolution with this
        stride would make the input's.
        """
        return self._spread(F.conv_transpose1d, input, output_size)


class ConvTranspose2d(_ConvTranspose):
    """Transposed convolution over images; arguments as ``ConvTranspose1d``, a number or one per axis.

    Shapes: x (B, C_in, H, W) or (C_in, H, W), y (B, C_out, H_out, W_out) or (C_out, H_out, W_out).

    Example:
        >>> net = nn.ConvTranspose2d(3, 5, kernel_size=3, stride=2, padding=1)
        >>> net(zeros(2, 3, 7, 7)).shape, net(zeros(2, 3, 7, 7), output_size=(14, 13)).shape
        (chainrule.Size([2, 5, 13, 13]), chainrule.Size([2, 5, 14, 13]))
    """

    axes = 2

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        """The spread input; ``output_size`` as in ``ConvTranspose1d``."""
        return self._spread(F.conv_transpose2d, input, output_size)


class ConvTranspose3d(_ConvTranspose):
    """Transposed convolution over volumes; arguments as ``ConvTranspose1d``, a number or one per
    axis.

    Shapes: x (B, C_in, D, H, W) or (C_in, D, H, W), y likewise with C_out and the sizes above.

    Example:
        >>> nn.ConvTranspose3d(3, 5, kernel_size=2)(zeros(2, 3, 5, 7, 11)).shape
        chainrule.Size([2, 5, 6, 8, 12])
    """

    axes = 3

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        """The spread input; ``output_size`` as in ``ConvTranspose1d``."""
        return self._spread(F.conv_transpose3d, input, output_size)
