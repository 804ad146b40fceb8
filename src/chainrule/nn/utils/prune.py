"""Pruning: some elements of a weight are held at zero.

    w = mask · w_orig

What is trained is ``weight_orig``; ``weight_mask`` is a buffer of ones and zeros. Pruning what has
been pruned looks at what is left: an amount of ½, twice, leaves a quarter. ``remove`` makes an
ordinary parameter of the product.

A method is a class that computes a mask (`pruning` says how); the functions apply the methods that stand here.
"""

from __future__ import annotations

import numbers
from abc import abstractmethod
from collections.abc import Iterable
from typing import Any

from ...base import shapes
from ...base.errors import ArgumentError, ShapeError
from ...base.loading import shown
from ...tensors import Tensor, cat, ones_like, rand
from ..module import Module
from .pruning import (
    BasePruningMethod,
    PruningContainer,
    key_of,
    mask_of,
    masked,
    method_of,
    other_axes,
    scores_of,
)

__all__ = [
    "BasePruningMethod", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured", "PruningContainer",
    "RandomStructured", "RandomUnstructured", "custom_from_mask", "global_unstructured", "identity", "is_pruned",
    "l1_unstructured", "ln_structured", "random_structured", "random_unstructured", "remove",
]  # fmt: skip

__dir__ = shown(__name__)

# ------------------------------------------------------------------------------------------------- the methods


class Identity(BasePruningMethod):
    """Holds nothing at zero."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask


class CustomFromMask(BasePruningMethod):
    """Holds at zero what a mask of ones and zeros leaves out."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor):
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if tuple(self.mask.shape) != tuple(default_mask.shape):
            raise ShapeError(
                f"a mask for {self._tensor_name} must have its shape, {tuple(default_mask.shape)}, found "
                f"{tuple(self.mask.shape)}"
            )
        return default_mask * self.mask.to(default_mask.dtype)


class _Unstructured(BasePruningMethod):
    """Holds an amount of elements at zero."""

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: float):
        self.amount = _checked(amount)

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        count = _count(self.amount, t.numel())
        mask = default_mask.clone()
        mask.view(-1)[self.scores(t).flatten().topk(count, largest=False).indices] = 0
        return mask

    @abstractmethod
    def scores(self, t: Tensor) -> Tensor:
        """A number for each element; the least go."""


class L1Unstructured(_Unstructured):
    """Holds the elements of least absolute value at zero.

    Args:
        amount: how many of the elements that are left: a count (an int) or a share (a float).
    """

    def scores(self, t: Tensor) -> Tensor:
        return t.abs()


class RandomUnstructured(_Unstructured):
    """Holds elements drawn at random at zero; argument as ``L1Unstructured``."""

    def scores(self, t: Tensor) -> Tensor:
        return rand(*t.shape)


class _Structured(BasePruningMethod):
    """Holds an amount of slices of an axis at zero."""

    PRUNING_TYPE = "structured"
    amount: float
    dim: int

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        dim = shapes.axis(self.dim, t.ndim)
        count = _count(self.amount, t.shape[dim])
        least = self.scores(t, dim).topk(count, largest=False).indices
        return default_mask * ones_like(default_mask).index_fill(dim, least, 0.0)

    @abstractmethod
    def scores(self, t: Tensor, dim: int) -> Tensor:
        """A number for each slice; the least go."""


class LnStructured(_Structured):
    """Holds the slices of least norm at zero.

    Args:
        amount: how many of the slices that are left: a count (an int) or a share (a float).
        n: the order of the norm.
        dim: the axis whose slices are meant.
    """

    def __init__(self, amount: float, n: float, dim: int = -1):
        self.amount, self.n, self.dim = _checked(amount), n, dim

    def scores(self, t: Tensor, dim: int) -> Tensor:
        return t.norm(self.n, other_axes(t, dim))


