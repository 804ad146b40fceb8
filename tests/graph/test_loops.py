"""Scans made smaller: the same values, and what must have gone from the loop."""

from __future__ import annotations

import numpy as np
import pytest
from graph.random_scans import random_scan
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.graph import Program, interpret, trace, verify
from chainrule.graph.passes import lightened, simplify
from chainrule.graph.traced import Interpreted, TracedFunction

B, C, T = 3, 5, 4


class Kept(Interpreted):
    """An interpreter that remembers its program and what it was run on."""

    last: Kept

    def __init__(self, program, donated=None):
        super().__init__(program, donated)
        self.program = program

    def run(self, values, into):
        Kept.last = self
        self.values = [np.copy(v) for v in values]
        return super().run(values, into)


def assert_same(f, tolerance=1e-10):
    """The program of a function gives the same values after `lightened`, and after all passes."""
    TracedFunction(f, Kept)()
    program, values = Kept.last.program, Kept.last.values
    wanted = interpret(program, values)
    lighter = verify(lightened(program))
    for after in (lighter, simplify(program)):
        assert [v.id for v in after.inputs] == [v.id for v in program.inputs]
        for a, b in zip(wanted, interpret(after, values), strict=True):
            np.testing.assert_allclose(b, a, rtol=tolerance, atol=tolerance)
    return lighter


@given(seed=st.integers(0, 1 << 20))
def test_random_scans_keep_their_values(seed):
    assert_same(random_scan(seed))


def scans(program: Program) -> list:
    return [eq for eq in simplify(program).equations if eq.op.name == "scan"]


def captured(f, *args) -> Program:
    return trace(f).capture(*args).program


def matrices(*shapes):
    rng = np.random.default_rng(0)
    return [cr.tensor(rng.normal(size=s).astype("float32")) for s in shapes]


def test_the_gradient_of_a_weight_is_one_product():
    def f(h, xs, w, b):
        w, b = w.detach().requires_grad_(), b.detach().requires_grad_()

        def body(c, x):
            h = cr.tanh(c[0] @ w.T + x[0] + b)
            return (h,), (h,)

        _, (ys,) = cr.scan(body, (h,), (xs,))
        return cr.grad((ys * ys).sum(), (w, b))

    program = simplify(captured(f, *matrices((B, C), (T, B, C), (C, C), (C,))))
    _, back = [eq for eq in program.equations if eq.op.name == "scan"]
    assert back.attrs["carries"] == 1  # that of h
    names = [eq.op.name for eq in program.equations]
    after = names[len(names) - names[::-1].index("scan") :]
    assert after.count("einsum") == 1 and "sum" in after
    assert "t" in next(eq for eq in program.equations if eq.op.name == "einsum").attrs["equation"]


def total(step):
    """A scan with one carry c, whose next value is `step(c, x, w)`."""

    def f(c, xs, w):
        return cr.scan(lambda c, x: ((step(c[0], x[0], w),), (x[0] * 2,)), (c,), (xs,))

    operands = matrices((C, C), (T, B, C), (C, C))
    assert_same(lambda: f(*operands), 1e-5)
    return captured(f, *operands)


@pytest.mark.parametrize("step", [
    lambda c, x, w: c + x.T @ x,
    lambda c, x, w: x.T @ cr.tanh(x) + c,
    lambda c, x, w: c + (x.T @ x).T,
    lambda c, x, w: c + (x.T @ x).view(-1).view(C, C),
    lambda c, x, w: c + (x.T @ (x * x)).view(1, C, C).permute(2, 0, 1).view(C, C),
    lambda c, x, w: c + cr.einsum("ti,tj->ij", x, x),
    lambda c, x, w: c + cr.einsum("bi,bj", x, x * x),
])  # fmt: skip
def test_sums_that_leave_the_loop(step):
    (eq,) = scans(total(step))
    assert eq.attrs["carries"] == 0


@pytest.mark.parametrize("step", [
    lambda c, x, w: c + c,
    lambda c, x, w: c + c.T @ c,  # c is read by more than the sum
    lambda c, x, w: c - x.T @ x,
    lambda c, x, w: c + cr.tanh(x.T @ x),
    lambda c, x, w: c + w @ w,  # the same at every step
    lambda c, x, w: c + x.T @ w[:B],  # half of it is
    lambda c, x, w: c + (x @ w)[0],  # broadcast
    lambda c, x, w: c.T + x.T @ x,
])  # fmt: skip
def test_sums_that_stay(step):
    (eq,) = scans(total(step))
    assert eq.attrs["carries"] == 1


