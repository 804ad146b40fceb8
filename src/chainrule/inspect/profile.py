"""Where the time goes: every op, every step of the backward pass, and whatever a program names, each with its time.

    with profile() as p:
        loss = model(x).sum()
        loss.backward()
    print(p.table())

What runs within something else belongs to its *total* time and not to its *own*. Compiled functions run compiled, and are one entry
each: `explain()` of one says what is in it.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base.errors import ArgumentError
from ..base.lines import Place, describe, here
from ..base.modes import modes
from ..files.whole import writing
from ..graph.flops import op_flops
from ..graph.traced import TracedFunction
from ..nn import Module
from ..ops.record import Op
from ..tape.nodes import Node
from ..tensors import Tensor
from .summary import amount, size, spec_given
from .watch import Watch

__all__ = ["Event", "Profile", "Row", "profile", "span"]

SORTS = {
    "own": lambda row: -row.own,
    "total": lambda row: -row.total,
    "calls": lambda row: -row.calls,
    "memory": lambda row: -row.memory,
    "work": lambda row: -row.work,
    "name": lambda row: row.name,
}
"""By what a table can be sorted."""


class _Running(threading.local):
    def __init__(self) -> None:
        self.profiles: list[Profile] = []


_running = _Running()
"""The profiles that are on in this thread."""


@dataclass
class Event:
    """Something that ran.

    Attributes:
        name: the name of the op, or what the program called it.
        kind: "op", "backward" (a step of the backward pass), "module", "compiled" or "span".
        start: nanoseconds, on a clock that only differences can be taken of.
        total: nanoseconds until it ended.
        own: those of them in which nothing ran that has an event itself.
        depth: in how many events it stands.
        memory: bytes of what an op made; views make nothing.
        shapes: of the tensors that it was given, if they were asked for.
        work: floating-point operations of an op, likewise; see `graph.flops`.
        place: the line that called it, likewise.
    """

    name: str
    kind: str
    start: int
    total: int = 0
    own: int = 0
    depth: int = 0
    memory: int = 0
    shapes: tuple = ()
    work: float = 0.0
    place: Place | None = None


@dataclass
class Row:
    """All events of one name: how many, and their times in nanoseconds, memory and work added up."""

    name: str
    kind: str
    shapes: tuple = ()
    place: str = ""
    calls: int = 0
    total: int = 0
    own: int = 0
    memory: int = 0
    work: float = 0.0


class Profile(Watch):
    """A block whose ops are timed, in the thread that enters it.

    Attributes:
        shapes, modules, work, places: what is noted besides times, see `profile`.
        events: what ran, in the order in which it began.
    """

    def __init__(
        self,
        shapes: bool = False,
        modules: bool = False,
        work: bool = False,
        places: bool = False,
    ):
        super().__init__()
        self.shapes, self.modules, self.work, self.places = shapes, modules, work, places
        self.events: list[Event] = []
        self._open: list[Event] = []

    def __enter__(self) -> Profile:
        super().__enter__()
        _running.profiles.append(self)
        return self

    def __exit__(self, *exception: object) -> None:
        _running.profiles.remove(self)
        super().__exit__(*exception)

    def begin(self, name: str, kind: str, given: Iterable[Any] = ()) -> Event:
        """An event begins, within those that are open."""
        shapes = _shapes(given) if self.shapes else ()
        place = here() if self.places else None
        event = Event(name, kind, 0, depth=len(self._open), shapes=shapes, place=place)
        self.events.append(event)
        self._open.append(event)
        event.start = time.perf_counter_ns()
        return event

    def end(self, event: Event) -> None:
        """It ends, and whatever was begun in it and did not."""
        now = time.perf_counter_ns()
        while self._open:
            last = self._open.pop()
            last.total = now - last.start
            last.own += last.total
            if self._open:
                self._open[-1].own -= last.total
            if last is event:
                return

    def _timed(self, name: str, kind: str, given: Iterable[Any], call: Callable) -> Any:
        event = self.begin(name, kind, given)
        try:
            return call()
        finally:
            self.end(event)

    # what `Watch` puts around ops, modules and nodes

    def _reading(self, reader: Callable) -> Callable:
        def read(op: Op, args: tuple, attrs: dict) -> Any:
            if not self._is_mine():
                return reader(op, args, attrs)
            event = self.begin(op.name, "op", args)
            try:
                result = reader(op, args, attrs)
            finally:
                self.end(event)
            if op.differentiable or not op.composite:  # else the ops that it is written in are seen
                made = result if isinstance(result, (tuple, list)) else (result,)
                event.memory = 0 if op.is_view else sum([x.nbytes for x in made])
                if self.work:
                    event.work = op_flops(
                        op, [*map(spec_given, args)], [x.spec for x in made], attrs
                    )
            return result

        return read

    def _assigning(self, assign: Callable) -> Callable:
        def assigned(x: Tensor, new: Tensor) -> Tensor:
            if not self._is_mine():
                return assign(x, new)
            return self._timed("write", "op", (x, new), lambda: assign(x, new))

        return assigned

    def _calling(self, call: Callable) -> Callable:
        def called(module: Module, *args: Any, **kwargs: Any) -> Any:
            if not (self.modules and self._is_mine()):
                return call(module, *args, **kwargs)
            name = type(module).__name__
            return self._timed(name, "module", args, lambda: call(module, *args, **kwargs))

        return called

    def _eagerly(self, call: Callable) -> Callable:
        def called(function: TracedFunction, *args: Any, **kwargs: Any) -> Any:
            run = call.__get__(function)
            if not self._is_mine():
                return run(*args, **kwargs)
            name = getattr(function.f, "__qualname__", type(function).__name__)
            return self._timed(name, "compiled", args, lambda: run(*args, **kwargs))

        return called

    def _pulling(self, pull: Callable) -> Callable:
        def pulled(node: Node, grads: list, *rest: Any) -> Any:
            if not self._is_mine():
                return pull(node, grads, *rest)
            name = f"{node.name} backward"
            return self._timed(name, "backward", grads, lambda: pull(node, grads, *rest))

        return pulled

    # what came out

    def rows(self, *, by_shape: bool = False, by_place: bool = False) -> list[Row]:
        """The events of each name together, in the order in which they first came; with `by_shape` those of other shapes apart, with
        `by_place` those that another line called.
        """
        found: dict[tuple, Row] = {}
        for event in self.events:
            shapes = event.shapes if by_shape else ()
            key = (event.name, event.kind, shapes, describe(event.place) if by_place else "")
            row = found.setdefault(key, Row(*key))
            row.calls += 1
            row.total += event.total
            row.own += event.own
            row.memory += event.memory
            row.work += event.work
        return list(found.values())

    def table(
        self,
        sort: str = "own",
        limit: int = 20,
        *,
        by_shape: bool = False,
        by_place: bool = False,
    ) -> str:
        """The rows as text, those with the most time first.

        Args:
            sort: "own", "total", "calls", "memory", "work" or "name".
            limit: how many rows; −1 for all.
            by_shape, by_place: see `rows`.
        """
        return table(self.rows(by_shape=by_shape, by_place=by_place), sort, limit)

    def write(self, path: str | Path) -> None:
        """The events as a file in the trace-event format, for a browser's `about:tracing` or Perfetto."""
        events = [
            {
                "ph": "X", "name": e.name, "cat": e.kind, "pid": 0, "tid": 0, "ts": e.start / 1e3, "dur": e.total / 1e3,
                "args": {"memory": e.memory, "shapes": [list(s) for s in e.shapes]},
            }
            for e in self.events
        ]  # fmt: skip
        with writing(Path(path)) as file:
            file.write(json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}).encode())


