"""Equations that read windows: each dimension of an operand moves with several axes at once, as the
line of an image with the position of a window and the tap within it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..graph.ir import Equation, Var
from .space import Access, Axis, whole

__all__ = ["Windows", "reach_strides", "sizes"]

Reach = Sequence[dict[Axis, int]]
"""For each dimension of an operand, the axes it moves with and by how many elements of it."""


class Windows(Equation):
    """An equation over windows.

    `reach` says for each operand how its dimensions move; `first`, for each operand, at which
    element of each dimension (nothing: the first); `summed`, which axes are not the result's.
    """

    __slots__ = ("first", "reach", "summed")

    def __init__(
        self, eq: Equation, inputs: tuple, outs: Sequence[Var], reach: Sequence[Reach],
        summed: list[Axis], first: Sequence[Sequence[int]],
    ):  # fmt: skip
        super().__init__(eq.op, inputs, eq.attrs, outs, eq.place)
        self.reach, self.summed, self.first = reach, summed, first


def reach_strides(eq: Windows, k: int, access: Access) -> tuple[dict[Axis, int], int]:
    """The stride of operand k over each axis, and the offset of its first element."""
    strides: dict[Axis, int] = {}
    for moves, step in zip(eq.reach[k], access.strides, strict=True):
        for axis, times in moves.items():
            each = times * step
            for part in reversed(whole([axis])):  # whoever joined the group may have split it
                strides[part] = strides.get(part, 0) + each
                each *= part.size
    start = sum([f * s for f, s in zip(eq.first[k], access.strides, strict=False)])
    return strides, access.offset + start


def sizes(eq: Windows) -> tuple[list[int], list[int], list[int], list[int]]:
    """The sizes of batch, rows, columns and summed axes of a product over windows."""
    inside = [set().union(*[set(moves) for moves in reach]) for reach in eq.reach]
    kinds: dict[str, list[int]] = {"batch": [], "m": [], "n": []}
    for axis in dict.fromkeys([a for reach in eq.reach for moves in reach for a in moves]):
        if axis in eq.summed:
            continue
        both = axis in inside[0] and axis in inside[1]
        kinds["batch" if both else "m" if axis in inside[0] else "n"].append(axis.size)
    return kinds["batch"], kinds["m"], kinds["n"], [a.size for a in eq.summed]
