"""Matrices by PyTorch's older top-level names, over `linalg`."""

from __future__ import annotations

import math
from typing import Any

from ... import ops
from ...base import dtypes
from ...base.errors import DTypeError, ShapeError
from . import linalg
from .linalg.factor import order_of, permutation, unpacked
from .results import result_type

__all__ = [
    "cholesky", "cholesky_inverse", "cholesky_solve", "det", "geqrf", "inverse", "logdet", "lu",
    "lu_solve", "lu_unpack", "matrix_exp", "matrix_power", "orgqr", "ormqr", "pca_lowrank", "pinverse", "qr",
    "slogdet", "svd", "svd_lowrank", "triangular_solve", "vander",
]  # fmt: skip

geqrf_result = result_type("geqrf", "a", "tau")
lu_unpack_result = result_type("lu_unpack", "P", "L", "U")
svd_result = result_type("svd", "U", "S", "V")
triangular_solve_result = result_type("triangular_solve", "solution", "cloned_coefficient")


def det(input: Any) -> Any:
    """The determinant of each matrix; see `linalg.det`."""
    return linalg.det(input)


def slogdet(input: Any) -> Any:
    """(sign, logabsdet) of the determinant; see `linalg.slogdet`."""
    return linalg.slogdet(input)


def logdet(input: Any) -> Any:
    """The logarithm of the determinant; NaN where that is negative.

    >>> logdet(cr.eye(3) * 2)
    tensor(2.0794)
    """
    sign, size = ops.slogdet(input)
    return ops.where(sign < 0, math.nan, size)


def inverse(input: Any) -> Any:
    """The inverse of each matrix; see `linalg.inv`."""
    return linalg.inv(input)


def pinverse(input: Any, rcond: float = 1e-15) -> Any:
    """The pseudo-inverse; see `linalg.pinv`."""
    return linalg.pinv(input, rcond)


def matrix_exp(input: Any) -> Any:
    """The exponential of each matrix; see `linalg.matrix_exp`."""
    return linalg.matrix_exp(input)


def matrix_power(input: Any, n: int) -> Any:
    """Each matrix to an integer power; see `linalg.matrix_power`."""
    return linalg.matrix_power(input, n)


def cholesky(input: Any, upper: bool = False) -> Any:
    """The triangular factor of symmetric positive definite matrices; see `linalg.cholesky`."""
    return linalg.cholesky(input, upper=upper)


def cholesky_solve(B: Any, L: Any, upper: bool = False) -> Any:
    """The solution X of  A X = B  from the factor L of A (with upper, its transpose)."""
    linalg.norms.need_matrix("cholesky_solve", B)
    linalg.norms.need_matrix("cholesky_solve", L, square=True)
    low = L.mT if upper else L
    y = ops.solve_triangular(low, B, upper=False)
    return ops.solve_triangular(low.mT, y, upper=True)


def cholesky_inverse(L: Any, upper: bool = False) -> Any:
    """The inverse of A from its factor L (with upper, its transpose)."""
    linalg.norms.need_matrix("cholesky_inverse", L, square=True)
    return cholesky_solve(ops.eye(rows=L.shape[-1], columns=L.shape[-1], dtype=L.dtype), L, upper)


def qr(input: Any, some: bool = True) -> Any:
    """(Q, R) with A = Q R; see `linalg.qr`."""
    return linalg.qr(input, "reduced" if some else "complete")


def svd(input: Any, some: bool = True, compute_uv: bool = True) -> Any:
    """(U, S, V) with  A = U diag(S) Vᵀ;  note that V is not transposed, as in `linalg.svd`. Without
    compute_uv, U and V are zeros.
    """
    linalg.norms.need_matrix("svd", input)
    if not compute_uv:
        m, n = input.shape[-2:]
        lead = tuple(input.shape[:-2])
        u, v = input.new_zeros((*lead, m, m)), input.new_zeros((*lead, n, n))
        return svd_result(u, linalg.svdvals(input), v)
    u, s, vt = ops.svd(input, full=not some)
    return svd_result(u, s, vt.mT)


def svd_lowrank(A: Any, q: int | None = 6, niter: int = 2, M: Any = None) -> Any:
    """(U, S, V) of the q largest singular values of A − M. Computed from all singular values: PyTorch
    approximates them by `niter` steps from random vectors, and needs none of them here.

    >>> U, S, V = svd_lowrank(cr.tensor([[3.0, 0.0], [0.0, 1.0]]), q=1)
    >>> S, (U * S) @ V.mT
    (tensor([3.]), tensor([[3., 0.],
            [0., 0.]]))
    """
    linalg.norms.need_matrix("svd_lowrank", A)
    largest, q = min(A.shape[-2:]), 6 if q is None else q
    if not 0 <= q <= largest:
        raise ShapeError(f"svd_lowrank: q must be between 0 and {largest}, found {q}")
    if niter < 0:
        raise ShapeError(f"svd_lowrank: niter cannot be negative, found {niter}")
    u, s, vt = ops.svd(A if M is None else A - M, full=False)
    v = ops.slice_(vt, dim=-2, stop=q).mT
    return svd_result(ops.slice_(u, dim=-1, stop=q), ops.slice_(s, dim=-1, stop=q), v)


def pca_lowrank(A: Any, q: int | None = None, center: bool = True, niter: int = 2) -> Any:
    """(U, S, V) of the q (6 unless given) principal components of rows of A, whose mean is taken off if
    center; see `svd_lowrank`.
    """
    linalg.norms.need_matrix("pca_lowrank", A)
    q = min(6, *A.shape[-2:]) if q is None else q
    return svd_lowrank(A, q, niter, ops.mean(A, dim=-2, keepdim=True) if center else None)


