"""Hyper-parameters: checked when they are given, read as numbers when they are used.

An option may be a tensor of one element (PyTorch has them so that a CUDA graph can read them). It is then read as a number
at each step, and a schedule writes into it, so that whoever holds the tensor sees the rate change and can change it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..base.dtypes import of_python
from ..base.errors import DTypeError
from ..tape.modes import cell, no_grad, outside
from ..tensors import Tensor

__all__ = [
    "change", "check", "checked", "is_like", "is_number", "known_zero", "number", "number_of", "numbers",
]  # fmt: skip


def number_of(option: Any) -> Any:
    """An option of a group as a number: of a tensor, what is in it now."""
    if not isinstance(option, Tensor):
        return option
    with outside():
        return option.item()


def change(group: dict[str, Any], name: str, value: Any) -> None:
    """Give an option of a group another value; where it is a tensor, in that."""
    option = group.get(name)
    if isinstance(option, Tensor):
        with no_grad():
            option.fill_(float(value))
    else:
        group[name] = value


def checked(
    what: str, value: Any, low: float = 0.0, high: float = math.inf, *, inclusive: bool = False
) -> float:
    """A hyper-parameter, if it is a number in [low, high), or with ``inclusive`` in [low, high].

    Raises:
        DTypeError: no number.
        ValueError: out of range, or a tensor of several elements.
    """
    if isinstance(value, Tensor):
        if value.numel() != 1:
            raise ValueError(
                f"{what}: a tensor must have 1 element, found shape {tuple(value.shape)}"
            )
        checked(what, value.item(), low, high, inclusive=inclusive)
        return value
    value = of_python(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise DTypeError(
            f"{what} must be a number, or a tensor of one, found {type(value).__name__}"
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

    def now() -> float:
        with outside():  # what is read may be a tensor
            return float(read())

    return cell(now)


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
    if own is None or value is None:
        return own is None
    if isinstance(own, Tensor):
        return own.numel() != 1 or is_number(value)
    if isinstance(own, bool):
        return isinstance(value, bool)
    if isinstance(own, (int, float)):
        return not isinstance(value, bool) and is_number(value)
    if isinstance(own, (tuple, list)):
        same = isinstance(value, (tuple, list)) and len(value) == len(own)
        return same and all(is_like(v, o) for v, o in zip(value, own, strict=True))
    return isinstance(value, type(own))
