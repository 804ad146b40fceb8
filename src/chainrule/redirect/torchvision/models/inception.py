"""Inception, version 3: branches of factorised convolutions, n×1 behind 1×n.   Source: Szegedy et al. 2016, figures 5 to 10."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import chainrule

from ....base.errors import ArgumentError
from ....nn import AdaptiveAvgPool2d, BatchNorm2d, Conv2d, Dropout, Linear, MaxPool2d, Module, init
from ....nn import functional as F
from ....tensors import Tensor, flatten
from .checkpoints import File, architecture, weights
from .googlenet import BasicConv2d, transform_input

__all__ = ["Inception3", "InceptionOutputs", "Inception_V3_Weights", "inception_v3"]

Makes = Callable[..., Module]
ROW: dict[str, Any] = {"kernel_size": (1, 7), "padding": (0, 3)}
COLUMN: dict[str, Any] = {"kernel_size": (7, 1), "padding": (3, 0)}
SHORT_ROW: dict[str, Any] = {"kernel_size": (1, 3), "padding": (0, 1)}
SHORT_COLUMN: dict[str, Any] = {"kernel_size": (3, 1), "padding": (1, 0)}


class InceptionOutputs(NamedTuple):
    """Logits, and in training those of the classifier in the middle (None if there is none)."""

    logits: Tensor
    aux_logits: Tensor | None


class _Branches(Module):
    """Branches, whose channels stand side by side: what the blocks below have in common."""

    def _forward(self, x: Tensor) -> list[Tensor]:
        raise NotImplementedError(f"{type(self).__name__} has no _forward")

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) to (B, the branches' channels, H', W')."""
        return chainrule.cat(self._forward(x), 1)


class InceptionA(_Branches):
    """1×1; 5×5; 3×3 twice; the mean around, to `pool_features` channels."""

    def __init__(
        self, in_channels: int, pool_features: int, conv_block: Makes | None = None
    ) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch1x1 = conv(in_channels, 64, kernel_size=1)
        self.branch5x5_1 = conv(in_channels, 48, kernel_size=1)
        self.branch5x5_2 = conv(48, 64, kernel_size=5, padding=2)
        self.branch3x3dbl_1 = conv(in_channels, 64, kernel_size=1)
        self.branch3x3dbl_2 = conv(64, 96, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = conv(96, 96, kernel_size=3, padding=1)
        self.branch_pool = conv(in_channels, pool_features, kernel_size=1)

    def _forward(self, x: Tensor) -> list[Tensor]:
        return [
            self.branch1x1(x),
            self.branch5x5_2(self.branch5x5_1(x)),
            self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x))),
            self.branch_pool(F.avg_pool2d(x, kernel_size=3, stride=1, padding=1)),
        ]


class InceptionB(_Branches):
    """Half the height and width: 3×3; 3×3 twice; the largest around."""

    def __init__(self, in_channels: int, conv_block: Makes | None = None) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch3x3 = conv(in_channels, 384, kernel_size=3, stride=2)
        self.branch3x3dbl_1 = conv(in_channels, 64, kernel_size=1)
        self.branch3x3dbl_2 = conv(64, 96, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = conv(96, 96, kernel_size=3, stride=2)

    def _forward(self, x: Tensor) -> list[Tensor]:
        return [
            self.branch3x3(x),
            self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x))),
            F.max_pool2d(x, kernel_size=3, stride=2),
        ]


