"""Products of vectors, matrices and batches of them, and `einsum`."""

from __future__ import annotations

from typing import Any

from ... import ops
from ...base import shapes
from ...base.errors import ShapeError
from .shape import squeeze, unsqueeze

__all__ = [
    "addmm", "baddbmm", "bmm", "dot", "einsum", "matmul", "mm", "mv", "outer",
]  # fmt: skip


def matmul(input: Any, other: Any) -> Any:
    """The matrix product of the last two axes; a vector counts as a row on the left and a column
    on the right.
    """
    if input.ndim == 0 or other.ndim == 0:
        raise ShapeError(
            "matmul(a, b): both operands need at least one axis, a number has none\n  hint: a * b"
            " scales"
        )
    a = unsqueeze(input, 0) if input.ndim == 1 else input
    b = unsqueeze(other, 1) if other.ndim == 1 else other
    y = ops.matmul(a, b)
    if other.ndim == 1:
        y = squeeze(y, -1)
    return squeeze(y, -2 if other.ndim > 1 else -1) if input.ndim == 1 else y


def _need_axes(name: str, **wanted: tuple) -> None:
    for operand, (x, n) in wanted.items():
        if x.ndim != n:
            raise ShapeError(f"{name}: {operand} must have {n} axes, found {tuple(x.shape)}")


def mm(input: Any, mat2: Any) -> Any:
    """The product of two matrices."""
    _need_axes("mm", input=(input, 2), mat2=(mat2, 2))
    return ops.matmul(input, mat2)


def bmm(input: Any, mat2: Any) -> Any:
    """The products of two batches of matrices."""
    _need_axes("bmm", input=(input, 3), mat2=(mat2, 3))
    if input.shape[0] != mat2.shape[0]:
        raise ShapeError(
            f"bmm: the batches must be equal, found {input.shape[0]} and {mat2.shape[0]}"
        )
    return ops.matmul(input, mat2)


def mv(input: Any, vec: Any) -> Any:
    """The product of a matrix and a vector."""
    _need_axes("mv", input=(input, 2), vec=(vec, 1))
    return matmul(input, vec)


def dot(input: Any, tensor: Any) -> Any:
    """The inner product of two vectors."""
    _need_axes("dot", input=(input, 1), tensor=(tensor, 1))
    return ops.einsum(input, tensor, equation="i,i->")


def outer(input: Any, vec2: Any) -> Any:
    """The outer product of two vectors."""
    _need_axes("outer", input=(input, 1), vec2=(vec2, 1))
    return unsqueeze(input, 1) * unsqueeze(vec2, 0)


def addmm(input: Any, mat1: Any, mat2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta · input + alpha · mat1 @ mat2."""
    return _added(input, mm(mat1, mat2), beta, alpha)


def baddbmm(input: Any, batch1: Any, batch2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta · input + alpha · batch1 @ batch2."""
    return _added(input, bmm(batch1, batch2), beta, alpha)


def _added(input: Any, product: Any, beta: float, alpha: float) -> Any:
    y = product if alpha == 1 else product * alpha
    if beta == 0:  # as in PyTorch, NaN in input does not reach the result
        return y
    return (input if beta == 1 else input * beta) + y


def einsum(equation: str, *operands: Any) -> Any:
    """Sum of products by Einstein's convention, with `...` and diagonals (`ii`)."""
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
    if "..." in equation:
        free = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in equation]
        counts = [
            x.ndim - len(term.replace("...", "")) if "..." in term else 0
            for term, x in zip(terms, xs, strict=True)
        ]
        batch = "".join(free[: max(counts)])
        names = sorted(set("".join(terms)) - {"."})
        if not arrow:
            right = "..." + "".join([c for c in names if left.count(c) == 1])
        sizes = shapes.broadcast(
            *[
                _batch_shape(term, tuple(x.shape), n)
                for term, x, n in zip(terms, xs, counts, strict=True)
            ]
        )
        for k, (term, n) in enumerate(zip(terms, counts, strict=True)):
            if "..." in term:
                before = len(term.split("...")[0])
                wanted = (
                    *xs[k].shape[:before],
                    *sizes[len(sizes) - n :],
                    *xs[k].shape[before + n :],
                )
                xs[k] = ops.expand(xs[k], shape=wanted)
                terms[k] = term.replace("...", batch[len(batch) - n :])
        right = right.replace("...", batch)
    elif not arrow:
        right = "".join([c for c in sorted(set(left) - {","}) if left.count(c) == 1])
    for k, term in enumerate(terms):
        while len(set(term)) != len(term):
            c = next(c for c in term if term.count(c) > 1)
            i = term.index(c)
            j = term.index(c, i + 1)
            xs[k] = ops.diagonal(xs[k], dim1=i, dim2=j)
            term = term[:i] + term[i + 1 : j] + term[j + 1 :] + c
        terms[k] = term
    return ops.einsum(*xs, equation=",".join(terms) + "->" + right)


def _batch_shape(term: str, shape: tuple, n: int) -> tuple:
    before = len(term.split("...")[0])
    return shape[before : before + n] if "..." in term else ()
