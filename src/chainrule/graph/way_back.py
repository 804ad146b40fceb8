"""A call of a traced function on the tape: one node, which keeps what the backward program reads.

Accumulation into `.grad`, hooks, and the graph around the function are the tape's own affair. The
node remembers the versions of the memory it reads, as every node does: what was overwritten between
forward and backward is an error that names both lines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..base.errors import GradError, TraceError
from ..base.lines import describe, here
from ..base.locks import Lock
from ..base.modes import modes
from ..tape.nodes import Edge, Node, Wrap
from ..tensors.core import Tensor
from ..tensors.storage import Storage
from .arguments import Slot
from .guards import owned_by
from .ir import Program, Var
from .joined import Backward, without
from .memory import Memory
from .verify import verify

__all__ = ["JoinedNode", "UsedUp", "WayBack"]


class WayBack:
    """What each call keeps for its backward pass, and where the gradients go.

    Args:
        label: the function's name.
        backward: the backward program, as it was cut.
        program: the forward program; `sources` says what its inputs are.
        results: for each output that is handed out, the place among the results.
        kept: the outputs that are the residuals.
        reads: the inputs of the forward program that are read again.
        make: makes executors.
        lock: held while one runs.
    """

    def __init__(
        self,
        label: str,
        backward: Backward,
        program: Program,
        sources: list[Any],
        results: dict[int, int],
        kept: list[int],
        reads: list[int],
        make: Callable,
        lock: Lock,
    ):
        self.label, self.backward, self.make, self.lock = label, backward, make, lock
        self.kept, self.reads = kept, reads
        # a residual that the caller sees as well may be written by the caller
        self.shared = [results[n] for n in kept if n in results]
        read = [sources[k] for k in reads]
        self.storages = [s for s in read if isinstance(s, Storage)]
        self.changing = [s for s in read if isinstance(s, (Slot, tuple))]
        # a leaf stays one, as the guards say; where a history goes on is asked at each call
        leaf = [isinstance(o, Tensor) and o._leaf for o in backward.owners]
        self.edges = [(o, -1) if k else None for o, k in zip(backward.owners, leaf, strict=True)]
        self.histories = [(n, o) for n, o in enumerate(backward.owners) if not leaf[n]]
        places = {k: n for n, k in results.items()}
        specs = [program.output_specs[places[k]] for k in backward.places]
        self.metas = tuple([(s.shape, s.dtype.numpy) for s in specs])
        self.runs: dict[tuple, tuple] = {}  # by which gradients arrive
        verify(backward.program)

    @property
    def programs(self) -> list[Program]:
        """The backward programs that were needed so far."""
        return [program for *_, program in self.runs.values()]

    def record(
        self, leaves: list[Tensor], values: list, outs: Sequence, tensors: list[Tensor]
    ) -> None:
        """Hang a call on the tape, given its arguments, inputs, outputs and results."""
        edges = self.edges.copy()
        for n, owner in self.histories:
            if owner.__class__ is tuple:
                owner = leaves[owner[1]] if owner[0] == "argument" else tensors[owner[1]]
            edges[n] = owner.edge
        kept = [outs[n] for n in self.kept] + [values[k] for k in self.reads]
        stamps = [(s, s.version) for s in self.storages]
        stamps += [(tensors[k]._storage, 0) for k in self.shared]
        for s in self.changing:
            if isinstance(s, Slot):
                storage = leaves[s.k]._storage
            else:
                storage = owned_by(s[1], leaves)._grad._storage
            stamps.append((storage, storage.version))
        node = JoinedNode(self.label, edges, self.metas, kept, stamps, self.run)
        for n, k in enumerate(self.backward.places):
            tensors[k]._edge = node, n

    def run(self, kept: list, grads: list) -> list:
        """The gradients of the owners, from those of the results (None where none arrived)."""
        with self.lock:
            pattern = tuple([g is not None for g in grads])
            found = self.runs.get(pattern)
            if found is None:
                found = self.runs[pattern] = self._made_for(pattern)
            executor, memory, arrives, _ = found
            values = kept + [g for g in grads if g is not None]
            outs = iter(executor.run(values, [m.take() for m in memory]))
        return [next(outs) if there else None for there in arrives]

    def _made_for(self, pattern: tuple) -> tuple:
        program = self.backward.program
        seeds = program.inputs[len(program.inputs) - len(pattern) :]
        absent = {v.id for v, there in zip(seeds, pattern, strict=True) if not there}
        if absent:
            program = without(program, seeds, absent)
        arrives = [v is not None for v in program.outputs]
        outputs = [v for v in program.outputs if isinstance(v, Var)]
        program = verify(Program(program.inputs, program.equations, outputs))
        memory = [Memory(program, n) for n in range(len(outputs))]
        return self.make(program, {}), memory, arrives, program


class JoinedNode(Node):
    """A call of a traced function on the tape.

    `kept` are the values that the backward program reads, `stamps` the memory among them that
    others may write, each with its version; `run` executes the backward program.
    """

    __slots__ = ("kept", "label", "run", "stamps")

    def __init__(
        self,
        label: str,
        edges: Sequence[Edge | None],
        metas: tuple,
        kept: list,
        stamps: list,
        run: Callable[[list, list], Sequence],
    ):
        super().__init__(edges, metas, here())
        self.label, self.kept, self.stamps, self.run = label, kept, stamps, run

    @property
    def name(self) -> str:
        return self.label

    def release(self) -> None:
        self.kept, self.stamps = None, []  # type: ignore[assignment]

    def pull(self, grads: list, create: bool, wrap: Wrap) -> Sequence:
        if create:
            raise GradError(
                f"a derivative of the derivative of the compiled function {self.label} is asked "
                f"for, which its backward program does not give ({describe(self.place)})\n"
                "  hint: take both derivatives inside of it, or call it uncompiled"
            )
        if modes.trace is not None:
            raise TraceError(
                f"backward through a call of the compiled function {self.label} that was made "
                f"outside of the function that is being traced\n  called at  {describe(self.place)}\n"
                "  hint: call it inside"
            )
        if self.kept is None:
            raise GradError(
                f"the graph behind {self.label} ({describe(self.place)}) was freed by an earlier "
                "backward pass\n"
                "  hint: pass retain_graph=True to the earlier one; a state that is carried from step to step "
                "is detached between them: state = state.detach()"
            )
        for storage, version in self.stamps:
            if storage.version != version:
                raise GradError(
                    f"a value that the derivative of {self.label} needs was overwritten in place\n"
                    f"  needed since  {describe(self.place)}\n"
                    f"  overwritten   {describe(storage.written)}\n"
                    "  hint: write to a clone, or use the form of the op without the trailing "
                    "underscore"
                )
        return self.run(self.kept, [None if g is None else np.asarray(g, order="C") for g in grads])


class UsedUp(Node):
    """The history of a result that the function itself went backward from: it is there, and
    cannot be used again.
    """

    __slots__ = ("label", "words")

    def __init__(self, label: str, meta: tuple, words: str):
        super().__init__((), (meta,), None)
        self.label, self.words = label, words

    @property
    def name(self) -> str:
        return self.label

    def pull(self, grads: list, create: bool, wrap: Wrap) -> Sequence:
        raise GradError(self.words)
