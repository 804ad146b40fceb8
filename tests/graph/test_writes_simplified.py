"""Writes into parts, and gradients of parts, become values and joins; scatters become selections."""

import numpy as np
import pytest
from graph.small_programs import (
    Small,
    assert_close,
    names,
    operations,
    permute_path,
    select_path,
    slice_path,
    write,
)

import chainrule as cr
from chainrule import ops
from chainrule.graph import Program, trace
from chainrule.graph.passes import simplify
from chainrule.nn import functional as F


def test_writes_that_reach_all_are_the_value():
    assert names(lambda p, x: write(p, p.full(3, 5), p(ops.exp, x), slice_path(0, 0, 3)), 3, 5) == [
        "exp"
    ]
    assert names(lambda p, x: write(p, p.full(3, 5), p(ops.exp, x), permute_path(1, 0)), 5, 3) == [
        "exp",
        "permute",
    ]
    assert names(lambda p, x: write(p, p.full(1, 5), p(ops.exp, x), select_path(0, 0)), 5) == [
        "exp",
        "view",
    ]
    assert names(lambda p, x: write(p, p.full(3, 5), p(ops.exp, x), slice_path(0, 0, 3)), 5) == [
        "exp",
        "expand",
    ]
    assert names(lambda p, x: write(p, x, 2.5, slice_path(0, 0, 3)), 3, 5) == ["view_scatter"]


@pytest.mark.parametrize("offset", [0, 1, 2, -1, -2])
@pytest.mark.parametrize(("dim1", "dim2"), [(0, 1), (2, 1), (0, 2), (2, 0)])
def test_a_write_through_a_diagonal_is_a_selection(offset, dim1, dim2):
    attrs = {"offset": offset, "dim1": dim1, "dim2": dim2}
    shape = (3, 5, 4)

    def put(p, x):
        y = p(ops.exp, p(ops.diagonal, p.x(*shape), **attrs))
        return write(p, x, y, (ops.diagonal, attrs))

    left = names(put, *shape)
    assert "view_scatter" not in left and left[-1] == "where"


def test_a_write_through_a_diagonal_that_is_not_there_stays():
    attrs = {"offset": 7, "dim1": 0, "dim2": 1}
    empty = lambda p, x: write(p, x, p.full(0), (ops.diagonal, attrs))  # noqa: E731
    assert names(empty, 3, 5) == ["full", "view_scatter"]


def through(*steps):
    """A write of exp(x) through several views of a value of shape (3, 5, 4)."""
    return lambda p, x: write(p, p.x(3, 5, 4), p(ops.exp, x), *steps)


def view_path(*shape):
    return ops.view, {"shape": shape}


@pytest.mark.parametrize(
    ("path", "shape", "remain"),
    [
        ((permute_path(2, 0, 1), slice_path(0, 1, 3)), (2, 3, 5), ["exp", "permute", "view_scatter", "permute"]),
        ((view_path(15, 4), select_path(0, 7)), (4,), ["exp", "view", "view_scatter", "view"]),
        ((slice_path(1, 1, 3), permute_path(1, 0, 2), select_path(0, 1)), (3, 4),
         ["exp", "slice_", "permute", "view_scatter", "permute", "view_scatter"]),
        ((slice_path(1, 1, 3), select_path(0, 1)), (2, 4), ["exp", "view_scatter"]),
    ],
)  # fmt: skip
def test_a_write_through_several_views_is_one_into_a_box(path, shape, remain):
    assert names(through(*path), *shape) == remain


def test_a_write_through_the_diagonal_of_a_slice_is_a_selection_in_the_slice():
    path = (select_path(0, 1), (ops.diagonal, {"offset": 0, "dim1": 0, "dim2": 1}))
    assert names(through(*path), 4)[-2:] == ["where", "view_scatter"]