class InceptionC(_Branches):
    """1×1; 7×7 and 7×7 twice, factorised, with `channels_7x7` in between; the mean around."""

    def __init__(
        self, in_channels: int, channels_7x7: int, conv_block: Makes | None = None
    ) -> None:
        super().__init__()
        conv, c7 = conv_block or BasicConv2d, channels_7x7
        self.branch1x1 = conv(in_channels, 192, kernel_size=1)
        self.branch7x7_1 = conv(in_channels, c7, kernel_size=1)
        self.branch7x7_2 = conv(c7, c7, **ROW)
        self.branch7x7_3 = conv(c7, 192, **COLUMN)
        self.branch7x7dbl_1 = conv(in_channels, c7, kernel_size=1)
        self.branch7x7dbl_2 = conv(c7, c7, **COLUMN)
        self.branch7x7dbl_3 = conv(c7, c7, **ROW)
        self.branch7x7dbl_4 = conv(c7, c7, **COLUMN)
        self.branch7x7dbl_5 = conv(c7, 192, **ROW)
        self.branch_pool = conv(in_channels, 192, kernel_size=1)

    def _forward(self, x: Tensor) -> list[Tensor]:
        twice = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        return [
            self.branch1x1(x),
            self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x))),
            self.branch7x7dbl_5(self.branch7x7dbl_4(twice)),
            self.branch_pool(F.avg_pool2d(x, kernel_size=3, stride=1, padding=1)),
        ]


class InceptionD(_Branches):
    """Half the height and width: 3×3; 7×7, factorised, and 3×3; the largest around."""

    def __init__(self, in_channels: int, conv_block: Makes | None = None) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch3x3_1 = conv(in_channels, 192, kernel_size=1)
        self.branch3x3_2 = conv(192, 320, kernel_size=3, stride=2)
        self.branch7x7x3_1 = conv(in_channels, 192, kernel_size=1)
        self.branch7x7x3_2 = conv(192, 192, **ROW)
        self.branch7x7x3_3 = conv(192, 192, **COLUMN)
        self.branch7x7x3_4 = conv(192, 192, kernel_size=3, stride=2)

    def _forward(self, x: Tensor) -> list[Tensor]:
        seven = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        return [
            self.branch3x3_2(self.branch3x3_1(x)),
            self.branch7x7x3_4(seven),
            F.max_pool2d(x, kernel_size=3, stride=2),
        ]


class InceptionE(_Branches):
    """1×1; 1×3 beside 3×1; 3×3, then 1×3 beside 3×1; the mean around."""

    def __init__(self, in_channels: int, conv_block: Makes | None = None) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch1x1 = conv(in_channels, 320, kernel_size=1)
        self.branch3x3_1 = conv(in_channels, 384, kernel_size=1)
        self.branch3x3_2a = conv(384, 384, **SHORT_ROW)
        self.branch3x3_2b = conv(384, 384, **SHORT_COLUMN)
        self.branch3x3dbl_1 = conv(in_channels, 448, kernel_size=1)
        self.branch3x3dbl_2 = conv(448, 384, kernel_size=3, padding=1)
        self.branch3x3dbl_3a = conv(384, 384, **SHORT_ROW)
        self.branch3x3dbl_3b = conv(384, 384, **SHORT_COLUMN)
        self.branch_pool = conv(in_channels, 192, kernel_size=1)

    def _forward(self, x: Tensor) -> list[Tensor]:
        once = self.branch3x3_1(x)
        twice = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        return [
            self.branch1x1(x),
            self.branch3x3_2a(once),
            self.branch3x3_2b(once),
            self.branch3x3dbl_3a(twice),
            self.branch3x3dbl_3b(twice),
            self.branch_pool(F.avg_pool2d(x, kernel_size=3, stride=1, padding=1)),
        ]


