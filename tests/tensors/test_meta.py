"""The device "meta": tensors of which only shape and dtype are there."""

import copy
import pickle
import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.nn import functional as F

FAR = 1_000_000  # a matrix of so many rows and columns takes four terabytes


def on_meta(*size, **options):
    return cr.empty(*size, device="meta", **options)


class Net(nn.Module):
    """Whatever people build: buffers that are computed, writes in place, weights drawn in several ways."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1, stride=2)
        self.norm = nn.BatchNorm2d(6)
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)
        self.lstm = nn.LSTM(6, 5, bidirectional=True)
        self.head = nn.Linear(10, 7)
        self.place = nn.Parameter(cr.zeros(1, 1, 6))
        nn.init.trunc_normal_(self.place, std=0.02)
        nn.init.orthogonal_(self.head.weight)
        angles = cr.arange(6).float() / 6
        mask = cr.full((16, 16), float("-inf")).triu_(1)
        mask[0] = 0.0
        self.register_buffer("table", cr.stack([angles.cos(), angles.sin()]))
        self.register_buffer("mask", mask)

    def forward(self, x):
        x = nn.functional.gelu(self.norm(self.conv(x))).flatten(2).mT + self.place
        x = self.attention(x, x, x, attn_mask=self.mask)[0] * self.table[0]
        x, _ = self.lstm(nn.functional.dropout(x, 0.1, self.training))
        return self.head(x).mean(1)


def test_a_model_is_built_without_memory_and_drawn_weights_and_says_its_shapes():
    real = Net()
    before, drawn = cr.get_rng_state(), cr.default_generator.weights.drawn
    with cr.device("meta") as place:
        assert place == cr.get_default_device() == cr.device("meta")
        net, huge = Net(), nn.Linear(FAR, FAR)
    assert cr.get_default_device() == cr.device("cpu")
    assert cr.equal(cr.get_rng_state(), before) and cr.default_generator.weights.drawn == drawn
    assert huge.weight.nbytes == 4 * FAR**2 and isinstance(huge.weight, nn.Parameter)
    assert huge(on_meta(3, FAR)).shape == (3, FAR)
    for mine, theirs in ((net.state_dict(), real.state_dict()),):
        assert all(t.is_meta and not t.is_cpu for t in mine.values())
        outlines = [(k, t.shape, t.dtype, t.stride()) for k, t in mine.items()]
        assert outlines == [(k, t.shape, t.dtype, t.stride()) for k, t in theirs.items()]
    y = net(on_meta(2, 3, 8, 8))
    assert (y.shape, y.device.type, y.requires_grad) == ((2, 7), "meta", True)
    nn.functional.cross_entropy(y, on_meta(2, dtype=cr.int64)).backward()
    assert all(p.grad.is_meta and p.grad.shape == p.shape for p in net.parameters())


def test_memory_then_values():
    real = Net().eval()
    with cr.device("meta"):
        net = Net().eval()
    twin = copy.deepcopy(net)
    net.to_empty(device="cpu").load_state_dict(real.state_dict())
    twin.load_state_dict(real.state_dict(), assign=True)
    x = cr.randn(2, 3, 8, 8)
    assert cr.equal(net(x), real(x)) and cr.equal(twin(x), real(x))
    gone = nn.Linear(5, 3).to("meta")
    assert gone.weight.is_meta and isinstance(gone.weight, nn.Parameter)
    with pytest.raises(
        cr.DeviceError, match=r"to\('cpu'\) needs the values of a tensor on the dev"
    ):
        gone.cpu()
    with pytest.warns(UserWarning, match=r"wrote nothing to weight and 1 more: .*assign=True"):
        gone.load_state_dict(nn.Linear(5, 3).state_dict())
    with pytest.raises(RuntimeError, match="mismatch for bias: a tensor on the device 'meta'"):
        nn.Linear(5, 3).load_state_dict(gone.state_dict())
    with warnings.catch_warnings(action="error"):
        assert nn.Linear(5, 3).to("meta").load_state_dict(gone.state_dict(), assign=True)


def test_where_tensors_are_made():
    outer = cr.ones(2)
    with cr.device("meta"):
        with cr.device("cpu"):
            assert cr.zeros(2).is_cpu
        made = [cr.tensor([1.0]), cr.rand(2), cr.linspace(0, 1, 5), cr.eye(3), cr.randperm(5)]
        assert all(t.is_meta for t in [*made, cr.as_tensor(np.ones(3)), cr.tril_indices(3, 3)])
        there = [cr.zeros(2, device="cpu"), cr.zeros_like(outer), outer.new_ones(3), cr.Tensor(2)]
        assert all(t.is_cpu for t in [*there, cr.from_numpy(np.ones(2)), outer.new_tensor([1])])
    with pytest.raises(KeyError), cr.device("meta"):
        raise KeyError
    assert cr.zeros(2).is_cpu
    like = on_meta(2, 3, dtype=cr.float64)
    made = [
        cr.empty_like(like),
        like.new_zeros(5),
        cr.randn_like(like),
        outer.to(like),
        like.new(3),
    ]
    assert all(t.is_meta and t.dtype is cr.float64 for t in made)
    cr.set_default_device("meta")
    try:
        assert cr.zeros(2).is_meta
    finally:
        cr.set_default_device("cpu")
    with pytest.raises(cr.DeviceError, match="there is no cuda backend"), cr.device("cuda"):
        pass


def test_views_copies_and_text():
    x = on_meta(5, 7, 3)
    flipped = x.transpose(0, 2)[1:, :, 2]
    assert (flipped.stride(), flipped.storage_offset()) == ((1, 3), 43)
    assert not flipped.is_contiguous() and flipped.contiguous().stride() == (7, 1)
    assert x.view(35, 3).stride() == (3, 1) and x.data_ptr() == 0
    assert x.untyped_storage().nbytes() == 420 and x.untyped_storage().device == "meta"
    with pytest.raises(cr.ShapeError, match="reshape"):
        flipped.view(-1)
    assert repr(x[0, 0] > 1) == "tensor(..., device='meta', size=(3,), dtype=chainrule.bool)"
    assert repr(on_meta(2, requires_grad=True)).endswith("size=(2,), requires_grad=True)")
    again = pickle.loads(pickle.dumps(nn.Parameter(x.half())))
    assert again.is_meta and again.dtype is cr.float16 and again.requires_grad
    assert again.shape == x.shape
    y = cr.ones(3, requires_grad=True)
    (y * 2).to("meta").sum().backward()
    assert y.grad.is_meta and (cr.ones(3) + on_meta(2, 3)).is_meta


def test_writes_have_no_place_and_are_checked():
    x = on_meta(2, 3)
    assert x.copy_(cr.ones(3)) is x and x.add_(1).is_meta and x.normal_() is x
    x[0, :2] = 5
    x[:, 1] += 1
    with pytest.raises(cr.ShapeError, match=r"values of shape \(4,\) cannot be written"):
        x.copy_(cr.ones(4))
    with pytest.raises(
        cr.DeviceError, match=r"of shape \(2, 3\) on the device 'meta' has no values"
    ):
        cr.zeros(2, 3).copy_(x)


@pytest.mark.parametrize(
    ("asks", "words"),
    [
        (lambda x: x.sum().item(), r"item\(\) needs the values"),
        (lambda x: x.numpy(), r"numpy\(\) needs the values"),
        (lambda x: np.asarray(x), r"numpy\(\) needs the values"),
        (lambda x: x.tolist(), r"tolist\(\) needs the values"),
        (lambda x: bool(x[0, 0] > 0), "a branch .* needs the values"),
        (lambda x: x[x > 0], "needs the values"),
        (lambda x: x.unique(), "needs the values"),
        (lambda x: cr.equal(x, x), "needs the values"),
        (lambda x: np.sin(np.stack([x.read()])), "has no values"),
        (lambda x: cr.compile(lambda y: y + x)(cr.ones(3)), "'meta', .* in a traced function"),
    ],
)
def test_values_are_refused_by_name(asks, words):
    with pytest.raises((cr.DeviceError, cr.TraceError, TypeError), match=words):
        asks(on_meta(2, 3))


EXPRESSIONS = """
    x * 2 + x.double()
    x.T.reshape(3, 2)
    x.permute(1, 0)[1:].contiguous()
    torch.cat([x, x.half()], 1)
    torch.max(x, 1).indices
    x.topk(2).values
    torch.einsum('ij,kj->ik', x, x)
    torch.where(x > 0, x, 0.0)
    x.new_full((3,), 2)
    torch.linalg.svd(x)[1]
    x.sum(dtype=torch.int32)
    x.expand(5, 2, 3)
    torch.nn.functional.pad(x, (1, 1))
    torch.nn.functional.interpolate(x[None], scale_factor=2.0)
    torch.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)
    torch.nn.functional.layer_norm(x.bfloat16(), (3,))
    torch.nn.TransformerEncoderLayer(6, 2, device='meta')(x.reshape(1, 1, 6))
    torch.nn.GRU(3, 5, device='meta')(x)[1]
    torch.nn.functional.embedding(x.long(), x)
    torch.randint(5, (3,), device='meta')
    torch.empty_strided((2, 3), (1, 2), device='meta')
    torch.as_tensor([1, 2], device='meta')
