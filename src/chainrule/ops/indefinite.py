"""Symmetric matrices of any signs, taken apart without square roots. Neither op has a derivative, as in PyTorch; `solve` has.

legend: n rows and columns of a symmetric matrix, k right-hand sides.
"""

from __future__ import annotations

from ..backends import xp
from ..base import dtypes, shapes
from .explain import refuse
from .kinds import decompose
from .linalg import need_matrices, need_square
from .promotion import Spec, common_dtype
from .record import Op, primitive
from .samples import F, P, S


def _ldl_law(op: Op, a: Spec) -> tuple:
    """A square matrix; a pivot for each row, and a number for each matrix."""
    need_square(a)
    return (
        Spec(a.shape, common_dtype(op, (a,))),
        Spec(a.shape[:-1], dtypes.int32),
        Spec(a.shape[:-2], dtypes.int32),
    )


@primitive(
    decompose,
    types="floating",
    law=_ldl_law,
    outputs=("factors", "pivots", "info"),
    constant=("pivots", "info"),
    reference="torch.linalg.ldl_factor_ex",
    samples=(S(F(5, 5)), S(F(2, 3, 3)), S(P(3, 3)), S(F(0, 0))),
)
def ldl(a, /):
    """L and D of  a = P L D Lᵀ Pᵀ  in one lower triangle, with pivots (n), counted from 1, and the first pivot that is 0, or 0:
    (factors, pivots, info). L has a diagonal of ones, D blocks of one or two rows; the pivots of two rows are negative. Of a the
    lower triangle is read.
    """
    return xp.ldl(a)


def _ldl_solve_law(op: Op, factors: Spec, pivots: Spec, b: Spec) -> Spec:
    """factors are (…, n, n), pivots (…, n), b is (…, n, k); leading axes broadcast."""
    need_square(factors)
    need_matrices(b)
    n = factors.shape[-1]
    if b.shape[-2] != n:
        raise refuse(f"b must have a row for each of the {n} of the factors, found {b.shape[-2]}")
    if tuple(pivots.shape[-1:]) != (n,):
        raise refuse(f"there must be a pivot for each of {n} rows, found {pivots.shape}")
    lead = shapes.broadcast(factors.shape[:-2], pivots.shape[:-1], b.shape[:-2])
    return Spec((*lead, *b.shape[-2:]), common_dtype(op, (factors, pivots, b)))


@primitive(
    decompose,
    types="floating",
    promotes=("factors", "b"),
    law=_ldl_solve_law,
    reference="torch.linalg.ldl_solve",
    samples=(
        S(P(3, 3), xp.asarray([1, 3, 3], "int32"), F(3, 2)),
        S(P(2, 5, 5), xp.asarray([[2, -4, -4, 4, 5], [1, 2, 4, -5, -5]], "int32"), F(5, 1)),
    ),
)
def ldl_solve(factors, pivots, b, /):
    """x with  a x = b,  from the factors and pivots that `ldl` gave for a."""
    return xp.ldl_solve(factors, pivots, b)
