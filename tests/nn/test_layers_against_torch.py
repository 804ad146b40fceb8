"""Every layer against PyTorch: names of the state dict, printing, output, and every gradient, in float64."""

import inspect
import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn

# name, arguments, options, shapes of the inputs (or arrays)
LAYERS = [
    ("Identity", (), {}, [(3, 5)]),
    ("Linear", (5, 7), {}, [(2, 3, 5)]),
    ("Linear", (5, 7), {"bias": False}, [(5,)]),
    ("Bilinear", (3, 5, 7), {}, [(11, 3), (11, 5)]),
    ("Bilinear", (3, 5, 7), {"bias": False}, [(2, 11, 3), (2, 11, 5)]),
    ("Conv1d", (3, 5, 3), {}, [(2, 3, 11)]),
    (
        "Conv1d",
        (4, 6, 3),
        {"stride": 2, "padding": 1, "dilation": 2, "groups": 2, "bias": False},
        [(2, 4, 13)],
    ),
    ("Conv1d", (3, 5, 4), {"padding": "same"}, [(2, 3, 11)]),
    ("Conv1d", (3, 5, 3), {}, [(3, 11)]),
    ("Conv2d", (3, 5, 3), {}, [(2, 3, 7, 11)]),
    (
        "Conv2d",
        (3, 5, (3, 2)),
        {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)},
        [(2, 3, 7, 11)],
    ),
    ("Conv2d", (4, 6, 3), {"groups": 2, "padding": 1}, [(2, 4, 7, 5)]),
    ("Conv2d", (4, 4, 3), {"groups": 4, "padding": "valid"}, [(2, 4, 7, 5)]),
    ("Conv2d", (3, 5, (4, 3)), {"padding": "same", "dilation": 2}, [(2, 3, 11, 13)]),
    ("Conv2d", (3, 5, 3), {"padding": 1}, [(3, 7, 11)]),
    ("MaxPool2d", (2,), {}, [(2, 3, 7, 11)]),
    ("MaxPool2d", (3,), {"stride": 2, "padding": 1}, [(2, 3, 7, 11)]),
    ("MaxPool2d", ((3, 2),), {"stride": (2, 1), "dilation": (1, 2)}, [(2, 3, 7, 11)]),
    ("MaxPool2d", (3,), {"stride": 2, "padding": 1, "ceil_mode": True}, [(2, 3, 8, 10)]),
    ("MaxPool2d", (2,), {}, [(3, 7, 11)]),
    ("AvgPool2d", (2,), {}, [(2, 3, 7, 11)]),
    ("AvgPool2d", (3,), {"stride": 2, "padding": 1}, [(2, 3, 7, 11)]),
    ("AvgPool2d", (3,), {"stride": 2, "padding": 1, "ceil_mode": True}, [(2, 3, 8, 10)]),
    (
        "AvgPool2d",
        (3,),
        {"stride": 2, "padding": 1, "count_include_pad": False, "ceil_mode": True},
        [(2, 3, 8, 10)],
    ),
    ("AvgPool2d", ((3, 2),), {"stride": (2, 3), "divisor_override": 5}, [(3, 7, 11)]),
    ("AdaptiveAvgPool2d", (1,), {}, [(2, 3, 7, 11)]),
    ("AdaptiveAvgPool2d", ((3, 5),), {}, [(2, 3, 7, 11)]),
    ("AdaptiveAvgPool2d", ((None, 4),), {}, [(3, 7, 11)]),
    ("BatchNorm1d", (5,), {}, [(7, 5)]),
    ("BatchNorm1d", (5,), {"affine": False, "momentum": None}, [(7, 5, 3)]),
    ("BatchNorm1d", (5,), {"track_running_stats": False, "eps": 0.1}, [(7, 5)]),
    ("BatchNorm2d", (5,), {"momentum": 0.3}, [(3, 5, 2, 7)]),
    ("BatchNorm2d", (5,), {"bias": False}, [(3, 5, 2, 7)]),
    ("BatchNorm3d", (5,), {}, [(2, 5, 3, 2, 2)]),
    ("LayerNorm", (5,), {}, [(2, 3, 5)]),
    ("LayerNorm", ((3, 5),), {"eps": 0.1}, [(2, 3, 5)]),
    ("LayerNorm", (5,), {"elementwise_affine": False}, [(2, 3, 5)]),
    ("LayerNorm", (5,), {"bias": False}, [(2, 3, 5)]),
    ("GroupNorm", (3, 6), {}, [(2, 6, 7)]),
    ("GroupNorm", (2, 6), {"affine": False, "eps": 0.1}, [(2, 6, 3, 5)]),
    ("RMSNorm", (5,), {}, [(2, 3, 5)]),
    ("RMSNorm", ((3, 5),), {"eps": 0.1, "elementwise_affine": False}, [(2, 3, 5)]),
    ("Embedding", (11, 3), {}, [np.array([[0, 10, 5], [5, 5, 1]])]),
    ("Embedding", (11, 3), {"padding_idx": -6}, [np.array([[0, 10, 5], [5, 5, 1]])]),
    ("Dropout", (0.0,), {}, [(3, 5)]),
    ("Dropout1d", (0.0,), {}, [(3, 5, 2)]),
    ("Dropout2d", (0.0,), {}, [(3, 5, 2, 2)]),
    ("LSTM", (3, 5), {}, [(7, 2, 3)]),
    ("LSTM", (3, 5), {"num_layers": 2, "batch_first": True}, [(2, 7, 3)]),
    ("LSTM", (3, 5), {"bidirectional": True, "num_layers": 2}, [(7, 2, 3)]),
    ("LSTM", (3, 5), {"bias": False, "bidirectional": True}, [(7, 3)]),
    ("LSTMCell", (3, 5), {}, [(7, 3)]),
    ("LSTMCell", (3, 5), {"bias": False}, [(3,)]),
    ("ReLU", (), {}, [(3, 5)]),
    ("ReLU", (), {"inplace": True}, [(3, 5)]),
    ("ReLU6", (), {}, [(3, 5)]),
    ("LeakyReLU", (0.2,), {}, [(3, 5)]),
    ("ELU", (0.7,), {}, [(3, 5)]),
    ("SELU", (), {}, [(3, 5)]),
    ("CELU", (0.7,), {}, [(3, 5)]),
    ("GELU", (), {}, [(3, 5)]),
    ("GELU", ("tanh",), {}, [(3, 5)]),
    ("SiLU", (), {}, [(3, 5)]),
    ("Mish", (), {}, [(3, 5)]),
    ("Softplus", (2.0, 3.0), {}, [(3, 5)]),
    ("Softsign", (), {}, [(3, 5)]),
    ("Sigmoid", (), {}, [(3, 5)]),
    ("Tanh", (), {}, [(3, 5)]),
    ("LogSigmoid", (), {}, [(3, 5)]),
    ("Hardtanh", (-0.7, 0.3), {}, [(3, 5)]),
    ("Hardsigmoid", (), {}, [(3, 5)]),
    ("Hardswish", (), {}, [(3, 5)]),
    ("Tanhshrink", (), {}, [(3, 5)]),
    ("Softshrink", (0.3,), {}, [(3, 5)]),
    ("Hardshrink", (0.3,), {}, [(3, 5)]),
    ("Threshold", (0.1, 7.0), {}, [(3, 5)]),
    ("GLU", (), {}, [(3, 6)]),
    ("GLU", (0,), {}, [(4, 5)]),
    ("Softmax", (1,), {}, [(3, 5)]),
    ("LogSoftmax", (0,), {}, [(3, 5)]),
    ("Softmin", (-1,), {}, [(3, 5)]),
    ("PReLU", (), {}, [(3, 5)]),
    ("PReLU", (5, 0.1), {}, [(3, 5, 2)]),
    ("Flatten", (), {}, [(3, 5, 2)]),
    ("Flatten", (0, 1), {}, [(3, 5, 2)]),
    ("Unflatten", (1, (2, 3)), {}, [(5, 6)]),
    ("Conv1d", (3, 5, 3), {"padding": 2, "padding_mode": "circular"}, [(2, 3, 11)]),
    ("Conv3d", (3, 5, (2, 3, 1)), {"stride": (1, 2, 1), "padding": 1}, [(2, 3, 4, 7, 5)]),
    ("Conv3d", (4, 6, 2), {"groups": 2, "padding": "same", "bias": False}, [(4, 4, 3, 5)]),
    ("Conv3d", (2, 3, 2), {"padding": 1, "padding_mode": "replicate"}, [(2, 2, 3, 5, 4)]),
    ("ConvTranspose1d", (3, 5, 3), {}, [(2, 3, 11)]),
    (
        "ConvTranspose1d",
        (4, 6, 3),
        {"stride": 3, "padding": 1, "output_padding": 2, "dilation": 2, "groups": 2, "bias": False},
        [(2, 4, 5)],
    ),
    ("ConvTranspose1d", (3, 5, 3), {"dilation": 4, "output_padding": 3, "padding": 1}, [(3, 5)]),
    ("ConvTranspose2d", (3, 5, 2), {"stride": 2}, [(2, 3, 5, 7)]),
    (
        "ConvTranspose2d",
        (3, 5, (3, 2)),
        {"stride": (2, 1), "padding": (1, 0), "output_padding": (1, 0), "dilation": (1, 2)},
        [(3, 5, 7)],
    ),
    ("ConvTranspose3d", (2, 4, 2), {"stride": (2, 1, 3), "groups": 2}, [(2, 2, 2, 3, 4)]),
    ("MaxPool1d", (3,), {"stride": 2, "padding": 1}, [(2, 3, 11)]),
    ("MaxPool1d", ((2,),), {"dilation": 3, "ceil_mode": True}, [(3, 11)]),
    ("MaxPool3d", (2,), {"ceil_mode": True}, [(2, 3, 5, 4, 7)]),
    ("MaxPool3d", ((1, 2, 3),), {"stride": (2, 1, 2), "padding": (0, 1, 1)}, [(2, 3, 5, 4, 7)]),
    ("AvgPool1d", (3,), {"stride": 2, "padding": 1, "ceil_mode": True}, [(2, 3, 10)]),
    ("AvgPool1d", (3,), {"padding": 1, "count_include_pad": False}, [(3, 11)]),
    ("AvgPool3d", (2,), {"divisor_override": 3}, [(2, 3, 5, 4, 7)]),
    ("LPPool1d", (3, 3), {"stride": 2}, [(2, 3, 11)]),
    ("LPPool2d", (2, (3, 2)), {"ceil_mode": True}, [(2, 3, 7, 11)]),
    ("LPPool3d", (4, 2), {}, [(2, 3, 5, 4, 7)]),
    ("AdaptiveAvgPool1d", (4,), {}, [(2, 3, 11)]),
    ("AdaptiveAvgPool3d", ((2, None, 3),), {}, [(2, 3, 5, 4, 7)]),
    ("AdaptiveMaxPool1d", (4,), {}, [(2, 3, 11)]),
    ("AdaptiveMaxPool2d", ((3, None),), {}, [(2, 3, 7, 5)]),
    ("AdaptiveMaxPool2d", (2,), {}, [(3, 4, 6)]),
    ("AdaptiveMaxPool3d", ((2, 3, None),), {}, [(2, 3, 5, 4, 3)]),
    ("InstanceNorm1d", (5,), {}, [(3, 5, 7)]),
    ("InstanceNorm1d", (5,), {"affine": True, "track_running_stats": True}, [(3, 5, 7)]),
    ("InstanceNorm2d", (5,), {"affine": True, "eps": 0.1, "momentum": 0.3}, [(5, 3, 7)]),
    ("InstanceNorm2d", (5,), {"track_running_stats": True}, [(2, 5, 3, 7)]),
    ("InstanceNorm3d", (3,), {"affine": True, "bias": False}, [(2, 3, 2, 5, 3)]),
    ("LocalResponseNorm", (3,), {"alpha": 0.5}, [(2, 5, 7)]),
    ("LocalResponseNorm", (2, 0.1, 0.5, 2.0), {}, [(2, 5, 3, 4)]),
    (
        "EmbeddingBag",
        (11, 3),
        {"mode": "sum", "scale_grad_by_freq": True},
        [
            np.array([[0, 10, 5], [10, 10, 1]])
        ],  # torch looks up the wrong count unless the last repeats
    ),
    ("EmbeddingBag", (11, 3), {}, [np.array([0, 10, 5, 5, 5, 1]), np.array([0, 1, 1, 4])]),
    (
        "EmbeddingBag",
        (11, 3),
        {"mode": "max", "padding_idx": 5},
        [np.array([0, 10, 5, 5, 5, 1]), np.array([0, 2, 2, 4])],
    ),
    (
        "EmbeddingBag",
        (11, 3),
        {"mode": "mean", "padding_idx": 5, "include_last_offset": True},
        [np.array([0, 10, 5, 5, 5, 1]), np.array([0, 2, 2, 5, 6])],
    ),
    ("Embedding", (11, 3), {"scale_grad_by_freq": True}, [np.array([[0, 10, 5], [5, 5, 1]])]),
    ("Dropout3d", (0.0,), {}, [(3, 5, 2, 2, 2)]),
    ("AlphaDropout", (0.0,), {}, [(3, 5)]),
    ("FeatureAlphaDropout", (0.0,), {}, [(3, 5, 2)]),
    ("Unfold", ((3, 2),), {"dilation": 2, "padding": 1, "stride": (1, 2)}, [(2, 3, 7, 11)]),
    ("Unfold", (2,), {}, [(3, 5, 4)]),
    ("Fold", ((7, 11), (3, 2)), {"dilation": 2, "padding": 1, "stride": (1, 2)}, [(2, 18, 30)]),
    ("Fold", (4, 2), {"stride": 2}, [(12, 4)]),
    ("PixelShuffle", (2,), {}, [(2, 12, 3, 5)]),
    ("PixelUnshuffle", (3,), {}, [(2, 6, 9)]),
    ("ChannelShuffle", (3,), {}, [(2, 6, 5, 4)]),
    ("Upsample", (), {"scale_factor": 1.7}, [(2, 3, 5)]),
    ("Upsample", (), {"size": (3, 9), "mode": "bilinear"}, [(2, 3, 5, 7)]),
    ("Upsample", ((9, 3),), {"mode": "bicubic", "align_corners": True}, [(2, 3, 5, 7)]),
    ("Upsample", (), {"scale_factor": (2, 0.5, 1), "mode": "trilinear"}, [(2, 3, 3, 5, 4)]),
    ("Upsample", (4,), {"mode": "linear"}, [(2, 3, 7)]),
    (
        "Upsample",
        (),
        {"scale_factor": 1.7, "mode": "bilinear", "recompute_scale_factor": True},
        [(2, 3, 5, 7)],
    ),
    ("UpsamplingNearest2d", (), {"scale_factor": 3}, [(2, 3, 3, 4)]),
    ("UpsamplingBilinear2d", (), {"size": (5, 7)}, [(2, 3, 3, 4)]),
    ("ConstantPad1d", ((1, 2), 7.0), {}, [(2, 3, 5)]),
    ("ConstantPad2d", ((1, -2, 3, 0), -1.5), {}, [(2, 3, 5, 7)]),
    ("ConstantPad3d", (1, 2.5), {}, [(2, 3, 2, 3, 4)]),
    ("ZeroPad1d", (2,), {}, [(3, 5)]),
    ("ZeroPad2d", ((1, 2, 0, 3),), {}, [(2, 3, 5, 7)]),
    ("ZeroPad3d", ((1, 2, 0, 3, 1, -1),), {}, [(2, 3, 3, 2, 4)]),
    ("ReflectionPad1d", ((3, 1),), {}, [(2, 3, 5)]),
    ("ReflectionPad2d", ((1, 2, 0, 3),), {}, [(2, 3, 5, 7)]),
    ("ReflectionPad3d", (1,), {}, [(2, 3, 2, 3, 4)]),
    ("ReplicationPad1d", ((3, 1),), {}, [(3, 2)]),
    ("ReplicationPad2d", ((1, 2, -1, 3),), {}, [(2, 3, 5, 7)]),
    ("ReplicationPad3d", (2,), {}, [(2, 3, 1, 3, 4)]),
    ("CircularPad1d", ((3, 1),), {}, [(2, 3, 5)]),
    ("CircularPad2d", ((1, 2, 0, 3),), {}, [(2, 3, 5, 7)]),
    ("CircularPad3d", ((1, 2, 0, 3, 1, -1),), {}, [(2, 3, 3, 4, 4)]),
]

