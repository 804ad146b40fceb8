"""Pruning: some elements of a weight are held at zero.

    w = mask · w_orig

What is trained is ``weight_orig``; ``weight_mask`` is a buffer of ones and zeros. Pruning what has
been pruned looks at what is left: an amount of ½, twice, leaves a quarter. ``remove`` makes an
ordinary parameter of the product.
"""

from __future__ import annotations

import numbers
from typing import Any

from ...base import shapes
from ...base.errors import ArgumentError, ShapeError
from ...tape.modes import no_grad
from ...tensors import Tensor, ones_like, rand
from ..module import Module
from .computed import compute_attribute, kept_attribute

__all__ = [
    "custom_from_mask", "identity", "is_pruned", "l1_unstructured", "ln_structured",
    "random_structured", "random_unstructured", "remove",
]  # fmt: skip


def l1_unstructured(
    module: Module, name: str, amount: float, importance_scores: Tensor | None = None
) -> Module:
    """Hold the elements of least absolute value at zero; returns the module.

    Args:
        module: whose weight it is.
        name: the name of the weight.
        amount: how many of the elements that are left: a count (an int) or a share (a float).
        importance_scores: what is compared in place of the weight, of the same shape.

    Example:
        >>> layer = nn.Linear(3, 2)
        >>> nn.utils.prune.l1_unstructured(layer, "weight", amount=4).weight_mask.sum()
        tensor(2.)
    """
    scores = _scores(module, name, importance_scores).abs()
    return _pruned(module, name, _least_elements(_mask(module, name), scores, amount))


def random_unstructured(module: Module, name: str, amount: float) -> Module:
    """Hold elements drawn at random at zero; arguments as ``l1_unstructured``."""
    scores = rand(*getattr(module, name).shape)
    return _pruned(module, name, _least_elements(_mask(module, name), scores, amount))


def ln_structured(
    module: Module,
    name: str,
    amount: float,
    n: float,
    dim: int,
    importance_scores: Tensor | None = None,
) -> Module:
    """Hold the slices of least norm at zero; returns the module.

    Args:
        module: whose weight it is.
        name: the name of the weight.
        amount: how many of the slices that are left: a count (an int) or a share (a float).
        n: the order of the norm.
        dim: the axis whose slices are meant.
        importance_scores: what is compared in place of the weight, of the same shape.

    Example:
        >>> layer = nn.Linear(3, 5)
        >>> nn.utils.prune.ln_structured(layer, "weight", 0.4, n=2, dim=0).weight_mask.sum(1).sum()
        tensor(9.)
    """
    scores = _scores(module, name, importance_scores)
    others = _others(scores, dim)
    return _pruned(module, name, _least_slices(_mask(module, name), scores.norm(n, others), amount, dim))  # fmt: skip


def random_structured(module: Module, name: str, amount: float, dim: int) -> Module:
    """Hold slices drawn at random at zero; arguments as ``ln_structured``."""
    scores = rand(getattr(module, name).shape[dim])
    return _pruned(module, name, _least_slices(_mask(module, name), scores, amount, dim))


def custom_from_mask(module: Module, name: str, mask: Tensor) -> Module:
    """Hold at zero what a mask of ones and zeros leaves out; returns the module.

    Raises:
        ShapeError: the mask has not the shape of the weight.
    """
    old = _mask(module, name)
    if tuple(mask.shape) != tuple(old.shape):
        raise ShapeError(
            f"a mask for {name} must have its shape, {tuple(old.shape)}, found {tuple(mask.shape)}"
        )
    return _pruned(module, name, old * mask.to(old.dtype))


def identity(module: Module, name: str) -> Module:
    """Hold nothing at zero, but have the mask and the names of a pruned weight."""
    return _pruned(module, name, _mask(module, name))


def remove(module: Module, name: str) -> Module:
    """Make an ordinary parameter of a pruned weight again, with its zeros; returns the module.

    Raises:
        ValueError: the weight is not pruned.
    """
    if not _has_mask(module, name):
        raise ArgumentError(
            f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed"
        )
    value = getattr(module, name).detach()
    kept_attribute(module, name)
    weight = module._parameters.pop(f"{name}_orig")
    del module._buffers[f"{name}_mask"]
    weight.data = value
    module.register_parameter(name, weight)
    return module


def is_pruned(module: Module) -> bool:
    """Whether any weight of the module, or of those below it, is pruned."""
    for m in module.modules():
        for name in m._parameters:
            if name.endswith("_orig") and _has_mask(m, name.removesuffix("_orig")):
                return True
    return False


def _has_mask(module: Module, name: str) -> bool:
    return f"{name}_orig" in module._parameters and f"{name}_mask" in module._buffers


def _mask(module: Module, name: str) -> Tensor:
    """The mask that is there, or ones."""
    if _has_mask(module, name):
        return module._buffers[f"{name}_mask"].clone()
    if module._parameters.get(name) is None:
        raise ArgumentError(f"{module._get_name()} has no parameter {name!r} to prune")
    return ones_like(module._parameters[name].detach())


def _scores(module: Module, name: str, given: Tensor | None) -> Tensor:
    weight = getattr(module, name).detach()
    if given is None:
        return weight
    if tuple(given.shape) != tuple(weight.shape):
        raise ShapeError(
            f"importance_scores must have the shape of {name}, {tuple(weight.shape)}, found "
            f"{tuple(given.shape)}"
        )
    return given.detach()


def _count(amount: Any, size: int) -> int:
    """How many of `size` things an amount means."""
    if isinstance(amount, bool) or not isinstance(amount, numbers.Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    whole = isinstance(amount, numbers.Integral)
    if amount < 0 or (not whole and amount > 1):
        raise ArgumentError(
            f"amount={amount} should either be a float in the range [0, 1] or a non-negative "
            "integer"
        )
    count = int(amount) if whole else round(float(amount) * size)
    if count > size:
        raise ArgumentError(f"amount={amount} should be smaller than the number of parameters to prune={size}")  # fmt: skip
    return count


def _least_elements(mask: Tensor, scores: Tensor, amount: float) -> Tensor:
    """The mask without the elements of least score among those it has."""
    left = mask.flatten().nonzero().squeeze(1)
    count = _count(amount, left.numel())
    least = scores.flatten()[left].topk(count, largest=False).indices
    flat = mask.flatten()
    flat[left[least]] = 0
    return flat.reshape(mask.shape)


def _others(x: Tensor, dim: int) -> tuple[int, ...]:
    dim = shapes.axis(dim, x.ndim)
    return tuple([d for d in range(x.ndim) if d != dim])


def _least_slices(mask: Tensor, scores: Tensor, amount: float, dim: int) -> Tensor:
    """The mask without the slices of least score among those it has anything of."""
    left = mask.sum(_others(mask, dim)).nonzero().squeeze(1)
    count = _count(amount, left.numel())
    least = left[scores[left].topk(count, largest=False).indices]
    return mask.index_fill(dim, least, 0.0)


def _pruned(module: Module, name: str, mask: Tensor) -> Module:
    """Put the mask to its place, and the weight behind it."""
    with no_grad():
        if _has_mask(module, name):
            module._buffers[f"{name}_mask"].copy_(mask)
            return module
    module.register_parameter(f"{name}_orig", module._parameters.pop(name))
    module.register_buffer(f"{name}_mask", mask)

    def get(self: Any) -> Tensor:
        weight = getattr(self, f"{name}_orig")
        return getattr(self, f"{name}_mask").to(weight.dtype) * weight

    compute_attribute(module, name, get)
    return module
