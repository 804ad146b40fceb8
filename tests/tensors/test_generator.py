"""Random numbers: every draw moves the state on by what it took (initial weights: tests/nn/test_initial_weights.py)."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.base.errors import FormatError

DRAWS = {
    "rand": lambda g: cr.rand(7, generator=g),
    "randn": lambda g: cr.randn(3, 5, generator=g),
    "randint": lambda g: cr.randint(0, 100, (7,), generator=g),
    "randperm": lambda g: cr.randperm(11, generator=g),
    "normal": lambda g: cr.normal(cr.zeros(3), cr.ones(3), generator=g),
    "bernoulli": lambda g: cr.bernoulli(cr.full((11,), 0.5), generator=g),
    "multinomial": lambda g: cr.multinomial(cr.ones(11), 7, generator=g),
    "uniform_": lambda g: cr.zeros(5).uniform_(generator=g),
    "random_": lambda g: cr.zeros(5).random_(0, 1000, generator=g),
}


@pytest.mark.parametrize("name", DRAWS)
def test_the_state_comes_back(name):
    draw = DRAWS[name]
    g = cr.Generator().manual_seed(7)
    first = draw(g)
    state = g.get_state()
    second, third = draw(g), draw(g)
    g.set_state(state)
    np.testing.assert_array_equal(draw(g).numpy(), second.numpy())
    np.testing.assert_array_equal(draw(g).numpy(), third.numpy())
    g.manual_seed(7)
    np.testing.assert_array_equal(draw(g).numpy(), first.numpy())
    assert not np.array_equal(first.numpy(), second.numpy())
    assert state.dtype is cr.int64 and tuple(state.shape) == (5,)


@pytest.mark.parametrize("name", DRAWS)
def test_the_default_generator_is_used_unless_one_is_named(name):
    cr.manual_seed(11)
    before = cr.get_rng_state()
    DRAWS[name](cr.Generator())
    assert cr.equal(cr.get_rng_state(), before)
    DRAWS[name](None)
    assert not cr.equal(cr.get_rng_state(), before)
    cr.set_rng_state(before)
    assert cr.initial_seed() == 11


def test_one_draw_of_many_is_many_draws_of_one():
    """The numbers depend on the place in the stream alone, so batching and workers cannot change them."""
    g = cr.Generator().manual_seed(3)
    whole = cr.rand(10, generator=g)
    g.manual_seed(3)
    np.testing.assert_array_equal(
        np.concatenate([cr.rand(3, generator=g).numpy(), cr.rand(7, generator=g).numpy()]),
        whole.numpy(),
    )


def test_a_state_that_is_none_is_refused():
    g = cr.Generator()
    for bad in ([1.0, 2.0], [1], [-1, 0], np.zeros((2, 1), np.int64)):
        with pytest.raises(FormatError, match="a generator state is five int64 numbers"):
            g.set_state(np.array(bad))


def test_seeds():
    g = cr.Generator()
    assert g.seed() == g.initial_seed() and cr.Generator().seed() != cr.Generator().seed()
    a, b = (
        cr.rand(5, generator=cr.Generator().manual_seed(1)),
        cr.rand(5, generator=cr.Generator().manual_seed(2)),
    )
    assert not cr.equal(a, b)
    assert cr.equal(
        cr.rand(5, generator=cr.Generator()), cr.rand(5, generator=cr.Generator())
    )  # unseeded: a constant


def test_distributions():
    g = cr.Generator().manual_seed(5)
    u = cr.rand(100003, generator=g, dtype=cr.float64).numpy()
    assert (
        0 <= u.min() and u.max() < 1 and abs(u.mean() - 0.5) < 5e-3 and abs(u.var() - 1 / 12) < 2e-3
    )
    n = cr.randn(100003, generator=g, dtype=cr.float64).numpy()
    assert abs(n.mean()) < 0.02 and abs(n.std() - 1) < 0.02 and abs((n**4).mean() - 3) < 0.15
    assert abs(np.corrcoef(n[:-1], n[1:])[0, 1]) < 0.02
    k = cr.randint(-3, 4, (70001,), generator=g).numpy()
    assert set(k) == set(range(-3, 4)) and np.bincount(k + 3).min() > 9500
    assert sorted(cr.randperm(101, generator=g).tolist()) == list(range(101))
    p = cr.multinomial(cr.tensor([1.0, 0.0, 3.0]), 20011, replacement=True, generator=g).numpy()
    assert abs((p == 2).mean() - 0.75) < 0.02 and not (p == 1).any()
    assert sorted(cr.multinomial(cr.ones(5), 5, generator=g).tolist()) == [0, 1, 2, 3, 4]


def test_shapes_and_dtypes_of_likes():
    x = cr.zeros(2, 3, dtype=cr.float64)
    for y in (
        cr.rand_like(x),
        cr.randn_like(x),
        cr.randint_like(x, 5),
        cr.empty_like(x),
        cr.zeros_like(x),
        cr.ones_like(x),
        cr.full_like(x, 2),
    ):
        assert tuple(y.shape) == (2, 3) and y.dtype is cr.float64
    assert (
        cr.rand(()).shape == ()
        and cr.rand(0).shape == (0,)
        and cr.randn(2, requires_grad=True).requires_grad
    )