# torch's derivative multiplies by 1/6 and 1/alpha rounded to float32, even in float64
RTOL = {"CELU": 1e-7, "Hardsigmoid": 1e-7}


def inputs(shapes):
    rng = np.random.default_rng(7)
    return [s if isinstance(s, np.ndarray) else rng.standard_normal(s) for s in shapes]


def flat(result):
    """All tensors of a result, in order."""
    if isinstance(result, tuple):
        return [t for r in result for t in flat(r)]
    return [result]


def run(T, module, arrays):
    """Outputs, gradients of inputs, and gradients of parameters, for a fixed cotangent."""
    xs = [T.tensor(a) for a in arrays]
    for x in xs:
        if x.is_floating_point():
            x.requires_grad_()
    outs = flat(module(*[x * 1 if x.requires_grad else x for x in xs]))
    rng = np.random.default_rng(11)
    loss = sum((o * T.tensor(rng.standard_normal(tuple(o.shape)))).sum() for o in outs)
    loss.backward()
    found = {f"output {k}": o for k, o in enumerate(outs)}
    found |= {f"gradient of input {k}": x.grad for k, x in enumerate(xs) if x.requires_grad}
    found |= {f"gradient of {n}": p.grad for n, p in module.named_parameters()}
    found |= {f"buffer {n}": b for n, b in module.named_buffers()}
    return {n: t.detach().numpy() for n, t in found.items()}


