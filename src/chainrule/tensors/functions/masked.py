"""PyTorch's `torch.masked`: reductions and normalisations in which some elements do not take part.

`mask` is True where an element takes part, and broadcasts to the input. What does not is replaced by the number that changes nothing: 0 in
a sum, 1 in a product, −∞ below a maximum. So what has no element gives this number (NaN for a mean, a median, a variance), and no gradient
flows to an element that does not take part.

Read in order: what replaces an element; reductions; what keeps the shape.
"""

from __future__ import annotations

import math
from typing import Any

from ... import functional, ops
from ...base import dtypes, shapes
from ...base.errors import DTypeError, ShapeError
from .face import faced
from .reduction import in_dtype
from .shape import Dims

__all__ = [
    "amax", "amin", "argmax", "argmin", "cumprod", "cumsum", "log_softmax", "logaddexp", "logsumexp", "mean", "median", "norm",
    "normalize", "prod", "softmax", "softmin", "std", "sum", "var",
]  # fmt: skip

# ------------------------------------------------------------------------------------- what replaces an element


def _mask(input: Any, mask: Any) -> Any:
    """A mask as bools of the input's shape."""
    shape = tuple(input.shape)
    if mask.ndim > input.ndim or shapes.broadcast(tuple(mask.shape), shape) != shape:
        raise ShapeError(
            f"masked: a mask broadcasts to the input, {shape}, found shape {tuple(mask.shape)}"
        )
    return ops.expand(ops.cast(mask, dtype=dtypes.bool_), shape=shape)


def _replaced(input: Any, mask: Any, neutral: Any) -> Any:
    """The input, a number in place of what does not take part."""
    return input if mask is None else ops.where(_mask(input, mask), input, neutral)


def _lowest(dtype: Any) -> float | int:
    """What is below every number of a dtype, or the smallest of them."""
    return -math.inf if dtype.is_floating_point else _range(dtype)[0]


def _highest(dtype: Any) -> float | int:
    return math.inf if dtype.is_floating_point else _range(dtype)[1]


def _range(dtype: Any) -> tuple[int, int]:
    """The smallest and the largest integer of a dtype."""
    if dtype is dtypes.bool_:
        raise DTypeError("masked: of bools none is the largest that could be left out")
    bits = 8 * dtype.itemsize
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if dtype.is_signed else (0, 2**bits - 1)


def _axes(input: Any, dim: Dims) -> tuple[int, ...]:
    return shapes.axes(tuple(dim) if isinstance(dim, list) else dim, input.ndim)


def _wide(input: Any, dtype: Any) -> Any:
    """The dtype of a sum: the one asked for, int64 of integers, else the input's."""
    if dtype is not None:
        return dtypes.of(dtype)
    return input.dtype if input.dtype.is_floating_point else dtypes.int64


# ---------------------------------------------------------------------------------------------------- reductions


def sum(
    input: Any, dim: Dims = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None
) -> Any:
    """The sum of what takes part; 0 of nothing.

    >>> x = cr.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> cr.masked.sum(x, dim=1, mask=cr.tensor([[True, False], [False, False]]))
    tensor([1., 0.])
    """
    x = in_dtype(_replaced(input, mask, 0), _wide(input, dtype))
    return in_dtype(ops.sum(x, dim=_axes(input, dim), keepdim=bool(keepdim)), x.dtype)


def prod(
    input: Any, dim: Dims = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None
) -> Any:
    """The product of what takes part; 1 of nothing."""
    x = in_dtype(_replaced(input, mask, 1), _wide(input, dtype))
    return in_dtype(ops.prod(x, dim=_axes(input, dim), keepdim=bool(keepdim)), x.dtype)


def amax(
    input: Any, dim: Dims = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None
) -> Any:
    """The largest of what takes part; −∞, or the smallest integer, of nothing. Equal ones share the gradient."""
    x = input if mask is None else _replaced(input, mask, _lowest(input.dtype))
    return in_dtype(ops.amax(x, dim=_axes(input, dim), keepdim=bool(keepdim)), dtype)


