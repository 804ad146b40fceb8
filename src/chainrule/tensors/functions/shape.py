"""Other shapes and other orders of axes: views of the same memory wherever memory allows it."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from ... import ops
from ...base import dtypes, shapes
from ...base.errors import DTypeError, RangeError, ShapeError
from ...base.modes import modes

__all__ = [
    "adjoint", "as_strided", "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_shapes",
    "broadcast_tensors", "broadcast_to", "diagonal", "expand_as", "flatten", "moveaxis", "movedim",
    "narrow", "permute", "ravel", "reshape", "reshape_as", "select", "squeeze", "swapaxes",
    "swapdims", "t", "transpose", "unbind", "unflatten", "unfold", "unsqueeze",
]  # fmt: skip

Dims = int | Sequence[int] | None


def flat(sizes: tuple, named: Any = None) -> tuple:
    """Sizes given as separate arguments, as one sequence, or under their name."""
    if named is not None:
        sizes = (named,)
    return tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes


def reshape(input: Any, *sizes: Any, shape: Any = None) -> Any:
    """The same elements under another shape: a view where memory allows it, else a copy.

    >>> reshape(cr.arange(6), (2, -1))
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    return ops.view(input, shape=flat(sizes, shape))


def reshape_as(input: Any, other: Any) -> Any:
    """Reshaped to the shape of another tensor."""
    return reshape(input, tuple(other.shape))


def ravel(input: Any) -> Any:
    """All axes as one, a view where memory allows it."""
    return reshape(input, -1) if input.ndim != 1 else input


def permute(input: Any, *sizes: Any, dims: Any = None) -> Any:
    """The axes in another order."""
    return ops.permute(input, dims=flat(sizes, dims))


def transpose(input: Any, dim0: int, dim1: int) -> Any:
    """Two axes exchanged."""
    n = input.ndim
    dims = list(range(n))
    a, b = shapes.axis(dim0, n), shapes.axis(dim1, n)
    if n:
        dims[a], dims[b] = dims[b], dims[a]
    return ops.permute(input, dims=tuple(dims))


def swapaxes(input: Any, axis0: int, axis1: int) -> Any:
    """Two axes exchanged, NumPy's name for `transpose`."""
    return transpose(input, axis0, axis1)


def swapdims(input: Any, dim0: int, dim1: int) -> Any:
    """Two axes exchanged, the same as `transpose`."""
    return transpose(input, dim0, dim1)


def adjoint(input: Any) -> Any:
    """The last two axes exchanged (and conjugated, which leaves real numbers as they are)."""
    if input.ndim < 2:
        raise ShapeError(f"adjoint needs at least two axes, found {input.ndim}")
    return transpose(input, -2, -1)


def t(input: Any) -> Any:
    """The transpose of a matrix; tensors of fewer axes as they are."""
    if input.ndim > 2:
        raise ShapeError(
            f"t() takes tensors of at most two axes, found {input.ndim}\n  hint: .mT transposes the last two"
        )
    return transpose(input, 0, 1) if input.ndim == 2 else input


