"""Random small functions: traced = eager, bit for bit, for values, gradients, and what is written."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from view_programs import OnTensors, run, steps, weights

import chainrule as cr
from chainrule.graph import trace, verify
from chainrule.nn import functional as F

UNARY = [
    lambda a: a.tanh(),
    lambda a: a.sigmoid() * 2,
    lambda a: a.abs().sqrt(),
    lambda a: F.gelu(a),
    lambda a: a.softmax(-1),
    lambda a: -a,
    lambda a: a.cumsum(0),
    lambda a: a.flip(1),
    lambda a: F.layer_norm(a, a.shape[-1:]),
    lambda a: a.sort(1)[0],
    lambda a: a.clamp(-1, 1),
    lambda a: F.dropout(a, 0.3),
    lambda a: a.roll(1, 0),
    lambda a: a - a.max(1, keepdim=True)[0],
    lambda a: a.tril(),
    lambda a: a.detach() * a,
    lambda a: a * a.mean(0),
    lambda a: a / (1 + a.norm()),
    lambda a: a.masked_fill(a > 0.5, 0.0),
    lambda a: a[cr.tensor([2, 0, 1])],
    lambda a: a.gather(1, a.argsort(1)),
    lambda a: cr.cat([a[1:], a[:1]]),
    lambda a: a.view(-1).view(3, 5),
    lambda a: a.t().contiguous().t() + 0,
    lambda a: a.to(cr.float64).to(cr.float32),
    lambda a: a.topk(5, 1).values,
    lambda a: cr.where(a > 0, a, a * 0.1),
    lambda a: a.double().exp().float().log1p(),
]
BINARY = [
    lambda a, b: a + b,
    lambda a, b: a * b,
    lambda a, b: a - 2 * b,
    lambda a, b: a / (b.abs() + 1),
    lambda a, b: cr.maximum(a, b),
    lambda a, b: (a @ b.T) @ a / 5,
    lambda a, b: cr.einsum("ij,kj->ik", a, b) @ b / 5,
    lambda a, b: cr.stack([a, b]).mean(0),
    lambda a, b: a.lerp_(b, 0.5) if not a.is_leaf else a,
    lambda a, b: a.where(b > 0, b),
    lambda a, b: a.copy_(b * 2) if not a.is_leaf else b,
    lambda a, b: a.mul_(b * 1) if not a.is_leaf else a,
]
calls = st.lists(
    st.tuples(st.integers(0, len(UNARY) + len(BINARY) - 1), st.integers(0, 30), st.integers(0, 30)),
    min_size=1,
    max_size=8,
)


def network(program):
    """A function of two tensors that applies ops to a growing pool, and returns the last values and all gradients."""

    def f(x, w):
        pool = [x, w]
        for k, i, j in program:
            a, b = pool[i % len(pool)], pool[j % len(pool)]
            pool.append(UNARY[k](a * 1) if k < len(UNARY) else BINARY[k - len(UNARY)](a * 1, b * 1))
        total = sum([(p * p).sum() for p in pool[2:]]) + (x * w).sum()
        gx, gw = cr.grad(total, [x, w])
        return pool[-1].detach(), total.detach(), gx, gw

    return f


@given(calls)
def test_ops(program):
    f = network(program)
    traced = trace(f)
    for seed in (0, 1):
        rng = np.random.default_rng(seed)
        x, w = [
            cr.tensor(rng.standard_normal((3, 5)).astype(np.float32), requires_grad=True)
            for _ in range(2)
        ]
        cr.manual_seed(seed)
        eager = f(x, w)
        cr.manual_seed(seed)
        for e, t in zip(eager, traced(x, w), strict=True):
            np.testing.assert_array_equal(t.numpy(), e.numpy())
    assert len(traced.programs) == 1
    verify(traced.programs[0])


@given(steps)
def test_views_and_writes(program):
    """The random programs of tests/tensors, traced: every write has become a scatter, every view a replayed path."""

    def f(x):
        pool = run(OnTensors(), program, x)
        total = sum(
            [
                (cr.tensor(weights(k, t.shape).tolist(), dtype=cr.float64).view(t.shape) * t).sum()
                for k, t in enumerate(pool)
            ]
        )
        (g,) = cr.grad(total, x)
        return (*[t.detach() * 1 for t in pool], g)

    x = cr.tensor(np.random.default_rng(5).standard_normal((2, 3, 5)), requires_grad=True)
    traced = trace(f)
    for e, t in zip(f(x), traced(x), strict=True):
        np.testing.assert_array_equal(t.numpy(), e.numpy())


@given(steps, st.booleans())
def test_views_and_writes_into_an_argument_and_a_captured_tensor(program, captured):
    """No gradients: what a call leaves in memory that was there before."""
    start = np.random.default_rng(5).standard_normal((2, 3, 5))
    found = []
    for traced in (False, True):
        memory = cr.tensor(start)

        class Here(OnTensors):
            def start(self, x):
                self.pool.append(x)

        def f(x, memory=memory, Here=Here):
            return run(Here(), program, memory if captured else x)[-1] * 1

        g = trace(f) if traced else f
        x = cr.zeros(1) if captured else memory
        found.append([g(x).numpy(), g(x).numpy(), memory.numpy()])
    for e, t in zip(*found, strict=True):
        np.testing.assert_array_equal(t, e)
