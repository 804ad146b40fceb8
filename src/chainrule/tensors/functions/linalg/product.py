"""Powers, products and exponentials of matrices, as `linalg` has them."""

from __future__ import annotations

import operator
from typing import Any

from .... import ops
from ....base.errors import ShapeError
from .. import products
from ..joining import stack
from ..shape import broadcast_tensors, reshape, squeeze, unsqueeze
from .norms import need_matrix

__all__ = [
    "cross", "diagonal", "matmul", "matrix_exp", "matrix_power", "multi_dot", "vander", "vecdot",
]  # fmt: skip


def matmul(input: Any, other: Any) -> Any:
    """The matrix product of the last two axes, the same as `chainrule.matmul`."""
    return products.matmul(input, other)


def cross(input: Any, other: Any, *, dim: int = -1) -> Any:
    """The cross product of vectors in space along an axis of size 3."""
    return products.cross_along(input, other, dim)


def diagonal(A: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """The diagonal of matrices, a view."""
    return ops.diagonal(A, offset=offset, dim1=dim1, dim2=dim2)


def vecdot(x: Any, y: Any, *, dim: int = -1) -> Any:
    """Σ x · y along an axis.

    >>> vecdot(cr.tensor([1.0, 2.0]), cr.tensor([3.0, 4.0]))
    tensor(11.)
    """
    z = ops.sum(x * y, dim=dim)
    a, b = broadcast_tensors(x, y)
    return z if z.dtype is a.dtype or a.dtype is not b.dtype else ops.cast(z, dtype=a.dtype)


def matrix_power(A: Any, n: int) -> Any:
    """A multiplied n times with itself, by squaring; for negative n the inverse is.

    >>> matrix_power(cr.tensor([[1.0, 1.0], [0.0, 1.0]]), 5)
    tensor([[1., 5.],
            [0., 1.]])
    """
    need_matrix("matrix_power", A, square=True)
    n = operator.index(n)
    if n < 0:
        return matrix_power(ops.inv(A), -n)
    if n == 0:
        one = ops.eye(rows=A.shape[-1], columns=A.shape[-1], dtype=A.dtype)
        return ops.expand(one, shape=tuple(A.shape)) + A * 0 if A.numel() else ops.clone(A)
    result, square = None, A
    while n:
        if n & 1:
            result = square if result is None else ops.matmul(result, square)
        n >>= 1
        if n:
            square = ops.matmul(square, square)
    return ops.clone(A) if result is A else result


def matrix_exp(A: Any) -> Any:
    """The exponential of each matrix,  Σ Aᵏ / k!."""
    return ops.matrix_exp(A)


def multi_dot(tensors: Any) -> Any:
    """The product of several matrices, of which the first and the last may be vectors, in the order that
    needs the fewest multiplications.
    """
    xs = list(tensors)
    if len(xs) < 2:
        raise ShapeError(f"multi_dot takes at least two tensors, found {len(xs)}")
    row, column = xs[0].ndim == 1, xs[-1].ndim == 1
    if row:
        xs[0] = unsqueeze(xs[0], 0)
    if column:
        xs[-1] = unsqueeze(xs[-1], 1)
    for x in xs:
        if x.ndim != 2:
            raise ShapeError("multi_dot takes matrices, and vectors as the first and last")
    y = products.in_best_order(xs)
    y = squeeze(y, 1) if column else y
    return squeeze(y, 0) if row else y


def vander(x: Any, *, N: int | None = None) -> Any:
    """The powers 0, 1, …, N − 1 of each element along a new last axis (Vandermonde); N is the number of
    elements unless given.

    >>> vander(cr.tensor([2, 3]), N=3)
    tensor([[1, 2, 4],
            [1, 3, 9]])
    """
    if N is not None and N < 2:
        raise ShapeError(f"vander: N must be greater than 1, found {N}")
    x = x if x.ndim else reshape(x, 1)
    n = x.shape[-1] if N is None else N
    x = x if x.dtype.is_floating_point else ops.cast(x, dtype="int64")
    power = x * 0 + 1
    columns = []
    for _ in range(n):
        columns.append(power)
        power = power * x
    return stack(columns, -1) if columns else ops.full(shape=(*x.shape, 0), value=0, dtype=x.dtype)
