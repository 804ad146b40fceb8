"""Views, which share memory, and writing through them.

A view op applied to a raw array returns a NumPy view of the same memory; the Tensor above it shares
the storage. Paths of view ops are how in-place writes find their place (see `tensors.storage`).
"""

from __future__ import annotations

from typing import Any

from ..backends import xp
from ..base import dtypes, shapes
from ..base.errors import RangeError
from .create import full
from .explain import refuse
from .kinds import scatter
from .kinds import view as view_kind
from .promotion import Spec
from .record import Op, primitive
from .samples import F, S

# ------------------------------------------------------------------------------------------------------------ views


def _view_law(op: Op, x: Spec, *, shape: tuple) -> Spec:
    """The element count stays; one size may be −1 and is worked out."""
    return Spec(shapes.resolve(shape, shapes.size(x.shape)), x.dtype)


def _resolved(args: tuple, attrs: dict) -> dict:
    return attrs | {"shape": shapes.resolve(attrs["shape"], shapes.size(args[0].shape))}


@primitive(
    view_kind,
    law=_view_law,
    normalize=_resolved,
    reference="torch.reshape",
    onnx="Reshape",
    samples=(
        S(F(5, 6), shape=(3, 10)),
        S(F(5, 3), shape=(-1,)),
        S(F(), shape=(1, 1)),
        S(F(0, 3), shape=(3, 0)),
    ),
)
def view(x, /, *, shape):
    """The same elements in row-major order under another shape. A raw array that cannot be
    viewed so is copied.
    """
    return xp.reshape(x, shape)


view.vjp(x=lambda g, x_shape: view(g, shape=x_shape))


def _permute_law(op: Op, x: Spec, *, dims: tuple) -> Spec:
    """`dims` names every axis once."""
    return Spec(tuple([x.shape[d] for d in dims]), x.dtype)


def _permutation(args: tuple, attrs: dict) -> dict:
    ndim = args[0].ndim
    dims = tuple([shapes.axis(d, ndim) for d in attrs["dims"]]) if ndim else tuple(attrs["dims"])
    if sorted(dims) != list(range(ndim)):
        raise refuse(f"dims must name each of the {ndim} axes once, found {tuple(attrs['dims'])}")
    return attrs | {"dims": dims}


@primitive(
    view_kind,
    law=_permute_law,
    normalize=_permutation,
    reference="torch.permute",
    onnx="Transpose",
    samples=(S(F(5, 3, 2), dims=(2, 0, 1)), S(F(), dims=()), S(F(0, 3), dims=(1, 0))),
)
def permute(x, /, *, dims):
    """The axes in another order: axis k of y is axis dims[k] of x."""
    return xp.transpose(x, dims)


permute.vjp(x=lambda g, dims: permute(g, dims=_inverse(dims)))


def _inverse(dims: tuple) -> tuple:
    return tuple([dims.index(k) for k in range(len(dims))])


def _expand_law(op: Op, x: Spec, *, shape: tuple) -> Spec:
    """Axes of size 1 may grow and new axes may come in front; −1 keeps a size."""
    return Spec(shape, x.dtype)


def _expanded(args: tuple, attrs: dict) -> dict:
    old, new = args[0].shape, tuple(attrs["shape"])
    extra = len(new) - len(old)
    if extra < 0:
        raise refuse(f"a {len(old)}-d tensor cannot be expanded to the {len(new)}-d shape {new}")
    out = []
    for k, n in enumerate(new):
        m = old[k - extra] if k >= extra else None
        if n < -1:
            raise refuse(f"sizes cannot be negative, found {new}")
        if n == -1 and m is None:
            raise refuse(f"-1 is not allowed for a new leading axis, found {new}")
        if m is not None and n != -1 and m not in (1, n):
            raise refuse(
                f"only an axis of size 1 can be expanded; axis {k - extra} has size {m}, asked for {n}"
            )
        out.append(m if n == -1 else n)
    return attrs | {"shape": tuple(out)}


