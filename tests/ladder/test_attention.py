"""Attention by hand: against finite differences, equal to `nn.MultiheadAttention`, blind to the future."""

from __future__ import annotations

import numpy as np
import pytest
from ladder.numerical import check_layer

import chainrule as cr
from chainrule.ladder.attention import CausalSelfAttention, attend

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 5, 6))


def make():
    attention = CausalSelfAttention(6, 3, seed=1)
    rng = np.random.default_rng(7)
    for name in ("in_bias", "out_bias"):
        attention.parameters[name] = rng.normal(size=attention.parameters[name].shape)
    return attention


def test_its_backward_pass_is_the_finite_difference():
    check_layer(make, X)


def test_values_and_gradients_are_those_of_nn():
    model = make()
    twin = cr.nn.MultiheadAttention(6, 3, batch_first=True, dtype=cr.float64)
    targets = (twin.in_proj_weight, twin.in_proj_bias, twin.out_proj.weight, twin.out_proj.bias)
    with cr.no_grad():
        for target, value in zip(targets, model.parameters.values(), strict=True):
            target.copy_(cr.tensor(value))
    x = cr.tensor(X, requires_grad=True)
    mask = cr.triu(cr.ones(5, 5), 1) > 0
    expected, _ = twin(x, x, x, attn_mask=mask)
    y, g = model.forward(X), RNG.normal(size=X.shape)
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-9, atol=1e-13)
    expected.backward(cr.tensor(g))
    np.testing.assert_allclose(model.backward(g), x.grad.numpy(), rtol=1e-9, atol=1e-13)
    for name, target in zip(model.parameters, targets, strict=True):
        np.testing.assert_allclose(
            model.gradients[name], target.grad.numpy(), rtol=1e-9, atol=1e-12
        )


def test_nothing_depends_on_what_comes_later():
    model = make()
    y = model.forward(X)
    other = X.copy()
    other[:, 3:] += 1
    changed = model.forward(other)
    np.testing.assert_array_equal(changed[:, :3], y[:, :3])
    assert np.abs(changed[:, 3:] - y[:, 3:]).min() > 0


def test_every_row_of_weights_is_a_mean_over_what_was_read():
    q, k, v = RNG.normal(size=(3, 2, 5, 7)) * 30
    _, weights = attend(q, k, v)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-12)
    assert (weights[..., *np.triu_indices(5, 1)] == 0).all() and (weights >= 0).all()


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: CausalSelfAttention(6, 4), ValueError, "channels a multiple of heads, and they are 6 for 4 heads"),
        (lambda: CausalSelfAttention(4, 2).forward(X), ValueError, "expects x of shape (B, T, 4), and got (2, 5, 6)"),
        (lambda: CausalSelfAttention(4, 2).forward([1.0]), ValueError, "expects x of shape (B, T, 4), and got (1,)"),
        (lambda: CausalSelfAttention(6, 2).backward(X), RuntimeError, "call forward before backward"),
    ],
)  # fmt: skip
def test_bad_input_is_told_in_a_sentence(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)
