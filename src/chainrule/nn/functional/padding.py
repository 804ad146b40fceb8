"""Elements added around: constants, or taken from the tensor itself."""

from __future__ import annotations

from collections.abc import Sequence

from ... import functional as fn
from ... import ops
from ...base.errors import ArgumentError, ShapeError
from ...tensors import Tensor

__all__ = [
    "pad",
]  # fmt: skip


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Elements added before and after the last axes.

    Args:
        input: x.
        pad: (before, after) of the last axis, then of the one before it, and so on; negative
            numbers cut.
        mode: "constant", "reflect" (mirrored at the edge), "replicate" (the edge repeated) or
            "circular" (from the other end).
        value: the constant, 0 if None; only with "constant".

    Raises:
        ValueError: an unknown mode, or a value with another mode than "constant".
        ShapeError: an odd count, more pairs than axes, or more elements than there are to mirror or
        repeat.

    Example:
        >>> F.pad(tensor([1, 2, 3]), (1, 2))
        tensor([0, 1, 2, 3, 0, 0])
        >>> F.pad(tensor([1, 2, 3]), (1, 2), mode="reflect")
        tensor([2, 1, 2, 3, 2, 1])
    """
    if len(pad) % 2 or len(pad) // 2 > input.ndim:
        raise ShapeError(
            "pad: one (before, after) pair for each of the last axes is needed, "
            f"found {tuple(pad)} for shape {tuple(input.shape)}"
        )
    pairs = [(pad[k], pad[k + 1]) for k in range(0, len(pad), 2)][::-1]  # in the order of the axes
    first = input.ndim - len(pairs)
    if mode == "constant":
        edges = (*((0, 0),) * first, *pairs)
        return ops.pad(input, pads=edges, value=0.0 if value is None else value)
    if mode not in ("reflect", "replicate", "circular"):
        raise ArgumentError(
            f"pad: mode is 'constant', 'reflect', 'replicate' or 'circular', found {mode!r}"
        )
    if value:
        raise ArgumentError(f"Padding mode {mode!r} doesn't take in value argument")
    for axis, (before, after) in enumerate(pairs, start=first):
        if before or after:
            input = fn.extend(input, dim=axis, before=before, after=after, mode=mode)
    return input