@pytest.mark.torch
@pytest.mark.parametrize(
    ("name", "args", "options", "shapes"),
    LAYERS,
    ids=[f"{n}-{k}" for k, (n, *_) in enumerate(LAYERS)],
)
def test_layer(torch, name, args, options, shapes):
    theirs = getattr(torch.nn, name)(*args, **options).double()
    ours = getattr(nn, name)(*args, **options).double()
    assert repr(ours) == repr(theirs)
    state = {k: v.numpy() for k, v in theirs.state_dict().items()}
    assert {k: v.shape for k, v in state.items()} == {
        k: tuple(v.shape) for k, v in ours.state_dict().items()
    }
    assert list(state) == list(ours.state_dict())
    ours.load_state_dict(state)
    modes = ("train", "eval") if "Norm" in name else ("train",)
    for mode in modes:
        getattr(ours, mode)(), getattr(theirs, mode)()
        ours.zero_grad(), theirs.zero_grad()
        a = run(cr, ours, inputs(shapes))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch copies an input padded unevenly, and says so
            b = run(torch, theirs, inputs(shapes))
        assert list(a) == list(b)
        for what in a:
            np.testing.assert_allclose(
                a[what], b[what], rtol=RTOL.get(name, 1e-9), atol=1e-11, err_msg=f"{mode}: {what}"
            )


