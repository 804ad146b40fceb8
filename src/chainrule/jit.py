"""PyTorch's `torch.jit`, its compiler of annotated Python. What is marked for it runs as it is written, which is what the marks
mean; `chainrule.compile` makes machine code of it. Files of compiled programs are not there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from .base.left_out import missing_from
from .base.loading import shown
from .nn.module import Module

__all__ = [
    "Attribute", "Final", "Future", "RecursiveScriptModule", "ScriptFunction", "ScriptModule", "TracedModule", "annotate", "export",
    "fork", "freeze", "ignore", "interface", "is_scripting", "is_tracing", "isinstance", "optimize_for_inference",
    "optimized_execution", "script", "script_if_tracing", "script_method", "set_fusion_strategy", "trace", "trace_module", "unused",
    "wait",
]  # fmt: skip

__path__: list[str] = []  # scripts import from its files, so it passes for a package
T = TypeVar("T")


# ------------------------------------------------------------------------------------------------ marks


def script(
    obj: Any,
    optimize: Any = None,
    _frames_up: int = 0,
    _rcb: Any = None,
    example_inputs: Any = None,
) -> Any:
    """The function, class or module itself.

    >>> cr.jit.script(cr.nn.ReLU())
    ReLU()
    """
    return obj


def trace(
    func: Any,
    example_inputs: Any = None,
    optimize: Any = None,
    check_trace: bool = True,
    check_inputs: Any = None,
    check_tolerance: float = 1e-5,
    strict: bool = True,
    _force_outplace: bool = False,
    _module_class: Any = None,
    _compilation_unit: Any = None,
    example_kwarg_inputs: Mapping[str, Any] | None = None,
    _store_inputs: bool = True,
) -> Any:
    """The function or module itself, after a first run on the example. Where Python decides by a value, each call
    decides anew; PyTorch's trace would repeat what the example took.

    Args:
        func: what to run.
        example_inputs: a tuple of arguments, or the only one.
        example_kwarg_inputs: arguments by name, instead.
        optimize, check_trace, check_inputs, check_tolerance, strict: how PyTorch checks its copy; there is none.

    >>> cr.jit.trace(cr.nn.ReLU(), cr.ones(3))
    ReLU()
    """
    given = () if example_inputs is None else example_inputs
    func(*(given if type(given) in (tuple, list) else (given,)), **(example_kwarg_inputs or {}))
    return func


def trace_module(mod: Module, inputs: Mapping[str, Any], *args: Any, **kwargs: Any) -> Module:
    """The module itself, after a first run of each of the methods on its example.

    >>> cr.jit.trace_module(cr.nn.ReLU(), {"forward": cr.ones(3)})
    ReLU()
    """
    for name, example in inputs.items():
        trace(getattr(mod, name), example)
    return mod


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """The function itself; also as a decorator with arguments."""
    return drop if callable(drop) else lambda f: f


def _marked(f: Callable) -> Callable:
    """The function itself."""
    return f


export = unused = interface = script_method = script_if_tracing = _script_if_tracing = _marked
_overload = _overload_method = _marked


def freeze(mod: Module, *args: Any, **kwargs: Any) -> Module:
    """The module itself: its parameters stay what they are."""
    return mod


optimize_for_inference = freeze


# ------------------------------------------------------------------------------------------- questions and settings


def is_scripting() -> bool:
    """False: this is Python."""
    return False


is_tracing = is_scripting


@contextlib.contextmanager
def optimized_execution(should_optimize: bool) -> Iterator[None]:
    """Without effect: nothing was compiled."""
    yield


def set_fusion_strategy(strategy: list[tuple[str, int]]) -> None:
    """Without effect: `compile` fuses what it can."""


# ------------------------------------------------------------------------------------------------ types


class ScriptModule(Module):
    """A module whose methods PyTorch would compile. To derive from it makes a module like any other; no other module is one."""


class ScriptFunction:
    """A compiled function of PyTorch's, in annotations and `isinstance`: no function is one."""


RecursiveScriptModule = TracedModule = TopLevelTracedModule = ScriptModule


class Final(Generic[T]):
    """`x: Final[int]`, an annotation."""


def Attribute(value: Any, type: Any) -> Any:
    """The value itself."""
    return value


def annotate(the_type: Any, the_value: Any) -> Any:
    """The value itself."""
    return the_value


_isinstance = isinstance


def isinstance(obj: Any, target_type: Any) -> bool:
    """Whether an object is of a type that may say what it is made of, as `list[int]` and `dict[str, Tensor]` do.

    >>> cr.jit.isinstance(["a", "b"], list[str]), cr.jit.isinstance(["a", 2], list[str])
    (True, False)
    """
    from typing import Union, get_args, get_origin

    if _isinstance(target_type, tuple):
        return any([isinstance(obj, t) for t in target_type])
    origin, parts = get_origin(target_type), get_args(target_type)
    if origin is None or not parts:
        return _isinstance(obj, origin or target_type)
    if origin is Union or not _isinstance(origin, type) or origin.__name__ == "UnionType":
        return any([isinstance(obj, t) for t in parts])
    if not _isinstance(obj, origin):
        return False
    if origin is dict:
        return all([isinstance(k, parts[0]) and isinstance(v, parts[1]) for k, v in obj.items()])
    if origin is tuple and (len(parts) < 2 or parts[1] is not Ellipsis):
        return len(obj) == len(parts) and all(
            [isinstance(v, t) for v, t in zip(obj, parts, strict=True)]
        )
    return all([isinstance(v, parts[0]) for v in obj])


# ------------------------------------------------------------------------------------------------ tasks


class Future(Generic[T]):
    """What a call gave, or the error that it raised."""

    def __init__(self, call: Callable, args: tuple, kwargs: dict):
        self._value, self._error = None, None
        try:
            self._value = call(*args, **kwargs)
        except Exception as error:  # whoever waits is told
            self._error = error

    def wait(self) -> Any:
        """What the call gave."""
        if self._error is not None:
            raise self._error
        return self._value

    value = wait

    def done(self) -> bool:
        """True: it has run."""
        return True


def fork(func: Callable, *args: Any, **kwargs: Any) -> Future:
    """Run a function at once; `wait` gives what it gave. As PyTorch's where it is not compiled.

    >>> cr.jit.wait(cr.jit.fork(sorted, [3, 2]))
    [2, 3]
    """
    return Future(func, args, kwargs)


def wait(future: Future) -> Any:
    """What a forked call gave."""
    return future.wait()


__getattr__ = missing_from("jit")
__dir__ = shown(__name__)
