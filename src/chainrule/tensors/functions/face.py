"""What stands around every torch-shaped function, and around the constructors of layers: a call that fails in
Python's words (a list has no `ndim`, a string is not below 0) names the argument that was of no use, and a result is
written into `out` where PyTorch has that.

A call that succeeds pays one more frame. Ops, which are functions of the face as they are, and operators pay nothing:
dispatch has words of its own (see `ops.record`).
"""

from __future__ import annotations

import dis
import functools
import inspect
import warnings
from collections.abc import Callable, Iterator
from types import FunctionType, NoneType
from typing import Any, SupportsFloat, SupportsIndex

from ...base.dtypes import of_python
from ...base.errors import ArgumentError, ChainruleError, DTypeError
from ...ops.record import READERS
from .out import CONVERTING, EXACT, into

__all__ = ["face_constructor", "face_methods", "faced", "naming"]

PYTHONS = (AttributeError, TypeError, KeyError, IndexError, ValueError, OverflowError)
"""What Python and NumPy raise at an argument of no use."""

NOTHING = object()  # no argument is this
KNOWN: dict[str, tuple[Any, Any]] = {
    "Tensor": ((), object),  # told by its dtype
    "None": (NoneType, object),
    "bool": (SupportsIndex, object),
    "int": (SupportsIndex, object),
    "float": (SupportsFloat, object),
    "str": (str, object),
    "Sizes": ((SupportsIndex, list, tuple), SupportsIndex),
    "Sequence[int]": ((list, tuple), SupportsIndex),
    "Dims": ((SupportsIndex, NoneType, list, tuple), SupportsIndex),
    "Cells": ((SupportsIndex, NoneType, list, tuple), (SupportsIndex, NoneType)),
}
"""What the annotations of the functions say, as classes: of a value, and of its elements if it is a list."""
COUNTS = ("int", "Sizes", "Dims", "Cells")
"""What annotations of sizes, axes and counts have in them."""
WORDS = {
    "Tensor": "a tensor", "Sizes": "an integer or a list of them", "Sequence[int]": "a list of integers",
    "Dims": "an integer, a list of them or None", "Cells": "an integer, a list of them or None",
}  # fmt: skip
"""How they are said."""
NUMPYS = {
    "axis": "dim",
    "keepdims": "keepdim",
    "x": "input",
    "a": "input",
    "x1": "input",
    "x2": "other",
}
"""NumPy's names of arguments, by which PyTorch's functions take them too, and the names that they have here."""
WITHOUT = ("nn.functional",)
"""Where PyTorch's functions are written in Python, and take their own names alone."""


def faced(names: dict[str, Any], package: str, place: str = "") -> dict[str, Any]:
    """Functions by name, each with its face around it; what is no function of Python's stays as it is.

    Args:
        names: what stands in the package's namespace.
        package: the name of the module in which they are found.
        place: PyTorch's name of it, behind `torch.`.
    """
    converting, exact = [frozenset(kind.get(place, "").split()) for kind in (CONVERTING, EXACT)]
    done: dict[FunctionType, Callable] = {}  # a function of two names stays one; one has one face
    for f in names.values():
        if isinstance(f, FunctionType) and f.__globals__ is not globals() and f not in done:
            takes_out = f.__name__ in converting or f.__name__ in exact
            numpys = place not in WITHOUT
            done[f] = (
                _with_out(f, f.__name__ in converting, numpys) if takes_out else _named(f, numpys)
            )
            functools.update_wrapper(done[f], f)
            done[f].__module__ = package
            if takes_out:
                done[f].__doc__ = f"{f.__doc__}\n\n    `out=` is a tensor to write the result into."
    return {name: done.get(f, f) for name, f in names.items()}


def face_constructor(cls: type) -> None:
    """Let the constructor of a class name what it cannot use.

    >>> nn.Conv2d(1, 2, 3.0)
    Traceback (most recent call last):
        ...
    chainrule.base.errors.DTypeError: Conv2d(): argument 'kernel_size' (position 3) must be an integer or a list of
    them, found float
    """
    f = vars(cls).get("__init__")
    if f is not None:
        setattr(cls, "__init__", naming(f))  # noqa: B010 - mypy


