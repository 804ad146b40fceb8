"""Scans as machine code: every value against the interpreter, which runs the body step by step.

A program is run both ways at every call, so that a training step is compared on the memory that the step before has left.
"""

from __future__ import annotations

import numpy as np
import pytest
from compiler.both import RUNNABLE, Both
from graph.random_scans import random_scan

import chainrule as cr
from chainrule.compiler import execution, native, scanning
from chainrule.compiler.runtime import Runtime
from chainrule.compiler.target import Target
from chainrule.graph.traced import TracedFunction

B, C, T = 3, 5, 7


def check(f, *args, times=1, target=None, loops=1, hosts=0):
    """Run f both ways; exactly so many scans must be loops, and so many equations be run by NumPy."""
    made = []

    def make(program, donated):
        made.append(Both(program, donated, target and Target.level(target)))
        return made[0]

    run = TracedFunction(f, make)
    for _ in range(times):
        run(*args)
    (executor,) = made
    steps = executor.native.steps
    assert len({s.loop for s in steps if s.loop is not None}) == loops
    assert sum(s.kernel is None for s in steps) == hosts
    return executor.native


def arrays(*shapes, dtype=cr.float32, seed=0):
    rng = np.random.default_rng(seed)
    return [cr.tensor(rng.normal(size=s), dtype=dtype) for s in shapes]


# ------------------------------------------------------------------------------------------------------- what a body may be


def tanh_step(w):
    def body(carry, x):
        h = cr.tanh(carry[0] @ w + x[0])
        return (h,), (h,)

    return body


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [1, 2, 3, 8])
@pytest.mark.parametrize("target", [*RUNNABLE, None])
def test_a_carry_that_is_a_result(reverse, length, target):
    h, xs, w = arrays((B, C), (length, B, C), (C, C))
    check(
        lambda h, xs, w: cr.scan(tanh_step(w), (h,), (xs,), reverse=reverse),
        h,
        xs,
        w,
        target=target,
    )


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [1, 2, 3, 8])
def test_carries_in_buffers(reverse, length):
    """Two carries that exchange their values: what a step reads must not be what it has written."""
    a, b, xs = arrays((B, C), (B, C), (length, B, C))

    def f(a, b, xs):
        return cr.scan(
            lambda c, x: ((c[1] * 0.5, c[0] + x[0]), (c[0] - c[1],)), (a, b), (xs,), reverse=reverse
        )

    check(f, a, b, xs)


@pytest.mark.parametrize("dtype", [cr.float64, cr.float32])
def test_odd_sizes(dtype):
    h, xs, w = arrays((11, 67), (5, 11, 67), (67, 67), dtype=dtype)
    check(lambda h, xs, w: cr.scan(tanh_step(w * 0.1), (h,), (xs,)), h, xs, w)


def test_integers_and_bools():
    xs, n = cr.arange(T * C).view(T, C), cr.zeros(C, dtype=cr.int64)

    def body(c, x):
        odd = x[0] > c[0]
        return (c[0] + cr.where(odd, x[0], 1),), (odd, c[0])

    check(lambda n, xs: cr.scan(body, (n,), (xs,)), n, xs)


def test_results_that_are_operands():
    """A result that is a sequence, a carry, a constant, a view of one of them, a number, or given twice."""
    h, xs, k = arrays((B, C), (T, B, C), (B, C))

    def f(h, xs, k):
        def body(c, x):
            h = c[0] * 0.5 + x[0]
            return (h, c[1]), (x[0], c[0], k, x[0].T, h, h, k[1:], cr.zeros(2), c[1].T)

        return cr.scan(body, (h, k), (xs,))

    check(f, h, xs, k)


def test_carries_that_do_not_change_or_are_not_read():
    a, b, xs = arrays((B, C), (B, C), (T, B, C))
    check(
        lambda a, b, xs: cr.scan(lambda c, x: ((c[0], x[0]), (x[0] + c[0],)), (a, b), (xs,)),
        a,
        b,
        xs,
    )


def test_carries_with_one_value():
    a, xs = arrays((B, C), (T, B, C))

    def body(c, x):
        h = c[0] + c[1] * x[0]
        return (h, h), (c[2],) if len(c) > 2 else (h * 2,)

    check(lambda a, xs: cr.scan(body, (a, a), (xs,)), a, xs)


def test_a_number_as_carry():
    (xs,) = arrays((T, C))
    check(
        lambda xs: cr.scan(
            lambda c, x: ((c[0] + x[0].sum(),), (x[0] * c[0],)), (cr.tensor(0.0),), (xs,)
        ),
        xs,
    )


def test_operands_that_are_views():
    """Sequences along another axis of memory, backwards, or of every second step; a carry that is not row-major."""
    h, xs, w = arrays((C, B), (B, T, C), (C, C))
    check(lambda h, xs, w: cr.scan(tanh_step(w.T), (h.T,), (xs.transpose(0, 1),)), h, xs, w)
    steps = lambda xs: xs.transpose(0, 1).flip(0)[1:-1:2]  # noqa: E731
    check(lambda h, xs, w: cr.scan(tanh_step(w), (h.T,), (steps(xs),)), h, xs, w)


