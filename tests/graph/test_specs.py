"""What comes out of an op: answers are remembered, and only for the same question."""

from __future__ import annotations

import gc
import weakref

import pytest

import chainrule as cr
from chainrule.base import dtypes
from chainrule.base.errors import ShapeError
from chainrule.graph import specs
from chainrule.graph.ir import Program
from chainrule.graph.specs import output_specs
from chainrule.ops import TABLE, Spec

INTEGERS, FLOATS = Spec((3, 5), dtypes.int64), Spec((3, 5), dtypes.float32)


@pytest.mark.parametrize("name", ["exp", "softsign"])  # a primitive, a composite
def test_the_default_dtype_is_part_of_the_question(name, monkeypatch):
    assert output_specs(TABLE[name], (INTEGERS,), {})[0].dtype is dtypes.float32
    monkeypatch.setattr(dtypes, "_default", dtypes.float64)
    assert output_specs(TABLE[name], (INTEGERS,), {})[0].dtype is dtypes.float64


def test_numbers_that_are_equal_are_other_operands():
    found = [output_specs(TABLE["mul"], (INTEGERS, x), {})[0].dtype for x in (1, 1.0, True)]
    assert found == [dtypes.int64, dtypes.float32, dtypes.int64]


def test_attributes_are_part_of_the_question():
    def shape(dim, keepdim):
        return output_specs(TABLE["sum"], (FLOATS,), {"dim": dim, "keepdim": keepdim})[0].shape

    asked = [((0,), False), ((1,), False), ((0,), True), ((0, 1), False), ((0,), False)]
    assert [shape(*each) for each in asked] == [(5,), (3,), (1, 5), (), (5,)]


def test_a_refusal_shows_the_operands_each_time():
    for n in (7, 11, 7):
        with pytest.raises(ShapeError, match=rf"\(5, {n}\)|{n}"):
            output_specs(TABLE["matmul"], (FLOATS, Spec((n, 5), dtypes.float32)), {})


def test_a_question_is_answered_once(monkeypatch):
    asked = []
    monkeypatch.setattr(specs, "_known", {})
    monkeypatch.setattr(specs, "MOST", 3)
    original = specs._found
    monkeypatch.setattr(specs, "_found", lambda op, *a: asked.append(op.name) or original(op, *a))
    for name in ("exp", "exp", "tanh", "log", "exp", "sqrt", "exp"):
        output_specs(TABLE[name], (FLOATS,), {})
    assert asked == ["exp", "tanh", "log", "sqrt", "exp"], "forgotten when there are too many"


def test_the_body_of_a_loop_is_not_kept_alive():
    f = cr.compile(lambda x: cr.scan(lambda c, x: ((c[0] + x[0],), ()), (cr.zeros(3),), (x,))[0][0])
    body = weakref.ref(
        next(
            v
            for eq in f.capture(cr.ones(5, 3)).program.equations
            for v in eq.attrs.values()
            if isinstance(v, Program)
        )
    )
    del f
    gc.collect()
    assert body() is None