def movedim(input: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Any:
    """Axes moved to other places; the rest keep their order."""
    n = input.ndim
    src = [shapes.axis(d, n) for d in ([source] if isinstance(source, int) else source)]
    dst = [
        shapes.axis(d, n) for d in ([destination] if isinstance(destination, int) else destination)
    ]
    if len(src) != len(dst) or len(set(src)) != len(src) or len(set(dst)) != len(dst):
        raise ShapeError(
            f"movedim needs as many different sources as destinations, found {source} and {destination}"
        )
    place = dict(zip(dst, src, strict=True))
    rest = iter([d for d in range(n) if d not in src])
    return ops.permute(
        input, dims=tuple([place[k] if k in place else next(rest) for k in range(n)])
    )


def moveaxis(input: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Any:
    """Axes moved to other places, NumPy's name for `movedim`."""
    return movedim(input, source, destination)


def squeeze(input: Any, dim: Dims = None) -> Any:
    """Axes of size 1 removed: all, or those named (which stay if their size is not 1)."""
    drop = (
        shapes.axes(tuple(dim) if isinstance(dim, list) else dim, input.ndim)
        if not isinstance(dim, (tuple, list)) or dim
        else ()
    )
    return ops.view(
        input, shape=tuple([n for k, n in enumerate(input.shape) if not (k in drop and n == 1)])
    )


def unsqueeze(input: Any, dim: int) -> Any:
    """A new axis of size 1 at `dim`."""
    d = shapes.axis(dim, input.ndim + 1)
    return ops.view(input, shape=(*input.shape[:d], 1, *input.shape[d:]))


def _each(tensors: tuple, f: Any) -> Any:
    """f of one tensor, or of each of several, which may come as a list."""
    if len(tensors) == 1 and not isinstance(tensors[0], (tuple, list)):
        return f(tensors[0])
    return tuple([f(x) for x in (tensors[0] if len(tensors) == 1 else tensors)])


def atleast_1d(*tensors: Any) -> Any:
    """A 0-d tensor as a vector, others as they are. Several tensors give a tuple."""
    return _each(tensors, lambda x: x if x.ndim else reshape(x, 1))


def atleast_2d(*tensors: Any) -> Any:
    """Leading axes of size 1 until there are two. Several tensors give a tuple."""
    return _each(
        tensors, lambda x: reshape(x, (1,) * (2 - x.ndim) + tuple(x.shape)) if x.ndim < 2 else x
    )


def atleast_3d(*tensors: Any) -> Any:
    """Axes of size 1 until there are three: a vector becomes (1, n, 1), a matrix (m, n, 1).
    Several tensors give a tuple.
    """

    def three(x: Any) -> Any:
        if x.ndim > 2:
            return x
        return reshape(x, (1,) * (x.ndim < 2) + (tuple(x.shape) or (1,)) + (1,))

    return _each(tensors, three)


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """The axes from start_dim to end_dim as one."""
    n = input.ndim
    a, b = shapes.axis(start_dim, n), shapes.axis(end_dim, n)
    if n == 0:
        return ops.view(input, shape=(1,))
    if a > b:
        raise ShapeError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    return ops.view(
        input, shape=(*input.shape[:a], shapes.size(input.shape[a : b + 1]), *input.shape[b + 1 :])
    )


def unflatten(input: Any, dim: int, sizes: Sequence[int]) -> Any:
    """One axis cut into several."""
    d = shapes.axis(dim, input.ndim)
    return ops.view(
        input,
        shape=(
            *input.shape[:d],
            *shapes.resolve(tuple(sizes), input.shape[d]),
            *input.shape[d + 1 :],
        ),
    )


def broadcast_shapes(*shapes_: Any) -> Any:
    """The common shape of several, which are tuples or single sizes.

    >>> broadcast_shapes((3, 1), 5)
    chainrule.Size([3, 5])
    """
    from ..storage import Size

    found = [(operator.index(s),) if not isinstance(s, (tuple, list)) else s for s in shapes_]
    if any([n < 0 for s in found for n in s]):
        raise ShapeError(f"broadcast_shapes: sizes cannot be negative, found {shapes_}")
    return Size(shapes.broadcast(*[tuple(s) for s in found]))


def broadcast_to(input: Any, size: Sequence[int]) -> Any:
    """input expanded to a shape without copying."""
    return ops.expand(input, shape=tuple(size))


def broadcast_tensors(*tensors: Any) -> tuple:
    """All expanded to their common shape."""
    given = flat(tensors)
    shape = shapes.broadcast(*[tuple(x.shape) for x in given])
    return tuple([ops.expand(x, shape=shape) for x in given])


def expand_as(input: Any, other: Any) -> Any:
    """Expanded to the shape of another tensor."""
    return ops.expand(input, shape=tuple(other.shape))


def _whole(name: str, value: Any) -> int:
    """An integer, or a 0-d integer tensor, as an int."""
    if hasattr(value, "spec") and (value.ndim or value.dtype.category != dtypes.INTEGER):
        raise DTypeError(
            f"{name} must be an int or a 0-d integer tensor, found {value.dtype.name} {tuple(value.shape)}"
        )
    return operator.index(value)


def narrow(input: Any, dim: int, start: Any, length: int) -> Any:
    """`length` elements of an axis from `start` on (a 0-d tensor may say where), as a view."""
    if not input.ndim:
        raise ShapeError("narrow: a 0-d tensor has no axis to take a part of")
    n, at = input.shape[shapes.axis(dim, input.ndim)], _whole("start", start)
    begin = at + n if at < 0 else at
    if not 0 <= begin <= n or length < 0 or begin + length > n:
        raise RangeError(f"narrow: elements {at} to {at + length} of an axis of size {n}")
    return ops.slice_(input, dim=dim, start=begin, stop=begin + length)


def select(input: Any, dim: int, index: int) -> Any:
    """The slice at one index of an axis, as a view."""
    return ops.select(input, dim=dim, index=_whole("index", index))


def unbind(input: Any, dim: int = 0) -> tuple:
    """Views of all slices of an axis."""
    if not input.ndim:
        raise RangeError("unbind: a 0-d tensor has no slices")
    return tuple([
        ops.select(input, dim=dim, index=k)
        for k in range(input.shape[shapes.axis(dim, input.ndim)])
    ])  # fmt: skip


def diagonal(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """The diagonal of two axes as the last axis, a view."""
    return ops.diagonal(input, offset=offset, dim1=dim1, dim2=dim2)


def unfold(input: Any, dimension: int, size: int, step: int) -> Any:
    """Windows of `size` neighbours along an axis, `step` apart, each along a new last axis: a view
    in which windows overlap.

    >>> cr.arange(5).unfold(0, 3, 1)
    tensor([[0, 1, 2],
            [1, 2, 3],
            [2, 3, 4]])
    """
    if not input.ndim:  # as in PyTorch, its one element is an axis of size 1
        shapes.axis(dimension, 0)
        if size not in (0, 1) or step < 1:
            raise ShapeError(
                f"unfold: a window of size {size} and step {step} of a 0-d tensor, which has 1 element"
            )
        return ops.slice_(reshape(input, 1), dim=0, stop=size)
    return ops.unfold(input, dim=dimension, size=size, step=step)


def as_strided(
    input: Any, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Any:
    """A view of the memory of a tensor under a shape and strides of its own, counted in elements.

    `storage_offset` is the place of the first element in the memory that all views of it share; where
    it is left out, input's own. Its gradient adds up where elements are seen more than once. It goes to the tensor
    that input is a view of; where that has no history, to those elements of input that are seen.

    >>> as_strided(cr.arange(6), (2, 3), (1, 2))
    tensor([[0, 2, 4],
            [1, 3, 5]])
    """
    first = input.storage_offset()
    offset = first if storage_offset is None else storage_offset
    reach = offset + sum([(n - 1) * s for n, s in zip(size, stride, strict=False)])
    attrs = {"shape": tuple(size), "strides": tuple(stride)}
    if _holds(input, offset, reach):
        return ops.as_strided(input, offset=offset - first, **attrs)
    whole = memory_of(input, offset, reach)
    offset -= whole.storage_offset()
    y = ops.as_strided(whole, offset=offset, **attrs)
    if (
        whole.edge is None and input.edge is not None
    ):  # a leaf, say, within memory that has no history
        placed = ops.view_scatter(whole, input, path=input._path[len(whole._path) :])
        y._edge, y._cut = ops.as_strided(placed, offset=offset, **attrs).edge, True
    return y


def _holds(x: Any, first: int, last: int) -> bool:
    """Whether a tensor lies row-major, and these places of the memory are its own."""
    return (
        x.is_contiguous() and x.storage_offset() <= first and last < x.storage_offset() + x.numel()
    )


def memory_of(input: Any, first: int, last: int) -> Any:
    """The tensor that input is a view of, if it holds these places of the memory; otherwise all of that, without
    history.
    """
    whole = input if input._base is None else input._root()
    if not _holds(whole, first, last) and whole._path and modes.trace is None:
        whole = whole._memory()  # a view that was taken under no_grad, or detached, knows no base
    if not whole.is_contiguous():
        raise ShapeError(
            f"as_strided takes a tensor that lies row-major, or a view of one, found strides {whole.stride()}"
        )
    return whole
