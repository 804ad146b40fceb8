"""Kernels that write where an index says: each element once, in the order of the index, however the work is shared out."""

import numpy as np
import pytest
from compiler.both import Both
from compiler.programs import Large

import chainrule as cr
from chainrule import ops
from chainrule.compiler import execution
from chainrule.compiler.native import Native
from chainrule.compiler.runtime import Runtime
from chainrule.graph import Literal, Program, Var
from chainrule.graph.traced import TracedFunction
from chainrule.nn import functional as F


def drawn(make, seed=0):
    """A program of one op, and its inputs."""
    b = Large(seed, most=1 << 20)
    y = make(b)
    assert y is not None
    return Program(b.inputs, b.equations, [y]), b.feed


def zeros(b, *shape):
    return b.emit(ops.full, shape=shape, value=0.0, dtype=b.values[0].spec.dtype)


def rows(v, n, c, **attrs):
    """Rows added to a table."""

    def make(b) -> Var:
        values = b.floats((n, c))
        return b.emit(
            ops.index_put,
            zeros(b, v, c),
            values,
            b.integers((n,), -v, v),
            dims=(0,),
            accumulate=True,
        )

    return make


def along(x, at, dim, op=ops.scatter_add):
    def make(b) -> Var:
        source = b.floats(at)
        return b.emit(op, b.floats(x), b.integers(at, 0, x[dim]), source, dim=dim)

    return make


def at_two(b) -> Var:
    i, j = b.integers((40, 1), -17, 17), b.integers((3,), 0, 2)
    return b.emit(
        ops.index_put,
        b.floats((17, 5, 2)),
        b.floats((40, 3, 5)),
        i,
        j,
        dims=(0, 2),
        accumulate=True,
    )


def one_number(b) -> Var:
    return b.emit(ops.scatter, b.floats((5, 67)), b.integers((5, 3), 0, 67), Literal(2.5), dim=1)


def of_a_view(b) -> Var:
    x = b.emit(ops.permute, b.floats((19, 33)), dims=(1, 0))
    values = b.emit(ops.expand, b.floats((1, 19)), shape=(70, 19))
    return b.emit(ops.index_put, x, values, b.integers((70,), 0, 33), dims=(0,), accumulate=True)


CASES = {
    "few rows": rows(7, 2000, 3),
    "rows of vectors": rows(65, 3000, 129),
    "many rows": rows(30011, 40, 17),
    "wide rows": rows(3, 5, 20011),
    "along the last axis": along((64, 3, 784), (64, 3, 196), 2),
    "along the first axis": along((129, 70), (500, 66), 0),
    "along a middle axis": along((5, 300, 31), (4, 900, 30), 1),
    "put along the first axis": along((129, 70), (500, 66), 0, ops.scatter),
    "two axes": at_two,
    "products": along((5, 67), (5, 130), 1, ops.scatter_mul),
    "the largest": along((129, 70), (500, 66), 0, ops.scatter_extreme),
    "one number": one_number,
    "a view": of_a_view,
}


@pytest.mark.parametrize("name", CASES)
def test_puts_and_adds(name, monkeypatch):
    program, feed = drawn(CASES[name])
    both = Both(program, {})
    assert "scatter" in {s.group.role for s in both.native.steps}
    (first,) = both.run(feed, [None])
    for count in (1, 2, 4):
        monkeypatch.setattr(execution, "runtime", Runtime(count))
        np.testing.assert_array_equal(both.native.run(feed, [None])[0], first)


def test_work_is_shared_out():
    for name in ("many rows", "rows of vectors", "along the last axis", "wide rows"):
        (step,) = [s for s in Native(drawn(CASES[name])[0]).steps if s.group.role == "scatter"]
        assert step.kernel.tasks > 1, name


def test_adds_happen_in_the_order_of_the_index():
    """1 + 2⁻²⁴ + 2⁻²⁴ is 1, and 2⁻²⁴ + 2⁻²⁴ + 1 is not."""
    tiny = np.float32(2.0**-24)
    for values in ([1, tiny, tiny], [tiny, tiny, 1]):
        values = np.array(values, np.float32)[:, None].repeat(33, 1)

        def make(b, values=values):
            x = b.input(values)
            return b.emit(
                ops.index_put,
                zeros(b, 4, 33),
                x,
                b.input(np.array([2, 2, 2])),
                dims=(0,),
                accumulate=True,
            )

        program, feed = drawn(make)
        (found,) = Native(program).run(feed, [None])
        expected = np.float32(0)
        for v in values[:, 0]:
            expected = expected + v
        assert (found[2] == expected).all()


def test_what_is_computed_where_it_is_read_waits_for_what_it_is_computed_from():
    """The gradient of a maximum is large and made of little, so its readers compute it; one of
    them reads something much older too, in whose group that little is not there yet."""

    def step(x, g):
        x = x.detach().requires_grad_()
        (F.glu(x, dim=-1).max(dim=1).values * g).sum().backward()
        return x.grad

    TracedFunction(step, Both)(cr.randn(11, 31, 134), cr.randn(11, 67))


def test_what_a_scatter_begins_with_lies_as_it_did():
    """A value that is copied into a part of another lies there alone if its readers can follow; a scatter cannot."""
    b = Large(0)
    y = b.emit(ops.exp, b.floats((3, 1)))
    path = ((ops.slice_, (("dim", 1), ("start", 1), ("stop", 2), ("step", 1))),)
    whole = b.emit(ops.view_scatter, zeros(b, 3, 5), y, path=path)
    put = b.emit(ops.scatter, y, b.integers((1, 1), 2, 3), Literal(2.0), dim=0)
    both = Both(Program(b.inputs, b.equations, [put, b.emit(ops.square, whole)]), {})
    both.run(b.feed, [None] * 2)
