"""Weights as a length times a direction.   Source: Salimans & Kingma 2016, eq. 2.

    w = g · v / ‖v‖

This is PyTorch's older form, whose parameters are ``weight_g`` and ``weight_v``;
``parametrizations.weight_norm`` is the newer.
"""

from __future__ import annotations

from typing import Any

from ... import ops
from ...base.errors import ArgumentError
from ...tape.modes import no_grad
from ...tensors import Tensor
from ..module import Module
from ..parameter import Parameter
from .computed import compute_attribute, kept_attribute

__all__ = ["length", "normed", "remove_weight_norm", "weight_norm"]


def length(v: Tensor, dim: int | None) -> Tensor:
    """‖v‖ of each slice along ``dim``, whose axis stays; of all of v if ``dim`` is None or −1."""
    if dim is None or dim == -1:
        return ops.vector_norm(v)
    dim = dim + v.ndim if dim < 0 else dim
    return ops.vector_norm(v, dim=tuple([d for d in range(v.ndim) if d != dim]), keepdim=True)


def normed(g: Tensor, v: Tensor, dim: int | None) -> Tensor:
    """g · v / ‖v‖."""
    return v * (g / length(v, dim))


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Train the lengths and directions of a weight in its place; returns the module.

    Differs from PyTorch: the weight is computed when it is read, not before each forward.

    Args:
        module: whose weight it is.
        name: the name of the weight w; there are ``name_g`` and ``name_v`` instead.
        dim: the axis that keeps a length of its own for each slice; one length for all if None.

    Raises:
        ValueError: there is no such parameter.

    Example:
        >>> layer = nn.utils.weight_norm(nn.Linear(3, 2))
        >>> {name: tuple(p.shape) for name, p in layer.named_parameters()}
        {'bias': (2,), 'weight_g': (2, 1), 'weight_v': (2, 3)}
    """
    w = module._parameters.get(name)
    if w is None:
        raise ArgumentError(f"{module._get_name()} has no parameter {name!r} to normalise")
    with no_grad():
        g = length(w, dim).clone()
    del module._parameters[name]
    module.register_parameter(f"{name}_g", Parameter(g, w.requires_grad))
    module.register_parameter(f"{name}_v", Parameter(w.detach(), w.requires_grad))

    def get(self: Any) -> Tensor:
        return normed(getattr(self, f"{name}_g"), getattr(self, f"{name}_v"), dim)

    compute_attribute(module, name, get)
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Make one parameter of the two again; returns the module.

    Raises:
        ValueError: the weight is not normalised.
    """
    if f"{name}_g" not in module._parameters or name in module._parameters:
        raise ArgumentError(f"weight_norm of '{name}' not found in {module}")
    value, wanted = getattr(module, name).detach(), module._parameters[f"{name}_v"].requires_grad
    kept_attribute(module, name)
    del module._parameters[f"{name}_g"], module._parameters[f"{name}_v"]
    module.register_parameter(name, Parameter(value, wanted))
    return module
