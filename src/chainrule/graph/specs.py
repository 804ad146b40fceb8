"""Shapes and dtypes of an op's outputs: a primitive's law says them, a composite's follow from
its definition.
"""

from __future__ import annotations

import functools

from ..base import dtypes
from ..base.errors import ChainruleError
from ..base.modes import modes
from ..ops import Op, Spec
from ..ops.promotion import common, spec_of
from ..ops.record import as_floats

__all__ = ["output_specs"]


def output_specs(op: Op, operands: tuple, attrs: dict) -> tuple[Spec, ...]:
    """The specs of all outputs, hidden ones too."""
    if not op.composite:
        return op.infer(operands, attrs)
    if op.types in ("floating", "same", "number"):
        try:
            common(op, [spec_of(a) for a in operands])
        except ChainruleError as e:
            raise op.explained(e, operands, attrs) from None
    return _of_definition(op, tuple([spec_of(a) for a in operands]), tuple(attrs.items()))


@functools.lru_cache(maxsize=4096)
def _of_definition(op: Op, operands: tuple, attrs: tuple) -> tuple[Spec, ...]:
    """Run a composite's body on stand-ins in a trace of its own, and look at what comes out."""
    from .trace import Trace

    scratch, before = Trace(), modes.trace
    modes.trace = scratch
    try:
        out = op.body(
            *as_floats(op, [None if s is None else scratch.new_input(s) for s in operands]),
            **dict(attrs),
        )
    finally:
        modes.trace = before
    found = [spec_of(v) for v in (out if isinstance(out, tuple) else (out,))]
    for k, name in enumerate(op.outputs + op.hidden):
        if name in op.unrounded and found[k].dtype in (dtypes.float16, dtypes.bfloat16):
            found[k] = found[k]._replace(dtype=dtypes.float32)
    return tuple(found)