def geqrf(input: Any) -> Any:
    """(a, tau): R, and below its diagonal the vectors of Householder's reflections; see `ormqr` and
    `linalg.householder_product`. It has no derivative.
    """
    linalg.norms.need_matrix("geqrf", input)
    return geqrf_result(*ops.geqrf(input))


def orgqr(input: Any, tau: Any) -> Any:
    """The orthogonal matrix of Householder vectors; see `linalg.householder_product`."""
    return linalg.householder_product(input, tau)


def ormqr(input: Any, tau: Any, other: Any, left: bool = True, transpose: bool = False) -> Any:
    """Q other (or  other Q,  if not left; with Qᵀ for Q if transpose), Q the whole orthogonal matrix of
    Householder vectors.
    """
    linalg.norms.need_matrix("ormqr", input, other)
    m, k = other.shape[-2 if left else -1], tau.shape[-1] if tau.ndim else -1
    if input.shape[-2] != m or k > input.shape[-1] or not 0 <= k <= m:
        raise ShapeError(
            f"ormqr: input must have {m} rows and a column for each of at most {m} taus, "
            f"found {tuple(input.shape)}, {tuple(tau.shape)} and {tuple(other.shape)}"
        )
    if tuple(tau.shape[:-1]) != tuple(input.shape[:-2]) or tuple(input.shape[:-2]) != tuple(
        other.shape[:-2]
    ):
        raise ShapeError(
            f"ormqr: the batches must be equal, found {tuple(input.shape)}, {tuple(tau.shape)}, {tuple(other.shape)}"
        )
    if len({x.dtype for x in (input, tau, other)}) > 1:
        raise DTypeError(
            f"ormqr: one dtype is needed, found {input.dtype.name}, {tau.dtype.name}, {other.dtype.name}"
        )
    one = ops.eye(rows=m, columns=input.shape[-1], dtype=input.dtype)
    vectors = ops.tril(input, diagonal=-1) + one
    y = other if left else other.mT
    forward = transpose == left  # Q = H₁ H₂ … Hₖ; (Y Q)ᵀ = Qᵀ Yᵀ
    for j in range(k) if forward else reversed(range(k)):
        v = ops.slice_(vectors, dim=-1, start=j, stop=j + 1)
        t = ops.slice_(tau, dim=-1, start=j, stop=j + 1)
        t = ops.view(t, shape=(*t.shape, 1))
        y = y - t * ops.matmul(v, ops.matmul(v.mT, y))
    return y if left else y.mT


def lu(A: Any, pivot: bool = True, get_infos: bool = False) -> tuple:
    """(LU, pivots), and with get_infos also the first pivot that is 0; see `linalg.lu_factor`."""
    found = linalg.lu_factor_ex(A, pivot=pivot)
    return tuple(found) if get_infos else tuple(found[:2])


def lu_solve(b: Any, LU_data: Any, LU_pivots: Any) -> Any:
    """The solution X of  A X = b  from the factors of A; see `linalg.lu_solve`."""
    return linalg.lu_solve(LU_data, LU_pivots, b)


def lu_unpack(
    LU_data: Any, LU_pivots: Any, unpack_data: bool = True, unpack_pivots: bool = True
) -> Any:
    """(P, L, U) from what `linalg.lu_factor` gave; what is not asked for is empty."""
    linalg.norms.need_matrix("lu_unpack", LU_data)
    m, n = LU_data.shape[-2:]
    empty = LU_data.new_zeros(0)
    low, up = unpacked(LU_data) if unpack_data else (empty, empty)
    if not unpack_pivots:
        return lu_unpack_result(empty, low, up)
    if LU_pivots.dtype is not dtypes.int32:
        raise DTypeError(f"lu_unpack: pivots must be int32, found {LU_pivots.dtype.name}")
    if tuple(LU_pivots.shape) != (*LU_data.shape[:-2], min(m, n)):
        raise ShapeError(
            f"lu_unpack: pivots must be {(*LU_data.shape[:-2], min(m, n))}, found {tuple(LU_pivots.shape)}"
        )
    return lu_unpack_result(permutation(order_of(LU_pivots, m), LU_data.dtype), low, up)


def triangular_solve(
    b: Any, A: Any, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> Any:
    """(solution, cloned_coefficient) of  A X = b  (of  Aᵀ X = b,  if transpose) for triangular A."""
    linalg.norms.need_matrix("triangular_solve", b)
    linalg.norms.need_matrix("triangular_solve", A, square=True)
    a, up = (A.mT, not upper) if transpose else (A, upper)
    y = ops.solve_triangular(a, b, upper=bool(up), unit=bool(unitriangular))
    lead = tuple(y.shape[:-2])
    return triangular_solve_result(y, ops.clone(ops.expand(A, shape=(*lead, *A.shape[-2:]))))


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """The powers of each element of a vector as columns, from the highest, or from 0 on (increasing); see
    `linalg.vander`.

    >>> vander(cr.tensor([2, 3]), 3)
    tensor([[4, 2, 1],
            [9, 3, 1]])
    """
    if x.ndim != 1:
        raise ShapeError(f"vander takes a vector, found {x.ndim} axes")
    n = x.shape[0] if N is None else N
    if n < 0:
        raise ShapeError(f"vander: N cannot be negative, found {n}")
    y = linalg.vander(x, N=max(n, 2))
    y = ops.slice_(y, dim=1, stop=n)
    return y if increasing else ops.flip(y, dims=(1,))
