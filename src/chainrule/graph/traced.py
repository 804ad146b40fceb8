"""Calling a traced function: which program fits this call, what it is fed, where its results go.

A program is made for one *situation*. What belongs to it is checked at every call (the guards): the
arguments' structure, shapes, dtypes, stride class and aliasing; the gradient mode; each captured
tensor's memory, shape and flag; what each `.grad` that is read was; the structure of every module
that was called. Anything else in Python is a constant of the program. A call that fits no program
makes a new one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..base import dtypes
from ..base.errors import TraceError
from ..base.lines import here
from ..base.modes import modes
from ..tensors.core import Tensor, wrap
from ..tensors.storage import Storage
from .interpret import interpret
from .ir import Program, pruned
from .trace import Trace, Tracer, refuse
from .verify import verify

__all__ = ["Capture", "TracedFunction", "trace"]


class Slot:
    """Stands for the elements of argument k of a call among a program's inputs."""

    def __init__(self, k: int):
        self.k = k


# --------------------------------------------------------------------------------------------- arguments and results


def flatten(x: Any, leaves: list) -> Any:
    """The structure of nested tuples, lists and dicts; the tensors in them go to `leaves`, other
    values stay in the structure.
    """
    if isinstance(x, Tensor):
        leaves.append(x)
        return "tensor"
    if isinstance(x, (tuple, list)):
        names = getattr(type(x), "_fields", None)
        return (type(x) if names else type(x).__name__, tuple([flatten(v, leaves) for v in x]))
    if isinstance(x, dict):
        return ("dict", tuple([(k, flatten(v, leaves)) for k, v in x.items()]))
    if isinstance(x, np.ndarray):
        refuse(
            "a NumPy array is passed to a traced function: its values would be frozen into the "
            "program",
            "pass a tensor: from_numpy(array)",
        )
    return ("value", type(x), x)  # 1, 1.0 and True are equal, and are not the same argument


def unflatten(structure: Any, leaves: Any) -> Any:
    """The opposite of `flatten`, taking tensors from an iterator."""
    if structure == "tensor":
        return next(leaves)
    kind, content = structure[0], structure[-1]
    if kind == "value":
        return content
    if kind == "dict":
        return {k: unflatten(v, leaves) for k, v in content}
    values = [unflatten(v, leaves) for v in content]
    return values if kind == "list" else tuple(values) if kind == "tuple" else kind(*values)


def situation(args: tuple, kwargs: dict) -> tuple[Any, list[Tensor]]:
    """The key of a call, and its tensors."""
    leaves: list[Tensor] = []
    structure = flatten((args, kwargs), leaves)
    first: dict[int, int] = {}  # which arguments share memory: each storage's first argument
    described = tuple([
        (tuple(t.shape), t.dtype, t.requires_grad, "contiguous" if t.is_contiguous() else t.stride(), first.setdefault(id(t._storage), k))
        for k, t in enumerate(leaves)
    ])  # fmt: skip
    key = (structure, described, modes.grad, dtypes.default())
    try:
        hash(key)
    except TypeError:
        raise TraceError(
            "arguments of a traced function are tensors, hashable values, and tuples, lists and "
            "dicts of them"
        ) from None
    return key, leaves


def stand_in(t: Tensor) -> Tensor:
    """A tensor that a traced function sees in the place of an argument: the same elements, on a
    storage of their own.
    """
    out = object.__new__(t.__class__)
    out.__dict__.update(t.__dict__)
    out._storage, out._path, out._base, out._edge, out._stamp = Storage(t._value), (), None, None, 0
    return out


# ------------------------------------------------------------------------------------------------------------ capture


