"""The newer networks under torchvision's names: as large as published, and built of what their papers say."""

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.models import ViTConfig, ViTForImageClassification
from chainrule.redirect.names import resolve
from chainrule.redirect.surroundings import hub
from chainrule.redirect.torchvision import models
from chainrule.redirect.torchvision.models import (
    convnext,
    efficientnet,
    features,
    inception,
    mnasnet,
    mobilenetv3,
    regnet,
    segmentation,
    shufflenetv2,
    swin_transformer,
    vision_transformer,
)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("googlenet", 13_004_888),
        ("inception_v3", 27_161_264),
        ("mobilenet_v3_large", 5_483_032),
        ("mobilenet_v3_small", 2_542_856),
        ("shufflenet_v2_x0_5", 1_366_792),
        ("shufflenet_v2_x2_0", 7_393_996),
        ("mnasnet0_5", 2_218_512),
        ("mnasnet1_3", 6_282_256),
        ("efficientnet_b0", 5_288_548),
        ("efficientnet_b5", 30_389_784),
        ("efficientnet_v2_s", 21_458_488),
        ("regnet_y_400mf", 4_344_144),
        ("regnet_y_8gf", 39_381_472),
        ("regnet_x_1_6gf", 9_190_136),
        ("vit_b_16", 86_567_656),
        ("swin_t", 28_288_354),
        ("swin_v2_t", 28_351_570),
        ("convnext_tiny", 28_589_128),
        pytest.param("efficientnet_b7", 66_347_960, marks=pytest.mark.slow),
        pytest.param("efficientnet_v2_l", 118_515_272, marks=pytest.mark.slow),
        pytest.param("regnet_x_32gf", 107_811_560, marks=pytest.mark.slow),
        pytest.param("vit_h_14", 632_045_800, marks=pytest.mark.slow),
        pytest.param("swin_b", 87_768_224, marks=pytest.mark.slow),
        pytest.param("convnext_large", 197_767_336, marks=pytest.mark.slow),
    ],
)
def test_networks_are_as_large_as_published(name, count):
    with nn.init.skipped():
        net = models.get_model(name)
    assert sum([p.numel() for p in net.parameters()]) == count


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("fcn_resnet50", 35_322_218),
        ("deeplabv3_resnet101", 60_996_202),
        ("deeplabv3_mobilenet_v3_large", 11_029_328),
        ("lraspp_mobilenet_v3_large", 3_221_538),
    ],
)
def test_segmenters_are_as_large_as_published(name, count):
    with nn.init.skipped():
        more = {} if name.startswith("lraspp") else {"aux_loss": True}
        net = models.get_model(name, weights_backbone=None, **more)
    y = net.eval()(cr.zeros(1, 3, 33, 41))
    assert sum([p.numel() for p in net.parameters()]) == count
    assert list(y) == ["out", "aux"][: 1 + bool(more)]
    assert all([tuple(v.shape) == (1, 21, 33, 41) for v in y.values()])


def test_a_mobile_network_narrows_its_tail_or_looks_further():
    with nn.init.skipped():
        usual, narrow = models.mobilenet_v3_small(), models.mobilenet_v3_small(reduced_tail=True)
        far = models.mobilenet_v3_large(dilated=True, width_mult=0.5)
    assert (usual.classifier[0].out_features, narrow.classifier[0].out_features) == (1024, 512)
    assert [b.out_channels for b in narrow.features[-4:-1]] == [48, 48, 48]
    assert (
        narrow.features[-5].out_channels == 48 and narrow.features[-4].block[0].out_channels == 288
    )
    last = [m for m in far.features[-4].modules() if isinstance(m, nn.Conv2d) and m.groups > 1][0]
    assert (last.dilation, last.stride, last.padding) == ((2, 2), (1, 1), (4, 4))
    with pytest.raises(ValueError, match="stride is 1 or 2, found 3"):
        mobilenetv3.InvertedResidual(
            mobilenetv3.InvertedResidualConfig(8, 3, 8, 8, False, "RE", 3, 1, 1.0), nn.BatchNorm2d
        )
    with pytest.raises(ValueError, match="has a config for each block, found none"):
        mobilenetv3.MobileNetV3([], 8)


