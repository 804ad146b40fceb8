"""Activations beyond their formulas: what is drawn at random, what is written in place, modules against PyTorch."""

import inspect

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.nn import functional as F

X = np.random.default_rng(3).uniform(-3, 3, (2, 6, 5, 4))

MODULES = {
    "CELU": [{}, {"alpha": 0.5, "inplace": True}],
    "ELU": [{}, {"alpha": 0.5, "inplace": True}],
    "GELU": [{}, {"approximate": "tanh"}],
    "GLU": [{}, {"dim": 1}],
    "Hardshrink": [{}, {"lambd": 1.0}],
    "Hardsigmoid": [{}, {"inplace": True}],
    "Hardswish": [{}, {"inplace": True}],
    "Hardtanh": [{}, {"min_val": -0.5, "max_val": 2.0, "inplace": True}],
    "LeakyReLU": [{}, {"negative_slope": 0.3, "inplace": True}],
    "LogSigmoid": [{}],
    "LogSoftmax": [{"dim": 1}, {"dim": -1}],
    "Mish": [{}, {"inplace": True}],
    "PReLU": [{}, {"num_parameters": 6, "init": 0.1}],
    "RReLU": [{}, {"lower": 0.5, "upper": 0.7, "inplace": True}],
    "ReLU": [{}, {"inplace": True}],
    "ReLU6": [{}, {"inplace": True}],
    "SELU": [{}, {"inplace": True}],
    "SiLU": [{}, {"inplace": True}],
    "Sigmoid": [{}],
    "Softmax": [{"dim": 0}, {"dim": -1}],
    "Softmax2d": [{}],
    "Softmin": [{"dim": 2}],
    "Softplus": [{}, {"beta": 2.0, "threshold": 3.0}],
    "Softshrink": [{}, {"lambd": 1.0}],
    "Softsign": [{}],
    "Tanh": [{}],
    "Tanhshrink": [{}],
    "Threshold": [
        {"threshold": 0.5, "value": 7.0},
        {"threshold": 0.5, "value": 7.0, "inplace": True},
    ],
}
"""Each activation of `nn` and its settings."""


@pytest.mark.torch
@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_that_of_pytorch(torch, name):
    """Values, gradients of input and slopes, what it prints, what is written over the input; in evaluation mode."""
    for settings in MODULES[name]:
        found = []
        for T in (cr, torch):
            layer = getattr(T.nn, name)(**settings).double().eval()
            leaf = T.tensor(X).requires_grad_()
            x = leaf * 1.5
            y = layer(x)
            (y * y * T.tensor(X[:, :3] if name == "GLU" and "dim" in settings else X[..., : y.shape[-1]])).sum().backward()  # fmt: skip
            grads = [p.grad for p in (leaf, *layer.parameters())]
            found.append((repr(layer), *[t.detach().numpy() for t in (y, x, *grads)]))
        (ours, *a), (theirs, *b) = found
        assert ours == theirs
        for v, w in zip(a, b, strict=True):
            np.testing.assert_allclose(v, w, rtol=1e-7, atol=1e-9)  # torch has 1/6 as a float32


@pytest.mark.torch
def test_every_activation_of_pytorch_is_here(torch):
    """And its arguments stand where PyTorch has them."""
    theirs = set(torch.nn.modules.activation.__all__) - {"MultiheadAttention"}
    assert theirs == set(MODULES)
    for name in MODULES:
        f, g = (list(inspect.signature(getattr(T.nn, name)).parameters.values()) for T in (cr, torch))  # fmt: skip
        if [p.name for p in g] != ["args", "kwargs"]:
            assert [(p.name, p.default) for p in f] == [(p.name, p.default) for p in g], name


IN_PLACE = {
    "relu": (),
    "leaky_relu": (0.3,),
    "rrelu": (0.2, 0.4),
    "elu": (0.5,),
    "selu": (),
    "celu": (0.5,),
    "hardtanh": (-0.5, 1.0),
    "threshold": (0.5, 7.0),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_functions_with_an_underscore_write_over_their_input(name):
    x = cr.tensor(X)
    expected = getattr(F, name)(x, *IN_PLACE[name])
    assert (expected.numpy() != X).any()
    assert getattr(F, f"{name}_")(x, *IN_PLACE[name]) is x
    np.testing.assert_array_equal(x.numpy(), expected.numpy())


def test_rrelu_draws_its_slopes():
    cr.manual_seed(0)
    x = cr.full((10_000,), -2.0, requires_grad=True)
    layer = nn.RReLU(0.2, 0.6)
    y = layer(x)
    slopes = y.detach().numpy() / -2
    assert 0.2 <= slopes.min() < 0.201 and 0.599 < slopes.max() < 0.6
    assert slopes.mean() == pytest.approx(0.4, abs=0.005)
    assert slopes.std() == pytest.approx(0.4 / np.sqrt(12), abs=0.005)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), slopes, rtol=1e-6)
    np.testing.assert_allclose(layer.eval()(x).detach().numpy(), -0.8, rtol=1e-6)
    cr.manual_seed(0)
    np.testing.assert_array_equal(layer.train()(x).detach().numpy(), y.detach().numpy())
    z = cr.full((7,), -2.0)
    assert F.rrelu_(z, 0.2, 0.6, True) is z and len(set(z.tolist())) == 7


def test_gumbel_softmax_draws_from_the_distribution():
    """The largest element is class c as often as softmax says; the hard sample has the gradient of the soft one."""
    cr.manual_seed(0)
    p = np.array([0.1, 0.2, 0.7])
    logits = cr.tensor(np.log(p)).expand(20_000, 3).clone().requires_grad_()
    hard = F.gumbel_softmax(logits, tau=0.5, hard=True)
    np.testing.assert_allclose(hard.detach().sum(1).numpy(), 1.0, rtol=1e-12)
    np.testing.assert_allclose(hard.detach().numpy().mean(0), p, atol=0.01)
    weights = cr.tensor([1.0, -2.0, 3.0])
    (hard * weights).sum().backward()
    found, logits.grad = logits.grad.numpy(), None
    cr.manual_seed(0)
    soft = F.gumbel_softmax(logits, tau=0.5)
    np.testing.assert_array_equal(soft.argmax(1).numpy(), hard.argmax(1).numpy())
    (soft * weights).sum().backward()
    np.testing.assert_allclose(found, logits.grad.numpy(), rtol=1e-9, atol=1e-12)
    axis = F.gumbel_softmax(cr.zeros(2, 5, 3), hard=True, dim=1)
    np.testing.assert_allclose(axis.sum(1).numpy(), 1.0, rtol=1e-6)


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda: F.rrelu(cr.ones(3), 0.5, 0.2), ValueError, r"Lower bound should be less than .*, found lower=0.5"),
        (lambda: nn.Softmax2d()(cr.ones(3, 5)), ValueError, r"Softmax2d: expected input to be 3D or 4D, got 2D instead"),
        (lambda: nn.Hardtanh(1.0, 1.0), ValueError, r"max_val \(1.0\) must be larger than min_val \(1.0\)"),
    ],
)  # fmt: skip
def test_errors(act, error, text):
    with pytest.raises(error, match=text):
        act()


def test_bounds_of_hardtanh_by_their_older_names():
    with (
        pytest.warns(FutureWarning, match="min_value is deprecated, write min_val"),
        pytest.warns(FutureWarning, match="max_value is deprecated, write max_val"),
    ):
        layer = nn.Hardtanh(min_value=-3.0, max_value=2.0)
    assert (layer.min_val, layer.max_val) == (-3.0, 2.0)
