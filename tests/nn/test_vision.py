"""Pooling, resizing, grids, padding, windows and bags without a reference: what must hold by itself, and error texts."""

import math
import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule import functional as fn
from chainrule import nn, ops
from chainrule.base.errors import DTypeError, RangeError, ShapeError
from chainrule.graph import trace
from chainrule.nn import functional as F

RNG = np.random.default_rng(2)
X = cr.ones(2, 4, 7, 7)
LINE, VOLUME = cr.ones(2, 3, 7), cr.ones(2, 3, 4, 5, 6)


def f(*shape):
    return cr.tensor(RNG.standard_normal(shape))


# ---------------------------------------------------------------------------------------------------- what must hold


def test_a_transposed_convolution_is_the_adjoint():
    """⟨conv(x), y⟩ = ⟨x, conv_transpose(y)⟩, for every x and y."""
    w = f(6, 2, 3, 2)
    options = {"stride": (2, 3), "padding": (1, 0), "dilation": (1, 2), "groups": 2}
    x = f(2, 4, 9, 12)
    z = F.conv2d(x, w, **options)
    y = f(*z.shape)
    back = nn.ConvTranspose2d(6, 4, (3, 2), bias=False, dtype=cr.float64, **options)
    back.weight.data = w
    there = back(y, output_size=(9, 12))
    assert there.shape == x.shape
    np.testing.assert_allclose((z * y).sum().item(), (x * there).sum().item(), rtol=1e-10)


def test_folding_is_the_adjoint_of_unfolding():
    options = {"kernel_size": (3, 2), "dilation": (1, 2), "padding": (1, 0), "stride": 2}
    x = f(2, 3, 7, 9)
    y = F.unfold(x, **options)
    z = f(*y.shape)
    there = F.fold(z, (7, 9), **options)
    np.testing.assert_allclose((y * z).sum().item(), (x * there).sum().item(), rtol=1e-10)


def test_unfolding_keeps_every_dtype_and_an_infinity_alone():
    """A convolution with ones and zeros would give NaN around an infinity."""
    for dtype in (cr.bool, cr.uint8, cr.int64, cr.bfloat16):
        x = cr.arange(12).reshape(1, 1, 3, 4).to(dtype)
        y = F.unfold(x, 2, padding=1)
        assert y.dtype is dtype and y.shape == (1, 4, 20)
    x = cr.zeros(1, 1, 3, 3)
    x[0, 0, 1, 1] = math.inf
    y = F.unfold(x, 2).numpy()
    assert np.isinf(y).sum() == 4 and not np.isnan(y).any()


def test_pixels_come_back():
    x = f(2, 8, 3, 5)
    assert cr.equal(F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2), x)
    assert cr.equal(F.channel_shuffle(F.channel_shuffle(x, 2), 4), x)


def test_maxima_come_back_where_they_were():
    x = f(2, 3, 7, 9)
    y, at = F.max_pool2d(x, 3, 2, return_indices=True)
    back = F.max_unpool2d(y, at, 3, 2, output_size=(2, 3, 7, 9))
    picked = back.numpy() != 0
    np.testing.assert_array_equal(back.numpy()[picked], x.numpy()[picked])
    assert picked.sum() == len(np.unique(at.numpy() + 63 * np.arange(6).reshape(2, 3, 1, 1)))


@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "lanczos"])
def test_resizing_keeps_a_constant_and_its_sum_of_weights(mode):
    x = cr.ones(1, 2, 13, 5, dtype=cr.float64)
    for size in ((4, 9), (29, 3)):
        for antialias in (False, True) if mode != "lanczos" else (True,):
            y = F.interpolate(x, size, mode=mode, antialias=antialias)
            np.testing.assert_allclose(y.numpy(), 1, rtol=1e-12)


def test_a_plane_is_resized_to_a_plane():
    """Blends and fits are exact for what is linear, away from the edges."""
    i = cr.arange(12.0, dtype=cr.float64)
    x = (i.reshape(12, 1) * 3 + i * 2).reshape(1, 1, 12, 12)
    for mode in ("bilinear", "bicubic"):
        y = F.interpolate(x, (23, 23), mode=mode, align_corners=True).numpy()[0, 0, 4:-4, 4:-4]
        j = np.arange(23)[4:-4] / 2
        np.testing.assert_allclose(y, j[:, None] * 3 + j * 2, rtol=1e-12)


