"""From a program to its executor: by the plan that is kept of it, or by making one.

To trace a step is little work. To simplify it, group it, write its kernels and plan its memory is the
greater part of a first call, and comes out the same every time. So the plan is kept beside the machine
code (`kept`), under a hash of all that it depends on: the program, exactly (`graph.exact`); where
results are written; the processor; the versions of LLVM, NumPy and Python; and chainrule's own
source, since every choice on the way is made there. A program whose plan is found is traced, hashed
and run: it meets neither passes nor LLVM.

A plan is not believed more than code is. It is whole, or it is none; what it says is data, and no
pointer leads out of its memory (`plan`); if the code it names is gone, all is made anew. Programs
that cannot be written exactly, with ops of the user's own or a great deal of constants, are planned
each time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base import dtypes, sources
from ..base.errors import ChainruleError
from ..base.lines import Place
from ..graph.exact import Unwritable, Writer
from ..graph.ir import Program
from . import kept, toolchain
from .execution import Execution
from .library import Library
from .plan import Plan, read, written
from .target import Target

__all__ = ["executor"]

ROOMS = ("base", "backends", "ops", "functional", "tape", "tensors", "graph", "compiler")
"""The rooms whose source decides what becomes of a program."""

MOST_CONSTANTS = 1 << 24
"""Bytes of constant arrays with which a plan is kept."""


def executor(program: Program, donated: dict[int, int]) -> Execution:
    """The executor of a program on this machine."""
    target = Target.host()
    found = _key(program, donated, target)
    if found is None:
        return _made(program, donated, target)
    name, lines = found
    return _recalled(name, program, donated, target, lines) or _remembered(
        name, program, donated, target, lines
    )


def _key(
    program: Program, donated: dict[int, int], target: Target
) -> tuple[str, Sequence[Place]] | None:
    """The hash of all that a plan depends on, and the user's lines that it may speak of; None if
    there cannot be one."""
    source = sources.digest(ROOMS)
    w = Writer()
    try:
        tree = w.program(program)
    except Unwritable:
        return None
    if source is None or sum([x.nbytes for x in w.arrays]) > MOST_CONSTANTS:
        return None
    parts = [
        kept.FORMAT, "plan", source, toolchain.version(), target.cpu, target.features,
        np.__version__, sys.version, dtypes.default().name,
        json.dumps(sorted(donated.items())),
        json.dumps(tree, separators=(",", ":")),
        json.dumps([[x.dtype.str, x.shape, x.strides] for x in w.arrays]),
    ]  # fmt: skip
    key = hashlib.sha256("\0".join(parts).encode())
    for x in w.arrays:
        key.update(x.tobytes())
    return key.hexdigest(), w.lines


def _recalled(
    name: str, program: Program, donated: dict[int, int], target: Target, lines: Sequence[Place]
) -> Execution | None:
    """What is kept under a name, ready to run; None if there is nothing that can be used."""
    entry = kept.recall(name)
    if entry is None:
        return None
    try:
        plan = read(entry, program, lines)
        library = Library.under(plan.library, target)
        return None if library is None else Recalled(plan, library, program, donated)
    except ChainruleError:  # no plan, or one whose kernels are not there
        return None


def _remembered(
    name: str, program: Program, donated: dict[int, int], target: Target, lines: Sequence[Place]
) -> Execution:
    made = _made(program, donated, target)
    if "scan" not in [call.op.name for call in made.left_to_numpy]:  # why one is, is said each time
        with contextlib.suppress(Unwritable):
            kept.remember(name, written(made.plan, lines))
    return made


def _made(program: Program, donated: dict[int, int], target: Target) -> Any:
    from .native import Native  # with all that makes code: not needed where plans are found

    return Native(program, donated, target)


class Recalled(Execution):
    """An executor whose plan was kept."""

    def __init__(self, plan: Plan, library: Library, program: Program, donated: dict[int, int]):
        super().__init__(plan, library, program)
        self.donated = donated

    def explain(self, measure: bool = False) -> str:
        """The kernels, as `Native.explain` tells them: one is made for that."""
        return _made(self.program, self.donated, self.library.target).explain(measure)
