"""GoogLeNet: blocks of four branches with kernels of different sizes, side by side.   Source: Szegedy et al. 2015, table 1.

Differs from the paper: batch norms, and 3×3 kernels in place of the 5×5, as in the files of weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import chainrule

from ....base.errors import ArgumentError
from ....nn import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Linear,
    MaxPool2d,
    Module,
    Sequential,
    init,
)
from ....nn import functional as F
from ....tensors import Tensor, flatten
from .checkpoints import MEAN, STD, File, architecture, weights

__all__ = ["GoogLeNet", "GoogLeNetOutputs", "GoogLeNet_Weights", "googlenet"]

Makes = Callable[..., Module]


class GoogLeNetOutputs(NamedTuple):
    """Logits, and in training those of the two classifiers in the middle, the later one first (None if there are none)."""

    logits: Tensor
    aux_logits2: Tensor | None
    aux_logits1: Tensor | None


def transform_input(x: Tensor) -> Tensor:
    """Pictures with ImageNet's mean and deviation taken off, as such from which 0.5 was subtracted and that was divided by 0.5."""
    mean, std = (chainrule.tensor(v, dtype=x.dtype)[:, None, None] for v in (MEAN, STD))
    return x * (std / 0.5) + (mean - 0.5) / 0.5


class BasicConv2d(Module):
    """A convolution, a norm, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, **kwargs: Any) -> None:
        super().__init__()
        self.conv = Conv2d(in_channels, out_channels, bias=False, **kwargs)
        self.bn = BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) to (B, out_channels, H', W')."""
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Inception(Module):
    """Four branches: 1×1; 1×1 and 3×3, twice; the largest around and 1×1. Their channels stand side by side.

    Args:
        in_channels: inside.
        ch1x1, ch3x3red, ch3x3, ch5x5red, ch5x5, pool_proj: channels of the convolutions; `red` of the 1×1 that comes first.
        conv_block: makes a convolution with what follows it; None: `BasicConv2d`.
    """

    def __init__(
        self,
        in_channels: int,
        ch1x1: int,
        ch3x3red: int,
        ch3x3: int,
        ch5x5red: int,
        ch5x5: int,
        pool_proj: int,
        conv_block: Makes | None = None,
    ) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch1 = conv(in_channels, ch1x1, kernel_size=1)
        self.branch2 = Sequential(
            conv(in_channels, ch3x3red, kernel_size=1),
            conv(ch3x3red, ch3x3, kernel_size=3, padding=1),
        )
        self.branch3 = Sequential(
            conv(in_channels, ch5x5red, kernel_size=1),
            conv(ch5x5red, ch5x5, kernel_size=3, padding=1),
        )
        self.branch4 = Sequential(
            MaxPool2d(3, stride=1, padding=1, ceil_mode=True),
            conv(in_channels, pool_proj, kernel_size=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) to (B, the branches' channels, H, W)."""
        branches = (self.branch1, self.branch2, self.branch3, self.branch4)
        return chainrule.cat([branch(x) for branch in branches], 1)


class InceptionAux(Module):
    """A classifier in the middle of the network, for its gradient.

    Args:
        in_channels: inside.
        num_classes: how many logits.
        conv_block: as of `Inception`.
        dropout: probability of dropout.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        conv_block: Makes | None = None,
        dropout: float = 0.7,
    ) -> None:
        super().__init__()
        self.conv = (conv_block or BasicConv2d)(in_channels, 128, kernel_size=1)
        self.fc1 = Linear(2048, 1024)
        self.fc2 = Linear(1024, num_classes)
        self.dropout = Dropout(p=dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, num_classes)."""
        x = self.conv(F.adaptive_avg_pool2d(x, (4, 4)))  # (B, 128, 4, 4)
        return self.fc2(self.dropout(F.relu(self.fc1(flatten(x, 1)), inplace=True)))


class GoogLeNet(Module):
    """Images (B, 3, H, W) to logits (B, num_classes); in training to `GoogLeNetOutputs`, if there are classifiers in the middle.

    Args:
        num_classes: how many logits.
        aux_logits: whether there are classifiers in the middle.
        transform_input: whether pictures come with ImageNet's mean and deviation taken off; see the function.
        init_weights: whether convolutions and dense layers begin with normal numbers of deviation 0.01; None: they do.
        blocks: classes in place of `BasicConv2d`, `Inception`, `InceptionAux`.
        dropout, dropout_aux: probabilities of dropout before the last dense layer, and in the classifiers in the middle.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        init_weights: bool | None = None,
        blocks: Sequence[Makes] | None = None,
        dropout: float = 0.2,
        dropout_aux: float = 0.7,
    ) -> None:
        super().__init__()
        blocks = (BasicConv2d, Inception, InceptionAux) if blocks is None else blocks
        if len(blocks) != 3:
            raise ArgumentError(f"GoogLeNet: blocks has three classes, found {len(blocks)}")
        conv, block, aux = blocks
        self.aux_logits, self.transform_input = aux_logits, transform_input
        self.conv1 = conv(3, 64, kernel_size=7, stride=2, padding=3)
        self.maxpool1 = MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = conv(64, 64, kernel_size=1)
        self.conv3 = conv(64, 192, kernel_size=3, padding=1)
        self.maxpool2 = MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = block(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = block(256, 128, 128, 192, 32, 96, 64)
        self.maxpool3 = MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = block(480, 192, 96, 208, 16, 48, 64)
        self.inception4b = block(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = block(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = block(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = block(528, 256, 160, 320, 32, 128, 128)
        self.maxpool4 = MaxPool2d(2, stride=2, ceil_mode=True)
        self.inception5a = block(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = block(832, 384, 192, 384, 48, 128, 128)
        self.aux1 = aux(512, num_classes, dropout=dropout_aux) if aux_logits else None
        self.aux2 = aux(528, num_classes, dropout=dropout_aux) if aux_logits else None
        self.avgpool = AdaptiveAvgPool2d((1, 1))
        self.dropout = Dropout(p=dropout)
        self.fc = Linear(1024, num_classes)
        if init_weights is None or init_weights:
            for module in self.modules():
                if isinstance(module, Conv2d | Linear):
                    init.trunc_normal_(module.weight, mean=0.0, std=0.01, a=-2, b=2)
                elif isinstance(module, BatchNorm2d):
                    init.ones_(module.weight)
                    init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Any:
        """Logits (B, num_classes), or `GoogLeNetOutputs`."""
        x = transform_input(x) if self.transform_input else x
        x = self.maxpool1(self.conv1(x))
        x = self.maxpool2(self.conv3(self.conv2(x)))
        x = self.maxpool3(self.inception3b(self.inception3a(x)))
        x = self.inception4a(x)
        first = self.aux1(x) if self.aux1 is not None and self.training else None
        x = self.inception4d(self.inception4c(self.inception4b(x)))
        second = self.aux2(x) if self.aux2 is not None and self.training else None
        x = self.maxpool4(self.inception4e(x))
        x = self.inception5b(self.inception5a(x))
        x = self.fc(self.dropout(flatten(self.avgpool(x), 1)))
        return GoogLeNetOutputs(x, second, first) if self.training and self.aux_logits else x


def _without_aux(net: GoogLeNet, asked: dict[str, Any]) -> None:
    """The weights are those of a network with classifiers in the middle, which are kept if asked for."""
    if not asked.get("aux_logits", False):
        net.aux_logits, net.aux1, net.aux2 = False, None, None


GoogLeNet_Weights = weights("GoogLeNet", File("googlenet-1378be20.pth"))


def _trained(file: File, asked: dict[str, Any]) -> dict[str, Any]:
    """What the network was that the weights are of."""
    return {"transform_input": True, **asked, "aux_logits": True, "init_weights": False}


@architecture(GoogLeNet_Weights, _trained, _without_aux)
def googlenet(**options: Any) -> GoogLeNet:
    """A `GoogLeNet` with these options; with weights, `aux_logits` is False unless said otherwise."""
    return GoogLeNet(**options)
