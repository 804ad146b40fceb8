"""`compile`: a function of tensors that runs as machine code.

The first call in a new situation (see `graph.traced`: shapes, dtypes, modes, modules, …) traces the
function and makes a program; later calls run it. Gradients flow out: what a compiled forward pass
returns has a history, a single node of the tape that runs a backward program. So both ways of
writing a training step work,

    step = chainrule.compile(step)          # forward, backward and optimizer: one program
    model = chainrule.compile(model)        # loss = model(x).sum(); loss.backward(): two

and the first is faster, because nothing has to be kept between two programs.

At most `MOST_PROGRAMS` programs are written for one function. After that a warning says once which
guard keeps changing, and calls that fit no program run eagerly; those that fit one go on as before.
Nothing is thrown away: a function that alternates between nine situations is as fast in eight of
them.
"""

from __future__ import annotations

import collections
import copy
import functools
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..base.errors import ChainruleError, DTypeError
from ..base.lines import describe
from ..base.modes import modes
from ..graph.arguments import Slot, constants_in, situation
from ..graph.capture import Capture
from ..graph.guards import is_module
from ..graph.interpret import Interpreted
from ..graph.ir import Literal, Program
from ..graph.traced import TracedFunction
from ..tensors.core import Tensor
from ..tensors.storage import Storage

__all__ = ["MOST_PROGRAMS", "Compiled", "compile", "compile_in_place"]

MOST_PROGRAMS = 8
"""How many programs are written for one function before new situations run eagerly."""

MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")


def compile(
    model: Callable | None = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: str | Callable = "native",
    mode: str | None = None,
    options: dict | None = None,
    disable: bool = False,
) -> Any:
    """A function or module that does the same, as machine code. Also a decorator, with or without
    arguments.

    Args:
        model: a function of tensors (inference, a loss, or a whole training step with backward and
            optimizer), or a module, of which a compiled twin is returned: the same parameters,
            buffers, attributes and state dict.
        fullgraph: without effect: a function is always compiled as a whole, and what cannot be is
            an error with the line.
        dynamic: without effect: each set of shapes has a program of its own.
        backend: "native" (or PyTorch's name for its own, "inductor"); "eager", which runs the
            program with NumPy; or a function `make(program, donated)` (see `graph.traced`).
        mode: without effect: chooses among PyTorch's implementations.
        options: refused unless empty: they are those of PyTorch's compiler.
        disable: return `model` as it is.

    Raises:
        TraceError: at a call, for what a program cannot contain: a branch on a traced value,
            `.item()`, a NumPy array turned into a tensor; with the line and what to do instead.

    Example:
        >>> import chainrule as cr
        >>> @cr.compile(backend="eager")
        ... def f(x):
        ...     return (x * x).sum()
        >>> x = cr.tensor([1.0, 2.0], requires_grad=True)
        >>> f(x).backward()
        >>> x.grad
        tensor([2., 4.])
    """
    chosen: dict[str, Any] = {
        "fullgraph": fullgraph, "dynamic": dynamic, "backend": backend, "mode": mode,
        "options": options, "disable": disable,
    }  # fmt: skip
    if model is None:
        return functools.partial(compile, **chosen)
    make = _maker(backend, mode, options)
    if not callable(model):
        raise DTypeError(f"compile takes a function or a module, found {type(model).__name__}")
    if disable or isinstance(model, Compiled):
        return model
    return twin_of(model, Compiled(model, make)) if is_module(model) else Compiled(model, make)


def compile_in_place(
    module: Any, compiled_by: Callable[..., Any] = compile, **options: Any
) -> None:
    """Compile a module's `forward` where it is; the arguments are those of `compile`. Hooks of the
    module itself run eagerly around it.
    """
    forward = module.forward
    forward = forward.f if isinstance(forward, Compiled) else forward
    vars(module)["forward"] = compiled_by(forward, **options)


