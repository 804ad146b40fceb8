"""PyTorch's `torch.utils.checkpoint`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from ..transforms import checkpoint

__all__ = [
    "checkpoint", "checkpoint_sequential", "get_device_states", "noop_context_fn", "set_checkpoint_early_stop",
    "set_device_states",
]  # fmt: skip


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Modules or functions, one after another, cut into segments that are checkpointed; the last one is recorded as always.

    >>> import chainrule as cr
    >>> checkpoint_sequential([cr.neg, cr.abs, cr.neg], 3, cr.ones(2))
    tensor([-1., -1.])

    Raises:
        ValueError: there are no segments, or more than functions.
    """
    steps = list(functions)
    if not 1 <= segments <= len(steps):
        raise ValueError(
            f"{len(steps)} functions are cut into 1 to as many segments, found {segments}"
        )
    size = len(steps) // segments
    for k in range(segments - 1):
        part = steps[k * size : (k + 1) * size]
        input = checkpoint(_chained(part), input, use_reentrant=bool(use_reentrant), **kwargs)
    return _chained(steps[(segments - 1) * size :])(input)


def _chained(steps: Sequence[Callable]) -> Callable:
    """The function that applies some, one after another."""

    def chain(x: Any) -> Any:
        for step in steps:
            x = step(x)
        return x

    return chain


def get_device_states(*args: Any) -> tuple[list, list]:
    """The states of the generators of CUDA devices on which arguments lie: none."""
    return [], []


def set_device_states(devices: Any, states: Any, *, device_type: str | None = None) -> None:
    """Puts such generators, of which there are none, into their states."""


def noop_context_fn() -> tuple:
    """Two `with` blocks in which nothing is different, for the function as it runs first and as it runs again."""
    return contextlib.nullcontext(), contextlib.nullcontext()


def set_checkpoint_early_stop(enable: bool) -> contextlib.AbstractContextManager:
    """A `with` block in which a function that runs again may stop when all that was asked for is there. Without effect: it runs to its end,
    and what it computes is the same.
    """
    return contextlib.nullcontext()
