"""Modules whose parameters will be filled by somebody else."""

from __future__ import annotations

import inspect
from typing import Any

from ...tensors import get_rng_state, set_rng_state
from ..module import Module

__all__ = ["skip_init"]


def skip_init(module_cls: type[Module], *args: Any, **kwargs: Any) -> Module:
    """A module whose parameters have no values worth the name, made without drawing random numbers:
    the generator stands where it stood.

    Args:
        module_cls: the class, whose constructor takes a ``device``.
        args: arguments of the constructor.
        kwargs: keyword arguments of the constructor.

    Raises:
        TypeError: it is no class of modules, or its constructor takes no ``device``.

    Example:
        >>> tuple(nn.utils.skip_init(nn.Linear, 3, 2).weight.shape)
        (2, 3)
    """
    if not issubclass(module_cls, Module):
        raise TypeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise TypeError("Module must support a 'device' arg to skip initialization")
    state = get_rng_state()
    try:
        return module_cls(*args, **kwargs)
    finally:
        set_rng_state(state)
