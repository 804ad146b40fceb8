"""torchvision's ops, each against the loops that define it."""

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.redirect.torchvision import ops
from chainrule.redirect.torchvision.ops.pyramid import LastLevelMaxPool, LastLevelP6P7


def boxes(count, rng, size=20.0):
    least = rng.random((count, 2)) * size * 0.7
    return np.concatenate([least, least + 0.5 + rng.random((count, 2)) * size * 0.4], axis=1)


def overlap(a, b):
    """Intersection, union and the smallest box around two boxes, as areas; the squared distance of their centres."""

    def area(x1, y1, x2, y2):
        return max(x2 - x1, 0.0) * max(y2 - y1, 0.0)

    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    both = area(*low, *high)
    around = np.concatenate([np.minimum(a[:2], b[:2]), np.maximum(a[2:], b[2:])])
    between = (((a[:2] + a[2:]) - (b[:2] + b[2:])) ** 2).sum() / 4
    return both, area(*a) + area(*b) - both, around, between


def scores(a, b):
    """The four overlaps of two boxes."""
    both, union, around, between = overlap(a, b)
    iou, size = both / union, around[2:] - around[:2]
    distance = iou - between / ((size**2).sum() + 1e-7)
    angle = [math.atan((x[2] - x[0]) / (x[3] - x[1])) for x in (a, b)]
    v = 4 / math.pi**2 * (angle[0] - angle[1]) ** 2
    complete = distance - v * v / (1 - iou + v + 1e-7)
    return iou, iou - (size.prod() - union) / size.prod(), distance, complete


def test_overlaps_and_their_losses():
    rng = np.random.default_rng(0)
    one, two = boxes(5, rng), boxes(5, rng)
    expected = np.array([[scores(a, b) for b in two] for a in one])
    a, b = cr.tensor(one), cr.tensor(two)
    names = ("box_iou", "generalized_box_iou", "distance_box_iou", "complete_box_iou")
    for k, name in enumerate(names):
        np.testing.assert_allclose(getattr(ops, name)(a, b).numpy(), expected[:, :, k], rtol=1e-12)
        if k:
            loss = getattr(ops, f"{name}_loss")
            diagonal = 1 - np.diagonal(expected[:, :, k])
            np.testing.assert_allclose(loss(a, b).numpy(), diagonal, rtol=1e-5)
            assert loss(a, b, "sum").item() == pytest.approx(diagonal.sum(), rel=1e-5)
            assert loss(a[:0], b[:0], "mean").item() == 0.0
    with pytest.raises(ValueError, match="reduction is 'none', 'mean' or 'sum', found 'max'"):
        ops.generalized_box_iou_loss(a, b, "max")
    for fmt in ("xywh", "cxcywh"):
        there = ops.box_convert(a, "xyxy", fmt)
        np.testing.assert_allclose(ops.box_convert(there, fmt, "xyxy").numpy(), one, rtol=1e-12)
        iou = ops.box_iou(there, ops.box_convert(b, "xyxy", fmt), fmt)
        np.testing.assert_allclose(iou.numpy(), expected[:, :, 0], rtol=1e-9)
    with pytest.raises(ValueError, match="out_fmt is one of xyxy, xywh, cxcywh, found 'xywhr'"):
        ops.box_convert(a, "xyxy", "xywhr")
    # 200 · 200 is more than a uint8 holds
    wide = cr.tensor([[0, 0, 200, 200]], dtype=cr.uint8)
    assert ops.box_area(wide).tolist() == [40_000]


