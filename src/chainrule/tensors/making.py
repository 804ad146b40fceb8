"""Making tensors: of whatever a person has (numbers, lists, arrays), and around the values that ops compute."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import ops
from ..base import dtypes
from ..base.errors import DTypeError, ShapeError
from ..ops.outline import Outline
from ..tape.modes import modes
from ..tape.nodes import Edge
from .beneath import Beneath
from .storage import Storage

if TYPE_CHECKING:
    from .core import Tensor

__all__ = ["array_from", "begin", "made", "made_of", "of_numbers", "wrap"]

ndarray = np.ndarray
_new = object.__new__


def begin(t: Tensor, value: Any, requires_grad: bool) -> Tensor:
    """Give a new tensor its own memory."""
    t._value, t._storage = value, Storage(value)
    if modes.trace is not None:
        modes.trace.own(t)
    return t.requires_grad_() if requires_grad else t


def made_of(data: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of its own of a number, nested lists, an array or a tensor: floats from Python become
    the default dtype, integers int64, arrays and tensors keep theirs.
    """
    value = array_from(data, dtype)
    return begin(
        _new(Beneath._plain), value if modes.meta is None else Outline.of(value), requires_grad
    )


def of_numbers(values: ndarray, dtype: Any) -> Tensor:
    """A tensor of numbers that follow from Python's alone. In a traced function it is a constant of the
    program, where an array from elsewhere is refused.
    """
    v = dtypes.convert(values, dtypes.of(dtype))
    if modes.meta is not None:
        return begin(_new(Beneath._plain), Outline.of(v), False)
    made = v if modes.trace is None else modes.trace.constant(v)
    return begin(_new(Beneath._plain), made, False)


def array_from(data: Any, dtype: Any = None) -> ndarray:
    """A raw array of its own from whatever a tensor can be made of."""
    wanted = None if dtype is None else dtypes.of(dtype)
    if isinstance(data, Beneath):
        v = data.read()
        if v.__class__ is not ndarray:
            return ops.cast(v, dtype=wanted or data.dtype)
        return dtypes.convert(v, wanted).copy() if wanted else v.copy()
    if isinstance(data, ndarray | np.generic):
        if modes.trace is not None:
            modes.trace.refuse(
                "a NumPy array was turned into a tensor inside a traced function: its values "
                "would be frozen into the program",
                "make the tensor outside and pass it in, or use a list for a constant",
            )
        found = dtypes.of(data.dtype)
        v = np.array(data, dtype=found.numpy, order="C")
        return dtypes.convert(v, wanted) if wanted else v
    kinds = _kinds(data)
    if any([issubclass(kind, Beneath) for kind in kinds]):
        return ops.stack(*[_part(d, wanted) for d in data], dim=0)
    try:
        v = np.array(data)
    except ValueError as e:
        raise ShapeError(
            f"a tensor needs nested lists of equal lengths: {_uneven(data) or e}"
        ) from None
    if v.dtype.kind not in "biuf":
        if v.dtype.kind == "c":
            raise DTypeError("complex numbers are not supported")
        raise DTypeError(
            f"a tensor is made of numbers, found {type(data).__name__} holding {v.dtype}"
        )
    if wanted is None:
        wanted = (
            dtypes.default()
            if v.dtype.kind == "f" or not v.size
            else dtypes.bool_
            if v.dtype.kind == "b"
            else dtypes.int64
        )
        if v.size and any([issubclass(kind, ndarray | np.generic) for kind in kinds]):
            wanted = functools.reduce(dtypes.join, _dtypes(data))
    if v.size and wanted.category == dtypes.INTEGER:
        for extreme in (v.min(), v.max()):  # the least is NaN if there is one
            dtypes.need_held(extreme.item(), wanted)
    value = dtypes.convert(np.ascontiguousarray(v).reshape(v.shape), wanted)
    return value if modes.trace is None else modes.trace.constant(value)


def _uneven(data: Any, at: str = "") -> str:
    """Which of nested lists is not like the first beside it, "" if none is.

    >>> _uneven([[1, 2], [3]]), _uneven([[[1], [2]], [[3], 4]])
    ('[0] has 2 elements, [1] has 1', '[1][0] has 1 element, [1][1] is no list')
    """
    if not isinstance(data, (list, tuple)):
        return ""
    told = [
        f"has {len(x)} element{'s' * (len(x) != 1)}"
        if isinstance(x, (list, tuple))
        else "is no list"
        for x in data
    ]
    for k, one in enumerate(told):
        if one != told[0]:
            if "has" in told[0] and "has" in one:
                one = one.split(" element")[0]
            return f"{at}[0] {told[0]}, {at}[{k}] {one}"
    return next((words for k, x in enumerate(data) if (words := _uneven(x, f"{at}[{k}]"))), "")


def _kinds(data: Any) -> set[type]:
    """The types of what stands in nested lists."""
    if not isinstance(data, (list, tuple)):
        return {type(data)}
    kinds = set(map(type, data))
    if any([issubclass(kind, (list, tuple)) for kind in kinds]):
        kinds.update(*[_kinds(d) for d in data if isinstance(d, (list, tuple))])
    return kinds


def _dtypes(data: Any) -> set[dtypes.DType]:
    """The dtypes of what stands in nested lists: of NumPy's numbers and arrays their own, of Python's what tensors of them have.

    >>> _dtypes([np.int32(2), [3.5]]) == {dtypes.int32, dtypes.float32}
    True
    """
    if isinstance(data, (list, tuple)):
        return set().union(*map(_dtypes, data))
    if isinstance(data, ndarray | np.generic):
        return {dtypes.of(data.dtype)}
    number = {bool: dtypes.bool_, int: dtypes.int64}
    return {number.get(type(data)) or dtypes.default()}


def _part(data: Any, wanted: dtypes.DType | None) -> Any:
    """What stands in a list beside tensors: a tensor of one element is a number there, however many axes it has."""
    value = array_from(data, wanted)
    return ops.view(value, shape=()) if isinstance(data, Beneath) and value.size == 1 else value


def wrap(value: Any, edge: Edge | None, alias: bool = False) -> Any:
    """A tensor around a raw value whose gradient goes to `edge`. Numbers and None stay what they
    are.

    A leaf edge gives the leaf itself; with `alias` a new leaf of its own, at which gradients can be
    asked for.
    """
    if value is None or value.__class__ in (
        bool,
        int,
        float,
    ):  # not NumPy's float64, which is a float as well
        return value
    if isinstance(value, Beneath):
        return value
    if alias:
        out = made(value, modes.trace)
        if edge is not None:
            identity = wrap(value, edge)
            out = identity if edge[1] >= 0 else ops.view(identity, shape=identity.shape)
        return out
    if edge is not None and edge[1] < 0:
        return edge[0]
    out = made(value, modes.trace)
    if edge is not None:
        out._edge = edge
    return out


def made(value: Any, trace: Any) -> Tensor:
    """A new tensor on a storage of its own, and part of the active trace if there is one."""
    out = _new(Beneath._plain)
    if value.__class__ is ndarray:
        if not value.flags.c_contiguous:
            value = value.copy(order="C")  # everything but a view lies row-major
    elif isinstance(value, np.generic):
        value = np.asarray(value)
    if trace is not None:
        value = trace.adopt(out, value)
    out._value = value
    out._storage = storage = _new(
        Storage
    )  # without a call of `__init__`, for every result comes here
    storage.value = value
    return out