@pytest.mark.parametrize("start", [0.0, 1.0])
def test_sums_start_where_they_started(start):
    (xs,) = matrices((T, B, C))

    def f():
        c = cr.full((C, C), start)
        return cr.scan(lambda c, x: ((c[0] + x[0].T @ x[0],), (x[0] * 2,)), (c,), (xs,))

    assert_same(f, 1e-5)


def test_a_sum_that_is_also_a_result_stays():
    def f(c, xs):
        def body(c, x):
            new = c[0] + x[0].T @ x[0]
            return (new,), (new,)

        return cr.scan(body, (c,), (xs,))

    (eq,) = scans(captured(f, *matrices((C, C), (T, B, C))))
    assert eq.attrs["carries"] == 1


def test_sums_of_integers_stay():
    def f(c, xs):
        return cr.scan(lambda c, x: ((c[0] + x[0].sum(0),), (x[0],)), (c,), (xs,))

    (eq,) = scans(captured(f, cr.arange(C), cr.arange(T * B * C).view(T, B, C)))
    assert eq.attrs["carries"] == 1


def cell(reverse=False):
    h, xs, w, v, u, b = matrices((B, C), (T, B, 2), (C, C), (2, C), (C, 7), (7,))

    def f():
        def body(c, x):
            h = cr.tanh(c[0] @ w + cr.tanh(x[0] * 2) @ v)
            return (h,), (cr.sigmoid(h @ u + b) * h[:, :1] * h[0, :1],)

        return cr.scan(body, (h,), (xs,), reverse=reverse)

    return f


@pytest.mark.parametrize("reverse", [False, True])
def test_products_of_all_steps_at_once(reverse):
    """One product with what comes in, before the loop; one with what goes out, after it."""
    program = assert_same(cell(reverse), 1e-5)
    place = [eq.op.name for eq in program.equations].index("scan")
    body = program.equations[place].attrs["body"]
    for part in (program.equations[:place], body.equations, program.equations[place + 1 :]):
        assert [eq.op.name for eq in part].count("matmul") == 1
    assert "sigmoid" not in [eq.op.name for eq in body.equations]


@pytest.mark.parametrize("step", [
    lambda h, w: (h, (h @ w).sum(0)),  # the product is read by what cannot be done for all steps
    lambda h, w: (lambda p: (cr.tanh(p), p))(h @ w),  # by the next step
    lambda h, w: (h, h @ h.T),  # no constant
    lambda h, w: (h, h[0] * w),  # no product
    lambda h, w: (h, (h @ w) * cr.tril(cr.ones(B, C))),  # a constant that has no memory
])  # fmt: skip
def test_products_that_stay(step):
    h, xs, w = matrices((B, C), (T, B, C), (C, C))

    def f():
        def body(c, x):
            h, y = step(cr.tanh(c[0] + x[0]), w)
            return (h,), (y,)

        return cr.scan(body, (h,), (xs,))

    program = assert_same(f, 1e-5)
    assert not {"matmul", "mul"} & {eq.op.name for eq in program.equations}


def test_what_depends_on_no_step_is_computed_once():
    def f(h, xs, w):
        def body(c, x):
            return (cr.tanh(c[0] @ cr.exp(w).T + x[0] + cr.tril(cr.ones(C, C))[:B]),), (x[0],)

        return cr.scan(body, (h,), (xs,))

    program = simplify(captured(f, *matrices((B, C), (T, B, C), (C, C))))
    names = [eq.op.name for eq in program.equations]
    (eq,) = [eq for eq in program.equations if eq.op.name == "scan"]
    assert "exp" in names and "permute" in names
    assert not {"exp", "permute"} & {e.op.name for e in eq.attrs["body"].equations}


def test_what_nobody_reads_is_dropped():
    def f(h, xs):
        def body(c, x):
            # the second and the third carry are read by each other only
            return (c[0] * x[0], c[2] + x[1], c[1] * 2), (x[0] + 1, x[1] * 3)

        last, ys = cr.scan(body, (h, h, h), (xs, xs * 2, xs * 3))
        return last[0], ys[0]

    (eq,) = scans(captured(f, *matrices((B, C), (T, B, C))))
    assert eq.attrs["carries"] == 1 and eq.attrs["sequences"] == 1
    assert len(eq.outputs) == 2 and len(eq.attrs["body"].equations) == 2


def test_a_scan_that_nobody_reads_is_dropped():
    def f(h, xs):
        cr.scan(lambda c, x: ((c[0] + x[0],), (x[0],)), (h,), (xs,))
        return h * 2

    assert not scans(captured(f, *matrices((B, C), (T, B, C))))
