"""Rematerialisation: give back the memory of a part of the forward pass and compute it again when
the backward pass needs it.

The function is run and recorded as always, and then every node it made forgets its saved values.
The first of them that is asked for its gradient runs the function again on the same inputs, from
the same random state; the nodes of that second run are the same in the same order, and hand over
what they saved. Nothing else about the graph changes, so closures over parameters, `grad` for
chosen inputs, and derivatives of derivatives work as without.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base.errors import GradError
from ..tape.modes import enable_grad, modes
from ..tape.nodes import newest_order, reachable
from ..tape.op_node import OpNode
from ..tensors.core import Tensor
from ..tensors.generator import default_generator

__all__ = ["checkpoint"]


class _Rerun:
    """What a part of the graph needs to run again: it stands in the place of each node's saved
    values.
    """

    def __init__(self, function: Callable, args: tuple, kwargs: dict, mark: Any):
        self.function, self.args, self.kwargs, self.mark = function, args, kwargs, mark
        self.autocast = modes.autocast
        self.stamps = [(a._storage, a._storage.version) for a in args if isinstance(a, Tensor)]
        self.values = [
            a.detach().requires_grad_(a.requires_grad) if isinstance(a, Tensor) else a for a in args
        ]
        self.ops: list[Any] = []
        self.restored: dict[int, OpNode] = {}

    def restore(self, node: OpNode) -> Any:
        """The saved values of a node, which has them from now on; of one in a checkpoint of its own, that."""
        if not self.restored:
            for storage, version in self.stamps:
                if storage.version != version:
                    raise GradError(
                        "an input of a checkpointed function was overwritten in place before its "
                        "backward pass"
                    )
            start = newest_order()
            before, modes.autocast = modes.autocast, self.autocast
            try:
                with enable_grad(), default_generator.rewound(self.mark):
                    out = self.function(*self.values, **self.kwargs)
            finally:
                modes.autocast = before
            again = _nodes_of(out, start)
            if [n.op for n in again] != self.ops:
                raise GradError(
                    f"a checkpointed function must do the same when it runs again: {len(self.ops)} recorded ops before, {len(again)} now, "
                    "and not the same"
                )
            self.restored = dict(enumerate(again))
        twin = self.restored.pop(node.remat)
        node.saved = twin.saved
        if not isinstance(twin.saved, list):  # its place is that in the inner checkpoint
            node.remat = twin.remat
        return node.saved


def _nodes_of(out: Any, start: int) -> list[OpNode]:
    """The op nodes behind some outputs that were made after `start`, oldest first."""
    outs = out if isinstance(out, (tuple, list)) else (out,)
    roots = [
        e
        for e in (o.edge for o in outs if isinstance(o, Tensor))
        if e is not None and (e[1] < 0 or e[0].order > start)
    ]
    return [n for n in reachable(roots, start + 1) if isinstance(n, OpNode)]


def checkpoint(
    function: Callable,
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """function(*args), keeping only its inputs for the backward pass, which computes the rest
    again.

    Args:
        preserve_rng_state: dropout and the like draw the same numbers the second time.
        use_reentrant: accepted because PyTorch asks for it; there is one way, which does what
            PyTorch does with False.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> checkpoint(lambda v: (v * v).sum(), x).backward()
    >>> x.grad
    tensor([2., 4.])
    """
    mark = default_generator.mark() if preserve_rng_state else None
    start = newest_order()
    out = function(*args, **kwargs)
    if modes.grad:
        rerun = _Rerun(function, args, kwargs, mark)
        nodes = _nodes_of(out, start)
        rerun.ops = [node.op for node in nodes]
        for k, node in enumerate(nodes):
            node.forget(rerun, k)
    return out
