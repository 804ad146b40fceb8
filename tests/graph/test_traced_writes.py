"""eager = traced, bit for bit: writes in place, through views and masks, into arguments and captured tensors."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.graph import trace

RNG = np.random.default_rng(0)
A, B = RNG.standard_normal((3, 5)), RNG.standard_normal((3, 5))


def flat_view(x, w):
    y = x * w
    z = y.view(-1)
    z += 1
    return y * z.view(3, 5), y


def columns(x, w):
    out = cr.zeros(3, 5, dtype=cr.float64)
    for i in range(5):
        out[:, i] = (x[:, i] * w[:, 0] * (i + 1)).sin()
    return (out, out.sum(1))


def masked(x, w):
    y = x * w
    y[y > 0.1] = 0
    y[w < 0] = x[0, 0]
    return (y,)


def siblings(x, w):
    y = x * w
    a, b = y[1:].transpose(0, 1), y[:, ::2]
    b.mul_(w[:, ::2])
    a.add_(x.sum())
    c = a[0]
    y[2] = c.sum()
    c[...] = 3.0
    return y, a * 1, b + c.sum()


def methods(x, w):
    y = x * 1
    y.mul_(w).add_(1).clamp_(-0.5, 1.5)
    y[0].exp_()
    y.diagonal().fill_(2)
    y.masked_fill_(w > 1, -1.0)
    y.index_add_(0, cr.tensor([0, 2]), w[:2] * 1)
    y.scatter_add_(1, cr.zeros(3, 1, dtype=cr.int64), x[:, :1])
    return (y,)


def indexed(x, w):
    y = x * 1
    i = cr.tensor([2, 0])
    y[i] = w[:2] * x[1:]
    y[:, i] *= 2
    return y, y[i, 1:], x[..., None, i]


PROGRAMS = [flat_view, columns, masked, siblings, methods, indexed]


def outcome(f, a=A, b=B):
    """Results and gradients of one call."""
    x, w = cr.tensor(a, requires_grad=True), cr.tensor(b, requires_grad=True)

    def whole(x, w):
        outs = f(x, w)
        total = sum([(o * o).sum() for o in outs])
        gx, gw = cr.grad(total, [x, w], allow_unused=True)
        return (*[o.detach() for o in outs], gx, *([] if gw is None else [gw]))

    return whole, (x, w)


@pytest.mark.parametrize("f", PROGRAMS)
def test_values_and_gradients(f):
    whole, args = outcome(f)
    traced = trace(whole)
    for a, b in ((A, B), (B, A)):  # the second call runs the program that the first wrote
        args = cr.tensor(a, requires_grad=True), cr.tensor(b, requires_grad=True)
        for eager, found in zip(whole(*args), traced(*args), strict=True):
            np.testing.assert_array_equal(found.numpy(), eager.numpy())
            assert found.dtype is eager.dtype and found.is_contiguous()
        np.testing.assert_array_equal(args[0].detach().numpy(), a)
    assert len(traced.programs) == 1


# ---------------------------------------------------------------------------------------------- what a call leaves behind


def both(f, *makers):
    """Run f eagerly and traced on equal fresh arguments, twice each; return results and arguments of both."""
    found = []
    for run in (f, trace(f)):
        args = [make() for make in makers]
        results = [run(*args) for _ in range(2)]
        found.append(
            (
                [r.tolist() if isinstance(r, cr.Tensor) else r for r in results],
                [a.tolist() for a in args],
            )
        )
    return found


def test_arguments_are_written():
    def f(x, y):
        x.add_(1)
        y.view(-1)[::2] *= x.sum()
        return x * 2

    eager, traced = both(f, lambda: cr.zeros(2), lambda: cr.ones(2, 3))
    assert traced == eager


def test_writes_go_through_a_view_that_is_an_argument():
    """Only the viewed elements of the memory around it change, wherever the view lies in it."""

    def f(v):
        v.mul_(2)
        return v.sum()

    traced = trace(f)
    base, other = cr.arange(10.0), cr.arange(10.0)
    for sl in (slice(0, 3), slice(4, 7), slice(7, 10)):
        assert traced(base[sl]).item() == f(other[sl]).item()
        assert base.tolist() == other.tolist()
    short = cr.arange(5.0)
    assert traced(short[1:4]).item() == 12 and short.tolist() == [0, 2, 4, 6, 4]


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x[1:3],
        lambda x: x.T[1:3].T,
        lambda x: x.view(-1)[3:9],
        lambda x: x[::2],
        lambda x: x[0],
        lambda x: x.unsqueeze(0),
    ],
)
def test_views_as_arguments_are_read_where_they_are(view):
    f = lambda v: v * v + 1  # noqa: E731
    traced = trace(f)
    for k in range(3):
        v = view(cr.tensor(RNG.standard_normal((5, 3 + k) if k else (5, 3))))
        np.testing.assert_array_equal(traced(v).numpy(), f(v).numpy())


def test_captured_tensors_are_read_anew_and_written():
    state = cr.zeros(3)

    def f(x):
        state.mul_(0.5)
        state[1:].add_(x)
        return state * 1

    traced = trace(f)
    expected = np.zeros(3)
    for k in range(4):
        expected *= 0.5
        expected[1:] += k
        assert traced(cr.tensor(float(k))).tolist() == expected.tolist() == state.tolist()
        if k == 1:
            state[0] = 7.0  # what Python does in between is seen
            expected[0] = 7.0
    assert len(traced.programs) == 1


def test_reads_before_a_write_see_the_old_value():
    state = cr.ones(2)

    def f(x):
        before = state + 0
        view = state.view(2, 1)
        state.add_(x)
        return before, view + 0, state + 0

    traced = trace(f)
    for expected in ([1, 3], [3, 5]):
        a, b, c = traced(cr.tensor(2.0))
        assert (
            a.tolist() == [expected[0]] * 2
            and b.tolist() == [[expected[1]]] * 2
            and c.tolist() == [expected[1]] * 2
        )


def test_a_returned_argument_is_the_argument():
    def f(x, y):
        x.add_(y)
        return x, y, x

    traced = trace(f)
    for _ in range(2):
        x, y = cr.zeros(2), cr.ones(2)
        a, b, c = traced(x, y)
        assert a is x and b is y and c is x and x.tolist() == [1, 1]


def test_a_returned_captured_tensor_is_itself_and_a_returned_view_of_it_is_its_own():
    state = cr.zeros(3)

    def f():
        state.add_(1)
        return state, state[1:]

    traced = trace(f)
    for k in (1, 2):
        whole, part = traced()
        assert whole is state and part.tolist() == [k, k]
    part.add_(5)
    assert state.tolist() == [2, 2, 2]  # results are fresh memory: documented, unlike eager's view


def test_results_are_fresh_memory():
    """A result that shared memory with an input or a pooled buffer would change under the caller's feet."""
    traced = trace(lambda x: (x.view(-1), x.T, x + 0, x.expand(2, 2, 3)))
    x = cr.ones(2, 3)
    first = traced(x)
    kept = [r.tolist() for r in first]
    x.add_(1)
    traced(x)
    assert [r.tolist() for r in first] == kept
    for r in first:
        r.add_(1)  # may be written, expanded ones too
    assert x.tolist() == [[2] * 3] * 2


