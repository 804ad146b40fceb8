"""Random numbers in a program: the generator's stream is the one that eager calls draw from, and it moves on alike."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.graph import trace
from chainrule.nn import functional as F
from chainrule.utils.checkpoint import checkpoint


def dropouts(x):
    return F.dropout(x, 0.3) * F.dropout(x, 0.6)


def everything(x):
    return (
        x * cr.rand(5)
        + cr.randn(5)
        + cr.randint(0, 100, (5,))
        + cr.randperm(5)
        + cr.bernoulli(cr.full((5,), 0.5))
        + cr.zeros(5).uniform_()
        + cr.randn_like(x)
    )


def remat(x):
    w = x.detach().requires_grad_()
    y = checkpoint(lambda v: F.dropout(v * v, 0.5).exp(), w)
    (g,) = cr.grad(y.sum(), w)
    return g + cr.rand(5)


@pytest.mark.parametrize("f", [dropouts, everything, remat])
def test_the_same_stream_call_after_call(f):
    x = cr.arange(5.0) + 1
    cr.manual_seed(7)
    eager = [f(x).numpy() for _ in range(3)]
    after = cr.get_rng_state().tolist()
    traced = trace(f)
    cr.manual_seed(7)
    for expected in eager:
        np.testing.assert_array_equal(traced(x).numpy(), expected)
    assert cr.get_rng_state().tolist() == after and len(traced.programs) == 1


def test_eager_and_traced_calls_take_turns():
    x = cr.ones(5)
    cr.manual_seed(7)
    expected = [dropouts(x).tolist() for _ in range(4)]
    traced = trace(dropouts)
    cr.manual_seed(7)
    assert [f(x).tolist() for f in (traced, dropouts, dropouts, traced)] == expected


def test_a_state_set_between_calls_is_used():
    traced = trace(lambda: cr.rand(3))
    state = cr.get_rng_state()
    first = traced().tolist()
    assert traced().tolist() != first
    cr.set_rng_state(state)
    assert traced().tolist() == first
    cr.manual_seed(3)
    a = traced().tolist()
    cr.manual_seed(3)
    assert cr.rand(3).tolist() == a


def test_generators_are_apart():
    g = cr.Generator().manual_seed(1)
    f = lambda: (cr.rand(2, generator=g), cr.rand(2))  # noqa: E731
    cr.manual_seed(2)
    expected = [[t.tolist() for t in f()] for _ in range(2)]
    g.manual_seed(1)
    cr.manual_seed(2)
    traced = trace(f)
    assert [[t.tolist() for t in traced()] for _ in range(2)] == expected


def test_no_numbers_are_frozen_into_the_program():
    traced = trace(lambda: cr.randn(5))
    assert len({tuple(traced().tolist()) for _ in range(5)}) == 5


def test_tracing_alone_draws_nothing():
    cr.manual_seed(9)
    trace(lambda: cr.rand(3)).capture()
    assert cr.get_rng_state().tolist()[:2] == [9, 0]