def test_the_identity_grid_gives_the_image():
    for x, theta in ((f(2, 3, 5, 7), np.eye(2, 3)), (f(2, 3, 4, 5, 7), np.eye(3, 4))):
        for align in (False, True):
            grid = F.affine_grid(cr.tensor(np.stack([theta] * 2)), x.shape, align_corners=align)
            for mode in ("bilinear", "nearest") + (("bicubic",) if x.ndim == 4 else ()):
                y = F.grid_sample(x, grid, mode, "border", align)
                np.testing.assert_allclose(y.numpy(), x.numpy(), atol=1e-12)


def test_the_nearest_element_stays_where_the_grid_moves():
    """So the grid has a gradient, and it is 0, outside of the image as well."""
    grid = cr.tensor([[[[-0.4, 0.3], [1.7, 0.0]]]], requires_grad=True)
    y = F.grid_sample(cr.ones(1, 1, 3, 3), grid, "nearest")
    assert y.tolist() == [[[[1, 0]]]]
    y.sum().backward()
    assert grid.grad.tolist() == [[[[0, 0], [0, 0]]]]


def test_places_that_are_no_numbers_are_outside():
    grid = cr.tensor([[[[math.nan, 0.0], [math.inf, 0.0], [-math.inf, 0.0], [0.0, 0.0]]]])
    found = F.grid_sample(cr.ones(1, 1, 3, 3), grid)
    assert found.tolist() == [[[[0.0, 0.0, 0.0, 1.0]]]]


def test_an_image_of_bytes_is_rounded():
    x = cr.tensor([[[[0, 255], [10, 13]]]], dtype=cr.uint8)
    y = F.interpolate(x, (3, 3), mode="bilinear", align_corners=True)
    assert y.dtype is cr.uint8 and y[0, 0].tolist() == [[0, 128, 255], [5, 70, 134], [10, 12, 13]]


def test_what_is_resized_to_its_own_size_is_a_copy():
    x = f(1, 1, 3, 3)
    y = F.interpolate(x, (3, 3))
    y[0, 0, 0, 0] = 7.0
    assert x[0, 0, 0, 0].item() != 7.0


def test_alpha_dropout_keeps_mean_and_variance():
    cr.manual_seed(0)
    x = cr.randn(200_000)
    for f_, shape in ((F.alpha_dropout, (-1,)), (F.feature_alpha_dropout, (1, -1, 1))):
        y = f_(x.reshape(shape), 0.3, training=True).numpy()
        assert abs(y.mean()) < 0.02 and abs(y.var() - 1) < 0.03
    limit = np.unique(np.round(y, 5), return_counts=True)
    assert limit[1].max() == pytest.approx(0.3 * x.numel(), rel=0.05)


def test_alpha_dropout_of_channels_and_in_place():
    cr.manual_seed(0)
    x = cr.ones(50, 7, 3)
    y = F.feature_alpha_dropout(x, 0.5, training=True, inplace=True)
    assert y is x
    assert all(len(np.unique(channel)) == 1 for channel in x.numpy().reshape(-1, 3))
    assert len(np.unique(x.numpy())) == 2
    assert F.alpha_dropout(x, 0.5) is x and F.feature_alpha_dropout(cr.ones(3)) is not None


def test_windows_of_fractional_pooling_are_drawn_anew():
    cr.manual_seed(0)
    x = f(1, 2, 19, 19)
    a, b = (F.fractional_max_pool2d(x, 2, output_ratio=0.6).numpy() for _ in range(2))
    assert a.shape == (1, 2, 11, 11) and (a != b).any()
    cr.manual_seed(0)
    layer = nn.FractionalMaxPool2d(2, output_ratio=(0.6, 0.6), return_indices=True)
    y, at = layer(x)
    np.testing.assert_array_equal(y.numpy(), a)
    flat = x.numpy().reshape(1, 2, -1)
    np.testing.assert_array_equal(
        np.take_along_axis(flat, at.numpy().reshape(1, 2, -1), 2), a.reshape(1, 2, -1)
    )


def test_gradients_by_frequency():
    w = cr.ones(5, 2, requires_grad=True)
    F.embedding(cr.tensor([3, 1, 3, 3]), w, scale_grad_by_freq=True).sum().backward()
    assert w.grad[:, 0].tolist() == [0.0, 1.0, 0.0, 1.0, 0.0]