class RandomStructured(_Structured):
    """Holds slices drawn at random at zero; arguments as ``LnStructured``."""

    def __init__(self, amount: float, dim: int = -1):
        self.amount, self.dim = _checked(amount), dim

    def scores(self, t: Tensor, dim: int) -> Tensor:
        return rand(t.shape[dim])


def _checked(amount: Any) -> float:
    """An amount, if it is one."""
    if isinstance(amount, bool) or not isinstance(amount, numbers.Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    if amount < 0 or (not isinstance(amount, numbers.Integral) and amount > 1):
        raise ArgumentError(
            f"amount={amount} should either be a float in the range [0, 1] or a non-negative "
            "integer"
        )
    return amount  # type: ignore[return-value]


def _count(amount: float, size: int) -> int:
    """How many of `size` things an amount means."""
    count = int(amount) if isinstance(amount, numbers.Integral) else round(float(amount) * size)
    if count > size:
        raise ArgumentError(f"amount={amount} should be smaller than the number of parameters to prune={size}")  # fmt: skip
    return count


# ------------------------------------------------------------------------------------------------ the functions


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
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_unstructured(module: Module, name: str, amount: float) -> Module:
    """Hold elements drawn at random at zero; arguments as ``l1_unstructured``."""
    RandomUnstructured.apply(module, name, amount)
    return module


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
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount: float, dim: int) -> Module:
    """Hold slices drawn at random at zero; arguments as ``ln_structured``."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def custom_from_mask(module: Module, name: str, mask: Tensor) -> Module:
    """Hold at zero what a mask of ones and zeros leaves out; returns the module.

    Raises:
        ShapeError: the mask has not the shape of the weight.
    """
    CustomFromMask.apply(module, name, mask)
    return module


def identity(module: Module, name: str) -> Module:
    """Hold nothing at zero, but have the mask and the names of a pruned weight."""
    Identity.apply(module, name)
    return module


def remove(module: Module, name: str) -> Module:
    """Make an ordinary parameter of a pruned weight again, with its zeros; returns the module.

    Raises:
        ValueError: the weight is not pruned.
    """
    method = method_of(module, name)
    if method is None:
        raise ArgumentError(
            f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed"
        )
    method.remove(module)
    del module._forward_pre_hooks[key_of(module, name)]
    return module


def is_pruned(module: Module) -> bool:
    """Whether any weight of the module, or of those below it, is pruned."""
    hooks = [hook for m in module.modules() for hook in m._forward_pre_hooks.values()]
    return any([isinstance(hook, BasePruningMethod) for hook in hooks])


# -------------------------------------------------------------------------------------------- many weights at once


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: dict[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune several weights as if they were one: those of all elements go whose scores are least.

    Args:
        parameters: modules, each with the name of a weight.
        pruning_method: a class of the kind "unstructured".
        importance_scores: what is compared in place of a weight, by module and name.
        kwargs: what the method is made of, as ``amount=0.2``.

    Raises:
        TypeError: parameters are no such pairs, or the method is of another kind.

    Example:
        >>> a, b = nn.Linear(3, 2), nn.Linear(2, 2)
        >>> L1 = nn.utils.prune.L1Unstructured
        >>> nn.utils.prune.global_unstructured([(a, "weight"), (b, "weight")], L1, amount=0.5)
        >>> a.weight_mask.sum() + b.weight_mask.sum()
        tensor(5.)
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    given = importance_scores if importance_scores is not None else {}
    if not isinstance(given, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    pairs = list(parameters)
    masks = [mask_of(module, name) for module, name in pairs]
    scores = [scores_of(module, name, given.get((module, name))) for module, name in pairs]
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
            f"{pruning_method} of type {method.PRUNING_TYPE}"
        )
    whole = masked(method, cat([s.flatten() for s in scores]), cat([m.flatten() for m in masks]))
    parts = whole.split([m.numel() for m in masks])
    for (module, name), mask, part in zip(pairs, masks, parts, strict=True):
        custom_from_mask(module, name, part.view(mask.shape))
