"""The torch-shaped functions: PyTorch's names, argument orders and overloads over the ops, whose
signatures have one form each.

Every function here works on Tensors (and on whatever else ops take) and is a method of Tensor as
well. Nothing here has a formula or a
derivative: those stand in `ops` and `functional`.
"""

from __future__ import annotations

import math
from collections import namedtuple
from collections.abc import Sequence
from typing import Any

from .. import functional, ops
from ..base import dtypes, shapes
from ..base.errors import DTypeError, RangeError, ShapeError

__all__ = [
    "add", "addcdiv", "addcmul", "addmm", "all", "allclose", "amax", "amin", "any", "argmax",
    "argmin", "argsort", "baddbmm", "bmm", "broadcast_tensors", "broadcast_to", "cat", "chunk",
    "clamp", "concat", "cumsum", "diag", "diagonal", "div", "dot", "einsum", "equal", "flatten",
    "flip", "gather", "hstack", "index_select", "isclose", "lerp", "log_softmax", "logsumexp",
    "masked_fill", "matmul", "max", "mean", "min", "mm", "movedim", "mv", "narrow", "norm", "outer",
    "permute", "relu", "repeat", "reshape", "roll", "scatter", "scatter_add", "select", "softmax",
    "sort", "split", "squeeze", "stack", "std", "sub", "sum", "swapaxes", "t", "tile", "topk",
    "transpose", "tril", "triu", "unbind", "unflatten", "unsqueeze", "var", "var_mean", "vstack",
    "where",
]  # fmt: skip

Dims = int | Sequence[int] | None
max_result = namedtuple("max", ("values", "indices"))  # type: ignore[name-match]
min_result = namedtuple("min", ("values", "indices"))  # type: ignore[name-match]
sort_result = namedtuple("sort", ("values", "indices"))  # type: ignore[name-match]
topk_result = namedtuple("topk", ("values", "indices"))  # type: ignore[name-match]
_builtin_sum, _builtin_max, _builtin_min = sum, max, min  # the names are taken below


def flat(sizes: tuple) -> tuple:
    """Sizes given as separate arguments or as one sequence."""
    return tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes


def _dims(dim: Dims) -> Any:
    return tuple(dim) if isinstance(dim, list) else dim


# ---------------------------------------------------------------------------------------------------- elementwise


