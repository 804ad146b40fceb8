"""Weights computed from others: parametrizations, norms of weights, orthogonal matrices; and fused layers."""

import copy
import pickle
import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.base.errors import DTypeError, RangeError, ShapeError, TraceError
from chainrule.nn.utils import parametrizations, parametrize


def linear(T, inputs=3, outputs=5):
    return T.nn.Linear(inputs, outputs)


def p(T):
    return T.nn.utils.parametrizations


WEIGHTS = {
    "weight_norm": lambda T: T.nn.utils.weight_norm(linear(T)),
    "weight_norm of all": lambda T: T.nn.utils.weight_norm(linear(T), dim=None),
    "weight_norm of columns": lambda T: T.nn.utils.weight_norm(linear(T), dim=1),
    "spectral_norm": lambda T: T.nn.utils.spectral_norm(linear(T), n_power_iterations=3),
    "spectral_norm by columns": lambda T: T.nn.utils.spectral_norm(linear(T), dim=1),
    "new weight_norm": lambda T: p(T).weight_norm(linear(T)),
    "new weight_norm of all": lambda T: p(T).weight_norm(linear(T), dim=None),
    "new spectral_norm": lambda T: p(T).spectral_norm(linear(T), n_power_iterations=2),
    "new spectral_norm by columns": lambda T: p(T).spectral_norm(linear(T), dim=1),
    "new spectral_norm of a vector": lambda T: p(T).spectral_norm(linear(T), "bias"),
    "both": lambda T: p(T).weight_norm(p(T).spectral_norm(linear(T), "bias")),
    "orthogonal": lambda T: p(T).orthogonal(linear(T, 3, 3)),
    "orthogonal, tall": lambda T: p(T).orthogonal(linear(T)),
    "orthogonal, wide": lambda T: p(T).orthogonal(T.nn.Linear(3, 2)),
    "orthogonal by Cayley": lambda T: p(T).orthogonal(linear(T), orthogonal_map="cayley"),
    "orthogonal by reflections": lambda T: p(T).orthogonal(linear(T, 3, 3), orthogonal_map="householder"),
    "orthogonal, free": lambda T: p(T).orthogonal(linear(T), use_trivialization=False),
    "orthogonal by Cayley, free": lambda T: p(T).orthogonal(linear(T), orthogonal_map="cayley", use_trivialization=False),
}  # fmt: skip
"""Layers whose weight is computed."""


def trained(T, layer):
    """Results and gradients of some steps, and what is saved."""
    found = []
    for k in range(3):
        x = (T.arange(2.0 * layer.in_features).reshape(2, -1) - k) / 7
        layer.zero_grad()
        y = layer(x)
        (y * y).sum().backward()
        found += [y.detach().numpy(), *[q.grad.numpy().copy() for q in layer.parameters()]]
        with T.no_grad():
            for q in layer.parameters():
                q.sub_(0.01 * q.grad)
    layer.eval()
    return [*found, layer(x).detach().numpy(), *[v.numpy() for v in layer.state_dict().values()]]


@pytest.mark.torch
@pytest.mark.parametrize("name", WEIGHTS)
def test_a_computed_weight_is_that_of_pytorch(torch, name):
    """The same seed gives the same layer, its steps, gradients and saved names; removed, the same weight."""
    found = []
    for T in (cr, torch):
        T.manual_seed(3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            layer = WEIGHTS[name](T)
        found.append((repr(layer), list(layer.state_dict()), trained(T, layer)))
    (a, names_a, values_a), (b, names_b, values_b) = found
    assert (a, names_a) == (b, names_b)
    for v, w in zip(values_a, values_b, strict=True):
        np.testing.assert_allclose(v, w, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("name", WEIGHTS)
def test_a_computed_weight_is_compiled(name):
    """Forward and backward with the weight computed within, buffers of the power method written: the same steps."""
    cr.manual_seed(3)
    layer = WEIGHTS[name](cr)
    other = copy.deepcopy(layer)
    x = cr.randn(7, layer.in_features)
    losses = []
    for m, wrap in ((layer, lambda f: f), (other, cr.compile)):
        optimizer = cr.optim.SGD(m.parameters(), lr=0.01)

        def step(x, m=m, optimizer=optimizer):
            optimizer.zero_grad()
            y = m(x)
            loss = (y * y).sum()
            loss.backward()
            optimizer.step()
            return loss

        run = wrap(step)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="(?s).*has no machine code yet")
            losses.append([run(x).item() for _ in range(3)])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)
    assert losses[0][2] < losses[0][0]


