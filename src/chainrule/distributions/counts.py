"""Distributions of whole numbers: heads or tails, and how often something happens."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..base.errors import DomainError
from ..tape.modes import no_grad
from ..tensors import Tensor, arange, bernoulli, poisson, rand, tensor, zeros
from . import constraints
from .distribution import Distribution, ExponentialFamily, unit_uniform
from .parameters import broadcast_all, lazy_property, logits_to_probs, probs_to_logits
from .unit import one_of
from .waiting import gamma_sample

__all__ = ["Bernoulli", "Binomial", "Geometric", "NegativeBinomial", "Poisson"]

softplus, xlogy = ops.TABLE["softplus"], ops.TABLE["xlogy"]


class _Odds(Distribution):
    """What is named by a probability of success, given as such or as logits ln(p / (1 − p))."""

    def _take(self, probs: Any, logits: Any, *others: Any) -> tuple[Tensor, ...]:
        """Keep what was given; returns it and the others, in one shape."""
        one_of(self, probs, logits)
        *others, given = broadcast_all(*others, logits if probs is None else probs)
        setattr(self, "logits" if probs is None else "probs", given)
        return *others, given

    @lazy_property
    def logits(self) -> Tensor:
        """ln(p / (1 − p))."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Tensor:
        """The probability of success."""
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def param_shape(self) -> Any:
        """The shape of the parameter that was given."""
        return (self.__dict__.get("probs", self.__dict__.get("logits"))).shape


class Bernoulli(_Odds, ExponentialFamily):
    """1 with probability p, else 0.

    >>> import chainrule as cr
    >>> Bernoulli(cr.tensor([0.25, 0.5])).log_prob(cr.ones(2)).exp()
    tensor([0.2500, 0.5000])
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean
    has_enumerate_support = True
    _mean_carrier_measure = 0.0  # type: ignore[assignment]

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        (given,) = self._take(probs, logits)
        super().__init__(given.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        return (self.probs >= 0.5).to(self.probs.dtype).masked_fill(self.probs == 0.5, float("nan"))

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._checks():
            self._validate_sample(value)
        return value * self.logits - softplus(self.logits, threshold=1e9)

    def entropy(self) -> Tensor:
        return softplus(self.logits, threshold=1e9) - self.probs * self.logits

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = tensor([0.0, 1.0], dtype=self._dtype()).view(-1, *(1,) * len(self._batch_shape))
        return values.expand((2, *self._batch_shape)) if expand else values

    def _dtype(self) -> Any:
        return self.__dict__.get("probs", self.__dict__.get("logits")).dtype

    @property
    def _natural_params(self) -> tuple[Tensor]:
        return (self.logits,)

    def _log_normalizer(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return softplus(x)


class Geometric(_Odds):
    """The number of failures before the first success,  P(k) = (1 − p)ᵏ p."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        (given,) = self._take(probs, logits)
        super().__init__(given.shape, validate_args=validate_args)
        if self._checks() and probs is not None and not (given.detach() > 0).all():
            raise DomainError(f"Geometric: probs must be positive\n  found {given.detach()}")

    @property
    def mean(self) -> Tensor:
        return 1 / self.probs - 1

    @property
    def mode(self) -> Tensor:
        return self.probs * 0

    @property
    def variance(self) -> Tensor:
        return (1 / self.probs - 1) / self.probs

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            u = unit_uniform(self.probs, self._extended_shape(sample_shape))
            return (u.log() / (-self.probs).log1p()).floor()

    def log_prob(self, value: Tensor) -> Tensor:
        if self._checks():
            self._validate_sample(value)
        fails = (-self.probs).masked_fill((self.probs == 1) & (value == 0), 0.0)
        return value * fails.log1p() + self.probs.log()

    def entropy(self) -> Tensor:
        p = self.probs
        return (softplus(self.logits, threshold=1e9) - p * self.logits) / p


class Binomial(_Odds):
    """The number of successes in n trials,  P(k) = C(n, k) pᵏ (1 − p)^(n − k),  n the total count."""

    arg_constraints = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True

    def __init__(
        self,
        total_count: Any = 1,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ):
        self.total_count, given = self._take(probs, logits, total_count)
        self.total_count = self.total_count.to(given.dtype)
        super().__init__(given.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> constraints.Constraint:
        """0 … n."""
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """The number of uniform numbers below p among n."""
        with no_grad():
            shape = tuple(self._extended_shape(sample_shape))
            count, p = self.total_count.expand(shape), self.probs.expand(shape)
            out = zeros(shape, dtype=p.dtype)
            most = int(count.max().item()) if count.numel() else 0
            for k in range(most):
                out = out + ((rand(shape, dtype=p.dtype) < p) & (count > k)).to(p.dtype)
            return out

    def log_prob(self, value: Tensor) -> Tensor:
        if self._checks():
            self._validate_sample(value)
        n = self.total_count
        ways = (n + 1).lgamma() - (value + 1).lgamma() - (n - value + 1).lgamma()
        return ways + value * self.logits - n * softplus(self.logits, threshold=1e9)

    def entropy(self) -> Tensor:
        most = int(self.total_count.max().item())
        if self._checks() and not bool((self.total_count == most).all()):
            raise NotImplementedError(
                "Binomial: the entropies of different total counts are no sums of one length\n"
                "  hint: ask each distribution by itself"
            )
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(log_prob.exp() * log_prob).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        most = int(self.total_count.max().item())
        if not bool((self.total_count == most).all()):
            raise NotImplementedError(
                "Binomial: different total counts have different supports\n"
                "  hint: ask each distribution by itself"
            )
        values = arange(1 + most, dtype=self.total_count.dtype)
        values = values.view(-1, *(1,) * len(self._batch_shape))
        return values.expand((1 + most, *self._batch_shape)) if expand else values


class NegativeBinomial(_Odds):
    """The number of successes, each of probability p, before n failures,  P(k) = C(n + k − 1, k) (1 − p)ⁿ pᵏ."""

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(
        self,
        total_count: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ):
        self.total_count, given = self._take(probs, logits, total_count)
        self.total_count = self.total_count.to(given.dtype)
        super().__init__(given.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> Tensor:
        return self.mean / (-self.logits).sigmoid()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Poisson's number at a rate that is a gamma number."""
        with no_grad():
            shape = self._extended_shape(sample_shape)
            return poisson(gamma_sample(self.total_count.expand(shape)) * self.logits.exp())

    def log_prob(self, value: Tensor) -> Tensor:
        if self._checks():
            self._validate_sample(value)
        n = self.total_count
        powers = value * self.logits - (n + value) * softplus(self.logits, threshold=1e9)
        ways = (n + value).lgamma() - (value + 1).lgamma() - n.lgamma()
        return powers + ways.masked_fill(n + value == 0, 0.0)


class Poisson(ExponentialFamily):
    """How often something happens that happens, on average, `rate` times,  P(k) = rateᵏ e^(−rate) / k!."""

    arg_constraints = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer

    def __init__(self, rate: Any, validate_args: bool | None = None):
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.rate

    @property
    def mode(self) -> Tensor:
        return self.rate.floor()

    @property
    def variance(self) -> Tensor:
        return self.rate

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._checks():
            self._validate_sample(value)
        return xlogy(value, self.rate) - self.rate - (value + 1).lgamma()

    @property
    def _natural_params(self) -> tuple[Tensor]:
        return (self.rate.log(),)

    def _log_normalizer(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return x.exp()
