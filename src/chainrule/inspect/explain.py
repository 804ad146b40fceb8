"""One entry of a gradient, worked by hand: the numbers along the chain from a parameter to the loss.

The chain rule says that, wherever the way from p to the loss is cut, at values y that all of it
passes,

    dL/dp = Σₖ dL/dyₖ · dyₖ/dp

For the result y of every op on the way, this prints the largest of these products and their sum. The
left factors are what the backward pass computes; the right ones are what it never needs, and are
found here by differentiating it once more: the gradient by p of Σ uₖ yₖ is Σ uₖ dyₖ/dp, whose
gradient by u is dy/dp.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.errors import DTypeError, GradError
from ..base.lines import describe, here
from ..ops.record import Op
from ..tape.modes import enable_grad, no_grad
from ..tensors import Tensor, float64, grad, zeros_like
from .summary import tensors_in
from .watch import Watch, unchanged

__all__ = ["Explanation", "Product", "Step", "explain"]

SHOWN = 3
"""Products shown for each op."""


@dataclass(frozen=True)
class Product:
    """One term of the sum: at `index` of y, dL/dy · dy/dp."""

    index: tuple[int, ...]
    loss_by_y: float
    y_by_p: float

    @property
    def value(self) -> float:
        """The product."""
        return self.loss_by_y * self.y_by_p


@dataclass(frozen=True)
class Step:
    """What passes through the result of one op.

    Attributes:
        op: its name.
        where: its line.
        shape: the shape of the result y.
        moving: how many elements of y depend on p.
        products: the terms of the sum, the largest first; those that are zero left out.
        total: their sum: the whole derivative if every way from p to the loss passes here, the share
            of the ways that do otherwise.
    """

    op: str
    where: str
    shape: tuple[int, ...]
    moving: int
    products: list[Product]
    total: float


@dataclass(frozen=True)
class Explanation:
    """An entry of a gradient with the numbers that make it; it prints as text.

    Attributes:
        index, value: the entry of the parameter, and what it is.
        loss: the loss.
        gradient: dL/dp by the backward pass.
        difference: (L(p + h) − L(p − h)) / 2h.
        h: half the distance of that difference.
        steps: the ops on the way, from the parameter on.
    """

    index: tuple[int, ...]
    value: float
    loss: float
    gradient: float
    difference: float
    h: float
    steps: list[Step]
    tolerance: float

    @property
    def agrees(self) -> bool:
        """Whether gradient and difference are the same, as far as the precision of the parameter lets
        a difference tell.
        """
        return abs(self.gradient - self.difference) <= self.tolerance

    def __str__(self) -> str:
        p = f"p{list(self.index)}"
        lines = [f"{p} = {self.value:.6g}, loss = {self.loss:.6g}"]
        for step in self.steps:
            n = math.prod(step.shape)
            lines.append(
                f"{step.op} → y {list(step.shape)}: {step.moving} of {n} elements depend on {p}"
            )
            lines.append(f"    {step.where}")
            for product in step.products[:SHOWN]:
                lines.append(
                    f"    y{list(product.index)}: dL/dy {product.loss_by_y:.5g} · dy/dp {product.y_by_p:.5g} "
                    f"= {product.value:.5g}"
                )
            more = len(step.products) - SHOWN
            rest = f" (and {more} more)" if more > 0 else ""
            share = (
                "" if _same(step.total, self.gradient) else ", the share of the ways that pass here"
            )
            lines.append(f"    sum = {step.total:.6g}{rest}{share}")
        lines.append(f"dL/d{p} by the backward pass      {self.gradient:.6g}")
        verdict = "the same" if self.agrees else "NOT THE SAME"
        lines.append(
            f"(L(p + h) − L(p − h)) / 2h        {self.difference:.6g}   h = {self.h:.2g}: {verdict}"
        )
        return "\n".join(lines)

    __repr__ = __str__


def _same(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-4 * max(abs(a), abs(b)) + 1e-12


def explain(loss: Callable[[], Tensor], p: Tensor, index: Any) -> Explanation:
    """Work one entry of a gradient by hand.

    Each call of ``loss`` begins with the same state of the generator. For small models: every op on the
    way is differentiated twice.

    Args:
        loss: a function without arguments that computes the loss anew:
            ``lambda: loss_fn(model(x), y)``.
        p: a parameter that it uses.
        index: which entry.

    Raises:
        TypeError: ``loss`` is a tensor, or no function: a difference needs it twice more.
        GradError: ``p`` is no leaf that requires a gradient, or the loss does not depend on it.
        IndexError: ``index`` names no single entry.

    Example:
        >>> import chainrule as cr
        >>> x, w = cr.tensor([3.0, 5.0]), cr.tensor([2.0, 1.0], requires_grad=True)
        >>> found = explain(lambda: ((x * w) ** 2).sum(), w, 0)
        >>> found.gradient, found.agrees
        (36.0, True)
        >>> for step in found.steps:
        ...     print(step.op, [(q.index, q.loss_by_y, q.y_by_p) for q in step.products])
        mul [((0,), 12.0, 3.0)]
        pow [((0,), 1.0, 36.0)]
        sum [((), 1.0, 36.0)]
    """
    if not callable(loss) or isinstance(loss, Tensor):
        raise DTypeError(
            "explain(loss, p, index): loss is a function that computes it anew, for the difference\n"
            "  hint: lambda: loss_fn(model(x), y)"
        )
    if not (p.is_leaf and p.requires_grad):
        raise GradError("explain: p must be a leaf that requires a gradient, a parameter")
    at = _entry(p, index)
    with enable_grad():
        watch = _Results()
        with unchanged(None), watch:
            value = loss()
        steps, gradient = _steps(watch, value, p, at)
    start = float(p.detach()[at])
    eps = float(np.finfo(np.float64 if p.dtype is float64 else np.float32).eps)
    h = eps ** (1 / 3) * max(1.0, abs(start))
    ends = []
    with no_grad():
        original = p.detach().clone()
        try:
            for side in (h, -h):
                p[at] = start + side
                with unchanged(None):
                    ends.append((float(p.detach()[at]), float(loss())))
        finally:
            p.copy_(original)
    (right, above), (left, below) = ends
    difference = (above - below) / (right - left)
    noise = 20 * eps * max(abs(above), abs(below)) / h
    tolerance = noise + 20 * eps ** (2 / 3) * max(abs(gradient), abs(difference), 1e-30)
    return Explanation(at, start, float(value), gradient, difference, h, steps, tolerance)


def _entry(p: Tensor, index: Any) -> tuple[int, ...]:
    at = tuple(index) if isinstance(index, (tuple, list)) else (index,)
    shape = tuple(p.shape)
    if len(at) != len(shape) or not all([isinstance(k, int) for k in at]):
        raise IndexError(f"explain: {index!r} is no single entry of a parameter of shape {shape}")
    for k, n in zip(at, shape, strict=True):
        if not -n <= k < n:
            raise IndexError(f"explain: {index!r} is outside of a parameter of shape {shape}")
    return tuple([k % n for k, n in zip(at, shape, strict=True)])


class _Results(Watch):
    """Keeps what every op made, views left out."""

    def __init__(self) -> None:
        super().__init__()
        self.results: list[tuple[str, str, Tensor]] = []

    def op(self, op: Op, args: tuple, attrs: dict, result: Any) -> None:
        if op.is_view:
            return
        for y in tensors_in(result):
            if y.requires_grad:
                self.results.append((op.name, describe(here()), y))


def _steps(
    watch: _Results, value: Tensor, p: Tensor, at: tuple[int, ...]
) -> tuple[list[Step], float]:
    """The ops between p and the loss, and the gradient."""
    made = [y for _, _, y in watch.results]
    found = grad(value, [p, *made], retain_graph=True, allow_unused=True)
    if found[0] is None:
        raise GradError(
            "explain: the loss does not depend on p\n  hint: look for detach() on the way"
        )
    steps = []
    for (name, where, y), g in zip(watch.results, found[1:], strict=True):
        slope = None if g is None else _slope(y, p, at)
        if slope is None:
            continue
        by_y = g.detach().double().numpy()
        moving = np.argwhere(slope)
        products = [
            Product(tuple(map(int, k)), float(by_y[tuple(k)]), float(slope[tuple(k)]))
            for k in moving
        ]
        products = sorted([q for q in products if q.value != 0], key=lambda q: -abs(q.value))
        total = float((by_y * slope).sum())
        steps.append(Step(name, where, tuple(y.shape), len(moving), products, total))
    return steps, float(found[0].detach()[at])


def _slope(y: Tensor, p: Tensor, at: tuple[int, ...]) -> np.ndarray | None:
    """dy/dp[at], an array like y; None if y does not depend on p."""
    u = zeros_like(y).requires_grad_()
    [by_p] = grad(y, [p], u, create_graph=True, allow_unused=True)
    if by_p is None:
        return None
    [slope] = grad(by_p[at], [u], retain_graph=True, allow_unused=True)
    return None if slope is None else slope.detach().double().numpy()
