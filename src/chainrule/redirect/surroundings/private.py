"""Names of PyTorch's that begin with an underscore and that model files use all the same; `range`, which it has given up; the limits of
dtypes that are not here; the type of layouts, of which there is one.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

from ... import platform
from ...base import dtypes
from ...base.errors import DTypeError
from ...nn import functional as F
from ...tensors import Tensor, arange, mm, tensor
from ...tensors.device import Layout as layout  # noqa: F401 - in annotations
from ...tensors.storage import UntypedStorage  # noqa: F401
from ..compiling import compile  # noqa: F401 - PyTorch's runs what it cannot compile eagerly
from .absent import Absent

__all__: list[str] = []

FLOATS = {
    "float8_e4m3fn": (448.0, 2.0**-3, 2.0**-6),
    "float8_e4m3fnuz": (240.0, 2.0**-3, 2.0**-7),
    "float8_e5m2": (57344.0, 2.0**-2, 2.0**-14),
    "float8_e5m2fnuz": (57344.0, 2.0**-2, 2.0**-15),
}
"""The largest number, the distance of 1 to the next, and the smallest normal number (Micikevicius et al. 2022)."""


class finfo(platform.finfo):
    """Limits of a floating dtype; of those of eight bits, too, of which tables are made where no tensor has them."""

    def __init__(self, dtype: Any = None):
        name = dtype._name if isinstance(dtype, Absent) else ""
        if name not in FLOATS:
            super().__init__(dtype)
            return
        self.dtype, self.bits, self.resolution = name, 8, 1.0
        self.max, self.eps, self.tiny = FLOATS[name]
        self.min, self.smallest_normal = -self.max, self.tiny


class iinfo(platform.iinfo):
    """Limits of an integer dtype; of the unsigned ones that no tensor has, too."""

    def __init__(self, dtype: Any):
        name = dtype._name if isinstance(dtype, Absent) else ""
        if name not in ("uint16", "uint32", "uint64"):
            super().__init__(dtype)
            return
        self.dtype, self.bits, self.min = name, int(name.removeprefix("uint")), 0
        self.max = 2**self.bits - 1


def _assert(condition: Any, message: str) -> None:
    """Refuse what does not hold."""
    if not condition:
        raise AssertionError(message)


def _assert_async(condition: Any, message: str = "") -> None:
    """The same; nothing is asynchronous here."""
    _assert(condition, message)


def _check_with(
    error_type: type[Exception], cond: Any, message: Callable[[], Any] | None = None
) -> None:
    """Refuse what does not hold; the message is made when it is needed."""
    if not cond:
        raise error_type(str(message()) if message is not None else "a check failed")


def _check(cond: Any, message: Callable[[], Any] | None = None) -> None:
    """The same with a RuntimeError."""
    _check_with(RuntimeError, cond, message)


def _check_index(cond: Any, message: Callable[[], Any] | None = None) -> None:
    """The same with an IndexError."""
    _check_with(IndexError, cond, message)


def _check_value(cond: Any, message: Callable[[], Any] | None = None) -> None:
    """The same with a ValueError."""
    _check_with(ValueError, cond, message)


def _check_type(cond: Any, message: Callable[[], Any] | None = None) -> None:
    """The same with a TypeError."""
    _check_with(TypeError, cond, message)


def _check_not_implemented(cond: Any, message: Callable[[], Any] | None = None) -> None:
    """The same with a NotImplementedError."""
    _check_with(NotImplementedError, cond, message)


def _check_is_size(
    i: int, message: Callable[[], Any] | None = None, *, max: int | None = None
) -> None:
    """Refuse what is no size: a negative number, or one above a bound."""
    _check_with(RuntimeError, i >= 0 and (max is None or i <= max), message)


def _check_tensor_all_with(
    error_type: type[Exception], cond: Tensor, message: Callable[[], Any] | None = None
) -> None:
    """Refuse a tensor that is not true everywhere."""
    if not isinstance(cond, Tensor) or cond.dtype is not dtypes.bool_:
        raise DTypeError(f"a check of all elements takes a tensor of bool, found {cond!r}")
    _check_with(error_type, cond.all(), message)


def _check_tensor_all(cond: Tensor, message: Callable[[], Any] | None = None) -> None:
    """The same with a RuntimeError."""
    _check_tensor_all_with(RuntimeError, cond, message)


def range(
    start: Any, end: Any = None, step: Any = 1, *, dtype: Any = None, **options: Any
) -> Tensor:
    """start, start + step, … up to end, which belongs to it, as far as whole steps lead there. Of the default dtype.

    >>> with warnings.catch_warnings(action="ignore"):
    ...     print(range(1, 4))
    tensor([1., 2., 3., 4.])
    """
    warnings.warn(
        "range is deprecated: arange(start, end) stops before the end, as Python's range does",
        stacklevel=2,
    )
    start, end = (0, start) if end is None else (start, end)
    found = dtypes.default() if dtype is None else dtypes.of(dtype)
    if step != 0 and (end - start) * step >= 0:  # else `arange` says what is wrong
        last = start + math.floor((end - start) / step) * step
        end = last + (step / 2 if found.is_floating_point else math.copysign(1, step))
    return arange(start, end, step, dtype=found, **options)


def _shape_as_tensor(x: Tensor) -> Tensor:
    """The sizes of a tensor, as one."""
    return tensor(list(x.shape)).long()


spmm = dsmm = mm
"""PyTorch's products of a sparse matrix, which take dense ones too."""


def batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    """`nn.functional.batch_norm` with its arguments in the kernel's order."""
    return F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def instance_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    """`nn.functional.instance_norm` with its arguments in the kernel's order."""
    return F.instance_norm(
        input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
    )


def embedding(weight: Tensor, indices: Tensor, padding_idx: int = -1) -> Tensor:
    """Rows of a table."""
    return F.embedding(indices, weight, padding_idx if padding_idx >= 0 else None)
