"""The torch-shaped face of the functions: PyTorch's names, argument orders, defaults and overloads.

What is done here is handling of arguments: a number or one per axis, padding by name, batched or
not, in place or not. The formulas and their derivatives stand in the functional and ops rooms,
under the same names.

Read in order: linear, convolution, pooling, normalisation, embedding, dropout, activations, losses,
attention, the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from .. import functional as fn
from .. import ops
from ..base.errors import RangeError, ShapeError
from ..ops import sigmoid, tanh
from ..tape.modes import modes, no_grad
from ..tensors import Tensor, arange, bool_, default_generator, einsum, int64, tensor, zeros

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "conv1d",
    "conv2d",
    "conv3d",
    "cosine_similarity",
    "cross_entropy",
    "dropout",
    "dropout1d",
    "dropout2d",
    "elu",
    "embedding",
    "gelu",
    "glu",
    "group_norm",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "mish",
    "mse_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "prelu",
    "relu",
    "relu6",
    "rms_norm",
    "scaled_dot_product_attention",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
]

Sizes = int | Sequence[int]


def _per_axis(value: Sizes, axes: int, what: str) -> tuple[int, ...]:
    """One number for each spatial axis."""
    if isinstance(value, int):
        return (value,) * axes
    values = tuple(value)
    if len(values) == 1:
        return values * axes
    if len(values) != axes:
        raise ShapeError(
            f"{what} must be one number or {axes}, one per spatial axis, found {values}"
        )
    return values


def _batched(x: Tensor, axes: int, what: str) -> tuple[Tensor, bool]:
    """x with a batch axis, and whether it had one."""
    if x.ndim not in (axes + 1, axes + 2):
        raise ShapeError(
            f"{what}: expected a {axes + 1}-d (unbatched) or {axes + 2}-d (batched) input, "
            f"found shape {tuple(x.shape)}"
        )
    return (x, True) if x.ndim == axes + 2 else (x.unsqueeze(0), False)


# ---- linear -----------------------------------------------------------------------------------------------------


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Affine map of the last axis,  y = x Wᵀ + b.

    Args:
        input: x (*, in).
        weight: W (out, in), or (in,) for one output without its axis.
        bias: b (out,).

    Example:
        >>> F.linear(ones(2, 3), ones(5, 3)).shape
        chainrule.Size([2, 5])
    """
    if weight.ndim == 1:
        y = input @ weight
        return y if bias is None else y + bias
    return fn.linear(input, weight, bias)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """A form linear in each of two inputs,  y_k = Σ_ij x₁_i W_kij x₂_j + b_k.

    Args:
        input1: x₁ (*, in1).
        input2: x₂ (*, in2).
        weight: W (out, in1, in2).
        bias: b (out,).
    """
    if input1.shape[:-1] != input2.shape[:-1]:
        raise ShapeError(
            "bilinear: the inputs must agree in all axes but the last, found "
            f"{tuple(input1.shape)} and {tuple(input2.shape)}"
        )
    y = einsum("...i,kij,...j->...k", input1, weight, input2)
    return y if bias is None else y + bias


# ---- convolution ------------------------------------------------------------------------------------------------


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
    x, batched = _batched(input, axes, name)
    if weight.ndim != axes + 2:
        raise ShapeError(
            f"{name}: the weight must be (out, in / groups, *window) with {axes + 2} axes, "
            f"found shape {tuple(weight.shape)}"
        )
    steps = _per_axis(stride, axes, "stride")
    spread = _per_axis(dilation, axes, "dilation")
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
        pads = tuple((p, p) for p in _per_axis(padding, axes, "padding"))
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


# ---- pooling ----------------------------------------------------------------------------------------------------


