"""Initial weights are PyTorch's: the same seed, the same numbers, layer by layer and function by function."""

import copy
import math
import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.base.errors import DTypeError, FormatError, ShapeError, TraceError
from chainrule.graph import trace
from chainrule.nn import init
from chainrule.tensors.twister import Twister

# PyTorch's vectorised logarithm, sine and cosine differ from NumPy's in the last bits of a number of size 1
NORMAL = {"float32": 2e-6, "float64": 2e-14}


def mixed(library):
    """A model with layers of every kind; `library` is the nn of either framework."""
    body = library.Sequential(
        library.Conv2d(3, 7, 3, padding=1),
        library.BatchNorm2d(7),
        library.Conv2d(7, 11, (3, 2), bias=False),
        library.GroupNorm(1, 11),
    )
    parts = [
        ("body", body),
        ("table", library.Embedding(13, 5, padding_idx=2)),
        (
            "small_table",
            library.Embedding(3, 5),
        ),  # under 16 numbers, drawn in pairs: one is left over
        ("odd_table", library.Embedding(7, 5)),  # no multiple of 16
        ("lstm", library.LSTM(5, 3, num_layers=2, bidirectional=True)),
        ("cell", library.LSTMCell(5, 3, bias=False)),
        ("line", library.Conv1d(4, 6, 3, groups=2)),
        ("both", library.Bilinear(3, 5, 7)),
        ("norm", library.LayerNorm(7)),
        ("slope", library.PReLU(5)),
        ("last_table", library.Embedding(1, 5)),  # begins with what the small table left
        ("back", library.ConvTranspose2d(3, 4, (2, 3), groups=1)),
        ("volume", library.Conv3d(2, 3, 2)),
        ("images", library.InstanceNorm2d(5, affine=True)),
        ("table_of_bags", library.EmbeddingBag(13, 3, padding_idx=2)),
        ("head", library.Linear(7, 17)),
    ]
    return library.ModuleDict(dict(parts))


FUNCTIONS = [
    ("uniform_", (-0.37, 0.51), 0),
    ("uniform_", (), 0),
    ("xavier_uniform_", (1.3,), 0),
    ("kaiming_uniform_", (math.sqrt(5),), 0),
    ("kaiming_uniform_", (0, "fan_out", "relu"), 0),
    ("normal_", (0.3, 1.7), 1),
    ("xavier_normal_", (), 1),
    ("kaiming_normal_", (0, "fan_out", "relu"), 1),
    ("trunc_normal_", (0.1, 0.5, -0.7, 0.8), 1),
    ("trunc_normal_", (0.0, 1.0, 1.5, 3.0), 0),  # little of the normal is inside: drawn uniformly
    ("orthogonal_", (1.3,), 1),
    ("sparse_", (0.3, 2.0), 1),
]
SHAPES = [(3, 5), (4, 4), (7, 11), (31, 32), (1, 1), (301, 457)]  # the last: more than one chunk


@pytest.mark.torch
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("name", "args", "slack"), FUNCTIONS)
def test_functions(torch, name, args, slack, shape, dtype):
    """Twice in a row, so that what the first call leaves behind counts; `slack` is 0 where the bits must be the same."""
    torch.manual_seed(11)
    cr.manual_seed(11)
    for _ in range(2):
        theirs = getattr(torch.nn.init, name)(
            torch.empty(shape, dtype=getattr(torch, dtype)), *args
        )
        ours = getattr(init, name)(cr.empty(shape, dtype=getattr(cr, dtype)), *args).numpy()
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=0, atol=slack * NORMAL[dtype])
    assert (
        init.uniform_(cr.empty(())).item() == torch.rand(()).item()
    )  # the streams stand at one place


@pytest.mark.torch
@pytest.mark.parametrize("seed", [0, 1, 2**31, 2**32 + 5, 123456789012345, -3])
def test_seeds(torch, seed):
    torch.manual_seed(seed)
    cr.manual_seed(seed)
    np.testing.assert_array_equal(init.uniform_(cr.empty(7)).numpy(), torch.rand(7).numpy())


@pytest.mark.torch
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_whole_model(torch, dtype):
    torch.manual_seed(0)
    cr.manual_seed(0)
    torch.set_default_dtype(getattr(torch, dtype))
    cr.set_default_dtype(getattr(cr, dtype))
    try:
        theirs, ours = mixed(torch.nn), mixed(nn)
    finally:
        torch.set_default_dtype(torch.float32)
        cr.set_default_dtype(cr.float32)
    expected = theirs.state_dict()
    assert list(expected) == list(ours.state_dict())
    for name, value in ours.state_dict().items():
        slack = NORMAL[dtype] if "table" in name else 0
        np.testing.assert_allclose(
            value.numpy(), expected[name].numpy(), rtol=0, atol=slack, err_msg=name
        )


