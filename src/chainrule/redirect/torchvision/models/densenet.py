"""DenseNet: each layer sees the results of all those before it in its block.   Source: Huang et al. 2017 (DenseNet-BC)."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from ....nn import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Linear,
    MaxPool2d,
    Module,
    ModuleDict,
    ReLU,
    Sequential,
    init,
)
from ....nn import functional as F
from ....tensors import Tensor, cat, flatten
from ....transforms import checkpoint
from .checkpoints import File, architecture, weights

__all__ = [
    "DenseNet", "DenseNet121_Weights", "DenseNet161_Weights", "DenseNet169_Weights", "DenseNet201_Weights", "densenet121",
    "densenet161", "densenet169", "densenet201",
]  # fmt: skip

OLD = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)$")
"""How files of weights name the layers of a layer: `norm.1`, which is `norm1` here."""


class _DenseLayer(Module):
    """1×1 and 3×3 convolutions, each behind a norm and a ReLU: of all that was made before, a few channels more."""

    def __init__(
        self,
        num_input_features: int,
        growth_rate: int,
        bn_size: int,
        drop_rate: float,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        middle = bn_size * growth_rate
        self.norm1 = BatchNorm2d(num_input_features)
        self.relu1 = ReLU(inplace=True)
        self.conv1 = Conv2d(num_input_features, middle, 1, bias=False)
        self.norm2 = BatchNorm2d(middle)
        self.relu2 = ReLU(inplace=True)
        self.conv2 = Conv2d(middle, growth_rate, 3, padding=1, bias=False)
        self.drop_rate, self.memory_efficient = float(drop_rate), memory_efficient

    def _narrowed(self, *xs: Tensor) -> Tensor:
        return self.conv1(self.relu1(self.norm1(cat(list(xs), 1))))

    def forward(self, input: Any) -> Tensor:
        """Tensors (B, …, H, W), or one, to (B, growth_rate, H, W)."""
        xs = [input] if isinstance(input, Tensor) else list(input)
        again = self.memory_efficient and any([x.requires_grad for x in xs])
        x = checkpoint(self._narrowed, *xs) if again else self._narrowed(*xs)
        y = self.conv2(self.relu2(self.norm2(x)))
        return F.dropout(y, self.drop_rate, self.training) if self.drop_rate else y


class _DenseBlock(ModuleDict):
    """Layers, each of which is given the results of all before it."""

    def __init__(
        self,
        num_layers: int,
        num_input_features: int,
        bn_size: int,
        growth_rate: int,
        drop_rate: float,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        for k in range(num_layers):
            inside = num_input_features + k * growth_rate
            layer = _DenseLayer(inside, growth_rate, bn_size, drop_rate, memory_efficient)
            self.add_module(f"denselayer{k + 1}", layer)

    def forward(self, init_features: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C + num_layers · growth_rate, H, W)."""
        found = [init_features]
        for layer in self.values():
            found.append(layer(found))
        return cat(found, 1)


class _Transition(Sequential):
    """Between two blocks: fewer channels, half the height and width."""

    def __init__(self, num_input_features: int, num_output_features: int) -> None:
        super().__init__()
        self.norm = BatchNorm2d(num_input_features)
        self.relu = ReLU(inplace=True)
        self.conv = Conv2d(num_input_features, num_output_features, 1, bias=False)
        self.pool = AvgPool2d(2, stride=2)


class DenseNet(Module):
    """Images (B, 3, H, W), H and W from 29, to logits (B, num_classes).

    Args:
        growth_rate: the channels that each layer adds.
        block_config: how many layers each block has.
        num_init_features: channels behind the first convolution.
        bn_size: the middle of a layer has so many times `growth_rate` channels.
        drop_rate: probability of dropout behind each layer.
        num_classes: how many logits.
        memory_efficient: compute what was put together again in the backward pass, instead of keeping it.
    """

    def __init__(
        self,
        growth_rate: int = 32,
        block_config: Sequence[int] = (6, 12, 24, 16),
        num_init_features: int = 64,
        bn_size: int = 4,
        drop_rate: float = 0,
        num_classes: int = 1000,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        channels = num_init_features
        self.features = Sequential(
            OrderedDict(
                conv0=Conv2d(3, channels, 7, stride=2, padding=3, bias=False),
                norm0=BatchNorm2d(channels),
                relu0=ReLU(inplace=True),
                pool0=MaxPool2d(3, stride=2, padding=1),
            )
        )
        for k, layers in enumerate(block_config, 1):
            block = _DenseBlock(layers, channels, bn_size, growth_rate, drop_rate, memory_efficient)
            self.features.add_module(f"denseblock{k}", block)
            channels += layers * growth_rate
            if k < len(block_config):
                self.features.add_module(f"transition{k}", _Transition(channels, channels // 2))
                channels //= 2
        self.features.add_module("norm5", BatchNorm2d(channels))
        self.classifier = Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight)
            elif isinstance(module, Linear):
                init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, num_classes)."""
        x = F.relu(self.features(x), inplace=True)
        return self.classifier(flatten(F.adaptive_avg_pool2d(x, 1), 1))

    def load_state_dict(self, state_dict: Any, strict: bool = True, assign: bool = False) -> Any:
        """As of every module; the names of torchvision's files are understood too."""
        renamed = {OLD.sub(r"\1\2", name): value for name, value in state_dict.items()}
        return super().load_state_dict(renamed, strict, assign)


def _makes(
    depth: int, blocks: Sequence[int], growth: int, first: int, file: str
) -> tuple[Any, Callable]:
    """The weights, and the function that makes the network."""
    files = weights(f"DenseNet{depth}", File(f"densenet{depth}-{file}.pth"))

    def make(**options: Any) -> DenseNet:
        return DenseNet(growth, blocks, first, **options)

    told = f"A `DenseNet` of {depth} layers, with these options."
    return files, architecture(files, name=f"densenet{depth}", about=told)(make)


DenseNet121_Weights, densenet121 = _makes(121, (6, 12, 24, 16), 32, 64, "a639ec97")
DenseNet161_Weights, densenet161 = _makes(161, (6, 12, 36, 24), 48, 96, "8d451a50")
DenseNet169_Weights, densenet169 = _makes(169, (6, 12, 32, 32), 32, 64, "b2777c0a")
DenseNet201_Weights, densenet201 = _makes(201, (6, 12, 48, 32), 32, 64, "c1103571")
