"""The written-out arithmetic against NumPy's, and its geometry."""

from __future__ import annotations

import math

import numpy as np
import pytest

from chainrule.ladder import linalg

RNG = np.random.default_rng(0)
A, B, C = RNG.normal(size=(3, 5)), RNG.normal(size=(5, 7)), RNG.normal(size=(3, 7))
U, V = RNG.normal(size=5), RNG.normal(size=5)


def test_every_function_is_numpys():
    close = np.testing.assert_allclose
    close(linalg.dot(U, V), np.dot(U, V), rtol=1e-13)
    close(linalg.norm(U), np.linalg.norm(U), rtol=1e-13)
    close(linalg.matvec(A, U), A @ U, rtol=1e-13)
    close(linalg.matmul(A, B), A @ B, rtol=1e-13, atol=1e-15)
    close(linalg.outer(U, A[:, 0]), np.outer(U, A[:, 0]), rtol=1e-15)
    np.testing.assert_array_equal(linalg.transpose(A), A.T)


def test_the_transpose_of_a_product_turns_the_order_around():
    left = linalg.transpose(linalg.matmul(A, B))
    right = linalg.matmul(linalg.transpose(B), linalg.transpose(A))
    np.testing.assert_allclose(left, right, rtol=1e-13)


def test_dot_is_lengths_times_cosine():
    for degrees in (0, 37, 90, 143, 180):
        turned = [2 * math.cos(math.radians(degrees)), 2 * math.sin(math.radians(degrees))]
        assert linalg.angle([3, 0], turned) == pytest.approx(math.radians(degrees), abs=1e-7)
        expected = 3 * 2 * math.cos(math.radians(degrees))
        assert linalg.dot([3, 0], turned) == pytest.approx(expected, abs=1e-12)


def test_what_a_projection_leaves_is_at_right_angles():
    rest = U - linalg.project(U, V)
    assert linalg.dot(rest, V) == pytest.approx(0, abs=1e-12)
    assert linalg.norm(rest) < linalg.norm(U)


def test_the_loop_and_the_batch_are_the_same_numbers():
    x, weight, bias = RNG.normal(size=(11, 5)), A, RNG.normal(size=3)
    loops = linalg.dense_loops(x, weight, bias)
    np.testing.assert_allclose(loops, linalg.dense_batched(x, weight, bias), rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: linalg.dot([1, 2], [1, 2, 3]), "must be equally long, and are 2 and 3"),
        (lambda: linalg.dot(A, U), "a must be a vector (one axis), and has shape (3, 5)"),
        (lambda: linalg.transpose(U), "a must be a matrix (two axes), and has shape (5,)"),
        (lambda: linalg.matvec(A, [1, 2]), "as many entries as a has columns, 5, and has 2"),
        (lambda: linalg.matmul(A, C), "as many columns as b has rows: a is (3, 5), b is (3, 7)"),
        (lambda: linalg.angle([0, 0], [1, 1]), "must not be 0"),
        (lambda: linalg.project([1, 1], [0, 0]), "b must not be 0"),
        (lambda: linalg.dense_loops(B, A, U), "expects x (examples, inputs), weight (neurons, inputs)"),
    ],
)  # fmt: skip
def test_bad_input_is_told_in_a_sentence(call, text):
    with pytest.raises(ValueError) as caught:
        call()
    assert text in str(caught.value)
