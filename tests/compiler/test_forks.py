"""A fork while other threads trace, compile and call: the child can do all of it."""

from __future__ import annotations

import os
import signal
import threading

import pytest

import chainrule as cr

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning"
)  # newer Pythons: threads exist


def child(run) -> int:
    """The exit status of a forked child that does this."""
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


def doubled(x):
    return x * 2


def call(f) -> None:
    assert f(cr.ones(3)).tolist() == [2.0, 2.0, 2.0]


def test_a_fork_waits_for_the_end_of_another_threads_trace():
    entered, leave = threading.Event(), threading.Event()

    def slow(x):
        entered.set()
        leave.wait()
        return x * 2

    slow = cr.compile(slow)
    tracer = threading.Thread(target=call, args=(slow,))
    tracer.start()
    entered.wait()
    timer = threading.Timer(0.3, leave.set)
    timer.start()
    fresh = cr.compile(doubled)
    try:
        assert child(lambda: call(fresh)) == 0
        assert leave.is_set()
    finally:
        leave.set()
        tracer.join()
        timer.join()
    call(slow)


def test_a_function_that_another_thread_is_in_can_be_called_in_the_child():
    f = cr.compile(doubled)
    call(f)
    entered, leave = threading.Event(), threading.Event()

    def hold():
        with f.lock:
            entered.set()
            leave.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    entered.wait()
    try:
        assert child(lambda: call(f)) == 0
    finally:
        leave.set()
        holder.join()


def test_the_thread_that_forks_within_a_lock_leaves_it_in_both_processes():
    f = cr.compile(doubled)
    with f.lock:
        pid = os.fork()
        if pid == 0:
            signal.alarm(60)
    if pid == 0:
        status = 1
        try:
            call(f)
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    call(f)
