"""Views, which share memory, and the ops that move elements: joining, flipping, padding.

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
from .kinds import concat, need_axis_sizes, scatter
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

# --------------------------------------------------------------------------------------------------- joining, moving


def _contiguous_law(op: Op, x: Spec) -> Spec:
    """The shape and dtype of x."""
    return x


@primitive(scatter, law=_contiguous_law, reference="torch.clone", samples=(S(F(5, 3)), S(F())))
def clone(x, /):
    """A copy, row-major in memory."""
    return x.copy(order="C")


clone.vjp(x=lambda g: g)


def _cat_law(op: Op, *xs: Spec, dim: int) -> Spec:
    """Sizes agree on every axis but `dim`, where they add up."""
    first = xs[0]
    for s in xs[1:]:
        need_axis_sizes("cat", first.shape, s.shape, dim)
    n = 0
    for s in xs:
        n += s.shape[dim]
    return Spec(
        (*first.shape[:dim], n, *first.shape[dim + 1 :]),
        dtypes.promote([(s.dtype, dtypes.AXES) for s in xs]),
    )


def _cat_dim(args: tuple, attrs: dict) -> dict:
    if not args:
        raise refuse("there is nothing to join: the list is empty")
    if args[0].ndim == 0:
        raise refuse("0-d tensors cannot be joined along an axis", hint="stack makes a new one")
    return attrs | {"dim": shapes.axis(attrs["dim"], args[0].ndim)}


@primitive(
    concat,
    types="promote",
    law=_cat_law,
    normalize=_cat_dim,
    reference="torch.cat",
    onnx="Concat",
    samples=(
        S(F(5, 3), F(2, 3), dim=0),
        S(F(5, 3), F(5, 1), F(5, 2), dim=-1),
        S(F(0, 3), F(2, 3), dim=0),
    ),
)
def cat(*xs, dim=0):
    """Tensors joined along an existing axis."""
    return xp.concatenate(xs, axis=dim)


cat.vjp(xs=lambda g, xs_shape, dim: _cut(g, [s[dim] for s in xs_shape], dim))


def _cut(g: Any, sizes: list, dim: int) -> list:
    out, start = [], 0
    for n in sizes:
        out.append(slice_(g, dim=dim, start=start, stop=start + n, step=1))
        start += n
    return out


def _stack_law(op: Op, *xs: Spec, dim: int) -> Spec:
    """All shapes are equal; the new axis `dim` counts the tensors."""
    for s in xs[1:]:
        if s.shape != xs[0].shape:
            raise refuse(f"tensors to stack must have one shape, found {xs[0].shape} and {s.shape}")
    shape = xs[0].shape
    return Spec(
        (*shape[:dim], len(xs), *shape[dim:]), dtypes.promote([(s.dtype, dtypes.AXES) for s in xs])
    )


def _stack_dim(args: tuple, attrs: dict) -> dict:
    if not args:
        raise refuse("there is nothing to stack: the list is empty")
    return attrs | {"dim": shapes.axis(attrs["dim"], args[0].ndim + 1)}


@primitive(
    concat,
    types="promote",
    law=_stack_law,
    normalize=_stack_dim,
    reference="torch.stack",
    samples=(S(F(5, 3), F(5, 3), dim=1), S(F(), F(), F(), dim=0)),
)
def stack(*xs, dim=0):
    """Tensors of one shape joined along a new axis."""
    return xp.stack(xs, axis=dim)


stack.vjp(xs=lambda g, xs_shape, dim: [select(g, dim=dim, index=k) for k in range(len(xs_shape))])


def _same(op: Op, x: Spec, **attrs: Any) -> Spec:
    """The shape and dtype of x."""
    return Spec(x.shape, x.dtype)


def _axes_tuple(args: tuple, attrs: dict) -> dict:
    return attrs | {
        "dims": shapes.axes(tuple(attrs["dims"]), args[0].ndim) if attrs["dims"] != () else ()
    }


@primitive(
    scatter,
    law=_same,
    normalize=_axes_tuple,
    reference="torch.flip",
    samples=(S(F(5, 3), dims=(0,)), S(F(5, 3), dims=(-1, 0))),
)
def flip(x, /, *, dims):
    """The order of elements reversed along axes (a copy, as in PyTorch)."""
    return xp.flip(x, dims).copy()


flip.vjp(x=lambda g, dims: flip(g, dims=dims))


def _pad_law(op: Op, x: Spec, *, pads: tuple, value: float) -> Spec:
    """Each axis grows by its (before, after) amounts; negative amounts cut. The dtype holds the value."""
    dtypes.need_held(float(value), x.dtype)  # to PyTorch it is a float: −1 is none of uint8's
    if len(pads) != x.ndim:
        raise refuse(f"pads must have a pair for each of the {x.ndim} axes, found {len(pads)}")
    shape = tuple([n + a + b for n, (a, b) in zip(x.shape, pads, strict=True)])
    if min(shape, default=0) < 0:
        raise refuse(f"cutting {pads} off leaves the negative shape {shape}")
    return Spec(shape, x.dtype)


@primitive(
    scatter,
    law=_pad_law,
    reference="torch.nn.functional.pad",
    onnx="Pad",
    samples=(
        S(F(5, 3), pads=((0, 0), (1, 2)), value=0.5),
        S(F(5, 3), pads=((2, -1), (0, 1)), value=0.0),
    ),
)
def pad(x, /, *, pads, value=0.0):
    """x surrounded by a constant: `pads` has (before, after) for each axis; negative amounts
    cut.
    """
    shape = tuple([n + a + b for n, (a, b) in zip(x.shape, pads, strict=True)])
    y = (
        xp.convert(xp.full(shape, value, "float32"), dtypes.bfloat16)
        if x.dtype == dtypes.BF16_BITS
        else xp.full(shape, value, x.dtype)
    )
    to = tuple(
        [
            slice(max(a, 0), max(a, 0) + n + min(a, 0) + min(b, 0))
            for n, (a, b) in zip(x.shape, pads, strict=True)
        ]
    )
    of = tuple([slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(x.shape, pads, strict=True)])
    y[to] = x[of]
    return y


def _unpadded(g: Any, pads: tuple) -> Any:
    """What was added is cut off, and where something was cut off there are zeros."""
    for d, (a, b) in enumerate(pads):
        if a > 0 or b > 0:
            stop = g.shape[d] - max(b, 0)
            g = slice_(g, dim=d, start=max(a, 0), stop=stop, step=1)
    cut = tuple([(max(-a, 0), max(-b, 0)) for a, b in pads])
    return pad(g, pads=cut, value=0.0) if any(map(any, cut)) else g


pad.vjp(x=lambda g, pads: _unpadded(g, pads))


def _matrix_law(op: Op, x: Spec, *, diagonal: int) -> Spec:
    """At least two axes; the shape stays."""
    if x.ndim < 2:
        raise refuse(f"a triangle needs at least two axes, found {x.ndim}")
    return Spec(x.shape, x.dtype)


_TRI = (S(F(5, 3), diagonal=0), S(F(2, 3, 5), diagonal=-1), S(F(3, 5), diagonal=2))


@primitive(scatter, law=_matrix_law, reference="torch.tril", onnx="Trilu", samples=_TRI)
def tril(x, /, *, diagonal=0):
    """The lower triangle of the last two axes, zeros above the given diagonal."""
    return xp.tril(x, diagonal)


tril.vjp(x=lambda g, diagonal: tril(g, diagonal=diagonal))


@primitive(scatter, law=_matrix_law, reference="torch.triu", onnx="Trilu", samples=_TRI)
def triu(x, /, *, diagonal=0):
    """The upper triangle of the last two axes, zeros below the given diagonal."""
    return xp.triu(x, diagonal)


triu.vjp(x=lambda g, diagonal: triu(g, diagonal=diagonal))
