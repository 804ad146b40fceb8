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
