"""Running kernels: every thread walks the same list, and takes whatever task is free.

A `Schedule` is the list: entries (a kernel, its arguments, how many tasks) and stops (Python calls
between them). `Runtime.run` goes through it in one native call from stop to stop. A thread at an
entry draws task numbers from the entry's counter until none is left, then goes on to the next one.
After a barrier nothing starts before everything so far is finished.

A barrier counts finished *tasks*, not arriving threads. So nobody is waited for who has nothing to
do: the caller begins at once and finds the help it gets, a thread that still sleeps or that the
system has put aside holds nothing up, and more threads than processors do no harm. Tasks write
separate memory, so the result does not depend on who runs what.

Between two launches workers spin inside native code, without Python's lock, for as long as it takes
a training loop to come round again; waking a thread that sleeps costs a hundred times more than the
launch itself. After that they return to Python and sleep on a lock, their bell, which the next
caller rings. `walking` has that native code.

Threads compute as IEEE says, subnormals included, whatever state their Python code was in.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..base.configuration import threads
from ..base.errors import DeviceError
from ..base.locks import Lock
from .walking import ACTIVE, ASLEEP, LAUNCH, QUIT, SCRATCH, SPIN, STRIDE, WORKERS, Walker, walker

__all__ = ["ENTRY", "Entry", "Runtime", "Schedule", "runtime"]


# ----------------------------------------------------------------------------------- schedules

ENTRY = np.dtype([
    ("function", "u8"),   # void(ptr arguments, i64 task, ptr scratch)
    ("arguments", "u8"),
    ("tasks", "i8"),
    ("counter", "i8"),    # the next task to be taken
    ("finished", "i8"),   # at a barrier: tasks finished since the one before
    ("expected", "i8"),   # at a barrier: how many those will be
    ("barrier", "i8"),
    ("stop", "i8"),
])  # fmt: skip
"""A line of the table that threads walk: 64 bytes, a cache line, so that neighbours are not
disturbed when a counter moves."""


class Entry(NamedTuple):
    """A kernel to run: the addresses of its function and of its arguments, its number of tasks,
    and whether the next entry must wait until this one, and all before it, are finished.
    """

    function: int
    arguments: int
    tasks: int
    barrier: bool = True


class Schedule:
    """A list of entries, and of Python functions to call between them (stops).

    Args:
        steps: in order. A function is called once all entries before it are finished.
        scratch: bytes of memory each thread needs for itself.
        small: whether all of it is too little work to be shared out.
        keep: whatever owns the memory of functions and arguments.

    Attributes:
        table: the entries as threads read them, dtype `ENTRY`; `arguments` may be changed between
            runs.
    """

    def __init__(
        self,
        steps: Sequence[Entry | Callable[[], Any]],
        *,
        scratch: int = 0,
        small: bool = False,
        keep: Any = None,
    ):
        self.scratch, self.keep = scratch, keep
        self.table = _aligned((len(steps) + 1) * ENTRY.itemsize).view(ENTRY)[: len(steps)]
        self.address = self.table.ctypes.data
        self.stops: dict[int, Callable[[], Any]] = {}
        widest = together = 0
        for k, step in enumerate(steps):
            line = self.table[k]
            if not isinstance(step, Entry):
                line["stop"] = 1
                self.stops[k] = step
                together = 0
                continue
            assert step.function and step.tasks >= 0, step
            line["function"], line["arguments"] = step.function, step.arguments
            line["tasks"], line["barrier"] = step.tasks, step.barrier
            together += step.tasks
            widest = max(widest, together)
            if step.barrier:
                line["expected"] = together
                together = 0
        self.alone = small or widest <= 1


def _aligned(size: int) -> np.ndarray:
    """Bytes, zero, that start at a multiple of 64."""
    memory = np.zeros(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size]


# ------------------------------------------------------------------------------------ threads


class _Team:
    """The caller and its workers, their control block and scratch memory."""

    def __init__(self, size: int, spin: float):
        self.size = size
        self.native = walker()
        self.control = _aligned((ASLEEP + 8 * size) * 8).view(np.int64)
        self.control[SPIN] = int(spin * 1e9)
        self.address = self.control.ctypes.data
        self.scratch: np.ndarray = _aligned(0)
        self.scratch_address = self.scratch_bytes = 0
        self.bells: list[Any] = []
        self.workers: list[threading.Thread] = []
        self.started = False
        # Also at exit. Workers know nothing of the team, so it goes when its runtime does.
        self.dismiss = weakref.finalize(self, _dismiss, self.control, self.bells, self.workers)

    def start(self) -> None:
        """Start the workers."""
        self.started = True
        for k in range(self.size - 1):
            bell = threading.Lock()
            bell.acquire()
            worker = threading.Thread(
                target=_work,
                args=(self.native, self.control, self.address, k, bell),
                name=f"chainrule worker {k + 1}",
                daemon=True,
            )
            try:
                worker.start()
            except RuntimeError:  # no more threads, or none because Python is ending: go on without
                break
            self.bells.append(bell)
            self.workers.append(worker)
            self.control[WORKERS] = len(self.workers)

    def reserve(self, size: int) -> None:
        """Scratch memory of at least this many bytes for each thread."""
        stride = -(-size // 64) * 64
        self.scratch = _aligned(stride * self.size)
        self.scratch_bytes, self.scratch_address = stride, self.scratch.ctypes.data
        self.control[SCRATCH], self.control[STRIDE] = self.scratch_address, stride

    def launch(self, table: int, first: int, count: int) -> int:
        """From one stop to the next; workers that sleep are woken and not waited for."""
        position = self.native.launch(self.address, table, first, count, 0)
        if position < 0:
            for k, bell in enumerate(self.bells):
                if self.control[ASLEEP + 8 * k]:
                    _ring(bell)
            position = self.native.launch(self.address, table, first, count, 1)
        return position

    def abandon(self) -> None:
        """In a child process: the workers are not here, whatever they were doing."""
        self.dismiss.detach()
        self.control[[LAUNCH, ACTIVE, WORKERS]] = 0


def _work(native: Walker, control: np.ndarray, address: int, k: int, bell: Any) -> None:
    """What a worker does: spin, work, sleep; `control` is held so that its memory stays."""
    while not native.work(address, k):
        bell.acquire()


def _ring(bell: Any) -> None:
    """Wake the worker that waits for it. Rung already, it stays rung: only callers release it, one
    at a time.
    """
    if bell.locked():
        bell.release()


def _dismiss(control: np.ndarray, bells: list[Any], workers: list[threading.Thread]) -> None:
    control[QUIT] = 1
    for bell in bells:
        _ring(bell)
    for worker in workers:
        if worker is not threading.current_thread():  # the collector runs wherever it likes
            worker.join(timeout=10)


_runtimes: weakref.WeakSet[Runtime] = weakref.WeakSet()


class Runtime:
    """Runs schedules, one at a time; callers on other threads wait.

    Workers start with the first run that has work for them.

    Args:
        threads: how many, the caller included; by default what `set_num_threads` says, followed
            when it changes.
        spin: seconds that workers wait awake for the next launch.
    """

    def __init__(self, threads: int | None = None, spin: float = 0.002):
        if threads is not None and threads < 1:
            raise DeviceError(f"a program needs at least 1 thread, found {threads}")
        self._asked, self._spin = threads, spin
        self._lock = Lock()  # a stop may call another compiled program
        self._team: _Team | None = None
        _runtimes.add(self)

    def run(self, schedule: Schedule) -> None:
        """Run every entry and stop. What a stop raises ends the run and is passed on."""
        with self._lock:
            team = self._team
            if team is None or team.size != (self._asked or threads()):
                team = self._assembled()
            if schedule.scratch > team.scratch_bytes:
                team.reserve(schedule.scratch)
            table, count, position = schedule.address, len(schedule.table), 0
            alone = schedule.alone or team.size == 1
            if not (alone or team.started):
                team.start()
            while True:
                if alone:
                    scratch = team.scratch_address
                    position = team.native.alone(table, position, count, scratch)
                else:
                    position = team.launch(table, position, count)
                if position == count:
                    return
                schedule.stops[position]()
                position += 1

    def _assembled(self) -> _Team:
        if self._team is not None:
            self._team.dismiss()
        self._team = _Team(self._asked or threads(), self._spin)
        return self._team

    def _forked(self) -> None:
        """In a child process: workers have to be started anew."""
        if self._team is not None:
            self._team.abandon()
            self._team = None


def _forked() -> None:
    for each in _runtimes:
        each._forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)

runtime = Runtime()
"""The one that compiled programs share: two would fight for the same processors."""
