"""How far one distribution is from another: Kullback and Leibler's divergence,  KL(p ‖ q) = E_p[ln p(x) − ln q(x)].

Where both are of one family there is a formula for the pair. Where they are not, the divergence is  −H(p) − E_p[ln q],  and what
q's logarithm needs of p are a few expectations: mean and variance for a normal q, the mean of ln x for a gamma q. It is infinite
where p has values that q cannot have.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import cache, reduce
from typing import Any

from .. import ops
from ..base import shapes
from ..base.loading import shown
from ..tensors import Tensor, arange, grad, where, zeros_like
from .categorical import Categorical, OneHotCategorical
from .counts import Bernoulli, Binomial, Geometric, Poisson
from .derived import EULER, Gumbel, HalfNormal, Pareto
from .distribution import Distribution, ExponentialFamily
from .matrices import Wishart, _multi_lgamma
from .mixture import Independent
from .parameters import sum_rightmost
from .scales import Cauchy, Laplace, Normal, Uniform
from .transformed import TransformedDistribution
from .unit import Beta, ContinuousBernoulli, Dirichlet
from .vectors import (
    LowRankMultivariateNormal,
    MultivariateNormal,
    _solved,
    mahalanobis,
)
from .waiting import Exponential, Gamma

__all__ = ["kl_divergence", "register_kl"]

__dir__ = shown(__name__)

softplus = ops.TABLE["softplus"]
_TABLE: dict[tuple[type, type], Callable] = {}


def register_kl(type_p: type, type_q: type) -> Callable:
    """Decorator: the function is the divergence of a distribution of the one kind from one of the other.

    The most specific pair is used: that whose kind of p is nearest, then that whose kind of q is.
    """
    for kind in (type_p, type_q):
        if not (isinstance(kind, type) and issubclass(kind, Distribution)):
            raise TypeError(f"register_kl takes two classes of distributions, found {kind!r}")

    def register(function: Callable) -> Callable:
        _TABLE[type_p, type_q] = function
        _found.cache_clear()
        return function

    return register


@cache
def _found(kind_p: type, kind_q: type) -> Callable | None:
    """The function of the nearest pair of classes."""
    for p in kind_p.__mro__:
        for q in kind_q.__mro__:
            if (p, q) in _TABLE:
                return _TABLE[p, q]
    return None


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """KL(p ‖ q) in nats, for each pair of the batch.

    >>> kl_divergence(Bernoulli(0.5), Bernoulli(0.25))
    tensor(0.1438)

    Raises:
        NotImplementedError: no formula is registered for the pair.
    """
    function = _found(type(p), type(q))
    if function is None:
        raise NotImplementedError(
            f"no KL({type(p).__name__} ‖ {type(q).__name__}) is registered\n"
            "  hint: estimate it by p.log_prob(x) − q.log_prob(x), x = p.rsample(); or register_kl"
        )
    return function(p, q)


# ---------------------------------------------------------------------------------------------------------- discrete


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    def log(x: Tensor) -> Tensor:
        return softplus(x, threshold=1e9)

    success = p.probs * (log(-q.logits) - log(-p.logits))
    success = success.masked_fill(q.probs == 0, math.inf).masked_fill(p.probs == 0, 0.0)
    failure = (1 - p.probs) * (log(q.logits) - log(p.logits))
    failure = failure.masked_fill(q.probs == 1, math.inf).masked_fill(p.probs == 1, 0.0)
    return success + failure


@register_kl(Binomial, Binomial)
def _binomial(p: Binomial, q: Binomial) -> Tensor:
    if bool((p.total_count < q.total_count).any()):
        raise NotImplementedError("KL(Binomial ‖ Binomial) where q has more trials than p")
    each = p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p()
    return (p.total_count * each).masked_fill(p.total_count > q.total_count, math.inf)


@register_kl(Categorical, Categorical)
def _categorical(p: Any, q: Any) -> Tensor:
    each = p.probs * (p.logits - q.logits)
    each = where(q.probs == 0, zeros_like(each) + math.inf, each)
    return where(p.probs == 0, zeros_like(each), each).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return _categorical(p, q)


@register_kl(Geometric, Geometric)
def _geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _poisson(p: Poisson, q: Poisson) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Poisson, Bernoulli)
@register_kl(Poisson, Binomial)
def _poisson_bounded(p: Poisson, q: Any) -> Tensor:
    """Infinite: a Poisson number may be larger than any bound."""
    return p.rate + q.probs * 0 + math.inf


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Bernoulli, q: Poisson) -> Tensor:
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


# --------------------------------------------------------------------------------------------------- of one family


@register_kl(Normal, Normal)
def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale).square()
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).square() - 1 - ratio.log())


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p: HalfNormal, q: HalfNormal) -> Tensor:
    return _normal(p.base_dist, q.base_dist)


@register_kl(Laplace, Laplace)
def _laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio, away = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + away / q.scale + ratio * (-away / p.scale).exp() - 1


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    above = ((p.scale + q.scale).square() + (p.loc - q.loc).square()).log()
    return above - (4 * p.scale * q.scale).log()


@register_kl(Gumbel, Gumbel)
def _gumbel(p: Gumbel, q: Gumbel) -> Tensor:
    ratio, away = p.scale / q.scale, (q.loc - p.loc) / q.scale
    grown = (away + (1 + ratio).lgamma()).exp()
    return -ratio.log() - away + ratio * EULER + grown - (1 + EULER)


@register_kl(Exponential, Exponential)
def _exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - ratio.log() - 1


@register_kl(Gamma, Gamma)
def _gamma(p: Gamma, q: Gamma) -> Tensor:
    a, b = p.concentration, q.concentration
    rates = b * (p.rate / q.rate).log() + a * (q.rate / p.rate - 1)
    return rates + b.lgamma() - a.lgamma() + (a - b) * a.digamma()


@register_kl(Pareto, Pareto)
def _pareto(p: Pareto, q: Pareto) -> Tensor:
    ratio, scales = q.alpha / p.alpha, p.scale / q.scale
    found = q.alpha * scales.log() - ratio.log() + ratio - 1
    return found.masked_fill(p.scale < q.scale, math.inf)


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    total = a.sum(-1)
    norms = total.lgamma() - b.sum(-1).lgamma() + (b.lgamma() - a.lgamma()).sum(-1)
    return norms + ((a - b) * (a.digamma() - total.digamma().unsqueeze(-1))).sum(-1)


@register_kl(Beta, Beta)
def _beta(p: Beta, q: Beta) -> Tensor:
    return _dirichlet(p._dirichlet, q._dirichlet)


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _continuous_bernoulli(p: ContinuousBernoulli, q: ContinuousBernoulli) -> Tensor:
    return -p.entropy() - (p.mean * q.logits + q._log_constant() + (-q.probs).log1p())


@register_kl(MultivariateNormal, MultivariateNormal)
@register_kl(MultivariateNormal, LowRankMultivariateNormal)
@register_kl(LowRankMultivariateNormal, MultivariateNormal)
@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _multivariate_normal(p: Any, q: Any) -> Tensor:
    """½ (ln det Σq − ln det Σp + tr Σq⁻¹ Σp + (µp − µq)ᵀ Σq⁻¹ (µp − µq) − k)."""
    theirs, ours = q.scale_tril, p.scale_tril
    logs = [m.diagonal(dim1=-2, dim2=-1).log().sum(-1) for m in (theirs, ours)]
    trace = _solved(theirs, ours).square().sum((-2, -1))
    distance = mahalanobis(theirs, q.loc - p.loc)
    return logs[0] - logs[1] + 0.5 * (trace + distance - p.event_shape[0])


@register_kl(Wishart, Wishart)
def _wishart(p: Wishart, q: Wishart) -> Tensor:
    theirs, ours, k = q.scale_tril, p.scale_tril, p.event_shape[-1]
    logs = [m.diagonal(dim1=-2, dim2=-1).log().sum(-1) for m in (theirs, ours)]
    trace = _solved(theirs, ours).square().sum((-2, -1))
    digammas = (p.df.unsqueeze(-1) / 2 - arange(k, dtype=p.df.dtype) / 2).digamma().sum(-1)
    gammas = _multi_lgamma(q.df / 2, k) - _multi_lgamma(p.df / 2, k)
    return (
        q.df * (logs[0] - logs[1])
        + 0.5 * p.df * (trace - k)
        + gammas
        + (p.df - q.df) / 2 * digammas
    )


@register_kl(ExponentialFamily, ExponentialFamily)
def _exponential_family(p: ExponentialFamily, q: ExponentialFamily) -> Tensor:
    """Bregman's divergence of the log normalizer A:  A(η_q) − A(η_p) − Σ (η_q − η_p) · ∂A/∂η_p."""
    if type(p) is not type(q):
        raise NotImplementedError(
            f"no KL({type(p).__name__} ‖ {type(q).__name__}) is registered\n  hint: register_kl"
        )
    ours = [eta.detach().requires_grad_() for eta in p._natural_params]
    theirs = q._natural_params
    normalizer = p._log_normalizer(*ours)
    slopes = grad(normalizer.sum(), ours, create_graph=True)
    result = q._log_normalizer(*theirs) - normalizer
    for a, b, slope in zip(ours, theirs, slopes, strict=True):
        result = result - sum_rightmost((b - a) * slope, len(q.event_shape))
    return result


