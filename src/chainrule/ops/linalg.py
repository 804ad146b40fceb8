"""Matrices as systems of equations: solutions, inverses, determinants, triangular factors.

Laws speak of the last two axes; leading axes are a batch, and broadcast where there are two operands.

legend: n rows and columns of a square matrix, m rows, k right-hand sides.
"""

from __future__ import annotations

from typing import Any

from ..backends import xp
from ..base import dtypes, shapes
from .contract import matmul
from .create import eye, full
from .explain import refuse
from .joining import cat, tril, triu
from .kinds import decompose
from .promotion import Spec, common_dtype
from .record import Op, composite, primitive
from .reduce import sum
from .samples import F, M, P, S
from .scatter import scatter
from .shape import expand, slice_, view


def need_matrices(*operands: Spec) -> None:
    """Refuse what has less than two axes."""
    for s in operands:
        if s.ndim < 2:
            raise refuse(f"matrices have at least two axes, found {s.ndim}")


def need_square(s: Spec) -> None:
    """Refuse matrices that are not square."""
    need_matrices(s)
    if s.shape[-1] != s.shape[-2]:
        raise refuse(f"the matrix must be square, found {s.shape[-2]} × {s.shape[-1]}")


def square_law(op: Op, a: Spec, **attrs: Any) -> Spec:
    """A square matrix; the shape stays."""
    need_square(a)
    return Spec(a.shape, common_dtype(op, (a,)))


def column(v: Any) -> Any:
    """A number for each matrix, as a 1 × 1 matrix that broadcasts against it."""
    return view(v, shape=(*v.shape, 1, 1))


def unit_like(a: Any) -> Any:
    """The unit matrix of the size and dtype of the last two axes."""
    return eye(rows=a.shape[-2], columns=a.shape[-1], dtype=a.dtype)


# ------------------------------------------------------------------------------------------------- solving, inverting


def _solve_law(op: Op, a: Spec, b: Spec) -> Spec:
    """a is (…, n, n), b (…, n, k); leading axes broadcast."""
    need_square(a)
    need_matrices(b)
    if a.shape[-1] != b.shape[-2]:
        raise refuse(f"b must have a row for each of the {a.shape[-1]} of a, found {b.shape[-2]}")
    lead = shapes.broadcast(a.shape[:-2], b.shape[:-2])
    return Spec((*lead, *b.shape[-2:]), common_dtype(op, (a, b)))


@primitive(
    decompose,
    types="floating",
    law=_solve_law,
    reference="torch.linalg.solve",
    samples=(
        S(M(3, 3), F(3, 5)),
        S(M(2, 3, 3), F(3, 2)),
        S(M(2, 2), F(3, 2, 1)),
        S(M(0, 0), F(0, 2)),
    ),
)
def solve(a, b, /):
    """The solution of a system of equations,  a y = b.  A singular matrix is refused."""
    return xp.solve(a, b)


def _solve_rule(g: Any, a: Any, y: Any) -> tuple:
    by_b = solve(a.mT, g)
    return -matmul(by_b, y.mT), by_b


solve.vjp(lambda g, a, y: _solve_rule(g, a, y))


@primitive(
    decompose,
    types="floating",
    law=square_law,
    reference="torch.linalg.inv",
    samples=(S(M(3, 3)), S(M(2, 5, 5)), S(M(0, 0))),
)
def inv(a, /):
    """The inverse of a matrix,  a y = 1.  A singular matrix is refused."""
    return xp.inv(a)


inv.vjp(a=lambda g, y: -matmul(matmul(y.mT, g), y.mT))


def _triangular(args: tuple, attrs: dict) -> dict:
    a, b = args
    if a.ndim < 2 or b.ndim < 2:
        raise refuse(f"matrices have at least two axes, found {a.ndim} and {b.ndim}")
    return attrs


@composite(
    decompose,
    types="floating",
    normalize=_triangular,
    reference="torch.linalg.solve_triangular",
    samples=(
        S(M(3, 3), F(3, 5), upper=True, unit=False),
        S(M(2, 3, 3), F(3, 2), upper=False, unit=True),
    ),
)
def solve_triangular(a, b, /, *, upper, unit=False):
    """The solution of  a y = b  for a triangular matrix, of which the other triangle is not read; with
    `unit` its diagonal is taken to be 1.
    """
    off = -1 if unit else 0
    t = triu(a, diagonal=-off) if upper else tril(a, diagonal=off)
    return solve(t + unit_like(a) if unit else t, b)


