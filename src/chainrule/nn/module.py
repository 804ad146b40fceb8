"""Module: a function with parameters.

A module is a tree. Assigning a Parameter, a Module or (with ``register_buffer``) a plain tensor to
an attribute files it under its name; everything else a module can do walks that tree: list the
parameters for the optimizer, save and load them, switch between training and evaluation, convert
the dtype, print itself.

Where a name is filed:

    _parameters   name → Parameter or None      trained, saved
    _buffers      name → Tensor or None         kept by forward; saved unless in _non_persistent_buffers_set
    _modules      name → Module or None         the children

All other attributes are ordinary ones.

Read: ``__setattr__``/``__getattr__`` (filing), ``__call__`` (running), ``named_*`` (walking),
``state_dict`` and ``load_state_dict`` (saving), ``_apply`` (converting), ``__repr__``.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ..base import dtypes
from ..base.errors import StateDictError
from ..base.modes import structure
from ..tape.modes import modes, no_grad
from ..tensors import Tensor, as_tensor
from .hooks import Hook, Hooks, RemovableHandle, call_with_hooks
from .parameter import Buffer, Parameter

__all__ = ["Module"]

M = TypeVar("M", bound="Module")


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


def _counted(name: str) -> Callable:
    """A method of dict that changes it, and says so."""
    change = getattr(dict, name)

    def counted(filed: dict, *args: Any, **kwargs: Any) -> Any:
        out = change(filed, *args, **kwargs)
        structure.changed()
        return out

    return counted


class _Filed(dict):
    """What is filed under one kind: a dict whose changes compiled programs notice, whoever makes
    them.
    """

    __setitem__, __delitem__ = _counted("__setitem__"), _counted("__delitem__")
    pop, popitem, clear = _counted("pop"), _counted("popitem"), _counted("clear")
    update, setdefault, __ior__ = _counted("update"), _counted("setdefault"), _counted("__ior__")


class Module:
    """Base of every layer and model: subclass it, make the parts in ``__init__``, say in
    ``forward`` what they compute.

    Attributes:
        training: true in training mode (dropout drops, batch norm uses the batch's statistics); see
            ``train``, ``eval``.

    Example:
        >>> class Net(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.hidden, self.out = nn.Linear(3, 5), nn.Linear(5, 2)
        ...     def forward(self, x):
        ...         return self.out(nn.functional.relu(self.hidden(x)))
        >>> Net()(zeros(7, 3)).shape
        chainrule.Size([7, 2])
        >>> [name for name, _ in Net().named_parameters()]
        ['hidden.weight', 'hidden.bias', 'out.weight', 'out.bias']
    """

    training: bool
    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]
    _non_persistent_buffers_set: set[str]
    _hooks: Hooks | None

    def __init__(self) -> None:
        # Straight into __dict__: __setattr__ below would look for the dicts that are only now being
        # made.
        self.__dict__.update(
            training=True,
            _parameters=_Filed(),
            _buffers=_Filed(),
            _modules=_Filed(),
            _non_persistent_buffers_set=set(),
            _hooks=None,
        )

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass defines it. Call the module itself, not this:
        the call runs the hooks.
        """
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if modes.trace is not None:
            modes.trace.visit(self)
        if self._hooks:
            return call_with_hooks(self, self._hooks, args, kwargs)
        return self.forward(*args, **kwargs)

    # ---- filing -------------------------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        if "_parameters" not in self.__dict__:
            if isinstance(value, (Parameter, Module, Buffer)):
                kind = "module" if isinstance(value, Module) else "parameters"
                raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
            object.__setattr__(self, name, value)
            return
        if isinstance(value, Tensor) and modes.trace is not None:
            self._refuse_traced(name, value)
        if isinstance(value, Parameter):
            self._forget(name, keep=self._parameters)
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            self._forget(name, keep=self._modules)
            self._modules[name] = value
        elif isinstance(value, Buffer):
            self._forget(name, keep=self._buffers)
            self.register_buffer(name, value, value.persistent)
        elif name in self._parameters:
            _need_none(name, value, "parameter", "nn.Parameter")
            self._parameters[name] = None
        elif name in self._modules:
            _need_none(name, value, "child module", "nn.Module")
            self._modules[name] = None
        elif name in self._buffers:
            if not isinstance(value, Tensor):
                _need_none(name, value, "buffer", "nn.Buffer, Tensor")
            self._buffers[name] = value
        else:
            before = self.__dict__.get(name)
            object.__setattr__(self, name, value)
            if name == "training" or isinstance(value, Tensor) or isinstance(before, Tensor):
                structure.changed()

    def __getattr__(self, name: str) -> Any:
        # Reached only when the ordinary look-up failed.
        for kind in ("_parameters", "_buffers", "_modules"):
            filed = self.__dict__.get(kind)
            if filed is not None and name in filed:
                return filed[name]
        raise AttributeError(
            f"'{type(self).__name__}' object has no attribute '{name}'", name=name, obj=self
        )

    def __delattr__(self, name: str) -> None:
        for filed in (self._parameters, self._buffers, self._modules):
            if name in filed:
                del filed[name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        names = set(object.__dir__(self))
        names.update(self._parameters, self._buffers, self._modules)
        return sorted(name for name in names if not name[:1].isdigit())

    def _forget(self, name: str, keep: dict) -> None:
        """Take ``name`` out of wherever it is filed but in ``keep``, where replacing a value
        keeps its place.
        """
        for filed in (self.__dict__, self._parameters, self._buffers, self._modules):
            if filed is not keep:
                filed.pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def _refuse_traced(self, name: str, value: Tensor) -> None:
        """A tensor made inside a trace must not stay behind on the module: outside the trace it
        has no value.
        """
        registered = self._parameters.get(name) is value or self._buffers.get(name) is value
        if not registered and modes.trace.owns(value):
            modes.trace.refuse_attribute(self, name, value)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """File ``param`` under ``name``; None reserves the name (a layer built with
        ``bias=False``).

        Raises:
            TypeError: ``param`` is not a Parameter, or the name is no string.
            KeyError: the name is empty, has a dot, or is an attribute already.
        """
        self._check_name("parameter", name, self._parameters)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{type(param).__name__}' object to parameter '{name}' "
                "(Parameter or None required)"
            )
        if param is not None and param.grad_fn is not None:
            raise ValueError(
                f"cannot assign a tensor with a history to parameter '{name}': model parameters "
                "are leaves; compute the value in forward instead"
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """File ``tensor`` as a buffer; with ``persistent=False`` it is left out of ``state_dict``.

        Raises:
            TypeError: ``tensor`` is not a Tensor, or the name is no string.
            KeyError: the name is empty, has a dot, or is an attribute already.

        Example:
            >>> m = nn.Module()
            >>> m.register_buffer("table", zeros(3))
            >>> list(m.state_dict())
            ['table']
        """
        self._check_name("buffer", name, self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{type(tensor).__name__}' object to buffer '{name}' "
                "(Tensor or None required)"
            )
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """File ``module`` as a child under ``name``.

        Raises:
            TypeError: ``module`` is not a Module, or the name is no string.
            KeyError: the name is empty, has a dot, or is an attribute already.
        """
        self._check_name("module", name, self._modules)
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{type(module).__name__} is not a Module subclass")
        self._modules[name] = module

    def register_module(self, name: str, module: Module | None) -> None:
        """The same as ``add_module``."""
        self.add_module(name, module)

    def _check_name(self, what: str, name: str, filed: dict) -> None:
        if "_parameters" not in self.__dict__:
            raise AttributeError(f"cannot assign {what} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{what} name should be a string. Got {type(name).__name__}")
        if name not in filed and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")
        if "." in name:
            raise KeyError(f'{what} name can\'t contain ".", got: {name!r}')
        if name == "":
            raise KeyError(f'{what} name can\'t be empty string ""')

    # ---- walking ------------------------------------------------------------------------------------------------

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
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

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all below it, each once unless ``remove_duplicate`` is false."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The direct children with their names, each once."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
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

    def get_submodule(self, target: str) -> Module:
        """The module at a dotted path, ``""`` being this one.

        Raises:
            AttributeError: there is none; the message names the part of the path that is missing.
        """
        module = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(
                    f"{module._get_name()} has no attribute `{name}` (of {target!r})"
                )
            module = getattr(module, name)
            if not isinstance(module, Module):
                raise AttributeError(f"`{name}` (of {target!r}) is not a Module")
        return module

    def set_submodule(self, target: str, module: Module) -> None:
        """Put ``module`` in place of the one at a dotted path.

        Raises:
            ValueError: the path is empty.
            AttributeError: a module above it is missing.
            TypeError: ``module`` is not a Module.
        """
        if target == "":
            raise ValueError("cannot set the submodule without a target name")
        if not isinstance(module, Module):
            raise TypeError(f"{type(module).__name__} is not a Module subclass")
        path, _, name = target.rpartition(".")
        setattr(self.get_submodule(path), name, module)

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

    # ---- modes --------------------------------------------------------------------------------------------------

    def train(self: M, mode: bool = True) -> M:
        """Put this module and all below it in training mode (or, with false, evaluation mode);
        returns it.

        Raises:
            ValueError: ``mode`` is not a bool.
        """
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self: M) -> M:
        """Evaluation mode: the same as ``train(False)``."""
        return self.train(False)

    def requires_grad_(self: M, requires_grad: bool = True) -> M:
        """Say for every parameter whether backward fills its ``grad``; false freezes the module."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradient of every parameter, or with ``set_to_none=False`` fill it with
        zeros.
        """
        for parameter in self.parameters():
            if set_to_none:
                parameter.grad = None  # without looking at what it was, so that a traced step does not depend on it
            elif parameter.grad is not None:
                with no_grad():
                    parameter.grad.detach_().zero_()

    def apply(self: M, fn: Callable[[Module], None]) -> M:
        """Call ``fn`` on every module below this one, then on this one (to initialise, most often);
        returns it.

        Example:
            >>> net = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
            >>> _ = net.apply(lambda m: nn.init.zeros_(m.bias) if isinstance(m, nn.Linear) else None)
        """
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # ---- converting ---------------------------------------------------------------------------------------------

    def _apply(self: M, fn: Callable[[Tensor], Tensor]) -> M:
        """Replace the data of every parameter, gradient and buffer by ``fn`` of it. The objects
        stay the same ones.
        """
        for module in self.modules():
            for member in chain(module._parameters.values(), module._buffers.values()):
                if member is None:
                    continue
                member.data = fn(member.data)
                if member.grad is not None:
                    member.grad.data = fn(member.grad.data)
        return self

    def to(self: M, *args: Any, **kwargs: Any) -> M:
        """Convert the floating-point parameters and buffers in place; returns the module.

        Call it as ``to(dtype)``, ``to(device)``, ``to(device, dtype)`` or ``to(tensor)``, whose
        dtype and device are taken. ``non_blocking`` and ``memory_format`` are accepted and have no
        effect. Integer tensors keep their dtype.

        Raises:
            TypeError: the dtype is not a floating-point one.
            DeviceError: there is no such device here.

        Example:
            >>> nn.Linear(3, 2).to(float64).weight.dtype
            chainrule.float64
        """
        device, dtype = _parse_to(*args, **kwargs)
        if dtype is not None and not dtype.is_floating_point:
            raise TypeError(f"Module.to only accepts floating-point dtypes, got {dtype.name}")

        def convert(tensor: Tensor) -> Tensor:
            if device is not None:
                tensor = tensor.to(device)
            return tensor.to(dtype) if dtype is not None and tensor.is_floating_point() else tensor

        return self._apply(convert)

    def type(self: M, dst_type: Any) -> M:
        """Convert every parameter and buffer, integers too, to ``dst_type``."""
        return self._apply(lambda tensor: tensor.to(dst_type))

    def float(self: M) -> M:
        """Convert the floating-point parameters and buffers to float32."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self: M) -> M:
        """Convert the floating-point parameters and buffers to float64."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self: M) -> M:
        """Convert the floating-point parameters and buffers to float16."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self: M) -> M:
        """Convert the floating-point parameters and buffers to bfloat16."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def cpu(self: M) -> M:
        """Move to the CPU, where everything already is."""
        return self.to("cpu")

    # ---- hooks --------------------------------------------------------------------------------------------------

    def _own_hooks(self) -> Hooks:
        hooks = self._hooks
        if hooks is None:
            hooks = self.__dict__["_hooks"] = Hooks()
        return hooks

    def register_forward_pre_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before every forward; a result that is not None replaces the
        arguments.

        Args:
            hook: with ``with_kwargs`` it is called ``hook(module, args, kwargs)`` and returns
                ``(args, kwargs)`` or None.
            prepend: run before the hooks that are there, not after them.
            with_kwargs: whether the hook sees the keyword arguments.
        """
        hooks = self._own_hooks()
        return hooks.add(hooks.forward_pre, Hook(hook, with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Callable,
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after every forward; a result that is not None
        replaces the output.

        Args:
            hook: with ``with_kwargs`` it is called ``hook(module, args, kwargs, output)``.
            prepend: run before the hooks that are there, not after them.
            with_kwargs: whether the hook sees the keyword arguments.
            always_call: run it (with output None) even when forward raised.
        """
        hooks = self._own_hooks()
        return hooks.add(hooks.forward, Hook(hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` when the gradient of the output is known; a result
        replaces it.
        """
        hooks = self._own_hooks()
        return hooks.add(hooks.backward_pre, Hook(hook), prepend)

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when the gradients of the inputs are
        known.

        Both are tuples, one entry per positional argument and output, None for what is not a tensor
        or wants no gradient. A result that is not None replaces ``grad_input``. Inputs and outputs
        pass through an identity, so neither may be changed in place while the hook is there.
        """
        hooks = self._own_hooks()
        return hooks.add(hooks.backward, Hook(hook), prepend)

    # ---- saving -------------------------------------------------------------------------------------------------

    def state_dict(
        self,
        *,
        destination: dict[str, Tensor] | None = None,
        prefix: str = "",
        keep_vars: bool = False,
    ) -> dict[str, Tensor]:
        """Every parameter and persistent buffer under its dotted name; tied ones under each of
        their names.

        The tensors share their storage with the module: copy them to keep a moment.

        Args:
            destination: the dict to fill, a new one by default.
            prefix: put before every name.
            keep_vars: whether to give the parameters themselves, not detached tensors.

        Example:
            >>> list(nn.Linear(3, 2).state_dict())
            ['weight', 'bias']
        """
        destination = OrderedDict() if destination is None else destination
        for name, tensor in self._saved():
            destination[prefix + name] = tensor if keep_vars else tensor.detach()
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(
                    destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
                )
        return destination

    def _saved(self) -> Iterator[tuple[str, Tensor]]:
        """This module's own tensors that belong in a state dict."""
        for name, parameter in self._parameters.items():
            if parameter is not None:
                yield name, parameter
        for name, buffer in self._buffers.items():
            if buffer is not None and name not in self._non_persistent_buffers_set:
                yield name, buffer

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
            TypeError: ``state_dict`` is not a mapping.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        owners = {}
        for path, module in self.named_modules(remove_duplicate=False):
            for name, tensor in module._saved():
                owners[f"{path}.{name}" if path else name] = (module, name, tensor)
        missing = [key for key in owners if key not in state_dict]
        unexpected = [key for key in state_dict if key not in owners]
        given = {key: state_dict[key] for key in owners if key in state_dict}
        mismatched = []
        for key, value in given.items():
            fault = _mismatch(value, owners[key][2])
            if fault is not None:
                mismatched.append(f"{key}: {fault}")
        if mismatched or (strict and (missing or unexpected)):
            raise StateDictError(
                _load_error(
                    type(self).__name__,
                    missing if strict else [],
                    unexpected if strict else [],
                    mismatched,
                )
            )
        self._load(owners, given, assign)
        return IncompatibleKeys(missing, unexpected)

    def _load(self, owners: dict[str, tuple], given: dict[str, Any], assign: bool) -> None:
        """Copy or assign tensors that were found to fit."""
        narrowed = []
        # one Parameter for each tensor given, so that tied weights stay tied
        assigned: dict[int, Parameter] = {}
        with no_grad():
            for key, value in given.items():
                module, name, tensor = owners[key]
                source = value if isinstance(value, Tensor) else as_tensor(value)
                if not assign:
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
        if narrowed:
            more = f" and {len(narrowed) - 1} more" if len(narrowed) > 1 else ""
            warnings.warn(f"load_state_dict narrowed {narrowed[0]}{more}", stacklevel=3)

    # ---- printing -----------------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What stands between the parentheses when the module is printed."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        extra = self.extra_repr()
        extra_lines = extra.split("\n") if extra else []
        child_lines = [
            f"({name}): {_indent(repr(module))}" for name, module in self._modules.items()
        ]
        lines = extra_lines + child_lines
        if not child_lines and len(extra_lines) <= 1:
            return f"{self._get_name()}({extra})"
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"


def _need_none(name: str, value: Any, what: str, expected: str) -> None:
    """A filed name may be set to None; anything of the wrong kind would take it out of the files
    silently.
    """
    if value is not None:
        raise TypeError(
            f"cannot assign '{type(value).__name__}' as {what} '{name}' ({expected} or None expected)"
        )


def _indent(text: str) -> str:
    """All lines but the first moved two columns to the right."""
    return text.replace("\n", "\n  ")


def _hidden_in(value: Any) -> Iterator[Any]:
    """The modules and parameters in a plain container, and in plain containers within it."""
    items: Iterable = value.values() if isinstance(value, dict) else value
    for item in items:
        if isinstance(item, (Module, Parameter)):
            yield item
        elif isinstance(item, (list, tuple, dict)) and item is not value:
            yield from _hidden_in(item)


def _warn_hidden(owner: str, where: str, container: Any, item: Any) -> None:
    kind = "Module" if isinstance(item, Module) else "Parameter"
    plain = "dict" if isinstance(container, dict) else type(container).__name__
    instead = f"{kind}{'Dict' if isinstance(container, dict) else 'List'}"
    warnings.warn(
        f"{owner}.{where} is a plain {plain} that holds a {type(item).__name__}: its parameters are "
        f"not part of the module and will not be trained or saved; use nn.{instead}",
        stacklevel=4,
    )


def _parse_to(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """Device and dtype (each may be None) from the forms ``to`` accepts."""
    device, dtype, tensor = (
        kwargs.pop("device", None),
        kwargs.pop("dtype", None),
        kwargs.pop("tensor", None),
    )
    for harmless in ("non_blocking", "memory_format"):
        kwargs.pop(harmless, None)
    if kwargs:
        raise TypeError(f"to() got an unexpected keyword argument {next(iter(kwargs))!r}")
    for argument in args:
        if isinstance(argument, Tensor):
            tensor = argument
        elif isinstance(argument, (dtypes.DType, type, np.dtype)):
            dtype = argument
        elif not isinstance(argument, bool):  # a bool is non_blocking
            device = argument
    if tensor is not None:
        return tensor.device, tensor.dtype
    return device, None if dtype is None else dtypes.of(dtype)


def _mismatch(value: Any, tensor: Tensor) -> str | None:
    """Why ``value`` cannot be loaded into ``tensor``, or None."""
    if not isinstance(value, (Tensor, np.ndarray, np.generic)):
        return f"expected a Tensor or an array, got {type(value).__name__}"
    shape = tuple(value.shape)
    if shape != tuple(tensor.shape):
        return f"shape {shape} in the state dict, {tuple(tensor.shape)} in the model"
    source = value if isinstance(value, Tensor) else as_tensor(value)
    if source.is_floating_point() and not tensor.is_floating_point():
        return f"dtype {source.dtype.name} in the state dict, {tensor.dtype.name} in the model"
    return None


def _load_error(name: str, missing: list[str], unexpected: list[str], mismatched: list[str]) -> str:
    lines = [f"Error(s) in loading state_dict for {name} (nothing was changed):"]
    if missing:
        lines.append("Missing key(s) in state_dict: " + ", ".join(f'"{key}"' for key in missing))
    if unexpected:
        lines.append(
            "Unexpected key(s) in state_dict: " + ", ".join(f'"{key}"' for key in unexpected)
        )
    lines.extend(f"mismatch for {fault}" for fault in mismatched)
    return "\n\t".join(lines)
