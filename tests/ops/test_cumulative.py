"""Products with zeros among their factors, and extremes and log-sums that run: what the samples of the battery do not have."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import ops
from chainrule.transforms import directional_errors

FACTORS = {
    "no zero": [2.0, -3.0, 0.5, 4.0, -1.5],
    "one zero": [2.0, 0.0, 0.5, 4.0, -1.5],
    "two zeros": [2.0, 0.0, 0.5, 0.0, -1.5],
    "zeros at the ends": [0.0, -3.0, 0.5, 4.0, 0.0],
    "all zero": [0.0, 0.0, 0.0, 0.0, 0.0],
}


def others(x):
    """For each factor the product of the others, the slow way."""
    return np.array([np.prod(np.delete(x, k)) for k in range(len(x))])


@pytest.mark.parametrize("factors", FACTORS.values(), ids=FACTORS)
def test_the_gradient_of_a_product_is_the_product_of_the_others(factors):
    x = cr.tensor(factors, dtype=cr.float64, requires_grad=True)
    (g,) = cr.autograd.grad(x.prod(), [x])
    np.testing.assert_array_equal(g.numpy(), others(np.array(factors)))


@pytest.mark.parametrize("name", ["prod", "cumprod"])
@pytest.mark.parametrize("factors", FACTORS.values(), ids=FACTORS)
def test_derivatives_of_first_and_second_order_at_zeros(name, factors):
    x = cr.tensor([factors, factors[::-1]], dtype=cr.float64, requires_grad=True)
    op = {"prod": lambda v: ops.prod(v, dim=(1,)), "cumprod": lambda v: ops.cumprod(v, dim=1)}[name]
    first, second = directional_errors(lambda v: [op(v)], [x], seed=5)
    assert first < 1e-6
    assert second < 1e-6


@pytest.mark.parametrize("factors", FACTORS.values(), ids=FACTORS)
def test_cumprod_as_torch(torch, factors):
    mine = cr.tensor(factors, dtype=cr.float64, requires_grad=True)
    theirs = torch.tensor(factors, dtype=torch.float64, requires_grad=True)
    w = [1.0, -2.0, 3.0, 0.5, 7.0]
    (g,) = cr.autograd.grad((mine.cumprod(0) * cr.tensor(w, dtype=cr.float64)).sum(), [mine])
    (e,) = torch.autograd.grad((theirs.cumprod(0) * torch.tensor(w)).sum(), [theirs])
    np.testing.assert_allclose(g.numpy(), e.numpy(), rtol=1e-12)


def test_a_recurrence_is_its_loop():
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((2, 5, 7))
    y = b[:, :1]
    for k in range(1, 7):
        y = np.concatenate([y, a[:, k : k + 1] * y[:, -1:] + b[:, k : k + 1]], axis=1)
    np.testing.assert_allclose(ops.recurrence(a, b, dim=1), y, rtol=1e-13)
    with pytest.raises(ValueError, match=r"factors and terms must have one shape, found \(5, 7\) and \(7,\)"):  # fmt: skip
        ops.recurrence(a, b[0], dim=1)


def test_logcumsumexp_far_apart():
    """What was small before something large is not lost, nor its gradient."""
    x = cr.tensor([-1000.0, -999.0, 0.0, -1000.0], dtype=cr.float64, requires_grad=True)
    y = x.logcumsumexp(0)
    np.testing.assert_allclose(y.detach().numpy(), [-1000, -999 + np.log1p(np.exp(-1)), 0, 0])
    (g,) = cr.autograd.grad(y[:2].sum(), [x])
    s = 1 / (1 + np.exp(-1))
    np.testing.assert_allclose(g.numpy(), [2 - s, s, 0, 0], rtol=1e-12)


def test_logcumsumexp_begins_with_minus_infinity():
    x = cr.tensor([-np.inf, -np.inf, 1.0, 2.0], dtype=cr.float64, requires_grad=True)
    y = x.logcumsumexp(0)
    np.testing.assert_allclose(y.detach().numpy(), [-np.inf, -np.inf, 1, 2 + np.log1p(np.exp(-1))])
    (g,) = cr.autograd.grad(y[2:].sum(), [x])
    s = 1 / (1 + np.exp(-1))
    np.testing.assert_allclose(g.numpy(), [0, 0, 2 - s, s], rtol=1e-12)


def test_running_extremes_keep_a_nan_and_the_last_of_ties():
    x = np.array([1.0, 3.0, 3.0, 2.0, np.nan, 9.0])
    values, indices = ops.cummax(x, dim=0)
    np.testing.assert_array_equal(values, [1, 3, 3, 3, np.nan, np.nan])
    np.testing.assert_array_equal(indices, [0, 1, 2, 2, 4, 4])
    values, indices = ops.cummin(-x, dim=0)
    np.testing.assert_array_equal(values, [-1, -3, -3, -3, np.nan, np.nan])
    np.testing.assert_array_equal(indices, [0, 1, 2, 2, 4, 4])


def test_a_mode_is_the_smallest_of_the_most_frequent_and_its_last_place():
    values, indices = ops.mode(np.array([[3, 1, 3, 1, 2], [5, 5, 4, 4, 4]]), dim=1)
    np.testing.assert_array_equal(values, [1, 4])
    np.testing.assert_array_equal(indices, [3, 4])