# ------------------------------------------------------------------------------------------------------ determinants


def _det_law(op: Op, a: Spec) -> Spec:
    """A square matrix; its two axes disappear."""
    need_square(a)
    return Spec(a.shape[:-2], common_dtype(op, (a,)))


@primitive(
    decompose,
    types="floating",
    law=_det_law,
    reference="torch.linalg.det",
    samples=(S(M(3, 3)), S(M(2, 2, 2)), S(M(1, 1))),
)
def det(a, /):
    """The determinant."""
    return xp.det(a)


@primitive(
    decompose,
    types="floating",
    law=square_law,
    samples=(S(M(3, 3)), S(M(2, 2, 2))),
)
def cofactors(a, /):
    """The derivative of the determinant by each element,  det(a) · a⁻ᵀ, for singular matrices too:
    with a = U S Vᵀ it is  det(U Vᵀ) · U diag(∏ of the other singular values) Vᵀ.
    """
    n = a.shape[-1]
    if not n:
        return a.copy()
    u, s, vt = xp.svd(a, False)
    others = xp.where(xp.eye(n, dtype=bool), 1, xp.expand_dims(s, -2))  # row i: all but sᵢ
    product = xp.ones(s.shape, s.dtype)
    for k in range(n):
        product = product * others[..., k]
    sign = xp.det(xp.matmul(u, vt))
    return xp.matmul(u * xp.expand_dims(product, -2), vt) * sign[..., None, None]


det.vjp(a=lambda g, a: column(g) * cofactors(a))
cofactors.vjp(a=lambda g, a, y: _cofactors_rule(g, inv(a).mT, y))


def _cofactors_rule(g: Any, inverse: Any, y: Any) -> Any:
    return inverse * sum(g * y, dim=(-2, -1), keepdim=True) - matmul(matmul(inverse, g.mT), y)


def _slogdet_law(op: Op, a: Spec) -> tuple:
    """A square matrix; its two axes disappear, from both results."""
    need_square(a)
    s = Spec(a.shape[:-2], common_dtype(op, (a,)))
    return s, s


@primitive(
    decompose,
    types="floating",
    law=_slogdet_law,
    outputs=("sign", "logabsdet"),
    reference="torch.linalg.slogdet",
    samples=(S(M(3, 3)), S(M(2, 2, 2))),
)
def slogdet(a, /):
    """The sign of the determinant and the logarithm of its size: (sign, ln |det a|), (0, −∞) for a
    singular matrix.
    """
    return tuple(xp.slogdet(a))


slogdet.vjp(a=lambda g_logabsdet, a: column(g_logabsdet) * inv(a).mT)


# ------------------------------------------------------------------------------------------------ triangular factors


@primitive(
    decompose,
    types="floating",
    law=square_law,
    reference="torch.linalg.cholesky",
    samples=(S(P(3, 3)), S(P(2, 5, 5)), S(P(1, 1))),
)
def cholesky(a, /):
    """The lower triangular matrix with positive diagonal of which  a = y yᵀ.  Of the symmetric matrix
    a the lower triangle is read; its gradient is symmetric.
    """
    return xp.cholesky(a)


cholesky.vjp(a=lambda g, y: _cholesky_rule(y, matmul(y.mT, g)))


def _cholesky_rule(y: Any, m: Any) -> Any:
    """½ L⁻ᵀ (Φ + Φᵀ) L⁻¹,  Φ the lower triangle of Lᵀg, its diagonal halved.
    Source: Murray 2016, "Differentiation of the Cholesky decomposition", equation 10.
    """
    half = solve(y.mT, tril(m) + tril(m, diagonal=-1).mT)
    return solve(y.mT, half.mT) * 0.5


def _info_law(op: Op, a: Spec) -> Spec:
    """A square matrix; its two axes disappear."""
    need_square(a)
    return Spec(a.shape[:-2], dtypes.int32)


@primitive(
    decompose,
    types="floating",
    law=_info_law,
    samples=(S(P(3, 3)), S(F(2, 3, 3))),
)
def cholesky_info(a, /):
    """The order of the first leading minor that is not positive, 0 if a is positive definite."""
    return xp.cholesky_info(a)


