"""The intermediate representation: a program in static single assignment form.

A program has inputs, equations in order, and outputs. Each equation applies one op of the table;
each variable is assigned once. There is no control flow but the op `scan`, whose body is a program,
and no memory: a write in place was turned into a `view_scatter` when it was traced.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base.lines import Place, describe
from ..ops import Op, Spec

__all__ = ["Equation", "Literal", "Program", "Var"]

_ids = itertools.count()


class Var:
    """A value: shape, dtype, and `weak` if it promotes like a Python number (a learning rate)."""

    __slots__ = ("id", "spec")

    def __init__(self, spec: Spec):
        self.id, self.spec = next(_ids), spec

    def __repr__(self) -> str:
        return f"%{self.id}: {shown(self.spec)}"


class Literal:
    """A constant operand: a Python number or an array that was fixed when the program was
    written.
    """

    __slots__ = ("value",)

    def __init__(self, value: Any):
        self.value = value

    def __repr__(self) -> str:
        if isinstance(self.value, np.ndarray):
            return f"constant {self.value.dtype}{list(self.value.shape)}"
        return repr(self.value)


Operand = Var | Literal | None


def shown(spec: Spec) -> str:
    """`float32[5,3]`; a weak number is `number`."""
    return "number" if spec.weak else f"{spec.dtype.name}[{','.join(map(str, spec.shape))}]"


class Equation:
    """outputs = op(inputs, attributes), and the line of the user's program it came from."""

    __slots__ = ("attrs", "inputs", "op", "outputs", "place")

    def __init__(
        self,
        op: Op,
        inputs: Sequence[Operand],
        attrs: dict,
        outputs: Sequence[Var],
        place: Place | None,
    ):
        self.op, self.inputs, self.attrs, self.outputs, self.place = (
            op,
            tuple(inputs),
            attrs,
            tuple(outputs),
            place,
        )


class Program:
    """Inputs, equations, outputs. Calling it interprets it on raw values."""

    def __init__(
        self, inputs: Sequence[Var], equations: Sequence[Equation], outputs: Sequence[Operand]
    ):
        self.inputs, self.equations, self.outputs = tuple(inputs), tuple(equations), tuple(outputs)

    @functools.cached_property
    def output_specs(self) -> tuple[Spec, ...]:
        """Shape and dtype of each output."""
        from ..ops.promotion import spec_of

        return tuple([o.spec if isinstance(o, Var) else spec_of(o.value) for o in self.outputs])  # type: ignore[union-attr]

    def __call__(self, *values: Any) -> tuple:
        from .interpret import interpret

        return interpret(self, values)

    def __str__(self) -> str:
        return self.text()

    def text(self, lines: bool = False) -> str:
        """The program for reading, variables numbered from 0; with the user's lines if asked."""
        names: dict[int, str] = {}

        def name(v: Operand) -> str:
            if isinstance(v, Var):
                return names.setdefault(v.id, f"%{len(names)}")
            return "none" if v is None else repr(v)

        rows = [f"program({', '.join(f'{name(v)}: {shown(v.spec)}' for v in self.inputs)}) {{"]
        for eq in self.equations:
            arguments = [name(v) for v in eq.inputs]
            nested = []
            for key, value in eq.attrs.items():
                if isinstance(value, Program):
                    nested = ["  | " + row for row in value.text(lines).splitlines()]
                    value = f"<program of {len(value.equations)} equations>"
                elif key == "path":
                    value = (
                        "["
                        + ", ".join(
                            f"{op.name}({', '.join(f'{k}={v}' for k, v in attrs)})"
                            for op, attrs in value
                        )
                        + "]"
                    )
                arguments.append(f"{key}={value}")
            left = ", ".join(f"{name(v)}: {shown(v.spec)}" for v in eq.outputs)
            row = f"  {left} = {eq.op.name}({', '.join(arguments)})"
            rows.append(f"{row:<76}  # {describe(eq.place)}" if lines else row)
            rows += nested
        rows.append(f"  return {', '.join(name(v) for v in self.outputs)}")
        return "\n".join([*rows, "}"])


def pruned(equations: Sequence[Equation], wanted: Sequence[Operand]) -> list[Equation]:
    """The equations that lead to the wanted values, in order: the others change nothing."""
    needed = {v.id for v in wanted if isinstance(v, Var)}
    kept = []
    for eq in reversed(equations):
        if any(v.id in needed for v in eq.outputs):
            needed.update(v.id for v in eq.inputs if isinstance(v, Var))
            kept.append(eq)
    return kept[::-1]
