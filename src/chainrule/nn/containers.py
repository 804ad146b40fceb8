"""Modules in sequences and dictionaries.

A plain list or dict hides what it holds from ``parameters()``; these file every item under its
index or key:

    Sequential      a list of modules, and their composition as forward
    ModuleList      a list of modules
    ModuleDict      a dictionary of modules

`parameter_containers` has the same for parameters.
"""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, KeysView, Mapping
from typing import Any, Self

from ..base.errors import ArgumentError
from .module import Module

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


class _ModuleSequence(Module):
    """What Sequential and ModuleList share: children in order, filed under "0", "1", … unless
    they were given names.
    """

    def _key(self, index: int) -> str:
        """The name under which item ``index`` is filed."""
        index = operator.index(index)
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is out of range for {len(self)} modules")
        return list(self._modules)[index]

    def _renumber(self) -> None:
        modules = list(self._modules.values())
        self._modules.clear()
        self._modules.update((str(i), module) for i, module in enumerate(modules))

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    def _part(self, index: slice) -> Self:
        """A new container of some of the modules."""
        raise NotImplementedError

    def __getitem__(self, index: int | slice) -> Any:
        return self._part(index) if isinstance(index, slice) else self._modules[self._key(index)]

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._key(index), module)

    def __delitem__(self, index: int | slice) -> None:
        keys = list(self._modules)[index] if isinstance(index, slice) else [self._key(index)]
        for key in keys:
            delattr(self, key)
        self._renumber()

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def append(self, module: Module) -> Self:
        """Add ``module`` at the end; returns the container."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add every module of an iterable at the end; returns the container.

        Raises:
            TypeError: ``modules`` is not an iterable.
        """
        if not isinstance(modules, Iterable):
            raise TypeError(
                f"{type(self).__name__}.extend should be called with an iterable, "
                f"but got {type(modules).__name__}"
            )
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Add ``module`` before item ``index``; returns the container.

        Raises:
            TypeError: ``module`` is not a Module.
            IndexError: ``index`` lies outside the container.
        """
        if not isinstance(module, Module):
            raise TypeError(f"{type(module).__name__} is not a Module subclass")
        count = len(self)
        if not -count <= index <= count:
            raise IndexError(f"index {index} is out of range for {count} modules")
        modules = list(self)
        modules.insert(index, module)
        self._modules.clear()
        self._modules.update((str(i), m) for i, m in enumerate(modules))
        return self

    def pop(self, index: int | slice = -1) -> Any:
        """Take item ``index`` out and return it."""
        module = self[index]
        del self[index]
        return module


class Sequential(_ModuleSequence):
    """Modules one after the other: each is given what the one before it returned.

    Args:
        args: the modules, or one OrderedDict of modules with their names.

    Example:
        >>> net = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
        >>> net(zeros(7, 3)).shape
        chainrule.Size([7, 2])
        >>> net[:2]
        Sequential(
          (0): Linear(in_features=3, out_features=5, bias=True)
          (1): ReLU()
        )
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            for index, module in enumerate(args):
                self.add_module(str(index), module)

    def forward(self, input: Any) -> Any:
        """The last module's result."""
        for module in self._modules.values():
            input = module(input)
        return input

    def _part(self, index: slice) -> Self:
        return type(self)(OrderedDict(list(self._modules.items())[index]))

    def __add__(self, other: Sequential) -> Sequential:
        if not isinstance(other, Sequential):
            return NotImplemented
        return Sequential(*self, *other)

    def __mul__(self, times: int) -> Sequential:
        """The same modules ``times`` times over (sharing their parameters)."""
        if not isinstance(times, int):
            return NotImplemented
        if times <= 0:
            raise ArgumentError(f"a Sequential can be repeated 1 or more times, not {times}")
        return Sequential(*(list(self) * times))

    __rmul__ = __mul__

    def __imul__(self, times: int) -> Self:
        repeated = self * times
        if repeated is NotImplemented:
            return NotImplemented
        return self.extend(list(repeated)[len(self) :])


class ModuleList(_ModuleSequence):
    """A list of modules that files each under its index. It has no forward: the owner loops over
    it.

    Args:
        modules: an iterable of modules.

    Example:
        >>> layers = nn.ModuleList(nn.Linear(3, 3) for _ in range(2))
        >>> [name for name, _ in layers.named_parameters()]
        ['0.weight', '0.bias', '1.weight', '1.bias']
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def _part(self, index: slice) -> Self:
        return type(self)(list(self._modules.values())[index])

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __repr__(self) -> str:
        """As every module, but a run of children that print alike is printed once: ``(0-5): 6 x
        Block(…)``.
        """
        if len(self) == 0:
            return f"{self._get_name()}()"
        runs: list[list] = []  # [first, last, text]
        for index, module in enumerate(self):
            text = repr(module)
            if runs and runs[-1][2] == text:
                runs[-1][1] = index
            else:
                runs.append([index, index, text])
        lines = []
        for first, last, text in runs:
            name = f"({first})" if first == last else f"({first}-{last})"
            times = "" if first == last else f"{last - first + 1} x "
            lines.append("  " + f"{name}: {times}{text}".replace("\n", "\n  "))
        return f"{self._get_name()}(\n" + "\n".join(lines) + "\n)"


class ModuleDict(Module):
    """A dictionary of modules, in the order they were added.

    Args:
        modules: a mapping from name to module, or an iterable of pairs.

    Example:
        >>> heads = nn.ModuleDict({"left": nn.Linear(3, 2), "right": nn.Linear(3, 5)})
        >>> heads["right"](zeros(3)).shape
        chainrule.Size([5])
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._modules.keys()

    def values(self) -> Iterable[Any]:
        """The modules."""
        return self._modules.values()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Pairs of name and module."""
        return self._modules.items()

    def clear(self) -> None:
        """Take everything out."""
        self._modules.clear()

    def pop(self, key: str) -> Module:
        """Take the module named ``key`` out and return it."""
        module = self[key]
        del self[key]
        return module

    def update(self, modules: Mapping[str, Module] | Iterable) -> None:
        """Add or replace the modules of a mapping or of an iterable of pairs.

        Raises:
            TypeError: ``modules`` is not an iterable.
            ValueError: an item is not a pair.
        """
        for key, module in pairs_of(self, modules):
            self[key] = module


def pairs_of(owner: Module, items: Any) -> list[tuple[str, Any]]:
    """The (key, value) pairs of a mapping, a ModuleDict or ParameterDict, or an iterable of pairs."""
    if isinstance(items, Mapping) or (isinstance(items, Module) and hasattr(items, "items")):
        return list(items.items())
    if not isinstance(items, Iterable):
        raise TypeError(
            f"{type(owner).__name__}.update should be called with an iterable of key/value pairs, "
            f"but got {type(items).__name__}"
        )
    pairs = []
    for place, item in enumerate(items):
        if not isinstance(item, Iterable) or isinstance(item, str):
            raise TypeError(
                f"{type(owner).__name__} update sequence element #{place} should be a pair; "
                f"is {type(item).__name__}"
            )
        pair = tuple(item)
        if len(pair) != 2:
            raise ArgumentError(
                f"{type(owner).__name__} update sequence element #{place} has length {len(pair)}; "
                "2 is required"
            )
        pairs.append(pair)
    return pairs
