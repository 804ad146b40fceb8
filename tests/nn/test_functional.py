"""nn.functional without a reference: error texts, dropout, what is written and what is refused."""

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.base.errors import DTypeError, RangeError, ShapeError
from chainrule.nn import functional as F

X = cr.ones(2, 3, 7, 7)


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda: F.conv2d(cr.ones(7, 7), cr.ones(5, 3, 3, 3)), ShapeError, r"expected a 3-d \(unbatched\) or 4-d \(batched\) input"),
        (lambda: F.conv2d(X, cr.ones(5, 3, 3)), ShapeError, r"weight must be .* with 4 axes, found shape \(5, 3, 3\)"),
        (lambda: F.conv2d(X, cr.ones(5, 3, 3, 3), cr.ones(3)), ShapeError, r"bias must have one element for each of the 5 output channels"),
        (lambda: F.conv2d(X, cr.ones(5, 3, 3, 3), stride=(1, 2, 3)), ShapeError, r"stride must be one number or 2"),
        (lambda: F.conv2d(X, cr.ones(5, 3, 3, 3), padding="some"), ValueError, r"Invalid padding string 'some'"),
        (lambda: F.conv2d(X, cr.ones(5, 3, 3, 3), padding="same", stride=2), ValueError, r"not supported for strided"),
        (lambda: F.conv2d(X, cr.ones(5, 2, 3, 3)), ShapeError, r"conv"),
        (lambda: F.max_pool2d(X, 2, padding=2), ShapeError, r"at most half of the window, found padding 2 for a window of 2"),
        (lambda: F.avg_pool2d(X, 2, divisor_override=0), ValueError, r"divisor must be not zero"),
        (lambda: F.adaptive_avg_pool2d(X, (1, 2, 3)), ShapeError, r"output_size must be one number or 2"),
        (lambda: F.batch_norm(X, None, None), ValueError, r"Expected running_mean and running_var"),
        (lambda: F.batch_norm(X, cr.ones(5), cr.ones(5)), ShapeError, r"every vector must have one element for each of the 3 channels"),
        (lambda: F.batch_norm(X, None, None, training=True, eps=0.0), ValueError, r"eps must be above 0 in training, found 0.0"),
        (lambda: cr.nn.CircularPad1d(1)(X), ShapeError, r"CircularPad1d takes 2 axes, or 3 with a batch, found shape \(2, 3, 7, 7\)"),
        (lambda: F.batch_norm(cr.ones(1, 3), None, None, training=True), ShapeError,
         r"Expected more than 1 value per channel.*\n  hint: DataLoader\(drop_last=True\)"),
        (lambda: F.cross_entropy(cr.ones(5, 3), cr.ones(5, 3, dtype=cr.int64)), ShapeError,
         r"hint: one-hot targets are floats, target.float\(\), or classes: target.argmax\(1\)"),
        (lambda: F.cross_entropy(cr.ones(5, 3), cr.ones(5, 1, dtype=cr.int64)), ShapeError, r"hint: target.squeeze\(1\)"),
        (lambda: F.layer_norm(X, (5,)), ShapeError, r"normalized shape"),
        (lambda: F.group_norm(X, 2), ShapeError, r"groups must divide the channels"),
        (lambda: F.bilinear(cr.ones(2, 3), cr.ones(5, 3), cr.ones(2, 3, 3)), ShapeError, r"must agree in all axes but the last"),
        (lambda: F.embedding(cr.tensor([0, 7]), cr.ones(7, 2)), RangeError, r"index 7 is out of range"),
        (lambda: F.embedding(cr.tensor([0]), cr.ones(7, 2), padding_idx=7), ValueError, r"padding_idx must be within num_embeddings"),
        (lambda: F.embedding(cr.tensor([0]), cr.ones(7, 2), sparse=True), NotImplementedError, r"sparse=True is not built"),
        (lambda: F.embedding(cr.ones(2), cr.ones(7, 2)), DTypeError, r"integer"),
        (lambda: F.one_hot(cr.tensor([0, 7]), 5), RangeError, r"one_hot: target 7 is out of range for 5 classes"),
        (lambda: F.one_hot(cr.tensor([-1, 2])), RangeError, r"target -1 is out of range"),
        (lambda: F.one_hot(cr.zeros(0, dtype=cr.int64)), ValueError, r"from empty tensor"),
        (lambda: F.one_hot(cr.tensor([0]), 0), ValueError, r"num_classes should be positive"),
        (lambda: F.dropout(X, 1.5), ValueError, r"between 0 and 1, but got 1.5"),
        (lambda: F.hardtanh(X, 2.0, 1.0), ValueError, r"min_val cannot be greater than max_val"),
        (lambda: F.softshrink(X, -1.0), ValueError, r"lambda must be greater or equal to 0"),
        (lambda: F.gelu(X, approximate="some"), ValueError, r"approximate is 'none' or 'tanh'"),
        (lambda: F.glu(cr.ones(3, 5)), ValueError, r"even size, found 5"),
        (lambda: F.glu(cr.tensor(1.0)), ShapeError, r"no axis to halve"),
        (lambda: F.prelu(X, cr.ones(5)), ShapeError, r"one element or one for each of the 3 channels"),
        (lambda: F.pad(X, (1, 2, 3)), ShapeError, r"one \(before, after\) pair"),
        (lambda: F.pad(X, (1, 2), mode="some"), ValueError, r"mode is 'constant', 'reflect'"),
        (lambda: F.pad(X, (1, 2), mode="reflect", value=1.0), ValueError, r"doesn't take in value argument"),
        (lambda: F.pad(X, (7, 2), mode="reflect"), ShapeError, r"mode 'reflect' adds 0 to 6 elements to an axis of 7, found \(7, 2\)"),
        (lambda: F.scaled_dot_product_attention(X, X, X, cr.ones(7, 7), is_causal=True), ValueError, r"mask or causal=True, not both"),
        (lambda: F.scaled_dot_product_attention(X, cr.ones(2, 2, 7, 7), X, enable_gqa=True), ShapeError, r"must be a multiple"),
    ],
)  # fmt: skip
def test_errors(act, error, text):
    with pytest.raises(error, match=text):
        act()


