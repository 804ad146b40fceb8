"""Distributions of one outcome of several: its index, its vector, and how often each came up."""

from __future__ import annotations

from typing import Any

from ..base import dtypes, shapes
from ..base.errors import DomainError, ShapeError
from ..tape.modes import no_grad
from ..tensors import Size, Tensor, arange, eye, multinomial, zeros
from . import constraints
from .counts import Binomial
from .distribution import Distribution
from .parameters import lazy_property, logits_to_probs, normalized, probs_to_logits
from .unit import one_of

__all__ = ["Categorical", "Multinomial", "OneHotCategorical", "OneHotCategoricalStraightThrough"]


class Categorical(Distribution):
    """The index of one of k outcomes, with probabilities along the last axis, which are normalised.

    >>> import chainrule as cr
    >>> Categorical(cr.tensor([1.0, 3.0])).log_prob(cr.tensor(1)).exp()
    tensor(0.7500)
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True
    shared = ("_num_events",)

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        one_of(self, probs, logits)
        given = logits if probs is None else probs
        if given.ndim < 1:
            raise ShapeError(
                f"{type(self).__name__}: the last axis are the outcomes, found a number"
            )
        if probs is not None:
            self.probs = probs / probs.sum(-1, keepdim=True)
        else:
            self.logits = normalized(logits)
        self._num_events = given.shape[-1]
        super().__init__(given.shape[:-1], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> constraints.Constraint:
        """0 … k − 1."""
        return constraints.integer_interval(0, self._num_events - 1)

    @lazy_property
    def logits(self) -> Tensor:
        """ln p."""
        return probs_to_logits(self.probs)

    @lazy_property
    def probs(self) -> Tensor:
        """p."""
        return logits_to_probs(self.logits)

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        return self.__dict__.get("probs", self.__dict__.get("logits")).shape

    @property
    def mean(self) -> Tensor:
        """NaN: indices have no mean."""
        return zeros(tuple(self._batch_shape), dtype=self.probs.dtype) * float("nan")

    @property
    def variance(self) -> Tensor:
        """NaN: indices have no variance."""
        return self.mean

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            sample_shape = Size(tuple(sample_shape))
            n = sample_shape.numel()
            shape = tuple(self._extended_shape(sample_shape))
            if 0 in shape:
                return zeros(shape).long()
            drawn = multinomial(self.probs.reshape(-1, self._num_events), n, True)
            return drawn.T.reshape(shape)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._checks():
            self._validate_sample(value)
        index = value.long().unsqueeze(-1)
        batch = shapes.broadcast(tuple(index.shape[:-1]), tuple(self.logits.shape[:-1]))
        logits = self.logits.expand((*batch, self._num_events))
        return logits.gather(-1, index.expand((*batch, 1))).squeeze(-1)

    def entropy(self) -> Tensor:
        logits = self.logits.clamp(min=-dtypes.largest(self.logits.dtype))
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = arange(self._num_events).view(-1, *(1,) * len(self._batch_shape))
        return values.expand((self._num_events, *self._batch_shape)) if expand else values


class OneHotCategorical(Distribution):
    """One of k outcomes, as a vector of zeros and a single 1."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.one_hot
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        self._categorical = Categorical(probs, logits, validate_args=validate_args)
        shape = self._categorical.param_shape
        super().__init__(self._categorical.batch_shape, shape[-1:], validate_args=validate_args)

    def _expand_more(self, new: Any, batch_shape: Any) -> None:
        new._categorical = self._categorical.expand(batch_shape)

    @property
    def probs(self) -> Tensor:
        """p."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """ln p."""
        return self._categorical.logits

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        return self._categorical.param_shape

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        return self._hot(self.probs.argmax(-1))

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def _hot(self, index: Tensor) -> Tensor:
        return (index.unsqueeze(-1) == arange(self._event_shape[0])).to(self.probs.dtype)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self._hot(self._categorical.sample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._checks():
            self._validate_sample(value)
        return self._categorical.log_prob(value.argmax(-1))

    def entropy(self) -> Tensor:
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        k = self._event_shape[0]
        values = eye(k, dtype=self.probs.dtype).view(k, *(1,) * len(self._batch_shape), k)
        return values.expand((k, *self._batch_shape, k)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """The same with a gradient: a sample counts, for the backward pass, as if it were the probabilities.

    Source: Bengio, Léonard & Courville 2013.
    """

    has_rsample = True

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.sample(sample_shape) + (self.probs - self.probs.detach())


class Multinomial(Distribution):
    """How often each of k outcomes comes up in `total_count` draws."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    shared = ("total_count",)

    def __init__(
        self,
        total_count: int = 1,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ):
        if not isinstance(total_count, int):
            raise NotImplementedError(
                "Multinomial: total_count is one whole number for the whole batch"
            )
        if total_count < 0:
            raise DomainError(f"Multinomial: total_count cannot be negative, found {total_count}")
        self.total_count = total_count
        self._categorical = Categorical(probs, logits, validate_args=validate_args)
        shape = self._categorical.param_shape
        super().__init__(self._categorical.batch_shape, shape[-1:], validate_args=validate_args)

    def _expand_more(self, new: Any, batch_shape: Any) -> None:
        new._categorical = self._categorical.expand(batch_shape)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> constraints.Constraint:
        """Counts that add up to at most the total."""
        return constraints.multinomial(self.total_count)

    @property
    def probs(self) -> Tensor:
        """p."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """ln p."""
        return self._categorical.logits

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        return self._categorical.param_shape

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            drawn = self._categorical.sample((self.total_count, *tuple(sample_shape)))
            hot = drawn.unsqueeze(-1) == arange(self._event_shape[0])
            return hot.to(self.probs.dtype).sum(0)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._checks():
            self._validate_sample(value)
        ways = (value.sum(-1) + 1).lgamma() - (value + 1).lgamma().sum(-1)
        logits = self.logits.masked_fill((value == 0) & (self.logits == -float("inf")), 0.0)
        return ways + (logits * value).sum(-1)

    def entropy(self) -> Tensor:
        """n H(p) − ln n!  and what the binomial distributions of the single counts expect of ln kᵢ!."""
        n = self.total_count
        total = (zeros(tuple(self._batch_shape), dtype=self.probs.dtype) + n + 1).lgamma()
        single = Binomial(n, probs=self.probs, validate_args=False)
        counts = single.enumerate_support(False)[1:]
        weighted = single.log_prob(counts).exp() * (counts + 1).lgamma()
        return n * self._categorical.entropy() - total + weighted.sum(0).sum(-1)
