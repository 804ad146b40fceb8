"""Graphs and their arrays die with the last tensor, without the cycle collector: a cycle would hold gigabytes until it happens to run."""

import contextlib
import gc
import weakref

import numpy as np
import pytest

import chainrule as cr
from chainrule.transforms import Function, checkpoint


class Scale(Function):
    @staticmethod
    def forward(ctx, x, k):
        y = x * k
        ctx.save_for_backward(x, y)
        ctx.k = k
        return y

    @staticmethod
    def backward(ctx, g):
        _x, _y = ctx.saved_tensors
        return g * ctx.k, None


def in_place(x):
    y = x * 1
    y.view(-1)[::2].mul_(2)
    y[0] = x[0] * 3
    y.add_(1)
    return y


def hooked(x):
    y = x * 2
    y.register_hook(lambda g: g * 2)
    return y * 3


def retained(x):
    y = x * 2
    y.retain_grad()
    return y * y


def looped(x):
    (c,), (ys,) = cr.scan(lambda c, s: ((c[0] * s[0],), (c[0].sin(),)), (x[0],), (x,))
    return c + ys.sum(0)


def layered(x):
    cr.manual_seed(1)
    net = cr.nn.Sequential(
        cr.nn.Linear(5, 7), cr.nn.LayerNorm(7), cr.nn.GELU(), cr.nn.Dropout(0.5), cr.nn.Softmax(-1)
    )
    return net(x)


PROGRAMS = {
    "ops": lambda x: (x * x).exp().sin() @ x.mT,
    "views": lambda x: x.view(-1)[1:].unsqueeze(0).expand(3, 14) * 2,
    "in-place": in_place,
    "several outputs": lambda x: x.topk(2)[0] + x.sort()[0][:, :2],
    "a Function": lambda x: Scale.apply(x, 3.0) * 2,
    "hooks": hooked,
    "retain_grad": retained,
    "a scan": looped,
    "layers": layered,
    "checkpoint": lambda x: checkpoint(lambda v: (v * v).exp().sin(), x) * 2,
    "a second derivative": lambda x: cr.grad((x**3).sum(), x, create_graph=True)[0] * x,
    "detach and data": lambda x: (x * 1).detach() * x + x.data,
}
ENDS = {
    "dropped": lambda y: None,
    "after backward": lambda y: y.sum().backward(),
    "retained": lambda y: y.sum().backward(retain_graph=True),
    "create_graph": lambda y: cr.grad(y.sum(), INPUT, create_graph=True, allow_unused=True),
}
INPUT = cr.tensor(
    np.random.default_rng(0).random((3, 5)) + 0.5, requires_grad=True, dtype=cr.float32
)


@contextlib.contextmanager
def no_collector():
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def behind(y):
    """Weak references to every node behind a tensor, and to the arrays and tensors that it keeps."""
    from chainrule.tape.nodes import reachable

    nodes = reachable([y.edge])
    return [weakref.ref(n) for n in nodes] + [weakref.ref(y)]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_graph_dies_with_its_last_tensor(name, end):
    INPUT.grad = None
    with no_collector():
        y = PROGRAMS[name](INPUT)
        assert y.requires_grad
        refs = behind(y)
        ENDS[end](y)
        del y
        alive = [r() for r in refs if r() is not None]
        assert not alive
        assert gc.collect() == 0, "something was left to the cycle collector"


def test_saved_arrays_are_freed_by_the_pass_that_uses_them():
    """Backward frees as it goes: peak memory would otherwise hold every activation beside every gradient."""
    x = cr.ones(5, requires_grad=True)
    h = x.exp()
    y = h.sin()
    ref = weakref.ref(h._value)
    del h
    assert ref() is not None  # sin keeps it
    y.sum().backward()
    assert ref() is None


def test_what_no_rule_needs_is_not_kept():
    """x + 1 needs no operand: keeping it would double the memory of a residual network."""
    x = cr.ones(5, requires_grad=True)
    for make in (
        lambda h: h + 1,
        lambda h: h * 2,
        lambda h: h.sum(),
        lambda h: h.view(5, 1) + 0,
        lambda h: cr.cat([h, h]),
        lambda h: -h,
    ):
        h = x * 2
        ref = weakref.ref(h._storage)
        y = make(h)
        del h
        assert ref() is None, make
        y.sum().backward()


def test_nothing_is_kept_where_no_gradient_goes():
    """w·x with a constant x keeps x for w, and not w for x."""
    w = cr.ones(5, requires_grad=True)
    k = w * 3
    ref = weakref.ref(k._storage)
    y = k.detach() * w
    del k
    assert ref() is not None
    del y
    assert ref() is None


def test_no_graph_is_built_under_no_grad():
    x = cr.ones(5, requires_grad=True)
    with cr.no_grad():
        h = x.exp()
        ref = weakref.ref(h._storage)
        y = h.sin()
        del h
    assert ref() is None and y.grad_fn is None


def test_an_error_in_a_pass_leaves_no_cycle():
    x = cr.ones(5, requires_grad=True)
    with no_collector():
        y = x * 2
        y.register_hook(lambda g: 1 / 0)
        z = (y * y).sum()
        refs = behind(z)
        try:
            z.backward()
        except ZeroDivisionError:
            pass
        del y, z
        assert not [r for r in refs if r() is not None]


def test_tensors_themselves_are_freed_at_once():
    with no_collector():
        for make in (
            lambda: cr.ones(3),
            lambda: cr.ones(3)[1:],
            lambda: cr.ones(3, requires_grad=True),
            lambda: cr.nn.Linear(3, 5),
            lambda: cr.nn.LSTM(3, 5),
        ):
            t = make()
            ref = weakref.ref(t)
            del t
            assert ref() is None