def test_boxes_that_overlap_better_ones_are_left_out():
    rng = np.random.default_rng(1)
    found, classes = boxes(31, rng), rng.integers(0, 3, 31)
    rank = rng.permutation(31)

    def keep(own):
        kept = []
        for k in sorted(own, key=lambda k: -rank[k]):
            if all(scores(found[k], found[j])[0] <= 0.3 for j in kept):
                kept.append(k)
        return kept

    b, s = cr.tensor(found), cr.tensor(rank).float()
    assert ops.nms(b, s, 0.3).tolist() == keep(range(31))
    each = [keep(np.flatnonzero(classes == k)) for k in range(3)]
    together = sorted([int(k) for own in each for k in own], key=lambda k: -rank[k])
    assert ops.batched_nms(b, s, cr.tensor(classes), 0.3).tolist() == together
    assert ops.nms(b[:0], s[:0], 0.3).shape == (0,)
    point = cr.tensor([[1.0, 1.0, 1.0, 1.0]] * 2)  # without an area nothing overlaps
    assert ops.nms(point, cr.tensor([0.5, 0.6]), 0.5).tolist() == [1, 0]
    with pytest.raises(ValueError, match=r"nms takes boxes \(N, 4\) and scores \(N,\), found"):
        ops.nms(b, s[1:], 0.3)


def test_boxes_are_cut_sorted_out_and_drawn_around_masks():
    b = cr.tensor([[-1.0, 2.0, 5.0, 9.0], [3.0, 3.0, 4.0, 8.0]])
    assert ops.clip_boxes_to_image(b, (7, 4)).tolist() == [[0, 2, 4, 7], [3, 3, 4, 7]]
    assert ops.remove_small_boxes(b, 2.0).tolist() == [0]
    masks = cr.zeros(2, 5, 7)
    masks[0, 1:3, 2:6] = 1
    masks[1, 4, 0] = 3
    assert ops.masks_to_boxes(masks).tolist() == [[2, 1, 5, 2], [0, 4, 0, 4]]
    with pytest.raises(ValueError, match="mask 1 is zero everywhere, which has no box"):
        ops.masks_to_boxes(cr.eye(3)[None] * cr.tensor([1.0, 0.0])[:, None, None])


def bilinear(picture, y, x, edge):
    """The four features around a place: where those outside count as zero, or, with an edge, as the nearest up to one away."""
    height, width = picture.shape[1:]
    if edge:
        if not (-1 <= y <= height and -1 <= x <= width):
            return np.zeros(len(picture))
        y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    total = np.zeros(len(picture))
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            if 0 <= row < height and 0 <= column < width:
                near = (1 - abs(y - row)) * (1 - abs(x - column))
                total += near * picture[:, row, column]
    return total


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("ratio", [-1, 2])
def test_regions_are_means_of_bilinear_samples(aligned, ratio):
    rng = np.random.default_rng(2)
    x = rng.standard_normal((2, 3, 7, 5))
    found = np.concatenate([[[0.0], [1], [1], [0]], boxes(4, rng, 18.0) - 3], axis=1)
    found[3, 1:] = [4.0, 4.0, 4.2, 4.6]  # smaller than a feature
    expected = np.zeros((4, 3, 2, 3))
    for k, (number, *corners) in enumerate(found):
        x1, y1, x2, y2 = np.array(corners) * 0.5 - (0.5 if aligned else 0)
        height, width = (v if aligned else max(v, 1.0) for v in (y2 - y1, x2 - x1))
        down, right = (ratio if ratio > 0 else math.ceil(v) for v in (height / 2, width / 3))
        for i, j, a, c in np.ndindex(2, 3, down, right):
            y = y1 + (i + (a + 0.5) / down) * height / 2
            z = x1 + (j + (c + 0.5) / right) * width / 3
            expected[k, :, i, j] += bilinear(x[int(number)], y, z, True) / (down * right)
    layer = ops.RoIAlign((2, 3), 0.5, ratio, aligned)
    y = layer(cr.tensor(x), cr.tensor(found))
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-9, atol=1e-12)
    apart = [cr.tensor(found[found[:, 0] == k, 1:]) for k in range(2)]
    order = np.argsort(found[:, 0], kind="stable")
    np.testing.assert_allclose(layer(cr.tensor(x), apart).numpy(), y.numpy()[order])


