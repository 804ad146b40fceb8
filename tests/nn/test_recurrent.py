"""Recurrent layers and cells against PyTorch: parameters, outputs, states and every gradient, for whole batches, single
sequences and packed ones; and what sequences of different lengths go through."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.base.errors import DTypeError, ShapeError, TraceError
from chainrule.graph import trace
from chainrule.nn.utils import rnn

LENGTHS = [5, 2, 7, 1, 2]  # not in order, some equal
OPTIONS = {
    "plain": ("RNN", {}),
    "relu": ("RNN", {"nonlinearity": "relu", "num_layers": 2, "bidirectional": True}),
    "rnn without bias": ("RNN", {"bias": False, "batch_first": True}),
    "lstm": ("LSTM", {}),
    "lstm in layers": ("LSTM", {"num_layers": 3, "bidirectional": True, "batch_first": True}),
    "lstm without bias": ("LSTM", {"bias": False, "bidirectional": True}),
    "projection": ("LSTM", {"proj_size": 2, "num_layers": 2, "bidirectional": True}),
    "projection without bias": ("LSTM", {"proj_size": 2, "bias": False}),
    "gru": ("GRU", {}),
    "gru in layers": ("GRU", {"num_layers": 3, "bidirectional": True, "batch_first": True}),
    "gru without bias": ("GRU", {"bias": False, "bidirectional": True}),
}


def flat(result):
    """All floating tensors of a result, in order."""
    if isinstance(result, tuple):
        return [t for r in result if r is not None for t in flat(r)]
    return [result] if result.is_floating_point() else []


def pair(torch, name, sizes, options):
    """A layer in both libraries, in float64 with the same weights."""
    theirs = getattr(torch.nn, name)(*sizes, **options).double()
    ours = getattr(nn, name)(*sizes, **options).double()
    assert repr(ours) == repr(theirs)
    state = {k: v.numpy() for k, v in theirs.state_dict().items()}
    assert list(state) == list(ours.state_dict())
    ours.load_state_dict(state)
    return ours, theirs


def observed(T, module, arrays, run):
    """Outputs, then the gradients of the inputs and parameters for a fixed cotangent; `run(module, *inputs)`."""
    xs = [T.tensor(a, requires_grad=True) for a in arrays]
    outs = flat(run(module, *xs))
    rng = np.random.default_rng(11)
    loss = sum([(o * T.tensor(rng.standard_normal(tuple(o.shape)))).sum() for o in outs])
    loss.backward()
    found = [*outs, *[x.grad for x in xs], *[p.grad for p in module.parameters()]]
    return [t.detach().numpy() for t in found]


def assert_same(torch, layers, arrays, run):
    """Both libraries observe the same; `run(T, module, *inputs)`."""
    ours, theirs = layers
    a = observed(cr, ours, arrays, lambda m, *xs: run(cr, m, *xs))
    b = observed(torch, theirs, arrays, lambda m, *xs: run(torch, m, *xs))
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-11)


def drawn(*shapes):
    rng = np.random.default_rng(7)
    return [rng.standard_normal(s) for s in shapes]


def states(name, options, *batch):
    """Shapes of the initial states."""
    count = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    h = (count, *batch, options.get("proj_size", 5) or 5)
    return [h, (count, *batch, 5)] if name == "LSTM" else [h]


def given(hx):
    return hx[0] if len(hx) == 1 else tuple(hx)


@pytest.mark.torch
@pytest.mark.parametrize("case", OPTIONS)
def test_whole_batches(torch, case):
    name, options = OPTIONS[case]
    layers = pair(torch, name, (3, 5), options)
    (x,) = drawn((11, 2, 3))
    assert_same(torch, layers, [x], lambda T, m, x: m(x))
    B = 11 if options.get("batch_first") else 2
    arrays = drawn((11, 2, 3), *states(name, options, B))
    assert_same(torch, layers, arrays, lambda T, m, x, *hx: m(x, given(hx)))


@pytest.mark.torch
@pytest.mark.parametrize("case", OPTIONS)
def test_single_sequences(torch, case):
    name, options = OPTIONS[case]
    layers = pair(torch, name, (3, 5), options)
    assert_same(torch, layers, drawn((7, 3)), lambda T, m, x: m(x))
    arrays = drawn((7, 3), *states(name, options))
    assert_same(torch, layers, arrays, lambda T, m, x, *hx: m(x, given(hx)))


@pytest.mark.torch
@pytest.mark.parametrize("enforce_sorted", [True, False])
@pytest.mark.parametrize("case", OPTIONS)
def test_packed_sequences(torch, case, enforce_sorted):
    name, options = OPTIONS[case]
    lengths = sorted(LENGTHS, reverse=True) if enforce_sorted else LENGTHS
    layers = pair(torch, name, (3, 5), options)

    def run(T, module, x, *hx):
        utils = T.nn.utils.rnn
        packed = utils.pack_padded_sequence(x, lengths, enforce_sorted=enforce_sorted)
        y, last = module(packed, given(hx)) if hx else module(packed)
        assert y.batch_sizes.tolist() == packed.batch_sizes.tolist()
        padded, n = utils.pad_packed_sequence(y, total_length=8)
        assert n.tolist() == lengths
        return padded, last

    assert_same(torch, layers, drawn((7, 5, 3)), run)
    assert_same(torch, layers, drawn((7, 5, 3), *states(name, options, 5)), run)


@pytest.mark.torch
@pytest.mark.parametrize(
    ("name", "options"),
    [
        *[(name, {"bias": bias}) for name in ("RNNCell", "LSTMCell", "GRUCell") for bias in (True, False)],
        ("RNNCell", {"nonlinearity": "relu"}),
    ],
)  # fmt: skip
def test_cells(torch, name, options):
    layers = pair(torch, name, (3, 5), options)
    for batch in ((7,), ()):
        count = 2 if name == "LSTMCell" else 1
        assert_same(torch, layers, drawn((*batch, 3)), lambda T, m, x: m(x))
        arrays = drawn((*batch, 3), *[(*batch, 5)] * count)
        assert_same(torch, layers, arrays, lambda T, m, x, *hx: m(x, given(hx)))


@pytest.mark.torch
@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"])
def test_initial_weights_are_those_of_torch(torch, name):
    options = {} if "Cell" in name else {"num_layers": 2, "bidirectional": True}
    torch.manual_seed(3)
    cr.manual_seed(3)
    theirs, ours = getattr(torch.nn, name)(7, 5, **options), getattr(nn, name)(7, 5, **options)
    for (n, p), (m, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert n == m
        np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())


@pytest.mark.torch
def test_the_functions_on_sequences(torch):
    """Packing, padding and back, of numbers of several axes and dtypes, on either side."""
    rng = np.random.default_rng(3)
    for shape, dtype in (((), "int64"), ((2,), "float32"), ((2, 3), "float64")):
        arrays = [(rng.standard_normal((n, *shape)) * 9).astype(dtype) for n in LENGTHS]
        found = []
        for T in (cr, torch):
            utils = T.nn.utils.rnn
            ts = [T.tensor(a) for a in arrays]
            results = []
            for first in (False, True):
                for side in ("left", "right"):
                    results.append(utils.pad_sequence(ts, first, 3, padding_side=side))
                packed = utils.pack_sequence(ts, enforce_sorted=False)
                results += [*packed, *utils.pad_packed_sequence(packed, first, 2, 11)]
                results += utils.unpack_sequence(packed)
                padded = utils.pad_sequence(ts, first)
                packed = utils.pack_padded_sequence(padded, T.tensor(LENGTHS), first, False)
                results += [*packed, *utils.unpad_sequence(padded, T.tensor(LENGTHS), first)]
            found.append(results)
        for a, b in zip(*found, strict=True):
            assert a.dtype.name == str(b.dtype).removeprefix("torch.")
            np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_sequences_of_one_length_need_no_mask():
    x = cr.randn(3, 5, 2)
    packed = rnn.pack_padded_sequence(x, [3] * 5)
    layer = nn.GRU(2, 7)
    y, h = layer(packed)
    expected, last = layer(x)
    np.testing.assert_array_equal(rnn.pad_packed_sequence(y)[0].detach(), expected.detach())
    np.testing.assert_array_equal(h.detach(), last.detach())
    program = trace(lambda x: layer(rnn.pack_padded_sequence(x, [3] * 5))[0].data)
    program(x)
    assert not [eq for p in program.programs for eq in p.equations if eq.op.name == "index"]


def test_packed_sequences_are_converted_and_copied():
    packed = rnn.pack_sequence([cr.ones(2), cr.ones(3)], enforce_sorted=False)
    assert packed.to(cr.float32) is packed and packed.cpu() is packed and not packed.is_cuda
    assert packed.pin_memory() is packed and not packed.is_pinned()
    for kind in ("double", "float", "half", "long", "int"):
        assert getattr(packed, kind)().data.dtype is getattr(cr.ones(1), kind)().dtype
    for again in (copy.deepcopy(packed), pickle.loads(pickle.dumps(packed)), packed.double()):
        assert isinstance(again, rnn.PackedSequence) and again.sizes() == [2, 2, 1]
        assert again.unsorted_indices.tolist() == [1, 0]
    by_hand = rnn.PackedSequence((packed.data, packed.batch_sizes), None, packed.sorted_indices)
    assert by_hand.unsorted_indices.tolist() == [1, 0] and by_hand.sizes() == [2, 2, 1]


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_a_traced_layer_is_one_scan_each_way_and_packs_by_numbers(name):
    layer = getattr(nn, name)(3, 5, num_layers=2, bidirectional=True)
    x = cr.randn(7, 5, 3)

    def run(x):
        y, last = layer(rnn.pack_padded_sequence(x, LENGTHS, enforce_sorted=False))
        return rnn.pad_packed_sequence(y)[0], last

    f = trace(run)
    for a, b in zip(flat(f(x)), flat(run(x)), strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-5, atol=1e-6)
    scans = [eq for eq in f.programs[0].equations if eq.op.name == "scan"]
    assert len(scans) == 4 and {eq.attrs["length"] for eq in scans} == {7}
    with pytest.raises(TraceError, match="with the lengths as a list of numbers"):
        trace(lambda x, n: layer(rnn.pack_padded_sequence(x, n))[0].data)(x, cr.tensor(LENGTHS))


def test_dropout_between_layers_and_only_there():
    x = cr.randn(11, 7, 3)
    for name in ("RNN", "LSTM", "GRU"):
        one = getattr(nn, name)(3, 5, num_layers=2, dropout=1.0)
        other = getattr(nn, name)(3, 5, num_layers=2)
        other.load_state_dict(one.state_dict())
        with cr.no_grad():
            other.weight_ih_l1.zero_()  # what a dropout of everything comes to
        np.testing.assert_allclose(one(x)[0].detach(), other(x)[0].detach(), rtol=1e-5, atol=1e-6)
        other.load_state_dict(one.state_dict())
        one.eval()
        np.testing.assert_array_equal(one(x)[0].detach(), other(x)[0].detach())
        assert 0.2 < (getattr(nn, name)(3, 500, 2, dropout=0.5)(x)[0] != 0).float().mean().item()


def test_the_weights_by_layer_and_direction():
    layer = nn.LSTM(3, 5, num_layers=2, bidirectional=True, proj_size=2)
    assert [len(group) for group in layer.all_weights] == [5] * 4
    assert layer.all_weights[3][4] is layer.weight_hr_l1_reverse
    assert layer._all_weights[3][4] == "weight_hr_l1_reverse"
    layer.flatten_parameters()
    assert [len(group) for group in nn.GRU(3, 5, bias=False).all_weights] == [2]


def test_what_is_no_recurrent_layer_is_refused():
    with pytest.raises(ValueError, match="Unrecognized RNN mode: GRUU"):
        nn.RNNBase("GRUU", 3, 5)
    with pytest.raises(NotImplementedError, match="use RNN, LSTM or GRU"):
        nn.RNNBase("GRU", 3, 5)(cr.zeros(7, 2, 3))
    for make in (nn.RNN, nn.RNNCell):
        with pytest.raises(ValueError, match="Unknown nonlinearity"):
            make(3, 5, nonlinearity="sigmoid")
    for name in ("input_size", "hidden_size", "num_layers"):
        with pytest.raises(ValueError, match=f"{name} must be greater than zero"):
            nn.GRU(**({"input_size": 3, "hidden_size": 5} | {name: 0}))
    with pytest.raises(TypeError, match="hidden_size should be of type int, got: float"):
        nn.RNN(3, 5.0)
    with pytest.raises(TypeError, match="batch_first should be of type bool, got: int"):
        nn.RNN(3, 5, batch_first=1)
    with pytest.raises(ValueError, match=r"dropout should be a number in range \[0, 1\]"):
        nn.RNN(3, 5, dropout=1.5)
    with pytest.raises(ValueError, match="proj_size has to be smaller than hidden_size, got 5"):
        nn.LSTM(3, 5, proj_size=5)
    with pytest.raises(ValueError, match="proj_size should be a positive integer or zero"):
        nn.LSTM(3, 5, proj_size=-1)
    with pytest.warns(UserWarning, match="num_layers greater than 1, but got dropout=0.5"):
        nn.GRU(3, 5, dropout=0.5)


def test_inputs_that_do_not_fit_are_refused():
    gru, lstm, cell = nn.GRU(3, 5), nn.LSTM(3, 5), nn.LSTMCell(3, 5)
    x = cr.zeros(7, 2, 3)
    with pytest.raises(ShapeError, match="GRU: Expected the input to be 2D or 3D, got 4D instead"):
        gru(cr.zeros(1, 7, 2, 3))
    with pytest.raises(ShapeError, match="the last axis of the input must be input_size=3"):
        gru(cr.zeros(7, 2, 4))
    with pytest.raises(ShapeError, match=r"the initial h must have shape \(1, 2, 5\) for a batch"):
        gru(x, cr.zeros(1, 3, 5))
    with pytest.raises(ShapeError, match=r"the initial c must have shape \(1, 5\) for one seq"):
        lstm(x[:, 0], (cr.zeros(1, 5), cr.zeros(5)))
    with pytest.raises(ShapeError, match="GRU: hx is one tensor, the initial h, found tuple"):
        gru(x, (cr.zeros(1, 2, 5), cr.zeros(1, 2, 5)))
    with pytest.raises(ShapeError, match=r"LSTM: hx is a pair of tensors, the initial \(h, c\)"):
        lstm(x, cr.zeros(1, 2, 5))
    with pytest.raises(DTypeError, match="operands must have the same dtype"):
        gru(x.double())
    with pytest.raises(ShapeError, match=r"LSTMCell: the input must have shape \(B, 3\) or \(3,\)"):
        cell(cr.zeros(2, 4))
    with pytest.raises(ShapeError, match=r"LSTMCell: c must have shape \(2, 5\)"):
        cell(x[0], (cr.zeros(2, 5), cr.zeros(1, 5)))


def test_lengths_that_do_not_fit_are_refused():
    x = cr.zeros(7, 3, 2)
    with pytest.raises(ShapeError, match=r"equal to batch_size, but got 2 \(batch_size=3\)"):
        rnn.pack_padded_sequence(x, [7, 2])
    for lengths in ([7, 2, 0], [8, 2, 1]):
        with pytest.raises(ShapeError, match="greater than 0 and at most 7, the number of steps"):
            rnn.pack_padded_sequence(x, lengths)
    with pytest.raises(ValueError, match="must be sorted in decreasing order when"):
        rnn.pack_padded_sequence(x, cr.tensor([2, 7, 1]))
    with pytest.raises(ShapeError, match=r"lengths must be a vector, found shape \(3, 1\)"):
        rnn.pack_padded_sequence(x, cr.tensor([[7], [2], [1]]))
    with pytest.raises(ShapeError, match=r"the input is \(T, B, …\), found shape \(7,\)"):
        rnn.pack_padded_sequence(cr.zeros(7), [7])
    with pytest.raises(ValueError, match="got total_length=6 and max sequence length being 7"):
        rnn.pad_packed_sequence(rnn.pack_padded_sequence(x, [7, 2, 1]), total_length=6)
    with pytest.raises(ValueError, match="padding_side should be 'left' or 'right', got 'top'"):
        rnn.pad_sequence([x], padding_side="top")
    with pytest.raises(ShapeError, match="received an empty list of sequences"):
        rnn.pad_sequence([])
    with pytest.raises(ShapeError, match="equal but for their lengths"):
        rnn.pad_sequence([cr.zeros(3, 2), cr.zeros(3)])
    with pytest.raises(ShapeError, match="7 sequences need as many lengths, found 3"):
        rnn.unpad_sequence(x, [2, 1, 1], batch_first=True)


def test_nothing_is_warned_of():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nn.LSTM(3, 5, num_layers=2, dropout=0.5)(cr.zeros(7, 2, 3))
