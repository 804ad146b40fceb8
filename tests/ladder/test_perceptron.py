"""The perceptron learns what a line separates and nothing else; a hidden layer learns XOR, with the framework's gradients."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.ladder.descent import numerical_gradient
from chainrule.ladder.perceptron import Perceptron, TwoLayers, xor_by_hand

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
XOR = np.array([0, 1, 1, 0])


@pytest.mark.parametrize(
    "gate", [[0, 0, 0, 1], [0, 1, 1, 1], [1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 1, 0]]
)
def test_it_learns_every_gate_that_a_line_separates(gate):
    model = Perceptron(2)
    mistakes = model.fit(X, np.array(gate), epochs=50)
    assert mistakes[-1] == 0 and model.predict(X).tolist() == gate


def test_it_separates_clouds_and_keeps_novikoffs_bound():
    """With a margin γ around some line through 0 and all |x| ≤ R, at most (R/γ)² mistakes; the bias is one more input."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(101, 3))
    direction = np.array([1.0, -2.0, 0.5, 0.3]) / np.linalg.norm([1.0, -2.0, 0.5, 0.3])
    margins = np.c_[x, np.ones(len(x))] @ direction
    x, margins = x[np.abs(margins) > 0.3], margins[np.abs(margins) > 0.3]
    y = (margins > 0).astype(int)
    mistakes = Perceptron(3).fit(x, y, epochs=1000)
    radius = np.linalg.norm(np.c_[x, np.ones(len(x))], axis=1).max()
    assert mistakes[-1] == 0 and sum(mistakes) <= (radius / np.abs(margins).min()) ** 2


def test_it_never_learns_xor():
    model = Perceptron(2)
    assert min(model.fit(X, XOR, epochs=1000)) > 0
    assert (model.predict(X) != XOR).any()


def test_a_hidden_layer_solves_xor_by_hand_and_by_learning():
    assert xor_by_hand(X).tolist() == XOR.tolist()
    model = TwoLayers(2, 3)
    losses = model.fit(X, XOR, epochs=2000, lr=1.0)
    assert losses[0] > 0.6 and losses[-1] < 0.05
    assert model.predict(X).tolist() == XOR.tolist()


def test_its_gradients_are_the_finite_differences_and_the_framework_s():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(7, 3)), rng.integers(0, 2, 7)
    model = TwoLayers(3, 5, seed=1)
    loss, gradients = model.gradients(x, y)
    named = {name: np.array(getattr(model, name)) for name in gradients}

    def with_parameter(name, value):
        twin = TwoLayers(3, 5, seed=1)
        setattr(twin, name, value)
        return twin.gradients(x, y)[0]

    for name, value in named.items():
        expected = numerical_gradient(lambda v, name=name: with_parameter(name, v), value)
        np.testing.assert_allclose(gradients[name], expected, atol=1e-9)
    t = {name: cr.tensor(value, requires_grad=True) for name, value in named.items()}
    hidden = cr.sigmoid(cr.tensor(x) @ t["w1"].T + t["b1"])
    logits = hidden @ t["w2"] + t["b2"]
    expected = cr.nn.functional.binary_cross_entropy_with_logits(logits, cr.tensor(y * 1.0))
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-12)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, t[name].grad.numpy(), rtol=1e-10)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: Perceptron(3).predict(X), "x must have shape (examples, 3), and has (4, 2)"),
        (lambda: xor_by_hand(3.0), "x must have shape (examples, 2), and has ()"),
        (lambda: TwoLayers(3, 2).predict(X), "x must have shape (examples, 3), and has (4, 2)"),
        (lambda: Perceptron(2).fit(X, XOR[:3], epochs=1), "y must have one entry per example, (4,), and has shape (3,)"),
        (lambda: TwoLayers(2, 3).fit(X, XOR * 2 - 1, epochs=1, lr=1), "y must consist of 0 and 1"),
    ],
)  # fmt: skip
def test_bad_input_is_told_in_a_sentence(call, text):
    with pytest.raises(ValueError) as caught:
        call()
    assert text in str(caught.value)
