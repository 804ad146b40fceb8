"""Picking elements by index, and putting or adding them there. The two are each other's
derivative.
"""

from __future__ import annotations

from typing import Any

from ..backends import xp
from ..base import dtypes, shapes
from ..base.errors import DTypeError, RangeError
from .create import full
from .elementwise import where
from .explain import refuse
from .joining import pad
from .kinds import along
from .kinds import gather as gather_kind
from .kinds import scatter as scatter_kind
from .promotion import Spec
from .record import Op, primitive
from .samples import F, I, S
from .shape import view


def _need_integers(**index: Spec) -> None:
    for name, s in index.items():
        if s.dtype.category != dtypes.INTEGER:
            raise DTypeError(f"{name} must hold integers, found {s.dtype.name}")


def _check_range(index: Any, size: int, what: str, *, lowest: int = 0) -> None:
    """Refuse an index outside [lowest, size): NumPy's own message names neither the op nor the
    place.
    """
    if index.size:
        low, high = int(index.min()), int(index.max())
        if low < lowest or high >= size:
            raise RangeError(
                f"index {high if high >= size else low} is out of range for {what} of size {size}"
            )


# ------------------------------------------------------------------------------- advanced indexing: x[i, :, j]


def _index_shape(x: tuple, indices: tuple, dims: tuple) -> tuple:
    """Indexed axes give way to the broadcast shape of the indices: in place if they are
    neighbours, else in front.
    """
    picked = shapes.broadcast(*[s.shape for s in indices])
    rest = [n for k, n in enumerate(x) if k not in dims]
    at = dims[0] if dims == tuple(range(dims[0], dims[0] + len(dims))) else 0
    return (*rest[:at], *picked, *rest[at:])


def _index_law(op: Op, x: Spec, *indices: Spec, dims: tuple) -> Spec:
    """Integer indices, one for each axis in dims, broadcast together and take the place of those
    axes.
    """
    _need_integers(**{f"indices[{k}]": s for k, s in enumerate(indices)})
    return Spec(_index_shape(x.shape, indices, dims), x.dtype)


def _known_axes(args: tuple, attrs: dict) -> dict:
    ndim = args[0].ndim
    if not ndim:
        raise refuse("a 0-d tensor has no axis to index")
    dims = tuple([shapes.axis(d, ndim) for d in attrs["dims"]])
    found = len(args) - (2 if "accumulate" in attrs else 1)
    if len(dims) != found or sorted(set(dims)) != list(dims):
        raise refuse(
            f"dims names, in order, one axis for each of the {found} indices, found {dims}"
        )
    return attrs | {"dims": dims}


def _places(x: Any, indices: tuple, dims: tuple) -> tuple:
    where_: list[Any] = [slice(None)] * x.ndim
    for d, i in zip(dims, indices, strict=True):
        _check_range(i, x.shape[d], f"dimension {d}", lowest=-x.shape[d])
        where_[d] = i
    return tuple(where_)


@primitive(
    gather_kind,
    law=_index_law,
    normalize=_known_axes,
    reference="x[indices]",
    onnx="GatherND",
    samples=(
        S(F(5, 3), I(7, high=5), dims=(0,)),
        S(F(5, 3, 2), I(7, high=5), I(7, low=-2, high=2), dims=(0, 2)),
        S(F(5, 3, 2), I(7, 1, high=3), I(2, high=2), dims=(1, 2)),
        S(F(5), I(high=5), dims=(0,)),
        S(F(5), I(0, high=5), dims=(0,)),
    ),
)
def index(x, /, *indices, dims):
    """Elements of x at integer indices along the axes `dims`, as x[i, :, j]; negative indices
    count from the end.
    """
    places = _places(x, indices, dims)
    return xp.take(x, indices[0], axis=dims[0]) if len(dims) == 1 else x[places]


