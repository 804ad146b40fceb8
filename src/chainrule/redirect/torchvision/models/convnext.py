"""ConvNeXt: residual convolutions built as transformers are, with large kernels, one norm and one activation a block.

Source: Liu et al. 2022.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import chainrule

from ....base.errors import ArgumentError
from ....nn import (
    GELU,
    AdaptiveAvgPool2d,
    Conv2d,
    Flatten,
    LayerNorm,
    Linear,
    Module,
    Parameter,
    Sequential,
    init,
)
from ....tensors import Tensor
from ..ops import Conv2dNormActivation, Permute, StochasticDepth
from .checkpoints import File, architecture, weights

__all__ = [
    "ConvNeXt",
    "ConvNeXt_Base_Weights",
    "ConvNeXt_Large_Weights",
    "ConvNeXt_Small_Weights",
    "ConvNeXt_Tiny_Weights",
    "convnext_base",
    "convnext_large",
    "convnext_small",
    "convnext_tiny",
]

Makes = Callable[..., Module]


class LayerNorm2d(LayerNorm):
    """`LayerNorm` over the channels of images (B, C, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        """The input's shape."""
        x = super().forward(chainrule.permute(input, (0, 2, 3, 1)))  # (B, H, W, C)
        return chainrule.permute(x, (0, 3, 1, 2))


class CNBlock(Module):
    """A 7×7 convolution of each channel by itself, a norm, and two dense layers over the channels, added to what was given.

    Args:
        dim: channels.
        layer_scale: what each channel of the result is multiplied with at first; trained.
        stochastic_depth_prob: how likely the block is left out for a sample in training.
        norm_layer: makes the norm; None: LayerNorm with an eps of 1e-6.
    """

    def __init__(
        self,
        dim: int,
        layer_scale: float,
        stochastic_depth_prob: float,
        norm_layer: Makes | None = None,
    ) -> None:
        super().__init__()
        norm = norm_layer or partial(LayerNorm, eps=1e-6)
        self.block = Sequential(
            Conv2d(dim, dim, 7, padding=3, groups=dim),
            Permute([0, 2, 3, 1]),
            norm(dim),
            Linear(dim, 4 * dim),
            GELU(),
            Linear(4 * dim, dim),
            Permute([0, 3, 1, 2]),
        )
        self.layer_scale = Parameter(chainrule.full((dim, 1, 1), float(layer_scale)))
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")

    def forward(self, input: Tensor) -> Tensor:
        """(B, dim, H, W) to the same."""
        return self.stochastic_depth(self.layer_scale * self.block(input)) + input


@dataclass
class CNBlockConfig:
    """A stage: its channels, those of the next (None for the last), and its blocks."""

    input_channels: int
    out_channels: int | None
    num_layers: int


class ConvNeXt(Module):
    """Images (B, 3, H, W) to logits (B, num_classes).

    Args:
        block_setting: the stages.
        stochastic_depth_prob: how likely the last block is left out in training; the first never is.
        layer_scale: of the blocks.
        num_classes: how many logits.
        block: another class with the arguments of `CNBlock`.
        norm_layer: makes the norms between stages; None: LayerNorm over channels with an eps of 1e-6.
    """

    def __init__(
        self,
        block_setting: Sequence[CNBlockConfig],
        stochastic_depth_prob: float = 0.0,
        layer_scale: float = 1e-6,
        num_classes: int = 1000,
        block: Makes | None = None,
        norm_layer: Makes | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        if not block_setting:
            raise ArgumentError("block_setting has a CNBlockConfig for each stage, found none")
        if kwargs:
            raise ArgumentError(f"ConvNeXt has no argument {', '.join(kwargs)}")
        make, norm = block or CNBlock, norm_layer or partial(LayerNorm2d, eps=1e-6)
        stem = {"kernel_size": 4, "stride": 4, "padding": 0, "bias": True}
        stem |= {"norm_layer": norm, "activation_layer": None}
        layers: list[Module] = [Conv2dNormActivation(3, block_setting[0].input_channels, **stem)]
        total = sum(stage.num_layers for stage in block_setting)
        done = 0
        for stage in block_setting:
            blocks = []
            for _ in range(stage.num_layers):
                left_out = stochastic_depth_prob * done / max(total - 1.0, 1.0)
                blocks.append(make(stage.input_channels, layer_scale, left_out))
                done += 1
            layers.append(Sequential(*blocks))
            if stage.out_channels is not None:
                halve = Conv2d(stage.input_channels, stage.out_channels, 2, stride=2)
                layers.append(Sequential(norm(stage.input_channels), halve))
        self.features = Sequential(*layers)
        self.avgpool = AdaptiveAvgPool2d(1)
        last = block_setting[-1].out_channels or block_setting[-1].input_channels
        self.classifier = Sequential(norm(last), Flatten(1), Linear(last, num_classes))
        for module in self.modules():
            if isinstance(module, Conv2d | Linear):
                init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, num_classes)."""
        return self.classifier(self.avgpool(self.features(x)))


def _makes(size: str, width: int, third: int, left_out: float, file: File) -> tuple[Any, Callable]:
    """The weights, and the function that makes the network."""
    found = weights(f"ConvNeXt_{size.capitalize()}", file)
    widths = [width, 2 * width, 4 * width, 8 * width, None]
    blocks = (3, 3, third, 3)

    def make(**options: Any) -> ConvNeXt:
        stages = [CNBlockConfig(widths[k] or 0, widths[k + 1], blocks[k]) for k in range(4)]
        return ConvNeXt(stages, **{"stochastic_depth_prob": left_out, **options})

    told = f"A `ConvNeXt` of {'-'.join(map(str, blocks))} blocks, with these options."
    return found, architecture(found, name=f"convnext_{size}", about=told)(make)


ConvNeXt_Tiny_Weights, convnext_tiny = _makes(
    "tiny", 96, 9, 0.1, File("convnext_tiny-983f1562.pth", 236)
)
ConvNeXt_Small_Weights, convnext_small = _makes(
    "small", 96, 27, 0.4, File("convnext_small-0c510722.pth", 230)
)
ConvNeXt_Base_Weights, convnext_base = _makes(
    "base", 128, 27, 0.5, File("convnext_base-6075fbad.pth", 232)
)
ConvNeXt_Large_Weights, convnext_large = _makes(
    "large", 192, 27, 0.5, File("convnext_large-ea097f82.pth", 232)
)