def amin(
    input: Any, dim: Dims = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None
) -> Any:
    """The smallest of what takes part; ∞, or the largest integer, of nothing. Equal ones share the gradient."""
    x = input if mask is None else _replaced(input, mask, _highest(input.dtype))
    return in_dtype(ops.amin(x, dim=_axes(input, dim), keepdim=bool(keepdim)), dtype)


def argmax(
    input: Any,
    dim: int | None = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Any = None,
) -> Any:
    """Where the largest is, along an axis or in the flattened tensor; as PyTorch, in the input's dtype unless another is asked for."""
    x = input if mask is None else _replaced(input, mask, _lowest(input.dtype))
    return _place(ops.argmax, x, dim, keepdim, dtype)


def argmin(
    input: Any,
    dim: int | None = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Any = None,
) -> Any:
    """Where the smallest is, likewise."""
    x = input if mask is None else _replaced(input, mask, _highest(input.dtype))
    return _place(ops.argmin, x, dim, keepdim, dtype)


def _place(op: Any, x: Any, dim: int | None, keepdim: bool, dtype: Any) -> Any:
    if dim is None:
        y = op(ops.view(x, shape=(-1,)), dim=0)
        y = ops.view(y, shape=(1,) * x.ndim) if keepdim else y
    else:
        y = op(x, dim=dim, keepdim=bool(keepdim))
    return in_dtype(y, dtype or x.dtype)


def _count(input: Any, dim: Dims, keepdim: bool, mask: Any) -> Any:
    """How many elements take part."""
    axes = _axes(input, dim)
    if mask is None:
        return shapes.size([input.shape[d] for d in axes])
    return ops.sum(_mask(input, mask), dim=axes, keepdim=bool(keepdim))


def mean(
    input: Any, dim: Dims = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None
) -> Any:
    """The mean of what takes part; NaN of nothing.

    >>> cr.masked.mean(cr.tensor([1.0, 2.0, 6.0]), mask=cr.tensor([True, True, False]))
    tensor(1.5000)
    """
    if not (dtypes.of(dtype) if dtype is not None else input.dtype).is_floating_point:
        raise DTypeError(
            f"masked.mean takes floating numbers, or dtype=…, found {input.dtype.name}"
        )
    total = sum(input, dim, keepdim=keepdim, dtype=dtype or input.dtype, mask=mask)
    count = _count(input, dim, keepdim, mask)
    return total / count if mask is not None else total * (1 / count if count else math.nan)


def median(
    input: Any, dim: int = -1, *, keepdim: bool = False, dtype: Any = None, mask: Any = None
) -> Any:
    """The lower median along an axis of what takes part and is not NaN; NaN of nothing, which is refused for integers."""
    floating = input.dtype.is_floating_point
    x = _replaced(input if floating else ops.cast(input, dtype=dtypes.float32), mask, math.nan)
    y = functional.median_along(x, dim=dim, keepdim=bool(keepdim), ignore_nan=True)[0]
    if floating:
        return y
    if bool(ops.any(ops.isnan(y)).item()):
        raise DTypeError("masked.median: there is no median of no integers, and one row has none")
    return in_dtype(y, dtype or input.dtype)


def logsumexp(
    input: Any, dim: Dims = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None
) -> Any:
    """ln Σ e^x over what takes part, without overflow; −∞ of nothing."""
    x = input if mask is None else _replaced(input, mask, _lowest(input.dtype))
    y = functional.logsumexp(x, dim=_axes(input, dim), keepdim=bool(keepdim))
    return in_dtype(y, dtype or input.dtype)


def norm(
    input: Any,
    ord: float = 2.0,
    dim: Dims = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Any = None,
) -> Any:
    """The norm of vectors  (Σ |x|ᵒʳᵈ)^(1/ord)  of what takes part; 0 of nothing, and ∞ if ord is −∞."""
    x = in_dtype(_replaced(input, mask, math.inf if ord == -math.inf else 0), dtype)
    return ops.vector_norm(x, p=float(ord), dim=_axes(input, dim), keepdim=bool(keepdim))


