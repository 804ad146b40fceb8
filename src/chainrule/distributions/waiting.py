"""Distributions of positive numbers: exponential, gamma, and what is made of gammas.

Gamma numbers are drawn by rejection, which has no derivative. Theirs by the concentration a is that of a fixed quantile: from
P(a, z) = const follows  dz/da = −(∂P/∂a) / (∂P/∂z).  Source: Figurnov, Mohamed & Mnih 2018.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..base.modes import modes
from ..tensors import Tensor, rand, randn, tensor
from . import constraints
from .distribution import Distribution, ExponentialFamily, unit_uniform
from .parameters import broadcast_all

__all__ = ["Chi2", "Exponential", "FisherSnedecor", "Gamma", "gamma_sample"]


class Exponential(ExponentialFamily):
    """The exponential distribution,  p(x) = rate · exp(−rate x)."""

    arg_constraints = {"rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, rate: Any, validate_args: bool | None = None):
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.rate.reciprocal()

    @property
    def mode(self) -> Tensor:
        return self.rate * 0

    @property
    def stddev(self) -> Tensor:
        return self.rate.reciprocal()

    @property
    def variance(self) -> Tensor:
        return self.rate.pow(-2)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return -unit_uniform(self.rate, self._extended_shape(sample_shape)).log() / self.rate

    def log_prob(self, value: Tensor) -> Tensor:
        if self._checks():
            self._validate_sample(value)
        return self.rate.log() - self.rate * value

    def cdf(self, value: Tensor) -> Tensor:
        if self._checks():
            self._validate_sample(value)
        return -(-self.rate * value).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        return -(-value).log1p() / self.rate

    def entropy(self) -> Tensor:
        return 1 - self.rate.log()

    @property
    def _natural_params(self) -> tuple[Tensor]:
        return (-self.rate,)

    def _log_normalizer(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return -(-x).log()


class Gamma(ExponentialFamily):
    """The gamma distribution,  p(x) = rateᵃ xᵃ⁻¹ exp(−rate x) / Γ(a),  a the concentration."""

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None):
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.concentration.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate.square()

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        return gamma_sample(self.concentration.expand(shape)) / self.rate

    def log_prob(self, value: Tensor) -> Tensor:
        value = _as(value, self.rate)
        if self._checks():
            self._validate_sample(value)
        a = self.concentration
        power = ops.TABLE["xlogy"](a, self.rate) + ops.TABLE["xlogy"](a - 1, value)
        return power - self.rate * value - a.lgamma()

    def cdf(self, value: Tensor) -> Tensor:
        if self._checks():
            self._validate_sample(value)
        return ops.igamma(self.concentration, self.rate * value)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - self.rate.log() + a.lgamma() + (1 - a) * a.digamma()

    @property
    def _natural_params(self) -> tuple[Tensor, Tensor]:
        return self.concentration - 1, -self.rate

    def _log_normalizer(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        return (x + 1).lgamma() - (x + 1) * (-y).log()


class Chi2(Gamma):
    """Chi-squared: the sum of the squares of df standard normal numbers, Gamma(df/2, 1/2)."""

    arg_constraints = {"df": constraints.positive}

    def __init__(self, df: Any, validate_args: bool | None = None):
        (df,) = broadcast_all(df)
        super().__init__(0.5 * df, 0.5, validate_args=validate_args)

    @property
    def df(self) -> Tensor:
        """The degrees of freedom."""
        return self.concentration * 2

    def _expand_more(self, new: Any, batch_shape: Any) -> None:
        new.concentration = self.concentration.expand(tuple(batch_shape))
        new.rate = self.rate.expand(tuple(batch_shape))


class FisherSnedecor(Distribution):
    """F: the ratio of two chi-squared numbers, each over its degrees of freedom."""

    arg_constraints = {"df1": constraints.positive, "df2": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, df1: Any, df2: Any, validate_args: bool | None = None):
        self.df1, self.df2 = broadcast_all(df1, df2)
        super().__init__(self.df1.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return (self.df2 / (self.df2 - 2)).masked_fill(self.df2 <= 2, float("nan"))

    @property
    def mode(self) -> Tensor:
        found = (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)
        return found.masked_fill(self.df1 <= 2, float("nan"))

    @property
    def variance(self) -> Tensor:
        a, b = self.df1, self.df2
        found = 2 * b.square() * (a + b - 2) / (a * (b - 2).square() * (b - 4))
        return found.masked_fill(b <= 4, float("nan"))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        above = gamma_sample((self.df1 / 2).expand(shape)) / self.df1
        below = gamma_sample((self.df2 / 2).expand(shape)) / self.df2
        return above / below

    def log_prob(self, value: Tensor) -> Tensor:
        if self._checks():
            self._validate_sample(value)
        a, b = self.df1 * 0.5, self.df2 * 0.5
        ratio = self.df1 / self.df2
        gammas = (a + b).lgamma() - a.lgamma() - b.lgamma()
        return gammas + a * ratio.log() + (a - 1) * value.log() - (a + b) * (ratio * value).log1p()


def _as(value: Any, like: Tensor) -> Tensor:
    """A number as a tensor of the dtype of a parameter."""
    return value if isinstance(value, Tensor) else tensor(value, dtype=like.dtype)


# ------------------------------------------------------------------------------------------------------- drawing


def gamma_sample(concentration: Tensor) -> Tensor:
    """Gamma numbers of rate 1, one for each concentration, with the derivative by it (of first order).

    Drawn by squeezing, Marsaglia & Tsang 2000; below a = 1 as the number for a + 1 times U^(1/a).
    """
    if modes.trace is not None:
        modes.trace.refuse(
            "gamma numbers are drawn until one fits, which a program cannot do",
            "draw them outside of the traced function, and hand them over",
        )
    a = np.asarray(concentration.detach().double().numpy())
    z = _drawn(a.reshape(-1)).reshape(a.shape)
    dtype = concentration.dtype
    z = np.maximum(z, np.finfo(dtype.numpy).tiny if dtype.name[:1] == "f" else 2.0**-126)
    drawn = tensor(z).to(dtype)
    if not concentration.requires_grad:
        return drawn
    slope = tensor(slope_by_concentration(a, z)).to(dtype)
    return drawn + (concentration - concentration.detach()) * slope


def _drawn(a: np.ndarray) -> np.ndarray:
    """Gamma numbers for a vector of concentrations, in rounds: who is rejected draws again."""
    boosted = np.where(a < 1, a + 1, a)
    d = boosted - 1 / 3
    c = 1 / np.sqrt(9 * d)
    out, left = np.empty_like(a), np.arange(a.size)
    while left.size:
        x = np.asarray(randn(left.size, dtype="float64").numpy())
        u = _positive(left.size)
        v = (1 + c[left] * x) ** 3
        with np.errstate(all="ignore"):
            fits = (v > 0) & (np.log(u) < 0.5 * x * x + d[left] * (1 - v + np.log(v)))
        out[left[fits]] = d[left[fits]] * v[fits]
        left = left[~fits]
    small = a < 1
    out[small] *= np.exp(np.log(_positive(int(small.sum()))) / a[small])
    return out


def _positive(n: int) -> np.ndarray:
    """Uniform numbers in (0, 1) with 48 random bits: the power 1/a of a coarse one would show."""
    u = np.asarray(rand(n, 2, dtype="float64").numpy())
    return u[:, 0] + u[:, 1] * 2.0**-24 + 2.0**-49


def slope_by_concentration(a: np.ndarray, z: np.ndarray) -> np.ndarray:
    """dz/da at a fixed quantile of the gamma distribution.

    Up to a few deviations above the mean by the series  Σₙ rₙ (ψ(a + n + 1) − ln z),  rₙ = zⁿ⁺¹ / (a (a + 1) … (a + n)),  in which
    P is a sum of positive terms over the density. Far above, where 1 − P is small, by the integral
    ∫₀^∞ (1 + s/z)ᵃ⁻¹ e⁻ˢ (ln(z + s) − ψ(a)) ds,  with Gauss and Laguerre's weights.
    """
    a, z = np.asarray(a, np.float64), np.asarray(z, np.float64)
    out = np.empty(np.broadcast_shapes(a.shape, z.shape))
    a, z = np.broadcast_to(a, out.shape), np.broadcast_to(z, out.shape)
    far = z > a + 6 * np.sqrt(a) + 8
    out[far], out[~far] = _above(a[far], z[far]), _series(a[~far], z[~far])
    return out


def _series(a: np.ndarray, z: np.ndarray) -> np.ndarray:
    log_z, psi = np.log(z), np.asarray(ops.digamma(a + 1))
    term = z / a
    total, size, n = term * (psi - log_z), term.copy(), 1
    while (term > 1e-17 * size).any():
        psi = psi + 1 / (a + n)
        term = term * z / (a + n)
        total, size, n = total + term * (psi - log_z), size + term, n + 1
    return total


NODES, WEIGHTS = np.polynomial.laguerre.laggauss(48)


def _above(a: np.ndarray, z: np.ndarray) -> np.ndarray:
    a, z = a[..., None], z[..., None]
    s = NODES * (z / (z - a + 1))  # the integrand falls like exp(−s (z − a + 1) / z)
    smooth = np.exp(NODES - s + (a - 1) * np.log1p(s / z))
    inner = smooth * (np.log(z + s) - np.asarray(ops.digamma(a)))
    return (inner * WEIGHTS).sum(-1) * (z / (z - a + 1))[..., 0]
