"""Elements put together at indices: products, extremes and means of all that fall on one place, and
values that are dealt out to the places of a mask.
"""

from __future__ import annotations

from typing import Any

from ..backends import xp
from ..base import dtypes, shapes
from ..base.errors import DTypeError
from .create import full
from .elementwise import cast, floor_divide, where
from .explain import refuse
from .joining import cat
from .kinds import along
from .kinds import scatter as scatter_kind
from .promotion import spec_of
from .record import composite, primitive
from .reduce import cumsum
from .samples import B, F, I, S
from .scatter import flat_places, from_corner, gather, index, put_law, scatter, scatter_add, upto
from .shape import slice_, view

_DOUBLED = (
    S(F(5, 3), I(5, 7, high=3), F(5, 7), dim=1),
    S(F(5, 3), I(2, 3, high=5), F(3, 3), dim=0),
)


def _combined(x: Any, at: Any, source: Any, dim: int, combine: Any) -> Any:
    """x with source combined into it at the places of the index, by a NumPy-like `ufunc.at`."""
    y = xp.asarray(x).copy()
    if at.size:
        values = xp.broadcast_to(upto(source, at.shape), at.shape)
        combine(y.reshape(-1), flat_places(y, at, dim), values.reshape(-1))
    return y


@primitive(
    scatter_kind,
    types="promote",
    promotes=("x", "source"),
    law=put_law,
    normalize=along,
    reference="torch.scatter_reduce",
    samples=_DOUBLED,
)
def scatter_mul(x, at, source, /, *, dim):
    """x with elements multiplied along one axis:  y[i, at[i, j]] *= source[i, j]  for dim = 1."""
    return _combined(x, at, source, dim, xp.multiply_at)


def _without(x: Any, at: Any, source: Any, dim: int) -> tuple:
    """Of each place: the product of what is not zero, the number of zeros in it; and whether each
    source element is zero.
    """
    none = source == 0
    product = scatter_mul(where(x == 0, 1.0, x), at, where(none, 1.0, source), dim=dim)
    zeros = cast(x == 0, dtype="int64")
    return product, scatter_add(zeros, at, cast(none, dtype="int64"), dim=dim), none


def _mul_by_x(g: Any, x: Any, at: Any, source: Any, dim: int) -> Any:
    """The product of all sources of a place: 0 as soon as one is."""
    product, zeros, _ = _without(x, at, source, dim)
    others = zeros - cast(x == 0, dtype="int64")
    return g * where(others > 0, 0.0, product / where(x == 0, 1.0, x))


def _mul_by_source(g: Any, x: Any, at: Any, source: Any, dim: int) -> Any:
    """The product of all but this source at its place."""
    product, zeros, none = _without(x, at, source, dim)
    if source.shape != at.shape:  # a corner of the source was read: the rest gets zeros
        corner = _corner(source, at.shape)
        mine = _mul_by_source(g, x, at, corner, dim)
        return from_corner(mine, source.shape)
    others = gather(zeros, at, dim=dim) - cast(none, dtype="int64")
    rest = gather(product, at, dim=dim) / where(none, 1.0, source)
    return gather(g, at, dim=dim) * where(others > 0, 0.0, rest)


def _corner(x: Any, shape: tuple) -> Any:
    """The corner of x that an index of this shape reads."""
    for k, n in enumerate(shape):
        if x.shape[k] != n:
            x = slice_(x, dim=k, start=0, stop=n)
    return x


scatter_mul.vjp(
    x=lambda g, x, at, source, dim: _mul_by_x(g, x, at, source, dim),
    source=lambda g, x, at, source, dim: _mul_by_source(g, x, at, source, dim),
)


@primitive(
    scatter_kind,
    types="promote",
    promotes=("x", "source"),
    law=put_law,
    normalize=along,
    reference="torch.scatter_reduce",
    samples=tuple([s._replace(attributes={**s.attributes, "largest": k}) for s in _DOUBLED for k in (True, False)]),
)  # fmt: skip
def scatter_extreme(x, at, source, /, *, dim, largest=True):
    """The largest (or smallest) of x and all source elements that fall on one place, along one axis;
    ties share the gradient evenly.
    """
    return _combined(x, at, source, dim, xp.maximum_at if largest else xp.minimum_at)


def _extreme_shares(x: Any, at: Any, source: Any, y: Any, dim: int) -> tuple:
    """Where x and the source are the extreme, as 1 and 0, and how many are at each place."""
    mine = where(x == y, 1.0, 0.0)
    theirs = where(_corner(source, at.shape) == gather(y, at, dim=dim), 1.0, 0.0)
    return mine, theirs, scatter_add(mine, at, theirs, dim=dim)


