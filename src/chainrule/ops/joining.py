"""Ops that copy elements to other places: joining, flipping, padding, and leaving out a corner of a matrix."""

from __future__ import annotations

from typing import Any

from ..backends import xp
from ..base import dtypes, shapes
from .explain import refuse
from .kinds import concat, need_axis_sizes, scatter
from .promotion import Spec
from .record import Op, primitive
from .samples import F, S
from .shape import select, slice_


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
