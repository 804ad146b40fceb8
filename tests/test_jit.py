"""`jit`: marked code runs as it is written."""

from __future__ import annotations

import typing

import pytest

import chainrule as cr
from chainrule import jit, nn


def test_marks_give_the_thing_itself():
    net = nn.Linear(3, 5)
    assert jit.script(net) is jit.freeze(net) is jit.trace(net, cr.ones(2, 3)) is net
    assert jit.trace(cr.tanh, (cr.ones(3),)) is cr.tanh
    assert jit.trace_module(net, {"forward": cr.ones(3)}) is net
    with pytest.raises(cr.ShapeError):  # the example is run
        jit.trace(net, cr.ones(7))
    with jit.optimized_execution(False):
        assert not jit.is_scripting()


def test_a_script_module_is_a_module():
    class Cell(jit.ScriptModule):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 2)

        @jit.script_method
        def forward(self, x):
            return self.linear(x)

    assert Cell()(cr.ones(3)).shape == (2,) and len(list(Cell().parameters())) == 2
    assert not isinstance(nn.ReLU(), jit.ScriptModule)


def test_types_that_say_what_they_are_made_of():
    assert jit.isinstance({"a": cr.ones(1)}, dict[str, cr.Tensor])
    assert jit.isinstance(None, typing.Union[int, None]) and jit.isinstance(1, int | None)  # noqa: UP007
    assert jit.isinstance((1, "a"), tuple[int, str])
    assert not jit.isinstance((1, 2), tuple[int, str]) and not jit.isinstance(
        {1: 2}, dict[str, int]
    )
    assert jit.isinstance([1], (int, list[int])) and not jit.isinstance(
        [[1], ["a"]], list[list[int]]
    )


def test_a_forked_call_hands_over_its_error():
    assert jit.wait(jit.fork(pow, 2, 5)) == 32
    future = jit.fork(int, "a")
    with pytest.raises(ValueError, match="invalid literal"):
        future.wait()