OTHERS = {f"MaxUnpool{n}d" for n in (1, 2, 3)} | {f"FractionalMaxPool{n}d" for n in (2, 3)}


@pytest.mark.torch
@pytest.mark.parametrize(
    "name",
    sorted(
        {name for name, *_ in LAYERS} - {"LSTM"}
        | OTHERS
        | {n for n in nn.__all__ if n.endswith("Loss")}
    ),
)
def test_signature(torch, name):
    """Arguments have torch's names, order and defaults, but for those that torch has deprecated or ignores."""
    dropped = {"size_average", "reduce", "min_value", "max_value", "args", "kwargs"}

    def parameters(cls):
        found = inspect.signature(cls.__init__).parameters.values()
        return [(p.name, p.default) for p in found if p.name not in dropped]

    assert parameters(getattr(nn, name)) == parameters(getattr(torch.nn, name))


@pytest.mark.torch
def test_initial_states_of_lstm(torch):
    theirs = torch.nn.LSTM(3, 5, num_layers=2, bidirectional=True).double()
    ours = nn.LSTM(3, 5, num_layers=2, bidirectional=True).double()
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    x, h, c = inputs([(7, 2, 3), (4, 2, 5), (4, 2, 5)])
    for T, module in ((cr, ours), (torch, theirs)):
        module.answer = flat(module(T.tensor(x), (T.tensor(h), T.tensor(c))))
    for a, b in zip(ours.answer, theirs.answer, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.torch
def test_maxima_put_back(torch):
    """Layers whose inputs are indices, or random, stand in no table above."""
    x = inputs([(2, 3, 7, 9)])[0]
    found = []
    for T, N in ((cr, nn), (torch, torch.nn)):
        pool = N.MaxPool2d((3, 2), stride=2, padding=1, return_indices=True)
        back = N.MaxUnpool2d((3, 2), stride=2, padding=1)
        found.append([repr(back), *pool(T.tensor(x))])
        found[-1].append(back(*found[-1][1:3], output_size=(7, 9)))
        lines = N.MaxPool1d(2, return_indices=True)
        found[-1].append(N.MaxUnpool1d(2)(*lines(T.tensor(x[0]))))
        u = T.tensor(inputs([(2, 3, 2)])[0]) % 1
        fraction = N.FractionalMaxPool2d(2, output_ratio=(0.5, 0.7), _random_samples=u)
        found[-1] += [fraction(T.tensor(x)), fraction.state_dict()["_random_samples"]]
    assert found[0][0] == found[1][0]
    for a, b in zip(found[0][1:], found[1][1:], strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.torch
def test_sizes_of_transposed_convolutions(torch):
    x = inputs([(2, 3, 5, 7)])[0]
    theirs = torch.nn.ConvTranspose2d(3, 2, 3, stride=(3, 2), padding=1, dilation=(1, 2)).double()
    ours = nn.ConvTranspose2d(3, 2, 3, stride=(3, 2), padding=1, dilation=(1, 2)).double()
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    for size in ((13, 15), (15, 16), (2, 2, 14, 16)):
        a, b = ours(cr.tensor(x), size), theirs(torch.tensor(x), list(size))
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.torch
def test_printing_of_a_model(torch):
    def model(nn):
        class Block(nn.Module):
            def __init__(self):
                super().__init__()
                self.norm, self.fc = nn.LayerNorm(5), nn.Linear(5, 5)
                self.act = nn.Sequential(nn.GELU(), nn.Dropout(0.1))

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.blocks = nn.ModuleList([Block(), Block(), Block(), nn.ReLU()])
                self.heads = nn.ModuleDict({"a": nn.Linear(5, 2), "b": nn.ModuleList()})
                self.gains = nn.ParameterList([nn.Parameter(T.zeros(2, 3)), 7])
                self.none = None
                self.register_module("empty", None)

            def extra_repr(self):
                return "one line\nanother line"

        return Net()

    T = torch
    theirs = repr(model(torch.nn)).replace("torch.float32", "chainrule.float32")
    T = cr
    assert repr(model(nn)) == theirs


@pytest.mark.torch
@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("Linear", (97, 101)),
        ("Conv2d", (7, 11, 5)),
        ("Embedding", (101, 53)),
        ("LSTM", (31, 37)),
        ("Bilinear", (7, 11, 13)),
        ("PReLU", (5,)),
        ("LayerNorm", (7,)),
    ],
)
def test_default_initialisation_has_the_distribution_of_torch(torch, name, args):
    """Range and standard deviation of every parameter: random bits differ, the law does not."""
    torch.manual_seed(0)
    cr.manual_seed(0)
    theirs, ours = getattr(torch.nn, name)(*args), getattr(nn, name)(*args)
    for (n, p), (_, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        a, b = p.detach().numpy(), q.detach().numpy()
        if a.size > 1000:
            error = 5 * (2 / a.size) ** 0.5  # five standard errors of the difference of two samples
            assert a.std() == pytest.approx(b.std(), rel=error), n
            assert abs(a.mean() - b.mean()) < error * b.std(), n
        if name != "Embedding":
            bound = np.abs(b).max()
            assert np.abs(a).max() == pytest.approx(bound, rel=0.25), n


@pytest.mark.torch
def test_batch_norm_over_several_batches(torch):
    rng = np.random.default_rng(3)
    for momentum in (0.1, None):
        theirs = torch.nn.BatchNorm1d(5, momentum=momentum).double()
        ours = nn.BatchNorm1d(5, momentum=momentum).double()
        for _ in range(5):
            x = rng.standard_normal((7, 5)) * 3 + 1
            theirs(torch.tensor(x)), ours(cr.tensor(x))
        for n, b in theirs.named_buffers():
            np.testing.assert_allclose(ours.get_buffer(n).numpy(), b.numpy(), rtol=1e-12)


def test_losses_are_warned_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nn.CrossEntropyLoss()(cr.zeros(3, 2), cr.tensor([0, 1, 1]))


@pytest.mark.parametrize("padding_mode", ["zeros", "circular"])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_layers_that_compute_the_weights_of_a_convolution_derive_from_it(torch, axes, padding_mode):
    """Standardized weights, as model files write them: `_conv_forward` is not documented, and much used."""

    def layer(L):
        class Standardized(getattr(L.nn, f"Conv{axes}d")):
            def forward(self, x):
                w = self.weight
                w = (w - w.mean()) / w.std()
                return self._conv_forward(x, w, self.bias)

        L.manual_seed(3)
        made = Standardized(2, 5, 3, stride=2, padding=1, padding_mode=padding_mode)
        x = L.linspace(-1, 1, 2 * 7**axes).reshape(1, 2, *(7,) * axes)
        y = made(x)
        (y * y).sum().backward()
        edges = list(made._reversed_padding_repeated_twice)
        return y.detach().numpy(), made.weight.grad.numpy(), edges

    for mine, theirs in zip(layer(cr), layer(torch), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.torch
def test_layers_derive_from_the_bases_with_pytorch_s_arguments(torch):
    """As programs do: a layer's own weights, and the size of what is spread."""

    def outputs(library):
        nn = library.nn

        class Scaled(nn.modules.conv._ConvNd):
            def __init__(self):
                super().__init__(
                    4,
                    6,
                    (3, 2),
                    (2, 1),
                    (1, 0),
                    (1, 1),
                    False,
                    (0, 0),
                    groups=2,
                    bias=True,
                    padding_mode="zeros",
                )

            def forward(self, x):
                return nn.functional.conv2d(
                    x,
                    self.weight * 2,
                    self.bias,
                    self.stride,
                    self.padding,
                    self.dilation,
                    self.groups,
                )

        class Spread(nn.modules.conv._ConvTransposeNd):
            def __init__(self):
                super().__init__(3, 5, (3,), (2,), (1,), (1,), True, (0,), 1, False, "zeros")

            def forward(self, x, size):
                longer = self._output_padding(
                    x, size, self.stride, self.padding, self.kernel_size, 1, self.dilation
                )
                return nn.functional.conv_transpose1d(
                    x, self.weight, self.bias, self.stride, self.padding, longer
                )

        class Weighted(nn.modules.loss._WeightedLoss):
            def forward(self, x, y):
                return nn.functional.cross_entropy(x, y, self.weight, reduction=self.reduction)

        library.manual_seed(3)
        scaled, spread = Scaled(), Spread()
        loss = Weighted(library.tensor([1.0, 2.0, 3.0]), reduction="sum")
        assert list(loss.state_dict()) == ["weight"] and isinstance(
            nn.NLLLoss(), nn.modules.loss._WeightedLoss
        )
        assert (scaled.transposed, spread.transposed) == (False, True)
        x = library.linspace(-1, 1, 2 * 4 * 7 * 5).view(2, 4, 7, 5)
        z = library.linspace(-1, 1, 3 * 7).view(1, 3, 7)
        return [
            scaled(x),
            spread(z, [14]),
            spread(z, [13]),
            loss(x[0, :, :3, 0], library.tensor([0, 2, 1, 0])),
            library.tensor(spread.weight.shape),
        ]

    for ours, theirs in zip(outputs(cr), outputs(torch), strict=True):
        np.testing.assert_allclose(
            ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-5, atol=1e-6
        )