@pytest.mark.torch
@pytest.mark.parametrize("name", ["uniform_", "normal_"])
def test_views_are_filled_in_the_order_of_memory(torch, name):
    views = [
        lambda x: x.T,
        lambda x: x[:, 2:5],
        lambda x: x.T[1:],
        lambda x: x[::2],
        lambda x: x[3],
        lambda x: x[:, :1],
    ]
    for view in views:
        torch.manual_seed(3)
        cr.manual_seed(3)
        theirs, ours = torch.zeros(23, 7), cr.zeros(23, 7)
        getattr(torch.nn.init, name)(view(theirs))
        getattr(init, name)(view(ours))
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=0, atol=2e-6)


@pytest.mark.torch
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("size", [5, 16, 19, 40])
def test_half_floats_agree_but_for_roundings(torch, dtype, size):
    for name in ("uniform_", "normal_"):
        torch.manual_seed(3)
        cr.manual_seed(3)
        theirs = getattr(torch.nn.init, name)(torch.empty(size, dtype=getattr(torch, dtype)))
        ours = getattr(init, name)(cr.empty(size, dtype=getattr(cr, dtype)))
        np.testing.assert_allclose(ours.float().numpy(), theirs.float().numpy(), rtol=2**-7)
        assert init.uniform_(cr.empty(())).item() == torch.rand(()).item()


# ------------------------------------------------------------------------------ numbers written down from PyTorch 2.13


def test_layers_as_written_down():
    cr.manual_seed(0)
    linear, table, conv = nn.Linear(784, 128), nn.Embedding(5, 3), nn.Conv2d(3, 5, 3)
    lstm, big = nn.LSTM(3, 2), nn.Embedding(7, 3)
    exact = [
        (linear.weight[0, :3], [-0.00026738643646240234, 0.019158700481057167, -0.029394470155239105]),
        (linear.weight[-1, -2:], [0.03498401865363121, -0.010520083829760551]),
        (linear.bias[-2:], [0.0042872559279203415, 0.03352578356862068]),
        (conv.bias[:2], [-0.16869989037513733, -0.058861393481492996]),
        (lstm.bias_hh_l0[-2:], [0.532119631767273, -0.5947459936141968]),
    ]  # fmt: skip
    for ours, theirs in exact:
        assert ours.tolist() == theirs
    close = [
        (table.weight[0], [-0.08219654858112335, 0.7142848968505859, -0.2067115753889084]),
        (big.weight.reshape(-1)[[0, 5, 20]], [-0.02058078721165657, -0.6272737383842468, 0.4443247616291046]),
    ]  # fmt: skip
    for ours, theirs in close:
        np.testing.assert_allclose(ours.detach().numpy(), theirs, rtol=0, atol=NORMAL["float32"])


def test_functions_as_written_down():
    cr.manual_seed(7)
    found = [
        init.normal_(cr.empty(3, dtype=cr.float64)),  # one is left over
        init.uniform_(cr.empty(2, dtype=cr.float64), -1.5, 0.7),
        init.normal_(cr.empty(1)),  # it
        init.trunc_normal_(cr.empty(17), std=0.02)[[0, 16]],
        init.normal_(cr.empty(18, dtype=cr.float64))[[0, 1, 2, 17]],
    ]
    expected = [
        [-0.1467950974849952, 0.7861412987235358, 0.9468216090039564],
        [0.5295646083965719, 0.34699982667725077],
        [-1.1143440008163452],
        [0.012189469300210476, -0.005231734365224838],
        [-1.0332366361310594, 0.7587669684470593, 1.387326913421994, -0.22440931732057287],
    ]
    assert found[1].tolist() == expected[1]
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=0, atol=NORMAL[ours.dtype.name])


def test_a_generator_that_nobody_seeded_begins_where_that_of_pytorch_does():
    drawn = init.uniform_(cr.empty(2), generator=cr.Generator())
    assert drawn.tolist() == [0.267295241355896, 0.8725283145904541]


# ---------------------------------------------------------------------------------------------------- the two streams


def test_random_ops_and_initial_weights_do_not_disturb_each_other():
    cr.manual_seed(5)
    linear, dropped = nn.Linear(7, 5), cr.rand(11)
    cr.manual_seed(5)
    again = cr.rand(11)
    cr.rand(1000), cr.zeros(3).uniform_(), cr.randperm(7)
    np.testing.assert_array_equal(
        nn.Linear(7, 5).weight.detach().numpy(), linear.weight.detach().numpy()
    )
    np.testing.assert_array_equal(again.numpy(), dropped.numpy())


