"""Padding: elements added around, constant or the input's own. No parameters."""

from __future__ import annotations

from typing import Any

from ..base.errors import ShapeError
from ..tensors import Tensor
from . import functional as F
from .module import Module

__all__ = [
    "CircularPad1d", "CircularPad2d", "CircularPad3d", "ConstantPad1d", "ConstantPad2d",
    "ConstantPad3d", "ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d",
    "ReplicationPad2d", "ReplicationPad3d", "ZeroPad1d", "ZeroPad2d", "ZeroPad3d",
]  # fmt: skip


class _Pad(Module):
    """Elements added at the ends of the last ``axes`` axes.

    Args:
        padding: how many on every side, or (before, after) of the last axis, then of the one before
            it, and so on; negative numbers cut.
    """

    axes: int
    mode: str

    def __init__(self, padding: Any) -> None:
        super().__init__()
        count = 2 * self.axes
        self.padding = (padding,) * count if isinstance(padding, int) else tuple(padding)

    def forward(self, input: Tensor) -> Tensor:
        """The padded input."""
        if input.ndim not in (self.axes + 1, self.axes + 2):
            raise ShapeError(
                f"{type(self).__name__} takes {self.axes + 1} axes, or {self.axes + 2} with a batch, "
                f"found shape {tuple(input.shape)}"
            )
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        """How many elements are added."""
        return f"{self.padding}"


class _ConstantPad(_Pad):
    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """The padded input."""
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        """How many elements are added, and what they are."""
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        """How many elements are added."""
        return f"{self.padding}"


class ConstantPad1d(_ConstantPad):
    """A constant around the last axis.

    Args:
        padding: how many on every side, or (before, after); negative numbers cut.
        value: the constant.

    Example:
        >>> nn.ConstantPad1d((1, 2), 7.0)(zeros(2, 3, 4)).shape
        chainrule.Size([2, 3, 7])
    """

    axes = 1


class ConstantPad2d(_ConstantPad):
    """A constant around the last two axes.

    Args:
        padding: how many on every side, or (left, right, top, bottom); negative numbers cut.
        value: the constant.

    Example:
        >>> nn.ConstantPad2d((1, 0, 2, 0), 7.0)(zeros(2, 3, 4, 5)).shape
        chainrule.Size([2, 3, 6, 6])
    """

    axes = 2


class ConstantPad3d(_ConstantPad):
    """A constant around the last three axes.

    Args:
        padding: how many on every side, or (left, right, top, bottom, front, back); negative numbers cut.
        value: the constant.

    Example:
        >>> nn.ConstantPad3d(1, 7.0)(zeros(2, 3, 3, 4, 5)).shape
        chainrule.Size([2, 3, 5, 6, 7])
    """

    axes = 3


class ZeroPad1d(_ZeroPad):
    """Zeros around the last axis.

    Args:
        padding: how many on every side, or (before, after); negative numbers cut.

    Example:
        >>> nn.ZeroPad1d((1, 2))(zeros(2, 3, 4)).shape
        chainrule.Size([2, 3, 7])
    """

    axes = 1


class ZeroPad2d(_ZeroPad):
    """Zeros around the last two axes.

    Args:
        padding: how many on every side, or (left, right, top, bottom); negative numbers cut.

    Example:
        >>> nn.ZeroPad2d((1, 0, 2, 0))(zeros(2, 3, 4, 5)).shape
        chainrule.Size([2, 3, 6, 6])
    """

    axes = 2


class ZeroPad3d(_ZeroPad):
    """Zeros around the last three axes.

    Args:
        padding: how many on every side, or (left, right, top, bottom, front, back); negative numbers cut.

    Example:
        >>> nn.ZeroPad3d(1)(zeros(2, 3, 3, 4, 5)).shape
        chainrule.Size([2, 3, 5, 6, 7])
    """

    axes = 3


class ReflectionPad1d(_Pad):
    """Elements mirrored at the edge, which is not repeated around the last axis.

    Args:
        padding: how many on every side, or (before, after); negative numbers cut.

    Example:
        >>> nn.ReflectionPad1d((1, 2))(zeros(2, 3, 4)).shape
        chainrule.Size([2, 3, 7])
    """

    axes = 1
    mode = "reflect"


class ReflectionPad2d(_Pad):
    """Elements mirrored at the edge, which is not repeated around the last two axes.

    Args:
        padding: how many on every side, or (left, right, top, bottom); negative numbers cut.

    Example:
        >>> nn.ReflectionPad2d((1, 0, 2, 0))(zeros(2, 3, 4, 5)).shape
        chainrule.Size([2, 3, 6, 6])
    """

    axes = 2
    mode = "reflect"


class ReflectionPad3d(_Pad):
    """Elements mirrored at the edge, which is not repeated around the last three axes.

    Args:
        padding: how many on every side, or (left, right, top, bottom, front, back); negative numbers cut.

    Example:
        >>> nn.ReflectionPad3d(1)(zeros(2, 3, 3, 4, 5)).shape
        chainrule.Size([2, 3, 5, 6, 7])
    """

    axes = 3
    mode = "reflect"


class ReplicationPad1d(_Pad):
    """Copies of the edge around the last axis.

    Args:
        padding: how many on every side, or (before, after); negative numbers cut.

    Example:
        >>> nn.ReplicationPad1d((1, 2))(zeros(2, 3, 4)).shape
        chainrule.Size([2, 3, 7])
    """

    axes = 1
    mode = "replicate"


class ReplicationPad2d(_Pad):
    """Copies of the edge around the last two axes.

    Args:
        padding: how many on every side, or (left, right, top, bottom); negative numbers cut.

    Example:
        >>> nn.ReplicationPad2d((1, 0, 2, 0))(zeros(2, 3, 4, 5)).shape
        chainrule.Size([2, 3, 6, 6])
    """

    axes = 2
    mode = "replicate"


class ReplicationPad3d(_Pad):
    """Copies of the edge around the last three axes.

    Args:
        padding: how many on every side, or (left, right, top, bottom, front, back); negative numbers cut.

    Example:
        >>> nn.ReplicationPad3d(1)(zeros(2, 3, 3, 4, 5)).shape
        chainrule.Size([2, 3, 5, 6, 7])
    """

    axes = 3
    mode = "replicate"


class CircularPad1d(_Pad):
    """Elements from the other end around the last axis.

    Args:
        padding: how many on every side, or (before, after); negative numbers cut.

    Example:
        >>> nn.CircularPad1d((1, 2))(zeros(2, 3, 4)).shape
        chainrule.Size([2, 3, 7])
    """

    axes = 1
    mode = "circular"


class CircularPad2d(_Pad):
    """Elements from the other end around the last two axes.

    Args:
        padding: how many on every side, or (left, right, top, bottom); negative numbers cut.

    Example:
        >>> nn.CircularPad2d((1, 0, 2, 0))(zeros(2, 3, 4, 5)).shape
        chainrule.Size([2, 3, 6, 6])
    """

    axes = 2
    mode = "circular"


class CircularPad3d(_Pad):
    """Elements from the other end around the last three axes.

    Args:
        padding: how many on every side, or (left, right, top, bottom, front, back); negative numbers cut.

    Example:
        >>> nn.CircularPad3d(1)(zeros(2, 3, 3, 4, 5)).shape
        chainrule.Size([2, 3, 5, 6, 7])
    """

    axes = 3
    mode = "circular"
