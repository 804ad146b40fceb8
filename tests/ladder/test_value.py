"""The scalar engine: every slope against a finite difference and against Tensor, the classic classification, the picture."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import chainrule as cr
from chainrule.ladder.value import MLP, Layer, Neuron, Value, draw, squared_error, train

INPUTS = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
TARGETS = [1.0, -1.0, -1.0, 1.0]

EXPRESSIONS = {
    "sum": lambda a, b: a + b,
    "sum with a number": lambda a, b: 2 + a + 3 * b,
    "difference": lambda a, b: a - b,
    "number minus": lambda a, b: 2 - a - b,
    "product": lambda a, b: a * b,
    "a value used twice": lambda a, b: a * a * b + a,
    "quotient": lambda a, b: a / b,
    "number divided": lambda a, b: 3 / a + b / 2,
    "power": lambda a, b: a**3 + b**-2 + a**0.5 + b**0,
    "power of values": lambda a, b: a**b,
    "number to a power": lambda a, b: 2**a * b,
    "negation": lambda a, b: -a * b,
    "exp": lambda a, b: (a * b).exp(),
    "log": lambda a, b: (a + b).log(),
    "tanh": lambda a, b: (a - b).tanh(),
    "relu above": lambda a, b: (a * b).relu(),
    "relu below": lambda a, b: (-a * b).relu() + a,
    "sigmoid above": lambda a, b: (a * b).sigmoid(),
    "sigmoid below": lambda a, b: (-a * b).sigmoid(),
    "a diamond": lambda a, b: (a * b).tanh() * (a * b).exp() + (a * b),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_every_slope_is_the_finite_difference_and_the_framework_s(name):
    f = EXPRESSIONS[name]
    a, b = Value(0.7), Value(1.3)
    y = f(a, b)
    y.backward()
    h = 1e-6
    by_a = (f(Value(0.7 + h), b).data - f(Value(0.7 - h), b).data) / (2 * h)
    by_b = (f(a, Value(1.3 + h)).data - f(a, Value(1.3 - h)).data) / (2 * h)
    assert (a.grad, b.grad) == (pytest.approx(by_a, abs=1e-8), pytest.approx(by_b, abs=1e-8))
    ta, tb = (cr.tensor(v, dtype=cr.float64, requires_grad=True) for v in (0.7, 1.3))
    ty = f(ta, tb)
    ty.backward()
    assert y.data == pytest.approx(ty.item(), rel=1e-12)
    assert a.grad == pytest.approx(ta.grad.item(), rel=1e-12)
    assert b.grad == pytest.approx(tb.grad.item(), rel=1e-12)


def test_the_order_puts_every_value_behind_its_operands():
    a = Value(2.0)
    b = a * 3
    c = b + a
    order = (c * b).order()
    place = {id(v): k for k, v in enumerate(order)}
    assert len(place) == len(order)
    assert all(place[id(p)] < place[id(v)] for v in order for p, _ in v.parents)


def test_a_chain_far_longer_than_python_s_stack():
    x = Value(1.0)
    y = x
    for _ in range(20_000):
        y = y + x
    y.backward()
    assert x.grad == 20_001


def test_a_graph_with_exponentially_many_paths_is_walked_once():
    """Guards against a backward pass that visits a shared value once for each path: 2⁶⁰ of them here."""
    x = Value(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad == 2.0**60


def test_gradients_of_leaves_add_up_and_what_lies_between_starts_anew():
    a = Value(3.0)
    b = a * a
    c = b * 2
    c.backward()
    c.backward()
    assert a.grad == 2 * 12.0 and b.grad == 2.0


def test_the_classic_classification():
    model = MLP([3, 4, 4, 1])
    seen = []
    losses = train(model, INPUTS, TARGETS, report=lambda epoch, loss: seen.append((epoch, loss)))
    assert 3 < losses[0] < 8 and losses[-1] < 0.01 and len(losses) == 200
    assert seen == list(enumerate(losses))
    assert [round(model(x)[0].data) for x in INPUTS] == TARGETS


def test_analytic_and_numerical_gradient_agree_to_six_decimals():
    model = MLP([3, 4, 4, 1], seed=1)
    loss = squared_error(model, INPUTS, TARGETS)
    loss.backward()
    h = 1e-5
    for p in model.parameters():
        kept = p.data
        p.data = kept + h
        above = squared_error(model, INPUTS, TARGETS).data
        p.data = kept - h
        below = squared_error(model, INPUTS, TARGETS).data
        p.data = kept
        assert abs(p.grad - (above - below) / (2 * h)) < 5e-7


def test_the_mlp_is_the_framework_s():
    model = MLP([3, 5, 2], seed=3, linear=True)
    twin = cr.nn.Sequential(cr.nn.Linear(3, 5), cr.nn.Tanh(), cr.nn.Linear(5, 2)).double()
    with cr.no_grad():
        for layer, linear in zip(model.layers, (twin[0], twin[2]), strict=True):
            linear.weight.copy_(cr.tensor([[w.data for w in n.w] for n in layer.neurons]))
            linear.bias.copy_(cr.tensor([n.b.data for n in layer.neurons]))
    outputs = model(INPUTS[0])
    expected = twin(cr.tensor(INPUTS[0], dtype=cr.float64))
    np.testing.assert_allclose([o.data for o in outputs], expected.detach().numpy(), rtol=1e-6)


def test_a_zero_grad_forgets():
    model = MLP([3, 2, 1])
    squared_error(model, INPUTS, TARGETS).backward()
    assert any(p.grad for p in model.parameters())
    model.zero_grad()
    assert not any(p.grad for p in model.parameters())


def test_the_picture_shows_data_and_gradient_of_every_value():
    x = Value(0.5, label="x<1 & x>0")
    y = (x * 2 + 1).tanh()
    y.backward()
    picture = draw(y)
    root = ElementTree.fromstring(picture)
    texts = [t.text for t in root.iter("{http://www.w3.org/2000/svg}text")]
    assert any(t.startswith("x<1 & x>0") and "data 0.5000" in t for t in texts)
    assert f"grad {x.grad:.4f}" in texts and "grad 1.0000" in texts
    assert {"×", "+", "tanh"} <= set(texts)
    nodes = [r for r in root.iter("{http://www.w3.org/2000/svg}rect") if r.get("rx")]
    boxes = [(float(r.get("x")), float(r.get("y"))) for r in nodes]
    assert len(boxes) == len(set(boxes)) == len(y.order())
    width, height = float(root.get("width")), float(root.get("height"))
    assert all(0 <= a <= width - 170 and 0 <= b <= height - 44 for a, b in boxes)


def test_what_is_not_a_number_is_refused():
    for bad in ("1", True, None, [1.0], np.ones(2)):
        with pytest.raises(TypeError, match="a Value holds one real number, and .* is not one"):
            Value(bad)
    assert Value(np.float32(0.5)).data == 0.5 and repr(Value(1)) == "Value(1.0000, grad=0.0000)"


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: Value(1.0) / 0, ZeroDivisionError, "the divisor of a Value must not be 0"),
        (lambda: Value(-1.0) ** Value(2.0), ValueError, "the base must be positive"),
        (lambda: Value(0.0) ** -1, ValueError, "at base 0 the exponent must be 0 or at least 1"),
        (lambda: Value(-2.0) ** 0.5, ValueError, "negative base must be a whole number"),
        (lambda: Value(710.0).exp(), OverflowError, "must be at most 709"),
        (lambda: Value(0.0).log(), ValueError, "the argument must be positive"),
        (lambda: MLP([3]), ValueError, "at least two whole numbers"),
        (lambda: MLP([3, 0, 1]), ValueError, "at least two whole numbers"),
        (lambda: MLP([3, 1])([1.0, 2.0]), ValueError, "expects 3 inputs, and got 2"),
        (lambda: squared_error(MLP([3, 1]), INPUTS, [1.0]), ValueError, "4 inputs need as many targets"),
        (lambda: squared_error(MLP([3, 2]), INPUTS, TARGETS), ValueError, "must have one output, and has 2"),
    ],
)  # fmt: skip
def test_bad_input_is_told_in_a_sentence(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_a_sigmoid_of_any_size_is_finite():
    for x in (-1000.0, 1000.0):
        y = Value(x).sigmoid()
        y.backward()
        assert y.data in (0.0, 1.0) and math.isfinite(y.parents[0][0].grad)


def test_layers_and_neurons_list_their_parameters():
    rng = np.random.default_rng(0)
    assert len(Neuron(3, rng).parameters()) == 4 and len(Layer(3, 5, rng).parameters()) == 20