index.vjp(x=lambda g, x_shape, indices, dims: index_put(
    full(shape=x_shape, value=0.0, dtype=g.dtype), g, *indices, dims=dims, accumulate=True))  # fmt: skip


def _index_put_law(
    op: Op, x: Spec, values: Spec, *indices: Spec, dims: tuple, accumulate: bool
) -> Spec:
    """The shape of x; the values broadcast to the shape that indexing would give."""
    _need_integers(**{f"indices[{k}]": s for k, s in enumerate(indices)})
    picked = _index_shape(x.shape, indices, dims)
    if accumulate and x.dtype is dtypes.bool_:
        raise DTypeError("bools cannot be added")
    if shapes.broadcast(values.shape, picked) != picked:
        raise refuse(
            f"values of shape {values.shape} do not broadcast to the indexed shape {picked}"
        )
    return Spec(x.shape, x.dtype)


@primitive(
    scatter_kind,
    types="promote",
    promotes=("x", "values"),
    law=_index_put_law,
    normalize=_known_axes,
    reference="torch.index_put",
    onnx="ScatterND",
    samples=(
        S(F(5, 3), F(2, 3), I(2, high=5), dims=(0,), accumulate=True),
        S(F(5, 3), F(7), I(7, high=5), I(7, high=3), dims=(0, 1), accumulate=True),
        S(F(5, 3), F(3), I(1, high=5), dims=(0,), accumulate=False),
        S(F(5), F(), I(high=5), dims=(0,), accumulate=False),
    ),
)
def index_put(x, values, /, *indices, dims, accumulate=False):
    """x with values put (or added, accumulate) at integer indices along `dims`. Where an index
    occurs twice, the last put stays, and adds happen in the order of the index."""
    y = xp.asarray(x).copy()
    places = _places(y, indices, dims)
    if not accumulate:
        y[places] = values
    elif dims == (0,) and y.ndim > 1 and indices[0].size:
        _add_rows(y, indices[0], values)
    else:  # one flat index: adding at it is many times faster than at slices and a tuple
        at = xp.arange(y.size).reshape(y.shape)[places]
        xp.add_at(y.reshape(-1), at.reshape(-1), xp.broadcast_to(values, at.shape).reshape(-1))
    return y


BLOCK = 2**15
"""Elements that are added at a time: the list of their places stays in the second-level cache."""


