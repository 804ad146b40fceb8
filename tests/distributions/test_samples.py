"""Samples: what they are distributed like, their shapes, and the gradients that flow through them."""

from __future__ import annotations

import numpy as np
import pytest
from distributions.samples import SAMPLES, value_for

import chainrule as cr
from chainrule.distributions.waiting import slope_by_concentration

D = cr.distributions
N = 20011


def parameter(value):
    """A float64 parameter."""
    return cr.tensor(value, dtype=cr.float64, requires_grad=True)


def moments(p):
    """Mean and variance, where they are known and finite."""
    try:
        with cr.no_grad():
            return [np.asarray(m.detach().numpy()) for m in (p.mean, p.variance)]
    except NotImplementedError:
        return None


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_have_the_mean_and_the_variance_that_are_told(name):
    """Within five standard errors of the mean; the variance within a fifth, where the tails are not heavy."""
    p = SAMPLES[name][0](D, parameter)
    cr.manual_seed(17)
    drawn = p.sample((N,))
    assert tuple(drawn.shape) == (N, *p.batch_shape, *p.event_shape)
    assert not drawn.requires_grad
    support = p.support
    assert support is None or support.check(drawn).all()
    known = moments(p)
    if known is None or name == "VonMises":
        return
    mean, variance = known
    x = drawn.numpy()
    sure = np.isfinite(mean) & np.isfinite(variance)
    error = np.sqrt(variance / N)
    assert (np.abs(x.mean(0) - mean) <= 5 * error)[sure].all()
    light = sure & (np.mean((x - x.mean(0)) ** 4, 0) < 12 * np.var(x, 0) ** 2)
    assert (np.abs(np.var(x, 0) / variance - 1) < 0.2)[light].all()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_share_of_samples_lies_below_each_number(name):
    """The distribution function, where there is one, at the value of the sample."""
    make, value = SAMPLES[name]
    p = make(D, parameter)
    x = value_for(p, value, lambda v: cr.tensor(v, dtype=cr.float64))
    try:
        with cr.no_grad():
            below = p.cdf(x).numpy()
    except NotImplementedError:
        return
    cr.manual_seed(23)
    share = (p.sample((N,)) <= x).double().mean(0).numpy()
    assert np.abs(share - below).max() < 5 * 0.5 / np.sqrt(N)


@pytest.mark.parametrize(
    "name", [n for n in SAMPLES if SAMPLES[n][0](D, parameter).has_rsample and "Relaxed" not in n]
)
def test_the_gradient_of_a_sample_is_that_of_the_mean(name):
    """E[dx/dθ] = dE[x]/dθ, for every parameter by which the mean has a derivative, within six standard errors."""
    parameters = []

    def kept(value):
        parameters.append(parameter(value))
        return parameters[-1]

    p = SAMPLES[name][0](D, kept)
    if moments(p) is None or not np.isfinite(np.concatenate([m.ravel() for m in moments(p)])).all():
        return
    mean = p.mean
    tracked = list(parameters)
    if not mean.requires_grad:
        return
    exact = cr.autograd.grad(mean.sum(), tracked, allow_unused=True, retain_graph=True)
    cr.manual_seed(29)
    blocks = []
    for _ in range(16):
        x = p.rsample((503,))
        assert x.requires_grad
        found = cr.autograd.grad(x.sum() / 503, tracked, allow_unused=True, retain_graph=True)
        blocks.append([None if g is None else g.numpy() for g in found])
    for k, want in enumerate(exact):
        got = [b[k] for b in blocks]
        if got[0] is None:
            assert want is None or np.abs(want.numpy()).max() == 0
            continue
        want = np.zeros_like(got[0]) if want is None else want.numpy()
        error = np.std(got, 0) / np.sqrt(len(got) - 1)
        assert (np.abs(np.mean(got, 0) - want) <= 6 * error + 1e-9).all()


def test_the_slope_of_a_gamma_number_is_that_of_its_quantile():
    """dz/da = −(∂P/∂a) / p, with ∂P/∂a by differences: below the mean, near it, and far above."""
    a = np.array([0.05, 0.4, 1.0, 3.7, 30.0, 30.0, 400.0, 0.3, 2.0])
    z = np.array([1e-5, 0.2, 1.3, 2.0, 33.0, 80.0, 380.0, 13.0, 21.0])
    step = 1e-5 * a
    upper = [
        np.asarray(cr.special.gammaincc(cr.tensor(a + s), cr.tensor(z)).numpy())
        for s in (step, -step)
    ]
    lower = [
        np.asarray(cr.special.gammainc(cr.tensor(a + s), cr.tensor(z)).numpy())
        for s in (step, -step)
    ]
    by_a = np.where(z > a, (upper[1] - upper[0]) / (2 * step), (lower[0] - lower[1]) / (2 * step))
    density = D.Gamma(cr.tensor(a), cr.tensor(np.ones_like(a))).log_prob(cr.tensor(z)).exp().numpy()
    np.testing.assert_allclose(slope_by_concentration(a, z), -by_a / density, rtol=2e-5)


def test_a_seed_names_the_samples():
    cr.manual_seed(5)
    first = D.Gamma(0.7, 2.0).sample((13,))
    cr.manual_seed(5)
    assert (D.Gamma(0.7, 2.0).sample((13,)) == first).all()


def test_a_straight_through_sample_is_one_hot_and_has_the_gradient_of_the_probabilities():
    logits = cr.tensor([0.2, -0.7, 1.1], requires_grad=True)
    p = D.OneHotCategoricalStraightThrough(logits=logits)
    x = p.rsample()
    assert sorted(x.tolist()) == pytest.approx([0.0, 0.0, 1.0])
    weights = cr.tensor([1.0, 2.0, 5.0])
    (x * weights).sum().backward()
    again = logits.detach().requires_grad_()
    (again.softmax(-1) * weights).sum().backward()
    np.testing.assert_allclose(logits.grad.numpy(), again.grad.numpy(), rtol=1e-6)
