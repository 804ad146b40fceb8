"""Batch, instance, layer, group and RMS norm, responses weighed by their neighbours, and vectors of
length one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ... import functional as fn
from ...base.errors import ArgumentError, ShapeError
from ...tape.modes import no_grad
from ...tensors import Tensor, bfloat16, float16, float32

__all__ = [
    "batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm", "normalize",
    "rms_norm",
]  # fmt: skip


def _mixed(input: Tensor, *parameters: Tensor | None) -> bool:
    """Whether half floats come with parameters in float32, as autocast brings them together: then
    float32 is computed and the result rounded, as PyTorch does on the CPU.
    """
    half = input.dtype in (bfloat16, float16)
    return half and any(p is not None and p.dtype is float32 for p in parameters)


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
        eps: added to the variance; above 0 in training.

    Raises:
        ValueError: no statistics to use, or in training an eps that is not above 0.
        ShapeError: in training, one value per channel, whose variance is not defined.

    Example:
        >>> F.batch_norm(tensor([[1.0], [3.0]]), None, None, training=True)
        tensor([[-1.0000],
                [ 1.0000]])
    """
    if training and eps <= 0:
        raise ArgumentError(f"batch_norm: eps must be above 0 in training, found {eps}")
    if _mixed(input, running_mean, running_var, weight, bias):
        x = input.float()
        y = batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
        return y.to(input.dtype)
    if not training:
        if running_mean is None or running_var is None:
            raise ArgumentError(
                "Expected running_mean and running_var to be given when training=False"
            )
        return fn.batch_norm_with(input, running_mean, running_var, weight, bias, eps=eps)
    count = input.numel() // input.shape[1] if input.ndim > 1 and input.shape[1] else 0
    if count == 1:
        raise ShapeError(
            "batch_norm: Expected more than 1 value per channel when training, "
            f"got input size {tuple(input.shape)}\n"
            "  hint: DataLoader(drop_last=True) leaves out a last batch of one; model.eval() to predict"
        )
    y, mean, var = fn.batch_norm(input, weight, bias, eps=eps)
    if not count:  # an empty batch says nothing of the statistics
        return y
    with no_grad():
        if running_mean is not None:
            running_mean.copy_(running_mean * (1 - momentum) + mean * momentum)
        if running_var is not None:
            unbiased = var * (count / (count - 1))
            running_var.copy_(running_var * (1 - momentum) + unbiased * momentum)
    return y


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel of each sample over its positions.

    Args:
        input: x (B, C, *).
        running_mean: (C,). With ``use_input_stats`` it is moved towards the mean of the samples'
            means, else it is the mean.
        running_var: (C,). The same for the variance, which in a sample is the unbiased one.
        weight: (C,), a factor.
        bias: (C,), a summand.
        use_input_stats: whether the statistics are those of each sample.
        momentum: how far the running statistics move.
        eps: added to the variance; above 0 in training.

    Raises:
        ValueError: no statistics to use, or in training an eps that is not above 0.
        ShapeError: one position per channel, whose variance is not defined.

    Example:
        >>> F.instance_norm(tensor([[[1.0, 3.0]]]), eps=0.0)
        tensor([[[-1.,  1.]]])
    """
    if _mixed(input, running_mean, running_var, weight, bias):
        y = instance_norm(
            input.float(), running_mean, running_var, weight, bias, use_input_stats, momentum, eps
        )
        return y.to(input.dtype)
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise ArgumentError(
                "Expected running_mean and running_var to be given when use_input_stats=False"
            )
        return fn.batch_norm_with(input, running_mean, running_var, weight, bias, eps=eps)
    positions = math.prod(input.shape[2:])
    if input.ndim < 3 or positions == 1:
        raise ShapeError(
            "instance_norm: Expected more than 1 spatial element when training, "
            f"got input size {tuple(input.shape)}"
        )
    if running_mean is not None or running_var is not None:
        with no_grad():
            flat = input.detach().reshape(*input.shape[:2], -1)
            if running_mean is not None:
                mean = flat.mean(-1).mean(0)
                running_mean.copy_(running_mean * (1 - momentum) + mean * momentum)
            if running_var is not None:
                var = flat.var(-1).mean(0)
                running_var.copy_(running_var * (1 - momentum) + var * momentum)
    return fn.group_norm(input, weight, bias, groups=input.shape[1], eps=eps)


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
    if _mixed(input, weight, bias):
        return layer_norm(input.float(), normalized_shape, weight, bias, eps).to(input.dtype)
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
    if _mixed(input, weight, bias):
        return group_norm(input.float(), num_groups, weight, bias, eps).to(input.dtype)
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
    if _mixed(input, weight):
        return rms_norm(input.float(), normalized_shape, weight, eps).to(input.dtype)
    return fn.rms_norm(input, weight, shape=tuple(normalized_shape), eps=eps)


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """x / (k + alpha · m)^beta,  m the mean of x² over ``size`` channels around each one of x (B, C,
    *), with zeros beyond the first and last.   Source: Krizhevsky et al. 2012, section 3.3.

    Example:
        >>> F.local_response_norm(ones(1, 1, 1), 1, alpha=3.0, beta=0.5)
        tensor([[[0.5000]]])
    """
    if input.ndim < 3:
        raise ShapeError(
            f"Expected 3D or higher dimensionality input (got {input.ndim} dimensions)"
        )
    if not input.numel():
        return input
    return fn.local_response_norm(input, size=size, alpha=alpha, beta=beta, k=k)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x / max(‖x‖ₚ, eps)  along an axis.

    Example:
        >>> F.normalize(tensor([3.0, 4.0]), dim=0)
        tensor([0.6000, 0.8000])
    """
    return fn.normalize(input, p=p, dim=dim, eps=eps)
