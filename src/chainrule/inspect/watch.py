"""Looking on while a model runs: every op, every call of a module, every step of the backward pass.

Nothing in the engine knows of this. While a `Watch` is on, what ops, modules and nodes of the tape
do when they are called is replaced by the same with a look around it, in this thread; at the end
everything is as it was, whatever happened. Compiled functions run eagerly meanwhile, so that
their ops are seen.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

from ..base.modes import modes
from ..graph.traced import TracedFunction
from ..nn import Module
from ..ops.record import READERS, Op
from ..tape.nodes import Node
from ..tensors import Tensor, get_rng_state, operators, set_rng_state

__all__ = ["Watch", "names_of", "trained_for_a_while", "unchanged", "with_their_own"]


class Watch:
    """A block in which ops, modules and the backward pass are looked at. Subclasses say what is
    done.

    Args:
        model: whose modules are called by their names in it.

    Attributes:
        running: the modules whose forward is running, the outermost first.
    """

    def __init__(self, model: Module | None = None):
        self.names = {} if model is None else names_of(model)
        self.running: list[Module] = []
        self._undo: list[tuple] = []

    # what a subclass may define

    def op(self, op: Op, args: tuple, attrs: dict, result: Any) -> None:
        """After an op on tensors."""

    def defined(self, op: Op, args: tuple, attrs: dict, result: Any) -> None:
        """After a composite that has no rule of its own: the ops that it is written in were seen."""

    def assigned(self, x: Tensor, new: Tensor) -> None:
        """After a tensor was written in place with what ops made."""

    def entered(self, module: Module) -> None:
        """Before a module runs; it is the last of ``running``."""

    def called(self, module: Module, args: tuple, kwargs: dict, result: Any) -> None:
        """After a module was called."""

    def pulled(self, node: Node, arrived: list, result: Any) -> None:
        """After a node of the tape has pulled gradients back."""

    # the block

    def __enter__(self) -> Any:
        self._thread = threading.get_ident()
        for cls, reader in list(READERS.items()):
            READERS[cls] = self._reading(reader)
            self._undo.append((READERS, cls, reader))
        # which operators call without asking READERS
        self._replace(operators, "record", self._reading)
        self._replace(Tensor, "_assign", self._assigning)
        self._replace(Module, "__call__", self._calling)
        for cls in with_their_own(TracedFunction, "__call__"):
            self._replace(cls, "__call__", self._eagerly)
        for cls in with_their_own(Node, "pull"):
            self._replace(cls, "pull", self._pulling)
        return self

    def __exit__(self, *exception: object) -> None:
        while self._undo:
            place, name, before = self._undo.pop()
            if isinstance(place, dict):
                place[name] = before
            else:
                setattr(place, name, before)
        self.running.clear()

    def _replace(self, place: Any, name: str, around: Callable) -> None:
        if isinstance(place, type):  # the class that a method is inherited from
            place = next(base for base in place.__mro__ if name in vars(base))
        before = vars(place)[name]
        self._undo.append((place, name, before))
        setattr(place, name, around(before))

    def _is_mine(self) -> bool:
        return threading.get_ident() == self._thread and modes.trace is None

    def _reading(self, reader: Callable) -> Callable:
        def read(op: Op, args: tuple, attrs: dict) -> Any:
            result = reader(op, args, attrs)
            if self._is_mine():
                is_written_in_others = op.composite and not op.differentiable
                (self.defined if is_written_in_others else self.op)(op, args, attrs, result)
            return result

        return read

    def _assigning(self, assign: Callable) -> Callable:
        def assigned(x: Tensor, new: Tensor) -> Tensor:
            result = assign(x, new)
            if self._is_mine():
                self.assigned(x, new)
            return result

        return assigned

    def _calling(self, call: Callable) -> Callable:
        def called(module: Module, *args: Any, **kwargs: Any) -> Any:
            if not self._is_mine():
                return call(module, *args, **kwargs)
            self.running.append(module)
            try:
                self.entered(module)
                result = call(module, *args, **kwargs)
                self.called(module, args, kwargs, result)
            finally:
                self.running.pop()
            return result

        return called

    def _eagerly(self, call: Callable) -> Callable:
        def called(function: TracedFunction, *args: Any, **kwargs: Any) -> Any:
            return (function.f if self._is_mine() else call.__get__(function))(*args, **kwargs)

        return called

    def _pulling(self, pull: Callable) -> Callable:
        def pulled(node: Node, grads: list, *rest: Any) -> Any:
            arrived = list(grads)
            result = pull(node, grads, *rest)
            if self._is_mine():
                self.pulled(node, arrived, result)
            return result

        return pulled

    def path(self) -> str:
        """Where in the model the code runs: the name of the innermost module, or the types of all
        that run if the model was not given.
        """
        for module in reversed(self.running):
            if module in self.names:
                return self.names[module] or type(module).__name__
        return " › ".join(type(m).__name__ for m in self.running)


def with_their_own(cls: type, name: str) -> Iterator[type]:
    """A class and all below it that define a method themselves."""
    if name in cls.__dict__:
        yield cls
    for below in cls.__subclasses__():
        yield from with_their_own(below, name)


def names_of(model: Module) -> dict[Module, str]:
    """The dotted name of every module, "" for the model itself; a shared one has its first."""
    return {module: name for name, module in model.named_modules()}


@contextlib.contextmanager
def trained_for_a_while(model: Module) -> Iterator[None]:
    """A block in which a model may be trained: at its end parameters and buffers are what they were. It is the model itself,
    not a copy, so that a loss that looks at its weights sees them move. They have other memory meanwhile: what was computed of them before
    can be differentiated afterwards. Compiled functions run eagerly.
    """
    held = [(x, x.data) for x in [*model.parameters(), *model.buffers()]]
    try:
        for x, value in held:
            x.data = value.clone()
        with Watch(model):
            yield
    finally:
        for x, value in held:
            x.data = value


@contextlib.contextmanager
def unchanged(model: Module | None) -> Iterator[None]:
    """A block after which a model's buffers, gradients and modes, and the default generator, are as
    they were.
    """
    state = get_rng_state()
    if model is None:
        kept: list[tuple[Tensor, Tensor]] = []
        grads: list[tuple[Tensor, Tensor | None]] = []
        training: list[tuple[Module, bool]] = []
    else:
        kept = [(b, b.detach().clone()) for b in model.buffers()]
        grads = [
            (p, None if p.grad is None else p.grad.detach().clone()) for p in model.parameters()
        ]
        training = [(m, m.training) for m in model.modules()]
    try:
        yield
    finally:
        for b, value in kept:
            b.data.copy_(value)
        for p, g in grads:
            p.grad = g
        for m, mode in training:
            if m.training != mode:
                m.training = mode
        set_rng_state(state)