def test_constants_are_prepared_once():
    """A weight is packed before the loop, and what follows from constants alone is computed there."""
    h, xs, w = arrays((32, 64), (T, 32, 64), (64, 64))

    def f(h, xs, w):
        def body(c, x):
            h = cr.tanh(c[0] @ (w * 0.05).T + cr.exp(w[0]) + x[0])
            return (h,), (h,)

        return cr.scan(body, (h,), (xs,))

    made = check(f, h, xs, w)
    per_step = sum(s.loop is not None for s in made.steps) / T
    assert per_step == 1
    assert any(s.packs and s.loop is None for s in made.steps)


def test_arrays_and_numbers_inside():
    (xs,) = arrays((T, C))
    ramp = cr.tensor(np.arange(C, dtype=np.float32))

    def body(c, x):
        return (c[0] + x[0] * ramp,), (
            cr.tril(cr.ones(C, C)) @ x[0].view(C, 1),
            cr.arange(C) + c[0],
        )

    check(lambda xs: cr.scan(body, (ramp * 0,), (xs,)), xs)


def test_pieces_put_together_inside():
    h, xs = arrays((B, 2 * C), (T, B, C))

    def body(c, x):
        h = cr.cat([x[0], c[0][:, :C] * 0.5], 1)
        return (h,), (cr.stack([x[0], x[0] + h[:, C:]]),)

    check(lambda h, xs: cr.scan(body, (h,), (xs,)), h, xs)


def test_a_choice_and_a_place():
    """The index of the largest element, over an axis of one element too; an element at an index."""
    (xs,) = arrays((T, B, C))

    def body(c, x):
        best = x[0].argmax(1)
        return (c[0] + best,), (best, x[0].gather(1, best.view(B, 1)), x[0][:, :1].argmax(1))

    check(lambda xs: cr.scan(body, (cr.zeros(B, dtype=cr.int64),), (xs,)), xs)


def test_a_result_without_elements():
    (xs,) = arrays((T, B, C))
    check(
        lambda xs: cr.scan(lambda c, x: ((c[0] + x[0],), (x[0][:0],)), (xs[0],), (xs,)),
        xs,
        loops=0,
        hosts=1,
    )


def test_lines_and_orders_in_a_body():
    (xs,) = arrays((T, C))

    def body(c, x):
        return (c[0] + x[0].sort()[0],), (cr.cumsum(c[0] * 1, 0),)

    check(lambda xs: cr.scan(body, (cr.zeros(C),), (xs,)), xs)


def test_a_body_without_kernels_is_run_by_numpy():
    (xs,) = arrays((T, C))

    def body(c, x):
        return (c[0] + x[0].mode()[0],), (c[0] * 1,)

    check(lambda xs: cr.scan(body, (cr.zeros(C),), (xs,)), xs, loops=0, hosts=1)


def test_a_scan_in_a_scan():
    (xs,) = arrays((T, B, C))

    def rows(c, x):
        (last,), _ = cr.scan(lambda c, x: ((c[0] + x[0],), (c[0],)), (c[0],), (x[0],))
        return (last,), (last * 2,)

    check(lambda xs: cr.scan(rows, (cr.zeros(C),), (xs,)), xs, loops=0, hosts=1)


def test_too_long_a_schedule(monkeypatch):
    monkeypatch.setattr(scanning, "MOST_ENTRIES", T - 1)
    h, xs, w = arrays((B, C), (T, B, C), (C, C))
    with pytest.warns(RuntimeWarning, match=f"a scan of {T} steps needs about {T} entries"):
        check(lambda h, xs, w: cr.scan(tanh_step(w), (h,), (xs,)), h, xs, w, loops=0, hosts=1)


def test_steps_wait_for_what_they_need():
    """One level for each step of a chain, whose last is over before the loop's results are read; steps that need nothing of each
    other share a level.
    """
    h, xs, w = arrays((B, C), (T, B, C), (C, C))
    made = check(lambda h, xs, w: cr.scan(tanh_step(w), (h,), (xs,))[1][0] * 2, h, xs, w)
    assert [s.level for s in made.steps] == [*range(T + 2)]  # the weight is packed first

    def apart(h, xs, w):
        return cr.scan(lambda c, x: ((x[0] * 2,), (x[0] @ w,)), (h,), (xs,))

    made = check(apart, h, xs, w)
    assert len({s.level for s in made.steps if s.loop is not None}) < T


# ------------------------------------------------------------------------------------------------------ in larger programs