def test_removing_leaves_the_weight_and_the_class():
    for name, remove in (
        ("weight_norm", nn.utils.remove_weight_norm),
        ("spectral_norm", nn.utils.remove_spectral_norm),
        ("new weight_norm", lambda m: parametrize.remove_parametrizations(m, "weight")),
        ("orthogonal", lambda m: parametrize.remove_parametrizations(m, "weight")),
    ):
        layer = WEIGHTS[name](cr).eval()
        kept = copy.deepcopy(layer)
        weight = layer.weight.detach().numpy()
        assert remove(layer) is layer
        assert type(layer) is nn.Linear and isinstance(layer.weight, nn.Parameter)
        assert sorted(layer.state_dict()) == ["bias", "weight"]
        np.testing.assert_allclose(layer.weight.detach().numpy(), weight, rtol=1e-6)
        np.testing.assert_allclose(kept.weight.detach().numpy(), weight, rtol=1e-6)
        assert type(kept) is not nn.Linear
        with pytest.raises(ValueError, match="not found in|does not have a parametrization"):
            remove(layer)


# ------------------------------------------------------------------------------------------------------ parametrizations


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).mT

    def right_inverse(self, x):
        return x.triu()


class Doubled(nn.Module):
    def forward(self, x):
        return 2 * x


class Product(nn.Module):
    """A matrix of rank one of two vectors."""

    def forward(self, a, b):
        return a[:, None] * b

    def right_inverse(self, x):
        return x[:, 0], x[0]


def test_several_parametrizations_are_applied_in_order():
    layer = nn.Linear(3, 3)
    with cr.no_grad():
        layer.weight.copy_(cr.arange(9.0).reshape(3, 3))
    weight = layer.weight
    parametrize.register_parametrization(layer, "weight", Symmetric())
    parametrize.register_parametrization(layer, "weight", Doubled())
    assert layer.parametrizations.weight.original is weight
    expected = 2 * np.array([[0.0, 1, 2], [1, 4, 5], [2, 5, 8]])
    np.testing.assert_array_equal(layer.weight.detach().numpy(), expected)
    layer.weight.sum().backward()
    np.testing.assert_array_equal(weight.grad.numpy(), [[2, 4, 4], [0, 2, 4], [0, 0, 2]])
    with pytest.raises(NotImplementedError, match="Doubled does not implement right_inverse"):
        layer.weight = cr.ones(3, 3)
    again = parametrize.transfer_parametrizations_and_params(layer, nn.Linear(3, 3))
    np.testing.assert_array_equal(again.weight.detach().numpy(), expected)
    assert parametrize.type_before_parametrizations(layer) is nn.Linear
    parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    assert layer.weight is weight and not parametrize.is_parametrized(layer)
    assert parametrize.type_before_parametrizations(layer) is nn.Linear


def test_assigning_goes_through_the_inverse():
    layer = parametrize.register_parametrization(nn.Linear(3, 3), "weight", Symmetric())
    layer.weight = cr.ones(3, 3)
    np.testing.assert_array_equal(layer.parametrizations.weight.original.detach().numpy(), np.triu(np.ones((3, 3))))  # fmt: skip
    np.testing.assert_array_equal(layer.weight.detach().numpy(), 1.0)


def test_several_originals_and_buffers():
    layer = nn.Linear(3, 5)
    layer.register_buffer("scale", cr.ones(2))
    parametrize.register_parametrization(layer, "weight", Product())
    parametrize.register_parametrization(layer, "scale", Doubled())
    assert parametrize.is_parametrized(layer, "scale") and not parametrize.is_parametrized(layer, "bias")  # fmt: skip
    assert sorted(layer.state_dict()) == [
        "bias", "parametrizations.scale.original", "parametrizations.weight.original0", "parametrizations.weight.original1",
    ]  # fmt: skip
    assert layer.scale.tolist() == [2, 2]
    layer.weight = cr.arange(15.0).reshape(5, 3)
    assert layer.parametrizations.weight.original0.tolist() == [0, 3, 6, 9, 12]
    with pytest.raises(ValueError, match="Cannot leave unparametrized"):
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    parametrize.remove_parametrizations(layer, "weight")
    assert isinstance(layer.weight, nn.Parameter) and layer.weight.requires_grad
    parametrize.remove_parametrizations(layer, "scale")
    assert sorted(layer.state_dict()) == ["bias", "scale", "weight"]


