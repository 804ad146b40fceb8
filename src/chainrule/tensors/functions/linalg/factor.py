"""Matrices taken apart: triangular factors, orthogonal factors, eigenvalues and singular values."""

from __future__ import annotations

import math
from typing import Any

from .... import ops
from ....base import dtypes, shapes
from ....base.errors import ArgumentError, DTypeError, ShapeError
from ..results import result_type
from ..shape import transpose, unsqueeze
from .norms import need_matrix
from .solve import check_info

__all__ = [
    "cholesky", "cholesky_ex", "eig", "eigh", "eigvals", "eigvalsh", "householder_product", "ldl_factor", "ldl_factor_ex",
    "ldl_solve", "lu",
    "lu_factor", "lu_factor_ex", "lu_solve", "qr", "svd", "svdvals",
]  # fmt: skip

cholesky_ex_result = result_type("linalg_cholesky_ex", "L", "info")
eigh_result = result_type("linalg_eigh", "eigenvalues", "eigenvectors")
ldl_factor_result = result_type("linalg_ldl_factor", "LD", "pivots")
ldl_factor_ex_result = result_type("linalg_ldl_factor_ex", "LD", "pivots", "info")
lu_factor_result = result_type("linalg_lu_factor", "LU", "pivots")
lu_factor_ex_result = result_type("linalg_lu_factor_ex", "LU", "pivots", "info")
lu_result = result_type("linalg_lu", "P", "L", "U")
qr_result = result_type("linalg_qr", "Q", "R")
svd_result = result_type("linalg_svd", "U", "S", "Vh")

# ------------------------------------------------------------------------------------------------ triangular factors