def test_regions_of_channels_of_their_own_and_largest_features():
    rng = np.random.default_rng(3)
    x = cr.tensor(rng.standard_normal((2, 12, 7, 5)), requires_grad=True)
    found = cr.tensor([[0.0, 1.0, 0.5, 6.0, 9.0], [1.0, 0.0, 2.0, 9.0, 13.0]], dtype=cr.float64)
    whole = ops.roi_align(x, found, (2, 3), 0.5, 2, aligned=True)
    own = ops.ps_roi_align(x, found, (2, 3), 0.5, 2)
    assert own.shape == (2, 2, 2, 3)
    for c, i, j in np.ndindex(2, 2, 3):
        assert (own[:, c, i, j] == whole[:, (c * 2 + i) * 3 + j, i, j]).all()
    y = ops.roi_pool(x, found, 2, 0.5)
    # corners 1·½, ½·½, 6·½, 9·½ are rounded to 1, 0, 3, 5 (halves away from zero): 3 by 6 features in two halves each
    for i, j in np.ndindex(2, 2):
        cell = x[0, :, 3 * i : 3 * i + 3, (1, 2)[j] : (3, 4)[j]]
        assert (y[0, :, i, j] == cell.amax((1, 2))).all()
    y.sum().backward()
    assert x.grad.sum().item() == y.numel()  # each cell has one feature
    outside = cr.tensor([[0.0, 90.0, 90.0, 95.0, 95.0]], dtype=cr.float64)
    assert not ops.roi_pool(x, outside, 2).any()
    with pytest.raises(ValueError, match=r"boxes in one tensor are \(K, 5\), the picture's number"):
        ops.roi_pool(x, found[:, 1:], 2)
    with pytest.raises(ValueError, match=r"with C a multiple of 5 · 5, found \(2, 12, 7, 5\)"):
        ops.ps_roi_align(x, found, 5)


def test_large_boxes_are_read_from_coarse_levels():
    rng = np.random.default_rng(4)
    levels = {str(k): cr.tensor(rng.standard_normal((1, 2, s, s))) for k, s in enumerate((32, 16))}
    small, large = [3.0, 5.0, 20.0, 30.0], [0.0, 0.0, 120.0, 126.0]
    found = [cr.tensor([large, small], dtype=cr.float64)]
    pool = ops.MultiScaleRoIAlign(["0", "1"], 3, 2, canonical_scale=64, canonical_level=3)
    y = pool(levels, found, [(128, 128)])
    expected = [
        ops.roi_align(levels["1"], [found[0][:1]], 3, 1 / 8, 2),
        ops.roi_align(levels["0"], [found[0][1:]], 3, 1 / 4, 2),
    ]
    assert (y == cr.cat(expected)).all()


@pytest.mark.parametrize("masked", [False, True])
def test_a_convolution_reads_where_it_is_told(masked):
    rng = np.random.default_rng(5)
    x, weight = rng.standard_normal((2, 4, 5, 7)), rng.standard_normal((6, 2, 3, 2))
    sizes = {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)}
    rows, columns = 3, 5
    offset = rng.standard_normal((2, 2 * 2 * 6, rows, columns)) * 2
    mask = rng.random((2, 2 * 6, rows, columns))
    expected = np.zeros((2, 6, rows, columns))
    for b, o, i, j, u, v, c in np.ndindex(2, 6, rows, columns, 3, 2, 2):
        channel = (o // 3) * 2 + c  # two groups of convolution, and of offsets
        at = (channel // 2) * 6 + u * 2 + v
        y = i * 2 - 1 + u + offset[b, 2 * at, i, j]
        z = j + 2 * v + offset[b, 2 * at + 1, i, j]
        read = bilinear(x[b, channel : channel + 1], y, z, False)[0]
        expected[b, o, i, j] += weight[o, c, u, v] * read * (mask[b, at, i, j] if masked else 1)
    given = [cr.tensor(v, requires_grad=True) for v in (x, offset, weight)]
    more = {"mask": cr.tensor(mask)} if masked else {}
    y = ops.deform_conv2d(*given, **sizes, **more)
    np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-9, atol=1e-12)
    ways = [cr.tensor(rng.standard_normal(tuple(v.shape))) for v in given]
    (y**2).sum().backward()
    found = sum((v.grad * way).sum().item() for v, way in zip(given, ways, strict=True))
    ends = []
    for step in (1e-6, -1e-6):
        moved = [v.detach() + step * way for v, way in zip(given, ways, strict=True)]
        ends.append((ops.deform_conv2d(*moved, **sizes, **more) ** 2).sum().item())
    assert found == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-5)


