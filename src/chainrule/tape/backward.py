"""The tape: nodes, and the backward pass over them.

A node is one op that was applied. Its *edges* say, for each operand, where the gradient goes on:
`(node, k)` is output k of another node, `(leaf, -1)` a leaf tensor, None nowhere. Nodes know
nothing of tensors: a leaf is anything with the methods of `Leaf`.

The pass takes the newest node whose gradient has arrived, again and again: whatever consumes a node
is newer than it, so this is a topological order by construction, and nothing recurses.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import heappop, heappush
from typing import Any, Protocol

import numpy as np

from ..base import dtypes
from ..base.errors import GradError
from ..base.lines import Place, describe
from ..base.modes import modes
from ..ops import add, cast, full, sum, view
from ..ops.record import Op

__all__ = [
    "PACKERS",
    "AccumulateGrad",
    "Edge",
    "Leaf",
    "Node",
    "OpNode",
    "backward_pass",
    "newest_order",
    "reachable",
    "unbroadcast",
]

BF16 = dtypes.BF16_BITS
FLOAT32, HALVES = dtypes.float32.numpy, (BF16, dtypes.float16.numpy)


class Leaf(Protocol):
    """What the pass asks of a leaf tensor."""

    @property
    def metas(self) -> tuple:
        """(shape, stored dtype), in a tuple of one."""


Edge = tuple[Any, int]
Wrap = Callable[..., Any]
_order = itertools.count(1)


def newest_order() -> int:
    """A number between the nodes made so far and those to come."""
    return next(_order)


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


class AccumulateGrad:
    """The end of the graph at a leaf, as PyTorch has it: `variable` is the leaf."""

    next_functions = ()

    def __init__(self, variable: Any):
        self.variable = variable


class Node:
    """One step of the tape. Subclasses say how gradients are pulled back through it."""

    __slots__ = ("__weakref__", "edges", "hooks", "metas", "order", "place")

    def __init__(self, edges: Sequence[Edge | None], metas: tuple, place: Place | None):
        # metas: (shape, stored dtype) of each output
        self.edges, self.metas, self.place = (
            edges,
            metas,
            place,
        )
        self.hooks: dict[int, list] | None = None
        self.order = next(_order)

    @property
    def name(self) -> str:
        """The op's name, as in a tensor's repr."""
        raise NotImplementedError

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """For each operand the node its gradient goes on to, and which of that node's outputs it is; a leaf has an
        `AccumulateGrad`, and what needs no gradient None.
        """
        return tuple(
            [
                (None, 0) if e is None else e if e[1] >= 0 else (AccumulateGrad(e[0]), 0)
                for e in self.edges
            ]
        )

    def pull(self, grads: list, create: bool, wrap: Wrap) -> Sequence:
        """The gradient for each edge, from those that arrived at the outputs (None where none
        did).
        """
        raise NotImplementedError

    def release(self) -> None:
        """Forget saved values after the pass."""

    def keep_copies(self, storage: Any) -> None:
        """Saved values that lie in this storage are copied, because it is about to be written by
        the very op they were saved for.
        """

    def zeros(self, k: int) -> Any:
        """A gradient of output k that did not arrive."""
        shape, dtype = self.metas[k]
        return full(shape=shape, value=0.0, dtype=dtypes.stored(dtype))

    def __repr__(self) -> str:
        return f"<{self.name} node at {describe(self.place)}>"


class Part:
    """The gradient of a part of an operand, before it is given the size of the whole.

    A loop over x[t] would otherwise make an array of the size of x at every step, to add up mostly
    zeros.
    """

    __slots__ = ("attrs", "gradient", "op")

    def __init__(self, op: Op, attrs: dict, gradient: np.ndarray):
        self.op, self.attrs, self.gradient = op, attrs, gradient

    def of(self, whole: np.ndarray) -> np.ndarray:
        """The place of the part in the whole."""
        return self.op.body(whole, **self.attrs)


PACKERS: list[Callable[[OpNode], None]] = []
"""What is called with each node that begins, its saved values in it, while a program packs these: one entry for each open block of
`autograd.graph.saved_tensors_hooks`, in whatever thread. Where there is none, a node pays for a look at an empty list.
"""


class OpNode(Node):
    """An op of the table, with what its rules need."""

    __slots__ = ("attrs", "op", "remat", "saved", "stamps")

    def __init__(
        self,
        op: Op,
        attrs: dict,
        edges: Sequence[Edge | None],
        saved: list,
        stamps: Sequence,
        metas: tuple,
        place: Place | None,
    ):
        self.op, self.attrs, self.saved, self.stamps = op, attrs, saved, stamps
        self.edges, self.metas, self.place, self.hooks = edges, metas, place, None
        self.order = next(_order)
        if PACKERS:
            for pack in PACKERS[
                :1
            ]:  # all are one function; another thread may just have left its block
                pack(self)

    @property
    def name(self) -> str:
        return self.op.name

    def release(self) -> None:
        self.saved = None  # type: ignore[assignment]
        self.stamps = ()

    def keep_copies(self, storage: Any) -> None:
        saved: Any = self.saved
        if saved.__class__ is not list:  # packed by `autograd.graph.saved_tensors_hooks`
            saved.keep_copies(storage)
        elif any(s is storage for s, _ in self.stamps):
            self.saved = [
                v.copy()
                if isinstance(v, np.ndarray) and np.may_share_memory(v, storage.value)
                else v
                for v in saved
            ]
            self.stamps = [(s, version) for s, version in self.stamps if s is not storage]

    def forget(self, rerun: Any, place: int) -> None:
        """Drop the saved values; `rerun.restore(node)` brings them back, `place` is the node's
        place in it.
        """
        self.saved, self.stamps, self.remat = rerun, (), place

    def _refuse_freed(self) -> None:
        raise GradError(
            f"the graph behind {self.op.name} ({describe(self.place)}) was freed by an earlier backward pass\n"
            "  hint: pass retain_graph=True to the earlier one; a state that is carried from step to step "
            "is detached between them: state = state.detach()"
        )

    def _refuse_overwritten(self, storage: Any) -> None:
        raise GradError(
            f"a value that the derivative of {self.op.name} needs was overwritten in place\n"
            f"  needed since  {describe(self.place)}\n"
            f"  overwritten   {describe(storage.written)}\n"
            "  hint: write to a clone, or use the form of the op without the trailing underscore; if optimizer.step() wrote "
            "it, backward() comes before the step, and a state that is carried from step to step is detached: state = state.detach()"
        )

    def pull(self, grads: list, create: bool, wrap: Wrap) -> Sequence:
        op = self.op
        saved: Any = self.saved
        while saved.__class__ is not list:
            if saved is None:
                self._refuse_freed()
            saved = saved.restore(self)  # once for each checkpoint it is nested in
        for storage, version in self.stamps:
            if storage.version != version and storage.touched_since(version, _flat(saved)):
                self._refuse_overwritten(storage)
        if create:
            if op.through_definition:
                return self._through_definition(saved, grads, wrap)
            saved = self._wrapped(saved, wrap)
        elif op.takes_part and grads[0].__class__ is np.ndarray and grads[0].dtype != BF16:
            return [Part(op, self.attrs, grads[0])]
        if len(grads) > 1:
            grads = [self.zeros(k) if g is None else g for k, g in enumerate(grads)]
        context = [*grads, *saved]
        dtype = context[0].dtype
        if not create and ((dtype is not FLOAT32 and dtype.itemsize == 2) or _holds_bits(saved)):
            # rules compute half floats in float32, as bodies do; an operand may be one alone
            context = [_widened(v) for v in context]
        if op.joint is not None:
            needs = tuple([e is not None for e in self.edges])
            return op.joint.function(*[needs if v is NEEDS else v for v in op.joint.pick(context)])
        out: list = []
        for edge, rule in zip(self.edges, op.rule_at):  # noqa: B905 - on the hot path
            if edge is None or rule is None:
                out.append(None)
            else:
                f, _, pick = rule
                out.append(f(*pick(context)))
        if op.variadic and len(self.edges) > len(out):
            rule = op.rules.get(op.variadic)
            out.extend(
                rule.function(*rule.pick(context))
                if rule
                else [None] * (len(self.edges) - len(out))
            )
        return out

    def _wrapped(self, saved: list, wrap: Wrap) -> tuple:
        """Saved values as tensors that know where they come from, so that what is computed from
        them has a derivative.
        """
        out = []
        for (source, k), v in zip(self.op.keep, saved, strict=True):
            if source == "operand":
                v = wrap(v, self.edges[k])
            elif source == "operands":
                v = tuple([wrap(x, e) for x, e in zip(v, self.edges[k:], strict=True)])
            elif source == "output":
                known = k < len(self.op.outputs) and self.op.outputs[k] not in self.op.constant
                v = wrap(v, (self, k) if known else None)
            out.append(v)
        return tuple(out)

    def _through_definition(self, saved: list, grads: list, wrap: Wrap) -> Sequence:
        """A derivative that can be differentiated again: the composite's definition is run on
        the operands and pulled back.
        """
        values = dict(zip(self.op.keep, saved, strict=True))
        operands = [values["operand", k] for k in range(len(self.op.operands))]
        inputs = [wrap(v, e, alias=True) for v, e in zip(operands, self.edges, strict=True)]
        before, modes.grad = modes.grad, True
        try:  # autocast is off: the operands are those that it had cast
            out = self.op.visible(self.op.body(*inputs, **self.attrs))
        finally:
            modes.grad = before
        outs = (out,) if len(self.op.outputs) == 1 else out
        roots = [
            (o.edge, g)
            for o, g in zip(outs, grads, strict=True)
            if g is not None and o.edge is not None
        ]
        asked = [x.edge if e is not None else None for x, e in zip(inputs, self.edges, strict=True)]
        found = backward_pass(
            roots, asked=[e for e in asked if e is not None], create=True, retain=True, wrap=wrap
        )
        return [None if e is None else found.get(e) for e in asked]


def _holds_bits(saved: Sequence) -> bool:
    """Whether a saved value is bfloat16, whose bits NumPy would take for numbers."""
    for v in saved:
        if v.__class__ is np.ndarray:
            if v.dtype is BF16:
                return True
        elif v.__class__ is tuple and _holds_bits(v):
            return True
    return False


def _flat(saved: Sequence) -> Iterator[Any]:
    """Saved values, and those of a list of operands."""
    for v in saved:
        if v.__class__ is tuple:
            yield from _flat(v)
        else:
            yield v


def _widened(v: Any) -> Any:
    """A half float in float32; anything else as it is."""
    if v.__class__ is tuple:
        return tuple([_widened(x) for x in v])
    return cast(v, dtype=dtypes.float32) if getattr(v, "dtype", None) in HALVES else v


NEEDS = object()  # stands in the saved values for the `needs` of a joint rule


def reachable(roots: Iterable[Edge], oldest: int = 0) -> list[Node]:
    """All nodes behind some edges, oldest first, leaving out those made before a given one."""
    stack = [target for target, k in roots if k >= 0]
    seen = set(stack)
    while stack:
        for edge in stack.pop().edges:
            if edge is not None and edge[1] >= 0:
                node = edge[0]
                if node not in seen and node.order >= oldest:
                    seen.add(node)
                    stack.append(node)
    return sorted(seen, key=operator.attrgetter("order"))


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
    # the gradients that have arrived so far, one slot for each output of a node
    pending: dict[Node, list] = {}
    queue: list[tuple[int, Node]] = []  # the nodes of `pending`, newest on top
    found: dict[Edge, Any] = {}
    wanted = None if asked is None else set(asked)
    run = None if asked is None else _leading_to(asked, [edge for edge, _ in roots])

    def arrive(edge: Edge, g: Any) -> None:
        target, k = edge
        if k < 0:
            if wanted is None or edge in wanted:
                found[edge] = accumulate(found[edge], g) if edge in found else g
            return
        slots = pending.get(target)
        if slots is None:
            heappush(queue, (-target.order, target))
            if len(target.metas) == 1:
                pending[target] = [g]
                return
            slots = pending[target] = [None] * len(target.metas)
        slots[k] = g if slots[k] is None else accumulate(slots[k], g)

    def arrive_at(edge: Edge, part: Part) -> None:
        target, k = edge
        if k < 0 and wanted is not None and edge not in wanted:
            return
        slots = pending.get(target)
        before: Any = None if slots is None else slots[k]
        if k < 0:
            before = found.get(edge)
        if before is None:
            shape, dtype = target.metas[k]
            whole = np.zeros(shape, dtype)
            part.of(whole)[...] = part.gradient
            arrive(edge, whole)
        elif mine.get(edge) is before:
            place = part.of(mine[edge])
            place += part.gradient
            return
        else:
            whole = before.copy()
            place = part.of(whole)
            place += part.gradient
            if k < 0:
                found[edge] = whole
            else:
                pending[target][k] = whole
        mine[edge] = whole

    # gradients in the making that nothing else holds, so that parts can be added in place
    mine: dict[Edge, np.ndarray] = {}
    for edge, g in roots:
        arrive(edge, g)
    grad_mode, modes.grad = modes.grad, create
    anomaly = modes.anomaly
    autocast, modes.autocast = modes.autocast, None  # a derivative has the dtype of what it is of
    try:
        with np.errstate(all="ignore"):
            while queue:
                node = heappop(queue)[1]
                grads = pending.pop(node)
                if node.hooks is not None:
                    _run_hooks(node, grads)
                if run is not None:
                    for k, g in enumerate(grads):
                        if g is not None and (node, k) in wanted:  # type: ignore[operator]
                            found[node, k] = g
                    if node not in run:
                        continue
                pulled = node.pull(grads, create, wrap)
                if anomaly:
                    _refuse_nan(node, grads, pulled)
                for edge, g in zip(node.edges, pulled):  # type: ignore[assignment]  # noqa: B905 - hot path
                    if g is None or edge is None:
                        continue
                    if g.__class__ is Part:
                        arrive_at(edge, g)
                        continue
                    shape, dtype = edge[0].metas[edge[1]]
                    if g.shape != shape:
                        g = unbroadcast(g, shape)
                    if g.dtype is not dtype and _stored(g) != dtype:
                        g = cast(g, dtype=dtypes.stored(dtype))
                    target, k = edge
                    if k < 0 and wanted is None:  # the two usual cases of `arrive`
                        old = found.get(edge)
                        found[edge] = g if old is None else accumulate(old, g)
                    elif k == 0 and target not in pending and len(target.metas) == 1:
                        pending[target] = [g]
                        heappush(queue, (-target.order, target))
                    else:
                        arrive(edge, g)
                if not retain:
                    node.release()
    finally:
        modes.grad, modes.autocast = grad_mode, autocast
    return found


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


def _stored(g: Any) -> Any:
    """How a gradient is stored: raw values have NumPy dtypes, tensors a DType."""
    return g.dtype if g.dtype.__class__ is not dtypes.DType else g.dtype.numpy


def _run_hooks(node: Node, grads: list) -> None:
    """Hooks of the tensors that are this node's outputs; one that returns a tensor replaces the
    gradient.
    """
    for k, hooks in node.hooks.items():  # type: ignore[union-attr]
        for hook in list(hooks):
            if grads[k] is not None:
                grads[k] = hook(grads[k])