@primitive(
    view_kind,
    law=_expand_law,
    normalize=_expanded,
    reference="torch.Tensor.expand",
    onnx="Expand",
    samples=(
        S(F(5, 1), shape=(2, 5, 3)),
        S(F(3), shape=(-1,)),
        S(F(), shape=(2, 3)),
        S(F(1, 3), shape=(0, 3)),
    ),
)
def expand(x, /, *, shape):
    """x repeated along axes of size 1 and new leading axes, without copying."""
    new = len(shape) - x.ndim
    if shape == (1,) * new + x.shape:  # nothing is repeated, so that the result can be written
        return xp.expand_dims(x, tuple(range(new)))
    return xp.broadcast_to(x, shape)


expand.vjp(x=lambda g: g)  # the engine sums a gradient back to the shape of what it belongs to


def _slice_law(op: Op, x: Spec, *, dim: int, start: int, stop: int, step: int) -> Spec:
    """Elements start, start + step, … before stop of axis `dim`."""
    n = len(range(x.shape[dim])[start:stop:step])  # None is as in Python, for a walk backwards
    return Spec((*x.shape[:dim], n, *x.shape[dim + 1 :]), x.dtype)


def _bounds(args: tuple, attrs: dict) -> dict:
    x, dim = args[0], attrs["dim"]
    if x.ndim == 0:
        raise refuse("a 0-d tensor cannot be sliced")
    dim = shapes.axis(dim, x.ndim)
    if attrs["step"] < 1:
        raise refuse(
            f"the step of a slice must be at least 1, found {attrs['step']}",
            hint="flip reverses an axis",
        )
    start, stop, step = slice(attrs["start"], attrs["stop"], attrs["step"]).indices(x.shape[dim])
    return {"dim": dim, "start": start, "stop": max(start, stop), "step": step}


@primitive(
    view_kind,
    law=_slice_law,
    normalize=_bounds,
    reference="torch.narrow",
    onnx="Slice",
    samples=(
        S(F(7, 3), dim=0, start=1, stop=6, step=2),
        S(F(5, 3), dim=1, start=-2, stop=None, step=1),
        S(F(5), dim=0, start=3, stop=3, step=1),
    ),
)
def slice_(x, /, *, dim, start=0, stop=None, step=1):
    """Every step-th element of one axis, from start up to, not including, stop; negative bounds
    count from the end.
    """
    return x[(slice(None),) * dim + (slice(start, stop, step),)]


slice_.vjp(
    x=lambda g, x_shape, dim, start, stop, step: view_scatter(
        full(shape=x_shape, value=0.0, dtype=g.dtype),
        g,
        path=((slice_, (("dim", dim), ("start", start), ("stop", stop), ("step", step))),),
    )
)


def _select_law(op: Op, x: Spec, *, dim: int, index: int) -> Spec:
    """Axis `dim` disappears."""
    return Spec((*x.shape[:dim], *x.shape[dim + 1 :]), x.dtype)


def _one(args: tuple, attrs: dict) -> dict:
    x = args[0]
    if x.ndim == 0:
        raise refuse("a 0-d tensor has no axis to select from")
    dim, index = shapes.axis(attrs["dim"], x.ndim), attrs["index"]
    n = x.shape[dim]
    if not -n <= index < n:
        raise RangeError(f"index {index} is out of range for dimension {dim} of size {n}")
    return {"dim": dim, "index": index % n}


@primitive(
    view_kind,
    law=_select_law,
    normalize=_one,
    reference="torch.select",
    samples=(S(F(5, 3), dim=0, index=2), S(F(5, 3), dim=-1, index=-1), S(F(7), dim=0, index=0)),
)
def select(x, /, *, dim, index):
    """The slice at one index of one axis, which disappears."""
    return x[(slice(None),) * dim + (index, ...)]


select.vjp(
    x=lambda g, x_shape, dim, index: view_scatter(
        full(shape=x_shape, value=0.0, dtype=g.dtype),
        g,
        path=((select, (("dim", dim), ("index", index))),),
    )
)


