"""PyTorch's `torch.profiler` and `torch.autograd.profiler`, on `inspect.profile`.

>>> import chainrule as cr
>>> with profile(activities=[ProfilerActivity.CPU]) as p, record_function("forward"):
...     y = cr.ones(3, 5) @ cr.ones(5, 7)
>>> [(e.key, e.count) for e in p.key_averages()]
[('forward', 1), ('matmul', 1)]
"""

from __future__ import annotations

import contextlib
import enum
import functools
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...base.errors import ArgumentError, ChainruleError
from ...base.lines import describe
from ...inspect.profile import Profile, Row, duration, span, table
from .absent import absent_in

__all__ = [
    "ProfilerAction", "ProfilerActivity", "emit_nvtx", "profile", "record_function", "schedule", "tensorboard_trace_handler",
]  # fmt: skip

SORTS = {
    "self_cpu_time_total": "own",
    "cpu_time_total": "total",
    "cpu_time": "total",
    "count": "calls",
    "cpu_memory_usage": "memory",
    "self_cpu_memory_usage": "memory",
    "flops": "work",
}
"""PyTorch's names of what a table is sorted by, and ours."""


class ProfilerActivity(enum.Enum):
    """What can be looked at: the processor; other devices there are none."""

    CPU = 0
    XPU = 1
    MTIA = 2
    CUDA = 3
    HPU = 4
    PrivateUse1 = 5


