"""nn.functional against PyTorch: values and gradients in float64, over the arguments that layers do not reach."""

import itertools
import math
import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule.base.errors import ShapeError
from chainrule.nn import functional

RNG = np.random.default_rng(5)


def f(*shape, low=None, high=None):
    return RNG.standard_normal(shape) if low is None else RNG.uniform(low, high, shape)


def i(*shape, high):
    return RNG.integers(0, high, shape)


MASK = RNG.random((5, 7)) > 0.3
MASK[:, 0] = True

# name, operands, options
CASES = [
    ("linear", [f(3, 5), f(5)], {}),
    ("linear", [f(3, 5), f(7, 5), f(7)], {}),
    ("conv1d", [f(2, 3, 11), f(5, 3, 3), f(5)], {"stride": (2,), "padding": (1,)}),
    ("conv2d", [f(2, 3, 7, 11), f(5, 3, 3, 2)], {"padding": "valid"}),
    ("conv3d", [f(2, 3, 5, 7, 4), f(2, 3, 2, 3, 2), f(2)], {"stride": (1, 2, 1), "padding": 1}),
    ("max_pool1d", [f(2, 3, 11)], {"kernel_size": 3, "stride": 2}),
    ("max_pool2d", [f(2, 3, 7, 11)], {"kernel_size": 3, "padding": 1, "return_indices": True}),
    (
        "max_pool2d",
        [f(3, 8, 7)],
        {"kernel_size": (2, 3), "stride": 2, "return_indices": True, "ceil_mode": True},
    ),
    ("max_pool3d", [f(2, 3, 5, 4, 6)], {"kernel_size": 2}),
    ("avg_pool1d", [f(2, 3, 11)], {"kernel_size": 3, "padding": 1, "ceil_mode": True}),
    ("avg_pool3d", [f(2, 3, 5, 4, 6)], {"kernel_size": 2, "divisor_override": 3}),
    ("adaptive_avg_pool1d", [f(2, 3, 11)], {"output_size": 4}),
    ("adaptive_avg_pool3d", [f(2, 3, 5, 4, 6)], {"output_size": (2, None, 1)}),
    ("batch_norm", [f(7, 5), f(5), f(5, low=0.5, high=2), f(5), f(5)], {}),
    ("batch_norm", [f(7, 5, 3), None, None, f(5), None], {"training": True, "eps": 0.1}),
    ("normalize", [f(3, 5)], {}),
    ("normalize", [f(3, 5)], {"p": 3.0, "dim": 0}),
    ("cosine_similarity", [f(3, 5), f(3, 5)], {}),
    ("cosine_similarity", [f(3, 5, 2), f(3, 5, 2)], {"dim": -1, "eps": 0.01}),
    ("embedding", [i(3, 5, high=7), f(7, 2)], {"padding_idx": 3}),
    ("one_hot", [i(3, 5, high=7)], {}),
    ("one_hot", [i(3, 5, high=7)], {"num_classes": 11}),
    ("softmax", [f(3, 5)], {"dim": 0}),
    ("log_softmax", [f(3, 5, 2)], {"dim": 1}),
    ("softmin", [f(3, 5)], {"dim": -1}),
    ("pad", [f(3, 5)], {"pad": (1, 2)}),
    ("pad", [f(3, 5)], {"pad": (1, 2, -1, 3), "value": 7.0}),
    ("pad", [f(2, 3, 5)], {"pad": (2, 4), "mode": "reflect"}),
    ("pad", [f(2, 3, 5, 7)], {"pad": (2, 4, 3, 1), "mode": "reflect"}),
    ("pad", [f(2, 3, 5, 7)], {"pad": (9, 4, 0, 8), "mode": "replicate"}),
    ("pad", [f(2, 3, 5, 7)], {"pad": (7, 4, 0, 5), "mode": "circular"}),
    ("scaled_dot_product_attention", [f(2, 3, 5, 4), f(2, 3, 7, 4), f(2, 3, 7, 2)], {}),
    (
        "scaled_dot_product_attention",
        [f(2, 5, 4), f(2, 5, 4), f(2, 5, 4)],
        {"is_causal": True, "scale": 0.3},
    ),
    ("scaled_dot_product_attention", [f(2, 3, 5, 4), f(2, 3, 7, 4), f(2, 3, 7, 4), f(5, 7)], {}),
    ("scaled_dot_product_attention", [f(2, 3, 5, 4), f(2, 3, 7, 4), f(2, 3, 7, 4), MASK], {}),
    (
        "scaled_dot_product_attention",
        [f(2, 6, 5, 4), f(2, 2, 7, 4), f(2, 2, 7, 3)],
        {"enable_gqa": True},
    ),
    (
        "scaled_dot_product_attention",
        [f(2, 6, 5, 4), f(2, 3, 5, 4), f(2, 3, 5, 4)],
        {"enable_gqa": True, "is_causal": True},
    ),
    ("cross_entropy", [f(5, 3), f(5, 3, low=0, high=1)], {}),
    (
        "cross_entropy",
        [f(5, 3, 2), f(5, 3, 2, low=0, high=1), f(3, low=0.5, high=2)],
        {"label_smoothing": 0.1, "reduction": "sum"},
    ),
    ("cross_entropy", [f(3), i(high=3)], {}),
    ("cross_entropy", [f(5, 3), i(5, high=3)], {"ignore_index": 1}),
    ("binary_cross_entropy", [f(5, 3, low=0, high=1), f(5, 3, low=0, high=1)], {}),
    (
        "binary_cross_entropy",
        [f(5, 3, low=0, high=1), f(5, 3, low=0, high=1), f(3, low=0, high=1)],
        {"reduction": "sum"},
    ),
    (
        "binary_cross_entropy",
        [np.array([0.0, 1.0, 1.0]), np.array([1.0, 0.0, 1.0])],
        {"reduction": "none"},
    ),
    ("binary_cross_entropy_with_logits", [f(5, 3), f(5, 3, low=0, high=1)], {}),
    (
        "binary_cross_entropy_with_logits",
        [30 * f(5, 3), f(5, 3, low=0, high=1), f(3, low=0, high=1)],
        {"reduction": "none"},
    ),
    (
        "binary_cross_entropy_with_logits",
        [f(5, 3), f(5, 3, low=0, high=1)],
        {"pos_weight": f(3, low=0.5, high=2)},
    ),
    ("kl_div", [f(5, 3), f(5, 3, low=0, high=1)], {"reduction": "batchmean"}),
    ("kl_div", [f(5, 3), f(5, 3)], {"log_target": True, "reduction": "sum"}),
    ("kl_div", [f(5, 3), np.eye(5, 3)], {"reduction": "none"}),
    ("mse_loss", [f(5, 3), f(5, 3)], {"reduction": "sum"}),
    ("l1_loss", [f(5, 3), f(5, 3)], {"reduction": "none"}),
    ("smooth_l1_loss", [f(5, 3), f(5, 3)], {"beta": 0.5}),
    ("smooth_l1_loss", [f(5, 3), f(5, 3)], {"beta": 0.0}),
    ("huber_loss", [f(5, 3), f(5, 3)], {"delta": 0.5}),
]
for reduction, smoothing, weight, ignore in itertools.product(
    ("mean", "sum", "none"), (0.0, 0.2), (None, f(3, low=0.5, high=2)), (-100, 2)
):
    options = {"reduction": reduction, "ignore_index": ignore}
    if not smoothing:
        CASES.append(("nll_loss", [f(2, 3, 5, 7), i(2, 5, 7, high=3), weight], options))
    options = {**options, "label_smoothing": smoothing}
    CASES.append(("cross_entropy", [f(7, 3), i(7, high=3), weight], options))
    CASES.append(("cross_entropy", [f(2, 3, 5), i(2, 5, high=3), weight], options))


