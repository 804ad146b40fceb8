"""One forward pass and one loss, with what the checks want to know of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...base.errors import DTypeError
from ...base.lines import describe, here
from ...nn import Module, RNNBase
from ...ops.record import Op
from ...tape.modes import enable_grad
from ...tensors import Tensor, float32, grad, tensor
from ..summary import tensors_in
from ..watch import Watch

__all__ = ["Applied", "Look", "array", "listed", "put"]

SAME_NUMBERS = ("view", "permute", "slice_", "select", "expand", "cast", "clone", "assign")


@dataclass(eq=False)
class Applied:
    """One op that ran: its operands and result are kept, for one forward pass.

    Attributes:
        where: the line, "" if it is that of the call of the doctor: nothing between it and the op was written by the user.
        path: the path of the module that ran, "" if none did: then the loss did it.
    """

    op: str
    args: tuple
    attrs: dict
    result: Any
    where: str
    path: str
    inside: bool

    @classmethod
    def now(cls, watch: Watch, op: str) -> Applied:
        """The op that runs at this line, without what it was given."""
        return cls(op, (), {}, None, describe(here()), watch.path(), bool(watch.running))

    @property
    def place(self) -> str:
        """The line, and the module if there is one."""
        if not self.where:
            return f"module {self.path}"
        return f"{self.where} (module {self.path})" if self.path else self.where


class Look(Watch):
    """What happened between the batch and the loss.

    Attributes:
        batch: a copy of the batch.
        applied: the ops in order.
        made: for the id of each tensor the op that made it; meant: the composite whose last op that was, if it was written out.
        output: what the model returned.
        loss: the loss.
        parameters: the model's that require a gradient (and the loss's, if it is a module).
        overwritten: the tensors of the batch that the model or the loss wrote to.
        recurrent: recurrent layers and the states they gave.
        gradients: for each parameter that requires one its gradient as an array, None if there is no
            path from it to the loss.
    """

    def __init__(self, model: Module, loss_fn: Callable, batch: tuple):
        super().__init__(model)
        self.model, self.loss_fn = model, loss_fn
        old = list({id(x): x for x in tensors_in(batch)}.values())
        new = [x.detach().clone().requires_grad_(x.requires_grad) for x in old]
        self.batch: tuple = put(batch, old, new)  # which the model may overwrite
        self.modules = {name: module for module, name in self.names.items()}
        self.applied: list[Applied] = []
        self.made: dict[int, Applied] = {}
        self.meant: dict[int, Applied] = {}
        self.gradients: dict[str, np.ndarray | None] = {}
        self.recurrent: list[tuple[RNNBase, Tensor]] = []
        self.asked_at = here()
        with enable_grad(), self:
            self.output = model(*self.batch[:-1])
            loss = loss_fn(self.output, self.batch[-1])
        self.loss = _one(loss)
        if self.loss is not loss:
            self.loss_fn = lambda output, target: _one(loss_fn(output, target))
        self.overwritten = [
            x
            for x, y in zip(tensors_in(self.batch), tensors_in(batch), strict=True)
            if not np.array_equal(array(x), array(y), equal_nan=True)
        ]
        self.parameters = {n: p for n, p in model.named_parameters() if p.requires_grad}
        if isinstance(loss_fn, Module):
            own = loss_fn.named_parameters()
            self.parameters |= {f"loss.{n}": p for n, p in own if p.requires_grad}
        self.has_path = self.loss.requires_grad
        if self.has_path:
            found = self.slopes(list(self.parameters.values()))
            self.gradients = dict(zip(self.parameters, found, strict=True))

    def slopes(self, of: list[Tensor]) -> list[np.ndarray | None]:
        """The derivative of the loss by tensors that were on the way to it, None where there is no way."""
        found = grad(self.loss.sum(), of, retain_graph=True, allow_unused=True) if of else ()
        return [None if g is None else array(g) for g in found]

    def called(self, module: Module, args: tuple, kwargs: dict, result: Any) -> None:
        if (
            isinstance(module, RNNBase)
            and isinstance(result, tuple)
            and isinstance(result[0], Tensor)
        ):
            self.recurrent.append((module, result[0]))

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
        for x in tensors_in(result):
            (self.made if makes else self.meant)[id(x)] = a

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


def _one(loss: Any) -> Tensor:
    """A loss that is only a number is one without history."""
    if isinstance(loss, Tensor):
        return loss
    if isinstance(loss, (int, float, np.ndarray, np.generic)):
        return tensor(loss, dtype=float32)
    raise DTypeError(f"doctor: loss_fn gives the loss, a tensor; found a {type(loss).__name__}")


def array(x: Tensor) -> np.ndarray:
    """A tensor in float64, or as it is if it holds integers."""
    x = x.detach()
    return x.double().numpy() if x.is_floating_point() else x.numpy()


def listed(names: list[str]) -> str:
    """The first names of a list, and how many more there are."""
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def put(value: Any, old: list[Tensor], new: list[Tensor]) -> Any:
    """Nested answers with some tensors in place of others."""
    for x, y in zip(old, new, strict=True):
        if value is x:
            return y
    if isinstance(value, dict):
        return type(value)((k, put(v, old, new)) for k, v in value.items())
    if isinstance(value, (tuple, list)):
        items = [put(v, old, new) for v in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value
