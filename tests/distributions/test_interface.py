"""What people do with distributions: expand them, print them, derive from them, and give them what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from distributions.samples import SAMPLES, value_for

import chainrule as cr
from chainrule.distributions.parameters import broadcast_all, lazy_property

D = cr.distributions
C = D.constraints


def parameter(value):
    """A float64 parameter."""
    return cr.tensor(value, dtype=cr.float64)


@pytest.mark.parametrize("name", SAMPLES)
def test_an_expanded_distribution_is_the_same_more_often(name):
    make, value = SAMPLES[name]
    p = make(D, parameter)
    q = p.expand((5, *p.batch_shape))
    assert type(q) is type(p)
    assert tuple(q.batch_shape) == (5, *p.batch_shape)
    assert q.event_shape == p.event_shape
    x = value_for(p, value, parameter)
    x = x.expand((5, *p.batch_shape, *p.event_shape))
    np.testing.assert_allclose(q.log_prob(x).numpy(), p.log_prob(x).numpy())
    assert tuple(q.sample((3,)).shape) == (3, 5, *p.batch_shape, *p.event_shape)
    assert "Size" in repr(q) or "[" in repr(q)


def test_a_distribution_prints_its_parameters():
    assert repr(D.Normal(0.0, 1.5)) == "Normal(loc: 0.0, scale: 1.5)"
    assert "Independent(Normal(loc" in repr(D.Independent(D.Normal(cr.zeros(3), 1.0), 1))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: D.Normal(0.0, -1.0), ValueError, r"scale must satisfy greater_than\(lower_bound=0.0\)"),
        (lambda: D.Normal(cr.tensor(float("nan")), 1.0), ValueError, r"loc must satisfy Real\(\)"),
        (lambda: D.Normal("a", 1.0), TypeError, "a number or a tensor, found str"),
        (lambda: D.Bernoulli(), ValueError, "either probs or logits, found neither"),
        (lambda: D.Bernoulli(0.5, 0.5), ValueError, "either probs or logits, found both"),
        (lambda: D.Bernoulli(1.5), ValueError, "probs must satisfy interval"),
        (lambda: D.Categorical(cr.tensor(1.0)), ValueError, "the last axis are the outcomes"),
        (lambda: D.Uniform(1.0, 1.0), ValueError, "low must be less than high"),
        (lambda: D.Geometric(0.0), ValueError, "probs must be positive"),
        (lambda: D.Dirichlet(cr.tensor(1.0)), ValueError, "at least one axis"),
        (lambda: D.Multinomial(-1, cr.ones(2)), ValueError, "cannot be negative"),
        (lambda: D.Multinomial(cr.ones(2), cr.ones(2)), NotImplementedError, "one whole number"),
        (lambda: D.MultivariateNormal(cr.zeros(2)), ValueError, "exactly one of"),
        (lambda: D.MultivariateNormal(cr.zeros(2), -cr.eye(2)), ValueError, "PositiveDefinite"),
        (lambda: D.MultivariateNormal(cr.tensor(0.0), cr.eye(2)), ValueError, "at least one axis"),
        (lambda: D.MultivariateNormal(cr.zeros(2), cr.ones(2)), ValueError, "is a matrix"),
        (lambda: D.LowRankMultivariateNormal(cr.zeros(2), cr.ones(3, 1), cr.ones(2)), ValueError, "must agree in k"),
        (lambda: D.Wishart(1.5, cr.eye(3)), ValueError, "greater than p − 1 = 2"),
        (lambda: D.Wishart(5.0), ValueError, "exactly one of"),
        (lambda: D.LKJCholesky(1), ValueError, "at least 2"),
        (lambda: D.Independent(D.Normal(0.0, 1.0), 1), ValueError, "found 1 to reinterpret"),
        (lambda: D.MixtureSameFamily(D.Normal(0.0, 1.0), D.Normal(0.0, 1.0)), ValueError, "a Categorical"),
        (lambda: D.MixtureSameFamily(D.Categorical(cr.ones(3)), D.Normal(cr.ones(2), 1.0)), ValueError, "3 weights"),
        (lambda: D.TransformedDistribution(D.Normal(0.0, 1.0), [3]), ValueError, "are Transforms"),
        (
            lambda: D.TransformedDistribution(D.Normal(0.0, 1.0), D.StickBreakingTransform()), ValueError, "values of 1 axes",
        ),
        (lambda: D.ExpTransform(cache_size=2), ValueError, "0 or 1"),
        (lambda: D.ReshapeTransform((2,), (3,)), ValueError, "different numbers of elements"),
        (lambda: D.ReshapeTransform((2,), (2, 1))(cr.ones(3)), ValueError, "ends in"),
        (lambda: D.CorrCholeskyTransform()(cr.ones(4)), ValueError, "below a diagonal"),
        (lambda: D.AbsTransform().sign, NotImplementedError, "neither grows nor falls"),
        (lambda: D.StickBreakingTransform().event_dim + D.CorrCholeskyTransform().event_dim, ValueError, "differ"),
        (lambda: D.Normal(0.0, 1.0).log_prob(1.0), ValueError, "a value is a tensor"),
        (lambda: D.Exponential(1.0).log_prob(cr.tensor(-1.0)), ValueError, "a value must satisfy"),
        (lambda: D.Dirichlet(cr.ones(3)).log_prob(cr.ones(2)), ValueError, "the last axes of a value"),
        (lambda: D.Normal(cr.zeros(3), 1.0).log_prob(cr.ones(2)), ValueError, "does not broadcast"),
        (lambda: D.Poisson(3.0).rsample(), NotImplementedError, "no differentiable function"),
        (lambda: D.Gumbel(0.0, 1.0).enumerate_support(), NotImplementedError, "no finite support"),
        (lambda: D.Poisson(3.0).entropy(), NotImplementedError, "mean of ln h"),
        (lambda: D.StudentT(3.0).cdf(cr.tensor(1.0)), NotImplementedError, "no distribution function"),
        (lambda: D.Binomial(cr.tensor([2, 3]), cr.tensor([0.5, 0.5])).entropy(), NotImplementedError, "different total counts"),
        (lambda: D.kl_divergence(D.Poisson(1.0), D.Normal(0.0, 1.0)), NotImplementedError, r"no KL\(Poisson ‖ Normal\)"),
        (lambda: D.register_kl(int, D.Normal), TypeError, "two classes of distributions"),
        (lambda: D.biject_to(C.one_hot), NotImplementedError, "no transform into"),
        (lambda: D.biject_to.register(3, None)(lambda c: c), TypeError, "a constraint or a class"),
        (lambda: C.dependent.check(cr.ones(2)), ValueError, "cannot be checked alone"),
        (lambda: C.real_vector.check(cr.tensor(1.0)), ValueError, "1 axes is needed"),
        (lambda: D.Distribution.set_default_validate_args(3), ValueError, "True or False"),
    ],
)  # fmt: skip
def test_what_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_checks_can_be_left_out():
    assert D.Normal(0.0, -1.0, validate_args=False).log_prob(cr.tensor(0.0)).isnan()
    D.Distribution.set_default_validate_args(False)
    try:
        assert D.Exponential(1.0).log_prob(cr.tensor(-1.0)) == 1
    finally:
        D.Distribution.set_default_validate_args(True)


def test_a_distribution_of_ones_own():
    """Subclasses define constraints and densities; expand and sample come with the base."""

    class Triangle(D.Distribution):
        arg_constraints = {"width": C.positive}  # noqa: RUF012
        support = C.real
        has_rsample = True

        def __init__(self, width, validate_args=None):
            (self.width,) = broadcast_all(width)
            super().__init__(self.width.shape, validate_args=validate_args)

        def rsample(self, sample_shape=()):
            u = cr.rand(2, *self._extended_shape(sample_shape))
            return (u[0] - u[1]) * self.width

    assert tuple(Triangle(cr.ones(3)).expand((5, 3)).sample((7,)).shape) == (7, 5, 3)
    with pytest.raises(ValueError, match="width must satisfy"):
        Triangle(-1.0)

    @D.register_kl(Triangle, D.Normal)
    def _kl(p, q):
        return p.width * 0 + 3

    assert D.kl_divergence(Triangle(1.0), D.Normal(0.0, 1.0)) == 3


def test_a_lazy_property_is_computed_once_with_gradients_on():
    class Half:
        def __init__(self):
            self.asked = 0

        @lazy_property
        def value(self):
            """Half."""
            self.asked += 1
            return cr.is_grad_enabled()

    half = Half()
    with cr.no_grad():
        assert half.value and half.value
    assert half.asked == 1
    assert Half.value.__doc__ == "Half."


def test_a_cached_transform_gives_back_what_it_was_given():
    f = D.TanhTransform(cache_size=1)
    x = cr.tensor([20.0])
    assert f.inv(f(x)) is x
    assert f.with_cache(0).inv(f(x)).isinf().all()


def test_a_policy_gradient_inside_of_a_compiled_function():
    """Densities are ops like others: they compile; values are not looked at meanwhile."""

    def loss(mean, x):
        p = D.Independent(D.Normal(mean, cr.ones(3)), 1)
        return -(p.log_prob(x) + p.entropy()).mean()

    mean, x = cr.randn(5, 3, requires_grad=True), cr.randn(5, 3)
    compiled = cr.compile(loss)(mean, x)
    compiled.backward()
    got, mean.grad = mean.grad, None
    loss(mean, x).backward()
    np.testing.assert_allclose(got.numpy(), mean.grad.numpy(), rtol=1e-6)


def test_gamma_numbers_are_refused_inside_of_a_compiled_function():
    with pytest.raises(cr.TraceError, match="drawn until one fits"):
        cr.compile(lambda a: D.Gamma(a, 1.0).rsample())(cr.ones(3))
