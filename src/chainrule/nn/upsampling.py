"""Images of another size, and pixels exchanged with channels. No parameters."""

from __future__ import annotations

from typing import Any

from ..tensors import Tensor
from . import functional as F
from .module import Module

__all__ = [
    "ChannelShuffle", "PixelShuffle", "PixelUnshuffle", "Upsample", "UpsamplingBilinear2d",
    "UpsamplingNearest2d",
]  # fmt: skip


class Upsample(Module):
    """An input of another size.

    Args:
        size: the size of the result, one number or one per spatial axis; or
        scale_factor: by how much it is larger, rounded down.
        mode: "nearest", "linear", "bilinear", "bicubic" or "trilinear"; see ``F.interpolate``.
        align_corners: whether the first and last elements keep their places.
        recompute_scale_factor: whether places follow from the sizes, rather than from the factor.

    Shapes: x (B, C, L), (B, C, H, W) or (B, C, D, H, W).

    Example:
        >>> nn.Upsample(scale_factor=2, mode="bilinear")(zeros(3, 5, 7, 11)).shape
        chainrule.Size([3, 5, 14, 22])
    """

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.size = size
        if isinstance(scale_factor, (tuple, list)):
            self.scale_factor: Any = tuple([float(f) for f in scale_factor])
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        """The resized input."""
        return F.interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        """The factor or the size, and the mode."""
        if self.scale_factor is not None:
            return f"scale_factor={self.scale_factor!r}, mode={self.mode!r}"
        return f"size={self.size!r}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """An image of another size, whose pixels are copies: ``Upsample(mode="nearest")``.

    Example:
        >>> nn.UpsamplingNearest2d(scale_factor=2)(ones(1, 1, 1, 1))
        tensor([[[[1., 1.],
                  [1., 1.]]]])
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """An image of another size, whose pixels are blends, corners aligned: ``Upsample(mode="bilinear",
    align_corners=True)``.

    Example:
        >>> nn.UpsamplingBilinear2d(size=(1, 3))(tensor([[[[0.0, 4.0]]]]))
        tensor([[[[0., 2., 4.]]]])
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


class PixelShuffle(Module):
    """(…, C·r², H, W) → (…, C, H·r, W·r): channels become pixels.   Source: Shi et al. 2016.

    Args:
        upscale_factor: r.

    Example:
        >>> nn.PixelShuffle(2)(zeros(3, 12, 5, 7)).shape
        chainrule.Size([3, 3, 10, 14])
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """The larger image."""
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """(…, C, H·r, W·r) → (…, C·r², H, W): the inverse of ``PixelShuffle``.

    Args:
        downscale_factor: r.

    Example:
        >>> nn.PixelUnshuffle(2)(zeros(3, 3, 10, 14)).shape
        chainrule.Size([3, 12, 5, 7])
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """The smaller image."""
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """The channels of x (B, C, *) dealt out: the first of each group, then the second of each, ….
    Source: Zhang et al. 2018.

    Args:
        groups: number of groups; it divides C.

    Example:
        >>> nn.ChannelShuffle(2)(arange(4.0).reshape(1, 4, 1)).flatten()
        tensor([0., 2., 1., 3.])
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        """The channels in their new order."""
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        """The number of groups."""
        return f"groups={self.groups}"
