"""The first NaN: which op made it, where, of what."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from ..base.dtypes import BF16_BITS
from ..base.errors import ChainruleError
from ..base.lines import Place, describe, here
from ..nn import Module
from ..ops import cast
from ..ops.record import Op
from ..tape.nodes import Node, Part
from ..tensors import Tensor, float32
from .capture import statistics
from .watch import Watch

__all__ = ["NonFiniteError", "first_nonfinite"]

CHAIN = 5
"""How many of the ops before are named."""


class NonFiniteError(ChainruleError, FloatingPointError):
    """An op made a NaN or an infinity of finite numbers.

    >>> import chainrule as cr
    >>> with first_nonfinite():
    ...     cr.log(cr.tensor([1.0, 0.0]) * 2)
    Traceback (most recent call last):
        ...
    chainrule.inspect.nonfinite.NonFiniteError: log(x) made 1 infinity among 2 elements ...
    """


@dataclass
class _Made:
    """What is remembered of a result: how it came about, and its range."""

    op: str
    place: Place | None
    path: str
    low: float
    high: float
    parents: tuple[_Made, ...]
    depth: int


class first_nonfinite(Watch):
    """A block in which the first op, forward or backward, that makes a NaN or an infinity of finite
    numbers raises an error that names it.

    Infinities that are given (the −∞ of a mask) are no fault, and neither is what they turn into; a NaN
    in the data, and a parameter that is not finite, are. Everything runs eagerly and every result is
    looked at: use it to find a fault, not to train.

    Args:
        model: whose modules are called by their names.

    Raises:
        NonFiniteError: at the op, with its line, the module, its inputs, the first bad element and
            the ops before it.

    Example:
        >>> import chainrule as cr
        >>> w = cr.zeros(3, requires_grad=True)
        >>> try:
        ...     with first_nonfinite():
        ...         cr.sqrt(w).sum().backward()     # the slope of a root at 0
        ... except NonFiniteError as e:
        ...     print(str(e).splitlines()[0])
        the backward pass of sqrt(x) made 3 infinities among 3 elements of the gradient by x of finite numbers
    """

    def __init__(self, model: Module | None = None):
        super().__init__(model)
        # tensors by id: a comparison of tensors is a tensor
        self._made: dict[int, tuple[weakref.ref, _Made]] = {}
        self._paths: WeakKeyDictionary[Node, str] = WeakKeyDictionary()
        self._reached: weakref.WeakSet[Node] = weakref.WeakSet()

    # ---- forward ------------------------------------------------------------------------------------------------

    def op(self, op: Op, args: tuple, attrs: dict, result: Any) -> None:
        outs = result if isinstance(result, (tuple, list)) else (result,)
        bad = [_bad(x.read()) for x in outs]
        names = [*op.operands, *[f"{op.variadic}[{k}]" for k in range(len(args) - op.arity)]]
        operands = [(n, a) for n, a in zip(names, args, strict=False) if a is not None]
        for name, a in operands:
            if isinstance(a, Tensor) and a.is_leaf:
                self._check_leaf(op, name, a)
        if any([b is not None for b in bad]) and all([_is_finite(a) for _, a in operands]):
            if all([_is_finite(v) for v in attrs.values()]):
                k = next(k for k, b in enumerate(bad) if b is not None)
                raise NonFiniteError(self._forward_text(op, operands, bad[k]))
        parents = tuple([m for _, a in operands if (m := self._known(a)) is not None])
        for x in outs:
            self._remember(x, op, parents)

    def _check_leaf(self, op: Op, name: str, a: Tensor) -> None:
        bad = _bad(a.read())
        if bad is None or not (a.requires_grad or np.isnan(_floats(a.read())).any()):
            return
        if a.requires_grad:
            what = "a parameter is not finite"
            why = "the optimizer's step (or whoever wrote it) made it so before this op ran"
        else:
            what, why = "there is a NaN in the data", "look at what was loaded"
        raise NonFiniteError(
            f"{what}: {_count(bad)} in {name} of {op.name}\n"
            f"  at      {describe(here())}\n"
            f"{self._where()}"
            f"{_operand(name, a)}\n  hint: {why}"
        )

    def _forward_text(self, op: Op, operands: list, bad: np.ndarray) -> str:
        call = f"{op.name}({', '.join(n for n, _ in operands)})"
        lines = [f"{call} made {_count(bad)} of finite numbers", f"  at      {describe(here())}"]
        lines += self._where().splitlines()
        lines += [_operand(n, a) for n, a in operands]
        place = tuple([int(k) for k in np.argwhere(bad)[0]])
        of = [f"{n} = {_floats(a.read())[place]:.6g}" for n, a in operands if _shaped(a, bad.shape)]
        lines.append(f"  first   at {list(place)}" + (f", of {', '.join(of)}" if of else ""))
        parents = [m for _, a in operands if (m := self._known(a)) is not None]
        if parents:
            lines.append("  before")
        # the newest of each op's operands leads back
        while parents and len(lines) < 30:
            m = max(parents, key=lambda m: m.depth)
            module = f" in {m.path}" if m.path else ""
            lines.append(f"    {m.op}{module}, {m.low:.4g} to {m.high:.4g}   {describe(m.place)}")
            parents = list(m.parents)
            if len([x for x in lines if x.startswith("    ")]) >= CHAIN:
                break
        return "\n".join(lines)

    def _where(self) -> str:
        path = self.path()
        return f"  module  {path}\n" if path else ""

    def _known(self, a: Any) -> _Made | None:
        found = self._made.get(id(a)) if isinstance(a, Tensor) else None
        return found[1] if found is not None and found[0]() is a else None

    def _remember(self, x: Tensor, op: Op, parents: tuple[_Made, ...]) -> None:
        if x.edge is not None and x.edge[1] >= 0:
            self._paths[x.edge[0]] = self.path()
        value = x.read()
        if not x.is_floating_point() or not value.size:
            return
        floats = _floats(value)
        depth = 1 + max([m.depth for m in parents], default=0)
        if depth % 50 == 0:
            parents = ()  # a long chain would keep everything
        m = _Made(
            op.name, here(), self.path(), float(floats.min()), float(floats.max()), parents, depth
        )
        key = id(x)
        self._made[key] = weakref.ref(x, lambda _: self._made.pop(key, None)), m

    # ---- backward -----------------------------------------------------------------------------------------------

    def pulled(self, node: Node, arrived: list, result: Any) -> None:
        bad_before = [b for g in arrived if g is not None and (b := _bad(_raw(g))) is not None]
        if bad_before:
            if node in self._reached:  # each that was pulled here was finite
                raise NonFiniteError(
                    f"the sum of the gradients that arrive at {node.name} has {_count(bad_before[0])}\n"
                    f"  made at {describe(node.place)}\n{self._node_module(node)}"
                    "  hint: each of them is finite; the loss may be scaled too much"
                )
            return
        names = self._edge_names(node)
        for k, (edge, g) in enumerate(zip(node.edges, result, strict=False)):
            if edge is None or g is None:
                continue
            if edge[1] >= 0:
                self._reached.add(edge[0])
            bad = _bad(_raw(g))
            if bad is not None:
                raise NonFiniteError(self._backward_text(node, arrived, names, k, bad))

    def _edge_names(self, node: Node) -> list[str]:
        op = getattr(node, "op", None)
        known = list(op.operands) if op is not None else []
        return known + [f"operand {k}" for k in range(len(known), len(node.edges))]

    def _node_module(self, node: Node) -> str:
        path = self._paths.get(node, "")
        return f"  module  {path}\n" if path else ""

    def _backward_text(
        self, node: Node, arrived: list, names: list[str], k: int, bad: np.ndarray
    ) -> str:
        call = f"{node.name}({', '.join(names)})"
        lines = [
            f"the backward pass of {call} made {_count(bad)} of the gradient by {names[k]} of finite "
            "numbers",
            f"  made at {describe(node.place)}",
            *self._node_module(node).splitlines(),
        ]
        lines += [_operand(f"gradient {j}", g) for j, g in enumerate(arrived) if g is not None]
        lines.append(f"  first   at {[int(i) for i in np.argwhere(bad)[0]]}")
        return "\n".join(lines)


def _raw(g: Any) -> np.ndarray:
    """What lies under a gradient."""
    if isinstance(g, Part):
        return g.gradient
    return g.read() if isinstance(g, Tensor) else g


def _floats(value: np.ndarray) -> np.ndarray:
    """A raw array as NumPy can look at it."""
    return cast(value, dtype=float32) if value.dtype == BF16_BITS else value


def _bad(value: Any) -> np.ndarray | None:
    """Where a raw array is NaN or infinite, with 2 for infinite; None if nowhere."""
    value = _floats(np.asarray(value))
    if value.dtype.kind != "f":
        return None
    finite = np.isfinite(value)
    if finite.all():
        return None
    return np.where(np.isnan(value), 1, np.where(finite, 0, 2))


def _is_finite(a: Any) -> bool:
    """Whether an operand or an attribute holds no NaN and no infinity."""
    if isinstance(a, Tensor):
        return _bad(a.read()) is None
    if isinstance(a, (np.ndarray, np.generic, float)):
        return _bad(a) is None
    return True


def _shaped(a: Any, shape: tuple[int, ...]) -> bool:
    return isinstance(a, Tensor) and tuple(a.shape) == shape


def _count(bad: np.ndarray) -> str:
    nan, infinite = int((bad == 1).sum()), int((bad == 2).sum())
    said = [f"{nan} NaN"] if nan else []
    if infinite:
        said.append(f"{infinite} infinit" + ("y" if infinite == 1 else "ies"))
    return f"{' and '.join(said)} among {bad.size} elements"


def _operand(name: str, a: Any) -> str:
    if not isinstance(a, (Tensor, np.ndarray)):
        return f"  {name:<7} {a}"
    value = _floats(_raw(a))
    if value.dtype.kind != "f":
        return f"  {name:<7} {value.shape} {value.dtype}"
    s = statistics(value)
    return (
        f"  {name:<7} {s.shape} {value.dtype}, mean {s.mean:.4g}, std {s.std:.4g}, from {s.min:.4g} to "
        f"{s.max:.4g}, {s.zeros:.0%} zero"
    )
