"""Modules that a script calls become machine code, without a word about it in the script.

A script cannot be compiled as a whole, because what it prints, reads and decides is Python. Its modules can: what
goes in and comes out of them is tensors, and gradients flow through.
"""

from __future__ import annotations

import threading
import warnings
import weakref
from typing import Any

from ..base.errors import ChainruleError
from ..nn import Module
from ..tape.modes import modes

__all__ = ["compile_modules"]

_eager_call = Module.__call__
_seen: weakref.WeakSet[Module] = weakref.WeakSet()


class _Depth(threading.local):
    inside = False  # a module that another one calls is part of the other's program


_depth = _Depth()


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
            self.compile()  # type: ignore[attr-defined]
    _depth.inside = True
    try:
        return _eager_call(self, *args, **kwargs)
    except ChainruleError as error:
        if "forward" not in vars(self):
            raise
        compiled = vars(self).pop("forward")
        try:
            out = _eager_call(self, *args, **kwargs)
        except BaseException:
            # it was not about the compiler: the call is wrong, and the next may be right
            self.forward = compiled
            raise
        reason = str(error).splitlines()[0]
        warnings.warn(f"{type(self).__name__} runs eagerly: {reason}", stacklevel=2)
        return out
    finally:
        _depth.inside = False