def test_the_version_counts_writes_of_a_program():
    w = cr.ones(2, requires_grad=True)

    def write(x):
        with cr.no_grad():
            w.add_(1)
        x.mul_(2)

    traced, x = trace(write), cr.ones(2)
    for _ in range(2):  # the call that traces, and one that only runs
        y, z = (w * w).sum(), (x * w).sum()
        traced(x)
        for older in (y, z):
            with pytest.raises(
                cr.GradError, match=r"overwritten   .*test_traced_writes.py.*traced\(x\)"
            ):
                older.backward()


def test_a_captured_tensor_gets_no_history_from_a_trace():
    """Eagerly `state` would depend on w from then on; a program's values have no history, and none of the trace's may stay behind."""
    state, w = cr.zeros(2), cr.ones(2, requires_grad=True)

    def f(x):
        state.add_(x * w)
        state.view(-1)[0] = w[0]
        return (state * 1).detach()

    traced = trace(f)
    for expected in ([1, 1], [1, 2]):
        assert traced(cr.ones(2)).tolist() == expected == state.tolist()
        assert not state.requires_grad and state.is_leaf and state.grad_fn is None and w.is_leaf
        assert (state * 2).requires_grad is False
    assert len(traced.programs) == 1


def test_history_does_not_leak_onto_a_base():
    """A view taken outside is written inside with something that has a history: its base must not keep a node of the trace."""
    buffer = cr.zeros(4, 3)
    row, w = buffer[1], cr.ones(3, requires_grad=True)

    def f(x):
        with cr.no_grad():
            row.copy_(w * x)
        return x + 1

    trace(f)(cr.ones(3))
    assert buffer[1].tolist() == [1, 1, 1] and not buffer.requires_grad and buffer.is_leaf
    assert (buffer * 2).tolist()[1] == [2, 2, 2]


def test_detach_and_data_inside():
    def f(x):
        y = x * 1
        y.detach().mul_(3)
        y.data[0] = 5.0
        return y * 2

    eager, traced = both(f, lambda: cr.ones(3))
    assert traced == eager
