"""What lies under a tensor, and how it is read and written.

It is a storage's value seen through the tensor's *path*, the view ops that lead there (see `storage`). Three things
follow:

- a write goes through the path into the storage, so every tensor on that storage sees it;
- a tensor whose storage was written since its own history was noted rebuilds that history from its
  base (`_sync`);
- it makes no difference whether arrays or Tracers lie below, which is all that tracing needs.

`Beneath` is the foundation of the class `Tensor`, which is above (`core`); the chapters between them ask by
`isinstance(x, Beneath)` whether something is a tensor, and make new ones of the class `Beneath._plain`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np

from ..base import dtypes
from ..base.dtypes import DType
from ..base.errors import DTypeError, GradError, ShapeError, TraceError
from ..base.lines import describe, here
from ..ops.outline import Outline
from ..ops.promotion import Spec
from ..tape.modes import modes
from ..tape.nodes import Edge
from .attributes import Kept, WithAttributes, everything_of
from .storage import Size, Storage

__all__ = ["TENSORS", "Beneath", "gradients"]

ndarray = np.ndarray
_new = object.__new__


class gradients:
    """Sets the gradient mode for a `with` block of our own."""

    __slots__ = ("before", "on")

    def __init__(self, on: bool):
        self.on = on

    def __enter__(self) -> None:
        self.before, modes.grad = modes.grad, self.on

    def __exit__(self, *exc: object) -> None:
        modes.grad = self.before


TENSORS: set[Any] = set()
"""The classes of tensors, asked where every op comes by: `isinstance` asks their metaclass first, which takes three times as long."""


class Beneath(WithAttributes):
    """A tensor's value, its place in the graph, and the ways to both."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        TENSORS.add(cls)

    _plain: ClassVar[type[Any]]
    """Tensor itself, of which subclasses are."""

    _copies_attributes: ClassVar[bool] = True
    """Whether a deep copy keeps what was hung on a tensor; PyTorch's parameters lose it."""

    _storage: Storage
    _value: Any  # the raw array seen through the path (a Tracer if made inside a trace)
    _path: tuple = ()  # view ops from the storage's value to this tensor
    _base: Any = None  # the tensor this is a differentiable view of
    _edge: Edge | None = None  # (node, k): it is output k of that node
    _stamp: int = 0  # storage version for which _edge is right (views)
    _leaf: bool = False  # a leaf that requires a gradient
    _grad: Any = None
    _hooks: list | None = None
    _retains: Any = None
    _accumulated: list | None = None  # hooks after its gradient was added to
    _cut: bool = False  # a view taken while gradients were off
    _past: bool = (
        False  # got by `.data`, or a view of such: what it writes is looked at more closely
    )
    _before: Any = None  # what it was, if it has become a view of itself (see `_become`)

    def read(self) -> Any:
        """The raw array below, or inside a trace the Tracer that stands for it. Do not write to
        it; see `write`.
        """
        trace = modes.trace
        if trace is not None:
            return trace.read(self)
        if self._value.__class__ is not ndarray and self._value.__class__ is not Outline:
            raise TraceError(
                "this tensor was made inside a traced function that has ended; it has no value\n"
                f"  made at  {describe(getattr(self._value, 'place', None))}\n"
                "  hint: return it from the function"
            )
        return self._value

    def write(self, value: Any) -> None:
        """Replace what lies below by raw values of this shape (broadcast to it), with no
        history. Every view sees it.
        """
        storage = self._storage
        if modes.trace is not None:
            modes.trace.write(self, value)
        else:
            target = self._value
            if target.__class__ is Outline:  # whatever is written, there is no place for it
                return
            if not target.flags.writeable:
                if modes.weightless:
                    return
                raise ShapeError(
                    f"this tensor {tuple(self.shape)} cannot be written: several of its elements share "
                    "one place in memory, or it is read-only\n  hint: clone() it first"
                )
            np.copyto(target, value, casting="same_kind")
            if self._past:
                storage.note(target)
        storage.version += 1
        storage.written = here()

    def _sync(self) -> None:
        """A view whose storage was written since: its history is the base's, followed along the
        path.
        """
        version = self._storage.version
        base = self._root()
        if version == self._stamp or base is None:
            return
        if modes.trace is not None:
            modes.trace.read(self)  # notes the history it has, before that changes
        self._stamp = version
        if base._edge is None and not base._leaf:
            self._edge = None
            return
        if self._leaf:
            raise GradError(
                "this view was made a leaf, and what it is a view of was then written with a history "
                "of its own: its gradient could go to only one of the two\n"
                "  hint: clone() the view before requires_grad_()"
            )
        x: Any = base
        with gradients(True):
            for op, attrs in self._path[len(base._path) :]:
                x = op(x, **dict(attrs))
        self._edge = x._edge

    def _memory(self) -> Any:
        """All elements of the storage that this tensor is a view of, without history; not in a trace."""
        whole = _new(self._plain)
        whole._storage, whole._value = self._storage, self._storage.value
        whole._stamp = self._storage.version
        return whole

    def _root(self) -> Any:
        """The tensor this is a differentiable view of."""
        base = self._base
        if base is not None and base._before is not None:
            base = self._base = base._before
        return base

    def _become(self, view: Callable[[Any], Any]) -> Any:
        """Look at the own memory through a view from now on, as `squeeze_` and its like do. Views that
        were taken before are then views of what this tensor was.
        """
        if modes.trace is not None:
            modes.trace.refuse(
                "a tensor's shape was changed in place inside a traced function, where others may hold it",
                "take the view instead: x = x.squeeze()",
            )
        if self._leaf:
            raise GradError(
                "a leaf that requires a gradient cannot become a view in place\n  hint: take the view"
            )
        with gradients(True):
            seen = view(self)
        if self._base is None:
            was: Any = _new(self._plain)
            was._storage, was._value, was._path = self._storage, self._value, self._path
            was._edge, was._stamp = self._edge, self._stamp
            self._before = self._base = was
        self._value, self._path = seen._value, seen._path
        self._edge, self._stamp = seen._edge, seen._stamp
        everything_of(self).pop("metas", None)
        return self

    @property
    def edge(self) -> Edge | None:
        """Where a gradient of this tensor goes on: (node, k), or (itself, −1) for a leaf; None
        if nowhere.
        """
        if self._base is not None:
            self._sync()
        return (self, -1) if self._leaf else self._edge

    @property
    def spec(self) -> Spec:
        """Shape and dtype, as laws take them."""
        v = self._value
        return Spec(v.shape, dtypes.stored(v.dtype))

    @Kept
    def metas(self) -> tuple:
        """Shape and stored dtype, as the backward pass asks of a leaf."""
        return ((self._value.shape, self._value.dtype),)

    @property
    def shape(self) -> Size:
        """The size of each axis."""
        return Size(self._value.shape)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self._value.shape)

    @property
    def dtype(self) -> DType:
        """The element type."""
        return dtypes.stored(self._value.dtype)

    @property
    def requires_grad(self) -> bool:
        """Whether what is done with it is recorded."""
        if self._base is not None:
            self._sync()
        return self._leaf or self._edge is not None

    @requires_grad.setter
    def requires_grad(self, on: bool) -> None:
        self.requires_grad_(on)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Make this a leaf whose `.grad` backward fills (or no longer)."""
        if self._edge is not None:
            if not requires_grad:
                raise GradError(
                    "only a leaf can stop requiring a gradient\n  hint: detach() gives the value "
                    "without its history"
                )
            return self
        if requires_grad and not self.dtype.is_floating_point:
            raise DTypeError(
                f"only floating tensors can require a gradient, found {self.dtype.name}\n"
                "  hint: dtype=float32, or float() of the tensor"
            )
        self._leaf = bool(requires_grad)
        return self


Beneath._own = frozenset([*Beneath.__annotations__, "metas"])
