"""Loops and positions: LSTM by scan, traced once whatever the length; a cache written at a position that the program reads."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.graph import trace
from chainrule.nn import functional as F
from chainrule.tensors import scan

RNG = np.random.default_rng(0)


def lstm_step(net, opt=None):
    def step(x):
        for p in net.parameters():
            p.grad = None
        out, (h, c) = net(x)
        loss = (out * out).mean() + (h * c).sum()
        loss.backward()
        return (out, h, c, loss, *[p.grad * 1 for p in net.parameters()])

    return step


@pytest.mark.parametrize(("layers", "both_ways"), [(1, False), (2, True)])
def test_an_lstm_forward_and_backward(layers, both_ways):
    cr.manual_seed(3)
    net = nn.LSTM(3, 5, num_layers=layers, bidirectional=both_ways)
    step = lstm_step(net)
    traced = trace(step)
    for _ in range(2):
        x = cr.tensor(RNG.standard_normal((7, 2, 3)).astype(np.float32))
        for a, b in zip(step(x), traced(x), strict=True):
            # the weights' gradients are summed over time in the same order, so even they agree to the bit
            np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())
    assert len(traced.programs) == 1


def count(program):
    """All equations, those of the loops' bodies too."""
    return sum(
        1 + sum(count(v) for v in eq.attrs.values() if hasattr(v, "equations"))
        for eq in program.equations
    )


def test_the_size_of_a_program_does_not_depend_on_the_length():
    cr.manual_seed(3)
    net = nn.LSTM(3, 5)
    traced = trace(lstm_step(net))
    for length in (2, 7, 101):
        traced(cr.zeros(length, 2, 3))
    sizes = {count(p) for p in traced.programs}
    assert len(traced.programs) == 3 and len(sizes) == 1 and sizes.pop() < 200
    assert [eq.op.name for eq in traced.programs[0].equations].count("scan") == 2  # there and back


def test_the_body_runs_once_per_trace():
    runs = []

    def body(c, x):
        runs.append(1)
        return (c[0] * x[0],), (c[0] + x[0],)

    traced = trace(lambda x: scan(body, (x[0] * 1,), (x,))[1][0])
    for _ in range(3):
        traced(cr.ones(11, 2))
    assert len(runs) == 1


@pytest.mark.parametrize("reverse", [False, True])
def test_scans_with_several_carries_and_closed_over_weights(reverse):
    w, b = (
        cr.tensor(RNG.standard_normal((5, 5)), requires_grad=True),
        cr.tensor(RNG.standard_normal(5), requires_grad=True),
    )

    def f(x, h):
        def body(carry, step):
            h, n = carry
            (s,) = step
            new = (h @ w + s * b).tanh()
            return (new, n + 1), (new * s, h.sum())

        (last, n), (ys, zs) = scan(body, (h, cr.tensor(0)), (x,), reverse=reverse)
        total = (last * ys[2]).sum() + (zs**2).sum()
        return last, n, ys, zs, *cr.grad(total, [w, b, x, h])

    x, h = (
        cr.tensor(RNG.standard_normal((7, 5)), requires_grad=True),
        cr.tensor(RNG.standard_normal(5), requires_grad=True),
    )
    for e, t in zip(f(x, h), trace(f)(x, h), strict=True):
        np.testing.assert_array_equal(e.detach().numpy(), t.detach().numpy())


def test_second_derivatives_through_a_scan():
    w = cr.tensor(RNG.standard_normal(5), requires_grad=True)

    def f(x):
        (h,), _ = scan(lambda c, s: (((c[0] * w + s[0]).sin(),), ()), (x[0] * 1,), (x,))
        (g,) = cr.grad(h.sum(), w, create_graph=True)
        (second,) = cr.grad((g * g).sum(), w)
        return g, second

    x = cr.tensor(RNG.standard_normal((7, 5)))
    for e, t in zip(f(x), trace(f)(x), strict=True):
        np.testing.assert_allclose(e.detach().numpy(), t.detach().numpy(), rtol=1e-12)


def test_scan_errors():
    x = cr.ones(3, 2)
    with pytest.raises(cr.ShapeError, match="the body must return 1 carries, found 2"):
        scan(lambda c, s: ((c[0], c[0]), ()), (x[0],), (x,))
    with pytest.raises(
        cr.ShapeError,
        match=r"must return carry 0 as it got it, \(2,\) float32, found \(1, 2\) float32",
    ):
        scan(lambda c, s: ((c[0][None],), ()), (x[0],), (x,))
    with pytest.raises(cr.ShapeError, match="the same number of steps"):
        scan(lambda c, s: (c, ()), (x[0],), (x, cr.ones(2, 2)))
    with pytest.raises(cr.ShapeError, match="have no steps"):
        scan(lambda c, s: (c, ()), (x[0],), (cr.ones(0, 2),))


# -------------------------------------------------------------------------------------------------- a key/value cache


def attention(cache_k, cache_v, wq, wk, wv):
    """One token at a time: its key and value go into the cache at a position that is a tensor."""
    T = cache_k.shape[2]

    def decode(x, pos):
        q, k, v = [(x @ w).view(1, 2, 1, 3) for w in (wq, wk, wv)]
        cache_k[:, :, pos] = k[:, :, 0]
        cache_v[:, :, pos] = v[:, :, 0]
        seen = cr.arange(T) <= pos
        return F.scaled_dot_product_attention(q, cache_k, cache_v, attn_mask=seen.view(1, 1, 1, T))

    return decode


def test_a_cache_written_in_place_at_a_traced_position():
    ws = [cr.tensor(RNG.standard_normal((6, 6)).astype(np.float32)) for _ in range(3)]
    caches = [[cr.zeros(1, 2, 11, 3) for _ in range(2)] for _ in range(2)]
    eager, traced = attention(*caches[0], *ws), trace(attention(*caches[1], *ws))
    with cr.no_grad():
        for pos in range(11):
            x = cr.tensor(RNG.standard_normal(6).astype(np.float32))
            np.testing.assert_array_equal(
                traced(x, cr.tensor(pos)).numpy(), eager(x, cr.tensor(pos)).numpy()
            )
            for a, b in zip(*caches, strict=True):
                np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert len(traced.programs) == 1
    assert (caches[1][0].numpy() != 0).all()


def test_reading_and_writing_at_traced_positions():
    def f(x, i):
        y = x * 1
        y[i] = y[i - 1] * 2
        y[:, i] += 1
        return y, y[i], y[..., i], x[i, 1:]

    x = cr.tensor(RNG.standard_normal((5, 5)))
    traced = trace(f)
    for i in (0, 3, 1, -2):
        for e, t in zip(f(x, cr.tensor(i)), traced(x, cr.tensor(i)), strict=True):
            np.testing.assert_array_equal(e.numpy(), t.numpy())
    assert len(traced.programs) == 1


def test_a_python_position_is_a_constant_and_makes_a_program_each():
    traced = trace(lambda x, i: x[i])
    x = cr.arange(5)
    assert [traced(x, i).item() for i in (0, 3, 3)] == [0, 3, 3] and len(traced.programs) == 2


def test_a_position_out_of_range_is_an_error_at_the_call():
    traced = trace(lambda x, i: x[i])
    traced(cr.arange(5), cr.tensor(2))
    with pytest.raises(cr.RangeError):
        traced(cr.arange(5), cr.tensor(5))
