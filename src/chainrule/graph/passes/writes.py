"""Writes into slices become joins, and scatters selections: forms that are made in one walk over
the result, element by element.

A gradient of slices (the q, k and v of one projection, the four gates of an LSTM) is written as a
sum of zeros with one slice replaced each. Nothing of that is memory worth having: the sum is the
slices, joined.
"""

from __future__ import annotations

from typing import NamedTuple

from ... import ops
from ...base import dtypes, shapes
from ...ops import Spec
from ..ir import Equation, Literal, Operand
from ..specs import output_specs
from .rewrite import Rewriter, spec

__all__ = ["JOINS", "SCATTERS", "WRITES"]


class Part(NamedTuple):
    """What stands at start … stop of one axis: a value, and whether that axis was selected (so
    that the value lacks it).
    """

    start: int
    stop: int
    value: Operand
    selected: bool = False


def _written(eq: Equation) -> tuple[int, Part] | None:
    """The axis and part that a `view_scatter` replaces, if that is a slice of one axis."""
    x, value = eq.inputs
    if len(eq.attrs["path"]) != 1 or spec(value).weak or spec(value).dtype is not spec(x).dtype:
        return None
    [(op, pairs)] = eq.attrs["path"]
    attrs = dict(pairs)
    if op is ops.slice_ and attrs["step"] == 1 and attrs["start"] < attrs["stop"]:
        return attrs["dim"], Part(attrs["start"], attrs["stop"], value)
    if op is ops.select:
        return attrs["dim"], Part(attrs["index"], attrs["index"] + 1, value, True)
    return None


def _apart(part: Part, others: list[Part]) -> bool:
    return all([part.stop <= o.start or o.stop <= part.start for o in others])


def _joined(r: Rewriter, dim: int, parts: list[Part], whole: Spec) -> Operand:
    """The parts joined along an axis, zeros between them."""

    def shape(n: int) -> tuple[int, ...]:
        return (*whole.shape[:dim], n, *whole.shape[dim + 1 :])

    def zeros(n: int) -> Operand:
        return r.full(shape(n), 0, whole.dtype)

    out, at = [], 0
    for part in sorted(parts, key=lambda p: p.start):
        if part.start > at:
            out.append(zeros(part.start - at))
        value = part.value
        if part.selected:
            value = r.shaped(value, (*whole.shape[:dim], *whole.shape[dim + 1 :]))
        value = r.viewed(value, shape(1)) if part.selected else value
        out.append(r.shaped(value, shape(part.stop - part.start)))
        at = part.stop
    if at < whole.shape[dim]:
        out.append(zeros(whole.shape[dim] - at))
    return out[0] if len(out) == 1 else r.apply(ops.cat, *out, dim=dim)


def write_of_all(r: Rewriter, eq: Equation) -> Operand | None:
    """A write through views that reach every element leaves nothing of what was there: it is the
    value, under the shape of the whole.
    """
    x, value = eq.inputs
    if spec(value).weak or spec(value).dtype is not spec(x).dtype:
        return None
    places = [spec(x)]
    for op, pairs in eq.attrs["path"]:
        places.extend(output_specs(op, (places[-1],), dict(pairs)))
        reordered = op.name in ("view", "permute", "slice_", "select")
        if not reordered or shapes.size(places[-1].shape) != shapes.size(places[0].shape):
            return None
    y = r.shaped(value, places[-1].shape)
    for (op, pairs), before in zip(eq.attrs["path"][::-1], places[-2::-1], strict=True):
        if op is ops.permute:
            dims = dict(pairs)["dims"]
            y = r.apply(ops.permute, y, dims=tuple([dims.index(k) for k in range(len(dims))]))
        else:
            y = r.viewed(y, before.shape)
    return y


