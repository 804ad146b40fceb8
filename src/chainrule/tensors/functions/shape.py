"""Other shapes, other orders of axes, joining and cutting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import ops
from ...base import shapes
from ...base.errors import RangeError, ShapeError

__all__ = [
    "broadcast_tensors", "broadcast_to", "cat", "chunk", "concat", "diag", "diagonal",
    "flatten", "flip", "hstack", "movedim", "narrow", "permute", "repeat", "reshape", "roll",
    "select", "split", "squeeze", "stack", "swapaxes", "t", "tile", "transpose", "tril", "triu",
    "unbind", "unflatten", "unsqueeze", "vstack",
]  # fmt: skip

Dims = int | Sequence[int] | None


def flat(sizes: tuple) -> tuple:
    """Sizes given as separate arguments or as one sequence."""
    return tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes


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
        sizes = [min(step, n - k) for k in range(0, n, step)] if n else [0]
    else:
        sizes = list(split_size_or_sections)
        if sum(sizes) != n or min(sizes, default=0) < 0:
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
    return split(input, max(1, -(-n // chunks)), dim)


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
