"""Modules that a script calls become machine code, without a word about it in the script (`compile_modules`); and
`torch.compile` in a script, which never fails for what a program cannot contain.

A script cannot be compiled as a whole, because what it prints, reads and decides is Python. Its modules can: what
goes in and comes out of them is tensors, and gradients flow through.
"""

from __future__ import annotations

import functools
import threading
import warnings
import weakref
from collections.abc import Callable
from typing import Any

from ..base.errors import ChainruleError
from ..compiler.compiled import Compiled, compile_in_place, twin_of
from ..compiler.compiled import compile as compile_strictly
from ..nn import Module
from ..tape.modes import modes

__all__ = ["compile", "compile_module", "compile_modules"]

_eager_call = Module.__call__
_seen: weakref.WeakSet[Module] = weakref.WeakSet()


class _Depth(threading.local):
    inside = False  # a module that another one calls is part of the other's program


_depth = _Depth()


class Yielding(Compiled):
    """A compiled function that runs eagerly once a call could not be written down as a program, which it says."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.runs_eagerly or modes.trace is not None:
            return self.f(*args, **kwargs)
        try:
            return super().__call__(*args, **kwargs)
        except ChainruleError as error:
            # if this fails too it was not about the compiler: the call is wrong, and the next may be right
            out = self.f(*args, **kwargs)
            reason = str(error).splitlines()[0]
        self.runs_eagerly = True
        owner = getattr(self.f, "__self__", self.f)
        name = type(owner).__name__ if isinstance(owner, Module) else self.f.__name__
        warnings.warn(f"{name} runs eagerly: {reason}", stacklevel=2)
        return out


@functools.wraps(compile_strictly)
def compile(model: Callable | None = None, **options: Any) -> Any:
    """`chainrule.compile`, but as PyTorch's: what cannot be compiled runs eagerly, which is said once, unless
    `fullgraph=True`.
    """
    if model is None:
        return functools.partial(compile, **options)
    made = compile_strictly(model, **options)
    if options.get("fullgraph") or made is model:
        return made
    strict = made if isinstance(made, Compiled) else made._compiled
    lenient = Yielding(model, None if strict.runs_eagerly else strict.make)
    return lenient if made is strict else twin_of(model, lenient)


def compile_module(self: Module, **options: Any) -> None:
    """`Module.compile`, with this `compile`."""
    compile_in_place(self, compile, **options)


def compile_modules() -> None:
    """From now on each module with parameters that is called, but not by another module, is compiled at its first
    call. One whose `forward` cannot be written down as a program runs eagerly, which is said once.

    Python of a `forward` that is not about tensors, such as a `print`, runs while the program is written and not again.
    """
    Module.__call__ = _call  # type: ignore[method-assign]


def _call(self: Module, *args: Any, **kwargs: Any) -> Any:
    if _depth.inside or modes.trace is not None:
        return _eager_call(self, *args, **kwargs)
    if self not in _seen:
        _seen.add(self)
        if next(self.parameters(), None) is not None:
            compile_module(self)
    _depth.inside = True
    try:
        return _eager_call(self, *args, **kwargs)
    finally:
        _depth.inside = False