def test_among_other_kernels():
    """What stands before and after, and two loops of which one reads the other's results."""
    h, xs, w = arrays((B, C), (T, B, C), (C, C))

    def f(h, xs, w):
        (last,), (ys,) = cr.scan(tanh_step(w), (cr.exp(h * 0.1),), (xs @ w + 1,))
        (first,), (zs,) = cr.scan(tanh_step(w.T), (last,), (ys * 2,), reverse=True)
        return cr.softmax(zs.view(T * B, C), 1), first.sum(), ys, last

    check(f, h, xs, w, loops=2)


def test_state_kept_from_call_to_call():
    """The last carry is written where the first one is read."""
    h, xs, w = arrays((B, C), (T, B, C), (C, C))

    def f(xs):
        (last,), (ys,) = cr.scan(tanh_step(w), (h,), (xs,))
        with cr.no_grad():
            h.copy_(last)
        return ys

    check(f, xs, times=3)


def test_a_carry_that_forgets():
    """The new carry does not depend on the old one: only its memory does."""
    h, xs = arrays((B, C), (T, B, C))

    def f(xs):
        (last,), (ys,) = cr.scan(lambda c, x: ((x[0] * 2,), (c[0] + x[0],)), (h,), (xs,))
        with cr.no_grad():
            h.copy_(last)
        return ys

    made = check(f, xs, times=3)
    assert (
        made.donated and len(made.copied) == 1
    )  # the first step may still be reading h when the last writes


# ------------------------------------------------------------------------------------------------------------------ training


@pytest.mark.parametrize(
    ("name", "options", "target"),
    [
        *[("LSTM", {}, target) for target in [*RUNNABLE, None]],
        ("LSTM", {"proj_size": 11}, None),
        ("GRU", {}, None),
        ("RNN", {}, None),
        ("RNN", {"nonlinearity": "relu"}, None),
    ],
)
def test_training_steps_of_recurrent_layers(name, options, target):
    cr.manual_seed(0)
    size = 13 if options.get("proj_size") else 11
    net = getattr(cr.nn, name)(5, size, 2, bidirectional=True, **options)
    head = cr.nn.Linear(22, 3)
    optimizer = cr.optim.AdamW([*net.parameters(), *head.parameters()], lr=1e-2)
    xs, ys = arrays((T, B, 5), (T, B, 3))

    def step(xs, ys):
        optimizer.zero_grad()
        loss = ((head(net(xs)[0]) - ys) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    check(step, xs, ys, times=4, target=target, loops=8)


@pytest.mark.parametrize("dtype", [cr.float32, cr.float64])
def test_gradients_of_a_scan(dtype):
    """Of carries, sequences and what the body closes over: weights, a bias, a scale."""
    h, xs, w, v, b, s = arrays((B, C), (T, B, C), (C, C), (C, 2), (C,), (), dtype=dtype)
    for t in (h, xs, w, v, b, s):
        t.requires_grad_()

    def step():
        def body(c, x):
            h = cr.tanh(c[0] @ w * s + x[0] @ w.T + b)
            return (h,), (cr.sigmoid(h @ v),)

        (last,), (ys,) = cr.scan(body, (h,), (xs,))
        loss = (ys**2).sum() + last.sum()
        loss.backward()
        grads = [t.grad.clone() for t in (h, xs, w, v, b, s)]
        for t in (h, xs, w, v, b, s):
            t.grad = None
        return (loss.detach(), *grads)

    check(step, times=2, loops=2)


@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_stacked_rows_that_would_meet_in_the_cache_lie_apart(name):
    """Four gates of 128 numbers are 2048 bytes: the product that makes the weights' gradient walks
    down a stack of them."""
    size = {"LSTM": 128, "GRU": 512}[name]
    net = getattr(cr.nn, name)(3, size)
    (xs,) = arrays((17, 2, 3))

    def step(xs):
        y, _ = net(xs)
        return y, *cr.grad((y**2).sum(), list(net.parameters()))

    made = []
    TracedFunction(step, lambda *given: made.append(Both(*given)) or made[0])(xs)
    layout = made[0].native.memory.layout.values()
    assert any(len(x.shape) == 3 and x.strides[1] == x.shape[2] + 16 for x in layout)


def test_bits_do_not_depend_on_threads(monkeypatch):
    found = []
    for threads in (1, 2, 4):
        monkeypatch.setattr(execution, "runtime", Runtime(threads=threads))
        cr.manual_seed(0)
        net = cr.nn.LSTM(24, 40)
        h, xs = arrays((1, 32, 40), (T, 32, 24))
        run = TracedFunction(
            lambda net=net, xs=xs, h=h: cr.grad(
                (net(xs, (h, h))[0] ** 2).sum(), list(net.parameters())
            ),
            native.Native,
        )
        found.append([g.numpy().tobytes() for _ in range(3) for g in run()])
    assert found[0] == found[1] == found[2]


# ------------------------------------------------------------------------------------------------------------------- at random


@pytest.mark.parametrize("seed", range(12))
def test_random_scans(seed):
    run = TracedFunction(random_scan(seed), Both)
    run()
    run()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 300))
def test_more_random_scans(seed):
    TracedFunction(random_scan(seed), Both)()
