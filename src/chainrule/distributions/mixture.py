"""Axes of a batch that count as one draw, and mixtures of the distributions along an axis."""

from __future__ import annotations

from typing import Any

from ..base.errors import ShapeError
from ..tape.modes import no_grad
from ..tensors import Size, Tensor
from ..tensors.functions import log_softmax, logsumexp
from . import constraints
from .categorical import Categorical
from .distribution import Distribution
from .parameters import sum_rightmost

__all__ = ["Independent", "MixtureSameFamily"]


class Independent(Distribution):
    """A batch of distributions, the last axes of which make up one draw: log densities are summed over them.

    >>> import chainrule as cr
    >>> Independent(cr.distributions.Normal(cr.zeros(3), cr.ones(3)), 1).log_prob(cr.zeros(3))
    tensor(-2.7568)
    """

    def __init__(
        self,
        base_distribution: Distribution,
        reinterpreted_batch_ndims: int,
        validate_args: bool | None = None,
    ):
        shape = base_distribution.batch_shape + base_distribution.event_shape
        if reinterpreted_batch_ndims > len(base_distribution.batch_shape):
            raise ShapeError(
                f"Independent: there are {len(base_distribution.batch_shape)} axes of a batch, "
                f"found {reinterpreted_batch_ndims} to reinterpret"
            )
        cut = len(base_distribution.batch_shape) - reinterpreted_batch_ndims
        self.base_dist = base_distribution
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        super().__init__(shape[:cut], shape[cut:], validate_args=validate_args)

    def _expand_more(self, new: Any, batch_shape: Size) -> None:
        axes = self._event_shape[: self.reinterpreted_batch_ndims]
        new.base_dist = self.base_dist.expand(tuple(batch_shape) + tuple(axes))
        new.reinterpreted_batch_ndims = self.reinterpreted_batch_ndims

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """As the distribution underneath."""
        return self.base_dist.has_rsample

    @property
    def has_enumerate_support(self) -> bool:  # type: ignore[override]
        """Only where nothing is reinterpreted: products of supports are not listed."""
        return self.reinterpreted_batch_ndims == 0 and self.base_dist.has_enumerate_support

    @constraints.dependent_property
    def support(self) -> Any:
        """That of the distribution underneath, over more axes."""
        found = self.base_dist.support
        n = self.reinterpreted_batch_ndims
        return constraints.independent(found, n) if n else found

    @property
    def mean(self) -> Tensor:
        return self.base_dist.mean

    @property
    def mode(self) -> Tensor:
        return self.base_dist.mode

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        return sum_rightmost(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Tensor:
        return sum_rightmost(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        if self.reinterpreted_batch_ndims:
            raise NotImplementedError("Independent: the product of supports is not listed")
        return self.base_dist.enumerate_support(expand)

    def __repr__(self) -> str:
        return f"Independent({self.base_dist!r}, {self.reinterpreted_batch_ndims})"


class MixtureSameFamily(Distribution):
    """A mixture,  p(x) = Σₖ wₖ pₖ(x),  of the distributions along the last axis of a batch, weighted by a Categorical."""

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ):
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(
                f"MixtureSameFamily: the weights are a Categorical, found {type(mixture_distribution).__name__}"
            )
        if not isinstance(component_distribution, Distribution):
            raise ValueError(
                f"MixtureSameFamily: the components are a Distribution, found {type(component_distribution).__name__}"
            )
        batch = component_distribution.batch_shape
        count = mixture_distribution.param_shape[-1]
        if not batch or batch[-1] != count:
            raise ShapeError(
                f"MixtureSameFamily: there are {count} weights, and components of the batch shape {tuple(batch)}"
            )
        self._mixture_distribution = mixture_distribution
        self._component_distribution = component_distribution
        self._num_component = count
        super().__init__(batch[:-1], component_distribution.event_shape, validate_args)

    def _expand_more(self, new: Any, batch_shape: Size) -> None:
        wide = (*tuple(batch_shape), self._num_component)
        new._component_distribution = self._component_distribution.expand(wide)
        new._mixture_distribution = self._mixture_distribution.expand(batch_shape)
        new._num_component = self._num_component

    @constraints.dependent_property
    def support(self) -> Any:
        """The components'."""
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    @property
    def mixture_distribution(self) -> Categorical:
        """The weights."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Distribution:
        """The components."""
        return self._component_distribution

    def _weights(self) -> Tensor:
        probs = self._mixture_distribution.probs
        return probs.reshape(tuple(probs.shape) + (1,) * len(self._event_shape))

    @property
    def _axis(self) -> int:
        return -1 - len(self._event_shape)

    @property
    def mean(self) -> Tensor:
        return (self._weights() * self._component_distribution.mean).sum(self._axis)

    @property
    def variance(self) -> Tensor:
        """The mean of the variances and the variance of the means."""
        weights, parts = self._weights(), self._component_distribution
        away = parts.mean - self.mean.unsqueeze(self._axis)
        return (weights * (parts.variance + away.square())).sum(self._axis)

    def cdf(self, value: Tensor) -> Tensor:
        parts = self._component_distribution.cdf(value.unsqueeze(self._axis))
        return (parts * self._mixture_distribution.probs).sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._checks():
            self._validate_sample(value)
        parts = self._component_distribution.log_prob(value.unsqueeze(self._axis))
        weights = log_softmax(self._mixture_distribution.logits, -1)
        return logsumexp(parts + weights, -1)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            chosen = self._mixture_distribution.expand(self._batch_shape).sample(sample_shape)
            drawn = self._component_distribution.sample(sample_shape)
            events = len(self._event_shape)
            index = chosen.reshape(tuple(chosen.shape) + (1,) * (events + 1))
            index = index.expand((*tuple(chosen.shape), 1, *tuple(self._event_shape)))
            return drawn.gather(drawn.ndim - 1 - events, index).squeeze(drawn.ndim - 1 - events)

    def __repr__(self) -> str:
        return (
            f"MixtureSameFamily({self._mixture_distribution!r}, {self._component_distribution!r})"
        )
