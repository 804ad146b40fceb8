"""Putting elements in order along an axis."""

from __future__ import annotations

from typing import Any

from ..backends import xp
from ..base import dtypes
from .create import full
from .explain import refuse
from .kinds import along
from .kinds import order as order_kind
from .promotion import Spec
from .record import Op, primitive
from .samples import F, I, S
from .scatter import scatter
from .shape import view


def _order(x: Any, dim: int, descending: bool) -> Any:
    """A stable order, NaN as the largest; descending keeps equal elements in their order too."""
    if not descending:
        return xp.argsort(x, axis=dim, kind="stable")
    back = xp.flip(xp.argsort(xp.flip(x, dim), axis=dim, kind="stable"), dim)
    return x.shape[dim] - 1 - back


def _sort_law(op: Op, x: Spec, **attrs: Any) -> tuple[Spec, Spec]:
    """Values and int64 indices, both in the shape of x."""
    return Spec(x.shape, x.dtype), Spec(x.shape, dtypes.int64)


@primitive(
    order_kind,
    types="promote",
    law=_sort_law,
    normalize=along,
    outputs=("values", "indices"),
    constant=("indices",),
    reference="torch.sort",
    samples=(
        S(F(5, 3), dim=0, descending=False),
        S(F(7), dim=-1, descending=True),
        S(F(), dim=0, descending=False),
    ),
)
def sort(x, /, *, dim=-1, descending=False):
    """Elements in ascending (or descending) order along an axis and where they were: (values,
    indices). Stable; NaN is the largest.
    """
    if not x.ndim:
        return x.copy(), xp.zeros((), "int64")
    indices = _order(x, dim, descending)
    return xp.take_along_axis(x, indices, dim), indices


sort.vjp(x=lambda g_values, indices, x_shape, dim: _back(g_values, indices, x_shape, dim))


def _topk_law(op: Op, x: Spec, *, k: int, dim: int, largest: bool) -> tuple[Spec, Spec]:
    """Values and int64 indices; axis `dim` has size k, at most what it was."""
    n = x.shape[dim] if x.ndim else 1
    if not 0 <= k <= n:
        raise refuse(f"k must be between 0 and the size of the axis, found k={k} for size {n}")
    shape = (*x.shape[:dim], k, *x.shape[dim + 1 :]) if x.ndim else ()
    return Spec(shape, x.dtype), Spec(shape, dtypes.int64)


@primitive(
    order_kind,
    types="promote",
    law=_topk_law,
    normalize=along,
    outputs=("values", "indices"),
    constant=("indices",),
    reference="torch.topk",
    onnx="TopK",
    samples=(S(F(5, 7), k=3, dim=-1, largest=True), S(F(7, 3), k=2, dim=0, largest=False)),
)
def topk(x, /, *, k, dim=-1, largest=True):
    """The k largest (or smallest) elements along an axis in order, and where they were: (values,
    indices).
    """
    if not x.ndim:
        return x.copy(), xp.zeros((), "int64")
    indices = _order(x, dim, largest)[(slice(None),) * dim + (slice(k),)]
    return xp.take_along_axis(x, indices, dim), indices


topk.vjp(x=lambda g_values, indices, x_shape, dim: _back(g_values, indices, x_shape, dim))


def _back(g: Any, indices: Any, x_shape: tuple, dim: int) -> Any:
    """Each gradient to the place its element came from."""
    return scatter(full(shape=x_shape, value=0.0, dtype=g.dtype), indices, g, dim=dim)


@primitive(
    order_kind,
    types="promote",
    law=lambda op, x, **attrs: Spec(x.shape, dtypes.int64),
    normalize=along,
    reference="torch.argsort",
    samples=(S(F(5, 3), dim=0, descending=False), S(F(7), dim=-1, descending=True)),
)
def argsort(x, /, *, dim=-1, descending=False):
    """The indices that put x in order along an axis; stable."""
    return _order(x, dim, descending) if x.ndim else xp.zeros((), "int64")


def _isin_law(op: Op, x: Spec, among: Spec, *, invert: bool) -> Spec:
    """A bool for each element of x."""
    return Spec(x.shape, dtypes.bool_)


