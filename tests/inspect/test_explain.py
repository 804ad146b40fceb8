"""One entry of a gradient worked by hand: every sum is the entry, and a difference finds a wrong rule."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.inspect import explain
from chainrule.nn import functional as F


def problem(dtype=None):
    cr.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)).to(dtype or cr.float64)
    x, y = cr.randn(7, 3, dtype=dtype or cr.float64), cr.tensor([0, 1, 1, 0, 1, 0, 0])
    return model, lambda: F.cross_entropy(model(x), y)


def test_every_sum_is_the_entry_of_the_gradient():
    model, loss = problem()
    loss().backward()
    for name, index in (("0.weight", (2, 1)), ("0.bias", (-1,)), ("2.weight", [1, 4])):
        p = model.get_parameter(name)
        found = explain(loss, p, index)
        expected = float(p.grad[tuple(index)])
        assert found.gradient == pytest.approx(expected, rel=1e-12)
        assert found.difference == pytest.approx(expected, rel=1e-7) and found.agrees
        for step in found.steps:
            assert step.total == pytest.approx(expected, rel=1e-10), step.op
            assert sum(q.value for q in step.products) == pytest.approx(expected, rel=1e-10)
        assert found.index == tuple(k % n for k, n in zip(index, p.shape, strict=True))
    ops = [s.op for s in explain(loss, model[0].weight, (2, 1)).steps]
    assert ops == ["linear", "tanh", "linear", "cross_entropy"]


def test_the_factors_are_those_of_the_formula():
    """y = x Wᵀ + b: dy[n, i] / dW[i, j] = x[n, j], and nothing else moves."""
    x, w = cr.tensor([[2.0, 3.0], [5.0, 7.0]]), cr.tensor([[1.0, 1.0]], requires_grad=True)
    [linear, square, _] = explain(lambda: (F.linear(x, w) ** 2).sum(), w, (0, 1)).steps
    assert {q.index: (q.loss_by_y, q.y_by_p) for q in linear.products} == {
        (0, 0): (10.0, 3.0),
        (1, 0): (24.0, 7.0),
    }
    assert {q.index: q.y_by_p for q in square.products} == {(0, 0): 30.0, (1, 0): 168.0}


def test_of_two_ways_each_step_tells_its_share():
    w = cr.tensor([3.0], requires_grad=True)
    found = explain(lambda: (w.exp() + w * 2).sum(), w, 0)
    totals = {s.op: s.total for s in found.steps}
    assert totals["exp"] == pytest.approx(np.exp(3.0), rel=1e-6) and totals["mul"] == 2.0
    assert totals["add"] == totals["sum"] == pytest.approx(found.gradient)
    assert str(found).count("the share of the ways that pass here") == 2


def test_a_wrong_rule_is_found_out():
    class Wrong(cr.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]  # half of what it should be

    w = cr.tensor([3.0, 1.0], dtype=cr.float64, requires_grad=True)
    found = explain(lambda: Wrong.apply(w).sum(), w, 0)
    assert (found.gradient, found.difference) == (3.0, pytest.approx(6.0))
    assert not found.agrees and "NOT THE SAME" in str(found)


def test_single_precision_dropout_and_text():
    model, _ = problem(cr.float32)
    x = cr.randn(7, 3)
    before = model[0].weight.detach().numpy().copy()
    found = explain(lambda: F.dropout(model(x), 0.5).square().mean(), model[0].weight, (1, 2))
    assert found.agrees, str(found)  # each run drops the same elements
    np.testing.assert_array_equal(model[0].weight.detach().numpy(), before)
    assert model[0].weight.grad is None
    text = str(found)
    for part in (
        "p[1, 2] = ",
        "linear → y [7, 5]: 7 of 35 elements depend on p[1, 2]",
        " more)",
        "test_explain.py",
        "by the backward pass",
        ": the same",
    ):
        assert part in text, part


@pytest.mark.parametrize(
    ("loss", "index", "error", "text"),
    [
        (lambda w: w.sum(), 0, TypeError, "hint: lambda: loss_fn"),
        (lambda w: lambda: w.detach().sum() + cr.ones(1, requires_grad=True), 0, cr.GradError, "does not depend on p"),
        (lambda w: lambda: w.sum(), 5, IndexError, "outside of a parameter of shape"),
        (lambda w: lambda: w.sum(), (0, 0), IndexError, "no single entry"),
        (lambda w: lambda: w.sum(), slice(2), IndexError, "no single entry"),
    ],
)  # fmt: skip
def test_errors(loss, index, error, text):
    w = cr.ones(3, requires_grad=True)
    with pytest.raises(error, match=text):
        explain(loss(w), w, index)


def test_only_parameters_are_explained():
    w = cr.ones(3)
    with pytest.raises(cr.GradError, match="p must be a leaf that requires a gradient"):
        explain(lambda: w.sum(), w, 0)
