"""How sizes are given: one number or one per spatial axis, with a batch axis or without."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import SupportsIndex

from ...base.errors import DTypeError, ShapeError
from ...tensors import Tensor

Sizes = int | Sequence[int]
Cells = int | Sequence[int | None] | None  # None: as many as there are elements


def per_axis(value: Sizes, axes: int, what: str) -> tuple[int, ...]:
    """One number for each spatial axis."""
    if isinstance(value, int):
        return (value,) * axes
    values = tuple(value) if isinstance(value, Iterable) else ()
    # the class first: to ask a protocol takes ten times as long
    if not values or not all([v.__class__ is int or isinstance(v, SupportsIndex) for v in values]):
        raise DTypeError(
            f"{what} must be an integer or {axes}, one per spatial axis, found {value!r}"
        )
    if len(values) == 1:
        return values * axes
    if len(values) != axes:
        raise ShapeError(
            f"{what} must be one number or {axes}, one per spatial axis, found {values}"
        )
    return values


def steps_of(stride: Sizes | None, kernel: tuple[int, ...], axes: int) -> tuple[int, ...]:
    """The step between windows: the window's size if none, or nothing, is given."""
    if stride is None or (not isinstance(stride, int) and not tuple(stride)):
        return kernel
    return per_axis(stride, axes, "stride")


def batched_input(x: Tensor, axes: int, what: str) -> tuple[Tensor, bool]:
    """x with a batch axis, and whether it had one."""
    if x.ndim not in (axes + 1, axes + 2):
        raise ShapeError(
            f"{what}: expected a {axes + 1}-d (unbatched) or {axes + 2}-d (batched) input, "
            f"found shape {tuple(x.shape)}"
        )
    return (x, True) if x.ndim == axes + 2 else (x.unsqueeze(0), False)