def _lu_law(op: Op, a: Spec, *, pivot: bool) -> tuple:
    """Factors in the shape (…, m, n) of a; a pivot for each of the min(m, n) columns."""
    need_matrices(a)
    m, n = a.shape[-2:]
    lead = a.shape[:-2]
    return (
        Spec(a.shape, common_dtype(op, (a,))),
        Spec((*lead, min(m, n)), dtypes.int32),
        Spec((*lead, m), dtypes.int64),
        Spec(lead, dtypes.int32),
    )


@primitive(
    decompose,
    types="floating",
    law=_lu_law,
    outputs=("factors", "pivots", "order", "info"),
    constant=("pivots", "order", "info"),
    samples=(S(M(3, 3), pivot=True), S(F(2, 5, 3), pivot=True), S(F(3, 5), pivot=True), S(M(3, 3), pivot=False)),
)  # fmt: skip
def lu(a, /, *, pivot=True):
    """Elimination with partial pivoting,  a[order] = L U:  (factors, pivots, order, info). `factors`
    holds U and, below its diagonal, L, whose diagonal is 1; row j was exchanged with row pivots[j]
    (counted from 1); `info` is the first pivot that is 0, or 0.
    """
    return xp.lu(a, pivot)


lu.vjp(a=lambda g_factors, factors, order: _rows_back(_lu_rule(g_factors, factors), order))


def _corner(x: Any, rows: tuple, columns: tuple) -> Any:
    x = slice_(x, dim=-2, start=rows[0], stop=rows[1])
    return slice_(x, dim=-1, start=columns[0], stop=columns[1])


def _lu_rule(g: Any, factors: Any) -> Any:
    """The gradient by a[order]. With L, U square:  L⁻ᵀ (tril₋₁(Lᵀ gL) + triu(gU Uᵀ)) U⁻ᵀ;  rows or
    columns beyond the square follow from  a₂ = L₂ U,  a₂ = L U₂.
    """
    m, n = factors.shape[-2:]
    k = min(m, n)
    both, gk = _corner(factors, (0, k), (0, k)), _corner(g, (0, k), (0, k))
    low, up = tril(both, diagonal=-1) + unit_like(both), triu(both)
    by_low, by_up = matmul(low.mT, tril(gk, diagonal=-1)), matmul(triu(gk), up.mT)
    if m > n:
        more, g_more = _corner(factors, (k, m), (0, k)), _corner(g, (k, m), (0, k))
        by_up = by_up - matmul(more.mT, g_more)
        rest = solve(up, g_more.mT).mT
    if m < n:
        more, g_more = _corner(factors, (0, k), (k, n)), _corner(g, (0, k), (k, n))
        by_low = by_low - matmul(g_more, more.mT)
        rest = solve(low.mT, g_more)
    inner = tril(by_low, diagonal=-1) + triu(by_up)
    square = solve(low.mT, solve(up, inner.mT).mT)
    return square if m == n else cat(square, rest, dim=-2 if m > n else -1)


def _rows_back(g: Any, order: Any) -> Any:
    """Each row to the place it came from."""
    at = expand(view(order, shape=(*order.shape, 1)), shape=g.shape)
    return scatter(full(shape=g.shape, value=0.0, dtype=g.dtype), at, g, dim=-2)


def _geqrf_law(op: Op, a: Spec) -> tuple:
    """The shape of a, and min(m, n) numbers."""
    need_matrices(a)
    dtype = common_dtype(op, (a,))
    return Spec(a.shape, dtype), Spec((*a.shape[:-2], min(a.shape[-2:])), dtype)


@primitive(
    decompose,
    types="floating",
    law=_geqrf_law,
    outputs=("factors", "tau"),
    reference="torch.geqrf",
    samples=(S(F(5, 3)), S(F(2, 3, 5))),
)
def geqrf(a, /):
    """R on and above the diagonal, the vectors of Householder's reflections below it, and their
    factors τ. Without a derivative, as in PyTorch.
    """
    return xp.geqrf(a)


# --------------------------------------------------------------------------------------------------------- functions

_PADE = (
    64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0, 129060195264000.0,
    10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0, 40840800.0, 960960.0, 16380.0, 182.0, 1.0,
)  # fmt: skip
"""Coefficients of the [13/13] Padé approximant of e^x. Source: Higham 2005, table 2.3 (degree 13)."""