def test_without_offsets_it_is_a_convolution():
    layer = ops.DeformConv2d(4, 6, 3, padding=1, groups=2)
    x = cr.randn(2, 4, 5, 7)
    expected = nn.functional.conv2d(x, layer.weight, layer.bias, padding=1, groups=2)
    y = layer(x, cr.zeros(2, 18, 5, 7))
    np.testing.assert_allclose(y.detach().numpy(), expected.detach().numpy(), atol=1e-5)
    assert repr(layer) == (
        "DeformConv2d(4, 6, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), groups=2)"
    )
    with pytest.raises(ValueError, match=r"offset is \(B, 2 · G · 3 · 3, 5, 7\) with G a divisor"):
        layer(x, cr.zeros(2, 16, 5, 7))
    with pytest.raises(ValueError, match=r"mask is \(2, 9, 5, 7\), found \(2, 8, 5, 7\)"):
        layer(x, cr.zeros(2, 18, 5, 7), cr.zeros(2, 8, 5, 7))


def test_focal_loss_is_cross_entropy_of_what_is_told_wrongly():
    logits, truth = cr.randn(5, 7), (cr.rand(5, 7) > 0.5).float()
    plain = nn.functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    assert cr.allclose(ops.sigmoid_focal_loss(logits, truth, alpha=-1, gamma=0), plain)
    loss = ops.sigmoid_focal_loss(logits, truth, alpha=0.75, gamma=3)
    right = cr.exp(-plain)
    weight = cr.where(truth == 1, 0.75, 0.25)
    assert cr.allclose(loss, weight * (1 - right) ** 3 * plain, rtol=1e-4, atol=1e-7)
    assert ops.sigmoid_focal_loss(logits, truth, reduction="mean").shape == ()


def test_what_is_left_out_keeps_the_mean():
    x = cr.ones(997, 2, 3)
    y = ops.stochastic_depth(x, 0.25, "row")
    np.testing.assert_allclose(np.unique(y.numpy()), [0.0, 4 / 3], rtol=1e-6)
    assert (y == y[:, :1, :1]).all() and abs(y.mean().item() - 1) < 0.1
    batch = ops.StochasticDepth(0.5, "batch")
    draws = [batch(x).unique().tolist() for _ in range(20)]
    assert {tuple(draw) for draw in draws} == {(0.0,), (2.0,)}
    assert (batch.eval()(x) == x).all() and repr(batch) == "StochasticDepth(p=0.5, mode=batch)"
    assert not ops.stochastic_depth(x, 1.0, "row").any()
    for layer, sizes in ((ops.DropBlock2d, (31, 37)), (ops.DropBlock3d, (11, 13, 17))):
        picture = cr.ones(3, 5, *sizes)
        y = layer(0.2, 3)(picture)
        gone = (y == 0).float().mean().item()
        assert 0.1 < gone < 0.22 and abs(y.mean().item() - 1) < 1e-3
        assert (layer(0.2, 3).eval()(picture) == picture).all()
    inside = cr.ones(1, 1, 7, 7)
    assert ops.drop_block2d(inside, 0.3, 3, inplace=True) is inside
    with pytest.raises(ValueError, match="mode is 'batch' or 'row', found 'all'"):
        ops.stochastic_depth(x, 0.5, "all")
    with pytest.raises(ValueError, match="p is a probability, found 2"):
        ops.stochastic_depth(x, 2, "row")
    with pytest.raises(ValueError, match=r"drop_block2d takes 4 axes \(B, C, …\), found \(997"):
        ops.drop_block2d(x, 0.5, 3)


