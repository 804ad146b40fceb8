"""PyTorch's `torch.ops`: the functions that `torch.library` has registered, as `torch.ops.namespace.name`; and in `aten`,
the operators that PyTorch's own functions are written in, each of which is the function of the same name here.
"""

from __future__ import annotations

import functools
from typing import Any

import chainrule

from ...base.errors import ChainruleError
from ...tensors import Tensor
from .library import known


class Operator:
    """An operator of PyTorch's, or with a dot in its name one form of it, `aten.add.Tensor`: a key of tables that say what
    a class does for it, and if there is a function or a method of its name, that.
    """

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, form: str) -> Operator:
        if form.startswith("__") or "." in self._name:
            raise AttributeError(form)
        return operator(f"{self._name}.{form}")

    def __call__(self, *args: Any, **options: Any) -> Any:
        name = self._name.partition(".")[0]
        found = getattr(chainrule, name, None) or getattr(Tensor, name, None)
        if not callable(found):
            raise ChainruleError(
                f"there is no torch.ops.aten.{self._name} here: no function and no method of a tensor has its name\n"
                "  hint: the function that PyTorch documents"
            )
        return found(*args, **options)

    def __repr__(self) -> str:
        return f"<aten.{self._name}>"


@functools.cache
def operator(name: str) -> Operator:
    """The operator of a name, always the same."""
    return Operator(name)


class _Namespace:
    """What was registered under one namespace."""

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, name: str) -> Any:
        found = known.get(f"{self._name}::{name}")
        if found is None and self._name == "aten" and not name.startswith("__"):
            return operator(name)
        if found is None:
            raise AttributeError(f"no function was registered as {self._name}::{name}")
        return found


def __getattr__(name: str) -> Any:
    """A namespace; one in which nothing is registered, too."""
    if name.startswith("__"):
        raise AttributeError(name)
    return _Namespace(name)
