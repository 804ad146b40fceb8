"""Reductions along axes, and cumulative ones.

`dim` is an axis, several, or None for all; in rules and laws it has its normal form, a sorted
tuple.
"""

from __future__ import annotations

from typing import Any

from ..backends import xp
from ..base import dtypes, shapes
from ..base.errors import RangeError
from .create import full
from .elementwise import where
from .joining import flip
from .kinds import along, order, reduce, reduce_law, reduced
from .promotion import Spec
from .record import Op, composite, primitive
from .samples import B, F, S
from .scatter import scatter
from .shape import expand, view

_DIMS = (
    S(F(5, 3), dim=None, keepdim=False),
    S(F(5, 3, 2), dim=(0, 2), keepdim=True),
    S(F(7, 2), dim=-1, keepdim=False),
    S(F(), dim=None, keepdim=False),
)


def restored(g: Any, x_shape: tuple, dim: tuple) -> Any:
    """What was reduced over `dim`, given its axes back with size 1, so that it broadcasts
    against x.
    """
    return view(g, shape=tuple([1 if k in dim else n for k, n in enumerate(x_shape)]))


def _spread(g: Any, x_shape: tuple, dim: tuple) -> Any:
    """A gradient of a sum, given to all elements that were summed."""
    return expand(restored(g, x_shape, dim) if g.ndim else g, shape=x_shape)


@primitive(
    reduce,
    types="sum",
    normalize=reduced,
    reference="torch.sum",
    onnx="ReduceSum",
    samples=(*_DIMS, S(F(0, 3), dim=0, keepdim=False)),
)
def sum(x, /, *, dim=None, keepdim=False):
    """Sum over axes; integers and bools are summed as int64."""
    return xp.sum(x, axis=dim, keepdims=keepdim)


sum.vjp(x=lambda g, x_shape, dim: _spread(g, x_shape, dim))


@composite(
    reduce,
    types="floating",
    normalize=reduced,
    reference="torch.mean",
    onnx="ReduceMean",
    samples=_DIMS,
)
def mean(x, /, *, dim=None, keepdim=False):
    """Arithmetic mean over axes,  y = Σ x / n; NaN if there is nothing to average."""
    return sum(x, dim=dim, keepdim=keepdim) / shapes.size([x.shape[d] for d in dim])


mean.vjp(
    x=lambda g, x_shape, dim: _spread(g / shapes.size([x_shape[d] for d in dim]), x_shape, dim)
)


@mean.fast
def _mean(x, *, dim, keepdim):
    return xp.sum(x, axis=dim, keepdims=keepdim) / shapes.size([x.shape[d] for d in dim])


def _extreme_law(op: Op, x: Spec, *, dim: tuple, keepdim: bool) -> Spec:
    """The reduced axes disappear, or stay with size 1 if keepdim; they must not be empty."""
    for d in dim if x.ndim else ():
        if x.shape[d] == 0:
            raise RangeError(
                f"there is no extreme element of an empty axis (dimension {d} has size 0)"
            )
    return reduce_law(op, x, dim=dim, keepdim=keepdim)


@primitive(
    reduce,
    types="promote",
    law=_extreme_law,
    normalize=reduced,
    reference="torch.amax",
    onnx="ReduceMax",
    samples=_DIMS,
)
def amax(x, /, *, dim=None, keepdim=False):
    """The largest element over axes, NaN if any is; ties share the gradient evenly."""
    return xp.amax(x, axis=dim, keepdims=keepdim)


@primitive(
    reduce,
    types="promote",
    law=_extreme_law,
    normalize=reduced,
    reference="torch.amin",
    onnx="ReduceMin",
    samples=_DIMS,
)
def amin(x, /, *, dim=None, keepdim=False):
    """The smallest element over axes, NaN if any is; ties share the gradient evenly."""
    return xp.amin(x, axis=dim, keepdims=keepdim)


def _share(g: Any, x: Any, y: Any, dim: tuple) -> Any:
    hit = where(x == restored(y, x.shape, dim), 1.0, 0.0)
    return hit * restored(g, x.shape, dim) / sum(hit, dim=dim, keepdim=True)


amax.vjp(x=lambda g, x, y, dim: _share(g, x, y, dim))
amin.vjp(x=lambda g, x, y, dim: _share(g, x, y, dim))


def _along_law(op: Op, x: Spec, *, dim: int, keepdim: bool) -> Any:
    """Axis `dim` disappears, or stays with size 1 if keepdim; it must not be empty."""
    if x.ndim and x.shape[dim] == 0:
        raise RangeError(
            f"there is no extreme element of an empty axis (dimension {dim} has size 0)"
        )
    y = reduce_law(op, x, dim=dim, keepdim=keepdim)
    index = Spec(y.shape, dtypes.int64)
    return index if len(op.outputs) == 1 else (Spec(y.shape, x.dtype), index)


