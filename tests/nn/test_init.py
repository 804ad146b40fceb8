"""nn.init: bounds and moments, structure, errors, and PyTorch's values where nothing is random."""

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.nn import init

SHAPE = (101, 53, 3)  # fan_in 159, fan_out 303


def drawn(function, *args, shape=SHAPE, **options):
    cr.manual_seed(0)
    w = nn.Parameter(cr.zeros(shape))
    assert function(w, *args, **options) is w
    assert w.requires_grad and w.grad_fn is None
    return w.detach().numpy()


@pytest.mark.parametrize(
    ("function", "args", "bound"),
    [
        (init.uniform_, (-2.0, 2.0), 2.0),
        (init.xavier_uniform_, (), math.sqrt(6 / 462)),
        (init.xavier_uniform_, (3.0,), 3 * math.sqrt(6 / 462)),
        (init.kaiming_uniform_, (), math.sqrt(2) * math.sqrt(3 / 159)),
        (init.kaiming_uniform_, (1.0, "fan_out"), math.sqrt(3 / 303)),
        (init.kaiming_uniform_, (0, "fan_in", "relu"), math.sqrt(2) * math.sqrt(3 / 159)),
        (init.kaiming_uniform_, (0, "fan_in", "tanh"), 5 / 3 * math.sqrt(3 / 159)),
    ],
)
def test_uniform_laws(function, args, bound):
    w = drawn(function, *args)
    assert abs(w).max() <= bound and abs(w).max() > 0.99 * bound
    assert w.std() == pytest.approx(bound / math.sqrt(3), rel=0.02)


@pytest.mark.parametrize(
    ("function", "args", "mean", "std"),
    [
        (init.normal_, (1.0, 2.0), 1.0, 2.0),
        (init.xavier_normal_, (2.0,), 0.0, 2 * math.sqrt(2 / 462)),
        (init.kaiming_normal_, (), 0.0, math.sqrt(2 / 159)),
        (init.kaiming_normal_, (0, "fan_out", "linear"), 0.0, math.sqrt(1 / 303)),
    ],
)
def test_normal_laws(function, args, mean, std):
    w = drawn(function, *args)
    assert w.std() == pytest.approx(std, rel=0.02)
    assert w.mean() == pytest.approx(mean, abs=0.03 * std)


@pytest.mark.parametrize(
    ("mean", "std", "a", "b"), [(0, 1, -2, 2), (1, 2, 0, 3), (0, 1, 1.5, 3), (0.5, 0.1, 0, 0.3)]
)
def test_truncated_normal(mean, std, a, b):
    w = drawn(init.trunc_normal_, mean, std, a, b)
    assert w.min() >= a and w.max() <= b
    grid = np.linspace(a, b, 100_001)
    p = np.exp(-0.5 * ((grid - mean) / std) ** 2)
    expected = (p * grid).sum() / p.sum()
    assert w.mean() == pytest.approx(expected, abs=0.02 * (b - a))


def test_truncation_far_from_the_mean_is_reported():
    with pytest.warns(UserWarning, match="mean is more than 2 std from"):
        init.trunc_normal_(cr.zeros(3), mean=5.0)


def test_the_generator_decides():
    a, b, c = (
        init.normal_(cr.zeros(5), generator=cr.Generator().manual_seed(s)).numpy()
        for s in (7, 7, 8)
    )
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()


def test_orthogonal():
    for shape in ((5, 7), (7, 5), (5, 3, 2), (3, 5, 2)):
        w = drawn(init.orthogonal_, 2.0, shape=shape).reshape(shape[0], -1)
        gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
        np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-5)
    assert init.orthogonal_(cr.zeros(0, 3)).shape == (0, 3)


def test_sparse():
    w = drawn(init.sparse_, 0.3, shape=(11, 7))
    np.testing.assert_array_equal((w == 0).sum(0), [4] * 7)


def test_constants():
    assert (drawn(init.ones_) == 1).all() and not drawn(init.zeros_).any()
    assert (drawn(init.constant_, 0.3) == np.float32(0.3)).all()
    np.testing.assert_array_equal(drawn(init.eye_, shape=(3, 5)), np.eye(3, 5))


def test_empty_tensors_are_reported():
    for function in (init.kaiming_uniform_, init.kaiming_normal_):
        with pytest.warns(UserWarning, match="zero-element tensors is a no-op"):
            function(cr.zeros(0, 3))


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda: init.kaiming_uniform_(cr.zeros(3)), "fewer than 2 dimensions"),
        (lambda: init.kaiming_uniform_(cr.zeros(3, 2), mode="fan"), "Mode fan not supported"),
        (lambda: init.calculate_gain("spam"), "Unsupported nonlinearity spam"),
        (lambda: init.calculate_gain("leaky_relu", True), "negative_slope True not a valid number"),
        (lambda: init.eye_(cr.zeros(3)), "Only tensors with 2 dimensions"),
        (lambda: init.sparse_(cr.zeros(3), 0.1), "Only tensors with 2 dimensions"),
        (lambda: init.orthogonal_(cr.zeros(3)), "2 or more dimensions"),
        (lambda: init.dirac_(cr.zeros(3, 3)), "3, 4, or 5 dimensions"),
        (lambda: init.dirac_(cr.zeros(3, 3, 3), 2), "dim 0 must be divisible by groups"),
    ],
)
def test_errors(act, text):
    with pytest.raises(ValueError, match=text):
        act()


@pytest.mark.torch
def test_what_is_not_random_is_as_in_torch(torch):
    for name in ("linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
        assert init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    assert init.calculate_gain("leaky_relu", 0.3) == torch.nn.init.calculate_gain("leaky_relu", 0.3)
    for shape, groups in (((5, 3, 3), 1), ((6, 3, 2, 5), 3), ((4, 4, 3, 1, 2), 2)):
        ours = init.dirac_(cr.zeros(shape), groups).numpy()
        np.testing.assert_array_equal(
            ours, torch.nn.init.dirac_(torch.zeros(shape), groups).numpy()
        )


@pytest.mark.torch
def test_older_names_fill_and_warn(torch):
    """Names of PyTorch's that warn there; `nn.init.eye` must not be the function that makes a matrix."""
    theirs = [n.removesuffix("_") for n in dir(torch.nn.init) if n.endswith("_") and n[0] != "_"]
    older = [n for n in theirs if hasattr(torch.nn.init, n)]
    assert "eye" in older and "kaiming_normal" in older
    for name in older:
        options = {"constant": (3.0,), "sparse": (0.5,)}.get(name, ())
        x = cr.full((5, 3, 1) if name == "dirac" else (5, 3), 7.0)
        with pytest.warns(
            FutureWarning, match=rf"nn.init.{name}` is now deprecated .* `nn.init.{name}_`"
        ):
            assert getattr(nn.init, name)(x, *options) is x
        assert not (x == 7).any()
    with pytest.raises(AttributeError, match="has no attribute 'zero'"):
        nn.init.zero  # noqa: B018