def add(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """input + alpha · other."""
    return ops.add(input, other if alpha == 1 else ops.mul(other, alpha))


def sub(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """input − alpha · other."""
    return ops.sub(input, other if alpha == 1 else ops.mul(other, alpha))


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """input / other, rounded toward 0 ('trunc') or down ('floor') if asked."""
    if rounding_mode is None:
        return ops.div(input, other)
    if rounding_mode == "floor":
        return ops.floor_divide(input, other)
    if rounding_mode == "trunc":
        y = ops.trunc(ops.div(input, other))
        whole = [ops.promotion.spec_of(v).dtype for v in (input, other)]
        return (
            y
            if any_floating(whole)
            else ops.cast(y, dtype=dtypes.promote([(d, dtypes.AXES) for d in whole]))
        )
    raise ValueError(f"rounding_mode is None, 'trunc' or 'floor', found {rounding_mode!r}")


def any_floating(found: Sequence[dtypes.DType]) -> bool:
    """Whether one of some dtypes is floating."""
    return dtypes.FLOATING in [d.category for d in found]


def lerp(input: Any, end: Any, weight: Any) -> Any:
    """input + weight · (end − input)."""
    return input + weight * (end - input)


def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """input + value · tensor1 · tensor2."""
    return input + value * (tensor1 * tensor2)


def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """input + value · tensor1 / tensor2."""
    return input + value * (tensor1 / tensor2)


def clamp(input: Any, min: Any = None, max: Any = None) -> Any:
    """input limited to [min, max]; at least one bound is given."""
    if min is None and max is None:
        raise ValueError("clamp needs min or max")
    return ops.clamp(input, min, max)


def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """input where the condition holds, other elsewhere; with the condition alone, the indices
    where it holds.
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if ops.promotion.spec_of(condition).dtype is not dtypes.bool_:
        raise DTypeError(
            f"the condition of where must be bool, found {ops.promotion.spec_of(condition).dtype.name}"
        )
    return ops.where(condition, input, other)


def masked_fill(input: Any, mask: Any, value: Any) -> Any:
    """input with `value` wherever the bool mask (broadcast to it) is True."""
    if mask.dtype is not dtypes.bool_:
        raise DTypeError(f"masked_fill takes a bool mask, found {mask.dtype.name}")
    y = ops.where(mask, value, input)
    return y if y.dtype is input.dtype else ops.cast(y, dtype=input.dtype)


def isclose(
    input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Any:
    """|input − other| ≤ atol + rtol · |other|, elementwise; equal infinities are close, NaNs only if equal_nan."""
    near = ops.abs(input - other) <= atol + rtol * ops.abs(other)
    near = ops.logical_or(ops.logical_and(near, ops.isfinite(other)), input == other)
    return (
        ops.logical_or(near, ops.logical_and(ops.isnan(input), ops.isnan(other)))
        if equal_nan
        else near
    )


def allclose(
    input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Whether all elements are close, as a Python bool."""
    return bool(ops.all(isclose(input, other, rtol, atol, equal_nan)).item())


def equal(input: Any, other: Any) -> bool:
    """Whether two tensors have the same shape and elements, as a Python bool."""
    return tuple(input.shape) == tuple(other.shape) and bool(ops.all(input == other).item())


# ----------------------------------------------------------------------------------------------------- reductions


def _in(input: Any, dtype: Any) -> Any:
    return input if dtype is None else ops.cast(input, dtype=dtype)


def sum(input: Any, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Sum over all axes, one, or several."""
    return ops.sum(_in(input, dtype), dim=_dims(dim), keepdim=keepdim)


def mean(input: Any, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Mean over all axes, one, or several."""
    return ops.mean(_in(input, dtype), dim=_dims(dim), keepdim=keepdim)


def var(
    input: Any,
    dim: Dims = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Any:
    """Variance,  Σ (x − mean)² / (n − correction);  correction is 1 (unbiased) unless given."""
    return var_mean(input, dim, unbiased, keepdim, correction=correction)[0]


def var_mean(
    input: Any,
    dim: Dims = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple:
    """Variance and mean of the same axes."""
    if isinstance(dim, bool):  # torch.var(x, unbiased)
        unbiased, dim = dim, None
    axes = shapes.axes(_dims(dim), input.ndim)
    n = shapes.size([input.shape[d] for d in axes])
    m = ops.mean(input, dim=axes, keepdim=True)
    less = (1 if unbiased else 0) if correction is None else correction
    total = ops.sum(ops.square(input - m), dim=axes, keepdim=keepdim)
    v = total / _builtin_max(n - less, 0) if n - less > 0 else total * math.nan
    return v, (m if keepdim else ops.view(m, shape=v.shape))


def std(
    input: Any,
    dim: Dims = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Any:
    """Standard deviation, the root of `var`."""
    return ops.sqrt(var(input, dim, unbiased, keepdim, correction=correction))


def _extreme(
    whole: Any,
    along: Any,
    pairwise: Any,
    result: Any,
    input: Any,
    dim: Any,
    keepdim: bool,
    other: Any,
) -> Any:
    if other is not None:
        return pairwise(input, other)
    if dim is None:
        return whole(input, dim=None)
    if not isinstance(dim, int):
        return pairwise(input, dim)
    return result(*along(input, dim=dim, keepdim=keepdim))


def max(input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """max(x): the largest element; max(x, dim): (values, indices); max(x, other): elementwise."""
    return _extreme(ops.amax, ops.max_along, ops.maximum, max_result, input, dim, keepdim, other)


def min(input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """min(x): the smallest element; min(x, dim): (values, indices); min(x, other): elementwise."""
    return _extreme(ops.amin, ops.min_along, ops.minimum, min_result, input, dim, keepdim, other)


def amax(input: Any, dim: Dims = (), keepdim: bool = False) -> Any:
    """The largest element over axes; ties share the gradient."""
    return ops.amax(input, dim=_dims(dim), keepdim=keepdim)


def amin(input: Any, dim: Dims = (), keepdim: bool = False) -> Any:
    """The smallest element over axes; ties share the gradient."""
    return ops.amin(input, dim=_dims(dim), keepdim=keepdim)


def argmax(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """Index of the largest element along an axis, or of the flattened tensor."""
    return (
        ops.argmax(flatten(input), dim=0)
        if dim is None
        else ops.argmax(input, dim=dim, keepdim=keepdim)
    )


def argmin(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """Index of the smallest element along an axis, or of the flattened tensor."""
    return (
        ops.argmin(flatten(input), dim=0)
        if dim is None
        else ops.argmin(input, dim=dim, keepdim=keepdim)
    )


def any(input: Any, dim: Dims = None, keepdim: bool = False) -> Any:
    """Whether any element is nonzero."""
    return ops.any(input, dim=_dims(dim), keepdim=keepdim)


def all(input: Any, dim: Dims = None, keepdim: bool = False) -> Any:
    """Whether all elements are nonzero."""
    return ops.all(input, dim=_dims(dim), keepdim=keepdim)


def norm(
    input: Any, p: float | str = 2, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None
) -> Any:
    """The p-norm  (Σ |x|ᵖ)^(1/p)  over axes; 'fro' is p = 2, ±inf the largest or smallest |x|, 0
    the count of nonzeros.
    """
    x = _in(input, dtype)
    dim = _dims(dim)
    p = 2 if p == "fro" else p
    if isinstance(p, str):
        raise ValueError(f"norm knows p = 'fro' and numbers, found {p!r}")
    if p == 2:
        return ops.sqrt(ops.sum(ops.square(x), dim=dim, keepdim=keepdim))
    if p == 1:
        return ops.sum(ops.abs(x), dim=dim, keepdim=keepdim)
    if p == math.inf:
        return ops.amax(ops.abs(x), dim=dim, keepdim=keepdim)
    if p == -math.inf:
        return ops.amin(ops.abs(x), dim=dim, keepdim=keepdim)
    if p == 0:
        return ops.sum(ops.cast(x != 0, dtype=x.dtype), dim=dim, keepdim=keepdim)
    return ops.sum(ops.abs(x) ** p, dim=dim, keepdim=keepdim) ** (1 / p)


def cumsum(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """Cumulative sum along an axis."""
    return ops.cumsum(_in(input, dtype), dim=dim)


def softmax(input: Any, dim: int, dtype: Any = None) -> Any:
    """Softmax along an axis."""
    return functional.softmax(_in(input, dtype), dim=dim)


def log_softmax(input: Any, dim: int, dtype: Any = None) -> Any:
    """The logarithm of softmax along an axis."""
    return functional.log_softmax(_in(input, dtype), dim=dim)


def logsumexp(input: Any, dim: Dims, keepdim: bool = False) -> Any:
    """ln Σ e^x over axes, without overflow."""
    return functional.logsumexp(input, dim=_dims(dim), keepdim=keepdim)


def relu(input: Any) -> Any:
    """max(x, 0)."""
    return functional.relu(input)


# ---------------------------------------------------------------------------------------------------------- order


def sort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """(values, indices) in order along an axis. Always stable, whether asked or not."""
    return sort_result(*ops.sort(input, dim=dim, descending=descending))


def argsort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """The indices that put an axis in order. Always stable, whether asked or not."""
    return ops.argsort(input, dim=dim, descending=descending)


def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The k largest or smallest elements: (values, indices). Always in order, whether asked or
    not.
    """
    return topk_result(*ops.topk(input, k=k, dim=dim, largest=largest))


# ---------------------------------------------------------------------------------------------------------- shape


def reshape(input: Any, *shape: Any) -> Any:
    """The same elements under another shape: a view where memory allows it, else a copy."""
    return ops.view(input, shape=flat(shape))


def permute(input: Any, *dims: Any) -> Any:
    """The axes in another order."""
    return ops.permute(input, dims=flat(dims))


def transpose(input: Any, dim0: int, dim1: int) -> Any:
    """Two axes exchanged."""
    n = input.ndim
    dims = list(range(n))
    a, b = shapes.axis(dim0, n), shapes.axis(dim1, n)
    if n:
        dims[a], dims[b] = dims[b], dims[a]
    return ops.permute(input, dims=tuple(dims))


swapaxes = transpose


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


def squeeze(input: Any, dim: Dims = None) -> Any:
    """Axes of size 1 removed: all, or those named (which stay if their size is not 1)."""
    drop = shapes.axes(_dims(dim), input.ndim) if not isinstance(dim, (tuple, list)) or dim else ()
    return ops.view(
        input, shape=tuple([n for k, n in enumerate(input.shape) if not (k in drop and n == 1)])
    )


def unsqueeze(input: Any, dim: int) -> Any:
    """A new axis of size 1 at `dim`."""
    d = shapes.axis(dim, input.ndim + 1)
    return ops.view(input, shape=(*input.shape[:d], 1, *input.shape[d:]))


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """The axes from start_dim to end_dim as one."""
    n = input.ndim
    if n == 0:
        return ops.view(input, shape=(1,))
    a, b = shapes.axis(start_dim, n), shapes.axis(end_dim, n)
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


def broadcast_to(input: Any, size: Sequence[int]) -> Any:
    """input expanded to a shape without copying."""
    return ops.expand(input, shape=tuple(size))


def broadcast_tensors(*tensors: Any) -> tuple:
    """All expanded to their common shape."""
    shape = shapes.broadcast(*[tuple(x.shape) for x in tensors])
    return tuple([ops.expand(x, shape=shape) for x in tensors])


def narrow(input: Any, dim: int, start: int, length: int) -> Any:
    """`length` elements of an axis from `start` on, as a view."""
    n = input.shape[shapes.axis(dim, input.ndim)]
    begin = start + n if start < 0 else start
    if not 0 <= begin <= n or length < 0 or begin + length > n:
        raise RangeError(f"narrow: elements {start} to {start + length} of an axis of size {n}")
    return ops.slice_(input, dim=dim, start=begin, stop=begin + length)


def select(input: Any, dim: int, index: int) -> Any:
    """The slice at one index of an axis, as a view."""
    return ops.select(input, dim=dim, index=index)


def split(tensor: Any, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple:
    """Views of pieces of an axis: of one size (the last may be smaller), or of the sizes given."""
    n = tensor.shape[shapes.axis(dim, tensor.ndim)]
    if isinstance(split_size_or_sections, int):
        step = split_size_or_sections
        if step < 0 or (step == 0 and n):
            raise ShapeError(f"split: the size of a piece must be positive, found {step}")
        sizes = [_builtin_min(step, n - k) for k in range(0, n, step)] if n else [0]
    else:
        sizes = list(split_size_or_sections)
        if _builtin_sum(sizes) != n or _builtin_min(sizes, default=0) < 0:
            raise ShapeError(f"split: the sizes {sizes} must add up to the size of the axis, {n}")
    out, start = [], 0
    for s in sizes:
        out.append(ops.slice_(tensor, dim=dim, start=start, stop=start + s))
        start += s
    return tuple(out)


def chunk(input: Any, chunks: int, dim: int = 0) -> tuple:
    """At most `chunks` views of equal pieces of an axis (the last may be smaller)."""
    if chunks < 1:
        raise ShapeError(f"chunk: the number of pieces must be positive, found {chunks}")
    n = input.shape[shapes.axis(dim, input.ndim)]
    return split(input, _builtin_max(1, -(-n // chunks)), dim)


def unbind(input: Any, dim: int = 0) -> tuple:
    """Views of all slices of an axis."""
    return tuple(
        [
            ops.select(input, dim=dim, index=k)
            for k in range(input.shape[shapes.axis(dim, input.ndim)])
        ]
    )


def diagonal(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """The diagonal of two axes as the last axis, a view."""
    return ops.diagonal(input, offset=offset, dim1=dim1, dim2=dim2)


def diag(input: Any, diagonal: int = 0) -> Any:
    """The diagonal of a matrix, or the matrix with a vector on its diagonal."""
    if input.ndim == 2:
        return ops.clone(ops.diagonal(input, offset=diagonal))
    if input.ndim != 1:
        raise ShapeError(f"diag takes a vector or a matrix, found {input.ndim} axes")
    n = input.shape[0] + abs(diagonal)
    zeros = ops.full(shape=(n, n), value=0, dtype=input.dtype)
    return ops.view_scatter(
        zeros, input, path=((ops.diagonal, (("offset", diagonal), ("dim1", 0), ("dim2", 1))),)
    )


def tril(input: Any, diagonal: int = 0) -> Any:
    """The lower triangle of the last two axes."""
    return ops.tril(input, diagonal=diagonal)


def triu(input: Any, diagonal: int = 0) -> Any:
    """The upper triangle of the last two axes."""
    return ops.triu(input, diagonal=diagonal)


def cat(tensors: Sequence, dim: int = 0) -> Any:
    """Tensors joined along an axis. As in PyTorch, empty tensors of shape (0,) are passed over."""
    full_ = [x for x in tensors if tuple(x.shape) != (0,)] or list(tensors)[:1]
    return ops.cat(*full_, dim=dim)


concat = cat


def stack(tensors: Sequence, dim: int = 0) -> Any:
    """Tensors of one shape joined along a new axis."""
    return ops.stack(*tensors, dim=dim)


def hstack(tensors: Sequence) -> Any:
    """Tensors joined along the second axis (vectors: along their only one)."""
    xs = [x if x.ndim else reshape(x, 1) for x in tensors]
    return cat(xs, 0 if xs[0].ndim == 1 else 1)


def vstack(tensors: Sequence) -> Any:
    """Tensors joined along the first axis; vectors become rows."""
    return cat([x if x.ndim > 1 else reshape(x, 1, -1) for x in tensors], 0)


def flip(input: Any, *dims: Any) -> Any:
    """The order of elements reversed along axes, a copy."""
    return ops.flip(input, dims=flat(dims))


def roll(input: Any, shifts: int | Sequence[int], dims: Dims = None) -> Any:
    """Elements moved along axes; those pushed off the end come back in front. Without dims, of
    the flattened tensor.
    """
    if dims is None:
        return reshape(roll(flatten(input), shifts, 0), input.shape)
    by = [shifts] if isinstance(shifts, int) else shifts
    axes = [dims] if isinstance(dims, int) else dims
    for s, d in zip(by, axes, strict=True):
        n = input.shape[shapes.axis(d, input.ndim)]
        if n and s % n:
            cut = n - s % n
            input = ops.cat(
                ops.slice_(input, dim=d, start=cut), ops.slice_(input, dim=d, stop=cut), dim=d
            )
    return input


def repeat(input: Any, *repeats: Any) -> Any:
    """x laid side by side `repeats` times along each axis; more counts than axes add axes in
    front.
    """
    counts = flat(repeats)
    extra = len(counts) - input.ndim
    if extra < 0:
        raise ShapeError(
            f"repeat needs a count for each of the {input.ndim} axes, found {len(counts)}"
        )
    shape = (1,) * extra + tuple(input.shape)
    inner = [v for n in shape for v in (1, n)]
    outer = [v for c, n in zip(counts, shape, strict=True) for v in (c, n)]
    y = ops.expand(ops.view(input, shape=tuple(inner)), shape=tuple(outer))
    return ops.view(ops.clone(y), shape=tuple([c * n for c, n in zip(counts, shape, strict=True)]))


def tile(input: Any, *dims: Any) -> Any:
    """As repeat, but fewer counts than axes are filled up with ones in front."""
    counts = flat(dims)
    return repeat(input, (1,) * (input.ndim - len(counts)) + tuple(counts))


# ------------------------------------------------------------------------------------------------ gather and scatter


def gather(input: Any, dim: int, index: Any) -> Any:
    """Elements picked along an axis:  y[i, j] = input[i, index[i, j]]  for dim = 1."""
    return ops.gather(input, index, dim=dim)


def scatter(input: Any, dim: int, index: Any, src: Any = None, *, value: Any = None) -> Any:
    """input with elements replaced along an axis by those of src, or by one value."""
    return ops.scatter(input, index, value if src is None else src, dim=dim)


def scatter_add(input: Any, dim: int, index: Any, src: Any) -> Any:
    """input with the elements of src added along an axis."""
    return ops.scatter_add(input, index, src, dim=dim)


def index_select(input: Any, dim: int, index: Any) -> Any:
    """The slices of an axis at the positions of a vector."""
    if index.ndim > 1:
        raise ShapeError(f"index_select takes a vector of indices, found {index.ndim} axes")
    if not input.ndim:
        return input.clone()
    return ops.index(
        input, index if index.ndim else reshape(index, 1), dims=(shapes.axis(dim, input.ndim),)
    )


# ------------------------------------------------------------------------------------------------------- products


def matmul(input: Any, other: Any) -> Any:
    """The matrix product of the last two axes; a vector counts as a row on the left and a column
    on the right.
    """
    if input.ndim == 0 or other.ndim == 0:
        raise ShapeError(
            "matmul(a, b): both operands need at least one axis, a number has none\n  hint: a * b"
            " scales"
        )
    a = unsqueeze(input, 0) if input.ndim == 1 else input
    b = unsqueeze(other, 1) if other.ndim == 1 else other
    y = ops.matmul(a, b)
    if other.ndim == 1:
        y = squeeze(y, -1)
    return squeeze(y, -2 if other.ndim > 1 else -1) if input.ndim == 1 else y


def _need_axes(name: str, **wanted: tuple) -> None:
    for operand, (x, n) in wanted.items():
        if x.ndim != n:
            raise ShapeError(f"{name}: {operand} must have {n} axes, found {tuple(x.shape)}")


def mm(input: Any, mat2: Any) -> Any:
    """The product of two matrices."""
    _need_axes("mm", input=(input, 2), mat2=(mat2, 2))
    return ops.matmul(input, mat2)


def bmm(input: Any, mat2: Any) -> Any:
    """The products of two batches of matrices."""
    _need_axes("bmm", input=(input, 3), mat2=(mat2, 3))
    if input.shape[0] != mat2.shape[0]:
        raise ShapeError(
            f"bmm: the batches must be equal, found {input.shape[0]} and {mat2.shape[0]}"
        )
    return ops.matmul(input, mat2)


def mv(input: Any, vec: Any) -> Any:
    """The product of a matrix and a vector."""
    _need_axes("mv", input=(input, 2), vec=(vec, 1))
    return matmul(input, vec)


def dot(input: Any, tensor: Any) -> Any:
    """The inner product of two vectors."""
    _need_axes("dot", input=(input, 1), tensor=(tensor, 1))
    return ops.einsum(input, tensor, equation="i,i->")


def outer(input: Any, vec2: Any) -> Any:
    """The outer product of two vectors."""
    _need_axes("outer", input=(input, 1), vec2=(vec2, 1))
    return unsqueeze(input, 1) * unsqueeze(vec2, 0)


def addmm(input: Any, mat1: Any, mat2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta · input + alpha · mat1 @ mat2."""
    return _added(input, mm(mat1, mat2), beta, alpha)


def baddbmm(input: Any, batch1: Any, batch2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta · input + alpha · batch1 @ batch2."""
    return _added(input, bmm(batch1, batch2), beta, alpha)


def _added(input: Any, product: Any, beta: float, alpha: float) -> Any:
    y = product if alpha == 1 else product * alpha
    if beta == 0:  # as in PyTorch, NaN in input does not reach the result
        return y
    return (input if beta == 1 else input * beta) + y


def einsum(equation: str, *operands: Any) -> Any:
    """Sum of products by Einstein's convention, with `...` and diagonals (`ii`)."""
    xs = (
        list(operands[0])
        if len(operands) == 1 and isinstance(operands[0], (tuple, list))
        else list(operands)
    )
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(xs):
        raise ShapeError(
            f"einsum: the equation {equation!r} names {len(terms)} operands, found {len(xs)}"
        )
    if "..." in equation:
        free = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in equation]
        counts = [
            x.ndim - len(term.replace("...", "")) if "..." in term else 0
            for term, x in zip(terms, xs, strict=True)
        ]
        batch = "".join(free[: _builtin_max(counts)])
        names = sorted(set("".join(terms)) - {"."})
        if not arrow:
            right = "..." + "".join([c for c in names if left.count(c) == 1])
        sizes = shapes.broadcast(
            *[
                _batch_shape(term, tuple(x.shape), n)
                for term, x, n in zip(terms, xs, counts, strict=True)
            ]
        )
        for k, (term, n) in enumerate(zip(terms, counts, strict=True)):
            if "..." in term:
                before = len(term.split("...")[0])
                wanted = (
                    *xs[k].shape[:before],
                    *sizes[len(sizes) - n :],
                    *xs[k].shape[before + n :],
                )
                xs[k] = ops.expand(xs[k], shape=wanted)
                terms[k] = term.replace("...", batch[len(batch) - n :])
        right = right.replace("...", batch)
    elif not arrow:
        right = "".join([c for c in sorted(set(left) - {","}) if left.count(c) == 1])
    for k, term in enumerate(terms):
        while len(set(term)) != len(term):
            c = next(c for c in term if term.count(c) > 1)
            i = term.index(c)
            j = term.index(c, i + 1)
            xs[k] = ops.diagonal(xs[k], dim1=i, dim2=j)
            term = term[:i] + term[i + 1 : j] + term[j + 1 :] + c
        terms[k] = term
    return ops.einsum(*xs, equation=",".join(terms) + "->" + right)


def _batch_shape(term: str, shape: tuple, n: int) -> tuple:
    before = len(term.split("...")[0])
    return shape[before : before + n] if "..." in term else ()