def _pool_edges(
    what: str,
    sizes: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    ceil_mode: bool,
) -> tuple[tuple[int, int], ...]:
    """Padding (before, after) of each axis. In ceil mode the last window may reach beyond, if it
    begins inside.
    """
    edges = []
    for n, k, s, p, d in zip(sizes, kernel, stride, padding, dilation, strict=True):
        if not 0 <= 2 * p <= k:
            raise ShapeError(
                f"{what}: padding must be at least 0 and at most half of the window, "
                f"found padding {p} for a window of {k}"
            )
        after, reach = p, d * (k - 1) + 1
        if ceil_mode:
            count = -((n + 2 * p - reach) // -s) + 1
            if (count - 1) * s >= n + p:
                count -= 1
            after = max(p, (count - 1) * s + reach - n - p)
        edges.append((p, after))
    return tuple(edges)


def _max_pool(
    axes: int,
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    name = f"max_pool{axes}d"
    x, batched = _batched(input, axes, name)
    kernel = _per_axis(kernel_size, axes, "kernel_size")
    steps = _per_axis(kernel_size if stride is None else stride, axes, "stride")
    spread = _per_axis(dilation, axes, "dilation")
    around = _per_axis(padding, axes, "padding")
    edges = _pool_edges(name, x.shape[2:], kernel, steps, around, spread, ceil_mode)
    y, places = ops.max_pool(x, kernel=kernel, stride=steps, padding=edges, dilation=spread)
    if not batched:
        y, places = y.squeeze(0), places.squeeze(0)
    return (y, places) if return_indices else y


def max_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest value of each window along one axis, x (B, C, L) or (C, L); arguments as
    ``max_pool2d``.
    """
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest value of each window of an image.

    Args:
        input: x (B, C, H, W) or (C, H, W).
        kernel_size: size of the window, a number or (height, width).
        stride: step between windows; the window's size if None.
        padding: −∞ added on each side, at most half the window.
        dilation: step between the elements of a window.
        ceil_mode: whether a window that begins inside but ends outside counts.
        return_indices: whether also to return where in the flattened image each maximum was found.

    Example:
        >>> F.max_pool2d(arange(16.0).reshape(1, 4, 4), 2)
        tensor([[[ 5.,  7.],
                 [13., 15.]]])
    """
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest value of each window of a volume, x (B, C, D, H, W); arguments as
    ``max_pool2d``.
    """
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _avg_pool(
    axes: int,
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Tensor:
    name = f"avg_pool{axes}d"
    if divisor_override == 0:
        raise ValueError(f"{name}: divisor must be not zero")
    x, batched = _batched(input, axes, name)
    kernel = _per_axis(kernel_size, axes, "kernel_size")
    steps = _per_axis(kernel_size if stride is None else stride, axes, "stride")
    around = _per_axis(padding, axes, "padding")
    edges = _pool_edges(name, x.shape[2:], kernel, steps, around, (1,) * axes, ceil_mode)
    if count_include_pad and any(after > before for before, after in edges):
        # The zeros asked for count, those that ceil mode adds do not: make the former part of the
        # input.
        x = ops.pad(x, pads=((0, 0), (0, 0), *[(p, p) for p in around]))
        edges = tuple((0, after - before) for before, after in edges)
        count_include_pad = False
    y = fn.avg_pool(
        x,
        kernel=kernel,
        stride=steps,
        padding=edges,
        count_padding=count_include_pad,
        divisor=divisor_override,
    )
    return y if batched else y.squeeze(0)


def avg_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window along one axis, x (B, C, L) or (C, L); arguments as
    ``avg_pool2d``.
    """
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window of an image.

    Args:
        input: x (B, C, H, W) or (C, H, W).
        kernel_size: size of the window, a number or (height, width).
        stride: step between windows; the window's size if None.
        padding: zeros added on each side, at most half the window.
        ceil_mode: whether a window that begins inside but ends outside counts.
        count_include_pad: whether the zeros added count in the mean.
        divisor_override: divide by this, not by the number of elements.

    Example:
        >>> F.avg_pool2d(arange(16.0).reshape(1, 4, 4), 2)
        tensor([[[ 2.5000,  4.5000],
                 [10.5000, 12.5000]]])
    """
    return _avg_pool(
        2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def avg_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window of a volume, x (B, C, D, H, W); arguments as ``avg_pool2d``."""
    return _avg_pool(
        3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def _adaptive_avg_pool(axes: int, input: Tensor, output_size: Any) -> Tensor:
    x, batched = _batched(input, axes, f"adaptive_avg_pool{axes}d")
    wanted = (output_size,) * axes if isinstance(output_size, (int, type(None))) else output_size
    if len(wanted) != axes:
        raise ShapeError(f"output_size must be one number or {axes}, found {output_size}")
    pairs = zip(wanted, x.shape[2:], strict=True)
    y = fn.adaptive_avg_pool(x, size=tuple(n if size is None else size for size, n in pairs))
    return y if batched else y.squeeze(0)


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """Means over ``output_size`` pieces of an axis, x (B, C, L) or (C, L); as
    ``adaptive_avg_pool2d``.
    """
    return _adaptive_avg_pool(1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Means over a grid of cells that cover the image, whatever its size; cell i of n is rows
    ⌊i·H/n⌋ to ⌈(i+1)·H/n⌉.

    Args:
        input: x (B, C, H, W) or (C, H, W).
        output_size: the grid, a number or (height, width); None in place of one keeps the image's
            size.

    Example:
        >>> F.adaptive_avg_pool2d(arange(9.0).reshape(1, 3, 3), 1)
        tensor([[[4.]]])
    """
    return _adaptive_avg_pool(2, input, output_size)


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """Means over a grid of cells of a volume, x (B, C, D, H, W); as ``adaptive_avg_pool2d``."""
    return _adaptive_avg_pool(3, input, output_size)


# ---- normalisation ----------------------------------------------------------------------------------------------


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float | Tensor = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel over the batch and all positions.

    Args:
        input: x (B, C, …).
        running_mean: (C,). With ``training`` it is moved towards the batch's mean, else it is the
            mean.
        running_var: (C,). The same for the variance, which in the batch is the unbiased one.
        weight: (C,), a factor.
        bias: (C,), a summand.
        training: whether the statistics are those of the batch.
        momentum: how far the running statistics move.
        eps: added to the variance.

    Raises:
        ValueError: no statistics to use.
        ShapeError: in training, one value per channel, whose variance is not defined.

    Example:
        >>> F.batch_norm(tensor([[1.0], [3.0]]), None, None, training=True, eps=0.0)
        tensor([[-1.],
                [ 1.]])
    """
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError(
                "Expected running_mean and running_var to be given when training=False"
            )
        return fn.batch_norm_with(input, running_mean, running_var, weight, bias, eps=eps)
    count = input.numel() // input.shape[1] if input.ndim > 1 and input.shape[1] else 0
    if count == 1:
        raise ShapeError(
            "batch_norm: Expected more than 1 value per channel when training, "
            f"got input size {tuple(input.shape)}"
        )
    y, mean, var = fn.batch_norm(input, weight, bias, eps=eps)
    with no_grad():
        if running_mean is not None:
            running_mean.copy_(running_mean * (1 - momentum) + mean * momentum)
        if running_var is not None:
            unbiased = var * (count / (count - 1))
            running_var.copy_(running_var * (1 - momentum) + unbiased * momentum)
    return y


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(x − mean) / √(var + eps) · weight + bias  over the last axes, which have the sizes
    ``normalized_shape``.

    Example:
        >>> F.layer_norm(tensor([1.0, 3.0]), (2,), eps=0.0)
        tensor([-1.,  1.])
    """
    return fn.layer_norm(input, weight, bias, shape=tuple(normalized_shape), eps=eps)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Layer norm of each of ``num_groups`` groups of the channels of x (B, C, …), then weight
    and bias per channel.
    """
    return fn.group_norm(input, weight, bias, groups=num_groups, eps=eps)


def rms_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """x / √(mean(x²) + eps) · weight  over the last axes; eps is the dtype's machine epsilon if
    None.

    Example:
        >>> F.rms_norm(tensor([3.0, 3.0]), (2,), eps=0.0)
        tensor([1., 1.])
    """
    return fn.rms_norm(input, weight, shape=tuple(normalized_shape), eps=eps)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x / max(‖x‖ₚ, eps)  along an axis.

    Example:
        >>> F.normalize(tensor([3.0, 4.0]), dim=0)
        tensor([0.6000, 0.8000])
    """
    return fn.normalize(input, p=p, dim=dim, eps=eps)


# ---- embedding --------------------------------------------------------------------------------------------------


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Rows of a table,  y[…] = weight[x[…]].

    Args:
        input: x (*), integers in [0, V).
        weight: the table (V, C).
        padding_idx: a row that receives no gradient; negative counts from the end.
        max_norm: rows used that are longer are shortened to this first, in the table.
        norm_type: the p of that norm.
        scale_grad_by_freq: refused when true.
        sparse: refused when true.

    Raises:
        RangeError: an index outside the table.
        NotImplementedError: ``sparse`` or ``scale_grad_by_freq``.

    Example:
        >>> F.embedding(tensor([1, 1]), tensor([[1.0], [2.0]]))
        tensor([[2.],
                [2.]])
    """
    _refuse_sparse(scale_grad_by_freq, sparse)
    if padding_idx is not None:
        rows = weight.shape[0]
        if not -rows <= padding_idx < rows:
            raise ValueError(
                f"padding_idx must be within num_embeddings: {padding_idx} is not in [{-rows}, {rows})"
            )
        padding_idx %= rows
    if max_norm is not None:
        _shorten_rows(weight, input, max_norm, norm_type)
    return ops.embedding(weight, input, padding=padding_idx)


def _refuse_sparse(scale_grad_by_freq: bool, sparse: bool) -> None:
    if sparse:
        raise NotImplementedError(
            "embedding: sparse=True is not built; the gradient is dense and deterministic"
        )
    if scale_grad_by_freq:
        raise NotImplementedError(
            "embedding: scale_grad_by_freq=True is not built; scale the gradient in a hook"
        )


def _shorten_rows(weight: Tensor, used: Tensor, max_norm: float, p: float) -> None:
    """Scale the rows of the table that are used and longer than ``max_norm`` down to it, in
    place.
    """
    with no_grad():
        length = weight.norm(p, dim=1)
        long = zeros(weight.shape[0], dtype=bool_)
        long[used] = True
        long = long & (length > max_norm)
        weight.mul_((max_norm / (length + 1e-7)).masked_fill(~long, 1.0).unsqueeze(1))


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """1 at the place each integer names, 0 elsewhere: (*) → (*, num_classes), int64.

    Args:
        tensor: integers in [0, num_classes).
        num_classes: −1 takes the largest integer plus one, which must look at the values.

    Raises:
        RangeError: an integer that is no class.

    Example:
        >>> F.one_hot(cr.tensor([0, 2]))
        tensor([[1, 0, 0],
                [0, 0, 1]])
    """
    if num_classes == -1:
        if tensor.numel() == 0:
            raise ValueError("Can not infer total number of classes from empty tensor.")
        num_classes = int(tensor.max().item()) + 1
    if num_classes < 1:
        raise ValueError(f"num_classes should be positive, got {num_classes}")
    _check_classes("one_hot", tensor, num_classes)
    return (tensor.unsqueeze(-1) == arange(num_classes)).to(int64)


# ---- dropout ----------------------------------------------------------------------------------------------------


def _dropout(input: Tensor, p: float, training: bool, inplace: bool, channels: bool) -> Tensor:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0.0 or input.numel() == 0:
        return input
    drawn = math.prod(input.shape[:2]) if channels else input.numel()
    state, skip = default_generator.take(drawn)
    y = fn.dropout(input, state, p=p, skip=skip, channels=channels)
    return input.copy_(y) if inplace else y


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero each element with probability p and multiply the others by 1 / (1 − p); without
    ``training``, the identity.

    Example:
        >>> F.dropout(ones(2), p=1.0)
        tensor([0., 0.])
    """
    return _dropout(input, p, training, inplace, channels=False)


def _channel_dropout(axes: int, input: Tensor, p: float, training: bool, inplace: bool) -> Tensor:
    x, batched = _batched(input, axes, f"dropout{axes}d")
    y = _dropout(x, p, training, inplace and batched, channels=True)
    if batched or y is x:
        return y if batched else input
    y = y.squeeze(0)
    return input.copy_(y) if inplace else y


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """As ``dropout``, but whole channels of x (B, C, L) or (C, L) fall together."""
    return _channel_dropout(1, input, p, training, inplace)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """As ``dropout``, but whole channels of x (B, C, H, W) or (C, H, W) fall together."""
    return _channel_dropout(2, input, p, training, inplace)


# ---- activations ------------------------------------------------------------------------------------------------


def _apply(op: Callable, input: Tensor, inplace: bool, **attributes: Any) -> Tensor:
    """The op, its result written over the input if asked. The derivative may need the old input,
    so it gets a copy.
    """
    if not inplace:
        return op(input, **attributes)
    recorded = modes.grad and input.requires_grad
    return input.copy_(op(input.clone() if recorded else input, **attributes))


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0).

    Example:
        >>> F.relu(tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """
    return _apply(fn.relu, input, inplace)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6)."""
    return _apply(fn.relu6, input, inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, else negative_slope · x."""
    return _apply(fn.leaky_relu, input, inplace, negative_slope=negative_slope)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else alpha · (eˣ − 1)."""
    return _apply(fn.elu, input, inplace, alpha=alpha)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """scale · elu(x, alpha), with the two constants that make zero mean and unit variance a
    fixed point.
    """
    return _apply(fn.selu, input, inplace)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """max(x, 0) + min(0, alpha · (e^(x/alpha) − 1))."""
    return _apply(fn.celu, input, inplace, alpha=alpha)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x · Φ(x), or with ``approximate="tanh"``  x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))."""
    return fn.gelu(input, approximate=approximate)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x · σ(x)."""
    return _apply(fn.silu, input, inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x · tanh(softplus(x))."""
    return _apply(fn.mish, input, inplace)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """ln(1 + e^(beta·x)) / beta, and x itself where beta · x > threshold."""
    return fn.softplus(input, beta=beta, threshold=threshold)


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return fn.softsign(input)


def logsigmoid(input: Tensor) -> Tensor:
    """ln σ(x)."""
    return fn.logsigmoid(input)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """x limited to [min_val, max_val]."""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    return _apply(fn.hardtanh, input, inplace, min_val=min_val, max_val=max_val)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x + 3, 0), 6) / 6."""
    return _apply(fn.hardsigmoid, input, inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x · hardsigmoid(x)."""
    return _apply(fn.hardswish, input, inplace)


def tanhshrink(input: Tensor) -> Tensor:
    """x − tanh(x)."""
    return fn.tanhshrink(input)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x moved towards 0 by lambd, and 0 where |x| ≤ lambd."""
    if lambd < 0:
        raise ValueError(f"lambda must be greater or equal to 0, but found to be {lambd}")
    return fn.softshrink(input, lambd=lambd)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x, but 0 where |x| ≤ lambd."""
    return fn.hardshrink(input, lambd=lambd)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where x > threshold, else ``value``."""
    return _apply(fn.threshold, input, inplace, threshold=threshold, value=value)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a · σ(b), where a and b are the halves of the axis ``dim``."""
    if input.ndim == 0:
        raise ShapeError("glu: a 0-d tensor has no axis to halve")
    return fn.glu(input, dim=dim)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where x > 0, else weight · x; the weight is one number or one per channel (axis 1).

    Raises:
        ShapeError: the weight has neither one element nor one per channel.
    """
    if weight.numel() == 1:
        return fn.prelu(input, weight.reshape(()))
    channels = input.shape[1] if input.ndim > 1 else 1
    if tuple(weight.shape) != (channels,):
        raise ShapeError(
            f"prelu: the weight must have one element or one for each of the {channels} channels of "
            f"the input {tuple(input.shape)}, found shape {tuple(weight.shape)}"
        )
    return fn.prelu(input, weight.reshape(-1, *(1,) * (input.ndim - 2)))


def _along(name: str, op: Callable, input: Tensor, dim: int | None, dtype: Any) -> Tensor:
    if dim is None:
        raise ValueError(
            f"{name}: name the axis, {name}(x, dim=…); PyTorch's choice when it is left out depends on "
            "the number of axes, and is deprecated there"
        )
    return op(input if dtype is None else input.to(dtype), dim=dim)


def softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """eˣ / Σ eˣ  along an axis.

    Args:
        input: x.
        dim: the axis; it must be given.
        dtype: convert to this first.

    Example:
        >>> F.softmax(zeros(2), dim=0)
        tensor([0.5000, 0.5000])
    """
    return _along("softmax", fn.softmax, input, dim, dtype)


def log_softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """x − ln Σ eˣ  along an axis, which must be given; ``dtype`` converts first."""
    return _along("log_softmax", fn.log_softmax, input, dim, dtype)


def softmin(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """softmax(−x)  along an axis, which must be given; ``dtype`` converts first."""
    return _along("softmin", fn.softmax, -input, dim, dtype)


# ---- losses -----------------------------------------------------------------------------------------------------


def _check_classes(
    name: str, target: Tensor, classes: int, ignore_index: int | None = None
) -> None:
    """Refuse a target that is no class, by its value; a traced program has none until it runs."""
    if modes.trace is not None or target.is_floating_point():
        return
    t = target.read()
    wrong = (t < 0) | (t >= classes)
    if ignore_index is not None:
        wrong &= t != ignore_index
    if wrong.any():
        also = "" if ignore_index is None else f" (or {ignore_index}, which is ignored)"
        raise RangeError(
            f"{name}: target {t[wrong].ravel()[0]} is out of range for {classes} classes: "
            f"targets are 0 to {classes - 1}{also}"
        )


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross-entropy of logits with classes, or with probabilities of classes; in nats.

    Args:
        input: logits (B, C, …) or (C,).
        target: classes (B, …) or () as integers, or probabilities of the input's shape.
        weight: a factor per class (C,).
        ignore_index: entries with this class count for nothing.
        reduction: "mean" (over the weights of the targets), "sum" or "none".
        label_smoothing: the share of the target that is spread evenly over all classes.

    Raises:
        ShapeError: the target does not fit the input.
        RangeError: a class outside [0, C).

    Example:
        >>> F.cross_entropy(zeros(3, 2), tensor([0, 1, 1]))
        tensor(0.6931)
    """
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if target.is_floating_point():
        return fn.soft_cross_entropy(
            input, target, weight, reduction=reduction, label_smoothing=label_smoothing
        )
    if input.ndim:
        classes = input.shape[1 if input.ndim > 1 else 0]
        _check_classes("cross_entropy", target, classes, ignore_index)
    return fn.cross_entropy(
        input,
        target,
        weight,
        ignore_index=ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood,  −w[t] · x[t], of log-probabilities x (B, C, …); arguments as
    ``cross_entropy``.

    Example:
        >>> F.nll_loss(tensor([[-1.0, -2.0]]), tensor([1]))
        tensor(2.)
    """
    if input.ndim:
        classes = input.shape[1 if input.ndim > 1 else 0]
        _check_classes("nll_loss", target, classes, ignore_index)
    return fn.nll_loss(input, target, weight, ignore_index=ignore_index, reduction=reduction)


def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Squared error,  (x − y)².

    Raises:
        ShapeError: input and target have different shapes; PyTorch would broadcast them.

    Example:
        >>> F.mse_loss(tensor([1.0, 2.0]), tensor([1.0, 4.0]))
        tensor(2.)
    """
    return fn.mse_loss(input, target, reduction=reduction)


def l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Absolute error,  |x − y|; different shapes are refused."""
    return fn.l1_loss(input, target, reduction=reduction)


def smooth_l1_loss(
    input: Tensor, target: Tensor, *, reduction: str = "mean", beta: float = 1.0
) -> Tensor:
    """d²/(2β) where d = |x − y| < β, else d − β/2; different shapes are refused."""
    if beta < 0:
        raise ValueError(f"smooth_l1_loss does not support negative values for beta, got {beta}")
    return fn.smooth_l1_loss(input, target, reduction=reduction, beta=beta)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0
) -> Tensor:
    """d²/2 where d = |x − y| < δ, else δ (d − δ/2); different shapes are refused."""
    if delta <= 0:
        raise ValueError(f"huber_loss does not support non-positive values for delta, got {delta}")
    return fn.huber_loss(input, target, reduction=reduction, delta=delta)


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    """−w · (y ln x + (1 − y) ln(1 − x))  of probabilities x, logarithms no lower than −100; in
    nats.

    Raises:
        ShapeError: input and target have different shapes.
        RangeError: an input outside [0, 1].

    Example:
        >>> F.binary_cross_entropy(tensor([0.5]), tensor([1.0]))
        tensor(0.6931)
    """
    if modes.trace is None:
        inside = (input >= 0) & (input <= 1)
        if not inside.all():
            raise RangeError(
                "binary_cross_entropy: all elements of input should be between 0 and 1; "
                "binary_cross_entropy_with_logits takes logits"
            )
    return fn.binary_cross_entropy(input, target, weight, reduction=reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy of logits, stable for all of them; in nats.

    Args:
        input: logits.
        target: of the same shape, between 0 and 1.
        weight: a factor per element, of a shape that broadcasts.
        reduction: "mean", "sum" or "none".
        pos_weight: a factor on the positive part, of a shape that broadcasts.

    Raises:
        ShapeError: input and target have different shapes.

    Example:
        >>> F.binary_cross_entropy_with_logits(zeros(1), ones(1))
        tensor(0.6931)
    """
    return fn.binary_cross_entropy_with_logits(
        input, target, weight, pos_weight, reduction=reduction
    )


def kl_div(
    input: Tensor, target: Tensor, *, reduction: str = "mean", log_target: bool = False
) -> Tensor:
    """Kullback-Leibler divergence,  y (ln y − x), of log-probabilities x; different shapes are
    refused.

    Args:
        input: log-probabilities.
        target: probabilities, or with ``log_target`` their logarithms.
        reduction: "batchmean" (the sum over the batch size: the divergence), "mean", "sum" or
            "none".
        log_target: see target.
    """
    return fn.kl_div(input, target, reduction=reduction, log_target=log_target)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x₁ · x₂ / (max(‖x₁‖, eps) · max(‖x₂‖, eps))  along an axis, which disappears.

    Example:
        >>> F.cosine_similarity(tensor([1.0, 0.0]), tensor([1.0, 1.0]), dim=0)
        tensor(0.7071)
    """
    return (fn.normalize(x1, dim=dim, eps=eps) * fn.normalize(x2, dim=dim, eps=eps)).sum(dim)


# ---- attention --------------------------------------------------------------------------------------------------


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(q kᵀ · scale + mask) v.   Source: Vaswani et al. 2017, eq. 1.

    Args:
        query: q (…, H, T, D).
        key: k (…, H, S, D).
        value: v (…, H, S, E).
        attn_mask: broadcast to (…, T, S); bool says who may be attended to, floating is added.
        dropout_p: probability with which an attention weight is zeroed. There is no ``training``
            here: pass 0 in evaluation.
        is_causal: whether position t attends to positions up to t only.
        scale: 1/√D if None.
        enable_gqa: whether k and v may have fewer heads than q, each serving a run of query heads
            (Ainslie et al. 2023).

    Returns:
        (…, H, T, E).

    Raises:
        ValueError: a mask and ``is_causal`` together.
        ShapeError: sizes that do not fit.

    Example:
        >>> q = randn(2, 3, 5, 4)
        >>> F.scaled_dot_product_attention(q, q, q, is_causal=True).shape
        chainrule.Size([2, 3, 5, 4])
    """
    if enable_gqa:
        key, value = _per_query_head(query, key), _per_query_head(query, value)
    if dropout_p == 0.0:
        return fn.attention(query, key, value, attn_mask, causal=is_causal, scale=scale)
    # Attending to the rows of the identity gives the attention weights themselves.
    one = ops.eye(rows=key.shape[-2], columns=key.shape[-2], dtype=query.dtype)
    weights = fn.attention(query, key, one, attn_mask, causal=is_causal, scale=scale)
    return dropout(weights, dropout_p) @ value


def _per_query_head(query: Tensor, x: Tensor) -> Tensor:
    """Heads of keys or values (…, H_kv, S, D) repeated for the query heads they serve, (…, H, S,
    D).
    """
    if query.ndim < 3 or x.ndim < 3 or query.shape[-3] % x.shape[-3]:
        raise ShapeError(
            "scaled_dot_product_attention: with enable_gqa the heads of the query must be a "
            "multiple "
            f"of those of key and value, found {tuple(query.shape)} and {tuple(x.shape)}"
        )
    times = query.shape[-3] // x.shape[-3]
    shape = tuple(x.shape)
    repeated = x.unsqueeze(-3).expand(*shape[:-2], times, *shape[-2:])
    return repeated.reshape(*shape[:-3], query.shape[-3], *shape[-2:])


# ---- padding ----------------------------------------------------------------------------------------------------


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Elements added before and after the last axes.

    Args:
        input: x.
        pad: (before, after) of the last axis, then of the one before it, and so on; negative
            numbers cut (constant only).
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
    if mode not in _SOURCES:
        raise ValueError(
            f"pad: mode is 'constant', 'reflect', 'replicate' or 'circular', found {mode!r}"
        )
    if value is not None:
        raise ValueError(f"Padding mode {mode!r} doesn't take in value argument")
    for axis, (before, after) in enumerate(pairs, start=first):
        n = input.shape[axis]
        limit = {"reflect": n - 1, "circular": n}.get(mode, before + after)
        if min(before, after) < 0 or max(before, after) > limit:
            raise ShapeError(
                f"pad: mode {mode!r} adds 0 to {limit} elements to an axis of {n}, "
                f"found {(before, after)}"
            )
        if before or after:
            source = [_SOURCES[mode](i, n) for i in range(-before, n + after)]
            input = input.index_select(axis, tensor(source, dtype=int64))
    return input


_SOURCES: dict[str, Callable[[int, int], int]] = {
    "reflect": lambda i, n: (n - 1) - abs((n - 1) - abs(i)),
    "replicate": lambda i, n: min(max(i, 0), n - 1),
    "circular": lambda i, n: i % n,
}
"""From the place an element is wanted, −before … n + after, to where it is found."""