def writes_of_all_parts(r: Rewriter, eq: Equation) -> Operand | None:
    """Writes of slices that lie apart and together reach every element are their join. Of what
    is written twice, the last write stays.
    """
    found = _written(eq)
    if found is None:
        return None
    dim, whole = found[0], eq.outputs[0].spec
    parts = [found[1]]
    missing = whole.shape[dim] - (found[1].stop - found[1].start)
    below = r.maker(eq.inputs[0], "view_scatter")
    while missing and below is not None:
        earlier = _written(below)
        if earlier is None or earlier[0] != dim:
            return None
        if _apart(earlier[1], parts):
            parts.append(earlier[1])
            missing -= earlier[1].stop - earlier[1].start
        elif not any([p.start <= earlier[1].start and earlier[1].stop <= p.stop for p in parts]):
            return None
        below = r.maker(below.inputs[0], "view_scatter")
    return None if missing else _joined(r, dim, parts, whole)


def write_through_steps(r: Rewriter, eq: Equation) -> Operand | None:
    """A write through several views, of which not all cut a box, is one after another of simpler
    ones. What comes after slices is written into the slice, and that into the whole; a
    permutation or another shape, if first, is taken off both and put back.
    """
    x, value = eq.inputs
    path = eq.attrs["path"]
    cuts = [op is ops.slice_ or op is ops.select for op, _ in path]
    if all(cuts) or len(path) < 2:
        return None
    if cuts[0]:
        boxed = cuts.index(False)
        part = x
        for op, pairs in path[:boxed]:
            part = r.apply(op, part, **dict(pairs))
        part = r.apply(ops.view_scatter, part, value, path=path[boxed:])
        return r.apply(ops.view_scatter, x, part, path=path[:boxed])
    op, pairs = path[0]
    if op is ops.permute:
        dims = dict(pairs)["dims"]
        y = r.apply(ops.view_scatter, r.apply(op, x, dims=dims), value, path=path[1:])
        return r.apply(op, y, dims=tuple([dims.index(k) for k in range(len(dims))]))
    if op is ops.view:
        y = r.viewed(x, dict(pairs)["shape"])
        y = r.apply(ops.view_scatter, y, value, path=path[1:])
        return r.viewed(y, eq.outputs[0].spec.shape)
    return None


def write_of_diagonal(r: Rewriter, eq: Equation) -> Operand | None:
    """A write through a diagonal is a selection: each element tells by its row and its column
    whether it lies there. What is written is laid out along the rows.
    """
    x, value = eq.inputs
    if len(eq.attrs["path"]) != 1 or eq.attrs["path"][0][0] is not ops.diagonal:
        return None
    whole, attrs = eq.outputs[0].spec, dict(eq.attrs["path"][0][1])
    if spec(value).weak or spec(value).dtype is not whole.dtype:
        return None
    row, column = [attrs[name] % len(whole.shape) for name in ("dim1", "dim2")]
    [along] = output_specs(ops.diagonal, (whole,), attrs)
    if not shapes.size(along.shape):
        return None
    rows, columns, offset = whole.shape[row], whole.shape[column], attrs["offset"]

    def places(dim: int, start: int, count: int) -> Operand:
        line = r.apply(ops.arange, start=start, step=1, count=count, dtype=dtypes.int64)
        return r.viewed(line, tuple([count if k == dim else 1 for k in range(len(whole.shape))]))

    here = r.apply(ops.eq, places(row, offset, rows), places(column, 0, columns))
    y = r.shaped(value, along.shape)
    first = max(-offset, 0)
    behind = rows - first - along.shape[-1]
    if first or behind:
        edges = (*[(0, 0)] * (len(along.shape) - 1), (first, behind))
        y = r.apply(ops.pad, y, pads=edges, value=0)
    others = [k for k in range(len(whole.shape)) if k not in (row, column)]
    order = [len(others) if k == row else others.index(k) for k in range(len(whole.shape)) if k != column]  # fmt: skip
    if order != sorted(order):
        y = r.apply(ops.permute, y, dims=tuple(order))
    y = r.viewed(y, tuple([1 if k == column else n for k, n in enumerate(whole.shape)]))
    return r.apply(ops.where, here, y, x)