def var(
    input: Any,
    dim: Dims = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Any = None,
) -> Any:
    """The variance of what takes part,  Σ (x − mean)² / max(n − correction, 0);  correction is 1 unless given."""
    if unbiased is not None and correction is not None:
        raise TypeError("masked.var: unbiased or correction, not both")
    less = correction if correction is not None else 0.0 if unbiased is False else 1.0
    asked = dtypes.of(dtype) if dtype is not None else input.dtype
    within = asked if asked.is_floating_point else dtypes.float32
    total = sum(input, dim, keepdim=True, dtype=within, mask=mask)
    far = input - total / _count(input, dim, True, mask)
    total = sum(far * far, dim, keepdim=keepdim, dtype=within, mask=mask)
    count = _count(input, dim, keepdim, mask)
    if mask is None:
        count = max(count - less, 0)
        y = total / count if count else total * math.nan
    else:
        y = total / ops.maximum(ops.cast(count, dtype=within) - less, 0.0)
    return in_dtype(y, dtype)


def std(
    input: Any,
    dim: Dims = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Any = None,
) -> Any:
    """The standard deviation, the root of `var`."""
    options: dict[str, Any] = {"keepdim": keepdim, "dtype": dtype, "mask": mask}
    return ops.sqrt(var(input, dim, unbiased, correction=correction, **options))


# ------------------------------------------------------------------------------------------- what keeps the shape


def softmax(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """Softmax along an axis over what takes part; the rest has share 0.

    >>> cr.masked.softmax(cr.zeros(3), 0, mask=cr.tensor([True, True, False]))
    tensor([0.5000, 0.5000, 0.0000])
    """
    x = input if mask is None else _replaced(input, mask, _lowest(input.dtype))
    return functional.softmax(in_dtype(x, dtype), dim=dim)


def log_softmax(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """The logarithm of softmax; −∞ where an element does not take part."""
    x = input if mask is None else _replaced(input, mask, _lowest(input.dtype))
    return functional.log_softmax(in_dtype(x, dtype), dim=dim)


def softmin(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """softmax(−x)  over what takes part."""
    x = input if mask is None else _replaced(input, mask, _highest(input.dtype))
    return functional.softmax(in_dtype(-x, dtype), dim=dim)


def normalize(
    input: Any,
    ord: float,
    dim: int,
    *,
    eps: float = 1e-12,
    dtype: Any = None,
    mask: Any = None,
) -> Any:
    """What takes part over its norm along an axis, or over eps if that is larger; 0 elsewhere."""
    length = norm(input, ord, dim, keepdim=True, dtype=dtype, mask=mask)
    return _replaced(input, mask, 0) / ops.maximum(length, eps)


def cumsum(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """Sums so far along an axis of what takes part."""
    return _so_far(ops.cumsum, _replaced(input, mask, 0), dim, dtype)


def cumprod(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """Products so far along an axis of what takes part."""
    return _so_far(ops.cumprod, _replaced(input, mask, 1), dim, dtype)


def _so_far(op: Any, x: Any, dim: int, dtype: Any) -> Any:
    return in_dtype(op(in_dtype(x, dtype), dim=dim), dtype or x.dtype)


def logaddexp(
    input: Any, other: Any, *, dtype: Any = None, input_mask: Any = None, other_mask: Any = None
) -> Any:
    """ln(eᵃ + eᵇ)  of two tensors, each with a mask: what does not take part counts as −∞."""
    a = input if input_mask is None else _replaced(input, input_mask, _lowest(input.dtype))
    b = other if other_mask is None else _replaced(other, other_mask, _lowest(other.dtype))
    return in_dtype(functional.logaddexp(a, b), dtype or input.dtype)


globals().update(faced({name: globals()[name] for name in __all__}, __name__, "masked"))
