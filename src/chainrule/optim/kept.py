"""The state of a method that makes its steps in its own way: whatever it keeps, saved and loaded as PyTorch does it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..tensors import Tensor, tensor

__all__ = ["loaded"]


def loaded(value: Any, p: Tensor | None, old: Any = None, name: Any = None) -> Any:
    """A value of a state dict as a part of the state of `p`, or of the whole optimizer where there is no `p`.

    Tensors are copied, in the dtype of their parameter (but for one named ``"step"``), and into the tensor that is
    there (``old``) if it is alike: a program traced with that one goes on with the new values. Dictionaries, lists
    and tuples are gone through; anything else is taken as it is.
    """
    if isinstance(value, Mapping):
        before = old if isinstance(old, Mapping) else {}
        return {key: loaded(v, p, before.get(key), key) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        parts = [loaded(v, p) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, np.ndarray):
        value = tensor(value)
    if not isinstance(value, Tensor):
        return value
    follows = p is not None and p.is_floating_point() and name != "step"
    dtype = p.dtype if p is not None and follows else value.dtype
    if isinstance(old, Tensor) and old.shape == value.shape and old.dtype is dtype:
        return old.copy_(value)
    return value.detach().to(dtype, copy=True)
