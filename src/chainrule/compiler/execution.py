"""Running a plan: its memory, the table of arguments, and what each call does.

The arena and the table are made once. A pointer that a kernel needs is a place in the table; those
into the arena are fixed, those into the arrays of a call are written before it.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base.errors import RangeError
from ..base.lines import describe
from ..graph.ir import Literal, Program
from ..graph.passes import numbers_function
from .library import Library
from .plan import HostCall, Launch, Number, Operand, Plan, Seen
from .runtime import Entry, Schedule, runtime

__all__ = ["ALIGN", "Execution"]

ALIGN = 64


class Execution:
    """An executor (see `graph.traced`): a plan, the memory it runs in, and its machine code.

    Args:
        plan: what to run.
        library: the code of its kernels.
        program: whose inputs and outputs they are.
    """

    def __init__(self, plan: Plan, library: Library, program: Program):
        self.plan, self.library, self.program = plan, library, program
        numbers = plan.numbers
        self.compute_numbers = numbers_function(numbers.equations, numbers.inputs, numbers.outputs)
        self.numbers = np.zeros(max(len(numbers.outputs), 1), np.float64)
        self.status = np.zeros(1, np.int64)
        block = np.empty(plan.arena + ALIGN, np.uint8)
        skip = -_address(block) % ALIGN
        self.arena = block[skip : skip + plan.arena]
        self._fill_table()

    def _fill_table(self) -> None:
        """The table of arguments, and which of its places each call fills in."""
        launches = [line for line in self.plan.lines if isinstance(line, Launch)]
        pointers = [p for line in launches for p in line.pointers]
        fixed: dict[tuple[str, int], int] = {
            ("arena", 0): _address(self.arena),
            ("numbers", 0): _address(self.numbers),
            ("status", 0): _address(self.status),
            ("count", 0): 0,
        }
        for k, x in enumerate(self.plan.constants):
            fixed["constant", k] = _address(x)
        table = [0] * len(pointers)
        moving: dict[tuple[str, int], list[tuple[int, int]]] = {}
        for at, (what, which, offset) in enumerate(pointers):
            base = fixed.get((what, which))
            if base is None:
                moving.setdefault((what, which), []).append((at, offset))
            else:
                table[at] = base + offset
        self.arguments = np.array(table, np.int64)
        base, at = _address(self.arguments), 0
        entries: list[Any] = []
        for line in self.plan.lines:
            if isinstance(line, HostCall):
                entries.append(functools.partial(self._host, line))
                continue
            function = self.library.address(line.name)
            entries.append(Entry(function, base + 8 * at, line.tasks, line.barrier))
            at += len(line.pointers)
        self.schedule = Schedule(entries, scratch=self.plan.scratch, keep=self.library)
        self.moving = {
            key: (np.array([a for a, _ in places]), np.array([o for _, o in places], np.int64))
            for key, places in moving.items()
        }
        # Whose memory each of them points into: known, not held, since whoever gave an array counts
        # how many hold it before using it again.
        self.bound: dict[tuple[str, int], Any] = dict.fromkeys(self.moving, lambda: None)

    @property
    def left_to_numpy(self) -> list[HostCall]:
        """The equations that NumPy runs between the native parts."""
        return [line for line in self.plan.lines if isinstance(line, HostCall)]

    @property
    def from_cache(self) -> bool:
        """Whether the machine code was found in the cache."""
        return self.library.from_cache

    # ----------------------------------------------------------------------------------- run

    def run(self, values: Sequence[Any], into: Sequence[np.ndarray | None]) -> list[Any]:
        """The outputs, each written into its array of `into`, or into a new one."""
        outs: list[Any] = list(into)
        for k in self.plan.direct:
            if outs[k] is None:
                spec = self.program.outputs[k].spec  # type: ignore[union-attr]
                outs[k] = np.empty(spec.shape, spec.dtype.numpy)
        if self.plan.numbers.outputs:
            found = self.compute_numbers([values[k] for k in self.plan.weak_inputs])
            self.numbers[: len(found)] = found
        self._outs, self._values, self._copies = outs, values, self._bind(values, outs)
        try:
            return self._run(outs)
        finally:
            self._outs, self._values, self._copies = [], [], []

    def _run(self, outs: list[Any]) -> list[Any]:
        runtime.run(self.schedule)
        if self.status[0]:
            op, size, place = self.plan.complaints[self.status[0] - 1]
            self.status[0] = 0
            raise RangeError(
                f"{op}: an index is out of range for an axis of size {size}\n"
                f"  at    {describe(place)}"
            )
        copied, moved = self.plan.copied, self.plan.moved
        first = {k: np.array(self._value(v), order="C") for k, v in copied if k in moved}
        for k, v in copied:
            outs[k] = self._copied(first.get(k), v, outs[k])
        return outs

    def lend(self) -> list[np.ndarray]:
        """Point the kernels at new arrays of zeros, to be held while they run outside of a call: the
        arrays of the last one may be gone, or be parameters that nobody wants changed."""
        arrays = []
        for (kind, k), (places, offsets) in self.moving.items():
            values = self.program.inputs if kind == "input" else self.program.outputs
            spec = values[k].spec  # type: ignore[union-attr]
            arrays.append(np.zeros(spec.shape, spec.dtype.numpy))
            self.arguments[places] = offsets + _address(arrays[-1])
            self.bound[kind, k] = lambda: None
        return arrays

    def _bind(self, values: Sequence[Any], outs: Sequence[Any]) -> list[np.ndarray]:
        """Write the pointers into the arrays of this call. Kernels read rows in order; an input that
        lies otherwise is copied, and the copies have to live as long as the run."""
        copies = []
        for key, (places, offsets) in self.moving.items():
            kind, k = key
            x = values[k] if kind == "input" else outs[k]
            if self.bound[key]() is x:
                continue
            self.bound[key] = weakref.ref(x)
            if kind == "input" and not x.flags.c_contiguous:
                x = np.ascontiguousarray(x)
                copies.append(x)
                self.bound[key] = lambda: None  # copied again at the next call
            self.arguments[places] = offsets + _address(x)
        return copies

    # ------------------------------------------------------------------------ values as arrays

    def _value(self, v: Operand) -> Any:
        """A number, a constant, or an array over the memory where a value lies."""
        if isinstance(v, Seen):
            return self._array(v)
        if isinstance(v, Number):
            return self.numbers[v.place].item()
        return v.value if isinstance(v, Literal) else None

    def _copied(self, first: np.ndarray | None, v: Operand, into: np.ndarray | None) -> Any:
        if isinstance(v, Number):
            return self._value(v)
        x = np.asarray(self._value(v)) if first is None else first
        if into is None:
            return np.array(x, order="C")
        np.copyto(into, x)
        return into

    def _array(self, v: Seen) -> np.ndarray:
        if v.what == "made":
            op, attrs = v.made  # type: ignore[misc]
            x = np.asarray(op.evaluate((), attrs))
        elif v.what == "input":
            x = self._values[v.which]
        elif v.what == "constant":
            x = self.plan.constants[v.which]
        else:
            x = self._laid_out(v)
        for op, attrs in v.views:
            x = op.body(x, **attrs)
        return x

    def _laid_out(self, v: Seen) -> np.ndarray:
        """A value in the arena or in an output."""
        dtype = v.dtype.numpy
        if v.what == "output":
            memory = self._outs[v.which].reshape(-1)
        else:
            memory = self.arena[v.which :]
            memory = memory[: memory.size // dtype.itemsize * dtype.itemsize].view(dtype)
        shape, steps, offset = v.layout  # type: ignore[misc]
        strides = [s * dtype.itemsize for s in steps]
        return np.lib.stride_tricks.as_strided(memory[offset:], shape, strides)

    def _host(self, call: HostCall) -> None:
        """Run an equation that has no machine code by NumPy."""
        y = call.op.evaluate(tuple([self._value(v) for v in call.operands]), call.attrs)
        for v, part in zip(call.results, y if isinstance(y, tuple) else (y,), strict=True):
            if v is not None:
                np.copyto(self._array(v), part)


def _address(x: np.ndarray) -> int:
    return x.__array_interface__["data"][0]
