"""Tensors of a module that are computed when they are read: what parametrizations and norms of
weights stand on.

A property cannot be put on an object, so the module is given a class of its own, a subclass of the
one it had. The class goes when its last property does. Nothing is kept: each reading computes anew,
so a traced step and an eager one see the same, and gradients always lead to what is trained.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from ...base.modes import structure
from ..module import Module

__all__ = ["compute_attribute", "kept_attribute", "plain_class"]

COMPUTED = "_computed_attributes"
"""What a class made here calls the names of its properties."""


def compute_attribute(
    module: Module, name: str, get: Callable, put: Callable | None = None, prefix: str = ""
) -> None:
    """Let ``module.name`` be ``get(module)``, and ``module.name = x`` be ``put(module, x)``; the
    class made for it is called as the old one, with ``prefix`` before.
    """
    cls = type(module)
    if COMPUTED not in vars(cls):
        own: dict[str, Any] = {
            COMPUTED: (),
            "__deepcopy__": _copied,
            "__reduce_ex__": _refuse_pickle,
        }
        module.__class__ = cls = type(f"{prefix}{cls.__name__}", (cls,), own)
    setattr(cls, name, property(get, put))
    setattr(cls, COMPUTED, (*getattr(cls, COMPUTED), name))
    structure.changed()


def kept_attribute(module: Module, name: str) -> None:
    """Take the property off again, and with the last one the class."""
    cls = type(module)
    delattr(cls, name)
    setattr(cls, COMPUTED, tuple([n for n in getattr(cls, COMPUTED) if n != name]))
    if not getattr(cls, COMPUTED):
        module.__class__ = cls.__bases__[0]
    structure.changed()


def plain_class(module: Module) -> type:
    """The class of a module before properties were put on it."""
    cls = type(module)
    return cls.__bases__[0] if COMPUTED in vars(cls) else cls


def _copied(self: Any, memo: dict) -> Any:
    """A deep copy, with a class of its own: what is removed from one stays on the other."""
    cls = type(self)
    replica = cls.__new__(type(cls.__name__, cls.__bases__, dict(vars(cls))))
    memo[id(self)] = replica
    replica.__dict__.update(copy.deepcopy(self.__dict__, memo))
    return replica


def _refuse_pickle(self: Any, protocol: Any) -> Any:
    raise RuntimeError(
        f"{type(self).__name__}: a module whose tensors are computed cannot be pickled; save its "
        "state_dict(), or remove the parametrizations first"
    )