def face_methods(cls: type, names: str) -> None:
    """Let methods of a class, whether its own or inherited, name what they cannot use.

    >>> cr.ones(2).new_full(3, 1.0)
    Traceback (most recent call last):
        ...
    chainrule.base.errors.DTypeError: new_full(): argument 'size' (position 1) must be a list of integers, found int
    """
    for name in names.split():
        setattr(cls, name, naming(getattr(cls, name)))


def naming(f: Callable) -> Callable:
    """A function with its face around it."""
    return functools.update_wrapper(_named(f), f)


def _named(f: Callable, numpys: bool = False) -> Callable:
    def call(*args: Any, **options: Any) -> Any:
        try:
            return f(*args, **options)
        except PYTHONS as e:
            again = (
                _of_numpy(args, options)
                or (numpys and (_renamed(f, args, options, e) or _reordered(f, args, options, e)))
                or _of_tensors(f, args, options)
            )
            if not again:
                name_stranger(f, args, options, e)
                raise
        return call(*again[0], **again[1])

    return call


def _with_out(f: Callable, converts: bool, numpys: bool) -> Callable:
    def call(*args: Any, out: Any = None, **options: Any) -> Any:
        if out is not None:
            return into(out, call, args, options, converts)
        try:
            return f(*args, **options)
        except PYTHONS as e:
            again = (
                _of_numpy(args, options)
                or (numpys and (_renamed(f, args, options, e) or _reordered(f, args, options, e)))
                or _of_tensors(f, args, options)
            )
            if not again:
                name_stranger(f, args, options, e)
                raise
        return call(*again[0], **again[1])

    return call


def _of_numpy(args: tuple, options: dict) -> tuple | None:
    """The arguments of a call with Python's numbers for NumPy's, which programs compute sizes with; None if there are none.

    >>> nn.Linear(np.prod((2, 3)), np.int64(5)), cr.ones(2, 3).roll(np.int64(1), np.int64(1)).shape
    (Linear(in_features=6, out_features=5, bias=True), chainrule.Size([2, 3]))
    """
    given = (args, *options.values())
    numbers = [of_python(v) for v in given]
    if all([n is v for n, v in zip(numbers, given, strict=True)]):
        return None
    return numbers[0], dict(zip(options, numbers[1:], strict=True))


def _of_tensors(f: Callable, args: tuple, options: dict) -> tuple | None:
    """The arguments of a call with numbers for the tensors of one element that stand where sizes and axes belong, as in
    PyTorch; None if there are none.

    >>> cr.ones(2, 3).roll(cr.tensor(1), 0).shape
    chainrule.Size([2, 3])
    """
    try:
        given = inspect.signature(f).bind(*args, **options)
    except TypeError:
        return None
    said = inspect.get_annotations(f)
    found = False
    for name, value in given.arguments.items():
        kinds = said.get(name, "")
        if "Tensor" not in kinds and any([kind in kinds for kind in COUNTS]):
            number = _number_of(value)
            found = found or number is not value
            given.arguments[name] = number
    return (given.args, given.kwargs) if found else None


def _number_of(value: Any) -> Any:
    """Python's integer for an integer tensor of one element, in lists and tuples too; everything else as it is."""
    if type(value) in READERS and value.numel() == 1 and not value.is_floating_point():
        return value.item()
    if isinstance(value, list | tuple):
        inner = [_number_of(v) for v in value]
        if any([new is not old for new, old in zip(inner, value, strict=True)]):
            return type(value)(inner)
    return value


