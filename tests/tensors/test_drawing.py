"""Draws by rate and probability: the distributions, what a seed repeats, and what is refused.

Moments are compared with the distribution's own, to five standard errors of the many numbers drawn.
"""

import math

import numpy as np
import pytest

import chainrule as cr

MANY = 40_000


def drawn(method, *args, dtype=cr.float64):
    """Numbers that an in-place method writes, from a seed."""
    cr.manual_seed(11)
    return getattr(cr.empty(MANY, dtype=dtype), method)(*args).numpy()


def has_moments(x, mean, variance, fourth=9.0):
    """Mean and variance within five standard errors; `fourth` bounds the standardised fourth moment."""
    assert abs(x.mean() - mean) < 5 * math.sqrt(variance / x.size)
    assert abs(x.var() - variance) < 5 * variance * math.sqrt(fourth / x.size)


@pytest.mark.parametrize("rate", [0.0, 0.3, 4.0, 9.99, 10.0, 37.5, 1e4])
def test_poisson(rate):
    cr.manual_seed(5)
    x = cr.poisson(cr.full((MANY,), rate, dtype=cr.float64)).numpy()
    np.testing.assert_array_equal(x, np.rint(x))
    assert x.min() >= 0
    if rate == 0:
        assert not x.any()
    else:
        has_moments(x, rate, rate, 3 + 1 / rate)


def test_poisson_probabilities():
    """Each count as often as e^−λ λᵏ / k! says, on both sides of the change of method."""
    for rate in (7.0, 12.0):
        cr.manual_seed(5)
        x = cr.poisson(cr.full((MANY,), rate)).numpy().astype(int)
        for k in range(int(rate) - 5, int(rate) + 6):
            p = math.exp(-rate + k * math.log(rate) - math.lgamma(k + 1))
            assert abs(np.mean(x == k) - p) < 5 * math.sqrt(p * (1 - p) / MANY)


def test_exponential():
    x = drawn("exponential_", 2.5)
    assert x.min() > 0
    has_moments(x, 1 / 2.5, 1 / 2.5**2)


def test_geometric():
    x = drawn("geometric_", 0.3)
    assert x.min() == 1
    has_moments(x, 1 / 0.3, 0.7 / 0.3**2, 10)
    assert abs(np.mean(x == 2) - 0.3 * 0.7) < 0.01


def test_cauchy_by_its_quartiles():
    x = drawn("cauchy_", 3.0, 2.0)
    np.testing.assert_allclose(np.quantile(x, [0.25, 0.5, 0.75]), [1, 3, 5], atol=0.1)


def test_log_normal():
    x = np.log(drawn("log_normal_", 0.5, 0.25))
    has_moments(x, 0.5, 0.25**2, 3)


def test_random_takes_what_the_dtype_holds():
    x = drawn("random_", dtype=cr.uint8)
    assert set(x) == set(range(256))
    assert set(drawn("random_", dtype=cr.bool)) == {False, True}
    x = drawn("random_", dtype=cr.float32)
    assert 2**23 < x.max() <= 2**24
    np.testing.assert_array_equal(x, np.rint(x))
    x = drawn("random_", -2, 3, dtype=cr.int64)
    assert set(x) == {-2, -1, 0, 1, 2}
    assert set(drawn("random_", 3)) == {0, 1, 2}


def test_bernoulli_by_element_and_by_number():
    cr.manual_seed(5)
    p = cr.tensor([[0.0], [0.25], [1.0]]).expand(3, MANY)
    x = cr.bernoulli(p)
    np.testing.assert_allclose(x.mean(1).numpy(), [0, 0.25, 1], atol=0.012)
    assert abs(float(cr.bernoulli(cr.zeros(MANY), 0.75).mean()) - 0.75) < 0.012
    assert abs(float(cr.zeros(MANY).bernoulli_(cr.tensor(0.75)).mean()) - 0.75) < 0.012


def test_normal_of_tensors_and_numbers():
    cr.manual_seed(5)
    has_moments(cr.normal(cr.full((MANY,), 3.0), 2.0).numpy(), 3, 4, 3)
    has_moments(cr.normal(-1.0, cr.full((MANY,), 0.5)).numpy(), -1, 0.25, 3)
    has_moments(cr.normal(2.0, 3.0, (MANY,)).numpy(), 2, 9, 3)
    assert cr.normal(cr.zeros(5, 1), cr.ones(3)).shape == (5, 3)


def test_a_seed_repeats_what_was_drawn_by_rejection():
    rates = cr.full((31,), 50.0)
    g = cr.Generator()
    first = cr.poisson(rates, generator=g.manual_seed(7))
    assert not cr.equal(first, cr.poisson(rates, generator=g))
    assert cr.equal(first, cr.poisson(rates, generator=g.manual_seed(7)))


REFUSED = {
    "poisson of integers": (lambda: cr.poisson(cr.tensor([1])), TypeError, "takes floating rates, found int64"),
    "poisson below 0": (lambda: cr.poisson(cr.tensor([-1.0])), ValueError, "cannot be negative, found -1.0"),
    "exponential": (lambda: cr.empty(3).exponential_(0), ValueError, "lambd is positive, found 0"),
    "exponential of integers": (lambda: cr.zeros(3, dtype=cr.int64).exponential_(), TypeError, "found a tensor of int64"),
    "geometric": (lambda: cr.empty(3).geometric_(1.0), ValueError, "between 0 and 1, found 1.0"),
    "cauchy": (lambda: cr.empty(3).cauchy_(0, 0), ValueError, "sigma is positive, found 0"),
    "log_normal": (lambda: cr.empty(3).log_normal_(0, 0), ValueError, "standard deviation is positive, found 0"),
    "log_normal of integers": (lambda: cr.zeros(3, dtype=cr.int64).log_normal_(), TypeError, "writes floating numbers"),
    "bernoulli of integers": (lambda: cr.bernoulli(cr.tensor([1])), TypeError, "takes floating probabilities, found int64"),
    "bernoulli above 1": (lambda: cr.bernoulli(cr.zeros(2), 1.5), ValueError, "between 0 and 1, found 1.5"),
    "bernoulli_ above 1": (lambda: cr.zeros(2).bernoulli_(1.5), ValueError, "between 0 and 1, found 1.5"),
    "normal below 0": (lambda: cr.normal(0.0, cr.tensor([-1.0])), ValueError, "cannot be negative, found -1.0"),
    "normal without a size": (lambda: cr.normal(0.0, 1.0), ValueError, "needs a size"),
    "normal with two sizes": (lambda: cr.normal(cr.zeros(2), 1.0, (2,)), ValueError, "takes a size only"),
    "multinomial of none": (lambda: cr.multinomial(cr.ones(3), 0), ValueError, "at least one sample, found 0"),
    "randperm": (lambda: cr.randperm(-1), ValueError, "there are no -1 integers"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    call, error, words = REFUSED[name]
    with pytest.raises(error, match=words):
        call()


def test_a_draw_that_fails_takes_nothing():
    """The generator's place is that before it; an offset that no int64 holds stayed once."""
    cr.manual_seed(5)
    before = cr.get_rng_state()
    for size in (10**30, -7):
        with pytest.raises((ValueError, OverflowError)):
            cr.randn(size)
    assert (cr.get_rng_state() == before).all()
