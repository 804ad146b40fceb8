"""Channels and pixels exchanged: views and one change of order, no arithmetic."""

from __future__ import annotations

from ..ops import permute, view
from ..ops.explain import refuse
from ..ops.kinds import gather
from ..ops.record import composite
from ..ops.samples import F, S


def _shuffled(args, attrs):
    x, r = args[0], attrs["factor"]
    if x.ndim < 3:
        raise refuse("x must be (…, C, H, W)", x=f"has {x.ndim} axes")
    if r < 1:
        raise refuse(f"the factor must be at least 1, found {r}")
    if x.shape[-3] % (r * r):
        raise refuse(f"the channels must be a multiple of factor² = {r * r}, found {x.shape[-3]}")
    return attrs


@composite(
    gather,
    normalize=_shuffled,
    reference="torch.nn.functional.pixel_shuffle",
    onnx="DepthToSpace",
    samples=(S(F(2, 12, 3, 5), factor=2), S(F(9, 2, 5), factor=3)),
)
def pixel_shuffle(x, /, *, factor):
    """(…, C·r², H, W) → (…, C, H·r, W·r): r² channels become a square of pixels.  Source: Shi et al.
    2016.
    """
    *lead, c, h, w = x.shape
    r, n = factor, len(lead)
    x = view(x, shape=(*lead, c // (r * r), r, r, h, w))
    x = permute(x, dims=(*range(n + 1), n + 3, n + 1, n + 4, n + 2))
    return view(x, shape=(*lead, c // (r * r), h * r, w * r))


def _unshuffled(args, attrs):
    x, r = args[0], attrs["factor"]
    if x.ndim < 3:
        raise refuse("x must be (…, C, H, W)", x=f"has {x.ndim} axes")
    if r < 1:
        raise refuse(f"the factor must be at least 1, found {r}")
    if x.shape[-2] % r or x.shape[-1] % r:
        raise refuse(f"height and width must be multiples of the factor {r}")
    return attrs


@composite(
    gather,
    normalize=_unshuffled,
    reference="torch.nn.functional.pixel_unshuffle",
    onnx="SpaceToDepth",
    samples=(S(F(2, 3, 4, 6), factor=2), S(F(5, 3, 9), factor=3)),
)
def pixel_unshuffle(x, /, *, factor):
    """The inverse of `pixel_shuffle`: (…, C, H·r, W·r) → (…, C·r², H, W)."""
    *lead, c, h, w = x.shape
    r, n = factor, len(lead)
    x = view(x, shape=(*lead, c, h // r, r, w // r, r))
    x = permute(x, dims=(*range(n + 1), n + 2, n + 4, n + 1, n + 3))
    return view(x, shape=(*lead, c * r * r, h // r, w // r))


def _grouped(args, attrs):
    x, groups = args[0], attrs["groups"]
    if x.ndim < 3:
        raise refuse("x must be (N, C, *S)", x=f"has {x.ndim} axes")
    if groups < 1 or x.shape[1] % groups:
        raise refuse(f"groups must divide the channels, found groups={groups}, C={x.shape[1]}")
    return attrs


@composite(
    gather,
    normalize=_grouped,
    reference="torch.nn.functional.channel_shuffle",
    samples=(S(F(2, 6, 3, 5), groups=3), S(F(2, 6, 5), groups=2)),
)
def channel_shuffle(x, /, *, groups):
    """The channels of x (N, C, *S), seen as (groups, C / groups), in the order of the columns.
    Source: Zhang et al. 2018.
    """
    n, c, *spatial = x.shape
    x = view(x, shape=(n, groups, c // groups, *spatial))
    return view(permute(x, dims=(0, 2, 1, *range(3, x.ndim))), shape=(n, c, *spatial))
