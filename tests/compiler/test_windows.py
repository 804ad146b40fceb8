"""Convolutions and pools whose results are read through views that divide an axis: the kernel's own axes are then divided too."""

import numpy as np
import pytest
from compiler.both import Both

import chainrule as cr
from chainrule.graph.traced import TracedFunction
from chainrule.nn import functional as F

RNG = np.random.default_rng(0)
X = cr.tensor(RNG.standard_normal((2, 3, 6, 8)).astype("float32"))
W = cr.tensor(RNG.standard_normal((4, 3, 3, 3)).astype("float32"))
ROW, COLUMN = cr.arange(4.0), cr.arange(3.0).reshape(3, 1)

SPLIT = {
    "mean, lines": lambda x, w: F.avg_pool2d(x, 3, 1, 1).reshape(2, 3, 2, 3, 8) * COLUMN,
    "mean, columns": lambda x, w: F.avg_pool2d(x, 3, 1, 1).reshape(2, 3, 6, 2, 4) * ROW,
    "maximum, lines": lambda x, w: F.max_pool2d(x, 3, 1, 1).reshape(2, 3, 2, 3, 8) * COLUMN,
    "convolution, lines": lambda x, w: F.conv2d(x, w, padding=1).reshape(2, 4, 2, 3, 8) * COLUMN,
    "convolution, columns": lambda x, w: F.conv2d(x, w, padding=1).reshape(2, 4, 6, 2, 4) * ROW,
    "convolution, channels": lambda x, w: F.pixel_shuffle(F.conv2d(x, w, padding=1), 2) * 2 + 1,
    "transposed, lines": lambda x, w: (
        F.conv_transpose2d(F.conv2d(x, w), w).reshape(2, 3, 2, 3, 8) * COLUMN
    ),
}


@pytest.mark.parametrize("name", SPLIT)
def test_axes_of_windows_may_be_divided(name):
    def step(x, w):
        x, w = x.detach().requires_grad_(), w.detach().requires_grad_()
        y = SPLIT[name](x, w)
        (y * y).sum().backward()
        return y.detach(), x.grad, w.grad

    TracedFunction(step, Both)(X, W)
