"""Calling a traced function: which program fits this call, what it is fed, where its results go.

A program is made for one *situation*. What belongs to it is checked at every call (the guards): the
arguments' structure, shapes, dtypes, stride class and aliasing; the gradient mode; each captured
tensor's memory, tie to the tape and hooks; what each `.grad` that is read was; the structure of
every module that was called. Anything else in Python is a constant of the program. A call that fits
no program makes a new one.

A program is run by an *executor*, made once for it: `make(program, donated)` with a method
`run(values, into)`.

- `values`: a raw array or a Python number for each input. Arrays are C-contiguous, but for
  arguments, which lie as their tensors do; how they lie never changes between calls.
- `into`: for each output the array it is written to, or None for a fresh one. Outputs are distinct
  variables, each made by an equation.
- `donated`: output place → input place, where `into` is (unless it is None) that input's own
  memory: a tensor from outside that the program writes. Everything is computed as if `into` were
  written at the end.
- it returns the arrays, C-contiguous, none sharing memory with an input or another output unless
  `into` does.

Beyond `trace`, an executor may have `explain()` (text), and `from_cache` (a bool).
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from types import FunctionType
from typing import Any

from ..base.locks import Lock
from ..base.modes import modes
from ..tensors.core import Tensor
from .arguments import need_hashable, situation
from .capture import Capture
from .interpret import Interpreted
from .ir import Program
from .memory import Gradients

__all__ = ["TracedFunction", "trace"]

_tracing = threading.RLock()
"""One trace at a time: while one is written, the tensors it uses hold Tracers. A fork waits for its end, so
that no child begins with half of one.
"""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_tracing.acquire,
        after_in_parent=_tracing.release,
        after_in_child=_tracing.release,
    )


class TracedFunction:
    """A function that runs as a program. `programs` are those written so far, the first first."""

    is_open = False  # whether gradients flow out

    def __init__(self, f: Callable, make: Callable = Interpreted):
        # a module's attributes are its own; a function's are taken over
        functools.update_wrapper(
            self, f, updated=("__dict__",) if isinstance(f, FunctionType) else ()
        )
        self.f, self.make = f, make
        self.captures: dict[Any, list[Capture]] = {}
        self.last: Capture | None = None  # the program of the last call: most often this one's
        self.gradients = Gradients()
        self.lock = Lock()

    @property
    def programs(self) -> list[Program]:
        """The programs, in the order in which they were written."""
        return [p for group in self.captures.values() for c in group for p in c.programs]

    def capture(self, *args: Any, **kwargs: Any) -> Capture:
        """The program for a call, written if there is none that fits."""
        leaves: list[Tensor] = []
        with self.lock:
            key = situation(args, kwargs, leaves)
            return self._found(key, leaves) or self._written(key, args, kwargs)

    def _found(self, key: tuple, leaves: list[Tensor]) -> Capture | None:
        c = self.last
        if c is not None and c.key == key and c.fits(leaves):
            return c
        need_hashable(key)
        for c in self.captures.get(key, ()):
            if c.fits(leaves):
                self.last = c
                return c
        return None

    def _written(self, key: tuple, args: tuple, kwargs: dict) -> Capture:
        with _tracing:
            c = Capture(self.f, args, kwargs, self.make, self.is_open, self.gradients, self.lock)
        self.captures.setdefault(key, []).append(c)
        self.last = c
        return c

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if modes.trace is not None:
            # inside another trace: its equations become part of that program
            return self.f(*args, **kwargs)
        leaves: list[Tensor] = []
        with self.lock:
            key = situation(args, kwargs, leaves)
            c = self._found(key, leaves) or self._written(key, args, kwargs)
            return c.run(leaves)


def trace(f: Callable) -> TracedFunction:
    """Trace a function of tensors: the first call writes a program, every call runs one with the
    plain NumPy interpreter.

    The function may do what a training step does: call modules, backward, step an optimizer, write
    in place, draw random numbers. What a program cannot contain raises a TraceError with the line.
    """
    return TracedFunction(f)
