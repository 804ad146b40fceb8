"""Rewriting a program: one sweep from the first equation to the last, asking rules about each.

A rule is a function of the `Rewriter` and an equation whose operands are already rewritten. It
returns what the equation's one output may be read from instead (a variable or a literal), or None
to leave it. What a rule needs on the way it writes with `Rewriter.apply`, whose equations are put
before the rules in turn; so one sweep is enough for chains of them.

A replacement must have the shape, dtype and weakness of what it replaces: one that has not is not
used. So a rule may propose what holds for most dtypes and leave the exceptions to this check.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ... import ops
from ...base import dtypes, shapes
from ...ops import Op, Spec
from ...ops.promotion import spec_of
from ..ir import Equation, Literal, Operand, Program, Var
from ..specs import output_specs

__all__ = ["Rewriter", "Rule", "Rules", "rewritten", "spec"]

Rule = Callable[["Rewriter", Equation], "Operand | None"]
Rules = Mapping[str, Sequence[Rule]]
"""Rules by the name of the op they are about, or `"kind NAME"` for all ops of a kind."""


def spec(v: Operand) -> Spec:
    """Shape, dtype and weakness of an operand; None for one that was left out."""
    if isinstance(v, Var):
        return v.spec
    return spec_of(None if v is None else v.value)


def rewritten(program: Program, rules: Rules) -> Program:
    """The program after one sweep with these rules. What became dead is still there."""
    r = Rewriter(rules)
    for eq in program.equations:
        r.take(eq)
    return Program(program.inputs, r.equations, [r.now(v) for v in program.outputs])


class Rewriter:
    """The program that is being written, and what its rules may ask about it."""

    def __init__(self, rules: Rules):
        self.rules = rules
        self.equations: list[Equation] = []
        self.values: dict[int, Operand] = {}  # what a replaced variable is read from
        self.makers: dict[int, Equation] = {}
        self.bounds: dict[
            int, int
        ] = {}  # index variables that a gather has checked: all below this
        self.place: Any = None  # the line of the equation at hand, given to those made for it
        self._by_op: dict[str, list[Rule]] = {}

    # --------------------------------------------------------------------------- writing

    def now(self, v: Operand) -> Operand:
        """What an operand of the old program is in the new one."""
        return self.values.get(v.id, v) if v.__class__ is Var else v

    def take(self, eq: Equation) -> None:
        """The next equation of the old program."""
        self.place = eq.place
        inputs = tuple([self.now(v) for v in eq.inputs])
        if any([a is not b for a, b in zip(inputs, eq.inputs, strict=True)]):
            eq = Equation(eq.op, inputs, eq.attrs, eq.outputs, eq.place)
        found = self._replacement(eq)
        if found is None:
            self._append(eq)
        else:
            self.values[eq.outputs[0].id] = found

    def apply(self, op: Op, *operands: Operand, **attrs: Any) -> Operand:
        """The output of an op with one, simplified as far as the rules can. Attributes are
        complete and in normal form.
        """
        known = tuple([v.value if v.__class__ is Literal else spec(v) for v in operands])
        (made,) = output_specs(op, known, attrs)
        eq = Equation(op, operands, attrs, (Var(made),), self.place)
        found = self._replacement(eq)
        if found is not None:
            return found
        self._append(eq)
        return eq.outputs[0]

    def _append(self, eq: Equation) -> None:
        self.equations.append(eq)
        for v in eq.outputs:
            self.makers[v.id] = eq
        if eq.op.name == "gather" and isinstance(eq.inputs[1], Var):
            x, at = spec(eq.inputs[0]), eq.inputs[1].id
            n = x.shape[eq.attrs["dim"]] if x.shape else 1
            self.bounds[at] = min(n, self.bounds.get(at, n))

    def _replacement(self, eq: Equation) -> Operand | None:
        op = eq.op
        rules = self._by_op.get(op.name)
        if rules is None:
            rules = [*self.rules.get(op.name, ()), *self.rules.get(f"kind {op.kind.name}", ())]
            self._by_op[op.name] = rules
        if not rules or len(eq.outputs) != 1:
            return None
        wanted = eq.outputs[0].spec
        for rule in rules:
            found = rule(self, eq)
            if found is not None and spec(found) == wanted:
                return found
        return None

    # ---------------------------------------------------------------------------- asking

    def maker(self, v: Operand, *names: str) -> Equation | None:
        """The equation that gives a variable, if its op is one of these."""
        eq = self.makers.get(v.id) if v.__class__ is Var else None
        return eq if eq is not None and eq.op.name in names else None

    def constant(self, v: Operand) -> bool | int | float | None:
        """The one value that all elements of an operand have, as a Python number, if that is
        known: a number, an array of one element, or what `full` makes.
        """
        if v.__class__ is Literal:
            value = v.value
            if value.__class__ is not np.ndarray:
                return value
            return number(value) if value.size == 1 else None
        eq = self.maker(v, "full")
        if eq is None:
            return None
        value, dtype = eq.attrs["value"], eq.attrs["dtype"]
        if value.__class__ is float and dtype in (dtypes.float32, dtypes.float64):
            if dtype is dtypes.float64 or value in (0.0, 1.0):
                return value
        return number(eq.op.evaluate((), eq.attrs | {"shape": ()}))

    def full(self, shape: tuple[int, ...], value: float, dtype: dtypes.DType) -> Operand:
        """One value everywhere."""
        return self.apply(ops.full, shape=shape, value=as_kind(value, dtype), dtype=dtype)

    def shaped(self, v: Operand, shape: tuple[int, ...]) -> Operand:
        """An operand broadcast to a shape."""
        return v if spec(v).shape == shape else self.apply(ops.expand, v, shape=shape)

    def viewed(self, v: Operand, shape: tuple[int, ...]) -> Operand:
        """An operand under another shape of as many elements."""
        assert shapes.size(shape) == shapes.size(spec(v).shape)
        return v if spec(v).shape == shape else self.apply(ops.view, v, shape=shape)


def as_kind(value: Any, dtype: dtypes.DType) -> Any:
    """A number as the Python type of a dtype, if that is exact: a float for floats, and so on."""
    if dtype.category == dtypes.INTEGER:
        limits = np.iinfo(dtype.name)
        fits = limits.min <= value <= limits.max and int(value) == value
        return int(value) if fits else value
    kind = float if dtype.category == dtypes.FLOATING else bool
    return kind(value) if kind(value) == value else value


def number(array: np.ndarray) -> bool | int | float:
    """The element of an array of one, as a Python number; exact for every dtype."""
    if array.dtype == dtypes.BF16_BITS:
        array = dtypes.convert(array, dtypes.float32)
    return array.item()