def test_writes_of_slices_that_reach_all_are_a_join():
    def halves(p, x):
        y = write(p, p.full(3, 10), x, slice_path(1, 0, 5))
        return write(p, y, p(ops.exp, x), slice_path(1, 5, 10))

    assert names(halves, 3, 5) == ["exp", "cat"]

    def overwritten(p, x):
        y = write(p, p.x(3, 10), x, slice_path(1, 0, 5))
        y = write(p, y, p(ops.exp, x), slice_path(1, 0, 5))
        return write(p, y, p(ops.sin, x), slice_path(1, 5, 10))

    assert names(overwritten, 3, 5) == ["exp", "sin", "cat"]

    def overlapping(p, x):
        y = write(p, p.full(3, 8), x, slice_path(1, 0, 5))
        return write(p, y, p(ops.exp, x), slice_path(1, 3, 8))

    def as_long_as_all(p, x):
        y = write(p, p.full(3, 8), x, slice_path(1, 0, 5))
        return write(
            p, y, p(ops.exp, p(ops.slice_, x, dim=1, start=0, stop=3)), slice_path(1, 3, 6)
        )

    assert "cat" not in names(as_long_as_all, 3, 5)
    assert names(overlapping, 3, 5) == ["full", "view_scatter", "exp", "view_scatter"]

    def rows(p, x):
        y = p.full(2, 5)
        for k in (1, 0):
            y = write(p, y, p(ops.select, x, dim=0, index=k), select_path(0, k))
        return y

    assert names(rows, 3, 5) == ["select", "select", "view", "view", "cat"]


def test_the_gradient_of_slices_is_a_join():
    """The q, k and v of one projection: a sum of three nearly empty tensors."""

    def f(x):
        x = x.detach().requires_grad_()
        q, k, v = x.split(5, 1)
        (g,) = cr.grad((q * k.exp() + v.sin()).sum(), x)
        return g

    x = cr.randn(3, 15)
    program = trace(f).capture(x).program
    assert operations(program).count("view_scatter") == 3
    after = simplify(program)
    assert operations(after).count("cat") == 1 and not {"view_scatter", "full"} & set(
        operations(after)
    )
    assert_close(program, after, [x.numpy()])


def test_slices_that_overlap_are_added():
    def both(p, x):
        a = write(p, p.full(3, 8), x, slice_path(1, 0, 5))
        return p(ops.add, a, write(p, p.full(3, 8), p(ops.exp, x), slice_path(1, 3, 8)))

    assert "cat" not in names(both, 3, 5)

    def gap(p, x):
        a = write(p, p.full(3, 12), x, slice_path(1, 0, 5))
        return p(ops.add, a, write(p, p.full(3, 12), p(ops.exp, x), slice_path(1, 6, 11)))

    assert names(gap, 3, 5) == ["exp", "full", "cat"]

    def not_zero(p, x):
        a = write(p, p.full(3, 10, value=1.0), x, slice_path(1, 0, 5))
        return p(ops.add, a, write(p, p.full(3, 10), p(ops.exp, x), slice_path(1, 5, 10)))

    assert "cat" not in names(not_zero, 3, 5)


def test_a_scatter_is_a_selection_where_a_gather_checks_its_index():
    def loss(x, y):
        x = x.detach().requires_grad_()
        (g,) = cr.grad(F.cross_entropy(x, y), x)
        return g

    x, y = cr.randn(7, 5), cr.tensor([0, 4, 2, 1, 3, 0, 4])
    program = trace(loss).capture(x, y).program
    after = simplify(program)
    assert "scatter" in operations(program) and "scatter" not in operations(after)
    assert_close(program, after, [x.numpy(), y.numpy()])
    with pytest.raises(cr.ChainruleError, match="out of range"):
        after(x.numpy(), np.full(7, 5))


def test_a_scatter_stays_where_nothing_else_would_refuse_its_index():
    def put(p, checked):
        x, at = p.x(3, 5), p.b.input(np.array([[0], [4], [2]]))
        if checked == "wider":
            p(ops.gather, p.x(3, 7), at, dim=1)
        source = p(ops.gather, x, at, dim=1) if checked == "same" else p.x(3, 1)
        return p(ops.scatter, x, at, source, dim=1)

    for checked, remain in ((None, True), ("wider", True), ("same", False)):
        p = Small()
        y = put(p, checked)
        keep = [eq.outputs[0] for eq in p.b.equations if eq.op is ops.gather]
        after = p.simplified(y, *keep)
        assert ("scatter" in operations(after)) is remain
    p = Small()
    y = put(p, "same")
    p.b.equations[0].attrs["dim"] = 1
    dead = Program(p.b.inputs, [p.b.equations[0], *p.b.equations[1:]], (y,))
    assert "gather" in operations(simplify(dead))
