"""Functions a user hangs on an optimizer: around its step, and around saving and loading.

| when | called as | what it returns |
|---|---|---|
| before a step | hook(optimizer, args, kwargs) | None, or new (args, kwargs) |
| after a step | hook(optimizer, args, kwargs) | |
| before `state_dict` | hook(optimizer) | |
| after `state_dict` | hook(optimizer, state_dict) | None, or another state dict |
| before `load_state_dict` | hook(optimizer, copy of state_dict) | None, or another state dict |
| after `load_state_dict` | hook(optimizer) | |

Under a trace they run once, with the rest of the step's Python.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ..base.handles import RemovableHandle

__all__ = ["Hooked", "with_hooks"]

_KINDS = (
    "_step_pre_hooks", "_step_post_hooks", "_state_dict_pre_hooks", "_state_dict_post_hooks",
    "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks",
)  # fmt: skip


class Hooked:
    """What an optimizer knows of hooks. They are left behind when it is copied or pickled."""

    def __init__(self) -> None:
        self._stepped = False  # lr_scheduler warns if it is stepped first
        self._stepping = False
        self._without_hooks()

    def _without_hooks(self) -> None:
        for kind in _KINDS:
            setattr(self, kind, OrderedDict())

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in _KINDS}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._without_hooks()

    def register_step_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before each step; it may return other ``(args,
        kwargs)``.

        Example:
            >>> optimizer = optim.SGD([nn.Parameter(ones(1))])
            >>> with optimizer.register_step_pre_hook(lambda o, args, kwargs: print("a step")):
            ...     optimizer.step()
            a step
        """
        return RemovableHandle.of(self._step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return RemovableHandle.of(self._step_post_hooks, hook)

    def register_state_dict_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer)`` before ``state_dict``; with ``prepend`` before the other hooks."""
        return RemovableHandle.of(self._state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` on what ``state_dict`` made; it may change it or
        return another.
        """
        return RemovableHandle.of(self._state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` on a shallow copy of what is to be loaded; it may
        change it or return another.
        """
        return RemovableHandle.of(self._load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer)`` after ``load_state_dict``."""
        return RemovableHandle.of(self._load_state_dict_post_hooks, hook, prepend)

    def _through(self, hooks: OrderedDict, state_dict: dict[str, Any]) -> dict[str, Any]:
        """A state dict after hooks that may replace it."""
        for hook in hooks.values():
            found = hook(self, state_dict)
            if found is not None:
                state_dict = found
        return state_dict


def with_hooks(step: Callable) -> Callable:
    """A ``step`` method with the hooks around it: once, even if it calls that of its base."""

    @functools.wraps(step)
    def hooked(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self._stepping:
            return step(self, *args, **kwargs)
        self._stepping = True
        try:
            for hook in list(self._step_pre_hooks.values()):
                changed = hook(self, args, kwargs)
                if changed is not None:
                    args, kwargs = _arguments(hook, changed)
            result = step(self, *args, **kwargs)
            self._stepped = True
            for hook in list(self._step_post_hooks.values()):
                hook(self, args, kwargs)
        finally:
            self._stepping = False
        return result

    return hooked


def _arguments(hook: Callable, changed: Any) -> tuple[tuple, dict]:
    if not (isinstance(changed, tuple) and len(changed) == 2):
        raise TypeError(
            f"a step pre hook must return None or a tuple of (new_args, new_kwargs), but {hook} "
            f"returned {changed!r}"
        )
    return changed
