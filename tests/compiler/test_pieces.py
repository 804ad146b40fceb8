"""Values put together of pieces: joins, padding, and writes into boxes, with steps between their places."""

import numpy as np
import pytest
from compiler.both import Both

import chainrule as cr
from chainrule.graph.traced import TracedFunction
from chainrule.nn import functional as F


def compiled(f, *given):
    """The results of a function of tensors, which agree with the interpreter's; all of it is machine code."""
    traced = TracedFunction(f, Both)
    out = traced(*[cr.tensor(x) if isinstance(x, np.ndarray) else x for x in given])
    assert not traced.last.executor.native.left_to_numpy
    return out


BOXES = {
    "every other row": (slice(None, None, 2),),
    "every third column from the second on": (slice(None), slice(1, None, 3)),
    "steps along two axes": (slice(2, 12, 5), slice(0, 13, 2)),
    "steps of steps": (slice(1, None, 2), slice(1, 12, 4), 3),
    "one place": (slice(4, 5, 3), slice(3, 9, 7), slice(0, 1)),
    "the last": (-1, slice(-3, None, 2)),
}


@pytest.mark.parametrize("name", BOXES)
def test_writes_into_boxes(name):
    box = BOXES[name]
    x = np.arange(13.0 * 17 * 5, dtype="float32").reshape(13, 17, 5)

    def step(x):
        y = x * 2
        y[box] = y[box] * -1
        y[box].add_(0.5)
        return y

    expected = x * 2
    expected[box] = expected[box] * -1 + 0.5
    np.testing.assert_array_equal(compiled(step, x).numpy(), expected)


def test_the_gradient_of_slices_with_steps():
    """Patches merged as in a Swin transformer: four slices of every other row and column."""

    def step(x, w):
        x, w = x.detach().requires_grad_(), w.detach().requires_grad_()
        corners = [x[:, i::2, j::2] for j in (0, 1) for i in (0, 1)]
        (cr.cat(corners, -1) @ w).square().sum().backward()
        return x.grad, w.grad

    compiled(step, cr.randn(3, 14, 22, 7), cr.randn(28, 5))


@pytest.mark.parametrize("pads", [(-2, 3), (1, -4, -1, -2), (-5, -2, 3, 3), (0, -1, 2, 0)])
def test_padding_by_negative_amounts_cuts_off(pads):
    x = np.arange(7.0 * 11, dtype="float32").reshape(7, 11)
    found = compiled(lambda x: F.pad(x.exp().log1p(), pads, value=3.0), x)
    expected = F.pad(cr.tensor(x).exp().log1p(), pads, value=3.0)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-6)
