"""The numbers inside: activations and gradients of every module for one batch, as statistics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..nn import Module
from ..tape.modes import no_grad
from ..tensors import Tensor, grad
from .summary import tensors_in
from .watch import names_of, unchanged

__all__ = ["Capture", "Captured", "Statistics", "capture", "statistics"]

BINS = 40


@dataclass
class Statistics:
    """Some numbers about many.

    Attributes:
        shape: the shape of the tensor.
        mean, std, min, max: of the finite elements; NaN if there are none.
        zeros: the share of elements that are zero.
        nonfinite: how many are NaN or infinite.
        counts, edges: a histogram of the finite elements: 40 bins from the smallest to the largest, or
            one if they are all the same.
    """

    shape: tuple[int, ...]
    mean: float
    std: float
    min: float
    max: float
    zeros: float
    nonfinite: int
    counts: np.ndarray = field(repr=False)
    edges: np.ndarray = field(repr=False)


def statistics(x: Any) -> Statistics:
    """The statistics of a tensor or array.

    >>> import chainrule as cr
    >>> s = statistics(cr.tensor([0.0, 2.0, np.inf, 4.0]))
    >>> s.mean, s.max, s.zeros, s.nonfinite
    (2.0, 4.0, 0.25, 1)
    """
    given = x.detach().double().numpy() if isinstance(x, Tensor) else np.asarray(x, np.float64)
    finite = given[np.isfinite(given)]
    if finite.size:
        low, high = float(finite.min()), float(finite.max())
        with np.errstate(over="ignore"):
            mean, std = float(finite.mean()), float(finite.std())
            wide = 1e-12 * max(abs(low), abs(high)) < high - low < np.inf
        counts, edges = np.array([finite.size]), np.array([low, high])
        if wide:
            counts, edges = np.histogram(finite, BINS, range=(low, high))
    else:
        mean = std = low = high = float("nan")
        counts, edges = np.zeros(0, int), np.zeros(1)
    zeros = float((given == 0).mean()) if given.size else 0.0
    return Statistics(
        tuple(given.shape), mean, std, low, high, zeros, given.size - finite.size, counts, edges
    )


@dataclass
class Captured:
    """One call of one module.

    Attributes:
        name, kind: of the module.
        activation: statistics of what it returned (of the first floating tensor).
        gradient: those of the loss's gradient by it; None without a loss, or if none arrives.
    """

    name: str
    kind: str
    activation: Statistics
    gradient: Statistics | None = None

    def arrived(self, g: Tensor) -> None:
        """Note the gradient, when it arrives."""
        self.gradient = statistics(g)

    @property
    def label(self) -> str:
        """The name and the class."""
        return f"{self.name}: {self.kind}" if self.name else self.kind


@dataclass
class Capture:
    """What `capture` found.

    Attributes:
        calls: the calls of modules, in the order in which they ended.
        parameters: statistics of the loss's gradient by each parameter; empty without a loss. None for
            one that no gradient reaches.
        loss: the loss, if there is one.
    """

    calls: list[Captured]
    parameters: dict[str, Statistics | None]
    loss: float | None

    def __getitem__(self, name: str) -> Captured:
        """The first call of a module, by its name."""
        for call in self.calls:
            if call.name == name:
                return call
        raise KeyError(f"no module {name!r} was called; there are {[c.name for c in self.calls]}")

    def show(self) -> str:
        """A table as text."""
        width = max([len(c.label) for c in self.calls], default=6)
        head = f"{'':<{width}}  {'shape':<16} {'mean':>9} {'std':>9} {'min':>9} {'max':>9} {'zero':>5} {'bad':>4}"
        rows = ["activations", head]
        rows += [_row(c.label, c.activation, width) for c in self.calls]
        if self.loss is not None:
            rows += [f"gradients of the loss {self.loss:.4g} by them", head]
            rows += [_row(c.label, c.gradient, width) for c in self.calls]
            width = max(width, *[len(n) for n in self.parameters], 0)
            rows += ["gradients by the parameters", head]
            rows += [_row(name, s, width) for name, s in self.parameters.items()]
        return "\n".join([row.rstrip() for row in rows])

    __str__ = show

    def plot(self, path: Any) -> None:
        """Draw the histograms: a row for each call, activations on the left, gradients on the right.

        Args:
            path: the path of the picture; its ending says which format.
        """
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        columns = 1 if self.loss is None else 2
        rows = max(len(self.calls), 1)
        figure = Figure(figsize=(4.5 * columns, 1.3 * rows + 0.4), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, columns, squeeze=False)
        for call, row in zip(self.calls, axes, strict=False):
            for ax, s, what in zip(
                row, (call.activation, call.gradient), ("", "gradient by "), strict=False
            ):
                ax.set_title(f"{what}{call.name or call.kind}", fontsize=8, loc="left")
                ax.tick_params(labelsize=6)
                ax.set_yticks([])
                if s is not None and s.counts.size:
                    ax.stairs(
                        s.counts, s.edges, fill=True, color="#3b6ea5" if not what else "#b5523b"
                    )
        figure.savefig(path, dpi=110)


def _row(label: str, s: Statistics | None, width: int) -> str:
    if s is None:
        return f"{label:<{width}}  none"
    shape = "×".join(map(str, s.shape)) or "number"
    numbers = " ".join(f"{x:>9.3g}" for x in (s.mean, s.std, s.min, s.max))
    return f"{label:<{width}}  {shape:<16} {numbers} {s.zeros:>5.0%} {s.nonfinite:>4}"


def capture(model: Module, batch: Any, loss: Callable[[Any, Any], Tensor] | None = None) -> Capture:
    """Run one batch, and look at what every module makes of it.

    The model keeps its mode, and nothing of it is changed: no gradient is added to any parameter,
    buffers and the generator are put back, and the hooks are taken off, after an error too.

    Args:
        model: the model.
        batch: a tensor, or a tuple of what the model is called with; with a loss, its last element
            is the target.
        loss: a function of (what the model returns, target).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 1))
        >>> found = capture(model, (cr.ones(2, 3), cr.zeros(2, 1)), nn.functional.mse_loss)
        >>> found["1"].activation.shape, found["1"].activation.min >= 0
        ((2, 5), True)
        >>> sorted(found.parameters)
        ['0.bias', '0.weight', '2.bias', '2.weight']
    """
    names = names_of(model)
    calls: list[Captured] = []

    def after(module: Module, args: tuple, result: Any) -> None:
        for x in tensors_in(result):
            if x.is_floating_point():
                call = Captured(names[module], type(module).__name__, statistics(x))
                calls.append(call)
                if loss is not None and x.requires_grad:
                    x.register_hook(call.arrived)
                return

    handles = [m.register_forward_hook(after) for m in names]
    try:
        with unchanged(model):
            if loss is None:
                with no_grad():
                    model(*batch) if isinstance(batch, (tuple, list)) else model(batch)
                return Capture(calls, {}, None)
            *inputs, target = batch
            value = loss(model(*inputs), target)
            wanted = {n: p for n, p in model.named_parameters() if p.requires_grad}
            found = grad(value, list(wanted.values()), allow_unused=True)
            gradients = zip(wanted, found, strict=True)
            parameters = {n: None if g is None else statistics(g) for n, g in gradients}
            return Capture(calls, parameters, float(value))
    finally:
        for handle in handles:
            handle.remove()