def test_blocks_are_what_their_papers_say():
    x = cr.randn(2, 8, 7, 9)
    stage = efficientnet.MBConvConfig(4, 3, 1, 8, 8, 2)
    block = efficientnet.MBConv(stage, 0.0, nn.BatchNorm2d).eval()
    wide, deep, squeeze, narrow = block.block
    assert (wide.out_channels, deep[0].groups, squeeze.fc1.out_channels) == (32, 32, 2)
    assert cr.allclose(block(x), x + narrow(squeeze(deep(wide(x)))), atol=1e-6)
    fused = efficientnet.FusedMBConv(
        efficientnet.FusedMBConvConfig(1, 3, 2, 8, 16, 1), 0.0, nn.BatchNorm2d
    )
    assert len(fused.block) == 1 and fused(x).shape == (2, 16, 4, 5)
    half = shufflenetv2.InvertedResidual(8, 8, 1).eval()
    y = half(x)
    assert (y[:, ::2] == x[:, :4]).all()  # untouched, and shuffled among the others
    next_block = convnext.CNBlock(8, 0.5, 0.0).eval()
    conv, _, norm, first, _, second, _ = next_block.block
    inner = second(nn.functional.gelu(first(norm(conv(x).permute(0, 2, 3, 1))))).permute(0, 3, 1, 2)
    assert cr.allclose(next_block(x), x + 0.5 * inner, atol=1e-5)
    two = inception.InceptionD(8).eval()
    assert two(x)[:, -8:].equal(nn.functional.max_pool2d(x, 3, 2))
    for wrong, words in (
        (lambda: efficientnet.EfficientNet([], 0.1), "a config for each stage, found none"),
        (lambda: efficientnet.EfficientNet([1], 0.1), "is a list of MBConvConfig, found"),
        (lambda: convnext.ConvNeXt([]), "has a CNBlockConfig for each stage, found none"),
        (lambda: convnext.ConvNeXt([1], stride=2), "ConvNeXt has no argument stride"),
        (lambda: shufflenetv2.InvertedResidual(8, 16, 1), "as many channels outside as inside"),
        (lambda: shufflenetv2.ShuffleNetV2([1], [2]), "has three numbers and stages_out_channels"),
        (lambda: mnasnet.MNASNet(0.0), "alpha is above 0, found 0.0"),
        (lambda: models.GoogLeNet(blocks=[]), "blocks has three classes, found 0"),
        (lambda: inception.Inception3(inception_blocks=[]), "has seven classes, found 0"),
    ):
        with pytest.raises(ValueError, match=words):
            wrong()


def test_widths_of_a_regnet_follow_a_line():
    found = regnet.BlockParams.from_init_params(13, 24, 36.44, 2.49, 8)  # the paper's 200 megaflops
    assert (found.widths, found.depths) == ([24, 56, 152, 368], [1, 1, 4, 7])
    with pytest.raises(ValueError, match="w_m > 1 and w_0 a multiple of 8, found 1.0, 2.0 and 20"):
        regnet.BlockParams.from_init_params(3, 20, 1.0, 2.0, 8)
    block = regnet.ResBottleneckBlock(8, 16, 2, nn.BatchNorm2d, nn.ReLU, 4, se_ratio=0.25)
    assert block.f.b[0].groups == 4 and block.f.se.fc1.out_channels == 2
    assert block(cr.randn(2, 8, 7, 9)).shape == (2, 16, 4, 5)


def named(name):
    """torchvision's name of what Hugging Face's vision transformer calls so; of queries, keys and values their part."""
    known = {
        "vit.embeddings.cls_token": "class_token",
        "vit.embeddings.position_embeddings": "encoder.pos_embedding",
        "vit.layernorm": "encoder.ln",
        "classifier": "heads.head",
        "vit.embeddings.patch_embeddings.projection": "conv_proj",
    }
    whole, _, kind = name.rpartition(".")
    if name in known:
        return known[name]
    if whole in known:
        return f"{known[whole]}.{kind}"
    number, place = whole.removeprefix("vit.encoder.layer.").split(".", 1)
    inner = {
        "layernorm_before": "ln_1",
        "layernorm_after": "ln_2",
        "attention.output.dense": "self_attention.out_proj",
        "intermediate.dense": "mlp.0",
        "output.dense": "mlp.3",
    }.get(place)
    if inner is None:
        return f"encoder.layers.encoder_layer_{number}.self_attention.in_proj_{kind}"
    return f"encoder.layers.encoder_layer_{number}.{inner}.{kind}"