def test_dropout_keeps_the_mean_and_gradient_follows_the_mask():
    cr.manual_seed(0)
    x = cr.ones(10_000, requires_grad=True)
    y = F.dropout(x, 0.3)
    kept = y.detach().numpy() > 0
    assert kept.mean() == pytest.approx(0.7, abs=0.02)
    np.testing.assert_allclose(y.detach().numpy()[kept], 1 / 0.7, rtol=1e-6)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.detach().numpy())
    again = F.dropout(x, 0.3).detach().numpy()
    assert (again != y.detach().numpy()).any()
    cr.manual_seed(0)
    np.testing.assert_array_equal(F.dropout(x, 0.3).detach().numpy(), y.detach().numpy())


def test_dropout_at_its_ends_and_in_evaluation():
    x = cr.ones(5)
    assert not F.dropout(x, 1.0).numpy().any()
    assert F.dropout(x, 0.0) is x and F.dropout(x, 0.9, training=False) is x


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("dropout", (5, 7)), ("alpha_dropout", (5, 7)), ("feature_alpha_dropout", (5, 7)), ("dropout1d", (5, 7)),
        ("dropout1d", (2, 5, 7)), ("dropout2d", (2, 5, 3, 7)), ("dropout3d", (5, 3, 2, 2)),
    ],
)  # fmt: skip
def test_dropout_in_place_of_what_was_computed(name, shape):
    """The gradient is that of the same draw out of place, and what stood there before may be needed."""
    dropout = getattr(F, name)
    gradients = []
    for inplace in (False, True):
        cr.manual_seed(3)
        w = cr.linspace(-1, 1, math.prod(shape)).reshape(shape).requires_grad_()
        x = w * 2
        y = dropout(x, 0.5, True, inplace)
        assert (y is x) is inplace
        (y * y).sum().backward()
        gradients.append(w.grad.numpy())
    np.testing.assert_array_equal(*gradients)
    assert gradients[0].any()


def test_dropout_in_place_and_of_channels():
    cr.manual_seed(0)
    x = cr.ones(50, 7, 3)
    y = F.dropout1d(x, 0.5, inplace=True)
    assert y is x
    channels = x.numpy().sum(-1)
    assert set(np.unique(channels)) == {0.0, 6.0}
    assert set(np.unique(F.dropout2d(cr.ones(50, 7, 2, 2)).numpy().sum((2, 3)))) == {0.0, 8.0}
    assert set(np.unique(F.dropout3d(cr.ones(50, 2, 2, 1)).numpy().sum((1, 2, 3)))) == {0.0, 8.0}
    with pytest.warns(UserWarning, match=r"an input of 3 axes is taken for \(B, C, L\)"):
        y = F.dropout2d(cr.ones(50, 7, 2))
    assert set(np.unique(y.numpy().sum(-1))) == {0.0, 4.0}
    for f, shape in ((F.dropout2d, (5, 7)), (F.dropout3d, (5, 7, 2))):
        with pytest.warns(
            UserWarning, match=f"found {len(shape)} axes; the first two are taken for"
        ):
            f(cr.ones(shape))
    z = cr.ones(50, 3)
    assert F.dropout1d(z, 0.5, inplace=True) is z and (z.numpy() == 0).any()


def test_batch_norm_writes_its_buffers_and_nothing_else():
    x, mean, var = cr.randn(7, 5), cr.zeros(5), cr.ones(5)
    kept = mean
    F.batch_norm(x, mean, var, training=True, momentum=0.3)
    np.testing.assert_allclose(mean.numpy(), 0.3 * x.numpy().mean(0), rtol=1e-5)
    np.testing.assert_allclose(var.numpy(), 0.7 + 0.3 * x.numpy().var(0, ddof=1), rtol=1e-5)
    assert kept is mean and not mean.requires_grad
    before = mean.numpy().copy()
    F.batch_norm(x, mean, var)
    np.testing.assert_array_equal(mean.numpy(), before)