def _diagonal_law(op: Op | None, x: Spec, *, offset: int, dim1: int, dim2: int) -> Spec:
    """Two axes give way to one, the last: their diagonal."""
    rest = [n for k, n in enumerate(x.shape) if k not in (dim1, dim2)]
    rows, columns = x.shape[dim1], x.shape[dim2]
    return Spec(
        (
            *rest,
            max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns)),
        ),
        x.dtype,
    )


def _two_axes(args: tuple, attrs: dict) -> dict:
    ndim = args[0].ndim
    d1, d2 = shapes.axis(attrs["dim1"], ndim), shapes.axis(attrs["dim2"], ndim)
    if d1 == d2:
        raise refuse(f"a diagonal needs two different axes, found {d1} twice")
    return attrs | {"dim1": d1, "dim2": d2}


@primitive(
    view_kind,
    law=_diagonal_law,
    normalize=_two_axes,
    reference="torch.diagonal",
    samples=(S(F(5, 3), offset=0, dim1=0, dim2=1), S(F(2, 5, 3), offset=-1, dim1=2, dim2=1)),
)
def diagonal(x, /, *, offset=0, dim1=0, dim2=1):
    """The diagonal of two axes, as the last axis."""
    d1, d2 = x.strides[dim1] // x.itemsize, x.strides[dim2] // x.itemsize
    shape, strides = (
        _diagonal_law(
            None, Spec(x.shape, dtypes.stored(x.dtype)), offset=offset, dim1=dim1, dim2=dim2
        ).shape,
        list(x.strides),
    )
    kept = [s // x.itemsize for k, s in enumerate(strides) if k not in (dim1, dim2)]
    start = x[(slice(None),) * dim1 + (slice(max(0, -offset), None),)]
    start = start[(slice(None),) * dim2 + (slice(max(0, offset), None),)]
    return xp.restrided(start, shape, (*kept, d1 + d2))


diagonal.vjp(
    x=lambda g, x_shape, offset, dim1, dim2: view_scatter(
        full(shape=x_shape, value=0.0, dtype=g.dtype),
        g,
        path=((diagonal, (("offset", offset), ("dim1", dim1), ("dim2", dim2))),),
    )
)

for _op in (slice_, select, diagonal):
    _op.takes_part = True

# ----------------------------------------------------------------------------------------------- writing through views


def walk(x: Any, path: tuple) -> Any:
    """Follow a path of view ops, each given as (op, its attributes as pairs)."""
    for op, attrs in path:
        x = op(x, **dict(attrs))
    return x


def _view_scatter_law(op: Op, x: Spec, value: Spec, *, path: tuple) -> Spec:
    """The shape of x; the value broadcasts to the view that the path leads to."""
    place = x
    for view_op, attrs in path:
        if view_op.normalize((place,), dict(attrs)) != dict(attrs):
            raise refuse(
                f"the path does not fit x: {view_op.name} with {dict(attrs)} on shape {place.shape}"
            )
        place = view_op.infer((place,), dict(attrs))[0]
    if shapes.broadcast(value.shape, place.shape) != place.shape:
        raise refuse(
            f"a value of shape {value.shape} does not broadcast to the view of shape {place.shape}"
        )
    return Spec(x.shape, x.dtype)


@primitive(scatter, law=_view_scatter_law, samples=(
    S(F(5, 3), F(5), path=((select, (("dim", 1), ("index", 2))),)),
    S(F(5, 3), F(3), path=((slice_, (("dim", 0), ("start", 1), ("stop", 4), ("step", 1))),)),
))  # fmt: skip
def view_scatter(x, value, /, *, path):
    """x with what a path of views leads to replaced by a value: the meaning of a write through a
    view.
    """
    y = xp.asarray(x).copy()  # a 0-d gradient may be a NumPy scalar
    place = y
    for op, attrs in path:
        place = op.body(place, **dict(attrs))
    xp.copyto(place, value, casting="unsafe")
    return y


view_scatter.vjp(
    x=lambda g, value_shape, path: view_scatter(
        g, full(shape=value_shape, value=0.0, dtype=g.dtype), path=path
    ),
    value=lambda g, path: walk(g, path),
)