def test_caching_computes_once():
    calls = []

    class Counting(nn.Module):
        def forward(self, x):
            calls.append(1)
            return x + 1

    layer = parametrize.register_parametrization(nn.Linear(3, 2), "weight", Counting())
    calls.clear()
    with parametrize.cached(), parametrize.cached():
        assert layer.weight is layer.weight
        with pytest.raises(TraceError, match=r"parametrize.cached\(\) is active"):
            cr.compile(layer)(cr.ones(3))
    assert len(calls) == 1
    assert layer.weight is not layer.weight
    assert len(calls) == 3


def test_the_older_names_of_a_weight_norm_load():
    old, new = nn.utils.weight_norm(nn.Linear(3, 5)), parametrizations.weight_norm(nn.Linear(3, 5))
    new.load_state_dict(old.state_dict())
    np.testing.assert_array_equal(new.weight.detach().numpy(), old.weight.detach().numpy())


class Wrong(nn.Module):
    def __init__(self, result, inverse=None):
        super().__init__()
        self.result, self.inverse = result, inverse

    def forward(self, *x):
        return self.result(*x)

    def right_inverse(self, x):
        return x if self.inverse is None else self.inverse(x)


def register(result, inverse=None, twice=False):
    layer = nn.Linear(3, 2)
    if twice:
        parametrize.register_parametrization(layer, "weight", Doubled())
    return parametrize.register_parametrization(layer, "weight", Wrong(result, inverse))


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda: parametrize.register_parametrization(nn.Linear(3, 2), "x", Doubled()), ValueError, r"does not have a parameter, a buffer"),
        (lambda: register(lambda x: 3), ValueError, r"A parametrization must return a tensor. Got int"),
        (lambda: register(lambda x: x.double()), DTypeError, r"may not change the dtype .* was float32 and becomes float64"),
        (lambda: register(lambda x: x[0]), ShapeError, r"may not change the shape .* was \(2, 3\) and becomes \(3,\)"),
        (lambda: register(lambda x: x[0], twice=True), ShapeError, r"may not change the shape"),
        (lambda: register(lambda x: x, lambda x: x[0], twice=True), ShapeError, r"parametrization.right_inverse may not change the shape"),
        (lambda: register(lambda x: x, lambda x: 3), ValueError, r"must return a Tensor or a Sequence .* Got int"),
        (lambda: register(lambda x: x, lambda x: x.double()), DTypeError, r"may not change its dtype from float32 to float64"),
        (lambda: parametrize.ParametrizationList([], cr.ones(3)), ValueError, r"requires one or more modules"),
        (lambda: parametrize.remove_parametrizations(nn.Linear(3, 2), "weight"), ValueError, r"does not have a parametrization on weight"),
        (lambda: nn.utils.weight_norm(nn.Linear(3, 2), "x"), ValueError, r"Linear has no parameter 'x' to normalise"),
        (lambda: nn.utils.spectral_norm(nn.Linear(3, 2), "x"), ValueError, r"Linear has no parameter 'x' to normalise"),
        (lambda: nn.utils.spectral_norm(nn.Linear(3, 2), n_power_iterations=0), ValueError, r"to be positive, but got 0"),
        (lambda: parametrizations.spectral_norm(nn.Linear(3, 2), "x"), ValueError, r"has no parameter or buffer with name 'x'"),
        (lambda: parametrizations.spectral_norm(nn.Linear(3, 2), n_power_iterations=0), ValueError, r"to be positive, but got 0"),
        (lambda: parametrizations.spectral_norm(nn.Linear(3, 2), dim=2), RangeError, r"expected to be in range of \[-2, 1\] but got 2"),
        (lambda: parametrizations.orthogonal(nn.Linear(3, 2), "x"), ValueError, r"has no parameter or buffer with name 'x'"),
        (lambda: parametrizations.orthogonal(nn.Linear(3, 2), "bias"), ShapeError, r"Expected a matrix .* 1 dimensions"),
        (lambda: parametrizations.orthogonal(nn.Linear(3, 2), orthogonal_map="x"), ValueError, r"has to be one of .* Got: x"),
        (lambda: parametrizations.orthogonal(nn.Linear(3, 2).half()), ValueError, r"for float32 and float64, found float16"),
        (lambda: setattr(WEIGHTS["orthogonal"](cr), "weight", cr.ones(3)), ShapeError, r"of shape \(3, 3\). Got a tensor of"),
        (lambda: setattr(WEIGHTS["orthogonal by Cayley, free"](cr), "weight", cr.ones(5, 3)), NotImplementedError, r"not possible"),
        (lambda: pickle.dumps(WEIGHTS["weight_norm"](cr)), RuntimeError, r"cannot be pickled; save its state_dict"),
        (lambda: nn.utils.skip_init(int, 3), TypeError, r"Expected a Module; got <class 'int'>"),
        (lambda: nn.utils.skip_init(nn.ReLU), TypeError, r"must support a 'device' arg"),
    ],
)  # fmt: skip
def test_errors(act, error, text):
    with pytest.raises(error, match=text):
        act()


