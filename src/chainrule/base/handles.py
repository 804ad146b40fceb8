"""What registering a function returns: a handle that takes it off again."""

from __future__ import annotations

import itertools
import weakref
from collections import OrderedDict
from typing import Any

from .modes import structure

__all__ = ["RemovableHandle"]


class RemovableHandle:
    """What registering a hook returns: ``handle.remove()`` takes the hook off again; also a context
    manager.

    Example:
        >>> from chainrule import nn, zeros
        >>> layer = nn.ReLU()
        >>> with layer.register_forward_hook(lambda module, args, output: output + 1):
        ...     print(layer(zeros(1)))
        tensor([1.])
    """

    _ids = itertools.count()

    def __init__(self, hooks: OrderedDict) -> None:
        self.id = next(RemovableHandle._ids)
        self._hooks = weakref.ref(hooks)

    @classmethod
    def of(cls, hooks: OrderedDict, hook: Any, prepend: bool = False) -> RemovableHandle:
        """Put a hook at the end of ``hooks``, or with ``prepend`` at the beginning; its handle."""
        handle = cls(hooks)
        hooks[handle.id] = hook
        if prepend:
            hooks.move_to_end(handle.id, last=False)
        structure.changed()
        return handle

    def remove(self) -> None:
        """Take the hook off; a second call does nothing."""
        hooks = self._hooks()
        if hooks is not None:
            hooks.pop(self.id, None)
            structure.changed()

    def __getstate__(self) -> tuple[OrderedDict | None, int]:
        return self._hooks(), self.id

    def __setstate__(self, state: tuple[OrderedDict | None, int]) -> None:
        """A copy takes its hook off the copy of the module."""
        hooks, self.id = state
        self._hooks = weakref.ref(OrderedDict() if hooks is None else hooks)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()
