"""Searches among a few edges: counted instead of walked through.

The place of a value among ascending edges is the number of edges before it. Where edges are few,
comparing with each of them is a walk over memory like any other, which is fused with its neighbours.
"""

from __future__ import annotations

from ... import ops
from ...base import dtypes
from ..ir import Equation, Literal, Operand
from .rewrite import Rewriter, spec

__all__ = ["SEARCHES"]

FEW = 256
"""Edges that are compared one by one."""


def counted(r: Rewriter, eq: Equation) -> Operand | None:
    """searchsorted(edges, values) with few edges: how many of them are less than the value, or, on
    the right side, not more. NaN is sorted behind all numbers, and equals itself.
    """
    edges, values = eq.inputs
    row, shape = spec(edges).shape, spec(values).shape
    if values.__class__ is Literal or spec(values).weak or spec(edges).dtype is dtypes.bool_:
        return None
    if not 0 < row[-1] <= FEW or (len(row) > 1 and len(row) != len(shape)):
        return None
    here = r.viewed(edges, (*row[:-1], 1, row[-1])) if len(row) > 1 else edges
    each = r.viewed(values, (*shape, 1))
    before = r.apply(ops.le if eq.attrs["right"] else ops.lt, here, each)
    if spec(values).dtype.category == dtypes.FLOATING:
        behind = r.apply(ops.ne, each, each)
        if not eq.attrs["right"]:
            behind = r.apply(ops.logical_and, behind, r.apply(ops.eq, here, here))
        before = r.apply(ops.logical_or, before, behind)
    return r.apply(ops.sum, before, dim=(len(shape),), keepdim=False)


SEARCHES = {"searchsorted": (counted,)}
"""Every rule keeps each bit."""
