"""Walking the tree of modules: what is below a module, and where."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from ..base.errors import ArgumentError
from ..tensors import Tensor
from .parameter import Parameter

__all__ = ["Walking"]


class Walking:
    """The part of Module that finds modules, parameters and buffers by name."""

    training: bool
    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]
    _non_persistent_buffers_set: set[str]

    def _get_name(self) -> str:
        return type(self).__name__

    def named_modules(
        self, memo: set[Walking] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        """This module and all below it, depth first, with their dotted names (its own is
        ``prefix``).

        Args:
            memo: modules already met, which are left out; those met here are added.
            prefix: put before every name.
            remove_duplicate: whether a module met under two names is given once.
        """
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                below = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(memo, below, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Any]:
        """This module and all below it, each once unless ``remove_duplicate`` is false."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self) -> Iterator[tuple[str, Any]]:
        """The direct children with their names, each once."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Any]:
        """The direct children, each once."""
        for _, module in self.named_children():
            yield module

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Every parameter with its dotted name; tied ones once, under their first name.

        A module or parameter kept in a plain list, tuple or dict is not seen by this walk, and
        would silently stay untrained. It is reported with a warning that names the attribute.
        """
        self._report_hidden(recurse)
        return self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Every parameter, each once: what an optimizer is given.

        Args:
            recurse: whether to include those of the modules below.
        """
        self._report_hidden(recurse)
        members = self._named_members("_parameters", "", recurse, True)
        return (parameter for _, parameter in members)

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Every buffer with its dotted name."""
        return self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Every buffer, each once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def _named_members(
        self, kind: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        if recurse:
            modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
        else:
            modules = iter([(prefix, self)])
        for path, module in modules:
            for name, member in getattr(module, kind).items():
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield (f"{path}.{name}" if path else name), member

    def _report_hidden(self, recurse: bool) -> None:
        """Warn of modules and parameters that hide in plain containers. Those also filed
        properly are no fault.
        """
        filed: set[int] | None = None
        for path, module in self.named_modules() if recurse else [("", self)]:
            for name, value in module.__dict__.items():
                if name.startswith("_") or not isinstance(value, (list, tuple, dict)):
                    continue
                for item in _hidden_in(value):
                    if filed is None:
                        members = chain(
                            self.modules(),
                            (p for m in self.modules() for p in m._parameters.values()),
                        )
                        filed = {id(member) for member in members}
                    if id(item) not in filed:
                        where = f"{path}.{name}" if path else name
                        _warn_hidden(type(self).__name__, where, value, item)
                        break

    def get_submodule(self, target: str) -> Any:
        """The module at a dotted path, ``""`` being this one.

        Raises:
            AttributeError: there is none; the message names the part of the path that is missing.
        """
        module: Any = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(
                    f"{module._get_name()} has no attribute `{name}` (of {target!r})"
                )
            module = getattr(module, name)
            if not isinstance(module, Walking):
                raise AttributeError(f"`{name}` (of {target!r}) is not a Module")
        return module

    def set_submodule(self, target: str, module: Any, strict: bool = False) -> None:
        """Put ``module`` at a dotted path, in place of the one that is there.

        Args:
            target: the path.
            module: the module.
            strict: whether there must be one already.

        Raises:
            ValueError: the path is empty.
            AttributeError: a module above it is missing, something else stands there, or nothing
                does and ``strict`` is true.
            TypeError: ``module`` is not a Module.
        """
        if target == "":
            raise ArgumentError("cannot set the submodule without a target name")
        if not isinstance(module, Walking):
            raise TypeError(f"{type(module).__name__} is not a Module subclass")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict or hasattr(parent, name):
            parent.get_submodule(name)
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path.

        Raises:
            AttributeError: there is none, or it is not a Parameter.
        """
        return self._get_member(target, "_parameters", "an nn.Parameter")

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path.

        Raises:
            AttributeError: there is none, or it is not a buffer.
        """
        return self._get_member(target, "_buffers", "a buffer")

    def _get_member(self, target: str, kind: str, what: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}` (of {target!r})")
        if getattr(module, kind).get(name) is None:
            raise AttributeError(f"`{name}` (of {target!r}) is not {what}")
        return getattr(module, kind)[name]


def _hidden_in(value: Any) -> Iterator[Any]:
    """The modules and parameters in a plain container, and in plain containers within it."""
    items: Iterable = value.values() if isinstance(value, dict) else value
    for item in items:
        if isinstance(item, (Walking, Parameter)):
            yield item
        elif isinstance(item, (list, tuple, dict)) and item is not value:
            yield from _hidden_in(item)


def _warn_hidden(owner: str, where: str, container: Any, item: Any) -> None:
    kind = "Module" if isinstance(item, Walking) else "Parameter"
    plain = "dict" if isinstance(container, dict) else type(container).__name__
    instead = f"{kind}{'Dict' if isinstance(container, dict) else 'List'}"
    warnings.warn(
        f"{owner}.{where} is a plain {plain} that holds a {type(item).__name__}: its parameters are "
        f"not part of the module and will not be trained or saved; use nn.{instead}",
        stacklevel=4,
    )
