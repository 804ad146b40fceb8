"""What a program does with the values that the tape keeps: packed, unpacked at each pass, the same gradients."""

import contextlib
import threading

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.autograd.graph import (
    disable_saved_tensors_hooks,
    save_on_cpu,
    saved_tensors_hooks,
)
from chainrule.base.errors import DTypeError, GradError
from chainrule.tape.op_node import OpNode

X = np.linspace(0.2, 1.7, 15).reshape(3, 5)


class Cube(cr.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = x * x * x
        ctx.save_for_backward(x, None, y)
        return y

    @staticmethod
    def backward(ctx, g):
        x, nothing, y = ctx.saved_tensors
        assert nothing is None
        return 3 * g * y / x


def computed(layer, x):
    """Ops of all sorts: products, a list of operands, views, a write in place, a function of one's own."""
    h = layer(x).tanh()
    h = cr.cat([h, h.exp()], dim=1).mul_(2.0)
    h[:, 1] = h.sum(1)
    return Cube.apply(h * 0.1).softmax(1).log().sin().sum()


def gradients(layer, around, passes=1, **options):
    x = cr.tensor(X, requires_grad=True)
    with around:
        y = computed(layer, x)
    for k in range(passes):
        found = cr.autograd.grad(y, [x, layer.weight], retain_graph=k + 1 < passes, **options)
    return found


@pytest.fixture
def layer():
    return nn.Linear(5, 7).double()


def test_what_is_packed_is_unpacked_at_each_pass(layer):
    calls = []

    def pack(t):
        calls.append("pack")
        return t.detach().numpy().copy(), t.requires_grad

    def unpack(packed):
        calls.append("unpack")
        return cr.tensor(packed[0])

    with cr.no_grad():
        computed(layer, cr.tensor(X, requires_grad=True))
    expected = gradients(layer, contextlib.nullcontext())
    assert all(map(cr.equal, expected, gradients(layer, save_on_cpu())))
    found = gradients(layer, saved_tensors_hooks(pack, unpack), passes=2)
    assert all(cr.equal(a, b) for a, b in zip(expected, found, strict=True))
    assert calls.count("unpack") == 2 * calls.count("pack") > 10
    assert OpNode.__init__.__name__ == "__init__"  # nobody pays for it any more


def test_second_derivatives(layer):
    def second(around):
        x = cr.tensor(X, requires_grad=True)
        with around:
            y = computed(layer, x)
        (g,) = cr.autograd.grad(y, x, create_graph=True)
        return cr.autograd.grad((g * g).sum(), x)[0]

    hooks = saved_tensors_hooks(lambda t: t.detach().clone(), lambda kept: kept)
    assert cr.allclose(second(hooks), second(contextlib.nullcontext()))


def test_a_leaf_is_packed_as_itself(layer):
    seen = []
    with saved_tensors_hooks(lambda t: seen.append(t) or t.detach(), lambda kept: kept):
        layer(cr.tensor(X, requires_grad=True)).exp()
    assert any(t is layer.weight for t in seen)
    assert [tuple(t.shape) for t in seen if t is not layer.weight] == [(3, 5), (3, 7)]


def test_the_innermost_packs_in_its_own_thread():
    outer, inner = [], []
    x = cr.tensor(X, requires_grad=True)
    with saved_tensors_hooks(lambda t: outer.append(t) or t.detach(), lambda kept: kept):
        x.exp()
        with saved_tensors_hooks(lambda t: inner.append(t) or t.detach(), lambda kept: kept):
            x.sin()
        other = threading.Thread(target=lambda: x.cos())
        other.start()
        other.join()
    x.tan()
    assert len(outer) == len(inner) == 1


def test_no_graph_is_kept_under_no_grad():
    def refuse(t):
        raise AssertionError

    with saved_tensors_hooks(refuse, refuse), cr.no_grad():
        cr.tensor(X, requires_grad=True).exp()


def test_refusals():
    x = cr.tensor(X, requires_grad=True)
    hooks = saved_tensors_hooks(lambda t: None, lambda kept: kept)
    with hooks:
        y = x.exp().sum()
    with pytest.raises(DTypeError, match="must return a Tensor, found NoneType"):
        y.backward()
    with (
        pytest.raises(GradError, match="a saved tensor pack hook is modifying its input in place"),
        saved_tensors_hooks(lambda t: t.detach().zero_(), lambda kept: kept),
    ):
        (x * 1.0).exp()
    with disable_saved_tensors_hooks("not in this block"):
        with pytest.raises(GradError, match="not in this block"), hooks:
            pass
    with hooks:
        with pytest.raises(GradError, match="not in this one"):
            disable_saved_tensors_hooks("not in this one")(lambda: None)()


def test_a_checkpoint_within_a_checkpoint_that_begins_with_other_ops():
    """Guards against looking for a node of the inner one at its place in the outer."""
    x = cr.tensor(X, requires_grad=True)
    inside = lambda v: cr.utils.checkpoint.checkpoint(lambda u: (u * u).exp(), v.sin().cos())  # noqa: E731
    for around in (lambda f, v: f(v), cr.utils.checkpoint.checkpoint):
        y = around(lambda v: inside(v).tanh(), x).sum()
        y.backward()
    assert cr.allclose(x.grad / 2, cr.autograd.grad((x.sin().cos() ** 2).exp().tanh().sum(), x)[0])
