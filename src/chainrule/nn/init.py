"""Initial values of weights: every function fills its tensor in place, outside the graph, and
returns it.

What most of them keep constant is the variance of the activations from layer to layer. For
``y = W x`` with ``fan_in`` independent inputs, ``Var y = fan_in · Var W · Var x``: so
``Var W = gain² / fan_in``, with a gain that makes up for what the nonlinearity takes away. For a
convolution the fans count every element of the window.

    fan_in    inputs that feed one output    weight.shape[1] · window
    fan_out   outputs that one input feeds   weight.shape[0] · window

The random ones draw from the generator's stream of initial weights (`tensors.twister`), which is
PyTorch's: the same seed, the same layers in the same order, the same weights. Uniform numbers agree
to the bit, normal ones but for the last bits of logarithm and cosine. `Tensor.uniform_`, `randn`
and the other random ops draw from another stream and do not disturb this one. Inside a traced
function they are refused: a program draws from the ops' stream alone.
"""

from __future__ import annotations

import contextlib
import functools
import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..base.errors import ArgumentError, DTypeError, ShapeError
from ..base.loading import shown
from ..tape.modes import modes, no_grad
from ..tensors import Generator, Tensor, as_tensor, default_generator, float64, where, zeros
from ..tensors import eye as identity
from ..tensors.functions.face import naming
from ..tensors.twister import Twister

__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "skipped",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

__dir__ = shown(__name__)

_GAIN_ONE = (
    "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d",
    "conv_transpose3d", "sigmoid",
)  # fmt: skip


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights before ``nonlinearity`` are widened to keep the variance.

    1 for linear, convolutions and sigmoid; 5/3 for tanh; √2 for relu; √(2 / (1 + slope²)) for
    leaky_relu; 3/4 for selu.

    Args:
        nonlinearity: the name of the function in ``nn.functional``.
        param: the negative slope of leaky_relu (0.01 by default); not used by the others.

    Raises:
        ValueError: the name is unknown, or the slope is no number.

    Example:
        >>> calculate_gain("leaky_relu", 1.0)
        1.0
    """
    if nonlinearity in _GAIN_ONE:
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ArgumentError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise ArgumentError(f"Unsupported nonlinearity {nonlinearity}")


@contextlib.contextmanager
def skipped() -> Iterator[None]:
    """A block in which layers are made without memory and without initial weights, in order to load others: every
    parameter must be replaced before it is used.

    Example:
        >>> with nn.init.skipped():
        ...     layer = nn.Linear(1_000_000, 1_000_000)
        >>> layer.weight.shape
        chainrule.Size([1000000, 1000000])
    """
    before, modes.weightless = modes.weightless, True
    try:
        yield
    finally:
        modes.weightless = before


def _fills(f: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Does nothing where initial weights are skipped, and to tensors on the device 'meta', which have no values."""
    fill = naming(f)

    @functools.wraps(f)
    def filled(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return tensor if modes.weightless or tensor.is_meta else fill(tensor, *args, **kwargs)

    return filled


@_fills
def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with draws from the uniform distribution on [a, b).

    Raises:
        ShapeError: b is below a.
        DTypeError: the tensor does not hold floating numbers.
        TraceError: inside a traced function.
    """
    with no_grad():
        return tensor.copy_(_uniform(tensor, a, b, generator))


@_fills
def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with draws from the normal distribution N(mean, std²).

    Raises:
        ShapeError: std is negative.
        DTypeError: the tensor does not hold floating numbers.
        TraceError: inside a traced function.
    """
    with no_grad():
        return tensor.copy_(_normal(tensor, mean, std, generator))


def _uniform(like: Tensor, a: float, b: float, generator: Generator | None) -> Tensor:
    """Uniform numbers, of the shape and dtype of a tensor."""
    if b < a:
        raise ShapeError(f"uniform_: the upper bound {b} is below the lower {a}")
    stream = _stream("uniform_", like, generator)
    return _placed(stream.uniform(like.numel(), a, b, _wide(like)), like)


def _normal(like: Tensor, mean: float, std: float, generator: Generator | None) -> Tensor:
    """Normal numbers, of the shape and dtype of a tensor."""
    if std < 0:
        raise ShapeError(f"normal_: the standard deviation {std} is negative")
    stream = _stream("normal_", like, generator)
    if not like.is_contiguous():
        return _placed(stream.normal_pairs(like.numel(), mean, std, _wide(like)), like)
    whole = like.dtype.itemsize >= 4
    return _placed(stream.normal(like.numel(), mean, std, _wide(like), redraw=whole), like)


def _stream(name: str, like: Tensor, generator: Generator | None) -> Twister:
    if modes.trace is not None:
        modes.trace.refuse(
            f"init.{name} draws initial weights inside a traced function",
            "initialise before calling it; numbers that are new at every call come from "
            f"rand, randn or Tensor.{name}",
        )
    if not like.dtype.is_floating_point:
        raise DTypeError(f"init.{name} draws floating numbers, found dtype {like.dtype.name}")
    return (generator or default_generator).weights


def _wide(like: Tensor) -> type:
    """The dtype to draw in: half floats are drawn in float32 and rounded."""
    return np.float64 if like.dtype is float64 else np.float32


def _placed(drawn: np.ndarray, like: Tensor) -> Tensor:
    """Numbers drawn one after the other, as a tensor like another: they lie in the order of its
    memory, which is that of its indices unless it is a view (``w.T``).
    """
    axes = sorted(range(like.ndim), key=lambda k: -like.stride(k))
    shape = tuple(like.shape[k] for k in axes)
    return as_tensor(drawn.reshape(shape).transpose(np.argsort(axes))).to(like.dtype)


@_fills
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill with draws from N(mean, std²) restricted to [a, b].

    What falls outside is drawn again. Where little of the normal lies inside (less than 30 %),
    candidates are drawn uniformly from [a, b] instead, and each is kept with the probability
    exp(−½ ((x − mean)/std)²) / its maximum there.
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=4,
        )
    inside = _normal_cdf((b - mean) / std) - _normal_cdf((a - mean) / std)
    with no_grad():
        if inside > 0.3:
            low, high = (as_tensor(v, dtype=tensor.dtype) for v in (a, b))
            drawn = _normal(tensor, mean, std, generator)
            while (rejected := (drawn < low) | (drawn > high)).any():
                drawn = where(rejected, _normal(drawn, mean, std, generator), drawn)
        else:
            log_peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2
            drawn, rejected = None, None
            while rejected is None or rejected.any():
                candidate = _uniform(tensor, a, b, generator)
                log_density = -0.5 * ((candidate - mean) / std) ** 2 - log_peak
                unlucky = _uniform(tensor, 0.0, 1.0, generator).log() > log_density
                drawn = candidate if drawn is None else where(rejected, candidate, drawn)
                rejected = unlucky if rejected is None else rejected & unlucky
        return tensor.copy_(drawn)


