"""The methods that change a tensor's own shape: `squeeze_` and its like make it a view of what it was.
Attached to Tensor here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..base import shapes
from ..base.errors import GradError, ShapeError
from . import functions
from .core import Tensor, wrap

__all__: list[str] = []


def _becomes(f: Callable, name: str) -> Callable:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return self._become(lambda x: f(x, *args, **kwargs))

    method.__name__, method.__qualname__ = name, f"Tensor.{name}"
    method.__doc__ = f"`{name[:-1]}`, as what this tensor is from now on; returns it."
    return method


for _name in "as_strided squeeze swapaxes swapdims t transpose unsqueeze".split():
    setattr(Tensor, f"{_name}_", _becomes(getattr(functions, _name), f"{_name}_"))


def resize_(self: Tensor, *sizes: Any, memory_format: Any = None) -> Tensor:
    """Another shape for the elements in row-major order: what is too much is cut off, what is missing is
    0 (in PyTorch it is undefined). To grow, a tensor takes new memory, which earlier views do not
    share. `memory_format` has no effect.
    """
    shape = functions.shape.flat(sizes)
    if any([n < 0 for n in shape]):
        raise ShapeError(f"resize_: sizes cannot be negative, found {shape}")
    if self.requires_grad:
        raise GradError("a tensor that requires a gradient cannot be resized\n  hint: detach() it")
    count = shapes.size(shape)
    if count <= self.numel() and self.is_contiguous():
        return self._become(
            lambda x: functions.as_strided(x, shape, shapes.contiguous_strides(shape))
        )
    old = self._concrete("resize_").reshape(-1)
    new = np.zeros(count, old.dtype)
    new[: min(count, old.size)] = old[:count]
    self.data = wrap(new.reshape(shape), None)
    return self


def resize_as_(self: Tensor, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
    """Resized to the shape of another tensor; see `resize_`."""
    return resize_(self, tuple(the_template.shape))


def fill_diagonal_(self: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Write one value on the main diagonal (of more than two axes, all of one size, where all indices
    are equal). With wrap the diagonal of a tall matrix begins anew below its end, a row apart.
    """
    if self.ndim < 2 or (self.ndim > 2 and len(set(self.shape)) > 1):
        raise ShapeError(
            f"fill_diagonal_ takes a matrix, or axes of one size, found {tuple(self.shape)}"
        )
    parts = [self]
    if self.ndim == 2 and wrap:
        m, n = self.shape
        parts = [self[k : k + n] for k in range(0, m, n + 1)]
    for part in parts:
        while part.ndim > 1:
            part = functions.diagonal(part, 0, 0, part.ndim - 1)
        part[...] = fill_value
    return self


for _f in (resize_, resize_as_, fill_diagonal_):
    setattr(Tensor, _f.__name__, _f)
