"""The Python numbers of a program: learning rate, betas, the powers of betas that the step needs.

They are few, depend on nothing but numbers, and are computed in float64 as Python does. So whoever
runs a program computes them on the host, before the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...base import dtypes
from ..ir import Equation, Literal, Operand, Program, Var

__all__ = ["numbers_function", "split_numbers"]


def split_numbers(program: Program) -> tuple[list[Equation], list[Equation]]:
    """The equations that compute numbers, which read numbers only, and all others."""
    numbers: list[Equation] = []
    rest: list[Equation] = []
    for eq in program.equations:
        (numbers if all([v.spec.weak for v in eq.outputs]) else rest).append(eq)
    return numbers, rest


def numbers_function(
    equations: Sequence[Equation], inputs: Sequence[Var], outputs: Sequence[Operand]
) -> Callable[[Sequence[Any]], tuple]:
    """One Python function that computes the outputs from the input numbers, with the bits that
    the interpreter gives: `float(op.body(…))` of each equation.

    Args: the input numbers, in order; floats, or ints where the program was traced with an int.
    """
    names = {v.id: f"v{k}" for k, v in enumerate(inputs)}
    # an int stays an int until it meets arithmetic, whose results are floats
    floats = {v.id for v in inputs if v.spec.dtype.category == dtypes.FLOATING}
    scope: dict[str, Any] = {"float": float}
    lines = []

    def text(v: Operand) -> str:
        if isinstance(v, Var):
            return names[v.id]
        name = f"c{len(scope)}"
        scope[name] = None if v is None else v.value
        return name

    def is_float(v: Operand) -> bool:
        if isinstance(v, Var):
            return v.id in floats
        return (isinstance(v, Literal) and v.value.__class__ is float) or _is_small_int(v)

    for k, eq in enumerate(equations):
        (out,) = eq.outputs
        arguments = [text(v) for v in eq.inputs]
        body = f"body{k}"
        formula = FORMULAS.get(eq.op.name) if all([is_float(v) for v in eq.inputs]) else None
        if formula is None or "{body}" in formula:
            scope[body] = eq.op.body
            scope[f"attrs{k}"] = eq.attrs
        call = f"float({body}({', '.join([*arguments, f'**attrs{k}'])}))"
        names[out.id] = f"n{k}"
        floats.add(out.id)
        lines.append(f"    n{k} = " + (formula or "{body}").format(*arguments, body=call))
    head = [f"    [{', '.join([names[v.id] for v in inputs])}] = numbers"] if inputs else []
    result = "".join([f"{text(v)}, " for v in outputs])
    source = "\n".join(["def computed(numbers):", *head, *lines, f"    return ({result})"])
    exec(compile(source, "<the numbers of a program>", "exec"), scope)
    return scope["computed"]


def _is_small_int(v: Operand) -> bool:
    """A literal int that is a float64 exactly, so that NumPy and Python agree on it."""
    return isinstance(v, Literal) and v.value.__class__ is int and abs(v.value) < 1 << 53


FORMULAS = {
    "add": "float({0} + {1})",
    "mul": "float({0} * {1})",
    "sub": "float({0} - {1})",
    "neg": "float(-{0})",
    "pow": "float({0} ** {1})",
    # NumPy divides by zero, Python does not
    "div": "{0} / {1} if {1} else {body}",
}
"""What a body does with floats, where Python's own operators do the same, several times faster."""
