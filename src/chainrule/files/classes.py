"""The classes of tensors that files tell apart."""

from __future__ import annotations

from ..tensors import Tensor

__all__ = ["PARAMETER"]

PARAMETER: type[Tensor] = Tensor
"""`nn.Parameter`, which the package's top level puts here, since this room lies below `nn`."""
