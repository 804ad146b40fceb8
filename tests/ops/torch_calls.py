"""The same call in PyTorch: how each op's normal form is written there.

An op whose `reference` takes our operands and attributes under our names needs no entry. The others have one: a function of torch,
the operands and the attributes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from math import prod
from types import ModuleType
from typing import Any

import numpy as np

from chainrule.base import dtypes
from chainrule.ops import Op

CALLS: dict[str, Callable] = {}
"""Entries by the op's name."""

NOT_IN_TORCH = {
    "attention_backward": "the derivative of attention, which is compared",
    "ctc_reach_backward": "the derivative of ctc_reach, likewise",
    "standardize_backward": "the derivative of the norms, likewise",
    "conv_input": "the adjoint of conv in x; its values are conv's gradient, which is compared",
    "conv_weight": "the adjoint of conv in w, likewise",
    "sum_pool_input": "the adjoint of sum_pool, likewise",
    "fold_windows": "the adjoint of unfold_windows, likewise",
    "deviation": "the root within std, which is compared",
    "recurrence": "torch has none; cumprod and logcumsumexp, whose derivatives it is, are compared",
    "uniform": "other random bits; see test_random.py",
    "normal": "other random bits; see test_random.py",
    "random_integers": "other random bits; see test_random.py",
    "dropout": "other random bits; see test_random.py",
    "alpha_dropout": "other random bits; see test_functional.py",
    "rrelu": "other random bits; see test_activations.py",
    "with_gumbel": "other random bits; see test_activations.py",
    "bessel": "torch's J and Y have nine digits above 2, seven above 5; see test_special.py",
}
"""Ops without a counterpart, and why."""

NO_GRADIENT_IN_TORCH = {
    "multi_margin_loss": ("weight",),
    "floor_divide": ("a", "b"),
    "trunc_divide": ("a", "b"),
    "heaviside": ("x", "values"),
    "nll_loss": ("weight",),
    "binary_cross_entropy": ("weight",),
    "binary_cross_entropy_with_logits": ("weight", "pos_weight"),
    "batch_norm_with": ("mean", "var"),
    "fractional_max_pool": ("samples",),
    "airy": ("x",),
    "orthogonal_polynomial": ("x", "n"),
    "spherical_bessel_j0": ("x",),
}
"""Operands by which we have a derivative and torch has none."""


def to_torch(torch: ModuleType, a: Any) -> Any:
    """A raw operand or attribute as torch takes it."""
    if isinstance(a, dtypes.DType):
        return getattr(torch, a.name)
    if not isinstance(a, np.ndarray):
        return a
    if a.dtype == dtypes.BF16_BITS:
        return torch.from_numpy(a.view("int16").copy()).view(torch.bfloat16)
    return torch.from_numpy(a.copy())


def from_torch(torch: ModuleType, t: Any) -> np.ndarray:
    """A torch result as a raw array."""
    t = t.detach().contiguous()
    return t.view(torch.int16).numpy().view("uint16") if t.dtype == torch.bfloat16 else t.numpy()


def call(torch: ModuleType, op: Op, operands: list, attrs: dict) -> tuple:
    """The results of the op's counterpart on torch operands, attributes in our normal form."""
    attrs = {k: to_torch(torch, v) for k, v in attrs.items()}
    entry = CALLS.get(op.name)
    if entry is not None:
        y = entry(torch, *operands, **attrs)
    else:
        y = reduce(getattr, op.reference.split(".")[1:], torch)(*operands, **attrs)
    return tuple(y) if isinstance(y, (tuple, list)) else (y,)


def entry(f: Callable) -> Callable:
    """Put a function into the table under its name, a trailing underscore left out."""
    CALLS[f.__name__ if f.__name__ == "slice_" else f.__name__.removesuffix("_")] = f
    return f


# ------------------------------------------------------------------------------------------------- creation and views


@entry
def full(torch, *, shape, value, dtype):
    return torch.full(shape, value, dtype=dtype)


@entry
def arange(torch, *, start, step, count, dtype):
    return torch.arange(start, start + step * count, step, dtype=dtype)


@entry
def eye(torch, *, rows, columns, dtype):
    return torch.eye(rows, columns, dtype=dtype)


@entry
def expand(torch, x, *, shape):
    return x.expand(shape)


