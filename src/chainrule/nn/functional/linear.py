"""Affine and bilinear maps of the last axis."""

from __future__ import annotations

from ... import functional as fn
from ...base.errors import ShapeError
from ...tensors import Tensor, einsum

__all__ = [
    "bilinear", "linear",
]  # fmt: skip


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Affine map of the last axis,  y = x Wᵀ + b.

    Args:
        input: x (*, in).
        weight: W (out, in), or (in,) for one output without its axis.
        bias: b (out,).

    Example:
        >>> F.linear(ones(2, 3), ones(5, 3)).shape
        chainrule.Size([2, 5])
    """
    if weight.ndim == 1:
        y = input @ weight
        return y if bias is None else y + bias
    return fn.linear(input, weight, bias)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """A form linear in each of two inputs,  y_k = Σ_ij x₁_i W_kij x₂_j + b_k.

    Args:
        input1: x₁ (*, in1).
        input2: x₂ (*, in2).
        weight: W (out, in1, in2).
        bias: b (out,).
    """
    if input1.shape[:-1] != input2.shape[:-1]:
        raise ShapeError(
            "bilinear: the inputs must agree in all axes but the last, found "
            f"{tuple(input1.shape)} and {tuple(input2.shape)}"
        )
    y = einsum("...i,kij,...j->...k", input1, weight, input2)
    return y if bias is None else y + bias
