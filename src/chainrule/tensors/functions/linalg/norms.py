"""How large a vector or a matrix is, and how near to singular."""

from __future__ import annotations

import math
from typing import Any

from .... import ops
from ....base import dtypes, shapes
from ....base.errors import ArgumentError, DTypeError, ShapeError
from ..shape import Dims, movedim

__all__ = ["cond", "matrix_norm", "matrix_rank", "norm", "vector_norm"]


def converted(name: str, x: Any, dtype: Any) -> Any:
    """A floating tensor in the dtype asked for, which may only be a wider one."""
    if not x.dtype.is_floating_point:
        raise DTypeError(f"{name} takes floating tensors, found {x.dtype.name}")
    if dtype is None:
        return x
    wanted = dtypes.of(dtype)
    if not wanted.is_floating_point or dtypes.join(x.dtype, wanted) is not wanted:
        raise DTypeError(
            f"{name}: dtype must be floating and no narrower than {x.dtype.name}, found {wanted.name}"
        )
    return x if wanted is x.dtype else ops.cast(x, dtype=wanted)


def need_matrix(name: str, *xs: Any, square: bool = False) -> None:
    """Refuse what has less than two axes, or is not square."""
    for x in xs:
        if x.ndim < 2 or (square and x.shape[-1] != x.shape[-2]):
            what = "square matrices (…, n, n)" if square else "matrices (…, m, n)"
            raise ShapeError(f"linalg.{name} takes {what}, found shape {tuple(x.shape)}")


def vector_norm(
    x: Any, ord: float = 2, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None
) -> Any:
    """The norm of vectors,  (Σ |x|ᵒʳᵈ)^(1/ord),  along axes (all, if none is named); ±inf is the
    largest or smallest |x|, 0 the count of what is not 0.

    >>> vector_norm(cr.tensor([3.0, -4.0]))
    tensor(5.)
    """
    y = converted("linalg.vector_norm", x, dtype)
    if isinstance(ord, str):
        raise ArgumentError(f"vector_norm: ord is a number, found {ord!r}")
    dim = tuple(dim) if isinstance(dim, list) else dim
    return ops.vector_norm(y, p=float(ord), dim=dim, keepdim=bool(keepdim))