def test_the_vision_transformer_is_that_of_the_models():
    sizes = {"image_size": 12, "patch_size": 4}
    theirs = ViTForImageClassification(
        ViTConfig(
            hidden_size=8,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=12,
            layer_norm_eps=1e-6,
            id2label={k: str(k) for k in range(5)},
            **sizes,
        )
    ).eval()
    net = models.VisionTransformer(12, 4, 2, 2, 8, 12, num_classes=5).eval()
    known: dict = {}
    for name, value in theirs.state_dict().items():
        known.setdefault(named(name), []).append(value)
    assert set(known) == set(net.state_dict())
    net.load_state_dict({k: v[0] if len(v) == 1 else cr.cat(v) for k, v in known.items()})
    x = cr.randn(3, 3, 12, 12)
    assert cr.allclose(net(x), theirs(x).logits, atol=1e-5)
    with pytest.raises(ValueError, match="takes pictures of 12 by 12, found"):
        net(cr.randn(1, 3, 12, 13))
    with pytest.raises(ValueError, match="patch_size divides image_size, found 5 and 12"):
        models.VisionTransformer(12, 5, 1, 1, 8, 8)
    old = net.state_dict()
    for k, place in ((1, 0), (2, 3)):
        for kind in ("weight", "bias"):
            inner = "encoder.layers.encoder_layer_0.mlp"
            old[f"{inner}.linear_{k}.{kind}"] = old.pop(f"{inner}.{place}.{kind}")
    old._metadata[inner]["version"] = 1
    net.load_state_dict(old)


def test_positions_are_resized_for_other_pictures():
    net = models.VisionTransformer(12, 4, 1, 2, 8, 12, num_classes=5)
    state = vision_transformer.interpolate_embeddings(20, 4, net.state_dict())
    larger = models.VisionTransformer(20, 4, 1, 2, 8, 12, num_classes=5)
    larger.load_state_dict(state)
    old, new = net.encoder.pos_embedding, larger.encoder.pos_embedding
    assert cr.allclose(new[:, [0, 1, 5, 21, 25]], old[:, [0, 1, 3, 7, 9]], atol=1e-6)  # corners
    bare = vision_transformer.interpolate_embeddings(20, 4, net.state_dict(), reset_heads=True)
    assert not [name for name in bare if name.startswith("heads")]
    stem = [vision_transformer.ConvStemConfig(6, 3, 2), vision_transformer.ConvStemConfig(8, 3, 2)]
    early = models.VisionTransformer(
        12, 4, 1, 2, 8, 12, conv_stem_configs=stem, representation_size=7
    )
    assert early(cr.randn(2, 3, 12, 12)).shape == (2, 1000)
    assert early.heads.pre_logits.out_features == 7 and early.conv_proj.conv_last.in_channels == 8


