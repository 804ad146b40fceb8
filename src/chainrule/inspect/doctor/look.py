"""One forward pass and one loss, with what the checks want to know of it."""

from __future__ import annotations

from collections.abc import Callable
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

__all__ = ["Applied", "Look", "array"]


@dataclass
class Applied:
    """One op that ran: its operands and result are kept, for one forward pass."""

    op: str
    args: tuple
    attrs: dict
    result: Any
    where: str
    path: str


class Look(Watch):
    """What happened between the batch and the loss.

    Attributes:
        applied: the ops in order.
        output: what the model returned.
        loss: the loss.
        gradients: for each parameter that requires one its gradient as an array, None if there is no
            path from it to the loss.
    """

    def __init__(self, model: Module, loss_fn: Callable, batch: tuple):
        super().__init__(model)
        self.model, self.loss_fn, self.batch = model, loss_fn, batch
        self.applied: list[Applied] = []
        self.made: dict[int, Applied] = {}
        self.gradients: dict[str, np.ndarray | None] = {}
        with enable_grad(), self:
            self.output = model(*batch[:-1])
            self.loss = loss_fn(self.output, batch[-1])
        self.has_path = self.loss.requires_grad
        if self.has_path:
            wanted = {n: p for n, p in model.named_parameters() if p.requires_grad}
            found = grad(self.loss, list(wanted.values()), allow_unused=True)
            gradients = zip(wanted, found, strict=True)
            self.gradients = {n: None if g is None else array(g) for n, g in gradients}

    def op(self, op: Op, args: tuple, attrs: dict, result: Any) -> None:
        a = Applied(op.name, args, attrs, result, describe(here()), self.path())
        self.applied.append(a)
        for x in tensors_in(result):
            self.made[id(x)] = a

    def defined(self, op: Op, args: tuple, attrs: dict, result: Any) -> None:
        self.applied.append(Applied(op.name, args, attrs, result, describe(here()), self.path()))

    def named(self, *names: str) -> list[Applied]:
        """The ops of some names."""
        return [a for a in self.applied if a.op in names]

    def maker(self, x: Any) -> Applied | None:
        """The op that made a tensor, views and casts looked through."""
        a = self.made.get(id(x))
        while a is not None and a.op in (
            "view",
            "permute",
            "slice_",
            "select",
            "expand",
            "cast",
            "clone",
        ):
            a = self.made.get(id(a.args[0]))
        return a


def array(x: Tensor) -> np.ndarray:
    """A tensor in float64, or as it is if it holds integers."""
    x = x.detach()
    return x.double().numpy() if x.is_floating_point() else x.numpy()
