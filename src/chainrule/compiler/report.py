"""What a compiled program is made of: its kernels beside the Python lines they came from, how much
each computes and moves, how long it takes, and the machine code of any of them.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..base.errors import ChainruleError
from ..base.lines import describe
from ..graph.flops import equation_flops
from ..graph.ir import Var
from .code import FLOAT, Value, module
from .kernel import kernel_code
from .library import Library
from .roles import CONVOLUTIONS, PRODUCTS
from .runtime import Entry, Runtime, Schedule
from .target import Target

if TYPE_CHECKING:
    from .native import Native, Step

__all__ = ["Row", "kernel_rows", "machine_code", "machine_peak", "table"]


class Row(NamedTuple):
    """One kernel of the schedule."""

    name: str
    what: str
    ops: list[str]
    lines: list[str]
    tasks: int
    flops: float
    bytes: int
    seconds: float | None


def kernel_rows(native: Native, measure: bool = False) -> list[Row]:
    """The kernels in the order in which they run; with the time of each, run alone by one thread
    on zeros and whatever lies in the arena, if asked for."""
    rows = []
    single = Runtime(threads=1) if measure else None
    held = native.lend() if measure else []
    at = 0
    for s in native.steps:
        seconds = None
        if s.kernel is not None:
            if single is not None:
                seconds = _seconds(native, s, at, single)
            at += len(s.references)
        rows.append(_row(native, s, seconds))
    del held
    native.status[0] = 0
    return rows


def _row(native: Native, s: Step, seconds: float | None) -> Row:
    g = s.group
    packs = s.kernel is not None and s.packs
    lines = list(dict.fromkeys([describe(eq.place) for eq in g.equations if eq.place is not None]))
    ops = ["pack"] if packs else [eq.op.name for eq in g.equations]
    what = "NumPy" if s.kernel is None else "packing" if packs else _kind(s)
    return Row(
        s.name, what, ops, lines, s.kernel.tasks if s.kernel else 0, 0.0 if packs else _flops(s),
        _bytes(native, s), seconds,
    )  # fmt: skip


def _kind(s: Step) -> str:
    name = s.group.equations[0].op.name
    if s.group.role == "loops":
        return "reduction" if s.group.reduced else "elementwise"
    return "product" if name in PRODUCTS else "convolution" if name in CONVOLUTIONS else name


def _flops(s: Step) -> float:
    """Floating-point operations, as `graph.flops` counts them."""
    return math.fsum([equation_flops(eq) for eq in s.group.equations])


def _bytes(native: Native, s: Step) -> int:
    """Bytes of the values that a kernel reads and writes, each counted once."""
    total = 0
    for id in s.reads | s.writes:
        v = native.variables.get(id)
        if id in native.extra:
            total += native.extra[id]
        elif isinstance(v, Var):
            total += math.prod(v.spec.shape) * v.spec.dtype.itemsize
    return total


def _seconds(native: Native, s: Step, at: int, runtime: Runtime) -> float:
    assert s.kernel is not None
    address = native.arguments.__array_interface__["data"][0] + 8 * at
    entry = Entry(native.library.address(s.name), address, s.kernel.tasks, True)
    schedule = Schedule([entry], scratch=s.kernel.scratch, keep=native.library)
    runtime.run(schedule)
    best = math.inf
    for _ in range(5):
        start = time.perf_counter()
        runtime.run(schedule)
        best = min(best, time.perf_counter() - start)
    return best


def table(native: Native, measure: bool = False) -> str:
    """The kernels as text, equal ones together."""
    peak = machine_peak(native.target) if measure else None
    groups: dict[tuple, list[Row]] = {}
    for row in kernel_rows(native, measure):
        groups.setdefault((row.name, row.what, tuple(row.ops), row.flops), []).append(row)
    lines = []
    for rows in groups.values():
        first = rows[0]
        ops = " ".join(first.ops[:8]) + (f" … ({len(first.ops)} ops)" if len(first.ops) > 8 else "")
        head = f"{len(rows):>3}× {first.what:<12} {first.flops / 1e6:>9.2f} Mflop {first.bytes / 1e6:>8.2f} MB"
        if measure and first.seconds is not None:
            seconds = sum([r.seconds or 0.0 for r in rows]) / len(rows)
            head += f" {seconds * 1e3:>8.3f} ms"
            if first.what in ("product", "convolution"):
                head += f" {first.flops / seconds / peak:>5.0%} of peak"  # type: ignore[operator]
        lines.append(f"{head}  {ops}")
        lines += [f"       {line}" for line in first.lines[:4]]
        if len(first.lines) > 4:
            lines.append(f"       … and {len(first.lines) - 4} more lines")
    kernels = len({s.name for s in native.steps if s.kernel})
    lines.append(
        f"{len(native.steps)} steps of {kernels} kernels in {native.last_level + 1} levels; "
        f"arena {native.arena_bytes / 1e6:.1f} MB"
    )
    if peak is not None:
        lines.append(f"one thread reaches {peak / 1e9:.0f} Gflop/s in fused multiply-adds")
    return "\n".join(lines)


def machine_code(native: Native, name: str, form: str = "llvm") -> str:
    """A kernel's LLVM IR ("llvm") or assembly ("assembly"), by the name that `kernel_rows` gives."""
    if name not in native.codes:
        raise ChainruleError(f"there is no kernel {name!r} in this program")
    return native.codes[name].text() if form == "llvm" else native.library.assembly(name)


def machine_peak(target: Target, threads: int = 1) -> float:
    """Fused multiply-adds that threads can do at the same time, as floating-point operations a
    second: twelve independent chains in registers of each."""
    c = kernel_code("peak")
    lanes = FLOAT.of(target.lanes(FLOAT))
    chains = [c.variable(lanes, c.const(k, lanes)) for k in range(12)]
    x = c.load(lanes, c.load(c.parameters[0].type, c.parameters[0]))
    steps = 100_000
    with c.loop(0, steps):
        for v in chains:
            v.set(c.fma(v.get(), x, x))
    total: Value = chains[0].get()
    for v in chains[1:]:
        total = c.fadd(total, v.get())
    c.store(total, c.load(c.parameters[0].type, c.parameters[0]))
    library = Library(module([c.finish()]), target)
    memory = np.zeros(64, np.float32)
    arguments = np.array([memory.ctypes.data], np.int64)
    schedule = Schedule(
        [Entry(library.address("peak"), arguments.ctypes.data, threads, True)], keep=library
    )
    runtime = Runtime(threads=threads)
    best = math.inf
    for _ in range(
        50
    ):  # the threads of a program that has just ended are awake for two milliseconds
        start = time.perf_counter()
        runtime.run(schedule)
        best = min(best, time.perf_counter() - start)
    return 2.0 * steps * 12 * lanes.lanes * threads / best
