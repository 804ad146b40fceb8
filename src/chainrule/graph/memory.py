"""The memory of what a program hands out: fresh, or used before and held by nobody any more.

A result that shared memory with an input, or with a later result, would change under its owner's
feet. So every array that leaves a program is its owner's alone; but the operating system gives new
pages slowly, so an array is given out again when the counts of its references say that only this
room knows it: any tensor, view or NumPy array on that memory counts.
"""

from __future__ import annotations

import sys

import numpy as np

from ..base.errors import ShapeError
from ..tensors.core import Tensor, wrap
from ..tensors.storage import Storage
from .ir import Program

__all__ = ["Gradients", "Memory", "need_writeable", "of_array", "shaped_as"]

POOLED_BYTES = 1 << 16
"""Smaller arrays are made anew: the allocator has their pages at hand."""


def _array_holders(arrays: list, k: int) -> int:
    return sys.getrefcount(arrays[k])


def _holders(cells: list) -> tuple[int, int]:
    """How many hold the tensor in the first cell, and its array."""
    for owner, cell in cells:
        g = cell[0]
        return sys.getrefcount(g) - (owner._grad is g), sys.getrefcount(g._value)
    raise AssertionError


ARRAY_ALONE = _array_holders([np.zeros(1)], 0)
TENSOR_ALONE, VALUE_ALONE = _holders([(wrap(np.zeros(1), None), [wrap(np.zeros(1), None)])])
"""What the counts are when only one list holds the thing: this differs between Pythons, so it is
measured, by code of the same form as that which asks.
"""


class Memory:
    """The arrays of one output: two that were handed out last, used again when nobody holds them.

    Two, because a loop `loss = step(x)` still holds the last result while the next is computed.
    """

    def __init__(self, program: Program, place: int):
        spec = program.output_specs[place]
        self.shape, self.dtype = spec.shape, spec.dtype.numpy
        self.pooled = int(np.prod(self.shape)) * self.dtype.itemsize >= POOLED_BYTES
        self.arrays: list[np.ndarray] = []

    def take(self) -> np.ndarray:
        """An array that nobody else holds."""
        if not self.pooled:
            return np.empty(self.shape, self.dtype)
        arrays = self.arrays
        for k in range(len(arrays)):
            if _array_holders(arrays, k) == ARRAY_ALONE:
                return arrays[k]
        new = np.empty(self.shape, self.dtype)
        arrays.append(new)
        if len(arrays) > 2:
            del arrays[0]
        return new


class Gradients:
    """The `.grad` tensors that a function attached: attached again, with new values in the same
    memory, when nobody else holds them (the inputs of the program that is to run among others).
    There is one cell for each owner, a list with the tensor.
    """

    def __init__(self) -> None:
        self.cells: dict[int, list[Tensor]] = {}

    def cell(self, owner: Tensor) -> list[Tensor]:
        """The cell of a tensor whose `.grad` is attached; whoever asks keeps the owner alive."""
        return self.cells.setdefault(id(owner), [])

    @staticmethod
    def take(plan: list[tuple[Tensor, list[Tensor]]]) -> list[Tensor]:
        """A tensor to be the `.grad` of each owner."""
        out = []
        for owner, cell in plan:
            if cell:
                g = cell[0]
                if (
                    sys.getrefcount(g) - (owner._grad is g) == TENSOR_ALONE
                    and sys.getrefcount(g._value) == VALUE_ALONE
                    and not g._leaf
                ):
                    out.append(g)
                    continue
            g = shaped_as(owner)
            cell[:] = [g]
            out.append(g)
        return out


def shaped_as(owner: Tensor) -> Tensor:
    """A tensor of an owner's shape and dtype, with memory of its own."""
    return of_array(np.empty(owner._value.shape, owner._value.dtype))


def of_array(value: np.ndarray) -> Tensor:
    """A tensor around an array that is its own."""
    out = object.__new__(Tensor)
    out._value = value
    out._storage = Storage(value)
    return out


def need_writeable(value: np.ndarray) -> None:
    """Refuse memory that is about to be written and cannot be."""
    if not value.flags.writeable:
        raise ShapeError(
            f"this tensor {value.shape} cannot be written: several of its elements share "
            "one place in memory, or it is read-only\n  hint: clone() it first"
        )
