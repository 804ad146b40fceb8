"""Products of half floats in float32: what they mean, said in equations.

A body computes half floats in float32 and rounds its result (`ops.promotion`). For products that is
written down here, so that consumers need kernels of float32 alone: the conversions are pointwise,
and join what is computed before and after.
"""

from __future__ import annotations

from ... import ops
from ...base import dtypes
from ..ir import Equation, Operand
from .rewrite import Rewriter, Rules, spec

__all__ = ["HALVES"]


def _in_float32(r: Rewriter, eq: Equation) -> Operand | None:
    """A product of half floats is one of float32, rounded."""
    half = eq.outputs[0].spec.dtype
    if half not in (dtypes.bfloat16, dtypes.float16):
        return None
    wide = [
        r.apply(ops.cast, v, dtype=dtypes.float32) if v is not None and spec(v).dtype is half else v
        for v in eq.inputs
    ]
    return r.apply(ops.cast, r.apply(eq.op, *wide, **eq.attrs), dtype=half)


PRODUCTS = ("matmul", "einsum", "conv", "conv_input", "conv_weight")
HALVES: Rules = dict.fromkeys(PRODUCTS, (_in_float32,))
"""Rules that hold for each bit."""
