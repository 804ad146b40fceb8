"""Ctrl-C, the polite way: the first asks, the second stops."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

__all__ = ["first_interrupt"]


@contextlib.contextmanager
def first_interrupt(ask: Callable[[], None]) -> Iterator[None]:
    """While the block runs, the first SIGINT calls `ask()`; the second raises KeyboardInterrupt, as
    it would without this.

    Signals reach only the main thread: in another thread the block runs as it is. A process that
    was started with SIGINT ignored (a shell's background job) goes on ignoring it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        yield
        return

    def on_first(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        ask()

    signal.signal(signal.SIGINT, on_first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