def _renamed(f: Callable, args: tuple, options: dict, error: Exception) -> tuple | None:
    """The arguments of a call that Python has refused because one has NumPy's name, by the names they have here; None
    if that is not why.

    >>> cr.ones(2, 3).sum(axis=1, keepdims=True).shape
    chainrule.Size([2, 1])
    """
    strangers = [name for name in options if name in NUMPYS]
    if not strangers or not isinstance(error, TypeError):
        return None
    known = _arguments(f)
    names = {n: NUMPYS[n] for n in strangers if n not in known and NUMPYS[n] in known}
    if not names or any([n in options for n in names.values()]):
        return None
    return args, {names.get(n, n): value for n, value in options.items()}


FACTORS = {
    **dict.fromkeys(("add", "sub", "subtract"), (2, ("alpha",))),
    **dict.fromkeys(("addcmul", "addcdiv"), (3, ("value",))),
    **dict.fromkeys(("addmm", "addmv", "addr", "baddbmm", "addbmm"), (3, ("beta", "alpha"))),
}
"""Functions that PyTorch's first versions gave numbers before the tensors they are factors of: how many operands each has, and
by which names the numbers go today."""


def _reordered(f: Callable, args: tuple, options: dict, error: Exception) -> tuple | None:
    """The arguments of a call in the order of PyTorch's first versions, `x.add_(-rate, gradient)`, in today's; with PyTorch's
    warning. None if it is no such call.

    >>> with warnings.catch_warnings(action="ignore"):
    ...     cr.add(cr.ones(2), 3, cr.ones(2))
    tensor([4., 4.])
    """
    count, names = FACTORS.get(f.__name__, (0, ()))
    if not 0 < len(args) - count <= len(names) or options or not isinstance(error, TypeError):
        return None
    numbers = [a for a in args[:-1] if isinstance(a, int | float)]
    operands = [a for a in args if not isinstance(a, int | float)]
    if len(operands) != count:
        return None
    warnings.warn(
        f"This overload of {f.__name__} is deprecated: give {' and '.join(names[: len(numbers)])} by name, "
        "behind the tensors",
        stacklevel=4,
    )
    return tuple(operands), dict(zip(names, numbers, strict=False))


@functools.cache
def _arguments(f: Callable) -> frozenset[str]:
    """The names of a function's arguments."""
    return frozenset(inspect.signature(f).parameters)


# ------------------------------------------------------------------------------------------- an argument of no use


def name_stranger(f: Callable, args: tuple, options: dict, error: Exception) -> None:
    """Raise the error that names the argument which a call has failed on, if Python raised what came of it,
    and it can be told: it is not of the type that the function is annotated with, or it was asked for
    what tensors have and is none.

    >>> cr.flatten([1, 2])
    Traceback (most recent call last):
        ...
    chainrule.base.errors.DTypeError: flatten(): argument 'input' (position 1) must be a tensor, found list
      hint: chainrule.tensor(…) makes one
    >>> cr.topk(cr.ones(3), "2")
    Traceback (most recent call last):
        ...
    chainrule.base.errors.DTypeError: topk(): argument 'k' (position 2) must be int, found str
    """
    if isinstance(error, ChainruleError):
        return
    try:
        given = inspect.signature(f).bind(*args, **options).arguments
    except TypeError:  # too many arguments, or too few, which Python has said
        _say_what_it_takes(f, args, options, error)
        return
    call = f.__name__
    if call == "__init__":
        call = type(given.pop("self")).__name__
    elif hasattr(type(given.get("self")), call):  # what a method is called on has no position
        owner = given.pop("self")
        call = call if type(owner) in READERS else f"{type(owner).__name__}.{call}"
    stranger = getattr(error, "obj", NOTHING) if _asked_of_a_tensor(error) else NOTHING
    for k, (name, value) in enumerate(given.items()):
        for place, v in _within(value):
            if v is stranger:
                raise DTypeError(_words(call, name + place, k, "a tensor", v)) from None
    if not _is_python_s(error):
        return
    expected = inspect.get_annotations(f)
    for k, (name, value) in enumerate(given.items()):
        wanted = expected.get(name, "Any")
        if not _is(value, wanted):
            raise DTypeError(_words(call, name, k, wanted, value)) from None
    for k, (name, value) in enumerate(given.items()):
        needed = inspect.signature(f).parameters[name].default is inspect.Parameter.empty
        if value is None and needed:
            raise DTypeError(_words(call, name, k, "given", value)) from None
    found = ", ".join([f"{name} {_kind(value)}" for name, value in given.items()])
    kind = ArgumentError if isinstance(error, ValueError | OverflowError) else DTypeError
    raise kind(f"{call}(): {error}\n  called with {found}") from error


