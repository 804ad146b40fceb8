"""Tensors on memory that a file was read into.

A file says: these bytes, and tensors that look at them by offset, size and strides. Tensors that
look at the same bytes share them afterwards, as they did in the program that wrote the file.
"""

from __future__ import annotations

import math

import numpy as np

from ..tensors import Tensor, enable_grad
from ..tensors.creation import on_array

__all__ = ["Memory", "dense_strides"]


def dense_strides(size: tuple[int, ...]) -> tuple[int, ...]:
    """Row-major strides of a size, in elements.

    >>> dense_strides((2, 3, 5))
    (15, 5, 1)
    """
    strides = []
    step = 1
    for n in reversed(size):
        strides.append(step)
        step *= max(n, 1)
    return tuple(reversed(strides))


class Memory:
    """One stretch of memory, and the tensors that look at it.

    Args:
        flat: its elements, 1-d; where `uint16` they are bfloat16.
    """

    def __init__(self, flat: np.ndarray):
        self.flat = flat
        self._base: Tensor | None = None

    def tensor(self, offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
        """The tensor of this size whose element [0, …, 0] is at `offset`.

        All must have been found to lie inside of the memory before. Where the strides are those of a
        row-major array, of its axes in another order, or of repeated elements, the tensor shares the
        memory; where they leave gaps it is a copy.
        """
        numel = math.prod(size)
        if numel == 0:
            return on_array(np.empty(size, self.flat.dtype))
        kept = [k for k, n in enumerate(size) if n > 1 and stride[k] != 0]
        order = sorted(kept, key=lambda k: -stride[k])
        shape = tuple(size[k] for k in order)
        if tuple(stride[k] for k in order) != dense_strides(shape):
            view = np.lib.stride_tricks.as_strided(
                self.flat[offset:], size, tuple(s * self.flat.itemsize for s in stride)
            )
            return on_array(np.ascontiguousarray(view))
        count = math.prod(shape)
        if self._base is None:
            whole = count == len(self.flat) and order == kept and count == numel
            self._base = on_array(self.flat.reshape(size) if whole else self.flat)
            if whole:
                return self._base
        with enable_grad():  # a view taken without gradients could not be written with them
            x = self._base.view(-1)
            if (offset, count) != (0, len(self.flat)):
                x = x.narrow(0, offset, count)
            x = x.view(shape)
            x = x.permute(tuple(order.index(k) for k in kept))
            for k in range(len(size)):  # put back the axes of size 1, and those that repeat
                if k not in kept:
                    x = x.unsqueeze(k)
            if tuple(x.shape) != size:
                x = x.expand(size)
            return x.detach()
