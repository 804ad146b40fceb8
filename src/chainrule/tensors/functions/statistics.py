"""Statistics of the elements of a tensor: spread, rank, correlation."""

from __future__ import annotations

import builtins
import math
from typing import Any

from ... import functional, ops
from ...base import dtypes, shapes
from ...base.errors import DTypeError, ShapeError
from .reduction import listed
from .results import result_type
from .shape import Dims, flatten

__all__ = [
    "corrcoef", "cov", "kthvalue", "median", "mode", "nanmedian", "nanquantile", "quantile", "std",
    "std_mean", "var", "var_mean",
]  # fmt: skip

kthvalue_result = result_type("kthvalue", "values", "indices")
median_result = result_type("median", "values", "indices")
nanmedian_result = result_type("nanmedian", "values", "indices")
mode_result = result_type("mode", "values", "indices")

# --------------------------------------------------------------------------------------------------------- spread


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
    axes = shapes.axes(listed(dim), input.ndim)
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
    return functional.deviation(var(input, dim, unbiased, keepdim, correction=correction))


def std_mean(
    input: Any,
    dim: Dims = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple:
    """Standard deviation and mean of the same axes."""
    v, m = var_mean(input, dim, unbiased, keepdim, correction=correction)
    return functional.deviation(v), m


# ----------------------------------------------------------------------------------------------------------- rank


def kthvalue(input: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """(values, indices) of the kᵗʰ smallest elements along an axis, counted from 1."""
    return kthvalue_result(*functional.kthvalue(input, k=k, dim=dim, keepdim=keepdim))


def median(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower median of all elements; with dim, (values, indices). NaN if any element is."""
    if dim is None:
        return functional.median(input) if shapes.size(input.shape) else _nothing(input)
    return median_result(*functional.median_along(input, dim=dim, keepdim=keepdim))


def nanmedian(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower median of all elements that are not NaN; with dim, (values, indices)."""
    if dim is None:
        found = functional.median(input, ignore_nan=True) if shapes.size(input.shape) else None
        return _nothing(input) if found is None else found
    found = functional.median_along(input, dim=dim, keepdim=keepdim, ignore_nan=True)
    return nanmedian_result(*found)


def _nothing(input: Any) -> Any:
    """The median of no elements: NaN."""
    if input.dtype.category != dtypes.FLOATING:
        raise ShapeError("median: there is no median of no integers")
    return ops.sum(input) + math.nan


def mode(input: Any, dim: int = -1, keepdim: bool = False) -> Any:
    """(values, indices) of the most frequent elements along an axis."""
    return mode_result(*ops.mode(input, dim=dim, keepdim=keepdim))


def quantile(
    input: Any,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Any:
    """The quantiles along an axis, or of all elements, at the probabilities q (a number or a vector,
    whose axis comes first in the result). NaN if any element is.
    """
    return _quantile(input, q, dim, keepdim, interpolation, False)


def nanquantile(
    input: Any,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Any:
    """The quantiles of the elements that are not NaN."""
    return _quantile(input, q, dim, keepdim, interpolation, True)


def _quantile(
    input: Any, q: Any, dim: int | None, keepdim: bool, interpolation: str, ignore_nan: bool
) -> Any:
    if input.dtype not in (dtypes.float32, dtypes.float64):
        raise DTypeError(f"quantile takes float32 and float64, found {input.dtype.name}")
    if isinstance(q, int | float):
        if not 0 <= q <= 1:
            raise ShapeError(f"quantile: a probability is between 0 and 1, found {q}")
        q = ops.full(shape=(), value=float(q), dtype=input.dtype)
    elif q.dtype is not input.dtype:
        raise DTypeError(f"quantile: input is {input.dtype.name}, but q {q.dtype.name}")
    x = flatten(input) if dim is None else input
    y = functional.quantile(
        x,
        q,
        dim=0 if dim is None else dim,
        keepdim=keepdim and dim is not None,
        interpolation=interpolation,
        ignore_nan=ignore_nan,
    )
    return ops.view(y, shape=(*y.shape, *[1] * input.ndim)) if keepdim and dim is None else y


# ----------------------------------------------------------------------------------------------------- correlation


def cov(input: Any, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Any:
    """The covariances of variables, a row each, whose observations are the columns. `fweights` says
    how often each was made (integers), `aweights` how much it counts.
    """
    if input.ndim > 2:
        raise ShapeError(f"cov takes at most two axes, found {input.ndim}")
    if input.dtype is dtypes.bool_:
        raise DTypeError("cov: this is for numbers, found bool")
    x = ops.view(input, shape=(1, -1)) if input.ndim < 2 else input
    n = x.shape[1]
    weights = None
    for name, w in (("fweights", fweights), ("aweights", aweights)):
        if w is None:
            continue
        whole = w.dtype.category == dtypes.INTEGER
        if tuple(w.shape) != (n,) and not (n == 1 and w.ndim == 0):
            raise ShapeError(
                f"cov: {name} has a number for each of the {n} observations, found shape {tuple(w.shape)}"
            )
        if whole != (name == "fweights") or w.dtype is dtypes.bool_:
            raise DTypeError(
                f"cov: fweights are integers and aweights are floating, found {name} {w.dtype.name}"
            )
        if bool(ops.any(w < 0).item()):
            raise ShapeError(f"cov: {name} cannot be negative")
        weights = w if weights is None else weights * w
    if weights is None:
        total: Any = n
        mean = ops.sum(x, dim=1, keepdim=True) / total
    else:
        total = ops.sum(weights)
        mean = ops.sum(x * weights, dim=1, keepdim=True) / total
    if correction == 0 or weights is None:
        norm = total - correction
    elif aweights is None:
        norm = total - correction
    else:
        norm = total - correction * ops.sum(weights * aweights) / total
    norm = builtins.max(norm, 0) if weights is None else ops.clamp(norm, 0, None)
    centred = x - mean
    y = ops.matmul(centred, (centred if weights is None else centred * weights).mT)
    return ops.view(y / norm, shape=()) if x.shape[0] == 1 else y / norm


def corrcoef(input: Any) -> Any:
    """The correlations of variables, a row each: covariances over standard deviations, limited to
    [−1, 1].
    """
    c = cov(input)
    if not c.ndim:
        return c / c
    deviation = ops.sqrt(ops.diagonal(c))
    column = ops.view(deviation, shape=(-1, 1))
    return ops.clamp(c / column / deviation, -1, 1)
