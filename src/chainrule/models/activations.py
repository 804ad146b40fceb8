"""The activations of configurations, by the names that Hugging Face gives them."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..base.errors import FormatError
from ..nn import functional as F
from ..tensors import Tensor, erf, sigmoid, tanh

__all__ = ["ACTIVATIONS", "activation"]


def gelu_tanh(x: Tensor) -> Tensor:
    """GELU by tanh: ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))).   Source: Hendrycks & Gimpel 2016."""
    return F.gelu(x, approximate="tanh")


def quick_gelu(x: Tensor) -> Tensor:
    """x · σ(1.702 x), as CLIP has it.   Source: Hendrycks & Gimpel 2016."""
    return x * sigmoid(1.702 * x)


def relu_squared(x: Tensor) -> Tensor:
    """max(x, 0)².   Source: So et al. 2021."""
    return F.relu(x).square()


def gelu_10(x: Tensor) -> Tensor:
    """GELU between −10 and 10."""
    return F.gelu(x).clamp(-10, 10)


def laplace(x: Tensor) -> Tensor:
    """½ (1 + erf((x − μ) / (σ √2))), μ = √½, σ = √(1 / 4π).   Source: Ma et al. 2022 (MEGA)."""
    return 0.5 * (1 + erf((x - 0.707107) / (0.282095 * math.sqrt(2))))


def sqrt_softplus(x: Tensor) -> Tensor:
    """√(log(1 + eˣ))."""
    return F.softplus(x).sqrt()


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu, "gelu_10": gelu_10, "gelu_accurate": gelu_tanh, "gelu_fast": gelu_tanh, "gelu_new": gelu_tanh,
    "gelu_python": F.gelu, "gelu_python_tanh": gelu_tanh, "gelu_pytorch_tanh": gelu_tanh, "hardswish": F.hardswish,
    "laplace": laplace, "leaky_relu": F.leaky_relu, "linear": lambda x: x, "mish": F.mish, "quick_gelu": quick_gelu,
    "relu": F.relu, "relu2": relu_squared, "relu6": F.relu6, "sigmoid": sigmoid, "silu": F.silu,
    "sqrtsoftplus": sqrt_softplus, "swish": F.silu, "tanh": tanh,
}  # fmt: skip


def activation(name: str) -> Callable[[Tensor], Tensor]:
    """The function of a name.

    Raises:
        FormatError: an unknown name.
    """
    if name not in ACTIVATIONS:
        raise FormatError(
            f"there is no activation {name!r:.40}; there are {', '.join(ACTIVATIONS)}"
        )
    return ACTIVATIONS[name]