@entry
def slice_(torch, x, *, dim, start, stop, step):
    return x[(slice(None),) * dim + (slice(start, stop, step),)]


@entry
def unfold(torch, x, *, dim, size, step):
    return x.unfold(dim, size, step)


@entry
def as_strided(torch, x, *, shape, strides, offset):
    return torch.as_strided(x, shape, strides, offset)


@entry
def scatter_mul(torch, x, at, source, *, dim):
    return torch.scatter_reduce(x, dim, at, corner(source, at), "prod")


@entry
def scatter_extreme(torch, x, at, source, *, dim, largest):
    return torch.scatter_reduce(x, dim, at, corner(source, at), "amax" if largest else "amin")


@entry
def scatter_reduce(torch, x, at, source, *, dim, reduce, include_self):
    return torch.scatter_reduce(x, dim, at, source, reduce, include_self=include_self)


@entry
def segment_reduce(torch, x, offsets, *, axis, reduce, initial):
    return torch.segment_reduce(x, reduce, offsets=offsets, axis=axis, initial=initial, unsafe=True)


@entry
def view_scatter(torch, x, value, *, path):
    y = place = x.clone()
    for op, attrs in path:
        (place,) = call(torch, op, [place], dict(attrs))
    place.copy_(value)
    return y


@entry
def cat(torch, *xs, dim):
    return torch.cat(xs, dim)


@entry
def stack(torch, *xs, dim):
    return torch.stack(xs, dim)


@entry
def pad(torch, x, *, pads, value):
    return torch.nn.functional.pad(x, [n for pair in reversed(pads) for n in pair], value=value)


# ------------------------------------------------------------------------------------------ elementwise and reductions


@entry
def clamp(torch, x, low, high):
    if isinstance(low, (int, float)) or isinstance(high, (int, float)):
        return torch.clamp(x, low, high)
    return torch.clamp(x, min=low, max=high)


@entry
def trunc_divide(torch, a, b):
    return torch.div(a, b, rounding_mode="trunc")


@entry
def mantissa(torch, x):
    return torch.frexp(x).mantissa


@entry
def exponent(torch, x):
    return torch.frexp(x).exponent


@entry
def round_to(torch, x, *, decimals):
    return torch.round(x, decimals=decimals)


@entry
def polygamma(torch, x, *, n):
    return torch.polygamma(n, x)


@entry
def airy(torch, x, *, slope):
    return torch.special.airy_ai(x)


@entry
def orthogonal_polynomial(torch, x, n, *, family, order):
    name, _, member = family.partition("_")
    return getattr(torch.special, f"{name}_polynomial_{member}")(x, n)


@entry
def cast(torch, x, *, dtype):
    return x.to(dtype)


@entry
def amax(torch, x, *, dim, keepdim):
    return torch.amax(x, dim, keepdim)


@entry
def amin(torch, x, *, dim, keepdim):
    return torch.amin(x, dim, keepdim)


@entry
def prod_(torch, x, *, dim, keepdim):
    for d in sorted(dim, reverse=True):
        x = torch.prod(x, d, keepdim=keepdim)
    return x if dim else torch.prod(x)


@entry
def median(torch, x, *, ignore_nan):
    return torch.nanmedian(x) if ignore_nan else torch.median(x)


@entry
def median_along(torch, x, *, dim, keepdim, ignore_nan):
    f = torch.nanmedian if ignore_nan else torch.median
    return f(x, dim, keepdim=keepdim)


@entry
def quantile(torch, x, q, *, ignore_nan, **attrs):
    return (torch.nanquantile if ignore_nan else torch.quantile)(x, q, **attrs)


@entry
def max_along(torch, x, *, dim, keepdim):
    return torch.max(x, dim, keepdim)


@entry
def min_along(torch, x, *, dim, keepdim):
    return torch.min(x, dim, keepdim)


@entry
def sort(torch, x, *, dim, descending):
    return torch.sort(x, dim=dim, descending=descending, stable=True)


@entry
def argsort(torch, x, *, dim, descending):
    return torch.argsort(x, dim=dim, descending=descending, stable=True)


# ------------------------------------------------------------------------------------------------ gather and scatter


