"""Parametrizations of weights: a length and a direction, a largest singular value of 1, orthogonal
matrices.
"""

from __future__ import annotations

from typing import Any

from ...base.errors import ArgumentError, RangeError
from ...base.loading import shown
from ...tensors import Tensor
from ..functional import normalize
from ..module import Module
from .orthogonal import orthogonal
from .parametrize import register_parametrization
from .spectral_norm import default_dim, power_method, singular, start, to_matrix
from .weight_norm import length, normed

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]

__dir__ = shown(__name__)


class _WeightNorm(Module):
    """w = g · v / ‖v‖."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        """The weight."""
        return normed(weight_g, weight_v, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Lengths and directions of a weight."""
        return length(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Train the lengths (``original0``) and directions (``original1``) of a weight in its place;
    returns the module. State dicts of the older ``nn.utils.weight_norm`` load.   Source: Salimans &
    Kingma 2016, eq. 2.

    Args:
        module: whose weight it is.
        name: the name of the weight.
        dim: the axis that keeps a length of its own for each slice; one length for all if None.

    Example:
        >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
        >>> [tuple(p.shape) for p in layer.parametrizations.weight.parameters()]
        [(2, 1), (2, 3)]
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def read_older(state: dict, prefix: str, *others: Any) -> None:
        if f"{prefix}{name}_g" in state and f"{prefix}{name}_v" in state:
            for k, part in enumerate("gv"):
                value = state.pop(f"{prefix}{name}_{part}")
                state[f"{prefix}parametrizations.{name}.original{k}"] = value

    module._register_load_state_dict_pre_hook(read_older)
    return module


class _SpectralNorm(Module):
    """w = W / σ."""

    def __init__(
        self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        super().__init__()
        ndim = weight.ndim
        if not -ndim <= dim < ndim:
            raise RangeError(
                f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}] but got "
                f"{dim})"
            )
        if n_power_iterations <= 0:
            raise ArgumentError(
                f"Expected n_power_iterations to be positive, but got {n_power_iterations}"
            )
        self.dim = dim % ndim
        self.eps = eps
        self.n_power_iterations = n_power_iterations
        if ndim > 1:
            W = self._reshape_weight_to_matrix(weight.detach())
            self.register_buffer("_u", start(W.shape[0], W, eps))
            self.register_buffer("_v", start(W.shape[1], W, eps))
            self._power_method(W, 15)

    # PyTorch's names: programs derive from this class, and write a `forward` of their own with them
    def _reshape_weight_to_matrix(self, weight: Tensor) -> Tensor:
        return to_matrix(weight, self.dim)

    def _power_method(self, weight_mat: Tensor, n_power_iterations: int) -> None:
        power_method(weight_mat, self._u, self._v, n_power_iterations, self.eps)

    def forward(self, weight: Tensor) -> Tensor:
        """The weight divided by its largest singular value; a vector by its length."""
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        W = self._reshape_weight_to_matrix(weight)
        if self.training:
            self._power_method(W, self.n_power_iterations)
        return weight / singular(W, self._u, self._v)

    def right_inverse(self, value: Tensor) -> Tensor:
        """The value itself, which is not asked whether σ is 1."""
        return value


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Divide a weight by its largest singular value; returns the module.   Source: Miyato et al.
    2018, algorithm 1.

    Args:
        module: whose weight it is.
        name: the name of the weight.
        n_power_iterations: steps of the power method at each reading in training mode.
        eps: keeps norms away from 0.
        dim: the axis of the outputs; 0, or 1 for transposed convolutions, if None.

    Raises:
        ValueError: there is no such tensor, or fewer than one step.
        RangeError: there is no such axis.

    Example:
        >>> layer = nn.utils.parametrizations.spectral_norm(nn.Linear(3, 2))
        >>> layer.weight.detach().norm() >= 0.999
        tensor(True)
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ArgumentError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    dim = default_dim(module) if dim is None else dim
    return register_parametrization(
        module, name, _SpectralNorm(weight, n_power_iterations, dim, eps)
    )
