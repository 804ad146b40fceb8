"""The backward pass over the nodes of the tape.

The pass takes the newest node whose gradient has arrived, again and again: whatever consumes a node
is newer than it, so this is a topological order by construction, and nothing recurses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np

from ..base import dtypes
from ..base.errors import GradError
from ..base.lines import describe
from ..base.modes import modes
from ..ops import add, cast, sum, view
from .nodes import Edge, Node, Part, Wrap, reachable

__all__ = ["backward_pass", "unbroadcast"]

BF16 = dtypes.BF16_BITS


def backward_pass(
    roots: list[tuple[Edge, Any]],
    *,
    asked: list[Edge] | None,
    create: bool,
    retain: bool,
    wrap: Wrap,
) -> dict[Edge, Any]:
    """Pull gradients back from the roots.

    Args:
        roots: pairs of an edge and the gradient that starts there.
        asked: the edges whose gradients are wanted (leaves or outputs of nodes); None for all
            leaves.
        create: gradients are tensors and the pass itself is recorded.
        retain: keep saved values, so that another pass may follow.
        wrap: makes a tensor of (value, edge), used with `create`.
    Returns:
        The gradients by edge.
    """
    arrived = Arrivals(asked)
    for edge, g in roots:
        arrived.add(edge, g)
    useful = None if asked is None else _leading_to(asked, [edge for edge, _ in roots])
    before = modes.grad, modes.autocast
    modes.grad, modes.autocast = create, None  # a derivative has the dtype of what it is of
    try:
        with np.errstate(all="ignore"):
            arrived.carry_on(useful, create, retain, wrap)
    finally:
        modes.grad, modes.autocast = before
    return arrived.found


class Arrivals:
    """The gradients of one pass: those on their way, and those that have reached their end."""

    __slots__ = ("found", "mine", "pending", "queue", "wanted")

    def __init__(self, asked: Iterable[Edge] | None):
        self.wanted = None if asked is None else set(asked)
        # what has arrived at the nodes that wait, one slot for each output of a node
        self.pending: dict[Node, list] = {}
        self.queue: list[tuple[int, Node]] = []  # the nodes of `pending`, newest on top
        self.found: dict[Edge, Any] = {}  # the result
        # gradients in the making that nothing else holds, so that parts can be added in place
        self.mine: dict[Edge, np.ndarray] = {}

    def carry_on(self, useful: set[Node] | None, create: bool, retain: bool, wrap: Wrap) -> None:
        """Node after node, the newest first, pulls back what has arrived at it, which goes on along its edges in the shapes and dtypes of
        what stands there. Every gradient comes through here.
        """
        pending, queue, found = self.pending, self.queue, self.found
        every_leaf, anomaly = self.wanted is None, modes.anomaly
        while queue:
            node = heappop(queue)[1]
            grads = pending.pop(node)
            if node.hooks is not None:
                _run_hooks(node, grads)
            if useful is not None:
                self.keep_asked(node, grads)
                if node not in useful:
                    continue
            pulled = node.pull(grads, create, wrap)
            if anomaly:
                _refuse_nan(node, grads, pulled)
            for edge, g in zip(node.edges, pulled):  # noqa: B905 - on the hot path
                if g is None or edge is None:
                    continue
                if g.__class__ is Part:
                    self.add_part(edge, g)
                    continue
                target, k = edge
                shape, dtype = target.metas[k]
                if g.shape != shape:
                    g = unbroadcast(g, shape)
                if g.dtype is not dtype and _stored(g) != dtype:
                    g = cast(g, dtype=dtypes.stored(dtype))
                if k < 0 and every_leaf:  # the two usual cases of `add`
                    old = found.get(edge)
                    found[edge] = g if old is None else accumulate(old, g)
                elif k == 0 and target not in pending and len(target.metas) == 1:
                    pending[target] = [g]
                    heappush(queue, (-target.order, target))
                else:
                    self.add(edge, g)
            if not retain:
                node.release()

    def add(self, edge: Edge, g: Any) -> None:
        """A gradient arrives at an edge."""
        target, k = edge
        if k < 0:
            if self.wanted is None or edge in self.wanted:
                self.found[edge] = accumulate(self.found[edge], g) if edge in self.found else g
            return
        slots = self.pending.get(target)
        if slots is None:
            slots = self.pending[target] = [None] * len(target.metas)
            heappush(self.queue, (-target.order, target))
        slots[k] = g if slots[k] is None else accumulate(slots[k], g)

    def add_part(self, edge: Edge, part: Part) -> None:
        """The gradient of a part of what stands at an edge arrives."""
        target, k = edge
        if k < 0 and self.wanted is not None and edge not in self.wanted:
            return
        if k < 0:
            before = self.found.get(edge)
        else:
            slots = self.pending.get(target)
            before = None if slots is None else slots[k]
        whole: Any = before
        if before is None:
            shape, dtype = target.metas[k]
            whole = np.zeros(shape, dtype)
            self.add(edge, whole)
        elif self.mine.get(edge) is not before:
            whole = before.copy()
            self._replace(edge, whole)
        place = part.of(whole)
        place += part.gradient
        self.mine[edge] = whole

    def _replace(self, edge: Edge, g: Any) -> None:
        """Another array in the place of a gradient that has arrived."""
        target, k = edge
        if k < 0:
            self.found[edge] = g
        else:
            self.pending[target][k] = g

    def keep_asked(self, node: Node, grads: list) -> None:
        """The gradients of a node's outputs that were asked for are complete: part of the result."""
        for k, g in enumerate(grads):
            if g is not None and (node, k) in self.wanted:  # type: ignore[operator]
                self.found[node, k] = g


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum a gradient over the axes along which its operand was broadcast."""
    extra = g.ndim - len(shape)
    axes = tuple(
        [k for k in range(g.ndim) if k < extra or (shape[k - extra] == 1 and g.shape[k] != 1)]
    )
    if axes:
        g = sum(g, dim=axes, keepdim=False)
    return g if g.shape == shape else view(g, shape=shape)


def accumulate(a: Any, b: Any) -> Any:
    """The sum of two gradients of one value."""
    return add(a, b) if a.dtype is BF16 else a + b


def _stored(g: Any) -> Any:
    """How a gradient is stored: raw values have NumPy dtypes, tensors a DType."""
    return g.dtype if g.dtype.__class__ is not dtypes.DType else g.dtype.numpy


def _leading_to(asked: list[Edge], roots: list[Edge]) -> set[Node]:
    """The nodes behind the roots from which an asked edge can be reached."""
    # no node older than the oldest of them leads there
    oldest = min([target.order if k >= 0 else 0 for target, k in asked], default=0)
    wanted = set(asked)
    found: set[Node] = set()
    for node in reachable(roots, oldest):
        for edge in node.edges:
            if edge is not None and (edge in wanted or edge[0] in found):
                found.add(node)
                break
    return found


def _run_hooks(node: Node, grads: list) -> None:
    """Hooks of the tensors that are this node's outputs; one that returns a tensor replaces the
    gradient.
    """
    for k, hooks in node.hooks.items():  # type: ignore[union-attr]
        for hook in list(hooks):
            if grads[k] is not None:
                grads[k] = hook(grads[k])


def _refuse_nan(node: Node, grads: list, pulled: Sequence) -> None:
    """Refuse a NaN that this node has made of gradients without one."""
    if _has_nan(pulled) and not _has_nan(grads):
        raise GradError(
            f"the gradient of {node.name} has a NaN that was not in what it was given\n  at    {describe(node.place)}\n"
            "  hint: inspect.first_nonfinite shows the values that led there"
        )


def _has_nan(values: Sequence) -> bool:
    for g in values:
        g = g.gradient if g.__class__ is Part else g
        raw = g.detach().numpy() if hasattr(g, "detach") else g  # tensors, and raw values
        if (
            isinstance(raw, (np.ndarray, np.generic))
            and raw.dtype.kind == "f"
            and np.isnan(raw).any()
        ):
            return True
    return False
