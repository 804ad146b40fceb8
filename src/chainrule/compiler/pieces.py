"""Values that are put together of others: cat, stack, pad, and writes into a box of a value.

They have no kernel. Each piece is written into its box by whoever computes it: read `assembled` (what
the pieces of an equation are), then `assemble` (how they become equations that groups can take in).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..graph.ir import Equation, Var
from ..ops import Spec
from ..ops.shape import walk
from .space import Access, before, dense

if TYPE_CHECKING:
    from .fuse import Grouping

__all__ = ["Box", "Piece", "assemble", "assembled"]


class Box(NamedTuple):
    """Places of a value: along each axis `shape` of them, `step` apart, from `start` on."""

    start: tuple[int, ...]
    shape: tuple[int, ...]
    step: tuple[int, ...]


class Piece(NamedTuple):
    """A part of a value put together: the box it fills, and what fills it."""

    box: Box
    source: Any  # a Var, a number, or (Var, Box): a box of that value


def assembled(eq: Equation) -> list[Piece] | None:
    """The pieces of cat, stack, pad, or a write into a box; None if it is no such thing. They do
    not overlap, so each can be written by whoever computes it."""
    name, shape = eq.op.name, eq.outputs[0].spec.shape
    if not all([isinstance(v, Var) for v in eq.inputs]):
        return None
    one = (1,) * len(shape)
    if name in ("cat", "stack"):
        d, at, pieces = eq.attrs["dim"], 0, []
        for v in eq.inputs:
            n = 1 if name == "stack" else v.spec.shape[d]  # type: ignore[union-attr]
            size = tuple([n if k == d else m for k, m in enumerate(shape)])
            start = tuple([at if k == d else 0 for k in range(len(shape))])
            pieces.append(Piece(Box(start, size, one), v))
            at += n
        return pieces
    if name == "pad":
        return _padded(eq)
    box = _written(eq)
    if box is None or 0 in box.shape:
        return None
    x, value = eq.inputs
    return [Piece(box, value), *[Piece(b, (x, b)) for b in _around(box, shape)]]


def _padded(eq: Equation) -> list[Piece]:
    """What is left of a value, and numbers around it. Negative amounts cut something off."""
    x, shape, pads = eq.inputs[0], eq.outputs[0].spec.shape, eq.attrs["pads"]
    assert isinstance(x, Var)
    one = (1,) * len(shape)
    cut = [max(-low, 0) for low, _ in pads]
    left = tuple(
        [
            n - first - max(-high, 0)
            for n, first, (_, high) in zip(x.spec.shape, cut, pads, strict=True)
        ]
    )
    value = eq.attrs["value"]
    if any([n <= 0 for n in left]):
        return [Piece(Box((0,) * len(shape), shape, one), value)]
    kept: Any = x if left == x.spec.shape else (x, Box(tuple(cut), left, one))
    box = Box(tuple([max(low, 0) for low, _ in pads]), left, one)
    return [Piece(box, kept), *[Piece(b, value) for b in _around(box, shape)]]


def _written(eq: Equation) -> Box | None:
    """The box that a write through slices and selections fills; None if it goes through other
    views."""
    start, room = [0] * len(eq.outputs[0].spec.shape), list(eq.outputs[0].spec.shape)
    step = [1] * len(room)
    dims = list(range(len(room)))  # which axis of the whole each axis of the view is
    for op, attrs in eq.attrs["path"]:
        found = dict(attrs)
        if op.name == "select":
            d = dims.pop(found["dim"])
            start[d], room[d] = start[d] + found["index"] % room[d] * step[d], 1
        elif op.name == "slice_":
            d = dims[found["dim"]]
            taken = range(room[d])[slice(found["start"], found["stop"], found["step"])]
            start[d], room[d] = start[d] + taken.start * step[d], len(taken)
            step[d] *= found["step"]
        else:
            return None
    return Box(
        tuple(start),
        tuple(room),
        tuple([s if n > 1 else 1 for n, s in zip(room, step, strict=True)]),
    )


def _around(box: Box, shape: Sequence[int]) -> Iterator[Box]:
    """Boxes of all that is not in a box: slabs on both sides of each axis, and what its steps
    leave out."""
    here = Box((0,) * len(shape), tuple(shape), (1,) * len(shape))
    for d, (first, n, step) in enumerate(zip(*box, strict=True)):
        behind = first + (n - 1) * step + 1
        apart = [(0, first, 1), (behind, shape[d] - behind, 1)]
        apart += [(first + k, n - 1, step) for k in range(1, step)]
        for at, size, by in apart:
            if size > 0:
                yield _at(here, d, at, size, by)
        here = _at(here, d, first, n, step)


def _at(box: Box, d: int, first: int, n: int, step: int) -> Box:
    """A box with other places along one axis."""
    return Box(
        *[(*all_[:d], one, *all_[d + 1 :]) for all_, one in zip(box, (first, n, step), strict=True)]
    )


# ------------------------------------------------------------------------------------------------- placing


def assemble(grouping: Grouping, eq: Equation) -> None:
    """A value put together of pieces: each a copy that is written into its box, by the group
    that makes it if that can be."""
    from ..ops import TABLE

    out = eq.outputs[0]
    pieces = assembled(eq) or ()
    _lay_as_pieces(grouping, out, pieces)
    if eq.op.name in ("cat", "stack"):
        grouping.lay_apart(out)
    lies = grouping.lies(out)
    for piece in pieces:
        source = piece.source
        start, shape, step = piece.box
        if isinstance(source, tuple):
            source, taken = source
            for d, (first, n, by) in enumerate(zip(*taken, strict=True)):
                if n != source.spec.shape[d]:
                    stop = first + (n - 1) * by + 1
                    source = grouping.viewed(
                        source, "slice_", dim=d, start=first, stop=stop, step=by
                    )
        elif isinstance(source, Var):
            source = _spread(grouping, eq, source, piece)
        else:
            made = Var(Spec(shape, out.spec.dtype))
            attrs = {"shape": shape, "value": source, "dtype": out.spec.dtype}
            grouping.maker[made.id] = Equation(TABLE["full"], (), attrs, (made,), eq.place)
            source = made
        if source.spec.shape != shape:
            source = grouping.viewed(source, "view", shape=shape)
        part = Var(Spec(shape, out.spec.dtype))
        offset = sum([s * each for s, each in zip(start, lies.strides, strict=True)])
        strides = tuple([s * each for s, each in zip(step, lies.strides, strict=True)])
        box = Access(shape, strides, offset)
        if _fills(grouping, source, out, box, eq):
            continue
        grouping.part(part, out, box)
        cast = Equation(TABLE["cast"], (source,), {"dtype": out.spec.dtype}, (part,), eq.place)
        grouping.place(cast)
    grouping.assembly(eq)


def _lay_as_pieces(grouping: Grouping, out: Var, pieces: Sequence[Piece]) -> None:
    """What is put together lies in the order of axes in which most of its elements lay before:
    images stay channels-last, and what is computed from them reads both alike."""
    if out.id in grouping.layout or grouping.steps:
        return
    votes: dict[tuple[int, ...], int] = {}
    for piece in pieces:
        v = piece.source
        if not isinstance(v, Var) or v.spec.shape != piece.box.shape or grouping.made_by_create(v):
            continue
        access = grouping.access(v)
        if access is None:
            continue
        strides = access.strides
        if any([n > 1 and not s for n, s in zip(v.spec.shape, strides, strict=True)]):
            continue
        order = tuple(sorted(range(len(strides)), key=lambda k: -strides[k]))
        votes[order] = votes.get(order, 0) + math.prod(v.spec.shape)
    most = max(votes, key=lambda order: votes[order], default=())
    if most != tuple(range(len(most))):
        grouping.lay(out, dense(out.spec.shape, most))


def _fills(grouping: Grouping, source: Var, whole: Var, box: Access, eq: Equation) -> bool:
    """Whether a piece, seen through views, is a result of attention that nothing else reads: its
    kernel writes by any strides, so it can write into the box, and there is nothing to copy."""
    base, views = grouping.chain(source)
    made = grouping.home.get(base.id)
    if (
        made is None
        or made.role != "attention"
        or base.id in grouping.results | grouping.parts.keys()
    ):
        return False
    if base.spec.dtype is not whole.spec.dtype:
        return False
    seen = {base.id, *[view.outputs[0].id for view in views]}
    readers = [
        e
        for e in grouping.program.equations
        if any([isinstance(v, Var) and v.id in seen for v in e.inputs])
    ]
    if any([e is not eq and e not in views for e in readers]) or eq.inputs.count(source) != 1:
        return False
    found: Access | None = box
    for view in reversed(views):
        found = before(found, view)  # type: ignore[arg-type]
        if found is None:
            return False
    assert found is not None
    grouping.part(base, whole, found)
    return True


def _spread(grouping: Grouping, eq: Equation, source: Var, piece: Piece) -> Var:
    """What is written into a box, broadcast to the view that it is written through."""
    if math.prod(source.spec.shape) == math.prod(piece.box.shape):
        return source
    ground = np.broadcast_to(np.int8(0), eq.outputs[0].spec.shape)
    seen = walk(ground, eq.attrs["path"])
    return grouping.viewed(source, "expand", shape=seen.shape)
