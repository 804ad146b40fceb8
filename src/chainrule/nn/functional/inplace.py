"""What `inplace=True` does, of activations and dropout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...tape.modes import modes
from ...tensors import Tensor

__all__ = ["applied"]


def applied(
    op: Callable, input: Tensor, inplace: bool, *operands: Any, **attributes: Any
) -> Tensor:
    """The op, its result written over the input if asked. The derivative may need the old input,
    so it gets a copy.
    """
    if not inplace:
        return op(input, *operands, **attributes)
    recorded = modes.grad and input.requires_grad
    return input.copy_(op(input.clone() if recorded else input, *operands, **attributes))
