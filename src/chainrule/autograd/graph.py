"""PyTorch's `torch.autograd.graph`: what stands in the tape, and what a program does with the values that the tape keeps.

A node of the tape keeps the values that its derivative needs. Inside of `saved_tensors_hooks` a program packs them instead, and unpacks
them when the backward pass asks: to count them, to make them smaller, or to put them somewhere else.

A node calls `tape.op_node.PACKERS` when it begins, and an open block stands there: nobody else pays for it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..base.errors import DTypeError, GradError
from ..base.left_out import missing_from
from ..base.modes import modes
from ..base.trees import mapped
from ..tape.nodes import Node
from ..tape.op_node import PACKERS, OpNode
from ..tensors import Tensor
from ..tensors.core import wrap

__all__ = ["Node", "disable_saved_tensors_hooks", "save_on_cpu", "saved_tensors_hooks"]

SOURCES = frozenset({"operand", "operands", "output"})
"""What of the things that a node keeps are tensors."""


class saved_tensors_hooks:
    """A block in which the tensors that derivatives need are packed, and unpacked in the backward pass.

    Args:
        pack_hook: called with each tensor that an op keeps, when it keeps it; what it returns is kept instead. It must not write to
            the tensor. A leaf, such as a parameter, is given as itself.
        unpack_hook: called with what was packed, each time that a backward pass needs it; returns a tensor.

    Blocks may stand in each other: the innermost packs. Whether a packed value was overwritten in place is not checked. A compiled
    function keeps what it keeps, without being asked.

    Raises:
        GradError: when the block is entered inside of `disable_saved_tensors_hooks`.

    >>> kept = []
    >>> x = cr.tensor([1.0, 2.0], requires_grad=True)
    >>> with saved_tensors_hooks(lambda t: kept.append(tuple(t.shape)) or t.detach(), lambda packed: packed):
    ...     y = (x * x).exp().sum()
    >>> kept
    [(2,), (2,), (2,)]
    >>> y.backward()
    >>> x.grad
    tensor([  5.4366, 218.3926])
    """

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]):
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook
        self._before: list[Any] = []

    def __enter__(self) -> None:
        if modes.packing_refused is not None:
            raise GradError(modes.packing_refused)
        self._before.append(modes.packing)
        modes.packing = self
        PACKERS.append(_pack)

    def __exit__(self, *exception: object) -> None:
        modes.packing = self._before.pop()
        PACKERS.pop()

    def packed(self, t: Tensor) -> Any:
        """What is kept of a tensor."""
        version = t._storage.version
        found = self.pack_hook(t)
        if t._storage.version != version:
            raise GradError("a saved tensor pack hook is modifying its input in place")
        return found

    def unpacked(self, found: Any) -> Tensor:
        """The tensor again."""
        t = self.unpack_hook(found)
        if not isinstance(t, Tensor):
            raise DTypeError(
                f"an unpack hook of saved_tensors_hooks must return a Tensor, found {type(t).__name__}"
            )
        return t


class save_on_cpu(saved_tensors_hooks):
    """A block in which the tensors that derivatives need are kept on the CPU, where all tensors are: without effect, but that the hooks
    of a block around it are not called.

    Args:
        pin_memory: without effect; for the transfer from another device.
        device_type: the device that there would be a transfer from.
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda"):
        super().__init__(Tensor.detach, lambda kept: kept)


class disable_saved_tensors_hooks:
    """A block in which `saved_tensors_hooks` is an error with this message. Also a decorator.

    Raises:
        GradError: such hooks are in force where the block is entered.
    """

    def __init__(self, error_message: str):
        self.error_message = error_message
        self._before: list[Any] = []

    def __enter__(self) -> None:
        if modes.packing is not None:
            raise GradError(self.error_message)
        self._before.append(modes.packing_refused)
        modes.packing_refused = self.error_message

    def __exit__(self, *exception: object) -> None:
        modes.packing_refused = self._before.pop()

    def __call__(self, f: Callable) -> Callable:
        @functools.wraps(f)
        def disabled(*args: Any, **kwargs: Any) -> Any:
            with type(self)(self.error_message):
                return f(*args, **kwargs)

        return disabled


class Packed:
    """What stands in a node in the place of its saved values."""

    __slots__ = ("hooks", "storages", "values")

    def __init__(self, hooks: saved_tensors_hooks, node: OpNode):
        self.hooks = hooks
        self.storages = [storage for storage, _ in node.stamps]
        self.values: list[Any] = []
        for (source, k), v in zip(node.op.keep, node.saved, strict=True):
            if source not in SOURCES:
                self.values.append((_As, v))
            elif source == "operands":
                edges = node.edges[k:]
                parts = [self._packed(x, e) for x, e in zip(v, edges, strict=True)]
                self.values.append((tuple, parts))
            else:
                self.values.append(self._packed(v, node.edges[k] if source == "operand" else None))

    def _packed(self, v: Any, edge: Any) -> tuple:
        """How to unpack a value, and what it is packed into; numbers stay what they are."""
        if not isinstance(v, np.ndarray):
            return _As, v
        return Tensor, self.hooks.packed(wrap(v, edge))

    def restore(self, node: OpNode) -> list:
        """The saved values: unpacked anew at each pass."""
        return [self._unpacked(*v) for v in self.values]

    def _unpacked(self, how: type, found: Any) -> Any:
        if how is tuple:
            return tuple([self._unpacked(*v) for v in found])
        return self.hooks.unpacked(found).read() if how is Tensor else found

    def keep_copies(self, storage: Any) -> None:
        """Packed tensors that lie in a storage that is about to be written are copied."""
        if any(s is storage for s in self.storages):
            self.values = mapped(lambda v: _copied(v, storage), self.values)


class _As:
    """Marks what is kept as it is."""


def _copied(v: Any, storage: Any) -> Any:
    return v.detach().clone() if isinstance(v, Tensor) and v._storage is storage else v


def _pack(node: OpNode) -> None:
    """A node of the tape begins: in a thread with hooks its saved values are packed."""
    hooks = modes.packing
    if hooks is not None and modes.trace is None and node.saved:
        modes.packing = None  # what the hook computes is its own affair
        try:
            node.saved, node.stamps = Packed(hooks, node), ()  # type: ignore[assignment]
        finally:
            modes.packing = hooks


__getattr__ = missing_from("autograd.graph")
