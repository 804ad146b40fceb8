"""What runs along an axis: cumulative products, extremes and log-sums, and the linear recurrence that
their derivatives are made of.

A product's derivative must not divide by its factors, of which some may be 0. With a recurrence it
does not have to: what reaches xᵢ in y = cumprod(x) is

    x̄ᵢ = (x₀ ⋯ xᵢ₋₁) · Tᵢ      with      Tᵢ = ȳᵢ + xᵢ₊₁ · Tᵢ₊₁

and a recurrence's derivative is a recurrence again, in the other direction.
"""

from __future__ import annotations

from typing import Any

from ..backends import xp
from ..base import dtypes
from ..base.errors import DTypeError
from .create import full
from .elementwise import eq, exp, where
from .explain import refuse
from .joining import flip, pad
from .kinds import along, order, reduce, reduced
from .promotion import Spec, common_dtype
from .record import Op, primitive
from .reduce import restored
from .samples import F, S
from .scatter import scatter_add
from .shape import expand, permute, view

# ------------------------------------------------------------------------------------------------- the recurrence


def _recurrence_law(op: Op, a: Spec, b: Spec, *, dim: int) -> Spec:
    """Factors and terms have one shape."""
    if a.shape != b.shape:
        raise refuse(f"factors and terms must have one shape, found {a.shape} and {b.shape}")
    return Spec(b.shape, common_dtype(op, (a, b)))


@primitive(
    order,
    types="promote",
    law=_recurrence_law,
    normalize=along,
    samples=(S(F(5, 3), F(5, 3), dim=0), S(F(2, 7), F(2, 7), dim=-1), S(F(), F(), dim=0)),
)
def recurrence(a, b, /, *, dim):
    """y₀ = b₀ and  yₖ = aₖ · yₖ₋₁ + bₖ  along an axis; a₀ is not used."""
    y = b.copy()
    if y.ndim:
        ys, rows = xp.moveaxis(y, dim, 0), xp.moveaxis(a, dim, 0)
        for k in range(1, len(ys)):
            ys[k] += rows[k] * ys[k - 1]
    return y


def _before(x: Any, dim: int, first: float) -> Any:
    """Each element's predecessor along an axis."""
    if not x.ndim:
        return where(eq(x, x), first, first)
    return pad(x, pads=tuple([(1, -1) if k == dim else (0, 0) for k in range(x.ndim)]), value=first)


def _backwards(a: Any, g: Any, dim: int) -> Any:
    """T with  Tₖ = gₖ + aₖ₊₁ · Tₖ₊₁  along an axis."""
    if not g.ndim:
        return g
    turned = recurrence(_before(flip(a, dims=(dim,)), dim, 0.0), flip(g, dims=(dim,)), dim=dim)
    return flip(turned, dims=(dim,))


recurrence.vjp(
    a=lambda g, a, y, dim: _backwards(a, g, dim) * _before(y, dim, 0.0),
    b=lambda g, a, dim: _backwards(a, g, dim),
)

# ------------------------------------------------------------------------------------------------------ products


def _same_sum_law(op: Op, x: Spec, *, dim: int) -> Spec:
    """The shape of x; integers are multiplied as int64."""
    return Spec(x.shape, x.dtype if x.dtype.category == dtypes.FLOATING else dtypes.int64)


_ALONG = (S(F(5, 3), dim=0), S(F(7), dim=-1), S(F(), dim=0), S(F(0, 3), dim=1))


@primitive(
    order,
    types="sum",
    law=_same_sum_law,
    normalize=along,
    reference="torch.cumprod",
    samples=_ALONG,
)
def cumprod(x, /, *, dim):
    """Cumulative product along an axis,  yᵢ = Π_{j ≤ i} xⱼ."""
    return xp.cumprod(x, axis=dim) if x.ndim else x.copy()


cumprod.vjp(x=lambda g, x, y, dim: _before(y, dim, 1.0) * _backwards(x, g, dim))


@primitive(
    reduce,
    types="sum",
    normalize=reduced,
    reference="torch.prod",
    onnx="ReduceProd",
    samples=(
        S(F(5, 3), dim=None, keepdim=False),
        S(F(5, 3, 2), dim=(0, 2), keepdim=True),
        S(F(7, 2), dim=-1, keepdim=False),
        S(F(0, 2), dim=-1, keepdim=False),
        S(F(), dim=None, keepdim=False),
    ),
)
def prod(x, /, *, dim=None, keepdim=False):
    """Product over axes; integers and bools are multiplied as int64."""
    return xp.prod(x, axis=dim, keepdims=keepdim)


