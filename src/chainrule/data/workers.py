"""Worker processes: a pool of them fetches batches ahead of the one who asks.

Each worker hangs on a socket. Requests go down it, batches come up: a pickle of the structure, and
the arrays' bytes behind it, which are received straight into the memory of the tensors. In a worker a
second thread sends, so that the next batch is made while one is on its way; what is ahead lies in the
worker's memory until it is asked for. (Shared memory was measured too: for batches of 0.2 to 40 MB
mapping and faulting in fresh pages cost more than the copy through the socket, and sockets leave
nothing behind when a process is killed.)

Nothing is shared that a dying process could leave locked. The end of the socket tells a worker that
its parent is gone, and the parent that a worker is: then its exit code says why. Processes are forked
where that is usual (Linux): it takes milliseconds, and locks and threads of compiled programs are made
anew in the child (`compiler.runtime`). Everything in this file that is pickled was made by this program
itself, and no file is involved.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import pickle
import queue
import select
import signal
import socket
import struct
import sys
import threading
import time
import traceback
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from ..base.errors import WorkerError
from .fetch import Fetcher, Request, WorkerInfo, become

__all__ = ["END", "Pool", "default_context"]

HEAD = struct.Struct("<QQ")  # bytes of the pickle, number of buffers
GRACE = 0.5  # seconds that a worker has to end by itself
DYING = 10.0  # seconds after which one whose line is closed has an exit code
RESULT, ERROR, LAST = 0, 1, 2


class _End:
    """What an exhausted worker answers."""


END = _End()


def default_context() -> str:
    """How workers are started: "fork" on Linux, "spawn" elsewhere."""
    return "fork" if sys.platform == "linux" else "spawn"


# -------------------------------------------------------------------------------------- messages


def _packed(value: Any) -> list[bytes]:
    """A value as it travels: its structure pickled, the bytes of its arrays behind it.

    They are copied: a data set may use the same array again for the next sample.
    """
    buffers: list[pickle.PickleBuffer] = []
    text = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    copies = [bytes(buffer.raw()) for buffer in buffers]
    sizes = np.array([len(copy) for copy in copies], np.uint64).tobytes()
    return [HEAD.pack(len(text), len(copies)) + sizes + text, *copies]


class _Reader:
    """Receives from a socket, until a point in time at most.

    Raises:
        EOFError: the other end is closed.
        TimeoutError: nothing came in time.
    """

    def __init__(self, line: socket.socket, deadline: float | None):
        self.line, self.deadline = line, deadline

    def bytes(self, count: int) -> bytearray:
        """The next bytes."""
        out = bytearray(count)
        self.into(memoryview(out))
        return out

    def into(self, view: memoryview) -> None:
        """Fill this memory."""
        done = 0
        while done < len(view):
            if self.deadline is not None:
                left = self.deadline - time.monotonic()
                if left <= 0 or not select.select([self.line], [], [], left)[0]:
                    raise TimeoutError
            count = self.line.recv_into(view[done:])
            if count == 0:
                raise EOFError
            done += count

    def value(self) -> Any:
        """The next value."""
        size, count = HEAD.unpack(self.bytes(HEAD.size))
        sizes = np.frombuffer(self.bytes(8 * count), np.uint64).tolist()
        text = self.bytes(size)
        arrays = [np.empty(n, np.uint8) for n in sizes]
        for array in arrays:
            self.into(memoryview(array))  # type: ignore[arg-type]
        return pickle.loads(text, buffers=arrays)


# ----------------------------------------------------------------------------------- in a worker


def _work(
    line: socket.socket,
    others: list[socket.socket],
    fetcher: Fetcher,
    number: int,
    count: int,
    seed: int,
    init: Callable[[int], None] | None,
) -> None:
    """What a worker process runs: answer requests until the line is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which then ends us
    for other in others:  # inherited ends of lines that are not ours
        other.close()
    become(WorkerInfo(number, count, seed + number, fetcher.dataset))
    answers: queue.SimpleQueue[list[bytes]] = queue.SimpleQueue()
    threading.Thread(target=_answer, args=(line, answers), daemon=True).start()
    threading.Thread(target=_watch, args=(line,), daemon=True).start()
    failed = None
    if init is not None:
        try:
            init(number)
        except Exception as error:
            failed = _described(error, number, "worker_init_fn")
    while True:
        try:
            request = _Reader(line, None).value()
        except (EOFError, OSError):
            return
        answers.put(failed or _answered(fetcher, request, number))


def _watch(line: socket.socket) -> None:
    """The thread that ends the process when the parent closes the line or is gone, whatever the data
    set may be busy with.
    """
    if hasattr(select, "poll"):
        hangup = select.poll()
        hangup.register(line, 0)  # no event but the end of the line
        hangup.poll()
    else:
        parent = multiprocessing.parent_process()
        assert parent is not None
        multiprocessing.connection.wait([parent.sentinel])
    os._exit(0)