def table(rows: list[Row], sort: str = "own", limit: int = 20) -> str:
    """Rows of a profile as text."""
    if sort not in SORTS:
        raise ArgumentError(f"a table is sorted by one of {', '.join(SORTS)}, found {sort!r}")
    ordered = sorted(rows, key=SORTS[sort])
    shown = ordered if limit < 0 else ordered[:limit]
    whole = sum([row.own for row in rows])
    worked = any([row.work for row in rows])
    lines = [
        ("name", "own", "%", "total", "calls", "each", "memory", *(["flop"] if worked else []))
    ]
    for row in shown:
        name = " ".join(map(str, [row.name, *row.shapes, row.place])).rstrip()
        share = f"{100 * row.own / max(whole, 1):.1f}"
        times = (
            duration(row.own),
            share,
            duration(row.total),
            str(row.calls),
            duration(row.total / row.calls),
        )
        lines.append(
            (name, *times, size(row.memory), *([amount(row.work).strip()] if worked else []))
        )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
        for line in lines
    ]
    rule = "-" * len(text[0])
    calls = sum([row.calls for row in rows])
    return "\n".join([text[0], rule, *text[1:], rule, f"{duration(whole)} in {calls} calls"])


def duration(nanoseconds: float) -> str:
    """A time in words.

    >>> duration(1530), duration(2_100_000), duration(3e9)
    ('1.5 µs', '2.1 ms', '3.0 s')
    """
    for unit, length in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= length:
            return f"{nanoseconds / length:.1f} {unit}"
    return f"{nanoseconds:.0f} ns"


def _shapes(given: Iterable[Any]) -> tuple:
    return tuple([tuple(v.shape) for v in given if hasattr(v, "shape")])


def profile(
    *, shapes: bool = False, modules: bool = False, work: bool = False, places: bool = False
) -> Profile:
    """A block whose ops are timed.

    Args:
        shapes: keep the shapes of what ops are given, so that `table(by_shape=True)` tells them apart.
        modules: calls of modules are events as well.
        work: count floating-point operations.
        places: keep the lines that called, so that `table(by_place=True)` tells them apart.

    Returns:
        a `Profile`, with `events`, `rows()`, `table()` and `write(path)`.

    >>> x = cr.ones(3, 5, requires_grad=True)
    >>> with profile() as p:
    ...     with span("forward"):
    ...         y = (x @ x.T).sum()
    ...     y.backward()
    >>> [(row.name, row.calls) for row in p.rows()]
    [('forward', 1), ('permute', 1), ('matmul', 1), ('sum', 1), ('sum backward', 1), ...]
    """
    return Profile(shapes, modules, work, places)


class span:
    """A block with a name, which is an event of the profiles that are on in this thread."""

    def __init__(self, name: str):
        self.name = name
        self._events: list[tuple[Profile, Event]] = []

    def __enter__(self) -> span:
        if modes.trace is None:
            for p in _running.profiles:
                self._events.append((p, p.begin(self.name, "span")))
        return self

    def __exit__(self, *exception: object) -> None:
        while self._events:
            p, event = self._events.pop()
            p.end(event)