"""


@pytest.mark.parametrize("expression", EXPRESSIONS.strip().splitlines())
def test_outlines_are_those_of_pytorch(torch, expression):
    found = []
    for library in (torch, cr):
        x = library.zeros(2, 3, device="meta")
        y = eval(expression, {"torch": library, "x": x})
        dtype = str(y.dtype).rpartition(".")[2]
        found.append((tuple(y.shape), tuple(y.stride()), dtype, y.device.type, y.is_contiguous()))
    assert found[1] == found[0]


@pytest.mark.parametrize(
    "draw",
    [
        lambda x: F.dropout(x, 0.5), lambda x: F.alpha_dropout(x, 0.5, True), lambda x: F.rrelu(x, training=True),
        lambda x: F.gumbel_softmax(x), lambda x: x.normal_(), lambda x: x.uniform_(), lambda x: x.bernoulli_(0.3),
        lambda x: x.random_(), lambda x: x.exponential_(), cr.bernoulli, lambda x: cr.normal(x, 1.0), cr.rand_like,
    ],
    ids=range(12),
)  # fmt: skip
def test_nothing_is_drawn_for_outlines(draw):
    """As in PyTorch: a model looked over on "meta" leaves the numbers to come what they were."""
    before = cr.get_rng_state().tolist()
    assert draw(cr.ones(3, 5, device="meta")).is_meta
    assert cr.get_rng_state().tolist() == before
    draw(cr.ones(3, 5) / 2)
    assert cr.get_rng_state().tolist() != before
