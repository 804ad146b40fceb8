"""x[...] and x[...] = v, as in PyTorch and NumPy: slices with steps, None, Ellipsis, integers,
integer tensors, bool masks, and mixtures.

An index is read from left to right. Integers, slices, None and Ellipsis are views and are taken at
once; what is left are integer tensors (a mask becomes the integers where it holds), which one
`index` op applies together. So an integer beside an integer tensor counts as a view, as in PyTorch;
NumPy would broadcast it with the tensor.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .. import ops
from ..base import dtypes
from ..base.errors import DTypeError, RangeError, ShapeError
from ..base.modes import modes

__all__ = ["assign_index", "plan", "read_index"]


def _items(x: Any, index: Any) -> list:
    """The parts of an index, lists made arrays, Ellipsis written out as full slices."""
    parts = list(index) if isinstance(index, tuple) or _is_several(index) else [index]
    parts = [np.asarray(p) if isinstance(p, (list, range)) else p for p in parts]
    parts = [
        p.astype(np.int64)
        if isinstance(p, np.ndarray) and p.size == 0 and p.dtype.kind == "f"
        else p
        for p in parts
    ]
    parts = [_mask_of(p) if _is_tensor(p) and p.dtype is dtypes.uint8 else p for p in parts]
    used = sum([_axes_of(p) for p in parts])
    dots = [k for k, p in enumerate(parts) if p is Ellipsis]
    if len(dots) > 1:
        raise RangeError("an index can have one Ellipsis (…) at most")
    if used > x.ndim:
        raise RangeError(f"too many indices: {used} for a tensor with {x.ndim} axes")
    rest = [slice(None)] * (x.ndim - used)
    return parts[: dots[0]] + rest + parts[dots[0] + 1 :] if dots else parts + rest


def _is_several(index: Any) -> bool:
    """Whether a list is an index for each of several axes, as a tuple is, and not one array: it is short and holds something that
    is no number. So NumPy and PyTorch read it once; PyTorch still does, and warns.
    """
    if not isinstance(index, list) or len(index) >= 32:
        return False
    kinds = (slice, list, tuple, range, np.ndarray)
    if not any(
        [p is None or p is Ellipsis or isinstance(p, kinds) or _is_tensor(p) for p in index]
    ):
        return False
    warnings.warn(
        "a list as an index for several axes is deprecated; use x[tuple(list)]", stacklevel=6
    )
    return True


def _mask_of(p: Any) -> Any:
    """A tensor of bytes as the mask that it was before there were bools; PyTorch warns of it."""
    warnings.warn(
        "indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead.",
        stacklevel=5,
    )
    return p != 0


def _is_tensor(p: Any) -> bool:
    return hasattr(p, "spec")


def _axes_of(p: Any) -> int:
    if p is None or p is Ellipsis or isinstance(p, (bool, np.bool_)):
        return 0
    if _is_bool(p):
        return p.ndim
    return 1


def _is_bool(p: Any) -> bool:
    return (_is_tensor(p) and p.dtype is dtypes.bool_) or (
        isinstance(p, np.ndarray) and p.dtype == bool
    )


def plan(x: Any, index: Any) -> tuple[Any, list, list]:
    """The view that the basic parts select, the integer indices that remain, and the axes of the
    view they belong to.
    """
    indices: list[Any] = []
    dims: list[int] = []
    d = 0
    for p in _items(x, index):
        if p is None:
            x = ops.view(x, shape=(*x.shape[:d], 1, *x.shape[d:]))
            d += 1
        elif isinstance(p, slice):
            start, stop, step = [
                None if v is None else v.__index__() for v in (p.start, p.stop, p.step)
            ]
            if (start, stop, step) != (None, None, None):
                if step is not None and step < 0:
                    raise ShapeError(
                        f"the step of a slice must be positive, found {step}\n  hint: x.flip(dim)"
                    )
                x = ops.slice_(
                    x,
                    dim=d,
                    start=0 if start is None else start,
                    stop=stop,
                    step=1 if step is None else step,
                )
            d += 1
        elif isinstance(p, (bool, np.bool_)):
            x = ops.view(x, shape=(*x.shape[:d], 1, *x.shape[d:]))
            indices.append(np.arange(int(p)) * 0)
            dims.append(d)
            d += 1
        elif isinstance(p, (int, np.integer)):
            x = ops.select(x, dim=d, index=int(p))
        elif _is_bool(p) and not p.ndim:
            x = ops.view(x, shape=(*x.shape[:d], 1, *x.shape[d:]))
            indices += _where_true(ops.view(p, shape=(1,)), (1,))
            dims.append(d)
            d += 1
        elif _is_bool(p):
            for found in _where_true(p, x.shape[d : d + p.ndim]):
                indices.append(found)
                dims.append(d)
                d += 1
        elif _is_tensor(p) or isinstance(p, np.ndarray):
            kind = p.dtype.category if _is_tensor(p) else dtypes.of(p.dtype).category
            if (p.dtype if _is_tensor(p) else dtypes.of(p.dtype)) is dtypes.uint8:
                raise DTypeError(
                    "an array of uint8 is a mask in PyTorch and an index in NumPy\n  hint: astype(bool), or astype(int)"
                )
            if kind != dtypes.INTEGER:
                raise DTypeError(
                    f"tensors used as indices must hold integers or bools, found {p.dtype}"
                )
            if _is_tensor(p) and p.ndim == 0 and modes.trace is None:
                # a 0-d tensor is an integer, and gives a view
                x = ops.select(x, dim=d, index=int(p))
                continue
            indices.append(p)
            dims.append(d)
            d += 1
        elif hasattr(p, "__index__"):
            x = ops.select(x, dim=d, index=p.__index__())
        else:
            raise DTypeError(
                f"an index is made of integers, slices, None, ..., and tensors, found {type(p).__name__}"
            )
    return x, indices, dims


def _where_true(mask: Any, shape: tuple) -> list:
    """For each axis of a mask, the integers where it holds."""
    if tuple(mask.shape) != tuple(shape):
        raise ShapeError(
            f"a mask must have the shape of the axes it selects from, {tuple(shape)}, found {tuple(mask.shape)}"
        )
    if isinstance(mask, np.ndarray):
        return list(np.nonzero(mask))
    return list(mask.nonzero(as_tuple=True))


def read_index(x: Any, index: Any) -> Any:
    """x[index]: a view if the index is basic, else a copy."""
    view, indices, dims = plan(x, index)
    if not indices:
        return ops.view(view, shape=view.shape) if view is x else view
    return ops.index(view, *indices, dims=tuple(dims))


def assign_index(x: Any, index: Any, value: Any) -> None:
    """x[index] = value: a write through a view, with `index_put` where integer tensors are
    involved.
    """
    if _is_bool(index) and _is_tensor(index) and _one_element(value):
        _assign_masked(x, index, value)  # needs no count of what is True, so it can be traced
        return
    view, indices, dims = plan(x, index)
    value = _as_tensor(x, value)
    if not indices:
        target = view if view is not x else ops.view(view, shape=view.shape)
        target._assign(_without_leading_ones(value, view.ndim))
        return
    view.need_assignable(value)
    picked = max([k.ndim for k in indices])
    value = _without_leading_ones(value, view.ndim - len(dims) + picked)
    new = ops.index_put(
        view,
        ops.cast(value, dtype=x.dtype) if value.dtype is not x.dtype else value,
        *indices,
        dims=tuple(dims),
    )
    view._assign(new)


def _one_element(value: Any) -> bool:
    return isinstance(value, (bool, int, float)) or (_is_tensor(value) and value.numel() == 1)


def _assign_masked(x: Any, mask: Any, value: Any) -> None:
    if tuple(mask.shape) != tuple(x.shape[: mask.ndim]):
        raise ShapeError(
            f"a mask must have the shape of the axes it selects from, {tuple(x.shape[: mask.ndim])}, found {tuple(mask.shape)}"
        )
    value = _as_tensor(x, value)
    x.need_assignable(value)
    mask = ops.view(mask, shape=(*mask.shape, *(1,) * (x.ndim - mask.ndim)))
    new = ops.where(mask, ops.view(value, shape=()), x)
    x._assign(new)


def _as_tensor(x: Any, value: Any) -> Any:
    if not _is_tensor(value) and isinstance(value, (bool, int, float)):
        written = x.new_full((), value, dtype=dtypes.not_half(x.dtype))
        if isinstance(value, float) and not x.is_floating_point() and not value.is_integer():
            raise DTypeError(
                f"float32 values cannot be written into a tensor of dtype {x.dtype.name}: {value} would become {written.item()}"
            )
        return written
    if not _is_tensor(value):
        if isinstance(value, np.ndarray) and not x.is_floating_point():
            return x.new_tensor(_kept(value, x.dtype))
        return x.new_tensor(value)
    if value.dtype.category > x.dtype.category and modes.trace is None:
        return x.new_tensor(_kept(value.detach().double().numpy(), x.dtype))
    return value


def _kept(values: np.ndarray, dtype: Any) -> np.ndarray:
    """Floats as integers, or numbers as bools, if nothing is lost by it. (A program being traced
    does not know its values, and is refused.)
    """
    with np.errstate(invalid="ignore"):
        new = values.astype(dtype.numpy)
    lost = new != values
    if lost.any():
        raise DTypeError(
            f"numbers that {dtype.name} does not hold cannot be written into a tensor of it: "
            f"{values[lost][0]} would become {new[lost][0]}\n  hint: convert them"
        )
    return new


def _without_leading_ones(value: Any, ndim: int) -> Any:
    """PyTorch lets a value have more axes than the target if the surplus ones in front have size
    1.
    """
    extra = value.ndim - ndim
    if extra > 0 and all([n == 1 for n in value.shape[:extra]]):
        return ops.view(value, shape=tuple(value.shape[extra:]))
    return value
