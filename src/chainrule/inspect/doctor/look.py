"""One forward pass and one loss, with what the checks want to know of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...base.lines import describe, here
from ...nn import Module
from ...ops.record import Op
from ...tape.modes import enable_grad
from ...tensors import Tensor, grad
from ..summary import tensors_in
from ..watch import Watch

__all__ = ["Applied", "Look", "array", "listed"]

SAME_NUMBERS = ("view", "permute", "slice_", "select", "expand", "cast", "clone", "assign")


@dataclass(eq=False)
class Applied:
    """One op that ran: its operands and result are kept, for one forward pass.

    Attributes:
        where: the line, "" if it is that of the call of the doctor: nothing between it and the op was written by the user.
        path: of the module that ran, "" if none did: then the loss did it.
    """

    op: str
    args: tuple
    attrs: dict
    result: Any
    where: str
    path: str
    inside: bool

    @property
    def place(self) -> str:
        """The line, and the module if there is one."""
        if not self.where:
            return f"module {self.path}"
        return f"{self.where} (module {self.path})" if self.path else self.where


class Look(Watch):
    """What happened between the batch and the loss.

    Attributes:
        applied: the ops in order.
        output: what the model returned.
        loss: the loss.
        parameters: the model's that require a gradient (and the loss's, if it is a module).
        gradients: for each parameter that requires one its gradient as an array, None if there is no
            path from it to the loss.
    """

    def __init__(self, model: Module, loss_fn: Callable, batch: tuple):
        super().__init__(model)
        self.model, self.loss_fn, self.batch = model, loss_fn, batch
        self.modules = {name: module for module, name in self.names.items()}
        self.applied: list[Applied] = []
        self.made: dict[int, Applied] = {}
        self.gradients: dict[str, np.ndarray | None] = {}
        self.asked_at = here()
        with enable_grad(), self:
            self.output = model(*batch[:-1])
            self.loss = loss_fn(self.output, batch[-1])
        self.parameters = {n: p for n, p in model.named_parameters() if p.requires_grad}
        if isinstance(loss_fn, Module):
            own = loss_fn.named_parameters()
            self.parameters |= {f"loss.{n}": p for n, p in own if p.requires_grad}
        self.has_path = self.loss.requires_grad
        if self.has_path:
            found = grad(self.loss.sum(), list(self.parameters.values()), allow_unused=True)
            gradients = zip(self.parameters, found, strict=True)
            self.gradients = {n: None if g is None else array(g) for n, g in gradients}

    def op(self, op: Op, args: tuple, attrs: dict, result: Any) -> None:
        self._note(op.name, args, attrs, result)

    def defined(self, op: Op, args: tuple, attrs: dict, result: Any) -> None:
        self._note(op.name, args, attrs, result, makes=False)

    def assigned(self, x: Tensor, new: Tensor) -> None:
        self._note("assign", (new,), {}, x)

    def _note(self, op: str, args: tuple, attrs: dict, result: Any, makes: bool = True) -> None:
        inside = bool(self.running)
        place, path = here(), self.path()
        where = "" if path and place == self.asked_at else describe(place)
        a = Applied(op, args, attrs, result, where, path, inside)
        self.applied.append(a)
        for x in tensors_in(result) if makes else ():
            self.made[id(x)] = a

    def named(self, *names: str) -> list[Applied]:
        """The ops of some names."""
        return [a for a in self.applied if a.op in names]

    def maker(self, x: Any) -> Applied | None:
        """The op that made a tensor, views and casts looked through."""
        a = self.made.get(id(x))
        while a is not None and a.op in SAME_NUMBERS:
            a = self.made.get(id(a.args[0]))
        return a

    def depending(self, sources: Iterable[Any]) -> list[Applied]:
        """The ops whose results depend on some tensors, in order."""
        known = {id(x) for x in sources}
        found = []
        for a in self.applied:
            if any(id(x) in known for x in tensors_in(a.args)):
                found.append(a)
                known |= {id(x) for x in tensors_in(a.result)}
        return found


def array(x: Tensor) -> np.ndarray:
    """A tensor in float64, or as it is if it holds integers."""
    x = x.detach()
    return x.double().numpy() if x.is_floating_point() else x.numpy()


def listed(names: list[str]) -> str:
    """The first names of a list, and how many more there are."""
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
