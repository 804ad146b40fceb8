"""Where a tensor came from: its gradient, the backward pass, hooks, and the ways to leave the graph."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..base.errors import DTypeError, GradError, ShapeError
from ..tape.modes import modes
from .beneath import Beneath
from .making import made_of, wrap

if TYPE_CHECKING:
    from .core import Tensor

__all__ = ["History"]

_new = object.__new__


class History(Beneath):
    """What a tensor has to do with gradients."""

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward passes have accumulated here, or None: a tensor that ops made has one only after
        ``retain_grad()``, and whoever asks for it before is warned, as in PyTorch.
        """
        if modes.trace is not None:
            modes.trace.reads_grad(self)
        g, edge = self._grad, self.edge
        if g is None and edge is not None and edge[1] >= 0 and not self.retains_grad:
            warnings.warn(
                "the .grad of a tensor that ops made is None, unless it has retain_grad(); weights are moved under no_grad() by "
                "writing into them: w -= lr * w.grad, not w = w - lr * w.grad, which makes another tensor",
                UserWarning,
                stacklevel=2,
            )
        return g

    @grad.setter
    def grad(self, g: Tensor | None) -> None:
        if g is not None:
            if not isinstance(g, Beneath):
                raise DTypeError(f".grad is a Tensor or None, found {type(g).__name__}")
            if g.shape != self.shape or g.dtype is not self.dtype:
                raise ShapeError(
                    f".grad must be like the tensor, {tuple(self.shape)} {self.dtype.name}, found {tuple(g.shape)} {g.dtype.name}"
                )
        if modes.trace is not None:
            modes.trace.writes_grad(self)
        self._grad = g

    @grad.deleter
    def grad(self) -> None:
        self.grad = None

    def backward(
        self: Any,
        gradient: Any = None,
        retain_graph: Any = None,
        create_graph: Any = False,
        inputs: Any = None,
    ) -> None:
        """Accumulate the gradient of this tensor into the `.grad` of the leaves it came from.

        Args:
            gradient: the gradient that starts here, of this shape; 1 for a tensor with one element.
            retain_graph: keep the graph for another pass (as create_graph unless given).
            create_graph: record the pass, so that gradients can be differentiated.
            inputs: accumulate into these tensors only.
        """
        from .gradients import accumulate

        accumulate(self, gradient, retain_graph, create_graph, inputs)

    def detach(self) -> Tensor:
        """The same memory without history: writes are seen by both, gradients are not."""
        out = _new(Beneath._plain)
        out._value, out._storage, out._path, out._stamp = (
            self._value,
            self._storage,
            self._path,
            self._storage.version,
        )
        if modes.trace is not None:
            out._value = self.read()  # what it is at this point of the program
            modes.trace.own(out)
        return out

    def detach_(self: Any) -> Tensor:
        """Forget the history in place."""
        if self._base is not None:
            raise GradError("a view cannot be detached in place\n  hint: detach()")
        self._edge, self._leaf = None, False
        return self

    @property
    def data(self) -> Tensor:
        """The same memory without history. PyTorch does not look at what is written through it; here
        a backward pass that needs one of the overwritten elements is an error.
        """
        out = self.detach()
        out._past = True
        return out

    @data.setter
    def data(self, other: Tensor) -> None:
        other = other if isinstance(other, Beneath) else made_of(other)
        if modes.trace is not None:
            modes.trace.refuse(
                "assigning .data replaces a tensor's memory, which a traced program holds on to",
                "use copy_(), which writes into it",
            )
        self._storage, self._value, self._path = other._storage, other._value, other._path
        self._base, self._before, self._stamp = None, None, other._storage.version
        self._metas = None

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> Any:
        """Call hook(tensor) after a backward pass has added to the `.grad` of this leaf; returns a handle whose
        `remove()` takes it away.
        """
        if not self._leaf:
            raise GradError("a hook after accumulation needs a leaf that requires a gradient")
        self._accumulated = self._accumulated or []
        self._accumulated.append(hook)
        return HookHandle(self._accumulated, hook)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> Any:
        """Call hook(gradient) whenever a gradient of this tensor is computed; a tensor it
        returns takes the gradient's place.
        """
        edge = self.edge
        if edge is None:
            raise GradError("a hook needs a tensor that requires a gradient")

        # the node will hold `run`, which therefore must not hold this tensor
        shape = tuple(self.shape)

        def run(g: Any) -> Any:
            given: Any = g if isinstance(g, Beneath) else wrap(g, None)
            result: Any = hook(given)
            if result is None:
                return g
            if not isinstance(result, Beneath) or result.shape != shape:
                raise GradError(
                    f"a hook returns None or a gradient of shape {shape}, found {result!r}"
                )
            return result if isinstance(g, Beneath) else result.read()

        if edge[1] < 0:
            self._hooks = self._hooks or []
            hooks = self._hooks
        else:
            edge[0].hooks = edge[0].hooks or {}
            hooks = edge[0].hooks.setdefault(edge[1], [])
        kept = self._retains
        last = kept is not None and kept._run in hooks  # what is retained is what hooks have made
        hooks.insert(hooks.index(kept._run) if last else len(hooks), run)
        return HookHandle(hooks, run)

    def retain_grad(self) -> None:
        """Keep `.grad` of a tensor that is not a leaf."""
        if self.edge is None:
            raise GradError("retain_grad needs a tensor that requires a gradient")
        if self._leaf or self._retains is not None:
            return
        me = weakref.ref(self)  # the node must not keep its own output alive

        def keep(g: Tensor) -> None:
            if (tensor := me()) is not None:
                tensor._grad = (
                    g.detach().clone() if tensor._grad is None else tensor._grad + g.detach()
                )

        self._retains = self.register_hook(keep)

    @property
    def retains_grad(self) -> Any:
        """Whether `retain_grad` was called."""
        return self._retains is not None


class HookHandle:
    """Removes a hook: `handle.remove()`."""

    def __init__(self, hooks: list, run: Callable):
        self._hooks, self._run = hooks, run

    def remove(self) -> None:
        """Take the hook away (once)."""
        if self._run in self._hooks:
            self._hooks.remove(self._run)
