"""Reductions in PyTorch's forms: `dim` is an axis, several, or left out for all."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import functional, ops
from ...base import dtypes, shapes
from ...base.errors import ArgumentError, DTypeError, ShapeError
from .linalg.norms import matrix_norm
from .results import result_type
from .shape import Dims, flat, flatten

__all__ = [
    "all", "amax", "amin", "aminmax", "any", "argmax", "argmin", "count_nonzero", "dist", "log_softmax", "logsumexp",
    "max", "mean", "min", "nanmean", "nansum", "norm", "prod", "renorm", "softmax", "sum", "sum_to_size",
]  # fmt: skip

aminmax_result = result_type("aminmax", "min", "max")
max_result = result_type("max", "values", "indices")
min_result = result_type("min", "values", "indices")


def in_dtype(input: Any, dtype: Any) -> Any:
    """A tensor in the dtype that was asked for, if any was."""
    if dtype is None or input.dtype is dtypes.of(dtype):
        return input
    return ops.cast(input, dtype=dtype)


def listed(dim: Dims) -> Any:
    """Axes as an op takes them."""
    return tuple(dim) if isinstance(dim, list) else dim


def sum(input: Any, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Sum over all axes, one, or several."""
    return in_dtype(ops.sum(in_dtype(input, dtype), dim=listed(dim), keepdim=keepdim), dtype)


def nansum(input: Any, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Sum of what is not NaN, over all axes, one, or several."""
    return sum(ops.where(ops.isnan(input), 0, input), dim, keepdim, dtype=dtype)


def nanmean(input: Any, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Mean of what is not NaN, over all axes, one, or several."""
    if input.dtype.category != dtypes.FLOATING:
        raise DTypeError(f"nanmean takes floating numbers, found {input.dtype.name}")
    count = sum(ops.logical_not(ops.isnan(input)), dim, keepdim)
    return nansum(input, dim, keepdim, dtype=dtype) / count


def prod(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Product over all axes, or one."""
    if dim is not None and not isinstance(dim, int | np.integer):
        raise TypeError(f"prod takes one axis, or None for all, found {dim!r}")
    return in_dtype(ops.prod(in_dtype(input, dtype), dim=dim, keepdim=keepdim), dtype)


def count_nonzero(input: Any, dim: Dims = None) -> Any:
    """How many elements are not zero, over all axes, one, or several."""
    return ops.sum(ops.ne(input, 0), dim=listed(dim))


def mean(input: Any, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Mean over all axes, one, or several."""
    return ops.mean(in_dtype(input, dtype), dim=listed(dim), keepdim=keepdim)


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
    if not isinstance(dim, int | np.integer):
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
    return ops.amax(input, dim=listed(dim), keepdim=keepdim)


def amin(input: Any, dim: Dims = (), keepdim: bool = False) -> Any:
    """The smallest element over axes; ties share the gradient."""
    return ops.amin(input, dim=listed(dim), keepdim=keepdim)


def aminmax(input: Any, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """(min, max) over all axes, or one; ties share the gradient."""
    return aminmax_result(
        ops.amin(input, dim=dim, keepdim=keepdim), ops.amax(input, dim=dim, keepdim=keepdim)
    )


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
    return _truth(input, ops.any(input, dim=listed(dim), keepdim=keepdim))


def all(input: Any, dim: Dims = None, keepdim: bool = False) -> Any:
    """Whether all elements are nonzero."""
    return _truth(input, ops.all(input, dim=listed(dim), keepdim=keepdim))


def _truth(input: Any, y: Any) -> Any:
    """A truth as a bool, of uint8 as uint8."""
    return ops.cast(y, dtype=dtypes.uint8) if input.dtype is dtypes.uint8 else y


def norm(
    input: Any, p: float | str = 2, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None
) -> Any:
    """The p-norm  (Σ |x|ᵖ)^(1/p)  over axes; 'fro' is p = 2, ±inf the largest or smallest |x|, 0
    the count of nonzeros; 'nuc' of matrices is the sum of their singular values.
    """
    x = in_dtype(input, dtype)
    if p == "nuc":
        return matrix_norm(x, "nuc", (0, 1) if dim is None and x.ndim == 2 else dim, keepdim)
    if isinstance(p, str) and p != "fro":
        raise ArgumentError(f"norm knows p = 'fro', 'nuc' and numbers, found {p!r}")
    return ops.vector_norm(x, p=2.0 if p == "fro" else float(p), dim=listed(dim), keepdim=keepdim)


def dist(input: Any, other: Any, p: float = 2) -> Any:
    """The p-norm of a difference."""
    return norm(ops.sub(input, other), p)


def renorm(input: Any, p: float, dim: int, maxnorm: float) -> Any:
    """Slices of an axis whose p-norm is above maxnorm made that long."""
    if p <= 0 or maxnorm < 0:
        raise ShapeError(f"renorm: p is positive and maxnorm not negative, found {p} and {maxnorm}")
    if input.ndim < 2:
        raise ShapeError(f"renorm takes a tensor of at least two axes, found {input.ndim}")
    others = tuple([d for d in range(input.ndim) if d != shapes.axis(dim, input.ndim)])
    length = ops.vector_norm(input, p=float(p), dim=others, keepdim=True)
    return input * ops.where(length > maxnorm, maxnorm / (length + 1e-7), 1.0)


def sum_to_size(input: Any, *size: Any) -> Any:
    """Summed to a shape that broadcasts to that of input."""
    shape = flat(size)
    if shapes.broadcast(tuple(input.shape), tuple(shape)) != tuple(input.shape):
        raise ShapeError(f"{tuple(shape)} does not broadcast to {tuple(input.shape)}")
    if not shape:
        return ops.sum(input)
    lead = input.ndim - len(shape)
    kept = [k + lead for k, n in enumerate(shape) if n == 1 and input.shape[k + lead] != 1]
    dims = (*range(lead), *kept)
    return ops.view(ops.sum(input, dim=dims), shape=tuple(shape)) if dims else input


def softmax(input: Any, dim: int, dtype: Any = None) -> Any:
    """Softmax along an axis."""
    return functional.softmax(in_dtype(input, dtype), dim=dim)


def log_softmax(input: Any, dim: int, dtype: Any = None) -> Any:
    """The logarithm of softmax along an axis."""
    return functional.log_softmax(in_dtype(input, dtype), dim=dim)


def logsumexp(input: Any, dim: Dims, keepdim: bool = False) -> Any:
    """ln Σ e^x over axes, without overflow."""
    return functional.logsumexp(input, dim=listed(dim), keepdim=keepdim)
