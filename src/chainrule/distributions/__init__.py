"""Probability distributions: PyTorch's `torch.distributions`.

A distribution is a few parameters, which are tensors, and what follows from them: the logarithm of its density, samples that
may have a gradient, mean, variance, entropy, and the divergence from another one.

>>> import chainrule as cr
>>> from chainrule.distributions import Normal, kl_divergence
>>> mean = cr.zeros(3, requires_grad=True)
>>> Normal(mean, 1.0).log_prob(cr.ones(3)).sum().backward()
>>> mean.grad
tensor([1., 1., 1.])
>>> kl_divergence(Normal(0.0, 1.0), Normal(0.0, 2.0))
tensor(0.3181)

Imports tensors and what lies below. Samples are drawn from the default generator, so `manual_seed` fixes them; they are not
PyTorch's numbers. Parameters and values are checked where a trace does not hide them (`validate_args=False` leaves that out).

Reading order: `constraints` (sets of values), `distribution` (what all have in common), `parameters`, `scales` (location and scale),
`waiting` (gamma and its kin), `unit` (on an interval), `circle`,
`counts` and `categorical` (discrete), `vectors`, `matrices`, `transforms` and
`transformed` (distributions made of others), `derived`, `relaxed`, `mixture`, `registry`, `kl`.
"""

from ..base.loading import shown
from . import constraints, registry, transforms
from .categorical import (
    Categorical,
    Multinomial,
    OneHotCategorical,
    OneHotCategoricalStraightThrough,
)
from .circle import VonMises
from .counts import Bernoulli, Binomial, Geometric, NegativeBinomial, Poisson
from .derived import (
    Gumbel,
    HalfCauchy,
    HalfNormal,
    InverseGamma,
    Kumaraswamy,
    LogisticNormal,
    LogNormal,
    Pareto,
    Weibull,
)
from .distribution import Distribution, ExponentialFamily
from .kl import kl_divergence, register_kl
from .matrices import LKJCholesky, Wishart
from .mixture import Independent, MixtureSameFamily
from .registry import biject_to, transform_to
from .relaxed import RelaxedBernoulli, RelaxedOneHotCategorical
from .scales import Cauchy, GeneralizedPareto, Laplace, Normal, StudentT, Uniform
from .transformed import TransformedDistribution
from .transforms import *  # noqa: F403 - the curated list stands there
from .transforms import __all__ as _transform_names
from .unit import Beta, ContinuousBernoulli, Dirichlet
from .vectors import LowRankMultivariateNormal, MultivariateNormal
from .waiting import Chi2, Exponential, FisherSnedecor, Gamma

__all__ = [
    "Bernoulli", "Beta", "Binomial", "Categorical", "Cauchy", "Chi2", "ContinuousBernoulli", "Dirichlet", "Distribution",
    "Exponential", "ExponentialFamily", "FisherSnedecor", "Gamma", "GeneralizedPareto", "Geometric", "Gumbel", "HalfCauchy",
    "HalfNormal", "Independent", "InverseGamma", "Kumaraswamy", "LKJCholesky", "Laplace", "LogNormal", "LogisticNormal",
    "LowRankMultivariateNormal", "MixtureSameFamily", "Multinomial", "MultivariateNormal", "NegativeBinomial", "Normal",
    "OneHotCategorical", "OneHotCategoricalStraightThrough", "Pareto", "Poisson", "RelaxedBernoulli",
    "RelaxedOneHotCategorical", "StudentT", "TransformedDistribution", "Uniform", "VonMises", "Weibull", "Wishart",
    "biject_to", "constraints", "kl_divergence", "register_kl", "registry", "transform_to", "transforms", *_transform_names,
]  # fmt: skip

__dir__ = shown(__name__)
