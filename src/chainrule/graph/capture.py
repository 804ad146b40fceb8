"""A capture: a program with all that ties it to Python.

Writing it is one trace (`Capture.__init__`); the rest is planned then, so that a call has little to
do: fill a list of inputs, of which the arrays of captured tensors are there already; find memory
for the outputs; execute; say what was written, attach gradients, hand out results.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..base.errors import TraceError
from ..base.lines import here
from ..base.locks import Lock
from ..tensors.core import Tensor
from ..tensors.storage import Storage
from .arguments import (
    TRACKED,
    Slot,
    constants_in,
    flatten,
    situation,
    stand_in,
    tied,
    unflatten,
)  # fmt: skip
from .guards import Guards, is_module, owned_by
from .ir import Program, Var, pruned
from .joined import Entry, Joint, Outlets, cut, differentiable, differentiate, distinct
from .memory import Gradients, Memory, need_writeable, of_array, shaped_as
from .trace import Trace
from .tracer import Tracer, refuse
from .verify import verify
from .way_back import UsedUp, WayBack

__all__ = ["Capture"]

NEW = object()  # a `.grad` that the program makes


class Capture:
    """A program, where its inputs come from and its outputs go, and its guards. In an open capture
    gradients flow out: its results have a history.

    Args:
        f: the function, called once, with stand-ins for the tensors among its arguments.
        make: makes executors (see `traced`).
        is_open: whether gradients flow out.
        gradients: the `.grad` tensors of the function that this is a capture of.
        lock: held while something of the function runs.
    """

    def __init__(
        self,
        f: Callable,
        args: tuple,
        kwargs: dict,
        make: Callable,
        is_open: bool,
        gradients: Gradients,
        lock: Lock,
    ):
        start = time.perf_counter()
        given: list[Tensor] = []
        self.key = situation(args, kwargs, given)
        self.label = getattr(f, "__name__", type(f).__name__)
        self.make, self.gradients, self.lock = make, gradients, lock
        entries = self._entries(given, is_open)
        t = Trace(is_open=is_open)
        leaves = [stand_in(x, entries.get(k)) for k, x in enumerate(given)]
        ties = {x.edge: ("argument", k) for k, x in enumerate(leaves) if x.edge is not None}
        for k, x in enumerate(leaves):
            t.lifted(x._storage, Slot(k))
        structure = self.key[0]
        for value in (f, getattr(f, "__self__", None), *constants_in(structure)):
            if is_module(value):
                t.visit(value)  # a method of it may be all that runs
        args, kwargs = unflatten(structure, iter(leaves))
        with t.active():
            out = f(*args, **kwargs)
            results: list[Tensor] = []
            self.structure = flatten(out, results)
            if any(isinstance(x, Tracer) for x in constants_in(self.structure)):
                refuse(
                    "a number that is read anew at each call is returned from a traced function",
                    "read it outside, or make it a tensor: zeros(()) + number",
                )
            self.results = self._ways(t, results, leaves)
            new = [(k, r) for k, r in enumerate(results) if self.results[k][0] == "new"]
            values = [r.read() for _, r in new]
            joint = Joint()
            if is_open:
                outlets = Outlets(t, ties)
                self._refuse_given_histories(outlets, entries, leaves)
                joint = differentiate(outlets, new)
        outputs = [t.operand(v) for v in values]
        self.leaf_results = [k for k, r in new if is_open and r._leaf]
        self.places = {k: n for n, (k, _) in enumerate(new)}
        allowed = {id(r) for r in results} | {id(g) for _, g in t.attached if g is not None}
        del out, values
        self._refuse_shared_writes(t, given, leaves)
        self._finish(t, leaves, outputs, joint)
        for r in results:
            if t.owns(r):
                r._edge = r._base = None  # their graphs and bases go: they hold tensors made inside
        del new
        t.refuse_leaks(allowed)
        self.executor = make(self.program, self.donated)
        self.seconds = time.perf_counter() - start

    # ------------------------------------------------------------------------------------------------- what is captured

    @staticmethod
    def _entries(given: list[Tensor], is_open: bool) -> dict[int, tuple[Entry, int]]:
        """Where the histories of arguments begin in the trace."""
        entries = {}
        for k, x in enumerate(given):
            if tied(x) == TRACKED:
                if not is_open:
                    refuse(
                        f"argument {k} of a traced function has a history",
                        "pass it as detach()ed; gradients flow inside of the traced function",
                    )
                entries[k] = (Entry(x.metas[0]), 0)
        return entries

    def _ways(self, t: Trace, results: list[Tensor], leaves: list[Tensor]) -> list[tuple[str, Any]]:
        """How each returned tensor is handed out: an argument, a captured tensor or an earlier
        result as itself, anything else as a new tensor.
        """
        ways: list[tuple[str, Any]] = []
        seen: dict[int, tuple[str, Any]] = {
            id(leaf): ("argument", k) for k, leaf in enumerate(leaves)
        }
        for k, r in enumerate(results):
            if id(r) in seen:
                ways.append(seen[id(r)])
            elif t.owns(r):
                ways.append(("new", None))
                seen[id(r)] = ("earlier", k)
            else:
                ways.append(("same", r))
        return ways

    def _refuse_given_histories(
        self, outlets: Outlets, entries: dict, leaves: list[Tensor]
    ) -> None:
        """A tensor from outside that is written with a history of the trace would lose it, unless
        the function itself has used it up.
        """
        t = outlets.t
        begun = {id(leaves[k]): e for k, e in entries.items()}
        for x, edge, leaf in list(t.touched.values()):
            storage = x._storage
            if leaf or storage.value is t.captured[storage][0]:
                continue
            now = x.edge
            if now is not None and now != begun.get(id(x), edge) and differentiable(outlets, now):
                refuse(
                    f"a tensor of shape {tuple(x.shape)} from outside of a traced function is "
                    "written in place with a value that has a history",
                    "detach() the value, or return it from the function",
                )

    def _refuse_shared_writes(self, t: Trace, given: list[Tensor], leaves: list[Tensor]) -> None:
        """Memory that a program sees under two names must not be written: each name would keep
        its own copy.
        """
        written = {id(storage) for storage, _, _ in t.writes}
        names: dict[int, list[tuple[str, int, bool]]] = {}
        for k, (x, leaf) in enumerate(zip(given, leaves, strict=True)):
            names.setdefault(id(x._storage), []).append(
                (f"argument {k}", id(leaf._storage), leaf._leaf)
            )
        for storage in t.captured:
            if id(storage) in names:
                names[id(storage)].append(("a tensor that the function uses", id(storage), False))
        for group in names.values():
            if len(group) > 1 and any(s in written or leaf for _, s, leaf in group):
                shown = " and ".join([name for name, _, _ in group])
                refuse(
                    f"{shown} share memory, and it is written or takes a gradient in the traced "
                    "function",
                    "pass a clone(), or only one of them",
                )

    # ------------------------------------------------------------------------------------------------------ the program

    def _finish(self, t: Trace, leaves: list[Tensor], outputs: list, joint: Joint) -> None:
        """Put the program together, and plan what a call does."""
        arguments = {id(x): k for k, x in enumerate(leaves)}
        inputs = []
        for v, source in t.inputs:
            if isinstance(source, tuple):  # a `.grad`: of which tensor, or of which argument
                source = ("grad", arguments.get(id(source[1]), source[1]))
            if source != "seed":
                inputs.append((v, source))
        variables = [v for v, _ in inputs]
        stands_for = {v.id: source for v, source in inputs}
        writes = [stands_for[tracer.var.id] for _, tracer, _ in t.writes]
        written = [t.operand(value) for _, _, value in t.writes]
        attached = [(arguments.get(id(x), x), NEW if t.owns(g) else g) for x, g in t.attached]
        grads = [t.operand(t.final(g)) for _, g in t.attached if g is not None and t.owns(g)]
        wanted, equations = distinct([*outputs, *written, *grads], variables, t.equations)
        forward = pruned(equations, wanted)

        backward, kept = None, []
        extra: list[Any] = []
        if joint.gradients:
            overwritten = {tracer.var.id for _, tracer, _ in t.writes}
            backward, copies = cut(joint, t.equations, forward, variables, overwritten)
            place = {v.id: n for n, v in enumerate(wanted[: len(outputs)])}
            apart = [v for v in backward.residuals if v.id not in place]
            extra, forward = distinct(apart, wanted, [*copies, *forward])
            behind = iter(range(len(wanted), len(wanted) + len(extra)))
            kept = [place[v.id] if v.id in place else next(behind) for v in backward.residuals]
        read = {v.id for eq in forward for v in eq.inputs if isinstance(v, Var)}
        again = [variables[k].id for k in backward.reads] if backward is not None else []
        inputs = [(v, s) for v, s in inputs if v.id in read or v.id in again]
        self.program = verify(Program([v for v, _ in inputs], forward, [*wanted, *extra]))

        at = {v.id: k for k, (v, _) in enumerate(inputs)}
        self.sources = [s for _, s in inputs]
        self._plan_inputs(t, at)
        self._plan_outputs(writes, attached, len(outputs), len(grads))
        captured = [s for s in self.sources if isinstance(s, Storage)]
        self.guards = Guards(t, self.key, arguments, captured, bool(writes))
        self.way_back = None
        if backward is not None:
            results = {n: k for k, n in self.places.items()}
            reads = [at[v] for v in again]
            self.way_back = WayBack(
                self.label, backward, self.program, self.sources, results, kept, reads,
                self.make, self.lock,
            )  # fmt: skip
        self.used_up = {}
        for k, words in joint.used_up.items():
            spec = self.program.output_specs[self.places[k]]
            self.used_up[k] = UsedUp(self.label, (spec.shape, spec.dtype.numpy), words), 0

    def _plan_inputs(self, t: Trace, at: dict[int, int]) -> None:
        """Where each input comes from at a call. The array of a captured storage never changes."""
        sources = self.sources
        self.template = [s.value if isinstance(s, Storage) else None for s in sources]
        self.from_arguments = [(n, s.k) for n, s in enumerate(sources) if isinstance(s, Slot)]
        self.from_grads = [(n, s[1]) for n, s in enumerate(sources) if isinstance(s, tuple)]
        self.host: list[tuple[str, Any, int | None, Any]] = []
        for kind, what, var in t.host:
            if var is None:
                self.host.append((kind, what, None, None))
            elif var.id in at:
                self.host.append((kind, what, at[var.id], type(what()) if kind == "cell" else None))
        self.last = t.last
        self.advances = [(generator, words) for generator, _, words in t.random_states.values()]

    def _plan_outputs(self, writes: list, attached: list, results: int, grads: int) -> None:
        """Where each output goes. They are, in this order: new results, memory that is written,
        new gradients, what is kept for the backward program.
        """
        memory = [Memory(self.program, n) for n in range(len(self.program.outputs))]
        first_grad = results + len(writes)
        self.new_results = [(n, memory[n]) for n in range(results)]
        self.residuals = [(n, m) for n, m in enumerate(memory) if n >= first_grad + grads]
        self.written_storages: list[tuple[int, Storage]] = []
        self.written_arguments: list[tuple[int, int]] = []
        self.written_grads: list[tuple[int, Any]] = []
        self.donated: dict[int, int] = {}
        self.into: list[Any] = [None] * len(memory)
        places = {_identity(s): n for n, s in enumerate(self.sources)}
        for n, source in enumerate(writes, start=results):
            in_one_piece = True
            if isinstance(source, Slot):
                self.written_arguments.append((n, source.k))
                in_one_piece = self.key[1][source.k][3] is None
            elif isinstance(source, tuple):
                self.written_grads.append((n, source[1]))
            else:
                need_writeable(source.value)
                self.written_storages.append((n, source))
                in_one_piece = source.value.flags.c_contiguous
                self.into[n] = source.value if in_one_piece else None
            if in_one_piece and _identity(source) in places:
                self.donated[n] = places[_identity(source)]
        self.other_grads = [(owner, g) for owner, g in attached if g is not NEW]
        self.grads_again: list[tuple[Tensor, list[Tensor]]] = []
        self.grads_again_at: list[int] = []
        self.grads_anew: list[tuple[int, Any]] = []
        owners = [owner for owner, g in attached if g is NEW]
        for n, owner in enumerate(owners, start=first_grad):
            if isinstance(owner, int):
                self.grads_anew.append((n, owner))
            else:
                self.grads_again.append((owner, self.gradients.cell(owner)))
                self.grads_again_at.append(n)

    @property
    def programs(self) -> list[Program]:
        """The program, and the backward programs that were needed so far."""
        return [self.program, *(self.way_back.programs if self.way_back is not None else ())]

    def fits(self, leaves: list[Tensor]) -> bool:
        """Whether the guards hold for a call whose key is equal."""
        return self.guards.hold(leaves)

    # -------------------------------------------------------------------------------------------------------------- a call

    def run(self, leaves: list[Tensor]) -> Any:
        """Run the host program, feed the inputs, execute, and put the results where they belong."""
        values = self._values(leaves)
        into, grads = self._into(leaves)
        outs = self.executor.run(values, into)
        try:
            return self._commit(leaves, values, into, outs, grads)
        except KeyboardInterrupt:  # the memory is written: what says so must be as well
            self._commit(leaves, values, into, outs, grads)
            raise

    def _values(self, leaves: list[Tensor]) -> list:
        for _, k in self.written_arguments:
            need_writeable(leaves[k]._value)
        values = self.template.copy()
        for place, k in self.from_arguments:
            values[place] = leaves[k]._value
        for place, owner in self.from_grads:
            values[place] = np.asarray(owned_by(owner, leaves)._grad._value, order="C")
        for kind, what, at, before in self.host:
            if at is None:
                what()  # an effect
            elif kind == "state":
                values[at] = what.state()
            else:
                now = what()
                values[at] = now if now.__class__ is before else as_number(now, before)
        return values

    def _into(self, leaves: list[Tensor]) -> tuple[list, list[Tensor]]:
        """The memory of each output, and the tensors that will be attached as `.grad`."""
        into = self.into.copy()
        for n, memory in self.new_results:
            into[n] = memory.take()
        for n, k in self.written_arguments:
            value = leaves[k]._value
            into[n] = value if value.flags.c_contiguous else None
        for n, owner in self.written_grads:
            value = owned_by(owner, leaves)._grad._value
            into[n] = value if value.flags.c_contiguous and value.flags.writeable else None
        grads = self.gradients.take(self.grads_again)
        for n, g in zip(self.grads_again_at, grads, strict=True):
            into[n] = g._value
        for n, owner in self.grads_anew:
            g = shaped_as(owned_by(owner, leaves))
            into[n] = g._value
            grads.append(g)
        for n, memory in self.residuals:
            into[n] = memory.take()
        return into, grads

    def _commit(
        self, leaves: list[Tensor], values: list, into: list, outs: Sequence, grads: list[Tensor]
    ) -> Any:
        """Say what was written, attach gradients, hand out results. Doing it twice does no harm
        but to the generators, which come last.
        """
        if self.written_storages or self.written_arguments or self.written_grads:
            self._say_written(leaves, into, outs)
        for (owner, _), g in zip(self.grads_again, grads, strict=False):
            owner._grad = g
        anew = zip(self.grads_anew, grads[len(self.grads_again) :], strict=True)
        for owner, g in [*[(owner, g) for (_, owner), g in anew], *self.other_grads]:
            owned_by(owner, leaves)._grad = g
        tensors: list[Tensor] = []
        for k, (how, what) in enumerate(self.results):
            if how == "new":
                tensors.append(of_array(outs[self.places[k]]))
            else:
                tensors.append(
                    leaves[what]
                    if how == "argument"
                    else tensors[what]
                    if how == "earlier"
                    else what
                )
        for k in self.leaf_results:
            tensors[k]._leaf = True
        for k, edge in self.used_up.items():
            tensors[k]._edge = edge
        if self.way_back is not None:
            self.way_back.record(leaves, values, outs, tensors)
        for run in self.last:
            run()
        for generator, words in self.advances:
            generator.advance(words)
        return (
            tensors[0] if self.structure == "tensor" else unflatten(self.structure, iter(tensors))
        )

    def _say_written(self, leaves: list[Tensor], into: list, outs: Sequence) -> None:
        place = here()
        for n, storage in self.written_storages:
            if into[n] is None:
                np.copyto(storage.value, outs[n])
            storage.version += 1
            storage.written = place
        others = [(n, leaves[k]) for n, k in self.written_arguments]
        for n, owner in self.written_grads:
            others.append((n, owned_by(owner, leaves)._grad))
        for n, t in others:
            if into[n] is None:
                np.copyto(t._value, outs[n])
            t._storage.version += 1
            t._storage.written = place


def _identity(source: Any) -> Any:
    """What two inputs have in common that stand for the same memory."""
    if isinstance(source, Slot):
        return ("argument", source.k)
    if isinstance(source, tuple):
        return ("grad", source[1] if isinstance(source[1], int) else id(source[1]))
    return id(source)


def as_number(now: Any, before: type) -> Any:
    """The value of a cell, as the kind of number it was when the program was written."""
    if before is float:
        return float(now)
    raise TraceError(
        f"a number that was {before.__name__} when the function was traced is now {now!r}\n"
        "  hint: make it a float from the start"
    )
