"""Layers in a traced function: the same results, buffers written, modes guarded, and what a program cannot contain refused."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.base.errors import TraceError
from chainrule.graph import trace
from chainrule.nn import functional as F


def pair(make, *inputs, calls=3):
    """Results and buffers of a module, eager and traced, over some calls."""
    found = []
    for wrapped in (False, True):
        cr.manual_seed(5)
        module = make()
        f = trace(module) if wrapped else module
        outs = []
        for _ in range(calls):
            y = f(*inputs)
            outs.append((y[0] if isinstance(y, tuple) else y).detach().numpy().copy())
        found.append([*outs, *[b.numpy().copy() for b in module.buffers()]])
        if wrapped:
            assert len(f.programs) == 1
    return found


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: nn.BatchNorm1d(5), (7, 5)),
        (lambda: nn.BatchNorm1d(5, momentum=None), (7, 5)),
        (lambda: nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2)), (2, 2, 7, 11)),
        (lambda: nn.Sequential(nn.Dropout(0.3), nn.Linear(5, 3), nn.Dropout1d(0.3)), (2, 7, 5)),
        (lambda: nn.LSTM(5, 3, num_layers=2, bidirectional=True, dropout=0.3), (11, 2, 5)),
        (lambda: nn.Sequential(nn.LayerNorm(5), nn.GELU(), nn.Softmax(-1)), (2, 7, 5)),
        (lambda: nn.Sequential(nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(2), nn.Flatten()), (2, 3, 5, 7)),
    ],
)  # fmt: skip
def test_traced_layers_are_eager_layers(make, shape):
    x = np.random.default_rng(0).standard_normal(shape).astype("float32")
    # a fresh input for every call of an in-place module would hide a write: the same one is given each time
    eager, traced = pair(make, cr.tensor(x)), pair(make, cr.tensor(x))
    for a, b in zip(eager[0], traced[1], strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6)


def test_training_and_evaluation_are_two_programs():
    net = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))
    f = trace(net)
    x = cr.ones(5, 3)
    assert (f(x).detach().numpy() != f(x).detach().numpy()).any()
    net.eval()
    np.testing.assert_array_equal(f(x).detach().numpy(), net(x).detach().numpy())
    net.train()
    f(x)
    assert len(f.programs) == 2


def test_a_replaced_parameter_is_noticed():
    layer = nn.Linear(3, 2)
    f = trace(layer)
    x = cr.ones(5, 3)
    f(x)
    layer.weight = nn.Parameter(cr.zeros(2, 3))
    layer.load_state_dict({"bias": np.ones(2, "float32")}, strict=False)
    np.testing.assert_array_equal(f(x).detach().numpy(), np.ones((5, 2)))
    assert len(f.programs) == 2


def test_a_traced_value_cannot_stay_on_a_module():
    class Keeps(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("state", cr.zeros(3))

        def forward(self, x):
            self.state = self.state + x
            return self.state

    with pytest.raises(
        TraceError, match="the attribute 'state' of a Keeps is set to a traced value"
    ):
        trace(Keeps())(cr.ones(3))


def test_clipping_cannot_look_at_the_norm_in_a_trace():
    w = nn.Parameter(cr.ones(3))

    def step():
        w.grad = None
        (w * w).sum().backward()
        return nn.utils.clip_grad_norm_(w, 1.0, error_if_nonfinite=True)

    with pytest.raises(TraceError, match="error_if_nonfinite=True must look at the norm"):
        trace(step)()


def test_attention_with_dropout():
    q = cr.randn(2, 3, 5, 4)
    f = trace(lambda q: F.scaled_dot_product_attention(q, q, q, dropout_p=0.3, is_causal=True))
    cr.manual_seed(1)
    eager = F.scaled_dot_product_attention(q, q, q, dropout_p=0.3, is_causal=True)
    cr.manual_seed(1)
    np.testing.assert_allclose(f(q).numpy(), eager.numpy(), rtol=1e-6)


def test_hooks_run_while_a_program_is_written():
    layer = nn.Linear(3, 2)
    layer.register_forward_hook(lambda module, args, y: y * 2)
    layer.register_full_backward_hook(lambda module, gi, go: (gi[0] * 3,))

    def step(x):
        x = x.detach().requires_grad_()
        y = layer(x)
        (dx,) = cr.autograd.grad(y.sum(), x)
        return y, dx

    x = cr.randn(5, 3)
    for a, b in zip(trace(step)(x), step(x), strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-6)
