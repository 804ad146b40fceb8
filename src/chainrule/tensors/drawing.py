"""Tensors of chance: uniform, normal, integers, permutations, draws by probability.

All draw from the default generator unless another is named. `device` may be 'cpu'; `layout`,
`pin_memory` and `memory_format` cannot change a result and pass.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..base import dtypes, shapes
from ..base.errors import DTypeError, ShapeError
from .core import Tensor, made_of
from .creation import asked, made, only_steering, sizes_of
from .device import placed
from .generator import Generator, default_generator

__all__ = [
    "bernoulli", "multinomial", "normal", "poisson", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like",
    "randperm",
]  # fmt: skip


def _drawn(
    op: ops.Op,
    shape: tuple,
    generator: Generator | None,
    requires_grad: bool = False,
    device: Any = None,
    **attrs: Any,
) -> Tensor:
    return made(
        (generator or default_generator).draw(op, sizes_of(shape), **attrs), requires_grad, device
    )


@placed
def rand(
    *sizes: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **steering: Any,
) -> Tensor:
    """Uniform numbers in [0, 1)."""
    only_steering("rand", steering)
    return _drawn(
        ops.uniform,
        asked(sizes, size),
        generator,
        requires_grad,
        device,
        dtype=_floating("rand", dtype),
    )


@placed
def randn(
    *sizes: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **steering: Any,
) -> Tensor:
    """Standard normal numbers."""
    only_steering("randn", steering)
    return _drawn(
        ops.normal,
        asked(sizes, size),
        generator,
        requires_grad,
        device,
        dtype=_floating("randn", dtype),
    )


def _floating(name: str, dtype: Any) -> dtypes.DType:
    found = dtypes.of(dtype or dtypes.default())
    if not found.is_floating_point:
        raise DTypeError(f"{name} draws floating numbers, found dtype {found.name}")
    return found


def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **steering: Any,
) -> Tensor:
    """Uniform numbers in the shape and dtype of another tensor."""
    return rand(
        tuple(input.shape),
        generator=generator,
        dtype=dtype or input.dtype,
        device=input.device if device is None else device,
        requires_grad=requires_grad,
        **steering,
    )


def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **steering: Any,
) -> Tensor:
    """Standard normal numbers in the shape and dtype of another tensor."""
    return randn(
        tuple(input.shape),
        generator=generator,
        dtype=dtype or input.dtype,
        device=input.device if device is None else device,
        requires_grad=requires_grad,
        **steering,
    )


@placed
def randint(
    low: int,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **steering: Any,
) -> Tensor:
    """Integers from low up to, not including, high: randint(high, size) or randint(low, high,
    size).
    """
    only_steering("randint", steering)
    if size is None:
        low, high, size = 0, low, high
    low, high = [v.item() if isinstance(v, Tensor) else v for v in (low, high)]
    if high <= low:
        raise ShapeError(f"randint: there is no integer from {low} up to, not including, {high}")
    return _drawn(
        ops.random_integers,
        tuple(size),
        generator,
        requires_grad,
        device,
        low=low,
        high=high,
        dtype=dtype or dtypes.int64,
    )


def randint_like(
    input: Tensor,
    low: Any = 0,
    high: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **steering: Any,
) -> Tensor:
    """Integers in the shape and dtype of another tensor."""
    low, high = (0, low) if high is None else (low, high)
    return randint(
        low,
        high,
        tuple(input.shape),
        generator=generator,
        dtype=dtype or input.dtype,
        device=input.device if device is None else device,
        requires_grad=requires_grad,
        **steering,
    )


@placed
def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **steering: Any,
) -> Tensor:
    """The integers 0 … n − 1 in random order: the order of 62 random bits each."""
    only_steering("randperm", steering)
    if n < 0:
        raise ShapeError(f"randperm: there are no {n} integers")
    keys = (generator or default_generator).draw(
        ops.random_integers, (n,), low=0, high=2**62, dtype=dtypes.int64
    )
    return made(
        ops.cast(ops.argsort(keys, dim=0), dtype=dtype or dtypes.int64), requires_grad, device
    )


@placed
def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **steering: Any,
) -> Tensor:
    """Normal numbers with a mean and standard deviation, each a number or a tensor; a shape is given
    where both are numbers.
    """
    only_steering("normal", steering)
    given = [v for v in (mean, std) if isinstance(v, Tensor)]
    lowest = std.detach().min().item() if isinstance(std, Tensor) and std.numel() else std
    if isinstance(lowest, int | float) and lowest < 0:
        raise ShapeError(f"normal: a standard deviation cannot be negative, found {lowest}")
    if not given and size is None:
        raise ShapeError("normal needs a size where mean and std are numbers")
    if given and size is not None:
        raise ShapeError("normal takes a size only where mean and std are numbers")
    if given:
        size, dtype = shapes.broadcast(*[tuple(v.shape) for v in given]), dtype or given[0].dtype
        device = given[0].device if device is None else device
    y = randn(tuple(size), generator=generator, dtype=dtype, device=device) * std + mean
    y = y.to(given[0].dtype) if given else y
    return y.requires_grad_() if requires_grad else y


def bernoulli(
    input: Tensor, p: float | None = None, *, generator: Generator | None = None
) -> Tensor:
    """1 with the probability that each element gives, or p for all, else 0, in the dtype of input."""
    if p is None and not input.is_floating_point():
        raise DTypeError(f"bernoulli takes floating probabilities, found {input.dtype.name}")
    if p is not None and not 0 <= p <= 1:
        raise ShapeError(f"bernoulli: a probability is between 0 and 1, found {p}")
    u = rand(tuple(input.shape), device=input.device, generator=generator, dtype=dtypes.float32)
    return (u < (input if p is None else p)).to(input.dtype)


def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Indices drawn from rows of (unnormalised) probabilities, with or without putting back.

    With replacement by inverting the cumulative sum; without, by the largest of log p + Gumbel
    noise.  Source: Vieira 2014.
    """
    if num_samples < 1:
        raise ShapeError(f"multinomial draws at least one sample, found {num_samples}")
    if input.ndim not in (1, 2) or not input.is_floating_point():
        raise ShapeError(
            f"multinomial takes a floating vector or matrix of probabilities, found {tuple(input.shape)} {input.dtype.name}"
        )
    p = input.detach()
    if bool(((p < 0) | ~ops.isfinite(p)).any()) or bool((p.sum(-1) <= 0).any()):
        raise ShapeError(
            "multinomial: probabilities must be finite, non-negative, and not all zero"
        )
    p = p.double()
    if replacement:
        edges = (p / p.sum(-1, keepdim=True)).cumsum(-1)
        u = rand((*p.shape[:-1], num_samples), generator=generator, dtype=dtypes.float64)
        found = (edges.unsqueeze(-2) <= u.unsqueeze(-1)).sum(-1)
        return ops.minimum(found, p.shape[-1] - 1)
    if bool(((p > 0).sum(-1) < num_samples).any()):
        raise ShapeError(
            f"multinomial: fewer than {num_samples} outcomes have a probability above 0\n  hint: replacement=True"
        )
    u = rand(tuple(p.shape), generator=generator, dtype=dtypes.float64) + 2.0**-26
    gumbel = ops.log(p) - ops.log(-ops.log(u))
    return ops.topk(gumbel, k=num_samples, dim=-1)[1]