def test_empty_bags_and_empty_input():
    w = cr.ones(5, 2)
    for mode in ("sum", "mean", "max"):
        y = F.embedding_bag(cr.tensor([3, 1]), w, cr.tensor([0, 0, 2, 2]), mode=mode)
        assert y.tolist() == [
            [0.0, 0.0],
            [2.0 if mode == "sum" else 1.0] * 2,
            [0.0, 0.0],
            [0.0, 0.0],
        ]
        none = cr.zeros(0, dtype=cr.int64)
        assert not F.embedding_bag(none, w, cr.tensor([0, 0]), mode=mode).numpy().any()
        assert not F.embedding_bag(cr.zeros(3, 0, dtype=cr.int64), w, mode=mode).numpy().any()
    padded = F.embedding_bag(cr.tensor([[2, 2]]), w, mode="max", padding_idx=2)
    assert padded.tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("mode", ["max", "mean"])
def test_bags_with_offsets_do_not_ask_for_lengths_in_a_traced_function(mode):
    w = f(5, 2).requires_grad_()

    def bags(at, starts):
        y = F.embedding_bag(at, w, starts, mode=mode, padding_idx=4)
        return y, *cr.autograd.grad(y.square().sum(), w)

    program, at = trace(bags), cr.tensor([3, 1, 4, 0, 3, 2, 4])
    for starts in ([0, 2, 2, 5, 6], [0, 0, 1, 3, 6]):
        for got, want in zip(
            program(at, cr.tensor(starts)), bags(at, cr.tensor(starts)), strict=True
        ):
            np.testing.assert_array_equal(got.detach().numpy(), want.detach().numpy())
    assert len(program.programs) == 1


def test_of_equal_maxima_of_a_bag_the_first_receives_the_gradient():
    w = cr.ones(3, 2, requires_grad=True)
    F.embedding_bag(cr.tensor([2, 0, 1]), w, cr.tensor([0, 1]), mode="max").sum().backward()
    assert w.grad.tolist() == [[1.0, 1.0], [0.0, 0.0], [1.0, 1.0]]


def test_running_statistics_of_instances():
    x = f(3, 5, 7)
    layer = nn.InstanceNorm1d(5, track_running_stats=True, momentum=0.3, dtype=cr.float64)
    layer(x)
    mean, var = x.numpy().mean(2).mean(0), x.numpy().var(2, ddof=1).mean(0)
    np.testing.assert_allclose(layer.running_mean.numpy(), 0.3 * mean, rtol=1e-12)
    np.testing.assert_allclose(layer.running_var.numpy(), 0.7 + 0.3 * var, rtol=1e-12)
    layer.eval()
    expected = (x.numpy() - 0.3 * mean[:, None]) / np.sqrt(0.7 + 0.3 * var + 1e-5)[:, None]
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-10)
    with pytest.warns(
        UserWarning, match="expected 5 channels, found 4 .*; without affine it makes"
    ):
        nn.InstanceNorm1d(5)(cr.ones(2, 4, 7))


def test_autocast_leaves_pools_and_resizing_alone():
    """Their definitions have products of matrices within, which are not products of the model."""
    with cr.autocast("cpu"):
        assert F.adaptive_avg_pool2d(X, 3).dtype is cr.float32
        assert F.interpolate(X, 3, mode="bicubic", antialias=True).dtype is cr.float32
        assert F.conv_transpose2d(X, cr.ones(4, 1, 2, 2), cr.ones(1)).dtype is cr.bfloat16


def test_an_empty_batch_leaves_the_running_statistics_alone():
    mean, var = cr.zeros(3), cr.ones(3)
    y = F.batch_norm(cr.zeros(0, 3), mean, var, training=True)
    assert y.shape == (0, 3) and mean.tolist() == [0.0] * 3 and var.tolist() == [1.0] * 3


