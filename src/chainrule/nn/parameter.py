"""Parameters and buffers: the two kinds of tensor that belong to a module.

A *parameter* is what training changes: a leaf of the graph that wants a gradient. A *buffer* is
what the forward pass keeps for itself (running statistics, a table of angles): saved with the
module, but invisible to the optimizer.
"""

from __future__ import annotations

from typing import Any

from ..tensors import Tensor, empty, tensor
from ..tensors.attributes import everything_of
from ..tensors.overrides import disabled_torch_function

__all__ = ["Buffer", "Parameter"]


class Parameter(Tensor):
    """A tensor that a module trains: assigned to an attribute of a module, it joins
    ``module.parameters()``.

    Args:
        data: a Tensor, whose memory is shared, or anything ``tensor`` accepts (an array, a list, a
            number). Without it the parameter is empty, of shape (0,).
        requires_grad: whether ``backward`` fills its ``grad``.

    Raises:
        DTypeError: the data are integers and ``requires_grad`` is true.

    Example:
        >>> Parameter(np.zeros((2, 3))).requires_grad
        True
    """

    _called = "tensor"
    _copies_attributes = False
    # a product with a parameter is a plain tensor, whatever class is derived
    __torch_function__ = disabled_torch_function  # type: ignore[assignment]

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Parameter:
        return _share(cls, data).requires_grad_(requires_grad)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"

    def __format__(self, how: str) -> str:
        return super().__format__(how) if how else repr(self)


class Buffer(Tensor):
    """A tensor that a module keeps but does not train: assigned to an attribute, it joins
    ``module.buffers()``.

    Args:
        data: a Tensor, whose memory is shared, or anything ``tensor`` accepts; empty by default.
        persistent: whether ``state_dict`` saves it.

    Example:
        >>> Buffer(np.ones(3), persistent=False).persistent
        False
    """

    persistent = True
    _called = "tensor"
    __torch_function__ = disabled_torch_function  # type: ignore[assignment]

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Buffer:
        self = _share(cls, data)
        self.persistent = persistent
        return self


def is_lazy(param: Any) -> bool:
    """Whether a parameter is that of a lazy layer that has seen no input."""
    from .lazy import UninitializedParameter

    return isinstance(param, UninitializedParameter)


def __getattr__(name: str) -> Any:
    if name != "UninitializedParameter":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
    from .lazy import UninitializedParameter  # which is made of Parameter

    return UninitializedParameter


def _share(cls: type, data: Any) -> Any:
    """A new tensor of a class on the memory of ``data``: it becomes what ``data.detach()`` is, in its own class."""
    value = empty(0) if data is None else data if isinstance(data, Tensor) else tensor(data)
    new = object.__new__(cls)
    everything_of(new).update(everything_of(value.detach()))
    return new
