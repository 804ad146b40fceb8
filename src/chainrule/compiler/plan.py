"""A plan: what is left of a program when all is decided, as plain data.

Which kernels run, in which order and on which memory; what NumPy does between them; what is handed out
in the end. It knows nothing of how that was found: no groups, no axes, no code. `execution` runs a
plan; `written` and `read` bring it to bytes and back, for the cache (`planning`).

What is read is data and stays data: ops are looked up in the table, everything else is numbers and
names. What does not fit is a `FormatError`, and so is a pointer that leads out of its memory.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..base.dtypes import DType
from ..base.errors import ChainruleError, FormatError
from ..base.lines import Place
from ..graph.exact import Reader, Tree, Writer
from ..graph.ir import Literal, Program
from ..ops import Op, Spec
from .space import Access

__all__ = [
    "Complaint",
    "HostCall",
    "Launch",
    "Number",
    "Plan",
    "Pointer",
    "Seen",
    "read",
    "written",
]


class Pointer(NamedTuple):
    """An argument of a kernel: so many bytes behind the start of some memory; or a count."""

    what: str  # "arena", "input", "output", "constant", "numbers", "status", "count"
    which: int = 0  # of the inputs, outputs or constants
    offset: int = 0


class Launch(NamedTuple):
    """A kernel that runs: its name, how many tasks it has, whether what follows waits for it."""

    name: str
    tasks: int
    barrier: bool
    pointers: tuple[Pointer, ...]


class Number(NamedTuple):
    """A Python number of a call, by its place in the table."""

    place: int


class Seen(NamedTuple):
    """A value as an array: where it lies ("made": what `made` evaluates to, an op of attributes
    alone), how, and the views through which it is seen. An input or constant lies as it is."""

    what: str
    which: int
    dtype: DType
    layout: Access | None
    views: tuple[tuple[Op, dict], ...] = ()
    made: tuple[Op, dict] | None = None


Operand = Seen | Number | Literal | None


class HostCall(NamedTuple):
    """An equation that NumPy runs, between kernels. A result that nobody reads is None."""

    op: Op
    attrs: dict
    operands: tuple[Operand, ...]
    results: tuple[Seen | None, ...]
    place: Place | None


class Complaint(NamedTuple):
    """What a kernel means by a number that it puts into the status word: an index out of range."""

    op: str
    size: int
    place: Place | None


@dataclasses.dataclass(frozen=True)
class Plan:
    """All that an executor has to know of a program beside its inputs and outputs.

    Attributes:
        library: the name under which the machine code is kept.
        lines: kernels and host calls, in order.
        scratch: bytes of memory each thread needs for itself.
        arena: bytes of memory for values between kernels.
        direct: the outputs that kernels write.
        copied: the others, each with what is copied there at the end.
        moved: those of them that are read before any is written, as in a, b = b, a.
        weak_inputs: the inputs that are Python numbers.
        numbers: the program from them to the table of numbers.
        constants: arrays fixed in the program.
        complaints: what status words of 1, 2, … say.
    """

    library: str
    lines: tuple[Launch | HostCall, ...]
    scratch: int
    arena: int
    direct: tuple[int, ...]
    copied: tuple[tuple[int, Operand], ...]
    moved: frozenset[int]
    weak_inputs: tuple[int, ...]
    numbers: Program
    constants: tuple[np.ndarray, ...]
    complaints: tuple[Complaint, ...]


# ------------------------------------------------------------------------------- to bytes and back


def written(plan: Plan, lines: Sequence[Place]) -> bytes:
    """A plan as bytes: one line of JSON, then its arrays.

    Args:
        lines: the user's lines that the program speaks of; the plan names them by their number.

    Raises:
        Unwritable: for what has no exact text.
    """
    w = Writer(lines)
    tree = {
        "library": plan.library,
        "lines": [_line(w, line) for line in plan.lines],
        "scratch": plan.scratch,
        "arena": plan.arena,
        "direct": plan.direct,
        "copied": [[k, _operand(w, v)] for k, v in plan.copied],
        "moved": sorted(plan.moved),
        "weak_inputs": plan.weak_inputs,
        "numbers": w.program(plan.numbers),
        "constants": [w.value(x) for x in plan.constants],
        "complaints": [[c.op, c.size, w.place(c.place)] for c in plan.complaints],
    }
    arrays = [np.ascontiguousarray(x) for x in w.arrays]
    tree["arrays"] = [[x.dtype.name, x.shape] for x in w.arrays]
    head = json.dumps(tree, separators=(",", ":"))
    return b"".join([head.encode(), b"\n", *[x.tobytes() for x in arrays]])


def _line(w: Writer, line: Launch | HostCall) -> Tree:
    if isinstance(line, Launch):
        return line  # JSON's lists are its tuples
    operands = [_operand(w, v) for v in line.operands]
    results = [_operand(w, v) for v in line.results]
    return {
        "call": [w.op(line.op), w.attributes(line.attrs), operands, results, w.place(line.place)]
    }


def _operand(w: Writer, v: Operand) -> Tree:
    if isinstance(v, Number):
        return v.place
    if isinstance(v, Seen):
        views = [[w.op(op), w.attributes(attrs)] for op, attrs in v.views]
        made = None if v.made is None else [w.op(v.made[0]), w.attributes(v.made[1])]
        return {"seen": [v.what, v.which, v.dtype.name, v.layout, views, made]}
    return None if v is None else {"literal": w.value(v.value)}


def read(entry: bytes, program: Program, lines: Sequence[Place]) -> Plan:
    """The plan of a program, as it was written.

    Raises:
        FormatError: if it is no plan, or not one of this program.
    """
    try:
        plan = _read(entry, lines)
        _check(plan, program)
        return plan
    except (LookupError, TypeError, ValueError, RecursionError, ChainruleError) as error:
        raise FormatError(f"a kept plan cannot be read: {error}") from None


def _read(entry: bytes, lines: Sequence[Place]) -> Plan:
    head, _, rest = entry.partition(b"\n")
    tree = json.loads(head)
    arrays, at = [], 0
    for dtype, shape in tree["arrays"]:
        x = np.empty(shape, dtype)  # not a view of the entry: kernels want it aligned
        x.reshape(-1).view(np.uint8)[:] = np.frombuffer(rest[at : at + x.nbytes], np.uint8)
        arrays.append(x)
        at += x.nbytes
    r = Reader(arrays, lines)
    return Plan(
        tree["library"],
        tuple([_line_of(r, line) for line in tree["lines"]]),
        tree["scratch"],
        tree["arena"],
        tuple(tree["direct"]),
        tuple([(k, _operand_of(r, v)) for k, v in tree["copied"]]),
        frozenset(tree["moved"]),
        tuple(tree["weak_inputs"]),
        r.program(tree["numbers"]),
        tuple([r.value(x) for x in tree["constants"]]),
        tuple([Complaint(op, size, r.place(place)) for op, size, place in tree["complaints"]]),
    )


def _line_of(r: Reader, tree: Tree) -> Launch | HostCall:
    if isinstance(tree, list):
        name, tasks, barrier, pointers = tree
        return Launch(name, tasks, barrier, tuple([Pointer(*p) for p in pointers]))
    op, attrs, operands, results, place = tree["call"]
    found = tuple([_operand_of(r, v) for v in operands])
    to: Any = tuple([_operand_of(r, v) for v in results])
    return HostCall(r.op(op), r.attributes(attrs), found, to, r.place(place))


def _operand_of(r: Reader, tree: Tree) -> Operand:
    if tree is None or isinstance(tree, int):
        return None if tree is None else Number(tree)
    if "literal" in tree:
        return Literal(r.value(tree["literal"]))
    what, which, dtype, layout, views, made = tree["seen"]
    access = None if layout is None else Access(tuple(layout[0]), tuple(layout[1]), layout[2])
    path = tuple([(r.op(op), r.attributes(attrs)) for op, attrs in views])
    of = None if made is None else (r.op(made[0]), r.attributes(made[1]))
    return Seen(what, which, r.dtype(dtype), access, path, of)


def _check(plan: Plan, program: Program) -> None:
    """Refuse a constant that is no array, and a pointer that leads out of its memory."""
    for k, x in enumerate(plan.constants):
        if not isinstance(x, np.ndarray):
            raise FormatError(f"constant {k}: expected an array, found {x!r:.60}")
    sizes = {
        "arena": [plan.arena],
        "input": [_bytes(v.spec) for v in program.inputs],
        "output": [_bytes(spec) for spec in program.output_specs],
        "constant": [x.nbytes for x in plan.constants],
        "numbers": [1],
        "status": [1],
    }
    sizes["count"] = [max([n for known in sizes.values() for n in known])]
    for line in plan.lines:
        for p in line.pointers if isinstance(line, Launch) else ():
            if not 0 <= p.offset < max(sizes[p.what][p.which], 1):
                raise FormatError(f"{p} leads out of {sizes[p.what][p.which]} bytes")


def _bytes(spec: Spec) -> int:
    return math.prod(spec.shape) * spec.dtype.itemsize