def _add_rows(y: Any, index: Any, values: Any) -> None:
    """y[index] += values, one row after another. Places are counted in elements: to add there is many
    times faster than to add rows.
    """
    rows = xp.broadcast_to(values, (*index.shape, *y.shape[1:])).reshape(index.size, -1)
    flat, width = y.reshape(-1), rows.shape[1]
    starts, across = (index.reshape(-1, 1) % y.shape[0]) * width, xp.arange(width)
    step = max(1, BLOCK // max(width, 1))
    for k in range(0, len(starts), step):
        at = starts[k : k + step] + across
        xp.add_at(flat, at.reshape(-1), rows[k : k + step].reshape(-1))


index_put.vjp(
    x=lambda g, indices, values_shape, dims, accumulate: (
        g
        if accumulate
        else index_put(
            g,
            full(shape=values_shape, value=0.0, dtype=g.dtype),
            *indices,
            dims=dims,
            accumulate=False,
        )
    ),
    values=lambda g, indices, dims: index(g, *indices, dims=dims),
)

# ------------------------------------------------------------------------------- gather and scatter along one axis


def _gather_law(op: Op, x: Spec, at: Spec, *, dim: int) -> Spec:
    """x and index have as many axes; on every axis but `dim` the index is no longer than x. The
    result has the index's shape. An empty index fits all.
    """
    _need_integers(index=at)
    _fits(x.shape, at.shape, dim)
    return Spec(at.shape, x.dtype)


def _fits(x: tuple, at: tuple, dim: int) -> None:
    if not shapes.size(at):
        return
    if len(x) != len(at) and not (len(x) <= 1 and len(at) <= 1):
        raise refuse(f"x and index must have as many axes, found {len(x)} and {len(at)}")
    for k, (n, m) in enumerate(zip(x, at, strict=False)):
        if k != dim and m > n:
            raise refuse(f"the index may not be longer than x on axis {k}: {m} > {n}")


def _grid(at: Any, dim: int) -> tuple:
    """For each element of an index along `dim`, its full position: the index on `dim`, its own
    place on the others.
    """
    if not at.ndim:
        return (at,)
    out = []
    for k, n in enumerate(at.shape):
        out.append(
            at if k == dim else xp.arange(n).reshape([-1 if j == k else 1 for j in range(at.ndim)])
        )
    return tuple(out)


_ALONG = (
    S(F(5, 3), I(5, 2, high=3), dim=1),
    S(F(5, 3), I(7, 3, high=5), dim=0),
    S(F(5, 3), I(2, 1, high=3), dim=-1),
    S(F(7), I(5, high=7), dim=0),
)


@primitive(
    gather_kind,
    law=_gather_law,
    normalize=along,
    reference="torch.gather",
    onnx="GatherElements",
    samples=_ALONG,
)
def gather(x, at, /, *, dim):
    """Elements of x picked along one axis:  y[i, j] = x[i, at[i, j]]  for dim = 1."""
    if not at.size:
        return xp.zeros(at.shape, x.dtype)
    if not x.ndim:
        _check_range(at, 1, "a 0-d tensor")
        return xp.broadcast_to(x, at.shape).copy()
    _check_range(at, x.shape[dim], f"dimension {dim}")
    return x[_grid(at, dim)]


gather.vjp(
    x=lambda g, at, x_shape, dim: scatter_add(
        full(shape=x_shape, value=0.0, dtype=g.dtype), at, g, dim=dim
    )
)


def put_law(op: Op, x: Spec, at: Spec, source: Spec, *, dim: int, **attrs: Any) -> Spec:
    """All have as many axes; the index is no longer than the source, nor (but on `dim`) than x.
    The result has x's shape. A source without axes is put everywhere; with an empty index the
    result is x.
    """
    _need_integers(index=at)
    _fits(x.shape, at.shape, dim)
    if source.shape or not at.shape:  # a number is put everywhere
        _fits(source.shape, at.shape, -1)
    return Spec(x.shape, x.dtype)


_PUT = (S(F(5, 3), I(5, 1, high=3), F(5, 1), dim=1), S(F(5, 3), I(1, 3, high=5), F(2, 3), dim=0))


@primitive(
    scatter_kind,
    types="promote",
    promotes=("x", "source"),
    law=put_law,
    normalize=along,
    reference="torch.scatter",
    samples=_PUT,
)
def scatter(x, at, source, /, *, dim):
    """x with elements replaced along one axis:  y[i, at[i, j]] = source[i, j]  for dim = 1. Of
    equal places, the last stays.
    """
    y = xp.asarray(x).copy()
    if not at.size:
        return y
    if not y.ndim:
        _check_range(at, 1, "a 0-d tensor")
        y[...] = xp.asarray(source).reshape(-1)[-1]
        return y
    _check_range(at, y.shape[dim], f"dimension {dim}")
    y[_grid(at, dim)] = upto(source, at.shape)
    return y


def upto(source: Any, shape: tuple) -> Any:
    """The corner of a source that an index of this shape reads; a number stays one."""
    return source[tuple([slice(n) for n in shape])] if getattr(source, "ndim", 0) else source


scatter.vjp(
    x=lambda g, at, dim: scatter(g, at, 0.0, dim=dim),
    source=lambda g, at, source_shape, dim: from_corner(gather(g, at, dim=dim), source_shape),
)


@primitive(
    scatter_kind,
    types="promote",
    promotes=("x", "source"),
    law=put_law,
    normalize=along,
    reference="torch.scatter_add",
    samples=(
        S(F(5, 3), I(5, 7, high=3), F(5, 7), dim=1),
        S(F(5, 3), I(2, 3, high=5), F(3, 3), dim=0),
    ),
)
def scatter_add(x, at, source, /, *, dim):
    """x with elements added along one axis:  y[i, at[i, j]] += source[i, j]  for dim = 1, in the
    order of j.
    """
    y = xp.asarray(x).copy()
    if at.size:
        values = xp.broadcast_to(upto(source, at.shape), at.shape)
        xp.add_at(y.reshape(-1), flat_places(y, at, dim), values.reshape(-1))
    return y


def flat_places(y: Any, at: Any, dim: int) -> Any:
    """The places of an index along `dim` in the flattened y: combining at one flat index is many
    times faster than at a tuple of them.
    """
    if not y.ndim:
        _check_range(at, 1, "a 0-d tensor")
        return at.reshape(-1)
    _check_range(at, y.shape[dim], f"dimension {dim}")
    flat, step = xp.zeros((1,) * y.ndim, "int64"), 1
    for k, place in reversed(list(enumerate(_grid(at, dim)))):
        flat = flat + place * step
        step *= y.shape[k]
    return flat.reshape(-1)


scatter_add.vjp(
    x=lambda g: g,
    source=lambda g, at, source_shape, dim: from_corner(gather(g, at, dim=dim), source_shape),
)


def from_corner(g: Any, shape: tuple) -> Any:
    """The gradient of a source of which only the corner was read: zeros beyond."""
    if g.shape == shape or not shape:
        return g
    if not shapes.size(g.shape):  # nothing of it was read
        return full(shape=shape, value=0.0, dtype=g.dtype)
    return pad(g, pads=tuple([(0, n - m) for n, m in zip(shape, g.shape, strict=True)]), value=0.0)


def _embedding_law(
    op: Op, weight: Spec, at: Spec, *, padding: int | None, by_frequency: bool
) -> Spec:
    """weight is (V, C); the index has any shape, and the result one more axis, C."""
    _need_integers(index=at)
    if weight.ndim != 2:
        raise refuse(f"weight must be (V, C), found {weight.ndim} axes")
    return Spec((*at.shape, weight.shape[1]), weight.dtype)


@primitive(
    gather_kind,
    law=_embedding_law,
    reference="torch.nn.functional.embedding",
    onnx="Gather",
    samples=(
        S(F(7, 3), I(5, 2, high=7), padding=None, by_frequency=False),
        S(F(7, 3), I(5, high=7), padding=None, by_frequency=False),
    ),
)
def embedding(weight, at, /, *, padding=None, by_frequency=False):
    """Rows of a table,  y[…] = weight[at[…]].  Row `padding` gets no gradient; with `by_frequency`
    the gradient of a row is divided by how often the row was taken. The gradient is dense and
    deterministic.
    """
    _check_range(at, weight.shape[0], "the table")
    return xp.take(weight, at, axis=0)


def _embedding_gradient(
    g: Any, at: Any, shape: tuple, padding: int | None, by_frequency: bool
) -> Any:
    if padding is not None:
        g = where(view(at, shape=(*at.shape, 1)) == padding, 0.0, g)
    if by_frequency:
        times = index_put(
            full(shape=shape[:1], value=0.0, dtype=g.dtype),
            full(shape=at.shape, value=1.0, dtype=g.dtype),
            at,
            dims=(0,),
            accumulate=True,
        )
        g = g / view(index(times, at, dims=(0,)), shape=(*at.shape, 1))
    zeros = full(shape=shape, value=0.0, dtype=g.dtype)
    return index_put(zeros, g, at, dims=(0,), accumulate=True)


embedding.vjp(
    weight=lambda g, at, weight_shape, padding, by_frequency: _embedding_gradient(
        g, at, weight_shape, padding, by_frequency
    )
)
