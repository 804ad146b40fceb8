"""Shapes and dtypes of an op's outputs: a primitive's law says them, a composite's follow from
its definition.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..base import dtypes
from ..base.errors import ChainruleError
from ..base.modes import modes
from ..ops import Op, Spec
from ..ops.promotion import common, spec_of
from ..ops.record import as_floats
from .ir import Equation, Program

__all__ = ["definition", "output_specs"]


MOST = 4096
"""How many answers are known at a time."""

_known: dict[tuple, tuple[Spec, ...]] = {}


def output_specs(op: Op, operands: tuple, attrs: dict) -> tuple[Spec, ...]:
    """The specs of all outputs, hidden ones too. A model asks the same for each of its layers, so
    answers are remembered; refusals are not, for they show the operands."""
    kinds = tuple([v.__class__ for v in attrs.values()])  # 1, 1.0 and True are equal, not the same
    if Program in kinds:  # there is one of it, and it may hold much
        return _found(op, operands, attrs)
    given = tuple([spec_of(a) for a in operands])
    key = (op, given, tuple(attrs.items()), kinds, dtypes.default())
    found = _known.get(key)
    if found is None:
        found = _found(op, operands, attrs)
        if len(_known) >= MOST:
            _known.clear()
        _known[key] = found
    return found


def _found(op: Op, operands: tuple, attrs: dict) -> tuple[Spec, ...]:
    if not op.composite:
        return op.infer(operands, attrs)
    if op.types in ("floating", "same", "number"):
        try:
            common(op, [spec_of(a) for a in operands])
        except ChainruleError as e:
            raise op.explained(e, operands, attrs) from None
    return _of_definition(op, tuple([spec_of(a) for a in operands]), attrs)


def _of_definition(op: Op, operands: tuple, attrs: dict) -> tuple[Spec, ...]:
    """Run a composite's body on stand-ins, and look at what comes out."""
    found = [spec_of(v) for v in definition(op, operands, attrs)[1]]
    for k, name in enumerate(op.outputs + op.hidden):
        if name in op.unrounded and found[k].dtype in (dtypes.float16, dtypes.bfloat16):
            found[k] = found[k]._replace(dtype=dtypes.float32)
    return tuple(found)


def definition(
    op: Op, operands: Sequence[Spec | None], attrs: dict
) -> tuple[list[Equation], tuple[Any, ...]]:
    """The equations of a composite's body, run on stand-ins in a trace of its own, and what it returns."""
    from .trace import Trace

    scratch, before = Trace(), modes.trace
    modes.trace = scratch
    try:
        out = op.body(
            *as_floats(op, [None if s is None else scratch.new_input(s) for s in operands]),
            **attrs,
        )
    finally:
        modes.trace = before
    return scratch.equations, out if isinstance(out, tuple) else (out,)