def _product_of_others(x: Any, dim: tuple) -> Any:
    """For each element the product of all others that are multiplied with it: of those before it
    and those behind it.
    """
    rest = tuple([k for k in range(x.ndim) if k not in dim])
    moved = permute(x, dims=(*rest, *dim))
    count = 1
    for k in dim:
        count *= x.shape[k]
    rows = view(moved, shape=(*[x.shape[k] for k in rest], count))
    last = rows.ndim - 1
    before = cumprod(_before(rows, last, 1.0), dim=last)
    behind = cumprod(_before(flip(rows, dims=(last,)), last, 1.0), dim=last)
    y = view(before * flip(behind, dims=(last,)), shape=moved.shape)
    back = {d: k for k, d in enumerate((*rest, *dim))}
    return permute(y, dims=tuple([back[k] for k in range(x.ndim)]))


prod.vjp(
    x=lambda g, x, dim: (
        expand(restored(g, x.shape, dim), shape=x.shape) * _product_of_others(x, dim)
    )
)

# ------------------------------------------------------------------------------------------------------ extremes


def _with_places_law(op: Op, x: Spec, *, dim: int) -> tuple[Spec, Spec]:
    """Values and int64 indices, both in the shape of x."""
    return Spec(x.shape, x.dtype), Spec(x.shape, dtypes.int64)


def _running(x: Any, values: Any, dim: int) -> tuple:
    """The running extremes and the index where each was last seen."""
    hit = (x == values) | (x != x)
    places = xp.arange(x.shape[dim]).reshape([-1 if k == dim else 1 for k in range(x.ndim)])
    return values, xp.maximum_accumulate(xp.where(hit, places, 0), axis=dim)


@primitive(
    order,
    types="promote",
    law=_with_places_law,
    normalize=along,
    outputs=("values", "indices"),
    constant=("indices",),
    reference="torch.cummax",
    samples=_ALONG,
)
def cummax(x, /, *, dim):
    """The largest element so far along an axis, and the index where it was last seen: (values,
    indices). A NaN stays.
    """
    if not x.ndim:
        return x.copy(), xp.zeros((), "int64")
    return _running(x, xp.maximum_accumulate(x, axis=dim), dim)


@primitive(
    order,
    types="promote",
    law=_with_places_law,
    normalize=along,
    outputs=("values", "indices"),
    constant=("indices",),
    reference="torch.cummin",
    samples=_ALONG,
)
def cummin(x, /, *, dim):
    """The smallest element so far along an axis, and the index where it was last seen: (values,
    indices). A NaN stays.
    """
    if not x.ndim:
        return x.copy(), xp.zeros((), "int64")
    return _running(x, xp.minimum_accumulate(x, axis=dim), dim)


def _to_places(g: Any, indices: Any, x_shape: tuple, dim: int) -> Any:
    return scatter_add(full(shape=x_shape, value=0.0, dtype=g.dtype), indices, g, dim=dim)


cummax.vjp(x=lambda g_values, indices, x_shape, dim: _to_places(g_values, indices, x_shape, dim))
cummin.vjp(x=lambda g_values, indices, x_shape, dim: _to_places(g_values, indices, x_shape, dim))

# ------------------------------------------------------------------------------------------------------ log-sums


def _floating_law(op: Op, x: Spec, *, dim: int) -> Spec:
    """The shape and floating dtype of x."""
    if x.dtype.category != dtypes.FLOATING:
        raise DTypeError(f"operands must be floating, found {x.dtype.name}")
    return Spec(x.shape, x.dtype)


@primitive(
    order,
    types="floating",
    law=_floating_law,
    normalize=along,
    reference="torch.logcumsumexp",
    samples=_ALONG,
)
def logcumsumexp(x, /, *, dim):
    """Cumulative log-sum along an axis,  yᵢ = ln Σ_{j ≤ i} e^xⱼ, without overflow."""
    return xp.logaddexp_accumulate(x, axis=dim) if x.ndim else x.copy()


def _share(a: Any, b: Any) -> Any:
    """e^(a − b), and 1 for equal infinities."""
    return exp(where(eq(a, b), 0.0, a - b))


# every factor is at most 1: the sums grow
logcumsumexp.vjp(
    x=lambda g, x, y, dim: _share(x, y) * _backwards(_share(_before(y, dim, 0.0), y), g, dim)
)