@pytest.mark.parametrize("shift", [(0, 0), (1, 2), (0, 1)])
@pytest.mark.parametrize("second", [False, True])
def test_tokens_attend_to_those_in_their_window(shift, second):
    rng = np.random.default_rng(7)
    height, width, rows, columns, c = 5, 7, 2, 4, 6
    kind = (
        swin_transformer.ShiftedWindowAttentionV2
        if second
        else swin_transformer.ShiftedWindowAttention
    )
    layer = kind(c, [rows, columns], list(shift), 2).double()
    for p in layer.parameters():
        p.data = cr.tensor(rng.standard_normal(tuple(p.shape)) * 0.5)
    x = rng.standard_normal((1, height, width, c))
    tall, broad = 6, 8  # filled up with zeros
    full = np.zeros((tall, broad, c))
    full[:height, :width] = x[0]
    weight, bias = layer.qkv.weight.detach().numpy(), layer.qkv.bias.detach().numpy().copy()
    if second:
        bias[c : 2 * c] = 0
    q, k, v = np.moveaxis((full @ weight.T + bias).reshape(tall, broad, 3, 2, 3), 2, 0)
    if second:
        q, k = (t / (np.linalg.norm(t, axis=-1, keepdims=True) + 1e-12) for t in (q, k))
        scale = np.exp(np.minimum(layer.logit_scale.detach().numpy().ravel(), math.log(100)))
    else:
        scale = np.full(2, 3**-0.5)
    table = layer.get_relative_position_bias()[0].detach().numpy()
    down, right = shift

    def where(y, z):
        """A token's window, its place in it, and whether it went around an edge."""
        a, b = (y - down) % tall, (z - right) % broad
        around = (y < down, z < right)
        return (a // rows, b // columns, *around), (a % rows) * columns + b % columns

    mixed = np.zeros((height, width, 2, 3))
    for y, z in np.ndindex(height, width):
        window, own = where(y, z)
        near = [(i, j) for i, j in np.ndindex(tall, broad) if where(i, j)[0] == window]
        for h in range(2):
            logit = np.array(
                [
                    q[y, z, h] @ k[i, j, h] * scale[h] + table[h, own, where(i, j)[1]]
                    for i, j in near
                ]
            )
            share = np.exp(logit - logit.max())
            mixed[y, z, h] = sum(
                s * v[i, j, h] for s, (i, j) in zip(share / share.sum(), near, strict=True)
            )
    expected = mixed.reshape(height, width, c) @ layer.proj.weight.detach().numpy().T
    expected = expected + layer.proj.bias.detach().numpy()
    np.testing.assert_allclose(
        layer(cr.tensor(x))[0].detach().numpy(), expected, rtol=1e-7, atol=1e-9
    )


def test_biases_of_windows_belong_to_distances():
    layer = swin_transformer.ShiftedWindowAttention(6, [2, 3], [0, 0], 2)
    index = layer.relative_position_index.reshape(2, 3, 2, 3).numpy()
    assert index.max() == 14 and index.min() == 0
    assert index[0, 0, 0, 0] == index[1, 2, 1, 2] and index[0, 1, 1, 2] == index[0, 0, 1, 1]
    merged = swin_transformer._four(cr.arange(15.0).reshape(1, 3, 5, 1))
    assert merged[0, 0, 0].tolist() == [0, 5, 1, 6] and merged[0, 1, 2].tolist() == [14, 0, 0, 0]
    with pytest.raises(ValueError, match="window_size and shift_size have two numbers each"):
        swin_transformer.ShiftedWindowAttention(6, [2], [0, 0], 2)


@pytest.mark.slow
def test_classifiers_in_the_middle_are_there_in_training():
    net = models.googlenet(num_classes=5, init_weights=False)
    x = cr.randn(2, 3, 33, 33)
    y = net(x)
    assert type(y).__name__ == "GoogLeNetOutputs" and y.aux_logits1.shape == (2, 5)
    assert not cr.equal(y.aux_logits1, y.aux_logits2)
    assert net.eval()(x).shape == (2, 5)
    told = models.googlenet(
        num_classes=5, aux_logits=False, transform_input=True, init_weights=False
    )
    told.load_state_dict({k: v for k, v in net.state_dict().items() if "aux" not in k})
    mean, std = (
        cr.tensor(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    assert cr.allclose(told.eval()(x), net((x * std + mean - 0.5) / 0.5), atol=1e-5)


@pytest.mark.slow
def test_weights_say_what_the_network_was(tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "_folder", [tmp_path])
    (tmp_path / "checkpoints").mkdir()
    with nn.init.skipped():
        whole = models.googlenet()
    state = {k: v.clone() for k, v in whole.state_dict().items()}
    cr.save(state, tmp_path / "checkpoints" / "googlenet-1378be20.pth")
    with nn.init.skipped():
        net, kept = (
            models.googlenet(weights="DEFAULT"),
            models.googlenet(weights="DEFAULT", aux_logits=True),
        )
    assert net.transform_input and net.aux1 is None and kept.aux1 is not None
    assert "aux1.fc1.weight" not in net.state_dict()
    with pytest.raises(
        ValueError, match="weights are for pictures of 384 by 384, found image_size=224"
    ):
        models.vit_b_16(weights="IMAGENET1K_SWAG_E2E_V1", image_size=224)
    with pytest.raises(ValueError, match="these weights are for 21 classes, found num_classes=5"):
        segmentation.fcn_resnet50(weights="DEFAULT", num_classes=5)
    with pytest.raises(cr.base.errors.DataNotFoundError, match="resnet50-0676ba61.pth"):
        segmentation.fcn_resnet50(num_classes=5)
    with pytest.raises(ValueError, match="has no second head: aux_loss is not True"):
        segmentation.lraspp_mobilenet_v3_large(weights_backbone=None, aux_loss=True)
    prepare = models.EfficientNet_V2_L_Weights.DEFAULT.transforms().transforms
    assert (prepare[0].size, prepare[1].size, prepare[3].mean) == (480, (480, 480), (0.5, 0.5, 0.5))
    assert models.ViT_H_14_Weights.DEFAULT.name == "IMAGENET1K_SWAG_E2E_V1"


@pytest.mark.slow
def test_files_of_an_older_search_network_have_a_stem_of_their_own():
    net, old = models.mnasnet0_5(), mnasnet.MNASNet(1.0)
    state = net.state_dict()
    stem = {k: v for k, v in old.state_dict().items() if int(k.split(".")[1]) < 8 and "layers" in k}
    first = mnasnet._InvertedResidual(16, 16, 3, 2, 3).state_dict()
    state.update(stem)
    state.update({f"layers.8.0.{k}": v for k, v in first.items()})
    state._metadata[""]["version"] = 1
    net.load_state_dict(state)
    assert net.layers[0].out_channels == 32 and net.layers[8][0].layers[0].in_channels == 16


def test_what_is_computed_on_the_way():
    net = nn.Sequential(
        nn.Conv2d(3, 5, 3), nn.Sequential(nn.ReLU(), nn.Conv2d(5, 7, 3)), nn.Flatten()
    )
    x = cr.randn(2, 3, 7, 9)
    getter = features.IntermediateLayerGetter(net, {0: "first", "1": "second"})
    y = getter(x)
    assert list(y) == ["first", "second"] and len(getter) == 2 and cr.equal(y["first"], net[0](x))
    extract = features.create_feature_extractor(net, ["1.0", "2"])
    y = extract(x)
    assert cr.equal(y["1.0"], net[0](x).relu()) and cr.equal(y["2"], net(x))
    assert extract.model is not net and list(extract(x)) == list(y)
    with pytest.raises(ValueError, match="there is no child 'layer4'; there are 0, 1, 2"):
        features.IntermediateLayerGetter(net, {"layer4": "out"})
    with pytest.raises(
        ValueError, match="there is no module 'add'; results are those of modules, such as 0"
    ):
        features.create_feature_extractor(net, {"add": "x"})
    with pytest.raises(ValueError, match="takes return_nodes, one set of names for training and"):
        features.create_feature_extractor(net, train_return_nodes=["0"], eval_return_nodes=["1"])


def test_networks_are_found_in_the_files_of_torchvision():
    # the package has a function of the same name as the file
    assert resolve("torchvision.models.googlenet.GoogLeNet") is models.GoogLeNet
    assert resolve("torchvision.models.alexnet.AlexNet") is models.AlexNet
    assert (
        resolve("torchvision.models._utils.IntermediateLayerGetter")
        is features.IntermediateLayerGetter
    )
    assert resolve("torchvision.models._utils._make_divisible")(37.0, 8, 48) == 48
    assert resolve("torchvision.ops.misc.ConvNormActivation") is not None
    assert resolve("torchvision.models.segmentation.deeplabv3.DeepLabHead") is not None
    assert resolve("torchvision.models.detection") is None
