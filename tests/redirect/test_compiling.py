"""`torch.compile` in a script: what a program cannot contain runs eagerly."""

import copy
import warnings

import pytest

import chainrule as cr
from chainrule import nn
from chainrule.redirect.compiling import compile, compile_module


class Odd(nn.Module):
    """A branch on a value, which no program has."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(3, 5)

    def forward(self, x):
        return self.inner(x) if x.sum() > 0 else self.inner(-x)


def test_a_module_that_cannot_be_compiled_runs_eagerly_and_says_so_once():
    odd = Odd()
    twin = compile(odd, backend="eager")
    x = cr.randn(2, 3)
    with pytest.warns(UserWarning, match="^Odd runs eagerly: a branch .*needs the value"):
        y = twin(x)
    y.sum().backward()
    assert cr.equal(y, odd(x)) and odd.inner.weight.grad is not None
    with warnings.catch_warnings(action="error"):
        assert cr.equal(twin(-x), odd(-x)) and cr.equal(copy.deepcopy(twin)(x), y)
    assert not twin.programs


def test_what_can_be_compiled_is_and_wrong_calls_are_wrong():
    layer = nn.Linear(3, 5)
    with warnings.catch_warnings(action="error"):
        twin = compile(layer, backend="eager")
        twice = compile(backend="eager", mode="max-autotune")(lambda x: x * 2)
        x = cr.randn(2, 3)
        assert cr.allclose(twin(x), layer(x)) and cr.equal(twice(x), x * 2)
        with pytest.raises(cr.ShapeError, match="linear"):
            twin(cr.randn(2, 7))
        compile_module(layer, backend="eager")
        again = copy.deepcopy(twin)
        assert cr.allclose(again(x), twin(x))
    assert len(twin.programs) == len(twice.programs) == len(again.programs) == 1
    assert type(vars(layer)["forward"]) is type(twice)


def test_the_full_graph_is_a_demand():
    strict = compile(Odd(), backend="eager", fullgraph=True)
    with pytest.raises(cr.TraceError, match="a branch"):
        strict(cr.ones(2, 3))