class InceptionAux(Module):
    """A classifier in the middle of the network, for its gradient."""

    def __init__(self, in_channels: int, num_classes: int, conv_block: Makes | None = None) -> None:
        super().__init__()
        conv: Any = conv_block or BasicConv2d
        self.conv0 = conv(in_channels, 128, kernel_size=1)
        self.conv1 = conv(128, 768, kernel_size=5)
        self.conv1.stddev = 0.01  # of the initial weights
        self.fc: Any = Linear(768, num_classes)
        self.fc.stddev = 0.001

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, num_classes)."""
        x = self.conv1(self.conv0(F.avg_pool2d(x, kernel_size=5, stride=3)))
        return self.fc(flatten(F.adaptive_avg_pool2d(x, (1, 1)), 1))


class Inception3(Module):
    """Images (B, 3, H, W) to logits (B, num_classes); in training to `InceptionOutputs`, if there is a classifier in the middle.

    Args:
        num_classes: how many logits.
        aux_logits: whether there is a classifier in the middle; then pictures are at least 299 pixels wide and high in training.
        transform_input: whether pictures come with ImageNet's mean and deviation taken off; see `googlenet.transform_input`.
        inception_blocks: classes in place of `BasicConv2d`, `InceptionA` to `InceptionE`, `InceptionAux`.
        init_weights: whether convolutions and dense layers begin with normal numbers of deviation 0.1 (or their `stddev`); None:
            they do.
        dropout: probability of dropout before the last dense layer.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        inception_blocks: Sequence[Makes] | None = None,
        init_weights: bool | None = None,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        own = (
            BasicConv2d,
            InceptionA,
            InceptionB,
            InceptionC,
            InceptionD,
            InceptionE,
            InceptionAux,
        )
        blocks = own if inception_blocks is None else inception_blocks
        if len(blocks) != 7:
            raise ArgumentError(
                f"Inception3: inception_blocks has seven classes, found {len(blocks)}"
            )
        conv, a, b, c, d, e, aux = blocks
        self.aux_logits, self.transform_input = aux_logits, transform_input
        self.Conv2d_1a_3x3 = conv(3, 32, kernel_size=3, stride=2)
        self.Conv2d_2a_3x3 = conv(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = conv(32, 64, kernel_size=3, padding=1)
        self.maxpool1 = MaxPool2d(kernel_size=3, stride=2)
        self.Conv2d_3b_1x1 = conv(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = conv(80, 192, kernel_size=3)
        self.maxpool2 = MaxPool2d(kernel_size=3, stride=2)
        self.Mixed_5b = a(192, pool_features=32)
        self.Mixed_5c = a(256, pool_features=64)
        self.Mixed_5d = a(288, pool_features=64)
        self.Mixed_6a = b(288)
        self.Mixed_6b = c(768, channels_7x7=128)
        self.Mixed_6c = c(768, channels_7x7=160)
        self.Mixed_6d = c(768, channels_7x7=160)
        self.Mixed_6e = c(768, channels_7x7=192)
        self.AuxLogits: Module | None = None
        if aux_logits:
            self.AuxLogits = aux(768, num_classes)
        self.Mixed_7a = d(768)
        self.Mixed_7b = e(1280)
        self.Mixed_7c = e(2048)
        self.avgpool = AdaptiveAvgPool2d((1, 1))
        self.dropout = Dropout(p=dropout)
        self.fc = Linear(2048, num_classes)
        if init_weights is None or init_weights:
            for module in self.modules():
                if isinstance(module, Conv2d | Linear):
                    std = float(getattr(module, "stddev", 0.1))
                    init.trunc_normal_(module.weight, mean=0.0, std=std, a=-2, b=2)
                elif isinstance(module, BatchNorm2d):
                    init.ones_(module.weight)
                    init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Any:
        """Logits (B, num_classes), or `InceptionOutputs`."""
        x = transform_input(x) if self.transform_input else x
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(self.maxpool1(x)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(self.maxpool2(x))))
        x = self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))
        x = self.Mixed_6e(self.Mixed_6d(x))
        aux = self.AuxLogits(x) if self.AuxLogits is not None and self.training else None
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        x = self.fc(flatten(self.dropout(self.avgpool(x)), 1))
        return InceptionOutputs(x, aux) if self.training and self.aux_logits else x


def _without_aux(net: Inception3, asked: dict[str, Any]) -> None:
    """The weights are those of a network with a classifier in the middle, which is kept unless said otherwise."""
    if not asked.get("aux_logits", True):
        net.aux_logits, net.AuxLogits = False, None


Inception_V3_Weights = weights("Inception_V3", File("inception_v3_google-0cc3c7bd.pth", 342, 299))


def _trained(file: File, asked: dict[str, Any]) -> dict[str, Any]:
    """What the network was that the weights are of."""
    return {"transform_input": True, **asked, "aux_logits": True, "init_weights": False}


@architecture(Inception_V3_Weights, _trained, _without_aux)
def inception_v3(**options: Any) -> Inception3:
    """An `Inception3` with these options."""
    return Inception3(**options)
