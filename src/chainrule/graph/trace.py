"""Writing a program down: Tracers stand for values, and every op on them becomes an equation.

While a trace is active, tensors read and write through it:

- a storage that was there before is *captured* when it is first touched: a Tracer takes the place
  of its array until the trace ends;
- a write replaces the Tracer in a storage by a new one (through a view: by a `view_scatter` of the
  whole), so later reads of any view see it;
- at the end every storage gets its array back, and those whose Tracer changed are the program's
  writes.
"""

from __future__ import annotations

import contextlib
import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from .. import ops
from ..base import dtypes
from ..base.errors import ShapeError, TraceError
from ..base.lines import describe, here
from ..base.modes import modes
from ..ops import Op, Spec
from ..ops.outline import Outline, phantom
from ..ops.promotion import spec_of
from ..ops.record import as_floats
from ..tape.nodes import newest_order
from ..tensors.core import Tensor
from ..tensors.storage import Storage
from .ir import Equation, Literal, Var
from .specs import output_specs
from .tracer import Tracer, refuse

__all__ = ["Trace"]


class Trace:
    """A program being written. In an open one gradients may flow out: it may use tensors that have
    a history outside.
    """

    def __init__(self, parent: Trace | None = None, is_open: bool = False):
        self.parent, self.is_open = parent, is_open
        self.start = newest_order()  # nodes of the tape older than this were made outside
        self.equations: list[Equation] = []
        self.inputs: list[tuple[Var, Any]] = []  # each with what it stands for
        # (its Tracer at first, what it held before)
        self.captured: dict[Storage, tuple[Tracer, Any]] = {}
        # raw Tracers of an enclosing trace that are used here
        self.outer: dict[int, tuple[Any, Tracer]] = {}
        # captured tensors: their edge and leaf flag before
        self.touched: dict[int, tuple[Tensor, Any, bool]] = {}
        self.stamps: dict[int, int] = {}  # the storage versions for which these edges were right
        # tensors whose .grad was set: what it was, whether read before
        self.grads: dict[int, tuple[Tensor, Tensor | None, bool]] = {}
        self.grad_reads: dict[int, tuple[Tensor, Tensor | None]] = {}
        self.host: list[tuple[str, Any, Any]] = []  # cells, effects, generator states, in order
        self.last: list[Callable[[], Any]] = []  # what runs at the end of each call
        self.conditions: list[dict[Storage, Any]] = []  # what was written under each, as it was
        self.stepped: dict[int, Any] = {}  # optimizers that make a step under a condition
        # generator -> [generator, state Tracer, words drawn]
        self.random_states: dict[int, list] = {}
        self.modules: dict[int, Any] = {}
        self.made: list[weakref.ref] = []
        self.views: dict[tuple, Tracer] = {}
        self.ended = False

    # ----------------------------------------------------------------------------------------------------- equations

    def new_input(self, spec: Spec, stands_for: Any = None) -> Tracer:
        """A Tracer for a value that comes from outside."""
        var = Var(spec)
        self.inputs.append((var, stands_for))
        return Tracer(self, var)

    def takes(self, op: Op, args: tuple) -> bool:
        """Whether a call on values that are not tensors belongs into the program."""
        if op.kind.name == "create":
            return True
        for a in args:
            if a.__class__ is Tracer:
                return True
        return False

    def operand(self, a: Any) -> Any:
        """An operand of an equation."""
        if a.__class__ is Tracer:
            if a.trace is self:
                return a.var
            if a.trace.ended:
                raise TraceError(
                    "a value made inside a traced function that has ended is used after it\n"
                    f"  made at  {describe(a.place)}\n  hint: return it from the function"
                )
            return self.from_outer(a).var
        if a is None:
            return None
        return Literal(np.asarray(a) if isinstance(a, np.generic) else a)

    def from_outer(self, a: Tracer) -> Tracer:
        """This trace's own Tracer for a value of an enclosing trace."""
        found = self.outer.get(id(a))
        if found is None:
            found = self.outer[id(a)] = (a, self.new_input(a.spec, a))
        return found[1]

    def stage(self, op: Op, args: tuple, attrs: dict) -> Any:
        """Append an equation; its outputs as Tracers. A composite with neither rules nor a kernel
        of its own is written as its definition.
        """
        if op.composite and not op.differentiable and op.kernel is None:
            return op.body(*as_floats(op, args), **attrs)
        operands = [self.operand(a) for a in args]
        specs = output_specs(
            op,
            tuple(
                [
                    v.spec if isinstance(v, Var) else v.value if isinstance(v, Literal) else None
                    for v in operands
                ]
            ),
            attrs,
        )
        outputs, place = [Var(s) for s in specs], here()
        self.equations.append(Equation(op, operands, attrs, outputs, place))
        tracers = tuple([Tracer(self, v, place) for v in outputs])
        return tracers[0] if op.single else tracers

    def constant(self, value: np.ndarray) -> Tracer:
        """An array fixed in the program, as a Tracer."""
        return self.stage(ops.clone, (np.array(value),), {})

    # ------------------------------------------------------------------------------------------------------- storages

    def lifted(self, storage: Storage, stands_for: Any = None) -> Tracer:
        """What a storage holds at this point of the program; it is captured if it was there
        before.
        """
        value = storage.value
        if value.__class__ is Tracer and value.trace is self:
            return value
        if value.__class__ is Tracer and value.trace.ended:
            return self.operand(value)  # raises
        if value.__class__ is Outline:
            refuse(
                "a tensor on the device 'meta', which has a shape and no values, is used in a traced function",
                "make it on 'cpu', or call the function without compiling it",
            )
        tracer = self.new_input(spec_of(value), storage if stands_for is None else stands_for)
        self.captured[storage] = (tracer, value)
        storage.value = tracer
        return tracer

    def read(self, t: Tensor) -> Tracer:
        """What a tensor is at this point of the program."""
        storage = t._storage
        if not (storage.value.__class__ is Tracer and storage.value.trace is self):
            self.lifted(storage)
        self.touch(t)
        return self._followed(storage, t._path)

    def final(self, t: Tensor) -> Tracer:
        """What a tensor made inside is at the end."""
        return self._followed(t._storage, t._path)

    def view(self, x: Tensor, path: tuple) -> Tracer:
        """What a view of a tensor is at this point of the program, given the path from the
        storage to it.
        """
        self.read(x)
        return self._followed(x._storage, path)

    def touch(self, t: Tensor) -> None:
        """Note how a tensor from outside is tied to the tape, to tie it so again at the end."""
        if id(t) in self.touched or self.owns(t) or t._storage not in self.captured:
            return
        foreign = t._edge is not None and t._edge[0].order < self.start
        if foreign and self.parent is None and not self.is_open:
            refuse(
                f"a tensor of shape {tuple(t.shape)} that was computed outside of the traced function, "
                "and has a history there, is used in it",
                "pass it as detach()ed, or compute it inside",
            )
        self.touched[id(t)] = (t, t._edge, t._leaf)
        self.stamps[id(t)] = t._stamp
        if t._base is not None:
            self.touch(t._base)

    def _followed(self, storage: Storage, path: tuple) -> Tracer:
        if not path:
            return storage.value
        key = (storage, storage.version, path)
        found = self.views.get(key)
        if found is None:
            op, attrs = path[-1]
            found = self.views[key] = op.apply((self._followed(storage, path[:-1]),), dict(attrs))
        return found

    def write(self, t: Tensor, value: Any) -> None:
        """Replace what a tensor is from this point of the program on."""
        self.read(t)
        storage = t._storage
        strides = t.stride()
        if any(n > 1 and s == 0 for n, s in zip(t.shape, strides, strict=True)):
            raise ShapeError(
                f"this tensor {tuple(t.shape)} cannot be written: several of its elements share one place "
                "in memory\n  hint: clone() it first"
            )
        if value.__class__ is not Tracer:
            value = self.constant(np.asarray(value, t.dtype.numpy))
        if value.spec.dtype is not t.dtype:
            value = ops.cast(value, dtype=t.dtype)
        if value.shape != tuple(t.shape):
            value = ops.expand(value, shape=tuple(t.shape))
        for before in self.conditions:
            before.setdefault(storage, storage.value)
        storage.value = (
            ops.view_scatter(storage.value, value, path=t._path) if t._path else self._own(value)
        )

    def _own(self, value: Tracer) -> Tracer:
        return value if value.trace is self else self.from_outer(value)

    def layout(self, t: Tensor) -> np.ndarray:
        """An array with the strides that the tensor has. Its elements are never read: there may
        be none.
        """
        storage = t._storage
        before = self.captured.get(storage, (None, storage.value))[1]
        root = before if isinstance(before, np.ndarray) else phantom(spec_of(before))
        for op, attrs in t._path:
            root = op.body(root, **dict(attrs))
        return root

    # -------------------------------------------------------------------------------------------------------- tensors

    def own(self, t: Tensor) -> None:
        """Note a tensor that is made inside the trace."""
        self.made.append(weakref.ref(t))

    def adopt(self, t: Tensor, value: Any) -> Any:
        """A tensor that is made inside the trace, around a value; arrays become constants of the
        program.
        """
        self.own(t)
        return self.constant(value) if isinstance(value, np.ndarray) else value

    def owns(self, t: Any) -> bool:
        """Whether a tensor was made inside this trace."""
        return isinstance(t, Tensor) and t._value.__class__ is Tracer and t._value.trace is self

    def reads_grad(self, t: Tensor) -> None:
        """`.grad` is looked at: what it is on entry becomes a guard, and its memory an input."""
        key = id(t)
        if key in self.grads or key in self.grad_reads or self.owns(t):
            return
        self.grad_reads[key] = (t, t._grad)
        if t._grad is not None:
            # a `.grad` that is a part of other memory is captured with all of it, as any view is
            self.lifted(t._grad._storage, None if t._grad._path else ("grad", t))

    def writes_grad(self, t: Tensor) -> None:
        """`.grad` is set: what is attached at the end is an output of the program."""
        if id(t) not in self.grads and not self.owns(t):
            self.grads[id(t)] = (t, t._grad, id(t) in self.grad_reads)

    # ----------------------------------------------------------------------------------------------------------- host

    def cell(self, read: Callable[[], float]) -> Tracer:
        """A Python number that is read anew at each call."""
        now = read()
        tracer = self.new_input(Spec((), dtypes.of_scalar(now), True), "cell")
        self.host.append(("cell", read, tracer.var))
        return tracer

    def effect(self, run: Callable[[], Any]) -> None:
        """Python that runs at each call."""
        self.host.append(("effect", run, None))

    def afterwards(self, run: Callable[[], Any]) -> None:
        """Python that runs at the end of each call."""
        self.last.append(run)

    @contextlib.contextmanager
    def unless(self, condition: Tensor) -> Iterator[None]:
        """A block whose writes into tensors count only if a condition, which the program computes,
        does not hold: elsewhere the tensors stay as they were before.
        """
        self.conditions.append({})
        try:
            yield
        finally:
            before = self.conditions.pop()
        holds = condition.read()
        for storage, old in before.items():
            storage.value = ops.where(holds, old, storage.value)
        self.views = {key: view for key, view in self.views.items() if key[0] not in before}

    def _random(self, generator: Any) -> list:
        if self.parent is not None:
            refuse(
                "random numbers are drawn inside the body of a scan, which is traced once",
                "draw them before, and pass them as a sequence",
            )
        found = self.random_states.get(id(generator))
        if found is None:
            tracer = self.new_input(Spec((2,), dtypes.int64), "state")
            self.host.append(("state", generator, tracer.var))
            found = self.random_states[id(generator)] = [generator, tracer, 0]
        return found

    def random(self, generator: Any, words: int) -> tuple[Tracer, int]:
        """The state of a generator on entry, and how many words this program has drawn from it
        before.
        """
        entry = self._random(generator)
        skip = entry[2]
        entry[2] += words
        return entry[1], skip

    def random_mark(self, generator: Any) -> int:
        """How many words this program has drawn so far."""
        return self._random(generator)[2] if self.parent is None else 0

    @contextlib.contextmanager
    def random_rewound(self, generator: Any, mark: int) -> Iterator[None]:
        """A block that draws again from a mark on."""
        entry = self._random(generator)
        before, entry[2] = entry[2], mark
        try:
            yield
        finally:
            entry[2] = before

    def visit(self, module: Any) -> None:
        """A module is called: what it is made of becomes a guard."""
        root = self
        while root.parent is not None:
            root = root.parent
        root.modules[id(module)] = module

    # -------------------------------------------------------------------------------------------------------- refusal

    def refuse(self, what: str, hint: str) -> NoReturn:
        """Something a program cannot contain."""
        refuse(what, hint)

    def refuse_attribute(self, holder: Any, name: str, value: Any) -> NoReturn:
        """A traced value is stored in a Python attribute, where the next call would not find a
        new one.
        """
        refuse(
            f"the attribute {name!r} of a {type(holder).__name__} is set to a traced value: it would keep one call's value for ever",
            "return the value from the function, or write into a registered buffer with copy_()",
        )

    def scan(self, body: Callable, carry: tuple, xs: tuple, reverse: bool) -> tuple:
        """A loop as one equation."""
        from .scan import stage_scan

        return stage_scan(self, body, carry, xs, reverse)

    # ------------------------------------------------------------------------------------------------------------ end

    @contextlib.contextmanager
    def active(self) -> Iterator[Trace]:
        """A block whose ops are written into this trace; afterwards every tensor that was there
        before is as it was.
        """
        before, modes.trace = modes.trace, self
        try:
            yield self
        finally:
            modes.trace = before
            self.writes = []
            for storage, (tracer, value) in self.captured.items():
                if storage.value is not tracer:
                    self.writes.append((storage, tracer, storage.value))
                storage.value = value
            for t, edge, leaf in self.touched.values():
                t._edge, t._leaf, t._stamp = edge, leaf, self.stamps[id(t)]
            self.attached = []
            for t, grad, _ in self.grads.values():
                self.attached.append((t, t._grad))
                t._grad = grad
            self.ended = True

    def refuse_leaks(self, allowed: set[int]) -> None:
        """Refuse tensors made inside that something outside still holds: they have no value."""
        alive = [t for t in (r() for r in self.made) if t is not None and id(t) not in allowed]
        if alive:
            del alive
            gc.collect()  # what only a reference cycle holds is no leak
            alive = [t for t in (r() for r in self.made) if t is not None and id(t) not in allowed]
        if alive:
            place = getattr(alive[0]._value, "place", None)
            raise TraceError(
                "a tensor made inside the traced function is kept outside of it (in an attribute,"
                " a global or a list), where it has no value\n"
                f"  made at  {describe(place)}\n"
                "  hint: return it from the function, or write into a tensor that exists with copy_()"
            )