# ------------------------------------------------------------------------------------------------ made of others


@register_kl(Independent, Independent)
def _independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("KL of Independent distributions over different numbers of axes")
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError("KL of distributions under different transforms")
    return kl_divergence(p.base_dist, q.base_dist)


# ---------------------------------------------------------------------------------------------- by expectations

POSITIVE = (0.0, math.inf)
RANGES: dict[type, Callable[[Any], tuple]] = {
    Beta: lambda p: (0.0, 1.0),
    ContinuousBernoulli: lambda p: (0.0, 1.0),
    Exponential: lambda p: POSITIVE,
    Gamma: lambda p: POSITIVE,
    Gumbel: lambda p: (-math.inf, math.inf),
    Laplace: lambda p: (-math.inf, math.inf),
    Normal: lambda p: (-math.inf, math.inf),
    Pareto: lambda p: (p.scale, math.inf),
    Uniform: lambda p: (p.low, p.high),
}
"""Between which numbers the values of a distribution lie."""


def _uniform_mean_log(p: Uniform) -> Tensor:
    """E[ln x] between low and high:  (h ln h − l ln l) / (h − l) − 1."""
    xlogx = ops.TABLE["xlogy"](p.high, p.high) - ops.TABLE["xlogy"](p.low, p.low)
    return xlogx / (p.high - p.low) - 1