@entry
def index(torch, x, *indices, dims):
    where = [slice(None)] * x.ndim
    for d, i in zip(dims, indices, strict=True):
        where[d] = i
    return x[tuple(where)]


@entry
def index_put(torch, x, values, *indices, dims, accumulate):
    where = [None] * x.ndim
    for d, i in zip(dims, indices, strict=True):
        where[d] = i
    return torch.ops.aten.index_put(x, where, values, accumulate)


@entry
def gather(torch, x, at, *, dim):
    return torch.gather(x, dim, at)


def corner(source, at):
    """What of a source is read: torch's backward pass cannot do with more."""
    return source[tuple([slice(n) for n in at.shape])]


@entry
def scatter(torch, x, at, source, *, dim):
    return torch.scatter(x, dim, at, corner(source, at))


@entry
def scatter_add(torch, x, at, source, *, dim):
    return torch.scatter_add(x, dim, at, corner(source, at))


@entry
def embedding(torch, weight, at, *, padding, by_frequency):
    return torch.nn.functional.embedding(
        at, weight, padding_idx=padding, scale_grad_by_freq=by_frequency
    )


# -------------------------------------------------------------------------------------------- products and windows


@entry
def einsum(torch, *xs, equation):
    return torch.einsum(equation, *xs)


def padded(torch, x, padding, value=0.0):
    return torch.nn.functional.pad(x, [n for p in reversed(padding) for n in p], value=value)


def of_rank(torch, name, x):
    """`name` with the number of spatial axes of x: conv2d."""
    return getattr(torch.nn.functional, f"{name}{x.ndim - 2}d")


@entry
def conv(torch, x, w, *, stride, padding, dilation, groups):
    x = padded(torch, x, padding)
    f = of_rank(torch, "conv", x)
    return f(x, w, stride=stride, dilation=dilation, groups=groups)


@entry
def max_pool(torch, x, *, kernel, stride, padding, dilation):
    wide = padded(torch, x, padding, -float("inf"))
    f = of_rank(torch, "max_pool", x)
    values, at = f(wide, kernel, stride, dilation=dilation, return_indices=True)
    places = torch.zeros_like(at)
    for k, p in enumerate(torch.unravel_index(at, wide.shape[2:])):
        places = places * x.shape[2 + k] + (p - padding[k][0])
    return values, places


@entry
def sum_pool(torch, x, *, kernel, stride, padding, dilation):
    channels = x.shape[1]
    ones = torch.ones((channels, 1, *kernel), dtype=x.dtype)
    x = padded(torch, x, padding)
    return of_rank(torch, "conv", x)(x, ones, stride=stride, dilation=dilation, groups=channels)


@entry
def unfold_windows(torch, x, *, kernel, stride, padding, dilation):
    x = padded(torch, x, padding)
    if x.ndim == 3:  # torch has two spatial axes alone
        return unfold_windows(
            torch, x[..., None], kernel=(*kernel, 1), stride=(*stride, 1), padding=((0, 0),) * 2,
            dilation=(*dilation, 1),
        )[:, :, :, 0, :, 0]  # fmt: skip
    y = torch.nn.functional.unfold(x, kernel, dilation, 0, stride)
    sizes = zip(x.shape[2:], kernel, stride, dilation, strict=True)
    places = [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in sizes]
    return y.reshape(*x.shape[:2], *kernel, *places)


@entry
def avg_pool(torch, x, *, kernel, stride, padding, count_padding, divisor):
    wide, f = padded(torch, x, padding), of_rank(torch, "avg_pool", x)
    y = f(wide, kernel, stride)
    if divisor is not None:
        return y * (prod(kernel) / divisor)
    return y if count_padding else y / f(padded(torch, torch.ones_like(x), padding), kernel, stride)


@entry
def adaptive_avg_pool(torch, x, *, size):
    return of_rank(torch, "adaptive_avg_pool", x)(x, size)


@entry
def adaptive_max_pool(torch, x, *, size):
    return of_rank(torch, "adaptive_max_pool", x)(x, size, return_indices=True)


@entry
def fractional_max_pool(torch, x, samples, *, kernel, size):
    f = of_rank(torch, "fractional_max_pool", x)
    return f(x, kernel, size, return_indices=True, _random_samples=samples)


