"""checkpoint: the same bits for less memory."""

import weakref

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.base.errors import GradError
from chainrule.nn import functional as F
from chainrule.tape.nodes import reachable
from chainrule.utils.checkpoint import checkpoint

X = np.random.default_rng(0).standard_normal((7, 5)).astype(np.float32)


def blocks():
    cr.manual_seed(3)
    return [
        nn.Sequential(
            nn.Linear(5, 11), nn.GELU(), nn.Dropout(0.3), nn.Linear(11, 5), nn.LayerNorm(5)
        )
        for _ in range(3)
    ]


def trained(saving):
    net = blocks()
    x = cr.tensor(X, requires_grad=True)
    h = x
    for block in net:
        h = h + (checkpoint(block, h, use_reentrant=False) if saving else block(h))
    after = cr.rand(3)
    (h * h).sum().backward()
    return [h, x.grad, after, cr.rand(3), *[p.grad for block in net for p in block.parameters()]]


def test_the_same_bits_with_dropout_and_closed_over_parameters():
    """The second run draws the numbers of the first, and the draws after it are not disturbed."""
    for a, b in zip(trained(False), trained(True), strict=True):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


def test_without_preserved_random_state_the_second_run_draws_anew():
    cr.manual_seed(5)
    x = cr.ones(1009, requires_grad=True)
    y = checkpoint(lambda v: F.dropout(v, 0.5) * v, x, preserve_rng_state=False)
    before = cr.get_rng_state()
    y.sum().backward()
    assert not cr.equal(cr.get_rng_state(), before)


def test_values_inside_die_at_once_and_are_made_again():
    kept = []

    def f(v):
        h = v.exp()
        kept.append(weakref.ref(h._storage))
        return h.sin() * h

    x = cr.tensor(X, requires_grad=True)
    y = checkpoint(f, x)
    assert kept[0]() is None
    y.sum().backward()
    assert len(kept) == 2 and kept[1]() is None
    z = cr.tensor(X, requires_grad=True)
    f(z).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), z.grad.numpy())


def test_nodes_keep_nothing_until_they_are_asked():
    x = cr.tensor(X, requires_grad=True)
    y = checkpoint(lambda v: (v * v).exp().sin(), x)
    for node in reachable([y.edge]):
        assert not isinstance(node.saved, list)


def test_the_function_runs_twice_and_no_more():
    runs = []

    def f(v):
        runs.append(1)
        return (v * v).exp()

    x = cr.tensor(X, requires_grad=True)
    checkpoint(f, x).sum().backward()
    assert len(runs) == 2


def test_second_derivatives():
    def second(saving):
        x = cr.tensor(X, requires_grad=True)
        w = cr.ones(5, requires_grad=True)
        f = lambda v: (v * w).exp().sum()  # noqa: E731
        (g,) = cr.grad(checkpoint(f, x) if saving else f(x), x, create_graph=True)
        (g * g).sum().backward()
        return x.grad.numpy(), w.grad.numpy()

    for a, b in zip(second(True), second(False), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_retained_graphs_and_chosen_inputs():
    x, w = cr.tensor(X, requires_grad=True), cr.ones(5, requires_grad=True)
    y = checkpoint(lambda v: (v * w).sin(), x).sum()
    (gw,) = cr.grad(y, w, retain_graph=True)
    (gx,) = cr.grad(y, x)
    np.testing.assert_allclose(gw.numpy(), (X * np.cos(X)).sum(0), rtol=1e-5)
    np.testing.assert_allclose(gx.numpy(), np.cos(X), rtol=1e-6)
    y = checkpoint(lambda v: (v * w).sin(), x).sum()
    y.backward(retain_graph=True)
    first = w.grad.clone()
    y.backward()
    np.testing.assert_array_equal(w.grad.numpy(), 2 * first.numpy())
    with pytest.raises(GradError, match="freed"):
        y.backward()


def test_nested():
    x = cr.tensor(X, requires_grad=True)
    inner = lambda v: checkpoint(lambda u: (u * u).exp(), v).sin()  # noqa: E731
    checkpoint(inner, x).sum().backward()
    z = cr.tensor(X, requires_grad=True)
    (z * z).exp().sin().sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), z.grad.numpy())


def test_several_arguments_results_and_keywords():
    a, b = cr.tensor(X, requires_grad=True), cr.tensor(X * 2, requires_grad=True)
    p, q = checkpoint(lambda a, k, b, *, c: (a * b * k * c, a + b), a, 3, b, c=2.0)
    (p + q).sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), X * 2 * 6 + 1, rtol=1e-6)
    np.testing.assert_allclose(b.grad.numpy(), X * 6 + 1, rtol=1e-6)


def test_inputs_without_a_gradient():
    w = cr.ones(5, requires_grad=True)
    checkpoint(lambda v: (v * w).exp(), cr.tensor(X)).sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), (X * np.exp(X)).sum(0), rtol=1e-5)
    with cr.no_grad():
        assert not checkpoint(lambda v: v * w, cr.tensor(X)).requires_grad


def test_an_overwritten_input_is_refused():
    x = cr.tensor(X, requires_grad=True)
    h = x * 1
    y = checkpoint(lambda v: v.exp(), h)
    h.add_(1)
    with pytest.raises(
        GradError, match="an input of a checkpointed function was overwritten in place"
    ):
        y.sum().backward()


def test_a_function_that_does_something_else_the_second_time_is_refused():
    """Values of another run in the first run's graph would be silently wrong gradients."""
    runs = []

    def f(v):
        runs.append(1)
        return v.exp() if len(runs) == 1 else v.exp().sin()

    with pytest.raises(
        GradError, match="must do the same when it runs again: 1 recorded ops before, 2 now"
    ):
        checkpoint(f, cr.tensor(X, requires_grad=True)).sum().backward()


def test_a_function_that_records_other_ops_of_equal_number_is_refused():
    runs = []

    def f(v):
        runs.append(1)
        return v.exp() if len(runs) == 1 else v.sin()

    with pytest.raises(GradError, match="must do the same when it runs again"):
        checkpoint(f, cr.tensor(X, requires_grad=True)).sum().backward()
