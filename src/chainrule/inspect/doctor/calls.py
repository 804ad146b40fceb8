"""What does a call of the model leave behind? It should be the same function the next time: its batch, its weights and its state
as they were.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...nn import Module, Parameter
from ...nn.lazy import UninitializedParameter
from ...ops.record import Op
from ...tape.modes import no_grad
from ...tensors import Tensor
from ..summary import tensors_in
from ..watch import Watch
from .finding import Finding
from .look import Applied, Look, listed

__all__ = ["Before", "check_calls", "check_evaluation", "digest", "kept_with_history"]


class Before:
    """The parameters of a model before it is called."""

    def __init__(self, model: Module):
        self.model = model
        self.parameters = {n: (p, digest(p)) for n, p in _made(model)}

    def changed(self) -> tuple[list[str], list[str]]:
        """The names of those that are other tensors now, and of those that hold other numbers."""
        other, moved = [], []
        for n, p in _made(self.model):
            before, value = self.parameters.get(n, (p, None))
            if p is not before:
                other.append(n)
            elif value is not None and digest(p) != value:
                moved.append(n)
        return other, moved


def digest(p: Tensor) -> bytes:
    """A few bytes that stand for the numbers of a tensor."""
    return hashlib.blake2b(np.ascontiguousarray(p.read()).view(np.uint8).data).digest()


def _made(model: Module) -> Iterator[tuple[str, Parameter]]:
    """The parameters that have numbers: those of lazy modules have none before the first call."""
    for n, p in model.named_parameters():
        if not isinstance(p, UninitializedParameter):
            yield n, p


def check_calls(look: Look, before: Before) -> Iterator[Finding]:
    """Inputs that are overwritten, weights that are drawn or made anew, states that keep their history."""
    if look.overwritten:
        wrote = [a for a in look.applied if a.op == "assign" and _is_of(a.result, look.overwritten)]
        which = [k for k, x in enumerate(look.batch) if _is_of(x, look.overwritten)]
        yield Finding(
            "input overwritten", "the batch is overwritten by the call: the next look at it sees other numbers",
            f"part {listed([str(k) for k in which])} of the batch is not what it was before",
            "x = x - m in place of x -= m, and no op with _ at its end; or clone() first", wrote[0].place if wrote else "",
        )  # fmt: skip
    other, moved = before.changed()
    if other:
        yield Finding(
            "parameter made anew", "a call of the model makes parameters anew: no optimizer holds them, and what was learned is gone",
            f"{len(other)}: {listed(other)}", "nn.Parameter(...) in __init__, not in forward",
        )  # fmt: skip
    if moved:
        wrote = [a for a in look.applied if a.op == "assign"]
        yield Finding(
            "weights overwritten", "a call of the model changes weights, before any step does",
            f"{len(moved)} of {len(before.parameters)} hold other numbers after one forward pass: {listed(moved)}",
            "initialise in __init__, not in forward; what is no parameter but counts along is a buffer",
            wrote[0].place if wrote else "",
        )  # fmt: skip
    kept = kept_with_history(look.model)
    if kept:
        seen = _Second(look.model, {id(x): n for n, x in kept.items()})
        with seen:
            look.model(*look.batch[:-1])
        if seen.used is not None:
            name, place = seen.used
            yield Finding(
                "state carried", "a state is carried from one call to the next with its history: the second backward() goes through "
                "the first call, whose graph is freed", f"{name} is made in one call and used in the next",
                f"{name}.detach() where it is used, or begin with none", place,
            )  # fmt: skip


def _is_of(x: Any, tensors: list[Tensor]) -> bool:
    return isinstance(x, Tensor) and any(x is t or x._storage is t._storage for t in tensors)


def kept_with_history(model: Module) -> dict[str, Tensor]:
    """Tensors with a history that modules hold as attributes, or in tuples and lists."""
    found = {}
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if name.startswith("_") and name in ("_parameters", "_buffers", "_modules"):
                continue
            for x in tensors_in(value) if isinstance(value, (Tensor, tuple, list, dict)) else ():
                if x.requires_grad and not x.is_leaf:
                    found[f"{path}.{name}" if path else name] = x
    return found


class _Second(Watch):
    """A second call, which may use what the first has kept."""

    def __init__(self, model: Module, kept: dict[int, str]):
        super().__init__(model)
        self.kept = kept
        self.used: tuple[str, str] | None = None

    def op(self, op: Op, args: tuple, attrs: dict, result: Any) -> None:
        for x in tensors_in(args):
            if self.used is None and id(x) in self.kept:
                self.used = self.kept[id(x)], Applied.now(self, op.name).place


def check_evaluation(look: Look) -> Iterator[Finding]:
    """Does dropout still drop in evaluation mode?"""
    if not any("dropout" in a.op for a in look.applied):
        return
    modes = [(m, m.training) for m in look.model.modules()]
    look.model.eval()
    try:
        with _Dropping(look.model) as seen, no_grad():
            look.model(*look.batch[:-1])
    finally:
        for m, training in modes:
            m.training = training
    if seen.at:
        yield Finding(
            "dropout in evaluation", "dropout drops in evaluation mode too: answers are drawn by lot",
            f"model.eval() was called, and {seen.at[0].op} still sets numbers to 0",
            "F.dropout(x, p, self.training): its default is to drop; or the module nn.Dropout, which follows the mode",
            seen.at[0].place,
        )  # fmt: skip


class _Dropping(Watch):
    """A call in which dropout is looked for."""

    def __init__(self, model: Module):
        super().__init__(model)
        self.at: list[Applied] = []

    def op(self, op: Op, args: tuple, attrs: dict, result: Any) -> None:
        if "dropout" in op.name:
            self.at.append(Applied.now(self, op.name))