def test_blocks():
    layer = ops.Conv2dNormActivation(3, 5, (3, 7), dilation=2, activation_layer=nn.SiLU)
    assert layer(cr.randn(2, 3, 11, 13)).shape == (2, 5, 11, 13) and layer[0].bias is None
    assert [type(m).__name__ for m in layer] == ["Conv2d", "BatchNorm2d", "SiLU"]
    bare = ops.Conv3dNormActivation(3, 5, norm_layer=None, activation_layer=None)
    assert bare[0].bias is not None and len(bare) == 1 and bare.out_channels == 5
    x = cr.randn(2, 7, 3, 5)
    squeeze = ops.SqueezeExcitation(7, 2)
    factor = squeeze.scale_activation(squeeze.fc2(squeeze.fc1(x.mean((2, 3), keepdim=True)).relu()))
    assert cr.allclose(squeeze(x), x * factor, atol=1e-6)
    mlp = ops.MLP(5, [7, 11, 2], norm_layer=nn.LayerNorm, dropout=0.5)
    kinds = ["Linear", "LayerNorm", "ReLU", "Dropout"]
    assert [type(m).__name__ for m in mlp] == [*kinds, *kinds, "Linear", "Dropout"]
    assert ops.Permute([0, 2, 3, 1])(x).shape == (2, 3, 5, 7)


def test_a_frozen_norm_is_a_norm_in_evaluation():
    norm = nn.BatchNorm2d(5).eval()
    for value in (norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var):
        value.uniform_(0.5, 1.5)
    frozen = ops.FrozenBatchNorm2d(5)
    frozen.load_state_dict(norm.state_dict())  # with num_batches_tracked
    x = cr.randn(2, 5, 3, 7)
    assert cr.allclose(frozen(x), norm(x), atol=1e-5) and not list(frozen.parameters())
    assert repr(frozen) == "FrozenBatchNorm2d(5, eps=1e-05)"


def test_a_pyramid_of_features():
    features = {"fine": cr.randn(2, 3, 8, 10), "coarse": cr.randn(2, 5, 4, 5)}
    net = ops.FeaturePyramidNetwork([3, 5], 7)
    y = net(features)
    inner = [net.inner_blocks[k](v) for k, v in enumerate(features.values())]
    above = nn.functional.interpolate(inner[1], scale_factor=2, mode="nearest")
    assert list(y) == ["fine", "coarse"]
    assert cr.allclose(y["coarse"], net.layer_blocks[1](inner[1]))
    assert cr.allclose(y["fine"], net.layer_blocks[0](inner[0] + above), atol=1e-6)
    old = {
        k.replace(".0.weight", ".weight").replace(".0.bias", ".bias"): v
        for k, v in net.state_dict().items()
    }
    other = ops.FeaturePyramidNetwork([3, 5], 7)
    other.load_state_dict(old)
    assert cr.allclose(other(features)["fine"], y["fine"])
    more = ops.FeaturePyramidNetwork([3, 5], 7, LastLevelMaxPool())(features)
    assert list(more)[-1] == "pool" and (more["pool"] == more["coarse"][..., ::2, ::2]).all()
    for inside in (5, 7):  # the coarsest features, or the coarsest level
        last = ops.FeaturePyramidNetwork([3, 5], 7, LastLevelP6P7(inside, 7))(features)
        assert {k: tuple(v.shape) for k, v in last.items()}["p7"] == (2, 7, 1, 2)
    with pytest.raises(ValueError, match=r"a level has no channels \(0\)"):
        ops.FeaturePyramidNetwork([3, 0], 7)
