"""The first NaN: forward, backward, in which module, and what is no fault."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import inspect, nn
from chainrule.inspect import NonFiniteError, first_nonfinite
from chainrule.nn import functional as F


class Log(nn.Module):
    def forward(self, x):
        return cr.log(x)


def failing(run, model=None):
    with pytest.raises(NonFiniteError) as e, first_nonfinite(model):
        run()
    return str(e.value)


def test_the_op_its_line_its_module_its_inputs_and_what_led_there():
    model = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU(), Log()))
    with cr.no_grad():
        model[0].weight.fill_(1.0)
        model[0].bias.copy_(cr.tensor([1.0, 0.0, -9.0]))
    text = failing(lambda: model(cr.ones(2, 2)), model)
    assert text.startswith("log(x) made 2 infinities among 6 elements of finite numbers")
    assert "test_nonfinite.py" in text and "return cr.log(x)" in text
    assert "module  1.1" in text and "from 0 to 3" in text and "33% zero" in text
    assert "first   at [0, 2], of x = 0" in text
    relu, linear = text.index("relu in 1.0, 0 to 3"), text.index("linear in 0, -7 to 3")
    assert relu < linear


def test_nan_of_finite_numbers():
    text = failing(lambda: cr.sqrt(cr.tensor([[4.0, -1.0]])))
    assert text.startswith("sqrt(x) made 1 NaN among 2 elements")
    x = cr.tensor([3e38, 1.0])
    assert failing(lambda: x * x).startswith("mul(a, b) made 1 infinity among 2")
    half = cr.tensor([60000.0], dtype=cr.float16)
    assert "made 1 infinity" in failing(lambda: half + half)
    wide = cr.tensor([3e38], dtype=cr.bfloat16)
    assert "made 1 infinity" in failing(lambda: wide * 2)


def test_backward_names_the_op_of_the_forward_pass():
    class Root(nn.Module):
        def forward(self, x):
            return cr.sqrt(x)

    model = nn.Sequential(nn.ReLU(), Root())
    x = cr.tensor([4.0, -1.0], requires_grad=True)
    text = failing(lambda: model(x).sum().backward(), model)
    assert text.startswith(
        "the backward pass of sqrt(x) made 1 infinity among 2 elements of the gradient by x"
    )
    assert "return cr.sqrt(x)" in text and "module  1\n" in text and "first   at [1]" in text
    assert x.grad is None


def test_a_part_and_a_custom_function_in_the_backward_pass():
    class Broken(cr.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g * np.inf

    x = cr.ones(3, requires_grad=True)
    assert "Broken" in failing(lambda: Broken.apply(x).sum().backward())

    def sliced():
        y = cr.sqrt(x * 0)
        y[0].backward()

    assert failing(sliced).startswith("the backward pass of sqrt(x)")


def test_a_sum_of_gradients_that_is_too_large():
    x = cr.full((1,), 1e-30, requires_grad=True)

    def run():
        y = x * 1
        (y * 3e38 + y * 2e38).sum().backward()

    text = failing(run)
    assert text.startswith("the sum of the gradients that arrive at mul has 1 infinity")
    assert "y = x * 1" in text


def test_infinities_that_are_given_are_no_fault():
    mask = cr.tensor([[0.0, -np.inf], [0.0, 0.0]])
    x = cr.randn(2, 2, requires_grad=True)
    with first_nonfinite():
        F.softmax(x + mask, dim=-1).sum().backward()
        F.softmax(x.masked_fill(mask < 0, -np.inf), dim=-1).sum().backward()
        F.pad(x, (1, 1), value=-np.inf).amax().backward()
    assert np.isfinite(x.grad.numpy()).all()


def test_a_nan_in_the_data_and_a_parameter_that_is_lost():
    model = nn.Linear(2, 3)
    assert "there is a NaN in the data: 1 NaN among 2 elements in x of linear" in failing(
        lambda: model(cr.tensor([[np.nan, 1.0]])), model
    )
    with cr.no_grad():
        model.weight[1, 0] = np.inf
    text = failing(lambda: model(cr.ones(1, 2)), model)
    assert text.startswith(
        "a parameter is not finite: 1 infinity among 6 elements in weight of linear"
    )
    assert "the optimizer's step" in text


def test_a_compiled_step_is_looked_into():
    w = nn.Parameter(cr.zeros(2))
    optimizer = cr.optim.SGD([w], lr=0.1)

    @cr.compile
    def step(x):
        optimizer.zero_grad()
        loss = (x / w).sum()
        loss.backward()
        optimizer.step()

    text = failing(lambda: step(cr.ones(2)))
    assert text.startswith("div(a, b) made 2 infinities") and "loss = (x / w).sum()" in text


def test_healthy_training_is_left_alone_and_nothing_stays_behind():
    model = nn.Sequential(
        nn.Linear(3, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.3), nn.Linear(5, 2)
    )
    optimizer = cr.optim.AdamW(model.parameters())
    with first_nonfinite(model) as watch:
        for _ in range(3):
            optimizer.zero_grad()
            F.cross_entropy(model(cr.randn(7, 3)), cr.zeros(7, dtype=cr.int64)).backward()
            optimizer.step()
    assert len(watch._made) == 0  # nothing is kept of what is gone
    with np.errstate(all="ignore"):
        assert cr.log(cr.zeros(1)).item() == -np.inf
    assert inspect.first_nonfinite is first_nonfinite
