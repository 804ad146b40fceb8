"""Values that are put together of others: cat, stack, pad, and writes into a box of a value.

They have no kernel. Each piece is written into its box by whoever computes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..graph.ir import Equation, Var

__all__ = ["Piece", "assembled"]


class Piece(NamedTuple):
    """A part of a value put together: the box it fills, and what fills it."""

    start: tuple[int, ...]
    shape: tuple[int, ...]
    source: Any  # a Var, a number, or (Var, start): a box of that value


def assembled(eq: Equation) -> list[Piece] | None:
    """The pieces of cat, stack, pad, or a write into a box; None if it is no such thing. They do
    not overlap, so each can be written by whoever computes it."""
    name, shape = eq.op.name, eq.outputs[0].spec.shape
    if not all([isinstance(v, Var) for v in eq.inputs]):
        return None
    if name in ("cat", "stack"):
        d, at, pieces = eq.attrs["dim"], 0, []
        for v in eq.inputs:
            n = 1 if name == "stack" else v.spec.shape[d]  # type: ignore[union-attr]
            box = tuple([n if k == d else m for k, m in enumerate(shape)])
            pieces.append(Piece(tuple([at if k == d else 0 for k in range(len(shape))]), box, v))
            at += n
        return pieces
    if name == "pad":
        pads, x = eq.attrs["pads"], eq.inputs[0]
        if any([low < 0 or high < 0 for low, high in pads]):
            return None
        before = tuple([low for low, _ in pads])
        inside = Piece(before, x.spec.shape, x)  # type: ignore[union-attr]
        around = [Piece(s, b, eq.attrs["value"]) for s, b in _around(before, inside.shape, shape)]
        return [inside, *around]
    start_, room = [0] * len(shape), list(shape)
    dims = list(range(len(shape)))  # which axis of the whole each axis of the view is
    for op, attrs in eq.attrs["path"]:
        found = dict(attrs)
        if op.name == "select":
            d = dims.pop(found["dim"])
            start_[d], room[d] = start_[d] + found["index"] % room[d], 1
        elif op.name == "slice_" and found["step"] == 1:
            d = dims[found["dim"]]
            first, stop, _ = slice(found["start"], found["stop"]).indices(room[d])
            start_[d], room[d] = start_[d] + first, max(stop - first, 0)
        else:
            return None
    if 0 in room:
        return None
    x, value = eq.inputs
    pieces = [Piece(tuple(start_), tuple(room), value)]
    for s, b in _around(start_, room, shape):
        pieces.append(Piece(s, b, (x, s)))
    return pieces


def _around(start: Sequence[int], box: Sequence[int], shape: Sequence[int]) -> Iterator[tuple]:
    """Boxes that fill what lies around a box: slabs on both sides of each axis."""
    low, high = [0] * len(shape), list(shape)
    for d in range(len(shape)):
        for first, last in ((0, start[d]), (start[d] + box[d], shape[d])):
            if first < last:
                at = tuple([first if k == d else low[k] for k in range(len(shape))])
                size = tuple(
                    [last - first if k == d else high[k] - low[k] for k in range(len(shape))]
                )
                yield at, size
        low[d], high[d] = start[d], start[d] + box[d]
