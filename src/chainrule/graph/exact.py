"""A program as plain values, exactly, and back: what can be kept in a file, and compared.

A `Tree` is numbers, strings, None, lists and dicts, as JSON has them. Two programs have the same tree
if and only if they compute the same in the same way: variables are numbered in the order in which
they are assigned, so neither their identities nor who traced them is in it; everything else is (ops,
attributes, dtypes, shapes, constants to the bit). Constant arrays stand beside the tree.

Of the user's lines only their pattern is told: which equations come from the same one. So a line
can be named by its number, by whoever has the program.

Reading makes values, dtypes, ops of the table and programs of these. Nothing that is read is run, and
whatever does not fit is a `FormatError`.

>>> from chainrule.tensors import Tensor
>>> from chainrule.graph import trace
>>> f = trace(lambda x: (x * 2).sum())
>>> print(*Writer().program(f.capture(Tensor([1.0, 2.0])).program)["equations"], sep="\\n")
['mul', [0, {'literal': 2}], {}, [[[2], 'float32', False]], 0]
['sum', [1], {'dim': [0], 'keepdim': False}, [[[], 'float32', False]], 0]
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base import dtypes
from ..base.dtypes import DType
from ..base.errors import FormatError
from ..base.lines import Place
from ..ops import TABLE, Op, Spec
from ..tensors.storage import Size
from .ir import Equation, Literal, Operand, Program, Var

__all__ = ["Reader", "Tree", "Unwritable", "Writer"]

Tree = Any


class Unwritable(Exception):
    """A value that has no exact text: a function among the attributes, an op of the user's own."""


class Writer:
    """Writes values and programs as trees.

    Args:
        lines: the user's lines that may be named; as they come if there is nothing given.

    Attributes:
        arrays: the constant arrays met so far; a tree names them by their place here.
        lines: the user's lines; a tree names them by their place here.
    """

    def __init__(self, lines: Sequence[Place] | None = None) -> None:
        self.arrays: list[np.ndarray] = []
        self.lines = list(lines or ())
        self._complete = lines is not None
        # by identity: to compare code costs more than all the rest
        self._places = {(id(code), at): k for k, (code, at) in enumerate(self.lines)}
        self._array_numbers: dict[int, int] = {}
        self._variables: dict[int, int] = {}
        self._assigned_so_far = 0

    def program(self, p: Program) -> Tree:
        """A program, with those that are attributes in it."""
        inputs = [self._assigned(v) for v in p.inputs]
        equations = [self.equation(eq) for eq in p.equations]
        return {
            "inputs": inputs,
            "equations": equations,
            "outputs": [self.operand(v) for v in p.outputs],
        }

    def equation(self, eq: Equation) -> Tree:
        """An equation whose operands are known."""
        return [
            self.op(eq.op),
            [self.operand(v) for v in eq.inputs],
            self.attributes(eq.attrs),
            [self._assigned(v) for v in eq.outputs],
            self.place(eq.place),
        ]

    def _assigned(self, v: Var) -> Tree:
        self._variables[v.id] = self._assigned_so_far  # a body may stand in two places
        self._assigned_so_far += 1
        return [list(v.spec.shape), v.spec.dtype.name, v.spec.weak]

    def operand(self, v: Operand) -> Tree:
        """What an equation reads."""
        if v.__class__ is Var:
            return self._variables[v.id]
        return None if v is None else {"literal": self.value(v.value)}  # type: ignore[union-attr]

    def op(self, op: Op) -> Tree:
        """An op of the table that is chainrule's own, so that its name says all of it."""
        own = op.body.__module__.partition(".")[0] == __name__.partition(".")[0]
        if not own or TABLE.get(op.name) is not op:
            raise Unwritable(f"{op.name} is not an op of chainrule")
        return op.name

    def attributes(self, attrs: dict) -> Tree:
        """Values by name."""
        return {k: self.value(v) for k, v in attrs.items()} if attrs else {}

    def place(self, place: Place | None) -> Tree:
        """The number of a line."""
        if place is None:
            return None
        number = self._places.setdefault((id(place[0]), place[1]), len(self.lines))
        if number == len(self.lines):
            if self._complete:
                raise Unwritable("a line of another program")
            self.lines.append(place)
        return number

    def value(self, x: Any) -> Tree:
        """An attribute or constant. 1, 1.0 and True are three, and so are 0.0 and −0.0."""
        kind = x.__class__
        if x is None or kind is bool or kind is int or kind is str:
            return x
        if kind is float:
            return x if x == x else {"bits": struct.pack("<d", x).hex()}
        if kind is tuple or kind is Size:  # a Size is a tuple with another repr
            return [self.value(v) for v in x]
        if kind is DType:
            return {"dtype": x.name}
        if kind is Op:
            return {"op": self.op(x)}
        if kind is Program:
            return {"program": self.program(x)}
        if kind is np.ndarray and x.dtype.kind in "biuf":
            number = self._array_numbers.setdefault(id(x), len(self.arrays))
            if number == len(self.arrays):
                self.arrays.append(x)  # held, so that no other gets its identity
            return {"array": number}
        raise Unwritable(f"{kind.__name__} has no exact text")


class Reader:
    """Reads what a `Writer` wrote.

    Args:
        arrays: the constant arrays beside the tree.
        lines: the user's lines.
    """

    def __init__(self, arrays: Sequence[np.ndarray], lines: Sequence[Place]):
        self.arrays, self.lines = arrays, lines
        self.variables: list[Var] = []

    def program(self, tree: Tree) -> Program:
        """A program."""
        inputs = [self._assigned(v) for v in tree["inputs"]]
        equations = [self.equation(row) for row in tree["equations"]]
        return Program(inputs, equations, [self.operand(v) for v in tree["outputs"]])

    def equation(self, tree: Tree) -> Equation:
        """An equation."""
        name, inputs, attrs, outputs, place = tree
        operands = [self.operand(v) for v in inputs]
        found = self.attributes(attrs)
        assigned = [self._assigned(v) for v in outputs]
        return Equation(self.op(name), operands, found, assigned, self.place(place))

    def _assigned(self, tree: Tree) -> Var:
        shape, dtype, weak = tree
        self.variables.append(Var(Spec(tuple(shape), self.dtype(dtype), weak)))
        return self.variables[-1]

    def operand(self, tree: Tree) -> Operand:
        """A variable that was assigned before, a constant, or None."""
        if tree.__class__ is int:
            return self.variables[tree]
        return None if tree is None else Literal(self.value(tree["literal"]))

    def op(self, tree: Tree) -> Op:
        """An op of the table."""
        return TABLE[tree]

    def dtype(self, tree: Tree) -> DType:
        """A dtype by its name."""
        return dtypes.of(tree)

    def place(self, tree: Tree) -> Place | None:
        """The line that a number stands for."""
        return None if tree is None else self.lines[tree]

    def attributes(self, tree: Tree) -> dict[str, Any]:
        """Values by name."""
        return {k: self.value(v) for k, v in tree.items()}

    def value(self, tree: Tree) -> Any:
        """An attribute or constant."""
        if tree.__class__ is list:
            return tuple([self.value(v) for v in tree])
        if tree.__class__ is not dict:
            return tree
        [(kind, held)] = tree.items()
        if kind == "bits":
            return struct.unpack("<d", bytes.fromhex(held))[0]
        if kind == "array":
            return self.arrays[held]
        if kind in ("dtype", "op", "program"):
            return getattr(self, kind)(held)
        raise FormatError(f"no value is a {kind!r}")