def _normal_cdf(x: float) -> float:
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


@_fills
def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with ``val``."""
    with no_grad():
        return tensor.fill_(val)


@_fills
def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones."""
    return constant_(tensor, 1.0)


@_fills
def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros."""
    with no_grad():
        return tensor.zero_()


@_fills
def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with ones on its diagonal, zeros elsewhere.

    Raises:
        ValueError: the tensor has not two dimensions.
    """
    if tensor.ndim != 2:
        raise ArgumentError("Only tensors with 2 dimensions are supported")
    with no_grad():
        return tensor.copy_(identity(*tensor.shape, dtype=tensor.dtype))


@_fills
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill the weight of a convolution (out, in, *window) so that it passes as many channels on
    unchanged as it can.

    Args:
        tensor: of 3, 4 or 5 dimensions.
        groups: groups of the convolution; each passes its own channels on.

    Raises:
        ValueError: another number of dimensions, or out is not a multiple of groups.
    """
    if tensor.ndim not in (3, 4, 5):
        raise ArgumentError("Only tensors with 3, 4, or 5 dimensions are supported")
    if tensor.shape[0] % groups != 0:
        raise ArgumentError("dim 0 must be divisible by groups")
    per_group = tensor.shape[0] // groups
    centre = tuple(size // 2 for size in tensor.shape[2:])
    with no_grad():
        tensor.zero_()
        for group in range(groups):
            for channel in range(min(per_group, tensor.shape[1])):
                tensor[(group * per_group + channel, channel, *centre)] = 1
    return tensor


def _fans(tensor: Tensor) -> tuple[int, int]:
    if tensor.ndim < 2:
        raise ArgumentError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions"
        )
    window = math.prod(tensor.shape[2:])
    return tensor.shape[1] * window, tensor.shape[0] * window


def _fan(tensor: Tensor, mode: str) -> int:
    modes = ["fan_in", "fan_out"]
    if mode.lower() not in modes:
        raise ArgumentError(f"Mode {mode} not supported, please use one of {modes}")
    return _fans(tensor)[modes.index(mode.lower())]


# PyTorch's names, which people use
_calculate_fan_in_and_fan_out, _calculate_correct_fan = _fans, _fan


@_fills
def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill from U(−a, a) with  a = gain · √(6 / (fan_in + fan_out)).   Source: Glorot & Bengio
    2010, eq. 16.
    """
    fan_in, fan_out = _fans(tensor)
    a = math.sqrt(3.0) * (gain * math.sqrt(2.0 / (fan_in + fan_out)))  # rounded as in PyTorch
    return uniform_(tensor, -a, a, generator)