def _answered(fetcher: Fetcher, request: Request, number: int) -> list[bytes]:
    try:
        return _packed((RESULT, fetcher.fetch(request)))
    except StopIteration:
        return _packed((LAST, None))
    except Exception as error:  # whatever a data set raises is the user's to see
        return _described(error, number, f"the samples {request.indices!r:.200}")


def _answer(line: socket.socket, answers: queue.SimpleQueue[list[bytes]]) -> None:
    """The thread that sends, while the next batch is made."""
    while True:
        try:
            for piece in answers.get():
                line.sendall(piece)
        except OSError:
            os._exit(0)  # the parent has closed the line


def _described(error: Exception, number: int, what: str) -> list[bytes]:
    """An exception as it travels: itself, if it can be pickled and rebuilt, and its traceback."""
    text = "".join(traceback.format_exception(error))
    text = f"in worker {number} of a DataLoader, for {what}:\n{text}"
    try:
        pickled = pickle.dumps(error)
        pickle.loads(pickled)
    except Exception:
        pickled = None
    return _packed((ERROR, (pickled, text)))


# ----------------------------------------------------------------------------------- the parent


_parents_ends: weakref.WeakSet[socket.socket] = weakref.WeakSet()


class Pool:
    """Worker processes that fetch batches.

    Args:
        fetcher: what each of them gets a copy of.
        count: how many workers there are.
        context: "fork", "spawn", "forkserver", a context of `multiprocessing`, or None.
        timeout: seconds to wait for an answer; 0: for ever.
        init: called with its number in each worker.
        seed: worker k has seed + k.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        count: int,
        context: Any,
        timeout: float,
        init: Callable[[int], None] | None,
        seed: int,
    ):
        if context is None or isinstance(context, str):
            context = multiprocessing.get_context(context or default_context())
        self.count, self.timeout = count, timeout
        self.lines: list[socket.socket] = []
        self.processes: list[Any] = []
        self._finalizer = weakref.finalize(self, _end, self.lines, self.processes)
        forked = context.get_start_method() == "fork"
        for k in range(count):
            ours, theirs = socket.socketpair()
            self.lines.append(ours)
            _parents_ends.add(ours)
            # a copy of any of these in a child would hide from other workers that it was closed
            others = list(_parents_ends) if forked else []
            process = context.Process(
                target=_work,
                args=(theirs, others, fetcher, k, count, seed, init),
                daemon=True,
                name=f"DataLoader worker {k}",
            )
            with warnings.catch_warnings():
                # Python warns of threads at a fork from 3.12 on; see the head of this file
                warnings.filterwarnings("ignore", ".*fork.*", DeprecationWarning)
                process.start()
            theirs.close()
            self.processes.append(process)

    def ask(self, worker: int, request: Request) -> None:
        """Send a request to a worker.

        Raises:
            WorkerError: it has died.
        """
        try:
            for piece in _packed(request):
                self.lines[worker].sendall(piece)
        except OSError as e:
            raise self._died(worker) from e

    def answer(self, worker: int) -> Any:
        """The next answer of a worker, or `END`.

        Raises:
            WorkerError: it has died, or did not answer in time; all workers are ended.
            Exception: what the data set raised, with the worker's traceback as its cause.
        """
        deadline = time.monotonic() + self.timeout if self.timeout > 0 else None
        try:
            kind, value = _Reader(self.lines[worker], deadline).value()
        except TimeoutError:
            pid = self.processes[worker].pid
            self.end()
            raise WorkerError(
                f"DataLoader worker {worker} (process {pid}) did not answer within "
                f"timeout={self.timeout:g} seconds and was ended"
            ) from None
        except (EOFError, OSError) as e:
            raise self._died(worker) from e
        if kind == RESULT:
            return value
        if kind == LAST:
            return END
        pickled, text = value
        self.end()
        if pickled is None:
            raise WorkerError(text)
        raise pickle.loads(pickled) from WorkerError(text)

    def _died(self, worker: int) -> WorkerError:
        process = self.processes[worker]
        process.join(DYING)
        code, pid = process.exitcode, process.pid
        self.end()
        if code is None:
            why = "closed its line"
        elif code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            hint = ": the system ends processes in this way when memory runs out"
            why = f"was killed by {name}{hint if name == 'SIGKILL' else ''}"
        else:
            why = f"ended with exit code {code}"
        return WorkerError(f"DataLoader worker {worker} (process {pid}) {why}")

    def end(self) -> None:
        """Let the workers go; those that do not are killed."""
        self._finalizer()

    @property
    def alive(self) -> bool:
        """Whether `end` was not called yet."""
        return self._finalizer.alive


def _end(lines: list[socket.socket], processes: list[Any]) -> None:
    for line in lines:
        line.close()
    deadline = time.monotonic() + GRACE
    for step in ("terminate", "kill", None):
        for process in processes:
            process.join(max(0.0, deadline - time.monotonic()))
        left = [process for process in processes if process.is_alive()]
        if not left or step is None:
            break
        for process in left:
            getattr(process, step)()
        deadline = time.monotonic() + GRACE
    for process in processes:
        process.close()
    processes.clear()
