"""Products: named axes are multiplied and summed."""

from __future__ import annotations

from typing import Any

from ..backends import xp
from ..base import shapes
from ..base.errors import ShapeError
from .explain import refuse
from .kinds import contract
from .promotion import Spec, common_dtype
from .record import Op, primitive
from .samples import F, S
from .shape import expand, view

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""What may name an axis, in PyTorch's order. (The module `string` would compile a pattern first.)"""


def _matmul_law(op: Op, a: Spec, b: Spec) -> Spec:
    """(…, m, k) @ (…, k, n) → (…, m, n); leading axes broadcast."""
    if a.ndim < 2 or b.ndim < 2:
        raise refuse(
            "both operands need at least two axes",
            **{n: f"has {s.ndim}" for n, s in (("a", a), ("b", b)) if s.ndim < 2},
        )
    if a.shape[-1] != b.shape[-2]:
        e = refuse(
            "the last axis of a must equal the second-to-last axis of b",
            b=f"k is {a.shape[-1]} in a but {b.shape[-2]} in b",
            hint=_transpose_hint(a.shape, b.shape),
        )
        e.axes = {"a": "mk", "b": "kn"}  # type: ignore[attr-defined]
        raise e
    try:
        lead = shapes.broadcast(a.shape[:-2], b.shape[:-2])
    except ShapeError as e:
        raise refuse(
            f"the leading axes {a.shape[:-2]} and {b.shape[:-2]} do not broadcast: {e}"
        ) from None
    return Spec((*lead, a.shape[-2], b.shape[-1]), common_dtype(op, (a, b)))


def _transpose_hint(a: tuple, b: tuple) -> str:
    if a[-1] == b[-1]:
        return "a @ b.mT would fit"
    if a[-2] == b[-2]:
        return "a.mT @ b would fit"
    return "b @ a would fit" if b[-1] == a[-2] else ""


@primitive(
    contract,
    types="same",
    law=_matmul_law,
    reference="torch.matmul",
    onnx="MatMul",
    samples=(
        S(F(5, 3), F(3, 7)),
        S(F(2, 5, 3), F(3, 7)),
        S(F(2, 1, 5, 3), F(4, 3, 2)),
        S(F(5, 0), F(0, 3)),
        S(F(0, 3), F(3, 2)),
    ),
)
def matmul(a, b, /):
    """Matrix product of the last two axes,  y[…, i, j] = Σₖ a[…, i, k] · b[…, k, j]."""
    if a.ndim < 2 or b.ndim < 2:
        raise refuse("both operands need at least two axes")  # NumPy would take vectors
    if b.ndim == 2 and a.ndim > 2:  # one large product instead of many small ones
        return (
            xp.matmul(a.reshape(-1, a.shape[-1]), b).reshape(*a.shape[:-1], b.shape[-1])
            if a.size
            else xp.matmul(a, b)
        )
    return xp.matmul(a, b)


matmul.vjp(
    a=lambda g, b: g @ b.mT,
    b=lambda g, a, b_shape: rows(a).mT @ rows(g) if len(b_shape) == 2 else a.mT @ g,
)


def rows(x: Any) -> Any:
    """All axes but the last as one: (…, n) → (rows, n)."""
    return x if x.ndim == 2 else view(x, shape=(shapes.size(x.shape[:-1]), x.shape[-1]))


def parse(equation: str, count: int) -> tuple[list[str], str]:
    """The subscripts of each operand and of the result of an einsum equation without `...`."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    operands = left.split(",")
    if len(operands) != count:
        raise refuse(f"the equation {equation!r} names {len(operands)} operands, found {count}")
    if not arrow:
        letters = [c for c in sorted(set(left)) if c in LETTERS and left.count(c) == 1]
        right = "".join(letters)
    if bad := set(left + right) - set(LETTERS + ","):
        raise refuse(
            f"the equation {equation!r} has the letter {sorted(bad)[0]!r}; axes are named a-z, A-Z"
        )
    if extra := set(right) - set(left):
        raise refuse(f"the result's axis {sorted(extra)[0]!r} is in no operand of {equation!r}")
    if len(set(right)) != len(right):
        raise refuse(f"the result of {equation!r} names an axis twice")
    return operands, right


def _einsum_law(op: Op, *xs: Spec, equation: str) -> Spec:
    """Axes of one letter have one size; letters that are not in the result are summed over."""
    operands, right = parse(equation, len(xs))
    sizes: dict[str, int] = {}
    for k, (letters, s) in enumerate(zip(operands, xs, strict=True)):
        if len(letters) != s.ndim:
            raise refuse(
                f"{letters!r} names {len(letters)} axes of operand {k}, which has {s.ndim}"
            )
        for c, n in zip(letters, s.shape, strict=True):
            if sizes.setdefault(c, n) != n:
                raise refuse(
                    f"axis {c!r} of {equation!r} has size {sizes[c]} and, in operand {k}, {n}"
                )
    return Spec(tuple([sizes[c] for c in right]), common_dtype(op, xs))


@primitive(
    contract,
    types="same",
    law=_einsum_law,
    reference="torch.einsum",
    onnx="Einsum",
    samples=(
        S(F(5, 3), F(3, 2), equation="ij,jk->ik"),
        S(F(2, 5, 3), F(2, 3), equation="bij,bj->bi"),
        S(F(5, 3), equation="ij->j"),
        S(F(5), F(3), equation="i,j->ij"),
        S(F(3, 2), F(2, 5), F(5, 7), equation="ij,jk,kl->il"),
        S(F(5), F(5), equation="i,i->"),
    ),
)
def einsum(*xs, equation):
    """Sum of products by Einstein's convention; each operand names an axis at most once, without
    `...`.
    """
    return xp.einsum(equation, *xs, optimize=len(xs) > 1)


def _einsum_rule(g: Any, xs: tuple, equation: str) -> list:
    operands, right = parse(equation, len(xs))
    out = []
    for k, letters in enumerate(operands):
        others = [x for j, x in enumerate(xs) if j != k]
        names = [right] + [s for j, s in enumerate(operands) if j != k]
        known = "".join([c for c in letters if c in "".join(names)])
        gk = einsum(g, *others, equation=",".join(names) + "->" + known)
        sizes = dict(zip(letters, xs[k].shape, strict=True))
        gk = view(gk, shape=tuple([sizes[c] if c in known else 1 for c in letters]))
        # an axis summed alone: the same gradient all along it
        out.append(expand(gk, shape=xs[k].shape))
    return out


einsum.strict = True  # NumPy would broadcast an axis of size 1
einsum.vjp(xs=lambda g, xs, equation: _einsum_rule(g, xs, equation))
