"""Normal distributions of vectors, with a covariance matrix, or with one of low rank and a diagonal."""

from __future__ import annotations

import math
from typing import Any

from ..base import shapes
from ..base.errors import ShapeError
from ..tensors import Size, Tensor, eye
from ..tensors.functions import linalg
from . import constraints
from .distribution import Distribution, standard_normal
from .parameters import lazy_property

__all__ = ["LowRankMultivariateNormal", "MultivariateNormal"]


class MultivariateNormal(Distribution):
    """Normal vectors,  ln p(x) = −½ ((x − loc)ᵀ Σ⁻¹ (x − loc) + ln det Σ + k ln 2π).

    One of the covariance Σ, its inverse, and its Cholesky factor is given; the factor is the fastest.

    >>> import chainrule as cr
    >>> MultivariateNormal(cr.zeros(2), cr.eye(2)).entropy()
    tensor(2.8379)
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
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
        if loc.ndim < 1:
            raise ShapeError("MultivariateNormal: loc has at least one axis, found a number")
        if len(named) != 1:
            raise ValueError(
                f"MultivariateNormal takes exactly one of {', '.join(given)}, found {len(named)}"
            )
        [(name, matrix)] = named.items()
        if matrix.ndim < 2:
            raise ShapeError(f"MultivariateNormal: {name} is a matrix, found {tuple(matrix.shape)}")
        batch = shapes.broadcast(tuple(matrix.shape[:-2]), tuple(loc.shape[:-1]))
        matrix = matrix.expand((*batch, *tuple(matrix.shape[-2:])))
        self.loc = loc.expand((*batch, loc.shape[-1]))
        setattr(self, name, matrix)
        super().__init__(batch, self.loc.shape[-1:], validate_args=validate_args)
        if name == "scale_tril":
            self._unbroadcasted_scale_tril = matrix
        elif name == "covariance_matrix":
            self._unbroadcasted_scale_tril = linalg.cholesky(matrix)
        else:
            self._unbroadcasted_scale_tril = _factor_of_inverse(matrix)

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
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return self._unbroadcasted_scale_tril.square().sum(-1)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        z = standard_normal(self.loc, self._extended_shape(sample_shape))
        return self.loc + (self._unbroadcasted_scale_tril @ z.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._checks():
            self._validate_sample(value)
        factor = self._unbroadcasted_scale_tril
        k = self._event_shape[0]
        return -0.5 * (
            k * math.log(2 * math.pi) + mahalanobis(factor, value - self.loc)
        ) - _half_log_det(factor)

    def entropy(self) -> Tensor:
        k = self._event_shape[0]
        return 0.5 * k * (1 + math.log(2 * math.pi)) + _half_log_det(self._unbroadcasted_scale_tril)


def _half_log_det(factor: Tensor) -> Tensor:
    """½ ln det L Lᵀ."""
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def mahalanobis(factor: Tensor, away: Tensor) -> Tensor:
    """|L⁻¹ x|², for each x."""
    solved = _solved(factor, away.unsqueeze(-1)).squeeze(-1)
    return solved.square().sum(-1)


def _solved(factor: Tensor, right: Tensor) -> Tensor:
    """L⁻¹ R, the batches broadcast."""
    batch = shapes.broadcast(tuple(factor.shape[:-2]), tuple(right.shape[:-2]))
    factor = factor.expand((*batch, *tuple(factor.shape[-2:])))
    right = right.expand((*batch, *tuple(right.shape[-2:])))
    return linalg.solve_triangular(factor, right, upper=False)


def _inverse_of_factor(factor: Tensor) -> Tensor:
    return _solved(factor, eye(factor.shape[-1], dtype=factor.dtype))


def _factor_of_inverse(matrix: Tensor) -> Tensor:
    """The Cholesky factor of the inverse of a positive definite matrix: of P turned by half a circle, turned back."""
    turned = linalg.cholesky(matrix.flip((-2, -1))).flip((-2, -1)).mT
    return _inverse_of_factor(turned)


class LowRankMultivariateNormal(Distribution):
    """Normal vectors whose covariance is  W Wᵀ + D,  W with few columns, D a diagonal.

    Systems of equations are solved in the few columns, by Woodbury's identity; the determinant is that of the capacitance
    I + Wᵀ D⁻¹ W times that of D.
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        cov_factor: Tensor,
        cov_diag: Tensor,
        validate_args: bool | None = None,
    ):
        size = tuple(loc.shape[-1:])
        if (
            loc.ndim < 1
            or tuple(cov_factor.shape[-2:-1]) != size
            or tuple(cov_diag.shape[-1:]) != size
        ):
            raise ShapeError(
                "LowRankMultivariateNormal: loc (…, k), cov_factor (…, k, m) and cov_diag (…, k) must agree in k\n"
                f"  found {tuple(loc.shape)}, {tuple(cov_factor.shape)} and {tuple(cov_diag.shape)}"
            )
        batch = shapes.broadcast(
            tuple(loc.shape[:-1]), tuple(cov_factor.shape[:-2]), tuple(cov_diag.shape[:-1])
        )
        self.loc = loc.expand((*batch, *size))
        self.cov_factor = cov_factor.expand((*batch, *tuple(cov_factor.shape[-2:])))
        self.cov_diag = cov_diag.expand((*batch, *size))
        super().__init__(batch, size, validate_args=validate_args)

    @lazy_property
    def _capacitance(self) -> Tensor:
        """The Cholesky factor of  I + Wᵀ D⁻¹ W."""
        w = self.cov_factor
        inner = w.mT @ (w / self.cov_diag.unsqueeze(-1))
        return linalg.cholesky(inner + eye(w.shape[-1], dtype=w.dtype))

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """W Wᵀ + D."""
        return self.cov_factor @ self.cov_factor.mT + self.cov_diag.diag_embed()

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The Cholesky factor of the covariance."""
        return linalg.cholesky(self.covariance_matrix)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance,  D⁻¹ − D⁻¹ W C⁻¹ Wᵀ D⁻¹."""
        scaled = self.cov_factor / self.cov_diag.unsqueeze(-1)
        inner = _solved(self._capacitance, scaled.mT)
        return self.cov_diag.reciprocal().diag_embed() - inner.mT @ inner

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return self.cov_factor.square().sum(-1) + self.cov_diag

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        few = standard_normal(self.loc, (*tuple(shape[:-1]), self.cov_factor.shape[-1]))
        many = standard_normal(self.loc, shape)
        low = (self.cov_factor @ few.unsqueeze(-1)).squeeze(-1)
        return self.loc + low + self.cov_diag.sqrt() * many

    def _log_det(self) -> Tensor:
        return 2 * _half_log_det(self._capacitance) + self.cov_diag.log().sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._checks():
            self._validate_sample(value)
        away = value - self.loc
        scaled = away / self.cov_diag
        inner = (self.cov_factor.mT @ scaled.unsqueeze(-1)).squeeze(-1)
        distance = (away * scaled).sum(-1) - mahalanobis(self._capacitance, inner)
        k = self._event_shape[0]
        return -0.5 * (k * math.log(2 * math.pi) + self._log_det() + distance)

    def entropy(self) -> Tensor:
        k = self._event_shape[0]
        return 0.5 * (k * (1 + math.log(2 * math.pi)) + self._log_det())
