"""One network, one gradient, six ways (docs/six_ways.md): finite differences, by hand, Value, layers, Tensor, a traced program."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.graph import trace
from chainrule.ladder.descent import numerical_gradient
from chainrule.ladder.layers import MSE, Dense, Sequential, Tanh
from chainrule.ladder.value import Value, draw

PAGE = Path(__file__).parents[2] / "docs" / "six_ways.md"
TEXT = PAGE.read_text(encoding="utf-8")
PARAMETERS = [
    np.array([[0.5, -0.3], [0.1, 0.4]]),
    np.array([0.1, -0.2]),
    np.array([[0.7, -0.6]]),
    np.array([0.2]),
]
X, T = np.array([[1.0, -1.0]]), np.array([[0.5]])


def by_finite_differences():
    def loss(k, p):
        W, b, v, c = (p if i == k else q for i, q in enumerate(PARAMETERS))
        return ((np.tanh(X @ W.T + b) @ v.T + c - T) ** 2).mean()

    return [numerical_gradient(lambda p, k=k: loss(k, p), PARAMETERS[k]) for k in range(4)]


def by_hand():
    """The numbers of the page's table of the way back, as they are printed there."""
    rows = dict(re.findall(r"^\| (∂L/∂[^|]+?) \| [^|]+ \| ([^|]+) \|$", TEXT, re.M))
    numbers = {
        name: [float(n.replace("−", "-")) for n in value.split(", ")]
        for name, value in rows.items()
    }
    weight = [numbers["∂L/∂W, first row"], numbers["∂L/∂W, second row"]]
    found = (weight, numbers["∂L/∂b"], [numbers["∂L/∂v"]], numbers["∂L/∂c"])
    return [np.array(v) for v in found]


def of_values():
    """The parameters and the loss, after backward, with the names of the page."""
    W, b, v, c = (np.vectorize(Value, otypes=[object])(p) for p in PARAMETERS)
    x = [Value(a, label=name) for a, name in zip(X[0], ("x₁", "x₂"), strict=True)]
    h = [(W[k, 0] * x[0] + W[k, 1] * x[1] + b[k]).tanh() for k in range(2)]
    y = v[0, 0] * h[0] + v[0, 1] * h[1] + c[0]
    loss = (y - Value(T[0, 0], label="t")) ** 2
    names = {
        "W₁₁": W[0, 0],
        "W₁₂": W[0, 1],
        "W₂₁": W[1, 0],
        "W₂₂": W[1, 1],
        "b₁": b[0],
        "b₂": b[1],
        "v₁": v[0, 0],
        "v₂": v[0, 1],
    }
    for name, p in (names | {"c": c[0], "h₁": h[0], "h₂": h[1], "y": y, "L": loss}).items():
        p.label = name
    loss.backward()
    return (W, b, v, c), loss


def by_values():
    return [np.vectorize(lambda p: p.grad)(p) for p in of_values()[0]]


def by_layers():
    model, loss = Sequential([Dense(2, 2), Tanh(), Dense(2, 1)]), MSE()
    first, _, last = model.layers
    first.parameters.update(weight=PARAMETERS[0], bias=PARAMETERS[1])
    last.parameters.update(weight=PARAMETERS[2], bias=PARAMETERS[3])
    loss.forward(model.forward(X), T)
    model.backward(loss.backward())
    return [*first.gradients.values(), *last.gradients.values()]


INPUTS, TARGET = cr.tensor(X), cr.tensor(T)


def network(W, b, v, c):
    return ((cr.tanh(INPUTS @ W.T + b) @ v.T + c - TARGET) ** 2).mean()


def by_tensors():
    tensors = [cr.tensor(p, requires_grad=True) for p in PARAMETERS]
    network(*tensors).backward()
    return [p.grad.numpy() for p in tensors]


def by_a_program():
    gradient = trace(lambda *parameters: cr.autograd.grad(network(*parameters), parameters))
    tensors = [cr.tensor(p, requires_grad=True) for p in PARAMETERS]
    gradients = gradient(*tensors)
    assert len(gradient.programs) == 1
    return [g.detach().numpy() for g in gradients]


WAYS = {
    "finite differences": (by_finite_differences, 1e-9),
    "by hand": (by_hand, 5e-7),  # six decimals are printed
    "Value": (by_values, 1e-14),
    "layers": (by_layers, 1e-14),
    "a program": (by_a_program, 1e-14),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_leads_to_the_same_gradient(way):
    find, tolerance = WAYS[way]
    for found, expected in zip(find(), by_tensors(), strict=True):
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def test_torch_goes_there_too(torch):
    tensors = [torch.tensor(p, requires_grad=True) for p in PARAMETERS]
    W, b, v, c = tensors
    y = torch.tanh(torch.tensor(X) @ W.T + b) @ v.T + c
    ((y - torch.tensor(T)) ** 2).mean().backward()
    for found, expected in zip(by_tensors(), tensors, strict=True):
        np.testing.assert_allclose(found, expected.grad.numpy(), rtol=1e-14)


def test_machine_code_goes_there_too():
    compiled = cr.compile(lambda *p: cr.autograd.grad(network(*p), p))
    tensors = [cr.tensor(p, requires_grad=True) for p in PARAMETERS]
    for found, expected in zip(compiled(*tensors), by_tensors(), strict=True):
        np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-13)


def test_the_page_s_way_there_is_right_too():
    z = X @ PARAMETERS[0].T + PARAMETERS[1]
    h = np.tanh(z)
    y = h @ PARAMETERS[2].T + PARAMETERS[3]
    rows = {"z = W x + b": z, "h = tanh z": h, "y = v·h + c": y, "L = (y − t)²": (y - T) ** 2}
    for name, value in rows.items():
        numbers = ", ".join(f"{n:.6f}".replace("-", "−") for n in value.ravel())
        assert f"| {name} | {numbers} |" in TEXT


def test_the_page_s_picture_is_the_graph():
    """To draw it anew: draw(of_values()[1]), written into the file."""
    assert "(pictures/value.svg)" in TEXT
    picture = (PAGE.parent / "pictures" / "value.svg").read_text(encoding="utf-8")
    assert picture == draw(of_values()[1])


def test_the_page_s_examples_run():
    text = "\n".join(line for line in TEXT.splitlines() if not line.startswith("```"))
    test = doctest.DocTestParser().get_doctest(text, {}, PAGE.name, str(PAGE), 0)
    report = []
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    doctest.DocTestRunner(optionflags=flags).run(test, out=report.append)
    assert not report, "".join(report)
