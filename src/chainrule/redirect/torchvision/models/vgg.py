"""VGG: 3×3 convolutions, a pool after every few, three dense layers.   Source: Simonyan & Zisserman 2015."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ....nn import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
    init,
)
from ....tensors import Tensor, flatten
from .checkpoints import File, architecture, weights

__all__ = [
    "VGG", "VGG11_BN_Weights", "VGG11_Weights", "VGG13_BN_Weights", "VGG13_Weights", "VGG16_BN_Weights", "VGG16_Weights",
    "VGG19_BN_Weights", "VGG19_Weights", "vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn",
]  # fmt: skip


class VGG(Module):
    """Images (B, 3, H, W), H and W from 32, to logits (B, num_classes).

    Args:
        features: the convolutions, to (B, 512, …, …); see `make_layers`.
        num_classes: how many logits.
        init_weights: draw the weights as the paper's authors did, not as layers draw them.
        dropout: probability of dropout behind the two hidden dense layers.
    """

    def __init__(
        self,
        features: Module,
        num_classes: int = 1000,
        init_weights: bool = True,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = AdaptiveAvgPool2d((7, 7))
        self.classifier = Sequential(
            Linear(512 * 7 * 7, 4096),
            ReLU(True),
            Dropout(dropout),
            Linear(4096, 4096),
            ReLU(True),
            Dropout(dropout),
            Linear(4096, num_classes),
        )
        if init_weights:
            self._draw()

    def _draw(self) -> None:
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, Linear):
                init.normal_(module.weight, 0, 0.01)
            if isinstance(module, Conv2d | Linear) and module.bias is not None:
                init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, num_classes)."""
        x = self.avgpool(self.features(x))  # (B, 512, 7, 7)
        return self.classifier(flatten(x, 1))


def make_layers(cfg: Sequence[int | str], batch_norm: bool = False) -> Sequential:
    """Convolutions of these widths, each with its ReLU; "M" is a pool that halves height and width."""
    layers: list[Module] = []
    inside = 3
    for width in cfg:
        if isinstance(width, str):
            layers.append(MaxPool2d(2, stride=2))
            continue
        layers.append(Conv2d(inside, width, 3, padding=1))
        if batch_norm:
            layers.append(BatchNorm2d(width))
        layers.append(ReLU(inplace=True))
        inside = width
    return Sequential(*layers)


def _widths(depths: Sequence[int]) -> list[int | str]:
    """Of five stages, each of so many convolutions and a pool."""
    found: list[int | str] = []
    for width, depth in zip((64, 128, 256, 512, 512), depths, strict=True):
        found += [*[width] * depth, "M"]
    return found


cfgs = {
    "A": _widths((1, 1, 2, 2, 2)),
    "B": _widths((2, 2, 2, 2, 2)),
    "D": _widths((2, 2, 3, 3, 3)),
    "E": _widths((2, 2, 4, 4, 4)),
}
"""The widths of the paper's columns, which have 11, 13, 16 and 19 layers with weights."""


def _makes(layers: int, column: str, batch_norm: bool, file: str) -> tuple[Any, Callable]:
    """The weights, and the function that makes the network."""
    behind = "_bn" if batch_norm else ""
    files = weights(f"VGG{layers}{behind.upper()}", File(file))

    def make(**options: Any) -> VGG:
        return VGG(make_layers(cfgs[column], batch_norm), **options)

    told = (
        f"A `VGG` of {layers} layers{' with batch norm' if batch_norm else ''}, with these options."
    )
    return files, architecture(files, name=f"vgg{layers}{behind}", about=told)(make)


VGG11_Weights, vgg11 = _makes(11, "A", False, "vgg11-8a719046.pth")
VGG13_Weights, vgg13 = _makes(13, "B", False, "vgg13-19584684.pth")
VGG16_Weights, vgg16 = _makes(16, "D", False, "vgg16-397923af.pth")
VGG19_Weights, vgg19 = _makes(19, "E", False, "vgg19-dcbb9e9d.pth")
VGG11_BN_Weights, vgg11_bn = _makes(11, "A", True, "vgg11_bn-6002323d.pth")
VGG13_BN_Weights, vgg13_bn = _makes(13, "B", True, "vgg13_bn-abd245e5.pth")
VGG16_BN_Weights, vgg16_bn = _makes(16, "D", True, "vgg16_bn-6c64b313.pth")
VGG19_BN_Weights, vgg19_bn = _makes(19, "E", True, "vgg19_bn-c79401a0.pth")
