"""Lazy layers: they become what PyTorch's become, with the same weights, and refuse what cannot be said before."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn

CASES = {
    "LazyLinear": ((5,), {"bias": False}, (7, 3)),
    "LazyConv1d": ((5, 3), {"padding": 1}, (2, 3, 7)),
    "LazyConv2d": ((6, (3, 2)), {"stride": 2, "groups": 3}, (2, 3, 7, 5)),
    "LazyConv3d": ((5, 2), {}, (2, 3, 4, 5, 3)),
    "LazyConvTranspose1d": ((5, 3), {"bias": False}, (2, 3, 7)),
    "LazyConvTranspose2d": ((5, 3), {"output_padding": 1, "stride": 2}, (2, 3, 7, 5)),
    "LazyConvTranspose3d": ((5, 2), {}, (2, 3, 4, 5, 3)),
    "LazyBatchNorm1d": ((), {"momentum": 0.3}, (7, 3)),
    "LazyBatchNorm2d": ((1e-3,), {}, (2, 3, 7, 5)),
    "LazyBatchNorm3d": ((), {"affine": False}, (2, 3, 4, 5, 3)),
    "LazyInstanceNorm1d": ((), {}, (2, 3, 7)),
    "LazyInstanceNorm2d": ((), {"affine": False}, (2, 3, 7, 5)),
    "LazyInstanceNorm3d": ((), {"track_running_stats": False}, (2, 3, 4, 5, 3)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_lazy_layer_becomes_the_plain_one(name):
    args, kwargs, shape = CASES[name]
    layer = getattr(nn, name)(*args, **kwargs)
    assert layer.has_uninitialized_params() and repr(layer).startswith(f"{name}(")
    waiting = list(layer.parameters())
    optimizer = cr.optim.SGD(waiting or [cr.ones(1, requires_grad=True)], lr=0.1)
    y = layer(cr.randn(*shape))
    assert type(layer) is getattr(nn, name.removeprefix("Lazy"))
    assert all(a is b for a, b in zip(waiting, layer.parameters(), strict=True))
    before = [p.detach().clone() for p in waiting]
    if waiting:
        y.square().sum().backward()
        optimizer.step()
    assert all(
        (p != b).any() for p, b in zip(waiting, before, strict=True) if p.grad.abs().max() > 1e-4
    )
    assert layer(cr.randn(*shape)).shape == y.shape


@pytest.mark.parametrize("name", CASES)
def test_weights_outputs_and_state_are_pytorchs(torch, name):
    args, kwargs, shape = CASES[name]
    x = np.random.default_rng(3).standard_normal(shape).astype(np.float32)
    found = []
    for library in (cr, torch):
        library.manual_seed(5)
        net = library.nn.Sequential(getattr(library.nn, name)(*args, **kwargs), library.nn.ReLU())
        text = repr(net)
        y = net(library.from_numpy(x))
        found.append(
            (
                text,
                repr(net),
                y.detach().numpy(),
                {k: v.numpy() for k, v in net.state_dict().items()},
            )
        )
    (text, after, y, state), (their_text, their_after, their_y, their_state) = found
    assert (text, after) == (their_text, their_after)
    np.testing.assert_allclose(y, their_y, rtol=1e-5, atol=1e-5)
    assert list(state) == list(their_state)
    for key in state:
        np.testing.assert_allclose(state[key], their_state[key], rtol=1e-5, err_msg=key)


def test_a_copy_of_a_lazy_layer_is_lazy_by_itself():
    layer = nn.LazyLinear(5)
    other = copy.deepcopy(layer)
    assert layer(cr.ones(2, 3)).shape == (2, 5) and layer.in_features == 3
    assert other.has_uninitialized_params()
    assert other(cr.ones(2, 7)).shape == (2, 5) and other.in_features == 7


def test_what_it_is_converted_to_before_the_first_input_it_is_afterwards():
    cr.manual_seed(3)
    layer = nn.LazyLinear(5).double()
    assert layer(cr.ones(2, 3).double()).dtype is layer.weight.dtype is cr.float64
    cr.manual_seed(3)
    assert cr.equal(layer.weight, nn.Linear(3, 5, dtype=cr.float64).weight)
    other = copy.deepcopy(nn.LazyBatchNorm1d(dtype=cr.float64))
    other(cr.ones(2, 3).double())
    assert other.running_var.dtype is other.weight.dtype is cr.float64


def test_hooks_and_modes_stay():
    layer = nn.LazyBatchNorm1d().eval()
    seen = []
    layer.register_forward_hook(lambda module, args, output: seen.append(type(module)))
    layer(cr.randn(7, 3))
    assert seen == [nn.BatchNorm1d] and not layer.training
    assert (layer.running_mean == 0).all()
    frozen = nn.LazyLinear(2)
    frozen.weight.requires_grad_(False)
    frozen(cr.ones(1, 3))
    assert not frozen.weight.requires_grad and frozen.bias.requires_grad


@pytest.mark.parametrize(
    "asks",
    [
        lambda p: p.shape,
        lambda p: p.sum(),
        lambda p: p * 2,
        lambda p: 2 - p,
        lambda p: p.norm(),
        lambda p: cr.matmul(cr.ones(2, 3), p),
    ],
)
def test_what_has_no_shape_yet_is_refused(asks):
    with pytest.raises(cr.ShapeError, match="before the first input\n  hint: call the model once"):
        asks(nn.LazyLinear(5).weight)


def test_an_instance_norm_without_a_bias():
    layer = cr.nn.LazyInstanceNorm1d(bias=False)
    layer(cr.zeros(2, 3, 5))
    assert layer.bias is None and layer.weight.shape == (3,)