class Capture:
    """A program with all that ties it to Python: where inputs come from, where outputs go, and
    its guards.
    """

    def __init__(self, f: Callable, args: tuple, kwargs: dict):
        self.key, given = situation(args, kwargs)
        t = Trace()
        for k, x in enumerate(given):
            if x.edge is not None and x.edge[1] >= 0:
                refuse(
                    f"argument {k} of a traced function has a history",
                    "pass it as detach()ed; gradients flow inside of the traced function",
                )
        leaves = [stand_in(x) for x in given]
        for k, x in enumerate(leaves):
            t.lifted(x._storage, Slot(k))
        structure = flatten((args, kwargs), [])
        args, kwargs = unflatten(structure, iter(leaves))
        with t.active():
            out = f(*args, **kwargs)
            results: list[Tensor] = []
            self.structure = flatten(out, results)
            self.results = [self._result(t, r, leaves) for r in results]
            values = [r.read() for r in results]
        outputs = [t.operand(v) for v in values]
        allowed = {id(r) for r in results} | {id(g) for _, g in t.attached if g is not None}
        del out, values
        self._refuse_shared_writes(t, given, leaves)
        self._finish(t, leaves, outputs)
        for r in results:
            if t.owns(r):
                r._edge = r._base = None  # their graphs and bases go: they hold tensors made inside
        t.refuse_leaks(allowed)

    def _result(self, t: Trace, r: Tensor, leaves: list[Tensor]) -> Any:
        """How a returned tensor is handed out: an argument or captured tensor as itself,
        anything else as a new tensor.
        """
        for k, leaf in enumerate(leaves):
            if r is leaf:
                return ("argument", k)
        return ("new", None) if t.owns(r) else ("same", r)

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
                    f"{shown} share memory, and it is written or takes a gradient in the traced function",
                    "pass a clone(), or only one of them",
                )

    def _finish(self, t: Trace, leaves: list[Tensor], outputs: list) -> None:
        self.writes = [(stands_for(t, tracer), storage) for storage, tracer, _ in t.writes]
        written = [t.operand(value) for _, _, value in t.writes]
        self.attached: list[tuple[Any, Any]] = []
        grads = []
        by_id = {id(leaf): k for k, leaf in enumerate(leaves)}
        for tensor, g in t.attached:
            owner = by_id.get(id(tensor), tensor)
            if g is None:
                self.attached.append((owner, None))
            elif t.owns(g):
                self.attached.append((owner, "new"))
                grads.append(t.operand(t.final(g)))
            else:
                self.attached.append((owner, g))
        self.result_count, self.write_count = len(outputs), len(written)
        wanted = [*outputs, *written, *grads]
        equations = pruned(t.equations, wanted)
        self.program = verify(Program([v for v, _ in t.inputs], equations, wanted))
        self.sources = [s for _, s in t.inputs]
        self.host = [
            (kind, what, None if var is None else self._place(var)) for kind, what, var in t.host
        ]
        self.advances = [(generator, words) for generator, _, words in t.random_states.values()]
        self.tensors = [
            (x, x._storage, x._leaf) for x, _, _ in t.touched.values() if id(x) not in by_id
        ]
        self.grad_guards = [
            (by_id.get(id(x), x), was_none) for x, was_none in t.grad_reads.values()
        ]
        self.modules = [(m, _module_structure(m)) for m in t.modules.values()]
        self.cell_types = {place: type(what()) for kind, what, place in self.host if kind == "cell"}

    def _place(self, var: Any) -> int:
        return next(k for k, v in enumerate(self.program.inputs) if v is var)

    def fits(self, leaves: list[Tensor]) -> bool:
        """Whether the guards hold for a call whose key is equal."""
        for t, storage, leaf in self.tensors:
            if t._storage is not storage or t._leaf != leaf:
                return False
        for owner, was_none in self.grad_guards:
            t = leaves[owner] if isinstance(owner, int) else owner
            if (t._grad is None) != was_none:
                return False
        if self.writes or any(leaf._leaf for leaf in leaves):
            held = {id(s) for s in self.sources if isinstance(s, Storage)}
            if any(id(leaf._storage) in held for leaf in leaves):
                return False  # an argument shares memory with a captured tensor: tracing again will say so
        return all(_module_structure(m) == before for m, before in self.modules)

    def run(self, leaves: list[Tensor], execute: Callable) -> Any:
        """Run the host program, feed the inputs, execute, and put the results where they belong."""
        values: list[Any] = [self._fed(s, leaves) for s in self.sources]
        for kind, what, place in self.host:
            if place is None:
                what()  # an effect
            else:
                values[place] = what.state() if kind == "state" else self._number(what(), place)
        for generator, words in self.advances:
            generator.advance(words)
        out = execute(self.program, values)
        results, written, grads = (
            out[: self.result_count],
            out[self.result_count :][: self.write_count],
            out[self.result_count + self.write_count :],
        )
        shared = {id(v) for v in values}
        fresh = [
            v.copy() if isinstance(v, np.ndarray) and (id(v) in shared or v.base is not None) else v
            for v in (*results, *grads)
        ]
        for (source, _), value in zip(self.writes, written, strict=True):
            self._written(source, value, leaves)
        new_grads = iter(fresh[len(results) :])
        for owner, g in self.attached:
            t = leaves[owner] if isinstance(owner, int) else owner
            t._grad = wrap(next(new_grads), None) if g == "new" else g
        tensors = []
        for (how, what), value in zip(self.results, fresh, strict=False):
            tensors.append(
                leaves[what] if how == "argument" else what if how == "same" else wrap(value, None)
            )
        return unflatten(self.structure, iter(tensors))

    def _number(self, now: Any, place: int) -> Any:
        """The value of a cell, as the kind of number it was when the program was written."""
        before = self.cell_types[place]
        if before is float:
            return float(now)
        if type(now) is not before:
            raise TraceError(
                f"a number that was {before.__name__} when the function was traced is now {now!r}\n"
                "  hint: make it a float from the start"
            )
        return now

    @staticmethod
    def _fed(source: Any, leaves: list[Tensor]) -> Any:
        if isinstance(source, Slot):
            return leaves[source.k]._value
        if isinstance(source, Storage):
            return source.value
        if isinstance(source, tuple):  # ("grad", tensor)
            return source[1]._grad._storage.value
        return None  # a cell or a state: the host program fills it

    @staticmethod
    def _written(source: Any, value: np.ndarray, leaves: list[Tensor]) -> None:
        if isinstance(source, Slot):
            leaves[source.k].write(value)
            return
        storage = source[1]._grad._storage if isinstance(source, tuple) else source
        np.copyto(storage.value, value)
        storage.version += 1
        storage.written = here()