MEAN_LOG: dict[type, Callable[[Any], Tensor]] = {
    Beta: lambda p: p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma(),
    Exponential: lambda p: -p.rate.log() - EULER,
    Gamma: lambda p: p.concentration.digamma() - p.rate.log(),
    Pareto: lambda p: p.scale.log() + p.alpha.reciprocal(),
    Uniform: _uniform_mean_log,
}
"""The expectation of ln x."""

MEAN_LOG_REST: dict[type, Callable[[Any], Tensor]] = {
    Beta: lambda p: p.concentration0.digamma() - (p.concentration1 + p.concentration0).digamma(),
    Uniform: lambda p: _uniform_mean_log(Uniform(1 - p.high, 1 - p.low, validate_args=False)),
}
"""The expectation of ln(1 − x)."""

MEAN_EXP: dict[type, Callable[[Any, Tensor], Tensor]] = {
    Normal: lambda p, t: (-t * p.loc + 0.5 * (t * p.scale).square()).exp(),
    Exponential: lambda p, t: p.rate / (p.rate + t),
    Gamma: lambda p, t: (1 + t / p.rate).pow(-p.concentration),
    Uniform: lambda p, t: ((-t * p.low).exp() - (-t * p.high).exp()) / (t * (p.high - p.low)),
}
"""The expectation of e^(−t x)."""


def _of(table: dict, distribution: Distribution, *more: Any) -> Any:
    """What a table says of a distribution, or of the nearest class that it is derived from."""
    kind = next(k for k in type(distribution).__mro__ if k in table)
    return table[kind](distribution, *more)


