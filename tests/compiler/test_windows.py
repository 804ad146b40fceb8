"""Convolutions and pools whose results are read through views that divide an axis: the kernel's own axes are then divided too."""

import numpy as np
import pytest
from compiler.both import RUNNABLE, Both

import chainrule as cr
from chainrule.compiler import contractions
from chainrule.compiler.target import Target
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


DEPTHWISE = {
    "one filter for a channel": ((2, 37, 7, 5), (37, 1, 3, 3), {"padding": 1}),
    "two filters for a channel": ((2, 19, 7, 5), (38, 1, 3, 3), {"padding": 1}),
    "every other place": ((2, 16, 11, 7), (16, 1, 5, 3), {"padding": (2, 1), "stride": 2}),
    "taps apart": ((3, 23, 11, 7), (23, 1, 3, 3), {"padding": 2, "dilation": 2}),
    "along one axis": ((3, 29, 31), (29, 1, 4), {"padding": 3}),
}


@pytest.mark.parametrize("level", RUNNABLE)
@pytest.mark.parametrize("name", DEPTHWISE)
def test_depthwise_convolutions(name, level):
    shape, taps, options = DEPTHWISE[name]
    x = cr.tensor(RNG.standard_normal(shape).astype("float32"))
    w = cr.tensor(RNG.standard_normal(taps).astype("float32"))
    convolve = F.conv1d if len(shape) == 3 else F.conv2d

    def step(x, w):
        x, w = x.detach().requires_grad_(), w.detach().requires_grad_()
        y = convolve(x * 2, w, groups=shape[1], **options).relu()
        (y * y).sum().backward()
        return y.detach(), x.grad, w.grad

    target = Target.level(level)
    TracedFunction(step, lambda program, donated: Both(program, donated, target))(x, w)


ONE_PIXEL = {
    "an image out of a pixel": ((2, 5, 1, 1), (5, 3, 7, 5), {}),
    "within a margin": ((2, 5, 1, 1), (5, 3, 7, 5), {"padding": (2, 1)}),
    "a line out of a line": ((2, 5, 1, 11), (5, 3, 4, 3), {"stride": (2, 2)}),
    "more than the taps reach": ((2, 5, 1, 1), (5, 3, 3, 3), {"stride": 2, "output_padding": 1}),
    "taps apart": ((2, 5, 1, 1), (5, 3, 3, 3), {"dilation": 2}),
    "in groups": ((2, 6, 1, 1), (6, 5, 4, 3), {"groups": 2}),
    "each channel by itself": ((2, 17, 1, 1), (17, 1, 4, 3), {"groups": 17}),
}


@pytest.mark.parametrize("level", RUNNABLE)
@pytest.mark.parametrize("name", ONE_PIXEL)
def test_transposed_convolutions_of_one_position(name, level):
    shape, taps, options = ONE_PIXEL[name]
    x = cr.tensor(RNG.standard_normal(shape).astype("float32"))
    w = cr.tensor(RNG.standard_normal(taps).astype("float32"))

    def step(x, w):
        x, w = x.detach().requires_grad_(), w.detach().requires_grad_()
        y = F.conv_transpose2d(x * 2, w, **options).relu()
        (y * y).sum().backward()
        return y.detach(), x.grad, w.grad

    target = Target.level(level)
    TracedFunction(step, lambda program, donated: Both(program, donated, target))(x, w)


@pytest.mark.parametrize("name", SPLIT)
def test_axes_of_windows_may_be_divided(name):
    def step(x, w):
        x, w = x.detach().requires_grad_(), w.detach().requires_grad_()
        y = SPLIT[name](x, w)
        (y * y).sum().backward()
        return y.detach(), x.grad, w.grad

    TracedFunction(step, Both)(X, W)


def test_images_put_together_of_images_stay_channels_last(monkeypatch):
    """And products whose end computes something know how their results lie."""
    seen, make = [], contractions.product.product

    def spy(name, p, *more, **options):
        seen.append(p)
        return make(name, p, *more, **options)

    monkeypatch.setattr(contractions.product, "product", spy)
    w1, w2 = [
        cr.tensor(RNG.standard_normal(s).astype("float32")) for s in ((16, 8, 1, 1), (16, 24, 3, 3))
    ]

    def dense(x, w1, w2):
        y = F.conv2d(x, cr.ones(8, 3, 1, 1))
        y = cr.cat([y, F.conv2d(y, w1).relu()], 1)
        return F.conv2d(F.relu(y * 2), w2, padding=1).mean(dim=(2, 3))

    f = TracedFunction(dense, Both)
    f(cr.tensor(RNG.standard_normal((2, 3, 8, 8)).astype("float32")), w1, w2)
    native = f.last.executor.native
    [whole] = [
        whole for whole, _ in native.grouping.parts.values() if whole.spec.shape[1:] == (24, 8, 8)
    ][:1]
    assert native.memory.layout[whole.id].strides == (1536, 1, 192, 24)
    assert [p.n[-1].c for p in seen] == [1, 1, 1]


def run(f, *given):
    """f as machine code, which agrees with the interpreter; nothing is left to NumPy."""
    traced = TracedFunction(f, Both)
    traced(*given)
    assert not traced.last.executor.native.left_to_numpy


STRANGE = {
    "ties": [0.0, -0.0, 1.0],
    "NaN": [np.nan, 1.0, 2.0],
    "nothing": [-np.inf],
    "mixed": [-np.inf, np.nan, 3.0, np.inf],
}


@pytest.mark.parametrize("last", [True, False], ids=["channels last", "channels first"])
@pytest.mark.parametrize("name", STRANGE)
def test_pools_of_strange_numbers(name, last):
    """The first of ties, the last NaN, and a place within the window where there is nothing but -inf."""
    rng = np.random.default_rng(0)
    x = cr.tensor(rng.choice(np.array(STRANGE[name], "float32"), (2, 19, 11, 13)))
    x = x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2) if last else x
    for options in (
        {"kernel_size": 3, "padding": 1},
        {"kernel_size": (2, 5), "stride": (2, 3), "padding": (1, 2)},
        {"kernel_size": (3, 2), "stride": 1, "padding": 1, "dilation": (2, 1)},
        {"kernel_size": (1, 4)},
    ):
        run(lambda x, o=options: F.max_pool2d(x, return_indices=True, **o), x)


@pytest.mark.parametrize("name", STRANGE)
def test_extremes_of_columns_of_strange_numbers(name):
    x = cr.tensor(np.random.default_rng(1).choice(np.array(STRANGE[name], "float32"), (3, 301, 37)))
    run(lambda x: (x.argmax(1), x.argmin(1), *x.max(dim=1), *x.min(dim=1), x.max(dim=2)[1]), x)


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": (2, 3)},
        {"kernel_size": (1, 4), "stride": (2, 1)},
        {"kernel_size": 3, "stride": 1, "padding": 1, "count_include_pad": False},
        {"kernel_size": (5, 2), "stride": (3, 4), "padding": (2, 1)},
        {"kernel_size": 2, "ceil_mode": True},
    ],
    ids=str,
)
def test_the_gradient_of_averages(options):
    """Of windows that overlap, lie side by side, or leave places out."""

    def step(x):
        x = x.detach().requires_grad_()
        F.avg_pool2d(x * 2, **options).square().sum().backward()
        return x.grad

    run(step, cr.randn(2, 5, 11, 13))
    run(step, cr.randn(2, 5, 12, 12))