def _say_what_it_takes(f: Callable, args: tuple, options: dict, error: Exception) -> None:
    """Add to Python's refusal of a call the argument that was likely meant, or all there are.

    >>> nn.Linear(2, 3, biass=False)
    Traceback (most recent call last):
        ...
    TypeError: Linear.__init__() got an unexpected keyword argument 'biass'
      hint: the nearest is 'bias'
    >>> nn.Conv2d(1, 2)
    Traceback (most recent call last):
        ...
    TypeError: Conv2d.__init__() missing 1 required positional argument: 'kernel_size'
      hint: it takes in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, ...
    """
    said = str(error)
    if not said.startswith(f"{f.__qualname__}()") or "Did you mean" in said:
        return  # of another call, or a newer Python has found it
    if f.__name__ == "__init__":  # which the class may have from one that nobody knows
        said = f"{type(args[0]).__qualname__}.__init__{said.removeprefix(f.__qualname__)}"
    names = [name for name in inspect.signature(f).parameters if name != "self"]
    strangers = [name for name in options if name not in names]
    from difflib import get_close_matches  # 0.7 ms, and seldom needed

    near = get_close_matches(strangers[0], names, n=1) if strangers else []
    hint = f"the nearest is {near[0]!r}" if near else f"it takes {', '.join(names) or 'nothing'}"
    error.args = (f"{said}\n  hint: {hint}",)


def _is_python_s(error: Exception) -> bool:
    """Whether Python or NumPy raised an error, in the middle of our code: none of a `raise` of ours, which has
    said what is wrong, and none of a function that was an argument.
    """
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    assert at is not None
    place = at.tb_frame.f_globals.get("__name__", "").partition(".")[0]
    raised = dis.opname[at.tb_frame.f_code.co_code[at.tb_lasti]] == "RAISE_VARARGS"
    return place == "numpy" or (place == __name__.partition(".")[0] and not raised)


def _asked_of_a_tensor(error: Exception) -> bool:
    """Whether something that is no tensor was asked for what tensors have."""
    if not isinstance(error, AttributeError) or error.name is None or hasattr(error.obj, "dtype"):
        return False
    return any([hasattr(t, error.name) for t in READERS])


def _is(value: Any, wanted: str) -> bool:
    """Whether a value is of a type that is written as in an annotation; of a type not known here it may be."""
    for kind in wanted.split(" | "):
        known, elements = KNOWN.get(kind, (object, object))
        if isinstance(value, known) or (kind == "Tensor" and hasattr(value, "dtype")):
            return not isinstance(value, list | tuple) or all(
                [isinstance(v, elements) for v in value]
            )
    return False


def _words(call: str, name: str, place: int, wanted: str, found: Any) -> str:
    wanted = " or ".join([WORDS.get(kind, kind) for kind in wanted.split(" | ")])
    numbers = wanted == "a tensor" and isinstance(found, bool | int | float | list | tuple)
    hint = "\n  hint: chainrule.tensor(…) makes one" if numbers else ""
    return f"{call}(): argument {name!r} (position {place + 1}) must be {wanted}, found {_kind(found)}{hint}"


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    shape = f" {tuple(value.shape)}" if type(value) in READERS else ""
    return f"{type(value).__name__}{shape}"


def _within(value: Any) -> Iterator[tuple[str, Any]]:
    """A value, and if it is a list its elements, each with its place in it."""
    yield "", value
    if isinstance(value, list | tuple):
        for k, v in enumerate(value):
            for place, w in _within(v):
                yield f"[{k}]{place}", w
