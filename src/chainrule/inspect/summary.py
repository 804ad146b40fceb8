"""What a model is made of: its modules with the shapes that they make, parameters, work and memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..graph.flops import op_flops
from ..nn import Module
from ..ops.promotion import Spec, spec_of
from ..ops.record import Op
from ..tape.modes import no_grad
from ..tensors import Tensor
from .watch import Watch, unchanged

__all__ = ["ModuleRow", "Summary", "summary"]


@dataclass
class ModuleRow:
    """One module.

    Attributes:
        name: the dotted name; "" is the model.
        kind: the class.
        depth: how deep it lies.
        shapes: of the tensors that its last call returned.
        calls: how often it was called.
        parameters: elements of the parameters of it and all below it, each parameter counted once.
        trainable: those of them that require a gradient.
        flops: floating-point operations of all its calls, see `graph.flops`.
        bytes: memory of its parameters and buffers.
        shared: whether it has appeared before under another name; then it counts nothing here.
    """

    name: str
    kind: str
    depth: int
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    calls: int = 0
    parameters: int = 0
    trainable: int = 0
    flops: float = 0.0
    bytes: int = 0
    shared: bool = False


@dataclass
class Summary:
    """A table of modules; it prints as text.

    Attributes:
        rows: the modules, each below the one it is part of.
        activation_bytes: memory of the results of all ops of one forward pass, views left out: what a
            backward pass may keep, at most.
    """

    rows: list[ModuleRow]
    activation_bytes: int

    @property
    def parameters(self) -> int:
        """Elements of all parameters."""
        return self.rows[0].parameters

    @property
    def trainable(self) -> int:
        """Elements of the parameters that require a gradient."""
        return self.rows[0].trainable

    @property
    def flops(self) -> float:
        """Floating-point operations of one forward pass."""
        return self.rows[0].flops

    @property
    def bytes(self) -> int:
        """Memory of parameters and buffers."""
        return self.rows[0].bytes

    def __str__(self) -> str:
        head = ("module", "output", "parameters", "flops", "memory")
        lines = [head, *[_cells(row) for row in self.rows]]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = [_line(cells, widths) for cells in lines]
        text.insert(1, "-" * len(text[0]))
        text.append(text[1])
        frozen = self.parameters - self.trainable
        text.append(
            f"parameters {self.parameters:,} ({self.trainable:,} trainable, {frozen:,} frozen), "
            f"{size(self.bytes)} with buffers"
        )
        text.append(
            f"one forward pass {amount(self.flops)}flop, {size(self.activation_bytes)} of activations"
        )
        return "\n".join(text)

    __repr__ = __str__


def _cells(row: ModuleRow) -> tuple[str, ...]:
    last = row.name.rpartition(".")[2]
    label = "  " * row.depth + (f"{last}: {row.kind}" if last else row.kind)
    if row.shared:
        return label, "shared, see above", "", "", ""
    shown = " ".join(str(list(s)) for s in row.shapes) if row.calls else "not called"
    if row.calls > 1:
        shown += f" ×{row.calls}"
    parameters = f"{row.parameters:,}"
    if row.trainable < row.parameters:
        parameters += " frozen" if not row.trainable else f" ({row.trainable:,} trainable)"
    return label, shown, parameters, amount(row.flops), size(row.bytes)


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    left = [c.ljust(w) for c, w in zip(cells[:2], widths[:2], strict=True)]
    right = [c.rjust(w) for c, w in zip(cells[2:], widths[2:], strict=True)]
    return "  ".join([*left, *right])


def amount(n: float) -> str:
    """A number in thousands, millions, …

    >>> amount(950.0), amount(12_345.0), amount(7.1e9)
    ('950 ', '12.3 k', '7.1 G')
    """
    for unit in ("", "k", "M", "G", "T"):
        if n < 1000 or unit == "T":
            return f"{n:.3g} {unit}"
        n /= 1000
    raise AssertionError


def size(n: float) -> str:
    """Bytes in a readable unit.

    >>> size(12_345)
    '12.3 kB'
    """
    return amount(n) + "B"


def summary(model: Module, *inputs: Any, **options: Any) -> Summary:
    """What a model is made of, and what one forward pass costs.

    The model is called once, without gradients, in the mode it is in; its buffers and the generator
    are put back. A module that appears twice counts once, and so does a tied parameter.

    Args:
        model: the model.
        inputs: what it is called with.
        options: keyword arguments of the call.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> print(summary(nn.Sequential(nn.Linear(3, 5), nn.ReLU()), cr.ones(2, 3)))
        module       output  parameters  flops  memory
        ----------------------------------------------
        Sequential   [2, 5]          20   80     80 B
          0: Linear  [2, 5]          20   70     80 B
          1: ReLU    [2, 5]           0   10      0 B
        ----------------------------------------------
        parameters 20 (20 trainable, 0 frozen), 80 B with buffers
        one forward pass 80 flop, 80 B of activations
    """
    counter = _Counter(model)
    with unchanged(model), no_grad(), counter:
        model(*inputs, **options)
    rows, seen = [], set()
    for name, module in model.named_modules(remove_duplicate=False):
        row = ModuleRow(name, type(module).__name__, name.count(".") + 1 if name else 0)
        rows.append(row)
        if module in seen:
            row.shared = True
            continue
        seen.add(module)
        row.calls = counter.calls.get(module, 0)
        row.shapes = counter.shapes.get(module, [])
        row.flops = counter.flops.get(module, 0.0)
        for p in module.parameters():
            row.parameters += p.numel()
            row.trainable += p.numel() if p.requires_grad else 0
            row.bytes += p.nbytes
        row.bytes += sum([b.nbytes for b in module.buffers()])
    return Summary(rows, counter.activation_bytes)


class _Counter(Watch):
    """Adds up the work of ops for every module that runs."""

    def __init__(self, model: Module):
        super().__init__(model)
        self.flops: dict[Module, float] = {}
        self.calls: dict[Module, int] = {}
        self.shapes: dict[Module, list] = {}
        self.activation_bytes = 0

    def op(self, op: Op, args: tuple, attrs: dict, result: Any) -> None:
        outs = result if isinstance(result, (tuple, list)) else (result,)
        work = op_flops(op, [spec_given(a) for a in args], [x.spec for x in outs], attrs)
        for module in dict.fromkeys(self.running):
            self.flops[module] = self.flops.get(module, 0.0) + work
        if not op.is_view:
            self.activation_bytes += sum([x.nbytes for x in outs])

    def called(self, module: Module, args: tuple, kwargs: dict, result: Any) -> None:
        self.calls[module] = self.calls.get(module, 0) + 1
        self.shapes[module] = [tuple(x.shape) for x in tensors_in(result)]


def spec_given(a: Any) -> Spec | None:
    """Shape and dtype of an operand, None of one that was left out."""
    return None if a is None else a.spec if isinstance(a, Tensor) else spec_of(a)


def tensors_in(value: Any) -> Iterator[Tensor]:
    """The tensors in nested tuples, lists and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from tensors_in(item)
