"""PyTorch's `torch.utils.flop_counter`: the operations of products, forward and backward, while a block runs.

>>> import chainrule as cr
>>> model = cr.nn.Linear(3, 5)
>>> with FlopCounterMode(display=False) as counter:
...     _ = model(cr.ones(2, 3))
>>> counter.get_total_flops()
60
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

from ...graph.flops import op_flops
from ...graph.specs import definition
from ...inspect.summary import amount, spec_given
from ...inspect.watch import Watch, names_of
from ...nn import Module
from ...ops import Op, Spec
from ...tape.nodes import Node

__all__ = ["FlopCounterMode"]

PRODUCTS = frozenset("matmul linear einsum conv conv_input conv_weight attention".split())
"""What is counted, as in PyTorch; all else is work in proportion to its elements (`inspect.summary` counts that too)."""


class FlopCounterMode(Watch):
    """A block in which products are counted, by the modules that they are made in.

    Args:
        mods: without effect, as in PyTorch: modules are named within the outermost one that runs.
        depth: how far below the outermost module the table goes.
        display: whether the table is printed at the end.
        custom_mapping: not supported.
    """

    def __init__(
        self, mods: Any = None, depth: int = 2, display: bool = True, custom_mapping: Any = None
    ):
        if custom_mapping:
            raise NotImplementedError("FlopCounterMode(custom_mapping=…): ops count as they are")
        super().__init__()
        self.depth, self.display = depth, display
        self.flop_counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._works: dict[int, tuple[str, int, list[str]]] = {}

    def get_total_flops(self) -> int:
        """All operations so far."""
        return sum(self.flop_counts["Global"].values())

    def get_flop_counts(self) -> dict[str, dict[str, int]]:
        """For each module, by its path behind the type of the outermost, and for "Global": the operations of each op."""
        return {name: dict(counts) for name, counts in self.flop_counts.items()}

    def get_table(self, depth: int | None = None) -> str:
        """A line for each module, with its share of the whole."""
        whole = self.get_total_flops()
        most = self.depth if depth is None else depth
        names = [n for n in self.flop_counts if n == "Global" or n.count(".") < most]
        rows = [(name, sum(self.flop_counts[name].values())) for name in names]
        wide = max([len(name) for name, _ in rows])
        return "\n".join(
            f"{name:{wide}}  {amount(n):>8}  {n / max(whole, 1):7.2%}" for name, n in rows
        )

    def entered(self, module: Module) -> None:
        """Name the modules after the outermost that runs."""
        if len(self.running) == 1:
            self.names = names_of(module)

    def op(self, op: Op, args: tuple, attrs: dict, result: Any) -> None:
        """Count an op, and remember what its derivatives will cost."""
        made = result if isinstance(result, (tuple, list)) else (result,)
        work = _products(op, [*map(spec_given, args)], [x.spec for x in made], attrs)
        if not work:
            return
        path = [self._path(module) for module in dict.fromkeys(self.running)]
        self._add(op.name, work, path)
        if made[0].grad_fn is not None:
            self._works[made[0].grad_fn.order] = (op.name, work, path)

    def pulled(self, node: Node, arrived: list, result: Any) -> None:
        """The gradient by each operand of a product is a product of the same size; of attention all three are five for two."""
        if node.order in self._works:
            name, work, path = self._works[node.order]
            times = 2.5 if name == "attention" else sum([g is not None for g in result[:2]])
            self._add(f"{name}_backward", int(work * times), path)

    def _path(self, module: Module) -> str:
        root, name = type(self.running[0]).__name__, self.names.get(module, "")
        return f"{root}.{name}" if name else type(module).__name__

    def _add(self, name: str, work: int, path: list[str]) -> None:
        for place in dict.fromkeys(["Global", *path]):
            self.flop_counts[place][name] += work

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        if self.display and exception[:1] == (None,):
            print(self.get_table())


def _products(op: Op, inputs: list[Spec | None], outputs: list[Spec], attrs: dict) -> int:
    """Operations of the products that an op is, or is written in; a bias is none."""
    if op.name in PRODUCTS:
        bias = math.prod(outputs[0].shape) if op.name == "linear" and inputs[2] is not None else 0
        return int(op_flops(op, inputs, outputs, attrs)) - bias
    if op.nests:
        return attrs["length"] * sum(map(_of_equation, attrs["body"].equations))
    if op.composite and op.kind.name != "elementwise":
        return sum(map(_of_equation, definition(op, inputs, attrs)[0]))
    return 0


def _of_equation(eq: Any) -> int:
    specs = [getattr(v, "spec", None) for v in eq.inputs]
    return _products(eq.op, specs, [v.spec for v in eq.outputs], eq.attrs)
