"""Products of half floats in float32: what they mean, said in equations.

A body computes half floats in float32 and rounds its result (`ops.promotion`). For products, and for
attention, that is written down here, so that consumers need kernels of float32 alone: the conversions
are pointwise, and join what is computed before and after.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ... import ops
from ...base import dtypes
from ..ir import Equation, Operand, Program, Var
from .rewrite import Rewriter, Rules, spec

__all__ = ["HALVES", "widened"]


def _is_half(dtype: dtypes.DType) -> bool:
    return dtype in (dtypes.bfloat16, dtypes.float16)


def _in_float32(r: Rewriter, eq: Equation) -> Operand | None:
    """A product of half floats is one of float32, rounded."""
    half = eq.outputs[0].spec.dtype
    if not _is_half(half):
        return None
    wide = [
        r.apply(ops.cast, v, dtype=dtypes.float32) if v is not None and spec(v).dtype is half else v
        for v in eq.inputs
    ]
    return r.apply(ops.cast, r.apply(eq.op, *wide, **eq.attrs), dtype=half)


PRODUCTS = ("matmul", "einsum", "conv", "conv_input", "conv_weight")
HALVES: Rules = dict.fromkeys(PRODUCTS, (_in_float32,))
"""Rules that hold for each bit."""


def widened(program: Program, names: Iterable[str]) -> Program:
    """The program with the same done to ops of these names, which may have several outputs: for
    composites that are to stay whole.
    """
    wanted = frozenset(names)
    equations: list[Equation] = []

    def cast(v: Operand, dtype: dtypes.DType, place: Any) -> Var:
        out = Var(spec(v)._replace(dtype=dtype))
        equations.append(Equation(ops.cast, (v,), {"dtype": dtype}, (out,), place))
        return out

    for eq in program.equations:
        half = eq.outputs[0].spec.dtype
        if eq.op.name not in wanted or not _is_half(half):
            equations.append(eq)
            continue
        inputs = [
            cast(v, dtypes.float32, eq.place) if v is not None and spec(v).dtype is half else v
            for v in eq.inputs
        ]
        outputs = [
            Var(v.spec._replace(dtype=dtypes.float32)) if v.spec.dtype is half else v
            for v in eq.outputs
        ]
        equations.append(Equation(eq.op, inputs, eq.attrs, outputs, eq.place))
        for wide, out in zip(outputs, eq.outputs, strict=True):
            if wide is not out:
                equations.append(Equation(ops.cast, (wide,), {"dtype": half}, (out,), eq.place))
    return Program(program.inputs, equations, program.outputs)
