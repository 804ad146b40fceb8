"""Functions a user hangs on a module: before its forward, after it, and around its backward.

A module without hooks pays one comparison per call; everything here runs only for a module that has
some. The four kinds
and what they may do:

    forward_pre    hook(module, args) -> None or new args                       before forward
    forward        hook(module, args, output) -> None or new output             after forward
    backward_pre   hook(module, grad_output) -> None or new grad_output         when the output's gradient is known
    backward       hook(module, grad_input, grad_output) -> None or new grad_input   when the inputs' gradient is known

Each kind can also be hung on all modules at once (`register_module_forward_hook` and its like): those run before a module's own. So
can functions that are told of every parameter, buffer and child that is filed.

The two backward kinds need a place in the graph where *all* gradients of the outputs (or inputs)
are there at once. That
place is a gate: an identity function of several tensors, one behind the module's inputs and one
    behind its outputs.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, NamedTuple

from ..base.errors import GradError
from ..base.handles import RemovableHandle
from ..base.modes import structure
from ..tensors import Tensor
from ..transforms import Function

__all__ = [
    "Hook", "Hooks", "RemovableHandle", "call_with_hooks", "filed_by_hooks", "register_module_backward_hook",
    "register_module_buffer_registration_hook", "register_module_forward_hook", "register_module_forward_pre_hook",
    "register_module_full_backward_hook", "register_module_full_backward_pre_hook", "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]  # fmt: skip


class Hook(NamedTuple):
    """One registered function and how it wants to be called."""

    call: Callable
    with_kwargs: bool = False
    always_call: bool = False
    may_replace: bool = False


class HookFunctions(MutableMapping[int, Callable]):
    """The functions of one kind of hooks by their numbers, as PyTorch's private dicts show them, ``module._forward_hooks`` say: what is
    taken out here is no hook any more.
    """

    def __init__(self, kind: OrderedDict[int, Hook]):
        self.kind = kind

    def __getitem__(self, number: int) -> Callable:
        return self.kind[number].call

    def __setitem__(self, number: int, function: Callable) -> None:
        self.kind[number] = Hook(function)

    def __delitem__(self, number: int) -> None:
        del self.kind[number]

    def __iter__(self) -> Iterator[int]:
        return iter(self.kind)

    def __len__(self) -> int:
        return len(self.kind)

    def __repr__(self) -> str:
        return repr(OrderedDict(self))


class Hooks:
    """The hooks of one module: for each kind an ordered dict from the handle's id to the Hook."""

    def __init__(self) -> None:
        self.forward_pre: OrderedDict[int, Hook] = OrderedDict()
        self.forward: OrderedDict[int, Hook] = OrderedDict()
        self.backward_pre: OrderedDict[int, Hook] = OrderedDict()
        self.backward: OrderedDict[int, Hook] = OrderedDict()
        # of state dicts, see `saving`
        self.save_pre: OrderedDict[int, Hook] = OrderedDict()
        self.save: OrderedDict[int, Hook] = OrderedDict()
        self.load_pre: OrderedDict[int, Hook] = OrderedDict()
        self.load: OrderedDict[int, Hook] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self.forward_pre or self.forward or self.backward_pre or self.backward)

    @staticmethod
    def add(kind: OrderedDict[int, Hook], hook: Hook, prepend: bool) -> RemovableHandle:
        """Add ``hook`` to one of the dicts, at its end or (``prepend``) at its beginning."""
        return RemovableHandle.of(kind, hook, prepend)


class HooksOfAll(Hooks):
    """The hooks of all modules, and what is told of everything that is filed in one."""

    def __init__(self) -> None:
        super().__init__()
        self.filing: dict[str, OrderedDict[int, Callable]] = {
            kind: OrderedDict() for kind in ("parameter", "buffer", "module")
        }

    def with_own(self, own: Hooks | None) -> Hooks:
        """These and those of one module behind them."""
        both = Hooks()
        for kind in ("forward_pre", "forward", "backward_pre", "backward"):
            for hooks in (self, own):
                if hooks is not None:
                    getattr(both, kind).update(getattr(hooks, kind))
        return both


def of_all() -> HooksOfAll:
    """The hooks of all modules, which are looked for at each call once there were any."""
    if structure.hooks is None:
        structure.hooks = HooksOfAll()
    return structure.hooks