class ProfilerAction(enum.Enum):
    """What a profiler does in a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


def schedule(
    *,
    wait: int,
    warmup: int,
    active: int,
    repeat: int = 0,
    skip_first: int = 0,
    skip_first_wait: int = 0,
) -> Callable[[int], ProfilerAction]:
    """Which steps are looked at: after the first `skip_first`, again and again, none for `wait` steps and `warmup` more, and then
    `active`.

    Args:
        repeat: how often; 0: to the end.
        skip_first_wait: not 0: the first time there is no `wait`.

    Raises:
        ArgumentError: nothing would ever be looked at.

    >>> when = schedule(wait=1, warmup=1, active=2, repeat=1)
    >>> [when(step).name for step in range(5)]
    ['NONE', 'WARMUP', 'RECORD', 'RECORD_AND_SAVE', 'NONE']
    """
    if min(wait, warmup, repeat, skip_first) < 0 or active < 1:
        raise ArgumentError(
            "Invalid profiler schedule arguments: counts are not negative, and active at least 1"
        )

    def of(step: int) -> ProfilerAction:
        step -= skip_first
        if step < 0:
            return ProfilerAction.NONE
        if skip_first_wait:
            step += wait
        length = wait + warmup + active
        if repeat and step // length >= repeat:
            return ProfilerAction.NONE
        place = step % length
        if place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD_AND_SAVE if place == length - 1 else ProfilerAction.RECORD

    return of


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False
) -> Callable[[profile], None]:
    """An `on_trace_ready` that writes each trace into a folder.

    Raises:
        ChainruleError: `use_gzip`.
    """
    if use_gzip:
        raise ChainruleError(
            "tensorboard_trace_handler: traces are not compressed here: use_gzip=False"
        )

    def write(p: profile) -> None:
        folder = Path(dir_name)
        folder.mkdir(parents=True, exist_ok=True)
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        p.export_chrome_trace(str(folder / f"{worker}.{time.time_ns()}.pt.trace.json"))

    return write


class profile:
    """A block whose ops are timed.

    Args:
        activities: of these the processor alone is there. In the older `autograd.profiler` the first argument says whether it is on.
        schedule: a function from the number of the step to a `ProfilerAction`; None: everything is looked at.
        on_trace_ready: called with the profiler when a trace is complete.
        record_shapes: keep the shapes of operands, see `key_averages`.
        profile_memory: without effect: the memory that ops make is always noted.
        with_stack: keep the lines that called, see `key_averages`.
        with_flops: count floating-point operations.
        with_modules: calls of modules are events, too.
        enabled: whether anything is looked at.
        others: of PyTorch's, those that steer how it looks, without effect.

    Raises:
        ArgumentError: an argument that PyTorch has not.
    """

    def __init__(
        self,
        activities: Any = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[[profile], Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        *,
        enabled: bool = True,
        **others: Any,
    ):
        unknown = sorted(set(others) - STEERING)
        if unknown:
            raise ArgumentError(f"profile has no arguments {', '.join(unknown)}")
        self.enabled = activities if isinstance(activities, bool) else enabled
        self.schedule, self.on_trace_ready = schedule, on_trace_ready
        self._asked = record_shapes, with_modules, with_flops, with_stack
        self.step_num = 0
        self._now = ProfilerAction.NONE
        self._profile = Profile(*self._asked)
        self._named: span | None = None
        self._on = False

    def start(self) -> None:
        """Begin; the same as entering the block."""
        self._turn_to(self._action())

    def stop(self) -> None:
        """End; the same as leaving the block."""
        recorded = self._on
        self._pause()
        self._now = ProfilerAction.NONE
        if recorded and self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def step(self) -> None:
        """The next step of the schedule begins."""
        complete = self._now is ProfilerAction.RECORD_AND_SAVE and self.schedule is not None
        self._end_step()
        if complete:
            self._pause()
            if self.on_trace_ready is not None:
                self.on_trace_ready(self)
        self.step_num += 1
        self._turn_to(self._action())

    def _action(self) -> ProfilerAction:
        if not self.enabled:
            return ProfilerAction.NONE
        if self.schedule is None:
            return ProfilerAction.RECORD
        return self.schedule(self.step_num)

    def _turn_to(self, action: ProfilerAction) -> None:
        self._now = action
        if action not in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE):
            self._pause()
            return
        if not self._on:
            self._profile = Profile(*self._asked)
            self._profile.__enter__()
            self._on = True
        if self.schedule is not None:
            self._named = span(f"ProfilerStep#{self.step_num}")
            self._named.__enter__()

    def _end_step(self) -> None:
        if self._named is not None:
            self._named.__exit__()
            self._named = None

    def _pause(self) -> None:
        self._end_step()
        if self._on:
            self._profile.__exit__()
            self._on = False

    def events(self) -> EventList:
        """What ran, one by one."""
        return EventList([
            FunctionEvent(Row(e.name, e.kind, e.shapes, describe(e.place), 1, e.total, e.own, e.memory, e.work))
            for e in self._profile.events
        ])  # fmt: skip

    @property
    def function_events(self) -> EventList:
        """The same, by the older name."""
        return self.events()

    def key_averages(
        self, group_by_input_shape: bool = False, group_by_stack_n: int = 0, **others: Any
    ) -> EventList:
        """The events of each name together.

        Args:
            group_by_input_shape: those of other shapes apart; needs `record_shapes`.
            group_by_stack_n: not 0: those that another line called apart; needs `with_stack`.
        """
        rows = self._profile.rows(by_shape=group_by_input_shape, by_place=group_by_stack_n > 0)
        return EventList([FunctionEvent(row) for row in rows])

    def total_average(self) -> FunctionEvent:
        """All events together."""
        return self.key_averages().total_average()

    def table(self, **options: Any) -> str:
        """`key_averages().table`."""
        return self.key_averages().table(**options)

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds that all events took."""
        return self.key_averages().self_cpu_time_total

    def export_chrome_trace(self, path: str) -> None:
        """The events as a file for a browser's `about:tracing` or Perfetto."""
        self._profile.write(path)

    def __repr__(self) -> str:
        return self.table()

    __str__ = __repr__


STEERING = frozenset(
    "use_cuda use_device use_cpu use_kineto acc_events experimental_config execution_trace_observer custom_trace_id_callback "
    "post_processing_timeout_s".split()
)
"""Arguments that say how PyTorch's own profiler goes about it."""