def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """How often something happens that happens, on average, as often as each element says.

    Below 10 by inverting the distribution function, above by transformed rejection, in rounds: the
    elements that were rejected draw again.  Source: Hörmann 1993, algorithm PTRS.
    """
    if not input.is_floating_point():
        raise DTypeError(f"poisson takes floating rates, found {input.dtype.name}")
    rates = np.asarray(input.detach().double().numpy()).reshape(-1)
    if rates.size and not rates.min() >= 0:
        raise ShapeError(f"poisson: a rate cannot be negative, found {rates.min()}")
    out = np.zeros(rates.shape)
    few = rates < 10
    out[few] = _poisson_few(rates[few], generator)
    left = np.flatnonzero(~few)
    while left.size:
        found, accepted = _poisson_many(rates[left], generator)
        out[left[accepted]] = found[accepted]
        left = left[~accepted]
    return made_of(out.reshape(tuple(input.shape))).to(input.dtype)


def _uniform(shape: tuple, generator: Generator | None) -> np.ndarray:
    """Numbers between 0 and 1, neither included, with 48 random bits."""
    u = np.asarray(rand((*shape, 2), generator=generator, dtype=dtypes.float64).numpy())
    return u[..., 0] + u[..., 1] * 2.0**-24 + 2.0**-49


def _poisson_few(rate: np.ndarray, generator: Generator | None) -> np.ndarray:
    """By adding up probabilities until they exceed a uniform number."""
    u = _uniform(rate.shape, generator)
    k, p = np.zeros(rate.shape), np.exp(-rate)
    below = p.copy()
    while (more := (u > below) & (p > 0)).any():
        k[more] += 1
        p = np.where(more, p * rate / np.maximum(k, 1), p)
        below = np.where(more, below + p, below)
    return k


def _poisson_many(rate: np.ndarray, generator: Generator | None) -> tuple[np.ndarray, np.ndarray]:
    """One round of rejection: what was drawn, and which of it holds."""
    b = 0.931 + 2.53 * np.sqrt(rate)
    a = -0.059 + 0.02483 * b
    u, v = np.moveaxis(_uniform((*rate.shape, 2), generator), -1, 0)
    u = u - 0.5
    us = 0.5 - np.abs(u)
    k = np.floor((2 * a / us + b) * u + rate + 0.43)
    log_gamma = np.asarray(ops.lgamma(np.maximum(k, 0) + 1))
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    fits = np.log(v * inverse_alpha / (a / (us * us) + b)) <= k * np.log(rate) - rate - log_gamma
    return k, (k >= 0) & (
        ((us >= 0.07) & (v <= 0.9277 - 3.6224 / (b - 2))) | (fits & ~((us < 0.013) & (v > us)))
    )
