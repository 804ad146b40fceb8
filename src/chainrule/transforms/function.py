"""A differentiable function with a derivative of your own: `Function`, as in PyTorch."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ..base.errors import GradError
from ..base.lines import here
from ..tape.modes import modes, no_grad
from ..tape.nodes import Node, Wrap
from ..tensors.core import Tensor, wrap

__all__ = ["Function", "once_differentiable"]


class Context:
    """What forward leaves for backward: `save_for_backward(*tensors)`, `saved_tensors`,
    `needs_input_grad`, and any attribute.
    """

    def __init__(self, needs: tuple[bool, ...]):
        self.needs_input_grad = needs
        self.materialize_grads = True
        self._inputs: dict[int, Tensor] = {}
        self._outputs: dict[int, int] = {}
        self._saved: tuple = ()
        self._node: Any = None
        self._constant: tuple = ()

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep inputs or outputs, with the check that nobody writes to them in between."""
        self._saved = tuple(
            [(t, None if t is None else (t._storage, t._storage.version)) for t in tensors]
        )

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """What a `jvp` would read. There is nothing to keep: derivatives in that direction are made of `backward`."""

    def mark_non_differentiable(self, *outputs: Tensor) -> None:
        """These outputs have no derivative."""
        self._constant = tuple([id(o) for o in outputs])

    def set_materialize_grads(self, value: bool) -> None:
        """Whether gradients that did not arrive come as zeros (the default) or as None."""
        self.materialize_grads = value

    @property
    def saved_tensors(self) -> tuple:
        """The tensors that were saved."""
        for t, stamp in self._saved:
            if stamp is not None and stamp[0].version != stamp[1]:
                raise GradError(
                    f"a tensor of shape {tuple(t.shape)} that a Function saved was overwritten in place"
                )
        if self._node is not None and self._node.freed:
            raise GradError(
                "the graph behind this Function was freed by an earlier backward pass\n  hint: "
                "pass retain_graph=True to the earlier one; a state that is carried from step to step "
                "is detached between them: state = state.detach()"
            )
        return tuple([self._restored(t) for t, _ in self._saved])

    @property
    def saved_variables(self) -> tuple:
        """The older name of `saved_tensors`."""
        return self.saved_tensors

    def _restored(self, t: Tensor | None) -> Tensor | None:
        """A saved output knows its history again: kept without it, so that node and tensor do
        not hold each other.
        """
        if t is not None and id(t) in self._outputs and self._node is not None:
            return wrap(t.read(), (self._node, self._outputs[id(t)]))
        return t


class FunctionNode(Node):
    """The application of a Function."""

    __slots__ = ("context", "freed", "function")

    def __init__(self, function: type[Function], context: Context, edges: Sequence, metas: tuple):
        super().__init__(edges, metas, here())
        self.function, self.context, self.freed = function, context, False

    @property
    def name(self) -> str:
        return self.function.__name__

    def release(self) -> None:
        self.freed = True
        self.context._saved = ()

    def pull(self, grads: list, create: bool, wrap: Wrap) -> Sequence:
        if self.context.materialize_grads:
            grads = [self.zeros(k) if g is None else g for k, g in enumerate(grads)]
        context = self.context
        context._node = self  # for the time of the call only: a lasting reference would be a cycle
        try:
            out = self.function.backward(context, *[wrap(g, None) for g in grads])
        finally:
            context._node = None
        out = out if isinstance(out, tuple) else (out,)
        if len(out) > len(self.edges) and all(g is None for g in out[len(self.edges) :]):
            out = out[: len(self.edges)]
        if len(out) != len(self.edges):
            raise GradError(
                f"{self.name}.backward must return a gradient (or None) for each of the "
                f"{len(self.edges)} inputs of forward, found {len(out)}"
            )
        for k, (g, edge) in enumerate(zip(out, self.edges, strict=True)):
            if g is not None and edge is not None and not isinstance(g, Tensor):
                raise GradError(
                    f"{self.name}.backward must return tensors, found {type(g).__name__} for input {k}"
                )
        return [g if g is None or create else g.read() for g in out]


class Function:
    """Subclass it with two static methods and call `apply`.

    >>> class Cube(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x * x
    ...
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return g * 3 * x * x
    >>> x = Tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor(12.)

    `forward` may also leave out ctx if the class has `setup_context(ctx, inputs, output)`.
    `backward` is recorded when gradients of gradients are asked for, so if it is written with
    tensors it can be differentiated again.
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """The value; nothing in it is recorded."""
        raise NotImplementedError("a Function needs a static method forward(ctx, ...)")

    @staticmethod
    def backward(ctx: Context, *grads: Any) -> Any:
        """The gradient of each input of forward, None where there is none."""
        raise NotImplementedError(
            "a Function needs a static method backward(ctx, ...) to be differentiated"
        )

    @staticmethod
    def jvp(ctx: Context, *tangents: Any) -> Any:
        """PyTorch's rule for forward mode; here derivatives in that direction are made of `backward`, and it is not called."""
        raise NotImplementedError(
            "jvp of a Function is not needed: chainrule.func.jvp uses its backward"
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run forward, and hang this function on the tape."""
        edges = [a.edge if isinstance(a, Tensor) else None for a in args]
        tracked = modes.grad and any(e is not None for e in edges)
        context = Context(tuple([e is not None and tracked for e in edges]))
        with no_grad():
            if hasattr(cls, "setup_context"):
                out = cls.forward(*args, **kwargs)
                cls.setup_context(context, args, out)
            else:
                out = cls.forward(context, *args, **kwargs)
        outs = out if isinstance(out, tuple) else (out,)
        if not tracked:
            return out
        inputs = {id(a): a for a in args if isinstance(a, Tensor)}
        kept = [o.detach() if isinstance(o, Tensor) and id(o) in inputs else o for o in outs]
        tensors = [o for o in kept if isinstance(o, Tensor)]
        node = FunctionNode(cls, context, edges, tuple([o.metas[0] for o in tensors]))
        results = []
        k = 0
        saved = dict(enumerate(context._saved))
        for before, o in zip(outs, kept, strict=True):
            if not isinstance(o, Tensor):
                results.append(o)
                continue
            result = o.detach()
            if id(before) not in context._constant and o.dtype.is_floating_point:
                result._edge = node, k
                for j, (t, stamp) in saved.items():
                    if t is before:
                        bare = o.detach()
                        context._outputs[id(bare)] = k
                        saved[j] = (bare, stamp)
            results.append(result)
            k += 1
        context._saved = tuple([saved[j] for j in sorted(saved)])
        return tuple(results) if isinstance(out, tuple) else results[0]


def once_differentiable(backward: Callable) -> Callable:
    """Decorator for a backward that is not written with tensors: differentiating it again is an
    error instead of a wrong number.
    """

    @functools.wraps(backward)
    def once(ctx: Context, *grads: Any) -> Any:
        if modes.grad and any(isinstance(g, Tensor) and g.requires_grad for g in grads):
            raise GradError(
                "this function's backward is marked once_differentiable: it has no second "
                "derivative"
            )
        with no_grad():
            return backward(ctx, *grads)

    return once
