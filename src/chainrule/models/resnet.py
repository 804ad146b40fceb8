"""Residual networks: each block adds a correction to what it is given, so that a hundred of them can be trained.

    pixels → 7×7 convolution, pool → four stages of blocks, each half as large and twice as wide → mean → logits

*Basic* blocks have two 3×3 convolutions (ResNet-18, -34), *bottlenecks* a 3×3 between two 1×1 (ResNet-50, -101, -152).
`CifarResNet` is the narrow form for small images (ResNet-20, -32, …).

Source: He, Zhang, Ren & Sun 2016; checkpoints as Hugging Face's `ResNetForImageClassification` has them, whose
bottlenecks stride in the 3×3 convolution.
"""

from __future__ import annotations

from ..base.errors import ShapeError
from ..nn import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    Flatten,
    Identity,
    Linear,
    MaxPool2d,
    Module,
    ModuleList,
    Sequential,
    init,
)
from ..tensors import Tensor
from .activations import activation
from .config import Labelled, configuration
from .heads import ClassifiesImages
from .output import BaseOutput
from .pretrained import PreTrained, architecture

__all__ = ["CifarResNet", "ResNetConfig", "ResNetForImageClassification", "ResNetModel"]

REDUCTION = 4
"""How much narrower the middle of a bottleneck is."""


@configuration
class ResNetConfig(Labelled):
    """Sizes and settings; the defaults are those of ResNet-50.

    >>> ResNetConfig.of_depth(18).depths, ResNetConfig.of_depth(152).layer_type
    ((2, 2, 2, 2), 'bottleneck')
    """

    model_type = "resnet"

    num_channels: int = 3
    embedding_size: int = 64
    hidden_sizes: tuple = (256, 512, 1024, 2048)
    depths: tuple = (3, 4, 6, 3)
    layer_type: str = "bottleneck"
    hidden_act: str = "relu"
    downsample_in_first_stage: bool = False
    downsample_in_bottleneck: bool = False

    def check(self) -> None:
        """Sizes are positive, and every stage has a width and a depth."""
        self.need_activation(self.hidden_act)
        self.need(
            self.layer_type in ("basic", "bottleneck"),
            f"layer_type is 'basic' or 'bottleneck', found {self.layer_type!r}",
        )
        sizes = (self.num_channels, self.embedding_size, *self.hidden_sizes, *self.depths)
        self.need(
            all([type(n) is int and 0 < n < 2**20 for n in sizes]),
            f"sizes must be positive, found {sizes}",
        )
        self.need(
            len(self.hidden_sizes) == len(self.depths) > 0,
            f"every stage needs a width and a depth, found {self.hidden_sizes} and {self.depths}",
        )
        if self.layer_type == "bottleneck":
            self.need(
                min(self.hidden_sizes) >= REDUCTION,
                f"bottlenecks need {REDUCTION} channels at least",
            )

    @staticmethod
    def of_depth(layers: int, classes: int = 1000) -> ResNetConfig:
        """The published network of 18, 34, 50, 101 or 152 layers."""
        known = {
            18: (2, 2, 2, 2),
            34: (3, 4, 6, 3),
            50: (3, 4, 6, 3),
            101: (3, 4, 23, 3),
            152: (3, 8, 36, 3),
        }
        if layers not in known:
            raise ShapeError(
                f"there are residual networks of {', '.join(map(str, known))} layers, found {layers}"
            )
        basic = layers < 50
        return ResNetConfig(
            hidden_sizes=(64, 128, 256, 512) if basic else (256, 512, 1024, 2048),
            depths=known[layers],
            layer_type="basic" if basic else "bottleneck",
            num_labels=classes,
        )


class ResNetConvLayer(Module):
    """Convolution, batch norm, activation."""

    def __init__(
        self, inside: int, outside: int, kernel: int = 3, stride: int = 1, act: str | None = "relu"
    ):
        super().__init__()
        self.convolution = Conv2d(inside, outside, kernel, stride, padding=kernel // 2, bias=False)
        self.normalization = BatchNorm2d(outside)
        self.act = activation("linear" if act is None else act)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) → (B, out, H / stride, W / stride)."""
        return self.act(self.normalization(self.convolution(x)))


class ResNetShortCut(Module):
    """A 1×1 convolution where a block changes the shape."""

    def __init__(self, inside: int, outside: int, stride: int):
        super().__init__()
        self.convolution = Conv2d(inside, outside, 1, stride, bias=False)
        self.normalization = BatchNorm2d(outside)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) → (B, out, H / stride, W / stride)."""
        return self.normalization(self.convolution(x))


