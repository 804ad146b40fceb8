"""Weights divided by their largest singular value σ.   Source: Miyato et al. 2018, algorithm 1.

    w = W / σ,   σ ≈ uᵀ W v,   u ← W v / ‖W v‖,   v ← Wᵀ u / ‖Wᵀ u‖

u and v are kept, and follow the weight by some steps of the power method at each reading in training
mode. This is PyTorch's older form, with ``weight_orig``, ``weight_u`` and ``weight_v``;
``parametrizations.spectral_norm`` is the newer.
"""

from __future__ import annotations

from typing import Any

from ...base.errors import ArgumentError
from ...tape.modes import no_grad
from ...tensors import Tensor, empty
from .. import init
from ..functional import normalize
from ..module import Module
from ..parameter import Parameter
from .computed import compute_attribute, kept_attribute

__all__ = [
    "power_method",
    "remove_spectral_norm",
    "singular",
    "spectral_norm",
    "start",
    "to_matrix",
]


def to_matrix(w: Tensor, dim: int) -> Tensor:
    """W: the axis ``dim`` first, all others together."""
    if dim != 0:
        w = w.permute(dim, *[d for d in range(w.ndim) if d != dim])
    return w.reshape(w.shape[0], -1)


def start(size: int, like: Tensor, eps: float) -> Tensor:
    """A random direction."""
    with no_grad():
        return normalize(init.normal_(empty(size, dtype=like.dtype)), dim=0, eps=eps)


def power_method(W: Tensor, u: Tensor, v: Tensor, steps: int, eps: float) -> None:
    """Turn u and v, in place, towards the first singular vectors."""
    with no_grad():
        for _ in range(steps):
            u.copy_(normalize(W @ v, dim=0, eps=eps))
            v.copy_(normalize(W.mT @ u, dim=0, eps=eps))


def singular(W: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """uᵀ W v; the gradient is that by W, u and v being what they are at this moment."""
    return (u.clone() * (W @ v.clone())).sum()


def default_dim(module: Module) -> int:
    """The axis of the outputs: transposed convolutions have it second."""
    return 1 if "ConvTranspose" in type(module).__name__ else 0


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Divide a weight by its largest singular value; returns the module.

    Differs from PyTorch: the weight is computed when it is read, not before each forward.

    Args:
        module: whose weight it is.
        name: the name of the weight; ``name_orig`` is trained, ``name_u`` and ``name_v`` are buffers.
        n_power_iterations: steps of the power method at each reading in training mode.
        eps: keeps norms away from 0.
        dim: the axis of the outputs; 0, or 1 for transposed convolutions, if None.

    Raises:
        ValueError: there is no such parameter, or fewer than one step.

    Example:
        >>> layer = nn.utils.spectral_norm(nn.Linear(3, 2), n_power_iterations=99)
        >>> layer.weight.detach().norm() >= 0.9999
        tensor(True)
    """
    w = module._parameters.get(name)
    if w is None:
        raise ArgumentError(f"{module._get_name()} has no parameter {name!r} to normalise")
    if n_power_iterations <= 0:
        raise ArgumentError(
            f"Expected n_power_iterations to be positive, but got {n_power_iterations}"
        )
    dim = default_dim(module) if dim is None else dim
    W = to_matrix(w.detach(), dim)
    u, v = (start(size, W, eps) for size in W.shape)
    del module._parameters[name]
    module.register_parameter(f"{name}_orig", w)
    module.register_buffer(f"{name}_u", u)
    module.register_buffer(f"{name}_v", v)

    def get(self: Any) -> Tensor:
        w, u, v = (getattr(self, f"{name}_{part}") for part in ("orig", "u", "v"))
        W = to_matrix(w, dim)
        if self.training:
            power_method(W.mT, v, u, n_power_iterations, eps)  # v first, as PyTorch has it here
        return w / singular(W, u, v)

    compute_attribute(module, name, get)
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Make an ordinary parameter of the weight again, with the value it has; returns the module.

    Raises:
        ValueError: the weight is not normalised.
    """
    if f"{name}_orig" not in module._parameters or name in module._parameters:
        raise ArgumentError(f"spectral_norm of '{name}' not found in {module}")
    training, module.training = module.training, False
    value = getattr(module, name).detach()
    module.training = training
    kept_attribute(module, name)
    wanted = module._parameters.pop(f"{name}_orig").requires_grad
    del module._buffers[f"{name}_u"], module._buffers[f"{name}_v"]
    module.register_parameter(name, Parameter(value, wanted))
    return module
