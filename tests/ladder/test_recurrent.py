"""RNN, LSTM and GRU by hand: through time against finite differences, equal to `nn`; what vanishes and what does not."""

from __future__ import annotations

import numpy as np
import pytest
from ladder.numerical import check_layer

import chainrule as cr
from chainrule.ladder.recurrent import GRU, LSTM, RNN, Recurrent

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 7, 3))


@pytest.mark.parametrize("cell", [RNN, LSTM, GRU])
def test_back_propagation_through_time_is_the_finite_difference(cell):
    check_layer(lambda: cell(3, 5, seed=1), X)


@pytest.mark.parametrize("cell", [RNN, LSTM, GRU])
def test_values_and_gradients_are_those_of_nn(cell):
    model = cell(3, 5, seed=1)
    model.parameters["bias"] = RNG.normal(size=model.parameters["bias"].shape)
    twin = getattr(cr.nn, cell.__name__)(3, 5, batch_first=True, dtype=cr.float64)
    with cr.no_grad():
        twin.weight_ih_l0.copy_(cr.tensor(model.parameters["weight_ih"]))
        twin.weight_hh_l0.copy_(cr.tensor(model.parameters["weight_hh"]))
        twin.bias_ih_l0.copy_(cr.tensor(model.parameters["bias"]))
        twin.bias_hh_l0.zero_()  # two biases there, always added
    x = cr.tensor(X, requires_grad=True)
    expected, _ = twin(x)
    y, g = model.forward(X), RNG.normal(size=(2, 7, 5))
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-10, atol=1e-14)
    expected.backward(cr.tensor(g))
    np.testing.assert_allclose(model.backward(g), x.grad.numpy(), rtol=1e-9, atol=1e-13)
    pairs = {
        "weight_ih": twin.weight_ih_l0,
        "weight_hh": twin.weight_hh_l0,
        "bias": twin.bias_ih_l0,
    }
    for name, p in pairs.items():
        np.testing.assert_allclose(model.gradients[name], p.grad.numpy(), rtol=1e-9, atol=1e-13)


def reach(model, steps):
    """How much of a gradient at the last step arrives at the first input."""
    model.forward(np.zeros((1, steps, 3)))
    g = np.zeros((1, steps, model.hidden))
    g[0, -1] = 1
    return np.abs(model.backward(g)[0, 0]).max()


def test_the_rnn_forgets_and_an_open_gate_does_not():
    """The same 100 steps: through W_hh and tanh nothing is left; through a gate f ≈ 1 nearly everything is."""
    rnn, lstm = RNN(3, 5), LSTM(3, 5)
    lstm.parameters["weight_hh"][:] = 0
    lstm.parameters["bias"][5:10] = 10.0  # f = σ(10)
    assert reach(rnn, 101) < 1e-10 < 1e-3 < reach(lstm, 101)
    assert reach(lstm, 101) > 0.9 * reach(lstm, 2)
    gru = GRU(3, 5)
    gru.parameters["weight_hh"][:] = 0
    gru.parameters["bias"][5:10] = 10.0  # z = σ(10)
    assert reach(gru, 101) > 0.9 * reach(gru, 2) > 0


@pytest.mark.parametrize("cell", [RNN, LSTM, GRU])
def test_single_precision_stays_single(cell):
    model = cell(3, 5, dtype=np.float32)
    y = model.forward(X.astype(np.float32))
    assert y.dtype == model.backward(y).dtype == np.float32
    assert {g.dtype for g in model.gradients.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: RNN(0, 5), ValueError, "inputs and hidden must be whole numbers from 1 up, and are 0 and 5"),
        (lambda: LSTM(4, 5).forward(X), ValueError, "LSTM expects x of shape (B, T, 4), and got (2, 7, 3)"),
        (lambda: GRU(3, 0), ValueError, "and are 3 and 0"),
        (lambda: GRU(4, 5).forward(X), ValueError, "GRU expects x of shape (B, T, 4), and got (2, 7, 3)"),
        (lambda: LSTM(4, 5).forward([1.0]), ValueError, "LSTM expects x of shape (B, T, 4), and got (1,)"),
        (lambda: RNN(3, 5).backward(X), ValueError, "g has shape (2, 7, 3), forward saw 0 steps"),
        (lambda: Recurrent(3, 5).step(X, ()), NotImplementedError, "Recurrent must define step"),
        (lambda: Recurrent(3, 5).step_back((), ()), NotImplementedError, "Recurrent must define step_back"),
        (lambda: Recurrent(3, 5).forward(X), NotImplementedError, "Recurrent must define start"),
    ],
)  # fmt: skip
def test_bad_input_is_told_in_a_sentence(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)
