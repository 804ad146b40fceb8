"""Saving a module as a dict of tensors by dotted names, and loading it back.

Loading has two halves. First every module says what of the dict is its own, what is missing, what
is too much and what does not fit (`_load_from_state_dict`, which a subclass may extend to read
older formats). Only if nothing is wrong are the values written. So a state dict that does not fit
changes nothing.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..base.errors import StateDictError
from ..base.handles import RemovableHandle
from ..tape.modes import no_grad
from ..tensors import Tensor, as_tensor
from .hooks import Hook, Hooks
from .parameter import Parameter
from .walking import Walking

__all__ = ["IncompatibleKeys", "Saving"]

EXTRA = "_extra_state"
"""The name of what `get_extra_state` returns."""


class _Keys(NamedTuple):
    missing_keys: list[str]
    unexpected_keys: list[str]


class IncompatibleKeys(_Keys):
    """What ``load_state_dict(strict=False)`` left out."""

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


class _Load:
    """What a load will write, once it is known that everything fits."""

    def __init__(self, assign: bool) -> None:
        self.assign = assign
        self.values: list[tuple[Any, str, Tensor, str, Any]] = []
        self.extra: list[tuple[Any, Any]] = []

    def write(self) -> None:
        """Copy or assign the values, then hand over the extra states."""
        narrowed, nowhere = [], []
        # one Parameter for each tensor given, so that tied weights stay tied
        assigned: dict[int, Parameter] = {}
        with no_grad():
            for module, name, tensor, key, value in self.values:
                source = value if isinstance(value, Tensor) else as_tensor(value)
                if not self.assign:
                    if tensor.is_meta:
                        nowhere.append(key)
                    if source.is_floating_point() and source.dtype.itemsize > tensor.dtype.itemsize:
                        narrowed.append(f"{key} ({source.dtype.name} to {tensor.dtype.name})")
                    tensor.copy_(source)
                elif isinstance(tensor, Parameter):
                    if id(value) not in assigned:
                        given_parameter = isinstance(value, Parameter)
                        assigned[id(value)] = (
                            value if given_parameter else Parameter(source, tensor.requires_grad)
                        )
                    module._parameters[name] = assigned[id(value)]
                else:
                    module._buffers[name] = source
        for module, state in self.extra:
            module.set_extra_state(state)
        if narrowed:
            more = f" and {len(narrowed) - 1} more" if len(narrowed) > 1 else ""
            warnings.warn(f"load_state_dict narrowed {narrowed[0]}{more}", stacklevel=4)
        if nowhere:
            more = f" and {len(nowhere) - 1} more" if len(nowhere) > 1 else ""
            warnings.warn(
                f"load_state_dict wrote nothing to {nowhere[0]}{more}: tensors on the device 'meta' have no values "
                "(assign=True puts the given ones in their place)",
                stacklevel=4,
            )


class Saving(Walking):
    """The part of Module that gives and takes state dicts."""

    _version: int = 1
    _hooks: Hooks | None

    def _own_hooks(self) -> Hooks:
        hooks = self._hooks
        if hooks is None:
            hooks = self.__dict__["_hooks"] = Hooks()
        return hooks

    # ---- giving -------------------------------------------------------------------------------------------------

    def state_dict(
        self,
        *args: Any,
        destination: dict[str, Any] | None = None,
        prefix: str = "",
        keep_vars: bool = False,
    ) -> dict[str, Any]:
        """Every parameter and persistent buffer under its dotted name; tied ones under each of
        their names.

        The tensors share their storage with the module: copy them to keep a moment.

        Args:
            args: deprecated: the same three, by place.
            destination: the dict to fill, a new one by default.
            prefix: put before every name.
            keep_vars: whether to give the parameters themselves, not detached tensors.

        Example:
            >>> list(nn.Linear(3, 2).state_dict())
            ['weight', 'bias']
        """
        if args:
            warnings.warn(
                "positional arguments of state_dict are deprecated, give them by name",
                FutureWarning,
                stacklevel=2,
            )
            destination, prefix, keep_vars = (*args, *(destination, prefix, keep_vars)[len(args) :])
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()  # type: ignore[attr-defined]
        local = {"version": self._version}
        metadata = getattr(destination, "_metadata", None)
        if metadata is not None:
            metadata[prefix[:-1]] = local
        hooks = self._hooks
        for hook in list(hooks.save_pre.values()) if hooks is not None else ():
            hook.call(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(
                    destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
                )
        for hook in list(hooks.save.values()) if hooks is not None else ():
            found = hook.call(self, destination, prefix, local)
            if found is not None and not hook.may_replace:
                raise RuntimeError("state_dict post-hook must return None")
            destination = destination if found is None else found
        return destination  # type: ignore[return-value]

    def _save_to_state_dict(
        self, destination: dict[str, Any], prefix: str, keep_vars: bool
    ) -> None:
        """Put this module's own tensors into ``destination``; a subclass may add others."""
        for name, tensor in self._saved():
            destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if type(self).get_extra_state is not Saving.get_extra_state:
            destination[prefix + EXTRA] = self.get_extra_state()

    def _saved(self) -> Iterator[tuple[str, Tensor]]:
        """This module's own tensors that belong in a state dict."""
        for name, parameter in self._parameters.items():
            if parameter is not None:
                yield name, parameter
        for name, buffer in self._buffers.items():
            if buffer is not None and name not in self._non_persistent_buffers_set:
                yield name, buffer

    def get_extra_state(self) -> Any:
        """What else belongs into the state dict: a subclass that has such a thing defines this and
        ``set_extra_state``; it stands under ``_extra_state``.
        """
        raise NotImplementedError(f"{self._get_name()} has no extra state")

    def set_extra_state(self, state: Any) -> None:
        """Take back what ``get_extra_state`` gave."""
        raise NotImplementedError(f"{self._get_name()} has no extra state")

    # ---- taking -------------------------------------------------------------------------------------------------

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy the tensors (or arrays) of ``state_dict`` into this module. Everything is checked
        before anything is changed.

        Args:
            state_dict: from dotted name to Tensor or array.
            strict: whether the names must be exactly those of ``self.state_dict()``.
            assign: whether to put the given tensors in place of the module's, keeping their dtype,
                instead of copying values. A name assigned twice (tied weights) must be given one
                tensor to stay tied.

        Returns:
            The names missing from ``state_dict`` and those it has too many (both empty if ``strict``).

        Raises:
            StateDictError: one message that names every missing, unexpected and mismatched key.
                Where a post-hook may forgive missing names, the others have been loaded by then.
            TypeError: ``state_dict`` is not a mapping.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        metadata = getattr(state_dict, "_metadata", None) or {}
        missing: list[str] = []
        unexpected: list[str] = []
        faults: list[str] = []
        afterwards: list[tuple[Any, Callable]] = []
        load = _Load(assign)

        def visit(module: Any, given: OrderedDict, prefix: str) -> None:
            local = {**metadata.get(prefix[:-1], {}), "load": load}
            module._load_from_state_dict(given, prefix, local, True, missing, unexpected, faults)
            for name, child in module._modules.items():
                if child is not None:
                    below = f"{prefix}{name}."
                    part = [(k, v) for k, v in given.items() if k.startswith(below)]
                    visit(child, OrderedDict(part), below)
            if module._hooks is not None:
                afterwards.extend((module, hook.call) for hook in module._hooks.load.values())

        visit(self, OrderedDict(state_dict), "")
        found = IncompatibleKeys(missing, unexpected)
        if faults or (strict and (missing or unexpected) and not afterwards):
            raise StateDictError(self._load_error(found, strict, faults, "nothing was changed"))
        load.write()
        for module, hook in afterwards:
            if hook(module, found) is not None:
                raise RuntimeError(
                    "a hook registered with register_load_state_dict_post_hook returned something: "
                    "it must change the lists of incompatible_keys in place"
                )
        if strict and (missing or unexpected):
            raise StateDictError(self._load_error(found, strict, faults, "the rest was loaded"))
        return found

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Say what of ``state_dict`` this module, without those below it, will load. A subclass may
        extend this, to rename keys of an older format.

        Args:
            state_dict: what is given; it may be changed.
            prefix: what stands before this module's names.
            local_metadata: the version of the format, if it was saved, and the load in progress.
            strict: whether to note missing and unexpected keys.
            missing_keys: to which those are added.
            unexpected_keys: to which those are added.
            error_msgs: to which is added why something does not fit.
        """
        if self._hooks is not None:
            for hook in list(self._hooks.load_pre.values()):
                given = (state_dict, prefix, local_metadata, strict, missing_keys)
                hook.call(self, *given, unexpected_keys, error_msgs)
        load = local_metadata.get("load")
        alone = load is None
        load = _Load(local_metadata.get("assign_to_params_buffers", False)) if alone else load
        own = dict(self._saved())
        for name, tensor in own.items():
            key = prefix + name
            if key in state_dict:
                fault = _mismatch(state_dict[key], tensor)
                if fault is None:
                    load.values.append((self, name, tensor, key, state_dict[key]))
                else:
                    error_msgs.append(f"mismatch for {key}: {fault}")
            elif strict:
                missing_keys.append(key)
        if type(self).set_extra_state is not Saving.set_extra_state:
            own[EXTRA] = None  # type: ignore[assignment]
            if prefix + EXTRA in state_dict:
                load.extra.append((self, state_dict[prefix + EXTRA]))
            elif strict:
                missing_keys.append(prefix + EXTRA)
        for key in state_dict if strict else ():
            if key.startswith(prefix):
                name, _, below = key[len(prefix) :].partition(".")
                if (self._modules.get(name) is None) if below else (name not in own):
                    unexpected_keys.append(key)
        if alone:
            load.write()

    def _load_error(
        self, keys: IncompatibleKeys, strict: bool, faults: list[str], outcome: str
    ) -> str:
        lines = [f"Error(s) in loading state_dict for {self._get_name()} ({outcome}):"]
        for what, names in (("Missing", keys.missing_keys), ("Unexpected", keys.unexpected_keys)):
            if names and strict:
                lines.append(f"{what} key(s) in state_dict: " + ", ".join(f'"{k}"' for k in names))
        return "\n\t".join([*lines, *faults])

    # ---- hooks --------------------------------------------------------------------------------------------------

    def register_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(module, prefix, keep_vars)`` before this module gives its state dict."""
        hooks = self._own_hooks()
        return hooks.add(hooks.save_pre, Hook(hook), False)

    def register_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after this module, and those
        below it, have put their tensors into the dict, which it may change.
        """
        hooks = self._own_hooks()
        return hooks.add(hooks.save, Hook(hook), False)

    def _register_state_dict_hook(self, hook: Callable) -> RemovableHandle:
        """As ``register_state_dict_post_hook``, but what the hook returns replaces the dict."""
        hooks = self._own_hooks()
        return hooks.add(hooks.save, Hook(hook, may_replace=True), False)

    def register_load_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)`` before this module looks for its tensors in the dict, a copy
        that the hook may change.
        """
        hooks = self._own_hooks()
        return hooks.add(hooks.load_pre, Hook(hook), False)

    def _register_load_state_dict_pre_hook(
        self, hook: Callable, with_module: bool = False
    ) -> RemovableHandle:
        """As ``register_load_state_dict_pre_hook``; without ``with_module`` the hook is not given
        the module.
        """
        if with_module:
            return self.register_load_state_dict_pre_hook(hook)
        return self.register_load_state_dict_pre_hook(lambda module, *given: hook(*given))

    def register_load_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(module, incompatible_keys)`` after this module and those below it have been
        loaded; it may forgive keys by taking them out of the lists.
        """
        hooks = self._own_hooks()
        return hooks.add(hooks.load, Hook(hook), False)


def _mismatch(value: Any, tensor: Tensor) -> str | None:
    """Why ``value`` cannot be loaded into ``tensor``, or None."""
    if not isinstance(value, (Tensor, np.ndarray, np.generic)):
        return f"expected a Tensor or an array, got {type(value).__name__}"
    shape = tuple(value.shape)
    if shape != tuple(tensor.shape):
        return f"shape {shape} in the state dict, {tuple(tensor.shape)} in the model"
    source = value if isinstance(value, Tensor) else as_tensor(value)
    if source.is_meta and not tensor.is_meta:
        return "a tensor on the device 'meta', which has no values"
    if source.is_floating_point() and not tensor.is_floating_point():
        return f"dtype {source.dtype.name} in the state dict, {tensor.dtype.name} in the model"
    return None
