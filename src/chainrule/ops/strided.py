"""Views with strides of their own: windows that overlap, and any shape over row-major memory.

An element may be seen more than once, so a gradient is added up at the places it came from.
"""

from __future__ import annotations

from typing import Any

from ..backends import xp
from ..base import shapes
from .create import arange, full
from .explain import refuse
from .kinds import view as view_kind
from .promotion import Spec
from .record import Op, primitive
from .samples import F, S
from .scatter import index_put
from .shape import permute, view


def _unfold_law(op: Op, x: Spec, *, dim: int, size: int, step: int) -> Spec:
    """Axis `dim` counts the windows that fit; a new last axis runs along a window."""
    count = (x.shape[dim] - size) // step + 1
    return Spec((*x.shape[:dim], count, *x.shape[dim + 1 :], size), x.dtype)


def _windows(args: tuple, attrs: dict) -> dict:
    x, size, step = args[0], attrs["size"], attrs["step"]
    if not x.ndim:
        raise refuse("a 0-d tensor has no axis to lay windows on")
    dim = shapes.axis(attrs["dim"], x.ndim)
    if not 0 <= size <= x.shape[dim]:
        raise refuse(f"a window must fit on the axis of size {x.shape[dim]}, found size {size}")
    if step < 1:
        raise refuse(f"windows must be at least 1 apart, found step {step}")
    return {"dim": dim, "size": size, "step": step}


@primitive(
    view_kind,
    law=_unfold_law,
    normalize=_windows,
    reference="torch.Tensor.unfold",
    samples=(
        S(F(7, 3), dim=0, size=3, step=2),
        S(F(2, 11), dim=-1, size=2, step=3),
        S(F(5), dim=0, size=3, step=1),
    ),
)
def unfold(x, /, *, dim, size, step):
    """Windows of `size` neighbours along an axis, `step` apart:  y[…, i, …, k] = x[…, i·step + k, …]."""
    strides = [s // x.itemsize for s in x.strides]
    count = (x.shape[dim] - size) // step + 1
    shape = (*x.shape[:dim], count, *x.shape[dim + 1 :], size)
    along = strides[dim]
    return xp.restrided(x, shape, (*strides[:dim], along * step, *strides[dim + 1 :], along))


unfold.vjp(x=lambda g, x_shape, dim, size, step: _folded(g, x_shape, dim, size, step))


def _folded(g: Any, x_shape: tuple, dim: int, size: int, step: int) -> Any:
    """Each window added to where it was: windows are brought beside their axis, and put there by
    the index of each of their elements.
    """
    count, n = g.shape[dim], g.ndim
    dims = (*range(dim + 1), n - 1, *range(dim + 1, n - 1))
    zeros = full(shape=x_shape, value=0.0, dtype=g.dtype)
    places = places_of((count, size), (step, 1), 0)
    return index_put(zeros, permute(g, dims=dims), places, dims=(dim,), accumulate=True)


def places_of(shape: tuple, strides: tuple, offset: int) -> Any:
    """offset + Σₖ iₖ · strideₖ  for each index (i₀, i₁, …) of a shape: integers of that shape."""
    places = full(shape=shape, value=offset, dtype="int64")
    for k, (n, step) in enumerate(zip(shape, strides, strict=True)):
        steps = arange(start=0, step=step, count=n, dtype="int64")
        places = places + view(steps, shape=tuple([n if j == k else 1 for j in range(len(shape))]))
    return places


def _as_strided_law(op: Op, x: Spec, *, shape: tuple, strides: tuple, offset: int) -> Spec:
    """The shape asked for; every element it reaches is one of x's."""
    return Spec(shape, x.dtype)


def _reached(args: tuple, attrs: dict) -> dict:
    shape, strides, offset = tuple(attrs["shape"]), tuple(attrs["strides"]), attrs["offset"]
    if len(shape) != len(strides):
        raise refuse(f"there must be a stride for each axis, found {shape} and {strides}")
    if min(shape, default=0) < 0 or min(strides, default=0) < 0 or offset < 0:
        raise refuse(
            f"sizes, strides and the offset cannot be negative, found {shape}, {strides}, {offset}"
        )
    count = shapes.size(args[0].shape)
    last = offset + sum([(n - 1) * s for n, s in zip(shape, strides, strict=True)])
    if shapes.size(shape) and last >= count:
        raise refuse(
            f"shape {shape} with strides {strides} from {offset} on reaches element {last} of {count}"
        )
    return {"shape": shape, "strides": strides, "offset": offset}


@primitive(
    view_kind,
    law=_as_strided_law,
    normalize=_reached,
    reference="torch.as_strided",
    samples=(
        S(F(5, 3), shape=(2, 3), strides=(1, 2), offset=2),
        S(F(7), shape=(3, 2, 2), strides=(2, 1, 1), offset=0),
        S(F(2, 3), shape=(), strides=(), offset=4),
    ),
)
def as_strided(x, /, *, shape, strides, offset=0):
    """The elements of x in row-major order under any shape and strides, from element `offset` on. A raw
    array that does not lie so is copied.
    """
    return xp.restrided(xp.reshape(x, (-1,)), shape, strides, offset if x.size else 0)


as_strided.vjp(x=lambda g, x_shape, shape, strides, offset: view(
    index_put(
        full(shape=(shapes.size(x_shape),), value=0.0, dtype=g.dtype), view(g, shape=(-1,)),
        view(places_of(shape, strides, offset), shape=(-1,)), dims=(0,), accumulate=True),
    shape=x_shape))  # fmt: skip
