"""Finite differences against known derivatives, descent against known minima, momentum's speed, the picture."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.ladder.descent import gradient_descent, numerical_gradient, plot_descent

CASES = {
    "square": (lambda x: (x**2).sum(), lambda x: 2 * x),
    "cubic": (lambda x: (x**3 - x).sum(), lambda x: 3 * x**2 - 1),
    "sine": (lambda x: np.sin(x).sum(), np.cos),
    "exp of a product": (lambda x: np.exp(x.prod()), lambda x: np.exp(x.prod()) * x.prod() / x),
}


@pytest.mark.parametrize("name", CASES)
def test_the_numerical_gradient_is_the_derivative(name):
    f, derivative = CASES[name]
    x = np.random.default_rng(0).normal(size=(2, 3))
    kept = x.copy()
    np.testing.assert_allclose(numerical_gradient(f, x), derivative(x), rtol=1e-7, atol=1e-8)
    np.testing.assert_array_equal(x, kept)


def test_the_numerical_gradient_is_the_framework_s():
    x = np.random.default_rng(1).normal(size=5)
    t = cr.tensor(x, requires_grad=True)
    (t.tanh() * t).sum().backward()
    found = numerical_gradient(lambda x: (np.tanh(x) * x).sum(), x)
    np.testing.assert_allclose(found, t.grad.numpy(), rtol=1e-8)


def test_both_sides_are_far_more_accurate_than_one():
    h, x = 1e-4, 0.7
    one_sided = (np.exp(x + h) - np.exp(x)) / h
    both = numerical_gradient(lambda x: np.exp(x), np.array(x), step=h)
    assert abs(both - np.exp(x)) < 1e-3 * abs(one_sided - np.exp(x))


def valley(x):
    """f = ½ (x₁² + 25 x₂²): curvatures 1 and 25."""
    return 0.5 * (x[0] ** 2 + 25 * x[1] ** 2)


def test_descent_finds_the_minimum_and_takes_the_steps_of_the_formula():
    path = gradient_descent(valley, np.array([10.0, 1.0]), lr=0.05, steps=200)
    assert path.shape == (201, 2)
    np.testing.assert_allclose(path[:, 0], 10 * 0.95 ** np.arange(201), rtol=1e-6)
    assert np.abs(path[-1]).max() < 1e-3


def test_momentum_is_faster_along_a_valley():
    start = np.array([10.0, 1.0])
    gradient = lambda x: x * [1, 25]  # noqa: E731
    plain = gradient_descent(valley, start, 0.03, 80, gradient=gradient)
    fast = gradient_descent(valley, start, 0.03, 80, momentum=0.8, gradient=gradient)
    assert valley(fast[-1]) < 1e-3 * valley(plain[-1])


def test_momentum_is_the_framework_s_sgd():
    path = gradient_descent(valley, np.array([2.0, 1.0]), 0.01, 7, momentum=0.9)
    x = cr.tensor([2.0, 1.0], dtype=cr.float64, requires_grad=True)
    optimizer = cr.optim.SGD([x], lr=0.01, momentum=0.9)
    for _ in range(7):
        optimizer.zero_grad()
        (0.5 * (x[0] ** 2 + 25 * x[1] ** 2)).backward()
        optimizer.step()
    np.testing.assert_allclose(path[-1], x.detach().numpy(), rtol=1e-7)


def test_beyond_two_over_the_curvature_every_step_overshoots():
    """2 / 25 = 0.08 is the limit here."""
    start = np.array([0.0, 1.0])
    below = gradient_descent(valley, start, 0.079, 100)
    above = gradient_descent(valley, start, 0.081, 100)
    assert abs(below[-1, 1]) < 1 < abs(above[-1, 1])


def test_the_picture_is_written(tmp_path):
    path = gradient_descent(valley, np.array([10.0, 1.0]), 0.07, 30)
    plot_descent(valley, {"plain": path}, str(tmp_path / "paths.png"))
    assert (tmp_path / "paths.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: numerical_gradient(np.sin, np.ones(2)), "f must return one number, and returned an array of shape (2,)"),
        (lambda: numerical_gradient(np.sum, np.ones(2), step=0), "step must be positive, and is 0"),
        (lambda: gradient_descent(valley, np.ones(2), 0, 1), "lr must be positive, and is 0"),
        (lambda: gradient_descent(valley, np.ones(2), 1, 1, momentum=1), "from 0 to below 1, and is 1"),
        (lambda: gradient_descent(valley, np.ones(2), 1, -1), "steps must be 0 or more, a whole number, and is -1"),
        (lambda: gradient_descent(valley, np.ones(2), 1, 1, gradient=np.sum), "must have the shape of x, (2,), and has ()"),
        (lambda: plot_descent(valley, {"a": np.ones(3)}, "x.png"), "path 'a' must have shape (steps + 1, 2), not (3,)"),
    ],
)  # fmt: skip
def test_bad_input_is_told_in_a_sentence(call, text):
    with pytest.raises(ValueError) as caught:
        call()
    assert text in str(caught.value)
