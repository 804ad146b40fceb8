"""Pruning: some elements of a weight are held at zero.

    w = mask · w_orig

What is trained is ``weight_orig``; ``weight_mask`` is a buffer of ones and zeros. Pruning what has
been pruned looks at what is left: an amount of ½, twice, leaves a quarter. ``remove`` makes an
ordinary parameter of the product.

A method is a class that computes a mask; the functions apply the methods that stand here. Read in order: what a method is, the methods,
the functions, many weights at once, counting.
"""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

from ...base import shapes
from ...base.errors import ArgumentError, ShapeError
from ...tape.modes import no_grad
from ...tensors import Tensor, cat, ones_like, rand
from ..module import Module
from .computed import compute_attribute, kept_attribute

__all__ = [
    "BasePruningMethod", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured", "PruningContainer",
    "RandomStructured", "RandomUnstructured", "custom_from_mask", "global_unstructured", "identity", "is_pruned",
    "l1_unstructured", "ln_structured", "random_structured", "random_unstructured", "remove",
]  # fmt: skip

# --------------------------------------------------------------------------------------------- what a method is


class BasePruningMethod(ABC):
    """A way to choose what is held at zero. A subclass says of which kind it is, and computes the mask.

    ``PRUNING_TYPE`` is "unstructured" (elements are chosen; a method applied to what has been pruned sees those that are left, as a
    vector), "structured" (slices of the axis ``dim``; it sees those of which anything is left) or "global" (it sees everything).

    Example:
        >>> class EverySecond(nn.utils.prune.BasePruningMethod):
        ...     PRUNING_TYPE = "unstructured"
        ...     def compute_mask(self, t, default_mask):
        ...         mask = default_mask.clone()
        ...         mask.view(-1)[::2] = 0
        ...         return mask
        >>> layer = nn.Linear(2, 2)
        >>> method = EverySecond.apply(layer, "weight")
        >>> layer.weight_mask
        tensor([[0., 1.],
                [0., 1.]])
    """

    PRUNING_TYPE: str
    _tensor_name: str

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask of ones and zeros.

        Args:
            t: how important each element is: the weight, unless scores were given.
            default_mask: the mask before, of the same shape.
        """

    def __call__(self, module: Module, inputs: Any) -> None:
        """Nothing, for the weight is computed when it is read: a method is a forward pre-hook, as in PyTorch, to be found there."""
        return None

    @classmethod
    def apply(
        cls,
        module: Module,
        name: str,
        *args: Any,
        importance_scores: Tensor | None = None,
        **kwargs: Any,
    ) -> BasePruningMethod:
        """Prune a weight of a module; returns the method, or the container of all that it has been pruned by.

        Args:
            module: whose weight it is.
            name: the name of the weight.
            args, kwargs: what the method is made of.
            importance_scores: what is compared in place of the weight, of the same shape.

        Raises:
            ArgumentError: there is no such weight, or it has not as many elements as are to be pruned.
            ShapeError: the scores have not the shape of the weight.
        """
        mask = _mask(module, name)
        scores = _scores(module, name, importance_scores)
        method = cls(*args, **kwargs)
        method._tensor_name = name
        mask = _masked(method, scores, mask)
        before = _hook(module, name)
        whole = method
        _put(module, name, mask)
        if before is not None:
            whole = before if isinstance(before, PruningContainer) else PruningContainer(before)
            whole.add_pruning_method(method)
            del module._forward_pre_hooks[_key(module, name)]
        module.register_forward_pre_hook(whole)
        return whole

    def apply_mask(self, module: Module) -> Tensor:
        """The weight with its zeros."""
        name = self._tensor_name
        if not _has_mask(module, name):
            raise ArgumentError(f"Module {module} has to be pruned")
        weight = module._parameters[f"{name}_orig"]
        return getattr(module, f"{name}_mask").to(weight.dtype) * weight

    def prune(
        self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None
    ) -> Tensor:
        """A tensor of its own, pruned."""
        scores = t if importance_scores is None else importance_scores
        if tuple(scores.shape) != tuple(t.shape):
            raise ShapeError(
                f"importance_scores must have the shape of t, {tuple(t.shape)}, found {tuple(scores.shape)}"
            )
        mask = ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(scores, default_mask=mask)

    def remove(self, module: Module) -> None:
        """Make an ordinary parameter of the pruned weight again, with its zeros."""
        name = self._tensor_name
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


class PruningContainer(BasePruningMethod):
    """Methods one after another, each applied to what the ones before have left.

    Args:
        args: methods, all for one weight; a container stands for those in it.
    """

    PRUNING_TYPE = "combination"

    def __init__(self, *args: BasePruningMethod):
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        for method in args:
            for each in method if isinstance(method, PruningContainer) else (method,):
                self.add_pruning_method(each)

    def add_pruning_method(self, method: BasePruningMethod | None) -> None:
        """Put a method behind the others.

        Raises:
            TypeError: it is no method.
            ArgumentError: it is for another weight.
        """
        if not isinstance(method, BasePruningMethod) and method is not None:
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method is None:
            return
        name = getattr(method, "_tensor_name", None)
        if self._pruning_methods and name != self._tensor_name:
            raise ArgumentError(
                f"Can only add pruning methods acting on the parameter named '{self._tensor_name}' to "
                f"PruningContainer {self}. Found '{name}'"
            )
        if name is not None:
            self._tensor_name = name
        self._pruning_methods += (method,)

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """What the newest method leaves of a mask."""
        return _masked(self._pruning_methods[-1], t, default_mask)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: Any) -> Any:
        return self._pruning_methods[idx]


def _masked(method: BasePruningMethod, scores: Tensor, mask: Tensor) -> Tensor:
    """What a method leaves of a mask: it is asked of what is left, in the form its kind says."""
    kind = method.PRUNING_TYPE
    if kind == "combination":
        return method.compute_mask(scores, default_mask=mask)
    if kind == "unstructured":
        left: Any = mask == 1
    elif kind == "structured":
        dim = shapes.axis(method.dim, mask.ndim)  # type: ignore[attr-defined]
        some = mask.sum(_others(mask, dim)).nonzero().squeeze(1)
        left = (*[slice(None)] * dim, some)
    elif kind == "global":
        left = ...
    else:
        raise ArgumentError(
            f"PRUNING_TYPE is 'unstructured', 'structured' or 'global', found {kind!r}"
        )
    with no_grad():
        found = mask.clone()
        partial = method.compute_mask(scores[left], default_mask=mask[left])
        found[left] = partial.to(mask.dtype)
    return found


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
        return t.norm(self.n, _others(t, dim))


class RandomStructured(_Structured):
    """Holds slices drawn at random at zero; arguments as ``LnStructured``."""

    def __init__(self, amount: float, dim: int = -1):
        self.amount, self.dim = _checked(amount), dim

    def scores(self, t: Tensor, dim: int) -> Tensor:
        return rand(t.shape[dim])


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
    method = _hook(module, name)
    if method is None:
        raise ArgumentError(
            f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed"
        )
    method.remove(module)
    del module._forward_pre_hooks[_key(module, name)]
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
    masks = [_mask(module, name) for module, name in pairs]
    scores = [_scores(module, name, given.get((module, name))) for module, name in pairs]
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
            f"{pruning_method} of type {method.PRUNING_TYPE}"
        )
    whole = _masked(method, cat([s.flatten() for s in scores]), cat([m.flatten() for m in masks]))
    parts = whole.split([m.numel() for m in masks])
    for (module, name), mask, part in zip(pairs, masks, parts, strict=True):
        custom_from_mask(module, name, part.view(mask.shape))


# ------------------------------------------------------------------------------------- masks, counts, places


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


def _others(x: Tensor, dim: int) -> tuple[int, ...]:
    dim = shapes.axis(dim, x.ndim)
    return tuple([d for d in range(x.ndim) if d != dim])


def _key(module: Module, name: str) -> int | None:
    """Under which number the method of a weight stands among the module's hooks."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            return key
    return None


def _hook(module: Module, name: str) -> BasePruningMethod | None:
    """The method that a weight was pruned by."""
    key = _key(module, name)
    return None if key is None else module._forward_pre_hooks[key]


def _put(module: Module, name: str, mask: Tensor) -> None:
    """Put the mask to its place, and the weight behind it."""
    with no_grad():
        if _has_mask(module, name):
            module._buffers[f"{name}_mask"].copy_(mask)
            return
    module.register_parameter(f"{name}_orig", module._parameters.pop(name))
    module.register_buffer(f"{name}_mask", mask)

    def get(self: Any) -> Tensor:
        weight = getattr(self, f"{name}_orig")
        return getattr(self, f"{name}_mask").to(weight.dtype) * weight

    compute_attribute(module, name, get)
