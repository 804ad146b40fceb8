"""`einsum`, in the forms in which PyTorch takes it."""

from __future__ import annotations

from typing import Any

from ... import ops
from ...base import dtypes
from ...base.errors import ShapeError
from ...ops.contract import LETTERS

__all__ = ["einsum"]


def einsum(*args: Any) -> Any:
    """Sums of products by Einstein's convention: each letter names an axis of the operands, and letters
    that are not in the result are summed over.

    Takes `(equation, x, y, …)`, or `(x, axes of x, y, axes of y, …, axes of the result)` with integers
    for letters. `...` stands for any leading axes, which broadcast; a letter twice in one operand takes
    the diagonal; without `->` the result has the letters that occur once, in alphabetical order. An axis
    of size 1 broadcasts against others of its letter.

    >>> a, b = cr.ones(2, 3), cr.ones(3, 5)
    >>> einsum("ij,jk->ki", a, b).shape, einsum(a, [0, 1], b, [1, 2], [0, 2]).shape
    (chainrule.Size([5, 2]), chainrule.Size([2, 5]))
    >>> einsum("...ii->...i", cr.eye(3)).tolist()
    [1.0, 1.0, 1.0]
    """
    if not args:
        raise ShapeError("einsum needs an equation and operands")
    equation, operands = (args[0], args[1:]) if isinstance(args[0], str) else _from_sublists(args)
    xs = (
        list(operands[0])
        if len(operands) == 1 and isinstance(operands[0], (tuple, list))
        else list(operands)
    )
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(xs):
        raise ShapeError(
            f"einsum: the equation {equation!r} names {len(terms)} operands, found {len(xs)}"
        )
    if bad := set(left.replace("...", "") + right.replace("...", "")) - set(LETTERS + ","):
        raise ShapeError(
            f"einsum: {sorted(bad)[0]!r} in {equation!r} is not a letter, a comma, '->' or '...'"
        )
    for part in (*terms, right):
        if part.count("...") > 1:
            raise ShapeError(f"einsum: {part!r} in {equation!r} may have one '...' at most")
    free = [c for c in LETTERS if c not in equation]
    counts = [x.ndim - len(t.replace("...", "")) for t, x in zip(terms, xs, strict=True)]
    for t, x, n in zip(terms, xs, counts, strict=True):
        if n < 0 or (n > 0 and "..." not in t):
            raise ShapeError(
                f"einsum: {t!r} names {x.ndim - n} axes of an operand of shape {tuple(x.shape)}"
            )
    batch = "".join(
        free[: max([n if "..." in t else 0 for t, n in zip(terms, counts, strict=True)])]
    )
    terms = [
        t.replace("...", batch[len(batch) - n :]) if "..." in t else t
        for t, n in zip(terms, counts, strict=True)
    ]
    if not arrow:
        named = sorted(set("".join(left.replace("...", "").split(","))))
        right = batch + "".join([c for c in named if left.count(c) == 1])
    right = right.replace("...", batch)
    for k, term in enumerate(terms):
        xs[k], terms[k] = _diagonals(xs[k], term)
    return _named_once(xs, terms, right)


def _from_sublists(args: tuple) -> tuple:
    """The equation of operands that alternate with lists of integers."""

    def term(axes: Any) -> str:
        out = ""
        for a in axes:
            if a is not Ellipsis and not (isinstance(a, int) and 0 <= a < len(LETTERS)):
                raise ShapeError(
                    f"einsum: an axis is an int from 0 to {len(LETTERS) - 1} or ..., found {a!r}"
                )
            out += "..." if a is Ellipsis else LETTERS[a]
        return out

    pairs = [(args[k], args[k + 1]) for k in range(0, len(args) - 1, 2)]
    if any([not isinstance(axes, (tuple, list)) for _, axes in pairs]):
        raise ShapeError(
            "einsum takes an equation and operands, or operands that each precede a list of axes"
        )
    equation = ",".join([term(axes) for _, axes in pairs])
    if len(args) % 2:
        equation += "->" + term(args[-1])
    return equation, tuple([x for x, _ in pairs])


def _diagonals(x: Any, term: str) -> tuple:
    """A letter twice is the diagonal of its axes, which becomes the last axis."""
    while len(set(term)) != len(term):
        c = next(c for c in term if term.count(c) > 1)
        i = term.index(c)
        j = term.index(c, i + 1)
        if x.shape[i] != x.shape[j]:
            raise ShapeError(
                f"einsum: {c!r} names axes of sizes {x.shape[i]} and {x.shape[j]} of one operand"
            )
        x = ops.diagonal(x, dim1=i, dim2=j)
        term = term[:i] + term[i + 1 : j] + term[j + 1 :] + c
    return x, term


def _named_once(xs: list, terms: list, right: str) -> Any:
    """The op, whose axes do not broadcast: an axis of size 1 that meets a larger one is left out."""
    sizes: dict[str, int] = {}
    for x, term in zip(xs, terms, strict=True):
        for c, n in zip(term, x.shape, strict=True):
            if n != 1 and sizes.setdefault(c, n) != n:
                raise ShapeError(
                    f"einsum: axis {c!r} has size {sizes[c]} and, in another operand, {n}"
                )
    for k, (x, term) in enumerate(zip(xs, terms, strict=True)):
        kept = [(c, n) for c, n in zip(term, x.shape, strict=True) if n != 1 or c not in sizes]
        if len(kept) < len(term):
            xs[k] = ops.view(x, shape=tuple([n for _, n in kept]))
            terms[k] = "".join([c for c, _ in kept])
    alone = {c for c in "".join(terms) if c not in right and "".join(terms).count(c) == 1}
    if alone and not any([x.dtype.is_floating_point for x in xs]):
        for k, (x, term) in enumerate(zip(xs, terms, strict=True)):
            # as in PyTorch, integers along an axis of one operand are summed as int64
            summed = tuple([d for d, c in enumerate(term) if c in alone])
            xs[k] = ops.sum(x, dim=summed) if summed else ops.cast(x, dtype="int64")
            terms[k] = "".join([c for c in term if c not in alone])
    return ops.einsum(*_in_one_dtype(xs, terms, right), equation=",".join(terms) + "->" + right)


def _in_one_dtype(xs: list, terms: list, right: str) -> list:
    """Operands of several dtypes as the one they are promoted to, where each with those before it makes a product
    element by element, as in PyTorch. A sum of products does not promote (nor does `matmul`), which the op refuses.
    """
    single = {
        c
        for x, term in zip(xs, terms, strict=True)
        for c, n in zip(term, x.shape, strict=True)
        if n == 1
    }
    dtype = xs[0].dtype
    for k in range(1, len(xs)):
        later = "".join(terms[k + 1 :]) + right
        summed = (set("".join(terms[:k])) & set(terms[k])) - set(later) - single
        if summed and xs[k].dtype is not dtype:
            return xs
        dtype = dtypes.promote([(d, dtypes.AXES) for d in (dtype, xs[k].dtype)])
    return [x if x.dtype is dtype else ops.cast(x, dtype=dtype) for x in xs]
