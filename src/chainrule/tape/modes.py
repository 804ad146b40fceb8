"""Switches of the current thread, and the four doors between a traced function and Python that
must run again at each call.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from ..base.modes import modes

__all__ = [
    "afterwards", "cell", "effect", "enable_grad", "inference_mode", "is_grad_enabled",
    "is_inference_mode_enabled", "modes", "no_grad", "outside", "set_grad_enabled",
]  # fmt: skip


def is_grad_enabled() -> bool:
    """Whether ops on tensors that require a gradient are recorded."""
    return modes.grad


def is_inference_mode_enabled() -> bool:
    """Whether `inference_mode` is on."""
    return modes.inference


class _Switch:
    """A `with` block or a decorator that sets the gradient mode and puts back what was."""

    def __init__(self, on: bool):
        self.on = on
        self.before: list[bool] = []

    def __enter__(self) -> None:
        self.before.append(modes.grad)
        modes.grad = self.on

    def __exit__(self, *exc: object) -> None:
        modes.grad = self.before.pop()

    def again(self) -> _Switch:
        """A fresh switch of the same kind."""
        return _Switch(self.on)

    def __call__(self, f: Callable) -> Callable:
        if inspect.isgeneratorfunction(f):
            return self._generator(f)

        @functools.wraps(f)
        def switched(*args: Any, **kwargs: Any) -> Any:
            with self.again():
                return f(*args, **kwargs)

        return switched

    def _generator(self, f: Callable) -> Callable:
        """A generator whose body runs switched, and whose caller does not."""

        @functools.wraps(f)
        def switched(*args: Any, **kwargs: Any) -> Any:
            steps, sent = f(*args, **kwargs), None
            while True:
                with self.again():
                    try:
                        value = steps.send(sent)
                    except StopIteration as end:
                        return end.value
                sent = yield value

        return switched


class no_grad(_Switch):
    """Nothing is recorded: `with no_grad(): …` or `@no_grad()`.

    >>> import chainrule as cr
    >>> w = cr.ones(2, requires_grad=True)
    >>> with cr.no_grad():
    ...     y = w * 2
    >>> y.requires_grad
    False
    """

    def __new__(cls, f: Callable | None = None) -> Any:
        switch = super().__new__(cls)
        if f is None:
            return switch
        cls.__init__(switch)  # used as a bare decorator: @no_grad
        return switch(f)

    def __init__(self) -> None:
        super().__init__(False)


class enable_grad(_Switch):
    """Recording is on, inside a `no_grad` too."""

    def __new__(cls, f: Callable | None = None) -> Any:
        switch = super().__new__(cls)
        if f is None:
            return switch
        cls.__init__(switch)
        return switch(f)

    def __init__(self) -> None:
        super().__init__(True)


class set_grad_enabled(_Switch):
    """Sets the mode at once, and puts it back at the end when used as a `with` block."""

    def __init__(self, mode: bool):
        super().__init__(bool(mode))
        self.before.append(modes.grad)
        modes.grad = self.on

    def __enter__(self) -> None:
        modes.grad = self.on

    def __exit__(self, *exc: object) -> None:
        modes.grad = self.before[0]

    def __call__(self, f: Callable) -> Callable:
        modes.grad = self.before[0]  # used as a decorator: nothing changes until the function runs
        return _Switch(self.on)(f)


class inference_mode(_Switch):
    """As `no_grad`, with its own query, `is_inference_mode_enabled`.

    PyTorch also bars the results from any later graph, which buys it speed. Nothing is to be gained
    here, so results are ordinary tensors without history.
    """

    def __init__(self, mode: bool = True):
        super().__init__(not mode)
        self.mode = mode
        self.inference_before: list[bool] = []

    def __enter__(self) -> None:
        self.inference_before.append(modes.inference)
        super().__enter__()
        modes.inference = self.mode

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        modes.inference = self.inference_before.pop()

    def again(self) -> _Switch:
        return inference_mode(self.mode)


def cell(read: Callable[[], float]) -> Any:
    """A Python number that may change between calls (a learning rate): its value now, or in a trace
    a 0-d input read at each call.

    The result promotes like a Python number. Compute with it; do not branch on it or pass it to
    `math`.
    """
    return read() if modes.trace is None else modes.trace.cell(read)


def effect(run: Callable[[], Any]) -> None:
    """Runs `run()`; in a trace, instead, it runs at each call of the traced function, in order
    with the cells and other effects.
    """
    if modes.trace is None:
        run()
    else:
        modes.trace.effect(run)


def afterwards(run: Callable[[], Any]) -> None:
    """Runs `run()`; in a trace, instead, it runs at the end of each call of the traced function,
    when the tensors that the call has written are there. Doing it twice must do no harm.
    """
    if modes.trace is None:
        run()
    else:
        modes.trace.afterwards(run)


@contextlib.contextmanager
def outside() -> Iterator[None]:
    """A block that is executed for real even while a trace is being written: state that a first
    step creates is made in it.
    """
    before, modes.trace = modes.trace, None
    try:
        yield
    finally:
        modes.trace = before