@entry
def lp_pool(torch, x, *, p, kernel, stride, padding):
    if len(kernel) == 1:  # torch multiplies by it
        (kernel,), (stride,) = kernel, stride
    ceil_mode = any(map(any, padding))  # there padding comes from it alone
    return of_rank(torch, "lp_pool", x)(x, p, kernel, stride, ceil_mode=ceil_mode)


@entry
def max_unpool(torch, x, at, *, size):
    kernel = [
        n - (p - 1) for n, p in zip(size, x.shape[2:], strict=True)
    ]  # of stride 1: it fills the size
    return of_rank(torch, "max_unpool", x)(x, at, kernel, 1, output_size=size)


@entry
def extend(torch, x, *, dim, before, after, mode):
    x = x[None].movedim(dim + 1, -1) if x.ndim == 1 else x.movedim(dim, -1)
    y = torch.nn.functional.pad(x, (before, after), mode)
    return y[0] if dim == 0 else y.movedim(-1, dim)


def resized(torch, x, dim, size, scale, **options):
    """torch has images of two axes: the one that is resized comes last, the other has two rows."""
    wide = x.movedim(dim, -1).reshape(1, -1, 1, x.shape[dim]).repeat(1, 1, 2, 1)
    place = {"size": (2, size)} if scale is None else {"scale_factor": (1.0, scale)}
    y = torch.nn.functional.interpolate(wide, **place, **options)[:, :, 0]
    rest = [n for k, n in enumerate(x.shape) if k != dim]
    return y.reshape(*rest, size).movedim(-1, dim)


@entry
def resize_nearest(torch, x, *, dim, size, exact, scale):
    return resized(torch, x, dim, size, scale, mode="nearest-exact" if exact else "nearest")


@entry
def resize(torch, x, *, dim, size, mode, align, scale):
    name = {"linear": "bilinear", "cubic": "bicubic"}.get(mode, mode)
    return resized(torch, x, dim, size, scale, mode=name, align_corners=align)


@entry
def resize_smoothly(torch, x, *, dim, size, mode, align, scale):
    name = {"linear": "bilinear", "cubic": "bicubic"}.get(mode, mode)
    return resized(torch, x, dim, size, scale, mode=name, align_corners=align, antialias=True)


@entry
def reduce_bags(torch, rows, weight, kept, *, mode):
    if kept is None:
        kept = torch.ones(rows.shape[:2], dtype=torch.bool)
    bags = [one[here] for one, here in zip(rows, kept, strict=True)]
    if weight is not None:
        weights = [w[here, None] for w, here in zip(weight, kept, strict=True)]
        bags = [bag * w for bag, w in zip(bags, weights, strict=True)]
    return torch.stack([of_bag(torch, bag, mode) for bag in bags])


@entry
def sum_bags(torch, rows, starts, weight, kept, *, mean):
    if weight is not None:
        rows = rows * weight[:, None]
    ends = [*starts.tolist()[1:], len(rows)]
    bags = []
    for start, end in zip(starts.tolist(), ends, strict=True):
        bag = rows[start:end]
        bags.append(bag if kept is None else bag[kept[start:end]])
    return torch.stack([of_bag(torch, bag, "mean" if mean else "sum") for bag in bags])


@entry
def max_bags(torch, rows, starts, kept):
    ends = [*starts.tolist()[1:], len(rows)]
    bags = []
    for start, end in zip(starts.tolist(), ends, strict=True):
        bag = rows[start:end]
        bags.append(bag if kept is None else bag[kept[start:end]])
    return torch.stack([of_bag(torch, bag, "max") for bag in bags])


def of_bag(torch, bag, mode):
    """Its sum, mean or maximum; zeros if there is nothing in it."""
    if mode == "max" and len(bag):
        return bag.max(0).values
    return bag.sum(0) / (max(len(bag), 1) if mode == "mean" else 1)


@entry
def grid_sample(torch, x, grid, *, mode, outside, align):
    return torch.nn.functional.grid_sample(x, grid, mode, outside, align)


@entry
def affine_grid(torch, theta, *, size, align):
    shape = (theta.shape[0], 1, *size)
    return torch.nn.functional.affine_grid(theta, shape, align_corners=align)


@entry
def pixel_shuffle(torch, x, *, factor):
    return torch.nn.functional.pixel_shuffle(x, factor)


