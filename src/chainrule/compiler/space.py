"""Index spaces: over which axes a kernel loops, and where in memory an operand's elements lie.

A group of equations that become one kernel shares a set of `Axis`. Every dimension of every value
in it is a run of these axes (their sizes multiply to the dimension's), so values of different
shapes, say (B·T, C) and (B, T, H, D), meet in one space: splitting an axis is always possible, and
all values see the split.

An `Access` is a strided view of memory. Views of the program never copy: what a view op does to
strides is asked of its own body, on an array without memory behind it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..base.shapes import contiguous_strides

__all__ = ["Access", "Axis", "Dims", "before", "cut", "dense", "row_major", "through", "whole"]


class Axis:
    """One loop of a kernel. Once split, it stands for two: (outer, inner)."""

    __slots__ = ("fixed", "parts", "size")

    def __init__(self, size: int, fixed: bool = False):
        self.size, self.fixed = size, fixed
        self.parts: tuple[Axis, Axis] | None = None

    def __repr__(self) -> str:
        return f"Axis({self.size})"


Run = Sequence[Axis]
Dims = list[list[Axis]]
"""For each dimension of a value the axes it runs over, outer first; none if its size is 1."""


def whole(run: Run) -> list[Axis]:
    """The axes of a run as they are now, after splits."""
    out: list[Axis] = []
    for a in run:
        if a.parts is None:
            out.append(a)
        else:
            out += whole(a.parts)
    return out


def cut(run: Run, sizes: Sequence[int]) -> Dims | None:
    """A run of axes cut into runs of these sizes, splitting axes where a cut goes through one;
    None if that cannot be.
    """
    out: Dims = []
    rest = whole(run)
    for size in reversed(sizes):
        found: list[Axis] = []
        while size > 1:
            if not rest:
                return None
            a = rest.pop()
            if a.size > size:
                if a.size % size or a.fixed:
                    return None
                a.parts = (Axis(a.size // size), Axis(size))
                rest.append(a.parts[0])
                a = a.parts[1]
            elif size % a.size:
                return None
            found.insert(0, a)
            size //= a.size
        out.insert(0, found)
    return None if rest else out


class Access(NamedTuple):
    """Where elements lie: shape, and in elements strides and the offset of the first."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0

    @property
    def extent(self) -> int:
        """The elements of memory from the first to behind the last (no stride is negative)."""
        return 1 + sum([(n - 1) * s for n, s in zip(self.shape, self.strides, strict=True)])

    @property
    def contiguous(self) -> bool:
        """Whether the elements lie row-major without gaps."""
        return all([
            n == 1 or s == expected
            for n, s, expected in zip(self.shape, self.strides, contiguous_strides(self.shape), strict=True)
        ])  # fmt: skip


def row_major(shape: Sequence[int]) -> Access:
    """The access of a value that lies in its own memory."""
    return Access(tuple(shape), tuple(contiguous_strides(tuple(shape))))


def dense(shape: Sequence[int], order: Sequence[int]) -> Access:
    """Memory without gaps, in which the axes lie in a given order, outer first."""
    strides, step = [0] * len(shape), 1
    for k in reversed(order):
        strides[k] = step
        step *= shape[k]
    return Access(tuple(shape), tuple(strides))


_ground = np.zeros(1, np.int8)
_address = _ground.__array_interface__["data"][0]


def through(access: Access, op: Any, attrs: dict) -> Access | None:
    """What a view op makes of an access; None if it would have to copy."""
    if math.prod(access.shape) == 0:
        return row_major(op.body(np.empty(access.shape, np.int8), **attrs).shape)
    if op.name == "view":
        return _reshaped(access, attrs["shape"])
    if op.name == "as_strided" and not access.contiguous:  # it speaks of row-major elements
        return None
    x = np.lib.stride_tricks.as_strided(_ground, access.shape, access.strides)
    y = op.body(x, **attrs)
    offset = y.__array_interface__["data"][0] - _address
    return Access(y.shape, y.strides, access.offset + offset)


def before(access: Access, view: Any) -> Access | None:
    """The access of what a view equation views, if the view reaches all of it and is to have this
    access; None if no strides can say it."""
    [x] = view.inputs
    if view.op.name == "permute":
        dims = view.attrs["dims"]
        strides = [access.strides[dims.index(k)] for k in range(len(dims))]
        return Access(x.spec.shape, tuple(strides), access.offset)
    return _reshaped(access, x.spec.shape) if view.op.name == "view" else None


def _reshaped(access: Access, shape: Sequence[int]) -> Access | None:
    """Another shape over the same elements in the same order, if strides can say it."""
    runs = [(n, s) for n, s in zip(access.shape, access.strides, strict=True) if n != 1]
    strides: list[int] = []
    size, step = 1, 1  # what is left of the innermost old axis that is being used up
    for n in reversed(shape):
        if n == 1:
            strides.insert(0, 0)
            continue
        if size == 1:
            size, step = runs.pop()
        while size % n:  # the new axis is larger: the next old axis must continue this one
            if not runs or runs[-1][1] != size * step:
                return None
            size *= runs.pop()[0]
        strides.insert(0, step)
        size, step = size // n, step * n
    return Access(tuple(shape), tuple(strides), access.offset)


def along(dims: Dims, shape: Sequence[int], strides: Sequence[int]) -> dict[Axis, int]:
    """The stride of each axis, for an operand whose shape broadcasts to that of `dims`."""
    out: dict[Axis, int] = {}
    skip = len(dims) - len(shape)
    for run, n, stride in zip(dims[skip:], shape, strides, strict=True):
        if n == 1:
            continue
        step = stride
        for a in reversed(whole(run)):
            out[a] = out.get(a, 0) + step
            step *= a.size
    return out
