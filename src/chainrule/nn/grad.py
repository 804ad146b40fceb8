"""The gradients of convolutions by their input and their weight, as functions: PyTorch's `torch.nn.grad`.

They are the ops that the rules of `conv` name, so they have derivatives of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import ops
from ..base.errors import ShapeError
from ..tensors import Tensor
from ..tensors.functions.face import faced
from .functional.sizes import Sizes, per_axis

__all__ = [
    "conv1d_input", "conv1d_weight", "conv2d_input", "conv2d_weight", "conv3d_input", "conv3d_weight",
]  # fmt: skip


def _geometry(
    axes: int, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> dict[str, Any]:
    """The attributes of the ops."""
    return {
        "stride": per_axis(stride, axes, "stride"),
        "padding": tuple([(p, p) for p in per_axis(padding, axes, "padding")]),
        "dilation": per_axis(dilation, axes, "dilation"),
        "groups": groups,
    }


def _need(name: str, what: str, sizes: Sequence[int], found: Sequence[int]) -> None:
    """Refuse sizes that are not those of what was to be differentiated by."""
    if tuple(sizes) != tuple(found):
        raise ShapeError(
            f"{name}: {what} is {tuple(sizes)}, but must be {tuple(found)} beside the others"
        )


def _told(f: Callable, name: str, what: str, given: str) -> Callable:
    """The function under its name, with the docstring of a gradient of `what`; `given`: what it takes besides."""
    f.__name__ = f.__qualname__ = name
    f.__doc__ = f"""The gradient of {what}.

    Args:
        {given}
        grad_output: the gradient of the output, (B, O, …).
        stride, padding, dilation, groups: as of the convolution.

    Raises:
        ShapeError: the sizes do not belong together.
    """
    return f


def _by_input(axes: int) -> Callable:
    name = f"conv{axes}d_input"

    def by_input(
        input_size: Sequence[int],
        weight: Tensor,
        grad_output: Tensor,
        stride: Sizes = 1,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
    ) -> Tensor:
        sizes = tuple(input_size)
        _need(name, "input_size", sizes[:2], (grad_output.shape[0], weight.shape[1] * groups))
        geometry = _geometry(axes, stride, padding, dilation, groups)
        return ops.conv_input(grad_output, weight, spatial=sizes[2:], **geometry)

    given = f"""input_size: of the input, (B, C, …) with {axes} more.
        weight: w (O, C / groups, …)."""
    return _told(by_input, name, f"``conv{axes}d`` by its input", given)


def _by_weight(axes: int) -> Callable:
    name = f"conv{axes}d_weight"

    def by_weight(
        input: Tensor,
        weight_size: Sequence[int],
        grad_output: Tensor,
        stride: Sizes = 1,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
    ) -> Tensor:
        sizes = tuple(weight_size)
        _need(name, "weight_size", sizes[:2], (grad_output.shape[1], input.shape[1] // groups))
        geometry = _geometry(axes, stride, padding, dilation, groups)
        return ops.conv_weight(input, grad_output, kernel=sizes[2:], **geometry)

    given = f"""input: x (B, C, …) with {axes} more axes.
        weight_size: of the weight, (O, C / groups, …)."""
    return _told(by_weight, name, f"``conv{axes}d`` by its weight", given)


conv1d_input, conv2d_input, conv3d_input = (_by_input(axes) for axes in (1, 2, 3))
conv1d_weight, conv2d_weight, conv3d_weight = (_by_weight(axes) for axes in (1, 2, 3))
globals().update(faced({name: globals()[name] for name in __all__}, __name__, "nn.grad"))
