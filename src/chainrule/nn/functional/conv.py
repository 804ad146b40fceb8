"""Convolutions over one, two and three spatial axes, and their adjoints, the transposed ones."""

from __future__ import annotations

from ... import ops
from ...base.errors import ArgumentError, DTypeError, ShapeError
from ...tensors import Tensor
from ...tensors.functions.mixed import beside
from .sizes import Sizes, batched_input, per_axis

__all__ = [
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
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
            raise ArgumentError("padding='same' is not supported for strided convolutions")
        reach = [d * (k - 1) for d, k in zip(spread, weight.shape[2:], strict=True)]
        pads = tuple((r // 2, r - r // 2) for r in reach)
    elif padding == "valid":
        pads = ((0, 0),) * axes
    elif isinstance(padding, str):
        raise ArgumentError(f"Invalid padding string {padding!r}, should be 'same' or 'valid'")
    else:
        pads = tuple((p, p) for p in per_axis(padding, axes, "padding"))
    y = ops.conv(x, weight, stride=steps, padding=pads, dilation=spread, groups=groups)
    y = _with_bias(y, bias, weight.shape[0], name)
    return y if batched else y.squeeze(0)


def _with_bias(y: Tensor, bias: Tensor | None, channels: int, name: str) -> Tensor:
    if bias is None:
        return y
    if tuple(bias.shape) != (channels,):
        raise ShapeError(
            f"{name}: the bias must have one element for each of the {channels} output "
            f"channels, found shape {tuple(bias.shape)}"
        )
    bias = beside(bias, y)
    if bias.dtype != y.dtype:
        raise DTypeError(
            f"{name}: the bias and the input must have the same dtype, found {bias.dtype} and {y.dtype}"
        )
    return y + bias.reshape(-1, *(1,) * (y.ndim - 2))


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


def _conv_transpose(
    axes: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sizes,
    padding: Sizes,
    output_padding: Sizes,
    groups: int,
    dilation: Sizes,
) -> Tensor:
    name = f"conv_transpose{axes}d"
    x, batched = batched_input(input, axes, name)
    if weight.ndim != axes + 2:
        raise ShapeError(
            f"{name}: the weight must be (in, out / groups, *window) with {axes + 2} axes, "
            f"found shape {tuple(weight.shape)}"
        )
    steps = per_axis(stride, axes, "stride")
    spread = per_axis(dilation, axes, "dilation")
    around = per_axis(padding, axes, "padding")
    longer = per_axis(output_padding, axes, "output_padding")
    sizes, edges, beyond = [], [], []
    for n, k, s, d, p, more in zip(
        x.shape[2:], weight.shape[2:], steps, spread, around, longer, strict=True
    ):
        if not 0 <= more < max(s, d):
            raise ShapeError(
                f"{name}: output padding must be smaller than either stride or dilation, "
                f"found {more} with stride {s} and dilation {d}"
            )
        # what the last windows leave out is the slack of a convolution: less than its stride
        slack = more if more < s else 0
        after = max(p - (more - slack), 0)
        sizes.append((n - 1) * s + d * (k - 1) + 1 - p - after + slack)
        edges.append((p, after))
        beyond.append((0, max(more - slack - p, 0)))
    if min(sizes) < 1:
        raise ShapeError(
            f"{name}: nothing is left of an output of size {tuple(sizes)}: the padding {around} "
            "cuts all of it off"
        )
    y = ops.conv_input(
        x,
        weight,
        spatial=tuple(sizes),
        stride=steps,
        padding=tuple(edges),
        dilation=spread,
        groups=groups,
    )
    if any(after for _, after in beyond):
        y = ops.pad(y, pads=((0, 0), (0, 0), *beyond))
    y = _with_bias(y, bias, weight.shape[1] * groups, name)
    return y if batched else y.squeeze(0)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """The adjoint of ``conv1d`` in its input: every element is spread over a window of the output,
    in the proportions of the weight.

    Args:
        input: x (B, C, L) or (C, L).
        weight: w (C, O / groups, K).
        bias: (O,).
        stride: step from one window of the output to the next.
        padding: how much is cut off at both ends of the output.
        output_padding: how much longer the output is at its end; less than the stride or the
            dilation.
        groups: into how many independent convolutions the channels are divided.
        dilation: step between the elements of a window.

    Returns:
        y (B, O, (L − 1)·stride − 2·padding + dilation·(K − 1) + output_padding + 1).

    Example:
        >>> F.conv_transpose1d(ones(1, 1, 3), ones(1, 1, 2), stride=2)
        tensor([[[1., 1., 1., 1., 1., 1.]]])
    """
    return _conv_transpose(
        1, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """The adjoint of ``conv2d`` in its input, x (B, C, H, W) or (C, H, W), w (C, O / groups, K, K');
    arguments as ``conv_transpose1d``.

    Example:
        >>> F.conv_transpose2d(ones(1, 1, 2, 2), ones(1, 1, 2, 2))[0, 0]
        tensor([[1., 2., 1.],
                [2., 4., 2.],
                [1., 2., 1.]])
    """
    return _conv_transpose(
        2, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """The adjoint of ``conv3d`` in its input, x (B, C, D, H, W) or (C, D, H, W); arguments as
    ``conv_transpose1d``.
    """
    return _conv_transpose(
        3, input, weight, bias, stride, padding, output_padding, groups, dilation
    )