def test_layers_refuse_the_wrong_number_of_axes():
    for layer, shape, text in [
        (nn.BatchNorm1d(3), (2, 3, 5, 5), r"BatchNorm1d: expected 2D or 3D input \(got 4D input"),
        (nn.BatchNorm2d(3), (2, 3), r"BatchNorm2d: expected 4D input \(got 2D input"),
        (nn.LSTM(3, 5), (2, 3, 5, 3), r"LSTM: Expected the input to be 2D or 3D, got 4D"),
        (
            nn.LSTM(3, 5),
            (7, 2, 4),
            r"last axis of the input must be input_size=3, got shape \(7, 2, 4\)",
        ),
        (nn.LSTMCell(3, 5), (7, 2), r"must have shape \(B, 3\) or \(3,\), got \(7, 2\)"),
    ]:
        with pytest.raises(ShapeError, match=text):
            layer(cr.zeros(shape))


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: nn.LSTM(3, 0), ValueError, "hidden_size must be greater than zero"),
        (lambda: nn.LSTM(3, 5, num_layers=0), ValueError, "num_layers must be greater than zero"),
        (lambda: nn.LSTM(3, 5, dropout=2), ValueError, "range"),
        (lambda: nn.Conv2d(3, 5, 3, groups=0), ValueError, "groups must be a positive integer"),
        (lambda: nn.Conv2d(3, 6, 3, groups=2), ValueError, "in_channels must be divisible by groups"),
        (lambda: nn.Conv2d(4, 5, 3, groups=2), ValueError, "out_channels must be divisible by groups"),
        (lambda: nn.Conv2d(4, 4, 3, padding="x"), ValueError, "Invalid padding string 'x'"),
        (lambda: nn.Conv2d(4, 4, 3, padding="same", stride=2), ValueError, "not supported for strided"),
        (lambda: nn.Conv2d(4, 4, 3, padding_mode="x"), ValueError, "padding_mode must be one of"),
        (lambda: nn.GroupNorm(2, 5), ValueError, r"num_channels \(5\) must be divisible by num_groups \(2\)"),
        (lambda: nn.Dropout(1.5), ValueError, "between 0 and 1, but got 1.5"),
        (lambda: nn.Hardtanh(1.0, 1.0), ValueError, "must be larger than min_val"),
        (lambda: nn.Bilinear(0, 1, 1), ValueError, "in1_features must be > 0"),
        (lambda: nn.Embedding(5, 3, padding_idx=5), ValueError, "padding_idx must be within"),
        (lambda: nn.Embedding(5, 3, sparse=True), NotImplementedError, "sparse=True is not built"),
        (lambda: nn.Embedding(5, 3, _weight=cr.zeros(2, 2)), ShapeError, r"table has shape \(2, 2\), not \(5, 3\)"),
        (lambda: nn.Embedding.from_pretrained(cr.zeros(5)), ShapeError, "must be 2-dimensional"),
        (lambda: nn.Unflatten("C", (2, 3)), TypeError, "dim must be an integer, got str"),
        (lambda: nn.Unflatten(1, 3), TypeError, "must be a tuple of integers, got 3"),
    ],
)  # fmt: skip
def test_errors_of_constructors(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_lstm_states():
    lstm = nn.LSTM(3, 5, batch_first=True)
    out, (h, c) = lstm(cr.randn(2, 7, 3))
    assert out.shape == (2, 7, 5) and h.shape == c.shape == (1, 2, 5)
    np.testing.assert_array_equal(out[:, -1].detach().numpy(), h[0].detach().numpy())
    with pytest.raises(ShapeError, match=r"initial c must have shape \(1, 2, 5\) .* got \(2, 5\)"):
        lstm(cr.randn(2, 7, 3), (h, c[0]))
    with pytest.warns(UserWarning, match="dropout option adds dropout after all but last"):
        nn.LSTM(3, 5, dropout=0.5)
    dropped = nn.LSTM(3, 5, num_layers=2, dropout=0.5)
    x = cr.randn(7, 2, 3)
    assert (dropped(x)[0].detach().numpy() != dropped(x)[0].detach().numpy()).any()
    dropped.eval()
    np.testing.assert_array_equal(dropped(x)[0].detach().numpy(), dropped(x)[0].detach().numpy())


def test_frozen_embedding():
    table = nn.Embedding.from_pretrained(cr.ones(5, 3), padding_idx=1)
    assert not table.weight.requires_grad and repr(table) == "Embedding(5, 3, padding_idx=1)"
    fresh = nn.Embedding(5, 3, padding_idx=-1)
    assert not fresh.weight[4].detach().numpy().any() and fresh.padding_idx == 4


def test_an_axis_that_is_not_named_is_pytorchs_choice():
    for shape, axis in (((3,), 0), ((2, 3), 1), ((2, 3, 5), 0), ((2, 3, 5, 7), 1)):
        x = cr.randn(*shape)
        for f in (F.softmax, F.log_softmax, F.softmin):
            with pytest.warns(UserWarning, match=f"Implicit dimension choice for {f.__name__}"):
                assert f(x).equal(f(x, dim=axis))
