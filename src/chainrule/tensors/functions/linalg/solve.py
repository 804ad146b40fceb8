"""Systems of equations: their solutions, inverses of all kinds, and determinants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .... import ops
from ....base import dtypes, shapes
from ....base.errors import ArgumentError, DTypeError, LinAlgError, ShapeError
from ..results import result_type
from ..shape import movedim, reshape, squeeze, unsqueeze
from .norms import bounds, matrix_rank, need_matrix

__all__ = [
    "det", "inv", "inv_ex", "lstsq", "pinv", "slogdet", "solve", "solve_ex", "solve_triangular",
    "tensorinv", "tensorsolve",
]  # fmt: skip

inv_ex_result = result_type("linalg_inv_ex", "inverse", "info")
lstsq_result = result_type("linalg_lstsq", "solution", "residuals", "rank", "singular_values")
slogdet_result = result_type("linalg_slogdet", "sign", "logabsdet")
solve_ex_result = result_type("linalg_solve_ex", "result", "info")


def det(A: Any) -> Any:
    """The determinant of each matrix.

    >>> det(cr.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(-2.)
    """
    return ops.det(A)


def slogdet(A: Any) -> Any:
    """(sign, logabsdet) of the determinant, which may be too large or small for a number."""
    return slogdet_result(*ops.slogdet(A))


def inv(A: Any) -> Any:
    """The inverse of each matrix; a singular one is an error."""
    return ops.inv(A)


def first_zero_pivot(A: Any) -> Any:
    """For each matrix the first column that elimination finds dependent, counted from 1, or 0: int32."""
    return ops.lu(A.detach())[3]


def _regular(A: Any, info: Any) -> tuple:
    """A with unit matrices in the place of singular ones, and where they are, as (…, 1, 1)."""
    bad = ops.view(info > 0, shape=(*info.shape, 1, 1))
    return ops.where(bad, ops.eye(rows=A.shape[-1], columns=A.shape[-1], dtype=A.dtype), A), bad


def inv_ex(A: Any, *, check_errors: bool = False) -> Any:
    """(inverse, info): info counts from 1 the column at which a matrix proved singular, and is 0
    elsewhere. The inverse of a singular matrix is NaN, or an error with check_errors.
    """
    need_matrix("inv_ex", A, square=True)
    info = first_zero_pivot(A)
    if check_errors:
        return inv_ex_result(inv(A), info)
    safe, bad = _regular(A, info)
    return inv_ex_result(ops.where(bad, math.nan, ops.inv(safe)), info)


def is_vector(A: Any, B: Any) -> bool:
    """Whether B is a vector, or a batch of vectors, beside the matrices A."""
    return B.ndim == 1 or (A.ndim - 1 == B.ndim and tuple(B.shape) == tuple(A.shape[:-1]))


def solve(A: Any, B: Any, *, left: bool = True) -> Any:
    """The solution X of  A X = B  (or of  X A = B,  if not left); B may be a vector for each matrix. A
    singular matrix is an error.

    >>> solve(cr.tensor([[2.0, 0.0], [0.0, 4.0]]), cr.tensor([2.0, 2.0]))
    tensor([1.0000, 0.5000])
    """
    need_matrix("solve", A, square=True)
    if is_vector(A, B):
        if not left:
            raise ShapeError("linalg.solve(left=False) takes matrices B, not vectors")
        return squeeze(ops.solve(A, unsqueeze(B, -1)), -1)
    return ops.solve(A, B) if left else ops.solve(A.mT, B.mT).mT


def solve_ex(A: Any, B: Any, *, left: bool = True, check_errors: bool = False) -> Any:
    """(result, info): as `solve`, but the result of a singular matrix is NaN, unless check_errors."""
    need_matrix("solve_ex", A, square=True)
    info = first_zero_pivot(A)
    if check_errors:
        return solve_ex_result(solve(A, B, left=left), info)
    safe, bad = _regular(A, info)
    y = solve(safe, B, left=left)
    bad = squeeze(bad, -1) if is_vector(A, B) else bad
    return solve_ex_result(ops.where(bad, math.nan, y), info)


def solve_triangular(
    A: Any, B: Any, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Any:
    """The solution X of  A X = B  (or of  X A = B)  for a triangular matrix, whose other triangle is not
    read. A zero on the diagonal is an error (in PyTorch it gives infinities).
    """
    need_matrix("solve_triangular", A, square=True)
    need_matrix("solve_triangular", B)
    if left:
        return ops.solve_triangular(A, B, upper=bool(upper), unit=bool(unitriangular))
    return ops.solve_triangular(A.mT, B.mT, upper=not upper, unit=bool(unitriangular)).mT


def pinv(
    A: Any, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Any:
    """The pseudo-inverse (Moore–Penrose): singular values up to max(atol, rtol · the largest) count as 0;
    rtol is max(m, n) times the spacing of numbers near 1, unless a bound is given.
    """
    need_matrix("pinv", A, square=hermitian)
    atol, rtol = bounds(A, atol, rcond if rtol is None else rtol)
    return ops.pinv(A, atol, rtol, hermitian=bool(hermitian))


DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


def lstsq(A: Any, B: Any, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """(solution, residuals, rank, singular_values) of  min ‖A X − B‖,  the shortest X if there are many.

    Residuals, the squared lengths of A X − B, are there if m > n and all matrices have full rank, rank
    unless driver='gels', singular_values with 'gelsd' and 'gelss'; what is not there is empty. All
    drivers compute through singular values.

    >>> lstsq(cr.tensor([[1.0], [1.0]]), cr.tensor([[1.0], [3.0]])).solution.round()
    tensor([[2.]])
    """
    need_matrix("lstsq", A)
    driver = "gelsy" if driver is None else driver
    if driver not in DRIVERS:
        raise ArgumentError(f"lstsq knows driver = {', '.join(DRIVERS)}, found {driver!r}")
    if A.dtype is not B.dtype:
        raise DTypeError(
            f"lstsq: A and B must have one dtype, found {A.dtype.name} and {B.dtype.name}"
        )
    vector = is_vector(A, B)
    b = unsqueeze(B, -1) if vector else B
    m, n = A.shape[-2:]
    if b.ndim < 2 or b.shape[-2] != m or tuple(b.shape[:-2]) != tuple(A.shape[:-2]):
        raise ShapeError(
            f"lstsq: B must have the batch of A and a row for each of its {m}, found {tuple(A.shape)} and {tuple(B.shape)}"
        )
    atol, rtol = bounds(A, None, rcond)
    x = ops.matmul(ops.pinv(A, atol, rtol), b)
    rank = matrix_rank(A, rtol=rtol)
    residuals = ops.slice_(reshape(x, -1), dim=0, stop=0)  # none
    full = driver == "gels"  # which is for matrices of full rank, and does not look
    if m > n and driver != "gelsy" and (full or not rank.numel() or bool((rank == n).all())):
        residuals = ops.sum(ops.square(ops.matmul(A, x) - b), dim=-2)
        residuals = squeeze(residuals, -1) if vector else residuals
    singular = A.new_zeros(0)
    if driver in ("gelsd", "gelss"):
        singular = ops.svd(A.detach(), full=False)[1]
    rank = A.new_zeros(0, dtype=dtypes.int64) if driver == "gels" else rank
    return lstsq_result(squeeze(x, -1) if vector else x, residuals, rank, singular)


def tensorinv(A: Any, ind: int = 2) -> Any:
    """The inverse of a tensor as a map from its last axes to its first `ind`: tensordot(inverse, A, ind)
    is the unit.
    """
    if ind < 1:
        raise ShapeError(f"tensorinv: ind must be positive, found {ind}")
    rows, columns = shapes.size(A.shape[:ind]), shapes.size(A.shape[ind:])
    if rows != columns:
        raise ShapeError(
            f"tensorinv: the axes before and from {ind} on must have one size, found {rows} and {columns}"
        )
    return reshape(ops.inv(reshape(A, rows, columns)), (*A.shape[ind:], *A.shape[:ind]))


def tensorsolve(A: Any, B: Any, dims: Sequence[int] | None = None) -> Any:
    """The solution X of  tensordot(A, X, X.ndim) = B,  after the axes `dims` of A are moved to the end."""
    if dims is not None:
        dims = [dims] if isinstance(dims, int) else list(dims)
        A = movedim(A, dims, list(range(A.ndim - len(dims), A.ndim)))
    shape = tuple(A.shape[B.ndim :])
    if shapes.size(A.shape[: B.ndim]) != shapes.size(shape):
        raise ShapeError(
            f"tensorsolve: A must be square as a map to the shape of B, found {tuple(A.shape)} and {tuple(B.shape)}"
        )
    n = shapes.size(shape)
    if B.numel() != n:
        raise ShapeError(f"tensorsolve: B must have {n} elements, found {B.numel()}")
    return reshape(solve(reshape(A, n, n), reshape(B, n)), shape)


def check_info(name: str, info: Any, words: str) -> None:
    """An error for the first matrix that failed."""
    if bool((info != 0).any()):
        raise LinAlgError(f"linalg.{name}: {words} (info {info.tolist()})")
