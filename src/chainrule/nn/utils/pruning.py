"""What a method of pruning is, and where it puts its mask; `prune` has the methods that stand here, and the functions.

A pruned weight is the product of the parameter ``weight_orig`` and the buffer ``weight_mask``, computed when it is read.
The method stands among the module's forward pre-hooks, as in PyTorch, and is found there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from ...base import shapes
from ...base.errors import ArgumentError, ShapeError
from ...tape.modes import no_grad
from ...tensors import Tensor, ones_like
from ..module import Module
from .computed import compute_attribute, kept_attribute

__all__ = [
    "BasePruningMethod", "PruningContainer", "key_of", "mask_of", "masked", "method_of", "other_axes", "scores_of",
]  # fmt: skip


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
        mask = mask_of(module, name)
        scores = scores_of(module, name, importance_scores)
        method = cls(*args, **kwargs)
        method._tensor_name = name
        mask = masked(method, scores, mask)
        before = method_of(module, name)
        whole = method
        put(module, name, mask)
        if before is not None:
            whole = before if isinstance(before, PruningContainer) else PruningContainer(before)
            whole.add_pruning_method(method)
            del module._forward_pre_hooks[key_of(module, name)]
        module.register_forward_pre_hook(whole)
        return whole

    def apply_mask(self, module: Module) -> Tensor:
        """The weight with its zeros."""
        name = self._tensor_name
        if not has_mask(module, name):
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
        if not has_mask(module, name):
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
        return masked(self._pruning_methods[-1], t, default_mask)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: Any) -> Any:
        return self._pruning_methods[idx]


def masked(method: BasePruningMethod, scores: Tensor, mask: Tensor) -> Tensor:
    """What a method leaves of a mask: it is asked of what is left, in the form its kind says."""
    kind = method.PRUNING_TYPE
    if kind == "combination":
        return method.compute_mask(scores, default_mask=mask)
    if kind == "unstructured":
        left: Any = mask == 1
    elif kind == "structured":
        dim = shapes.axis(method.dim, mask.ndim)  # type: ignore[attr-defined]
        some = mask.sum(other_axes(mask, dim)).nonzero().squeeze(1)
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


def has_mask(module: Module, name: str) -> bool:
    """Whether a weight is pruned."""
    return f"{name}_orig" in module._parameters and f"{name}_mask" in module._buffers


def mask_of(module: Module, name: str) -> Tensor:
    """The mask that is there, or ones."""
    if has_mask(module, name):
        return module._buffers[f"{name}_mask"].clone()
    if module._parameters.get(name) is None:
        raise ArgumentError(f"{module._get_name()} has no parameter {name!r} to prune")
    return ones_like(module._parameters[name].detach())


def scores_of(module: Module, name: str, given: Tensor | None) -> Tensor:
    """How important each element of a weight is: what was given, or the weight itself."""
    weight = getattr(module, name).detach()
    if given is None:
        return weight
    if tuple(given.shape) != tuple(weight.shape):
        raise ShapeError(
            f"importance_scores must have the shape of {name}, {tuple(weight.shape)}, found "
            f"{tuple(given.shape)}"
        )
    return given.detach()


def other_axes(x: Tensor, dim: int) -> tuple[int, ...]:
    """All axes but one."""
    dim = shapes.axis(dim, x.ndim)
    return tuple([d for d in range(x.ndim) if d != dim])


def key_of(module: Module, name: str) -> int | None:
    """Under which number the method of a weight stands among the module's hooks."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            return key
    return None


def method_of(module: Module, name: str) -> BasePruningMethod | None:
    """The method that a weight was pruned by."""
    key = key_of(module, name)
    return None if key is None else module._forward_pre_hooks[key]


def put(module: Module, name: str, mask: Tensor) -> None:
    """Put the mask to its place, and the weight behind it."""
    with no_grad():
        if has_mask(module, name):
            module._buffers[f"{name}_mask"].copy_(mask)
            return
    module.register_parameter(f"{name}_orig", module._parameters.pop(name))
    module.register_buffer(f"{name}_mask", mask)

    def get(self: Any) -> Tensor:
        weight = getattr(self, f"{name}_orig")
        return getattr(self, f"{name}_mask").to(weight.dtype) * weight

    compute_attribute(module, name, get)
