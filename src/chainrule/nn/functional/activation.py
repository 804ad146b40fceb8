"""Activations, `inplace=True` honoured."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from ... import functional as fn
from ... import ops
from ...base.errors import ArgumentError, ShapeError
from ...tensors import Tensor, default_generator, ones_like, zeros_like
from .inplace import applied

__all__ = [
    "celu", "celu_", "elu", "elu_", "gelu", "glu", "gumbel_softmax", "hardshrink",
    "hardsigmoid", "hardswish", "hardtanh", "hardtanh_", "leaky_relu", "leaky_relu_",
    "log_softmax", "logsigmoid", "mish", "prelu", "relu", "relu6", "relu_", "rrelu", "rrelu_",
    "selu", "selu_", "sigmoid", "silu", "softmax", "softmin", "softplus", "softshrink",
    "softsign", "tanh", "tanhshrink", "threshold", "threshold_",
]  # fmt: skip


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0).

    Example:
        >>> F.relu(tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """
    return applied(fn.relu, input, inplace)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6)."""
    return applied(fn.relu6, input, inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, else negative_slope · x."""
    return applied(fn.leaky_relu, input, inplace, negative_slope=negative_slope)


def rrelu(
    input: Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """x where x > 0, else r · x: in training with a slope r drawn for each element from
    U(lower, upper), otherwise with the mean of the two.

    Example:
        >>> F.rrelu(tensor([-1.0, 2.0]), 0.25, 0.75)
        tensor([-0.5000,  2.0000])
    """
    if lower > upper:
        raise ArgumentError(
            "rrelu: Lower bound should be less than or equal to the upper bound, found "
            f"lower={lower}, upper={upper}"
        )
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    state, skip = default_generator.take(input.numel(), input)
    return applied(_drawn, input, inplace, state=state, lower=lower, upper=upper, skip=skip)


def _drawn(input: Tensor, state: Any, **attributes: Any) -> Tensor:
    return fn.rrelu(input, state, **attributes)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else alpha · (eˣ − 1)."""
    return applied(fn.elu, input, inplace, alpha=alpha)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """scale · elu(x, alpha), with the two constants that make zero mean and unit variance a
    fixed point.
    """
    return applied(fn.selu, input, inplace)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """max(x, 0) + min(0, alpha · (e^(x/alpha) − 1))."""
    return applied(fn.celu, input, inplace, alpha=alpha)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x · Φ(x), or with ``approximate="tanh"``  x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))."""
    return fn.gelu(input, approximate=approximate)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x · σ(x)."""
    return applied(fn.silu, input, inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x · tanh(softplus(x))."""
    return applied(fn.mish, input, inplace)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """ln(1 + e^(beta·x)) / beta, and x itself where beta · x > threshold."""
    return fn.softplus(input, beta=beta, threshold=threshold)


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return fn.softsign(input)


def logsigmoid(input: Tensor) -> Tensor:
    """ln σ(x)."""
    return fn.logsigmoid(input)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """x limited to [min_val, max_val]."""
    if min_val > max_val:
        raise ArgumentError("min_val cannot be greater than max_val")
    return applied(fn.hardtanh, input, inplace, min_val=min_val, max_val=max_val)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x + 3, 0), 6) / 6."""
    return applied(fn.hardsigmoid, input, inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x · hardsigmoid(x)."""
    return applied(fn.hardswish, input, inplace)


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + e⁻ˣ)."""
    return ops.sigmoid(input)


def tanh(input: Tensor) -> Tensor:
    """(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)."""
    return ops.tanh(input)


def tanhshrink(input: Tensor) -> Tensor:
    """x − tanh(x)."""
    return fn.tanhshrink(input)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x moved towards 0 by lambd, and 0 where |x| ≤ lambd."""
    if lambd < 0:
        raise ArgumentError(f"lambda must be greater or equal to 0, but found to be {lambd}")
    return fn.softshrink(input, lambd=lambd)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x, but 0 where |x| ≤ lambd."""
    return fn.hardshrink(input, lambd=lambd)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where x > threshold, else ``value``."""
    return applied(fn.threshold, input, inplace, threshold=threshold, value=value)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a · σ(b), where a and b are the halves of the axis ``dim``."""
    if input.ndim == 0:
        raise ShapeError("glu: a 0-d tensor has no axis to halve")
    return fn.glu(input, dim=dim)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where x > 0, else weight · x; the weight is one number or one per channel (axis 1).

    Raises:
        ShapeError: the weight has neither one element nor one per channel.
    """
    if weight.numel() == 1:
        return fn.prelu(input, weight.reshape(()))
    channels = input.shape[1] if input.ndim > 1 else 1
    if tuple(weight.shape) != (channels,):
        raise ShapeError(
            f"prelu: the weight must have one element or one for each of the {channels} channels of "
            f"the input {tuple(input.shape)}, found shape {tuple(weight.shape)}"
        )
    return fn.prelu(input, weight.reshape(-1, *(1,) * (input.ndim - 2)))


