"""Matrices taken apart into orthogonal ones: QR, eigenvalues of symmetric matrices, singular values;
and the norms of vectors.

legend: m rows, n columns, k = min(m, n).
"""

from __future__ import annotations

import math
from typing import Any

from ..backends import xp
from ..base.errors import GradError
from .contract import matmul
from .elementwise import (
    abs,
    isnan,
    logical_and,
    logical_or,
    pow,
    sign,
    sqrt,
    square,
    where,
    zeros_like,
)
from .explain import refuse
from .joining import cat, tril
from .kinds import decompose, reduce, reduced
from .linalg import need_matrices, need_square, solve, unit_like
from .promotion import Spec, common_dtype
from .record import Op, composite, primitive
from .reduce import amax, amin, restored, sum
from .samples import F, P, S
from .shape import slice_, view


def _as_row(v: Any) -> Any:
    """(…, k) → (…, 1, k)."""
    return view(v, shape=(*v.shape[:-1], 1, v.shape[-1]))


def _quotient(a: Any, b: Any) -> Any:
    """a / b, and 0 where both are: equal eigenvalues and zero singular values do no harm to a gradient that
    does not come through their vectors. (Not 0 wherever a is: it is linear in a, which its own derivative, and so jvp, shows.)
    """
    none = logical_and(a == 0, b == 0)
    return where(none, 0.0, a / where(none, 1.0, b))


def _qr_law(op: Op, a: Spec, *, full: bool) -> tuple:
    """a is (…, m, n): Q is (…, m, k) and R (…, k, n), with k = m if full."""
    need_matrices(a)
    *lead, m, n = a.shape
    k, dtype = (m if full else min(m, n)), common_dtype(op, (a,))
    return Spec((*lead, m, k), dtype), Spec((*lead, k, n), dtype)


@primitive(
    decompose,
    types="floating",
    law=_qr_law,
    outputs=("q", "r"),
    samples=(
        S(F(5, 3), full=False),
        S(F(2, 3, 3), full=False),
        S(F(3, 5), full=False),
        S(F(3, 5), full=True),
    ),
)
def qr(a, /, *, full=False):
    """a = Q R  with orthonormal columns of Q and R upper triangular."""
    return xp.qr(a, "complete" if full else "reduced")


qr.vjp(a=lambda g_q, g_r, q, r, full: _qr_rule(g_q, g_r, q, r, full))


def _qr_rule(g_q: Any, g_r: Any, q: Any, r: Any, full: bool) -> Any:
    """Wide matrices are [X Y] = Q [U V]: Y = Q V, and X is square.
    Source: Walter & Lehmann 2018, "Algorithmic differentiation of linear algebra functions".
    """
    m, n = q.shape[-2], r.shape[-1]
    if full and m > n:
        raise GradError("qr has no derivative in mode 'complete' with more rows than columns")
    if m >= n:
        return _tall_qr_rule(g_q, g_r, q, r)
    u, v = slice_(r, dim=-1, start=0, stop=m), slice_(r, dim=-1, start=m, stop=n)
    g_u, g_v = slice_(g_r, dim=-1, start=0, stop=m), slice_(g_r, dim=-1, start=m, stop=n)
    by_x = _tall_qr_rule(g_q + matmul(matmul(q, v), g_v.mT), g_u, q, u)
    return cat(by_x, matmul(q, g_v), dim=-1)


def _tall_qr_rule(g_q: Any, g_r: Any, q: Any, r: Any) -> Any:
    """(gQ + Q sym(R gRᵀ − gQᵀ Q)) R⁻ᵀ, sym mirroring the lower triangle."""
    inner = matmul(r, g_r.mT) - matmul(g_q.mT, q)
    mirrored = tril(inner) + tril(inner, diagonal=-1).mT
    return solve(r, (g_q + matmul(q, mirrored)).mT).mT


# ------------------------------------------------------------------------------------------------------- eigenvalues


def _eigh_law(op: Op, a: Spec, *, lower: bool) -> tuple:
    """a is (…, n, n): n eigenvalues, and n eigenvectors as columns."""
    need_square(a)
    dtype = common_dtype(op, (a,))
    return Spec(a.shape[:-1], dtype), Spec(a.shape, dtype)


@primitive(
    decompose,
    types="floating",
    law=_eigh_law,
    outputs=("w", "v"),
    samples=(S(P(3, 3), lower=True), S(P(2, 5, 5), lower=False)),
)
def eigh(a, /, *, lower=True):
    """Eigenvalues in ascending order and eigenvectors of a symmetric matrix,  a = V diag(w) Vᵀ.  One
    triangle is read. The gradient through eigenvectors exists where the eigenvalues differ.
    """
    return tuple(xp.eigh(a, "L" if lower else "U"))


eigh.vjp(a=lambda g_w, g_v, w, v: _eigh_rule(g_w, g_v, w, v))


def _eigh_rule(g_w: Any, g_v: Any, w: Any, v: Any) -> Any:
    """The symmetric part of  V (diag(gw) + VᵀgV ∘ F) Vᵀ,  F = 1 / (wⱼ − wᵢ) off the diagonal.
    Source: Giles 2008, "An extended collection of matrix derivative results", section 3.1.
    """
    one = unit_like(v)
    gaps = _as_row(w) - _as_row(w).mT
    inner = where(one > 0, _as_row(g_w), _quotient(matmul(v.mT, g_v), where(one > 0, 1.0, gaps)))
    y = matmul(matmul(v, inner), v.mT)
    return (y + y.mT) * 0.5


# --------------------------------------------------------------------------------------------------- singular values