def _expected_by_normal(p: Any, q: Normal) -> Tensor:
    spread = (p.variance + (p.mean - q.loc).square()) / (2 * q.scale.square())
    return -spread - q.scale.log() - 0.5 * math.log(2 * math.pi)


def _expected_by_exponential(p: Any, q: Exponential) -> Tensor:
    return q.rate.log() - q.rate * p.mean


def _expected_by_gamma(p: Any, q: Gamma) -> Tensor:
    a = q.concentration
    return a * q.rate.log() - a.lgamma() + (a - 1) * _of(MEAN_LOG, p) - q.rate * p.mean


def _expected_by_uniform(p: Any, q: Uniform) -> Tensor:
    return -(q.high - q.low).log()


def _expected_by_pareto(p: Any, q: Pareto) -> Tensor:
    return q.alpha.log() + q.alpha * q.scale.log() - (q.alpha + 1) * _of(MEAN_LOG, p)


def _expected_by_beta(p: Any, q: Beta) -> Tensor:
    a, b = q.concentration1, q.concentration0
    logs = (a - 1) * _of(MEAN_LOG, p) + (b - 1) * _of(MEAN_LOG_REST, p)
    return logs + (a + b).lgamma() - a.lgamma() - b.lgamma()


def _expected_by_continuous_bernoulli(p: Any, q: ContinuousBernoulli) -> Tensor:
    return p.mean * q.logits + (-q.probs).log1p() + q._log_constant()


def _expected_by_gumbel(p: Any, q: Gumbel) -> Tensor:
    grown = (q.loc / q.scale).exp() * _of(MEAN_EXP, p, q.scale.reciprocal())
    return -q.scale.log() - (p.mean - q.loc) / q.scale - grown


def _expected_by_laplace(p: Normal, q: Laplace) -> Tensor:
    """E|x − µ| of a normal x."""
    away = p.loc - q.loc
    tail = (-0.5 * (away / p.scale).square()).exp() * math.sqrt(2 / math.pi)
    mean = p.scale * tail + away * (away / (p.scale * math.sqrt(2))).erf()
    return -(2 * q.scale).log() - mean / q.scale


EVERY = tuple(RANGES)
PAIRS: tuple[tuple[type, tuple[type, ...], Callable], ...] = (
    (Normal, EVERY, _expected_by_normal),
    (Exponential, EVERY, _expected_by_exponential),
    (Gamma, (*MEAN_LOG, Gumbel, Laplace, Normal), _expected_by_gamma),
    (Uniform, EVERY, _expected_by_uniform),
    (Pareto, EVERY, _expected_by_pareto),
    (Beta, (Uniform, Exponential, Gamma, Gumbel, Laplace, Normal, Pareto), _expected_by_beta),
    (ContinuousBernoulli, EVERY, _expected_by_continuous_bernoulli),
    (Gumbel, tuple(MEAN_EXP), _expected_by_gumbel),
    (Laplace, (Normal,), _expected_by_laplace),
)
"""q's kind, the kinds of p for which its expected logarithm is known, and that."""


def _by_expectation(expected: Callable) -> Callable:
    def divergence(p: Distribution, q: Distribution) -> Tensor:
        (low, high), (least, most) = _of(RANGES, p), _of(RANGES, q)
        outside = [low < least, high > most]
        if type(q) is Pareto and not isinstance(low, Tensor):
            outside.append(True)  # its values begin above 0
        numbers = [o for o in outside if not isinstance(o, Tensor)]
        wide = any(numbers) or reduce(
            operator.or_, [o for o in outside if isinstance(o, Tensor)], False
        )
        if wide is True:
            shape = shapes.broadcast(tuple(p.batch_shape), tuple(q.batch_shape))
            return (p.mean.detach() * 0).nan_to_num().expand(shape) + math.inf
        found = -p.entropy() - expected(p, q)
        return found if wide is False else found.masked_fill(wide, math.inf)

    return divergence


for _kind_q, _kinds_p, _expected in PAIRS:
    for _kind_p in _kinds_p:
        if (_kind_p, _kind_q) not in _TABLE:
            register_kl(_kind_p, _kind_q)(_by_expectation(_expected))