# ---- in place ------------------------------------------------------------------------------------------------------


def relu_(input: Tensor) -> Tensor:
    """``relu``, written over the input.

    Example:
        >>> x = tensor([-1.0, 2.0])
        >>> F.relu_(x) is x, x
        (True, tensor([0., 2.]))
    """
    return relu(input, True)


def leaky_relu_(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """``leaky_relu``, written over the input."""
    return leaky_relu(input, negative_slope, True)


def rrelu_(
    input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False
) -> Tensor:
    """``rrelu``, written over the input."""
    return rrelu(input, lower, upper, training, True)


def elu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """``elu``, written over the input."""
    return elu(input, alpha, True)


def selu_(input: Tensor) -> Tensor:
    """``selu``, written over the input."""
    return selu(input, True)


def celu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """``celu``, written over the input."""
    return celu(input, alpha, True)


def hardtanh_(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """``hardtanh``, written over the input."""
    return hardtanh(input, min_val, max_val, True)


def threshold_(input: Tensor, threshold: float, value: float) -> Tensor:
    """``threshold``, written over the input."""
    return applied(fn.threshold, input, True, threshold=threshold, value=value)


# ---- along an axis -------------------------------------------------------------------------------------------------


def _along(name: str, op: Callable, input: Tensor, dim: int | None, dtype: Any) -> Tensor:
    """An op along an axis; along PyTorch's choice, which depends on the number of axes, with its warning, if none is named."""
    if dim is None:
        warnings.warn(
            f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an "
            "argument.",
            stacklevel=4,
        )
        dim = 0 if input.ndim in (0, 1, 3) else 1
    return op(input if dtype is None else input.to(dtype), dim=dim)


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """eˣ / Σ eˣ  along an axis.

    Args:
        input: x.
        dim: the axis. Without it 0 of a vector or of three axes, otherwise 1, with a warning.
        _stacklevel: without effect: it places a warning of PyTorch's.
        dtype: convert to this first.

    Example:
        >>> F.softmax(zeros(2), dim=0)
        tensor([0.5000, 0.5000])
    """
    return _along("softmax", fn.softmax, input, dim, dtype)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """x − ln Σ eˣ  along an axis, as in ``softmax``; ``dtype`` converts first."""
    return _along("log_softmax", fn.log_softmax, input, dim, dtype)


def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """softmax(−x)  along an axis, as in ``softmax``; ``dtype`` converts first."""
    return _along("softmin", fn.softmax, -input, dim, dtype)


def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """softmax((x + noise) / tau):  a sample of the distribution softmax(x), softened so that
    gradients flow.   Source: Jang, Gu & Poole 2017; Maddison, Mnih & Teh 2017.

    Args:
        logits: x.
        tau: the temperature; the smaller, the nearer the result is to one-hot.
        hard: whether the result is one-hot, with the gradient of the soft one.
        eps: without effect, as in PyTorch.
        dim: the axis.

    Example:
        >>> F.gumbel_softmax(tensor([0.0, 99.0]), hard=True)
        tensor([0., 1.])
    """
    state, skip = default_generator.take(logits.numel(), logits)
    soft = fn.softmax(fn.with_gumbel(logits, state, skip=skip) / tau, dim=dim)
    if not hard:
        return soft
    largest = soft.argmax(dim, keepdim=True)
    one_hot = zeros_like(soft).scatter(dim, largest, ones_like(soft))
    return one_hot - soft.detach() + soft
