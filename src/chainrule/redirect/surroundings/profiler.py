"""PyTorch's `torch.profiler` and `torch.autograd.profiler`: ranges can be named, and nothing takes their times.

A program that names its ranges runs as if there were no profiler on, which is so. One that starts a profiler is told what to use.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any

from .absent import absent_in

__all__ = ["emit_nvtx", "record_function"]


class record_function(contextlib.ContextDecorator):
    """A range with a name: a `with` block, or the decorator of a function. No profiler sees it.

    >>> with record_function("attention"):
    ...     print("computed")
    computed
    """

    def __init__(self, name: str, args: str | None = None):
        self.name, self.args = name, args

    def __call__(self, f: Callable) -> Callable:
        @functools.wraps(f)
        def named(*args: Any, **kwargs: Any) -> Any:
            with self:
                return f(*args, **kwargs)

        return named

    def __enter__(self) -> record_function:
        return self

    def __exit__(self, *exception: Any) -> None:
        pass


class emit_nvtx(contextlib.nullcontext):
    """A block whose ops a profiler of CUDA would see: there is none."""

    def __init__(self, enabled: bool = True, record_shapes: bool = False):
        super().__init__(self)


emit_itt = emit_nvtx


__getattr__ = absent_in("profiler")