def test_inverses_of_other_dtypes_and_counts_are_refused():
    layer = parametrize.register_parametrization(nn.Linear(3, 2), "weight", Wrong(lambda x: x))
    layer.parametrizations.weight[0].inverse = lambda x: x.double()
    with pytest.raises(DTypeError, match="tensors of dtype float32, got float64"):
        layer.weight = cr.ones(2, 3)
    layer = parametrize.register_parametrization(nn.Linear(3, 2), "weight", Product())
    layer.parametrizations.weight[0].right_inverse = lambda x: (x,)
    with pytest.raises(ValueError, match="a sequence of 2 tensors, got tuple"):
        layer.weight = cr.ones(2, 3)


def test_skip_init_draws_nothing():
    cr.manual_seed(3)
    expected = nn.Linear(3, 2).weight.detach().numpy()
    cr.manual_seed(3)
    skipped = nn.utils.skip_init(nn.Linear, 7, 5)
    assert skipped.weight.shape == (5, 7)
    np.testing.assert_array_equal(nn.Linear(3, 2).weight.detach().numpy(), expected)


# ----------------------------------------------------------------------------------------------------------------- fusion


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("kind", ["Conv1d", "Conv2d", "ConvTranspose2d", "Linear"])
def test_a_fused_layer_does_what_both_did(kind, affine, bias):
    cr.manual_seed(0)
    if kind == "Linear":
        layer, x, norm = nn.Linear(3, 5, bias=bias), cr.randn(7, 3), nn.BatchNorm1d(5, affine=affine)  # fmt: skip
    else:
        d = int(kind[-2])
        layer = getattr(nn, kind)(3, 5, 2, bias=bias)
        x = cr.randn(2, 3, *(7, 6)[:d])
        norm = getattr(nn, f"BatchNorm{d}d")(5, affine=affine)
    with cr.no_grad():
        norm.running_mean.copy_(cr.randn(5))
        norm.running_var.copy_(cr.rand(5) + 0.5)
        for q in norm.parameters():
            q.copy_(cr.randn(5))
    layer.eval(), norm.eval()
    if kind == "Linear":
        fused = nn.utils.fuse_linear_bn_eval(layer, norm)
    else:
        fused = nn.utils.fuse_conv_bn_eval(layer, norm, "Transpose" in kind)
    np.testing.assert_allclose(
        fused(x).detach().numpy(), norm(layer(x)).detach().numpy(), rtol=1e-4, atol=1e-5
    )
    assert fused.bias is not None and (layer.bias is None) != bias


@pytest.mark.parametrize(
    ("layer", "norm", "text"),
    [
        (nn.Linear(3, 5), nn.BatchNorm1d(5).eval(), "Fusion only for eval"),
        (nn.Linear(3, 5).eval(), nn.BatchNorm1d(3).eval(), "linear.out_features == bn.num_features .* found 5 and 3"),
        (nn.Linear(3, 5).eval(), nn.BatchNorm1d(5, track_running_stats=False).eval(), "keeps no running statistics"),
    ],
)  # fmt: skip
def test_what_cannot_be_fused(layer, norm, text):
    with pytest.raises(ValueError, match=text):
        nn.utils.fuse_linear_bn_eval(layer, norm)


def test_the_deprecated_name_of_clipping():
    w = nn.Parameter(cr.zeros(2))
    w.grad = cr.tensor([3.0, 4.0])
    with pytest.warns(FutureWarning, match="write clip_grad_norm_"):
        assert nn.utils.clip_grad_norm([w], 1.0).item() == 5
    np.testing.assert_allclose(w.grad.numpy(), [0.6, 0.8], rtol=1e-5)
