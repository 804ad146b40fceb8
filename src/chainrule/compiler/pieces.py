"""Values that are put together of others: cat, stack, pad, and writes into a box of a value.

They have no kernel. Each piece is written into its box by whoever computes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..graph.ir import Equation, Var

__all__ = ["Box", "Piece", "assembled"]


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
