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

Read: ``__setattr__``/``__getattr__`` (filing), ``__call__`` (running), modes, hooks, ``__repr__``;
then the parts that stand in files of their own: `walking` (``named_*``), `converting` (``to``),
`saving` (``state_dict`` and ``load_state_dict``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..base.errors import ArgumentError
from ..base.modes import structure
from ..tape.modes import modes, no_grad
from ..tensors import Tensor
from ..tensors.functions.face import face_constructor
from .converting import Converting
from .hooks import Hook, HookFunctions, RemovableHandle, call_with_hooks, filed_by_hooks
from .parameter import Buffer, Parameter
from .saving import Saving

__all__ = ["Module"]

M = TypeVar("M", bound="Module")
LAYERS = f"{__name__.rpartition('.')[0]}."  # where the layers stand, whose constructors have a face


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


class Module(Converting, Saving):
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

    call_super_init: bool = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__module__.startswith(LAYERS):
            face_constructor(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not self.call_super_init and (args or kwargs):
            given = f"{len(args)} positional" if args else f"a keyword {next(iter(kwargs))!r}"
            raise TypeError(
                f"{type(self).__name__}: Module.__init__ takes no arguments, found {given}; with "
                "call_super_init = True they go to the next class"
            )
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
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def __setstate__(self, state: dict[str, Any]) -> None:
        # what a state of an older version may lack
        self.__dict__.update(_hooks=None, _non_persistent_buffers_set=set())
        self.__dict__.update(state)

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
        if self._hooks or structure.hooks is not None:
            return call_with_hooks(self, self._hooks, args, kwargs)
        return self.forward(*args, **kwargs)

    def _call_impl(self, *args: Any, **kwargs: Any) -> Any:
        """The call by PyTorch's inner name, for subclasses whose `__call__` does something around it."""
        return Module.__call__(self, *args, **kwargs)

    # ---- filing -------------------------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        if "_parameters" not in self.__dict__:
            if isinstance(value, (Parameter, Module, Buffer)):
                kind = "module" if isinstance(value, Module) else "parameters"
                raise AttributeError(
                    f"cannot assign {kind} before Module.__init__() call\n"
                    "  hint: super().__init__() comes first in __init__"
                )
            object.__setattr__(self, name, value)
            return
        if isinstance(value, Tensor) and modes.trace is not None:
            self._refuse_traced(name, value)
        if isinstance(value, Parameter):
            self._forget(name, keep=self._parameters)
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            self._forget(name, keep=self._modules)
            self._file("module", self._modules, name, value)
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
            self._file("buffer", self._buffers, name, value)
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
            raise ArgumentError(
                f"cannot assign a tensor with a history to parameter '{name}': model parameters "
                "are leaves; compute the value in forward instead"
            )
        self._file("parameter", self._parameters, name, param)

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
        self._file("buffer", self._buffers, name, tensor)
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
            hint = ""
            if isinstance(module, list | tuple):
                hint = "\n  hint: *layers hands its elements over, one by one"
            elif callable(module):
                hint = "\n  hint: a layer is a module, as nn.ReLU() is for relu"
            raise TypeError(f"{type(module).__name__} is not a Module subclass{hint}")
        self._file("module", self._modules, name, module)

    def register_module(self, name: str, module: Module | None) -> None:
        """The same as ``add_module``."""
        self.add_module(name, module)

    def _file(self, kind: str, where: dict, name: str, value: Any) -> None:
        where[name] = value if structure.hooks is None else filed_by_hooks(kind, self, name, value)

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

    # ---- modes --------------------------------------------------------------------------------------------------

    def train(self: M, mode: bool = True) -> M:
        """Put this module and all below it in training mode (or, with false, evaluation mode);
        returns it.

        Raises:
            ValueError: ``mode`` is not a bool.
        """
        if not isinstance(mode, bool):
            raise ArgumentError("training mode is expected to be boolean")
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

    # ---- hooks --------------------------------------------------------------------------------------------------

    _forward_pre_hooks = property(lambda self: HookFunctions(self._own_hooks().forward_pre))
    _forward_hooks = property(lambda self: HookFunctions(self._own_hooks().forward))
    _backward_pre_hooks = property(lambda self: HookFunctions(self._own_hooks().backward_pre))
    _backward_hooks = property(lambda self: HookFunctions(self._own_hooks().backward))

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

    def register_backward_hook(self, hook: Callable) -> RemovableHandle:
        """PyTorch's older name of ``register_full_backward_hook``.

        Where a module is more than one op, PyTorch's hands out as ``grad_input`` whatever the last of them
        was given, weights too. Here it is always the module's inputs; ``grad_output`` is the same.
        """
        return self.register_full_backward_hook(hook)

    # ---- printing -----------------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What stands between the parentheses when the module is printed."""
        return ""

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