class FunctionEvent:
    """An event, or all of one name, under PyTorch's names; times in microseconds."""

    def __init__(self, row: Row):
        self._row = row
        self.key = self.name = row.name
        self.count = row.calls
        self.input_shapes = [list(shape) for shape in row.shapes]
        self.stack = [row.place] if row.place else []
        self.cpu_time_total, self.self_cpu_time_total = row.total / 1e3, row.own / 1e3
        self.cpu_time = self.cpu_time_total / row.calls
        self.self_cpu_memory_usage = self.cpu_memory_usage = row.memory
        self.flops = row.work
        self.device_time_total = self.self_device_time_total = self.device_time = 0.0

    cpu_time_str = property(lambda self: duration(1e3 * self.cpu_time))
    cpu_time_total_str = property(lambda self: duration(1e3 * self.cpu_time_total))
    self_cpu_time_total_str = property(lambda self: duration(1e3 * self.self_cpu_time_total))

    def __repr__(self) -> str:
        return f"<{self.key}: {self.count} calls, {self.cpu_time_total_str}, {self.self_cpu_time_total_str} of its own>"


class EventList(list):
    """Events, which make a table."""

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_src_column_width: int = 75,
        max_name_column_width: int = 55,
        max_shapes_column_width: int = 80,
        header: str | None = None,
        top_level_events_only: bool = False,
        time_unit: str | None = None,
    ) -> str:
        """The events as text.

        Args:
            sort_by: "self_cpu_time_total" (which stands for None), "cpu_time_total", "cpu_time", "count", "cpu_memory_usage", "flops";
                other devices' times, which are 0, leave the order to the processor's.
            row_limit: how many; −1 for all.
            header: a line above it.
            max_src_column_width, max_name_column_width, max_shapes_column_width, time_unit: without effect: columns are as wide as they
                need to be, and times have the unit that fits.

        Raises:
            ArgumentError: another `sort_by`, or `top_level_events_only`, which is not built.
        """
        if top_level_events_only:
            raise ArgumentError(
                "table: top_level_events_only is not built; sort_by='cpu_time_total' has the outermost first"
            )
        name = (sort_by or "self_cpu_time_total").replace("cuda", "cpu").replace("device", "cpu")
        if name not in SORTS:
            raise ArgumentError(f"table: sort_by is one of {', '.join(SORTS)}, found {sort_by!r}")
        text = table([event._row for event in self], SORTS[name], row_limit)
        return text if header is None else f"{header}\n{text}"

    def total_average(self) -> FunctionEvent:
        """All events together."""
        whole = Row("Total", "")
        for event in self:
            row = event._row
            whole.calls += row.calls
            whole.own += row.own
            whole.total += row.total
            whole.memory += row.memory
            whole.work += row.work
        return FunctionEvent(whole)

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds that all events took."""
        return sum([event.self_cpu_time_total for event in self])

    def key_averages(self, *args: Any, **options: Any) -> EventList:
        """Those of each name together."""
        found: dict[str, EventList] = {}
        for event in self:
            found.setdefault(event.key, EventList()).append(event)
        together = [events.total_average() for events in found.values()]
        for event, name in zip(together, found, strict=True):
            event.key = event.name = event._row.name = name
        return EventList(together)


class record_function(contextlib.ContextDecorator):
    """A range with a name: a `with` block, or the decorator of a function; an event of the profiler, if one is on.

    >>> with record_function("attention"):
    ...     print("computed")
    computed
    """

    def __init__(self, name: str, args: str | None = None):
        self.name, self.args = name, args
        self._span = span(name)

    def __call__(self, f: Callable) -> Callable:
        @functools.wraps(f)
        def named(*args: Any, **kwargs: Any) -> Any:
            with record_function(self.name):
                return f(*args, **kwargs)

        return named

    def __enter__(self) -> record_function:
        self._span.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._span.__exit__()


class emit_nvtx(contextlib.nullcontext):
    """A block whose ops a profiler of CUDA would see: there is none."""

    def __init__(self, enabled: bool = True, record_shapes: bool = False):
        super().__init__(self)


emit_itt = emit_nvtx


def supported_activities() -> set[ProfilerActivity]:
    """The processor alone."""
    return {ProfilerActivity.CPU}


def kineto_available() -> bool:
    """False: PyTorch's own profiler is not here."""
    return False


__getattr__ = absent_in("profiler")
