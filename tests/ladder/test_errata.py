"""docs/errata.md: for each mistake, the check that exposes it and passes in the right form."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.base.errors import ShapeError
from chainrule.ladder.attention import attend
from chainrule.ladder.descent import numerical_gradient
from chainrule.ladder.layers import BatchNorm, Dropout, Softmax, SoftmaxCrossEntropy
from chainrule.ladder.value import Value

PAGE = Path(__file__).parents[2] / "docs" / "errata.md"
RNG = np.random.default_rng(0)


def agree(found, f, x):
    """Whether a gradient is the finite difference."""
    expected = numerical_gradient(f, x)
    return found.shape == expected.shape and np.allclose(found, expected, atol=1e-6)


def test_the_page_and_this_file_name_the_same_checks():
    named = re.findall(r"`(test_\w+)`", PAGE.read_text(encoding="utf-8"))
    here = [
        name
        for name in globals()
        if name.startswith("test_") and not name.startswith("test_the_page")
    ]
    assert named == here


def test_the_gradient_of_a_sum_of_a_product():
    A, B = RNG.normal(size=(5, 5)), RNG.normal(size=(5, 5))

    def f(A):
        return (A @ B).sum()

    assert not agree(B.T, f, A)
    assert agree(np.ones((5, 5)) @ B.T, f, A)
    assert agree(np.tile(B.sum(axis=1), (5, 1)), f, A)
    a = cr.tensor(A, requires_grad=True)
    (a @ cr.tensor(B)).sum().backward()
    assert agree(a.grad.numpy(), f, A)


def test_attention_looks_at_other_positions():
    B, T, H, D = 2, 5, 3, 7
    x = RNG.normal(size=(B, T, H * D))
    changed = x.copy()
    changed[:, 0] += 1

    def wrong(x):
        q = x.reshape(B, T, H, D)  # never transposed
        weights = Softmax().forward((q @ q.swapaxes(-1, -2)).reshape(-1, H)).reshape(B, T, H, H)
        return (weights @ q).reshape(B, T, H * D)

    def right(x):
        q = x.reshape(B, T, H, D).transpose(0, 2, 1, 3)
        return attend(q, q, q)[0].transpose(0, 2, 1, 3).reshape(B, T, H * D)

    assert (wrong(changed)[:, 1:] == wrong(x)[:, 1:]).all()
    assert (right(changed)[:, 1:] != right(x)[:, 1:]).all()


def test_what_an_initialization_keeps():
    n = 257

    def after_ten(scale, bend):
        x = RNG.normal(size=(101, n))
        for _ in range(10):
            x = bend(x @ (RNG.normal(size=(n, n)) * scale))
        return float((x**2).mean())

    def relu(x):
        return np.maximum(x, 0)

    he, xavier = np.sqrt(2 / n), np.sqrt(2 / (n + n))
    assert 0.3 < after_ten(he, relu) < 3 and 0.3 < after_ten(xavier, lambda x: x) < 3
    assert after_ten(he, lambda x: x) > 300 and after_ten(xavier, relu) < 0.01
    w = cr.empty(n, 2 * n)
    cr.manual_seed(0)
    assert cr.nn.init.xavier_normal_(w).std().item() == pytest.approx(
        np.sqrt(2 / (3 * n)), rel=0.02
    )
    assert cr.nn.init.kaiming_normal_(w).std().item() == pytest.approx(
        np.sqrt(2 / (2 * n)), rel=0.02
    )


def test_a_value_that_is_used_twice():
    visits = 0

    def recurse(node):
        nonlocal visits
        visits += 1
        for parent, slope in node.parents:
            parent.grad += slope * node.grad
            recurse(parent)

    def graph(n):
        a = Value(3.0)
        y = a * 2
        for _ in range(n):
            y = y + y
        return a, y

    a, y = graph(1)
    y.grad = 1.0
    recurse(y)
    assert a.grad == 6
    a, y = graph(1)
    y.backward()
    assert a.grad == 4
    a, y = graph(12)
    visits = 0
    recurse(y)
    assert visits > 2**12 and len(y.order()) == 15


def test_sigmoids_need_the_binary_loss():
    z, t = RNG.normal(size=(7, 5)), np.eye(5)[RNG.integers(0, 5, 7)]

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    def softmax_loss(z):
        return -(t * np.log(sigmoid(z))).sum()

    def binary_loss(z):
        return -(t * np.log(sigmoid(z)) + (1 - t) * np.log(1 - sigmoid(z))).sum()

    p = sigmoid(z)
    assert not agree(p - t, softmax_loss, z) and agree(-t * (1 - p), softmax_loss, z)
    assert agree(p - t, binary_loss, z)
    assert softmax_loss(np.full((7, 5), 30.0)) < 1e-9 < 1 < binary_loss(np.full((7, 5), 30.0))


def test_softmax_has_a_jacobian():
    x, g = RNG.normal(size=(1, 5)), RNG.normal(size=(1, 5))
    softmax = Softmax()
    p = softmax.forward(x)

    def f(x):
        return (g * Softmax().forward(x)).sum()

    assert not agree(g * p * (1 - p), f, x)
    assert agree(softmax.backward(g), f, x)


def test_clipping_is_no_cure():
    p = cr.nn.Parameter(cr.zeros(3))
    p.grad = cr.tensor([1.0, float("nan"), 2.0])
    cr.nn.utils.clip_grad_norm_([p], 1.0)
    assert cr.isnan(p.grad).all()
    scores, right = np.array([[50.0, 0.0]]), np.array([1])  # surely wrong

    def clipped(x):
        return -np.log(np.clip(Softmax().forward(x)[0, 1], 1e-12, 1))

    assert (numerical_gradient(clipped, scores) == 0).all()
    loss = SoftmaxCrossEntropy()
    loss.forward(scores, right)
    np.testing.assert_allclose(loss.backward(), [[1, -1]])


def test_a_normalization_has_a_gradient():
    x, w = RNG.normal(size=7), RNG.normal(size=7)

    def f(x):
        return (x / np.linalg.norm(x)) @ w

    def gradient(length):
        t = cr.tensor(x, requires_grad=True)
        (t / length(t) @ cr.tensor(w)).backward()
        return t.grad.numpy()

    outside, inside = gradient(lambda t: t.detach().norm()), gradient(lambda t: t.norm())
    assert not agree(outside, f, x) and agree(inside, f, x)
    assert abs(outside @ x) > 0.1 and abs(inside @ x) < 1e-12


def test_batch_norm_has_three_ways_back():
    x, g = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 3))
    layer = BatchNorm(3)
    layer.forward(x)

    def f(x):
        return (g * BatchNorm(3).forward(x)).sum()

    assert not agree(g / np.sqrt(x.var(axis=0) + 1e-5), f, x)
    assert agree(layer.backward(g), f, x)


def test_dropout_keeps_the_mean():
    x, rate = np.ones((997, 101)), 0.4
    assert abs((x * (RNG.random(x.shape) >= rate)).mean() - 1) > 0.35
    assert abs(Dropout(rate).forward(x).mean() - 1) < 0.01


def test_a_loss_of_two_shapes():
    targets = RNG.normal(size=11)
    predictions = targets[:, None].copy()  # perfect
    assert ((predictions - targets) ** 2).mean() > 0.5

    def broadcast(p):
        return ((p - targets) ** 2).mean()

    best = np.full((11, 1), targets.mean())
    np.testing.assert_allclose(numerical_gradient(broadcast, best), 0, atol=1e-9)
    with pytest.raises(ShapeError):
        cr.nn.functional.mse_loss(cr.tensor(predictions), cr.tensor(targets))
