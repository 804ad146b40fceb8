"""A batch norm after a layer, put into the layer's weights: for evaluation, where its statistics are
constants.

    y = (W x + b − μ) / √(σ² + ε) · γ + β   =   (s W) x + (b − μ) s + β,   s = γ / √(σ² + ε)
"""

from __future__ import annotations

import copy
from typing import Any

from ...base.errors import ArgumentError
from ...tape.modes import no_grad
from ...tensors import Tensor, ones_like, zeros_like
from ..module import Module
from ..parameter import Parameter

__all__ = [
    "fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights",
]  # fmt: skip


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """A new convolution that does what ``conv`` and then ``bn`` do, both in evaluation mode.

    Args:
        conv: a convolution.
        bn: the batch norm behind it.
        transpose: whether the convolution is a transposed one.

    Raises:
        ValueError: one of them is in training mode, or the norm keeps no statistics.

    Example:
        >>> conv, bn = nn.Conv2d(3, 5, 2).eval(), nn.BatchNorm2d(5).eval()
        >>> nn.utils.fuse_conv_bn_eval(conv, bn)
        Conv2d(3, 5, kernel_size=(2, 2), stride=(1, 1))
    """
    _need_evaluation(conv, bn)
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight,
        fused.bias,
        bn.running_mean,
        bn.running_var,
        bn.eps,
        bn.weight,
        bn.bias,
        transpose,
    )
    return fused


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the fused convolution.

    Args:
        conv_w: the weight W.
        conv_b: the bias b, or None.
        bn_rm: the running mean μ.
        bn_rv: the running variance σ².
        bn_eps: ε.
        bn_w: γ, or None.
        bn_b: β, or None.
        transpose: whether the outputs are the second axis of W, not the first.
    """
    with no_grad():
        bias = zeros_like(bn_rm) if conv_b is None else conv_b
        scale = (ones_like(bn_rm) if bn_w is None else bn_w) * (bn_rv + bn_eps).rsqrt()
        shape = [1] * conv_w.ndim
        shape[1 if transpose else 0] = -1
        weight = conv_w * scale.reshape(shape).to(conv_w.dtype)
        shift = zeros_like(bn_rm) if bn_b is None else bn_b
        bias = ((bias - bn_rm) * scale + shift).to(bias.dtype)
    wanted = conv_b is None or conv_b.requires_grad
    return Parameter(weight, conv_w.requires_grad), Parameter(bias, wanted)


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """A new linear layer that does what ``linear`` and then ``bn`` do, both in evaluation mode.

    Raises:
        ValueError: one of them is in training mode, the norm keeps no statistics, or has features
            that are not the layer's.
    """
    _need_evaluation(linear, bn)
    if bn.num_features not in (linear.out_features, 1):
        raise ArgumentError(
            f"To fuse, linear.out_features == bn.num_features or bn.num_features == 1, found "
            f"{linear.out_features} and {bn.num_features}"
        )
    fused = copy.deepcopy(linear)
    fused.weight, fused.bias = fuse_linear_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    return fused


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the fused linear layer; arguments as ``fuse_conv_bn_weights``."""
    return fuse_conv_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)


def _need_evaluation(layer: Module, bn: Any) -> None:
    if layer.training or bn.training:
        raise ArgumentError("Fusion only for eval! Call eval() on both modules")
    if bn.running_mean is None or bn.running_var is None:
        raise ArgumentError("the batch norm keeps no running statistics, so it cannot be fused")