def call_with_hooks(module: Any, hooks: Hooks | None, args: tuple, kwargs: dict) -> Any:
    """``module.forward(*args, **kwargs)`` with every hook of the module, and of all modules, around it.

    A forward hook registered with ``always_call`` runs even when forward (or another hook) raises;
    what it raises itself is then reported as a warning, since the first error is the one to be
    seen.
    """
    if structure.hooks:
        hooks = structure.hooks.with_own(hooks)
    if not hooks:
        return module.forward(*args, **kwargs)
    called: set[int] = set()
    result = None
    try:
        for hook in list(hooks.forward_pre.values()):
            args, kwargs = _call_forward_pre(module, hook, args, kwargs)
        gates = None
        if hooks.backward or hooks.backward_pre:
            gates = _BackwardGates(module, hooks)
            args = gates.guard_inputs(args)
        result = module.forward(*args, **kwargs)
        for number, hook in list(hooks.forward.items()):
            called.add(number)
            new = _call_forward(module, hook, args, kwargs, result)
            result = result if new is None else new
        return result if gates is None else gates.guard_outputs(result)
    except Exception:
        for number, hook in list(hooks.forward.items()):
            if hook.always_call and number not in called:
                try:
                    _call_forward(module, hook, args, kwargs, result)
                except Exception as error:
                    warnings.warn(
                        f"a forward hook of {type(module).__name__} with always_call=True raised "
                        f"{type(error).__name__}: {error}; the error of forward follows",
                        stacklevel=3,
                    )
        raise