@entry
def pixel_unshuffle(torch, x, *, factor):
    return torch.nn.functional.pixel_unshuffle(x, factor)


# ----------------------------------------------------------------------------------------------------------- matrices


@entry
def solve_triangular(torch, a, b, *, upper, unit):
    return torch.linalg.solve_triangular(a, b, upper=upper, unitriangular=unit)


@entry
def cofactors(torch, a):
    return torch.linalg.det(a)[..., None, None] * torch.linalg.inv(a).mT


@entry
def cholesky_info(torch, a):
    return torch.linalg.cholesky_ex(a).info


@entry
def lu(torch, a, *, pivot):
    if not pivot:
        return lu_without_pivots(torch, a)
    factors, pivots, info = torch.linalg.lu_factor_ex(a)
    return factors, pivots, torch.linalg.lu(a).P.argmax(-2), info


def lu_without_pivots(torch, a):
    """torch has it on GPUs only: elimination column by column."""
    low, up, n = torch.eye(len(a), dtype=a.dtype), a, len(a)
    for j in range(n - 1):
        step = torch.zeros_like(a).index_put(
            (torch.arange(j + 1, n), torch.tensor(j)), up[j + 1 :, j] / up[j, j]
        )
        low, up = low + step, up - step @ up
    factors = low.tril(-1) + up.triu()
    return factors, torch.arange(1, n + 1, dtype=torch.int32), torch.arange(n), torch.tensor(0, dtype=torch.int32)  # fmt: skip


@entry
def pinv(torch, a, atol, rtol, *, hermitian):
    return torch.linalg.pinv(a, atol=atol, rtol=rtol, hermitian=hermitian)


@entry
def qr(torch, a, *, full):
    return torch.linalg.qr(a, "complete" if full else "reduced")


def with_signs_of(torch, v, other, dim):
    """Vectors that are known up to their sign, with the signs that NumPy's LAPACK gives them."""
    return v * (v.detach() * torch.from_numpy(other)).sum(dim, keepdim=True).sign()


@entry
def eigh(torch, a, *, lower):
    triangle = "L" if lower else "U"
    w, v = torch.linalg.eigh(a, UPLO=triangle)
    return w, with_signs_of(torch, v, np.linalg.eigh(a.detach().numpy(), triangle)[1], -2)


@entry
def svd(torch, a, *, full):
    u, s, vt = torch.linalg.svd(a, full_matrices=full)
    mine = np.linalg.svd(a.detach().numpy(), full_matrices=full)
    return with_signs_of(torch, u, mine[0], -2), s, with_signs_of(torch, vt, mine[2], -1)


@entry
def vector_norm(torch, x, *, p, dim, keepdim):
    return torch.linalg.vector_norm(x, p, dim, keepdim)


# --------------------------------------------------------------------------------------------------------- composites


@entry
def prelu(torch, x, weight):
    return torch._prelu_kernel(x, weight)  # functional.prelu wants one weight for each channel


@entry
def layer_norm(torch, x, weight, bias, *, shape, eps):
    return torch.nn.functional.layer_norm(x, shape, weight, bias, eps)


@entry
def rms_norm(torch, x, weight, *, shape, eps):
    return torch.nn.functional.rms_norm(x, shape, weight, eps)


@entry
def batch_norm(torch, x, weight, bias, *, eps):
    y = torch.nn.functional.batch_norm(x, None, None, weight, bias, training=True, eps=eps)
    dims = [0, *range(2, x.ndim)]
    return y, x.mean(dims), x.var(dims, unbiased=False)


@entry
def batch_norm_with(torch, x, mean, var, weight, bias, *, eps):
    return torch.nn.functional.batch_norm(x, mean, var, weight, bias, training=False, eps=eps)


@entry
def binary_entropy(torch, x, target):
    return torch.nn.functional.binary_cross_entropy(x, target, reduction="none")


@entry
def group_norm(torch, x, weight, bias, *, groups, eps):
    if weight is None and bias is not None:
        weight = torch.ones_like(bias)  # without one PyTorch's backward pass fails
    return torch.nn.functional.group_norm(x, groups, weight, bias, eps)


