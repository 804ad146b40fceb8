"""Matrices, solved for and taken apart: NumPy's LAPACK, whose failures come as our error, and what
NumPy does not hand out (LU factors, Householder vectors, where a matrix fails to be positive definite).

All take stacks of matrices, (…, m, n).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..base.errors import LinAlgError

__all__ = [
    "cholesky", "cholesky_info", "det", "eigh", "geqrf", "inv", "lu", "qr", "slogdet", "solve", "svd",
]  # fmt: skip


def _told(f: Callable, words: str) -> Callable:
    """NumPy's function, with our error where a matrix has no such thing."""

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return f(*args, **kwargs)
        except np.linalg.LinAlgError as e:
            raise LinAlgError(f"{words} ({str(e).lower()})") from None

    call.__doc__ = f"NumPy's `{f.__name__}`, of stacks of matrices."
    return call


solve = _told(np.linalg.solve, "the system has no unique solution")
inv = _told(np.linalg.inv, "the matrix has no inverse")
cholesky = _told(np.linalg.cholesky, "the matrix is not positive definite")
eigh = _told(np.linalg.eigh, "the eigenvalues were not found")
_svd = _told(np.linalg.svd, "the singular values were not found")
_qr = _told(np.linalg.qr, "the factors were not found")
det, slogdet = np.linalg.det, np.linalg.slogdet


def svd(a: np.ndarray, full: bool) -> tuple:
    """(U, S, Vᵀ), the whole orthogonal matrices if `full`."""
    return tuple(_svd(a, full_matrices=full))


def qr(a: np.ndarray, mode: str) -> tuple:
    """(Q, R) of each matrix."""
    return tuple(_qr(a, mode=mode))


def geqrf(a: np.ndarray) -> tuple:
    """(R with the Householder vectors below its diagonal, their factors τ), as LAPACK leaves them."""
    *lead, m, n = a.shape
    out = np.empty_like(a, order="C")
    tau = np.empty((*lead, min(m, n)), a.dtype)
    for k in np.ndindex(*lead):
        h, t = _qr(a[k], mode="raw")
        out[k], tau[k] = h.T, t
    return out, tau


def lu(a: np.ndarray, pivot: bool = True) -> tuple:
    """(L and U in one matrix, pivots from 1 on, the order of rows, the first zero pivot or 0).

    Elimination column by column, all matrices at once. a[order] = L U.
    Source: Golub & Van Loan 2013, algorithm 3.4.1.
    """
    *lead, m, n = a.shape
    x = a.reshape(math.prod(lead), m, n).copy()
    each = np.arange(len(x))
    order = np.tile(np.arange(m), (len(x), 1))
    pivots = np.zeros((len(x), min(m, n)), np.int32)
    info = np.zeros(len(x), np.int32)
    for j in range(min(m, n)):
        p = j + np.argmax(np.abs(x[:, j:, j]), axis=1) if pivot else np.full(len(x), j)
        pivots[:, j] = p + 1
        for rows in (x, order):
            rows[each, j], rows[each, p] = rows[each, p], rows[each, j]
        d = x[:, j, j]
        info[(info == 0) & (d == 0)] = j + 1
        x[:, j + 1 :, j] /= np.where(d == 0, 1, d)[:, None]
        x[:, j + 1 :, j + 1 :] -= x[:, j + 1 :, j, None] * x[:, j, None, j + 1 :]
    shape = tuple(lead)
    pivots = pivots.reshape(*shape, min(m, n))
    return x.reshape(a.shape), pivots, order.reshape(*shape, m), info.reshape(shape)


def cholesky_info(a: np.ndarray) -> np.ndarray:
    """The order of the first leading minor that is not positive; 0 if the matrix is positive definite.
    The lower triangle is read.
    """
    *lead, n, _ = a.shape
    x = a.reshape(math.prod(lead), n, n).copy()
    info = np.zeros(len(x), np.int32)
    for j in range(n):
        d = x[:, j, j]
        info[(info == 0) & ~(d > 0)] = j + 1
        column = x[:, j + 1 :, j]
        x[:, j + 1 :, j + 1 :] -= (
            column[:, :, None] * column[:, None, :] / np.where(d > 0, d, 1)[:, None, None]
        )
    return info.reshape(tuple(lead))
