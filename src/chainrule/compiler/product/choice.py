"""Which way a product is computed: as it is given or turned over, by its sums as they are written or with fewer multiplications."""

from __future__ import annotations

from ..target import Target
from .axes import Product, whole
from .shape import shape_of
from .winograd import Convolution, Gradient, convolution_of, gradient_of

__all__ = ["oriented", "winograd_pays"]


def oriented(p: Product, target: Target | None = None) -> tuple[Product, bool]:
    """The product as given or with A and B swapped, or either with its lanes along a batch,
    whichever is cheapest; and whether swapped.

    What counts: how well the tiles fit, whether the vectored operand must be packed, and whether
    C is written along its unit stride.
    """
    target = target or Target.host()
    ways = [(p, False), (p.swapped(), True)]
    for q, swapped in list(ways):
        beside = q.side_by_side()
        if beside is not None:
            ways.append((beside, swapped))
    return min(ways, key=lambda way: _cycles(way[0], target))


def winograd_pays(p: Product, target: Target, slices: int = 1) -> Convolution | Gradient | None:
    """How the product is computed as a convolution or its gradient with fewer multiplications, if that is faster."""
    w: Convolution | Gradient | None = gradient_of(p, target, slices)
    if slices == 1:
        w = convolution_of(p, target) or w
    return w if w and w.cycles < written(p, target) else None


def written(p: Product, target: Target) -> float:
    """The cost of the sums as they are written."""
    return shape_of(whole(p.merged()), target).cycles


def _cycles(p: Product, target: Target) -> float:
    w = winograd_pays(p, target)
    return w.cycles if w else written(p, target)