@primitive(
    order_kind,
    types="compare",
    law=_isin_law,
    reference="torch.isin",
    samples=(
        S(I(5, 3, high=7), I(3, high=7), invert=False),
        S(I(high=7), I(2, 3, high=7), invert=True),
    ),
)
def isin(x, among, /, *, invert=False):
    """Whether each element of x is one of some others, whatever their shape."""
    return xp.isin(x, among, invert=invert)


def _mode_law(op: Op, x: Spec, *, dim: int, keepdim: bool) -> tuple[Spec, Spec]:
    """Values and int64 indices; axis `dim` disappears, or stays with size 1 if keepdim."""
    if x.ndim and x.shape[dim] == 0:
        raise refuse(f"there is no mode of an empty axis (dimension {dim} has size 0)")
    shape = tuple([1 if k == dim else n for k, n in enumerate(x.shape) if keepdim or k != dim])
    return Spec(shape, x.dtype), Spec(shape, dtypes.int64)


@primitive(
    order_kind,
    types="promote",
    law=_mode_law,
    normalize=along,
    outputs=("values", "indices"),
    constant=("indices",),
    reference="torch.mode",
    samples=(
        S(F(5, 3), dim=0, keepdim=False),
        S(F(2, 7), dim=-1, keepdim=True),
        S(F(), dim=0, keepdim=False),
    ),
)
def mode(x, /, *, dim=-1, keepdim=False):
    """The most frequent element along an axis, the smallest of several, and the last index where it
    is: (values, indices).
    """
    if not x.ndim:
        return x.copy(), xp.zeros((), "int64")
    order = _order(x, dim, False)
    ordered = xp.moveaxis(xp.take_along_axis(x, order, dim), dim, -1)
    places = xp.arange(x.shape[dim])
    begins = xp.concatenate(
        [xp.ones((*ordered.shape[:-1], 1), bool), ordered[..., 1:] != ordered[..., :-1]], axis=-1
    )
    length = places - xp.maximum_accumulate(xp.where(begins, places, 0), axis=-1)
    last = xp.expand_dims(xp.argmax(length, axis=-1), -1)  # the end of the first longest run
    indices = xp.moveaxis(xp.take_along_axis(xp.moveaxis(order, dim, -1), last, -1), -1, dim)
    values = xp.take_along_axis(x, indices, dim)
    return (values, indices) if keepdim else (values.squeeze(dim), indices.squeeze(dim))


def _back_kept(g: Any, indices: Any, x_shape: tuple, dim: int) -> Any:
    kept = tuple([1 if k == dim else n for k, n in enumerate(x_shape)])
    return _back(view(g, shape=kept), view(indices, shape=kept), x_shape, dim)


mode.vjp(x=lambda g_values, indices, x_shape, dim: _back_kept(g_values, indices, x_shape, dim))


def _search_law(op: Op, edges: Spec, values: Spec, *, right: bool) -> Spec:
    """int64 in the shape of the values; the edges are a vector, or agree with the values on all
    axes but the last.
    """
    if not edges.ndim or (edges.ndim > 1 and edges.shape[:-1] != values.shape[:-1]):
        raise refuse(
            "the edges must be a vector, or agree with the values on all axes but the last,"
            f" found {edges.shape} and {values.shape}"
        )
    return Spec(values.shape, dtypes.int64)


@primitive(
    order_kind,
    types="compare",
    law=_search_law,
    reference="torch.searchsorted",
    samples=(
        S(xp.asarray([-2.0, -0.5, 0.1, 2.0]), F(5, 3), right=False),
        S(xp.asarray([[-2.0, 0.1], [-0.5, 1.0]]), F(2, 7), right=True),
        S(xp.asarray([-2.0, 2.0]), F(), right=False),
    ),
)
def searchsorted(edges, values, /, *, right=False):
    """Where each value would be inserted into the ascending edges: before those equal to it, or
    behind them if `right`.
    """
    side = "right" if right else "left"
    if edges.ndim == 1:
        return xp.asarray(xp.searchsorted(edges, values, side=side), "int64")
    found = xp.zeros(values.shape, "int64")
    if not found.size or not edges.size:
        return found
    rows = edges.reshape(-1, edges.shape[-1])
    each = values.reshape(len(rows), values.shape[-1] if values.ndim else 1)
    for k, y in enumerate(found.reshape(each.shape)):
        y[...] = xp.searchsorted(rows[k], each[k], side=side)
    return found
