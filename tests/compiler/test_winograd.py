"""Convolutions in fewer multiplications: every shape against the sums as they are written, in float64."""

import ctypes
import dataclasses

import numpy as np
import pytest
from compiler.both import RUNNABLE, Both
from compiler.products import (
    DTYPES,
    HOST,
    BiasAndRelu,
    check,
    close,
    convolution,
    input_gradient,
    operands,
    reference,
    run,
    weight_gradient,
)  # fmt: skip

import chainrule as cr
from chainrule.compiler.code import DOUBLE, FLOAT
from chainrule.compiler.product import Axis, Product, Store, choice, oriented, winograd_pays
from chainrule.compiler.product.shape import Blocks
from chainrule.compiler.product.winograd import Convolution, Gradient
from chainrule.compiler.target import Target
from chainrule.graph.traced import TracedFunction
from chainrule.nn import functional as F

RNG = np.random.default_rng(0)

SIZES = [
    # images, height and width with their padding, channels in and out
    (2, 8, 10, 16, 16),
    (2, 9, 11, 16, 16),  # odd: half of the last places are outside
    (1, 7, 7, 19, 21),  # neither channels nor columns fill vectors
    pytest.param((3, 5, 6, 40, 150), marks=pytest.mark.slow),
    pytest.param((5, 9, 8, 37, 300), marks=pytest.mark.slow),  # several tasks share the columns
]


@pytest.fixture
def always(monkeypatch):
    """Winograd wherever it is possible, however small."""
    monkeypatch.setattr(choice, "written", lambda p, target: float("inf"))


def checked(p, target, kind, slices=1, threads=16):
    """The sums of a product that has to be computed as this kind of convolution."""
    assert type(winograd_pays(p, target, slices)) is kind
    return check(p, target, slices, threads)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.usefixtures("always")
def test_convolutions(sizes, target):
    checked(convolution(*sizes, (3, 3)), target, Convolution)


OTHERS = [
    ((2, 2), 1, (2, 9, 8, 16, 16)),
    ((2, 2), 1, (1, 6, 9, 11, 13)),  # a third of the last places are there
    ((4, 4), 2, (2, 12, 16, 16, 24)),
    ((4, 4), 2, (1, 11, 15, 11, 13)),
    ((6, 6), 2, (2, 14, 12, 16, 16)),
]


@pytest.mark.parametrize(("kernel", "stride", "sizes"), OTHERS)
@pytest.mark.usefixtures("always")
def test_other_kernels(kernel, stride, sizes, target):
    """Two taps, and taps that are as many steps of the windows."""
    checked(convolution(*sizes, kernel, stride=stride), target, Convolution)
    for slices in (1, 2)[: sizes[0]]:
        checked(weight_gradient(*sizes, kernel, stride=stride), target, Gradient, slices)


@pytest.mark.parametrize("sizes", SIZES[:3])
@pytest.mark.usefixtures("always")
def test_the_gradient_of_an_input(sizes, target):
    checked(input_gradient(*sizes, (3, 3)), target, Convolution)


@pytest.mark.parametrize("slices", [1, 2])
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.usefixtures("always")
def test_the_gradient_of_a_kernel(sizes, slices, target):
    checked(weight_gradient(*sizes, (3, 3)), target, Gradient, slices)


@pytest.mark.usefixtures("always")
def test_an_image_with_its_channels_apart_is_none(target):
    """Its taps lie side by side where channels would."""
    p = weight_gradient(2, 9, 9, 16, 16, (3, 3))
    rows, columns, channels = [
        x._replace(a=stride) for x, stride in zip(p.m, (9, 1, 81), strict=True)
    ]
    places = [x._replace(a=stride) for x, stride in zip(p.k, (16 * 81, 9, 1), strict=True)]
    p = dataclasses.replace(p, type=DOUBLE, m=(channels, rows, columns), k=tuple(places))
    assert winograd_pays(p, target) is None
    check(p, target)


@pytest.mark.usefixtures("always")
def test_double(target):
    for make, kind in ((convolution, Convolution), (weight_gradient, Gradient)):
        p = make(2, 7, 8, 11, 13, (3, 3))
        checked(dataclasses.replace(p, type=DOUBLE), target, kind)


@pytest.mark.usefixtures("always")
def test_groups(target):
    checked(convolution(2, 6, 7, 48, 72, (3, 3), groups=3), target, Convolution)


