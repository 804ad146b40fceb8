"""The op behind a staged `scan`: a loop whose body is a program.

Users call `tensors.scan`, which loops over tensors when it runs eagerly. A trace turns the loop into
one equation with this op, its body traced once, whatever the length (see `graph.scan`).
"""

from __future__ import annotations

from typing import Any, Protocol

from ..backends import xp
from .explain import refuse
from .kinds import Kind
from .promotion import Spec
from .record import Op, primitive

scan_kind = Kind(
    "scan", "a body is applied along the first axis, carrying values from step to step"
)


class Body(Protocol):
    """What the body of a staged scan must be: a program of raw values whose outputs are known
    beforehand.
    """

    @property
    def output_specs(self) -> tuple[Spec, ...]:
        """Shape and dtype of each output."""

    def __call__(self, *values: Any) -> tuple:
        """The outputs."""


def _scan_law(
    op: Op, *operands: Spec, body: Body, carries: int, sequences: int, length: int, reverse: bool
) -> tuple[Spec, ...]:
    """Operands: carries, sequences (length, …), constants. Results: the last carries, then what
    each step gave, stacked (length, …).
    """
    for s in operands[carries : carries + sequences]:
        if not s.shape or s.shape[0] != length:
            raise refuse(
                f"every sequence must have {length} steps on its first axis, found shape {s.shape}"
            )
    out = body.output_specs
    for k in range(carries):
        if out[k].shape != operands[k].shape or out[k].dtype is not operands[k].dtype:
            raise refuse(
                f"the body must return carry {k} as it got it, {operands[k].shape} "
                f"{operands[k].dtype.name}, found {out[k].shape} {out[k].dtype.name}"
            )
    return (*out[:carries], *[Spec((length, *s.shape), s.dtype) for s in out[carries:]])


@primitive(scan_kind, law=_scan_law, outputs=("carries", "steps"), samples=())
def scan(*operands, body, carries, sequences, length, reverse):
    """(c, y₁…y_T) where (c, yₜ) = body(c, xₜ, constants), from the first step to the last, or
    back.
    """
    state = operands[:carries]
    xs = operands[carries : carries + sequences]
    constants = operands[carries + sequences :]
    specs = body.output_specs[carries:]
    ys = [xp.empty((length, *s.shape), s.dtype.numpy) for s in specs]
    for t in reversed(range(length)) if reverse else range(length):
        out = body(*state, *[x[t] for x in xs], *constants)
        state = out[:carries]
        for y, v in zip(ys, out[carries:], strict=True):
            y[t] = v
    return (*[s.copy() for s in state], *ys)
