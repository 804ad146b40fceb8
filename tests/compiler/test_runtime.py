"""Running schedules: every task once, nothing before its barrier, and nobody left hanging."""

from __future__ import annotations

import ctypes
import functools
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings

import numpy as np
import pytest

from chainrule.base import configuration
from chainrule.base.errors import DeviceError
from chainrule.compiler.code import FLOAT, I64, PTR, Code, module
from chainrule.compiler.kernel import kernel_code
from chainrule.compiler.library import Library
from chainrule.compiler.runtime import ENTRY, Entry, Runtime, Schedule
from chainrule.compiler.walking import walker

N = 61  # words in an array, and tasks in most entries


# -------------------------------------------------------------------------------------------------------- kernels


def waiting(c: Code, times) -> None:
    """Do nothing so many times."""
    with c.loop(0, times):
        c.lines.append(
            '  call void asm sideeffect "", ""()'
        )  # or LLVM would see that nothing happens


def mixing(name: str, step: int) -> Code:
    """target[task] = 3 · source[(step · task + 1) % N] + task, after a delay that differs from task to task."""
    c = kernel_code(name)
    arguments, task, _ = c.parameters
    _, place = c.divmod(c.add(c.mul(task, step), 1), N)
    _, delay = c.divmod(c.mul(task, 37), 101)
    with c.loop(0, c.mul(delay, 8)):
        c.lines.append(
            '  call void asm sideeffect "", ""()'
        )  # or LLVM would see that nothing happens
    x = c.load(I64, c.at(c.load(PTR, arguments), place, 8))
    target = c.load(PTR, c.at(arguments, 8))
    c.store(c.add(c.mul(x, 3), task), c.at(target, task, 8))
    return c.finish()


def counting() -> Code:
    """array[task] += 1."""
    c = kernel_code("counting")
    arguments, task, _ = c.parameters
    place = c.at(c.load(PTR, arguments), task, 8)
    c.store(c.add(c.load(I64, place), 1), place)
    return c.finish()


def slowly_counting() -> Code:
    """array[task] += 1, with a long while between reading and writing."""
    c = kernel_code("slowly_counting")
    arguments, task, _ = c.parameters
    place = c.at(c.load(PTR, arguments), task, 8)
    before = c.load(I64, place)
    waiting(c, 200_000)
    c.store(c.add(before, 1), place)
    return c.finish()


def scratching() -> Code:
    """Fills 1000 words of scratch with the task's number, then adds them into array[task]."""
    c = kernel_code("scratching")
    arguments, task, scratch = c.parameters
    with c.loop(0, 1000) as i:
        c.store(task, c.at(scratch, i, 8))
    total = c.variable(I64, c.i64(0))
    with c.loop(0, 1000) as i:
        total.set(c.add(total.get(), c.load(I64, c.at(scratch, i, 8))))
    c.store(total.get(), c.at(c.load(PTR, arguments), task, 8))
    c.store(c.cast("ptrtoint", scratch, I64), c.at(c.load(PTR, c.at(arguments, 8)), task, 8))
    return c.finish()


def subnormal() -> Code:
    """array[task] = product of two floats, which is too small for a normal number."""
    c = kernel_code("subnormal")
    arguments, task, _ = c.parameters
    values = c.load(PTR, arguments)
    product = c.fmul(c.load(FLOAT, values), c.load(FLOAT, c.at(values, 4)))
    c.store(product, c.at(c.load(PTR, c.at(arguments, 8)), task, 4))
    return c.finish()