def stands_for(t: Trace, tracer: Tracer) -> Any:
    """What an input of a trace stands for."""
    return next(s for v, s in t.inputs if v is tracer.var)


def _module_structure(m: Any) -> tuple:
    """What of a module a program depends on: its mode, and which tensors and modules it holds."""
    return (
        m.training,
        *[
            tuple([id(v) for v in part.values()])
            for part in (m._parameters, m._buffers, m._modules)
        ],
    )


# ----------------------------------------------------------------------------------------------------- traced functions


class TracedFunction:
    """A function that runs as a program. `programs` are those written so far, the first first."""

    def __init__(self, f: Callable, execute: Callable = interpret):
        functools.update_wrapper(self, f)
        self.f, self.execute = f, execute
        self.captures: dict[Any, list[Capture]] = {}

    @property
    def programs(self) -> list[Program]:
        """The programs, in the order in which they were written."""
        return [c.program for group in self.captures.values() for c in group]

    def capture(self, *args: Any, **kwargs: Any) -> Capture:
        """The program for a call, written if there is none that fits."""
        key, leaves = situation(args, kwargs)
        group = self.captures.setdefault(key, [])
        for c in group:
            if c.fits(leaves):
                return c
        c = Capture(self.f, args, kwargs)
        group.append(c)
        return c

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if modes.trace is not None:
            # inside another trace: its equations become part of that program
            return self.f(*args, **kwargs)
        c = self.capture(*args, **kwargs)
        leaves: list[Tensor] = []
        flatten((args, kwargs), leaves)
        return c.run(leaves, self.execute)


def trace(f: Callable) -> TracedFunction:
    """Trace a function of tensors: the first call writes a program, every call runs one with the
    plain NumPy interpreter.

    The function may do what a training step does: call modules, backward, step an optimizer, write
    in place, draw random numbers. What a program cannot contain raises a TraceError with the line.
    """
    return TracedFunction(f)
