"""MNASNet: blocks of MobileNetV2 in stages that a search has found.   Source: Tan et al. 2019, figure 7."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ....base.errors import ArgumentError
from ....nn import BatchNorm2d, Conv2d, Dropout, Linear, Module, ReLU, Sequential, init
from ....tensors import Tensor
from .checkpoints import File, architecture, weights
from .mobilenetv2 import divisible

__all__ = [
    "MNASNet",
    "MNASNet0_5_Weights",
    "MNASNet0_75_Weights",
    "MNASNet1_0_Weights",
    "MNASNet1_3_Weights",
    "mnasnet0_5",
    "mnasnet0_75",
    "mnasnet1_0",
    "mnasnet1_3",
]

MOMENTUM = 1 - 0.9997
CHANNELS = (32, 16, 24, 40, 80, 96, 192, 320)
STAGES = ((3, 2, 3, 3), (5, 2, 3, 3), (5, 2, 6, 3), (3, 1, 6, 2), (5, 2, 6, 4), (3, 1, 6, 1))
"""For each stage behind the stem: kernel, stride, how much the blocks widen, their number."""


class _InvertedResidual(Module):
    """One block, whose result is added to what it was given where sizes stay the same."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int, wider: int) -> None:
        super().__init__()
        middle = inside * wider
        self.apply_residual = inside == outside and stride == 1
        self.layers = Sequential(
            Conv2d(inside, middle, 1, bias=False),
            BatchNorm2d(middle, momentum=MOMENTUM),
            ReLU(inplace=True),
            Conv2d(middle, middle, kernel, stride, kernel // 2, groups=middle, bias=False),
            BatchNorm2d(middle, momentum=MOMENTUM),
            ReLU(inplace=True),
            Conv2d(middle, outside, 1, bias=False),
            BatchNorm2d(outside, momentum=MOMENTUM),
        )

    def forward(self, input: Tensor) -> Tensor:
        """(B, inside, H, W) to (B, outside, H / stride, W / stride)."""
        return self.layers(input) + input if self.apply_residual else self.layers(input)


class MNASNet(Module):
    """Images (B, 3, H, W) to logits (B, num_classes).

    Args:
        alpha: how much wider than in the paper every layer is.
        num_classes: how many logits.
        dropout: probability of dropout before the dense layer.
    """

    _version = 2

    def __init__(self, alpha: float, num_classes: int = 1000, dropout: float = 0.2) -> None:
        super().__init__()
        if alpha <= 0:
            raise ArgumentError(f"MNASNet: alpha is above 0, found {alpha}")
        self.alpha, self.num_classes = alpha, num_classes
        channels = [divisible(c * alpha, 8) for c in CHANNELS]
        layers = self._stem(channels[0], channels[1])
        for k, (kernel, stride, wider, blocks) in enumerate(STAGES, 1):
            inside, outside = channels[k], channels[k + 1]
            made = [_InvertedResidual(inside, outside, kernel, stride, wider)]
            made += [
                _InvertedResidual(outside, outside, kernel, 1, wider) for _ in range(blocks - 1)
            ]
            layers.append(Sequential(*made))
        layers += [
            Conv2d(channels[-1], 1280, 1, bias=False),
            BatchNorm2d(1280, momentum=MOMENTUM),
            ReLU(inplace=True),
        ]
        self.layers = Sequential(*layers)
        self.classifier = Sequential(Dropout(dropout, inplace=True), Linear(1280, num_classes))
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, BatchNorm2d):
                init.ones_(module.weight)
                init.zeros_(module.bias)
            elif isinstance(module, Linear):
                init.kaiming_uniform_(module.weight, mode="fan_out", nonlinearity="sigmoid")
                init.zeros_(module.bias)

    @staticmethod
    def _stem(first: int, second: int) -> list[Module]:
        """A convolution of stride 2, one of each channel by itself, and one that narrows."""
        return [
            Conv2d(3, first, 3, 2, 1, bias=False),
            BatchNorm2d(first, momentum=MOMENTUM),
            ReLU(inplace=True),
            Conv2d(first, first, 3, 1, 1, groups=first, bias=False),
            BatchNorm2d(first, momentum=MOMENTUM),
            ReLU(inplace=True),
            Conv2d(first, second, 1, bias=False),
            BatchNorm2d(second, momentum=MOMENTUM),
        ]

    def _load_from_state_dict(
        self, state_dict: dict, prefix: str, local_metadata: dict, *rest: Any
    ) -> None:
        """In files of version 1 the stem is as wide as in the paper, whatever alpha; it is built so then."""
        if local_metadata.get("version") == 1 and self.alpha != 1.0:
            for k, layer in enumerate(self._stem(*CHANNELS[:2])):
                self.layers[k] = layer
            self.layers[8][0] = _InvertedResidual(
                CHANNELS[1], divisible(CHANNELS[2] * self.alpha, 8), *STAGES[0][:3]
            )
            self._version = 1
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, num_classes)."""
        return self.classifier(self.layers(x).mean([2, 3]))


def _makes(name: str, alpha: float, file: File) -> tuple[Any, Callable]:
    """The weights, and the function that makes the network."""
    found = weights(f"MNASNet{name}", file)

    def make(**options: Any) -> MNASNet:
        return MNASNet(alpha, **options)

    told = f"A `MNASNet` {alpha} times as wide as the paper's, with these options."
    return found, architecture(found, name=f"mnasnet{name}", about=told)(make)


MNASNet0_5_Weights, mnasnet0_5 = _makes("0_5", 0.5, File("mnasnet0.5_top1_67.823-3ffadce67e.pth"))
MNASNet0_75_Weights, mnasnet0_75 = _makes("0_75", 0.75, File("mnasnet0_75-7090bc5f.pth", 232))
MNASNet1_0_Weights, mnasnet1_0 = _makes("1_0", 1.0, File("mnasnet1.0_top1_73.512-f206786ef8.pth"))
MNASNet1_3_Weights, mnasnet1_3 = _makes("1_3", 1.3, File("mnasnet1_3-a4c69d6f.pth", 232))