_DIM = (
    S(F(5, 3), dim=1, keepdim=False),
    S(F(5, 3, 2), dim=0, keepdim=True),
    S(F(), dim=0, keepdim=False),
)


@primitive(
    reduce,
    types="promote",
    law=_along_law,
    normalize=along,
    reference="torch.argmax",
    onnx="ArgMax",
    samples=_DIM,
)
def argmax(x, /, *, dim, keepdim=False):
    """Index of the largest element along one axis (the first NaN if there is one, the first of
    ties), int64.
    """
    return xp.argmax(x, axis=dim, keepdims=keepdim) if x.ndim else xp.zeros((), "int64")


@primitive(
    reduce,
    types="promote",
    law=_along_law,
    normalize=along,
    reference="torch.argmin",
    onnx="ArgMin",
    samples=_DIM,
)
def argmin(x, /, *, dim, keepdim=False):
    """Index of the smallest element along one axis (the first NaN if there is one, the first of
    ties), int64.
    """
    return xp.argmin(x, axis=dim, keepdims=keepdim) if x.ndim else xp.zeros((), "int64")


def _pick(x: Any, index: Any, dim: int, keepdim: bool) -> Any:
    if not x.ndim:
        return x.copy(), index
    index = xp.expand_dims(index, dim)
    values = xp.take_along_axis(x, index, dim)
    return (values, index) if keepdim else (values.squeeze(dim), index.squeeze(dim))


@primitive(
    reduce,
    types="promote",
    law=_along_law,
    normalize=along,
    outputs=("values", "indices"),
    constant=("indices",),
    reference="torch.max",
    samples=_DIM,
)
def max_along(x, /, *, dim, keepdim=False):
    """The largest element along one axis and its index: (values, indices); the gradient goes to
    that element.
    """
    return _pick(x, xp.argmax(x, axis=dim) if x.ndim else xp.zeros((), "int64"), dim, keepdim)


@primitive(
    reduce,
    types="promote",
    law=_along_law,
    normalize=along,
    outputs=("values", "indices"),
    constant=("indices",),
    reference="torch.min",
    samples=_DIM,
)
def min_along(x, /, *, dim, keepdim=False):
    """The smallest element along one axis and its index: (values, indices); the gradient goes to
    that element.
    """
    return _pick(x, xp.argmin(x, axis=dim) if x.ndim else xp.zeros((), "int64"), dim, keepdim)


def _to_index(g_values: Any, indices: Any, x_shape: tuple, dim: int) -> Any:
    kept = tuple([1 if k == dim else n for k, n in enumerate(x_shape)])
    zeros = full(shape=x_shape, value=0.0, dtype=g_values.dtype)
    return scatter(zeros, view(indices, shape=kept), view(g_values, shape=kept), dim=dim)


max_along.vjp(x=lambda g_values, indices, x_shape, dim: _to_index(g_values, indices, x_shape, dim))
min_along.vjp(x=lambda g_values, indices, x_shape, dim: _to_index(g_values, indices, x_shape, dim))


def _truth_law(op: Op, x: Spec, *, dim: tuple, keepdim: bool) -> Spec:
    """As other reductions; the result is bool."""
    return Spec(reduce_law(op, x, dim=dim, keepdim=keepdim).shape, dtypes.bool_)


_TRUTH = (S(B(5, 3), dim=None, keepdim=False), S(B(5, 3), dim=(1,), keepdim=True))


@primitive(
    reduce,
    types="promote",
    law=_truth_law,
    normalize=reduced,
    reference="torch.any",
    samples=_TRUTH,
)
def any(x, /, *, dim=None, keepdim=False):
    """Whether any element is nonzero."""
    return xp.any(x, axis=dim, keepdims=keepdim)


@primitive(
    reduce,
    types="promote",
    law=_truth_law,
    normalize=reduced,
    reference="torch.all",
    samples=_TRUTH,
)
def all(x, /, *, dim=None, keepdim=False):
    """Whether all elements are nonzero."""
    return xp.all(x, axis=dim, keepdims=keepdim)


def _same_sum_law(op: Op, x: Spec, *, dim: int) -> Spec:
    """The shape of x; integers are summed as int64."""
    return Spec(x.shape, x.dtype if x.dtype.category == dtypes.FLOATING else dtypes.int64)


@primitive(
    order,
    types="sum",
    law=_same_sum_law,
    normalize=along,
    reference="torch.cumsum",
    onnx="CumSum",
    samples=(S(F(5, 3), dim=0), S(F(7), dim=-1), S(F(), dim=0), S(F(0, 3), dim=1)),
)
def cumsum(x, /, *, dim):
    """Cumulative sum along an axis,  yᵢ = Σ_{j ≤ i} xⱼ."""
    return xp.cumsum(x, axis=dim) if x.ndim else x.copy()


cumsum.vjp(
    x=lambda g, dim: flip(cumsum(flip(g, dims=(dim,)), dim=dim), dims=(dim,)) if g.ndim else g
)
