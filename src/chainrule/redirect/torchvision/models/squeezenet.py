"""SqueezeNet: blocks that narrow before they widen, and no dense layer.   Source: Iandola et al. 2016."""

from __future__ import annotations

from typing import Any

from ....base.errors import ArgumentError
from ....nn import AdaptiveAvgPool2d, Conv2d, Dropout, MaxPool2d, Module, ReLU, Sequential, init
from ....tensors import Tensor, cat, flatten
from .checkpoints import File, architecture, weights

__all__ = [
    "SqueezeNet",
    "SqueezeNet1_0_Weights",
    "SqueezeNet1_1_Weights",
    "squeezenet1_0",
    "squeezenet1_1",
]


class Fire(Module):
    """A 1×1 convolution to few channels, then 1×1 and 3×3 convolutions side by side."""

    def __init__(
        self, inplanes: int, squeeze_planes: int, expand1x1_planes: int, expand3x3_planes: int
    ) -> None:
        super().__init__()
        self.inplanes = inplanes
        self.squeeze = Conv2d(inplanes, squeeze_planes, 1)
        self.squeeze_activation = ReLU(inplace=True)
        self.expand1x1 = Conv2d(squeeze_planes, expand1x1_planes, 1)
        self.expand1x1_activation = ReLU(inplace=True)
        self.expand3x3 = Conv2d(squeeze_planes, expand3x3_planes, 3, padding=1)
        self.expand3x3_activation = ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inplanes, H, W) to (B, expand1x1_planes + expand3x3_planes, H, W)."""
        x = self.squeeze_activation(self.squeeze(x))
        one = self.expand1x1_activation(self.expand1x1(x))
        three = self.expand3x3_activation(self.expand3x3(x))
        return cat([one, three], 1)


def _pool() -> Module:
    return MaxPool2d(3, stride=2, ceil_mode=True)


class SqueezeNet(Module):
    """Images (B, 3, H, W), H and W from 21, to logits (B, num_classes).

    Args:
        version: "1_0" as in the paper, or "1_1", as accurate with less than half of the work.
        num_classes: how many logits.
        dropout: probability of dropout before the last convolution.
    """

    def __init__(self, version: str = "1_0", num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        if version not in ("1_0", "1_1"):
            raise ArgumentError(f"SqueezeNet: version is '1_0' or '1_1', found {version!r}")
        self.num_classes = num_classes
        first = Conv2d(3, 96, 7, stride=2) if version == "1_0" else Conv2d(3, 64, 3, stride=2)
        layers: list[Module] = [first, ReLU(inplace=True), _pool()]
        inside = first.out_channels
        pools = (3, 7) if version == "1_0" else (2, 4)  # before which blocks
        for k, narrow in enumerate((16, 16, 32, 32, 48, 48, 64, 64)):
            if k in pools:
                layers.append(_pool())
            layers.append(Fire(inside, narrow, 4 * narrow, 4 * narrow))
            inside = 8 * narrow
        self.features = Sequential(*layers)
        last = Conv2d(inside, num_classes, 1)
        self.classifier = Sequential(
            Dropout(dropout), last, ReLU(inplace=True), AdaptiveAvgPool2d((1, 1))
        )
        for module in self.modules():
            if isinstance(module, Conv2d):
                if module is last:
                    init.normal_(module.weight, 0, 0.01)
                else:
                    init.kaiming_uniform_(module.weight)
                init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, num_classes), none below 0: a ReLU stands before the mean."""
        return flatten(self.classifier(self.features(x)), 1)


SqueezeNet1_0_Weights = weights("SqueezeNet1_0", File("squeezenet1_0-b66bff10.pth"))
SqueezeNet1_1_Weights = weights("SqueezeNet1_1", File("squeezenet1_1-b8a52dc0.pth"))


@architecture(SqueezeNet1_0_Weights)
def squeezenet1_0(**options: Any) -> SqueezeNet:
    """A `SqueezeNet` of version 1.0, with these options."""
    return SqueezeNet("1_0", **options)


@architecture(SqueezeNet1_1_Weights)
def squeezenet1_1(**options: Any) -> SqueezeNet:
    """A `SqueezeNet` of version 1.1, with these options."""
    return SqueezeNet("1_1", **options)
