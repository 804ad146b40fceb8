"""Distributions of shares: beta on the interval from 0 to 1, its kin, and Dirichlet's of shares that add up to 1."""

from __future__ import annotations

import math
from typing import Any

from .. import ops
from ..base.errors import ShapeError
from ..tensors import Tensor, full_like, stack, where, zeros_like
from . import constraints
from .distribution import Distribution, ExponentialFamily, unit_uniform
from .parameters import broadcast_all, clamp_probs, lazy_property, logits_to_probs, probs_to_logits
from .waiting import gamma_sample

__all__ = ["Beta", "ContinuousBernoulli", "Dirichlet"]

xlogy = ops.TABLE["xlogy"]


class Dirichlet(ExponentialFamily):
    """Dirichlet's distribution of k shares,  p(x) = Γ(Σ aᵢ) / Π Γ(aᵢ) · Π xᵢ^(aᵢ − 1)."""

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: Tensor, validate_args: bool | None = None):
        if concentration.ndim < 1:
            raise ShapeError("Dirichlet: the concentration has at least one axis, found a number")
        self.concentration = concentration
        shape = concentration.shape
        super().__init__(shape[:-1], shape[-1:], validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, keepdim=True)

    @property
    def mode(self) -> Tensor:
        above = (self.concentration - 1).clamp(min=0.0)
        mode = above / above.sum(-1, keepdim=True)
        corner = (self.concentration < 1).all(-1, keepdim=True)
        largest = self.concentration == self.concentration.amax(-1, keepdim=True)
        first = largest & (largest.cumsum(-1) == 1)
        return where(corner, first.to(mode.dtype), mode)

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, keepdim=True)
        return self.concentration * (total - self.concentration) / (total.square() * (total + 1))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        drawn = gamma_sample(self.concentration.expand(self._extended_shape(sample_shape)))
        return drawn / drawn.sum(-1, keepdim=True)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._checks():
            self._validate_sample(value)
        a = self.concentration
        return xlogy(a - 1, value).sum(-1) + a.sum(-1).lgamma() - a.lgamma().sum(-1)

    def entropy(self) -> Tensor:
        a = self.concentration
        k, total = a.shape[-1], a.sum(-1)
        return (
            a.lgamma().sum(-1)
            - total.lgamma()
            - (k - total) * total.digamma()
            - ((a - 1) * a.digamma()).sum(-1)
        )

    @property
    def _natural_params(self) -> tuple[Tensor]:
        return (self.concentration,)

    def _log_normalizer(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return x.lgamma().sum(-1) - x.sum(-1).lgamma()


class Beta(ExponentialFamily):
    """The beta distribution,  p(x) = x^(a − 1) (1 − x)^(b − 1) / B(a, b),  a and b the two concentrations."""

    arg_constraints = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None):
        a, b = broadcast_all(concentration1, concentration0)
        self._dirichlet = Dirichlet(stack([a, b], -1), validate_args=validate_args)
        super().__init__(a.shape, validate_args=validate_args)

    def _expand_more(self, new: Any, batch_shape: Any) -> None:
        new._dirichlet = self._dirichlet.expand(batch_shape)

    @property
    def concentration1(self) -> Tensor:
        """a, the weight of 1."""
        return self._dirichlet.concentration[..., 0]

    @property
    def concentration0(self) -> Tensor:
        """b, the weight of 0."""
        return self._dirichlet.concentration[..., 1]

    @property
    def mean(self) -> Tensor:
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self) -> Tensor:
        return self._dirichlet.mode[..., 0]

    @property
    def variance(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        return a * b / ((a + b).square() * (a + b + 1))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self._dirichlet.rsample(sample_shape)[..., 0]

    def log_prob(self, value: Tensor) -> Tensor:
        if self._checks():
            self._validate_sample(value)
        shares = stack([value, 1 - value], -1)
        a = self._dirichlet.concentration
        return xlogy(a - 1, shares).sum(-1) + a.sum(-1).lgamma() - a.lgamma().sum(-1)

    def entropy(self) -> Tensor:
        return self._dirichlet.entropy()

    @property
    def _natural_params(self) -> tuple[Tensor, Tensor]:
        return self.concentration1, self.concentration0

    def _log_normalizer(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        return x.lgamma() + y.lgamma() - (x + y).lgamma()


class ContinuousBernoulli(ExponentialFamily):
    """The continuous Bernoulli distribution on [0, 1],  p(x) = C(p) pˣ (1 − p)^(1 − x).

    C(p) = 2 artanh(1 − 2p) / (1 − 2p),  near p = 1/2, inside of `lims`, its Taylor series.  Source: Loaiza-Ganem & Cunningham 2019.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    shared = ("_lims",)
    _mean_carrier_measure = 0.0  # type: ignore[assignment]

    def __init__(
        self,
        probs: Any = None,
        logits: Any = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ):
        one_of(self, probs, logits)
        self._lims = lims
        if probs is not None:
            (self.probs,) = broadcast_all(probs)
            if validate_args is not False and self._checks():
                self._check_parameters()
            self.probs = clamp_probs(self.probs)
            shape = self.probs.shape
        else:
            (self.logits,) = broadcast_all(logits)
            shape = self.logits.shape
        super().__init__(shape, validate_args=validate_args)

    @lazy_property
    def logits(self) -> Tensor:
        """ln(p / (1 − p))."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Tensor:
        """p."""
        return clamp_probs(logits_to_probs(self.logits, is_binary=True))

    def _outside(self) -> Tensor:
        """Where p is far enough from 1/2 for the formula."""
        return (self.probs <= self._lims[0]) | (self.probs > self._lims[1])

    def _cut(self) -> Tensor:
        """p, and where it is near 1/2 a number that the formula can take."""
        return where(self._outside(), self.probs, full_like(self.probs, self._lims[0]))

    def _log_constant(self) -> Tensor:
        p = self._cut()
        low, high = p.clamp(max=0.5), p.clamp(min=0.5)
        size = where(p <= 0.5, (-2 * low).log1p(), (2 * high - 1).log())
        exact = ((-p).log1p() - p.log()).abs().log() - size
        x = (self.probs - 0.5).square()
        return where(self._outside(), exact, math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x) * x)

    @property
    def mean(self) -> Tensor:
        p = self._cut()
        exact = p / (2 * p - 1) + 1 / ((-p).log1p() - p.log())
        x = self.probs - 0.5
        return where(self._outside(), exact, 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * x.square()) * x)

    @property
    def variance(self) -> Tensor:
        p = self._cut()
        exact = p * (p - 1) / (1 - 2 * p).square() + 1 / ((-p).log1p() - p.log()).square()
        x = (self.probs - 0.5).square()
        return where(self._outside(), exact, 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * x) * x)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.icdf(unit_uniform(self.probs, self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._checks():
            self._validate_sample(value)
        return value * self.logits - ops.TABLE["softplus"](self.logits) + self._log_constant()

    def cdf(self, value: Tensor) -> Tensor:
        if self._checks():
            self._validate_sample(value)
        p = self._cut()
        exact = (p.pow(value) * (1 - p).pow(1 - value) + p - 1) / (2 * p - 1)
        near = value + 2 * (self.probs - 0.5) * (value.square() - value)
        inside = where(self._outside(), exact, near)
        return where(value <= 0, zeros_like(value), where(value >= 1, value * 0 + 1, inside))

    def icdf(self, value: Tensor) -> Tensor:
        p = self._cut()
        exact = ((value * (2 * p - 1) - p).log1p() - (-p).log1p()) / (p.log() - (-p).log1p())
        near = value - 2 * (self.probs - 0.5) * (value.square() - value)
        return where(self._outside(), exact, near)

    def entropy(self) -> Tensor:
        log_0, log_1 = (-self.probs).log1p(), self.probs.log()
        return self.mean * (log_0 - log_1) - self._log_constant() - log_0

    @property
    def _natural_params(self) -> tuple[Tensor]:
        return (self.logits,)


def one_of(distribution: Distribution, probs: Any, logits: Any) -> None:
    """Refuse both, or neither, of probabilities and logits."""
    if (probs is None) == (logits is None):
        raise ValueError(
            f"{type(distribution).__name__} takes either probs or logits, found {'neither' if probs is None else 'both'}"
        )
