"""Ten thousand compiles and their calls, from several threads, with forks and Ctrl-C in between: nothing hangs, leaks or crashes.

    python benchmarks/soak.py
    python benchmarks/soak.py --compiles 500

Four threads compile small training steps that differ in shapes and activations, call each three times, compare with the same steps run
eagerly, and drop them. The main thread meanwhile forks children that compile and call by themselves, and sends the process SIGINT while it
calls. Memory, threads and open files are read after the first tenth, when every machine code is in the cache, and at the end.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from record import record

import chainrule as cr
from chainrule import nn

THREADS, CALLS, SHAPES, FORK_EVERY, INTERRUPT_EVERY = 4, 3, 12, 400, 700
ACTIVATIONS: tuple[Callable, ...] = (cr.tanh, cr.relu, cr.sigmoid, nn.functional.gelu)
CHILD_SECONDS = 60
MB = 1e6


class Soak:
    """The counts that all threads share, and what went wrong."""

    def __init__(self, compiles: int):
        self.left, self.done = compiles, 0
        self.faults: list[str] = []
        self.lock = threading.Lock()

    def take(self) -> int | None:
        """The number of the next compile; None when all are made, or something went wrong."""
        with self.lock:
            if not self.left or self.faults:
                return None
            self.left -= 1
            return self.left

    def work(self) -> None:
        """What each thread does."""
        while (k := self.take()) is not None:
            try:
                compile_and_call(k)
            except BaseException as fault:
                self.faults.append(repr(fault))
                raise
            with self.lock:
                self.done += 1


def compile_and_call(k: int) -> None:
    """Compile one of the steps, call it, and compare with the same step run eagerly."""
    rng = random.Random(k)
    rows, units = 3 + rng.randrange(SHAPES), 5 + rng.randrange(SHAPES)
    activation = rng.choice(ACTIVATIONS)
    generator = cr.Generator().manual_seed(k)
    x = cr.randn(rows, units, generator=generator)
    start = cr.randn(units, units, generator=generator)

    def trained(compiled: bool) -> tuple[list[float], Any]:
        w = nn.Parameter(start.clone())
        optimizer = cr.optim.SGD([w], lr=0.01, momentum=0.9)

        def step(x: Any) -> Any:
            optimizer.zero_grad()
            loss = activation(x @ w).pow(2).mean()
            loss.backward()
            optimizer.step()
            return loss

        run = cr.compile(step) if compiled else step
        return [run(x).item() for _ in range(CALLS)], w.detach()

    ours, theirs = trained(True), trained(False)
    cr.testing.assert_close(cr.tensor(ours[0]), cr.tensor(theirs[0]), rtol=1e-4, atol=1e-5)
    cr.testing.assert_close(ours[1], theirs[1], rtol=1e-4, atol=1e-5)


def fork(k: int) -> str | None:
    """What went wrong in a child that compiles and calls by itself."""
    pid = os.fork()
    if not pid:
        try:
            compile_and_call(k)
        except BaseException:
            os._exit(1)
        os._exit(0)
    end = time.monotonic() + CHILD_SECONDS
    while time.monotonic() < end:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            code = os.waitstatus_to_exitcode(status)
            return f"a child ended with {code}" if code else None
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return f"a child hung for {CHILD_SECONDS} s"


def interrupt(step: Callable[[], Any]) -> str | None:
    """What went wrong when SIGINT arrived during calls."""
    timer = threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        end = time.monotonic() + CHILD_SECONDS
        while time.monotonic() < end:
            step()
    except KeyboardInterrupt:
        step()  # and it goes on
        return None
    return "SIGINT did not arrive"


def held() -> dict[str, float]:
    """What the process holds: resident memory in 10⁶ bytes, threads, open files."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "memory_mb": round(pages * os.sysconf("SC_PAGE_SIZE") / MB, 1),
        "threads": len(os.listdir("/proc/self/task")),
        "files": len(os.listdir("/proc/self/fd")),
    }


def main() -> None:
    """Run it, and write the evidence."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--compiles", type=int, default=10_000)
    arguments = parser.parse_args()
    weights, x = cr.randn(64, 64), cr.randn(64, 64)
    step = cr.compile(lambda: (x @ weights).tanh().sum())
    step()
    soak = Soak(arguments.compiles)
    workers = [threading.Thread(target=soak.work, daemon=True) for _ in range(THREADS)]
    start = time.monotonic()
    for worker in workers:
        worker.start()
    forks = interrupts = 0
    early: dict[str, float] | None = None
    while any(worker.is_alive() for worker in workers):
        wrong = None
        if soak.done >= FORK_EVERY * (forks + 1):
            forks += 1
            wrong = fork(forks)
        elif soak.done >= INTERRUPT_EVERY * (interrupts + 1):
            interrupts += 1
            wrong = interrupt(step)
        elif early is None and soak.done >= arguments.compiles // 10:
            early = held()
        else:
            time.sleep(0.01)
        if wrong:
            soak.faults.append(wrong)
    late = held()
    assert not soak.faults, soak.faults
    assert soak.done == arguments.compiles
    assert early is not None
    record(
        "soak",
        what="Compiles of small training steps from four threads, each called three times and compared with the eager step, with forked "
        "children and SIGINT in between; memory in 10^6 bytes, threads and open files after a tenth and at the end",
        seeds=[],
        result={
            "compiles": soak.done,
            "calls": soak.done * CALLS,
            "forks": forks,
            "interrupts": interrupts,
            "faults": len(soak.faults),
            "after_a_tenth": early,
            "at_the_end": late,
            "seconds": round(time.monotonic() - start, 1),
        },
    )


if __name__ == "__main__":
    main()