def _maker(backend: str | Callable, mode: str | None, options: dict | None) -> Callable | None:
    """What makes executors; None if calls are to run eagerly."""
    if mode is not None and mode not in MODES:
        raise ChainruleError(f"compile: no mode {mode!r}; there are {', '.join(MODES)}")
    if options:
        raise ChainruleError(
            f"compile: options {sorted(options)} are those of PyTorch's compiler\n"
            "  hint: leave them out"
        )
    if callable(backend):
        return backend
    if backend in ("native", "inductor"):
        return _native()
    if backend == "eager":
        return Interpreted
    raise ChainruleError(
        f"compile: no backend {backend!r}; there are 'native', 'eager', and functions "
        "make(program, donated)"
    )


@functools.cache
def _native() -> Callable | None:
    """The maker of machine code; None without llvmlite, which is said once."""
    from . import toolchain

    if not toolchain.available():
        warnings.warn(
            "llvmlite is not installed: compiled functions run eagerly\n"
            "  hint: pip install llvmlite",
            stacklevel=4,
        )
        return None
    return _made


_named: set[str] = set()
"""Ops that were said to have no machine code."""


def _made(program: Program, donated: dict[int, int]) -> Any:
    """The machine code of a program. What NumPy has to do in it is said once for each op."""
    from .planning import executor

    made = executor(program, donated)
    for eq in made.left_to_numpy:
        if eq.op.name not in _named:
            _named.add(eq.op.name)
            warnings.warn(
                f"{eq.op.name} has no machine code yet: NumPy runs it, between compiled parts\n"
                f"  at    {describe(eq.place)}",
                stacklevel=6,
            )
    return made


class Compiled(TracedFunction):
    """A compiled function.

    Attributes:
        programs: the programs written so far, the first first; a backward program comes behind
            its forward program once it was needed.
        seconds: how long it took to write and make them.
    """

    is_open = True

    def __init__(self, f: Callable, make: Callable | None):
        super().__init__(f, Interpreted if make is None else make)
        self.runs_eagerly = make is None
        self.full = False

    @property
    def seconds(self) -> float:
        """How long tracing and making the programs took, in seconds."""
        return sum([c.seconds for c in self._all()])

    @property
    def from_cache(self) -> bool:
        """Whether the code of all programs was found in the cache."""
        executors = [c.executor for c in self._all()]
        return bool(executors) and all([getattr(e, "from_cache", False) for e in executors])

    @property
    def left_to_numpy(self) -> list[str]:
        """The ops that NumPy runs between the machine code of the programs, by name, each once."""
        executors = [c.executor for c in self._all()]
        names = [call.op.name for e in executors for call in getattr(e, "left_to_numpy", ())]
        return list(dict.fromkeys(names))

    def _all(self) -> Iterator[Capture]:
        for group in self.captures.values():
            yield from group

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if modes.trace is not None or self.runs_eagerly:
            return self.f(*args, **kwargs)
        leaves: list[Tensor] = []
        with self.lock:
            key = situation(args, kwargs, leaves)
            c = self._found(key, leaves)
            if c is None and not self._refuses(key, leaves):
                c = self._written(key, args, kwargs)
            if c is not None:
                return c.run(leaves)
        return self.f(*args, **kwargs)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __deepcopy__(self, memo: dict) -> Compiled:
        return self.again(copy.deepcopy(self.f, memo))

    def __reduce__(self) -> tuple:
        return type(self), (self.f, None if self.runs_eagerly else self.make)

    def again(self, f: Callable) -> Compiled:
        """Another function, compiled as this one."""
        return type(self)(f, None if self.runs_eagerly else self.make)

    def _refuses(self, key: tuple, leaves: list[Tensor]) -> bool:
        """Whether there are enough programs; says so the first time."""
        before = list(self._all())
        if len(before) < MOST_PROGRAMS:
            return False
        if not self.full:
            self.full = True
            label = getattr(self, "__name__", type(self.f).__name__)
            warnings.warn(
                f"{label} has {len(before)} programs, and this call fits none of them; calls that "
                "fit none run eagerly from now on\n"
                f"  what changes: {_what_changes(before, key, leaves)}\n"
                "  hint: pass numbers that change as tensors; pad or sort inputs to a few shapes",
                stacklevel=3,
            )
        return True

    # ------------------------------------------------------------------------------------------------------------ text

    def __repr__(self) -> str:
        label = getattr(self, "__name__", type(self.f).__name__)
        if self.runs_eagerly:
            return f"<compiled {label}: runs eagerly>"
        count = len(self.programs)
        made = f"{'from cache' if self.from_cache else 'compiled'} in {self.seconds:.1f} s"
        return f"<compiled {label}: {count} program{'s' * (count != 1)}, {made}>"

    def explain(self) -> str:
        """Each program with the user's lines, what it is fed, which Python values are fixed in it,
        and what its executor says of it.
        """
        captures = list(self._all())
        parts = [repr(self)]
        for k, c in enumerate(captures):
            parts.append(f"\nprogram {k + 1} of {len(captures)}")
            parts += [f"  {row}" for row in _explained(c)]
        return "\n".join(parts)


