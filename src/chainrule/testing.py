"""PyTorch's `torch.testing`: whether results are as close as their dtype allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .tensors import Tensor, tensor

__all__ = ["assert_close"]

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
