"""Parameters: brought to one shape, given as probabilities or as logits, computed when they are first read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base import dtypes
from ..base.errors import DTypeError
from ..tape.modes import enable_grad
from ..tensors import Tensor, broadcast_tensors, randn, tensor
from ..tensors.functions import log_softmax, softmax

__all__ = [
    "broadcast_all", "clamp_probs", "lazy_property", "logits_to_probs", "probs_to_logits", "sum_rightmost",
]  # fmt: skip


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Numbers and tensors as tensors of one shape; numbers take the dtype of the first tensor.

    >>> import chainrule as cr
    >>> broadcast_all(1.0, cr.zeros(2))[0]
    tensor([1., 1.])

    Raises:
        DTypeError: something is neither a number nor a tensor.
    """
    first = next((v for v in values if isinstance(v, Tensor)), None)
    dtype = dtypes.default() if first is None else first.dtype
    made = []
    for v in values:
        if not isinstance(v, Tensor | int | float):
            raise DTypeError(f"a parameter is a number or a tensor, found {type(v).__name__}")
        made.append(v if isinstance(v, Tensor) else tensor(v, dtype=dtype))
    return tuple(broadcast_tensors(*made))


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities kept away from 0 and 1 by the distance between 1 and the next number of their dtype."""
    eps = 2.0 ** -{"float16": 10, "bfloat16": 7, "float64": 52}.get(probs.dtype.name, 23)
    return probs.clamp(eps, 1 - eps)


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """σ(logits) where there are two outcomes, else softmax(logits) along the last axis."""
    return logits.sigmoid() if is_binary else softmax(logits, -1)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """ln(p / (1 − p)) where there are two outcomes, else ln p; of p kept away from 0 and 1."""
    p = clamp_probs(probs)
    return p.log() - (-p).log1p() if is_binary else p.log()


def normalized(logits: Tensor) -> Tensor:
    """Logits of the same distribution whose exponentials add up to 1."""
    return log_softmax(logits, -1)


def sum_rightmost(value: Tensor, dims: int) -> Tensor:
    """The sum over as many of the last axes."""
    return value.flatten(value.ndim - dims).sum(-1) if dims else value


class lazy_property:
    """An attribute that is computed when it is first read, with gradients on, and kept from then on."""

    def __init__(self, function: Callable):
        self.function, self.__doc__, self.__name__ = function, function.__doc__, function.__name__

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        with enable_grad():
            value = self.function(instance)
        setattr(instance, self.__name__, value)
        return value


def _standard_normal(shape: Any, dtype: Any, device: Any) -> Tensor:
    """Draws from N(0, 1), for distributions that others write."""
    return randn(tuple(shape), dtype=dtype, device=device)


_sum_rightmost = sum_rightmost
euler_constant = 0.57721566490153286060  # γ
