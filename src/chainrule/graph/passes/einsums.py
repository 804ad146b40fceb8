"""Einsum as what it is made of: products of two operands, elementwise products, sums and permutations.

Of several operands, the two whose product costs least are multiplied first, and so on. An axis that
one operand has alone, and the result has not, is summed before. Where both operands have the same
axes, or one has all axes and nothing is summed, the product is elementwise: it is fused with its
neighbours, and nothing is packed. Products of all with all stay, for loops gather them (see `loops`).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from ... import ops
from ...base import dtypes, shapes
from ...ops.contract import parse
from ..ir import Equation, Literal, Operand
from .rewrite import Rewriter, spec

__all__ = ["EINSUMS"]


def taken_apart(r: Rewriter, eq: Equation) -> Operand | None:
    """An einsum of floats in simpler equations; None for a product of two matrices."""
    dtype = eq.outputs[0].spec.dtype
    if dtype not in (dtypes.float32, dtypes.float64):
        return None
    if any([v is None or v.__class__ is Literal or spec(v).dtype is not dtype for v in eq.inputs]):
        return None
    names, out = parse(eq.attrs["equation"], len(eq.inputs))
    given = list(zip(eq.inputs, names, strict=True))
    given, changed = _summed_alone(r, given, out)
    if len(given) == 1:
        x, letters = given[0]
        return _ordered(r, x, letters, out)
    if len(given) > 2:
        return _by_pairs(r, given, out)
    (a, left), (b, right) = given
    summed = set(left + right) - set(out)
    mine, its = set(left) - set(right), set(right) - set(left)
    if (mine or its) if summed else (mine and its):
        return _product(r, a, left, b, right, out) if changed else None
    every = out + "".join(sorted(summed))
    y = r.apply(ops.mul, _spread(r, a, left, every), _spread(r, b, right, every))
    last = tuple(range(len(out), len(every)))
    return r.apply(ops.sum, y, dim=last, keepdim=False) if last else y


def _summed_alone(
    r: Rewriter, given: Sequence[tuple[Operand, str]], out: str
) -> tuple[list[tuple[Operand, str]], bool]:
    """The operands without the axes that nothing else has; whether there were any."""
    found, changed = [], False
    for k, (x, letters) in enumerate(given):
        others = out + "".join([s for j, (_, s) in enumerate(given) if j != k])
        alone = tuple([d for d, c in enumerate(letters) if c not in others])
        if alone:
            x = r.apply(ops.sum, x, dim=alone, keepdim=False)
            letters, changed = "".join([c for c in letters if c in others]), True
        found.append((x, letters))
    return found, changed


def _by_pairs(r: Rewriter, given: list[tuple[Operand, str]], out: str) -> Operand:
    """The product of several operands: first of the two that it costs least to multiply."""
    sizes = {c: n for x, s in given for c, n in zip(s, spec(x).shape, strict=True)}

    def cost(pair: tuple[int, int]) -> int:
        return shapes.size([sizes[c] for c in set(given[pair[0]][1] + given[pair[1]][1])])

    i, j = min(itertools.combinations(range(len(given)), 2), key=cost)
    rest = [x for k, x in enumerate(given) if k not in (i, j)]
    needed = out + "".join([s for _, s in rest])
    (a, left), (b, right) = given[i], given[j]
    middle = "".join([c for c in dict.fromkeys(left + right) if c in needed])
    given = [(_product(r, a, left, b, right, middle), middle), *rest]
    names = ",".join([s for _, s in given])
    return r.apply(ops.einsum, *[x for x, _ in given], equation=f"{names}->{out}")


def _product(r: Rewriter, a: Operand, left: str, b: Operand, right: str, out: str) -> Operand:
    return r.apply(ops.einsum, a, b, equation=f"{left},{right}->{out}")


def _ordered(r: Rewriter, x: Operand, letters: str, out: str) -> Operand:
    """A value with its axes in another order."""
    if letters == out:
        return x
    return r.apply(ops.permute, x, dims=tuple([letters.index(c) for c in out]))


def _spread(r: Rewriter, x: Operand, letters: str, every: str) -> Operand:
    """A value with its axes in the order of `every`, of size 1 where it has none."""
    x = _ordered(r, x, letters, "".join([c for c in every if c in letters]))
    sizes = iter(spec(x).shape)
    return r.viewed(x, tuple([next(sizes) if c in letters else 1 for c in every]))


EINSUMS = {"einsum": (taken_apart,)}
"""These keep values to rounding."""
