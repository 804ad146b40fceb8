"""Activations, `inplace=True` honoured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import functional as fn
from ...base.errors import ShapeError
from ...ops import sigmoid, tanh
from ...tape.modes import modes
from ...tensors import Tensor

__all__ = [
    "celu", "elu", "gelu", "glu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh",
    "leaky_relu", "log_softmax", "logsigmoid", "mish", "prelu", "relu", "relu6", "selu",
    "sigmoid", "silu", "softmax", "softmin", "softplus", "softshrink", "softsign", "tanh",
    "tanhshrink", "threshold",
]  # fmt: skip


def _apply(op: Callable, input: Tensor, inplace: bool, **attributes: Any) -> Tensor:
    """The op, its result written over the input if asked. The derivative may need the old input,
    so it gets a copy.
    """
    if not inplace:
        return op(input, **attributes)
    recorded = modes.grad and input.requires_grad
    return input.copy_(op(input.clone() if recorded else input, **attributes))


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0).

    Example:
        >>> F.relu(tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """
    return _apply(fn.relu, input, inplace)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6)."""
    return _apply(fn.relu6, input, inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, else negative_slope · x."""
    return _apply(fn.leaky_relu, input, inplace, negative_slope=negative_slope)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else alpha · (eˣ − 1)."""
    return _apply(fn.elu, input, inplace, alpha=alpha)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """scale · elu(x, alpha), with the two constants that make zero mean and unit variance a
    fixed point.
    """
    return _apply(fn.selu, input, inplace)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """max(x, 0) + min(0, alpha · (e^(x/alpha) − 1))."""
    return _apply(fn.celu, input, inplace, alpha=alpha)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x · Φ(x), or with ``approximate="tanh"``  x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))."""
    return fn.gelu(input, approximate=approximate)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x · σ(x)."""
    return _apply(fn.silu, input, inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x · tanh(softplus(x))."""
    return _apply(fn.mish, input, inplace)


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
        raise ValueError("min_val cannot be greater than max_val")
    return _apply(fn.hardtanh, input, inplace, min_val=min_val, max_val=max_val)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x + 3, 0), 6) / 6."""
    return _apply(fn.hardsigmoid, input, inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x · hardsigmoid(x)."""
    return _apply(fn.hardswish, input, inplace)


def tanhshrink(input: Tensor) -> Tensor:
    """x − tanh(x)."""
    return fn.tanhshrink(input)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x moved towards 0 by lambd, and 0 where |x| ≤ lambd."""
    if lambd < 0:
        raise ValueError(f"lambda must be greater or equal to 0, but found to be {lambd}")
    return fn.softshrink(input, lambd=lambd)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x, but 0 where |x| ≤ lambd."""
    return fn.hardshrink(input, lambd=lambd)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where x > threshold, else ``value``."""
    return _apply(fn.threshold, input, inplace, threshold=threshold, value=value)


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


def _along(name: str, op: Callable, input: Tensor, dim: int | None, dtype: Any) -> Tensor:
    if dim is None:
        raise ValueError(
            f"{name}: name the axis, {name}(x, dim=…); PyTorch's choice when it is left out depends on "
            "the number of axes, and is deprecated there"
        )
    return op(input if dtype is None else input.to(dtype), dim=dim)


def softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """eˣ / Σ eˣ  along an axis.

    Args:
        input: x.
        dim: the axis; it must be given.
        dtype: convert to this first.

    Example:
        >>> F.softmax(zeros(2), dim=0)
        tensor([0.5000, 0.5000])
    """
    return _along("softmax", fn.softmax, input, dim, dtype)


def log_softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """x − ln Σ eˣ  along an axis, which must be given; ``dtype`` converts first."""
    return _along("log_softmax", fn.log_softmax, input, dim, dtype)


def softmin(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """softmax(−x)  along an axis, which must be given; ``dtype`` converts first."""
    return _along("softmin", fn.softmax, -input, dim, dtype)
