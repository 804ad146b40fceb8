"""Reductions in PyTorch's forms: `dim` is an axis, several, or left out for all."""

from __future__ import annotations

import builtins
import math
from collections import namedtuple
from typing import Any

from ... import functional, ops
from ...base import shapes
from .shape import Dims, flatten

__all__ = [
    "all", "amax", "amin", "any", "argmax", "argmin", "cumsum", "log_softmax", "logsumexp",
    "max", "mean", "min", "norm", "softmax", "std", "sum", "var", "var_mean",
]  # fmt: skip

max_result = namedtuple("max", ("values", "indices"))  # type: ignore[name-match]
min_result = namedtuple("min", ("values", "indices"))  # type: ignore[name-match]


def _in(input: Any, dtype: Any) -> Any:
    return input if dtype is None else ops.cast(input, dtype=dtype)


def _dims(dim: Dims) -> Any:
    return tuple(dim) if isinstance(dim, list) else dim


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
    v = total / builtins.max(n - less, 0) if n - less > 0 else total * math.nan
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
