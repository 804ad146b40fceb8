"""Transforms that take a vector or a matrix as a whole."""

from __future__ import annotations

import math
from typing import Any

from ... import ops
from ...base.errors import ShapeError
from ...tensors import Size, Tensor, cat, cumprod, eye, stack
from ...tensors.functions import linalg, softmax
from .. import constraints
from .structure import Transform

softplus = ops.TABLE["softplus"]

__all__ = [
    "CorrCholeskyTransform",
    "LowerCholeskyTransform",
    "PositiveDefiniteTransform",
    "SoftmaxTransform",
    "StickBreakingTransform",
]


class SoftmaxTransform(Transform):
    """Vectors to shares, y = softmax(x); many x have the same y, of which ln y is given."""

    domain, codomain = constraints.real_vector, constraints.simplex

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SoftmaxTransform)

    __hash__ = object.__hash__

    def _call(self, x: Tensor) -> Tensor:
        return softmax(x, -1)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()


class StickBreakingTransform(Transform):
    """n numbers to n + 1 shares: each takes its part, σ(xₖ − ln(n − k)), of what the ones before have left."""

    domain, codomain = constraints.real_vector, constraints.simplex
    bijective = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StickBreakingTransform)

    __hash__ = object.__hash__

    def _offset(self, x: Tensor) -> Tensor:
        n = x.shape[-1]
        return x.new_tensor([math.log(n - k) for k in range(n)])

    def _call(self, x: Tensor) -> Tensor:
        z = (x - self._offset(x)).sigmoid()
        left = cumprod(1 - z, -1)
        one = x.new_ones((*x.shape[:-1], 1))
        return cat([z, one], -1) * cat([one, left], -1)

    def _inverse(self, y: Tensor) -> Tensor:
        head = y[..., :-1]
        left = (1 - head.cumsum(-1)).clamp(min=1.1754943508222875e-38)
        return head.log() - left.log() + self._offset(head)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        z = x - self._offset(x)
        return (y[..., :-1].log() - softplus(z)).sum(-1)

    def forward_shape(self, shape: Any) -> Any:
        return Size(tuple(shape[:-1])) + Size((shape[-1] + 1,))

    def inverse_shape(self, shape: Any) -> Any:
        return Size(tuple(shape[:-1])) + Size((shape[-1] - 1,))


class LowerCholeskyTransform(Transform):
    """Matrices to lower triangular ones with a positive diagonal, of which the exponential is taken."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LowerCholeskyTransform)

    __hash__ = object.__hash__

    def _call(self, x: Tensor) -> Tensor:
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class PositiveDefiniteTransform(LowerCholeskyTransform):
    """Matrices to positive definite ones,  y = L Lᵀ,  L lower triangular with the diagonal's exponentials."""

    codomain = constraints.positive_definite

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PositiveDefiniteTransform)

    __hash__ = object.__hash__

    def _call(self, x: Tensor) -> Tensor:
        lower = super()._call(x)
        return lower @ lower.mT

    def _inverse(self, y: Tensor) -> Tensor:
        return super()._inverse(linalg.cholesky(y))


class CorrCholeskyTransform(Transform):
    """n (n − 1) / 2 numbers to the Cholesky factor of a correlation matrix, whose rows have length 1.

    Row by row, as in breaking a stick: y = z √(what the squares before have left),  z = tanh x.
    """

    domain, codomain = constraints.real_vector, constraints.corr_cholesky
    bijective = True

    def _size(self, count: int) -> int:
        n = round((1 + math.sqrt(1 + 8 * count)) / 2)
        if n * (n - 1) // 2 != count:
            raise ShapeError(f"{count} is not the number of elements below a diagonal")
        return n

    def _lower(self, x: Tensor) -> Tensor:
        """x below the diagonal of a matrix, row by row."""
        n = self._size(x.shape[-1])
        rows = []
        for k in range(n):
            first = k * (k - 1) // 2
            zeros = x.new_zeros((*x.shape[:-1], n - k))
            rows.append(cat([x[..., first : first + k], zeros], -1))
        return stack(rows, -2)

    def _call(self, x: Tensor) -> Tensor:
        eps = 2.0**-52 if x.dtype.name == "float64" else 2.0**-23
        z = self._lower(x.tanh().clamp(-1 + eps, 1 - eps))
        left = (1 - z * z).sqrt().cumprod(-1)
        z = z + eye(z.shape[-1], dtype=z.dtype)
        one = z.new_ones((*z.shape[:-1], 1))
        return z * cat([one, left[..., :-1]], -1)

    def _inverse(self, y: Tensor) -> Tensor:
        left = 1 - (y * y).cumsum(-1)
        before = cat([y.new_ones((*y.shape[:-1], 1)), left[..., :-1]], -1)
        n = y.shape[-1]
        pairs = [(i, j) for i in range(n) for j in range(i)]
        rows, columns = [i for i, _ in pairs], [j for _, j in pairs]
        return (y[..., rows, columns] / before[..., rows, columns].sqrt()).atanh()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        tanh_slope = -2 * (x + softplus(-2 * x) - math.log(2.0))
        z = self._lower(x.tanh())
        steps = 0.5 * (-z * z).log1p().cumsum(-1)
        n = z.shape[-1]
        pairs = [(i, j) for i in range(2, n) for j in range(1, i)]
        if not pairs:
            return tanh_slope.sum(-1)
        rows, before = [i for i, _ in pairs], [j - 1 for _, j in pairs]
        return tanh_slope.sum(-1) + steps[..., rows, before].sum(-1)

    def forward_shape(self, shape: Any) -> Any:
        n = self._size(shape[-1])
        return Size(tuple(shape[:-1])) + Size((n, n))

    def inverse_shape(self, shape: Any) -> Any:
        n = shape[-1]
        return Size(tuple(shape[:-2])) + Size((n * (n - 1) // 2,))
