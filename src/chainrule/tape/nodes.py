"""The nodes of the tape, and the ways between them.

A node is one op that was applied. Its *edges* say, for each operand, where the gradient goes on:
`(node, k)` is output k of another node, `(leaf, -1)` a leaf tensor, None nowhere. Nodes know
nothing of tensors: a leaf is anything with the methods of `Leaf`.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import numpy as np

from ..base import dtypes
from ..base.lines import Place, describe
from ..ops import full
from ..ops.record import Op

__all__ = ["AccumulateGrad", "Edge", "Leaf", "Node", "Part", "Wrap", "newest_order", "reachable"]


class Leaf(Protocol):
    """What the pass asks of a leaf tensor."""

    @property
    def metas(self) -> tuple:
        """(shape, stored dtype), in a tuple of one."""


Edge = tuple[Any, int]
Wrap = Callable[..., Any]
ORDER = itertools.count(1)
"""Numbers of the nodes: what is made later has a larger one."""


def newest_order() -> int:
    """A number between the nodes made so far and those to come."""
    return next(ORDER)


class Node:
    """One step of the tape. Subclasses say how gradients are pulled back through it."""

    __slots__ = ("__weakref__", "edges", "hooks", "metas", "order", "place")

    def __init__(self, edges: Sequence[Edge | None], metas: tuple, place: Place | None):
        self.edges, self.place = edges, place
        self.metas = metas  # (shape, stored dtype) of each output
        self.hooks: dict[int, list] | None = None
        self.order = next(ORDER)

    @property
    def name(self) -> str:
        """The op's name, as in a tensor's repr."""
        raise NotImplementedError

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """For each operand the node its gradient goes on to, and which of that node's outputs it is; a leaf has an
        `AccumulateGrad`, and what needs no gradient None.
        """
        return tuple(
            [
                (None, 0) if e is None else e if e[1] >= 0 else (AccumulateGrad(e[0]), 0)
                for e in self.edges
            ]
        )

    def pull(self, grads: list, create: bool, wrap: Wrap) -> Sequence:
        """The gradient for each edge, from those that arrived at the outputs (None where none
        did).
        """
        raise NotImplementedError

    def release(self) -> None:
        """Forget saved values after the pass."""

    def keep_copies(self, storage: Any) -> None:
        """Saved values that lie in this storage are copied, because it is about to be written by
        the very op they were saved for.
        """

    def zeros(self, k: int) -> Any:
        """A gradient of output k that did not arrive."""
        shape, dtype = self.metas[k]
        return full(shape=shape, value=0.0, dtype=dtypes.stored(dtype))

    def __repr__(self) -> str:
        return f"<{self.name} node at {describe(self.place)}>"


class AccumulateGrad:
    """The end of the graph at a leaf, as PyTorch has it: `variable` is the leaf."""

    next_functions = ()

    def __init__(self, variable: Any):
        self.variable = variable


class Part:
    """The gradient of a part of an operand, before it is given the size of the whole.

    A loop over x[t] would otherwise make an array of the size of x at every step, to add up mostly
    zeros.
    """

    __slots__ = ("attrs", "gradient", "op")

    def __init__(self, op: Op, attrs: dict, gradient: np.ndarray):
        self.op, self.attrs, self.gradient = op, attrs, gradient

    def of(self, whole: np.ndarray) -> np.ndarray:
        """The place of the part in the whole."""
        return self.op.body(whole, **self.attrs)


def reachable(roots: Iterable[Edge], oldest: int = 0) -> list[Node]:
    """All nodes behind some edges, oldest first, leaving out those made before a given one."""
    stack = [target for target, k in roots if k >= 0]
    seen = set(stack)
    while stack:
        for edge in stack.pop().edges:
            if edge is not None and edge[1] >= 0:
                node = edge[0]
                if node not in seen and node.order >= oldest:
                    seen.add(node)
                    stack.append(node)
    return sorted(seen, key=operator.attrgetter("order"))
