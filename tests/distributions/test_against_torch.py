"""Every distribution, transform and divergence beside PyTorch's, in float64."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from distributions.samples import SAMPLES, TRANSFORMS

import chainrule as cr

D = cr.distributions


def ours(value):
    """A float64 parameter of chainrule's."""
    return cr.tensor(value, dtype=cr.float64, requires_grad=True)


@pytest.fixture
def theirs(torch):
    """The same for PyTorch, whose own constants are float64 meanwhile as well."""
    torch.set_default_dtype(torch.float64)
    yield lambda value: torch.tensor(value, requires_grad=True)
    torch.set_default_dtype(torch.float32)


def asked(call):
    """What a call gives, as an array, or that it is refused."""
    try:
        with cr.no_grad():  # the incomplete gamma function has no derivative by the concentration
            return np.asarray(call().detach().numpy())
    except NotImplementedError:
        return "not there"


TOLERANCES = {
    "ContinuousBernoulli half": 1e-3,  # PyTorch's distribution function stays that of p = 1/2
    "Normal numbers": 1e-6,  # float32
    "VonMises": 1e-5,  # PyTorch computes Bessel functions by polynomials of seven digits
}

OURS = {  # what PyTorch gets wrong, and what is right
    ("Beta", "mode"): [
        0.0,
        0.1,
        1.0,
    ],  # at the corner of the larger concentration: PyTorch looks for it among NaNs
    ("Kumaraswamy", "mode"): [
        0.323731,
        0.876589,
        np.nan,
    ],  # PyTorch takes the logarithm of a negative number
    ("Weibull", "mode"): [
        0.0,
        1.029255,
        0.363337,
    ],  # PyTorch has NaN where the density falls from 0 on
}


@pytest.mark.parametrize("name", SAMPLES)
def test_numbers_are_pytorchs(torch, theirs, name):
    make, value = SAMPLES[name]
    p, q = make(D, ours), make(torch.distributions, theirs)
    assert tuple(p.batch_shape) == tuple(q.batch_shape)
    assert tuple(p.event_shape) == tuple(q.event_shape)
    assert p.has_rsample == q.has_rsample
    assert p.has_enumerate_support == q.has_enumerate_support
    x, y = cr.tensor(value, dtype=cr.float64), torch.tensor(value, dtype=torch.float64)
    share = [0.2, 0.6, 0.9][: p.batch_shape[0] if p.batch_shape else 3]
    u, v = cr.tensor(share, dtype=cr.float64), torch.tensor(share, dtype=torch.float64)
    questions = {
        "log_prob": (lambda: p.log_prob(x), lambda: q.log_prob(y)),
        "entropy": (p.entropy, q.entropy),
        "cdf": (lambda: p.cdf(x), lambda: q.cdf(y)),
        "icdf": (lambda: p.icdf(u), lambda: q.icdf(v)),
        **{
            k: (lambda k=k: getattr(p, k), lambda k=k: getattr(q, k))
            for k in ("mean", "mode", "variance", "stddev")
        },
    }
    for question, (we, they) in questions.items():
        a, b = asked(we), asked(they)
        if isinstance(b, str):
            continue
        assert not isinstance(a, str), question
        if (name, question) in OURS:
            np.testing.assert_allclose(a, OURS[name, question], rtol=1e-5)
            continue
        tolerance = TOLERANCES.get(name, 1e-9)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=question)


