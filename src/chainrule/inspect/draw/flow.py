"""What is drawn: the ops of one call as nodes, what flows between them as edges, modules as boxes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ...base.lines import describe, here
from ...nn import Module
from ...ops.record import Op
from ...tape.modes import no_grad
from ...tensors import Tensor
from ..summary import tensors_in
from ..watch import Watch, unchanged

__all__ = ["Box", "Flow", "Node", "flow_of"]


@dataclass(eq=False)
class Box:
    """One call of a module: what it is called, and the call it is part of."""

    label: str
    parent: Box | None

    @property
    def path(self) -> tuple[Box, ...]:
        """The boxes around it and itself, the outermost first."""
        return (*self.parent.path, self) if self.parent else (self,)


@dataclass(eq=False)
class Node:
    """An op, an input, or (below the depth that is shown) a whole module.

    Attributes:
        label: what is written in it.
        detail: a second, smaller line.
        box: the module it runs in.
        shape: the shape of the first tensor it makes.
        place: the line it comes from.
        is_input: whether it is an argument of what is drawn.
    """

    label: str
    detail: str = ""
    box: Box | None = None
    shape: tuple[int, ...] = ()
    place: str = ""
    is_input: bool = False


@dataclass
class Flow:
    """The graph: nodes in the order in which they ran; edges as pairs of them, each once."""

    nodes: list[Node] = field(default_factory=list)
    edges: list[tuple[Node, Node]] = field(default_factory=list)


def flow_of(f: Callable, inputs: tuple, depth: int | None) -> Flow:
    """Run a model or a function once, and write down what flows. It is left as it was.

    Args:
        f: a module, or a function of tensors.
        inputs: its arguments.
        depth: how deep modules are opened; None opens all.
    """
    model = f if isinstance(f, Module) else None
    watch = _Watch(model, depth)
    many = len(list(tensors_in(inputs))) > 1
    for k, x in enumerate(tensors_in(inputs)):
        node = Node(f"input {k}" if many else "input", shape=tuple(x.shape), is_input=True)
        watch.flow.nodes.append(node)
        watch.made[id(x)] = node
        watch.kept.append(x)
    with unchanged(model), no_grad(), watch:
        out = f(*inputs)
    many, ends = len(list(tensors_in(out))) > 1, []
    for k, x in enumerate(tensors_in(out)):
        maker = watch.maker(x)
        if maker is not None:
            end = Node(f"output {k}" if many else "output", shape=tuple(x.shape), is_input=True)
            watch.flow.nodes.append(end)
            watch.link(maker, end)
            ends.append(end)
    return _between(watch.flow, [n for n in watch.flow.nodes if n.is_input and n not in ends], ends)


def _between(flow: Flow, starts: list[Node], ends: list[Node]) -> Flow:
    """What lies between inputs and outputs. What is made of parameters alone is told in the node that
    uses it; what leads nowhere (running statistics) is left out.
    """
    from_inputs, to_outputs = set(starts), set(ends)
    for a, b in flow.edges:  # in the order in which the ops ran
        if a in from_inputs:
            from_inputs.add(b)
    for a, b in reversed(flow.edges):
        if b in to_outputs:
            to_outputs.add(a)
    for a, b in flow.edges:
        if a not in from_inputs and a.detail:
            b.detail = ", ".join([x for x in (b.detail, a.detail) if x])
    if not from_inputs & set(ends):  # a function of no tensor
        from_inputs |= set(flow.nodes)
    kept = (from_inputs & to_outputs) | set(starts) | set(ends)
    nodes = [n for n in flow.nodes if n in kept]
    return Flow(nodes, [(a, b) for a, b in flow.edges if a in kept and b in kept])


class _Watch(Watch):
    def __init__(self, model: Module | None, depth: int | None):
        super().__init__(model)
        self.depth = depth
        self.flow = Flow()
        self.made: dict[int, Node] = {}
        self.written: dict[int, Node] = {}  # who wrote into a storage last, through a view
        self.kept: list[Tensor] = []  # so that no id is used twice
        self.boxes: list[Box] = []
        self.closed: dict[Box, Node] = {}
        named = [] if model is None else model.named_parameters()
        self.parameters = {id(p): name.rpartition(".")[2] for name, p in named}

    def entered(self, module: Module) -> None:
        name = self.names.get(module, "").rpartition(".")[2]
        kind = type(module).__name__
        del self.boxes[len(self.running) - 1 :]  # those that have ended
        parent = self.boxes[-1] if self.boxes else None
        self.boxes.append(Box(f"{name}: {kind}" if name else kind, parent))

    def called(self, module: Module, args: tuple, kwargs: dict, result: Any) -> None:
        del self.boxes[len(self.running) - 1 :]

    def op(self, op: Op, args: tuple, attrs: dict, result: Any) -> None:
        outs = list(tensors_in(result))
        operands = list(tensors_in(args))
        node = self._node(op.name, operands, tuple(outs[0].shape) if outs else ())
        for x in outs:
            self.made[id(x)] = node
            self.kept.append(x)

    def _node(self, label: str, operands: list[Tensor], shape: tuple[int, ...]) -> Node:
        box = self.boxes[-1] if self.boxes else None
        known = [self.parameters[id(x)] for x in operands if id(x) in self.parameters]
        node = self._whole(box)
        if node is None:
            node = Node(label, ", ".join(known), box, place=describe(here()))
            self.flow.nodes.append(node)
        node.shape = shape
        for x in operands:
            maker = self.maker(x)
            if maker is not None and maker is not node:
                self.link(maker, node)
        return node

    def _whole(self, box: Box | None) -> Node | None:
        """The one node that stands for everything in a box too deep to be opened."""
        if box is None or self.depth is None or len(box.path) <= self.depth + 1:
            return None
        outer = box.path[self.depth + 1]
        node = self.closed.get(outer)
        if node is None:
            node = self.closed[outer] = Node(outer.label, "", outer.parent, place=describe(here()))
            self.flow.nodes.append(node)
        return node

    def assigned(self, x: Tensor, new: Tensor) -> None:
        storage = x._storage
        self.kept.append(x)
        if not x._path:
            maker = self.maker(new)
            if maker is not None:
                self.made[id(x)] = maker
            return
        # through a view: the whole is another one from here on
        same = [t for t in self.kept if t._storage is storage]
        whole = [t for t in same if not t._path][-1:]
        node = self._node("write", [*whole, new], tuple(storage.value.shape))
        for t in same:
            self.made.pop(id(t), None)
        self.written[id(storage)] = node

    def maker(self, x: Tensor) -> Node | None:
        """The node that made what a tensor holds now."""
        return self.made.get(id(x)) or self.written.get(id(x._storage))

    def link(self, a: Node, b: Node) -> None:
        """An edge, once."""
        if (a, b) not in self.flow.edges:
            self.flow.edges.append((a, b))