WRITES = {
    "view_scatter": (write_of_all, writes_of_all_parts, write_through_steps, write_of_diagonal)
}
"""Every rule keeps each element as it is."""


def _parts(r: Rewriter, v: Operand) -> tuple[int, list[Part]] | None:
    """The parts of a value that is zero elsewhere: a slice written into zeros, or a join."""
    eq = r.maker(v, "view_scatter", "cat")
    if eq is None:
        return None
    if eq.op.name == "view_scatter":
        found = _written(eq) if r.constant(eq.inputs[0]) == 0 else None
        return None if found is None else (found[0], [found[1]])
    dim, parts, at = eq.attrs["dim"], [], 0
    for piece in eq.inputs:
        n = spec(piece).shape[dim]
        if spec(piece).dtype is not spec(v).dtype:
            return None
        if r.constant(piece) != 0:
            parts.append(Part(at, at + n, piece))
        at += n
    return dim, parts


def sum_of_parts(r: Rewriter, eq: Equation) -> Operand | None:
    """The sum of values that are zero where the other is not is their join. (−0 + 0 is +0, and
    the join has −0: equal, but another bit.)
    """
    a, b = eq.inputs
    if spec(a) != spec(b) or spec(a) != eq.outputs[0].spec:
        return None
    left = _parts(r, a)
    right = _parts(r, b) if left is not None else None
    if left is None or right is None or left[0] != right[0]:
        return None
    if not all([_apart(part, left[1]) for part in right[1]]):
        return None
    return _joined(r, left[0], [*left[1], *right[1]], eq.outputs[0].spec)


JOINS = {"add": (sum_of_parts,)}
"""These keep each value, but not the sign of zero."""


def scatter_of_one(r: Rewriter, eq: Equation) -> Operand | None:
    """scatter(x, index, source) with one index along the axis puts one element of each line:
    where(0 … n−1 = index, source, x).

    A scatter also refuses an index out of range, which a selection would pass by in silence. So
    it is rewritten only where an earlier gather along an axis no longer checks the same index (as
    in the derivative of cross-entropy, which reads the place that it then writes); the rule is
    for programs without dead equations, where that gather runs. A gather itself stays: its
    address is computed.
    """
    x, at, source = eq.inputs
    shape, dim = spec(x).shape, eq.attrs["dim"]
    if not shape or at.__class__ is Literal or spec(x).dtype is not eq.outputs[0].spec.dtype:
        return None
    lines = (*shape[:dim], 1, *shape[dim + 1 :])
    if spec(at).shape != lines or not (spec(source).weak or spec(source).shape == lines):
        return None
    if r.bounds.get(at.id, shape[dim] + 1) > shape[dim]:  # type: ignore[union-attr]
        return None
    dtype = spec(at).dtype
    if dtype.category != dtypes.INTEGER or shape[dim] > 127:
        dtype = dtypes.int64
    places = r.apply(ops.arange, start=0, step=1, count=shape[dim], dtype=dtype)
    places = r.viewed(places, tuple([n if k == dim else 1 for k, n in enumerate(shape)]))
    here = r.apply(ops.eq, places, at)
    less = r.maker(source, "sub")
    if less is not None and _gathers(r, less.inputs[0], x, at, dim):
        # What is written is what stands there less something: no need to fetch it.
        source = r.apply(ops.sub, x, less.inputs[1])
    return r.apply(ops.where, here, source, x)


def _gathers(r: Rewriter, v: Operand, x: Operand, at: Operand, dim: int) -> bool:
    """Whether v is gather(x, at), and not the only one that refuses an index out of range."""
    eq = r.maker(v, "gather")
    if eq is None or eq.inputs[0] is not x or eq.inputs[1] is not at or eq.attrs["dim"] != dim:
        return False
    others = [e for e in r.equations if e.op is ops.gather and e.inputs[1] is at and e is not eq]
    return any([spec(e.inputs[0]).shape[e.attrs["dim"]] <= spec(x).shape[dim] for e in others])


SCATTERS = {"scatter": (scatter_of_one,)}
"""These keep each bit, in programs without dead equations."""
