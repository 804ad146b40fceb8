"""A pyramid of features: each level of a network gets what the coarser levels have understood.   Source: Lin et al. 2017."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ....base.errors import ArgumentError
from ....nn import Conv2d, Module, ModuleList, init
from ....nn import functional as F
from ....tensors import Tensor
from .misc import Conv2dNormActivation

__all__ = ["ExtraFPNBlock", "FeaturePyramidNetwork", "LastLevelMaxPool", "LastLevelP6P7"]


class ExtraFPNBlock(Module):
    """What adds levels to a pyramid; derive from it."""

    def forward(
        self, results: list[Tensor], x: list[Tensor], names: list[str]
    ) -> tuple[list[Tensor], list[str]]:
        """The pyramid's levels and their names, with those added, of the levels, the features they were made of, and names."""
        raise NotImplementedError(f"{type(self).__name__} has no forward(results, x, names)")


class FeaturePyramidNetwork(Module):
    """Features by name, from fine to coarse, to as many features of one number of channels.

    Each level goes through a 1×1 convolution, is added to the level above, enlarged, and goes through a 3×3 convolution.

    Args:
        in_channels_list: channels of each level.
        out_channels: channels of every level of the result.
        extra_blocks: adds levels; None: none are.
        norm_layer: makes norms behind the convolutions, which then have no bias; None: none are made.
    """

    _version = 2

    def __init__(
        self,
        in_channels_list: Sequence[int],
        out_channels: int,
        extra_blocks: ExtraFPNBlock | None = None,
        norm_layer: Callable[..., Module] | None = None,
    ) -> None:
        super().__init__()
        if 0 in in_channels_list:
            raise ArgumentError("FeaturePyramidNetwork: a level has no channels (0)")
        if extra_blocks is not None and not isinstance(extra_blocks, ExtraFPNBlock):
            raise ArgumentError(
                f"extra_blocks is an ExtraFPNBlock, found {type(extra_blocks).__name__}"
            )
        rest: dict[str, Any] = {"norm_layer": norm_layer, "activation_layer": None}
        self.inner_blocks, self.layer_blocks = ModuleList(), ModuleList()
        for channels in in_channels_list:
            self.inner_blocks.append(
                Conv2dNormActivation(channels, out_channels, kernel_size=1, padding=0, **rest)
            )
            self.layer_blocks.append(
                Conv2dNormActivation(out_channels, out_channels, kernel_size=3, **rest)
            )
        _begin(self)
        self.extra_blocks = extra_blocks

    def _load_from_state_dict(
        self, state_dict: dict, prefix: str, local_metadata: dict, *rest: Any
    ) -> None:
        """Files of version 1 name each convolution without the place in its sequence."""
        if (local_metadata.get("version") or 0) < 2:
            for blocks in ("inner_blocks", "layer_blocks"):
                for k in range(len(getattr(self, blocks))):
                    for kind in ("weight", "bias"):
                        old = f"{prefix}{blocks}.{k}.{kind}"
                        if old in state_dict:
                            state_dict[f"{prefix}{blocks}.{k}.0.{kind}"] = state_dict.pop(old)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def forward(self, x: Mapping[str, Tensor]) -> OrderedDict[str, Tensor]:
        """The levels under the names of the features."""
        names, features = list(x.keys()), list(x.values())
        above = None
        levels: list[Tensor] = []
        for k in reversed(range(len(features))):
            inner = self.inner_blocks[k](features[k])
            if above is not None:
                inner = inner + F.interpolate(above, size=tuple(inner.shape[-2:]), mode="nearest")
            above = inner
            levels.insert(0, self.layer_blocks[k](inner))
        if self.extra_blocks is not None:
            levels, names = self.extra_blocks(levels, features, names)
        return OrderedDict(zip(names, levels, strict=True))


class LastLevelMaxPool(ExtraFPNBlock):
    """One level more, "pool": every second feature of the coarsest."""

    def forward(
        self, results: list[Tensor], x: list[Tensor], names: list[str]
    ) -> tuple[list[Tensor], list[str]]:
        """As of `ExtraFPNBlock`."""
        return [*results, F.max_pool2d(results[-1], 1, 2, 0)], [*names, "pool"]


class LastLevelP6P7(ExtraFPNBlock):
    """Two levels more, "p6" and "p7", by convolutions of stride 2.   Source: Lin et al. 2017 (RetinaNet), section 4.

    Args:
        in_channels: of the coarsest features; if there are `out_channels`, the coarsest level is read in their place.
        out_channels: of the levels.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.p6 = Conv2d(in_channels, out_channels, 3, 2, 1)
        self.p7 = Conv2d(out_channels, out_channels, 3, 2, 1)
        _begin(self)
        self.use_P5 = in_channels == out_channels

    def forward(
        self, results: list[Tensor], x: list[Tensor], names: list[str]
    ) -> tuple[list[Tensor], list[str]]:
        """As of `ExtraFPNBlock`."""
        p6 = self.p6(results[-1] if self.use_P5 else x[-1])
        return [*results, p6, self.p7(F.relu(p6))], [*names, "p6", "p7"]


def _begin(module: Module) -> None:
    """Draw the weights of the convolutions; their biases begin at zero."""
    for part in module.modules():
        if isinstance(part, Conv2d):
            init.kaiming_uniform_(part.weight, a=1)
            if part.bias is not None:
                init.zeros_(part.bias)