# of the exponential case, PyTorch says that the concentration does not matter
@pytest.mark.parametrize("name", [n for n in SAMPLES if n != "GeneralizedPareto exponential"])
def test_gradients_of_the_log_density_are_pytorchs(torch, theirs, name):
    make, value = SAMPLES[name]
    found = []
    for module, library in ((D, cr), (torch.distributions, torch)):
        parameters = []

        def parameter(v, library=library, parameters=parameters):
            parameters.append(library.tensor(v, dtype=library.float64, requires_grad=True))
            return parameters[-1]

        x = library.tensor(value, dtype=library.float64)
        if name.startswith("Normal"):
            x.requires_grad_()
            parameters.append(x)
        make(module, parameter).log_prob(x).sum().backward()
        found.append([p.grad for p in parameters])
    for a, b in zip(*found, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", SAMPLES)
def test_supports_hold_the_same_values(torch, theirs, name):
    make, value = SAMPLES[name]
    p, q = make(D, ours).support, make(torch.distributions, theirs).support
    if q is None or p is None:
        return
    assert p.event_dim == q.event_dim
    assert bool(p.is_discrete) == bool(q.is_discrete)
    for shift in (0.0, 0.25, -3.0, 11.0):
        a = p.check(cr.tensor(value, dtype=cr.float64) + shift)
        b = q.check(torch.tensor(value, dtype=torch.float64) + shift)
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize(
    "name", [n for n in SAMPLES if SAMPLES[n][0](D, ours).has_enumerate_support]
)
def test_listed_supports_are_pytorchs(torch, theirs, name):
    p, q = SAMPLES[name][0](D, ours), SAMPLES[name][0](torch.distributions, theirs)
    for expand in (True, False):
        a, b = p.enumerate_support(expand), q.enumerate_support(expand)
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms_are_pytorchs(torch, theirs, name):
    make, value = TRANSFORMS[name]
    f, g = make(D, ours), make(torch.distributions, theirs)
    x, y = cr.tensor(value, dtype=cr.float64), torch.tensor(value, dtype=torch.float64)
    np.testing.assert_allclose(f(x).detach().numpy(), g(y).detach().numpy(), rtol=1e-9)
    back, there = f.inv(f(x)), g.inv(g(y))
    np.testing.assert_allclose(back.detach().numpy(), there.detach().numpy(), rtol=1e-7, atol=1e-7)
    assert tuple(f.forward_shape(x.shape)) == tuple(g.forward_shape(y.shape))
    assert f.domain.event_dim == g.domain.event_dim
    assert f.codomain.event_dim == g.codomain.event_dim
    assert bool(f.bijective) == bool(g.bijective)
    a = asked(lambda: f.log_abs_det_jacobian(x, f(x)))
    b = asked(lambda: g.log_abs_det_jacobian(y, g(y)))
    if not isinstance(b, str):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
    assert f == f and not f != f


@pytest.mark.parametrize("which", ["biject_to", "transform_to"])
@pytest.mark.parametrize("name", SAMPLES)
def test_the_way_into_a_support_is_pytorchs(torch, theirs, which, name):
    make, _ = SAMPLES[name]
    p, q = make(D, ours).support, make(torch.distributions, theirs).support
    if q is None or p is None:
        return
    try:
        g = getattr(torch.distributions, which)(q)
    except NotImplementedError:
        with pytest.raises(NotImplementedError, match="no transform into"):
            getattr(D, which)(p)
        return
    f = getattr(D, which)(p)
    value = np.linspace(-1.0, 1.5, 6 if "Cholesky" in repr(f) and "Corr" in repr(f) else 3)
    if f.domain.event_dim == 2:
        value = np.outer(value, value + 0.3)
    a, b = f(cr.tensor(value)), g(torch.tensor(value))
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-9)


def test_divergences_are_pytorchs(torch, theirs):
    """All pairs for which PyTorch knows a formula; that we know more is fine."""
    compared, lacking = 0, []
    for name, other in itertools.product(SAMPLES, SAMPLES):
        q = (
            SAMPLES[name][0](torch.distributions, theirs),
            SAMPLES[other][0](torch.distributions, theirs),
        )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # PyTorch warns of pairs that it finds ambiguous
                b = torch.distributions.kl_divergence(*q)
        except (NotImplementedError, RuntimeError, ValueError):
            continue
        p = SAMPLES[name][0](D, ours), SAMPLES[other][0](D, ours)
        lead = p[0].batch_shape, p[1].batch_shape
        if (name[:19], other) == ("ContinuousBernoulli", "Uniform"):
            continue  # PyTorch says inf where the interval begins at 0, though it holds all values
        if all(lead) and lead[0] != lead[1]:
            continue  # PyTorch does not look at the shapes of pairs that are infinitely far apart
        try:
            a = D.kl_divergence(*p)
        except NotImplementedError:
            lacking.append((name, other))
            continue
        np.testing.assert_allclose(
            *np.broadcast_arrays(a.detach().numpy(), b.detach().numpy()),
            rtol=1e-6,
            atol=1e-8,
            err_msg=f"{name}, {other}",
        )
        compared += 1
    assert lacking == []
    assert compared > 150


def test_the_names_are_pytorchs(torch):
    lacking = [n for n in torch.distributions.__all__ if not hasattr(D, n)]
    assert lacking == []
    lacking = [n for n in torch.distributions.constraints.__all__ if not hasattr(D.constraints, n)]
    assert lacking == []
