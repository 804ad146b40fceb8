"""Distributions of matrices: Wishart's of covariances, and Lewandowski's of correlations."""

from __future__ import annotations

import math
from typing import Any

from ..base.errors import DomainError, ShapeError
from ..tape.modes import no_grad
from ..tensors import Size, Tensor, arange, tensor, zeros
from ..tensors.functions import linalg
from . import constraints
from .distribution import Distribution, standard_normal
from .parameters import lazy_property
from .unit import Beta
from .vectors import _factor_of_inverse, _half_log_det, _inverse_of_factor, _solved
from .waiting import gamma_sample

__all__ = ["LKJCholesky", "Wishart"]


class Wishart(Distribution):
    """Wishart's distribution: the sum of x xᵀ over df normal vectors x of a covariance matrix (p × p), df > p − 1."""

    arg_constraints = {
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
        "df": constraints.greater_than(0.0),
    }
    support = constraints.positive_definite
    has_rsample = True

    def __init__(
        self,
        df: Any,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ):
        given = {
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
            "scale_tril": scale_tril,
        }
        named = {name: m for name, m in given.items() if m is not None}
        if len(named) != 1:
            raise ValueError(f"Wishart takes exactly one of {', '.join(given)}, found {len(named)}")
        [(name, matrix)] = named.items()
        if matrix.ndim < 2:
            raise ShapeError(f"Wishart: {name} is a matrix, found {tuple(matrix.shape)}")
        df = df if isinstance(df, Tensor) else tensor(float(df), dtype=matrix.dtype)
        lead = (zeros(tuple(matrix.shape[:-2])) + zeros(tuple(df.shape))).shape
        matrix = matrix.expand((*tuple(lead), *tuple(matrix.shape[-2:])))
        self.df = df.expand(tuple(lead))
        setattr(self, name, matrix)
        if not (self.df.detach() > matrix.shape[-1] - 1).all():
            raise DomainError(
                f"Wishart: df must be greater than p − 1 = {matrix.shape[-1] - 1}\n  found {self.df.detach()}"
            )
        if name == "scale_tril":
            self._unbroadcasted_scale_tril = matrix
        elif name == "covariance_matrix":
            self._unbroadcasted_scale_tril = linalg.cholesky(matrix)
        else:
            self._unbroadcasted_scale_tril = _factor_of_inverse(matrix)
        super().__init__(lead, matrix.shape[-2:], validate_args=validate_args)

    def _expand_more(self, new: Any, batch_shape: Size) -> None:
        factor = self._unbroadcasted_scale_tril
        new._unbroadcasted_scale_tril = factor.expand(
            (*tuple(batch_shape), *tuple(factor.shape[-2:]))
        )

    @lazy_property
    def scale_tril(self) -> Tensor:
        """L, lower triangular, Σ = L Lᵀ."""
        return self._unbroadcasted_scale_tril

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """Σ."""
        factor = self._unbroadcasted_scale_tril
        return factor @ factor.mT

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """Σ⁻¹."""
        inverse = _inverse_of_factor(self._unbroadcasted_scale_tril)
        return inverse.mT @ inverse

    @property
    def mean(self) -> Tensor:
        return self.df.view(*self._batch_shape, 1, 1) * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        factor = self.df - self._event_shape[0] - 1
        factor = factor.masked_fill(factor <= 0, math.nan)
        return factor.view(*self._batch_shape, 1, 1) * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        sigma = self.covariance_matrix
        diagonal = sigma.diagonal(dim1=-2, dim2=-1)
        products = diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2)
        return self.df.view(*self._batch_shape, 1, 1) * (sigma.square() + products)

    def rsample(self, sample_shape: Any = (), max_try_correction: int | None = None) -> Tensor:
        """By Bartlett's decomposition: roots of chi-squared numbers on a diagonal, normal ones below."""
        p = self._event_shape[-1]
        lead = tuple(Size(tuple(sample_shape)) + self._batch_shape)
        halves = 0.5 * (self.df.unsqueeze(-1) - arange(p, dtype=self.df.dtype))
        roots = (2 * gamma_sample(halves.expand((*lead, p)))).sqrt()
        below = standard_normal(roots, (*lead, p, p)).tril(-1)
        product = self._unbroadcasted_scale_tril @ (below + roots.diag_embed())
        return product @ product.mT

    def log_prob(self, value: Tensor) -> Tensor:
        if self._checks():
            self._validate_sample(value)
        p, half = self._event_shape[-1], self.df / 2
        solved = _solved(self._unbroadcasted_scale_tril, linalg.cholesky(value))
        return (
            (self.df - p - 1) / 2 * linalg.slogdet(value)[1]
            - solved.square().sum((-2, -1)) / 2
            - self.df * (p * math.log(2) / 2 + _half_log_det(self._unbroadcasted_scale_tril))
            - _multi_lgamma(half, p)
        )

    def entropy(self) -> Tensor:
        p, half = self._event_shape[-1], self.df / 2
        steps = half.unsqueeze(-1) - arange(p, dtype=self.df.dtype) / 2
        return (
            (p + 1) * (p * math.log(2) / 2 + _half_log_det(self._unbroadcasted_scale_tril))
            + _multi_lgamma(half, p)
            - (self.df - p - 1) / 2 * steps.digamma().sum(-1)
            + self.df * p / 2
        )


