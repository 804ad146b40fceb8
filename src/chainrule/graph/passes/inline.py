"""Inlining: a composite op is replaced by the equations of its definition.

What the definition computes is what `Op.evaluate` promises: operands are brought to the dtype the
op computes in first (half floats to float32), outputs are rounded back. The kernel that a composite
may have for raw arrays orders its sums in its own way, so values agree to rounding.

A definition is traced once for each op, operand shapes and attributes, and copied for each equation
that uses it: the twelve layers of a transformer cost one trace.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from ... import ops
from ...base import dtypes
from ...base.modes import modes
from ...ops import Op, Spec
from ...ops.promotion import common, operand_names, spec_of
from ..ir import Equation, Operand, Program, Var
from ..trace import Trace
from .rewrite import spec
from .share import constant_key

__all__ = ["inlined"]


def inlined(program: Program, whole: frozenset[str] = frozenset()) -> Program:
    """The program in primitives and those composites whose names are in `whole`. Every equation
    of a definition gets the line of the composite; hidden outputs are computed too.
    """
    values: dict[int, Operand] = {}
    equations: list[Equation] = []
    for eq in program.equations:
        inputs = _read(values, eq.inputs)
        if not eq.op.composite or eq.op.name in whole:
            equations.append(
                Equation(eq.op, inputs, eq.attrs, eq.outputs, eq.place) if values else eq
            )
            continue
        body = _definition(
            eq.op,
            tuple([spec(v) for v in inputs]),
            tuple(eq.attrs.items()),
            tuple([v.spec for v in eq.outputs]),
            whole,
            (constant_key(tuple(eq.attrs.values())), dtypes.default()),
        )
        given = [v for v in inputs if v is not None]
        copied = _copy(body, given, eq.place, equations)
        values.update({v.id: c for v, c in zip(eq.outputs, copied, strict=True)})
    return Program(program.inputs, equations, _read(values, program.outputs))


def _read(values: dict[int, Operand], operands: Sequence[Operand]) -> list[Operand]:
    return [values.get(v.id, v) if isinstance(v, Var) else v for v in operands]


def _copy(
    body: Program, given: Sequence[Operand], place: Any, equations: list[Equation]
) -> list[Operand]:
    """Append a definition's equations with new variables; returns its outputs."""
    values: dict[int, Operand] = {v.id: g for v, g in zip(body.inputs, given, strict=True)}
    for eq in body.equations:
        outputs = [Var(v.spec) for v in eq.outputs]
        equations.append(Equation(eq.op, _read(values, eq.inputs), eq.attrs, outputs, place))
        values.update({v.id: new for v, new in zip(eq.outputs, outputs, strict=True)})
    return _read(values, body.outputs)


@functools.lru_cache(maxsize=1024)
def _definition(
    op: Op,
    operands: tuple,
    attrs: tuple,
    results: tuple[Spec, ...],
    whole: frozenset[str],
    exactly: Any,
) -> Program:
    """A composite's body as a program of the operands that are given, itself inlined. `exactly`
    tells attributes apart that compare equal (1, 1.0 and True), and default dtypes.
    """
    scratch, before = Trace(), modes.trace
    modes.trace = scratch
    try:
        given = [None if s is None else scratch.new_input(s) for s in operands]
        out = op.body(*_converted(op, operands, given), **dict(attrs))
        out = out if isinstance(out, tuple) else (out,)
        out = tuple([_brought(v, s) for v, s in zip(out, results, strict=True)])
    finally:
        modes.trace = before
    program = Program(
        [g.var for g in given if g is not None],
        scratch.equations,
        [scratch.operand(v) for v in out],
    )
    return inlined(program, whole)


def _converted(op: Op, specs: Sequence[Spec | None], given: Sequence[Any]) -> list[Any]:
    """The operands in the dtype that the op computes in, as `Op.evaluate` converts them."""
    target = None if op.types is None else common(op, specs)
    if target is None:
        return list(given)
    compute = dtypes.float32 if target in (dtypes.float16, dtypes.bfloat16) else target
    out = []
    for name, s, a in zip(operand_names(op, len(specs)), specs, given, strict=True):
        if s is not None and not s.weak and name in op.promotes and s.dtype is not compute:
            if not (name in op.masks and s.dtype is dtypes.bool_):
                a = ops.cast(a, dtype=compute)
        out.append(a)
    return out


def _brought(value: Any, wanted: Spec) -> Any:
    """An output rounded to the dtype that the law says."""
    found = spec_of(value)
    if found.weak == wanted.weak and found.dtype is wanted.dtype:
        return value
    return ops.cast(value, dtype=wanted.dtype)
