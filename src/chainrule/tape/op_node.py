"""The node of an op of the table: what its derivative rules need, and how they are asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..base import dtypes
from ..base.errors import GradError
from ..base.lines import describe, here
from ..base.modes import modes
from ..ops import cast
from ..ops.record import Op
from .backward import backward_pass
from .nodes import ORDER, Edge, Node, Part, Wrap

__all__ = ["NEEDS", "PACKERS", "OpNode"]

BF16 = dtypes.BF16_BITS
FLOAT32, HALVES = dtypes.float32.numpy, (BF16, dtypes.float16.numpy)
NEEDS = object()  # stands in the saved values for the `needs` of a joint rule

PACKERS: list[Callable[[OpNode], None]] = []
"""What is called with each node that begins, its saved values in it, while a program packs these: one entry for each open block of
`autograd.graph.saved_tensors_hooks`, in whatever thread. Where there is none, a node pays for a look at an empty list.
"""


class OpNode(Node):
    """An op of the table that a program has just applied, with what its rules need."""

    __slots__ = ("attrs", "op", "remat", "saved", "stamps")

    def __init__(
        self,
        op: Op,
        attrs: dict,
        edges: Sequence[Edge | None],
        saved: list,
        stamps: Sequence,
        metas: tuple,
    ):
        # what `Node.__init__` does stands here again: every op that is recorded comes here
        self.edges, self.metas, self.hooks = edges, metas, None
        self.place = here(4)  # four frames, from here to the call of the op, are ours
        self.order = next(ORDER)
        self.op, self.attrs, self.saved, self.stamps = op, attrs, saved, stamps
        if PACKERS:
            # all are one function, and another thread may just have left its block
            for pack in PACKERS[:1]:
                pack(self)

    @property
    def name(self) -> str:
        return self.op.name

    def pull(self, grads: list, create: bool, wrap: Wrap) -> Sequence:
        op = self.op
        saved: Any = self.saved
        if saved.__class__ is not list:
            saved = self._restored()
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
        if op.variadic and (count := len(self.edges) - len(out)):  # operands given as a list
            listed = op.rules.get(op.variadic)
            out.extend(listed.function(*listed.pick(context)) if listed else [None] * count)
        return out

    def _restored(self) -> list:
        """Saved values that are not here: brought back by what stands in their place, if anything does."""
        saved: Any = self.saved
        while saved.__class__ is not list:
            if saved is None:
                self._refuse_freed()
            saved = saved.restore(self)  # once for each checkpoint it is nested in
        return saved

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
