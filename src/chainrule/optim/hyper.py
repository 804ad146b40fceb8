"""Hyper-parameters: checked when they are given, read as numbers when they are used."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..base.dtypes import of_python
from ..base.errors import DTypeError
from ..tape.modes import cell
from ..tensors import Tensor

__all__ = [
    "check", "checked", "is_like", "is_number", "known_zero", "number", "numbers",
]  # fmt: skip


def checked(
    what: str, value: Any, low: float = 0.0, high: float = math.inf, *, inclusive: bool = False
) -> float:
    """A hyper-parameter, if it is a number in [low, high), or with ``inclusive`` in [low, high].

    Raises:
        DTypeError: a Tensor, or no number.
        ValueError: out of range.
    """
    value = of_python(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise DTypeError(
            f"{what} must be a Python number, got {type(value).__name__}; a number that changes from "
            "step to step is set in param_groups, or by a schedule"
        )
    if not (low <= value < high or (inclusive and value == high)):
        raise ValueError(f"Invalid {what}: {value}")
    return value


_AT_LEAST_ZERO = {
    "lr": "learning rate",
    "eps": "epsilon value",
    "momentum": "momentum value",
    "weight_decay": "weight_decay value",
}


def check(defaults: dict[str, Any]) -> None:
    """The options that most methods have: each name has one range in all of them.

    Raises:
        ValueError: a number out of range.
        NotImplementedError: ``differentiable``, for no gradient flows through a step.
    """
    for name, what in _AT_LEAST_ZERO.items():
        if name in defaults:
            checked(what, defaults[name])
    for k, beta in enumerate(defaults.get("betas", ())):
        checked(f"beta parameter at index {k}", beta, high=1.0)
    if defaults.get("differentiable"):
        raise NotImplementedError(
            "differentiable=True is not built: a step writes values, outside the graph; "
            "write p - lr * g with tensors to differentiate through it"
        )


def number(read: Callable[[], float]) -> Any:
    """A hyper-parameter as a float, or in a trace an input of the program, for which ``read`` is
    called again at each call.
    """
    return cell(lambda: float(read()))


def numbers(group: dict[str, Any], state: dict[str, Any], *names: str) -> dict[str, Any]:
    """The named options of a group as numbers; "beta1" and "beta2" are those of `betas`, "t" is the
    number of the step.
    """

    def reader(name: str) -> Callable[[], float]:
        if name == "t":
            return lambda: state["step"]
        if name in ("beta1", "beta2"):
            return lambda: group["betas"][name == "beta2"]
        return lambda: group[name]

    return {name: number(reader(name)) for name in names}


def known_zero(number: Any) -> bool:
    """Whether a hyper-parameter is certainly zero, so that its term can be left out; one read by
    a trace never is.
    """
    return isinstance(number, (int, float)) and number == 0


def is_number(value: Any) -> bool:
    """Whether a value of a file is a number, or a tensor of one; NaN is none."""
    if isinstance(value, Tensor) or hasattr(value, "shape"):
        value = value.item() if math.prod(value.shape) == 1 else None
    return type(value) in (int, float) and not math.isnan(value)


def is_like(value: Any, own: Any) -> bool:
    """Whether a saved option can stand where the optimizer has `own`; None says nothing of its type."""
    if own is None or value is None or isinstance(own, Tensor):
        return own is None or value is own or isinstance(own, Tensor)
    if isinstance(own, bool):
        return isinstance(value, bool)
    if isinstance(own, (int, float)):
        return not isinstance(value, bool) and is_number(value)
    if isinstance(own, (tuple, list)):
        same = isinstance(value, (tuple, list)) and len(value) == len(own)
        return same and all(is_like(v, o) for v, o in zip(value, own, strict=True))
    return isinstance(value, type(own))
