"""What people hang on a tensor, `x.name = …`, and `x.__dict__`, which names that alone.

What a tensor is made of (its storage, its place in the graph) lies in the same dictionary. In PyTorch it lies elsewhere, and libraries
rely on it: to hand on what they know of an image they give one tensor the `__dict__` of another (fastai), or update it (MONAI). So what is
given out by that name is a view of the dictionary, without the names that are ours.

>>> from chainrule import tensor
>>> x, y = tensor([2.0, 3.0]), tensor([5.0])
>>> x.spacing = (0.5, 0.5)
>>> y.__dict__.update(x.__dict__)
>>> vars(y), y
({'spacing': (0.5, 0.5)}, tensor([5.]))
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

__all__ = ["Attributes", "Kept", "WithAttributes", "everything_of"]


class Attributes(MutableMapping):
    """The attributes of a tensor that are not its own: reads and writes its dictionary.

    Args:
        everything: the dictionary.
        own: the names that are left out.
    """

    __slots__ = ("_everything", "_own")

    def __init__(self, everything: dict, own: frozenset):
        self._everything, self._own = everything, own

    def __getitem__(self, name: str) -> Any:
        if name in self._own:
            raise KeyError(name)
        return self._everything[name]

    def __setitem__(self, name: str, value: Any) -> None:
        if name in self._own:
            raise KeyError(f"{name} is part of what a tensor is, and no attribute to be given")
        self._everything[name] = value

    def __delitem__(self, name: str) -> None:
        if name in self._own:
            raise KeyError(name)
        del self._everything[name]

    def __iter__(self) -> Iterator[str]:
        return iter([name for name in self._everything if name not in self._own])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def copy(self) -> dict:
        """A dictionary of them."""
        return dict(self)

    __copy__ = copy

    def __deepcopy__(self, memo: dict) -> dict:
        return copy.deepcopy(dict(self), memo)

    def __repr__(self) -> str:
        return repr(dict(self))


class _Everything:
    """The class whose instances have a dictionary: its `__dict__` leads to all of it."""


everything_of = vars(_Everything)["__dict__"].__get__


class Kept:
    """A property that is computed once, as `functools.cached_property`, which would ask for the dictionary by its name."""

    def __init__(self, compute: Callable[[Any], Any]):
        self.compute, self.name, self.__doc__ = compute, compute.__name__, compute.__doc__

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        value = everything_of(instance)[self.name] = self.compute(instance)
        return value


def _get(self: Any) -> Attributes:
    return Attributes(everything_of(self), self._own)


def _set(self: Any, given: Mapping) -> None:
    given, held = dict(given), _get(self)  # first, for they may be the same
    held.clear()
    held.update(given)


class _Class(type):
    """What the classes of tensors are: each says itself what `__dict__` is, lest a class that it is derived from besides says it first."""

    def __new__(mcs, name: str, bases: tuple, namespace: dict, **options: Any) -> Any:
        namespace.setdefault("__dict__", property(_get, _set))
        return super().__new__(mcs, name, bases, namespace, **options)


class WithAttributes(_Everything, metaclass=_Class):
    """An object whose `__dict__` is what others have hung on it."""

    _own: frozenset = frozenset()
    """The names of what it is made of."""