class ResNetBlock(Module):
    """act(shortcut(x) + convolutions(x))."""

    def __init__(self, inside: int, outside: int, stride: int, config: ResNetConfig):
        super().__init__()
        same = inside == outside and stride == 1
        self.shortcut = Identity() if same else ResNetShortCut(inside, outside, stride)
        act = config.hidden_act
        if config.layer_type == "basic":
            layers = [
                ResNetConvLayer(inside, outside, 3, stride, "relu"),
                ResNetConvLayer(outside, outside, act=None),
            ]
        else:
            narrow = outside // REDUCTION
            first, second = (stride, 1) if config.downsample_in_bottleneck else (1, stride)
            layers = [
                ResNetConvLayer(inside, narrow, 1, first, "relu"),
                ResNetConvLayer(narrow, narrow, 3, second, "relu"),
                ResNetConvLayer(narrow, outside, 1, act=None),
            ]
        self.layer, self.act = Sequential(*layers), activation(act)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) → (B, out, H / stride, W / stride)."""
        return self.act(self.layer(x) + self.shortcut(x))


class ResNetStage(Module):
    """Blocks of one width, the first of which may halve the image."""

    def __init__(self, inside: int, outside: int, stride: int, depth: int, config: ResNetConfig):
        super().__init__()
        first = ResNetBlock(inside, outside, stride, config)
        self.layers = Sequential(
            first, *[ResNetBlock(outside, outside, 1, config) for _ in range(depth - 1)]
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) → (B, out, H / stride, W / stride)."""
        return self.layers(x)


class ResNetEmbeddings(Module):
    """The first convolution, and a pool."""

    def __init__(self, config: ResNetConfig):
        super().__init__()
        self.embedder = ResNetConvLayer(
            config.num_channels, config.embedding_size, 7, 2, config.hidden_act
        )
        self.pooler = MaxPool2d(3, 2, padding=1)

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, channels, H, W) → (B, width, H / 4, W / 4)."""
        return self.pooler(self.embedder(pixels))


class ResNetEncoder(Module):
    """The stages."""

    def __init__(self, config: ResNetConfig):
        super().__init__()
        widths = (config.embedding_size, *config.hidden_sizes)
        strides = [2 if config.downsample_in_first_stage else 1] + [2] * (len(config.depths) - 1)
        self.stages = ModuleList([
            ResNetStage(widths[k], widths[k + 1], strides[k], depth, config) for k, depth in enumerate(config.depths)
        ])  # fmt: skip


class ResNetPreTrained(PreTrained):
    """What the models of this file share: names, and initial weights."""

    config_class = ResNetConfig
    base_model_prefix = "resnet"
    tells = ("output_hidden_states",)

    def start(self) -> None:
        """Initial weights: He's for what a ReLU follows."""
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


@architecture
class ResNetModel(ResNetPreTrained):
    """The stages without a head: `last_hidden_state` (B, width, h, w), `pooler_output` (B, width, 1, 1)."""

    def __init__(self, config: ResNetConfig):
        super().__init__(config)
        self.embedder, self.encoder = ResNetEmbeddings(config), ResNetEncoder(config)
        self.pooler = AdaptiveAvgPool2d((1, 1))
        self.start()

    def forward(self, pixel_values: Tensor, output_hidden_states: bool = False) -> BaseOutput:
        """States of images (B, channels, H, W), after each stage if asked for."""
        if pixel_values.shape[1] != self.config.num_channels:
            raise ShapeError(
                f"ResNet: expected images of {self.config.num_channels} channels, found shape {tuple(pixel_values.shape)}"
            )
        x = self.embedder(pixel_values)
        states = [x]
        for stage in self.encoder.stages:
            x = stage(x)
            states.append(x)
        return BaseOutput(
            last_hidden_state=x,
            pooler_output=self.pooler(x),
            hidden_states=tuple(states) if output_hidden_states else None,
        )


@architecture
class ResNetForImageClassification(ClassifiesImages, ResNetPreTrained):
    """A residual network that classifies images: logits (B, classes).

    Example:
        >>> config = models.ResNetConfig(embedding_size=4, hidden_sizes=(4, 8), depths=(1, 1), layer_type="basic")
        >>> models.ResNetForImageClassification(config)(cr.rand(2, 3, 32, 32)).logits.shape
        chainrule.Size([2, 2])
    """

    def __init__(self, config: ResNetConfig):
        super().__init__(config)
        self.resnet = ResNetModel(config)
        self.classifier = Sequential(
            Flatten(), Linear(config.hidden_sizes[-1], len(config.id2label))
        )

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, width, 1, 1) → (B, classes)."""
        return self.classifier(out.pooler_output)


class CifarResNet(Module):
    """The form for images of 32 × 32: a 3×3 convolution, then three stages of n basic blocks, 16, 32 and 64 wide; 6n + 2
    layers.   Source: He et al. 2016, section 4.2, with projections where the shape changes.

    Args:
        layers: 20, 32, 44, 56, 110, …: 6n + 2.
        classes: how many.

    Example:
        >>> len(nn.utils.parameters_to_vector(models.CifarResNet(20).parameters()))
        272474
    """

    def __init__(self, layers: int = 20, classes: int = 10):
        super().__init__()
        n, rest = divmod(layers - 2, 6)
        if rest or n < 1:
            raise ShapeError(f"CifarResNet has 6n + 2 layers (20, 32, …), found {layers}")
        config = ResNetConfig(
            embedding_size=16, hidden_sizes=(16, 32, 64), depths=(n,) * 3, layer_type="basic"
        )
        self.embedder = ResNetConvLayer(3, 16)
        self.stages = ResNetEncoder(config).stages
        self.classifier = Linear(64, classes)
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, 3, 32, 32) → logits (B, classes)."""
        x = self.embedder(x)
        for stage in self.stages:
            x = stage(x)
        return self.classifier(x.mean(dim=(2, 3)))
