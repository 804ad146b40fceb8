"""Convolutions that look where they are told to.   Source: Dai et al. 2017; Zhu et al. 2019 (with a mask)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import chainrule

from ....base.errors import ShapeError
from ....nn import Module, Parameter, init
from ....tensors import Tensor

__all__ = ["DeformConv2d", "deform_conv2d"]


def deform_conv2d(
    input: Tensor,
    offset: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = (1, 1),
    padding: int | Sequence[int] = (0, 0),
    dilation: int | Sequence[int] = (1, 1),
    mask: Tensor | None = None,
) -> Tensor:
    """A convolution whose kernel reads each of its elements beside its place by an offset, bilinearly; zeros lie around.

    Args:
        input: (B, C, H, W).
        offset: (B, 2 · G · kh · kw, H', W'): for each of G groups of channels and each element of the kernel, how far
            below and how far to the right of its place it reads.
        weight: (C', C / groups, kh, kw).
        bias: (C',).
        stride, padding, dilation: of the convolution.
        mask: (B, G · kh · kw, H', W'), by which what is read is multiplied; None: ones.

    Returns:
        (B, C', H', W').
    """
    (down, right), (above, left) = _pair(stride), _pair(padding)
    (apart_y, apart_x), (b, c, height, width) = _pair(dilation), input.shape
    kh, kw = weight.shape[2:]
    rows = (height + 2 * above - apart_y * (kh - 1) - 1) // down + 1
    columns = (width + 2 * left - apart_x * (kw - 1) - 1) // right + 1
    groups, rest = divmod(offset.shape[1], 2 * kh * kw)
    if rest or not groups or c % groups or tuple(offset.shape[2:]) != (rows, columns):
        raise ShapeError(
            f"deform_conv2d: offset is (B, 2 · G · {kh} · {kw}, {rows}, {columns}) with G a divisor of {c} channels, "
            f"found {tuple(offset.shape)}"
        )
    if mask is not None and tuple(mask.shape) != (b, groups * kh * kw, rows, columns):
        raise ShapeError(
            f"deform_conv2d: mask is {(b, groups * kh * kw, rows, columns)}, found {tuple(mask.shape)}"
        )
    offset = offset.reshape(b, groups, kh, kw, 2, rows, columns)
    y = _places(rows, down, above, kh, apart_y, offset)[:, None, :, None]  # (kh, 1, rows, 1)
    x = _places(columns, right, left, kw, apart_x, offset)[None, :, None]  # (1, kw, 1, columns)
    y, x = y + offset[:, :, :, :, 0], x + offset[:, :, :, :, 1]  # (B, G, kh, kw, rows, columns)
    read = _sampled(input.reshape(b, groups, c // groups, height * width), y, x, height, width)
    if mask is not None:
        read = read * mask.reshape(b, groups, 1, kh, kw, rows, columns)
    parts = c // weight.shape[1]
    read = read.reshape(b, parts, weight.shape[1] * kh * kw, rows * columns)
    kernels = weight.reshape(parts, weight.shape[0] // parts, -1)
    found = chainrule.matmul(kernels, read).reshape(b, weight.shape[0], rows, columns)
    return found if bias is None else found + bias[:, None, None]


def _places(count: int, stride: int, padding: int, size: int, apart: int, like: Tensor) -> Tensor:
    """Where each element of the kernel reads along an axis if not offset (size, count)."""
    first = chainrule.arange(count, dtype=like.dtype) * stride - padding
    return chainrule.arange(size, dtype=like.dtype)[:, None] * apart + first


def _sampled(input: Tensor, y: Tensor, x: Tensor, height: int, width: int) -> Tensor:
    """The input (B, G, c, H · W) at (y, x), each (B, G, …): the four elements around, weighted by nearness."""
    b, groups, c, _ = input.shape
    top, left = chainrule.floor(y).detach(), chainrule.floor(x).detach()
    found = input.new_zeros(())
    for row in (top, top + 1):
        for column in (left, left + 1):
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            index = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
            index = index.long().reshape(b, groups, 1, -1).expand(-1, -1, c, -1)
            weight = (1 - (y - row).abs()) * (1 - (x - column).abs()) * inside
            read = chainrule.gather(input, 3, index).reshape(b, groups, c, *y.shape[2:])
            found = found + read * weight[:, :, None]
    return found


class DeformConv2d(Module):
    """`deform_conv2d` with a weight, and a bias, of its own, which begin as those of `Conv2d`."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if in_channels % groups or out_channels % groups:
            raise ShapeError(
                f"DeformConv2d: channels are multiples of the groups, found {in_channels}, {out_channels} and {groups}"
            )
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride = _pair(kernel_size), _pair(stride)
        self.padding, self.dilation = _pair(padding), _pair(dilation)
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight = Parameter(chainrule.empty(shape))
        if bias:
            self.bias = Parameter(chainrule.empty(out_channels))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(math.prod(self.weight.shape[1:]))
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor, offset: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, out_channels, H', W')."""
        rest = (self.stride, self.padding, self.dilation)
        return deform_conv2d(input, offset, self.weight, self.bias, *rest, mask=mask)

    def __repr__(self) -> str:
        said = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        said += f", padding={self.padding}" if self.padding != (0, 0) else ""
        said += f", dilation={self.dilation}" if self.dilation != (1, 1) else ""
        said += f", groups={self.groups}" if self.groups != 1 else ""
        said += ", bias=False" if self.bias is None else ""
        return f"DeformConv2d({said})"


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])