def _svd_law(op: Op, a: Spec, *, full: bool) -> tuple:
    """a is (…, m, n): U (…, m, k), S (…, k), Vᵀ (…, k, n); U and V are square if full."""
    need_matrices(a)
    *lead, m, n = a.shape
    k, dtype = min(m, n), common_dtype(op, (a,))
    return (
        Spec((*lead, m, m if full else k), dtype),
        Spec((*lead, k), dtype),
        Spec((*lead, n if full else k, n), dtype),
    )


@primitive(
    decompose,
    types="floating",
    law=_svd_law,
    outputs=("u", "s", "vt"),
    samples=(S(F(5, 3), full=False), S(F(2, 3, 3), full=False), S(F(3, 5), full=False)),
)
def svd(a, /, *, full=False):
    """Singular values in descending order,  a = U diag(s) Vᵀ:  (U, s, Vᵀ).  The gradient through U and
    V exists where the singular values differ and are not 0.
    """
    return xp.svd(a, full)


svd.vjp(a=lambda g_u, g_s, g_vt, u, s, vt: _svd_rule(g_u, g_s, g_vt, u, s, vt))


def _svd_rule(g_u: Any, g_s: Any, g_vt: Any, u: Any, s: Any, vt: Any) -> Any:
    """U ((skew(UᵀgU) ∘ F) S + S (skew(VᵀgV) ∘ F) + diag(gs)) Vᵀ, F = 1 / (sⱼ² − sᵢ²) off the diagonal,
    and what is outside of the spaces that U and V span. Of full matrices the first k columns count.
    Source: Townsend 2016, "Differentiating the singular value decomposition".
    """
    k, m, n = s.shape[-1], u.shape[-2], vt.shape[-1]
    u, g_u = slice_(u, dim=-1, start=0, stop=k), slice_(g_u, dim=-1, start=0, stop=k)
    vt, g_vt = slice_(vt, dim=-2, start=0, stop=k), slice_(g_vt, dim=-2, start=0, stop=k)
    row = _as_row(s)
    one = unit_like(matmul(row.mT, row))
    gaps = where(one > 0, 1.0, square(row) - square(row).mT)
    by_u, by_v = matmul(u.mT, g_u), matmul(vt, g_vt.mT)
    inner = _quotient(by_u - by_u.mT, gaps) * row + row.mT * _quotient(by_v - by_v.mT, gaps)
    y = matmul(matmul(u, where(one > 0, _as_row(g_s), inner)), vt)
    if m > k:
        y = y + matmul(_quotient(g_u - matmul(u, by_u), row), vt)
    if n > k:
        y = y + matmul(u, _quotient(g_vt - matmul(by_v.mT, vt), row.mT))
    return y


# ------------------------------------------------------------------------------------------------------------- norms


def _norm_normal(args: tuple, attrs: dict) -> dict:
    attrs = reduced(args, attrs)
    p = attrs["p"]
    if p < 0 or p == math.inf:
        for d in attrs["dim"]:
            if args[0].ndim and args[0].shape[d] == 0:
                raise refuse(
                    f"the norm of order {p} of no elements does not exist (dimension {d} has size 0)"
                )
    return attrs


_ORDERS = (2.0, 1.0, 0.0, 3.0, 0.5, -1.5, math.inf, -math.inf)


@composite(
    reduce,
    types="floating",
    normalize=_norm_normal,
    reference="torch.linalg.vector_norm",
    samples=(
        *[S(F(5, 3), p=p, dim=(1,), keepdim=False) for p in _ORDERS],
        S(F(2, 5, 3), p=2.0, dim=(0, 2), keepdim=True),
        S(F(7), p=3.0, dim=None, keepdim=False),
    ),
)
def vector_norm(x, /, *, p=2.0, dim=None, keepdim=False):
    """The p-norm  (Σ |x|ᵖ)^(1/p)  over axes; ±∞ the largest or smallest |x|, 0 the count of what is not
    0. The gradient where the norm is 0 is 0.
    """
    if p == 0:
        return sum(where(x == 0, zeros_like(x), 1.0), dim=dim, keepdim=keepdim)
    if p == 1:
        return sum(abs(x), dim=dim, keepdim=keepdim)
    if p == math.inf:
        return amax(abs(x), dim=dim, keepdim=keepdim)
    if p == -math.inf:
        return amin(abs(x), dim=dim, keepdim=keepdim)
    if p == 2:
        return sqrt(sum(square(x), dim=dim, keepdim=keepdim))
    return pow(sum(pow(abs(x), p), dim=dim, keepdim=keepdim), 1 / p)


vector_norm.vjp(x=lambda g, x, y, p, dim: _norm_rule(g, x, y, p, dim))


def _norm_rule(g: Any, x: Any, y: Any, p: float, dim: tuple) -> Any:
    """sign(x) (|x| / y)ᵖ⁻¹ g, and 0 where x is 0; extremes share the gradient."""
    g, y = restored(g, x.shape, dim), restored(y, x.shape, dim)
    if p == 0:
        return g * sign(x) * 0.0
    if p == 1:
        return g * sign(x)
    if p in (math.inf, -math.inf):
        hit = where(logical_or(abs(x) == y, isnan(x)), 1.0, 0.0)
        return g * sign(x) * hit / sum(hit, dim=dim, keepdim=True)
    if p == 2:
        return x * (g / where(y == 0, 1.0, y)) * where(y == 0, 0.0, 1.0)
    ratio = where(x == 0, 1.0, abs(x)) / where(y == 0, 1.0, y)
    return where(x == 0, 0.0, g * sign(x) * pow(ratio, p - 1))
