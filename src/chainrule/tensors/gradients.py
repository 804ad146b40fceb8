"""The backward pass of tensors: what `backward` adds to the `.grad` of leaves, and `grad`, which returns it."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..base import shapes
from ..base.errors import GradError, ShapeError
from ..tape.backward import backward_pass
from ..tape.modes import modes
from ..tape.nodes import Edge
from . import functions
from .core import Tensor, made_of, wrap
from .device import placing

__all__ = ["accumulate", "grad"]

ndarray = np.ndarray


def accumulate(x: Tensor, gradient: Any, retain: Any, create: Any, inputs: Any) -> None:
    """What `Tensor.backward` does."""
    roots = [_start(x, gradient)]
    keep = create if retain is None else retain
    chosen = None if inputs is None else ([inputs] if isinstance(inputs, Tensor) else list(inputs))
    asked = None if chosen is None else [_need_edge(t) for t in chosen]
    found = backward_pass(
        _started(roots, create),
        asked=asked,
        create=create,
        retain=keep,
        wrap=wrap,
    )
    holders: dict[Edge, Tensor] = dict(zip(asked or [], chosen or [], strict=True))
    given = {id(g._value) for _, g in roots}
    for edge, g in found.items():
        leaf = holders[edge] if edge in holders else edge[0]
        _attach(leaf, g, create, given)
        for hook in leaf._accumulated or ():
            hook(leaf)


def _start(x: Tensor, gradient: Any) -> tuple[Tensor, Any]:
    if x.edge is None:
        raise GradError(
            "backward needs a tensor that was computed from one that requires a gradient; this "
            "one was not\n"
            "  hint: requires_grad=True on a parameter, and no no_grad() or detach() on the way"
        )
    if gradient is None:
        shape = x._value.shape
        if shapes.size(shape) != 1:
            raise GradError(
                f"backward without a gradient needs a tensor with one element, found shape {shape}\n  hint: .sum() or .mean()"
            )
        with placing(x.device):
            return x, wrap(ops.full(shape=shape, value=1.0, dtype=x.dtype), None)
    gradient = gradient if isinstance(gradient, Tensor) else made_of(gradient)
    if gradient.shape != x.shape:
        raise ShapeError(
            f"the gradient must have the shape of the tensor, {tuple(x.shape)}, found {tuple(gradient.shape)}"
        )
    return x, gradient


def _started(roots: list, create: bool) -> list[tuple[Edge, Any]]:
    return [(x.edge, g if create else g.read()) for x, g in roots]


def _need_edge(x: Tensor) -> Edge:
    edge = x.edge
    if edge is None:
        raise GradError(
            f"a tensor of shape {tuple(x.shape)} among the inputs does not require a gradient"
        )
    return edge


def _attach(leaf: Tensor, g: Any, create: bool, given: set) -> None:
    """Add a gradient to a leaf's `.grad`: never an array that something else holds too."""
    for hook in leaf._hooks or ():
        g = hook(g)
        given.add(id(g))  # the hook may have kept it
    if modes.trace is not None:
        modes.trace.reads_grad(leaf)
    old = leaf._grad  # also of what is named as an input of the pass and is no leaf
    if create:
        leaf.grad = g if old is None else old + g
        return
    if old is not None:
        old.write(ops.add(old.read(), g))
        return
    if g.__class__ is ndarray and (g.base is not None or id(g) in given or not g.flags.writeable):
        g = g.copy(order="C")
    elif isinstance(g, np.generic):
        g = np.asarray(g)
    given.add(id(g))  # two leaves may be given one array
    leaf.grad = wrap(g, None)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of outputs with respect to inputs, as a tuple; nothing is accumulated into
    `.grad`.

    Args:
        outputs, inputs: a tensor or several.
        grad_outputs: the gradients that start at the outputs (None for outputs with one element).
        retain_graph, create_graph: as in `Tensor.backward`.
        only_inputs: True: nothing is accumulated elsewhere.
        allow_unused: an input the outputs do not depend on gives None instead of an error.
        is_grads_batched: `grad_outputs` have a first axis more, and so have the gradients; there is
            one pass over the graph for each of its elements.
        materialize_grads: such an input gives zeros.

    >>> x = Tensor(2.0, requires_grad=True)
    >>> (dx,) = grad(x**3, x, create_graph=True)
    >>> grad(dx, x)
    (tensor(12.),)
    """
    if not only_inputs:
        raise GradError("grad(only_inputs=False) is not supported; call backward()")
    if is_grads_batched:
        return _batched_grad(
            outputs,
            inputs,
            grad_outputs,
            retain_graph,
            create_graph,
            allow_unused,
            materialize_grads,
        )
    outs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    ins = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    starts = (
        [None] * len(outs)
        if grad_outputs is None
        else [grad_outputs]
        if isinstance(grad_outputs, Tensor)
        else list(grad_outputs)
    )
    roots = [_start(x, g) for x, g in zip(outs, starts, strict=True)]
    edges = [_need_edge(x) for x in ins]
    retain = create_graph if retain_graph is None else retain_graph
    found = backward_pass(
        _started(roots, create_graph), asked=edges, create=create_graph, retain=retain, wrap=wrap
    )
    result: list[Tensor | None] = []
    for x, edge in zip(ins, edges, strict=True):
        g = found.get(edge)
        if g is None:
            if materialize_grads:
                g = x.new_zeros(x.shape)
            elif not allow_unused:
                raise GradError(
                    f"the outputs do not depend on the input of shape {tuple(x.shape)}\n  hint: allow_unused=True gives None for it"
                )
        else:
            for hook in x._hooks or () if edge[1] < 0 else ():
                g = hook(g)
        result.append(g if g is None or isinstance(g, Tensor) else wrap(g, None))
    return tuple(result)


def _batched_grad(
    outputs: Any,
    inputs: Any,
    starts: Any,
    retain: bool | None,
    create: bool,
    unused: bool | None,
    zeros: bool,
) -> tuple[Tensor | None, ...]:
    """`grad` for each element of the first axis of the gradients that start, stacked."""
    rows = [starts] if isinstance(starts, Tensor) else list(starts)
    count = rows[0].shape[0]
    keep = create if retain is None else retain
    found = []
    for k in range(count):
        found.append(
            grad(
                outputs, inputs, [r[k] for r in rows], retain_graph=keep or k + 1 < count, create_graph=create,
                allow_unused=unused, materialize_grads=zeros,
            )
        )  # fmt: skip
    columns = zip(*found, strict=True)
    return tuple([None if c[0] is None else functions.stack(c) for c in columns])
