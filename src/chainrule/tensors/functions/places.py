"""Elements picked at indices, and written to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import functional, ops
from ...base import dtypes, shapes
from ...base.errors import ArgumentError, DTypeError, RangeError, ShapeError
from ..indexing import plan
from .shape import broadcast_tensors, ravel, reshape

__all__ = [
    "argwhere", "gather", "index_add", "index_copy", "index_fill", "index_put", "index_reduce",
    "index_select", "masked_fill", "masked_scatter", "masked_select", "nonzero", "nonzero_static",
    "put", "scatter", "scatter_add", "scatter_reduce", "segment_reduce", "take", "take_along_dim",
]  # fmt: skip

# ------------------------------------------------------------------------------- an index for each element: gather


def _need_index(name: str, index: Any, *kinds: dtypes.DType) -> None:
    if index.dtype not in (kinds or (dtypes.int64, dtypes.int32)):
        raise DTypeError(f"{name} takes an index of dtype int64, found {index.dtype.name}")


def _need_dtype(name: str, input: Any, source: Any) -> None:
    if source.dtype is not input.dtype:
        raise DTypeError(
            f"{name}: the source must have the dtype of the tensor, {input.dtype.name}, found {source.dtype.name}"
        )


def _value(input: Any, value: Any) -> Any:
    """A number, or a 0-d tensor, to be written into a tensor: in its dtype."""
    if hasattr(value, "spec"):
        if value.ndim:
            raise ShapeError(f"a value to fill with is a number, found shape {tuple(value.shape)}")
        return value if value.dtype is input.dtype else ops.cast(value, dtype=input.dtype)
    return ops.full(shape=(), value=value, dtype=input.dtype)


def gather(input: Any, dim: int, index: Any, *, sparse_grad: bool = False) -> Any:
    """Elements picked along an axis:  y[i, j] = input[i, index[i, j]]  for dim = 1."""
    if sparse_grad:
        raise DTypeError(
            "gather(sparse_grad=True): there are no sparse tensors; gradients are dense"
        )
    return ops.gather(input, index, dim=dim)


def take_along_dim(input: Any, indices: Any, dim: int | None = None) -> Any:
    """Elements picked along an axis by an index that broadcasts against input on all others; without
    dim, of the flattened tensor.

    >>> x = cr.tensor([[3, 1, 2]])
    >>> take_along_dim(x, x.argsort(dim=1), dim=1)
    tensor([[1, 2, 3]])
    """
    if indices.dtype not in (dtypes.int64, dtypes.int32):
        raise DTypeError(f"take_along_dim takes int64 indices, found {indices.dtype.name}")
    if dim is None:
        return take_along_dim(ravel(input), ravel(indices), 0)
    if input.ndim != indices.ndim:
        raise ShapeError(
            f"take_along_dim: input and indices must have as many axes, found {input.ndim} and {indices.ndim}"
        )
    d = shapes.axis(dim, input.ndim)
    a, b = list(input.shape), list(indices.shape)
    rest = shapes.broadcast((*a[:d], *a[d + 1 :]), (*b[:d], *b[d + 1 :]))
    x = ops.expand(input, shape=(*rest[:d], *a[d : d + 1], *rest[d:]))
    indices = ops.where(indices < 0, indices + (a[d] if a else 1), indices)  # counted from the end
    return ops.gather(x, ops.expand(indices, shape=(*rest[:d], *b[d : d + 1], *rest[d:])), dim=d)


def scatter(
    input: Any,
    dim: int,
    index: Any,
    src: Any = None,
    *,
    value: Any = None,
    reduce: str | None = None,
) -> Any:
    """input with elements replaced along an axis by those of src or by one value; with reduce 'add' or
    'multiply' combined with them.

    >>> scatter(cr.zeros(4), 0, cr.tensor([1, 3]), 5)
    tensor([0., 5., 0., 5.])
    """
    src = value if src is None else src
    if src is None:
        raise TypeError("scatter takes src or value")
    if hasattr(src, "spec"):
        _need_dtype("scatter", input, src)
    else:
        src = ops.full(shape=(), value=src, dtype=input.dtype)
        src = ops.expand(src, shape=tuple(index.shape))
    _need_index("scatter", index)
    if reduce is None:
        return ops.scatter(input, index, src, dim=dim)
    if reduce not in ("add", "multiply"):
        raise ArgumentError(f"scatter knows reduce = 'add' and 'multiply', found {reduce!r}")
    return (ops.scatter_add if reduce == "add" else ops.scatter_mul)(input, index, src, dim=dim)


def scatter_add(input: Any, dim: int, index: Any, src: Any) -> Any:
    """input with the elements of src added along an axis."""
    _need_dtype("scatter_add", input, src)
    _need_index("scatter_add", index)
    return ops.scatter_add(input, index, src, dim=dim)


def scatter_reduce(
    input: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True
) -> Any:
    """input with, at each place along an axis, the 'sum', 'prod', 'mean', 'amax' or 'amin' of the
    elements of src that fall there, and of its own (include_self).

    >>> x, at = cr.ones(2), cr.tensor([0, 0, 1])
    >>> scatter_reduce(x, 0, at, cr.tensor([2.0, 3.0, 4.0]), "prod")
    tensor([6., 4.])
    """
    _need_dtype("scatter_reduce", input, src)
    _need_index("scatter_reduce", index)
    return ops.scatter_reduce(
        input, index, src, dim=dim, reduce=reduce, include_self=bool(include_self)
    )


# ------------------------------------------------------------------------------- an index for each slice of an axis


def _vector(name: str, index: Any) -> Any:
    if index.ndim > 1:
        raise ShapeError(f"{name} takes a vector of indices, found {index.ndim} axes")
    if index.dtype not in (dtypes.int64, dtypes.int32):
        raise DTypeError(f"{name} takes int64 or int32 indices, found {index.dtype.name}")
    return index if index.ndim else reshape(index, 1)


def index_select(input: Any, dim: int, index: Any) -> Any:
    """The slices of an axis at the positions of a vector."""
    at = _vector("index_select", index)
    if not input.ndim:
        shapes.axis(dim, 0)
        if at.shape[0] != 1:
            raise ShapeError(
                f"index_select: a 0-d tensor has one element, found {at.shape[0]} indices"
            )
        return reshape(ops.index(reshape(input, 1), at, dims=(0,)), ())
    return ops.index(input, at, dims=(shapes.axis(dim, input.ndim),))


def _put_slices(
    name: str, input: Any, dim: int, index: Any, source: Any, accumulate: bool = False
) -> Any:
    """input with slices of an axis replaced by those of source, or added to."""
    at = _vector(name, index)
    if not input.ndim:
        shapes.axis(dim, 0)
        values = reshape(source, 1) if not source.ndim else source
        y = ops.index_put(reshape(input, 1), values, at, dims=(0,), accumulate=accumulate)
        return reshape(y, ())
    d = shapes.axis(dim, input.ndim)
    wanted = (*input.shape[:d], at.shape[0], *input.shape[d + 1 :])
    if not source.ndim and shapes.size(wanted) == at.shape[0] == 1:
        source = reshape(source, wanted)
    if tuple(source.shape) != tuple(wanted):
        raise ShapeError(
            f"{name}: the source must have a slice for each of the {at.shape[0]} indices, "
            f"shape {tuple(wanted)}, found {tuple(source.shape)}"
        )
    return ops.index_put(input, source, at, dims=(d,), accumulate=accumulate)


def index_add(input: Any, dim: int, index: Any, source: Any, *, alpha: float = 1) -> Any:
    """input with alpha · source added to the slices of an axis at the positions of a vector.

    >>> index_add(cr.zeros(3), 0, cr.tensor([0, 0, 2]), cr.ones(3))
    tensor([2., 0., 1.])
    """
    _need_dtype("index_add", input, source)
    if input.dtype is dtypes.bool_:  # as in PyTorch, adding bools is a logical or
        y = index_add(
            ops.cast(input, dtype="int64"),
            dim,
            index,
            ops.cast(source, dtype="int64") * bool(alpha),
        )
        return y != 0
    scaled = source if alpha == 1 else source * alpha
    if scaled.dtype is not input.dtype:
        raise DTypeError(f"index_add: alpha of integers must be an integer, found {alpha}")
    return _put_slices("index_add", input, dim, index, scaled, accumulate=True)


def index_copy(input: Any, dim: int, index: Any, source: Any) -> Any:
    """input with the slices of an axis at the positions of a vector replaced by those of source."""
    _need_dtype("index_copy", input, source)
    return _put_slices("index_copy", input, dim, index, source)


def index_fill(input: Any, dim: int, index: Any, value: Any) -> Any:
    """input with one value in the slices of an axis at the positions of a vector."""
    at, fill = _vector("index_fill", index), _value(input, value)
    d, n = shapes.axis(dim, input.ndim), input.shape[dim] if input.ndim else 1
    # a mask, so that an index that occurs twice counts once in the gradient of the value
    none = ops.full(shape=(n,), value=False, dtype=dtypes.bool_)
    hit = ops.index_put(none, ops.full(shape=(), value=True, dtype=dtypes.bool_), at, dims=(0,))
    shape = tuple([n if k == d else 1 for k in range(input.ndim)])
    return ops.where(ops.view(hit, shape=shape), fill, input)


def index_reduce(
    input: Any, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True
) -> Any:
    """input with the 'prod', 'mean', 'amax' or 'amin' of the slices of source that fall on each
    position of an axis, and of its own (include_self).
    """
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise ArgumentError(
            f"index_reduce knows reduce = 'prod', 'mean', 'amax' and 'amin', found {reduce!r}"
        )
    _need_dtype("index_reduce", input, source)
    at = _vector("index_reduce", index)
    x = input if input.ndim else reshape(input, 1)
    values = source if source.ndim else reshape(source, 1)
    d = shapes.axis(dim, x.ndim)
    if tuple(values.shape) != (*x.shape[:d], at.shape[0], *x.shape[d + 1 :]):
        raise ShapeError(
            f"index_reduce: the source must have a slice for each of the {at.shape[0]} indices, found {tuple(source.shape)}"
        )
    column = reshape(at, tuple([at.shape[0] if k == d else 1 for k in range(x.ndim)]))
    wide = ops.expand(column, shape=tuple(values.shape))
    y = ops.scatter_reduce(x, wide, values, dim=d, reduce=reduce, include_self=bool(include_self))
    return y if input.ndim else reshape(y, ())


# ------------------------------------------------------------------------------------------- indices for all axes


def index_put(input: Any, indices: Sequence, values: Any, accumulate: bool = False) -> Any:
    """input with values put, or added, at input[indices]; the indices are integer tensors and bool
    masks, one after the other.

    >>> index_put(cr.zeros(2, 2), (cr.tensor([0, 1]), cr.tensor([1, 0])), cr.tensor(5.0))
    tensor([[0., 5.],
            [5., 0.]])
    """
    if values.dtype is not input.dtype:
        raise DTypeError(
            f"index_put: the values must have the dtype of the tensor, {input.dtype.name}, found {values.dtype.name}"
        )
    y = ops.clone(input)
    view, at, dims = plan(y, tuple(indices))
    if not at:
        view = ops.view(view, shape=tuple(view.shape)) if view is y else view
        view._assign(view + values if accumulate else values)
    elif accumulate and input.dtype is dtypes.bool_:
        whole = [ops.cast(v, dtype="int64") for v in (view, values)]
        new = ops.index_put(*whole, *at, dims=tuple(dims), accumulate=True)
        view._assign(new != 0)
    else:
        new = ops.index_put(view, values, *at, dims=tuple(dims), accumulate=bool(accumulate))
        if view is y:
            return new
        view._assign(new)
    return y


def take(input: Any, index: Any) -> Any:
    """Elements of the flattened tensor at indices, in the shape of the index.

    >>> take(cr.tensor([[1, 2], [3, 4]]), cr.tensor([3, 0]))
    tensor([4, 1])
    """
    _need_index("take", index, dtypes.int64)
    if not input.numel() and index.numel():
        raise RangeError("take: there is nothing to take from an empty tensor")
    if not input.numel():
        return reshape(input, tuple(index.shape))
    return ops.index(reshape(input, -1), index, dims=(0,))


def put(input: Any, index: Any, source: Any, accumulate: bool = False) -> Any:
    """input with the elements of source put, or added, at the places of an index into the flattened
    tensor.
    """
    _need_index("put", index, dtypes.int64)
    _need_dtype("put", input, source)
    if index.numel() != source.numel():
        raise ShapeError(
            f"put: index and source must have as many elements, found {index.numel()} and {source.numel()}"
        )
    if not index.numel():
        return ops.clone(input)
    if input.dtype is dtypes.bool_ and accumulate:
        return (
            put(ops.cast(input, dtype="int64"), index, ops.cast(source, dtype="int64"), True) != 0
        )
    flat = ops.index_put(
        reshape(input, -1), reshape(source, -1), reshape(index, -1), dims=(0,), accumulate=bool(accumulate)
    )  # fmt: skip
    return reshape(flat, tuple(input.shape))


# ------------------------------------------------------------------------------------------------------------ masks


def masked_fill(input: Any, mask: Any, value: Any) -> Any:
    """input with `value` wherever the bool mask (broadcast to it) is True."""
    if mask.dtype is not dtypes.bool_:
        raise DTypeError(f"masked_fill takes a bool mask, found {mask.dtype.name}")
    if hasattr(value, "spec") and value.ndim:
        raise ShapeError(
            f"masked_fill takes a number, or a 0-d tensor, found shape {tuple(value.shape)}"
        )
    if input.dtype.is_floating_point and not hasattr(value, "spec"):
        dtypes.need_held(value, input.dtype)  # it stays a number, which a program need not make
        return ops.where(mask, value, input)
    return ops.where(mask, _value(input, value), input)


def masked_select(input: Any, mask: Any) -> Any:
    """The elements where a bool mask is True, as a vector."""
    if mask.dtype is not dtypes.bool_:
        raise DTypeError(f"masked_select takes a bool mask, found {mask.dtype.name}")
    x, m = broadcast_tensors(input, mask)
    return x[m]


def masked_scatter(input: Any, mask: Any, source: Any) -> Any:
    """input with the elements of source, in their order, where a bool mask is True.

    >>> masked_scatter(cr.zeros(3), cr.tensor([True, False, True]), cr.tensor([1.0, 2.0]))
    tensor([1., 0., 2.])
    """
    x, m = broadcast_tensors(input, mask)
    return ops.masked_scatter(x, m, source)


def nonzero(input: Any, *, as_tuple: bool = False) -> Any:
    """The indices of nonzero elements: (n, ndim) int64, or one vector per axis.

    >>> nonzero(cr.tensor([0, 3, 0, 5]), as_tuple=True)
    (tensor([1, 3]),)
    """
    found = np.nonzero(np.atleast_1d(input._concrete("nonzero()")))
    if as_tuple:
        return tuple([input.new_tensor(i, dtype=dtypes.int64) for i in found])
    table = np.stack(found, axis=1)[:, : input.ndim]
    return input.new_tensor(table, dtype=dtypes.int64)


def argwhere(input: Any) -> Any:
    """The indices of nonzero elements, NumPy's name for `nonzero`."""
    return nonzero(input)