@pytest.mark.parametrize("before", [0, 5, 16, 100_003], ids=lambda n: f"{n} numbers before")
@pytest.mark.parametrize("dtype", [cr.float32, cr.float64])
def test_a_state_comes_back(before, dtype):
    g = cr.Generator().manual_seed(2**40 + 3)
    init.normal_(cr.empty(before, dtype=dtype), generator=g)
    cr.rand(3, generator=g)
    state = g.get_state()
    expected = [
        init.normal_(cr.empty(3), generator=g),
        init.uniform_(cr.empty(17), generator=g),
        cr.rand(5, generator=g),
    ]
    for fresh in (g, cr.Generator(), copy.deepcopy(g), pickle.loads(pickle.dumps(g))):
        fresh.set_state(state)
        assert cr.equal(fresh.get_state(), state) and fresh.initial_seed() == 2**40 + 3
        drawn = [
            init.normal_(cr.empty(3), generator=fresh),
            init.uniform_(cr.empty(17), generator=fresh),
            cr.rand(5, generator=fresh),
        ]
        for a, b in zip(drawn, expected, strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_the_form_of_a_state():
    g = cr.Generator().manual_seed(9)
    assert g.get_state().tolist() == [9, 0, 0, 0, 0]
    cr.rand(3, generator=g)
    init.normal_(cr.empty(3), generator=g)  # two pairs of four words each
    *place, bits = g.get_state().tolist()
    assert place[:1] + place[2:] == [9, 8, 1] and place[1] > 0
    assert (
        np.int64(bits).view(np.float64)
        == init.normal_(cr.empty(1, dtype=cr.float64), generator=g).item()
    )


def test_a_state_of_two_numbers_begins_the_weights_anew():
    """Older checkpoints hold such states."""
    g = cr.Generator().manual_seed(1)
    init.normal_(cr.empty(3), generator=g)
    g.set_state(np.array([9, 4], np.int64))
    assert g.get_state().tolist() == [9, 4, 0, 0, 0]
    fresh = cr.Generator().manual_seed(9)
    assert cr.equal(
        init.normal_(cr.empty(3), generator=g), init.normal_(cr.empty(3), generator=fresh)
    )


@pytest.mark.parametrize("bad", [[1, 2, 3], [1, 2, -3, 0, 0], [1, 2, 3, 2, 0], [-1, 2, 3, 0, 0]])
def test_a_state_that_is_none_is_refused(bad):
    with pytest.raises(FormatError, match="a generator state is five int64 numbers"):
        cr.Generator().set_state(np.array(bad, np.int64))


def test_a_block_that_is_computed_again_draws_the_same_weights():
    """Guards checkpoint(): a second run with other weights would give wrong gradients without a word."""

    def noisy(x):
        return (x * init.normal_(cr.empty(5))).sum()

    x = cr.ones(5, requires_grad=True)
    cr.manual_seed(2)
    noisy(x).backward()
    expected, x.grad = x.grad, None
    cr.manual_seed(2)
    cr.utils.checkpoint.checkpoint(noisy, x, use_reentrant=False).backward()
    np.testing.assert_array_equal(x.grad.numpy(), expected.numpy())
    assert cr.get_rng_state().tolist()[2:4] == [12, 1]


def test_initial_weights_are_refused_in_a_traced_function():
    w = cr.zeros(5)
    for function in (init.uniform_, init.normal_):
        with pytest.raises(TraceError, match="draws initial weights inside a traced function"):
            trace(lambda f=function: f(w))()


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ShapeError, match=r"the upper bound 1\.0 is below the lower 2\.0"):
        init.uniform_(cr.zeros(3), 2.0, 1.0)
    with pytest.raises(ShapeError, match=r"the standard deviation -1\.0 is negative"):
        init.normal_(cr.zeros(3), 0.0, -1.0)
    for name in ("uniform_", "normal_"):
        with pytest.raises(DTypeError, match=f"{name} draws floating numbers, found dtype int64"):
            getattr(init, name)(cr.zeros(3, dtype=cr.int64))


def test_one_draw_of_many_chunks_is_many_draws():
    """Uniform numbers depend on the place alone, so the length of a chunk is nobody's business."""
    for dtype in (np.float32, np.float64):
        whole, parts = Twister(3), Twister(3)
        pieces = [parts.uniform(n, dtype=dtype) for n in (1, 65_536, 70_001)]
        np.testing.assert_array_equal(np.concatenate(pieces), whole.uniform(135_538, dtype=dtype))
        assert whole.drawn == parts.drawn
