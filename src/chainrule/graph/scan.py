"""Staging a loop: `scan` as one equation, and its gradient as another that runs the other way.

The body is traced once, forward and backward together, in a trace of its own. That joint program is
then cut in two:

- *forward*: what the results need, giving besides them the *residuals*, values that the backward
  part reads;
- *backward*: what the gradients need, given the residuals of its step.

Nothing of the forward part is computed again but what does not depend on the step (a transposed
weight, say), which is cheaper to repeat than to stack. The reverse scan adds the gradients of what
the body closes over (weights) from step to step, in the order in which an eager backward pass
would.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import ops
from ..base.errors import TraceError
from ..base.lines import here
from ..base.modes import modes
from ..ops import Spec
from ..ops.scan import scan as scan_op
from ..tape.backward import backward_pass
from ..tape.nodes import Edge, Node, Wrap, reachable
from ..tensors import functions
from ..tensors.core import Tensor, wrap
from ..tensors.creation import zeros_like
from ..tensors.gradients import grad
from ..tensors.scan import check_carry
from ..tensors.storage import Storage
from .ir import Equation, Program, Var, pruned
from .trace import Trace

__all__ = ["stage_scan"]


class _Step:
    """One step of the loop, traced: the body's inputs and outputs as tensors over Tracers of an
    inner trace.
    """

    def __init__(self, outer: Trace, body: Callable, carry: tuple, xs: tuple):
        self.inner = inner = Trace(parent=outer)
        self.carry = [self._input(Spec(tuple(t.shape), t.dtype), t) for t in carry]
        self.xs = [self._input(Spec(tuple(t.shape[1:]), t.dtype), t) for t in xs]
        self.gradients: list[Any] = []
        # the tensors around the body, by where their gradients go
        self.around: dict[Edge, Tensor] = {}
        with inner.active():
            new, ys = body(tuple(self.carry), tuple(self.xs))
            check_carry(tuple(self.carry), new)
            self.outs = [*new, *ys]
            if not all(isinstance(o, Tensor) for o in self.outs):
                raise TraceError("scan: the body must return (tuple of tensors, tuple of tensors)")
            self.count = len(new)
            self.values = [inner.operand(o.read()) for o in self.outs]
            self.around = {
                e: t
                for t, e in ((t, t.edge) for t, _, _ in inner.touched.values())
                if e is not None
            }
            self._differentiate()
        if inner.writes:
            inner.refuse(
                "the body of a scan writes in place into a tensor around it",
                "carry the value from step to step instead",
            )

    def _input(self, spec: Spec, like: Tensor) -> Tensor:
        tracer = self.inner.new_input(spec)
        t = object.__new__(Tensor)
        t._value, t._storage = tracer, Storage(tracer)
        t._leaf = modes.grad and like.dtype.is_floating_point
        return t

    def _differentiate(self) -> None:
        """Pull symbolic gradients of the results back to the inputs and to what the body closes
        over.
        """
        self.tracked = [k for k, o in enumerate(self.outs) if o.edge is not None]
        roots = [self.outs[k].edge for k in self.tracked]
        own = [*self.carry, *self.xs]
        self.own_edges: list[Edge | None] = [t.edge for t in own]
        mine = {id(t) for t in own}
        reached = roots + [
            e for node in reachable(roots, self.inner.start) for e in node.edges if e is not None
        ]
        # an ordered set: membership in a list would compare tensors elementwise
        outside: dict[Edge, None] = {}
        for target, k in reached:
            if id(target) not in mine if k < 0 else target.order < self.inner.start:
                outside[target, k] = None
        self.outer_edges = list(outside)
        self.seeds = [
            self.inner.new_input(Spec(tuple(self.outs[k].shape), self.outs[k].dtype))
            for k in self.tracked
        ]
        asked = [e for e in self.own_edges if e is not None] + self.outer_edges
        if not roots or not asked:
            self.outer_edges = []
            self.gradients = [None] * len(self.own_edges)
            return
        found = backward_pass(
            list(zip(roots, self.seeds, strict=True)),
            asked=asked,
            create=False,
            retain=False,
            wrap=wrap,
        )
        self.gradients = [None if e is None else found.get(e) for e in self.own_edges] + [
            found.get(e) for e in self.outer_edges
        ]


def _constant_sources(step: _Step, outer: Trace) -> list[tuple[Var, Any]]:
    """What the body reads from around it: (its variable inside, the value outside)."""
    inner = step.inner
    out: list[tuple[Var, Any]] = [(tracer.var, a) for a, tracer in inner.outer.values()]
    for storage, (tracer, _) in inner.captured.items():
        out.append((tracer.var, outer.lifted(storage)))
    return out


def stage_scan(outer: Trace, body: Callable, carry: tuple, xs: tuple, reverse: bool) -> tuple:
    """A scan on tensors inside a trace: one equation, and a node on the tape whose backward is
    another.
    """
    carry, xs = tuple(carry), tuple(xs)
    values = [t.read() for t in (*carry, *xs)]
    length = xs[0].shape[0]
    step = _Step(outer, body, carry, xs)
    constants = _constant_sources(step, outer)
    ins = [t._storage.value.var for t in (*step.carry, *step.xs)]
    tracked = (
        modes.grad
        and (bool(step.outer_edges) or any(t.edge is not None for t in (*carry, *xs)))
        and bool(step.tracked)
    )
    gradients = [g.var for g in step.gradients if g is not None] if tracked else []
    forward = pruned(step.inner.equations, step.values)
    residuals, backward = (
        _cut(step, forward, gradients, {v.id for v, _ in constants}) if tracked else ([], [])
    )
    program = Program([*ins, *[v for v, _ in constants]], forward, [*step.values, *residuals])
    attrs = {
        "body": program,
        "carries": len(carry),
        "sequences": len(xs),
        "length": length,
        "reverse": reverse,
    }
    results = outer.stage(scan_op, (*values, *[v for _, v in constants]), attrs)
    results = results if isinstance(results, tuple) else (results,)
    n = len(step.outs)
    outs = [wrap(v, None) for v in results[:n]]
    if tracked:
        node = ScanNode(
            outer,
            body,
            carry,
            xs,
            reverse,
            step,
            constants,
            residuals,
            backward,
            results[n:],
            [(o._value.shape, o._value.dtype) for o in outs],
        )
        for k in step.tracked:
            outs[k]._edge = node, k
    return tuple(outs[: step.count]), tuple(outs[step.count :])


def _cut(
    step: _Step, forward: list[Equation], gradients: list[Var], constants: set[int]
) -> tuple[list[Var], list[Equation]]:
    """The residuals, and the equations of the backward part."""
    made = {v.id for eq in forward for v in eq.outputs}
    steady: set[int] = set(constants)  # values that are the same at every step
    repeat: dict[int, Equation] = {}
    for eq in forward:
        if all(v.id in steady for v in eq.inputs if isinstance(v, Var)):
            for v in eq.outputs:
                steady.add(v.id)
                repeat[v.id] = eq
    all_backward = [
        eq
        for eq in pruned(step.inner.equations, gradients)
        if not any(v.id in made for v in eq.outputs)
    ]
    repeated: list[Equation] = []
    residuals: dict[int, Var] = {}

    def need(v: Any) -> None:
        if not isinstance(v, Var):
            return
        if v.id in repeat:
            eq = repeat[v.id]
            if eq not in repeated:
                for w in eq.inputs:
                    need(w)
                repeated.append(eq)
        elif v.id in made:
            residuals[v.id] = v

    for eq in all_backward:
        for operand in eq.inputs:
            need(operand)
    for g in gradients:
        need(g)
    carried = {t._storage.value.var.id: t._storage.value.var for t in step.carry}
    read = {v.id for eq in (*all_backward, *repeated) for v in eq.inputs if isinstance(v, Var)} | {
        v.id for v in gradients
    }
    # what a step was given is kept as well
    residuals |= {k: v for k, v in carried.items() if k in read}
    return list(residuals.values()), [*repeated, *all_backward]


def under_autocast(dtype: Any, body: Callable) -> Callable:
    """The body as it ran when it was recorded, for it to run again in a backward pass."""

    def again(carry: tuple, xs: tuple) -> tuple:
        before, modes.autocast = modes.autocast, dtype
        try:
            return body(carry, xs)
        finally:
            modes.autocast = before

    return again


class ScanNode(Node):
    """A staged scan on the tape."""

    __slots__ = (
        "backward",
        "body",
        "carry",
        "constants",
        "kept",
        "outer",
        "residuals",
        "reverse",
        "step",
        "xs",
    )

    def __init__(
        self, outer, body, carry, xs, reverse, step, constants, residuals, backward, kept, metas
    ):
        edges = [t.edge for t in (*carry, *xs)] + step.outer_edges
        super().__init__(edges, tuple(metas), here())
        self.outer, self.body, self.carry, self.xs, self.reverse, self.step = (
            outer,
            under_autocast(modes.autocast, body),
            carry,
            xs,
            reverse,
            step,
        )
        self.constants, self.residuals, self.backward, self.kept = (
            constants,
            residuals,
            backward,
            kept,
        )

    @property
    def name(self) -> str:
        return "scan"

    def pull(self, grads: list, create: bool, wrap: Wrap) -> Sequence:
        if create:
            return self._pull_recorded(grads)
        step = self.step
        n, m = len(self.carry), len(self.xs)
        length = self.xs[0].shape[0]
        arrived = {k: self.zeros(k) if grads[k] is None else grads[k] for k in step.tracked}
        by_own = step.gradients[: n + m]
        by_outer = step.gradients[n + m :]
        # carries of the reverse scan: the gradients of the carries, then the sums for what the body
        # closes over
        float_carries = [k for k in range(n) if k in arrived]
        seeds = dict(zip(step.tracked, step.seeds, strict=True))
        accumulated = [g for g in by_outer if g is not None]
        sums = [Var(g.spec) for g in accumulated]
        equations = list(self.backward)
        new_sums = []
        for total, g in zip(sums, accumulated, strict=True):
            out = Var(g.spec)
            equations.append(Equation(ops.add, (total, g.var), {}, (out,), self.place))
            new_sums.append(out)
        new_carries = []
        for k in float_carries:
            g = by_own[k]
            if g is None:
                zero = Var(seeds[k].spec)
                equations.append(Equation(ops.zeros_like, (seeds[k].var,), {}, (zero,), self.place))
                new_carries.append(zero)
            else:
                new_carries.append(g.var)
        x_grads = [by_own[n + k] for k in range(m)]
        sequences_in = [seeds[k].var for k in step.tracked if k >= n]
        x_vars = [t._storage.value.var for t in step.xs]
        inputs = [
            *[seeds[k].var for k in float_carries], *sums,
            *sequences_in, *self.residuals, *x_vars,
            *[v for v, _ in self.constants],
        ]  # fmt: skip
        outputs = [*new_carries, *new_sums, *[g.var for g in x_grads if g is not None]]
        program = Program(inputs, pruned(equations, outputs), outputs)
        values = [
            *[arrived[k] for k in float_carries], *[ops.full(shape=g.shape, value=0.0, dtype=g.spec.dtype) for g in accumulated],
            *[arrived[k] for k in step.tracked if k >= n], *self.kept, *[t.read() for t in self.xs],
            *[v for _, v in self.constants],
        ]  # fmt: skip
        attrs = {
            "body": program, "carries": len(float_carries) + len(sums), "sequences": len(sequences_in) + len(self.residuals) + m,
            "length": length, "reverse": not self.reverse,
        }  # fmt: skip
        results = self.outer.stage(scan_op, tuple(values), attrs)
        results = iter(results if isinstance(results, tuple) else (results,))
        carry_grads = {k: next(results) for k in float_carries}
        outer_grads = [None if g is None else next(results) for g in by_outer]
        return (
            [carry_grads.get(k) for k in range(n)]
            + [None if g is None else next(results) for g in x_grads]
            + outer_grads
        )

    def _pull_recorded(self, grads: list) -> Sequence:
        """The same gradients as tensors with a history: a scan that keeps the carries, and a
        scan back that differentiates each step.
        """
        n = len(self.carry)
        arrived = [zeros_like(t) if t.dtype.is_floating_point else None for t in self.carry]
        for k in range(n):
            arrived[k] = grads[k] if grads[k] is not None else arrived[k]
        body, reverse = self.body, self.reverse
        _, kept = self.outer.scan(lambda c, x: (body(c, x)[0], c), self.carry, self.xs, reverse)
        around = [self.step.around[e] for e in self.step.outer_edges]
        y_grads = [
            g if g is not None else wrap(self.zeros(n + j), None) for j, g in enumerate(grads[n:])
        ]

        def back(c: tuple, x: tuple) -> tuple:
            g_carry, sums = c[:n], c[n:]
            g_ys, carry, step_xs = (
                x[: len(y_grads)],
                x[len(y_grads) : len(y_grads) + n],
                x[len(y_grads) + n :],
            )
            ins = [functions.reshape(t, tuple(t.shape)) for t in (*carry, *step_xs)]
            new, ys = body(tuple(ins[:n]), tuple(ins[n:]))
            pairs = [
                (o, g)
                for o, g in zip((*new, *ys), (*g_carry, *g_ys), strict=True)
                if o.requires_grad
            ]
            found = grad(
                [o for o, _ in pairs],
                [*ins, *around],
                [g for _, g in pairs],
                create_graph=True,
                materialize_grads=True,
            )
            return (
                *found[:n],
                *[s + g for s, g in zip(sums, found[len(ins) :], strict=True)],
            ), tuple(found[n : len(ins)])

        start = (*arrived, *[zeros_like(t) for t in around])
        last, x_grads = self.outer.scan(back, start, (*y_grads, *kept, *self.xs), not reverse)
        return [*last[:n], *x_grads, *last[n:]]