def nonzero_static(input: Any, *, size: int, fill_value: int = -1) -> Any:
    """The first `size` indices of nonzero elements, (size, ndim); what is missing is fill_value."""
    if size < 0:
        raise ShapeError(f"nonzero_static: size cannot be negative, found {size}")
    found = nonzero(input)[:size]
    rest = ops.full(shape=(size - found.shape[0], input.ndim), value=fill_value, dtype=dtypes.int64)
    return ops.cat(found, rest, dim=0)


def segment_reduce(
    data: Any,
    reduce: str,
    *,
    lengths: Any = None,
    indices: Any = None,
    offsets: Any = None,
    axis: int = 0,
    unsafe: bool = False,
    initial: float | None = None,
) -> Any:
    """Stretches of an axis reduced to an element each: their 'sum', 'mean', 'prod', 'max' or 'min'.

    Args:
        data: floating numbers.
        reduce: what is made of a segment.
        lengths: how long each is, a row for each place of the axes before, and as many in all as the axis has.
        indices: not built, as in PyTorch.
        offsets: in place of lengths: where each begins, and where the last ends.
        axis: the axis, counted from the front.
        unsafe: whether lengths are taken as they are, though they do not add up.
        initial: takes part in each segment, in a mean without being counted.

    >>> segment_reduce(cr.tensor([1.0, 2.0, 5.0]), "max", lengths=cr.tensor([2, 1]))
    tensor([2., 5.])
    """
    if indices is not None:
        raise ArgumentError("segment_reduce: indices are not built, in PyTorch neither")
    if (lengths is None) == (offsets is None):
        raise ArgumentError("segment_reduce takes lengths or offsets")
    axis = shapes.axis(axis, data.ndim)
    if offsets is None:
        if not unsafe:
            totals = ops.sum(lengths, dim=-1)
            if bool(ops.any(totals != data.shape[axis]).item()) or bool(
                ops.any(lengths < 0).item()
            ):
                raise ShapeError(
                    f"segment_reduce: lengths add up to the size of the axis, {data.shape[axis]}, and none is negative"
                )
        offsets = ops.pad(
            ops.cumsum(lengths, dim=-1), pads=(*[(0, 0)] * (lengths.ndim - 1), (1, 0)), value=0
        )
    return functional.segment_reduce(data, offsets, axis=axis, reduce=reduce, initial=initial)