# Waits for a while until as many threads are inside as arguments[1] says, and if they are, adds one to arguments[2]:
# proof that they run together. (A worker that falls asleep at the very moment of a launch misses that one.)
MEETING = """
declare void @llvm.x86.sse2.pause()
define void @meeting(ptr %arguments, i64 %task, ptr %scratch) #0 {
entry:
  %counter = load ptr, ptr %arguments
  %number.p = getelementptr ptr, ptr %arguments, i64 1
  %number = load i64, ptr %number.p
  %met.p = getelementptr ptr, ptr %arguments, i64 2
  %met = load ptr, ptr %met.p
  %here = atomicrmw add ptr %counter, i64 1 seq_cst
  br label %wait
wait:
  %k = phi i64 [0, %entry], [%k1, %again]
  %now = load atomic i64, ptr %counter seq_cst, align 8
  %all = icmp sge i64 %now, %number
  br i1 %all, label %together, label %again
again:
  call void @llvm.x86.sse2.pause()
  %k1 = add i64 %k, 1
  %long = icmp ugt i64 %k1, 200000
  br i1 %long, label %out, label %wait
together:
  %one = atomicrmw add ptr %met, i64 1 seq_cst
  br label %out
out:
  ret void
}

declare void @llvm.x86.sse.ldmxcsr(ptr)
declare void @llvm.x86.sse.stmxcsr(ptr)
define void @set_state(ptr %state) #0 {
  call void @llvm.x86.sse.ldmxcsr(ptr %state)
  ret void
}
define void @get_state(ptr %state) #0 {
  call void @llvm.x86.sse.stmxcsr(ptr %state)
  ret void
}
"""


@functools.cache
def kernels() -> Library:
    """All of them."""
    codes = [
        mixing("mixing", 5),
        mixing("turning", 1),
        counting(),
        slowly_counting(),
        scratching(),
        subnormal(),
    ]
    return Library(module(codes) + MEETING)


class Work:
    """Arrays and the steps of a schedule over them."""

    def __init__(self):
        self.steps, self.keep = [], []

    def add(self, kernel: str, *arguments: np.ndarray | int, tasks: int = N, barrier: bool = True):
        """Append a kernel over arrays (numbers are passed as they are)."""
        words = [a if isinstance(a, int) else a.ctypes.data for a in arguments]
        table = np.array(words, np.int64)
        self.keep += [table, arguments]
        address = kernels().address(kernel)
        self.steps.append(Entry(address, table.ctypes.data, tasks, barrier))

    def schedule(self, **options) -> Schedule:
        """What was appended."""
        return Schedule(self.steps, keep=(self.keep, kernels()), **options)


def mixed(x: np.ndarray, step: int) -> np.ndarray:
    """What a mixing kernel computes."""
    task = np.arange(N)
    return 3 * x[(step * task + 1) % N] + task


def chain(length: int) -> tuple[Schedule, np.ndarray, np.ndarray]:
    """A schedule in which every entry reads what other tasks of the last one wrote; its array; the result."""
    x, y, work = np.arange(N), np.zeros(N, np.int64), Work()
    expected = chained(x, length)
    for k in range(length):
        name = ("mixing", "turning")[k % 3 == 0]
        work.add(name, *((x, y) if k % 2 == 0 else (y, x)))
    return work.schedule(), (x, y)[length % 2], expected


def chained(x: np.ndarray, length: int) -> np.ndarray:
    """What such a schedule computes."""
    for k in range(length):
        x = mixed(x, (5, 1)[k % 3 == 0])
    return x


def all_take_part(runtime: Runtime, threads: int) -> bool:
    """Whether so many threads are at work at the same time, in one of a hundred runs."""
    for _ in range(100):
        counter, met, work = np.zeros(1, np.int64), np.zeros(1, np.int64), Work()
        work.add("meeting", counter, threads, met, tasks=threads)
        runtime.run(work.schedule())
        if met[0] == threads:
            return True
    return False


def workers() -> list[threading.Thread]:
    """The threads that runtimes have started."""
    gc.collect()
    return [t for t in threading.enumerate() if t.name.startswith("chainrule worker")]


@pytest.fixture(params=[(1, 0.002), (2, 0.002), (2, 0), (4, 0.002), (7, 0)], ids=str)
def runtime(request):
    """Runtimes with one thread, with two, with more than there are processors, with sleepy workers."""
    threads, spin = request.param
    made = Runtime(threads, spin)
    yield made
    del made


# ------------------------------------------------------------------------------------------------------ schedules


def test_the_table_is_made_of_cache_lines():
    schedule = Work().schedule()
    assert len(schedule.table) == 0
    schedule, *_ = chain(3)
    assert ENTRY.itemsize == 64 and schedule.address % 64 == 0
    assert schedule.table["expected"].tolist() == [N] * 3


def test_tasks_are_counted_from_barrier_to_barrier():
    work = Work()
    for tasks, barrier in ((2, False), (3, True), (0, True), (5, False), (7, True), (11, False)):
        work.add("counting", np.zeros(N, np.int64), tasks=tasks, barrier=barrier)
    assert work.schedule().table["expected"].tolist() == [0, 5, 0, 0, 12, 0]


