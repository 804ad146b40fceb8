"""Activations as modules: each calls the function of the same name in ``nn.functional``, where the
formula is explained.

With ``inplace=True`` the result is written over the input, which must not be needed elsewhere.
"""

from __future__ import annotations

import warnings
from typing import Any

from ..base.errors import ArgumentError
from ..tensors import Tensor, full
from . import functional as F
from .module import Module
from .parameter import Parameter

__all__ = [
    "CELU", "ELU", "GELU", "GLU", "SELU", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh",
    "LeakyReLU", "LogSigmoid", "LogSoftmax", "Mish", "PReLU", "RReLU", "ReLU", "ReLU6", "SiLU",
    "Sigmoid", "Softmax", "Softmax2d", "Softmin", "Softplus", "Softshrink", "Softsign", "Tanh",
    "Tanhshrink", "Threshold",
]  # fmt: skip


class _Activation(Module):
    """What activations share: they print their settings, and ``inplace`` if it is true."""

    _settings: tuple[str, ...] = ()

    def extra_repr(self) -> str:
        """The settings."""
        shown = [f"{name}={getattr(self, name)!r}" for name in self._settings]
        if getattr(self, "inplace", False):
            shown.append("inplace=True")
        return ", ".join(shown)


class _InplaceActivation(_Activation):
    """An activation whose only setting is ``inplace``."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


class ReLU(_InplaceActivation):
    """Rectified linear unit,  y = max(x, 0).

    Example:
        >>> nn.ReLU()(tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """max(x, 0)."""
        return F.relu(input, self.inplace)


class SELU(_InplaceActivation):
    """Self-normalising unit,  y = scale · (max(x, 0) + min(0, α (eˣ − 1))).

    Example:
        >>> nn.SELU()(tensor([0.0]))
        tensor([0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """The scaled exponential linear unit."""
        return F.selu(input, self.inplace)


class SiLU(_InplaceActivation):
    """Sigmoid-weighted unit ("swish"),  y = x · σ(x).

    Example:
        >>> nn.SiLU()(tensor([0.0]))
        tensor([0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """x · σ(x)."""
        return F.silu(input, self.inplace)


class Mish(_InplaceActivation):
    """y = x · tanh(ln(1 + eˣ)).

    Example:
        >>> nn.Mish()(tensor([0.0]))
        tensor([0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """x · tanh(softplus(x))."""
        return F.mish(input, self.inplace)


class Hardsigmoid(_InplaceActivation):
    """Piecewise linear sigmoid,  y = clamp(x / 6 + 1/2, 0, 1).

    Example:
        >>> nn.Hardsigmoid()(tensor([-4.0, 0.0]))
        tensor([0.0000, 0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        """clamp(x / 6 + 1/2, 0, 1)."""
        return F.hardsigmoid(input, self.inplace)

    def extra_repr(self) -> str:
        """Nothing, as in PyTorch."""
        return ""


class Hardswish(_InplaceActivation):
    """y = x · hardsigmoid(x).

    Example:
        >>> nn.Hardswish()(tensor([-4.0, 4.0]))
        tensor([-0.,  4.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """x · hardsigmoid(x)."""
        return F.hardswish(input, self.inplace)

    def extra_repr(self) -> str:
        """Nothing, as in PyTorch."""
        return ""


class _PlainActivation(Module):
    """An activation without settings."""

    def __init__(self) -> None:
        super().__init__()


class Sigmoid(_PlainActivation):
    """y = 1 / (1 + e⁻ˣ).

    Example:
        >>> nn.Sigmoid()(tensor([0.0]))
        tensor([0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        """σ(x)."""
        return F.sigmoid(input)


class Tanh(_PlainActivation):
    """Hyperbolic tangent.

    Example:
        >>> nn.Tanh()(tensor([0.0]))
        tensor([0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """tanh(x)."""
        return F.tanh(input)


class LogSigmoid(_PlainActivation):
    """y = ln σ(x).

    Example:
        >>> nn.LogSigmoid()(tensor([0.0]))
        tensor([-0.6931])
    """

    def forward(self, input: Tensor) -> Tensor:
        """ln σ(x)."""
        return F.logsigmoid(input)


class Softsign(_PlainActivation):
    """y = x / (1 + |x|).

    Example:
        >>> nn.Softsign()(tensor([-1.0, 1.0]))
        tensor([-0.5000,  0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        """x / (1 + |x|)."""
        return F.softsign(input)


class Tanhshrink(_PlainActivation):
    """y = x − tanh(x).

    Example:
        >>> nn.Tanhshrink()(tensor([0.0]))
        tensor([0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """x − tanh(x)."""
        return F.tanhshrink(input)


class LeakyReLU(_Activation):
    """y = x if x > 0 else negative_slope · x.

    Example:
        >>> nn.LeakyReLU(0.5)(tensor([-1.0, 2.0]))
        tensor([-0.5000,  2.0000])
    """

    _settings = ("negative_slope",)

    def __init__(self, negative_slope: float = 1e-2, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """The leaky unit of the input."""
        return F.leaky_relu(input, self.negative_slope, self.inplace)


class RReLU(_Activation):
    """y = x if x > 0 else r · x, the slope r drawn for each element from U(lower, upper); in
    evaluation mode their mean.   Source: Xu et al. 2015.

    Example:
        >>> nn.RReLU(0.25, 0.75).eval()(tensor([-1.0, 2.0]))
        tensor([-0.5000,  2.0000])
    """

    _settings = ("lower", "upper")

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """The leaky unit of the input, its slopes drawn in training mode."""
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)


class ELU(_Activation):
    """y = x if x > 0 else α (eˣ − 1).

    Example:
        >>> nn.ELU()(tensor([0.0, 2.0]))
        tensor([0., 2.])
    """

    _settings = ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """The exponential linear unit of the input."""
        return F.elu(input, self.alpha, self.inplace)


class CELU(_Activation):
    """y = max(x, 0) + min(0, α (e^(x/α) − 1)).

    Example:
        >>> nn.CELU()(tensor([0.0, 2.0]))
        tensor([0., 2.])
    """

    _settings = ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """The continuously differentiable unit of the input."""
        return F.celu(input, self.alpha, self.inplace)


class Hardtanh(_Activation):
    """y = clamp(x, min_val, max_val).

    Args:
        min_val: the lower bound.
        max_val: the upper bound.
        inplace: whether the result is written over the input.
        min_value: deprecated, the same as ``min_val``.
        max_value: deprecated, the same as ``max_val``.

    Raises:
        ValueError: ``max_val`` is not above ``min_val``.

    Example:
        >>> nn.Hardtanh()(tensor([-2.0, 0.5]))
        tensor([-1.0000,  0.5000])
    """

    _settings = ("min_val", "max_val")

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        super().__init__()
        if min_value is not None:
            warnings.warn("min_value is deprecated, write min_val", FutureWarning, stacklevel=2)
            min_val = min_value
        if max_value is not None:
            warnings.warn("max_value is deprecated, write max_val", FutureWarning, stacklevel=2)
            max_val = max_value
        if max_val <= min_val:
            raise ArgumentError(f"max_val ({max_val}) must be larger than min_val ({min_val})")
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """The clamped input."""
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)


class ReLU6(Hardtanh):
    """y = clamp(x, 0, 6).

    Example:
        >>> nn.ReLU6()(tensor([-1.0, 7.0]))
        tensor([0., 6.])
    """

    _settings = ()

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)


class Threshold(_Activation):
    """y = x if x > threshold else value.

    Example:
        >>> nn.Threshold(1.0, 9.0)(tensor([0.5, 2.0]))
        tensor([9., 2.])
    """

    _settings = ("threshold", "value")

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """The input where it is above the threshold."""
        return F.threshold(input, self.threshold, self.value, self.inplace)


class GELU(_Activation):
    """y = x · Φ(x), Φ the distribution function of the normal law; ``approximate="tanh"`` takes its
    tanh form.

    Example:
        >>> nn.GELU()(tensor([0.0]))
        tensor([0.])
    """

    _settings = ("approximate",)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """x · Φ(x)."""
        return F.gelu(input, approximate=self.approximate)


class Softplus(_Activation):
    """y = ln(1 + e^(βx)) / β; the identity where βx is above ``threshold``.

    Example:
        >>> nn.Softplus()(tensor([0.0]))
        tensor([0.6931])
    """

    _settings = ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        """ln(1 + e^(βx)) / β."""
        return F.softplus(input, self.beta, self.threshold)


class _Shrinking(Module):
    """An activation that takes what is near zero to zero: λ says how near."""

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def extra_repr(self) -> str:
        """λ."""
        return str(self.lambd)


class Softshrink(_Shrinking):
    """y = sign(x) · max(|x| − λ, 0).

    Example:
        >>> nn.Softshrink()(tensor([-2.0, 0.1]))
        tensor([-1.5000,  0.0000])
    """

    def forward(self, input: Tensor) -> Tensor:
        """The input moved towards zero by λ."""
        return F.softshrink(input, self.lambd)


class Hardshrink(_Shrinking):
    """y = x if |x| > λ else 0.

    Example:
        >>> nn.Hardshrink()(tensor([-2.0, 0.1]))
        tensor([-2.,  0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """The input where it is larger than λ."""
        return F.hardshrink(input, self.lambd)


class GLU(_Activation):
    """Gated linear unit,  y = a · σ(b), where a and b are the halves of the axis ``dim``.

    Example:
        >>> nn.GLU()(zeros(3, 4)).shape
        chainrule.Size([3, 2])
    """

    _settings = ("dim",)

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """a · σ(b)."""
        return F.glu(input, self.dim)


class _AlongAxis(_Activation):
    """An activation along one axis; name it, None is refused when the module is called."""

    _settings = ("dim",)

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim


class Softmax(_AlongAxis):
    """y = eˣ / Σ eˣ along the axis ``dim``.

    Example:
        >>> nn.Softmax(dim=0)(zeros(2))
        tensor([0.5000, 0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Shares that sum to one."""
        return F.softmax(input, self.dim)


class Softmax2d(Module):
    """Softmax over the channels of images (B, C, H, W) or (C, H, W), at each place.

    Example:
        >>> nn.Softmax2d()(zeros(2, 1, 1)).flatten()
        tensor([0.5000, 0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Shares that sum to one over the channels."""
        if input.ndim not in (3, 4):
            raise ArgumentError(
                f"Softmax2d: expected input to be 3D or 4D, got {input.ndim}D instead"
            )
        return F.softmax(input, -3)


class LogSoftmax(_AlongAxis):
    """y = x − ln Σ eˣ along the axis ``dim``.

    Example:
        >>> nn.LogSoftmax(dim=0)(zeros(2))
        tensor([-0.6931, -0.6931])
    """

    def forward(self, input: Tensor) -> Tensor:
        """The logarithms of shares that sum to one."""
        return F.log_softmax(input, self.dim)


class Softmin(_AlongAxis):
    """y = softmax(−x) along the axis ``dim``.

    Example:
        >>> nn.Softmin(dim=0)(zeros(2))
        tensor([0.5000, 0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Shares that sum to one, the smallest input having the largest."""
        return F.softmin(input, self.dim)


class PReLU(_Activation):
    """y = x if x > 0 else weight · x, the slopes being learned.   Source: He et al. 2015, eq. 1.

    Args:
        num_parameters: 1, or one slope per channel (axis 1).
        init: what the slopes begin with.
        device: where the slopes live; only the CPU.
        dtype: the dtype of the slopes; the default dtype if None.

    Example:
        >>> nn.PReLU()(tensor([-1.0])).detach()
        tensor([-0.2500])
    """

    _settings = ("num_parameters",)

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(full((num_parameters,), float(init), device=device, dtype=dtype))

    def forward(self, input: Tensor) -> Tensor:
        """The input, its negative part times the slope."""
        return F.prelu(input, self.weight)
