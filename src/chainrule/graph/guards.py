"""Guards: what has to be as it was for a program to fit a call, beyond the key of its arguments.

They are checked at every call, for each tensor that a function captured, so they are lists walked
in one loop; the modules are only looked at when the number of changes to modules anywhere differs.
"""

from __future__ import annotations

from typing import Any

from ..base.modes import structure
from ..tensors.core import Tensor
from ..tensors.storage import Storage
from .arguments import LEAF
from .trace import Trace

__all__ = ["Guards", "is_module", "owned_by"]

PRESENT = object()  # a `.grad` with memory of its own, whichever


class Guards:
    """The guards of one program. `arguments` are the places of the arguments' stand-ins by id;
    `captured` the storages it reads, `writes` whether it writes any memory that was there before.
    """

    def __init__(
        self,
        t: Trace,
        key: tuple,
        arguments: dict[int, int],
        captured: list[Storage],
        writes: bool,
    ):
        self.tensors = []
        # a view's history may come from its base, which is captured along with it
        for x, edge, leaf in t.touched.values():
            if id(x) not in arguments:
                hooks = list(x._hooks) if x._hooks else None
                self.tensors.append((x, x._storage, x._path, leaf, edge is None, hooks))
        self.grads: list[tuple[Any, Any]] = []
        for x, g in t.grad_reads.values():
            kind = g if g is None or g._path else PRESENT
            self.grads.append((arguments.get(id(x), x), kind))
        self.epoch = structure.epoch
        self.modules = [(m, module_structure(m)) for m in t.modules.values()]
        # an argument that shares memory with a captured tensor: tracing again says what is wrong
        self.captured = frozenset([id(s) for s in captured])
        self.watches_sharing = writes or any(d[2] == LEAF for d in key[1])

    def hold(self, leaves: list[Tensor]) -> bool:
        """Whether the guards hold for a call with these tensors."""
        for t, storage, path, leaf, plain, hooks in self.tensors:
            if (
                t._storage is not storage
                or t._leaf is not leaf
                or (t._edge is None) is not plain
                or (t._hooks or None) != hooks
                or t._path is not path
            ):
                return False
        for owner, kind in self.grads:
            g = owned_by(owner, leaves)._grad
            if g is not kind and (kind is not PRESENT or g is None or g._path):
                return False
        epoch = structure.epoch
        if self.epoch != epoch:
            if self.changed_module() is not None:
                return False
            self.epoch = epoch
        if self.watches_sharing:
            for x in leaves:
                if id(x._storage) in self.captured:
                    return False
        return True

    def changed_module(self) -> Any:
        """The first module that is not what it was, or None."""
        for m, before in self.modules:
            if module_structure(m) != before:
                return m
        return None

    def misfit(self, leaves: list[Tensor]) -> str | None:
        """The first guard that does not hold, in words."""
        for t, storage, path, leaf, plain, hooks in self.tensors:
            what = f"of a captured tensor of shape {tuple(t.shape)}"
            if t._storage is not storage or t._path is not path:
                return f"the memory {what}"
            if t._leaf is not leaf or (t._edge is None) is not plain:
                return f"the tie to the tape {what}"
            if (t._hooks or None) != hooks:
                return f"the hooks {what}"
        for owner, kind in self.grads:
            t = owned_by(owner, leaves)
            if t._grad is not kind and (kind is not PRESENT or t._grad is None or t._grad._path):
                return f"the .grad of a tensor of shape {tuple(t.shape)}"
        m = self.changed_module()
        return None if m is None else f"the mode, parts or hooks of a {type(m).__name__}"


def owned_by(owner: Any, leaves: list[Tensor]) -> Any:
    """The tensor that an owner is: a captured tensor, or the place of an argument."""
    return leaves[owner] if owner.__class__ is int else owner


def is_module(x: Any) -> bool:
    """Whether something is a module, which this room does not know."""
    return "_parameters" in getattr(x, "__dict__", ()) and "_modules" in x.__dict__


def module_structure(m: Any) -> tuple:
    """What of a module a program depends on: its mode, and which tensors, modules and hooks it
    holds.
    """
    hooks, of_all = m._hooks, structure.hooks
    return (
        m.training,
        *[tuple(map(id, part.values())) for part in (m._parameters, m._buffers, m._modules)],
        [id(v) for v in vars(m).values() if isinstance(v, Tensor)],
        None if not hooks else [list(kind) for kind in vars(hooks).values()],
        None if not of_all else [list(kind) for kind in vars(of_all).values()],
    )