def matrix_norm(
    A: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Any:
    """The norm of matrices: 'fro' the root of the sum of squares; 'nuc' the sum of singular values;
    ±2 the largest or smallest of them; ±1 the largest or smallest sum |a| of a column, ±inf of a row.

    >>> matrix_norm(cr.tensor([[1.0, -2.0], [3.0, 4.0]]), ord=1)
    tensor(6.)
    """
    need_matrix("matrix_norm", A)
    x = converted("linalg.matrix_norm", A, dtype)
    if not isinstance(dim, (tuple, list)) or len(dim) != 2:
        raise ShapeError(f"matrix_norm: dim names two axes, found {dim!r}")
    rows, columns = (shapes.axis(d, x.ndim) for d in dim)
    if rows == columns:
        raise ShapeError(f"matrix_norm: dim names two different axes, found {tuple(dim)}")
    if ord == "fro":
        return ops.vector_norm(x, p=2.0, dim=(rows, columns), keepdim=bool(keepdim))
    if ord == "nuc" or ord in (2, -2):
        s = ops.svd(movedim(x, (rows, columns), (-2, -1)), full=False)[1]
        y = ops.sum(s, dim=-1) if ord == "nuc" else _extreme(s, -1, ord)
    elif ord in (1, -1, math.inf, -math.inf):
        over, rest = (rows, columns) if ord in (1, -1) else (columns, rows)
        y = _extreme(ops.vector_norm(x, p=1.0, dim=(over,), keepdim=True), rest, ord, keepdim=True)
        y = ops.view(y, shape=tuple([n for k, n in enumerate(x.shape) if k not in (rows, columns)]))
    else:
        raise ArgumentError(f"matrix_norm knows ord = 'fro', 'nuc', ±1, ±2 and ±inf, found {ord!r}")
    if not keepdim:
        return y
    return ops.view(
        y, shape=tuple([1 if k in (rows, columns) else n for k, n in enumerate(x.shape)])
    )


def _extreme(x: Any, dim: int, ord: float, keepdim: bool = False) -> Any:
    """The largest (positive ord) or smallest element, 0 if there is none."""
    if not x.shape[dim]:
        return ops.sum(x, dim=(dim,), keepdim=keepdim)
    return (ops.amax if ord > 0 else ops.amin)(x, dim=(dim,), keepdim=keepdim)


def norm(
    A: Any, ord: Any = None, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None
) -> Any:
    """The norm of a matrix (two axes in dim, or a matrix without dim, where ord is given) or of a
    vector; without ord and dim, of all elements.
    """
    axes = (dim,) if isinstance(dim, int) else None if dim is None else tuple(dim)
    if axes is not None and len(axes) not in (1, 2):
        raise ShapeError(f"linalg.norm: dim names one axis or two, found {axes}")
    if ord is None:
        return vector_norm(A, 2, axes, keepdim, dtype=dtype)
    if axes is None and A.ndim not in (1, 2):
        raise ShapeError(
            f"linalg.norm: with ord and without dim it takes a vector or a matrix, found {A.ndim} axes"
        )
    if isinstance(ord, str) and (len(axes) if axes else A.ndim) != 2:
        raise ShapeError(f"linalg.norm: ord={ord!r} is a norm of matrices")
    if (axes is not None and len(axes) == 2) or (axes is None and A.ndim == 2):
        return matrix_norm(A, ord, axes or (-2, -1), keepdim, dtype=dtype)
    return vector_norm(A, ord, axes, keepdim, dtype=dtype)


def cond(A: Any, p: Any = None) -> Any:
    """The condition number,  ‖A‖ₚ · ‖A⁻¹‖ₚ:  for p = None or ±2 the quotient of extreme singular values;
    infinite for a singular matrix.
    """
    need_matrix("cond", A, square=p not in (None, 2, -2))
    if not A.numel():
        return ops.full(shape=tuple(A.shape[:-2]), value=0.0, dtype=A.dtype) + ops.sum(A)
    if p in (None, 2, -2):
        s = ops.svd(A, full=False)[1]
        large, small = _extreme(s, -1, 1), _extreme(s, -1, -1)
        return small / large if p == -2 else large / small
    from .solve import inv_ex

    inverse, info = inv_ex(A)
    y = matrix_norm(A, p) * matrix_norm(inverse, p)
    return ops.where(info > 0, math.inf, y)


def matrix_rank(
    A: Any, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Any:
    """How many singular values are larger than max(atol, rtol · the largest); rtol is max(m, n) times the
    spacing of numbers near 1, unless a bound is given. Of hermitian matrices the lower triangle is read.

    >>> matrix_rank(cr.ones(3, 3))
    tensor(1)
    """
    need_matrix("matrix_rank", A, square=hermitian)
    if tol is not None:
        atol, rtol = tol, 0.0
    atol, rtol = bounds(A, atol, rtol)
    x = A.detach()
    s = ops.abs(ops.eigh(x)[0]) if hermitian else ops.svd(x, full=False)[1]
    if not s.shape[-1]:
        return ops.sum(s, dim=-1).to(dtypes.int64)
    bound = ops.maximum(atol, rtol * _extreme(s, -1, 1))
    return ops.sum(s > ops.view(bound, shape=(*bound.shape, 1)), dim=-1)


def bounds(A: Any, atol: Any, rtol: Any) -> tuple:
    """The absolute and the relative bound below which singular values count as 0."""
    if rtol is None:
        unit = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
        usual = max(A.shape[-2:]) * unit.get(A.dtype.name, 0.0)
        if hasattr(atol, "spec"):
            rtol = ops.where(atol > 0, 0.0, usual)
        else:
            rtol = 0.0 if atol else usual
    values = (0.0 if atol is None else atol, rtol)
    for name, v in zip(("atol", "rtol"), values, strict=True):
        if hasattr(v, "spec") and (not v.spec.dtype.is_floating_point and v.ndim):
            raise DTypeError(f"{name} must be floating, found {v.dtype.name}")
    return tuple([
        v if hasattr(v, "spec") else ops.full(shape=(), value=float(v), dtype=A.dtype) for v in values
    ])  # fmt: skip