def _multi_lgamma(a: Tensor, p: int) -> Tensor:
    """ln Γₚ(a) = p (p − 1) / 4 · ln π + Σⱼ ln Γ(a − j/2),  j from 0 to p − 1."""
    steps = a.unsqueeze(-1) - arange(p, dtype=a.dtype) / 2
    return steps.lgamma().sum(-1) + p * (p - 1) / 4 * math.log(math.pi)


class LKJCholesky(Distribution):
    """Lower Cholesky factors of correlation matrices C with the density det(C)^(concentration − 1), up to a constant.

    Source: Lewandowski, Kurowicka & Joe 2009; drawn as in their onion method.
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky
    shared = ("dim",)

    def __init__(self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None):
        if dim < 2:
            raise DomainError(f"LKJCholesky: dim is at least 2, found {dim}")
        self.dim = dim
        self.concentration = (
            concentration if isinstance(concentration, Tensor) else tensor(float(concentration))
        )
        super().__init__(self.concentration.shape, (dim, dim), validate_args=validate_args)
        self._beta = self._radii()

    def _radii(self) -> Beta:
        """The squared length of each row left of the diagonal."""
        row = arange(self.dim - 1, dtype=self.concentration.dtype)
        a = self.concentration.unsqueeze(-1)
        return Beta(row / 2 + 0.5, a + 0.5 * (self.dim - 2) - row / 2)

    def _expand_more(self, new: Any, batch_shape: Size) -> None:
        new._beta = new._radii()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            squares = self._beta.sample(sample_shape).unsqueeze(-1)  # (…, dim − 1, 1)
            shape = tuple(self._extended_shape(sample_shape))
            u = standard_normal(self.concentration, shape).tril(-1)[..., 1:, :]
            u = u / u.square().sum(-1, keepdim=True).sqrt() * squares.sqrt()
            w = zeros(shape, dtype=self.concentration.dtype)
            w[..., 1:, :] = u
            tiny = 1.1754943508222875e-38
            return w + (1 - w.square().sum(-1)).clamp(min=tiny).sqrt().diag_embed()

    def log_prob(self, value: Tensor) -> Tensor:
        if self._checks():
            self._validate_sample(value)
        n, a = self.dim, self.concentration
        diagonal = value.diagonal(dim1=-1, dim2=-2)[..., 1:]
        order = n - arange(2, n + 1, dtype=a.dtype) + 2 * (a - 1).unsqueeze(-1)
        kernel = (order * diagonal.log()).sum(-1)
        half = a + 0.5 * (n - 1)
        above = half.lgamma() * (n - 1)
        below = _multi_lgamma(half - 0.5, n - 1)
        pi = 0.5 * (n - 1) * math.log(math.pi)
        return kernel - (pi + below - above)
