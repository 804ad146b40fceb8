"""Convolutions over one, two and three spatial axes."""

from __future__ import annotations

from ... import ops
from ...base.errors import ShapeError
from ...tensors import Tensor
from .sizes import Sizes, batched_input, per_axis

__all__ = [
    "conv1d", "conv2d", "conv3d",
]  # fmt: skip


def _conv(
    axes: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sizes,
    padding: Sizes | str,
    dilation: Sizes,
    groups: int,
) -> Tensor:
    name = f"conv{axes}d"
    x, batched = batched_input(input, axes, name)
    if weight.ndim != axes + 2:
        raise ShapeError(
            f"{name}: the weight must be (out, in / groups, *window) with {axes + 2} axes, "
            f"found shape {tuple(weight.shape)}"
        )
    steps = per_axis(stride, axes, "stride")
    spread = per_axis(dilation, axes, "dilation")
    if padding == "same":
        if any(s != 1 for s in steps):
            raise ValueError("padding='same' is not supported for strided convolutions")
        reach = [d * (k - 1) for d, k in zip(spread, weight.shape[2:], strict=True)]
        pads = tuple((r // 2, r - r // 2) for r in reach)
    elif padding == "valid":
        pads = ((0, 0),) * axes
    elif isinstance(padding, str):
        raise ValueError(f"Invalid padding string {padding!r}, should be 'same' or 'valid'")
    else:
        pads = tuple((p, p) for p in per_axis(padding, axes, "padding"))
    y = ops.conv(x, weight, stride=steps, padding=pads, dilation=spread, groups=groups)
    if bias is not None:
        if tuple(bias.shape) != (weight.shape[0],):
            raise ShapeError(
                f"{name}: the bias must have one element for each of the {weight.shape[0]} output "
                f"channels, found shape {tuple(bias.shape)}"
            )
        y = y + bias.reshape(-1, *(1,) * axes)
    return y if batched else y.squeeze(0)


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation along one axis.

    Args:
        input: x (B, C, L) or (C, L).
        weight: w (O, C / groups, K).
        bias: (O,).
        stride: step from one window to the next.
        padding: zeros at both ends; or "valid" (none), "same" (the output is as long as the input;
            stride 1 only).
        dilation: step between the elements of a window.
        groups: into how many independent convolutions the channels are divided.

    Returns:
        y (B, O, ⌊(L + 2·padding − dilation·(K − 1) − 1) / stride⌋ + 1).

    Example:
        >>> F.conv1d(ones(1, 1, 5), ones(1, 1, 3))
        tensor([[[3., 3., 3.]]])
    """
    return _conv(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation over images, x (B, C, H, W) or (C, H, W), w (O, C / groups, K, K');
    arguments as ``conv1d``.

    Example:
        >>> F.conv2d(ones(1, 1, 3, 3), ones(1, 1, 3, 3), padding=1)[0, 0]
        tensor([[4., 6., 4.],
                [6., 9., 6.],
                [4., 6., 4.]])
    """
    return _conv(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation over volumes, x (B, C, D, H, W) or (C, D, H, W); arguments as
    ``conv1d``.
    """
    return _conv(3, input, weight, bias, stride, padding, dilation, groups)