# ---------------------------------------------------------------------------------------------------------- explanations


def _explained(c: Capture) -> Iterator[str]:
    structure, _, grad, default, autocast = c.key
    names = _names(c)
    yield f"modes: gradients {'on' if grad else 'off'}, default dtype {default.name}" + (
        "" if autocast is None else f", autocast to {autocast.name}"
    )
    yield "inputs:"
    cells = {place: what for kind, what, place, _ in c.host if kind == "cell"}
    for k, (v, source) in enumerate(zip(c.program.inputs, c.sources, strict=True)):
        if isinstance(source, Slot):
            what = f"tensor argument {source.k}"
        elif isinstance(source, Storage):
            what = names.get(id(source), "a captured tensor")
        elif isinstance(source, tuple):
            what = "the .grad of " + (
                f"tensor argument {source[1]}"
                if isinstance(source[1], int)
                else names.get(id(source[1]._storage), "a captured tensor")
            )
        else:
            read = cells.get(k)
            what = (
                "the state of a generator"
                if read is None
                else f"read at each call ({read()} now): {_of(read)}"
            )
        written = ", written" if k in c.donated.values() else ""
        yield f"  {f'%{k}':5} {v!r}".replace(f"%{v.id}: ", "", 1) + f"  {what}{written}"
    constants = [repr(x) for x in constants_in(structure) if x is not None]
    yield f"constants among the arguments: {', '.join(constants) or 'none'}"
    fixed = [
        f"  {v!r}  {describe(eq.place)}"
        for eq in c.program.equations
        for v in eq.inputs
        if isinstance(v, Literal) and isinstance(v.value, np.ndarray) and v.value.ndim
    ]
    yield from ["arrays fixed in the program:", *fixed] if fixed else []
    effects = [_of(what) for kind, what, _, _ in c.host if kind == "effect"]
    yield from [f"runs at each call: {what}" for what in dict.fromkeys(effects)]
    yield from c.program.text(lines=True).splitlines()
    if c.way_back is not None:
        count = len(c.way_back.kept)
        yield f"backward, of which the forward program keeps {count} value{'s' * (count != 1)}:"
        yield from c.way_back.backward.program.text(lines=True).splitlines()
    more = getattr(c.executor, "explain", None)
    yield from more().splitlines() if more else []


def _of(f: Callable) -> str:
    """A function by its line; what it hands on to another is that one's."""
    while (inner := _only_function(f)) is not None:
        f = inner
    code = getattr(f, "__code__", None)
    return repr(f) if code is None else describe((code, 0))


def _only_function(f: Callable) -> Callable | None:
    """The function that a wrapper such as `lambda: float(read())` closes over, if it is one."""
    cells = [c.cell_contents for c in getattr(f, "__closure__", None) or ()]
    return cells[0] if len(cells) == 1 and isinstance(cells[0], types.FunctionType) else None


