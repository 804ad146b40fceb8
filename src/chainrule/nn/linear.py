"""Layers that multiply by a matrix: Linear, Bilinear, and Identity, which does not."""

from __future__ import annotations

import math
from typing import Any

from ..base.errors import ArgumentError
from ..tensors import Tensor, empty
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter

__all__ = ["Bilinear", "Identity", "Linear"]


class Identity(Module):
    """Returns its input. Any arguments are taken, so that it can stand in for a layer that was left
    out.

    Example:
        >>> nn.Identity(54, unused=True)(zeros(3)).shape
        chainrule.Size([3])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        """The input."""
        return input


class Linear(Module):
    """An affine map of the last axis,  y = x Wᵀ + b.

    ``weight`` (out_features, in_features) and ``bias`` (out_features,) begin uniform on
    ±1/√in_features.

    Args:
        in_features: size of the input's last axis.
        out_features: size of the output's last axis.
        bias: whether b is added.
        device: where the parameters live; only the CPU.
        dtype: the dtype of the parameters; the default dtype if None.

    Shapes: x (*, in_features), y (*, out_features).

    Example:
        >>> nn.Linear(3, 2)(zeros(5, 7, 3)).shape
        chainrule.Size([5, 7, 2])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(empty(out_features, in_features, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        # With slope √5 the bound of kaiming_uniform_ is √(2/6)·√(3/fan_in) = 1/√fan_in.
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """x Wᵀ + b."""
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Sizes and whether there is a bias."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class NonDynamicallyQuantizableLinear(Linear):
    """Linear under the name by which PyTorch prints the output of its attention, for a reason that is its own."""


class Bilinear(Module):
    """A form linear in each of two inputs,  y_k = x₁ᵀ W_k x₂ + b_k.

    ``weight`` (out, in1, in2) and ``bias`` (out,) begin uniform on ±1/√in1.

    Args:
        in1_features: size of the last axis of the first input.
        in2_features: size of the last axis of the second input.
        out_features: size of the output's last axis.
        bias: whether b is added.
        device: where the parameters live; only the CPU.
        dtype: the dtype of the parameters; the default dtype if None.

    Shapes: x₁ (*, in1), x₂ (*, in2), y (*, out).

    Example:
        >>> nn.Bilinear(3, 5, 2)(zeros(7, 3), zeros(7, 5)).shape
        chainrule.Size([7, 2])
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if in1_features <= 0:
            raise ArgumentError(f"in1_features must be > 0, but got {in1_features}")
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        shape = (out_features, in1_features, in2_features)
        self.weight = Parameter(empty(shape, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """x₁ᵀ W x₂ + b."""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Sizes and whether there is a bias."""
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )
