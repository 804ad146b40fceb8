"""Arguments and results of a traced function: what of them a program depends on.

Tensors may stand in nested tuples, lists and dicts; anything else is a constant of the program and
has to be hashable, because it is part of the *key* under which the program is found again.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..base import dtypes
from ..base.errors import TraceError
from ..base.modes import modes
from ..tensors.attributes import everything_of
from ..tensors.core import Tensor
from ..tensors.storage import Storage
from .tracer import refuse

__all__ = [
    "LEAF", "TRACKED", "Slot", "constants_in", "flatten", "need_hashable", "situation", "stand_in",
    "tied", "unflatten",
]  # fmt: skip

PLAIN, LEAF, TRACKED = 0, 1, 2
"""How a tensor is tied to the tape: not at all, as a leaf, or by a history."""


class Slot:
    """Stands for the elements of argument k of a call among a program's inputs."""

    def __init__(self, k: int):
        self.k = k


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
        kind = "dict" if type(x) is dict else type(x)  # others are made of a dict
        return (kind, tuple([(k, flatten(v, leaves)) for k, v in x.items()]))
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
    if _is_dict(kind):
        found = {k: unflatten(v, leaves) for k, v in content}
        return found if kind == "dict" else kind(found)
    values = [unflatten(v, leaves) for v in content]
    return values if kind == "list" else tuple(values) if kind == "tuple" else kind(*values)


def constants_in(structure: Any) -> Iterator[Any]:
    """The values in a structure that are not tensors."""
    if structure == "tensor":
        return
    kind, content = structure[0], structure[-1]
    if kind == "value":
        yield content
    else:
        for v in content:
            yield from constants_in(v[1] if _is_dict(kind) else v)


def _is_dict(kind: Any) -> bool:
    return kind == "dict" or (isinstance(kind, type) and issubclass(kind, dict))


def situation(args: tuple, kwargs: dict, leaves: list) -> tuple:
    """The key of a call; its tensors go to `leaves`."""
    if not kwargs and all([a.__class__ is Tensor for a in args]):
        leaves.extend(args)  # the usual case: there is nothing to look into
        structure = _of_tensors(len(args))
    else:
        structure = flatten((args, kwargs), leaves)
    first: dict[int, int] = {}  # which arguments share memory: each storage's first argument
    described = []
    for k, t in enumerate(leaves):
        v = t._value
        if v.__class__ is not np.ndarray:
            t.read()  # raises: it was made in a trace that has ended
        described.append((
            v.shape, v.dtype, tied(t), None if v.flags.c_contiguous else v.strides,
            first.setdefault(id(t._storage), k), tuple(t._hooks) if t._hooks else None,
        ))  # fmt: skip
    return structure, tuple(described), modes.grad, dtypes.default(), modes.autocast


@functools.cache
def _of_tensors(count: int) -> tuple:
    return ("tuple", (("tuple", ("tensor",) * count), ("dict", ())))


def tied(t: Tensor) -> int:
    """PLAIN, LEAF or TRACKED."""
    if t._leaf:
        return LEAF
    edge = t._edge if t._base is None else t.edge
    return PLAIN if edge is None else LEAF if edge[1] < 0 else TRACKED


def need_hashable(key: tuple) -> None:
    """Refuse arguments of which no key can be made."""
    try:
        hash(key)
    except TypeError:
        raise TraceError(
            "arguments of a traced function are tensors, hashable values, and tuples, lists and "
            "dicts of them"
        ) from None


def stand_in(t: Tensor, edge: Any) -> Tensor:
    """A tensor that a traced function sees in the place of an argument: the same elements, on a
    storage of their own; its history, if any, begins at `edge`.
    """
    out = object.__new__(t.__class__)
    everything_of(out).update(everything_of(t))
    out._storage, out._path, out._base, out._edge, out._stamp = Storage(t._value), (), None, edge, 0
    out._retains = None
    return out
