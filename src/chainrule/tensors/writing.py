"""Writing: what in-place methods, and assignments to a part of a tensor, come down to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import ops
from ..base import shapes
from ..base.errors import DTypeError, GradError, ShapeError
from ..tape.modes import modes
from ..tape.op_node import OpNode
from .beneath import Beneath, gradients
from .indexing import assign_index, read_index
from .making import made_of, wrap

if TYPE_CHECKING:
    from .core import Tensor

__all__ = ["Writing"]


class Writing(Beneath):
    """The ways in which a tensor is written, gradient and all."""

    def _assign(self: Any, new: Tensor) -> Tensor:
        """Write a tensor of this shape (broadcast to it), with its history: what every in-place
        method comes down to.
        """
        self.need_assignable(new)
        self._need_broadcast(new)
        if new.dtype is not self.dtype:
            new = ops.cast(new, dtype=self.dtype)
        edge = self.edge  # of what was there before
        other = new.edge
        tracked = modes.grad and (edge is not None or other is not None)
        if tracked and self._cut:
            raise GradError(
                "a view taken under no_grad cannot be written with gradients on\n  hint: take the"
                " view with gradients on, or clone() it"
            )
        root = self._root()
        base = self if root is None else root
        before = base.edge
        self.write(new.read())
        if not tracked:
            return self
        if new._value.shape != self._value.shape:
            with gradients(True):
                other = ops.expand(new, shape=self._value.shape).edge
        if root is None and other is not None:
            self._edge = other
        else:  # a part of the base, or constants, whose gradient by what was there is zero
            path = self._path[len(base._path) :]
            saved = _scatter_saved(self._value.shape, path)
            attrs = {"path": path}
            node = OpNode(ops.view_scatter, attrs, (before, other), saved, (), base.metas)
            base._edge = node, 0
        base._follow_retained()
        return self

    def _follow_retained(self: Any) -> None:
        """After a write `.grad` is that of what the tensor is now."""
        if self._retains is not None:
            self._retains.remove()
            self._retains = None
            if self._edge is not None:
                self.retain_grad()

    def need_assignable(self, new: Tensor) -> None:
        """Refuse values that cannot be written here, whatever their shape."""
        root = self._root()
        if modes.grad and (self._leaf or (root is not None and root._leaf)):
            raise GradError(
                "a leaf that requires a gradient cannot be written in place\n  hint: under "
                "no_grad(), or write to a clone()"
            )
        if new.dtype.category > self.dtype.category:
            raise DTypeError(
                f"{new.dtype.name} values cannot be written into a tensor of dtype {self.dtype.name}\n  hint: convert one of them"
            )

    def _need_broadcast(self, new: Tensor) -> None:
        if new._value.shape == self._value.shape:
            return
        try:
            fits = shapes.broadcast(new._value.shape, self._value.shape) == self._value.shape
        except ShapeError:
            fits = False
        if not fits:
            raise ShapeError(
                f"values of shape {tuple(new.shape)} cannot be written into a tensor of shape {tuple(self.shape)}"
            )

    def copy_(self: Any, src: Any, non_blocking: Any = False) -> Tensor:
        """Write the values of another tensor (broadcast, converted to this dtype)."""
        src = src if isinstance(src, Beneath) else made_of(src)
        return self._assign(ops.cast(src, dtype=self.dtype) if src.dtype is not self.dtype else src)

    def fill_(self: Any, value: Any) -> Tensor:
        """Write one value everywhere."""
        return self._assign(
            value
            if isinstance(value, Beneath)
            else wrap(ops.full(shape=(), value=value, dtype=self.dtype), None)
        )

    def zero_(self) -> Tensor:
        """Write zeros."""
        return self.fill_(0)

    def __getitem__(self, index: Any) -> Tensor:
        return read_index(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        assign_index(self, index, value)


def _scatter_saved(value_shape: tuple, path: tuple) -> list:
    """What the rules of view_scatter asked to keep, for a node made without evaluating the op."""
    known = {("shape", 1): value_shape, ("attribute", "path"): path}
    return [known[k] for k in ops.view_scatter.keep]
