"""Constant folding: what depends on no input is computed once, and what has one value everywhere
stays a `full`.

The creation ops stay: machine code makes their elements where they are read, without memory. So
does all that is made of them but has different elements (a mask `tril(full)`), for which a literal
would be memory to read.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...base import dtypes, shapes
from ...base.errors import ChainruleError
from ...ops import Spec
from ...ops.promotion import common, spec_of
from ..interpret import interpret
from ..ir import Equation, Literal, Operand, Program, Var
from ..specs import output_specs
from .rewrite import Rewriter, as_kind, number, spec

__all__ = ["FOLDING"]

SMALL = 1 << 16
"""The bytes that operands and result of a folded equation may have together."""


def literals(r: Rewriter, eq: Equation) -> Operand | None:
    """An equation whose operands are all literals, computed by the interpreter. One that raises
    stays, to raise when the program runs.
    """
    if not eq.inputs or not all([v is None or v.__class__ is Literal for v in eq.inputs]):
        return None
    return _computed(eq) if _bytes(eq) <= SMALL else None


def one_element(r: Rewriter, eq: Equation) -> Operand | None:
    """A creation op that makes one element is a literal."""
    return _computed(eq) if shapes.size(eq.outputs[0].spec.shape) == 1 else None


def tidy(r: Rewriter, eq: Equation) -> Operand | None:
    """A `full` whose value has the Python type of its dtype: 0 and 0.0 in float32 are the same
    constant, and are shared as such.
    """
    value, dtype = eq.attrs["value"], eq.attrs["dtype"]
    same = as_kind(value, dtype).__class__ is value.__class__
    return None if same else r.full(eq.attrs["shape"], value, dtype)


def _bytes(eq: Equation) -> int:
    specs = [spec(v) for v in (*eq.inputs, *eq.outputs) if v is not None]
    return sum([shapes.size(s.shape) * s.dtype.numpy.itemsize for s in specs])


def _computed(eq: Equation) -> Literal | None:
    try:
        with np.errstate(all="ignore"):
            (value,) = interpret(Program((), [eq], eq.outputs), ())
    except (ChainruleError, ArithmeticError, ValueError, TypeError):
        return None
    return Literal(value.copy() if isinstance(value, np.ndarray) else value)


def uniform(r: Rewriter, eq: Equation) -> Operand | None:
    """An elementwise op on operands that each have one value everywhere gives one value
    everywhere: that of one element.
    """
    out = eq.outputs[0].spec
    if out.weak or not eq.inputs:
        return None
    small: list[Literal | None] = []
    for v in eq.inputs:
        value = None if v is None else r.constant(v)
        if v is not None and value is None:
            return None
        small.append(None if v is None else _one_element(spec(v), value))
    (law,) = output_specs(eq.op, tuple([v and v.value for v in small]), eq.attrs)
    found = _computed(Equation(eq.op, small, eq.attrs, (Var(law),), eq.place))
    return None if found is None else r.full(out.shape, number(found.value), out.dtype)


def _one_element(s: Spec, value: Any) -> Literal:
    """A value as an operand of one element, of as many axes: promotion asks if there are any."""
    if s.weak:
        return Literal(value)
    exact = np.float32 if s.dtype is dtypes.bfloat16 else s.dtype.numpy
    return Literal(dtypes.convert(np.full((1,) * s.ndim, value, exact), s.dtype))


def view_of_uniform(r: Rewriter, eq: Equation) -> Operand | None:
    """A view of one value everywhere is that value in another shape."""
    value, out = r.constant(eq.inputs[0]), eq.outputs[0].spec
    if value is None or out.weak:
        return None
    return r.full(out.shape, value, out.dtype)


def reduced_uniform(r: Rewriter, eq: Equation) -> Operand | None:
    """A reduction of a small `full`, computed by the interpreter."""
    made = r.maker(eq.inputs[0], "full")
    if made is None or len(eq.outputs) != 1 or _bytes(eq) > SMALL or not _bytes(eq):
        return None
    value = made.op.evaluate((), made.attrs)
    found = _computed(Equation(eq.op, [Literal(value)], eq.attrs, eq.outputs, eq.place))
    if found is None:
        return None
    array, out = found.value, eq.outputs[0].spec
    if not array.size or array.tobytes() != array.reshape(-1)[:1].tobytes() * array.size:
        return None
    return r.full(out.shape, number(array.reshape(-1)[:1]), out.dtype)


def zeros(r: Rewriter, eq: Equation) -> Operand | None:
    """zeros_like(x) needs only the shape of x."""
    out = eq.outputs[0].spec
    return None if out.weak else r.full(out.shape, 0, out.dtype)


TAKES_NUMBERS = "add sub mul div maximum minimum where eq ne lt le gt ge".split()
EXACT_INTEGERS = 1 << 24
"""Integers up to this are exact in every floating dtype that is computed with."""


def as_numbers(r: Rewriter, eq: Equation) -> Operand | None:
    """An operand that has one value everywhere becomes a Python number where the dtype that is
    computed in and the result's shape stay: one kind of constant for all that follows.
    """
    inputs = list(eq.inputs)
    dtype = common(eq.op, [spec(v) for v in inputs])
    for k, v in enumerate(inputs):
        if v is None or spec(v).weak or (eq.op.name == "where" and k == 0):
            continue
        value = r.constant(v)
        if value is None or (value.__class__ is int and abs(value) > EXACT_INTEGERS):
            continue
        others = [a.value if isinstance(a, Literal) else spec(a) for a in inputs]
        others[k] = value
        # a comparison says nothing of the dtype that it compares in
        same_dtype = common(eq.op, [spec_of(a) for a in others]) is dtype
        if same_dtype and output_specs(eq.op, tuple(others), eq.attrs)[0] == eq.outputs[0].spec:
            inputs[k] = Literal(value)
    if all([a is b for a, b in zip(inputs, eq.inputs, strict=True)]):
        return None
    return r.apply(eq.op, *inputs, **eq.attrs)


FOLDING = {
    "zeros_like": (zeros,),
    "full": (tidy,),
    "kind create": (one_element,),
    "kind elementwise": (literals, uniform),
    "kind view": (literals, view_of_uniform),
    "kind reduce": (literals, reduced_uniform),
    **{
        f"kind {k}": (literals,)
        for k in "contract gather scatter window concat normalize order".split()
    },
    **dict.fromkeys(TAKES_NUMBERS, (as_numbers,)),
}
"""Every rule keeps each bit of the interpreter's values."""
