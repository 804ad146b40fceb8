"""Networks under torchvision's names: as large as published, equal to an independent form, loaded from files by name."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.models import ResNetConfig, ResNetForImageClassification
from chainrule.redirect.surroundings import hub
from chainrule.redirect.torchvision import models
from chainrule.redirect.torchvision.models import densenet, mobilenetv2, resnet, squeezenet, vgg


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("alexnet", 61_100_840),
        ("vgg11", 132_863_336),
        ("vgg16", 138_357_544),
        ("vgg19_bn", 143_678_248),
        ("squeezenet1_0", 1_248_424),
        ("squeezenet1_1", 1_235_496),
        ("resnet18", 11_689_512),
        ("resnet50", 25_557_032),
        ("resnet152", 60_192_808),
        ("resnext50_32x4d", 25_028_904),
        ("wide_resnet50_2", 68_883_240),
        ("mobilenet_v2", 3_504_872),
        ("densenet121", 7_978_856),
        ("densenet161", 28_681_000),
    ],
)
def test_networks_are_as_large_as_published(name, count):
    with nn.init.skipped():
        net = models.get_model(name)
    assert sum([p.numel() for p in net.parameters()]) == count


def named(name):
    """torchvision's name of what Hugging Face's residual networks call so."""
    parts = name.replace("normalization", "bn").replace("convolution", "conv").split(".")
    if "classifier" in parts:
        return f"fc.{parts[-1]}"
    if "embedder" in parts:
        return f"{parts[-2]}1.{parts[-1]}"
    stage, block = int(parts[3]) + 1, parts[5]
    if "shortcut" in parts:
        return f"layer{stage}.{block}.downsample.{0 if 'conv' in parts else 1}.{parts[-1]}"
    return f"layer{stage}.{block}.{parts[-2]}{int(parts[7]) + 1}.{parts[-1]}"


@pytest.mark.parametrize("kind", ["basic", "bottleneck"])
def test_residual_networks_are_those_of_the_models(kind):
    basic = kind == "basic"
    sizes = (64, 128, 256, 512) if basic else (256, 512, 1024, 2048)
    config = ResNetConfig(layer_type=kind, hidden_sizes=sizes, depths=(1, 2, 1, 1))
    theirs = ResNetForImageClassification(config)
    block = resnet.BasicBlock if basic else resnet.Bottleneck
    net = models.ResNet(block, (1, 2, 1, 1), num_classes=theirs.classifier[1].out_features)
    x = cr.randn(2, 3, 37, 41)
    for model in (net, theirs):
        model.eval()
    known = {named(name): value for name, value in theirs.state_dict().items()}
    assert set(known) == set(net.state_dict())
    net.load_state_dict(known)
    np.testing.assert_allclose(
        net(x).detach().numpy(), theirs(x).logits.detach().numpy(), rtol=1e-4, atol=1e-5
    )


def test_stages_look_further_instead_of_shrinking():
    net = models.ResNet(
        resnet.Bottleneck, (1, 1, 1, 2), replace_stride_with_dilation=(False, True, True)
    )
    assert [m.dilation for m in net.layer4.modules() if isinstance(m, nn.Conv2d)][1:3] == [
        (2, 2),
        (1, 1),
    ]
    assert net.layer4[1].conv2.dilation == (4, 4) and net.layer4[0].conv2.stride == (1, 1)
    zero = models.resnet18(zero_init_residual=True, num_classes=3)
    assert not zero.layer1[0].bn2.weight.any() and zero.layer1[0].bn1.weight.all()
    with pytest.raises(ValueError, match="has one bool for each of three stages"):
        models.ResNet(resnet.Bottleneck, (1, 1, 1, 1), replace_stride_with_dilation=(True,))
    with pytest.raises(ValueError, match="BasicBlock has one group"):
        resnet.BasicBlock(8, 8, groups=2)


def test_weights_are_read_from_the_folder_of_checkpoints(tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "_folder", [tmp_path])
    (tmp_path / "checkpoints").mkdir()
    net = models.squeezenet1_1().eval()
    cr.save(net.state_dict(), tmp_path / "checkpoints" / "squeezenet1_1-b8a52dc0.pth")
    x = cr.randn(1, 3, 33, 33)
    kinds = models.SqueezeNet1_1_Weights
    for how in (
        {"weights": "DEFAULT"},
        {"weights": "SqueezeNet1_1_Weights.IMAGENET1K_V1"},
        {"weights": kinds.DEFAULT},
        {"pretrained": True},
    ):
        assert (models.squeezenet1_1(**how).eval()(x) == net(x)).all()
    assert (models.squeezenet1_1(True).eval()(x) == net(x)).all()  # as it was called once
    assert not (models.squeezenet1_1(pretrained=False).eval()(x) == net(x)).all()
    with pytest.raises(cr.base.errors.DataNotFoundError, match="squeezenet1_0-b66bff10.pth"):
        models.squeezenet1_0(weights="DEFAULT")
    with pytest.raises(ValueError, match="for 1000 classes, found num_classes=7"):
        models.squeezenet1_1(weights="DEFAULT", num_classes=7)
    with pytest.raises(ValueError, match="has IMAGENET1K_V1, DEFAULT, found 'V3'"):
        models.squeezenet1_1(weights="V3")


def test_pictures_become_what_weights_were_trained_on():
    from PIL import Image

    prepare = models.ResNet50_Weights.IMAGENET1K_V2.transforms()
    y = prepare(Image.new("RGB", (300, 500), (124, 116, 104)))
    assert y.shape == (3, 224, 224) and y.abs().max() < 0.02  # ImageNet's mean colour
    assert prepare.transforms[0].size == 232


def test_networks_are_found_by_name():
    assert "resnet18" in models.list_models() and models.list_models(vgg, exclude="*_bn") == [
        "vgg11",
        "vgg13",
        "vgg16",
        "vgg19",
    ]
    assert models.get_model_weights("densenet161") is models.DenseNet161_Weights
    assert models.get_weight("AlexNet_Weights.DEFAULT") is models.AlexNet_Weights.IMAGENET1K_V1
    with pytest.raises(ValueError, match="there is no network 'resnet19'; there are alexnet"):
        models.get_model("resnet19")
    with pytest.raises(ValueError, match="there are no weights 'ResNet19_Weights.DEFAULT'"):
        models.get_weight("ResNet19_Weights.DEFAULT")


def test_a_dense_network_reads_the_names_in_files_and_can_save_memory():
    sizes = {"growth_rate": 4, "block_config": (2, 3), "num_init_features": 8, "num_classes": 3}
    net = densenet.DenseNet(**sizes)
    frugal = densenet.DenseNet(**sizes, memory_efficient=True)
    old = {
        name.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): value
        for name, value in net.state_dict().items()
    }
    assert "features.denseblock2.denselayer3.norm.1.weight" in old
    frugal.load_state_dict(old)
    x = cr.randn(2, 3, 32, 32)
    found = []
    for model in (net, frugal):
        y = model(x)
        (y**2).sum().backward()
        found.append([y.detach(), *[p.grad for p in model.parameters()]])
    for mine, other in zip(*found, strict=True):
        np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=1e-4, atol=1e-5)


def test_a_mobile_network_of_other_widths():
    net = mobilenetv2.MobileNetV2(width_mult=0.35, num_classes=5)
    assert net.features[0][0].out_channels == 16 and net.last_channel == 1280
    assert [b.use_res_connect for b in net.features[2:5]] == [False, True, False]
    assert net.eval()(cr.randn(2, 3, 32, 32)).shape == (2, 5)
    with pytest.raises(ValueError, match="stride is 1 or 2, found 3"):
        mobilenetv2.InvertedResidual(8, 8, 3, 1)
    with pytest.raises(ValueError, match="has four numbers for each stage"):
        mobilenetv2.MobileNetV2(inverted_residual_setting=[[1, 2]])


def test_a_squeeze_network_ends_in_means_above_zero():
    net = squeezenet.SqueezeNet("1_0", num_classes=5).eval()
    y = net(cr.randn(2, 3, 47, 53))
    assert y.shape == (2, 5) and (y >= 0).all()
    assert not hasattr(net, "fc") and net.classifier[1].in_channels == 512
    with pytest.raises(ValueError, match="version is '1_0' or '1_1', found '2_0'"):
        squeezenet.SqueezeNet("2_0")