@primitive(
    decompose,
    types="floating",
    law=square_law,
    reference="torch.linalg.matrix_exp",
    samples=(S(F(3, 3)), S(F(2, 2, 2)), S(F(0, 3, 3))),
)
def matrix_exp(a, /):
    """The exponential of a matrix,  Σ aᵏ / k!, by scaling and squaring.
    Source: Higham 2005, "The scaling and squaring method for the matrix exponential revisited".
    """
    if not a.size:
        return a.copy()
    n, x = a.shape[-1], xp.asarray(a, "float64")
    largest = float(xp.amax(xp.sum(xp.abs(x), axis=-2)))  # the 1-norm
    squarings = 0
    while largest > 5.37 and largest < float("inf"):  # θ₁₃
        largest, squarings = largest / 2, squarings + 1
    x = x / 2**squarings
    even, odd, power = xp.zeros(x.shape), xp.zeros(x.shape), xp.zeros(x.shape) + xp.eye(n)
    square = xp.matmul(x, x)
    for k in range(0, 14, 2):
        even, odd = even + _PADE[k] * power, odd + _PADE[k + 1] * power
        power = xp.matmul(power, square)
    odd = xp.matmul(x, odd)
    y = xp.solve(even - odd, even + odd)
    for _ in range(squarings):
        y = xp.matmul(y, y)
    return xp.asarray(y, a.dtype)


matrix_exp.vjp(a=lambda g, a: _exp_rule(a.mT, g))


def _exp_rule(a: Any, g: Any) -> Any:
    """The upper right block of exp [[a, g], [0, a]].  Source: Najfeld & Havel 1995, theorem 4.6."""
    n, zeros = a.shape[-1], full(shape=a.shape, value=0.0, dtype=a.dtype)
    block = cat(cat(a, g, dim=-1), cat(zeros, a, dim=-1), dim=-2)
    return _corner(matrix_exp(block), (0, n), (n, 2 * n))


def _pinv_law(op: Op, a: Spec, atol: Spec, rtol: Spec, *, hermitian: bool) -> Spec:
    """a is (…, m, n), the result (…, n, m); the bounds are numbers, or one for each matrix."""
    need_square(a) if hermitian else need_matrices(a)
    lead = a.shape[:-2]
    for s in (atol, rtol):
        if shapes.broadcast(s.shape, lead) != lead:
            raise refuse(f"a bound is a number, or one for each matrix, found shape {s.shape}")
    return Spec((*lead, a.shape[-1], a.shape[-2]), common_dtype(op, (a, atol, rtol)))


@primitive(
    decompose,
    types="floating",
    promotes=("a",),
    law=_pinv_law,
    samples=(
        S(F(5, 3), 0.0, 1e-12, hermitian=False),
        S(F(2, 3, 5), 0.0, 1e-12, hermitian=False),
        S(M(3, 3), 0.0, 1e-12, hermitian=False),
    ),
)
def pinv(a, atol, rtol, /, *, hermitian=False):
    """The pseudo-inverse (Moore 1920, Penrose 1955): inverted are the singular values above
    max(atol, rtol · the largest).  Of a hermitian matrix the lower triangle is read.
    """
    if hermitian:
        s, u = xp.eigh(a)
        vt = xp.swapaxes(u, -1, -2)
    else:
        u, s, vt = xp.svd(a, False)
    size = xp.abs(s)
    largest = xp.amax(size, axis=-1) if size.shape[-1] else xp.zeros(size.shape[:-1], size.dtype)
    bound = xp.maximum(atol, rtol * largest)
    taken = size > xp.expand_dims(xp.asarray(bound), -1)
    inverse = xp.where(taken, 1 / xp.where(taken, s, 1), 0).astype(a.dtype)
    return xp.matmul(xp.swapaxes(vt, -1, -2) * xp.expand_dims(inverse, -2), xp.swapaxes(u, -1, -2))


pinv.vjp(a=lambda g, a, y: _pinv_rule(g, a, y))


def _pinv_rule(g: Any, a: Any, y: Any) -> Any:
    """Source: Golub & Pereyra 1973, equation 4.12, transposed."""
    t, h = y.mT, g.mT
    by_columns = matmul(matmul(t, y), h - matmul(matmul(h, y), a))
    by_rows = matmul(h - matmul(a, matmul(y, h)), matmul(y, t))
    return by_columns + by_rows - matmul(matmul(t, g), t)
