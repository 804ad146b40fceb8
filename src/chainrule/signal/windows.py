"""Windows: weights that fade a stretch of M samples out at both ends.

A symmetric window (`sym=True`) is for designing filters; without, the window is one period of a
periodic one, for Fourier transforms, and its last sample is that of a symmetric one of M + 1 left out.
Numbers are computed in float64 and rounded to the dtype (the default one).  Source: Harris 1978.

>>> hann(5)
tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from .. import ops
from ..base import dtypes
from ..base.errors import ArgumentError, ShapeError
from ..base.loading import shown
from ..tensors import Tensor
from ..tensors.creation import made, only_steering
from ..tensors.functions.face import faced

__all__ = [
    "bartlett", "blackman", "cosine", "exponential", "gaussian", "general_cosine", "general_hamming",
    "hamming", "hann", "kaiser", "nuttall",
]  # fmt: skip

__dir__ = shown(__name__)


def _window(name: str, M: int, options: dict, weights: Callable[[Any], Any]) -> Tensor:
    """The weights of the samples 0 … M − 1; a single sample weighs 1."""
    dtype, device = options.pop("dtype", None), options.pop("device", None)
    requires_grad = options.pop("requires_grad", False)
    only_steering(name, options)
    found = dtypes.of(dtype or dtypes.default())
    if M < 0:
        raise ShapeError(f"{name}: a window has no negative length, found {M}")
    if not found.is_floating_point:
        raise ArgumentError(f"{name}: a window holds floating numbers, found dtype {found.name}")
    k = ops.arange(start=0, step=1, count=M, dtype=dtypes.float64)
    y = ops.full(shape=(M,), value=1.0, dtype=dtypes.float64) if M < 2 else weights(k)
    return made(ops.cast(y, dtype=found), requires_grad, device)


def _period(M: int, sym: bool) -> int:
    return M - 1 if sym else M


def general_cosine(M: int, *, a: Sequence[float], sym: bool = True, **options: Any) -> Tensor:
    """Σᵢ (−1)ⁱ aᵢ cos(2π i k / N)  with N = M − 1, or M if not symmetric."""
    if not a:
        raise ArgumentError("general_cosine takes at least one coefficient")

    def weights(k: Any) -> Any:
        angle = k * (2 * math.pi / _period(M, sym))
        y = ops.zeros_like(k) + a[0]
        for i, c in enumerate(a[1:], 1):
            y = y + (-1) ** i * c * ops.cos(i * angle)
        return y

    return _window("general_cosine", M, options, weights)


def general_hamming(M: int, *, alpha: float = 0.54, sym: bool = True, **options: Any) -> Tensor:
    """alpha − (1 − alpha) cos(2π k / N)."""
    return general_cosine(M, a=[alpha, 1 - alpha], sym=sym, **options)


def hamming(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """0.54 − 0.46 cos(2π k / N)."""
    return general_hamming(M, sym=sym, **options)


def hann(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """½ − ½ cos(2π k / N)."""
    return general_hamming(M, alpha=0.5, sym=sym, **options)


def blackman(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """0.42 − 0.5 cos(2π k / N) + 0.08 cos(4π k / N)."""
    return general_cosine(M, a=[0.42, 0.5, 0.08], sym=sym, **options)


def nuttall(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """The minimum four-term window of Nuttall 1981."""
    return general_cosine(M, a=[0.3635819, 0.4891775, 0.1365995, 0.0106411], sym=sym, **options)


def bartlett(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """A triangle:  1 − |2k / N − 1|."""
    n = _period(M, sym)
    return _window("bartlett", M, options, lambda k: 1 - ops.abs(k * (2 / n) - 1))


def cosine(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """Half a wave:  sin(π (k + ½) / (N + 1))."""
    n = _period(M, sym) + 1
    return _window("cosine", M, options, lambda k: ops.sin((k + 0.5) * (math.pi / n)))


def exponential(
    M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, **options: Any
) -> Tensor:
    """exp(−|k − center| / tau), the center that of the window unless given."""
    if tau <= 0:
        raise ShapeError(f"exponential: tau is positive, found {tau}")
    if sym and center is not None:
        raise ArgumentError("exponential: a symmetric window has its center in the middle")
    middle = _period(M, sym) / 2 if center is None else center
    return _window("exponential", M, options, lambda k: ops.exp(-ops.abs(k - middle) / tau))


def gaussian(M: int, *, std: float = 1.0, sym: bool = True, **options: Any) -> Tensor:
    """exp(−½ ((k − N/2) / std)²)."""
    if std <= 0:
        raise ShapeError(f"gaussian: the standard deviation is positive, found {std}")
    middle = _period(M, sym) / 2
    return _window("gaussian", M, options, lambda k: ops.exp(-0.5 * ops.square((k - middle) / std)))


def kaiser(M: int, *, beta: float = 12.0, sym: bool = True, **options: Any) -> Tensor:
    """I₀(beta · √(1 − (2k / N − 1)²)) / I₀(beta)."""
    if beta < 0:
        raise ShapeError(f"kaiser: beta cannot be negative, found {beta}")
    n = _period(M, sym)

    def weights(k: Any) -> Any:
        inside = ops.clamp(1 - ops.square(k * (2 / n) - 1), 0.0, None)
        whole = ops.zeros_like(k) + beta
        return ops.i0(beta * ops.sqrt(inside)) / ops.i0(whole)

    return _window("kaiser", M, options, weights)


# ------------------------------------------------------------------------------------ the names at the top of PyTorch


def hann_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """Hann's window, periodic unless it is to be symmetric."""
    return hann(window_length, sym=not periodic, **options)


def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    **options: Any,
) -> Tensor:
    """Hamming's window,  alpha − beta cos(2π k / N),  periodic unless it is to be symmetric."""
    return general_cosine(window_length, a=[alpha, beta], sym=not periodic, **options)


def blackman_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """Blackman's window, periodic unless it is to be symmetric."""
    return blackman(window_length, sym=not periodic, **options)


def bartlett_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """Bartlett's window, a triangle, periodic unless it is to be symmetric."""
    return bartlett(window_length, sym=not periodic, **options)


def kaiser_window(
    window_length: int, periodic: bool = True, beta: float = 12.0, **options: Any
) -> Tensor:
    """Kaiser's window, periodic unless it is to be symmetric."""
    return kaiser(window_length, beta=beta, sym=not periodic, **options)


_OLDER = ("hann_window", "hamming_window", "blackman_window", "bartlett_window", "kaiser_window")
globals().update(faced({name: globals()[name] for name in (*__all__, *_OLDER)}, __name__))