@entry
def attention(torch, q, k, v, mask, *, causal, scale):
    f = torch.nn.functional.scaled_dot_product_attention
    return f(q, k, v, attn_mask=mask, is_causal=causal, scale=scale)


@entry
def soft_cross_entropy(torch, x, target, weight, **attrs):
    return torch.nn.functional.cross_entropy(x, target, weight, **attrs)


@entry
def binary_cross_entropy_with_logits(torch, x, target, weight, pos_weight, *, reduction):
    f = torch.nn.functional.binary_cross_entropy_with_logits
    return f(x, target, weight, pos_weight=pos_weight, reduction=reduction)


# ---------------------------------------------------------------------------------- recurrences, by cells of unit weights


@entry
def lstm_step(torch, gates, c):
    batch, H = gates.shape[:-1], c.shape[-1]
    one = torch.eye(4 * H, dtype=gates.dtype)
    c = c.expand(*batch, H).reshape(-1, H)
    states = torch.zeros_like(c), c
    y = torch.lstm_cell(gates.reshape(-1, 4 * H), states, one, one[:, :H] * 0)
    return [t.reshape(*batch, H) for t in y]


@entry
def gru_step(torch, of_x, of_h, h):
    H = h.shape[-1]
    one = torch.eye(3 * H, dtype=h.dtype)
    # a state of weight 0, for what it gives is here already: the bias, row by row
    rows = [
        torch.gru_cell(x[None], s[None], one, one[:, :H] * 0, x * 0, b)
        for x, b, s in zip(
            of_x.reshape(-1, 3 * H), of_h.reshape(-1, 3 * H), h.reshape(-1, H), strict=True
        )
    ]
    return torch.cat(rows).reshape(h.shape)


@entry
def mse_loss(torch, x, target, weight, *, reduction):
    return torch.nn.functional.mse_loss(x, target, reduction=reduction, weight=weight)


@entry
def l1_loss(torch, x, target, weight, *, reduction):
    return torch.nn.functional.l1_loss(x, target, reduction=reduction, weight=weight)


@entry
def huber_loss(torch, x, target, weight, *, reduction, delta):
    return torch.nn.functional.huber_loss(x, target, reduction, delta, weight)


@entry
def multi_margin_loss(torch, x, target, weight, *, p, margin, reduction):
    f = torch.nn.functional.multi_margin_loss
    return f(
        *widened(torch, x, target), p, margin, *widened(torch, weight), reduction=reduction
    ).to(x.dtype)


@entry
def multilabel_margin_loss(torch, x, target, *, reduction):
    f = torch.nn.functional.multilabel_margin_loss
    return f(*widened(torch, x, target), reduction=reduction).to(x.dtype)


def widened(torch, *xs):
    """bfloat16, which torch has not everywhere, as float32."""
    return [x.float() if x is not None and x.dtype == torch.bfloat16 else x for x in xs]


def need_floats(x):
    if not x.is_floating_point():
        raise TypeError("for floats")


@entry
def soft_margin_loss(torch, x, target, *, reduction):
    need_floats(x)
    loss = torch.logaddexp(-target * x, torch.zeros_like(x))  # torch's own overflows
    return loss if reduction == "none" else getattr(loss, reduction)()


@entry
def at_least(torch, x, *, low):
    need_floats(x)
    y = x.clone()
    with torch.no_grad():
        y.clamp_(min=low)
    return y


@entry
def triplet_hinge(torch, near, far, swapped, *, margin, reduction):
    far = far if swapped is None else torch.minimum(far, swapped)
    loss = (margin + near - far).clamp(min=0)
    return loss if reduction == "none" else getattr(loss, reduction)()


@entry
def ctc_reach(torch, before, skips):
    need_floats(before)
    pad, none = torch.nn.functional.pad, -float("inf")
    one, two = (pad(before, (k, 0), value=none)[..., : before.shape[-1]] for k in (1, 2))
    return torch.logsumexp(torch.stack([before, one, two.where(skips, none)]), 0)


@entry
def ctc_reduced(torch, loss, lengths, *, reduction, zero_infinity):
    need_floats(loss)
    loss = loss.where(loss != float("inf"), 0) if zero_infinity else loss
    loss = loss / lengths.clamp(min=1) if reduction == "mean" else loss
    return loss if reduction == "none" else getattr(loss, reduction)()
