"""How many floating-point operations an op is, from the shapes of its operands: one definition, read by
the compiler's report and by `inspect.summary`.

| kind | operations |
|---|---|
| a product of m×k by k×n, and whatever is one (einsum, linear, convolutions and their gradients) | 2 m n k |
| attention | those of its products, for the keys that are seen |
| a reduction, an order | one for each element that is read |
| a loop | those of its body, for each step |
| views, copies, gathers, creation | none |
| an elementwise op, and any other primitive | one for each element that is made |
| any other composite (softmax, a norm, the gates of an LSTM) | those of the ops that it is written in |

An exponential counts as one, as an addition does, and so does an activation: the number says how
much work there is, not how long it takes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..ops import Op, Spec
from .ir import Equation, Program, Var
from .specs import definition

__all__ = ["equation_flops", "op_flops", "program_flops"]

_FREE = ("view", "gather", "scatter", "concat", "create")
_READING = ("reduce", "order")


def op_flops(
    op: Op, inputs: Sequence[Spec | None], outputs: Sequence[Spec], attrs: dict[str, Any]
) -> float:
    """Floating-point operations of one call.

    >>> from chainrule.base.dtypes import float32
    >>> from chainrule.ops import matmul
    >>> shapes = [Spec((3, 5), float32), Spec((5, 7), float32)]
    >>> op_flops(matmul, shapes, [Spec((3, 7), float32)], {})
    210.0
    """
    shapes = [() if s is None else s.shape for s in inputs]
    made = float(sum([math.prod(s.shape) for s in outputs]))
    name = op.name
    if name == "matmul":
        return 2.0 * made * shapes[0][-1]
    if name == "linear":
        return 2.0 * made * shapes[0][-1] + (made if inputs[2] is not None else 0.0)
    if name == "einsum":
        return _einsum(attrs["equation"], shapes)
    if name in ("attention", "attention_backward"):
        return _attention(op, shapes, outputs, attrs)
    if name in ("conv", "conv_input", "conv_weight"):
        return _conv(name, shapes, outputs)
    if op.nests:
        return attrs["length"] * program_flops(attrs["body"])
    if op.composite and op.kind.name != "elementwise":
        return math.fsum([equation_flops(eq) for eq in definition(op, inputs, attrs)[0]])
    if op.kind.name in _FREE:
        return 0.0
    if op.kind.name in _READING:
        return float(sum([math.prod(s) for s in shapes[:1]]))
    return made


def _einsum(equation: str, shapes: Sequence[tuple[int, ...]]) -> float:
    """A multiplication and an addition for each combination of letters; of one operand, an addition."""
    letters = equation.partition("->")[0].split(",")
    sizes: dict[str, int] = {}
    for term, shape in zip(letters, shapes, strict=True):
        sizes.update(zip(term.strip(), shape, strict=True))
    return float(math.prod(sizes.values())) * (2 if len(letters) > 1 else 1)


def _attention(
    op: Op, shapes: Sequence[tuple[int, ...]], outputs: Sequence[Spec], attrs: dict[str, Any]
) -> float:
    """Two products forward (q kᵀ and p v), five backward; of causal ones, for the keys that are seen."""
    q, k, v = [shapes[op.operands.index(n)] for n in "qkv"]
    T, S, D, E = q[-2], k[-2], q[-1], v[-1]
    seen = sum([min(t + 1, S) for t in range(T)]) if attrs["causal"] else T * S
    heads = math.prod(outputs[0].shape[:-2])
    return 2.0 * heads * seen * (D + E if op.name == "attention" else 3 * D + 2 * E)


def _conv(name: str, shapes: Sequence[tuple[int, ...]], outputs: Sequence[Spec]) -> float:
    """Each element of y is a sum over a window of the channels of its group: the weight's elements for
    one output channel.
    """
    y = {"conv": outputs[0].shape, "conv_input": shapes[0], "conv_weight": shapes[-1]}[name]
    w = outputs[0].shape if name == "conv_weight" else shapes[1]
    taps = w[1 - len(y) :]  # a gradient computed in slices has one more axis, in front
    return 2.0 * math.prod(y) * math.prod(taps)


def equation_flops(eq: Equation) -> float:
    """Those of an equation of a program."""
    from ..ops.promotion import spec_of

    inputs = [
        v.spec if isinstance(v, Var) else None if v is None else spec_of(v.value) for v in eq.inputs
    ]
    return op_flops(eq.op, inputs, [v.spec for v in eq.outputs], eq.attrs)


def program_flops(program: Program) -> float:
    """Those of a whole program.

    >>> from chainrule.graph import trace
    >>> from chainrule.tensors import ones
    >>> f = trace(lambda x, y: (x @ y).sum())
    >>> _ = f(ones(3, 5), ones(5, 7))
    >>> program_flops(f.programs[0])      # 2 · 3 · 5 · 7, and 21 additions
    231.0
    """
    return math.fsum([equation_flops(eq) for eq in program.equations])