@pytest.mark.usefixtures("always")
def test_more_channels_than_are_summed_at_once(target):
    p = convolution(1, 6, 6, 500, 40, (3, 3))
    assert not Blocks.of(winograd_pays(p, target).point.k, 1, 1).single
    checked(p, target, Convolution)


@pytest.mark.usefixtures("always")
def test_sums_over_a_third_axis():
    """A convolution in three dimensions of which only two take the detour: k has the taps of the other besides."""
    p = convolution(2, 8, 10, 16, 16, (3, 3))
    plane = 8 * 10 * 16
    deeper = dataclasses.replace(p, k=(*p.k[:2], Axis(2, plane // 2, 9 * 16 * 16, 0), p.k[2]))
    checked(deeper, HOST, Convolution)


@pytest.mark.parametrize("make", [convolution, weight_gradient])
@pytest.mark.usefixtures("always")
def test_the_number_of_threads_does_not_change_a_bit(make):
    kind = Convolution if make is convolution else Gradient
    results = [checked(make(5, 9, 9, 24, 40, (3, 3)), HOST, kind, 1, n) for n in (1, 3, 64)]
    assert np.array_equal(results[0], results[1]) and np.array_equal(results[0], results[2])


@pytest.mark.usefixtures("always")
def test_a_finish_of_ones_own(target):
    p = convolution(2, 7, 8, 16, 21, (3, 3))
    a, b = operands(p)
    bias = np.random.default_rng(1).standard_normal(21).astype(np.float32)
    c = np.zeros((1, 2, 5, 6, 21), np.float32)
    strides = [s // c.itemsize for s in c.strides]
    run(
        p,
        a.address,
        b.address,
        [c.ctypes.data, bias.ctypes.data],
        target,
        BiasAndRelu(FLOAT, strides, [1]),
    )
    close(p, c, np.maximum(reference(p, a, b) + bias, 0))


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mprotect"), reason="no mprotect here")
@pytest.mark.parametrize("sizes", SIZES[:3])
@pytest.mark.parametrize("make", [convolution, weight_gradient])
@pytest.mark.usefixtures("always")
def test_nothing_is_read_beyond_an_operand(make, sizes, target, at_the_end_of_memory):
    p = make(*sizes, (3, 3))
    a, b = operands(p)
    axes = [*p.batch, *p.m, *p.n]
    c = np.zeros(1 + sum((x.size - 1) * x.c for x in axes), np.float32)
    places = [at_the_end_of_memory(x.memory) for x in (a, b)]
    run(p, *places, [c.ctypes.data], target, Store(FLOAT))
    view = np.lib.stride_tricks.as_strided(c, [x.size for x in axes], [4 * x.c for x in axes])
    close(p, view, reference(p, a, b))


@pytest.mark.usefixtures("always")
def test_an_infinity_stays_in_the_places_that_read_it(target):
    p = convolution(1, 10, 10, 8, 8, (3, 3))
    a, b = operands(p)
    a.memory[0] = np.inf  # the corner of the image: only the first place of 2 × 2 reads it
    c = np.zeros((8, 8, 8), np.float32)
    run(p, a.address, b.address, [c.ctypes.data], target, Store(FLOAT))
    assert not np.isfinite(c[0, 0]).any()
    strange = ~np.isfinite(c).all(-1)
    strange[:2, :2] = False
    assert not strange.any()


@pytest.mark.parametrize("type", [FLOAT, DOUBLE])
def test_errors_are_of_the_size_of_other_sums(type, monkeypatch):
    """Against sums in a wider type: at most 3 times the errors of the sums as they are written."""
    p = dataclasses.replace(convolution(2, 18, 18, 64, 32, (3, 3)), type=type)
    a, b = operands(p)
    wide = np.longdouble if type == DOUBLE else np.float64
    exact = np.einsum("gzyxtsk,gtskn->gzyxn", a.view.astype(wide), b.view.astype(wide))
    errors = []
    for written in (0.0, float("inf")):
        monkeypatch.setattr(choice, "written", lambda p, target, cost=written: cost)
        c = np.zeros(exact.shape, DTYPES[type])
        run(p, a.address, b.address, [c.ctypes.data], HOST, Store(type))
        errors.append(np.sqrt(np.mean((c - exact) ** 2)))
    assert errors[1] < 3 * errors[0]


# ----------------------------------------------------------------------------------- programs

LAYERS = {
    "with a margin": ((2, 16, 7, 8), (24, 16, 3, 3), {"padding": 1}),
    "without": ((3, 17, 6, 9), (19, 17, 3, 3), {}),
    "with a wide one": ((2, 16, 4, 4), (16, 16, 3, 3), {"padding": (2, 3)}),
    "in groups": ((2, 32, 6, 6), (48, 16, 3, 3), {"padding": 1, "groups": 2}),
    "by two": ((2, 16, 8, 10), (24, 16, 4, 4), {"padding": 1, "stride": 2}),
    "two taps": ((2, 16, 5, 6), (24, 16, 2, 2), {"padding": 1}),
    "one image": ((1, 24, 9, 9), (24, 24, 3, 3), {"padding": 1}),
    "a volume": ((2, 16, 4, 5, 6), (16, 16, 3, 3, 3), {"padding": 1}),
    "a volume, flat taps": ((2, 16, 4, 5, 6), (16, 16, 1, 3, 3), {"padding": (0, 1, 1)}),
}


@pytest.mark.parametrize("level", RUNNABLE)
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.usefixtures("always")
def test_two_layers_and_their_gradients(name, level, monkeypatch):
    """The second layer is turned round, as in a decoder; images come and go in the order of PyTorch and lie channels-last between."""
    shape, taps, options = LAYERS[name]
    made = []
    for kind in (Convolution, Gradient):
        noted = kind.kernels
        monkeypatch.setattr(
            kind, "kernels", lambda w, *a, f=noted: made.append(type(w)) or f(w, *a)
        )
    x = cr.tensor(RNG.standard_normal(shape).astype("float32"))
    w = cr.tensor(RNG.standard_normal(taps).astype("float32") / 8)
    convolve = F.conv2d if len(shape) == 4 else F.conv3d
    back = F.conv_transpose2d if len(shape) == 4 else F.conv_transpose3d

    def step(x, w):
        x, w = x.detach().requires_grad_(), w.detach().requires_grad_()
        y = back(convolve(x * 2, w, **options).relu(), w, **options)
        (y * y).sum().backward()
        return y.detach(), x.grad, w.grad

    target = Target.level(level)
    TracedFunction(step, lambda program, donated: Both(program, donated, target))(x, w)
    assert Convolution in made
    # an image that nothing pads lies as it was given, channels apart; a third axis of taps is one of rows
    assert (Gradient in made) is (name not in ("without", "a volume"))


# ----------------------------------------------------------------------------------- choices


def test_what_takes_the_detour():
    """Kernels of 3 × 3 that slide by single steps, where there are channels enough."""
    wide = (8, 34, 34, 64, 64)
    assert isinstance(winograd_pays(convolution(*wide, (3, 3)), HOST), Convolution)
    assert isinstance(winograd_pays(input_gradient(*wide, (3, 3)), HOST), Convolution)
    assert isinstance(winograd_pays(weight_gradient(*wide, (3, 3)), HOST), Gradient)
    for other in (
        convolution(*wide, (3, 3), stride=2),
        convolution(*wide, (3, 3), dilation=2),
        convolution(*wide, (3, 3), groups=64),
        convolution(*wide, (1, 3)),
        convolution(*wide, (5, 5)),
        convolution(*wide, (2, 3)),
        convolution(*wide, (4, 4), stride=4),
        convolution(8, 34, 34, 3, 64, (3, 3)),
        weight_gradient(*wide, (3, 3), stride=2),
        weight_gradient(8, 34, 34, 3, 64, (3, 3)),
    ):
        assert winograd_pays(other, HOST) is None


def test_a_convolution_is_recognised_from_either_side():
    p = convolution(8, 34, 34, 64, 64, (3, 3))
    assert oriented(p, HOST) == (p, False)
    assert oriented(p.swapped(), HOST) == (p, True)


def test_a_product_with_windows_of_three_positions_alone_is_none():
    three = Axis(3, 1, 0, 9), Axis(3, 3, 0, 3)
    taps = Axis(3, 1, 1, 0), Axis(3, 3, 3, 0)
    assert winograd_pays(Product(FLOAT, (), three, (Axis(64, 0, 9, 1),), taps), HOST) is None