# -------------------------------------------------------------------------------------------------------- running


def test_every_task_runs_once(runtime):
    array = np.zeros(1009, np.int64)
    work = Work()
    for tasks in (1009, 0, 1, 500):
        work.add("counting", array, tasks=tasks)
    schedule = work.schedule()
    for _ in range(100):
        runtime.run(schedule)
    assert array.tolist() == [300] + [200] * 499 + [100] * 509


def test_an_empty_schedule(runtime):
    runtime.run(Work().schedule())


def test_nothing_starts_before_its_barrier(runtime):
    schedule, array, expected = chain(150)
    for _ in range(20):
        runtime.run(schedule)
        assert np.array_equal(array, expected)
        expected = chained(expected, 150)


def test_a_run_ends_after_its_last_task(runtime):
    array, work = np.zeros(7, np.int64), Work()
    work.add("slowly_counting", array, tasks=7)
    schedule = work.schedule()
    for k in range(30):
        runtime.run(schedule)
        assert (array == k + 1).all()


def test_entries_without_a_barrier_are_all_finished_at_the_next(runtime):
    parts = [np.zeros(N, np.int64) for _ in range(5)]
    x, total = np.arange(N), np.zeros(N, np.int64)
    for _ in range(100):
        work = Work()
        for k, part in enumerate(parts):
            part[:] = 0
            work.add("mixing", x, part, barrier=k == 4)
        for part in parts:
            work.add("turning", part, total)
            work.add("counting", total)
        runtime.run(work.schedule())
        assert np.array_equal(total, mixed(mixed(x, 5), 1) + 1)


def test_a_small_schedule_wakes_nobody():
    before = workers()
    made = Runtime(3)
    schedule, array, expected = chain(5)
    schedule.alone = True
    work = Work()
    work.add("counting", np.zeros(N, np.int64))
    assert work.schedule(small=True).alone and not work.schedule().alone
    made.run(schedule)
    assert np.array_equal(array, expected)
    work = Work()
    work.add("counting", np.zeros(N, np.int64), tasks=1)
    work.add("counting", np.zeros(N, np.int64), tasks=1)
    assert work.schedule().alone, "one task at a time is nothing to share"
    assert set(workers()) == set(before)


@pytest.mark.parametrize("spin", [0, 0.002])
@pytest.mark.parametrize("threads", [2, 3])
def test_all_threads_take_part(threads, spin):
    made = Runtime(threads, spin)
    for _ in range(20):
        assert all_take_part(made, threads)


def test_workers_go_to_sleep_and_are_woken():
    made = Runtime(2, spin=0.001)
    for _ in range(5):
        assert all_take_part(made, 2)
        assert made._team.control[0] == 0, "the launch is closed: who wakes now finds nothing"
        while not made._team.control[24]:
            time.sleep(0.001)  # until the worker says that it sleeps


def test_scratch_belongs_to_a_thread(runtime):
    totals, places = np.zeros(N, np.int64), np.zeros(N, np.int64)
    for size in (8000, 8001, 24000, 8000):
        work = Work()
        work.add("scratching", totals, places)
        schedule = work.schedule(scratch=size)
        for _ in range(20):
            totals[:] = -1
            runtime.run(schedule)
            assert np.array_equal(totals, 1000 * np.arange(N))
        assert (places % 64 == 0).all()
        apart = np.diff(np.unique(places))
        assert (apart >= size).all()


# ---------------------------------------------------------------------------------------------------------- stops


def test_python_runs_between_entries(runtime):
    x, y = np.arange(N), np.zeros(N, np.int64)
    seen = []

    def negate():
        seen.append(y.copy())
        y[:] = -y

    work = Work()
    work.steps += [lambda: seen.append("first")]
    work.add("mixing", x, y, barrier=False)  # a stop is a barrier in any case
    work.steps += [negate, negate, negate]
    work.add("turning", y, x)
    work.steps += [lambda: seen.append("last")]
    schedule = work.schedule()
    expected = x.copy()
    for _ in range(20):
        seen.clear()
        runtime.run(schedule)
        half = mixed(expected, 5)
        expected = mixed(-half, 1)
        assert [seen[0], seen[-1]] == ["first", "last"] and len(seen) == 5
        assert np.array_equal(seen[1], half) and np.array_equal(seen[3], half)
        assert np.array_equal(x, expected)