@_fills
def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill from N(0, std²) with  std = gain · √(2 / (fan_in + fan_out)).   Source: Glorot &
    Bengio 2010, eq. 12.
    """
    fan_in, fan_out = _fans(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / (fan_in + fan_out)), generator)


@_fills
def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill from U(−bound, bound) with  bound = gain · √(3 / fan).   Source: He et al. 2015, eq. 10.

    Args:
        tensor: a weight (out, in, *window).
        a: the slope of the leaky_relu that follows.
        mode: ``"fan_in"`` keeps the variance of the forward pass, ``"fan_out"`` that of the
            backward pass.
        nonlinearity: what follows, for ``calculate_gain``.
        generator: the source of random bits.

    Raises:
        ValueError: unknown mode or nonlinearity, or fewer than two dimensions.
    """
    if _is_empty(tensor):
        return tensor
    std = calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode))
    bound = math.sqrt(3.0) * std  # rounded as in PyTorch
    return uniform_(tensor, -bound, bound, generator)


@_fills
def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill from N(0, std²) with  std = gain / √fan; arguments as ``kaiming_uniform_``.   Source:
    He et al. 2015, eq. 10.
    """
    if _is_empty(tensor):
        return tensor
    std = calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode))
    return normal_(tensor, 0, std, generator)


def _is_empty(tensor: Tensor) -> bool:
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=5)
        return True
    return False


@_fills
def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Fill with a matrix whose rows (or columns, if there are fewer) are orthonormal, times
    ``gain``.

    The Q of the QR decomposition of a normal matrix, its columns signed so that every orthogonal
    matrix is equally likely. Dimensions after the first are taken together.   Source: Saxe et al.
    2013; signs: Mezzadri 2007, section 5.

    Raises:
        ValueError: fewer than two dimensions.
    """
    if tensor.ndim < 2:
        raise ArgumentError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    with no_grad():
        flat = zeros(rows, columns, dtype=tensor.dtype)
        drawn = _normal(flat, 0.0, 1.0, generator).to(float64).numpy()
        q, r = np.linalg.qr(drawn.T if rows < columns else drawn)
        q = q * np.sign(np.diagonal(r)) * gain
        return tensor.copy_(as_tensor(q.T if rows < columns else q).reshape(tensor.shape))


@_fills
def sparse_(
    tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None
) -> Tensor:
    """Fill a matrix from N(0, std²), then set the fraction ``sparsity`` of each column to zero.
    Source: Martens 2010.

    Differs from PyTorch: a generator that is named also decides which are set to zero.

    Raises:
        ValueError: the tensor has not two dimensions.
    """
    if tensor.ndim != 2:
        raise ArgumentError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.shape
    cleared = math.ceil(sparsity * rows)
    with no_grad():
        values = _normal(tensor, 0.0, std, generator).clone()
        stream = _stream("sparse_", tensor, generator)
        for column in range(columns):
            values[stream.permutation(rows)[:cleared], column] = 0
        return tensor.copy_(values)


# ------------------------------------------------------------------------------------------ older and private names

DEPRECATED = (
    "uniform", "normal", "constant", "eye", "dirac", "xavier_uniform", "xavier_normal",
    "kaiming_uniform", "kaiming_normal", "orthogonal", "sparse",
)  # fmt: skip
"""PyTorch's older names of functions that fill in place. They work there with a warning, and so here."""

_no_grad_uniform_, _no_grad_normal_, _no_grad_trunc_normal_ = uniform_, normal_, trunc_normal_
_no_grad_fill_, _no_grad_zero_ = constant_, zeros_


def __getattr__(name: str) -> Any:
    if name not in DEPRECATED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    filling = globals()[f"{name}_"]

    @functools.wraps(filling)
    def old(*args: Any, **options: Any) -> Tensor:
        warnings.warn(
            f"`nn.init.{name}` is now deprecated in favor of `nn.init.{name}_`.",
            FutureWarning,
            stacklevel=4,
        )
        return filling(*args, **options)

    return old
