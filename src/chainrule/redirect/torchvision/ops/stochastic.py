"""What is left out at random in training: whole residual branches, and blocks of features."""

from __future__ import annotations

import chainrule

from ....base.errors import ArgumentError, ShapeError
from ....nn import Module
from ....nn import functional as F
from ....tensors import Tensor

__all__ = [
    "DropBlock2d",
    "DropBlock3d",
    "StochasticDepth",
    "drop_block2d",
    "drop_block3d",
    "stochastic_depth",
]


def stochastic_depth(input: Tensor, p: float, mode: str, training: bool = True) -> Tensor:
    """Zeros with probability p, else the input / (1 - p): for a residual branch.   Source: Huang et al. 2016.

    Args:
        input: (B, …).
        p: the probability.
        mode: "row": each sample draws for itself; "batch": one draw for all.
        training: whether anything is left out.

    Raises:
        ArgumentError: p is no probability, or there is no such mode.
    """
    if not 0 <= p <= 1:
        raise ArgumentError(f"stochastic_depth: p is a probability, found {p}")
    if mode not in ("batch", "row"):
        raise ArgumentError(f"stochastic_depth: mode is 'batch' or 'row', found {mode!r}")
    if not training or p == 0:
        return input
    shape = [input.shape[0] if mode == "row" else 1] + [1] * (input.ndim - 1)
    kept = chainrule.bernoulli(chainrule.full(shape, 1 - p, dtype=input.dtype))
    return input * (kept / (1 - p) if p < 1 else kept)


class StochasticDepth(Module):
    """`stochastic_depth` in training, nothing in evaluation."""

    def __init__(self, p: float, mode: str) -> None:
        super().__init__()
        self.p, self.mode = p, mode

    def forward(self, input: Tensor) -> Tensor:
        """The input's shape."""
        return stochastic_depth(input, self.p, self.mode, self.training)

    def __repr__(self) -> str:
        return f"StochasticDepth(p={self.p}, mode={self.mode})"


def drop_block2d(
    input: Tensor,
    p: float,
    block_size: int,
    inplace: bool = False,
    eps: float = 1e-06,
    training: bool = True,
) -> Tensor:
    """Features (B, C, H, W) with squares set to zero, and the rest scaled up so that the mean stays.   Source: Ghiasi et al. 2018.

    Args:
        input: the features.
        p: what share of them is left out, nearly.
        block_size: side of a square; H or W, if one is shorter.
        inplace: write into the input.
        eps: added to the number of features left, which is divided by.
        training: whether anything is left out.
    """
    return _drop_block(input, p, block_size, inplace, eps, training, 2)


def drop_block3d(
    input: Tensor,
    p: float,
    block_size: int,
    inplace: bool = False,
    eps: float = 1e-06,
    training: bool = True,
) -> Tensor:
    """`drop_block2d` of (B, C, D, H, W), with cubes."""
    return _drop_block(input, p, block_size, inplace, eps, training, 3)


def _drop_block(
    input: Tensor, p: float, block_size: int, inplace: bool, eps: float, training: bool, axes: int
) -> Tensor:
    if not 0 <= p <= 1:
        raise ArgumentError(f"drop_block{axes}d: p is a probability, found {p}")
    if input.ndim != axes + 2:
        raise ShapeError(
            f"drop_block{axes}d takes {axes + 2} axes (B, C, …), found {tuple(input.shape)}"
        )
    if not training or p == 0:
        return input
    sizes = tuple(input.shape[2:])
    block = min(block_size, *sizes)
    # where blocks begin: so many that a share of p is covered, were none to overlap
    begin = [size - block + 1 for size in sizes]
    rate = p / block**axes
    for size, places in zip(sizes, begin, strict=True):
        rate *= size / places
    seeds = chainrule.full([*input.shape[:2], *begin], rate, dtype=input.dtype)
    gone = F.pad(chainrule.bernoulli(seeds), [block // 2] * (2 * axes))
    pool = F.max_pool2d if axes == 2 else F.max_pool3d
    kept = 1 - pool(gone, stride=1, kernel_size=block, padding=block // 2)
    scale = kept.numel() / (eps + kept.sum())
    return input.mul_(kept).mul_(scale) if inplace else input * kept * scale


class DropBlock2d(Module):
    """`drop_block2d` in training, nothing in evaluation."""

    def __init__(
        self, p: float, block_size: int, inplace: bool = False, eps: float = 1e-06
    ) -> None:
        super().__init__()
        self.p, self.block_size, self.inplace, self.eps = p, block_size, inplace, eps

    def forward(self, input: Tensor) -> Tensor:
        """The input's shape."""
        return drop_block2d(input, self.p, self.block_size, self.inplace, self.eps, self.training)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p}, block_size={self.block_size}, inplace={self.inplace})"


class DropBlock3d(DropBlock2d):
    """`drop_block3d` in training, nothing in evaluation."""

    def forward(self, input: Tensor) -> Tensor:
        """The input's shape."""
        return drop_block3d(input, self.p, self.block_size, self.inplace, self.eps, self.training)
