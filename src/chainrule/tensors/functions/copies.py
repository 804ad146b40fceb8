"""The views as copies (`permute_copy`), and their inverses: a tensor in which what a view shows is
replaced (`select_scatter`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ... import ops
from . import joining, shape

__all__ = [
    "alias_copy", "as_strided_copy", "as_strided_scatter", "clone", "detach", "detach_copy", "diagonal_copy",
    "diagonal_scatter", "expand_copy", "narrow_copy", "permute_copy", "select_copy",
    "select_scatter", "slice_copy", "slice_scatter", "split_copy", "split_with_sizes_copy",
    "squeeze_copy", "t_copy", "transpose_copy", "unbind_copy", "unfold_copy", "unsqueeze_copy",
    "view_copy",
]  # fmt: skip


def clone(input: Any, *, memory_format: Any = None) -> Any:
    """A copy with a gradient path. `memory_format` has no effect."""
    return ops.clone(input)


def detach(input: Any) -> Any:
    """The same memory without history."""
    return input.detach()


def _copied(f: Callable, name: str) -> Callable:
    """A function whose results are views, as one whose results have memory of their own."""

    def call(*args: Any, **kwargs: Any) -> Any:
        y = f(*args, **kwargs)
        return tuple([ops.clone(v) for v in y]) if isinstance(y, tuple) else ops.clone(y)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`{name.removesuffix('_copy')}`, with memory of its own."
    call.__module__ = __name__
    return call


def _viewed(input: Any, size: Sequence[int]) -> Any:
    return shape.reshape(input, tuple(size))  # as it is copied, it need not be a view


def _expanded(input: Any, size: Sequence[int]) -> Any:
    return ops.expand(input, shape=tuple(size))


def _sliced(
    input: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Any:
    return ops.slice_(input, dim=dim, start=0 if start is None else start, stop=end, step=step)


alias_copy = _copied(lambda input: input, "alias_copy")
as_strided_copy = _copied(shape.as_strided, "as_strided_copy")
detach_copy = _copied(detach, "detach_copy")
diagonal_copy = _copied(shape.diagonal, "diagonal_copy")
expand_copy = _copied(_expanded, "expand_copy")
narrow_copy = _copied(shape.narrow, "narrow_copy")
permute_copy = _copied(shape.permute, "permute_copy")
select_copy = _copied(shape.select, "select_copy")
slice_copy = _copied(_sliced, "slice_copy")
split_copy = _copied(joining.split, "split_copy")
split_with_sizes_copy = _copied(joining.split_with_sizes, "split_with_sizes_copy")
squeeze_copy = _copied(shape.squeeze, "squeeze_copy")
t_copy = _copied(shape.t, "t_copy")
transpose_copy = _copied(shape.transpose, "transpose_copy")
unbind_copy = _copied(shape.unbind, "unbind_copy")
unfold_copy = _copied(shape.unfold, "unfold_copy")
unsqueeze_copy = _copied(shape.unsqueeze, "unsqueeze_copy")
view_copy = _copied(_viewed, "view_copy")


# ---------------------------------------------------------------------------------------- what a view shows, replaced


def _replaced(name: str, input: Any, src: Any, view: Any, **attributes: Any) -> Any:
    """input with what a view op shows of it replaced by src, which has exactly that shape."""
    attrs = view.normalize((input,), view.defaults | attributes)
    shown = view.infer((input,), attrs)[0].shape
    if tuple(src.shape) != tuple(shown):
        raise shape.ShapeError(
            f"{name}: src must have the shape of what it replaces, {tuple(shown)}, found {tuple(src.shape)}"
        )
    src = src if src.dtype is input.dtype else ops.cast(src, dtype=input.dtype)
    return ops.view_scatter(input, src, path=((view, tuple(attrs.items())),))


def select_scatter(input: Any, src: Any, dim: int, index: int) -> Any:
    """input with the slice at one index of an axis replaced.

    >>> select_scatter(cr.zeros(2, 2), cr.ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]])
    """
    return _replaced("select_scatter", input, src, ops.select, dim=dim, index=index)


def slice_scatter(
    input: Any,
    src: Any,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Any:
    """input with every step-th slice of an axis from start to end replaced."""
    start = 0 if start is None else start
    return _replaced(
        "slice_scatter", input, src, ops.slice_, dim=dim, start=start, stop=end, step=step
    )


def diagonal_scatter(input: Any, src: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """input with the diagonal of two axes replaced."""
    return _replaced(
        "diagonal_scatter", input, src, ops.diagonal, offset=offset, dim1=dim1, dim2=dim2
    )


def as_strided_scatter(
    input: Any,
    src: Any,
    size: Sequence[int],
    stride: Sequence[int],
    storage_offset: int | None = None,
) -> Any:
    """input with what `as_strided` shows of it replaced. The places must be different ones.

    >>> as_strided_scatter(cr.zeros(2, 3).T, cr.ones(2), (2,), (4,))
    tensor([[1., 0.],
            [0., 1.],
            [0., 0.]])
    """
    if any([n > 1 and not s for n, s in zip(input.shape, input.stride(), strict=True)]):
        input = ops.clone(input)  # one place in memory for several of its elements
    first = input.storage_offset()
    offset = first if storage_offset is None else storage_offset
    name, attrs = "as_strided_scatter", {"shape": tuple(size), "strides": tuple(stride)}
    if input.is_contiguous():
        return _replaced(name, input, src, ops.as_strided, offset=offset - first, **attrs)
    whole = shape.memory_of(
        input, 0, 0
    )  # whose elements lie otherwise: it is replaced in a copy of the memory
    path = input._path[len(whole._path) :]
    placed = ops.view_scatter(whole, input, path=path)
    offset -= whole.storage_offset()
    seen = _replaced(name, placed, src, ops.as_strided, offset=offset, **attrs)
    for view, options in path:
        seen = view(seen, **dict(options))
    return seen
