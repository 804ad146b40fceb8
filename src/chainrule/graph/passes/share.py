"""Sharing: equations that compute the same become one. And what sharing must not do to outputs."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from ... import ops
from ..ir import Equation, Literal, Operand, Program, Var

__all__ = ["kept_apart", "shared"]

COMMUTATIVE = frozenset(
    "add mul eq ne logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor".split()
)
"""Ops whose operands may be exchanged: IEEE sums and products do not depend on the order, but for
which of two NaNs is given."""

SMALL = 1 << 16
"""Constants up to this many bytes are compared by content, larger ones by identity."""


def shared(program: Program) -> Program:
    """The program with one equation for all that have the same op, operands and attributes. Every
    op is a function of these, random ones of the generator's state, so this keeps every bit. An
    AdamW step computes the same dozen numbers for each parameter, and keeps one dozen.
    """
    values: dict[int, Operand] = {}
    first: dict[tuple, Equation] = {}
    equations: list[Equation] = []
    for eq in program.equations:
        inputs = [values.get(v.id, v) if v.__class__ is Var else v for v in eq.inputs]
        operands = [_operand_key(v) for v in inputs]
        if eq.op.name in COMMUTATIVE:
            operands.sort(key=lambda k: k if k.__class__ is int else -1)
        attrs = tuple([constant_key(v) for v in eq.attrs.values()]) if eq.attrs else ()
        found = first.setdefault((eq.op.name, *operands, attrs), eq)
        if found is not eq:
            values.update({v.id: w for v, w in zip(eq.outputs, found.outputs, strict=True)})
            continue
        equations.append(Equation(eq.op, inputs, eq.attrs, eq.outputs, eq.place) if values else eq)
    outputs = [values.get(v.id, v) if isinstance(v, Var) else v for v in program.outputs]
    return Program(program.inputs, equations, outputs)


def _operand_key(v: Operand) -> Any:
    if isinstance(v, Var):
        return v.id
    return None if v is None else constant_key(v.value)


def constant_key(value: Any) -> Any:
    """What makes two constants the same: 1, 1.0 and True are three, and so are 0.0 and -0.0."""
    kind = value.__class__
    if kind is float:
        return (kind, struct.pack("d", value))
    if kind is int or kind is bool:
        return (kind, value)
    if kind is tuple:
        return tuple([constant_key(v) for v in value])
    if kind is np.ndarray:
        content = value.tobytes() if value.nbytes <= SMALL else id(value)
        return (kind, value.dtype.str, value.shape, content)
    return value


def kept_apart(before: Program, after: Program) -> Program:
    """The program `after` with the memory of its outputs as distinct as in `before`.

    Passes know values, not memory: to them a copy of an input is the input. But an output is
    handed out, and may be written later; so one that was computed must not become an input, a
    view of an input, or a constant, and two that were distinct must not become one. Such outputs
    are cloned. (Numbers have no memory.)
    """
    old, new = _roots(before), _roots(after)
    taken: dict[int, Operand] = {}  # each variable handed out, and the output it was before
    outputs: list[Operand] = []
    clones: list[Equation] = []
    for a, b in zip(before.outputs, after.outputs, strict=True):
        if (
            isinstance(a, Var)
            and not a.spec.weak
            and (
                (_is_given(new, b) and not _is_given(old, a))
                or (isinstance(b, Var) and taken.setdefault(b.id, a) is not a)
            )
        ):
            copy = Var(a.spec)
            clones.append(Equation(ops.clone, (b,), {}, (copy,), None))
            b = copy
        outputs.append(b)
    return Program(after.inputs, [*after.equations, *clones], outputs) if clones else after


def _roots(program: Program) -> dict[int, int | None]:
    """For each variable the one whose memory it may be a view of; None if that is an input."""
    roots: dict[int, int | None] = {v.id: None for v in program.inputs}
    for eq in program.equations:
        source = eq.inputs[0] if eq.op.is_view else None
        for v in eq.outputs:
            roots[v.id] = roots[source.id] if isinstance(source, Var) else v.id
    return roots


def _is_given(roots: dict[int, int | None], v: Operand) -> bool:
    """Whether a value is an input, a view of one, or a constant."""
    return roots[v.id] is None if isinstance(v, Var) else isinstance(v, Literal)