# torch has no gradient for the targets and weights of these
FIRST_ONLY = (
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "nll_loss",
    "kl_div",
)


def tensors(T, name, values):
    found = []
    for k, v in enumerate(values):
        t = None if v is None else T.tensor(v)
        constant = (k > 0 and name in FIRST_ONLY) or (k in (1, 2) and name == "batch_norm")
        found.append(
            t.requires_grad_() if t is not None and t.is_floating_point() and not constant else t
        )
    return found


def flat(result):
    return list(result) if isinstance(result, (tuple, list)) else [result]


def run(T, F, name, operands, options):
    xs = tensors(T, name, operands)
    options = {k: T.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    outs = flat(getattr(F, name)(*xs, **options))
    wanted = [x for x in xs if x is not None and x.requires_grad]
    found = [o.detach().numpy() for o in outs]
    if wanted and outs[0].requires_grad:
        rng = np.random.default_rng(1)
        (outs[0] * T.tensor(rng.standard_normal(tuple(outs[0].shape)))).sum().backward()
        found += [x.grad.numpy() for x in wanted]
    return found


@pytest.mark.torch
@pytest.mark.parametrize(
    ("name", "operands", "options"), CASES, ids=[f"{n}-{k}" for k, (n, *_) in enumerate(CASES)]
)
def test_function(torch, name, operands, options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = run(torch, torch.nn.functional, name, operands, options)
    ours = run(cr, functional, name, operands, options)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.torch
def test_windows_of_pooling_in_every_combination(torch):
    """Ceil mode has a rule for windows that begin in the padding; sizes, steps and edges swept over small images."""
    rng = np.random.default_rng(0)
    for n, k, s, p in itertools.product((4, 5, 8, 11), (2, 3), (1, 2, 3), (0, 1)):
        if 2 * p > k:
            continue
        x = rng.standard_normal((1, 2, n, n + 2))
        for ceil in (False, True):
            a, at = functional.max_pool2d(cr.tensor(x), k, s, p, 1, ceil, True)
            b, bt = torch.nn.functional.max_pool2d(torch.tensor(x), k, s, p, 1, ceil, True)
            np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=f"{n} {k} {s} {p} {ceil}")
            np.testing.assert_array_equal(at.numpy(), bt.numpy())
            for counted in (False, True):
                a = functional.avg_pool2d(cr.tensor(x), k, s, p, ceil, counted)
                b = torch.nn.functional.avg_pool2d(torch.tensor(x), k, s, p, ceil, counted)
                np.testing.assert_allclose(
                    a.numpy(), b.numpy(), rtol=1e-12, err_msg=f"{n} {k} {s} {p} {ceil} {counted}"
                )


@pytest.mark.torch
@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_convolution_with_padding_modes(torch, mode):
    for padding in ((2, 1), "same"):
        theirs = torch.nn.Conv2d(3, 5, (3, 2), padding=padding, padding_mode=mode).double()
        ours = cr.nn.Conv2d(3, 5, (3, 2), padding=padding, padding_mode=mode).double()
        assert repr(ours) == repr(theirs)
        ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
        x = np.random.default_rng(0).standard_normal((2, 3, 7, 11))
        np.testing.assert_allclose(
            ours(cr.tensor(x)).detach().numpy(),
            theirs(torch.tensor(x)).detach().numpy(),
            rtol=1e-10,
            atol=1e-12,
        )


@pytest.mark.torch
def test_embedding_shortens_the_rows_used(torch):
    table, at = RNG.standard_normal((7, 3)) * 3, np.array([[1, 5], [5, 2]])
    for p in (2.0, 1.0):
        a, b = cr.nn.Parameter(table), torch.nn.Parameter(torch.tensor(table))
        ours = functional.embedding(cr.tensor(at), a, max_norm=1.5, norm_type=p)
        theirs = torch.nn.functional.embedding(torch.tensor(at), b, max_norm=1.5, norm_type=p)
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-9)
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-9)