def _names(c: Capture) -> dict[int, str]:
    """The names of captured storages that belong to modules, as the outermost module gives them."""
    names: dict[int, str] = {}
    for module, _ in c.guards.modules:
        for path, tensor in _members(module, "", set()):
            names.setdefault(id(tensor._storage), f"{type(module).__name__}.{path}")
    return names


def _members(module: Any, prefix: str, seen: set[int]) -> Iterator[tuple[str, Tensor]]:
    seen.add(id(module))
    for name, tensor in (*module._parameters.items(), *module._buffers.items()):
        if tensor is not None:
            yield prefix + name, tensor
    for name, child in module._modules.items():
        if child is not None and id(child) not in seen:
            yield from _members(child, f"{prefix}{name}.", seen)


def _what_changes(captures: list[Capture], key: tuple, leaves: list[Tensor]) -> str:
    """The guard that distinguishes a call from most of the programs, and what it has been."""
    found = [(_difference(c, key, leaves), c) for c in captures]
    most = collections.Counter([what for (what, _, _), _ in found]).most_common(1)[0][0]
    seen = [before for (what, before, _), _ in found if what == most]
    now = next(now for (what, _, now), _ in found if what == most)
    values = dict.fromkeys([v for v in (*seen, now) if v])
    return f"{most} ({', '.join(values)})" if values else most


DESCRIBED = (
    "shape", "dtype", "tie to the tape", "strides", "shared memory", "hooks",
)  # fmt: skip


def _difference(c: Capture, key: tuple, leaves: list[Tensor]) -> tuple[str, str, str]:
    """The first guard that a call does not meet: its name, what it was, what it is."""
    for k, (a, b) in enumerate(zip(c.key[1], key[1], strict=False)):
        for name, x, y in zip(DESCRIBED, a, b, strict=True):
            if x != y:
                return f"the {name} of tensor argument {k}", str(x), str(y)
    before, now = list(constants_in(c.key[0])), list(constants_in(key[0]))
    if len(before) == len(now) and len(c.key[1]) == len(key[1]):
        for x, y in zip(before, now, strict=True):
            if x is not y and (type(x) is not type(y) or x != y):
                return "the value of an argument that is no tensor", repr(x), repr(y)
    if c.key[0] != key[0]:
        return "the structure of the arguments", "", ""
    if c.key[2] != key[2]:
        return "whether gradients are recorded", str(c.key[2]), str(key[2])
    if c.key[3] != key[3]:
        return "the default dtype", c.key[3].name, key[3].name
    if c.key[4] != key[4]:
        return "the dtype of autocast", str(c.key[4]), str(key[4])
    return c.guards.misfit(leaves) or "a guard", "", ""


# ---------------------------------------------------------------------------------------------------------------- modules


def twin_of(module: Any, compiled: Compiled) -> Any:
    """The same module as another object, of a subclass that runs compiled when it is called. It
    shares the module's dict of attributes, so what is changed in one is changed in both.
    """
    cls = type(module)

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return self._compiled(*args, **kwargs)

    def reduce(self: Any, protocol: Any) -> tuple:
        return _copied, (self._orig_mod, self._compiled)

    def deepcopy(self: Any, memo: dict) -> Any:
        return _copied(copy.deepcopy(self._orig_mod, memo), self._compiled)

    namespace = {
        "__slots__": ("_compiled", "_orig_mod"), "__doc__": cls.__doc__,
        "__module__": cls.__module__,
        "__call__": call, "__reduce_ex__": reduce, "__deepcopy__": deepcopy,
        "explain": lambda self: self._compiled.explain(),
        "programs": property(lambda self: self._compiled.programs),
    }  # fmt: skip
    twin: Any = object.__new__(type(f"Compiled{cls.__name__}", (cls,), namespace))
    object.__setattr__(twin, "__dict__", module.__dict__)
    object.__setattr__(twin, "_orig_mod", module)
    object.__setattr__(twin, "_compiled", compiled)
    return twin


def _copied(module: Any, compiled: Compiled) -> Any:
    """A twin of a copied or unpickled module, compiled as another was."""
    return twin_of(module, compiled.again(module))