def _call_forward_pre(module: Any, hook: Hook, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    if hook.with_kwargs:
        new = hook.call(module, args, kwargs)
        if new is None:
            return args, kwargs
        if not (isinstance(new, tuple) and len(new) == 2):
            raise RuntimeError(
                "a forward pre-hook with with_kwargs=True must return None or a tuple "
                f"(new_args, new_kwargs), got {type(new).__name__}"
            )
        return new
    new = hook.call(module, args)
    if new is None:
        return args, kwargs
    return (new if isinstance(new, tuple) else (new,)), kwargs


def _call_forward(module: Any, hook: Hook, args: tuple, kwargs: dict, result: Any) -> Any:
    if hook.with_kwargs:
        return hook.call(module, args, kwargs, result)
    return hook.call(module, args, result)


class _Gate(Function):
    """Identity of several tensors whose backward shows all their gradients, at once, to
    ``watch``.
    """

    @staticmethod
    def forward(ctx: Any, watch: Callable, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.watch = watch
        return tensors

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple:
        return (None, *ctx.watch(grads))


class _BackwardGates:
    """The two gates around one call of a module, and what passes between them.

    Backward reaches the output gate first (the pre-hooks run, ``grad_output`` is kept), then the
    input gate (the hooks run). If no input wants a gradient there is no second gate, and the hooks
    run at the first with ``grad_input`` all None.
    """

    def __init__(self, module: Any, hooks: Hooks) -> None:
        self.module = module
        self.pre_hooks = list(hooks.backward_pre.values())
        self.hooks = list(hooks.backward.values())
        self.grad_output: tuple | None = None
        self.inputs: tuple[int, ...] = ()  # which arguments are tensors that want a gradient
        self.n_inputs = 0
        self.n_outputs = 0
        self.outputs: tuple[int, ...] = ()

    def guard_inputs(self, args: tuple) -> tuple:
        self.n_inputs = len(args)
        args, self.inputs = _gated(args, self._at_inputs)
        return args

    def guard_outputs(self, result: Any) -> Any:
        if not isinstance(result, (Tensor, tuple)):
            warnings.warn(
                "for backward hooks to be called, the output of "
                f"{type(self.module).__name__} must be a Tensor or a tuple of Tensors, "
                f"got {type(result).__name__}",
                stacklevel=4,
            )
            return result
        outputs = result if isinstance(result, tuple) else (result,)
        self.n_outputs = len(outputs)
        outputs, self.outputs = _gated(outputs, self._at_outputs)
        return outputs if isinstance(result, tuple) else outputs[0]

    def _at_outputs(self, grads: tuple) -> tuple:
        grad_output = _spread(grads, self.outputs, self.n_outputs)
        for hook in self.pre_hooks:
            new = hook.call(self.module, grad_output)
            grad_output = _replaced(grad_output, new, "a full backward pre-hook", "grad_output")
        if self.inputs:
            self.grad_output = grad_output  # until the gradient arrives there
        else:
            for hook in self.hooks:
                new = hook.call(self.module, (None,) * self.n_inputs, grad_output)
                if new is not None and any(g is not None for g in _as_tuple(new)):
                    raise GradError(
                        f"a backward hook of {type(self.module).__name__} returned a gradient, "
                        "but no input of the module requires one; it must return None"
                    )
        return tuple(grad_output[i] for i in self.outputs)

    def _at_inputs(self, grads: tuple) -> tuple:
        grad_output, self.grad_output = self.grad_output, None
        if grad_output is None:
            raise GradError(
                f"the inputs of {type(self.module).__name__} received a gradient that did not pass "
                "through its outputs: its forward keeps or returns an input by another way than "
                "its result, and full backward hooks cannot be called"
            )
        grad_input = _spread(grads, self.inputs, self.n_inputs)
        for hook in self.hooks:
            new = hook.call(self.module, grad_input, grad_output)
            grad_input = _replaced(grad_input, new, "a full backward hook", "grad_input")
        return tuple(grad_input[i] for i in self.inputs)


def _gated(values: tuple, watch: Callable) -> tuple[tuple, tuple[int, ...]]:
    """Pass the tensors that want a gradient through a gate; which they are."""
    where = tuple(i for i, v in enumerate(values) if isinstance(v, Tensor) and v.requires_grad)
    if not where:
        return values, where
    behind = _Gate.apply(watch, *(values[i] for i in where))
    behind = behind if isinstance(behind, tuple) else (behind,)
    gated = list(values)
    for i, value in zip(where, behind, strict=True):
        gated[i] = value
    return tuple(gated), where


def _spread(grads: tuple, where: tuple[int, ...], count: int) -> tuple:
    """The gradients at their places among ``count`` values, None elsewhere."""
    spread: list = [None] * count
    for i, grad in zip(where, grads, strict=True):
        spread[i] = grad
    return tuple(spread)


def _as_tuple(value: Any) -> tuple:
    return value if isinstance(value, tuple) else (value,)


def _replaced(old: tuple, new: Any, who: str, what: str) -> tuple:
    """``new`` in place of ``old`` if a hook returned something; it must have as many entries."""
    if new is None:
        return old
    new = _as_tuple(new)
    if len(new) != len(old):
        raise GradError(f"{who} returned {len(new)} gradients in place of the {len(old)} of {what}")
    return new


# ---- hooks of all modules


def filed_by_hooks(kind: str, module: Any, name: str, value: Any) -> Any:
    """What is filed when `value` was to be: hooks may put something else in its place."""
    for hook in list(structure.hooks.filing[kind].values()):
        new = hook(module, name, value)
        value = value if new is None else new
    return value


def register_module_forward_pre_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, args)`` before the forward of every module there is or will be; see
    ``Module.register_forward_pre_hook``.
    """
    return RemovableHandle.of(of_all().forward_pre, Hook(hook))


def register_module_forward_hook(
    hook: Callable, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call ``hook(module, args, output)`` after the forward of every module there is or will be; see
    ``Module.register_forward_hook``.

    Example:
        >>> from chainrule import nn
        >>> with register_module_forward_hook(lambda module, args, output: print(type(module).__name__)):
        ...     _ = nn.Sequential(nn.Linear(3, 5), nn.ReLU())(cr.ones(2, 3))
        Linear
        ReLU
        Sequential
    """
    return RemovableHandle.of(of_all().forward, Hook(hook, with_kwargs, always_call))


def register_module_full_backward_pre_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, grad_output)`` when the gradient of any module's output is known; see
    ``Module.register_full_backward_pre_hook``.
    """
    return RemovableHandle.of(of_all().backward_pre, Hook(hook))


def register_module_full_backward_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, grad_input, grad_output)`` when the gradients of any module's inputs are known; see
    ``Module.register_full_backward_hook``.
    """
    return RemovableHandle.of(of_all().backward, Hook(hook))


def register_module_backward_hook(hook: Callable) -> RemovableHandle:
    """PyTorch's older name of ``register_module_full_backward_hook``; see ``Module.register_backward_hook``."""
    return register_module_full_backward_hook(hook)


def register_module_parameter_registration_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, name, parameter)`` when a module is given a parameter; a result takes its place."""
    return RemovableHandle.of(of_all().filing["parameter"], hook)


def register_module_buffer_registration_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, name, buffer)`` when a module is given a buffer; a result takes its place."""
    return RemovableHandle.of(of_all().filing["buffer"], hook)


def register_module_module_registration_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, name, child)`` when a module is given a child; a result takes its place."""
    return RemovableHandle.of(of_all().filing["module"], hook)