@pytest.mark.torch
@pytest.mark.parametrize(
    "name",
    [
        "relu",
        "relu6",
        "leaky_relu",
        "elu",
        "selu",
        "celu",
        "silu",
        "mish",
        "hardtanh",
        "hardsigmoid",
        "hardswish",
        "threshold",
    ],
)
def test_inplace_activations(torch, name):
    """The result stands in the input's memory, and the gradient is that of the function."""
    x = RNG.standard_normal((3, 5))
    extra = (0.1, 3.0) if name == "threshold" else ()
    found = []
    for T, F in ((cr, functional), (torch, torch.nn.functional)):
        leaf = T.tensor(x).requires_grad_()
        y = leaf * 2
        z = getattr(F, name)(y, *extra, inplace=True)
        (z * z).sum().backward()
        found.append((y.detach().numpy(), z.detach().numpy(), leaf.grad.numpy()))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-8)
    np.testing.assert_array_equal(found[0][0], found[0][1])


@pytest.mark.torch
def test_attention_weights_are_dropped_as_in_torch(torch):
    """With dropout the mean over many draws is the result without."""
    q, k, v = (cr.tensor(f(1, 2, 5, 4)) for _ in range(3))
    cr.manual_seed(0)
    plain = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    drawn = [
        functional.scaled_dot_product_attention(q, k, v, dropout_p=0.2, is_causal=True).numpy()
        for _ in range(2000)
    ]
    np.testing.assert_allclose(
        np.mean(drawn, axis=0),
        plain.numpy(),
        atol=5 * np.std(drawn, axis=0).max() / math.sqrt(2000),
    )
    assert np.std(drawn, axis=0).min() > 0


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_gradients_of_convolutions_as_functions(torch, axes):
    shape, kernel = (2, 4, *(7, 6, 5)[:axes]), (6, 2, *(3, 2, 1)[:axes])
    options = {"stride": 2, "padding": 1, "dilation": 1, "groups": 2}
    rng = np.random.default_rng(axes)
    x, w = rng.normal(size=shape), rng.normal(size=kernel)
    conv = getattr(torch.nn.functional, f"conv{axes}d")
    g = rng.normal(size=tuple(conv(torch.tensor(x), torch.tensor(w), **options).shape))
    for name, given in (("input", (shape, w, g)), ("weight", (x, kernel, g))):
        ours, theirs = [
            getattr(T.nn.grad, f"conv{axes}d_{name}")(
                *[v if isinstance(v, tuple) else T.tensor(v) for v in given], **options
            )
            for T in (cr, torch)
        ]
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-12)


def test_sizes_of_gradients_that_do_not_belong_together():
    with pytest.raises(ShapeError, match=r"input_size is \(2, 5\), but must be \(2, 3\)"):
        cr.nn.grad.conv1d_input((2, 5, 7), cr.ones(4, 3, 2), cr.ones(2, 4, 6))
    with pytest.raises(ShapeError, match=r"weight_size is \(4, 2\), but must be \(4, 3\)"):
        cr.nn.grad.conv1d_weight(cr.ones(2, 3, 7), (4, 2, 2), cr.ones(2, 4, 6))
