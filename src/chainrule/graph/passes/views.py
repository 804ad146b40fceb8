"""Chains of views become one view, and views that change nothing go.

What remains need not be a view of memory: `view(permute(x))`, from which the copy in between was
taken out, has no strides. It says which element goes where, and whoever reads it decides whether to
follow the indices or to copy.
"""

from __future__ import annotations

from ... import ops
from ..ir import Equation, Operand
from .rewrite import Rewriter, spec

__all__ = ["VIEWS"]


def unchanged(r: Rewriter, eq: Equation) -> Operand | None:
    """A view with the shape of what it views, whose elements stay in order."""
    x = eq.inputs[0]
    return x if spec(x).shape == eq.outputs[0].spec.shape else None


def view_of_view(r: Rewriter, eq: Equation) -> Operand | None:
    """The last of two shapes is the shape."""
    inner = r.maker(eq.inputs[0], "view")
    return None if inner is None else r.apply(ops.view, inner.inputs[0], shape=eq.attrs["shape"])


def expand_of_expand(r: Rewriter, eq: Equation) -> Operand | None:
    """The last of two shapes is the shape."""
    inner = r.maker(eq.inputs[0], "expand")
    return None if inner is None else r.apply(ops.expand, inner.inputs[0], shape=eq.attrs["shape"])


def permute_of_permute(r: Rewriter, eq: Equation) -> Operand | None:
    """Axis k of the last is axis dims[k] of the first, which is axis inner[dims[k]] of x."""
    inner = r.maker(eq.inputs[0], "permute")
    if inner is None:
        return None
    first, then = inner.attrs["dims"], eq.attrs["dims"]
    return r.apply(ops.permute, inner.inputs[0], dims=tuple([first[d] for d in then]))


def permute_of_ones(r: Rewriter, eq: Equation) -> Operand | None:
    """A permutation that leaves the axes longer than 1 in order is a change of shape."""
    x, dims = eq.inputs[0], eq.attrs["dims"]
    long = [d for d in dims if spec(x).shape[d] != 1]
    return r.viewed(x, eq.outputs[0].spec.shape) if long == sorted(long) else None


def _range(eq: Equation) -> range:
    return range(eq.attrs["start"], eq.attrs["stop"], eq.attrs["step"])


def slice_of_slice(r: Rewriter, eq: Equation) -> Operand | None:
    """A slice of a slice of one axis takes every (step · step)-th element."""
    inner = r.maker(eq.inputs[0], "slice_")
    if inner is None or inner.attrs["dim"] != eq.attrs["dim"]:
        return None
    taken = _range(inner)[eq.attrs["start"] : eq.attrs["stop"] : eq.attrs["step"]]
    if not taken:
        return None
    bounds = {"start": taken.start, "stop": taken[-1] + 1, "step": taken.step}
    return r.apply(ops.slice_, inner.inputs[0], dim=eq.attrs["dim"], **bounds)


def select_of_slice(r: Rewriter, eq: Equation) -> Operand | None:
    """An element of a slice of that axis is one of the whole."""
    inner = r.maker(eq.inputs[0], "slice_")
    if inner is None or inner.attrs["dim"] != eq.attrs["dim"]:
        return None
    index = _range(inner)[eq.attrs["index"]]
    return r.apply(ops.select, inner.inputs[0], dim=eq.attrs["dim"], index=index)


def part_of_joined(r: Rewriter, eq: Equation) -> Operand | None:
    """A slice of joined values that is one of them."""
    inner = r.maker(eq.inputs[0], "cat")
    if inner is None or inner.attrs["dim"] != eq.attrs["dim"] or eq.attrs["step"] != 1:
        return None
    start = 0
    for v in inner.inputs:
        stop = start + spec(v).shape[eq.attrs["dim"]]
        if (start, stop) == (eq.attrs["start"], eq.attrs["stop"]):
            return v
        start = stop
    return None


def element_of_stacked(r: Rewriter, eq: Equation) -> Operand | None:
    """An element of stacked values along the axis that counts them."""
    inner = r.maker(eq.inputs[0], "stack")
    if inner is None or inner.attrs["dim"] != eq.attrs["dim"]:
        return None
    return inner.inputs[eq.attrs["index"]]


VIEWS = {
    "view": (unchanged, view_of_view),
    "expand": (unchanged, expand_of_expand),
    "permute": (permute_of_permute, permute_of_ones),
    "slice_": (unchanged, slice_of_slice, part_of_joined),
    "select": (select_of_slice, element_of_stacked),
}
"""Every rule keeps each element as it is."""
