"""Sequences and grids: numbers in even steps, coordinates, combinations, indices of triangles.

`device` may be 'cpu'; `layout` and `pin_memory` cannot change a result and pass.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, SupportsFloat

import numpy as np

from .. import ops
from ..base import dtypes
from ..base.errors import ArgumentError, DTypeError, ShapeError
from . import functions
from .core import Tensor
from .creation import made, only_steering, sizes_of
from .device import device_of, placed
from .functions.shape import flat
from .making import of_numbers

__all__ = [
    "arange", "cartesian_prod", "combinations", "eye", "linspace", "logspace", "meshgrid", "tril_indices", "triu_indices",
]  # fmt: skip


@placed
def arange(
    start: Any = 0,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **steering: Any,
) -> Tensor:
    """start, start + step, … before end; int64 if all three are integers."""
    only_steering("arange", steering)
    start, end, step = (0, start, step) if end is None else (start, end, step)
    start, end, step = [v.item() if isinstance(v, Tensor) else v for v in (start, end, step)]
    if not all([math.isfinite(v) for v in (start, end, step)]):
        raise ShapeError(f"arange: from {start} to {end} by steps of {step} never arrives")
    if step == 0 or (end - start) * step < 0:
        raise ShapeError(f"arange: from {start} to {end} by steps of {step} leads nowhere")
    found = dtype or (
        dtypes.default()
        if any([isinstance(v, float) for v in (start, end, step)])
        else dtypes.int64
    )
    found = dtypes.of(found)
    if found is dtypes.int64:  # counted in integers, the others in real steps
        start, end, step = int(start), int(end), int(step)
        if step == 0:
            raise ShapeError("arange: a step below 1 is 0 among integers")
    count = -((start - end) // step) if found is dtypes.int64 else math.ceil((end - start) / step)
    if found.category != dtypes.FLOATING:
        start, step = int(start), int(step)
    return made(
        ops.arange(start=start, step=step, count=max(count, 0), dtype=found), requires_grad, device
    )


@placed
def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **steering: Any,
) -> Tensor:
    """`steps` evenly spaced numbers from start to end, both included; integers are truncated toward
    0, and the ends before. The ends may be 0-d tensors.
    """
    only_steering("linspace", steering)
    found = dtypes.of(dtype or dtypes.default())
    return made(ops.cast(_even(start, end, steps, found), dtype=found), requires_grad, device)


def _even(start: Any, end: Any, steps: int, dtype: dtypes.DType) -> Any:
    """Evenly spaced numbers in float64, exact at both ends."""
    if not isinstance(steps, int):
        raise TypeError(f"the number of steps is an int, found {steps!r}")
    if steps < 0:
        raise ShapeError(f"the number of steps cannot be negative, found {steps}")
    start, end = [_number(v) for v in (start, end)]
    if dtype.category != dtypes.FLOATING:
        start, end = int(start), int(end)
    elif steps > 1:  # as the dtype can hold them
        start, end = [_held(float(v), dtype) for v in (start, end)]
    x = ops.arange(start=0, step=1, count=steps, dtype=dtypes.float64)
    step = (end - start) / max(steps - 1, 1)
    return ops.where(x < steps / 2, x * step + start, (x - (steps - 1)) * step + end)


def _held(v: float, dtype: dtypes.DType) -> float:
    """A number as the dtype can hold it; of Python's numbers alone, so that it may be traced."""
    return float(dtypes.convert(dtypes.convert(np.asarray(v), dtype), dtypes.float64))


def _number(v: Any) -> Any:
    if isinstance(v, Tensor):
        if v.ndim:
            raise ShapeError(f"an end is a number or a 0-d tensor, found shape {tuple(v.shape)}")
        return v.item()
    if not isinstance(v, SupportsFloat):
        raise DTypeError(f"an end is a number or a 0-d tensor, found {type(v).__name__}")
    return v


@placed
def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **steering: Any,
) -> Tensor:
    """The powers of a base whose exponents are evenly spaced from start to end, both included."""
    only_steering("logspace", steering)
    found = dtypes.of(dtype or dtypes.default())
    y = ops.pow(float(base), _even(start, end, steps, found))
    return made(ops.cast(y, dtype=found), requires_grad, device)


@placed
def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The identity matrix, n × m."""
    rows, columns = sizes_of((n, n if m is None else m))
    return made(
        ops.eye(rows=rows, columns=columns, dtype=dtype or dtypes.default()), requires_grad, device
    )


@placed
def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """Rows and columns of the lower triangle, (2, n)."""
    device_of(device)
    return of_numbers(np.stack(np.tril_indices(row, offset, col)), dtype or dtypes.int64)


@placed
def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """Rows and columns of the upper triangle, (2, n)."""
    device_of(device)
    return of_numbers(np.stack(np.triu_indices(row, offset, col)), dtype or dtypes.int64)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple:
    """Grids of coordinates of some vectors; 'ij' for matrices, 'xy' exchanges the first two
    axes.
    """
    if indexing not in ("ij", "xy"):
        raise ArgumentError(f"indexing is 'ij' or 'xy', found {indexing!r}")
    xs = list(flat(tensors))
    swap = indexing == "xy" and len(xs) > 1
    if swap:
        xs[0], xs[1] = xs[1], xs[0]
    shape = tuple([x.numel() for x in xs])
    grids = [
        ops.expand(x.view(*[-1 if j == k else 1 for j in range(len(xs))]), shape=shape)
        for k, x in enumerate(xs)
    ]
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


def cartesian_prod(*tensors: Any) -> Tensor:
    """Every combination of an element of each vector, a row each, in order."""
    xs = list(flat(tensors))
    if any([x.ndim != 1 for x in xs]):
        raise ShapeError(
            f"cartesian_prod takes vectors, found shapes {[tuple(x.shape) for x in xs]}"
        )
    if len(xs) == 1:
        return xs[0]
    return functions.stack([functions.flatten(g) for g in meshgrid(*xs)], 1)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """Every choice of r elements of a vector, a row each, in order."""
    if input.ndim != 1:
        raise ShapeError(f"combinations takes a vector, found {input.ndim} axes")
    if r < 0:
        raise ShapeError(f"combinations: r cannot be negative, found {r}")
    if r == 0:
        return input[:0]
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = np.array(list(choose(range(input.shape[0]), r)), np.int64).reshape(-1, r)
    return input[of_numbers(rows, dtypes.int64)]
