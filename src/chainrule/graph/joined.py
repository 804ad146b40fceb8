"""Gradients that flow out of a traced function: forward and backward, traced together, cut in two.

While the trace is still active, symbolic gradients of the results are pulled back to whatever the
function took from outside: arguments, parameters, tensors with a history (`differentiate`). The
joint program is then cut (`cut`):

- *forward* computes the results, and hands out besides them the *residuals*: values of its own that
  the backward part reads;
- *backward* computes the gradients from the residuals, the forward program's inputs and the
  gradients of the results. What is cheap and small to make again (a view, a constant, a number) is
  made again instead of kept.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from .. import ops
from ..base import dtypes, shapes
from ..base.errors import GradError
from ..ops import Spec
from ..ops.promotion import spec_of
from ..tape.backward import backward_pass
from ..tape.nodes import Edge, Node, Wrap, reachable
from ..tensors.core import Tensor, wrap
from .ir import Equation, Program, Var, pruned
from .trace import Trace

__all__ = [
    "Backward", "Entry", "Joint", "Outlets", "cut", "differentiable", "differentiate", "distinct",
    "without",
]  # fmt: skip


class Entry(Node):
    """Stands, during a trace, for the history that a tensor from outside has. Whenever it is made,
    it counts as older than any op: a pass takes it when all its gradients have arrived.
    """

    __slots__ = ()
    _age = itertools.count(1)

    def __init__(self, meta: tuple):
        super().__init__((), (meta,), None)
        self.order = -next(self._age)

    @property
    def name(self) -> str:
        return "entry"

    def pull(self, grads: list, create: bool, wrap: Wrap) -> Sequence:
        return ()


# ------------------------------------------------------------------------------------------------------- in the trace


class Joint:
    """The symbolic gradients of a traced function.

    Attributes:
        seeds: for each result with a derivative its place and the input that is its gradient.
        owners: where each gradient goes: ("argument", k), ("result", k) or a tensor.
        gradients: the gradients, as operands of the trace.
        used_up: the results that cannot be differentiated (again), and the error's words.
    """

    def __init__(self) -> None:
        self.seeds: list[tuple[int, Var]] = []
        self.owners: list[Any] = []
        self.gradients: list[Any] = []
        self.used_up: dict[int, str] = {}


class Outlets:
    """Where gradients leave a trace: the edges, each with its owner."""

    def __init__(self, t: Trace, arguments: dict[Edge, Any]):
        self.t, self.owners = t, dict(arguments)
        self.replaced: dict[Edge, Edge] = {}  # an edge to a node from outside → one to an entry

    def behind(self, roots: Iterable[Edge]) -> dict[Edge, Any]:
        """The outlets that a pass from some roots comes to. Nodes from outside are replaced by
        entries in the graph of the trace, so that the pass ends there.
        """
        for tensor, edge, leaf in self.t.touched.values():
            if leaf or edge is not None:
                self.owners.setdefault((tensor, -1) if leaf else edge, tensor)
        found: dict[Edge, Any] = {}
        for node in reachable(roots, self.t.start):
            if node.order >= self.t.start and node.__class__ is not Entry:
                node.edges = [e if e is None else self._inner(e, found) for e in node.edges]
        return found

    def _inner(self, edge: Edge, found: dict[Edge, Any]) -> Edge:
        target, k = edge
        if k < 0:
            if edge in self.owners or not self.t.owns(target):
                found[edge] = self.owners.get(edge, target)
        elif target.__class__ is Entry:
            found[edge] = self.owners[edge]
        elif target.order < self.t.start:
            if edge not in self.owners:
                self.t.refuse(
                    "a tensor that was computed outside of the traced function, and has a history "
                    "there, is used in it without being read",
                    "pass it as an argument",
                )
            entry = self.replaced.setdefault(edge, (Entry(target.metas[k]), 0))
            found[entry] = self.owners[entry] = self.owners[edge]
            return entry
        return edge


def differentiable(outlets: Outlets, edge: Edge) -> bool:
    """Whether a backward pass from an edge of the trace is possible: not if its graph was used."""
    asked = outlets.behind([edge])
    try:
        _pulled([(edge, outlets.t.new_input(_spec_of(edge), "seed"))], asked)
    except GradError:
        return False
    return True


def _pulled(roots: list[tuple[Edge, Any]], asked: Iterable[Edge]) -> dict[Edge, Any]:
    return backward_pass(roots, asked=list(asked), create=False, retain=True, wrap=wrap)


def differentiate(outlets: Outlets, results: Iterable[tuple[int, Tensor]]) -> Joint:
    """Pull symbolic gradients of results, given with their places, back to where they leave the
    trace.
    """
    joint, t = Joint(), outlets.t
    roots: dict[int, Edge] = {}
    for k, r in results:
        edge = r.edge
        if edge is not None and edge[1] >= 0:
            roots[k] = edge
        elif edge is not None:
            # a leaf that was made inside, and is handed out as one
            outlets.owners[edge] = ("result", k)
    if not roots:
        return joint
    asked = outlets.behind(roots.values())
    before = {storage: storage.value for storage in t.captured}
    seeds = {k: t.new_input(_spec_of(edge), "seed") for k, edge in roots.items()}
    pairs = {k: (edge, seeds[k]) for k, edge in roots.items()}
    try:
        found = _pulled(list(pairs.values()), asked)
    except GradError:
        # the function itself went backward from some results: each is tried alone
        for k, pair in pairs.items():
            try:
                _pulled([pair], asked)
            except GradError as e:
                joint.used_up[k] = str(e)
        found = _pulled([pair for k, pair in pairs.items() if k not in joint.used_up], asked)
    if any(
        storage.value is not before.get(storage, tracer)
        for storage, (tracer, _) in t.captured.items()
    ):
        t.refuse(
            "a tensor is written in place by the backward pass of a result of the function",
            "compile the whole step, with backward() inside",
        )
    joint.seeds = [(k, seeds[k].var) for k in roots if k not in joint.used_up]
    for edge, owner in asked.items():
        if edge in found:
            joint.owners.append(owner)
            joint.gradients.append(t.operand(found[edge]))
    return joint


def _spec_of(edge: Edge) -> Spec:
    shape, dtype = edge[0].metas[edge[1]]
    return Spec(shape, dtypes.stored(dtype))


# -------------------------------------------------------------------------------------------------------------- the cut


class Backward:
    """The backward program of a traced function.

    Its inputs are, in this order: the residuals, the inputs of the forward program it reads, the
    gradients of the results.

    Attributes:
        residuals: the variables of the forward program that have to be handed out for it.
        reads: the places of the forward program's inputs that it reads.
        places: the results whose gradients it takes.
        owners: where its outputs go.
    """

    def __init__(
        self,
        program: Program,
        residuals: list[Var],
        reads: list[int],
        places: list[int],
        owners: list[Any],
    ):
        self.program, self.residuals, self.reads = program, residuals, reads
        self.places, self.owners = places, owners


def cut(
    joint: Joint,
    equations: Sequence[Equation],
    forward: Sequence[Equation],
    inputs: Sequence[Var],
    overwritten: set[int],
) -> tuple[Backward, list[Equation]]:
    """The backward program, and equations to add to the forward program, which keep what the
    inputs with the ids `overwritten` were before it wrote them.
    """
    made = {v.id: eq for eq in forward for v in eq.outputs}
    all_backward = [
        eq for eq in pruned(equations, joint.gradients) if not any(v.id in made for v in eq.outputs)
    ]
    at = {v.id: k for k, v in enumerate(inputs)}
    residuals: dict[int, Var] = {}
    reads: dict[int, None] = {}
    again: set[int] = set()  # the ids of what is made again
    copies: list[Equation] = []
    renamed: dict[int, Var] = {}

    def need(v: Any) -> None:
        if not isinstance(v, Var) or v.id in again:
            return
        if v.id in overwritten:
            if v.id not in renamed:
                kept = renamed[v.id] = Var(v.spec)
                copies.append(Equation(ops.clone, (v,), {}, (kept,), None))
                residuals[kept.id] = kept
        elif v.id in at:
            reads[at[v.id]] = None
        elif v.id in made:
            eq = made[v.id]
            if _made_again(eq, at):
                again.update([w.id for w in eq.outputs])
                for w in eq.inputs:
                    need(w)
            else:
                residuals[v.id] = v

    for eq in all_backward:
        for operand in eq.inputs:
            need(operand)
    for g in joint.gradients:
        need(g)
    repeated = [eq for eq in forward if any(v.id in again for v in eq.outputs)]
    body = [_renamed(eq, renamed) for eq in (*repeated, *all_backward)]
    taken = [*residuals.values(), *[inputs[k] for k in reads], *[v for _, v in joint.seeds]]
    outputs, body = distinct(
        [renamed.get(g.id, g) if isinstance(g, Var) else g for g in joint.gradients], taken, body
    )
    backward = Backward(
        Program(taken, body, outputs),
        list(residuals.values()),
        list(reads),
        [k for k, _ in joint.seeds],
        joint.owners,
    )
    return backward, copies


def _made_again(eq: Equation, inputs: dict[int, int]) -> bool:
    """Whether an output of the forward program is made again by the backward program: numbers,
    constants, and views that are no smaller than what they look at.
    """
    if all(v.spec.weak for v in eq.outputs) or (eq.op.kind.name == "create"):
        return True
    if not eq.op.is_view:
        return False
    out, source = eq.outputs[0], eq.inputs[0]
    assert isinstance(source, Var)
    if source.id in inputs:
        return True
    return shapes.size(out.spec.shape) >= shapes.size(source.spec.shape)


def _renamed(eq: Equation, names: dict[int, Var]) -> Equation:
    if not any(isinstance(v, Var) and v.id in names for v in eq.inputs):
        return eq
    operands = [names.get(v.id, v) if isinstance(v, Var) else v for v in eq.inputs]
    return Equation(eq.op, operands, eq.attrs, eq.outputs, eq.place)


def distinct(
    outputs: Sequence[Any], inputs: Sequence[Var], equations: Sequence[Equation]
) -> tuple[list[Any], list[Equation]]:
    """Outputs of which none is an input, a constant or another output: those are copied by an
    equation, so that whoever runs the program need not care.
    """
    taken = {v.id for v in inputs}
    out: list[Any] = []
    copies: list[Equation] = []
    for v in outputs:
        if not isinstance(v, Var) or v.id in taken:
            spec = v.spec if isinstance(v, Var) else spec_of(v.value)
            copy = Var(Spec(spec.shape, spec.dtype))
            copies.append(Equation(ops.clone, (v,), {}, (copy,), None))
            v = copy
        taken.add(v.id)
        out.append(v)
    return out, [*equations, *copies]


# ------------------------------------------------------------------------------------------- gradients that do not arrive


def without(program: Program, seeds: Sequence[Var], absent: set[int]) -> Program:
    """The backward program for a pass in which the gradients with the ids `absent` do not arrive.

    A backward pass is linear in the gradients that start it, so whatever is computed from absent
    ones alone is absent too, and the sum of an absent and a present one is the present one. That is
    also what an eager pass does, which never visits these nodes; with zeros in their place an
    infinite derivative would make NaN of them. An output that is absent becomes None.
    """
    carrying = {v.id for v in seeds}
    gone = set(absent)
    names: dict[int, Var] = {}
    equations: list[Equation] = []
    for eq in program.equations:
        eq = _renamed(eq, names)
        parts = [v for v in eq.inputs if isinstance(v, Var) and v.id in carrying]
        if parts:
            carrying.update([v.id for v in eq.outputs])
        missing = [v for v in parts if v.id in gone]
        if not missing:
            equations.append(eq)
        elif len(missing) == len(parts):
            gone.update([v.id for v in eq.outputs])
        elif eq.op is ops.add and parts[parts[0] is missing[0]].spec == eq.outputs[0].spec:
            names[eq.outputs[0].id] = parts[parts[0] is missing[0]]
        else:
            for v in missing:
                zeros = Var(v.spec)
                attrs = {"shape": v.spec.shape, "value": 0.0, "dtype": v.spec.dtype}
                equations.append(Equation(ops.full, (), attrs, (zeros,), eq.place))
                eq = _renamed(eq, {v.id: zeros})
            equations.append(eq)
    made = [v for v in program.outputs if isinstance(v, Var)]
    outputs = [None if v.id in gone else names.get(v.id, v) for v in made]
    present = [v for v in outputs if v is not None]
    inputs = [v for v in program.inputs if v.id not in absent]
    apart, equations = distinct(present, inputs, pruned(equations, present))
    fresh = iter(apart)
    return Program(inputs, equations, [None if v is None else next(fresh) for v in outputs])
