"""Locks that a forked child can take."""

from __future__ import annotations

import os
import threading
import weakref

__all__ = ["Lock"]


class Lock(type(threading.RLock())):  # type: ignore[misc]
    """A reentrant lock. In a forked child it is free, unless the thread that forked holds it: the others that may have
    held it are not there.

    A subclass and no wrapper: `with` enters and leaves it in C, where Ctrl-C cannot come between.
    """

    def __init__(self) -> None:
        _locks.add(self)

    def _forked(self) -> None:
        if self.acquire(blocking=False):
            self.release()
        else:
            self._at_fork_reinit()


_locks: weakref.WeakSet[Lock] = weakref.WeakSet()


def _forked() -> None:
    for lock in _locks:
        lock._forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
