"""PyTorch's `torch.testing`: whether results are as close as their dtype allows, and tensors to try."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .base import dtypes
from .base.errors import ArgumentError
from .base.loading import shown
from .platform import finfo
from .tensors import Tensor, rand, randint, tensor

__all__ = ["assert_allclose", "assert_close", "make_tensor"]

__dir__ = shown(__name__)

TOLERANCES = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
}
"""(relative, absolute) unless given, as PyTorch has them; other dtypes must be equal."""


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Raise an AssertionError unless  |actual − expected| ≤ atol + rtol · |expected|  everywhere.

    Args:
        actual, expected: tensors, numbers, or sequences and mappings of them.
        allow_subclasses: whether the types may differ if one is a subclass of the other.
        rtol, atol: both or neither; unless given the dtype's, the larger of two dtypes'.
        equal_nan: whether NaN equals NaN.
        check_device, check_layout: without effect: there is one device and one layout.
        check_dtype: whether dtypes must be equal.
        check_stride: whether strides must be equal.
        msg: the error's text, or a function of the usual one.

    Example:
        >>> cr.testing.assert_close(cr.tensor([1.0]), cr.tensor([1.0 + 1e-7]))
        >>> cr.testing.assert_close(cr.tensor([1.0]), cr.tensor([1.5]))
        Traceback (most recent call last):
            ...
        AssertionError: 1 of 1 elements differ: the largest difference is 0.5 at (0,), allowed is 1.2e-05
    """
    if (rtol is None) != (atol is None):
        raise ValueError("rtol and atol must both be given, or neither")
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        pairs = [(actual.get(k), expected.get(k)) for k in {**actual, **expected}]
        said = (
            ""
            if set(actual) == set(expected)
            else f"the keys differ: {sorted(set(actual) ^ set(expected))}"
        )
    elif _is_sequence(actual) and _is_sequence(expected):
        pairs = list(zip(actual, expected, strict=False))
        said = (
            ""
            if len(actual) == len(expected)
            else f"the lengths differ: {len(actual)} and {len(expected)}"
        )
    else:
        pairs, types = [], (type(actual), type(expected))
        if not allow_subclasses and types[0] is not types[1]:
            said = f"the types differ: {types[0].__name__} and {types[1].__name__}"
        else:
            a, b = [x.detach() if isinstance(x, Tensor) else tensor(x) for x in (actual, expected)]
            said = _difference(a, b, rtol, atol, equal_nan, check_dtype, check_stride)
    if said:
        raise AssertionError(said if msg is None else msg(said) if callable(msg) else msg)
    for a, b in pairs:
        assert_close(
            a, b, allow_subclasses=allow_subclasses, rtol=rtol, atol=atol, equal_nan=equal_nan,
            check_dtype=check_dtype, check_stride=check_stride, msg=msg,
        )  # fmt: skip


def _is_sequence(x: Any) -> bool:
    return isinstance(x, Sequence) and not isinstance(x, str)


def _difference(
    a: Tensor,
    b: Tensor,
    rtol: float | None,
    atol: float | None,
    equal_nan: bool,
    dtypes: bool,
    strides: bool,
) -> str:
    """In what two tensors differ, or nothing."""
    if a.shape != b.shape:
        return f"the shapes differ: {tuple(a.shape)} and {tuple(b.shape)}"
    if dtypes and a.dtype is not b.dtype:
        return f"the dtypes differ: {a.dtype} and {b.dtype}"
    if strides and a.stride() != b.stride():
        return f"the strides differ: {a.stride()} and {b.stride()}"
    known = [TOLERANCES.get(x.dtype.name, (0.0, 0.0)) for x in (a, b)]
    near = max(r for r, _ in known) if rtol is None else rtol
    least = max(t for _, t in known) if atol is None else atol
    x, y = a.double().numpy(), b.double().numpy()
    allowed = least + near * np.abs(y)
    with np.errstate(invalid="ignore"):
        far = np.abs(x - y)
        wrong = ~((x == y) | (far <= allowed) | (equal_nan & np.isnan(x) & np.isnan(y)))
    if not wrong.any():
        return ""
    worst = np.unravel_index(
        np.argmax(np.where(wrong, np.nan_to_num(far, nan=np.inf), -1)), wrong.shape
    )
    place = tuple(int(k) for k in worst)
    return (
        f"{int(wrong.sum())} of {wrong.size} elements differ: the largest difference is "
        f"{far[worst]:.3g} at {place}, allowed is {allowed[worst]:.3g}"
    )


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str = "",
) -> None:
    """The older form of ``assert_close``: NaN equals NaN, and dtypes may differ.

    >>> cr.testing.assert_allclose(cr.tensor([math.nan, 1.0]), [math.nan, 1.0])
    """
    a, b = [v if isinstance(v, Tensor) else tensor(v) for v in (actual, expected)]
    assert_close(
        a, b, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False, msg=msg or None
    )


def make_tensor(
    *shape: Any,
    dtype: Any,
    device: Any = None,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor for a test: numbers drawn evenly from low up to, not including, high.

    Args:
        shape: the sizes, or one sequence of them.
        dtype: of the result; its default ends are −9 and 9, of bool and uint8 0 and 2, and 0 and 9.
        device: 'cpu'.
        low, high: the ends, limited to what the dtype can hold.
        requires_grad: whether gradients are collected in it; for floating dtypes.
        noncontiguous: whether every second element of a larger tensor is taken.
        exclude_zero: whether zeros become the smallest positive number (1, of integers).
        memory_format: without effect.

    Raises:
        ArgumentError: low is not below high, or one of them is NaN.

    Example:
        >>> x = cr.testing.make_tensor(5, 3, dtype=cr.int64, low=0, high=4)
        >>> x.shape, x.min() >= 0, x.max() < 4
        (chainrule.Size([5, 3]), tensor(True), tensor(True))
    """
    kind = dtypes.of(dtype)
    least, most = (0, 2) if kind is dtypes.bool_ else (0, 9) if kind is dtypes.uint8 else (-9, 9)
    low, high = least if low is None else low, most if high is None else high
    if not low < high:
        raise ArgumentError(f"make_tensor: low must be below high, found {low} and {high}")
    sizes = tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else shape
    doubled = noncontiguous and math.prod(sizes) > 1
    drawn = (*sizes[:-1], 2 * sizes[-1]) if doubled else sizes
    if kind.is_floating_point:
        x = (rand(drawn, dtype=dtypes.float64) * (high - low) + low).to(kind)
    else:
        x = randint(math.ceil(low), math.ceil(high), drawn).to(kind)
    if exclude_zero:
        x = x.masked_fill(x == 0, finfo(kind).tiny if kind.is_floating_point else 1)
    x = x[..., ::2] if doubled else x
    return (
        x.to(device).requires_grad_(requires_grad)
        if device is not None
        else x.requires_grad_(requires_grad)
    )
