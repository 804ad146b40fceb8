"""Locks that a forked child can take."""

from __future__ import annotations

import os
import threading
import weakref

__all__ = ["Lock"]


class Lock:
    """A reentrant lock for `with`. In a forked child it is free, unless the thread that forked holds it: the others
    that may have held it are not there.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        _locks.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *error: object) -> None:
        self._lock.release()

    def _forked(self) -> None:
        if self._lock.acquire(blocking=False):
            self._lock.release()
        else:
            self._lock = threading.RLock()


_locks: weakref.WeakSet[Lock] = weakref.WeakSet()


def _forked() -> None:
    for lock in _locks:
        lock._forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