def test_what_a_stop_raises_ends_the_run(runtime):
    array, work = np.zeros(N, np.int64), Work()
    work.add("counting", array)
    work.steps.append(lambda: 1 // 0)
    work.add("counting", array)
    schedule = work.schedule()
    for k in range(5):
        with pytest.raises(ZeroDivisionError):
            runtime.run(schedule)
        assert (array == k + 1).all()
    other, result, expected = chain(5)
    runtime.run(other)
    assert np.array_equal(result, expected)


def test_a_stop_may_run_another_schedule(runtime):
    inner, result, expected = chain(7)
    array, work = np.zeros(N, np.int64), Work()
    work.add("counting", array)
    work.steps.append(lambda: runtime.run(inner))
    work.add("counting", array)
    runtime.run(work.schedule())
    assert np.array_equal(result, expected) and (array == 2).all()


# -------------------------------------------------------------------------------------------------------- callers


def test_callers_on_several_threads_wait_for_each_other(runtime):
    outcomes = []

    def call():
        for _ in range(10):
            schedule, array, expected = chain(40)
            runtime.run(schedule)
            outcomes.append(np.array_equal(array, expected))

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert outcomes == [True] * 40


def test_two_runs_are_never_under_way_at_the_same_time(runtime):
    array = np.zeros(1, np.int64)

    def call():
        work = Work()
        work.add("slowly_counting", array, tasks=1)
        schedule = work.schedule()
        for _ in range(20):
            runtime.run(schedule)

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert array.tolist() == [80]


def child(run) -> int:
    """The exit status of a forked child that does this."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons: threads exist
        pid = os.fork()
    if pid == 0:
        status = 1
        try:
            signal.alarm(60)
            run()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_child_process_has_workers_of_its_own(runtime):
    def check():
        for _ in range(5):
            schedule, array, expected = chain(40)
            runtime.run(schedule)
            assert np.array_equal(array, expected)
        assert all_take_part(runtime, runtime._asked)

    def check_in_a_grandchild():
        assert child(check) == 0

    check()
    for _ in range(3):
        assert child(check) == 0
        assert child(check_in_a_grandchild) == 0
        check()


def test_a_process_may_fork_at_a_stop(runtime):
    array, work, pids = np.zeros(N, np.int64), Work(), []

    def fork():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            pids.append(os.fork())
            if pids[-1] == 0:
                signal.alarm(60)

    work.add("counting", array)
    work.steps.append(fork)
    work.add("counting", array)
    schedule = work.schedule()
    runtime.run(schedule)
    if pids[-1] == 0:
        os._exit(0 if (array == 2).all() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pids[-1], 0)[1]) == 0
    assert (array == 2).all()


def test_the_lock_held_by_another_thread_at_a_fork_is_free_in_the_child():
    made = Runtime(2)
    entered, leave = threading.Event(), threading.Event()
    held = Schedule([lambda: (entered.set(), leave.wait())])
    holder = threading.Thread(target=made.run, args=(held,))
    holder.start()
    entered.wait()
    schedule, *_ = chain(3)
    try:
        assert child(lambda: made.run(schedule)) == 0
    finally:
        leave.set()
        holder.join()


# -------------------------------------------------------------------------------------------------- threads, state


def test_the_number_of_threads_is_followed(monkeypatch):
    monkeypatch.setattr(configuration, "processors", lambda: 3)
    monkeypatch.setattr(configuration, "_threads", None)
    before = len(workers())
    made = Runtime()
    for asked in (3, 2, 1, 3):
        configuration.set_threads(asked)
        schedule, array, expected = chain(20)
        made.run(schedule)
        assert np.array_equal(array, expected)
        assert len(workers()) - before == asked - 1


def test_a_runtime_needs_a_thread():
    with pytest.raises(DeviceError, match="a program needs at least 1 thread, found 0"):
        Runtime(0)


def test_another_processor_is_named(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(DeviceError, match="compiled for x86-64, found riscv64"):
        walker.__wrapped__()


def test_workers_leave_with_their_runtime():
    before = set(workers())
    made = Runtime(3, spin=0.001)
    schedule, *_ = chain(3)
    made.run(schedule)
    own = set(workers()) - before
    assert len(own) == 2
    del made
    assert set(workers()) == before


def test_a_machine_without_another_thread(monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    made = Runtime(4)
    schedule, array, expected = chain(20)
    made.run(schedule)
    assert np.array_equal(array, expected)


def test_subnormals_are_kept_whatever_the_caller_does():
    """The state of the caller, which a new thread inherits, flushes them to zero."""

    def state(name: str, word: ctypes.c_uint32) -> int:
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(kernels().address(name))(ctypes.addressof(word))
        return word.value

    flushing, usual = 0x9FC0, state("get_state", ctypes.c_uint32(0))
    factors, results = np.array([1e-30, 1e-10], np.float32), np.zeros(1000, np.float32)
    counter, met = np.zeros(1, np.int64), np.zeros(1, np.int64)
    for threads in (1, 3):
        made, work = Runtime(threads), Work()
        work.add("meeting", counter, threads, met, tasks=threads)  # so that all compute some
        work.add("subnormal", factors, results, tasks=1000)
        schedule = work.schedule()
        met[:] = 0
        state("set_state", ctypes.c_uint32(flushing))
        try:
            for _ in range(100):
                counter[:], results[:] = 0, 0
                made.run(schedule)
                assert (results.view(np.int32) == 71362).all()
            after = state("get_state", ctypes.c_uint32(0))
        finally:
            state("set_state", ctypes.c_uint32(usual))
        assert met[0] > 0
        assert after & flushing == flushing, "the caller finds its own state again"


# ------------------------------------------------------------------------------------------- ends and interruptions

PRELUDE = """
import os, signal, sys, threading, time
sys.path.insert(0, FOLDER)
from test_runtime import N, Runtime, Work, all_take_part, chain, np
"""


def script(source: str, *flags: str) -> str:
    """What a fresh Python prints; it has to end by itself, well and without a word on stderr."""
    text = PRELUDE.replace("FOLDER", repr(os.path.dirname(__file__))) + textwrap.dedent(source)
    command = [sys.executable, *flags, "-c", text]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_an_interrupt_leaves_nobody_hanging():
    """Ctrl-C at any moment of many runs; afterwards the lock is free and all threads take part."""
    source = """
    runtime = Runtime(2, spin=0.0005)
    work, array = Work(), np.zeros(N, np.int64)
    for _ in range(50):
        work.add("counting", array)
    work.steps.insert(25, lambda: None)
    schedule = work.schedule()
    runtime.run(schedule)
    stop = threading.Event()
    def disturb():
        while not stop.wait(0.003):
            os.kill(os.getpid(), signal.SIGINT)
    disturber = threading.Thread(target=disturb)
    caught = 0
    try:
        disturber.start()
    except KeyboardInterrupt:
        pass
    while caught < 100:
        try:
            while True:
                runtime.run(schedule)
        except KeyboardInterrupt:
            caught += 1
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stop.set()
    disturber.join()
    def run():
        for _ in range(20):
            schedule, array, expected = chain(30)
            runtime.run(schedule)
            assert np.array_equal(array, expected)
            assert all_take_part(runtime, 2)
    other = threading.Thread(target=run)
    other.start()
    other.join()
    run()
    print("right")
    """
    assert script(source) == "right"


@pytest.mark.parametrize("pause", [0, 0.1])
@pytest.mark.parametrize("spin", [0.001, 60])
def test_python_ends_while_workers_spin_or_sleep(pause, spin):
    source = f"""
    runtime = Runtime(3, spin={spin})
    schedule, array, expected = chain(20)
    runtime.run(schedule)
    assert np.array_equal(array, expected)
    time.sleep({pause})
    """
    script(source)


def test_python_ends_while_another_thread_runs_a_schedule():
    source = """
    runtime = Runtime(2)
    def run():
        schedule, *_ = chain(200)
        while True:
            runtime.run(schedule)
    threading.Thread(target=run, daemon=True).start()
    time.sleep(0.1)
    """
    script(source)


def test_a_program_may_run_while_python_ends():
    source = """
    import atexit
    def late():
        schedule, array, expected = chain(20)
        runtime.run(schedule)
        print(np.array_equal(array, expected))
    atexit.register(late)  # called after the workers have been dismissed: they were started later
    runtime = Runtime(2)
    schedule, *_ = chain(20)
    runtime.run(schedule)
    """
    assert script(source) == "True"
