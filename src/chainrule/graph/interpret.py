"""The plain interpreter: one equation after another on NumPy arrays, by the same `Op.evaluate`
that eager calls end in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .ir import Equation, Program, Var

__all__ = ["Interpreted", "interpret"]


def interpret(program: Program, values: Sequence[Any]) -> tuple:
    """The outputs of a program on raw values, one for each input. A value is dropped after its
    last use.
    """
    assert len(values) == len(program.inputs), f"{len(program.inputs)} inputs, {len(values)} values"
    env = {v.id: x for v, x in zip(program.inputs, values, strict=True)}
    last = _last_uses(program)

    def value(v: Any) -> Any:
        if isinstance(v, Var):
            return env[v.id]
        return None if v is None else v.value

    for k, eq in enumerate(program.equations):
        y = _evaluated(eq, tuple([value(v) for v in eq.inputs]))
        for var, part in zip(eq.outputs, y if isinstance(y, tuple) else (y,), strict=True):
            env[var.id] = part
        for unused in last.get(k, ()):
            env.pop(unused, None)
    return tuple([value(v) for v in program.outputs])


def _evaluated(eq: Equation, args: tuple) -> Any:
    if len(eq.outputs) == 1 and eq.outputs[0].spec.weak:
        # Python numbers are computed with as Python does, in float64
        return float(eq.op.body(*args, **eq.attrs))
    y = eq.op.evaluate(args, eq.attrs)
    if eq.op.is_view:
        return y
    # as tensors keep them
    return (
        tuple([np.asarray(v, order="C") for v in y])
        if isinstance(y, tuple)
        else np.asarray(y, order="C")
    )


def _last_uses(program: Program) -> dict[int, list[int]]:
    """For each equation, the variables that nothing after it reads."""
    kept = {v.id for v in program.outputs if isinstance(v, Var)}
    seen: set[int] = set(kept)
    out: dict[int, list[int]] = {}
    for k in reversed(range(len(program.equations))):
        eq = program.equations[k]
        for v in (*eq.inputs, *eq.outputs):
            if isinstance(v, Var) and v.id not in seen:
                seen.add(v.id)
                out.setdefault(k, []).append(v.id)
    return out


class Interpreted:
    """The executor (see `traced`) that computes with NumPy, one equation after another."""

    def __init__(self, program: Program, donated: dict[int, int]):
        self.program = program

    def run(self, values: Sequence[Any], into: Sequence[Any]) -> list[np.ndarray]:
        """The outputs, written where they belong once all of them are known."""
        held = {id(v) for v in values}
        found = []
        for v in interpret(self.program, values):
            v = np.asarray(v)
            found.append(v.copy() if id(v) in held or v.base is not None else v)
        for k, place in enumerate(into):
            if place is not None:
                np.copyto(place, found[k])
                found[k] = place
        return found