# ---------------------------------------------------------------------------------------------------------- error texts


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda: F.conv2d(X, cr.ones(5, 4, 3, 3), cr.ones(5, dtype=cr.float64)),
         DTypeError, r"the bias and the input must have the same dtype"),
        (lambda: F.conv_transpose2d(X, cr.ones(4, 5, 3)), ShapeError, r"weight must be \(in, out / groups, \*window\) with 4 axes"),
        (lambda: F.conv_transpose2d(X, cr.ones(4, 5, 3, 3), output_padding=1),
         ShapeError, r"smaller than either stride or dilation, found 1"),
        (lambda: F.conv_transpose2d(X, cr.ones(4, 5, 3, 3), padding=9), ShapeError, r"nothing is left of an output of size \(-9, -9\)"),
        (lambda: F.conv_transpose2d(X, cr.ones(4, 5, 3, 3), cr.ones(4)), ShapeError, r"one element for each of the 5 output channels"),
        (lambda: F.conv_transpose2d(X, cr.ones(3, 5, 3, 3)), ShapeError, r"conv_input"),
        (lambda: F.max_pool2d(cr.ones(2, 0, 7, 7), 2), ShapeError, r"max_pool2d: only the batch may be empty, found shape \(2, 0, 7, 7\)"),
        (lambda: F.max_unpool2d(X, cr.zeros(2, 4, 7, 7, dtype=cr.int64), 2, output_size=(9, 14)),
         ShapeError, r"invalid output_size \(9, 14\): 9 must be between 12 and 16"),
        (lambda: F.max_unpool2d(X, cr.zeros(2, 4, 7, 7, dtype=cr.int64), 2, output_size=(14,)),
         ShapeError, r"output_size must have 2 sizes"),
        (lambda: F.max_unpool2d(X, cr.zeros(2, 4, 7, 5, dtype=cr.int64), 2), ShapeError, r"x and its indices must both be \(N, C, \*P\)"),
        (lambda: F.max_unpool1d(LINE, cr.full((2, 3, 7), 14), 2), RangeError, r"index 14 is out of range"),
        (lambda: F.adaptive_max_pool2d(X, (0, 2)), ShapeError, r"cut into at least one part"),
        (lambda: F.adaptive_max_pool2d(cr.ones(2, 4, 0, 7), 2), ShapeError, r"an empty axis has no largest element"),
        (lambda: F.fractional_max_pool2d(X, 2), ValueError, r"requires specifying either an output_size or an output_ratio"),
        (lambda: F.fractional_max_pool2d(X, 2, output_ratio=(0.5,) * 3), ShapeError, r"output_ratio must be one number or 2"),
        (lambda: F.fractional_max_pool2d(X, 3, 7), ShapeError, r"7 windows of 3 do not fit on an axis of 7"),
        (lambda: F.fractional_max_pool2d(X, 2, 3, _random_samples=cr.zeros(2, 4, 3)), ShapeError, r"samples must be \(N, C, 2\)"),
        (lambda: F.interpolate(X), ValueError, r"either size or scale_factor should be defined"),
        (lambda: F.interpolate(X, 3, 2.0), ValueError, r"only one of size or scale_factor should be defined"),
        (lambda: F.interpolate(X, 3, align_corners=True), ValueError, r"align_corners option can only be set with"),
        (lambda: F.interpolate(X, 3, mode="linear"), NotImplementedError, r"mode 'linear' is not for an input of 4 axes; there are"),
        (lambda: F.interpolate(X, 3, mode="some"), NotImplementedError, r"mode 'some' is not for an input of 4 axes"),
        (lambda: F.interpolate(X, 3, antialias=True), ValueError, r"restricted to bilinear, bicubic, and lanczos"),
        (lambda: F.interpolate(X, 3, mode="lanczos"), ValueError, r"requires antialias=True"),
        (lambda: F.interpolate(X, (3, 3, 3)), ShapeError, r"same number of spatial dimensions, but got 2 and \(3, 3, 3\)"),
        (lambda: F.interpolate(X, scale_factor=(2.0,)), ShapeError, r"same number of spatial dimensions"),
        (lambda: F.interpolate(X, scale_factor=0.1), ShapeError, r"sizes should be greater than 0, found \(2, 4, 7, 7\) and \(0, 0\)"),
        (lambda: F.interpolate(X, 3, recompute_scale_factor=True), ValueError, r"not meaningful with an explicit size"),
        (lambda: F.interpolate(X.long(), 3, mode="bilinear"), DTypeError, r"needs a floating dtype or uint8, found chainrule.int64"),
        (lambda: F.affine_grid(cr.ones(2, 2, 3, dtype=cr.int64), (2, 3, 5, 7)), DTypeError, r"Expected theta to have floating point type"),
        (lambda: F.affine_grid(cr.ones(2, 2, 3), (2, 3, 5)), NotImplementedError, r"only supports 4D and 5D sizes"),
        (lambda: F.affine_grid(cr.ones(2, 2, 3), (3, 3, 5, 7)), ShapeError, r"begin with the batch of theta, 2, found"),
        (lambda: F.affine_grid(cr.ones(2, 3, 3), (2, 3, 5, 7)), ShapeError, r"theta must be \(N, 2, 3\) for a grid of 2 axes"),
        (lambda: F.grid_sample(X, cr.ones(2, 3, 3, 3)), ShapeError, r"grid must be \(N, \*P, 2\)"),
        (lambda: F.grid_sample(LINE, cr.ones(2, 3, 1)), ShapeError, r"x must be \(N, C, H, W\) or \(N, C, D, H, W\)"),
        (lambda: F.grid_sample(VOLUME, cr.ones(2, 3, 3, 3, 3), "bicubic"), ShapeError, r"bicubic is for images"),
        (lambda: F.grid_sample(cr.ones(1, 1, 0, 3), cr.ones(1, 3, 3, 2)), ShapeError, r"x must not be empty but in the batch"),
        (lambda: F.grid_sample(X, cr.ones(2, 3, 3, 2), "some"), ValueError, r"expected mode to be 'bilinear', 'nearest' or 'bicubic'"),
        (lambda: F.grid_sample(X, cr.ones(2, 3, 3, 2), padding_mode="some"),
         ValueError, r"expected padding_mode to be 'zeros', 'border', or"),
        (lambda: F.pixel_shuffle(X, 3), ShapeError, r"the channels must be a multiple of factor² = 9, found 4"),
        (lambda: F.pixel_shuffle(X, 0), ShapeError, r"the factor must be at least 1"),
        (lambda: F.pixel_shuffle(cr.ones(3, 3), 1), ShapeError, r"x must be \(…, C, H, W\)"),
        (lambda: F.pixel_unshuffle(X, 2), ShapeError, r"height and width must be multiples of the factor 2"),
        (lambda: F.pixel_unshuffle(X, 0), ShapeError, r"the factor must be at least 1"),
        (lambda: F.pixel_unshuffle(cr.ones(3, 3), 1), ShapeError, r"x must be \(…, C, H, W\)"),
        (lambda: F.channel_shuffle(X, 3), ShapeError, r"groups must divide the channels, found groups=3, C=4"),
        (lambda: F.channel_shuffle(cr.ones(3, 3), 3), ShapeError, r"x must be \(N, C, \*S\)"),
        (lambda: F.unfold(X, 8), ShapeError, r"the window must fit"),
        (lambda: F.fold(cr.ones(2, 4, 5), (3, 3), 2), ShapeError, r"there are 2 · 2 of 2 · 2 elements for each channel"),
        (lambda: F.pad(X, (-4, -4), mode="reflect"), ShapeError, r"\(-4, -4\) leaves nothing of an axis of 7"),
        (lambda: F.instance_norm(X, use_input_stats=False), ValueError, r"when use_input_stats=False"),
        (lambda: F.instance_norm(cr.ones(2, 3, 1)), ShapeError, r"Expected more than 1 spatial element when training"),
        (lambda: F.local_response_norm(cr.ones(2, 3), 2), ShapeError, r"Expected 3D or higher dimensionality input"),
        (lambda: F.local_response_norm(LINE, 0), ShapeError, r"size must be at least 1"),
        (lambda: F.dropout1d(X), ShapeError, r"Expected 2D or 3D input, but received a 4D input"),
        (lambda: F.feature_alpha_dropout(cr.ones(3), training=True), ShapeError, r"at least two axes"),
        (lambda: F.embedding_bag(cr.tensor([0]), cr.ones(5)), ShapeError, r"weight has to be 2-d"),
        (lambda: F.embedding_bag(cr.tensor(0), cr.ones(5, 2)), ShapeError, r"input has to be 1-d or 2-d"),
        (lambda: F.embedding_bag(cr.tensor([0]), cr.ones(5, 2)), ShapeError, r"a 1-d input needs 1-d offsets, a 2-d input"),
        (lambda: F.embedding_bag(cr.tensor([[0]]), cr.ones(5, 2), cr.tensor([0])), ShapeError, r"whose rows are the bags, none"),
        (lambda: F.embedding_bag(cr.tensor([[0]]), cr.ones(5, 2), mode="some"), ValueError, r"one of sum, mean or max, found 'some'"),
        (lambda: F.embedding_bag(cr.tensor([[0]]), cr.ones(5, 2), mode="max", scale_grad_by_freq=True),
         ValueError, r"max mode does not support"),
        (lambda: F.embedding_bag(cr.tensor([[0]]), cr.ones(5, 2), per_sample_weights=cr.ones(1, 1)),
         NotImplementedError, r"only supported for mode='sum'"),
        (lambda: F.embedding_bag(cr.tensor([[0]]), cr.ones(5, 2), mode="sum", per_sample_weights=cr.ones(1)),
         ShapeError, r"must have the shape of the input, \(1, 1\), found \(1,\)"),
        (lambda: F.embedding_bag(cr.tensor([[0]]), cr.ones(5, 2), padding_idx=5), ValueError, r"padding_idx must be within"),
        (lambda: nn.ConvTranspose2d(4, 5, 3, padding_mode="reflect"),
         ValueError, r'Only "zeros" padding mode is supported for ConvTranspose2d'),
        (lambda: nn.ConvTranspose2d(4, 5, 3, padding="same"), TypeError, r"padding is a number or one per axis, found 'same'"),
        (lambda: nn.ConvTranspose2d(4, 5, 3, stride=2)(X, output_size=(17, 15)), ValueError, r"valid sizes range from 15 to 16"),
        (lambda: nn.ConvTranspose2d(4, 5, 3)(X, output_size=(9,)), ValueError, r"output_size must have 2 sizes, or all"),
        (lambda: nn.FractionalMaxPool2d(2), ValueError, r"either an output size, or a pooling ratio"),
        (lambda: nn.FractionalMaxPool2d(2, 3, 0.5), ValueError, r"only one of output_size and output_ratio"),
        (lambda: nn.FractionalMaxPool2d(2, output_ratio=1.5), ValueError, r"output_ratio must be between 0 and 1 \(got 1.5\)"),
        (lambda: nn.InstanceNorm1d(3, affine=True)(cr.ones(2, 4, 7)), ShapeError, r"expected 3 channels, found 4"),
        (lambda: nn.InstanceNorm2d(3)(cr.ones(2, 3)), ShapeError, r"InstanceNorm2d: expected 3D or 4D input \(got 2D input"),
        (lambda: nn.SyncBatchNorm(3), NotImplementedError, r"SyncBatchNorm is not built: there is one process; use BatchNorm1d"),
        (lambda: nn.EmbeddingBag(5, 2, padding_idx=5), ValueError, r"padding_idx must be within"),
        (lambda: nn.EmbeddingBag(5, 2, sparse=True), NotImplementedError, r"sparse=True is not built"),
        (lambda: nn.EmbeddingBag(5, 2, _weight=cr.ones(2, 2)), ShapeError, r"EmbeddingBag: the table has shape \(2, 2\), not \(5, 2\)"),
        (lambda: nn.EmbeddingBag.from_pretrained(cr.ones(5)), ShapeError, r"must be 2-dimensional"),
        (lambda: ops.sum_pool_input(X, spatial=(7,), kernel=(1,), stride=(1,), padding=((0, 0),), dilation=(1,)),
         ShapeError, r"axes of sizes \(7,\) have \(7,\) windows, not \(7, 7\)"),
        (lambda: ops.unfold_windows(X, kernel=(2,), stride=(1,), padding=((0, 0),), dilation=(1,)),
         ShapeError, r"x must be \(N, C, \*S\) with 1 spatial axes"),
        (lambda: ops.fold_windows(LINE, spatial=(7,), kernel=(2,), stride=(1,), padding=((0, 0),), dilation=(1,)),
         ShapeError, r"y must be \(N, C, \*K, \*P\) with K = \(2,\)"),
        (lambda: fn.resize(X, dim=2, size=3, mode="some"), ShapeError, r"mode must be 'linear' or 'cubic', found 'some'"),
        (lambda: fn.resize_smoothly(X, dim=2, size=3, mode="some"), ShapeError, r"mode must be one of"),
        (lambda: fn.resize_nearest(X, dim=2, size=0), ShapeError, r"sizes must be at least 1, found 7 and size=0"),
        (lambda: fn.resize_nearest(cr.tensor(1.0), dim=0, size=1), ShapeError, r"a 0-d tensor has no axis to resize"),
        (lambda: fn.extend(X, dim=2, before=1, after=1, mode="some"), ShapeError, r"mode must be 'reflect', 'replicate' or 'circular'"),
        (lambda: fn.reduce_bags(X[0], mode="some"), ShapeError, r"mode must be 'sum', 'mean' or 'max'"),
        (lambda: fn.reduce_bags(X), ShapeError, r"rows must be \(B, N, C\)"),
        (lambda: fn.reduce_bags(X[0], cr.ones(3)), ShapeError, r"weight must be \(B, N\)"),
        (lambda: fn.sum_bags(X, cr.tensor([0])), ShapeError, r"rows must be \(N, C\) and starts \(B,\)"),
        (lambda: fn.sum_bags(X[0, 0], cr.tensor([0]), cr.ones(3)), ShapeError, r"weight must be \(N,\)"),
    ],
)  # fmt: skip
def test_errors(act, error, text):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(error, match=text):
            act()