def cholesky(A: Any, *, upper: bool = False) -> Any:
    """The lower triangular L with  A = L Lᵀ  (or its transpose, upper) of a symmetric positive definite
    matrix, of which that triangle is read. Another matrix is an error.

    >>> cholesky(cr.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    need_matrix("cholesky", A, square=True)
    return ops.cholesky(A.mT).mT if upper else ops.cholesky(A)


def cholesky_ex(A: Any, *, upper: bool = False, check_errors: bool = False) -> Any:
    """(L, info): info is the order of the first leading minor that is not positive definite, or 0. The
    factor of such a matrix is NaN, or an error with check_errors.
    """
    need_matrix("cholesky_ex", A, square=True)
    info = ops.cholesky_info((A.mT if upper else A).detach())
    if check_errors:
        check_info("cholesky_ex", info, "the matrix is not positive definite")
    bad = ops.view(info > 0, shape=(*info.shape, 1, 1))
    one = ops.eye(rows=A.shape[-1], columns=A.shape[-1], dtype=A.dtype)
    y = cholesky(ops.where(bad, one, A), upper=upper)
    return cholesky_ex_result(ops.where(bad, math.nan, y), info)


def ldl_factor(A: Any, *, hermitian: bool = False) -> Any:
    """(LD, pivots) of a symmetric matrix that need not be positive definite, of which the lower triangle is read: L and the blocks of D in
    one triangle, as `ldl_solve` takes them. `hermitian` says the same of real matrices.

    >>> ldl_factor(cr.tensor([[4.0, 2.0], [2.0, -1.0]])).LD
    tensor([[ 4.0000,  0.0000],
            [ 0.5000, -2.0000]])
    """
    found = ldl_factor_ex(A, hermitian=hermitian)
    check_info("ldl_factor", found.info, "a pivot is 0")
    return ldl_factor_result(*found[:2])


def ldl_factor_ex(A: Any, *, hermitian: bool = False, check_errors: bool = False) -> Any:
    """(LD, pivots, info): info is the first pivot that is 0, counted from 1, or 0."""
    need_matrix("ldl_factor_ex", A, square=True)
    factors, pivots, info = ops.ldl(A)
    if check_errors:
        check_info("ldl_factor_ex", info, "a pivot is 0")
    return ldl_factor_ex_result(factors, pivots, info)


def ldl_solve(LD: Any, pivots: Any, B: Any, *, hermitian: bool = False) -> Any:
    """The solution X of  A X = B  from the factors of A that `ldl_factor` gave."""
    need_matrix("ldl_solve", LD, square=True)
    need_matrix("ldl_solve", B)
    if pivots.dtype not in dtypes.INTEGERS:
        raise DTypeError(f"ldl_solve: pivots must be integers, found {pivots.dtype.name}")
    if LD.dtype is not B.dtype:
        raise DTypeError(f"ldl_solve: LD is {LD.dtype.name}, but B {B.dtype.name}")
    if pivots.shape != LD.shape[:-1]:
        raise ShapeError(
            f"ldl_solve: there must be a pivot for each row, {tuple(LD.shape[:-1])}, found {tuple(pivots.shape)}"
        )
    return ops.ldl_solve(LD, pivots, B)


def lu_factor(A: Any, *, pivot: bool = True) -> Any:
    """(LU, pivots): L and U in one matrix, as `lu_solve` takes them; row j was exchanged with row
    pivots[j], counted from 1.
    """
    need_matrix("lu_factor", A)
    return lu_factor_result(*ops.lu(A, pivot=bool(pivot))[:2])


def lu_factor_ex(A: Any, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """(LU, pivots, info): info is the first pivot that is 0, counted from 1, or 0."""
    need_matrix("lu_factor_ex", A)
    factors, pivots, _, info = ops.lu(A, pivot=bool(pivot))
    if check_errors:
        check_info("lu_factor_ex", info, "the matrix is singular")
    return lu_factor_ex_result(factors, pivots, info)


def lu(A: Any, *, pivot: bool = True) -> Any:
    """(P, L, U) with  A = P L U,  P a permutation, L lower triangular with a diagonal of ones. Without
    pivot P is empty.
    """
    need_matrix("lu", A)
    factors, _, order, _ = ops.lu(A, pivot=bool(pivot))
    low, up = unpacked(factors)
    if not pivot:
        return lu_result(A.new_zeros(0), low, up)
    return lu_result(permutation(order, A.dtype), low, up)


def unpacked(factors: Any) -> tuple:
    """L and U of a matrix that holds both."""
    m, n = factors.shape[-2:]
    k = min(m, n)
    low = ops.tril(ops.slice_(factors, dim=-1, start=0, stop=k), diagonal=-1)
    low = low + ops.eye(rows=m, columns=k, dtype=factors.dtype)
    return low, ops.triu(ops.slice_(factors, dim=-2, start=0, stop=k))


def permutation(order: Any, dtype: Any) -> Any:
    """The matrix P that puts row k of what it is multiplied with to row order[k]."""
    n = order.shape[-1]
    rows = ops.arange(start=0, step=1, count=n, dtype=dtypes.int64)
    return ops.cast(ops.view(rows, shape=(n, 1)) == unsqueeze(order, -2), dtype=dtype)


def order_of(pivots: Any, rows: int) -> Any:
    """The order of rows that exchanges (counted from 1) lead to."""
    found = pivots._concrete("lu_solve, lu_unpack")
    found = found.reshape(shapes.size(pivots.shape[:-1]), pivots.shape[-1])
    table = []
    for swaps in found.tolist():
        order = list(range(rows))
        for j, p in enumerate(swaps):
            order[j], order[p - 1] = order[p - 1], order[j]
        table.append(order)
    flat = pivots.new_tensor([r for order in table for r in order], dtype=dtypes.int64)
    return flat.reshape((*pivots.shape[:-1], rows))


def lu_solve(LU: Any, pivots: Any, B: Any, *, left: bool = True, adjoint: bool = False) -> Any:
    """The solution X of  A X = B  (of  X A = B,  if not left; with Aᵀ for A if adjoint) from the factors
    of A that `lu_factor` gave.
    """
    need_matrix("lu_solve", LU, square=True)
    need_matrix("lu_solve", B)
    if pivots.dtype is not dtypes.int32:
        raise DTypeError(f"lu_solve: pivots must be int32, found {pivots.dtype.name}")
    if tuple(pivots.shape) != tuple(LU.shape[:-1]):
        raise ShapeError(
            f"lu_solve: pivots must be {tuple(LU.shape[:-1])}, found {tuple(pivots.shape)}"
        )
    if not left:
        return lu_solve(LU, pivots, B.mT, adjoint=not adjoint).mT
    P = permutation(order_of(pivots, LU.shape[-1]), LU.dtype)
    if adjoint:  # Aᵀ = Uᵀ Lᵀ Pᵀ
        y = ops.solve_triangular(LU.mT, B, upper=False, unit=False)
        return ops.matmul(P, ops.solve_triangular(LU.mT, y, upper=True, unit=True))
    y = ops.solve_triangular(LU, ops.matmul(P.mT, B), upper=False, unit=True)
    return ops.solve_triangular(LU, y, upper=True, unit=False)


# ------------------------------------------------------------------------------------------------ orthogonal factors


def qr(A: Any, mode: str = "reduced") -> Any:
    """(Q, R) with  A = Q R:  'reduced' to min(m, n) columns of Q, 'complete', or 'r' (Q is empty)."""
    need_matrix("qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise ArgumentError(f"linalg.qr knows mode = 'reduced', 'complete' and 'r', found {mode!r}")
    q, r = ops.qr(A, full=mode == "complete")
    return qr_result(A.new_zeros(0) if mode == "r" else q, r)


def householder_product(A: Any, tau: Any) -> Any:
    """The first n columns of  H₁ H₂ … Hₖ,  Hᵢ = 1 − τᵢ vᵢ vᵢᵀ,  vᵢ the column i of A below its diagonal,
    on which it is 1.
    """
    need_matrix("householder_product", A)
    m, n = A.shape[-2:]
    k = tau.shape[-1] if tau.ndim else -1
    if m < n or not 0 <= k <= n or tuple(tau.shape[:-1]) != tuple(A.shape[:-2]):
        raise ShapeError(
            f"householder_product takes A (…, m, n) with m ≥ n and tau (…, k) with k ≤ n, found {tuple(A.shape)} and {tuple(tau.shape)}"
        )
    if A.dtype is not tau.dtype:
        raise DTypeError(
            f"householder_product: A and tau must have one dtype, found {A.dtype.name} and {tau.dtype.name}"
        )
    one = ops.eye(rows=m, columns=n, dtype=A.dtype)
    vectors = ops.tril(A, diagonal=-1) + one
    y = ops.where(ops.full(shape=(), value=False, dtype=dtypes.bool_), A, one)
    for j in reversed(range(k)):
        v = ops.slice_(vectors, dim=-1, start=j, stop=j + 1)
        t = unsqueeze(ops.slice_(tau, dim=-1, start=j, stop=j + 1), -1)
        y = y - t * ops.matmul(v, ops.matmul(transpose(v, -2, -1), y))
    return y


def eigh(A: Any, UPLO: str = "L") -> Any:
    """(eigenvalues, eigenvectors) of symmetric matrices, in ascending order, vectors as columns; the lower
    ('L') or upper triangle is read. The signs of the vectors are LAPACK's choice.
    """
    return eigh_result(*ops.eigh(A, lower=_lower(UPLO)))


def eigvalsh(A: Any, UPLO: str = "L") -> Any:
    """The eigenvalues of symmetric matrices, in ascending order."""
    return ops.eigh(A, lower=_lower(UPLO))[0]


def _lower(uplo: str) -> bool:
    if not isinstance(uplo, str) or uplo.upper() not in ("L", "U"):
        raise ArgumentError(f"UPLO must be 'L' or 'U', found {uplo!r}")
    return uplo.upper() == "L"


def eig(A: Any) -> Any:
    """Refused: eigenvalues of a matrix that is not symmetric are complex numbers."""
    raise DTypeError(
        "linalg.eig gives complex numbers, which are not supported\n  hint: eigh for symmetric matrices, svd for others"
    )


def eigvals(A: Any) -> Any:
    """Refused: eigenvalues of a matrix that is not symmetric are complex numbers."""
    raise DTypeError(
        "linalg.eigvals gives complex numbers, which are not supported\n  hint: eigvalsh for symmetric matrices, svdvals for others"
    )


DRIVERS = ("gesvd", "gesvdj", "gesvda")


def svd(A: Any, full_matrices: bool = True, *, driver: str | None = None) -> Any:
    """(U, S, Vh) with  A = U diag(S) Vh,  singular values in descending order. `driver` names one of
    CUDA's algorithms, and is refused as on any CPU.

    >>> svd(cr.tensor([[0.0, 2.0], [1.0, 0.0]])).S
    tensor([2., 1.])
    """
    need_matrix("svd", A)
    _no_driver(driver)
    return svd_result(*ops.svd(A, full=bool(full_matrices)))


def svdvals(A: Any, *, driver: str | None = None) -> Any:
    """The singular values of each matrix, in descending order."""
    need_matrix("svdvals", A)
    _no_driver(driver)
    return ops.svd(A, full=False)[1]


def _no_driver(driver: str | None) -> None:
    if driver is not None:
        raise ArgumentError(
            f"driver={driver!r} chooses among CUDA's algorithms; tensors live on the CPU"
        )