def _extreme_by_x(g: Any, x: Any, at: Any, source: Any, y: Any, dim: int) -> Any:
    mine, _, count = _extreme_shares(x, at, source, y, dim)
    return g * mine / count


def _extreme_by_source(g: Any, x: Any, at: Any, source: Any, y: Any, dim: int) -> Any:
    _, theirs, count = _extreme_shares(x, at, source, y, dim)
    return from_corner(gather(g / count, at, dim=dim) * theirs, source.shape)


scatter_extreme.vjp(
    x=lambda g, x, at, source, y, dim: _extreme_by_x(g, x, at, source, y, dim),
    source=lambda g, x, at, source, y, dim: _extreme_by_source(g, x, at, source, y, dim),
)


REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")


def _known_reduction(args: tuple, attrs: dict) -> dict:
    x, at, source = args
    if attrs["reduce"] not in REDUCTIONS:
        raise refuse(f"reduce must be one of {', '.join(REDUCTIONS)}, found {attrs['reduce']!r}")
    if spec_of(x).dtype is not spec_of(source).dtype:
        raise DTypeError("x and the source must have one dtype")
    if len(source.shape) != len(at.shape):
        raise refuse(
            f"index and source must have as many axes, found {len(at.shape)} and {len(source.shape)}"
        )
    attrs = along(args, attrs)
    put_law(scatter_add, *[spec_of(a) for a in args], dim=attrs["dim"])
    return attrs


_REDUCED = (F(5, 3), I(5, 7, high=3), F(5, 7))


@composite(
    scatter_kind,
    types="promote",
    promotes=("x", "source"),
    normalize=_known_reduction,
    reference="torch.scatter_reduce",
    samples=(
        *[S(*_REDUCED, dim=1, reduce=r, include_self=True) for r in REDUCTIONS],
        *[S(*_REDUCED, dim=1, reduce=r, include_self=False) for r in REDUCTIONS],
    ),
)  # fmt: skip
def scatter_reduce(x, at, source, /, *, dim, reduce, include_self=True):
    """The sum, product, mean, largest or smallest of all source elements that fall on one place along
    an axis, and of x's own element there (include_self). Places on which nothing falls keep x.
    """
    dtype = spec_of(x).dtype
    start = x if include_self else scatter(x, at, _neutral(reduce, dtype), dim=dim)
    if reduce == "prod":
        return scatter_mul(start, at, source, dim=dim)
    if reduce in ("amax", "amin"):
        return scatter_extreme(start, at, source, dim=dim, largest=reduce == "amax")
    total = scatter_add(start, at, source, dim=dim)
    if reduce == "sum":
        return total
    one = full(shape=x.shape, value=int(include_self), dtype=dtype)
    count = scatter_add(one, at, full(shape=at.shape, value=1, dtype=dtype), dim=dim)
    count = where(count == 0, 1, count)
    return total / count if dtype.is_floating_point else floor_divide(total, count)


def _neutral(reduce: str, found: dtypes.DType) -> Any:
    """What does not change a reduction."""
    if found is dtypes.bool_:
        return reduce in ("prod", "amin")
    if reduce in ("sum", "mean"):
        return 0
    if reduce == "prod":
        return 1
    if found.is_floating_point:
        return float("-inf") if reduce == "amax" else float("inf")
    bits = 8 * found.itemsize - (found is not dtypes.uint8)
    lowest = 0 if found is dtypes.uint8 else -(2**bits)
    return lowest if reduce == "amax" else 2**bits - 1


def _mask_and_source(args: tuple, attrs: dict) -> dict:
    x, mask, source = args
    if spec_of(mask).dtype is not dtypes.bool_:
        raise DTypeError("the mask must be bool")
    if spec_of(x).dtype is not spec_of(source).dtype:
        raise DTypeError("x and the source must have one dtype")
    if tuple(mask.shape) != tuple(x.shape):
        raise refuse(f"x and the mask must have one shape, found {x.shape} and {mask.shape}")
    return attrs


@composite(
    scatter_kind,
    normalize=_mask_and_source,
    reference="torch.masked_scatter",
    samples=(S(F(5, 3), B(5, 3), F(17)), S(F(7), B(7), F(2, 5)), S(F(), B(), F(1))),
)
def masked_scatter(x, mask, source, /):
    """x with the elements of source, in their order, at the places where the mask is True.  The
    k-th True of the mask takes element k.
    """
    flat = view(mask, shape=(shapes.size(mask.shape),))
    places = cumsum(cast(flat, dtype="int64"), dim=0)
    # in front stands what is taken where the mask is False, and thrown away
    values = cat(
        full(shape=(1,), value=0, dtype=source.dtype),
        view(source, shape=(shapes.size(source.shape),)),
        dim=0,
    )
    picked = index(values, where(flat, places, 0), dims=(0,))
    return where(mask, view(picked, shape=x.shape), x)
